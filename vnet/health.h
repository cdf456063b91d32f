/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the node at the other end of a link there, and how far is it? Both ends
 * say hello at a fixed interval, and each hello says which one of the peer's
 * was heard last: so a way that is open in one direction only is found too
 * (RFC 5880's asynchronous mode does the same). Pure: time comes in, what to
 * send comes out.
 *
 * A tick in which nothing was heard counts against the peer, not the time
 * itself: a node that stood still for a second has missed one tick, and does
 * not take all its peers for dead.
 */
#ifndef VNET_HEALTH_H
#define VNET_HEALTH_H

#include "hv/base/types.h"
#include "vnet/link.h"

/* The protocol that this release speaks. */
#define HEALTH_VERSION 1u

#define HEALTH_INTERVAL_NS 60000000ull
/* Ticks in a row without a hello: silence is found after 180 to 240 ms. */
#define HEALTH_SILENT_TICKS 3u
/* Hellos that the loss is counted over, and that an answer may be late by. */
#define HEALTH_WINDOW 64u
#define HEALTH_SENT 16u

enum health_state {
	HEALTH_UNREACHABLE,  /* nothing heard lately, or it does not hear us */
	HEALTH_UP,
	HEALTH_INCOMPATIBLE, /* no version that both speak */
	HEALTH_STATE_COUNT,
};

struct health {
	enum health_state state;
	struct link_hello us;	    /* the last one we sent */
	u64 sent_ns[HEALTH_SENT];   /* by seq */
	struct link_hello peer;	    /* the last one in order; seq 0: none */
	u64 heard_ns;		    /* when that came */
	u64 window;		    /* bit i: peer.seq - i came */
	u32 expected;		    /* bits that count */
	u32 silent;		    /* ticks in a row, up to HEALTH_SILENT_TICKS */
	bool heard_since;	    /* the last tick */
	/* What people see. */
	u64 sent, received, lost;   /* hellos; lost: of the peer's, once they left the window */
	u64 changes;		    /* of state */
	u32 rtt_us, rtt_min_us;	    /* smoothed as TCP's (RFC 6298 section 2), and the least; 0:
				     * none yet */
};

/* session: random. Unreachable until it is heard. */
void health_init(struct health *h, u32 session);

/* Each HEALTH_INTERVAL_NS; *out is to be sent now. */
void health_tick(struct health *h, u64 now_ns, struct link_hello *out);

/* A hello came. One that is older than what we know changes the counts only. */
void health_heard(struct health *h, const struct link_hello *hello, u64 now_ns);

/* Share of the peer's last hellos that did not come, in 1/1000. */
u32 health_loss_permille(const struct health *h);

const char *health_state_name(enum health_state state);

#endif
