/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table: sets of eight ways, an address and its port in one 64-bit word, so
 * that any core learns and moves an address by one compare-and-swap and reads
 * it by one load. Two cores that learn the same new address at once may take
 * two ways; the first is found, the other one ages.
 */
#include "vnet/learn.h"

#include "hv/base/plat.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/route.h"

#define WAYS 8
#define PORT_SHIFT 48
#define MAC_MASK (BIT64(PORT_SHIFT) - 1)
/* Places for each address of one edge's limit: there are several edges. */
#define ROOM 4
#define SWEEP_SETS 4096 /* looked at in one tick */

struct set {
	u64 who[WAYS]; /* MAC and port; 0: free */
	u32 heard_s[WAYS] ALIGNED(CACHE_LINE);
};

struct learned {
	u32 overlay;
	u32 limit;
	u32 age_s;
	u32 sets; /* a power of two */
	bool flood;
	u64 seed;
	u32 now_s;
	u32 sweep; /* next set to look at */
	u32 count;
	u64 refused;
	u32 of_port[VNET_MAX_PORTS];
	struct set set[] ALIGNED(CACHE_LINE);
};

STATIC_ASSERT(VNET_MAX_PORTS <= BIT(64 - PORT_SHIFT), "a port fits above a MAC");

static size_t learned_bytes(const struct learned *l)
{
	return sizeof(*l) + l->sets * sizeof(l->set[0]);
}

struct learned *learned_new(u32 overlay, u32 limit, u32 age_s, u64 seed)
{
	u32 sets = 1;
	struct learned *l;

	while (sets * WAYS < limit * ROOM)
		sets *= 2;
	l = plat_alloc(sizeof(*l) + sets * sizeof(l->set[0]));
	if (!l)
		return NULL;
	l->overlay = overlay;
	l->limit = limit;
	l->age_s = age_s;
	l->sets = sets;
	l->seed = seed;
	return l;
}

void learned_retire(struct learned *l)
{
	epoch_retire(l, learned_bytes(l));
}

static u32 set_index(const struct learned *l, u64 mac)
{
	return (u32)hash_mix(mac ^ l->seed, HASH_K1) & (l->sets - 1);
}

static u16 port_of(u64 who)
{
	return (u16)(who >> PORT_SHIFT);
}

/* --- any core ------------------------------------------------------------- */

static void refuse(struct learned *l)
{
	__atomic_fetch_add(&l->refused, 1, __ATOMIC_RELAXED);
}

/* One more for the port, if its limit allows. */
static bool port_take(struct learned *l, u16 port)
{
	if (__atomic_fetch_add(&l->of_port[port], 1, __ATOMIC_RELAXED) < l->limit)
		return true;
	__atomic_fetch_sub(&l->of_port[port], 1, __ATOMIC_RELAXED);
	refuse(l);
	return false;
}

static void port_give(struct learned *l, u16 port)
{
	__atomic_fetch_sub(&l->of_port[port], 1, __ATOMIC_RELAXED);
}

/* Change a way from `old` to `who` (0: none); false when another core was first. */
static bool way_change(struct learned *l, u64 *way, u64 old, u64 who)
{
	if (!__atomic_compare_exchange_n(way, &old, who, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return false;
	if (!old)
		__atomic_fetch_add(&l->count, 1, __ATOMIC_RELAXED);
	else
		port_give(l, port_of(old));
	if (!who)
		__atomic_fetch_sub(&l->count, 1, __ATOMIC_RELAXED);
	route_touch_dst(l->overlay, (who ? who : old) & MAC_MASK);
	return true;
}

/* The way that has the mac, else a free one, else NULL. */
static u64 *way_for(struct set *s, u64 mac, u64 *who)
{
	u64 *empty = NULL;

	for (u32 i = 0; i < WAYS; i++) {
		*who = __atomic_load_n(&s->who[i], __ATOMIC_ACQUIRE);
		if ((*who & MAC_MASK) == mac)
			return &s->who[i];
		if (!*who && !empty)
			empty = &s->who[i];
	}
	*who = 0;
	return empty;
}

void learned_note(struct learned *l, u64 mac, u16 port)
{
	struct set *s = &l->set[set_index(l, mac)];
	u64 old, *way = way_for(s, mac, &old), who = mac | (u64)port << PORT_SHIFT;
	u32 now = __atomic_load_n(&l->now_s, __ATOMIC_RELAXED), *heard;

	if (!mac)
		return;
	if (!way) {
		refuse(l);
		return;
	}
	heard = &s->heard_s[way - s->who];
	if (old != who && !port_take(l, port))
		return;
	/* A line that several cores read is written once a second at most. */
	if (__atomic_load_n(heard, __ATOMIC_RELAXED) != now)
		__atomic_store_n(heard, now, __ATOMIC_RELAXED);
	if (old != who && !way_change(l, way, old, who))
		port_give(l, port);
}

u16 learned_find(const struct learned *l, u64 mac)
{
	const struct set *s = &l->set[set_index(l, mac)];

	for (u32 i = 0; i < WAYS; i++) {
		u64 who = __atomic_load_n(&s->who[i], __ATOMIC_ACQUIRE);

		if (who && (who & MAC_MASK) == mac)
			return port_of(who);
	}
	return VNET_PORT_NONE;
}

/* --- boot core ------------------------------------------------------------ */

void learned_set_age(struct learned *l, u32 age_s)
{
	l->age_s = age_s;
}

void learned_set_flood(struct learned *l, bool flood)
{
	__atomic_store_n(&l->flood, flood, __ATOMIC_RELAXED);
}

bool learned_floods(const struct learned *l)
{
	return __atomic_load_n(&l->flood, __ATOMIC_RELAXED);
}

static u32 age_of(const struct learned *l, const struct set *s, u32 way)
{
	u32 heard = __atomic_load_n(&s->heard_s[way], __ATOMIC_RELAXED);

	/* Never negative: now_s is written by this core. */
	return l->now_s - MIN(heard, l->now_s);
}

void learned_tick(struct learned *l, u64 now_s)
{
	u32 n = MIN(l->sets, (u32)SWEEP_SETS);

	__atomic_store_n(&l->now_s, (u32)now_s, __ATOMIC_RELAXED);
	for (; n; n--, l->sweep = (l->sweep + 1) & (l->sets - 1)) {
		struct set *s = &l->set[l->sweep];

		for (u32 i = 0; i < WAYS; i++) {
			u64 who = __atomic_load_n(&s->who[i], __ATOMIC_RELAXED);

			if (who && age_of(l, s, i) > l->age_s)
				way_change(l, &s->who[i], who, 0);
		}
	}
}

u32 learned_flush(struct learned *l, u16 port)
{
	u32 n = 0;

	for (u32 at = 0; at < l->sets * WAYS; at++) {
		u64 *way = &l->set[at / WAYS].who[at % WAYS];
		u64 who = __atomic_load_n(way, __ATOMIC_RELAXED);

		if (who && (port == VNET_PORT_NONE || port_of(who) == port))
			n += way_change(l, way, who, 0);
	}
	return n;
}

bool learned_next(const struct learned *l, u32 *at, struct learned_entry *e)
{
	for (; *at < l->sets * WAYS; ++*at) {
		const struct set *s = &l->set[*at / WAYS];
		u64 who = __atomic_load_n(&s->who[*at % WAYS], __ATOMIC_RELAXED);

		if (!who)
			continue;
		e->mac = who & MAC_MASK;
		e->port = port_of(who);
		e->age_s = age_of(l, s, *at % WAYS);
		++*at;
		return true;
	}
	return false;
}

u32 learned_count(const struct learned *l)
{
	return __atomic_load_n(&l->count, __ATOMIC_RELAXED);
}

u64 learned_refused(const struct learned *l)
{
	return __atomic_load_n(&l->refused, __ATOMIC_RELAXED);
}
