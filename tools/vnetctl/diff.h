/* SPDX-License-Identifier: BSD-2-Clause */
/* From what a node is to what a file says. */
#ifndef VNETCTL_DIFF_H
#define VNETCTL_DIFF_H

#include "tools/vnetctl/nodes.h"

/*
 * For each node the statements that lead from its running configuration to the
 * section of its name in the file: printed, or (apply) carried out as a batch.
 * Returns vnetctl's exit status.
 */
int diff_nodes(const struct nodes *nodes, const char *file, bool apply, u32 timeout_ms);

#endif
