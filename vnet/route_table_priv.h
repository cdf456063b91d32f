/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the route table, shared by looking up (route_table.c) and
 * changing (route_change.c). */
#ifndef VNET_ROUTE_TABLE_PRIV_H
#define VNET_ROUTE_TABLE_PRIV_H

#include "vnet/route_table.h"

#define ROUTE_FIRST_BITS 10
#define ROUTE_LAST_BITS 20

struct bucket {
	u32 n;
	u32 reserved;
	struct route_entry e[]; /* the highest priority first */
};

/* One size of the table. */
struct places {
	u32 bits;
	u32 moved; /* boot core: as many from the start have gone to next */
	struct places *next;
	struct bucket *bucket[];
};

enum shape {
	SHAPE_DST,
	SHAPE_PAIR,
	SHAPE_SRC,
	SHAPE_WILD,
	SHAPE_UNICAST_COUNT, /* what follows is for multicast destinations only */
	SHAPE_SRC_GROUP = SHAPE_UNICAST_COUNT,
	SHAPE_WILD_GROUP,
	SHAPE_COUNT,
};

struct route_table {
	struct places *now;
	u32 count[SHAPE_COUNT]; /* entries; a shape that has none is not looked for */
	u32 total;
	u32 backups; /* entries that have one */
};
extern struct route_table route_table;

/* Stands where a bucket was that is in the next array now. */
extern struct bucket route_bucket_moved;

static inline u32 places_index(const struct places *t, u64 hash)
{
	return (u32)(hash >> (64 - t->bits));
}

static inline size_t places_bytes(const struct places *t)
{
	return sizeof(*t) + BIT64(t->bits) * sizeof(t->bucket[0]);
}

static inline size_t bucket_bytes(u32 n)
{
	return sizeof(struct bucket) + n * sizeof(struct route_entry);
}

/* Where the entries of a shape lie that a frame with these hashes can match. */
static inline u64 shape_hash(u32 shape, u64 hash_dst, u64 hash_src, u32 overlay)
{
	switch (shape) {
	case SHAPE_DST:
		return hash_dst;
	case SHAPE_PAIR:
		return hash_mix(hash_dst ^ HASH_K1, hash_src);
	case SHAPE_SRC:
		return hash_src;
	case SHAPE_SRC_GROUP:
		return hash_mix(hash_src ^ HASH_K1, HASH_K0);
	case SHAPE_WILD:
		return route_hash_mac(0, overlay);
	default:
		return route_hash_mac(1, overlay);
	}
}

/* By which of its hashes the entry is found. */
static inline enum shape entry_shape(const struct route_entry *e)
{
	if (e->dst_cls == ROUTE_EXACT)
		return e->src_cls == ROUTE_EXACT ? SHAPE_PAIR : SHAPE_DST;
	if (e->src_cls == ROUTE_EXACT)
		return e->dst_cls == ROUTE_GROUP ? SHAPE_SRC_GROUP : SHAPE_SRC;
	return e->dst_cls == ROUTE_GROUP ? SHAPE_WILD_GROUP : SHAPE_WILD;
}

/* Boot core. NULL: no memory. */
struct places *route_places_new(u32 bits);

#endif
