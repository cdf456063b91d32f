/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory of the machine: contiguous, aligned pieces from 4 KiB to all
 * there is. The book-keeping is a sorted list of free extents and never
 * touches the memory itself. Boot core only; nothing here is on a packet path.
 */
#ifndef HV_MEM_PAGES_H
#define HV_MEM_PAGES_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define PAGE_SIZE 4096ull
#define PAGE_2M (2ull << 20)
#define PAGE_1G (1ull << 30)
#define PAGES_MAX_EXTENTS 1024
#define PAGES_ANYWHERE UINT64_MAX

struct page_extent {
	u64 base, size; /* multiples of PAGE_SIZE, size > 0 */
};

struct pages {
	u32 count;
	struct page_extent free[PAGES_MAX_EXTENTS]; /* sorted, neither touching nor overlapping */
	u64 total;				    /* bytes ever added and not reserved */
	u64 free_bytes;
	u64 lost_bytes; /* given up because the list was full */
};

/* The machine's own. */
extern struct pages host_pages;

/* Make [base, base + size) available; inner page boundaries count, what is
 * there already is not added twice. ERR_NOMEM when the list is full. */
err_t pages_add(struct pages *p, u64 base, u64 size);

/* Take [base, base + size) out for good, as far as it is free; outer page
 * boundaries count. Before the first allocation. */
void pages_reserve(struct pages *p, u64 base, u64 size);

/*
 * size bytes (rounded up to pages) aligned to align (a power of two), wholly
 * below `below`. Returns the address, 0 when there is no such piece. Pieces of
 * 2 MiB and more come from the top of memory, smaller ones from the bottom, so
 * that the small do not break up the large. The memory is not cleared.
 */
u64 pages_alloc(struct pages *p, u64 size, u64 align, u64 below);

/* The same, wholly within [from, below). */
u64 pages_alloc_within(struct pages *p, u64 size, u64 align, u64 from, u64 below);

/* Give back what pages_alloc() returned, with the size asked for, in whole or
 * in parts. Freeing what is free is a bug of ours and stops the node. */
void pages_free(struct pages *p, u64 base, u64 size);

/* How many bytes of [base, base + size) are free. */
u64 pages_free_within(const struct pages *p, u64 base, u64 size);

/* The largest piece of this alignment that could be had now. */
u64 pages_largest(const struct pages *p, u64 align);

#endif
