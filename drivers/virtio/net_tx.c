/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: frames from the guest (virtio 1.2 5.1.6.2), without a copy of
 * their payload, and the way back of their buffers.
 */
#include "drivers/virtio/net_priv.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"

/*
 * pkt.done_cookie of a frame that refers to guest memory: the epoch it belongs
 * to in bits 63..32, its DMA mappings in 31..16, the head of its chain in 15..0.
 */
#define COOKIE_EPOCH_SHIFT 32
#define COOKIE_MAPS_SHIFT 16
#define COOKIE_MAPS_MASK 0xffff

#define GUEST_PAGE 4096u

STATIC_ASSERT(offsetof(struct virtio_net_hdr, flags) == 0 &&
	      offsetof(struct virtio_net_hdr, gso_type) == 1, "what a frame asks for: one load");

/* What tx_*() return when a frame goes on; otherwise why it does not. */
#define TX_OK VNET_DROP_COUNT

/* What is to become of the chain that a packet was made of. */
enum tx_chain {
	TX_CHAIN_DONE, /* it goes back now */
	TX_CHAIN_HELD, /* ... when the packet ends */
};

/* The last holder let go of a frame: give its chain back to the driver. */
static void tx_done(struct pkt *p)
{
	struct virtio_net_pair *pair = p->done_ctx;
	struct virtio_net *net = pair->net;
	u32 maps = (u32)(p->done_cookie >> COOKIE_MAPS_SHIFT) & COOKIE_MAPS_MASK;

	gmem_dma_unmap(&pair->tx_dma, maps);
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
static __attribute__((noinline)) bool tx_header(const struct virtio_net *net, struct pkt *p,
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

/*
 * Copy bytes [off, off + len) of what was popped: the piece or, when that is NULL, the
 * pair's tx_chain. That goes for all that has a parameter `piece`.
 */
static inline bool tx_read(struct virtio_net_pair *pair, const struct virtq_piece *piece, u32 off,
			   void *dst, u32 len)
{
	if (!piece)
		return virtq_chain_read(pair->tx, &pair->tx_chain, off, dst, len) == ERR_OK;
	memcpy(dst, piece->at + off, len);
	return true;
}

/* Copy the frame's bytes [0, len) into the header fragment. */
static inline bool tx_copy(struct virtio_net_pair *pair, struct pkt *p,
			   const struct virtq_piece *piece, u32 len)
{
	if (!tx_read(pair, piece, NET_HDR_BYTES, p->data, len))
		return false;
	p->head_len = len;
	p->len = len;
	return true;
}

/* Take back what tx_map() had mapped so far. */
static void tx_unmap(struct virtio_net_pair *pair, struct pkt *p)
{
	gmem_dma_unmap(&pair->tx_dma, p->nseg);
	for (; p->nseg; p->nseg--)
		p->len -= p->seg[p->nseg - 1].len;
}

/*
 * Map the first bytes of [at, at + *len) for the NIC; *len becomes how many. A
 * buffer that crosses regions, which begin and end at pages, is cut there.
 */
static void *tx_map_piece(struct virtio_net_pair *pair, gpa_t at, u32 *len, bus_t *bus)
{
	struct gmem *gm = pair->net->dev.gm;
	void *p = gmem_dma_map(gm, &pair->tx_dma, at, *len, false, bus);

	if (p)
		return p;
	*len = MIN(*len, GUEST_PAGE - (u32)(at.v % GUEST_PAGE));
	return gmem_dma_map(gm, &pair->tx_dma, at, *len, false, bus);
}

/*
 * Add the frame's bytes from `off` on as segments. With nothing mapped:
 * ERR_FULL when they are in too many pieces, ERR_RANGE when one lies outside
 * memory.
 */
static err_t tx_map_chain(struct virtio_net_pair *pair, struct pkt *p, u32 off)
{
	const struct virtq_chain *c = &pair->tx_chain;
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
		at = tx_map_piece(pair, gpa_add(b->addr, skip), &len, &bus);
		if (!at) {
			err = ERR_RANGE;
		} else if (pkt_add_seg(p, at, bus, len, NULL)) {
			gmem_dma_unmap(&pair->tx_dma, 1);
			err = ERR_FULL;
		}
		skip += len;
	}
	if (err)
		tx_unmap(pair, p);
	return err;
}

static inline err_t tx_map(struct virtio_net_pair *pair, struct pkt *p,
			   const struct virtq_piece *piece, u32 off)
{
	u32 skip = NET_HDR_BYTES + off;

	if (!piece)
		return tx_map_chain(pair, p, off);
	gmem_dma_count(&pair->tx_dma);
	return pkt_add_seg(p, piece->at + skip, gmem_region_bus(piece->region, piece->at + skip),
			   piece->len - skip, NULL);
}

/* The long way for frames in too many pieces: one payload copy. */
static enum vnet_drop tx_copy_all(struct virtio_net_pair *pair, struct pkt *p, u32 len)
{
	if (len > pair->pool->buf_size - PKT_HEADROOM)
		return VNET_DROP_TOO_BIG;
	if (!tx_copy(pair, p, NULL, len))
		return VNET_DROP_BAD_RING;
	pair->port.count.rx_copies++;
	pair->port.count.rx_copied_bytes += len;
	return TX_OK;
}

/* A frame by reference, but for its headers. */
static inline enum vnet_drop tx_refer(struct virtio_net_pair *pair, struct pkt *p,
				      const struct virtq_piece *piece, u32 len, u16 head,
				      enum tx_chain *chain)
{
	err_t err;

	if (!tx_copy(pair, p, piece, PKT_HEADER_COPY))
		return VNET_DROP_BAD_RING;
	err = tx_map(pair, p, piece, PKT_HEADER_COPY);
	if (err == ERR_FULL)
		return tx_copy_all(pair, p, len);
	if (err) {
		virtq_break(pair->tx, VIRTQ_BAD_BUFFER);
		return VNET_DROP_BAD_RING;
	}
	pkt_set_done(p, tx_done, pair, (u64)pair->net->epoch << COOKIE_EPOCH_SHIFT |
		     (u64)p->nseg << COOKIE_MAPS_SHIFT | head);
	__atomic_store_n(&pair->tx_in_flight, pair->tx_in_flight + 1, __ATOMIC_RELAXED);
	*chain = TX_CHAIN_HELD;
	return TX_OK;
}

/* Turn what was popped, read_len bytes, into packet p. */
static inline __attribute__((always_inline)) enum vnet_drop
tx_build(struct virtio_net_pair *pair, struct pkt *p, const struct virtq_piece *piece,
	 u32 read_len, u16 head, enum tx_chain *chain)
{
	const struct virtio_net *net = pair->net;
	struct virtio_net_hdr hdr;
	u32 len, most;

	*chain = TX_CHAIN_DONE;
	if (read_len < NET_HDR_BYTES) {
		virtq_break(pair->tx, VIRTQ_BAD_CONTENT);
		return VNET_DROP_BAD_RING;
	}
	if (piece)
		__builtin_memcpy(&hdr, piece->at, NET_HDR_BYTES);
	else if (!tx_read(pair, NULL, 0, &hdr, NET_HDR_BYTES))
		return VNET_DROP_BAD_RING;
	len = read_len - NET_HDR_BYTES;
	p->len = len; /* what a drop accounts for */
	if (!net_link_is_up(net))
		return VNET_DROP_PORT_DOWN;
	most = net_frame_max(net);
	if (hdr.flags | hdr.gso_type) {
		if (!tx_header(net, p, &hdr))
			return VNET_DROP_BAD_OFFLOAD;
		if (p->gso_type != PKT_GSO_NONE)
			most = NET_LONG_MAX + NET_L2_BYTES;
	}
	if (len > most)
		return VNET_DROP_TOO_BIG;
	if (len > PKT_COPY_WHOLE)
		return tx_refer(pair, p, piece, len, head, chain);
	return tx_copy(pair, p, piece, len) ? TX_OK : VNET_DROP_BAD_RING;
}

/* The first pieces into packets, as long as they hold frames that are copied whole and that
 * nothing is to be done to. Returns how many. */
static __attribute__((noinline)) u32 copy_whole(const struct virtq_piece *piece,
						struct pkt *const *pkts, u32 n, u32 most)
{
	u32 k = 0;

	most = MIN(most, (u32)PKT_COPY_WHOLE);
	for (; k < n; k++) {
		u32 len = piece[k].len - NET_HDR_BYTES;
		struct pkt *p = pkts[k];

		/* Less than a header comes out as very long. */
		if (len > most || load_le16(piece[k].at))
			break;
		copy_short(p->data, piece[k].at + NET_HDR_BYTES, len);
		p->head_len = len;
		p->len = len;
	}
	return k;
}

/* Pieces as long as the next chains are some, at most max. What a ring holds when it
 * breaks stays in it. Returns how many were popped; *n grows by those that go on. */
static u32 collect_pieces(struct virtio_net_pair *pair, struct pkt **pkts, u32 *n, u32 max)
{
	struct virtq_piece piece[PKT_BURST];
	struct virtq *q = pair->tx;
	u32 got = virtq_pop_read(q, piece, MIN(max, (u32)PKT_BURST)), i = 0, taken = *n;
	struct pkt **p = pkts + taken; /* those that go on move up */
	struct virtq_fill fill = virtq_fill_begin(q);

	pkt_get_burst(pair->pool, p, got);
	if (net_link_is_up(pair->net))
		taken += copy_whole(piece, p, got, net_frame_max(pair->net));
	for (; p + i < pkts + taken; i++)
		virtq_fill_put(&fill, piece[i].head, 0);
	for (; i < got && !q->fault; i++) {
		enum tx_chain chain;
		enum vnet_drop why = tx_build(pair, p[i], &piece[i], piece[i].len, piece[i].head,
					      &chain);

		if (chain == TX_CHAIN_DONE)
			virtq_fill_put(&fill, piece[i].head, 0);
		if (why == TX_OK)
			pkts[taken++] = p[i];
		else
			vnet_port_drop(&pair->port, p[i], why);
	}
	*n = taken;
	virtq_fill_end(q, &fill);
	virtq_unpop(q, (u16)(got - i));
	pkt_put_burst(p + i, got - i);
	return got;
}

/* The chain that was popped, whatever it is like. */
static __attribute__((noinline)) bool collect_chain(struct virtio_net_pair *pair, struct pkt **out)
{
	const struct virtq_chain *c = &pair->tx_chain;
	struct pkt *p = pkt_get(pair->pool);
	enum tx_chain chain;
	enum vnet_drop why = tx_build(pair, p, NULL, c->read_len, c->head, &chain);

	if (chain == TX_CHAIN_DONE)
		virtq_push(pair->tx, c->head, 0);
	*out = p;
	if (why != TX_OK)
		vnet_port_drop(&pair->port, p, why);
	return why == TX_OK;
}

/* How many chains there are, packets for them, and room with who asks. */
static u32 collect_limit(struct virtio_net_pair *pair, u32 max)
{
	u32 there = virtio_dev_available(&pair->net->dev, pair->tx_queue);
	u32 n = MIN(there, max);

	if (n <= pair->pool->free_count)
		return n;
	pair->pool->exhausted++;
	return pair->pool->free_count;
}

/*
 * At most max chains are popped, dropped ones included; what is not collected,
 * also for want of packets, stays in the ring. What comes meanwhile goes with the
 * next burst.
 */
u32 net_collect(struct vnet_port *port, struct pkt **pkts, u32 max)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	struct virtio_dev *d = &pair->net->dev;
	u32 n = 0, popped = 0;

	if (!virtio_dev_live(d))
		return 0;
	if (!pair->polled)
		net_notify(port, false);
	max = collect_limit(pair, max);
	while (popped < max) {
		u32 pieces = collect_pieces(pair, pkts, &n, max - popped);

		popped += pieces;
		if (pieces)
			continue;
		if (virtio_dev_pop(d, pair->tx_queue, &pair->tx_chain))
			break;
		n += collect_chain(pair, pkts + n);
		popped++;
	}
	virtio_dev_check(d, pair->tx_queue);
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
