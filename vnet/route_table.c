/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The route table. A route lies in one bucket of a hash table, found by those
 * of its MACs that are exact, and by whether it is for multicast alone:
 *
 *     source exact, destination exact   hash of both
 *     destination exact                 hash of the destination
 *     source exact                      hash of the source; another for `group`
 *     neither                           hash of the overlay; another for `group`
 *
 * so a lookup scans four short arrays (six for multicast), however many routes
 * there are. What merely shares a bucket is told apart by matching in full.
 *
 * A bucket's array is immutable but for one field: adding replaces the array
 * (the old one is retired, see epoch.h), and deleting clears the entry's `to`,
 * so that a deletion needs no memory and cannot fail.
 *
 * The table doubles while it is in use, a few buckets with each change: a
 * bucket that has moved to the next array leaves the mark `moved` behind.
 */
#include "vnet/route_table.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/hash.h"
#include "vnet/learn.h"
#include "vnet/port.h"
#include "vnet/route_count.h"
#include "vnet/route_table_priv.h"

struct route_gens route_gens;
struct route_table route_table;
struct bucket route_bucket_moved;

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

struct places *route_places_new(u32 bits)
{
	struct places *t = plat_alloc(sizeof(*t) + BIT64(bits) * sizeof(t->bucket[0]));

	if (t)
		t->bits = bits;
	return t;
}

err_t route_table_init(u64 seed)
{
	route_gens.seed = seed;
	route_table.now = route_places_new(ROUTE_FIRST_BITS);
	return route_table.now ? ERR_OK : ERR_NOMEM;
}

void route_table_fini(void)
{
	struct places *t = route_table.now, *next;

	for (; t; t = next) {
		next = t->next;
		for (u32 i = 0; i < BIT(t->bits); i++) {
			struct bucket *b = t->bucket[i];

			if (b && b != &route_bucket_moved)
				plat_free(b, bucket_bytes(b->n));
		}
		plat_free(t, places_bytes(t));
	}
	memset(&route_table, 0, sizeof(route_table));
	memset(&route_gens, 0, sizeof(route_gens));
}

/* --- lookup: any core ----------------------------------------------------- */

static u64 key_hash(const struct route_key *k, u32 shape)
{
	return shape_hash(shape, k->hash_dst, k->hash_src, k->ingress->overlay);
}

static bool from_edge(const struct route_key *k)
{
	return k->ingress->kind == VNET_PORT_EDGE;
}

static const struct bucket *bucket_read(u64 hash)
{
	const struct places *t = __atomic_load_n(&route_table.now, __ATOMIC_ACQUIRE);
	const struct bucket *b;

	for (;;) {
		b = __atomic_load_n(&t->bucket[places_index(t, hash)], __ATOMIC_ACQUIRE);
		if (b != &route_bucket_moved)
			return b;
		t = t->next; /* set before the mark was */
	}
}

static bool shape_used(u32 shape)
{
	return __atomic_load_n(&route_table.count[shape], __ATOMIC_ACQUIRE) != 0;
}

static bool entry_matches(const struct route_entry *e, const struct route_key *k)
{
	if (e->overlay != k->ingress->overlay)
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
		return e->from_port == k->ingress->id;
	case ROUTE_FROM_EDGES:
		return from_edge(k);
	default:
		return !from_edge(k);
	}
}

static bool port_carries(u16 id)
{
	const struct vnet_port *port = vnet_port_slot(id);

	return port && __atomic_load_n(&port->up, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&port->lost, __ATOMIC_RELAXED);
}

/* Where the entry leads now: with both edges out, to the one that is meant, which
 * drops with its reason. */
static u16 entry_to(const struct route_entry *e, u16 to)
{
	return e->backup == VNET_PORT_NONE || port_carries(to) || !port_carries(e->backup)
		       ? to
		       : e->backup;
}

struct best {
	u8 prio;
	bool blocked; /* only its `from` kept a route from passing this edge to edge */
	bool forged;
	bool hairpin; /* the ingress is among the destinations, and taken out */
	u32 counter;  /* of the last one of ... */
	u32 routes;   /* ... so many that lead elsewhere */
	u32 n;	      /* up to VERDICT_PORTS in port[]; more are in many */
	u16 port[VERDICT_PORTS];
	struct port_set *many;
};

static void best_add(struct best *best, u16 to)
{
	for (u32 i = 0; i < MIN(best->n, (u32)VERDICT_PORTS); i++) {
		if (best->port[i] == to)
			return;
	}
	if (best->n < VERDICT_PORTS) {
		best->port[best->n++] = to;
		return;
	}
	if (best->n == VERDICT_PORTS) {
		*best->many = (struct port_set){ 0 };
		for (u32 i = 0; i < VERDICT_PORTS; i++)
			port_set_add(best->many, best->port[i]);
		best->n++;
	}
	port_set_add(best->many, to);
}

static void best_take(struct best *best, const struct route_entry *e, u16 to, u16 ingress)
{
	if (e->prio > best->prio) {
		best->prio = e->prio;
		best->n = 0;
		best->routes = 0;
		best->hairpin = false;
	}
	if (to == ingress) {
		best->hairpin = true;
		return;
	}
	best->counter = e->counter;
	best->routes++;
	best_add(best, to);
}

/* Only of what is in use, or was when this core began to read. */
static bool leads_to_edge(u16 to)
{
	return vnet_port_slot(to)->kind == VNET_PORT_EDGE;
}

/* Two shapes may come to one bucket: an entry counts for its own. */
static void scan(const struct bucket *b, u32 shape, const struct route_key *k, struct best *best)
{
	for (u32 i = 0; b && i < b->n; i++) {
		const struct route_entry *e = &b->e[i];
		u16 to = __atomic_load_n(&e->to, __ATOMIC_RELAXED);

		if (e->prio < best->prio)
			break;
		if (to == VNET_PORT_NONE || !entry_matches(e, k) || entry_shape(e) != shape)
			continue;
		if (e->prio == ROUTE_PRIO_OWN)
			best->forged |= from_edge(k);
		else if (entry_from(e, k))
			best_take(best, e, entry_to(e, to), k->ingress->id);
		else
			best->blocked |= from_edge(k) && leads_to_edge(to);
	}
}

/* Ports ascend, so that a set has one verdict. */
static u64 verdict_pack(u16 *port, u32 n)
{
	u64 verdict = 0;

	for (u32 i = 1; i < n; i++) {
		u16 id = port[i];
		u32 at = i;

		for (; at && port[at - 1] > id; at--)
			port[at] = port[at - 1];
		port[at] = id;
	}
	for (u32 i = n; i-- > 0;)
		verdict = verdict << VERDICT_PORT_BITS | port[i];
	return verdict;
}

/* Where no static route matches, and nothing is flooded. */
static u64 verdict_else(const struct route_key *k, const struct best *best)
{
	const struct learned *learned = __atomic_load_n(&k->ingress->learned, __ATOMIC_ACQUIRE);
	u16 to;

	if (best->hairpin)
		return verdict_drop(VNET_DROP_HAIRPIN);
	if (best->blocked)
		return verdict_drop(VNET_DROP_EDGE_TO_EDGE);
	to = learned && !from_edge(k) ? learned_find(learned, k->dst) : VNET_PORT_NONE;
	return to != VNET_PORT_NONE ? to : verdict_drop(VNET_DROP_NO_ROUTE);
}

static u32 shapes_of(const struct route_key *k)
{
	return mac_is_group(k->dst) ? SHAPE_COUNT : SHAPE_UNICAST_COUNT;
}

static void find_best(const struct route_key *k, struct best *best)
{
	u32 shapes = shapes_of(k);

	for (u32 s = 0; s < shapes; s++) {
		if (shape_used(s))
			scan(bucket_read(key_hash(k, s)), s, k, best);
	}
}

static u64 verdict_counted(struct best *best)
{
	u64 by = best->routes == 1 ? (u64)best->counter << VERDICT_COUNTER_SHIFT : VERDICT_SHARED;

	return by | (best->n > VERDICT_PORTS ? VERDICT_MANY : verdict_pack(best->port, best->n));
}

/* Are frames flooded whose destination is not known? */
static bool floods(const struct route_key *k)
{
	const struct learned *learned = __atomic_load_n(&k->ingress->learned, __ATOMIC_ACQUIRE);

	return learned && learned_floods(learned);
}

/* As if it were for everybody. */
static void find_flood(const struct route_key *k, struct route_key *all, struct best *best)
{
	*all = *k;
	all->dst = MAC_BROADCAST;
	route_key_hash(all);
	find_best(all, best);
}

static u64 verdict_flood(const struct route_key *k, struct port_set *many)
{
	struct best best = { .many = many };
	struct route_key all;

	find_flood(k, &all, &best);
	return VERDICT_FLOOD |
	       (best.n ? verdict_counted(&best) : verdict_drop(VNET_DROP_NO_ROUTE));
}

u64 route_lookup_counted(const struct route_key *k, struct port_set *many)
{
	struct best best = { .many = many };
	u64 verdict;

	if (from_edge(k) && mac_is_group(k->src))
		return verdict_drop(VNET_DROP_SOURCE);
	find_best(k, &best);
	if (best.forged)
		return verdict_drop(VNET_DROP_SOURCE);
	if (best.n)
		return verdict_counted(&best);
	verdict = verdict_else(k, &best);
	if (verdict == verdict_drop(VNET_DROP_NO_ROUTE) && !mac_is_group(k->dst) && floods(k))
		return verdict_flood(k, many);
	return verdict;
}

/* --- counting what several routes share: the core that has the frame -------- */

static void count_shape(u32 shape, const struct route_key *k, u8 prio, unsigned core, u64 bytes)
{
	const struct bucket *b = bucket_read(key_hash(k, shape));

	for (u32 i = 0; b && i < b->n; i++) {
		const struct route_entry *e = &b->e[i];
		u16 to = __atomic_load_n(&e->to, __ATOMIC_RELAXED);
		struct route_cell *cell;

		if (e->prio < prio)
			break;
		if (e->prio != prio || to == VNET_PORT_NONE || entry_shape(e) != shape ||
		    !entry_matches(e, k) || !entry_from(e, k) || entry_to(e, to) == k->ingress->id)
			continue;
		cell = route_cell(e->counter, core);
		cell->frames++;
		cell->bytes += bytes;
	}
}

void route_count_shared(const struct route_key *k, unsigned core, u64 bytes)
{
	struct port_set many;
	struct best best = { .many = &many };
	struct route_key all;
	u32 shapes;

	find_best(k, &best);
	if (!best.n) {
		find_flood(k, &all, &best);
		k = &all;
	}
	shapes = shapes_of(k);
	for (u32 s = 0; s < shapes; s++) {
		if (shape_used(s))
			count_shape(s, k, best.prio, core, bytes);
	}
}

void route_prefetch_places(const struct route_key *k)
{
	const struct places *t = __atomic_load_n(&route_table.now, __ATOMIC_ACQUIRE);

	/* The wild ones are looked at all the time. */
	for (u32 s = 0; s < SHAPE_WILD; s++) {
		if (shape_used(s))
			__builtin_prefetch(&t->bucket[places_index(t, key_hash(k, s))]);
	}
}

void route_prefetch_buckets(const struct route_key *k)
{
	for (u32 s = 0; s < SHAPE_WILD; s++) {
		if (shape_used(s))
			__builtin_prefetch(bucket_read(key_hash(k, s)));
	}
}

