/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which IP address in an overlay, as heard in ARP (RFC 826) and IPv6
 * neighbour discovery (RFC 4861), so that what guests ask everybody is answered
 * on their own node and stays off the wire.
 *
 * Heard is what goes through the core anyway: the sender of an ARP message, the
 * target of a neighbour advertisement, each only from the Ethernet address that it
 * names. Solicitations teach nothing: they do not say whether the sender is a
 * router, and an answer has to (RFC 4861 section 7.2.5).
 *
 * Answered is only what asks everybody, on the asker's behalf: no probe for an
 * address (RFC 5227, RFC 4862 section 5.4), no announcement, nothing that asks one
 * station whether it is still there. Who asks again soon was not helped: the address
 * is forgotten, and the question goes on to whom it concerns.
 *
 * Bounded: a table of fixed size, so many addresses of one port, NEIGH_AGE_S.
 */
#ifndef VNET_NEIGH_H
#define VNET_NEIGH_H

#include "hv/base/bytes.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/net/wire.h"
#include "vnet/vnet.h"

#define NEIGH_MAX 1024u
#define NEIGH_OF_INTERFACE 32u
#define NEIGH_OF_EDGE 512u
#define NEIGH_AGE_S 60u
#define NEIGH_AGAIN_S 5u

#define NEIGH_IP_LEN 16u /* an IPv4 address is written ::ffff:a.b.c.d (RFC 4291) */

/* --- messages: neigh_msg.c ------------------------------------------------- */

/* What a frame says and asks. */
struct neigh_msg {
	bool says;	/* ip is at mac ... */
	bool weak;	/* ... unless another one says it is there (RFC 4861 section 7.2.4) */
	bool router;	/* ... and it is a router; IPv6 alone */
	bool asks;	/* everybody: who has target? */
	u8 mac[ETH_ALEN]; /* of whoever says or asks */
	u8 ip[NEIGH_IP_LEN];
	u8 target[NEIGH_IP_LEN];
};

/* Is it worth neigh_read()? frame: at least an Ethernet header. */
static inline bool neigh_maybe(const u8 *frame)
{
	u16 type = load_be16(frame + ETH_TYPE);

	return type == ETH_TYPE_ARP || type == ETH_TYPE_IPV6;
}

/* Any core. p with its Ethernet header. False: nothing of the kind, or malformed. */
bool neigh_read(const struct pkt *p, struct neigh_msg *m);

/* Make p, which asks *m, the answer that its target is at mac. */
void neigh_reply(struct pkt *p, const struct neigh_msg *m, const u8 mac[ETH_ALEN], bool router);

/* --- table: neigh.c; all on any core unless it says otherwise ---------------- */

struct neigh;

/* Boot core. NULL: no memory. seed: random. And: no port names it any more. */
struct neigh *neigh_new(u64 seed);
void neigh_retire(struct neigh *n);

/* m, which says something, came in by that port, which may have so many addresses. */
void neigh_note(struct neigh *n, const struct neigh_msg *m, u16 port, u32 limit);

struct neigh_entry {
	u8 ip[NEIGH_IP_LEN];
	u8 mac[ETH_ALEN];
	bool router;
	u16 port; /* that it was heard by; VNET_PORT_NONE: a free place */
	u32 age_s;
};

/* What is known of whom m asks for. False: nothing, or it is the asker itself. */
bool neigh_find(struct neigh *n, const struct neigh_msg *m, struct neigh_entry *e);
/* May that be the answer? False: it was a moment ago, and is forgotten now. */
bool neigh_use(struct neigh *n, const struct neigh_msg *m);

/* Boot core, about once a second: time goes on, old addresses go. */
void neigh_tick(struct neigh *n, u64 now_s);
/* Boot core. Forget what was heard by the port, or with VNET_PORT_NONE all; how many. */
u32 neigh_flush(struct neigh *n, u16 port);

struct neigh_stats {
	u32 known;
	u64 answered;
	u64 again;   /* not answered: the same a moment ago */
	u64 refused; /* not remembered: no place for it, or too many of that port */
};

/* Boot core. The figures; the entry at *at or behind it (0 to start), false at the end. */
void neigh_stats(struct neigh *n, struct neigh_stats *out);
bool neigh_next(struct neigh *n, u32 *at, struct neigh_entry *e);

#endif
