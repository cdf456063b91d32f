/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: frames to the guest (virtio 1.2 5.1.6.3, 5.1.6.4), each copied
 * once, into one buffer or, with mergeable buffers, as many as it takes. Pieces
 * of a TCP flow that lie side by side in a burst go as one (vnet/gro.h).
 */
#include "drivers/virtio/net_priv.h"

#include "hv/base/str.h"
#include "vnet/gro.h"

/* Where the next byte of a frame goes. */
struct rx_cursor {
	struct virtio_net_pair *pair;
	struct virtq_chain *chain;
	u32 off;	/* in chain's writable part */
	u16 buffers;	/* chains popped for this frame, noted in pair->rx_used */
};

/* What rx_*() return when a frame goes on; otherwise why it does not. */
#define RX_OK VNET_DROP_COUNT

static enum vnet_drop rx_broken(struct virtio_net_pair *pair, enum virtq_fault fault)
{
	virtq_break(pair->rx, fault);
	virtio_dev_check(&pair->net->dev, pair->rx_queue);
	return VNET_DROP_BAD_RING;
}

/* Take one more of the guest's buffers, with room for at least `least` bytes. */
static enum vnet_drop rx_next_buffer(struct rx_cursor *cur, u32 least)
{
	struct virtio_net_pair *pair = cur->pair;
	struct virtq_chain *chain = cur->buffers ? &pair->rx_more : &pair->rx_first;
	err_t err;

	/* Without mergeable buffers a frame must fit into one. */
	if (cur->buffers && !virtio_dev_has(&pair->net->dev, VIRTIO_NET_F_MRG_RXBUF))
		return VNET_DROP_TOO_BIG;
	err = virtio_dev_pop(&pair->net->dev, pair->rx_queue, chain);
	if (err)
		return err == ERR_NOENT ? VNET_DROP_NO_BUFFER : VNET_DROP_BAD_RING;
	if (chain->write_len < least)
		return rx_broken(pair, VIRTQ_BAD_CONTENT);
	cur->chain = chain;
	cur->off = 0;
	pair->rx_used[cur->buffers++] = (struct virtio_net_rx_used){ .head = chain->head };
	return RX_OK;
}

static enum vnet_drop rx_put(struct rx_cursor *cur, const void *src, u32 len)
{
	struct virtio_net_pair *pair = cur->pair;
	const u8 *from = src;

	while (len) {
		u32 part = MIN(len, cur->chain->write_len - cur->off);

		if (part == 0) {
			enum vnet_drop reason = rx_next_buffer(cur, 1);

			if (reason != RX_OK)
				return reason;
			continue;
		}
		if (virtq_chain_write(pair->rx, cur->chain, cur->off, from, part))
			return rx_broken(pair, VIRTQ_BAD_BUFFER);
		cur->off += part;
		pair->rx_used[cur->buffers - 1].len = cur->off;
		from += part;
		len -= part;
	}
	return RX_OK;
}

/* How the header spells each kind of long frame. */
static const u8 gso_types[PKT_GSO_COUNT] = {
	[PKT_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
	[PKT_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
	[PKT_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
	[PKT_GSO_UDP4] = VIRTIO_NET_HDR_GSO_UDP_L4,
	[PKT_GSO_UDP6] = VIRTIO_NET_HDR_GSO_UDP_L4,
};

/* The header of a frame (5.1.6.4.1), whose offload fields are such as the port's
 * caps allow; num_buffers is 1 until known better. */
static struct virtio_net_hdr rx_header(const struct vnet_port *port, const struct pkt *p)
{
	struct virtio_net_hdr h = { .gso_type = gso_types[p->gso_type], .num_buffers = 1 };

	if (p->flags & PKT_F_NEEDS_CSUM) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = p->csum_start;
		h.csum_offset = p->csum_offset;
	} else if ((p->flags & PKT_F_CSUM_GOOD) && (port->caps & PKT_CAP_CSUM)) {
		h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (p->gso_type != PKT_GSO_NONE) {
		h.hdr_len = p->payload_start;
		h.gso_size = p->gso_size;
	}
	return h;
}

/* num_buffers of the header, once all of them are filled. */
static enum vnet_drop rx_close(struct rx_cursor *cur)
{
	struct virtio_net_pair *pair = cur->pair;

	if (cur->buffers > 1 &&
	    virtq_chain_write(pair->rx, &pair->rx_first,
			      offsetof(struct virtio_net_hdr, num_buffers), &cur->buffers,
			      sizeof(cur->buffers)))
		return rx_broken(pair, VIRTQ_BAD_BUFFER);
	return RX_OK;
}

/* Copy header and frame into buffers. */
static enum vnet_drop rx_fill(struct rx_cursor *cur, const struct pkt *p)
{
	const struct virtio_net_hdr hdr = rx_header(&cur->pair->port, p);
	enum vnet_drop reason = rx_next_buffer(cur, NET_HDR_BYTES);

	if (reason == RX_OK)
		reason = rx_put(cur, &hdr, NET_HDR_BYTES);
	if (reason == RX_OK)
		reason = rx_put(cur, p->data, p->head_len);
	for (u16 i = 0; i < p->nseg && reason == RX_OK; i++)
		reason = rx_put(cur, p->seg[i].addr, p->seg[i].len);
	return reason == RX_OK ? rx_close(cur) : reason;
}

/* The same for several frames that go as one. */
static enum vnet_drop rx_fill_run(struct rx_cursor *cur, struct pkt *const *pkts,
				  const struct gro_run *run)
{
	const struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_types[run->gso_type],
		.hdr_len = run->header_len,
		.gso_size = run->gso_size,
		.csum_start = run->csum_start,
		.csum_offset = run->csum_offset,
		.num_buffers = 1,
	};
	enum vnet_drop reason = rx_next_buffer(cur, NET_HDR_BYTES);

	if (reason == RX_OK)
		reason = rx_put(cur, &hdr, NET_HDR_BYTES);
	if (reason == RX_OK)
		reason = rx_put(cur, run->header, run->header_len);
	for (u32 i = 0; i < run->count && reason == RX_OK; i++)
		reason = rx_put(cur, pkts[i]->data + run->header_len,
				pkts[i]->head_len - run->header_len);
	return reason == RX_OK ? rx_close(cur) : reason;
}

static void rx_count(struct vnet_counters *c, const struct pkt *p)
{
	c->tx_frames++;
	c->tx_bytes += p->len;
	c->tx_segments += pkt_wire_frames(p);
	c->tx_copies++;
	c->tx_copied_bytes += p->len;
}

/* n frames, as the one that run describes when n > 1: all or none. */
static enum vnet_drop rx_frames(struct virtio_net_pair *pair, struct pkt *const *pkts, u32 n,
				const struct gro_run *run)
{
	const struct virtio_net *net = pair->net;
	struct virtq *q = pair->rx;
	struct rx_cursor cur = { .pair = pair };
	enum vnet_drop reason;

	/* Not by pairs that the driver gave up (5.1.6.5.5). */
	if (!net_ready(net) || !q->enabled || pair->port.queue >= net_used_pairs(net))
		return VNET_DROP_PORT_DOWN;
	/* Of a run, no frame is longer than the first. */
	if (pkt_wire_len(pkts[0]) > net_frame_max(net)) {
		vnet_port_too_big(&pair->port, pkts[0]);
		return VNET_DROP_TOO_BIG;
	}
	reason = n > 1 ? rx_fill_run(&cur, pkts, run) : rx_fill(&cur, pkts[0]);
	if (reason != RX_OK) {
		/* The buffers serve the next frame instead. */
		virtq_unpop(q, cur.buffers);
		return reason;
	}
	for (u16 i = 0; i < cur.buffers; i++)
		virtq_push(q, pair->rx_used[i].head, pair->rx_used[i].len);
	for (u32 i = 0; i < n; i++)
		rx_count(&pair->port.count, pkts[i]);
	return RX_OK;
}

void net_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	bool join = port->caps & PKT_CAP_CSUM;
	struct gro_run run;

	for (u32 i = 0, count; i < n; i += count) {
		enum vnet_drop reason;

		count = join ? gro_begin(pkts + i, n - i, port->caps, &run) : 1;
		reason = rx_frames(pair, pkts + i, count, &run);
		if (reason != RX_OK && count > 1) {
			/* Too few buffers for all: as many as there are for each. */
			count = 1;
			reason = rx_frames(pair, pkts + i, count, NULL);
		}
		if (reason == RX_OK)
			port->count.tx_joined += count - 1;
		for (u32 k = i; k < i + count; k++) {
			if (reason == RX_OK)
				pkt_put(pkts[k]);
			else
				vnet_port_drop(port, pkts[k], reason);
		}
	}
	/* A ring that broke takes the port down until its driver resets it. */
	if (!net_ready(pair->net))
		__atomic_store_n(&port->up, false, __ATOMIC_RELAXED);
}
