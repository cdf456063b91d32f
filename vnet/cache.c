/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow cache: sets of four entries, two cache lines each. Nothing is ever
 * removed; an entry with an old generation just misses, and is overwritten by
 * its own flow.
 *
 * Of four, one makes room that was not asked for again. So a scan of addresses,
 * each of which comes once, costs its own lookups and mostly evicts itself.
 */
#include "vnet/cache.h"

#include "hv/base/plat.h"
#include "vnet/epoch.h"

#define PER_ROUTE 4
#define DOUBT 8 /* one entry loses its merits with every so many new ones */

STATIC_ASSERT(CACHE_ENTRIES_MIN % CACHE_WAYS == 0, "whole sets");

static size_t table_bytes(u32 sets)
{
	return sizeof(struct cache_table) + sets * sizeof(struct cache_set);
}

static struct cache_table *table_new(u32 entries)
{
	u32 sets = entries / CACHE_WAYS;
	struct cache_table *t = plat_alloc(table_bytes(sets));

	if (t) {
		t->sets = sets;
		t->shift = 64 - (u32)__builtin_ctz(sets);
	}
	return t;
}

err_t cache_init(struct flow_cache *c, u64 seed)
{
	/* Both factors of the hash are secret: with a known one, chosen flows collide. */
	*c = (struct flow_cache){ .seed = { seed, hash_mix(seed ^ HASH_K0, HASH_K1) } };
	c->table = table_new(CACHE_ENTRIES_MIN);
	return c->table ? ERR_OK : ERR_NOMEM;
}

void cache_fini(struct flow_cache *c)
{
	if (c->table)
		plat_free(c->table, table_bytes(c->table->sets));
	c->table = NULL;
}

u32 cache_entries(const struct flow_cache *c)
{
	return c->table->sets * CACHE_WAYS;
}

void cache_fit(struct flow_cache *c, u32 routes)
{
	u32 have = cache_entries(c), want = CACHE_ENTRIES_MIN;
	struct cache_table *old = c->table, *t;

	while (want < CACHE_ENTRIES_MAX && want / PER_ROUTE < routes)
		want *= 2;
	/* A little less is not worth forgetting everything. */
	if (want == have || want == have / 2 || !epoch_room(1))
		return;
	t = table_new(want);
	if (!t)
		return;
	__atomic_store_n(&c->table, t, __ATOMIC_RELEASE);
	epoch_retire(old, table_bytes(old->sets));
}

u64 cache_peek(const struct flow_cache *c, const struct route_key *k)
{
	struct cache_view view = cache_view(c, k->ingress);
	struct cache_ref ref;

	cache_prefetch(&view, k->dst, k->src, &ref);
	for (u32 i = 0; i < CACHE_WAYS; i++) {
		/* Its owner may write meanwhile: look at one copy. */
		struct cache_entry e = ref.set->way[i];

		if (e.tag[0] == ref.tag && e.tag[1] == ref.src &&
		    route_stamp_valid(&e.stamp, view.gen, k->dst))
			return e.verdict & ~CACHE_NEW;
	}
	return 0;
}

/* A way that may go: one that was not used again, else whose turn it is. Now and
 * then one has to prove itself anew, so that flows that ended go as well. */
static struct cache_entry *make_room(struct flow_cache *c, struct cache_set *set)
{
	u32 turn = c->turn++;
	struct cache_entry *victim = &set->way[turn % CACHE_WAYS];

	for (u32 i = 0; i < CACHE_WAYS && !(victim->verdict & CACHE_NEW); i++)
		victim = &set->way[(turn + i) % CACHE_WAYS];
	if (turn % DOUBT == 0)
		set->way[turn / DOUBT % CACHE_WAYS].verdict |= CACHE_NEW;
	return victim;
}

void cache_fill(struct flow_cache *c, const struct cache_ref *ref, const struct route_stamp *stamp,
		u64 verdict)
{
	struct cache_entry *victim = NULL;

	for (u32 i = 0; i < CACHE_WAYS; i++) {
		struct cache_entry *e = &ref->set->way[i];

		if (e->tag[0] == ref->tag && e->tag[1] == ref->src) {
			victim = e;
			break;
		}
		if (!e->verdict && !victim)
			victim = e;
	}
	if (!victim)
		victim = make_room(c, ref->set);
	*victim = (struct cache_entry){
		.tag = { ref->tag, ref->src },
		.stamp = *stamp,
		.verdict = verdict | CACHE_NEW,
	};
}
