/* SPDX-License-Identifier: BSD-2-Clause */
/* The array behind <arch/vmx.h> of host tests. */
#include <arch/vmx.h>

#include <string.h>

u64 host_vmcs[VMCS_FIELD_LIMIT];
u32 host_vmcs_writes;

void host_vmcs_reset(void)
{
	memset(host_vmcs, 0, sizeof(host_vmcs));
	host_vmcs_writes = 0;
}

u64 vmcs_read(enum vmcs_field field)
{
	return host_vmcs[field];
}

void vmcs_write(enum vmcs_field field, u64 value)
{
	switch ((enum vmcs_width)(field >> VMCS_WIDTH_SHIFT & VMCS_WIDTH_MASK)) {
	case VMCS_WIDTH_16:
		value = (u16)value;
		break;
	case VMCS_WIDTH_32:
		value = (u32)value;
		break;
	case VMCS_WIDTH_64:
	case VMCS_WIDTH_NATURAL:
		break;
	}
	host_vmcs[field] = value;
	host_vmcs_writes++;
}
