/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded ring of pointers with a single producer and a single consumer,
 * each on a core of its own. No locks; release/acquire on the two indices.
 */
#ifndef HV_BASE_RING_H
#define HV_BASE_RING_H

#include "hv/base/types.h"

struct ring {
	u32 head ALIGNED(CACHE_LINE); /* written by the producer only */
	u32 tail ALIGNED(CACHE_LINE); /* written by the consumer only */
	u32 mask ALIGNED(CACHE_LINE); /* size - 1 */
	void **slot;
};

/* slots: array of `size` pointers, size a power of two; owned by the caller
 * for as long as the ring is used. */
static inline void ring_init(struct ring *r, void **slots, u32 size)
{
	r->head = 0;
	r->tail = 0;
	r->mask = size - 1;
	r->slot = slots;
}

/* Producer. Returns how many of n were taken (0 when full). */
static inline u32 ring_push(struct ring *r, void *const *items, u32 n)
{
	u32 tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	u32 room = r->mask + 1 - (r->head - tail);
	u32 take = n < room ? n : room;

	for (u32 i = 0; i < take; i++)
		r->slot[(r->head + i) & r->mask] = items[i];
	__atomic_store_n(&r->head, r->head + take, __ATOMIC_RELEASE);
	return take;
}

/* Consumer. Returns how many were taken out, at most max. */
static inline u32 ring_pop(struct ring *r, void **items, u32 max)
{
	u32 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	u32 have = head - r->tail;
	u32 take = max < have ? max : have;

	for (u32 i = 0; i < take; i++)
		items[i] = r->slot[(r->tail + i) & r->mask];
	__atomic_store_n(&r->tail, r->tail + take, __ATOMIC_RELEASE);
	return take;
}

/* Either side: a hint, exact only for the caller's own side. */
static inline bool ring_empty(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) ==
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

#endif
