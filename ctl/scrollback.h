/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last bytes of a stream, in a ring: each has a number, counted from the
 * stream's begin, by which it is asked for. Pure.
 */
#ifndef CTL_SCROLLBACK_H
#define CTL_SCROLLBACK_H

#include "hv/base/types.h"

/* A view of a ring that belongs to somebody else: byte i is bytes[i % size]. */
struct scrollback {
	const u8 *bytes;
	u32 size;
	u64 written; /* since the begin */
};

/* The first byte that is still there; written, when there is none. */
u64 scrollback_oldest(const struct scrollback *s);

/* The first byte of the last `lines` lines that are still there; what stands behind
 * the last newline is a line. */
u64 scrollback_lines(const struct scrollback *s, u32 lines);

/* Bytes from `at` (not before the oldest) in one piece: how many, and *piece. 0: there
 * are none yet. */
u32 scrollback_piece(const struct scrollback *s, u64 at, const u8 **piece);

#endif
