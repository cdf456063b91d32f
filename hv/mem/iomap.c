/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O map: sorted disjoint ranges, binary search, last hit first. */
#include "hv/mem/iomap.h"

#include "hv/base/str.h"

static bool inside(const struct io_range *r, u64 addr)
{
	return addr - r->base < r->size;
}

/* Index of the first range whose base is above addr. */
static u32 upper_bound(const struct iomap *m, u64 addr)
{
	u32 lo = 0, hi = m->count;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (m->range[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

err_t iomap_add(struct iomap *m, u64 base, u64 size, const char *name, io_handler handler,
		void *dev)
{
	u32 at;

	if (size == 0 || !handler || base + size - 1 < base)
		return ERR_INVAL;
	at = upper_bound(m, base);
	if (at > 0 && inside(&m->range[at - 1], base))
		return ERR_EXIST;
	if (at < m->count && m->range[at].base - base < size)
		return ERR_EXIST;
	if (m->count == IOMAP_MAX_RANGES)
		return ERR_NOMEM;
	memmove(&m->range[at + 1], &m->range[at], (m->count - at) * sizeof(m->range[0]));
	m->range[at] = (struct io_range){
		.base = base,
		.size = size,
		.handler = handler,
		.dev = dev,
		.name = name,
	};
	m->count++;
	return ERR_OK;
}

err_t iomap_del(struct iomap *m, u64 base)
{
	u32 at = upper_bound(m, base);

	if (at == 0 || m->range[at - 1].base != base)
		return ERR_NOENT;
	memmove(&m->range[at - 1], &m->range[at], (m->count - at) * sizeof(m->range[0]));
	m->count--;
	m->last = 0;
	return ERR_OK;
}

static struct io_range *find(struct iomap *m, u64 addr)
{
	u32 at;

	if (m->last < m->count && inside(&m->range[m->last], addr))
		return &m->range[m->last];
	at = upper_bound(m, addr);
	if (at == 0 || !inside(&m->range[at - 1], addr))
		return NULL;
	m->last = at - 1;
	return &m->range[at - 1];
}

static u64 ones(u8 size)
{
	return size >= 8 ? ~0ull : BIT64(size * 8) - 1;
}

bool iomap_access(struct iomap *m, struct io_access *a)
{
	struct io_range *r = find(m, a->addr);
	struct io_access in_range = *a;

	if (!r || a->size > r->size - (a->addr - r->base)) {
		m->unclaimed++;
		if (!a->write)
			a->value = ones(a->size);
		return false;
	}
	r->accesses++;
	in_range.addr = a->addr - r->base;
	in_range.value = a->write ? a->value & ones(a->size) : ones(a->size);
	/* The handler may change the map (a BAR that moves): r is not used after. */
	r->handler(r->dev, &in_range);
	if (!a->write)
		a->value = in_range.value & ones(a->size);
	return true;
}
