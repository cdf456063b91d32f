/* SPDX-License-Identifier: BSD-2-Clause */
/* Pauses between attempts to bring a NIC back, in ticks: none before the second, then
 * 1, 2, 4 and so on. One that was good for as long as its last pause starts anew. */
#ifndef DRIVERS_NIC_BACKOFF_H
#define DRIVERS_NIC_BACKOFF_H

#include "hv/base/types.h"

#define NIC_BACKOFF_MAX 64u

struct nic_backoff {
	u32 pause; /* before the attempt after the next */
	u32 left;  /* ... and of the one now */
};

/* A tick of a NIC that does not work: is it time for an attempt? */
static inline bool nic_backoff_due(struct nic_backoff *b)
{
	if (b->left) {
		b->left--;
		return false;
	}
	b->left = b->pause;
	b->pause = b->pause ? MIN(2 * b->pause, NIC_BACKOFF_MAX) : 1;
	return true;
}

/* A tick of one that works. */
static inline void nic_backoff_good(struct nic_backoff *b)
{
	if (b->left)
		b->left--;
	else
		b->pause = 0;
}

#endif
