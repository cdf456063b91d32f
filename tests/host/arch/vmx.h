/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tests' current VMCS: an array, of whose fields each keeps its width. */
#ifndef TESTS_HOST_ARCH_VMX_H
#define TESTS_HOST_ARCH_VMX_H

#include "arch/x86_64/vmx_vmcs.h"

extern u64 host_vmcs[VMCS_FIELD_LIMIT]; /* by enum vmcs_field; tests/host/vmx_host.c */
extern u32 host_vmcs_writes;		/* how many there were */

/* All fields zero. */
void host_vmcs_reset(void);

u64 vmcs_read(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, u64 value);

#endif
