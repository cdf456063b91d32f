/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who talks to whom: frames and bytes by source and destination, as ports hand
 * them to the core, whatever becomes of them. A table of bounded size for each
 * core; pairs that find no room are counted together. Off until switched on.
 */
#ifndef VNET_MATRIX_H
#define VNET_MATRIX_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "vnet/vnet.h"

#define MATRIX_PAIRS 4096u /* of each core */
#define MATRIX_TOP_MAX 64u

struct matrix_pair {
	u64 src, dst; /* mac_load() */
	u64 frames, bytes;
	u32 overlay;
	bool used; /* set last; the rest may be read then */
};

/* What is counted in; NULL: nothing, and that is all the packet path asks. */
struct matrix;
extern struct matrix *matrix_now;

/* Boot core. Begin with nothing counted. ERR_NOMEM; ERR_BUSY: it is on. */
err_t matrix_start(void);
/* Boot core. ERR_BUSY: too much waits to be freed. */
err_t matrix_stop(void);

/* Boot core. The pairs with most bytes, over all cores, first; returns how many.
 * max: at most MATRIX_TOP_MAX. Frames that move meanwhile may be missed. */
u32 matrix_top(struct matrix_pair *out, u32 max);
/* Boot core. Frames of pairs that there was no room for. */
u64 matrix_others(void);

/* The port's core, where matrix_now is set, between epoch_read_begin() and
 * epoch_read_end(). */
void matrix_count(const struct vnet_port *port, struct pkt *const *pkts, u32 n);

static inline bool matrix_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&matrix_now, __ATOMIC_RELAXED) != NULL, 0);
}

#endif
