/* SPDX-License-Identifier: BSD-2-Clause */
/* The rest of hv/base/plat.h; time is in time.c, the log in console.c, the end in die.c. */
#include "hv/base/plat.h"

#include <arch/cpu.h>
#include <arch/percpu.h>

u64 plat_cycles(void)
{
	return rdtsc();
}

unsigned plat_core(void)
{
	u32 index;

	__asm__("movl %%gs:8, %0" : "=r"(index));
	return index;
}
