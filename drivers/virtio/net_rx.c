/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: frames to the guest (virtio 1.2 5.1.6.3, 5.1.6.4), each copied
 * once, into one buffer or, with mergeable buffers, as many as it takes. Pieces
 * of a TCP flow that lie side by side in a burst go as one (vnet/gro.h).
 */
#include "drivers/virtio/net_priv.h"

#include "hv/base/bytes.h"
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

/* n frames, as the one that run describes when n > 1: all or none. */
static enum vnet_drop rx_frames(struct virtio_net_pair *pair, struct pkt *const *pkts, u32 n,
				const struct gro_run *run)
{
	struct virtq *q = pair->rx;
	struct rx_cursor cur = { .pair = pair };
	enum vnet_drop reason;

	/* Of a run, no frame is longer than the first. */
	if (pkt_wire_len(pkts[0]) > net_frame_max(pair->net)) {
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
	return RX_OK;
}

/* May frames go to the pair? Not to one that the driver gave up (5.1.6.5.5). */
static bool rx_open(const struct virtio_net_pair *pair)
{
	return net_ready(pair->net) && pair->rx->enabled &&
	       pair->port.queue < net_used_pairs(pair->net);
}

static void rx_count(struct vnet_counters *c, u32 n, u64 bytes, u64 segments)
{
	c->tx_frames += n;
	c->tx_bytes += bytes;
	c->tx_segments += segments;
	c->tx_copies += n;
	c->tx_copied_bytes += bytes;
}

/* Copy header and frame into a buffer that has room for them. */
static inline void rx_fill_piece(const struct vnet_port *port, u8 *at, const struct pkt *p)
{
	struct virtio_net_hdr hdr = { .gso_type = VIRTIO_NET_HDR_GSO_NONE, .num_buffers = 1 };

	if (p->flags | p->gso_type)
		hdr = rx_header(port, p);

	__builtin_memcpy(at, &hdr, NET_HDR_BYTES);
	at += NET_HDR_BYTES;
	memcpy(at, p->data, p->head_len);
	at += p->head_len;
	for (u16 i = 0; i < p->nseg; i++) {
		memcpy(at, p->seg[i].addr, p->seg[i].len);
		at += p->seg[i].len;
	}
}

/* The first frames into pieces, as long as they are in one piece themselves, have nothing
 * to say in their header, and fit. Returns how many; *bytes is what they amount to. */
static __attribute__((noinline)) u32 copy_plain(const struct virtq_piece *piece,
						struct pkt *const *pkts, u32 n, u32 most,
						u64 *bytes)
{
	const struct virtio_net_hdr hdr = { .gso_type = VIRTIO_NET_HDR_GSO_NONE,
					    .num_buffers = 1 };
	u64 all = 0;
	u32 k = 0;

	for (; k < n; k++) {
		const struct pkt *p = pkts[k];
		u32 len = p->len;

		if (p->flags | p->gso_type | p->nseg || len > most ||
		    piece[k].len < NET_HDR_BYTES + len)
			break;
		__builtin_memcpy(piece[k].at, &hdr, NET_HDR_BYTES);
		copy_short(piece[k].at + NET_HDR_BYTES, p->data, len);
		all += len;
	}
	*bytes = all;
	return k;
}

/* Frames that the guest has, not counted yet. */
static void rx_done(struct vnet_port *port, struct pkt *const *pkts, u32 n)
{
	u64 bytes = 0, segments = 0;

	for (u32 i = 0; i < n; i++) {
		bytes += pkts[i]->len;
		segments += pkt_wire_frames(pkts[i]);
	}
	rx_count(&port->count, n, bytes, segments);
	pkt_put_burst(pkts, n);
}

/* Frames from the first on, as long as each has a buffer in one piece that it fits into.
 * Returns how many. */
static u32 deliver_pieces(struct virtio_net_pair *pair, struct pkt *const *pkts, u32 n)
{
	struct virtq_piece piece[PKT_BURST];
	u32 most = net_frame_max(pair->net), done = 0;
	u32 got = virtq_pop_write(pair->rx, piece, MIN(n, (u32)virtq_available(pair->rx)));
	u64 bytes;
	u32 plain = copy_plain(piece, pkts, got, most, &bytes);
	struct virtq_fill fill = virtq_fill_begin(pair->rx);

	for (; done < plain; done++)
		virtq_fill_put(&fill, piece[done].head, NET_HDR_BYTES + pkts[done]->len);
	for (; done < got; done++) {
		const struct pkt *p = pkts[done];
		u32 len = NET_HDR_BYTES + p->len;

		if (piece[done].len < len || pkt_wire_len(p) > most)
			break;
		rx_fill_piece(&pair->port, piece[done].at, p);
		virtq_fill_put(&fill, piece[done].head, len);
	}
	virtq_fill_end(pair->rx, &fill);
	virtq_unpop(pair->rx, (u16)(got - done));
	rx_count(&pair->port.count, plain, bytes, plain);
	pkt_put_burst(pkts, plain);
	rx_done(&pair->port, pkts + plain, done - plain);
	return done;
}

/* Frames that go each by itself. */
static void deliver_each(struct virtio_net_pair *pair, struct pkt *const *pkts, u32 n)
{
	u32 i = rx_open(pair) ? deliver_pieces(pair, pkts, n) : 0;

	for (; i < n; i++) {
		enum vnet_drop reason = VNET_DROP_PORT_DOWN;

		if (rx_open(pair))
			reason = rx_frames(pair, pkts + i, 1, NULL);
		if (reason == RX_OK)
			rx_done(&pair->port, pkts + i, 1);
		else
			vnet_port_drop(&pair->port, pkts[i], reason);
	}
}

/* Frames that go as one. Where there are too few buffers for all: as many as there are
 * for each. */
static void deliver_run(struct virtio_net_pair *pair, struct pkt *const *pkts,
			const struct gro_run *run)
{
	u32 n = run->count;

	if (!rx_open(pair) || rx_frames(pair, pkts, n, run) != RX_OK) {
		deliver_each(pair, pkts, n);
		return;
	}
	rx_done(&pair->port, pkts, n);
	pair->port.count.tx_joined += n - 1;
}

void net_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	bool join = port->caps & PKT_CAP_CSUM;
	struct gro_run run;

	while (n) {
		u32 each = 0;

		run.count = 0;
		for (; each < n; each++) {
			if (join && gro_maybe(pkts[each]) &&
			    gro_begin(pkts + each, n - each, port->caps, &run) > 1)
				break;
		}
		if (each)
			deliver_each(pair, pkts, each);
		if (each < n)
			deliver_run(pair, pkts + each, &run);
		else
			run.count = 0;
		pkts += each + run.count;
		n -= each + run.count;
	}
	/* A ring that broke takes the port down until its driver resets it. */
	if (!net_ready(pair->net))
		__atomic_store_n(&port->up, false, __ATOMIC_RELAXED);
}
