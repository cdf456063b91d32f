/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues of TAP devices: from and to the kernel, see tap_queue.h. */
#include "tools/vnetpd/tap_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/vnethdr.h"
#include "vnet/gro.h"
#include "vnet/ledger.h"

/* Frames read in one turn: what a burst of 64 KiB segments leaves of a cache. */
#define BURST_MAX 8u
/* Of a long segment. */
#define LONG_BYTES 16384u
#define ETHERNET_HEADER 14u
#define VLAN_TAG 4u
#define IOVECS (2u + TAP_QUEUE)
/* Until packets come back from the core that sends them. */
#define POOL_REST_NS 50000ull

STATIC_ASSERT(PKT_JOIN_SEGS + 2 <= IOVECS, "any packet, with virtio's header");
STATIC_ASSERT(IOVECS <= 1024, "UIO_MAXIOV");

/* The thread's. */
static __thread struct tap_queue *queues;
static __thread bool waits; /* nothing is read for now */

/* --- from the kernel ------------------------------------------------------------ */

static void device_gone(struct tap_queue *q, int error)
{
	if (!q->port.queue)
		log_err("interface", "%s: its device is gone: %s", q->port.name, strerror(error));
	q->gone = true;
	q->port.up = false;
	loop_del(&q->lf);
}

/* NULL: nothing is there, or it was dropped. */
static struct pkt *read_frame(struct tap_queue *q, bool *empty)
{
	struct pkt *p = pkt_get(q->frames);
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { .iov_base = &h, .iov_len = sizeof(h) } };
	ssize_t got;

	*empty = !p;
	if (!p) {
		loop_rest(POOL_REST_NS, NULL);
		return NULL;
	}
	iov[1] = (struct iovec){ .iov_base = p->data, .iov_len = TAP_FRAME_MAX };
	loop_syscalls++;
	q->reads++;
	got = readv(q->lf.fd, iov, ARRAY_SIZE(iov));
	if (got <= (ssize_t)sizeof(h)) {
		*empty = true;
		if (got < 0 && errno == EBADFD)
			device_gone(q, errno);
		pkt_put(p);
		return NULL;
	}
	p->head_len = (u32)got - (u32)sizeof(h);
	p->len = p->head_len;
	q->port.count.rx_copies++;
	q->port.count.rx_copied_bytes += p->len;
	if (!q->port.up) {
		vnet_port_drop(&q->port, p, VNET_DROP_PORT_DOWN);
		return NULL;
	}
	if (vnethdr_take(p, &h))
		return p;
	vnet_port_drop(&q->port, p, VNET_DROP_BAD_OFFLOAD);
	return NULL;
}

/* A single frame goes on its way at once; where more wait, they go together. */
static void read_turn(struct tap_queue *q)
{
	struct pkt *pkts[BURST_MAX];
	u32 n = 0, tries = 0, longs = 0, before;
	bool empty = false;

	ledger_claim(plat_core(), LEDGER_TX_EXIT);
	before = ledger_enter(LEDGER_TX_DEQUEUE);
	while (tries < q->burst && !empty) {
		struct pkt *p = read_frame(q, &empty);

		tries++;
		if (!p)
			continue;
		longs += p->len >= LONG_BYTES;
		pkts[n++] = p;
	}
	q->burst = empty ? MAX(n, 1u) : MIN(2 * q->burst, BURST_MAX);
	if (n)
		vnet_input(&q->port, pkts, n);
	ledger_leave(before);
	node_note_long(longs, NULL);
}

static void ready(struct loop_fd *f, u32 events)
{
	(void)events;
	read_turn(container_of(f, struct tap_queue, lf));
	node_settle();
}

void tap_queue_answers(void)
{
	for (struct tap_queue *q = queues; q; q = q->next) {
		if (!q->written || waits || q->gone)
			continue;
		q->written = false;
		read_turn(q);
	}
}

/* --- to the kernel --------------------------------------------------------------- */

static bool write_iov(struct tap_queue *q, const struct iovec *iov, u32 n)
{
	loop_syscalls++;
	q->writes++;
	return writev(q->lf.fd, iov, (int)n) > 0;
}

static bool write_frame(struct tap_queue *q, struct pkt *p)
{
	struct virtio_net_hdr h = vnethdr_of(p);
	struct iovec iov[2 + PKT_JOIN_SEGS] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = p->data, .iov_len = p->head_len },
	};

	for (u32 i = 0; i < p->nseg; i++)
		iov[2 + i] = (struct iovec){ .iov_base = p->seg[i].addr, .iov_len = p->seg[i].len };
	return write_iov(q, iov, 2u + p->nseg);
}

static bool write_run(struct tap_queue *q, struct pkt *const *pkts, struct gro_run *run)
{
	struct iovec iov[IOVECS];
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = run->gso_type == PKT_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
							  : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = run->header_len,
		.gso_size = run->gso_size,
		.csum_start = run->csum_start,
		.csum_offset = run->csum_offset,
	};

	iov[0] = (struct iovec){ .iov_base = &h, .iov_len = sizeof(h) };
	iov[1] = (struct iovec){ .iov_base = run->header, .iov_len = run->header_len };
	for (u32 i = 0; i < run->count; i++)
		iov[2 + i] = (struct iovec){
			.iov_base = pkts[i]->data + run->header_len,
			.iov_len = pkts[i]->head_len - run->header_len,
		};
	return write_iov(q, iov, 2 + run->count);
}

static void count_written(struct vnet_counters *c, const struct pkt *p)
{
	c->tx_frames++;
	c->tx_bytes += p->len;
	c->tx_segments += pkt_wire_frames(p);
	c->tx_copies++;
	c->tx_copied_bytes += p->len;
}

/* n frames that went, or did not, as one. */
static void end_frames(struct tap_queue *q, struct pkt **pkts, u32 n, bool written)
{
	for (u32 i = 0; i < n; i++) {
		if (!written) {
			vnet_port_drop(&q->port, pkts[i], VNET_DROP_NO_BUFFER);
			continue;
		}
		count_written(&q->port.count, pkts[i]);
		pkt_put(pkts[i]);
	}
	q->port.count.tx_joined += written ? n - 1 : 0;
}

static void write_all(struct tap_queue *q)
{
	u32 n = q->queued, count, before = ledger_enter(LEDGER_RX_COPY);
	struct gro_run run;

	q->queued = 0;
	q->written = true;
	for (u32 i = 0; i < n; i += count) {
		bool written;

		count = gro_begin(q->queue + i, n - i, q->port.caps, &run);
		written = count > 1 ? write_run(q, q->queue + i, &run)
				    : write_frame(q, q->queue[i]);
		end_frames(q, q->queue + i, count, written);
	}
	q->port.count.tx_held = 0;
	ledger_leave(before);
}

void tap_queue_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct tap_queue *q = container_of(port, struct tap_queue, port);

	if (q->queued + n > TAP_QUEUE)
		write_all(q);
	for (u32 i = 0; i < n; i++) {
		if (pkt_wire_len(pkts[i]) <= port->mtu + ETHERNET_HEADER + VLAN_TAG) {
			q->queue[q->queued++] = pkts[i];
			continue;
		}
		vnet_port_too_big(port, pkts[i]);
		vnet_port_drop(port, pkts[i], VNET_DROP_TOO_BIG);
	}
	port->count.tx_held = q->queued;
}

void tap_queue_settle(void)
{
	for (struct tap_queue *q = queues; q; q = q->next)
		if (q->queued)
			write_all(q);
}

void tap_queue_read_all(bool on)
{
	if (on == !waits)
		return;
	waits = !on;
	for (struct tap_queue *q = queues; q; q = q->next)
		if (!q->gone)
			loop_change(&q->lf, on ? LOOP_IN : 0);
}

/* --- life ------------------------------------------------------------------------ */

err_t tap_queue_start(struct tap_queue *q)
{
	err_t err;

	q->lf.ready = ready;
	q->burst = 1;
	err = loop_add(&q->lf, waits ? 0 : LOOP_IN);
	if (err)
		return err;
	q->next = queues;
	queues = q;
	return ERR_OK;
}

void tap_queue_stop(struct tap_queue *q)
{
	struct tap_queue **at = &queues;

	while (*at && *at != q)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = q->next;
	write_all(q);
	if (!q->gone)
		loop_del(&q->lf);
}
