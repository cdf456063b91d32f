/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of routes, see route_count.h: making, giving away, adding up. */
#include "vnet/route_count.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"

#define COUNTERS_MAX (ROUTE_COUNTER_BLOCKS * ROUTE_COUNTERS)

STATIC_ASSERT(COUNTERS_MAX <= BIT64(64 - VERDICT_COUNTER_SHIFT), "verdicts have room for it");

struct route_cell *route_cells[ROUTE_COUNTER_BLOCKS];

/* Counters one after the other, by next_of(). */
struct queue {
	u32 first, last; /* ROUTE_COUNTER_NONE: empty */
};

static struct {
	u32 cores;
	u32 made; /* counters there are: whole blocks */
	u32 *next[ROUTE_COUNTER_BLOCKS];
	struct queue free;
	/* Given back, and perhaps in the hands of a core: those that came while the
	 * others wait, and those that wait until all cores have been quiet. */
	struct queue filling, waiting;
	struct epoch_mark mark; /* of the waiting ones */
} counters;

static u32 *next_of(u32 counter)
{
	return &counters.next[counter / ROUTE_COUNTERS][counter % ROUTE_COUNTERS];
}

static void append(struct queue *to, const struct queue *from)
{
	if (!from->first)
		return;
	if (to->first)
		*next_of(to->last) = from->first;
	else
		to->first = from->first;
	to->last = from->last;
}

static size_t cells_bytes(void)
{
	return counters.cores * ROUTE_COUNTERS * sizeof(struct route_cell);
}

/* One more block; nothing happens without memory. */
static void make_block(void)
{
	u32 block = counters.made / ROUTE_COUNTERS, first = counters.made;
	struct route_cell *cells;
	u32 *next;

	if (block == ROUTE_COUNTER_BLOCKS)
		return;
	cells = plat_alloc(cells_bytes());
	next = plat_alloc(ROUTE_COUNTERS * sizeof(*next));
	if (!cells || !next) {
		plat_free(cells, cells_bytes());
		plat_free(next, ROUTE_COUNTERS * sizeof(*next));
		return;
	}
	counters.next[block] = next;
	__atomic_store_n(&route_cells[block], cells, __ATOMIC_RELEASE);
	counters.made += ROUTE_COUNTERS;
	for (u32 i = 0; i < ROUTE_COUNTERS; i++) {
		struct queue one = { first + i, first + i };

		/* The very first one is nobody's. */
		if (one.first != ROUTE_COUNTER_NONE)
			append(&counters.free, &one);
	}
}

err_t route_count_init(u32 ncores)
{
	counters.cores = ncores;
	make_block();
	return counters.made ? ERR_OK : ERR_NOMEM;
}

void route_count_fini(void)
{
	for (u32 i = 0; i < counters.made / ROUTE_COUNTERS; i++) {
		plat_free(route_cells[i], cells_bytes());
		plat_free(counters.next[i], ROUTE_COUNTERS * sizeof(*counters.next[i]));
	}
	memset(route_cells, 0, sizeof(route_cells));
	memset(&counters, 0, sizeof(counters));
}

/* Twice, so that with all cores quiet what came just now is free, too. */
static void reclaim(void)
{
	for (u32 i = 0; i < 2; i++) {
		if (counters.waiting.first && !epoch_passed(&counters.mark))
			return;
		append(&counters.free, &counters.waiting);
		counters.waiting = counters.filling;
		counters.filling = (struct queue){ 0 };
		epoch_now(&counters.mark);
	}
}

u32 route_counter_get(void)
{
	u32 counter;

	if (!counters.free.first)
		reclaim();
	if (!counters.free.first)
		make_block();
	counter = counters.free.first;
	if (!counter)
		return ROUTE_COUNTER_NONE;
	counters.free.first = *next_of(counter);
	*next_of(counter) = ROUTE_COUNTER_NONE;
	return counter;
}

void route_counter_put(u32 counter)
{
	struct queue one = { counter, counter };

	append(&counters.filling, &one);
}

void route_counter_read(u32 counter, struct route_use *out)
{
	*out = (struct route_use){ 0 };
	for (u32 core = 0; core < counters.cores; core++) {
		const struct route_cell *cell = route_cell(counter, core);

		out->frames += __atomic_load_n(&cell->frames, __ATOMIC_RELAXED);
		out->bytes += __atomic_load_n(&cell->bytes, __ATOMIC_RELAXED);
	}
}
