/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overlays of a node. Each has interfaces, edges and routes of its own, and
 * an id that tells it apart on the wire (a VNI). Number 0, `default`, is always
 * there: ports that say nothing are in it. Boot core only.
 */
#ifndef VNET_OVERLAY_H
#define VNET_OVERLAY_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/learn.h"
#include "vnet/neigh.h"
#include "vnet/vnet.h"

#define OVERLAY_MAX 64
#define OVERLAY_DEFAULT_NAME "default"
#define OVERLAY_AGE_MAX_S (24 * 3600u)

struct overlay_setup {
	bool learn;
	u32 age_s; /* 1 .. OVERLAY_AGE_MAX_S */
	u32 limit; /* addresses an edge, 1 .. LEARN_LIMIT_MAX */
	bool flood; /* where it learns: unknown unicast as if it were broadcast */
	bool answers; /* ARP and neighbour discovery, for guests of this node */
};

struct overlay {
	char name[VNET_NAME_MAX];
	u32 id;
	struct overlay_setup setup;
	struct learned *learned; /* NULL: it does not learn */
	struct neigh *neigh;	 /* NULL: it does not answer */
};

extern const struct overlay_setup overlay_defaults;

/* The id of an overlay that is not given one: by its name, so that all nodes
 * agree. 1 .. VNET_OVERLAY_MAX. */
u32 overlay_id_of(const char *name);

/* With vnet_init() and vnet_fini(). seed: random. */
err_t overlay_init(u64 seed);
void overlay_fini(void);

/* ERR_EXIST: the name or the id is taken; ERR_RANGE, ERR_INVAL; ERR_NOMEM. */
err_t overlay_add(const char *name, u32 id, const struct overlay_setup *setup);
/* Change it. What was learned is forgotten when learning ends or the limit
 * changes. ERR_RANGE, ERR_NOMEM, ERR_BUSY: nothing changed. */
err_t overlay_set(struct overlay *o, const struct overlay_setup *setup);
/* ERR_BUSY while it has ports; ERR_INVAL for the default one. */
err_t overlay_del(struct overlay *o);

/* NULL: there is none. */
struct overlay *overlay_find(const char *name);
struct overlay *overlay_by_id(u32 id);
/* In order of their adding, NULL to start; NULL at the end. */
struct overlay *overlay_next(const struct overlay *after);

/* How many ports it has, also such as are being deleted. */
u32 overlay_ports(const struct overlay *o);
/* Forget what was learned and heard from the port, in whichever overlay it is. */
void overlay_flush_port(const struct vnet_port *port);
/* Addresses learned in all overlays. */
u32 overlay_learned(void);
/* About once a second. */
void overlay_tick(u64 now_ns);

#endif
