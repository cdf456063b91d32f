/* SPDX-License-Identifier: BSD-2-Clause */
/* What is odd about the memory map that firmware left: nothing that stops us, but worth telling. */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "boot/multiboot.h"

struct memmap_sums {
	u64 ram, reserved; /* bytes; as the map says, overlaps counted twice */
	u64 ram_end;	   /* behind the highest RAM */
	u64 largest;	   /* piece of RAM */
};

/* One line of text, without its end. */
typedef void (*memmap_say)(void *ctx, const char *line);

/* Tell say what is odd, one line each: ranges that overlap with another type or are RAM twice,
 * that are not in order, RAM that does not begin and end on pages or lies at phys_end (the
 * first address that the processor has not) or above, and how much there is in crumbs. How
 * many lines. *sums is filled. */
u32 memmap_check(const struct boot_info *bi, u64 phys_end, struct memmap_sums *sums,
		 memmap_say say, void *ctx);

#endif
