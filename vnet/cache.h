/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow cache in front of the route table: of bounded size, one for each
 * core and touched by that core alone. An entry is valid while the generation
 * of its flow (route.h) is what it was at the lookup.
 */
#ifndef VNET_CACHE_H
#define VNET_CACHE_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/hash.h"
#include "vnet/route.h"

/* Entries: twice as many as there are routes and learned addresses, within
 * these bounds (128 KiB and 8 MiB). Powers of two. Traffic changes nothing. */
#define CACHE_ENTRIES_MIN BIT(12)
#define CACHE_ENTRIES_MAX BIT(19)
#define CACHE_WAYS 4

struct cache_entry {
	u64 tag[2]; /* dst and ingress, src; the ingress stands for its overlay too */
	struct route_stamp stamp;
	u64 verdict; /* and CACHE_NEW: nobody asked for it again. 0: empty */
};
#define CACHE_NEW BIT64(37)
STATIC_ASSERT(VERDICT_SHARED < CACHE_NEW && CACHE_NEW < VERDICT_MANY,
	      "a bit that verdicts do not need");
STATIC_ASSERT(sizeof(struct cache_entry) == 32, "two to a cache line");

struct cache_set {
	struct cache_entry way[CACHE_WAYS];
};

struct cache_table {
	u32 sets;
	u32 shift; /* of a hash, to a set's number */
	struct cache_set set[] ALIGNED(CACHE_LINE);
};

struct flow_cache {
	struct cache_table *table; /* changed by the boot core */
	u64 seed[2];
	u32 turn; /* new entries that found their set full */
	u64 hits;
	u64 misses;
};

/* Where a flow is looked for; made once per frame. */
struct cache_ref {
	u64 tag, src; /* both tags */
	struct cache_set *set;
};

/* Boot core. seed: random, so that nobody can choose flows that share a set. */
err_t cache_init(struct flow_cache *c, u64 seed);
void cache_fini(struct flow_cache *c);
/* Boot core, now and then: have the size that this many routes ask for. What was
 * kept is forgotten then. Without memory it stays as it is. */
void cache_fit(struct flow_cache *c, u32 routes);
u32 cache_entries(const struct flow_cache *c);

/* What is the same for a burst that comes in by a port, to be had in registers. */
struct cache_view {
	struct cache_set *set;
	u32 shift;
	u32 gen; /* of everything; a change from here on is one behind the burst */
	u64 seed[2];
	u64 ingress; /* its part of a tag */
};

/* The core that owns the cache, as what follows, between epoch_read_begin() and
 * epoch_read_end(). */
static inline struct cache_view cache_view(const struct flow_cache *c,
					   const struct vnet_port *ingress)
{
	struct cache_table *t = __atomic_load_n(&c->table, __ATOMIC_ACQUIRE);

	return (struct cache_view){
		.set = t->set,
		.shift = t->shift,
		.gen = route_gen_all(),
		.seed = { c->seed[0], c->seed[1] },
		.ingress = (u64)ingress->id << 48,
	};
}

/*
 * Find the flow's set and start fetching it, a pass over the burst before cache_find().
 * Multiplied by a secret, all that MACs differ in reaches the product's top, from which the
 * set's number is taken.
 */
static inline void cache_prefetch(const struct cache_view *v, u64 dst, u64 src,
				  struct cache_ref *ref)
{
	u64 tag = dst | v->ingress;
	struct cache_set *set = &v->set[(tag ^ v->seed[0]) * (src ^ v->seed[1]) >> v->shift];

	ref->tag = tag;
	ref->src = src;
	ref->set = set;
	/* Most are in the first line: ways are taken in order. */
	__builtin_prefetch(&set->way[0]);
}

/* In one line: which of the two it is, nobody can predict, so no branch asks. */
static inline struct cache_entry *cache_match(struct cache_entry *two,
					      const struct cache_ref *ref)
{
	bool first = ((two[0].tag[0] ^ ref->tag) | (two[0].tag[1] ^ ref->src)) == 0;
	bool second = ((two[1].tag[0] ^ ref->tag) | (two[1].tag[1] ^ ref->src)) == 0;

	return (first | second) ? two + second : NULL;
}

/* The verdict, or 0: ask the table and keep its answer by cache_fill(). The
 * caller counts hits and misses, once a burst. */
static inline u64 cache_find(const struct cache_view *v, const struct cache_ref *ref)
{
	struct cache_entry *e = cache_match(ref->set->way, ref);

	if (!e)
		e = cache_match(ref->set->way + CACHE_WAYS / 2, ref);
	if (!e || !route_stamp_valid(&e->stamp, v->gen, ref->tag))
		return 0;
	if (e->verdict & CACHE_NEW)
		e->verdict &= ~CACHE_NEW;
	return e->verdict;
}

/* Boot core: what cache_find() would say, without leaving a trace. */
u64 cache_peek(const struct flow_cache *c, const struct route_key *k);

/* Keep the answer to what cache_find() did not know. The stamp is from before
 * the table was asked: what a change overtook is void from the start. */
void cache_fill(struct flow_cache *c, const struct cache_ref *ref, const struct route_stamp *stamp,
		u64 verdict);

#endif
