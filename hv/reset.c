/* SPDX-License-Identifier: BSD-2-Clause */
/* What a processor's registers hold after reset (SDM vol. 3A table 10-1). */
#include "hv/backend.h"
#include "hv/base/x86.h"

#define RESET_CR0 (CR0_CD | CR0_NW | CR0_ET)
#define RESET_RIP 0xfff0
#define RESET_CS_SELECTOR 0xf000
#define RESET_CS_BASE 0xffff0000u
#define RESET_LIMIT 0xffff
#define RESET_DR6 0xffff0ff0u
#define RESET_DR7 0x400
#define RESET_PAT 0x0007040600070406ull
#define ATTR_CODE 0x9b /* present, execute/read, accessed */
#define ATTR_DATA 0x93 /* present, read/write, accessed */
#define ATTR_LDT 0x82
#define ATTR_TSS 0x8b /* busy TSS */

void vcpu_reset_regs(struct vcpu_regs *r, struct vcpu_sregs *s)
{
	*r = (struct vcpu_regs){ .rip = RESET_RIP, .rflags = RFLAGS_FIXED };
	*s = (struct vcpu_sregs){
		.gdt_limit = RESET_LIMIT,
		.idt_limit = RESET_LIMIT,
		.cr0 = RESET_CR0,
		.dr6 = RESET_DR6,
		.dr7 = RESET_DR7,
	};
	for (unsigned i = 0; i < SREG_COUNT; i++)
		s->seg[i] = (struct seg_reg){ .limit = RESET_LIMIT, .attr = ATTR_DATA };
	s->seg[SREG_CS].selector = RESET_CS_SELECTOR;
	s->seg[SREG_CS].base = RESET_CS_BASE;
	s->seg[SREG_CS].attr = ATTR_CODE;
	s->seg[SREG_TR].attr = ATTR_TSS;
	s->seg[SREG_LDTR].attr = ATTR_LDT;
}

u64 vcpu_reset_msr(enum vcpu_msr msr)
{
	return msr == VCPU_MSR_PAT ? RESET_PAT : 0;
}
