/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames in a transmit ring, in order, and in groups whose end is looked at together: a
 * device finishes descriptors in order, so that the last one of a group tells for all.
 * Frames that somebody waits for are groups of one. One queue's, and its core's.
 */
#ifndef DRIVERS_NIC_SENT_H
#define DRIVERS_NIC_SENT_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define NIC_SENT_MAX 1024u /* frames in a ring; a power of two */

struct nic_sent_group {
	u16 last; /* descriptor of its last frame's end */
	u16 frames;
};

/* Positions count without end. Frames [pkt_first, pkt_tail) in groups [first, tail). */
struct nic_sent {
	u32 first, tail;
	u32 pkt_first, pkt_tail;
	struct nic_sent_group group[NIC_SENT_MAX];
	struct pkt *pkt[NIC_SENT_MAX];
};

static inline struct pkt **nic_sent_slot(struct nic_sent *s, u32 at)
{
	return &s->pkt[at % NIC_SENT_MAX];
}

/* n frames, in the slots from pkt_tail on, are a group that ends with that descriptor. */
static inline void nic_sent_add(struct nic_sent *s, u32 n, u32 last)
{
	s->group[s->tail++ % NIC_SENT_MAX] = (struct nic_sent_group){ (u16)last, (u16)n };
	s->pkt_tail += n;
}

static inline void nic_sent_add_one(struct nic_sent *s, struct pkt *p, u32 last)
{
	*nic_sent_slot(s, s->pkt_tail) = p;
	nic_sent_add(s, 1, last);
}

/* The first group, NULL: there is none. */
static inline const struct nic_sent_group *nic_sent_first(const struct nic_sent *s)
{
	return s->first != s->tail ? &s->group[s->first % NIC_SENT_MAX] : NULL;
}

/* Put the first n frames, whose groups were taken by first++. */
static inline void nic_sent_put(struct nic_sent *s, u32 n)
{
	u32 at = s->pkt_first % NIC_SENT_MAX, to_end = MIN(n, NIC_SENT_MAX - at);

	s->pkt_first += n;
	pkt_put_burst(&s->pkt[at], to_end);
	pkt_put_burst(&s->pkt[0], n - to_end);
}

#endif
