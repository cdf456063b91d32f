/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: frames to send (virtio 1.2 5.1.6.2). The device's header goes
 * into the head room, in front of the frame's own, which saves a descriptor.
 *
 * No segmentation: the device's reads the frame's own headers, of which the outer
 * ones are UDP's; long segments are cut in software before they come here.
 */
#include "drivers/nic/virtio_net.h"

u32 vnic_tx_reclaim(struct nic *nic, u32 queue)
{
	struct vnic *v = nic->priv;
	err_t err = v->running ? ERR_OK : ERR_NOENT;
	u32 n = 0, len;
	u16 slot;

	(void)queue;
	for (; !err; n++) {
		struct pkt *p;

		err = vnic_ring_take(&v->tx, &slot, &len);
		if (err)
			break;
		p = v->tx_pkt[slot];
		v->tx_pkt[slot] = NULL;
		v->count.tx_frames++;
		v->count.tx_bytes += p->len;
		pkt_put(p);
	}
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
