/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the path of a link carries, in bytes of IPv4 packet: found by probes
 * that the peer answers (as in RFC 8899: packets with DF set, between what is
 * known to pass and what is known not to), or said by a router (RFC 1191).
 * Only the link's uplink limits it until one of them says less.
 *
 * A round of probes begins with a short one, so that a peer which answers no
 * probes is not taken for a path that carries nothing, then tries the longest,
 * then halves what is left. Time is passed in.
 */
#ifndef VNET_PMTU_H
#define VNET_PMTU_H

#include "hv/base/types.h"

/* What every path is taken to carry (RFC 1122 section 3.3.3). */
#define PMTU_BASE 576u
#define PMTU_UNLIMITED UINT32_MAX

/* One probe counts as lost after so many in vain. A try waits for longer than
 * the silence of a peer is found in: it was the path, then. */
#define PMTU_TRIES 3u
#define PMTU_TRY_NS 300000000ull
/* Another round; and after one that had no answer at all. */
#define PMTU_AGAIN_NS (600 * 1000000000ull)
#define PMTU_RETRY_NS (60 * 1000000000ull)
/* What a router said is forgotten (RFC 1191 section 6.3). */
#define PMTU_TOLD_NS (600 * 1000000000ull)

struct pmtu {
	u32 found; /* by the last round; PMTU_UNLIMITED: nothing yet */
	u32 told;  /* by a router; 0: nothing */
	u64 told_until_ns;
	u32 limit; /* what the round began with */
	u32 low;   /* the round's: the longest that passed, 0: none yet */
	u32 high;  /* ... and the shortest that did not; 0: no round */
	u32 probe; /* being tried; 0: no round */
	u32 tries;
	u64 due_ns; /* the next probe, or round */
	u64 sent, answered; /* probes */
};

void pmtu_init(struct pmtu *m);

/* What is known to be too long is not used: at most this. */
static inline u32 pmtu_now(const struct pmtu *m)
{
	u32 now = m->found;

	if (m->high)
		now = MIN(now, m->high - 1);
	return m->told ? MIN(now, m->told) : now;
}

/* The size of a probe to send now, or 0. limit: what the uplink carries. For
 * links whose peer can answer and is there; every so often. */
u32 pmtu_tick(struct pmtu *m, u32 limit, u64 now_ns);

/* The peer is away: what is on its way proves nothing, and its path may be another
 * one when it is back: begin anew then. */
void pmtu_stop(struct pmtu *m);

/* The peer got a probe of that size. */
void pmtu_answered(struct pmtu *m, u32 size, u64 now_ns);

/* A router said that mtu is the most it forwards. False: it is not less than
 * what is in use, or less than any path has. in_use: with all limits. */
bool pmtu_told(struct pmtu *m, u32 mtu, u32 in_use, u64 now_ns);

/* Forget what a router said, when it is old. */
void pmtu_age(struct pmtu *m, u64 now_ns);

#endif
