/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: received frames (virtio 1.2 5.1.6.4). Each buffer is a packet
 * of the pool, with the device's header in the end of its head room; a frame that
 * goes on in further buffers has no header there, and starts where that would be.
 */
#include "drivers/nic/virtio_net.h"

void vnic_rx_refill(struct vnic *v)
{
	while (v->rx.nfree) {
		struct pkt *p = pkt_get(v->res.rx_pool[0]);
		bus_t bus;

		if (!p) {
			v->count.rx_no_packet++;
			break;
		}
		bus = (bus_t){ pkt_data_bus(p).v - VNIC_HDR };
		v->rx_pkt[vnic_ring_add_one(&v->rx, bus, v->rx_buf, true)] = p;
	}
	v->count.doorbells += vnic_ring_show(&v->rx);
}

/* The frame is no good. */
static void throw(struct vnic *v, struct pkt *p)
{
	pkt_put(v->rx_long);
	pkt_put(p);
	v->rx_long = NULL;
	v->rx_skip = true;
}

/* A frame's first buffer, and how many follow. False: that makes no sense. */
static bool first_buffer(struct vnic *v, struct pkt *p, u32 len)
{
	const struct virtio_net_hdr *hdr = (const void *)(p->data - VNIC_HDR);
	bool merged = v->features & VIRTIO_NET_F_MRG_RXBUF;
	u32 buffers = merged && len >= VNIC_HDR ? hdr->num_buffers : 1;

	if (len < VNIC_HDR || !buffers || buffers > v->rx.slots)
		return false;
	v->rx_left = buffers - 1;
	v->rx_skip = false;
	p->head_len = p->len = len - VNIC_HDR;
	/* Neither was negotiated: a frame that somebody would have to finish. */
	if (!p->len || hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE ||
	    (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		throw(v, p);
	else
		v->rx_long = p;
	return true;
}

static bool next_buffer(struct vnic *v, struct pkt *p, u32 len)
{
	v->rx_left--;
	p->data -= VNIC_HDR;
	p->head_len = p->len = len;
	if (!len)
		return false;
	if (v->rx_skip)
		pkt_put(p);
	else if (v->rx_long->len + len > VNIC_MAX_FRAME || pkt_join(v->rx_long, p))
		throw(v, p);
	return true;
}

/* What a used buffer completes, NULL: nothing, or a frame that is no good. *sense:
 * what the device wrote made some. */
static struct pkt *take(struct vnic *v, u16 slot, u32 len, bool *sense)
{
	struct pkt *p = v->rx_pkt[slot], *whole;

	v->rx_pkt[slot] = NULL;
	*sense = v->rx_left ? next_buffer(v, p, len) : first_buffer(v, p, len);
	if (!*sense) {
		pkt_put(p);
		return NULL;
	}
	if (v->rx_left)
		return NULL;
	if (v->rx_skip)
		v->count.rx_errors++;
	whole = v->rx_long;
	v->rx_long = NULL;
	return whole;
}

u32 vnic_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	struct vnic *v = nic->priv;
	u32 n = 0, seen = 0;
	bool sense = true;

	(void)queue;
	/* Bounded by the ring even if all that arrives is thrown away. */
	while (v->running && n < max && seen < v->rx.slots) {
		struct pkt *p;
		u16 slot;
		u32 len;
		err_t err = vnic_ring_take(&v->rx, &slot, &len);

		if (err == ERR_NOENT)
			break;
		p = err ? NULL : take(v, slot, len, &sense);
		if (err || !sense) {
			vnic_break(nic, err ? "used ring of its receive queue" :
					      "lengths of a received frame");
			break;
		}
		seen++;
		if (p) {
			v->count.rx_frames++;
			v->count.rx_bytes += p->len;
			__builtin_prefetch(p->data);
			pkts[n++] = p;
		}
	}
	if (v->running && v->rx.nfree)
		vnic_rx_refill(v);
	return n;
}

void vnic_rx_put(struct vnic *v)
{
	for (u32 i = 0; i < VNIC_RING_MAX; i++) {
		pkt_put(v->rx_pkt[i]);
		v->rx_pkt[i] = NULL;
	}
	pkt_put(v->rx_long);
	v->rx_long = NULL;
	v->rx_left = 0;
	v->rx_skip = false;
}
