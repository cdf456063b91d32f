/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the list of routes (route.c) and the table for lookups (route_table.c). */
#ifndef VNET_ROUTE_TABLE_H
#define VNET_ROUTE_TABLE_H

#include "vnet/route.h"

/* Entries of one bucket: bounds what a lookup and a change cost when many
 * routes differ in nothing that is hashed (no exact MAC, or the same ones). */
#define ROUTE_BUCKET_MAX 4096u

/* No route: the entry's source is the MAC of `to`, an interface here. In front of
 * its bucket. */
#define ROUTE_PRIO_OWN UINT8_MAX

/* What a lookup needs of a route: half a cache line. */
struct route_entry {
	u64 src, dst; /* mac_load(); 0 where the class has no MAC */
	u32 overlay;
	u16 to; /* cleared when the route is deleted */
	u16 from_port;
	u8 src_cls : 3, dst_cls : 3; /* enum route_class */
	u8 from : 2;		     /* enum route_from */
	u8 prio;		     /* enum route_prio, or ROUTE_PRIO_OWN */
	u16 backup;
	u32 counter; /* last: equal routes differ in it */
};
STATIC_ASSERT(sizeof(struct route_entry) == CACHE_LINE / 2, "two to a cache line");
STATIC_ASSERT(ROUTE_CLASS_COUNT <= BIT(3) && ROUTE_FROM_PORT < BIT(2), "classes fit");

/* Boot core. */
err_t route_table_init(u64 seed); /* ERR_NOMEM */
void route_table_fini(void);

/* Boot core. Is an equal entry there? */
bool route_table_has(const struct route_entry *e);

/* Visible to lookups on return. ERR_NOMEM; ERR_FULL: ROUTE_BUCKET_MAX; ERR_BUSY:
 * too much waits to be freed. */
err_t route_table_add(const struct route_entry *e);
/* e equals one that was added. Cannot fail. */
void route_table_del(const struct route_entry *e);

#endif
