/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing the route table, see route_table.c: boot core only. */
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/route_table_priv.h"

/* Buckets moved with each change: two would do to be done before the next time. */
#define MOVE_STEP 4

static void bump(u32 *gen)
{
	__atomic_fetch_add(gen, 1, __ATOMIC_RELEASE);
}

void route_touch_all(void)
{
	bump(&route_gens.all);
}

void route_edge_changed(void)
{
	/* Otherwise no answer depends on it. */
	if (__atomic_load_n(&route_table.backups, __ATOMIC_RELAXED))
		route_touch_all();
}

void route_touch_dst(u32 overlay, u64 mac)
{
	bump(&route_gens.mac[route_gen_dst(route_hash_mac(mac, overlay))]);
}

/* Where an entry lies, and the generation that its changes bump. */
struct home {
	u64 hash;
	u32 *gen;
	enum shape shape;
};

static void entry_home(const struct route_entry *e, struct home *h)
{
	u64 hash_dst = route_hash_mac(e->dst, e->overlay);
	u64 hash_src = route_hash_mac(e->src, e->overlay);

	h->shape = entry_shape(e);
	switch (h->shape) {
	case SHAPE_DST:
	case SHAPE_PAIR:
		h->gen = &route_gens.mac[route_gen_dst(hash_dst)];
		break;
	case SHAPE_SRC:
	case SHAPE_SRC_GROUP:
		h->gen = &route_gens.mac[route_gen_src(hash_src)];
		break;
	default:
		h->gen = h->shape == SHAPE_WILD_GROUP ? &route_gens.group : &route_gens.all;
		break;
	}
	h->hash = shape_hash(h->shape, hash_dst, hash_src, e->overlay);
}

static struct bucket **bucket_place(u64 hash)
{
	struct places *t = route_table.now;

	while (t->bucket[places_index(t, hash)] == &route_bucket_moved)
		t = t->next;
	return &t->bucket[places_index(t, hash)];
}

static void bucket_retire(struct bucket *b)
{
	if (b)
		epoch_retire(b, bucket_bytes(b->n));
}

/* Those of b's live entries whose hash has `high` as its bit of that value:
 * *out is NULL when there are none. */
static err_t bucket_part(const struct bucket *b, u64 bit, bool high, struct bucket **out)
{
	struct home h;
	u32 n = 0;

	*out = NULL;
	for (u32 turn = 0; turn < 2; turn++) {
		for (u32 i = 0; i < b->n; i++) {
			if (b->e[i].to == VNET_PORT_NONE)
				continue;
			entry_home(&b->e[i], &h);
			if (((h.hash & bit) != 0) != high)
				continue;
			if (turn)
				(*out)->e[(*out)->n++] = b->e[i];
			else
				n++;
		}
		if (!n)
			return ERR_OK;
		if (!turn)
			*out = plat_alloc(bucket_bytes(n));
		if (!*out)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

/* Bucket i of t to its two places in the next array. */
static bool bucket_move(struct places *t, u32 i)
{
	struct bucket *b = t->bucket[i], *low = NULL, *high = NULL;
	u64 bit = BIT64(63 - t->bits);

	if (b && (bucket_part(b, bit, false, &low) != ERR_OK ||
		  bucket_part(b, bit, true, &high) != ERR_OK)) {
		if (low)
			plat_free(low, bucket_bytes(low->n));
		return false;
	}
	__atomic_store_n(&t->next->bucket[2 * (size_t)i], low, __ATOMIC_RELEASE);
	__atomic_store_n(&t->next->bucket[2 * (size_t)i + 1], high, __ATOMIC_RELEASE);
	__atomic_store_n(&t->bucket[i], &route_bucket_moved, __ATOMIC_RELEASE);
	bucket_retire(b);
	return true;
}

/* Some steps of growing, when that is due and memory and readers allow it. */
static void grow(void)
{
	struct places *t = route_table.now;

	if (!t->next && route_table.total > BIT(t->bits) && t->bits < ROUTE_LAST_BITS)
		t->next = route_places_new(t->bits + 1);
	if (!t->next || !epoch_room(MOVE_STEP + 1))
		return;
	for (u32 i = 0; i < MOVE_STEP && t->moved < BIT(t->bits); i++) {
		if (!bucket_move(t, t->moved))
			return;
		t->moved++;
	}
	if (t->moved < BIT(t->bits))
		return;
	__atomic_store_n(&route_table.now, t->next, __ATOMIC_RELEASE);
	epoch_retire(t, places_bytes(t));
}

static bool entry_same(const struct route_entry *a, const struct route_entry *b)
{
	return memcmp(a, b, offsetof(struct route_entry, counter)) == 0;
}

bool route_table_has(const struct route_entry *e)
{
	const struct bucket *b;
	struct home h;

	entry_home(e, &h);
	b = *bucket_place(h.hash);
	for (u32 i = 0; b && i < b->n; i++) {
		if (entry_same(&b->e[i], e))
			return true;
	}
	return false;
}

/* old's live entries and e, in order. */
static struct bucket *bucket_with(const struct bucket *old, u32 live, const struct route_entry *e)
{
	struct bucket *b = plat_alloc(bucket_bytes(live + 1));
	bool placed = false;

	for (u32 i = 0; b && old && i < old->n; i++) {
		if (old->e[i].to == VNET_PORT_NONE)
			continue;
		if (!placed && old->e[i].prio < e->prio) {
			b->e[b->n++] = *e;
			placed = true;
		}
		b->e[b->n++] = old->e[i];
	}
	if (b && !placed)
		b->e[b->n++] = *e;
	return b;
}

err_t route_table_add(const struct route_entry *e)
{
	struct bucket **place, *old, *b;
	struct home h;
	u32 live = 0;

	grow();
	entry_home(e, &h);
	place = bucket_place(h.hash);
	old = *place;
	for (u32 i = 0; old && i < old->n; i++)
		live += old->e[i].to != VNET_PORT_NONE;
	if (live == ROUTE_BUCKET_MAX)
		return ERR_FULL;
	if (!epoch_room(1))
		return ERR_BUSY;
	b = bucket_with(old, live, e);
	if (!b)
		return ERR_NOMEM;
	/* Before it can be found: who sees the new generation looks for the shape. */
	__atomic_fetch_add(&route_table.count[h.shape], 1, __ATOMIC_RELEASE);
	route_table.total++;
	route_table.backups += e->backup != VNET_PORT_NONE;
	__atomic_store_n(place, b, __ATOMIC_RELEASE);
	bump(h.gen);
	bucket_retire(old);
	return ERR_OK;
}

void route_table_del(const struct route_entry *e)
{
	struct bucket **place, *b;
	struct home h;
	u32 live = 0;

	entry_home(e, &h);
	place = bucket_place(h.hash);
	b = *place;
	for (u32 i = 0; b && i < b->n; i++) {
		if (entry_same(&b->e[i], e))
			__atomic_store_n(&b->e[i].to, VNET_PORT_NONE, __ATOMIC_RELAXED);
		live += b->e[i].to != VNET_PORT_NONE;
	}
	if (!live && epoch_room(1)) {
		__atomic_store_n(place, NULL, __ATOMIC_RELEASE);
		bucket_retire(b);
	}
	__atomic_fetch_sub(&route_table.count[h.shape], 1, __ATOMIC_RELEASE);
	route_table.total--;
	route_table.backups -= e->backup != VNET_PORT_NONE;
	bump(h.gen);
}

/* --- own addresses ---------------------------------------------------------- */

static struct route_entry own_entry(const struct vnet_port *port)
{
	return (struct route_entry){
		.src = mac_load(port->mac),
		.overlay = port->overlay,
		.to = port->id,
		.src_cls = ROUTE_EXACT,
		.dst_cls = ROUTE_ANY,
		.prio = ROUTE_PRIO_OWN,
	};
}

err_t route_own_add(const struct vnet_port *port)
{
	struct route_entry e = own_entry(port);

	return route_table_add(&e);
}

void route_own_del(const struct vnet_port *port)
{
	struct route_entry e = own_entry(port);

	route_table_del(&e);
}
