/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the list of routes (route.c) and the table for lookups (route_table.c). */
#ifndef VNET_ROUTE_TABLE_H
#define VNET_ROUTE_TABLE_H

#include "vnet/route.h"

/* What a lookup needs of a route: half a cache line. */
struct route_entry {
	u64 src, dst; /* mac_load(); 0 where the class has no MAC */
	u32 overlay;
	u16 to; /* cleared when the route is deleted */
	u16 from_port;
	u8 src_cls, dst_cls; /* enum route_class */
	u8 from;	     /* enum route_from */
	u8 prio;	     /* enum route_prio */
	bool to_edge;
	u8 reserved[3]; /* zero: entries are compared whole */
};
STATIC_ASSERT(sizeof(struct route_entry) == CACHE_LINE / 2, "two to a cache line");

/* Boot core. */
void route_table_init(u64 seed);
void route_table_fini(void);

/* Visible to lookups on return. ERR_NOMEM; ERR_BUSY: too much waits to be freed. */
err_t route_table_add(const struct route_entry *e);
/* e equals one that was added. Needs no memory and cannot fail. */
void route_table_del(const struct route_entry *e);

#endif
