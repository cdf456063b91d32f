/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quiescence by one counter a core: even is quiet, odd is reading. A mark
 * copies all counters; a core has been quiet since when its counter was even
 * in the copy or has moved. A core that was quiet and left later left after
 * the fence in epoch_now(), so it sees the tables as they are after the
 * change: the store-then-load fences on both sides pair.
 *
 * Retired pieces gather in one batch while the other waits behind its mark,
 * so that one mark serves many pieces.
 */
#include "vnet/epoch.h"

struct core_state {
	u64 turn ALIGNED(CACHE_LINE); /* odd: reading; written by its core only */
};

struct batch {
	u32 n;
	struct epoch_mark mark; /* of the waiting batch */
	struct {
		void *mem;
		size_t bytes;
	} piece[EPOCH_MAX_RETIRED];
};

static struct core_state cores[PLAT_MAX_CORES];
static struct batch batches[2];
static u32 filling; /* index of the batch that takes new pieces */

void vnet_core_quiet_leave(unsigned core)
{
	u64 turn = cores[core].turn;

	if (turn & 1)
		return;
	__atomic_store_n(&cores[core].turn, turn + 1, __ATOMIC_RELAXED);
	/* No table is read before the others can see that we read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void vnet_core_quiet_enter(unsigned core)
{
	u64 turn = cores[core].turn;

	if (!(turn & 1))
		return;
	/* Release: all our reads are done when the others see us quiet. */
	__atomic_store_n(&cores[core].turn, turn + 1, __ATOMIC_RELEASE);
}

bool epoch_read_begin(unsigned core)
{
	if (cores[core].turn & 1)
		return false;
	vnet_core_quiet_leave(core);
	return true;
}

void epoch_read_end(unsigned core, bool begun)
{
	if (begun)
		vnet_core_quiet_enter(core);
}

void epoch_now(struct epoch_mark *mark)
{
	/* The change before is visible to every core that we see quiet here. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		mark->seen[i] = __atomic_load_n(&cores[i].turn, __ATOMIC_ACQUIRE);
}

bool epoch_passed(const struct epoch_mark *mark)
{
	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		bool was_reading = mark->seen[i] & 1;

		if (was_reading && i != plat_core() &&
		    __atomic_load_n(&cores[i].turn, __ATOMIC_ACQUIRE) == mark->seen[i])
			return false;
	}
	return true;
}

static void free_batch(struct batch *b)
{
	for (u32 i = 0; i < b->n; i++)
		plat_free(b->piece[i].mem, b->piece[i].bytes);
	b->n = 0;
}

u32 epoch_reclaim(void)
{
	/* Twice: when all cores are quiet, what was retired just now goes too. */
	for (u32 i = 0; i < 2; i++) {
		struct batch *waiting = &batches[!filling];

		if (waiting->n && !epoch_passed(&waiting->mark))
			break;
		free_batch(waiting);
		filling = !filling;
		epoch_now(&batches[!filling].mark);
	}
	return batches[0].n + batches[1].n;
}

bool epoch_room(u32 n)
{
	epoch_reclaim();
	return EPOCH_MAX_RETIRED - batches[filling].n >= n;
}

void epoch_retire(void *piece, size_t bytes)
{
	struct batch *b = &batches[filling];

	if (!piece)
		return;
	ASSERT(b->n < EPOCH_MAX_RETIRED);
	b->piece[b->n].mem = piece;
	b->piece[b->n].bytes = bytes;
	b->n++;
}
