/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions in the hypervisor are faults of ours: dump the state and stop. */
#include <arch/trap.h>

#include <arch/die.h>
#include <arch/irq.h>

static const char *const names[EXC_COUNT] = {
	[0] = "#DE divide error",
	[1] = "#DB debug",
	[2] = "NMI",
	[3] = "#BP breakpoint",
	[4] = "#OF overflow",
	[5] = "#BR bound range",
	[6] = "#UD invalid opcode",
	[7] = "#NM device not available",
	[8] = "#DF double fault",
	[10] = "#TS invalid TSS",
	[11] = "#NP segment not present",
	[12] = "#SS stack fault",
	[13] = "#GP general protection",
	[14] = "#PF page fault",
	[16] = "#MF x87 error",
	[17] = "#AC alignment check",
	[18] = "#MC machine check",
	[19] = "#XM SIMD error",
	[21] = "#CP control protection",
	[28] = "#HV hypervisor injection",
	[29] = "#VC VMM communication",
	[30] = "#SX security",
};

struct fixup {
	u64 insn;
	u64 resume;
};

extern const struct fixup fixup_table[], fixup_table_end[]; /* boot/caisson.ld */

const char *trap_name(u64 vector)
{
	return vector < EXC_COUNT && names[vector] ? names[vector] : "reserved exception";
}

/* True when the instruction was one that may fault (TRAP_FIXUP). */
static bool trap_fixup(struct trap_frame *f)
{
	for (const struct fixup *x = fixup_table; x < fixup_table_end; x++) {
		if (x->insn == f->rip) {
			f->rip = x->resume;
			return true;
		}
	}
	return false;
}

void trap_dispatch(struct trap_frame *f)
{
	if (f->vector >= EXC_COUNT) {
		irq_dispatch((u8)f->vector);
		return;
	}
	if (f->vector == EXC_GP && trap_fixup(f))
		return;
	if (f->vector == EXC_NMI) {
		die_nmi();
		return;
	}
	die_trap(f);
}
