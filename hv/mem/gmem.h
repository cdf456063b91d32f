/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: the only door from a guest-physical address to a pointer.
 * A guest's memory is a handful of regions, each contiguous in the host, so a
 * look-up is a few compares.
 */
#ifndef HV_MEM_GMEM_H
#define HV_MEM_GMEM_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define GMEM_MAX_REGIONS 8

enum gmem_intent {
	GMEM_READ,
	GMEM_WRITE,
	GMEM_DMA, /* a device reads or writes it later: use gmem_dma_map() */
};

struct gmem_region {
	gpa_t base;
	u64 size;
	u8 *host;
	bus_t bus;     /* bus address of host */
	bool writable; /* false: ROM */
};

struct gmem {
	u32 count;
	struct gmem_region region[GMEM_MAX_REGIONS];
	u64 refused; /* accesses outside memory; atomic */
};

/* Mappings for DMA that are not undone yet, of one user: a queue. Written by the core
 * that owns it. */
struct gmem_dma {
	u32 mapped;
};

/* Add a region; ERR_INVAL when it wraps or overlaps one, ERR_NOMEM when the
 * table is full. host memory belongs to the caller. Before the guest runs. */
err_t gmem_add(struct gmem *gm, gpa_t base, u64 size, void *host, bus_t bus, bool writable);

/*
 * Pointer to len bytes at gpa, all in one region and, for GMEM_WRITE,
 * writable; NULL (counted) otherwise. len 0 is refused.
 */
void *gmem_ptr(struct gmem *gm, gpa_t gpa, u64 len, enum gmem_intent intent);

/* The region that holds all of [gpa, gpa + len), or NULL; also when len is 0. */
static inline struct gmem_region *gmem_region_around(struct gmem *gm, gpa_t gpa, u64 len)
{
	for (struct gmem_region *r = gm->region; r < gm->region + gm->count; r++) {
		/* Also right for an address below base: the difference wraps. */
		u64 off = gpa.v - r->base.v;

		if (off < r->size)
			return len - 1 < r->size - off ? r : NULL;
	}
	return NULL;
}

/* Where a device sees a place in a region. */
static inline bus_t gmem_region_bus(const struct gmem_region *r, const u8 *at)
{
	return (bus_t){ r->bus.v + (u64)(at - r->host) };
}

/* Are all len bytes in one region? Not counted: for those who ask before they
 * treat the address as a device's. */
static inline bool gmem_has(struct gmem *gm, gpa_t gpa, u64 len)
{
	return gmem_region_around(gm, gpa, len) != NULL;
}

/* Copies that may cross regions. ERR_RANGE when any byte is outside; nothing
 * is copied then. */
err_t gmem_read(struct gmem *gm, gpa_t gpa, void *dst, u64 len);
err_t gmem_write(struct gmem *gm, gpa_t gpa, const void *src, u64 len);

/*
 * As gmem_ptr() for a device's access: also gives the bus address and counts
 * the mapping as in flight until gmem_dma_unmap(), which ends n of them. A guest is
 * reset or freed only when nothing of any user is in flight.
 */
void *gmem_dma_map(struct gmem *gm, struct gmem_dma *user, gpa_t gpa, u64 len,
		   bool device_writes, bus_t *bus);
void gmem_dma_unmap(struct gmem_dma *user, u32 n);

/* The same count for memory whose address is known already. */
static inline void gmem_dma_count(struct gmem_dma *user)
{
	__atomic_store_n(&user->mapped, user->mapped + 1, __ATOMIC_RELAXED);
}

static inline gpa_t gpa(u64 v)
{
	return (gpa_t){ v };
}

static inline gpa_t gpa_add(gpa_t a, u64 n)
{
	return (gpa_t){ a.v + n };
}

#endif
