/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory: regions, look-up, copies. See gmem.h. */
#include "hv/mem/gmem.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

/* Any core's guest may run into the hole between regions: count atomically. */
static void *refuse(struct gmem *gm)
{
	__atomic_fetch_add(&gm->refused, 1, __ATOMIC_RELAXED);
	return NULL;
}

static struct gmem_region *region_of(struct gmem *gm, u64 addr)
{
	return gmem_region_around(gm, gpa(addr), 1);
}

err_t gmem_add(struct gmem *gm, gpa_t base, u64 size, void *host, bus_t bus, bool writable)
{
	if (size == 0 || !host || base.v + size - 1 < base.v)
		return ERR_INVAL;
	for (u32 i = 0; i < gm->count; i++) {
		const struct gmem_region *r = &gm->region[i];

		if (base.v - r->base.v < r->size || r->base.v - base.v < size)
			return ERR_INVAL;
	}
	if (gm->count == GMEM_MAX_REGIONS)
		return ERR_NOMEM;
	gm->region[gm->count++] = (struct gmem_region){
		.base = base,
		.size = size,
		.host = host,
		.bus = bus,
		.writable = writable,
	};
	return ERR_OK;
}

void *gmem_ptr(struct gmem *gm, gpa_t gpa, u64 len, enum gmem_intent intent)
{
	struct gmem_region *r = gmem_region_around(gm, gpa, len);

	/* A pointer for DMA that nobody counts would outlive the guest. */
	if (!r || intent == GMEM_DMA || (intent == GMEM_WRITE && !r->writable))
		return refuse(gm);
	return r->host + (gpa.v - r->base.v);
}

/* Every byte of [addr, addr+len) is there (and writable). */
static bool covered(struct gmem *gm, u64 addr, u64 len, bool write)
{
	if (len && addr + len - 1 < addr)
		return false;
	while (len) {
		const struct gmem_region *r = region_of(gm, addr);
		u64 n;

		if (!r || (write && !r->writable))
			return false;
		n = MIN(len, r->size - (addr - r->base.v));
		addr += n;
		len -= n;
	}
	return true;
}

err_t gmem_read(struct gmem *gm, gpa_t gpa, void *dst, u64 len)
{
	u8 *out = dst;

	if (!covered(gm, gpa.v, len, false)) {
		refuse(gm);
		return ERR_RANGE;
	}
	for (u64 addr = gpa.v; len;) {
		const struct gmem_region *r = region_of(gm, addr);
		u64 n = MIN(len, r->size - (addr - r->base.v));

		memcpy(out, r->host + (addr - r->base.v), n);
		out += n;
		addr += n;
		len -= n;
	}
	return ERR_OK;
}

err_t gmem_write(struct gmem *gm, gpa_t gpa, const void *src, u64 len)
{
	const u8 *in = src;

	if (!covered(gm, gpa.v, len, true)) {
		refuse(gm);
		return ERR_RANGE;
	}
	for (u64 addr = gpa.v; len;) {
		struct gmem_region *r = region_of(gm, addr);
		u64 n = MIN(len, r->size - (addr - r->base.v));

		memcpy(r->host + (addr - r->base.v), in, n);
		in += n;
		addr += n;
		len -= n;
	}
	return ERR_OK;
}

void *gmem_dma_map(struct gmem *gm, struct gmem_dma *user, gpa_t gpa, u64 len,
		   bool device_writes, bus_t *bus)
{
	struct gmem_region *r = gmem_region_around(gm, gpa, len);

	if (!r || (device_writes && !r->writable))
		return refuse(gm);
	gmem_dma_count(user);
	bus->v = r->bus.v + (gpa.v - r->base.v);
	return r->host + (gpa.v - r->base.v);
}

void gmem_dma_unmap(struct gmem_dma *user, u32 n)
{
	ASSERT(user->mapped >= n);
	/* Release: whoever sees 0 may give the memory to somebody else. */
	__atomic_store_n(&user->mapped, user->mapped - n, __ATOMIC_RELEASE);
}
