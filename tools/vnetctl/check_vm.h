/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be known of `vm add` and `disk add` without the node. */
#ifndef VNETCTL_CHECK_VM_H
#define VNETCTL_CHECK_VM_H

#include "vnet/lang.h"

#define CHECK_VM_CORES 64u

/* The cores that it names; how many. */
u32 check_vm_cores(const struct lang_stmt *s, u32 cores[CHECK_VM_CORES]);

/* NULL, or the key that is wrong; why (size bytes) says what is. */
const char *check_vm(const struct lang_stmt *s, char *why, size_t size);
const char *check_disk(const struct lang_stmt *s, char *why, size_t size);

#endif
