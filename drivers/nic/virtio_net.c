/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC (virtio 1.2 5.1), by its modern PCI interface: attach and
 * detach, negotiation, interrupts, link, resets. What is not taken of what devices
 * offer: GUEST_CSUM (frames would come with unfinished checksums), segmentation either
 * way (it looks at outer headers), several queues (one core owns the NIC).
 */
#include "drivers/nic/virtio_net.h"

#include "drivers/nic/drivers.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

#define WANTED \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | \
	 VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM | VIRTIO_NET_F_CSUM | \
	 VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX)
#define ETH_HEADER 14u
#define STUCK_TICKS 2u
#define CTRL_PIECES 2u
#define TEST_FRAME 60u
#define TEST_ETHERTYPE 0x88b5u /* for local experiments, IEEE 802 */

static bool vnic_match(u16 vendor, u16 device)
{
	return vendor == VIRTIO_PCI_VENDOR &&
	       (device == VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET ||
		device == VIRTIO_PCI_DEVICE_OLD_NET);
}

void vnic_break(struct nic *nic, const char *what)
{
	struct vnic *v = nic->priv;

	v->running = false;
	LOG_LIMITED(LOG_ERR, nic->name, "the device broke the rules (%s): it is reset", what);
}

/* --- interrupts -------------------------------------------------------------------- */

static void vnic_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct vnic *v = nic->priv;

	(void)queue;
	v->rx_wanted = on;
	vnic_ring_irq(&v->rx, on);
}

static void vnic_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct vnic *v = nic->priv;

	(void)queue;
	v->tx_wanted = on;
	/* What was sent before raises none: it is taken now. */
	while (vnic_ring_irq(&v->tx, on) && vnic_tx_reclaim(nic, 0))
		;
}

/* With MSI-X there is no register that tells why (4.1.4.5): what is neither ring's is
 * taken for a change of the configuration. */
static u32 vnic_irq_cause(struct nic *nic, u32 vector)
{
	struct vnic *v = nic->priv;
	u8 isr = v->res.irq == NIC_IRQ_MSIX ? 0 : vnic_isr(&v->regs);
	u32 events = 0;

	(void)vector;
	if (!isr && v->res.irq != NIC_IRQ_MSIX)
		return 0;
	v->count.irqs++;
	if (vnic_ring_has_used(&v->rx))
		events |= NIC_EVENT_RX;
	if (vnic_ring_has_used(&v->tx))
		events |= NIC_EVENT_TX;
	if ((isr & VIRTIO_ISR_CONFIG) || (!isr && !events))
		events |= NIC_EVENT_LINK;
	return events ? events : NIC_EVENT_OTHER;
}

/* No device interrupts because it is told to: a frame to ourselves has it do so. */
static void vnic_irq_test(struct nic *nic)
{
	struct vnic *v = nic->priv;
	struct pkt *p = pkt_get(v->res.rx_pool[0]);

	if (!p)
		return;
	p->head_len = p->len = TEST_FRAME;
	memset(p->data, 0, TEST_FRAME);
	memcpy(p->data, nic->mac, sizeof(nic->mac));
	memcpy(p->data + sizeof(nic->mac), nic->mac, sizeof(nic->mac));
	p->data[ETH_HEADER - 2] = TEST_ETHERTYPE >> 8;
	p->data[ETH_HEADER - 1] = TEST_ETHERTYPE & 0xff;
	vnic_tx_irq(nic, 0, true);
	if (!vnic_tx_burst(nic, 0, &p, 1))
		pkt_put(p);
}

/* --- bringing it up ------------------------------------------------------------------ */

/* In the reset state: up to FEATURES_OK (3.1.1). */
static err_t negotiate(struct nic *nic, struct vnic *v)
{
	err_t err;

	vnic_status_add(&v->regs, VIRTIO_STATUS_ACKNOWLEDGE);
	vnic_status_add(&v->regs, VIRTIO_STATUS_DRIVER);
	v->features = vnic_offered(&v->regs) & WANTED;
	if (!(v->features & VIRTIO_NET_F_CTRL_VQ))
		v->features &= ~VIRTIO_NET_F_CTRL_RX;
	err = v->features & VIRTIO_F_VERSION_1 ? vnic_negotiate(&v->regs, v->features) : ERR_NOTSUP;
	if (err) {
		log_err(nic->name, "virtio features %llx, of those offered %llx, do not do",
			(unsigned long long)v->features,
			(unsigned long long)vnic_offered(&v->regs));
		return ERR_IO;
	}
	return ERR_OK;
}

/* The queues, and from there on it is live. */
static err_t go_live(struct vnic *v)
{
	bool msix = v->res.irq == NIC_IRQ_MSIX;
	err_t err = msix ? vnic_config_msix(&v->regs) : ERR_OK;

	if (!err)
		err = vnic_queue_enable(&v->regs, &v->rx, msix);
	if (!err)
		err = vnic_queue_enable(&v->regs, &v->tx, msix);
	if (!err && (v->features & VIRTIO_NET_F_CTRL_VQ))
		err = vnic_queue_enable(&v->regs, &v->ctrl, false);
	if (err)
		return err;
	vnic_status_add(&v->regs, VIRTIO_STATUS_DRIVER_OK);
	v->running = true;
	vnic_rx_refill(v);
	return ERR_OK;
}

static void set_filter(struct nic *nic, struct vnic *v)
{
	err_t err = vnic_ctrl_promiscuous(v, v->promiscuous);

	if (err == ERR_NOTSUP && v->promiscuous)
		log_warn(nic->name, "cannot be told to take frames for other addresses");
	else if (err && err != ERR_NOTSUP)
		vnic_break(nic, "control queue");
}

static void vnic_promiscuous(struct nic *nic, bool on)
{
	struct vnic *v = nic->priv;

	v->promiscuous = on;
	if (v->running)
		set_filter(nic, v);
}

/* --- state ------------------------------------------------------------------------------ */

/* No link speed is asked for: it means nothing here. */
static struct nic_link vnic_link(struct nic *nic)
{
	struct vnic *v = nic->priv;
	struct nic_link link = { .up = true, .full_duplex = true };

	if (v->features & VIRTIO_NET_F_STATUS)
		link.up = vnic_config(&v->regs, offsetof(struct virtio_net_config, status), 2) &
			  VIRTIO_NET_S_LINK_UP;
	if (link.up != v->link_up) {
		v->link_up = link.up;
		v->count.link_changes++;
	}
	return link;
}

static void vnic_stats(struct nic *nic, struct nic_stats *out)
{
	struct vnic *v = nic->priv;

	vnic_tx_reclaim(nic, 0);
	*out = v->count;
}

static err_t restart(struct nic *nic)
{
	struct vnic *v = nic->priv;
	err_t err = vnic_regs_reset(&v->regs);

	if (err)
		return err; /* not known to be quiet: its buffers stay where they are */
	vnic_rx_put(v);
	vnic_tx_put(v);
	vnic_ring_empty(&v->rx);
	vnic_ring_empty(&v->tx);
	if (v->ctrl.desc)
		vnic_ring_empty(&v->ctrl);
	err = negotiate(nic, v);
	if (!err)
		err = go_live(v);
	if (err)
		return err;
	set_filter(nic, v);
	vnic_ring_irq(&v->rx, v->rx_wanted);
	vnic_ring_irq(&v->tx, v->tx_wanted);
	return ERR_OK;
}

/* True: it stands still, or says that it needs a reset. */
static bool is_stuck(struct nic *nic, struct vnic *v)
{
	bool waits = vnic_ring_pending(&v->tx) && v->tx.taken == v->tick_taken;

	v->stuck_ticks = waits ? v->stuck_ticks + 1 : 0;
	v->tick_taken = v->tx.taken;
	if (vnic_status(&v->regs) & VIRTIO_STATUS_NEEDS_RESET) {
		LOG_LIMITED(LOG_WARN, nic->name, "the device asks for a reset");
		return true;
	}
	if (v->stuck_ticks >= STUCK_TICKS)
		LOG_LIMITED(LOG_WARN, nic->name, "transmitter stands still%s: reset",
			    v->link_up ? "" : " (link is down)");
	return v->stuck_ticks >= STUCK_TICKS;
}

static void vnic_tick(struct nic *nic, u64 now_ns)
{
	struct vnic *v = nic->priv;

	(void)now_ns;
	if (v->running) {
		vnic_link(nic);
		vnic_tx_reclaim(nic, 0);
	}
	if (v->running && !is_stuck(nic, v)) {
		vnic_rx_refill(v);
		nic_backoff_good(&v->backoff);
		return;
	}
	v->running = false;
	if (!nic_backoff_due(&v->backoff))
		return;
	v->stuck_ticks = 0;
	v->count.resets++;
	if (restart(nic) != ERR_OK)
		LOG_LIMITED(LOG_ERR, nic->name, "does not come out of reset");
}

/* --- attach and detach -------------------------------------------------------------------- */

static void vnic_free(struct nic *nic)
{
	struct vnic *v = nic->priv;

	vnic_ring_free(&v->rx, &v->res);
	vnic_ring_free(&v->tx, &v->res);
	vnic_ring_free(&v->ctrl, &v->res);
	if (v->hdr)
		v->res.dma_free(v->hdr, VNIC_RING_MAX * VNIC_HDR);
	if (v->ctrl_mem)
		v->res.dma_free(v->ctrl_mem, CACHE_LINE);
	plat_free(v, sizeof(*v));
	nic->priv = NULL;
}

/* The largest power of two that neither side exceeds. */
static u16 ring_size(const struct vnic *v, u16 queue)
{
	u32 most = MIN(vnic_queue_size(&v->regs, queue), VNIC_RING_MAX);

	u32 size = 1;

	while (2 * size <= most)
		size *= 2;
	return (u16)(most ? size : 0);
}

static err_t make_rings(struct vnic *v)
{
	u16 rx = ring_size(v, VIRTIO_NET_RX), tx = ring_size(v, VIRTIO_NET_TX);
	u16 ctrl = ring_size(v, VIRTIO_NET_CTRL);
	err_t err;

	if (!rx || tx < VNIC_PIECES || (v->features & VIRTIO_NET_F_CTRL_VQ && ctrl < CTRL_PIECES))
		return ERR_IO;
	v->hdr = v->res.dma_alloc(VNIC_RING_MAX * VNIC_HDR, &v->hdr_bus);
	v->ctrl_mem = v->res.dma_alloc(CACHE_LINE, &v->ctrl_bus);
	if (!v->hdr || !v->ctrl_mem)
		return ERR_NOMEM;
	err = vnic_ring_alloc(&v->rx, &v->res, VIRTIO_NET_RX, rx, 1, v->features);
	if (!err)
		err = vnic_ring_alloc(&v->tx, &v->res, VIRTIO_NET_TX, tx, VNIC_PIECES, v->features);
	if (!err && (v->features & VIRTIO_NET_F_CTRL_VQ))
		err = vnic_ring_alloc(&v->ctrl, &v->res, VIRTIO_NET_CTRL, ctrl, CTRL_PIECES, 0);
	return err;
}

/* What the device's configuration says of frames, and what we make of it. */
static err_t read_config(struct nic *nic, struct vnic *v)
{
	static const u8 zero[6];
	bool merged = v->features & VIRTIO_NET_F_MRG_RXBUF;
	u32 mtu = vnic_config(&v->regs, offsetof(struct virtio_net_config, mtu), 2);

	for (u32 i = 0; i < sizeof(nic->mac); i++)
		nic->mac[i] = (u8)vnic_config(&v->regs, i, 1);
	if (!(v->features & VIRTIO_NET_F_MAC) || (nic->mac[0] & 1) ||
	    !memcmp(nic->mac, zero, sizeof(zero)))
		return ERR_IO;
	v->rx_buf = VNIC_HDR + VNIC_RX_BUF;
	nic->max_frame = merged ? VNIC_MAX_FRAME : VNIC_RX_BUF;
	if (v->features & VIRTIO_NET_F_MTU) {
		if (mtu < VIRTIO_NET_MTU_MIN)
			return ERR_IO;
		nic->max_frame = MIN(nic->max_frame, ETH_HEADER + mtu);
	}
	nic->max_pieces = PKT_MAX_SEGS + 1;
	nic->caps = v->features & VIRTIO_NET_F_CSUM ? NIC_CAP_CSUM : 0;
	nic->queues_max = nic->queues = nic->vectors = 1;
	return ERR_OK;
}

static err_t bring_up(struct nic *nic, struct vnic *v)
{
	err_t err = vnic_regs_reset(&v->regs);

	if (!err)
		err = negotiate(nic, v);
	if (!err)
		err = read_config(nic, v);
	if (!err)
		err = make_rings(v);
	if (!err)
		err = go_live(v);
	return err;
}

static err_t vnic_attach(struct nic *nic, const struct nic_resources *res)
{
	struct vnic *v;
	err_t err;

	if (res->rx_pool[0]->buf_size < PKT_HEADROOM + VNIC_RX_BUF)
		return ERR_INVAL;
	if (res->queues != 1)
		return ERR_RANGE;
	v = plat_alloc(sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	nic->priv = v;
	v->res = *res;
	v->link_up = true;
	if (vnic_regs_find(&v->regs, res)) {
		log_err(nic->name, "no modern virtio interface in memory");
		err = ERR_INVAL;
	} else {
		err = bring_up(nic, v);
		if (err && vnic_regs_reset(&v->regs))
			log_err(nic->name, "does not come out of reset");
	}
	if (err) {
		vnic_rx_put(v);
		vnic_free(nic);
		return err;
	}
	v->link_up = vnic_link(nic).up;
	v->count.link_changes = 0;
	set_filter(nic, v);
	/* QEMU notifies of a queue's first used buffer whatever is asked for. Nobody serves the
	 * line yet, and an I/O APIC that sees its edges alone would never see it again. */
	if (v->res.irq == NIC_IRQ_LINE)
		(void)vnic_isr(&v->regs);
	return ERR_OK;
}

static void vnic_detach(struct nic *nic)
{
	struct vnic *v = nic->priv;

	v->running = false;
	if (vnic_regs_reset(&v->regs))
		log_err(nic->name, "does not come out of reset; detached all the same");
	vnic_rx_put(v);
	vnic_tx_put(v);
	vnic_free(nic);
}

const struct nic_ops vnic_ops = {
	.name = "virtio-net",
	.match = vnic_match,
	.attach = vnic_attach,
	.detach = vnic_detach,
	.rx_burst = vnic_rx_burst,
	.tx_burst = vnic_tx_burst,
	.tx_room = vnic_tx_room,
	.tx_reclaim = vnic_tx_reclaim,
	.promiscuous = vnic_promiscuous,
	.rx_irq = vnic_rx_irq,
	.tx_irq = vnic_tx_irq,
	.irq_cause = vnic_irq_cause,
	.irq_test = vnic_irq_test,
	.link = vnic_link,
	.stats = vnic_stats,
	.tick = vnic_tick,
};
