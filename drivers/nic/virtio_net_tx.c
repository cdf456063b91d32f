/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: frames to send (virtio 1.2 5.1.6.2). The device's header goes
 * into the head room, in front of the frame's own, which saves a descriptor.
 *
 * No segmentation: the device's reads the frame's own headers, of which the outer
 * ones are UDP's; long segments are cut in software before they come here.
 */
#include "drivers/nic/virtio_net.h"

/* Put up to a burst of frames that the device is done with, and count them in *n. ERR_OK:
 * there may be more. */
static err_t reclaim_burst(struct vnic *v, u32 *n)
{
	struct pkt *sent[PKT_BURST];
	u64 bytes = 0;
	u32 k = 0, len;
	err_t err;
	u16 slot;

	for (;;) {
		err = k < PKT_BURST ? vnic_ring_take(&v->tx, &slot, &len) : ERR_OK;
		if (err || k == PKT_BURST)
			break;
		sent[k] = v->tx_pkt[slot];
		v->tx_pkt[slot] = NULL;
		bytes += sent[k++]->len;
	}
	v->count.tx_frames += k;
	v->count.tx_bytes += bytes;
	*n += k;
	pkt_put_burst(sent, k);
	return err;
}

u32 vnic_tx_reclaim(struct nic *nic, u32 queue)
{
	struct vnic *v = nic->priv;
	err_t err = v->running ? ERR_OK : ERR_NOENT;
	u32 n = 0;

	(void)queue;
	while (!err)
		err = reclaim_burst(v, &n);
	if (err == ERR_IO)
		vnic_break(nic, "used ring of its transmit queue");
	else if (n && v->tx_wanted)
		vnic_ring_irq(&v->tx, true);
	return n;
}

u32 vnic_tx_room(struct nic *nic, u32 queue)
{
	struct vnic *v = nic->priv;

	(void)queue;
	vnic_tx_reclaim(nic, 0);
	return v->running ? v->tx.nfree : 0;
}

static void fill_header(const struct pkt *p, struct virtio_net_hdr *hdr)
{
	*hdr = (struct virtio_net_hdr){ 0 };
	if (p->flags & PKT_F_NEEDS_CSUM) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = p->csum_start;
		hdr->csum_offset = p->csum_offset;
	}
}

static void tx_frame(struct vnic *v, struct pkt *p)
{
	struct vnic_piece piece[VNIC_PIECES];
	u16 slot = v->tx.free[v->tx.nfree - 1]; /* that vnic_ring_add() takes */
	u32 n = 0;

	if (pkt_headroom(p) >= VNIC_HDR) {
		fill_header(p, (struct virtio_net_hdr *)(void *)(p->data - VNIC_HDR));
		piece[n++] = (struct vnic_piece){ { pkt_data_bus(p).v - VNIC_HDR },
						  p->head_len + VNIC_HDR };
	} else {
		fill_header(p, &v->hdr[slot]);
		piece[n++] = (struct vnic_piece){ { v->hdr_bus.v + slot * VNIC_HDR }, VNIC_HDR };
		if (p->head_len)
			piece[n++] = (struct vnic_piece){ pkt_data_bus(p), p->head_len };
	}
	for (u32 i = 0; i < p->nseg; i++)
		if (p->seg[i].len)
			piece[n++] = (struct vnic_piece){ p->seg[i].bus, p->seg[i].len };
	v->tx_pkt[slot] = p;
	vnic_ring_add(&v->tx, piece, n, 0);
}

/* The first frames of the burst, as long as each is nothing but bytes in one piece with room
 * in front for the device's header, and there is a slot. How many. */
static __attribute__((noinline)) u32 tx_whole(struct vnic *v, struct pkt **pkts, u32 n, u32 most)
{
	u32 k = 0;

	for (n = MIN(n, (u32)v->tx.nfree); k < n; k++) {
		struct pkt *p = pkts[k];
		u32 len = p->len;
		bus_t bus;

		if (pkt_offloads(p) || p->nseg || len - 1u >= most || pkt_headroom(p) < VNIC_HDR)
			break;
		*(struct virtio_net_hdr *)(void *)(p->data - VNIC_HDR) =
			(struct virtio_net_hdr){ 0 };
		bus = (bus_t){ pkt_data_bus(p).v - VNIC_HDR };
		v->tx_pkt[vnic_ring_add_one(&v->tx, bus, len + VNIC_HDR, false)] = p;
	}
	return k;
}

static bool tx_fits(const struct nic *nic, const struct pkt *p)
{
	if (p->gso_type || !p->len || p->len > nic->max_frame || p->nseg > PKT_MAX_SEGS)
		return false;
	return !(p->flags & PKT_F_NEEDS_CSUM) ||
	       ((nic->caps & NIC_CAP_CSUM) && p->csum_start + p->csum_offset + 2u <= p->len);
}

u32 vnic_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	struct vnic *v = nic->priv;
	u32 taken = 0;

	(void)queue;
	if (v->running && v->tx.nfree < n)
		vnic_tx_reclaim(nic, 0);
	if (v->running)
		taken = tx_whole(v, pkts, n, nic->max_frame);
	for (; v->running && taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (!tx_fits(nic, p)) {
			v->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (!v->tx.nfree) {
			v->count.tx_full++;
			break;
		}
		tx_frame(v, p);
	}
	if (v->running)
		v->count.doorbells += vnic_ring_show(&v->tx);
	return taken;
}

void vnic_tx_put(struct vnic *v)
{
	for (u32 i = 0; i < VNIC_RING_MAX; i++) {
		if (v->tx_pkt[i])
			v->count.tx_lost++;
		pkt_put(v->tx_pkt[i]);
		v->tx_pkt[i] = NULL;
	}
}
