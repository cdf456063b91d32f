/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What routes carried. Each route has a counter: a cell on each core, written by
 * that core alone and read by anybody, and never set back. A counter that is
 * given to another route goes on from where it is, and its new owner remembers
 * what it found; it is given away only when no core can hold an answer with it.
 *
 * The cells of 1024 counters lie together, one core's behind another's, and
 * stay where they are until the end.
 */
#ifndef VNET_ROUTE_COUNT_H
#define VNET_ROUTE_COUNT_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "vnet/route.h"

#define ROUTE_COUNTERS 1024u /* that are made together */

struct route_cell {
	u64 frames, bytes;
};

/* As many counters as routes, and some that wait for the cores. */
#define ROUTE_COUNTER_BLOCKS (ROUTE_MAX / ROUTE_COUNTERS + 1)
extern struct route_cell *route_cells[ROUTE_COUNTER_BLOCKS];

/* The core's cell of a counter. That of ROUTE_COUNTER_NONE is there as well. */
static inline struct route_cell *route_cell(u32 counter, unsigned core)
{
	struct route_cell *block =
		__atomic_load_n(&route_cells[counter / ROUTE_COUNTERS], __ATOMIC_ACQUIRE);

	return &block[(size_t)core * ROUTE_COUNTERS + counter % ROUTE_COUNTERS];
}

/* Boot core. For so many cores. ERR_NOMEM. */
err_t route_count_init(u32 ncores);
void route_count_fini(void);

/* Boot core. ROUTE_COUNTER_NONE: no memory, or too many wait for the cores. */
u32 route_counter_get(void);
/* After the table has let go of the route. */
void route_counter_put(u32 counter);
/* The sum over all cores. */
void route_counter_read(u32 counter, struct route_use *out);

#endif
