/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quiescence: how control code frees what packet code on other cores may
 * still be reading, without either waiting for the other.
 *
 * Each core publishes whether it is quiet, i.e. holds no pointer into the
 * shared tables. Running a guest and halting are quiet. Memory that a change
 * replaced is retired, and freed by a later epoch_reclaim() when every core
 * has been quiet since. Nothing here waits or loops until something happens.
 */
#ifndef VNET_EPOCH_H
#define VNET_EPOCH_H

#include "hv/base/err.h"
#include "hv/base/plat.h"
#include "hv/base/types.h"

/* Pieces of memory that may wait for the cores at a time. */
#define EPOCH_MAX_RETIRED 256

/* A moment, to be compared with later ones. */
struct epoch_mark {
	u64 seen[PLAT_MAX_CORES];
};

/*
 * The calling core's own statement, with interrupts on or off. After
 * quiet_leave() everything published before is seen (full fence); what was
 * read before quiet_enter() must not be used after it. All cores start quiet;
 * saying again what is already so does nothing.
 *
 * A run loop is quiet while it runs a guest or halts. The entry points of
 * vnet/ leave by themselves when the core is still quiet.
 */
void vnet_core_quiet_leave(unsigned core);
void vnet_core_quiet_enter(unsigned core);

/* For entry points: be not quiet until epoch_read_end(), nested or not. */
bool epoch_read_begin(unsigned core);
void epoch_read_end(unsigned core, bool begun);

/*
 * Any core, but not from within a port's callbacks: the calling core itself
 * counts as quiet. Now; and whether every core has been quiet since then. The
 * mark comes after the change that hides the old memory from new readers.
 */
void epoch_now(struct epoch_mark *mark);
bool epoch_passed(const struct epoch_mark *mark);

/*
 * Boot core. epoch_room() says whether n more pieces can be retired (it
 * reclaims what it can first); a change asks before it makes any. Then
 * epoch_retire() cannot fail. bytes is what plat_alloc() was asked for; a
 * NULL piece is ignored.
 */
bool epoch_room(u32 n);
void epoch_retire(void *piece, size_t bytes);

/* Boot core. Free what no core can hold any more; how many pieces wait still. */
u32 epoch_reclaim(void);

#endif
