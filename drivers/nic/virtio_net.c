/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC (virtio 1.2 5.1), by its modern PCI interface: attach and
 * detach, negotiation, link, resets. What is not taken of what devices offer: GUEST_CSUM
 * (frames would come with unfinished checksums), segmentation either way (it looks at
 * outer headers).
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
	 VIRTIO_NET_F_CTRL_VQ | WANT_CTRL)
/* What needs a control queue. */
#define WANT_CTRL (VIRTIO_NET_F_CTRL_RX | VNIC_F_SEVERAL)
#define ETH_HEADER 14u
#define STUCK_TICKS 2u
#define TEST_FRAME 60u
#define TEST_ETHERTYPE 0x88b5u /* for local experiments, IEEE 802 */

static bool vnic_match(u16 vendor, u16 device)
{
	return vendor == VIRTIO_PCI_VENDOR &&
	       (device == VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET ||
		device == VIRTIO_PCI_DEVICE_OLD_NET);
}

static void set_running(struct vnic *v, bool on)
{
	__atomic_store_n(&v->running, on, __ATOMIC_RELAXED);
}

void vnic_break(struct nic *nic, const char *what)
{
	set_running(nic->priv, false);
	LOG_LIMITED(LOG_ERR, nic->name, "the device broke the rules (%s): it is reset", what);
}

/* --- bringing it up ------------------------------------------------------------------ */

/* In the reset state: up to FEATURES_OK (3.1.1), with those of them that are offered. */
static err_t negotiate(struct nic *nic, struct vnic *v, u64 wanted)
{
	u64 offered, features;
	err_t err;

	vnic_status_add(&v->regs, VIRTIO_STATUS_ACKNOWLEDGE);
	vnic_status_add(&v->regs, VIRTIO_STATUS_DRIVER);
	offered = vnic_offered(&v->regs);
	features = offered & wanted;
	if (!(features & VIRTIO_NET_F_CTRL_VQ))
		features &= ~WANT_CTRL;
	err = features & VIRTIO_F_VERSION_1 ? vnic_negotiate(&v->regs, features) : ERR_NOTSUP;
	if (err) {
		log_err(nic->name, "virtio features %llx, of those offered %llx, do not do",
			(unsigned long long)features, (unsigned long long)offered);
		return ERR_IO;
	}
	v->features = features;
	return ERR_OK;
}

/* The queues, and from there on it is live. */
static err_t go_live(struct nic *nic, struct vnic *v)
{
	bool msix = v->res.irq == NIC_IRQ_MSIX, rss;
	err_t err = msix ? vnic_config_msix(&v->regs) : ERR_OK;

	for (u32 i = 0; i < v->queues && !err; i++) {
		u16 vector = msix ? (u16)i : VIRTIO_MSI_NO_VECTOR;

		err = vnic_queue_enable(&v->regs, &v->queue[i]->rx, vector);
		if (!err)
			err = vnic_queue_enable(&v->regs, &v->queue[i]->tx, vector);
	}
	if (!err && v->ctrl.desc)
		err = vnic_queue_enable(&v->regs, &v->ctrl, VIRTIO_MSI_NO_VECTOR);
	if (err)
		return err;
	vnic_status_add(&v->regs, VIRTIO_STATUS_DRIVER_OK);
	for (u32 i = 0; i < v->queues; i++)
		vnic_rx_start(v->queue[i]);
	err = vnic_ctrl_queues(v, &rss);
	if (err) {
		log_err(nic->name, "does not take %u queues: %s", v->queues, err_str(err));
		return ERR_IO;
	}
	if (v->queues > 1)
		log_info(nic->name, "%u queues, %s", v->queues,
			 rss ? "by receive-side scaling" : "as the device spreads frames");
	set_running(v, true);
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
	if (vnic_runs(v))
		set_filter(nic, v);
}

/* --- self-test ---------------------------------------------------------------------------- */

/* No device interrupts because it is told to: a frame to ourselves has it do so. */
static void vnic_irq_test(struct nic *nic)
{
	struct pkt *p = pkt_get(vnic_queue_of(nic, 0)->pool);

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
	const struct vnic *v = nic->priv;

	vnic_tx_reclaim(nic, 0);
	*out = v->count;
	for (u32 i = 0; i < v->queues; i++)
		nic_stats_add(out, &v->queue[i]->count);
}

static err_t restart(struct nic *nic)
{
	struct vnic *v = nic->priv;
	u64 features = v->features;
	err_t err = vnic_regs_reset(&v->regs);

	if (err)
		return err; /* not known to be quiet: its buffers stay where they are */
	for (u32 i = 0; i < v->queues; i++) {
		vnic_tx_lose(v->queue[i]);
		vnic_rx_forget(v->queue[i]);
		vnic_ring_empty(&v->queue[i]->tx);
		vnic_ring_empty(&v->queue[i]->rx);
	}
	if (v->ctrl.desc)
		vnic_ring_empty(&v->ctrl);
	/* Other queues' pools are their cores': what is missing there comes with the next
	 * burst. */
	vnic_rx_stock(v->queue[0]);
	err = negotiate(nic, v, features);
	if (!err && v->features != features)
		err = ERR_IO; /* the rings are made for those */
	v->features = features;
	if (!err)
		err = go_live(nic, v);
	if (err)
		return err;
	set_filter(nic, v);
	vnic_irq_again(v);
	return ERR_OK;
}

/* It stands still. The queue may be another core's, at work: what that has not looked at yet
 * is no reason. */
static bool queue_stuck(struct vnic_queue *q)
{
	u16 taken = __atomic_load_n(&q->tx.taken, __ATOMIC_RELAXED);
	bool waits = vnic_ring_pending(&q->tx) && taken == q->tick_taken &&
		     !vnic_ring_has_used(&q->tx);

	q->stuck_ticks = waits ? q->stuck_ticks + 1 : 0;
	q->tick_taken = taken;
	return q->stuck_ticks >= STUCK_TICKS;
}

/* True: one of its queues stands still, or it says that it needs a reset. */
static bool is_stuck(struct nic *nic, struct vnic *v)
{
	bool stuck = false;

	for (u32 i = 0; i < v->queues; i++)
		stuck |= queue_stuck(v->queue[i]);
	if (vnic_status(&v->regs) & VIRTIO_STATUS_NEEDS_RESET) {
		LOG_LIMITED(LOG_WARN, nic->name, "the device asks for a reset");
		return true;
	}
	if (stuck)
		LOG_LIMITED(LOG_WARN, nic->name, "transmitter stands still%s: reset",
			    v->link_up ? "" : " (link is down)");
	return stuck;
}

static void recover(struct nic *nic, struct vnic *v)
{
	set_running(v, false);
	if (!v->backoff.left && v->res.may_reset && !v->res.may_reset(v->res.ctx))
		return;
	if (!nic_backoff_due(&v->backoff))
		return;
	for (u32 i = 0; i < v->queues; i++)
		v->queue[i]->stuck_ticks = 0;
	v->count.resets++;
	if (restart(nic) != ERR_OK)
		LOG_LIMITED(LOG_ERR, nic->name, "does not come out of reset");
}

static void vnic_tick(struct nic *nic, u64 now_ns)
{
	struct vnic *v = nic->priv;

	(void)now_ns;
	if (vnic_runs(v)) {
		vnic_link(nic);
		vnic_tx_reclaim(nic, 0);
	}
	if (!vnic_runs(v) || is_stuck(nic, v)) {
		recover(nic, v);
		return;
	}
	vnic_rx_refill(v->queue[0]);
	nic_backoff_good(&v->backoff);
}

/* --- attach and detach -------------------------------------------------------------------- */

/* The device is in its reset state. */
static void release(struct nic *nic)
{
	struct vnic *v = nic->priv;

	vnic_queues_free(v);
	plat_free(v, sizeof(*v));
	nic->priv = NULL;
}

/* Pairs of queues that the device has (5.1.4: a driver may look before it takes the feature). */
static u32 pairs_of(const struct vnic *v)
{
	u64 offered = vnic_offered(&v->regs);

	if (!(offered & VNIC_F_SEVERAL) || !(offered & VIRTIO_NET_F_CTRL_VQ))
		return 1;
	return vnic_config(&v->regs, offsetof(struct virtio_net_config, max_virtqueue_pairs), 2);
}

/* Those that can be used, with a vector each. */
static u32 queues_max(const struct vnic *v, u32 pairs)
{
	u32 most = v->res.irq == NIC_IRQ_MSIX ? MIN(v->regs.msix_entries, NIC_QUEUES_MAX) : 1;

	return MAX(MIN(pairs, most), 1u);
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
	return ERR_OK;
}

static err_t bring_up(struct nic *nic, struct vnic *v)
{
	err_t err = vnic_regs_reset(&v->regs);
	u32 pairs;

	if (!err)
		err = negotiate(nic, v, v->queues > 1 ? WANTED : WANTED & ~VNIC_F_SEVERAL);
	if (!err)
		err = read_config(nic, v);
	if (err)
		return err;
	pairs = pairs_of(v);
	nic->queues_max = queues_max(v, pairs);
	nic->queues = nic->vectors = v->queues;
	if (v->queues > nic->queues_max)
		return ERR_RANGE;
	err = vnic_queues_alloc(v, pairs);
	return err ? err : go_live(nic, v);
}

static err_t check_resources(const struct nic_resources *res)
{
	if (!res->queues || res->queues > (res->irq == NIC_IRQ_MSIX ? NIC_QUEUES_MAX : 1))
		return ERR_RANGE;
	for (u32 i = 0; i < res->queues; i++)
		if (res->rx_pool[i]->buf_size < PKT_HEADROOM + VNIC_RX_BUF)
			return ERR_INVAL;
	return ERR_OK;
}

static err_t vnic_attach(struct nic *nic, const struct nic_resources *res)
{
	err_t err = check_resources(res);
	struct vnic *v;

	if (err)
		return err;
	v = plat_alloc(sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	nic->priv = v;
	v->res = *res;
	v->queues = res->queues;
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
		release(nic);
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

	set_running(v, false);
	if (vnic_regs_reset(&v->regs))
		log_err(nic->name, "does not come out of reset; detached all the same");
	release(nic);
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
