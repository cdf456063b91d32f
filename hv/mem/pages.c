/* SPDX-License-Identifier: BSD-2-Clause */
/* Free physical memory as a sorted list of extents. */
#include "hv/mem/pages.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

struct pages host_pages;

/* Where [base, base + size) ends, cut so that it can be rounded up. */
static u64 end_of(u64 base, u64 size)
{
	const u64 max = ALIGN_DOWN(UINT64_MAX, PAGE_SIZE);

	return base > max || size > max - base ? max : base + size;
}

/* Index of the first extent that ends after addr. */
static u32 find(const struct pages *p, u64 addr)
{
	u32 low = 0, high = p->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (p->free[mid].base + p->free[mid].size <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool insert(struct pages *p, u32 at, u64 base, u64 size)
{
	if (p->count == PAGES_MAX_EXTENTS)
		return false;
	memmove(&p->free[at + 1], &p->free[at], (p->count - at) * sizeof(p->free[0]));
	p->free[at] = (struct page_extent){ base, size };
	p->count++;
	return true;
}

static void delete (struct pages *p, u32 at)
{
	p->count--;
	memmove(&p->free[at], &p->free[at + 1], (p->count - at) * sizeof(p->free[0]));
}

/* Add a piece that overlaps nothing, joined with the neighbours it touches. */
static bool join(struct pages *p, u64 base, u64 size)
{
	u32 at = find(p, base);
	bool left = at > 0 && p->free[at - 1].base + p->free[at - 1].size == base;
	bool right = at < p->count && base + size == p->free[at].base;

	if (left && right) {
		p->free[at - 1].size += size + p->free[at].size;
		delete (p, at);
	} else if (left) {
		p->free[at - 1].size += size;
	} else if (right) {
		p->free[at].base = base;
		p->free[at].size += size;
	} else if (!insert(p, at, base, size)) {
		return false;
	}
	p->free_bytes += size;
	return true;
}

/* Take [base, base + size) out of extent `at`, which contains it. With a full
 * list the upper rest is lost, counted. */
static void cut(struct pages *p, u32 at, u64 base, u64 size)
{
	struct page_extent *e = &p->free[at];
	u64 before = base - e->base;
	u64 after = e->size - before - size;

	p->free_bytes -= size;
	if (!before && !after) {
		delete (p, at);
		return;
	}
	if (!before) {
		*e = (struct page_extent){ base + size, after };
		return;
	}
	e->size = before;
	if (after && !insert(p, at + 1, base + size, after)) {
		p->free_bytes -= after;
		p->lost_bytes += after;
	}
}

err_t pages_add(struct pages *p, u64 base, u64 size)
{
	u64 end = ALIGN_DOWN(end_of(base, size), PAGE_SIZE);
	u64 at = ALIGN_UP(MIN(base, end), PAGE_SIZE);

	/* Each gap between the extents that are there. */
	while (at < end) {
		u32 i = find(p, at);
		u64 stop = i < p->count ? MIN(p->free[i].base, end) : end;

		if (stop > at) {
			if (!join(p, at, stop - at))
				return ERR_NOMEM;
			p->total += stop - at;
			i = find(p, at);
		}
		at = i < p->count ? p->free[i].base + p->free[i].size : end;
	}
	return ERR_OK;
}

void pages_reserve(struct pages *p, u64 base, u64 size)
{
	u64 end = ALIGN_UP(end_of(base, size), PAGE_SIZE);
	u64 at = ALIGN_DOWN(base, PAGE_SIZE);

	while (at < end) {
		u32 i = find(p, at);
		u64 from, to;

		if (i == p->count || p->free[i].base >= end)
			return;
		from = MAX(at, p->free[i].base);
		to = MIN(end, p->free[i].base + p->free[i].size);
		cut(p, i, from, to - from);
		p->total -= to - from;
		at = to;
	}
}

/* Where a piece would go in the part of e that lies in [from, below), 0 when it does
 * not fit. Page 0 is never free: 0 is not an answer. */
static u64 place(const struct page_extent *e, u64 size, u64 align, u64 from, u64 below)
{
	u64 base = MAX(e->base, from);
	u64 end = MIN(e->base + e->size, below);
	u64 at;

	if (end <= base || end - base < size)
		return 0;
	at = size >= PAGE_2M ? ALIGN_DOWN(end - size, align) : ALIGN_UP(base, align);
	if (at < base || at > end - size)
		return 0;
	return at;
}

u64 pages_alloc_within(struct pages *p, u64 size, u64 align, u64 from, u64 below)
{
	if (!size || size > UINT64_MAX - PAGE_SIZE)
		return 0;
	size = ALIGN_UP(size, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	for (u32 n = 0; n < p->count; n++) {
		u32 i = size >= PAGE_2M ? p->count - 1 - n : n;
		u64 at = place(&p->free[i], size, align, from, below);

		if (at) {
			cut(p, i, at, size);
			return at;
		}
	}
	return 0;
}

u64 pages_alloc(struct pages *p, u64 size, u64 align, u64 below)
{
	return pages_alloc_within(p, size, align, 0, below);
}

void pages_free(struct pages *p, u64 base, u64 size)
{
	u32 at = find(p, base);

	size = ALIGN_UP(size, PAGE_SIZE);
	ASSERT(base && base % PAGE_SIZE == 0 && size);
	ASSERT(at == p->count || base + size <= p->free[at].base);
	if (!join(p, base, size))
		p->lost_bytes += size;
}

u64 pages_free_within(const struct pages *p, u64 base, u64 size)
{
	u64 end = end_of(base, size), sum = 0;

	for (u32 i = find(p, base); i < p->count && p->free[i].base < end; i++)
		sum += MIN(p->free[i].base + p->free[i].size, end) - MAX(p->free[i].base, base);
	return sum;
}

u64 pages_largest(const struct pages *p, u64 align)
{
	u64 best = 0;

	for (u32 i = 0; i < p->count; i++) {
		u64 at = ALIGN_UP(p->free[i].base, MAX(align, PAGE_SIZE));
		u64 end = p->free[i].base + p->free[i].size;

		if (at < end)
			best = MAX(best, end - at);
	}
	return best;
}
