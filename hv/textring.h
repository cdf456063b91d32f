/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from one core to another: single producer, single consumer. A full
 * ring loses the new bytes and counts them.
 */
#ifndef HV_TEXTRING_H
#define HV_TEXTRING_H

#include "hv/base/types.h"

#define TEXTRING_BYTES 4096

struct textring {
	u32 head ALIGNED(CACHE_LINE); /* producer */
	u64 lost;
	u32 tail ALIGNED(CACHE_LINE); /* consumer */
	u8 data[TEXTRING_BYTES];
};

static inline bool textring_put(struct textring *r, u8 byte)
{
	u32 tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);

	if (r->head - tail == TEXTRING_BYTES) {
		r->lost++;
		return false;
	}
	r->data[r->head % TEXTRING_BYTES] = byte;
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Bytes that textring_put() takes now; the producer's. */
static inline u32 textring_room(const struct textring *r)
{
	return TEXTRING_BYTES - (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
}

/* Up to max bytes out; how many. */
static inline u32 textring_get(struct textring *r, u8 *out, u32 max)
{
	u32 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	u32 n = 0;

	while (n < max && r->tail + n != head) {
		out[n] = r->data[(r->tail + n) % TEXTRING_BYTES];
		n++;
	}
	__atomic_store_n(&r->tail, r->tail + n, __ATOMIC_RELEASE);
	return n;
}

#endif
