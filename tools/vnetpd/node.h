/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the process share: its packet pools, and the end of a turn. */
#ifndef VNETPD_NODE_H
#define VNETPD_NODE_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "vnet/lang.h"

/* Headers of what is cut, clones, and datagrams of longer messages. */
#define NODE_HEADERS 4096
#define NODE_HEADER_BUFFER (PKT_HEADROOM + PKT_COPY_WHOLE + 128)
/* Frames from interfaces, messages from sockets: 64 KiB each, of which only what is
 * used becomes memory. */
#define NODE_FRAMES 96
#define NODE_MESSAGES 96

struct node {
	char name[LANG_NAME_MAX];
	struct pkt_pool headers, frames, messages;
	u64 start_ns;
	u32 reloads, reloads_refused;
};

extern struct node node;

struct loop_fd;

/* The core and the pools; cores beyond the first are threads (worker.h). Errors as
 * vnet_init() and worker_start(), and ERR_IO (no random numbers). */
err_t node_init(u32 cores);

/* A pool of that core. ERR_NOMEM. */
err_t node_make_pool(struct pkt_pool *pool, const char *name, unsigned core, u32 count,
		     u32 buf_size);
/* All pools, for show stats: the i-th; NULL: there are fewer. */
const struct pkt_pool *node_pool(u32 i);
/* Some pool has less than a quarter left: what waits without end should take no more. */
bool node_packets_are_scarce(void);

/*
 * So many long segments or messages came just now. When they come by the
 * hundreds a second and more, the loop rests before it looks again, so that
 * several are there: an adaptive dispatcher's timed yield. Single ones never wait.
 * They came from f, where more will be; NULL: or elsewhere.
 */
void node_note_long(u32 n, struct loop_fd *f);

/* Everything that was routed leaves the process, as far as the kernel takes it. */
void node_settle(void);

#endif
