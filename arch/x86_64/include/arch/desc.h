/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment descriptors, task state segments, interrupt gates and stacks of each core. */
#ifndef ARCH_DESC_H
#define ARCH_DESC_H

#include "hv/base/plat.h"
#include "hv/base/types.h"

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS 0x18

/* Interrupt stack table entries of vectors that cannot trust the stack. */
enum ist { IST_NONE, IST_NMI, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_COUNT };

#define STACK_PAGE 4096u
#define STACK_MAIN_BYTES (7 * STACK_PAGE)
#define STACK_IST_BYTES (2 * STACK_PAGE)

/* Where paging_guard() ran the guard pages are not mapped. */
struct cpu_stack {
	u8 guard[STACK_PAGE];
	u8 main[STACK_MAIN_BYTES];
	u8 guard_ist[STACK_PAGE];
	u8 ist[IST_COUNT - 1][STACK_IST_BYTES];
} ALIGNED(4096);

extern struct cpu_stack boot_stack;		    /* the boot core's */
extern struct cpu_stack *cpu_stack[PLAT_MAX_CORES]; /* set before desc_load() */

/* Load the GDT, TSS and IDT of core `index` on the calling core and make GS
 * point to its struct cpu. Once per core, interrupts off. */
void desc_load(u32 index);

#endif
