/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of neighbours: sets of four ways under one lock, which only messages of
 * ARP and neighbour discovery take.
 */
#include "vnet/neigh.h"

#include "hv/base/plat.h"
#include "hv/base/ticket.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"

#define WAYS 4u
#define SETS (NEIGH_MAX / WAYS)

STATIC_ASSERT((SETS & (SETS - 1)) == 0, "a power of two");

struct place {
	u8 ip[NEIGH_IP_LEN];
	u8 mac[ETH_ALEN];
	u16 port; /* VNET_PORT_NONE: free */
	bool router;
	u32 heard_s;
	u32 answered_s; /* to asker */
	u8 asker[ETH_ALEN];
};

struct neigh {
	struct ticketlock lock;
	u64 seed;
	u32 now_s;
	struct neigh_stats count;
	u16 of_port[VNET_MAX_PORTS];
	struct place place[NEIGH_MAX];
};

struct neigh *neigh_new(u64 seed)
{
	struct neigh *n = plat_alloc(sizeof(*n));

	if (n)
		n->seed = seed;
	return n;
}

void neigh_retire(struct neigh *n)
{
	epoch_retire(n, sizeof(*n));
}

static struct place *set_of(struct neigh *n, const u8 *ip)
{
	u64 half[2], hash;

	memcpy(half, ip, sizeof(half));
	hash = hash_mix(hash_mix(half[0] ^ n->seed, HASH_K0) ^ half[1], HASH_K1);
	return &n->place[(hash & (SETS - 1)) * WAYS];
}

static struct place *lookup(struct neigh *n, const u8 *ip)
{
	struct place *set = set_of(n, ip);

	for (u32 i = 0; i < WAYS; i++) {
		if (set[i].port != VNET_PORT_NONE && !memcmp(set[i].ip, ip, NEIGH_IP_LEN))
			return &set[i];
	}
	return NULL;
}

static void forget(struct neigh *n, struct place *p)
{
	n->of_port[p->port]--;
	n->count.known--;
	p->port = VNET_PORT_NONE;
}

static struct place *free_place(struct neigh *n, const u8 *ip)
{
	struct place *set = set_of(n, ip);

	for (u32 i = 0; i < WAYS; i++) {
		if (set[i].port == VNET_PORT_NONE)
			return &set[i];
	}
	return NULL;
}

/* A place for an address that the port has now. NULL: it may have no more. */
static struct place *take_place(struct neigh *n, const u8 *ip, u16 port, u32 limit)
{
	struct place *p = n->of_port[port] < limit ? free_place(n, ip) : NULL;

	if (!p) {
		n->count.refused++;
		return NULL;
	}
	*p = (struct place){ .port = port };
	memcpy(p->ip, ip, NEIGH_IP_LEN);
	n->of_port[port]++;
	n->count.known++;
	return p;
}

void neigh_note(struct neigh *n, const struct neigh_msg *m, u16 port, u32 limit)
{
	struct place *p;

	ticket_lock(&n->lock);
	p = lookup(n, m->ip);
	if (p && m->weak && memcmp(p->mac, m->mac, ETH_ALEN) != 0)
		goto out;
	if (p && p->port != port) {
		forget(n, p);
		p = NULL;
	}
	if (!p)
		p = take_place(n, m->ip, port, limit);
	if (!p)
		goto out;
	memcpy(p->mac, m->mac, ETH_ALEN);
	p->router = m->router;
	p->heard_s = n->now_s;
out:
	ticket_unlock(&n->lock);
}

static void fill(const struct neigh *n, const struct place *p, struct neigh_entry *e)
{
	*e = (struct neigh_entry){
		.router = p->router,
		.port = p->port,
		.age_s = n->now_s - p->heard_s,
	};
	memcpy(e->ip, p->ip, NEIGH_IP_LEN);
	memcpy(e->mac, p->mac, ETH_ALEN);
}

bool neigh_find(struct neigh *n, const struct neigh_msg *m, struct neigh_entry *e)
{
	const struct place *p;
	bool found;

	ticket_lock(&n->lock);
	p = lookup(n, m->target);
	found = p && memcmp(p->mac, m->mac, ETH_ALEN) != 0;
	if (found)
		fill(n, p, e);
	ticket_unlock(&n->lock);
	return found;
}

bool neigh_use(struct neigh *n, const struct neigh_msg *m)
{
	struct place *p;
	bool good = false;

	ticket_lock(&n->lock);
	p = lookup(n, m->target);
	if (p && p->answered_s && n->now_s - p->answered_s < NEIGH_AGAIN_S &&
	    !memcmp(p->asker, m->mac, ETH_ALEN)) {
		n->count.again++;
		forget(n, p);
	} else if (p) {
		n->count.answered++;
		memcpy(p->asker, m->mac, ETH_ALEN);
		p->answered_s = MAX(n->now_s, 1u);
		good = true;
	}
	ticket_unlock(&n->lock);
	return good;
}

/* --- boot core -------------------------------------------------------------- */

void neigh_tick(struct neigh *n, u64 now_s)
{
	ticket_lock(&n->lock);
	n->now_s = (u32)now_s;
	for (u32 i = 0; i < NEIGH_MAX; i++) {
		struct place *p = &n->place[i];

		if (p->port != VNET_PORT_NONE && n->now_s - p->heard_s > NEIGH_AGE_S)
			forget(n, p);
	}
	ticket_unlock(&n->lock);
}

u32 neigh_flush(struct neigh *n, u16 port)
{
	u32 flushed = 0;

	ticket_lock(&n->lock);
	for (u32 i = 0; i < NEIGH_MAX; i++) {
		struct place *p = &n->place[i];

		if (p->port == VNET_PORT_NONE || (port != VNET_PORT_NONE && p->port != port))
			continue;
		forget(n, p);
		flushed++;
	}
	ticket_unlock(&n->lock);
	return flushed;
}

void neigh_stats(struct neigh *n, struct neigh_stats *out)
{
	ticket_lock(&n->lock);
	*out = n->count;
	ticket_unlock(&n->lock);
}

bool neigh_next(struct neigh *n, u32 *at, struct neigh_entry *e)
{
	bool found = false;

	ticket_lock(&n->lock);
	while (!found && *at < NEIGH_MAX) {
		const struct place *p = &n->place[(*at)++];

		found = p->port != VNET_PORT_NONE;
		if (found)
			fill(n, p, e);
	}
	ticket_unlock(&n->lock);
	return found;
}
