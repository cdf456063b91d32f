/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow cache: sets of four entries, two cache lines each. Nothing is ever
 * removed; an entry with an old generation just misses, and is overwritten by
 * its own flow. A scan of addresses costs its own lookups and evicts one entry
 * of a set per frame, but never grows anything.
 */
#include "vnet/cache.h"

#include "hv/base/plat.h"
#include "vnet/hash.h"
#include "vnet/port.h"

#define TAG_HIGH 48 /* what lies above the MAC in a tag */

STATIC_ASSERT(CACHE_ENTRIES % CACHE_WAYS == 0, "whole sets");
STATIC_ASSERT((CACHE_SETS & (CACHE_SETS - 1)) == 0, "the hash is masked");
STATIC_ASSERT(VNET_MAX_PORTS <= 256 && VNET_OVERLAY_MAX < BIT(24), "ingress and overlay fit");

err_t cache_init(struct flow_cache *c, u64 seed)
{
	/* Both factors of the hash are secret: with a known one, chosen flows collide. */
	*c = (struct flow_cache){ .seed = { seed, hash_mix(seed ^ HASH_K0, HASH_K1) } };
	c->set = plat_alloc(CACHE_SETS * sizeof(c->set[0]));
	return c->set ? ERR_OK : ERR_NOMEM;
}

void cache_fini(struct flow_cache *c)
{
	plat_free(c->set, CACHE_SETS * sizeof(c->set[0]));
	c->set = NULL;
}

/* dst and 16 bits of the overlay; src, the overlay's other 8 and the ingress. */
static void cache_tag(const struct route_key *k, u64 tag[2])
{
	tag[0] = k->dst | (u64)(k->overlay & 0xffff) << TAG_HIGH;
	tag[1] = k->src | (u64)(k->overlay >> 16) << (TAG_HIGH + 8) | (u64)k->ingress << TAG_HIGH;
}

void cache_prefetch(const struct flow_cache *c, const struct route_key *k, struct cache_ref *ref)
{
	u64 hash;

	cache_tag(k, ref->tag);
	hash = hash_mix(ref->tag[0] ^ c->seed[0], ref->tag[1] ^ c->seed[1]);
	ref->set = &c->set[hash & (CACHE_SETS - 1)];
	__builtin_prefetch(&ref->set->way[0]);
	__builtin_prefetch(&ref->set->way[CACHE_WAYS / 2]);
}

/* Nobody beyond an edge may speak as one of our guests, or as a group: that is
 * a loop, or a forgery. */
static bool source_forged(const struct route_key *k)
{
	return k->from_edge && (mac_is_group(k->src) || vnet_port_owns_mac(k->overlay, k->src));
}

static u64 verdict_of(const struct route_key *k)
{
	if (source_forged(k))
		return VERDICT_DROP | (u64)VNET_DROP_SOURCE << VERDICT_REASON_SHIFT;
	return route_lookup(k);
}

u64 cache_lookup(struct flow_cache *c, const struct route_key *k, const struct cache_ref *ref)
{
	/* Read before the table is: an answer that a change overtook stays void. */
	u64 gen = route_generation(k);
	struct cache_entry *victim = NULL;

	for (u32 i = 0; i < CACHE_WAYS; i++) {
		struct cache_entry *e = &ref->set->way[i];

		if (e->tag[0] == ref->tag[0] && e->tag[1] == ref->tag[1]) {
			if (e->gen == gen) {
				c->hits++;
				return e->verdict;
			}
			victim = e;
			break;
		}
		if (!e->gen && !victim)
			victim = e;
	}
	c->misses++;
	if (!victim)
		victim = &ref->set->way[c->turn++ % CACHE_WAYS];
	*victim = (struct cache_entry){
		.tag = { ref->tag[0], ref->tag[1] },
		.gen = gen,
		.verdict = verdict_of(k),
	};
	return victim->verdict;
}
