/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control-path memory on top of the page allocator: zeroed, 64-byte aligned,
 * page-aligned from 4 KiB up. Small sizes come from classes of powers of two;
 * the caller names the size on free, so nothing is stored with a block. Boot
 * core only. In the hypervisor it stands behind plat_alloc().
 */
#ifndef HV_MEM_HEAP_H
#define HV_MEM_HEAP_H

#include "hv/mem/pages.h"

#define HEAP_MIN_SHIFT 6 /* 64 bytes */
#define HEAP_CLASSES 6	 /* .. 2048 bytes; beyond that whole pages */

struct heap_block {
	struct heap_block *next;
};

struct heap {
	struct pages *pages;
	struct heap_block *free[HEAP_CLASSES];
	u64 held_bytes; /* taken from the page allocator */
	u64 used_bytes; /* handed out, as asked for */
	u64 failed;	/* allocations that found no memory */
};

void heap_init(struct heap *h, struct pages *pages);

/* NULL when there is no memory, or bytes is 0. */
void *heap_alloc(struct heap *h, size_t bytes);
/* bytes as asked for; NULL is ignored. */
void heap_free(struct heap *h, void *block, size_t bytes);

#endif
