/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes: which ports a frame goes to, by its MAC addresses and the port it
 * came in by. The semantics are VNET/P's.
 *
 * Each side of a route matches in a class; the two classes give a priority;
 * all routes that tie at the highest priority get the frame, each port once.
 * The `from` filter decides whether a route takes part at all and adds no
 * priority. A frame never leaves by the port it came in by; that is applied
 * to the winners, so a better route back to the ingress hides a worse one.
 * A winner whose edge is down or lost sends by its backup edge, if it has one
 * that is not.
 *
 * Routes belong to the overlay of the port they lead to. A frame from an edge
 * whose source is one of our interfaces' MACs, or a group, is forged (or looped).
 *
 * Threads: add and del on the boot core; lookups on any core between
 * epoch_read_begin() and epoch_read_end(), without locks.
 */
#ifndef VNET_ROUTE_H
#define VNET_ROUTE_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/hash.h"
#include "vnet/portset.h"
#include "vnet/vnet.h"

#define MAC_LEN 6
#define ROUTE_MAX BIT(20)
#define ROUTE_TEXT_MAX 200 /* longest line of route_format() */

enum route_class {
	ROUTE_EXACT, /* equal to the MAC */
	ROUTE_NOT,   /* differs from the MAC */
	ROUTE_ANY,
	ROUTE_NONE,  /* destination only: the default route of an exact source */
	ROUTE_GROUP, /* destination only: any multicast MAC; counts as exact */
	ROUTE_CLASS_COUNT,
};

/* Lowest first: the order of VNET/P's table, its numbers beside it. */
enum route_prio {
	ROUTE_PRIO_INVALID,	/*      classes that cannot be combined */
	ROUTE_PRIO_ANY_ANY,	/* 3 */
	ROUTE_PRIO_DEFAULT,	/* 4    exact / none */
	ROUTE_PRIO_NOT_NOT,	/* 4.5 */
	ROUTE_PRIO_ANY_NOT,	/* 5    either way round, as below */
	ROUTE_PRIO_EXACT_ANY,	/* 6 */
	ROUTE_PRIO_EXACT_NOT,	/* 7 */
	ROUTE_PRIO_EXACT_EXACT, /* 8 */
};

enum route_from {
	ROUTE_FROM_ANY,	       /* not said: the local interfaces */
	ROUTE_FROM_INTERFACES, /* the same, said */
	ROUTE_FROM_EDGES,
	ROUTE_FROM_PORT, /* one interface or edge */
};

struct route_match {
	enum route_class cls;
	u8 mac[6]; /* exact and not only */
};

struct route_spec {
	struct route_match src, dst;
	enum route_from from;
	u16 from_port; /* ROUTE_FROM_PORT only: port id */
	u16 to;	       /* port id */
	u16 backup;    /* edge that stands in for the edge `to`; or VNET_PORT_NONE */
};

/* What a route carried: frames that were handed to its port because of it. A long
 * frame is one with all its bytes; a frame that several routes win is each one's. */
struct route_use {
	u64 frames, bytes;
};

struct route {
	u32 id; /* from 1 up, never used again */
	u32 counter;
	struct route_use before; /* of the counter, by other routes */
	struct route_spec spec;
};

/* What the two classes give together; ROUTE_PRIO_INVALID when they cannot. */
enum route_prio route_priority(enum route_class src, enum route_class dst);

/* Boot core. Empty table; seed: random, so that nobody can choose collisions.
 * ERR_NOMEM. */
err_t route_init(u64 seed);
void route_fini(void);

/*
 * Boot core. ERR_OK: it holds for every frame looked up from now on; *id names
 * it, and why holds a warning or is empty. Otherwise nothing changed and why
 * says what is wrong: ERR_INVAL for the classes, ERR_NOENT for a port,
 * ERR_EXIST for the same route, ERR_NOMEM, ERR_FULL when too many differ in
 * nothing but what is not exact, ERR_BUSY when a core holds on to too much
 * that was replaced.
 */
err_t route_add(const struct route_spec *spec, u32 *id, char *why, size_t size);
err_t route_del(u32 id);

/* Boot core. How often routes name the port; and delete these. */
u32 route_port_uses(u16 port);
void route_port_del(u16 port);

/* Boot core. The first route with a greater id, 0 to start; NULL at the end.
 * The pointer is good until the next change. */
const struct route *route_next(u32 after);
u32 route_count(void);

/* Boot core. Since the route was added. Frames that move at this moment on other
 * cores may be counted or not. What a route carried is forgotten when it is
 * deleted; exchanging one is deleting it. */
void route_used(const struct route *r, struct route_use *out);

/*
 * Does some multicast frame that `low` would carry go elsewhere because of
 * `high`? (not-X / exact hides any / exact: easy to write, hard to see.)
 */
bool route_hides_group(const struct route_spec *high, const struct route_spec *low);

/* The route in the words of the control language, without "route add". Returns buf. */
char *route_format(const struct route_spec *spec, char *buf, size_t size);

/* --- lookup --------------------------------------------------------------- */

struct route_key {
	u64 dst, src; /* mac_load() */
	const struct vnet_port *ingress;
	u64 hash_dst, hash_src; /* by route_key_hash() */
};

/* frame: at least an Ethernet header. */
static inline void route_key_init(struct route_key *k, const struct vnet_port *ingress,
				  const u8 *frame)
{
	k->dst = mac_load_wide(frame);
	k->src = mac_load_wide(frame + MAC_LEN);
	k->ingress = ingress;
}

/*
 * Generations of kept answers. A change bumps one, after it is visible: that of
 * the group of destinations or of sources that the MAC falls in, that of all
 * multicast destinations, or that of everything.
 */
#define ROUTE_GEN_BITS 13
struct route_gens {
	u32 mac[2 * BIT(ROUTE_GEN_BITS)]; /* of destinations, then of sources */
	u32 all ALIGNED(CACHE_LINE);
	u32 group;
	u64 seed; /* of hash_dst and hash_src */
};
extern struct route_gens route_gens; /* to be read through the functions here */

static inline u64 route_hash_mac(u64 mac, u32 overlay)
{
	return hash_mix(mac ^ route_gens.seed, HASH_K0 ^ overlay);
}

/* Before anything below is done with the key. */
static inline void route_key_hash(struct route_key *k)
{
	k->hash_dst = route_hash_mac(k->dst, k->ingress->overlay);
	k->hash_src = route_hash_mac(k->src, k->ingress->overlay);
}

/* Places in route_gens.mac. */
static inline u32 route_gen_dst(u64 hash_dst)
{
	return (u32)(hash_dst >> (64 - ROUTE_GEN_BITS));
}

static inline u32 route_gen_src(u64 hash_src)
{
	return (u32)BIT(ROUTE_GEN_BITS) + (u32)(hash_src >> (64 - ROUTE_GEN_BITS));
}

/* The generation of an answer: taken before route_lookup() is asked for it. */
struct route_stamp {
	u32 sum;
	u16 dst, src; /* which groups its MACs fall in: places in route_gens.mac */
};
STATIC_ASSERT(ROUTE_GEN_BITS < 16, "in 16 bits");

/* The generation of everything. Who looks at several answers asks once. */
static inline u32 route_gen_all(void)
{
	return __atomic_load_n(&route_gens.all, __ATOMIC_ACQUIRE);
}

static inline u32 route_stamp_sum(u16 dst, u16 src, u32 all, bool group)
{
	u32 sum = all;

	sum += __atomic_load_n(&route_gens.mac[dst], __ATOMIC_ACQUIRE);
	sum += __atomic_load_n(&route_gens.mac[src], __ATOMIC_ACQUIRE);
	if (group)
		sum += __atomic_load_n(&route_gens.group, __ATOMIC_ACQUIRE);
	return sum;
}

static inline struct route_stamp route_stamp_take(const struct route_key *k)
{
	u16 dst = (u16)route_gen_dst(k->hash_dst), src = (u16)route_gen_src(k->hash_src);

	return (struct route_stamp){
		route_stamp_sum(dst, src, route_gen_all(), mac_is_group(k->dst)), dst, src
	};
}

/*
 * Is route_lookup()'s answer for this destination still what it was? Changes
 * seldom make others' answers void. The sum comes round after 2^32 changes: an
 * answer nobody asked for in 50 days of 1,000 changes a second is no flow.
 */
static inline bool route_stamp_valid(const struct route_stamp *stamp, u32 all, u64 dst)
{
	return route_stamp_sum(stamp->dst, stamp->src, all, mac_is_group(dst)) == stamp->sum;
}

/*
 * A verdict: up to VERDICT_PORTS port ids of VERDICT_PORT_BITS each, ascending
 * from the lowest bits, 0 behind the last; or VERDICT_MANY, more than that; or
 * VERDICT_DROP and why there are none.
 *
 * A counted verdict says as well who counts the frame: one route's counter, or
 * VERDICT_SHARED, several routes, or neither. Caches keep these, but those with
 * VERDICT_FLOOD: what is for nobody that is known, and goes where a broadcast would,
 * hangs on other routes than the frame's stamp says.
 */
#define VERDICT_PORTS 3
#define VERDICT_PORT_BITS 12
#define VERDICT_SHARED BIT64(36)
#define VERDICT_MANY BIT64(38)
#define VERDICT_DROP BIT64(39)
#define VERDICT_FLOOD BIT64(40)
#define VERDICT_COUNTER_SHIFT 41 /* the rest is the counter */
#define VERDICT_COUNTER_MASK (~0ull << VERDICT_COUNTER_SHIFT)

#define ROUTE_COUNTER_NONE 0u

STATIC_ASSERT(VNET_MAX_PORTS <= BIT(VERDICT_PORT_BITS) && VNET_PORT_NONE == 0, "ids fit");
STATIC_ASSERT(BIT64(VERDICT_PORTS * VERDICT_PORT_BITS) <= VERDICT_SHARED, "below the flags");

static inline enum vnet_drop verdict_reason(u64 verdict)
{
	return (enum vnet_drop)(verdict & 0xff);
}

static inline u64 verdict_drop(enum vnet_drop why)
{
	return VERDICT_DROP | (u64)why;
}

/* The first port; the next one is the first of verdict >> VERDICT_PORT_BITS. */
static inline u16 verdict_port(u64 verdict)
{
	return verdict & (BIT(VERDICT_PORT_BITS) - 1);
}

static inline u32 verdict_counter(u64 counted)
{
	return (u32)(counted >> VERDICT_COUNTER_SHIFT);
}

static inline u64 verdict_of(u64 counted)
{
	return counted & ~(VERDICT_COUNTER_MASK | VERDICT_SHARED | VERDICT_FLOOD);
}

/*
 * A counted verdict. many: gets the ports of a frame that goes to more than
 * VERDICT_PORTS; the answer then costs what so many copies do, and is not kept
 * but asked again.
 */
u64 route_lookup_counted(const struct route_key *k, struct port_set *many);

/* The verdict alone. */
static inline u64 route_lookup(const struct route_key *k, struct port_set *many)
{
	return verdict_of(route_lookup_counted(k, many));
}

/* Count a frame of VERDICT_SHARED for each of its routes. The calling core. */
void route_count_shared(const struct route_key *k, unsigned core, u64 bytes);

/* Start fetching what route_lookup() will read: first the places of the
 * buckets, and in another pass over the burst the buckets. */
void route_prefetch_places(const struct route_key *k);
void route_prefetch_buckets(const struct route_key *k);

/* Boot core. Kept answers of all frames are void: a port id changed its meaning. */
void route_touch_all(void);
/* An edge's core: it went down, or came up, or its other end did. */
void route_edge_changed(void);
/* Any core. Kept answers for frames to this MAC are void. */
void route_touch_dst(u32 overlay, u64 mac);

/* Boot core. The MAC of an interface becomes, and ceases to be, one that nobody
 * beyond an edge may speak as. Errors as route_add(). */
err_t route_own_add(const struct vnet_port *port);
void route_own_del(const struct vnet_port *port);

#endif
