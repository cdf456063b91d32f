/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software timers: a sorted list per core, run from the core's loop (never
 * from an interrupt). Deadlines are plat_now_ns() times.
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include "hv/base/types.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
	u64 deadline_ns; /* TIMER_NEVER: not set */
	void (*fn)(struct timer *t, u64 now_ns);
	void *ctx;
	struct timer *next;
};

struct timer_list {
	struct timer *first;
};

static inline void timer_init(struct timer *t, void (*fn)(struct timer *, u64), void *ctx)
{
	*t = (struct timer){ .deadline_ns = TIMER_NEVER, .fn = fn, .ctx = ctx };
}

/* Set, or move when it is set already. List's core only, as all here. */
void timer_set(struct timer_list *list, struct timer *t, u64 deadline_ns);
void timer_cancel(struct timer_list *list, struct timer *t);

/* Run what is due, at most as many as were due at the start. */
void timer_run(struct timer_list *list, u64 now_ns);

/* When the first one is due; TIMER_NEVER when there is none. */
static inline u64 timer_next_ns(const struct timer_list *list)
{
	return list->first ? list->first->deadline_ns : TIMER_NEVER;
}

#endif
