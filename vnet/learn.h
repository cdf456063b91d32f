/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Learned addresses of an overlay: source MAC -> the edge it was last heard
 * from. They act as `any / exact` routes from the interfaces, where no route
 * matches. Bounded: a table of fixed size, and so many addresses an edge; what
 * is beyond that is not learned, and counted.
 */
#ifndef VNET_LEARN_H
#define VNET_LEARN_H

#include "hv/base/types.h"
#include "vnet/vnet.h"

#define LEARN_LIMIT_DEFAULT 1024u
#define LEARN_LIMIT_MAX 65536u
#define LEARN_AGE_DEFAULT_S 300u

struct learned;

/* Boot core. limit: addresses an edge, 1 .. LEARN_LIMIT_MAX; seed: random.
 * NULL: no memory. */
struct learned *learned_new(u32 overlay, u32 limit, u32 age_s, u64 seed);
/* Boot core. No port names it any more; freed when no core can hold it. */
void learned_retire(struct learned *l);

/* Any core, per frame: mac (mac_load(), no group) was heard from the edge. */
void learned_note(struct learned *l, u64 mac, u16 port);
/* Any core. VNET_PORT_NONE: not known. */
u16 learned_find(const struct learned *l, u64 mac);

/* Boot core. How long an address is remembered that is not heard. */
void learned_set_age(struct learned *l, u32 age_s);
/* Boot core. Are frames to unicast addresses that nobody knows flooded? Not from the
 * start. The caller makes kept answers void. */
void learned_set_flood(struct learned *l, bool flood);
/* Any core. */
bool learned_floods(const struct learned *l);
/* Boot core, about once a second: time goes on, old addresses are forgotten. */
void learned_tick(struct learned *l, u64 now_s);
/* Boot core. Forget what was learned from the port, or with VNET_PORT_NONE all;
 * how many that were. */
u32 learned_flush(struct learned *l, u16 port);

struct learned_entry {
	u64 mac; /* mac_load() */
	u16 port;
	u32 age_s; /* since it was heard last */
};

/* Boot core. The next one from *at on (0 to start); false at the end. */
bool learned_next(const struct learned *l, u32 *at, struct learned_entry *e);
u32 learned_count(const struct learned *l);
/* Addresses not learned, for a limit or a full place: one for each frame. */
u64 learned_refused(const struct learned *l);

#endif
