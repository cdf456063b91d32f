/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The route table. A route lies in one bucket of a hash table, found by those
 * of its MACs that are exact:
 *
 *     source exact, destination exact   hash of both
 *     destination exact                 hash of the destination
 *     source exact                      hash of the source
 *     neither                           hash of the overlay alone
 *
 * so a lookup scans four short arrays, however many routes there are. Routes
 * that merely share a bucket are told apart by matching in full.
 *
 * A bucket's array is immutable but for one field: adding replaces the array
 * (the old one is retired, see epoch.h), and deleting clears the entry's `to`,
 * so that a deletion needs no memory and cannot fail.
 *
 * Kept answers (cache.h) are voided by generations: one counter for each group
 * of destinations, one for each group of sources, one for multicast
 * destinations, one for everything. A change bumps one, after it is visible.
 */
#include "vnet/route_table.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/net/wire.h"

#define BUCKET_BITS 12
#define GEN_BITS 10

struct bucket {
	u32 n;
	struct route_entry e[];
};

enum shape {
	SHAPE_PAIR,
	SHAPE_DST,
	SHAPE_SRC,
	SHAPE_WILD,
	SHAPE_COUNT,
};

struct bucket_set {
	u32 index[SHAPE_COUNT];
};

static struct {
	u64 seed;
	struct bucket *bucket[BIT(BUCKET_BITS)];
	u64 gen_dst[BIT(GEN_BITS)];
	u64 gen_src[BIT(GEN_BITS)];
	u64 gen_group;
	u64 gen_all;
} table;

static const u8 priorities[ROUTE_CLASS_COUNT][ROUTE_CLASS_COUNT] = {
	[ROUTE_EXACT] = {
		[ROUTE_EXACT] = ROUTE_PRIO_EXACT_EXACT,
		[ROUTE_GROUP] = ROUTE_PRIO_EXACT_EXACT,
		[ROUTE_NOT] = ROUTE_PRIO_EXACT_NOT,
		[ROUTE_ANY] = ROUTE_PRIO_EXACT_ANY,
		[ROUTE_NONE] = ROUTE_PRIO_DEFAULT,
	},
	[ROUTE_NOT] = {
		[ROUTE_EXACT] = ROUTE_PRIO_EXACT_NOT,
		[ROUTE_GROUP] = ROUTE_PRIO_EXACT_NOT,
		[ROUTE_NOT] = ROUTE_PRIO_NOT_NOT,
		[ROUTE_ANY] = ROUTE_PRIO_ANY_NOT,
	},
	[ROUTE_ANY] = {
		[ROUTE_EXACT] = ROUTE_PRIO_EXACT_ANY,
		[ROUTE_GROUP] = ROUTE_PRIO_EXACT_ANY,
		[ROUTE_NOT] = ROUTE_PRIO_ANY_NOT,
		[ROUTE_ANY] = ROUTE_PRIO_ANY_ANY,
	},
};

enum route_prio route_priority(enum route_class src, enum route_class dst)
{
	if ((u32)src >= ROUTE_CLASS_COUNT || (u32)dst >= ROUTE_CLASS_COUNT)
		return ROUTE_PRIO_INVALID;
	return (enum route_prio)priorities[src][dst];
}

static u64 hash_mac(u64 mac, u32 overlay)
{
	return hash_mix(mac ^ table.seed, HASH_K0 ^ overlay);
}

static u32 bucket_index(u64 hash)
{
	return (u32)(hash >> (64 - BUCKET_BITS));
}

static u32 gen_index(u64 hash)
{
	return (u32)(hash >> (64 - GEN_BITS));
}

static void bucket_set(const struct route_key *k, struct bucket_set *set)
{
	set->index[SHAPE_PAIR] = bucket_index(hash_mix(k->hash_dst ^ HASH_K1, k->hash_src));
	set->index[SHAPE_DST] = bucket_index(k->hash_dst);
	set->index[SHAPE_SRC] = bucket_index(k->hash_src);
	set->index[SHAPE_WILD] = bucket_index(hash_mac(0, k->overlay));
}

void route_table_init(u64 seed)
{
	table.seed = seed;
	table.gen_all = 1;
}

void route_table_fini(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(table.bucket); i++) {
		struct bucket *b = table.bucket[i];

		if (b)
			plat_free(b, sizeof(*b) + b->n * sizeof(b->e[0]));
	}
	memset(&table, 0, sizeof(table));
}

/* --- lookup: any core ----------------------------------------------------- */

void route_key_init(struct route_key *k, const struct vnet_port *ingress, const u8 *frame)
{
	k->dst = mac_load(frame + ETH_DST);
	k->src = mac_load(frame + ETH_SRC);
	k->overlay = ingress->overlay;
	k->ingress = ingress->id;
	k->from_edge = ingress->kind == VNET_PORT_EDGE;
	k->hash_dst = hash_mac(k->dst, k->overlay);
	k->hash_src = hash_mac(k->src, k->overlay);
}

static bool entry_matches(const struct route_entry *e, const struct route_key *k)
{
	if (e->overlay != k->overlay)
		return false;
	if (e->src_cls == ROUTE_EXACT ? e->src != k->src
				      : e->src_cls == ROUTE_NOT && e->src == k->src)
		return false;
	switch ((enum route_class)e->dst_cls) {
	case ROUTE_EXACT:
		return e->dst == k->dst;
	case ROUTE_NOT:
		return e->dst != k->dst;
	case ROUTE_GROUP:
		return mac_is_group(k->dst);
	default:
		return true;
	}
}

static bool entry_from(const struct route_entry *e, const struct route_key *k)
{
	switch ((enum route_from)e->from) {
	case ROUTE_FROM_PORT:
		return e->from_port == k->ingress;
	case ROUTE_FROM_EDGES:
		return k->from_edge;
	default:
		return !k->from_edge;
	}
}

struct best {
	u8 prio;
	bool blocked; /* only its `from` kept a route from passing this edge to edge */
	u64 ports;
};

static void scan(const struct bucket *b, const struct route_key *k, struct best *best)
{
	for (u32 i = 0; b && i < b->n; i++) {
		const struct route_entry *e = &b->e[i];
		u16 to = __atomic_load_n(&e->to, __ATOMIC_RELAXED);

		if (to == VNET_PORT_NONE || e->prio < best->prio || !entry_matches(e, k))
			continue;
		if (!entry_from(e, k)) {
			best->blocked |= k->from_edge && e->to_edge;
			continue;
		}
		if (e->prio > best->prio) {
			best->prio = e->prio;
			best->ports = 0;
		}
		best->ports |= BIT64(to);
	}
}

u64 route_lookup(const struct route_key *k)
{
	struct best best = { 0 };
	struct bucket_set set;
	enum vnet_drop why;

	bucket_set(k, &set);
	for (u32 s = 0; s < SHAPE_COUNT; s++)
		scan(__atomic_load_n(&table.bucket[set.index[s]], __ATOMIC_ACQUIRE), k, &best);
	if (best.ports & ~BIT64(k->ingress))
		return best.ports & ~BIT64(k->ingress);
	if (best.ports)
		why = VNET_DROP_HAIRPIN;
	else
		why = best.blocked ? VNET_DROP_EDGE_TO_EDGE : VNET_DROP_NO_ROUTE;
	return VERDICT_DROP | (u64)why << VERDICT_REASON_SHIFT;
}

u64 route_generation(const struct route_key *k)
{
	u64 gen = __atomic_load_n(&table.gen_all, __ATOMIC_ACQUIRE);

	gen += __atomic_load_n(&table.gen_dst[gen_index(k->hash_dst)], __ATOMIC_ACQUIRE);
	gen += __atomic_load_n(&table.gen_src[gen_index(k->hash_src)], __ATOMIC_ACQUIRE);
	if (mac_is_group(k->dst))
		gen += __atomic_load_n(&table.gen_group, __ATOMIC_ACQUIRE);
	return gen;
}

/* --- changes: boot core --------------------------------------------------- */

static void bump(u64 *gen)
{
	__atomic_store_n(gen, *gen + 1, __ATOMIC_RELEASE);
}

void route_touch_all(void)
{
	bump(&table.gen_all);
}

/* Where the entry lies, and the generation that its changes bump. */
static struct bucket **entry_home(const struct route_entry *e, u64 **gen)
{
	bool src_exact = e->src_cls == ROUTE_EXACT, dst_exact = e->dst_cls == ROUTE_EXACT;
	struct route_key k = {
		.hash_dst = hash_mac(e->dst, e->overlay),
		.hash_src = hash_mac(e->src, e->overlay),
		.overlay = e->overlay,
	};
	struct bucket_set set;
	enum shape shape;

	bucket_set(&k, &set);
	if (dst_exact) {
		shape = src_exact ? SHAPE_PAIR : SHAPE_DST;
		*gen = &table.gen_dst[gen_index(k.hash_dst)];
	} else if (src_exact) {
		shape = SHAPE_SRC;
		*gen = &table.gen_src[gen_index(k.hash_src)];
	} else {
		shape = SHAPE_WILD;
		*gen = e->dst_cls == ROUTE_GROUP ? &table.gen_group : &table.gen_all;
	}
	return &table.bucket[set.index[shape]];
}

err_t route_table_add(const struct route_entry *e)
{
	u64 *gen;
	struct bucket **home = entry_home(e, &gen), *old = *home, *b;
	u32 live = 0;

	for (u32 i = 0; old && i < old->n; i++)
		live += old->e[i].to != VNET_PORT_NONE;
	if (!epoch_room(1))
		return ERR_BUSY;
	b = plat_alloc(sizeof(*b) + (live + 1) * sizeof(b->e[0]));
	if (!b)
		return ERR_NOMEM;
	for (u32 i = 0; old && i < old->n; i++) {
		if (old->e[i].to != VNET_PORT_NONE)
			b->e[b->n++] = old->e[i];
	}
	b->e[b->n++] = *e;
	__atomic_store_n(home, b, __ATOMIC_RELEASE);
	bump(gen);
	if (old)
		epoch_retire(old, sizeof(*old) + old->n * sizeof(old->e[0]));
	return ERR_OK;
}

void route_table_del(const struct route_entry *e)
{
	u64 *gen;
	struct bucket *b = *entry_home(e, &gen);

	for (u32 i = 0; b && i < b->n; i++) {
		if (memcmp(&b->e[i], e, sizeof(*e)) == 0)
			__atomic_store_n(&b->e[i].to, VNET_PORT_NONE, __ATOMIC_RELAXED);
	}
	bump(gen);
}
