/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: received frames (virtio 1.2 5.1.6.4). Each buffer is a packet
 * of the pool, with the device's header in the end of its head room; a frame that
 * goes on in further buffers has no header there, and starts where that would be.
 * A buffer's descriptor keeps its length and flags for good; its address alone changes.
 */
#include "drivers/nic/virtio_net.h"

/* What a header may not have in these bits: neither was negotiated, somebody would have to
 * finish the frame. */
#define HDR_UNFINISHED ((u32)VIRTIO_NET_HDR_F_NEEDS_CSUM | UINT8_MAX << 8)

STATIC_ASSERT(VIRTIO_NET_HDR_GSO_NONE == 0, "any other bit of gso_type says no");
STATIC_ASSERT(offsetof(struct virtio_net_hdr, gso_type) == sizeof(u8), "in one load with flags");

static const struct virtio_net_hdr *header_of(const struct pkt *p)
{
	return (const void *)(p->data - VNIC_HDR);
}

static bool is_finished(const struct virtio_net_hdr *hdr)
{
	u16 both;

	__builtin_memcpy(&both, hdr, sizeof(both));
	return !(both & HDR_UNFINISHED);
}

static bool is_merged(const struct vnic_queue *q)
{
	return q->v->features & VIRTIO_NET_F_MRG_RXBUF;
}

/* --- buffers to the device -------------------------------------------------------------- */

/* Buffers that are there already, n of them, for the slots from the next one on. */
static void give(struct vnic_queue *q, u32 n)
{
	struct vnic_ring *r = &q->rx;
	u32 at = r->next, mask = r->size - 1u;
	struct vring_desc *desc = r->desc;

	for (u32 end = at + n; at != end; at++)
		desc[at & mask].addr = pkt_data_bus(q->rx_pkt[at & mask]).v - VNIC_HDR;
	vnic_ring_add_to(r, at);
}

void vnic_rx_refill(struct vnic_queue *q)
{
	struct vnic_ring *r = &q->rx;
	u32 room = vnic_ring_room(r), n = MIN(room, q->pool->free_count);
	u32 at = vnic_ring_slot(r, r->next), to_end = MIN(n, r->size - at);

	if (n < room) {
		q->count.rx_no_packet++;
		q->pool->exhausted++;
	}
	pkt_get_burst(q->pool, &q->rx_pkt[at], to_end);
	pkt_get_burst(q->pool, &q->rx_pkt[0], n - to_end);
	give(q, n);
	q->count.doorbells += vnic_ring_show(r);
}

/* --- frames from it ------------------------------------------------------------------- */

/* The frame is no good. */
static void throw(struct vnic_queue *q, struct pkt *p)
{
	pkt_put(q->rx_long);
	pkt_put(p);
	q->rx_long = NULL;
	q->rx_skip = true;
}

/* A frame's first buffer, and how many follow. False: that makes no sense. */
static bool first_buffer(struct vnic_queue *q, struct pkt *p, u32 len)
{
	const struct virtio_net_hdr *hdr = header_of(p);
	u32 buffers = is_merged(q) && len >= VNIC_HDR ? hdr->num_buffers : 1;

	if (len < VNIC_HDR || !buffers || buffers > q->rx.size)
		return false;
	q->rx_left = buffers - 1;
	q->rx_skip = false;
	p->head_len = p->len = len - VNIC_HDR;
	if (!p->len || !is_finished(hdr))
		throw(q, p);
	else
		q->rx_long = p;
	return true;
}

static bool next_buffer(struct vnic_queue *q, struct pkt *p, u32 len)
{
	q->rx_left--;
	p->data -= VNIC_HDR;
	p->head_len = p->len = len;
	if (!len)
		return false;
	if (q->rx_skip)
		pkt_put(p);
	else if (q->rx_long->len + len > VNIC_MAX_FRAME || pkt_join(q->rx_long, p))
		throw(q, p);
	return true;
}

/* What a used buffer completes, NULL: nothing, or a frame that is no good. *sense:
 * what the device wrote made some. */
static struct pkt *take(struct vnic_queue *q, u32 slot, u32 len, bool *sense)
{
	struct pkt *p = q->rx_pkt[slot], *whole;

	q->rx_pkt[slot] = NULL;
	*sense = q->rx_left ? next_buffer(q, p, len) : first_buffer(q, p, len);
	if (!*sense) {
		pkt_put(p);
		return NULL;
	}
	if (q->rx_left)
		return NULL;
	if (q->rx_skip)
		q->count.rx_errors++;
	whole = q->rx_long;
	q->rx_long = NULL;
	return whole;
}

/* The first frames that the device is done with, of so many buffers, as long as each came in
 * turn, and whole, and good, in one. How many. */
static __attribute__((noinline)) u32 take_whole(struct vnic_queue *q, struct pkt **pkts, u32 max,
						u64 *bytes)
{
	u32 at = q->rx.taken, mask = q->rx.size - 1u, most = q->rx.writes - VNIC_HDR, n = 0;
	const struct vring_used_elem *ring = q->rx.used->ring;
	u16 several = is_merged(q) ? UINT16_MAX : 0;
	u64 sum = 0;

	if (q->rx_left || q->rx.freed != q->rx.taken)
		return 0;
	for (; n < max; n++, at++) {
		u32 slot = at & mask;
		u64 e = vnic_used_element(&ring[slot]);
		u32 len = (u32)(e >> 32) - VNIC_HDR;
		const struct virtio_net_hdr *hdr;
		struct pkt *p;

		if ((u32)e != slot || len - 1u >= most)
			break;
		p = q->rx_pkt[slot];
		hdr = header_of(p);
		if (!is_finished(hdr) || ((hdr->num_buffers - 1) & several))
			break;
		__builtin_prefetch(p->data);
		q->rx_pkt[slot] = NULL;
		p->head_len = len;
		p->len = len;
		sum += len;
		pkts[n] = p;
	}
	vnic_ring_take_to(&q->rx, at);
	*bytes += sum;
	return n;
}

/* Up to max frames of `used` buffers. False: what the device wrote makes no sense. */
static bool take_frames(struct vnic_queue *q, u32 used, struct pkt **pkts, u32 max, u32 *got)
{
	u64 bytes = 0;
	u32 n = take_whole(q, pkts, MIN(used, max), &bytes), seen = n;
	bool sense = true;

	for (; sense && n < max && seen < used; seen++) {
		struct pkt *p = NULL;
		u32 slot, len;

		sense = !vnic_ring_take(&q->rx, &slot, &len);
		if (sense)
			p = take(q, slot, len, &sense);
		if (p) {
			bytes += p->len;
			__builtin_prefetch(p->data);
			pkts[n++] = p;
		}
	}
	q->count.rx_frames += n;
	q->count.rx_bytes += bytes;
	*got = n;
	return sense;
}

u32 vnic_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	struct vnic_queue *q = vnic_queue_of(nic, queue);
	u32 used, n = 0;

	if (!vnic_runs(q->v))
		return 0;
	if (!vnic_ring_used(&q->rx, &used))
		vnic_break(nic, "used index of a receive queue");
	else if (!take_frames(q, used, pkts, max, &n))
		vnic_break(nic, "used ring or lengths of received frames");
	else if (vnic_ring_room(&q->rx))
		vnic_rx_refill(q);
	return n;
}
