/* SPDX-License-Identifier: BSD-2-Clause */
/* What a workstation can say about a configuration without a node. */
#ifndef VNETCTL_CHECK_H
#define VNETCTL_CHECK_H

#include "tools/vnetctl/conf.h"

/* Names that nothing has, names given twice, values that do not fit together: on each node of
 * the file. One line for each error on standard error; how many there were. */
u32 check_conf(const struct conf *c);

#endif
