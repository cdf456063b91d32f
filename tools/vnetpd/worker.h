/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The further cores of the overlay core in this process: threads, each with a
 * loop of its own (loop.h), that read and write TAP devices. Core 0 is the
 * main thread: it has the links, and all control. Linux decides which of its
 * processors they run on.
 */
#ifndef VNETPD_WORKER_H
#define VNETPD_WORKER_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"

struct worker_pools {
	struct pkt_pool headers, frames; /* as node.headers and node.frames */
};

/* Main thread. Start cores 1 .. ncores-1, behind vnet_init(), with signals blocked as
 * they are to be. ERR_NOMEM, ERR_IO. They end with the process. */
err_t worker_start(u32 ncores);
/* Cores, that of the main thread included. */
u32 worker_cores(void);

/* Any core but 0's: its packets. */
struct worker_pools *worker_pools(unsigned core);

/* Any thread: have that core look at what others sent (vnet_init()). */
void worker_kick(unsigned core);

/* Main thread: run fn on that core, and return when it is done. fn must not wait for
 * the main thread. */
void worker_call(unsigned core, void (*fn)(void *ctx), void *ctx);

/* Main thread: frames from others, taken to where they go, at the end of a turn. */
void worker_drain(void);

#endif
