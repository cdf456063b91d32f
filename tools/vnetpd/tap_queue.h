/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue of a TAP device: a descriptor that frames are read from and written
 * to, and the port of the overlay behind it. It belongs to one thread, that of
 * its port's core, which alone calls what is here.
 */
#ifndef VNETPD_TAP_QUEUE_H
#define VNETPD_TAP_QUEUE_H

#include "hv/base/pkt.h"
#include "tools/vnetpd/loop.h"
#include "vnet/vnet.h"

#define TAP_FRAME_MAX (65536u + 64u) /* a segment of TCP with the headers in front */
#define TAP_BUFFER (PKT_HEADROOM + TAP_FRAME_MAX)
#define TAP_QUEUE 512 /* frames that wait for the end of the turn */

struct tap_queue {
	struct vnet_port port;
	struct loop_fd lf;
	struct tap_queue *next; /* of its thread */
	struct pkt_pool *frames; /* for what is read: TAP_BUFFER bytes each */
	bool gone;     /* somebody deleted the device */
	bool written;  /* since tap_queue_answers() looked last */
	u32 burst;     /* frames to read in the next turn */
	u64 reads, writes;
	u32 queued;
	struct pkt *queue[TAP_QUEUE];
};

/* The port's deliver(). */
void tap_queue_deliver(struct vnet_port *port, struct pkt **pkts, u32 n);

/* Begin, and end, to read; lf.fd is open. ERR_IO. */
err_t tap_queue_start(struct tap_queue *q);
void tap_queue_stop(struct tap_queue *q);

/* Of all queues of the thread: write what waits. */
void tap_queue_settle(void);
/* What was written may have been answered at once, from within the kernel: take that. */
void tap_queue_answers(void);
/* Read, or let what comes wait. */
void tap_queue_read_all(bool on);

#endif
