/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread's loop: descriptors, times, signals. What is here is about the calling thread's. */
#ifndef VNETPD_LOOP_H
#define VNETPD_LOOP_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* A descriptor that is waited for. Embedded in what it belongs to. */
struct loop_fd {
	int fd;
	u32 events; /* LOOP_IN, LOOP_OUT */
	void (*ready)(struct loop_fd *f, u32 events);
};

#define LOOP_IN BIT(0)
#define LOOP_OUT BIT(1)
#define LOOP_HUP BIT(2) /* the other side is gone; always waited for */

/* A time that is waited for. due() may set it again. */
struct loop_timer {
	u64 due_ns; /* 0: not set */
	void (*due)(struct loop_timer *t, u64 now_ns);
	struct loop_timer *next;
};

/* ERR_IO: no descriptor for it. */
err_t loop_init(void);
void loop_fini(void);

/* Watch f->fd, or change what for. ERR_IO. */
err_t loop_add(struct loop_fd *f, u32 events);
void loop_change(struct loop_fd *f, u32 events);
/* No more, also when it was ready in this round already. f->fd stays open. */
void loop_del(struct loop_fd *f);

void loop_timer_set(struct loop_timer *t, u64 due_ns);
void loop_timer_clear(struct loop_timer *t);

/* Until loop_stop(); settle() ends each round, before waiting. */
void loop_run(void (*settle)(void));
void loop_stop(void);

/* Before the next round, let so much time go by; and then go to f (NULL: nobody) without
 * asking whether it is ready, now and then. */
void loop_rest(u64 ns, struct loop_fd *f);

/* Time at the beginning of the round. */
u64 loop_now_ns(void);

/* Calls of the kernel: each file counts its own here, each thread its own; and all. */
extern __thread u64 loop_syscalls;
u64 loop_syscalls_sum(void);

#endif
