/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow cache in front of the route table: of fixed size, one for each
 * core and touched by that core alone. An entry is valid while the generation
 * of its flow (route.h) is what it was at the lookup.
 */
#ifndef VNET_CACHE_H
#define VNET_CACHE_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/route.h"

#define CACHE_ENTRIES 4096
#define CACHE_WAYS 4
#define CACHE_SETS (CACHE_ENTRIES / CACHE_WAYS)

struct cache_entry {
	u64 tag[2]; /* dst, src, ingress, overlay: see cache_tag() */
	u64 gen;    /* 0: empty */
	u64 verdict;
};
STATIC_ASSERT(sizeof(struct cache_entry) == 32, "two to a cache line");

struct cache_set {
	struct cache_entry way[CACHE_WAYS];
};

struct flow_cache {
	struct cache_set *set; /* CACHE_SETS */
	u64 seed[2];
	u32 turn; /* which way goes when all four are taken */
	u64 hits;
	u64 misses;
};

/* Where a flow is looked for; made once per frame. */
struct cache_ref {
	u64 tag[2];
	struct cache_set *set;
};

/* Boot core. seed: random, so that nobody can choose flows that share a set. */
err_t cache_init(struct flow_cache *c, u64 seed);
void cache_fini(struct flow_cache *c);

/* Find the flow's set and start fetching it: a pass over the burst before cache_lookup(). */
void cache_prefetch(const struct flow_cache *c, const struct route_key *k, struct cache_ref *ref);

/* The verdict for the flow, from the cache or from route_lookup(); a forged source
 * is a verdict of its own. */
u64 cache_lookup(struct flow_cache *c, const struct route_key *k, const struct cache_ref *ref);

#endif
