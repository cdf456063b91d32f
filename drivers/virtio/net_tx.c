/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: frames from the guest (virtio 1.2 5.1.6.2), without a copy of
 * their payload, and the way back of their buffers.
 */
#include "drivers/virtio/net_priv.h"

#include "hv/base/str.h"

/*
 * pkt.done_cookie of a frame that refers to guest memory: the epoch it belongs
 * to in bits 63..32, its DMA mappings in 31..16, the head of its chain in 15..0.
 */
#define COOKIE_EPOCH_SHIFT 32
#define COOKIE_MAPS_SHIFT 16
#define COOKIE_MAPS_MASK 0xffff

#define GUEST_PAGE 4096u

/* What tx_*() return when a frame goes on; otherwise why it does not. */
#define TX_OK VNET_DROP_COUNT

/* The last holder let go of a frame: give its chain back to the driver. */
static void tx_done(struct pkt *p)
{
	struct virtio_net_pair *pair = p->done_ctx;
	struct virtio_net *net = pair->net;
	u32 maps = (u32)(p->done_cookie >> COOKIE_MAPS_SHIFT) & COOKIE_MAPS_MASK;

	while (maps--)
		gmem_dma_unmap(net->dev.gm);
	__atomic_store_n(&pair->tx_in_flight, pair->tx_in_flight - 1, __ATOMIC_RELEASE);
	/* The device was reset meanwhile, or is about to be: that ring is gone. */
	if (!virtio_dev_live(&net->dev) ||
	    (u32)(p->done_cookie >> COOKIE_EPOCH_SHIFT) !=
		    __atomic_load_n(&net->epoch, __ATOMIC_ACQUIRE))
		return;
	virtq_push(pair->tx, (u16)p->done_cookie, 0);
	if (!pair->polled)
		virtio_dev_flush(&net->dev, pair->tx_queue);
}

/*
 * The header's part in the packet (5.1.6.2). hdr_len is a hint and only looked
 * at; what the frame itself says against the others is found when it is routed.
 * False: it asks for what was not negotiated, or for nothing there is.
 */
static bool tx_header(const struct virtio_net *net, struct pkt *p,
		      const struct virtio_net_hdr *hdr)
{
	u64 need = 0;

	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		need |= VIRTIO_NET_F_CSUM;
		p->flags |= PKT_F_NEEDS_CSUM;
		p->csum_start = hdr->csum_start;
		p->csum_offset = hdr->csum_offset;
	}
	switch (hdr->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		need |= VIRTIO_NET_F_HOST_TSO4;
		p->gso_type = PKT_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		need |= VIRTIO_NET_F_HOST_TSO6;
		p->gso_type = PKT_GSO_TCP6;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		need |= VIRTIO_NET_F_HOST_USO;
		p->gso_type = PKT_GSO_UDP4; /* or PKT_GSO_UDP6: gso_check() sees */
		break;
	default:
		return false;
	}
	if (p->gso_type != PKT_GSO_NONE) {
		p->gso_size = hdr->gso_size;
		if (hdr->hdr_len > p->len)
			return false;
	}
	return (net->dev.accepted & need) == need;
}

/* Copy the frame's bytes [0, len) into the header fragment. */
static bool tx_copy(struct virtio_net_pair *pair, struct pkt *p, u32 len)
{
	if (virtq_chain_read(pair->tx, &pair->tx_chain, NET_HDR_BYTES, p->data, len))
		return false;
	p->head_len = len;
	p->len = len;
	return true;
}

/* Take back what tx_map() had mapped so far. */
static void tx_unmap(struct virtio_net *net, struct pkt *p)
{
	for (; p->nseg; p->nseg--) {
		p->len -= p->seg[p->nseg - 1].len;
		gmem_dma_unmap(net->dev.gm);
	}
}

/*
 * Map the first bytes of [at, at + *len) for the NIC; *len becomes how many. A
 * buffer that crosses regions, which begin and end at pages, is cut there.
 */
static void *tx_map_piece(struct virtio_net *net, gpa_t at, u32 *len, bus_t *bus)
{
	void *p = gmem_dma_map(net->dev.gm, at, *len, false, bus);

	if (p)
		return p;
	*len = MIN(*len, GUEST_PAGE - (u32)(at.v % GUEST_PAGE));
	return gmem_dma_map(net->dev.gm, at, *len, false, bus);
}

/*
 * Add the frame's bytes from `off` on as segments. With nothing mapped:
 * ERR_FULL when they are in too many pieces, ERR_RANGE when one lies outside
 * memory.
 */
static err_t tx_map(struct virtio_net_pair *pair, struct pkt *p, u32 off)
{
	const struct virtq_chain *c = &pair->tx_chain;
	struct virtio_net *net = pair->net;
	u32 skip = NET_HDR_BYTES + off;
	err_t err = ERR_OK;

	for (u16 i = 0; i < c->nread && !err;) {
		const struct virtq_buf *b = &c->buf[i];
		bus_t bus;
		void *at;
		u32 len;

		if (skip >= b->len) {
			skip -= b->len;
			i++;
			continue;
		}
		len = b->len - skip;
		at = tx_map_piece(net, gpa_add(b->addr, skip), &len, &bus);
		if (!at) {
			err = ERR_RANGE;
		} else if (pkt_add_seg(p, at, bus, len, NULL)) {
			gmem_dma_unmap(net->dev.gm);
			err = ERR_FULL;
		}
		skip += len;
	}
	if (err)
		tx_unmap(net, p);
	return err;
}

/* The long way for frames in too many pieces: one payload copy. */
static enum vnet_drop tx_copy_all(struct virtio_net_pair *pair, struct pkt *p, u32 len)
{
	if (len > pair->pool->buf_size - PKT_HEADROOM)
		return VNET_DROP_TOO_BIG;
	if (!tx_copy(pair, p, len))
		return VNET_DROP_BAD_RING;
	pair->port.count.rx_copies++;
	pair->port.count.rx_copied_bytes += len;
	virtq_push(pair->tx, pair->tx_chain.head, 0);
	return TX_OK;
}

/* A frame by reference, but for its headers. */
static enum vnet_drop tx_refer(struct virtio_net_pair *pair, struct pkt *p, u32 len)
{
	err_t err;

	if (!tx_copy(pair, p, PKT_HEADER_COPY))
		return VNET_DROP_BAD_RING;
	err = tx_map(pair, p, PKT_HEADER_COPY);
	if (err == ERR_FULL)
		return tx_copy_all(pair, p, len);
	if (err) {
		virtq_break(pair->tx, VIRTQ_BAD_BUFFER);
		return VNET_DROP_BAD_RING;
	}
	p->done = tx_done;
	p->done_ctx = pair;
	p->done_cookie = (u64)pair->net->epoch << COOKIE_EPOCH_SHIFT |
			 (u64)p->nseg << COOKIE_MAPS_SHIFT | pair->tx_chain.head;
	__atomic_store_n(&pair->tx_in_flight, pair->tx_in_flight + 1, __ATOMIC_RELAXED);
	return TX_OK;
}

/* Turn the popped chain into packet p. */
static enum vnet_drop tx_build(struct virtio_net_pair *pair, struct pkt *p)
{
	const struct virtq_chain *c = &pair->tx_chain;
	const struct virtio_net *net = pair->net;
	struct virtq *q = pair->tx;
	struct virtio_net_hdr hdr;
	u32 len;

	if (c->read_len < NET_HDR_BYTES) {
		virtq_break(q, VIRTQ_BAD_CONTENT);
		return VNET_DROP_BAD_RING;
	}
	if (virtq_chain_read(q, c, 0, &hdr, NET_HDR_BYTES))
		return VNET_DROP_BAD_RING;
	len = c->read_len - NET_HDR_BYTES;
	p->len = len; /* what a drop accounts for */
	if (!net_link_is_up(net))
		return VNET_DROP_PORT_DOWN;
	if (!tx_header(net, p, &hdr))
		return VNET_DROP_BAD_OFFLOAD;
	if (len > (p->gso_type == PKT_GSO_NONE ? net_frame_max(net) : NET_LONG_MAX + NET_L2_BYTES))
		return VNET_DROP_TOO_BIG;
	if (len > PKT_COPY_WHOLE)
		return tx_refer(pair, p, len);
	if (!tx_copy(pair, p, len))
		return VNET_DROP_BAD_RING;
	virtq_push(q, c->head, 0);
	return TX_OK;
}

/*
 * At most max chains are popped, dropped ones included; what is not collected,
 * also for want of packets, stays in the ring.
 */
u32 net_collect(struct vnet_port *port, struct pkt **pkts, u32 max)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	struct virtio_dev *d = &pair->net->dev;
	u32 n = 0;

	if (!virtio_dev_live(d))
		return 0;
	if (!pair->polled)
		net_notify(port, false);
	for (u32 i = 0; i < max && virtio_dev_available(d, pair->tx_queue); i++) {
		struct pkt *p = pkt_get(pair->pool);
		enum vnet_drop reason;

		if (!p)
			break;
		if (virtio_dev_pop(d, pair->tx_queue, &pair->tx_chain)) {
			pkt_put(p);
			break;
		}
		reason = tx_build(pair, p);
		if (reason == TX_OK) {
			pkts[n++] = p;
			continue;
		}
		vnet_port_drop(port, p, reason);
		virtq_push(pair->tx, pair->tx_chain.head, 0);
		virtio_dev_check(d, pair->tx_queue);
	}
	if (virtio_dev_live(d))
		virtio_dev_flush(d, pair->tx_queue);
	return n;
}

void net_notify(struct vnet_port *port, bool on)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	struct virtio_dev *d = &pair->net->dev;

	pair->polled = !on;
	if (!on) {
		virtq_notify_off(pair->tx);
		return;
	}
	if (!virtio_dev_live(d))
		return;
	virtio_dev_flush(d, pair->tx_queue);
	if (virtio_dev_notify_on(d, pair->tx_queue)) {
		net_notify(port, false);
		pair->net->hooks->more(pair->net->hook_ctx, port->queue);
	}
}
