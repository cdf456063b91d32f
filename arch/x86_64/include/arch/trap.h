/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts as the entry stubs (arch/x86_64/trap.asm) hand them over. */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "hv/base/types.h"

enum exception {
	EXC_DE = 0,
	EXC_NMI = 2,
	EXC_DF = 8,
	EXC_GP = 13,
	EXC_PF = 14,
	EXC_MC = 18,
	EXC_COUNT = 32,
};

/* Pushed by trap.asm; the last five by the processor (SDM vol. 3A 6.14.2). */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

STATIC_ASSERT(sizeof(struct trap_frame) == 22 * 8, "trap.asm pushes this");

#define TRAP_VECTORS 256
#define TRAP_STUB_BYTES 16
extern const u8 trap_stubs[TRAP_VECTORS][TRAP_STUB_BYTES];

/* Called by the stubs, interrupts off. */
void trap_dispatch(struct trap_frame *f);

/* "#GP general protection" and so on; never NULL. */
const char *trap_name(u64 vector);

#endif
