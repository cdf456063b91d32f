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
 *
 * Routes belong to the overlay of the port they lead to.
 *
 * Threads: add and del on the boot core; lookups on any core between
 * epoch_read_begin() and epoch_read_end(), without locks.
 */
#ifndef VNET_ROUTE_H
#define VNET_ROUTE_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/vnet.h"

#define ROUTE_MAX 16384
#define ROUTE_TEXT_MAX 160 /* longest line of route_format() */

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
};

struct route {
	u32 id; /* from 1 up, never used again */
	struct route_spec spec;
};

/* What the two classes give together; ROUTE_PRIO_INVALID when they cannot. */
enum route_prio route_priority(enum route_class src, enum route_class dst);

/* Boot core. Empty table; seed: random, so that nobody can choose collisions. */
void route_init(u64 seed);
void route_fini(void);

/*
 * Boot core. ERR_OK: it holds for every frame looked up from now on; *id names
 * it, and why holds a warning or is empty. Otherwise nothing changed and why
 * says what is wrong: ERR_INVAL for the classes, ERR_NOENT for a port,
 * ERR_EXIST for the same route, ERR_NOMEM, ERR_BUSY when a core holds on to
 * too much that was replaced.
 */
err_t route_add(const struct route_spec *spec, u32 *id, char *why, size_t size);
err_t route_del(u32 id);

/* Boot core. How many routes name the port; and delete these. */
u32 route_port_uses(u16 port);
void route_port_del(u16 port);

/* Boot core. The first route with a greater id, 0 to start; NULL at the end.
 * The pointer is good until the next change. */
const struct route *route_next(u32 after);
u32 route_count(void);

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
	u64 hash_dst, hash_src;
	u32 overlay;
	u16 ingress; /* port id */
	bool from_edge;
};

/* frame: at least 12 bytes. */
void route_key_init(struct route_key *k, const struct vnet_port *ingress, const u8 *frame);

/* A verdict: bit n is port n; or, with bit 0 (never a port), why there is none. */
#define VERDICT_DROP 1ull
#define VERDICT_REASON_SHIFT 8

static inline enum vnet_drop verdict_reason(u64 verdict)
{
	return (enum vnet_drop)(verdict >> VERDICT_REASON_SHIFT);
}

STATIC_ASSERT(VNET_MAX_PORTS <= 64 && VNET_PORT_NONE == 0, "a verdict has a bit for each port");

/* Never 0 ports without a reason. */
u64 route_lookup(const struct route_key *k);

/*
 * Changes whenever a change may have changed route_lookup(k), seldom
 * otherwise; never 0. Read it before the lookup whose answer is to be kept.
 */
u64 route_generation(const struct route_key *k);

/* Boot core. Kept answers of all frames are void: a port id changed its meaning. */
void route_touch_all(void);

#endif
