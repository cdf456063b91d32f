/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical NIC: finding it, its interrupt, its place in the boot core's loop. */
#include "hv/uplink.h"

#include <arch/cpu.h>
#include <arch/pci.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/core.h"
#include "hv/link_lan.h"
#include "hv/link_net.h"
#include "hv/netcore.h"
#include "hv/nic_timed.h"
#include "hv/vm.h"
#include "vnet/capture.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

/* How often a NIC whose interrupt does not fire is looked at. */
#define POLL_NS (200ull * 1000)
/* Counters and the check for a hang. */
#define TICK_NS (1000ull * 1000 * 1000)
/* An interrupt that was asked for arrives within this time, or never. */
#define IRQ_TEST_NS (20ull * 1000 * 1000)
/* Bursts in one turn; then the guest they are for gets its own, for so long
 * at most: frames wait better in the NIC's ring than in a full guest's. */
#define BURSTS 4
#define TURN_NS (400ull * 1000)

static struct uplink uplink;
static struct pci_func *func;
static struct timer poll_timer, tick_timer, net_timer;
static u32 irq_seen, link_event, rx_event; /* written by the interrupt handler */
static u32 idle_room; /* frames that the NIC takes when it has nothing to send */
static bool waiting_for_tx;
static bool link_was_up;
static const struct edge *sender; /* for captures */
static u32 room_seen = UINT32_MAX; /* for all cores; written by reclaim() */

struct uplink *uplink_at(u32 i)
{
	return i < UPLINK_MAX ? &uplink : NULL;
}

u32 uplink_guest_mtu(void)
{
	u32 mtu = uplink.state == UPLINK_UP ? uplink.netif.mtu : 1500;

	return mtu - LINK_IP_UDP_HEADER - LINK_ETH_HEADER;
}

/* --- interrupt and loop ----------------------------------------------------- */

static void nic_irq(void *ctx)
{
	u32 cause = uplink.nic.ops->irq_cause(&uplink.nic);

	(void)ctx;
	if (!cause)
		return;
	__atomic_store_n(&irq_seen, 1, __ATOMIC_RELEASE);
	/* Polled from here until the ring is empty. */
	if (cause & NIC_EVENT_RX) {
		uplink.nic.ops->rx_irq(&uplink.nic, false);
		__atomic_store_n(&rx_event, 1, __ATOMIC_RELEASE);
	}
	if (cause & NIC_EVENT_LINK)
		__atomic_store_n(&link_event, 1, __ATOMIC_RELEASE);
	core_raise(0, CORE_EV_NIC);
}

static void arm_net_timer(void)
{
	if (uplink.state == UPLINK_UP)
		timer_set(&core_this()->timers, &net_timer, netif_next_ns(&uplink.netif));
}

/*
 * Give back what was sent. Where the NIC is still at it, its transmit
 * interrupt brings us here again, so that no guest's buffer is held for long.
 */
static void reclaim(void)
{
	bool busy;
	u32 room;

	nic_timed_reclaim(&uplink.nic);
	room = uplink.nic.ops->tx_room(&uplink.nic);
	busy = room < idle_room;
	/* Without a link nothing drains: then frames are dropped, and guests of
	 * this node that talk to each other do not wait for it. */
	__atomic_store_n(&room_seen, link_was_up ? room : UINT32_MAX, __ATOMIC_RELAXED);
	if (busy == waiting_for_tx || uplink.polled)
		return;
	waiting_for_tx = busy;
	uplink.nic.ops->tx_irq(&uplink.nic, busy);
}

void uplink_sends(const struct edge *e)
{
	sender = e;
}

u32 uplink_room(void)
{
	return __atomic_load_n(&room_seen, __ATOMIC_RELAXED);
}

void uplink_flush(void)
{
	reclaim();
	arm_net_timer();
}

static bool receive(void)
{
	struct pkt *pkts[PKT_BURST];

	for (u32 i = 0; i < BURSTS; i++) {
		u32 n = nic_timed_rx(&uplink.nic, pkts, PKT_BURST);

		if (!n)
			return false;
		if (capture_is_on())
			capture_uplink(NULL, CAPTURE_IN, pkts, n);
		if (uplink.state == UPLINK_UP) {
			nic_timed_input(&uplink.netif, pkts, link_lan_input(&uplink, pkts, n));
			continue;
		}
		for (u32 k = 0; k < n; k++)
			pkt_put(pkts[k]);
	}
	return true;
}

/* Say when the cable was plugged or unplugged. The network may have learned
 * meanwhile that we are elsewhere, or not heard us when we came up. */
static void check_link(void)
{
	struct nic_link link = uplink.nic.ops->link(&uplink.nic);

	if (link.up == link_was_up)
		return;
	link_was_up = link.up;
	if (link.up)
		LOG_LIMITED(LOG_INFO, "uplink", "0: link is up, %u Mbit/s %s duplex", link.mbps,
			    link.full_duplex ? "full" : "half");
	else
		LOG_LIMITED(LOG_WARN, "uplink", "0: link is down");
	if (link.up && uplink.state == UPLINK_UP)
		netif_announce(&uplink.netif);
}

static void service(struct core *c)
{
	bool came = __atomic_exchange_n(&rx_event, 0, __ATOMIC_ACQ_REL), more;
	u32 before;

	uplink.services++;
	ledger_claim(c->index, came ? LEDGER_RX_EXIT : LEDGER_TX_EXIT);
	before = ledger_enter(LEDGER_RX_INTERRUPT);
	if (__atomic_exchange_n(&link_event, 0, __ATOMIC_ACQ_REL))
		check_link();
	if (came)
		vm_net_rx_coming();
	reclaim();
	vnet_batch_begin(0);
	more = receive();
	if (!more && !uplink.polled) {
		uplink.nic.ops->rx_irq(&uplink.nic, true);
		/* What came in before the interrupt was on raises none. */
		more = receive();
	}
	vnet_batch_end(0);
	if (more)
		core_defer(c, CORE_EV_NIC, TURN_NS);
	xcore_flush(0);
	arm_net_timer();
	ledger_leave(before);
}

static void poll_due(struct timer *t, u64 now_ns)
{
	service(core_this());
	if (uplink.polled)
		timer_set(&core_this()->timers, t, now_ns + POLL_NS);
}

static void tick_due(struct timer *t, u64 now_ns)
{
	uplink.nic.ops->tick(&uplink.nic, now_ns);
	check_link();
	timer_set(&core_this()->timers, t, now_ns + TICK_NS);
}

static void net_due(struct timer *t, u64 now_ns)
{
	(void)t;
	netif_tick(&uplink.netif, now_ns);
	arm_net_timer();
}

/* --- finding it -------------------------------------------------------------- */

/* Ask the NIC for an interrupt and see whether it comes. */
static bool irq_works(void)
{
	u64 end = plat_now_ns() + IRQ_TEST_NS;

	if (pci_irq_enable(func, nic_irq, NULL))
		return false;
	uplink.nic.ops->rx_irq(&uplink.nic, true);
	irq_seen = 0;
	uplink.nic.ops->irq_test(&uplink.nic);
	while (!__atomic_load_n(&irq_seen, __ATOMIC_ACQUIRE) && plat_now_ns() < end)
		plat_relax();
	return irq_seen;
}

static void start_polling(void)
{
	uplink.polled = true;
	uplink.nic.ops->rx_irq(&uplink.nic, false);
	timer_set(&core_this()->timers, &poll_timer, plat_now_ns() + POLL_NS);
}

static err_t make_rx_pool(void)
{
	size_t bytes = pkt_pool_bytes(UPLINK_RX_PACKETS, PKT_HEADROOM + UPLINK_RX_BUFFER);
	bus_t bus;
	void *mem = netcore_dma_alloc(bytes, &bus);

	if (!mem)
		return ERR_NOMEM;
	pkt_pool_init(&uplink.rx_pool, "receive", 0, UPLINK_RX_PACKETS,
		      PKT_HEADROOM + UPLINK_RX_BUFFER, mem, bus);
	uplink.rx_pool.foreign_put = xcore_put;
	netcore_count_pool(bytes);
	return ERR_OK;
}

static err_t attach(const struct nic_ops *ops)
{
	struct nic_resources res = {
		.rx_pool = &uplink.rx_pool,
		.dma_alloc = netcore_dma_alloc,
		.dma_free = netcore_dma_free,
	};
	err_t err = make_rx_pool();

	if (err)
		return err;
	pci_claim(func);
	res.regs = pci_map_bar(func, 0);
	res.regs_size = func->bar[0].size;
	res.device = func->device;
	if (!res.regs)
		return ERR_IO;
	uplink.nic.ops = ops;
	fmt_snprintf(uplink.nic.name, sizeof(uplink.nic.name), "uplink0");
	err = ops->attach(&uplink.nic, &res);
	if (!err)
		idle_room = ops->tx_room(&uplink.nic);
	return err;
}

/* The first function that a driver knows; else what there was goes to why. */
static const struct nic_ops *find(void)
{
	fmt_snprintf(uplink.why, sizeof(uplink.why), "this machine has no NIC");
	for (u32 i = 0; i < pci_count(); i++) {
		struct pci_func *f = pci_func_at(i);
		const struct nic_ops *ops = nic_driver_find(f->vendor, f->device);

		if (ops) {
			func = f;
			return ops;
		}
		if (f->class_code >> 16 == PCI_CLASS_NETWORK)
			fmt_snprintf(uplink.why, sizeof(uplink.why),
				     "no driver for the NIC %04x:%04x at %02x:%02x.%x", f->vendor,
				     f->device, f->bus, f->dev, f->fn);
	}
	return NULL;
}

void uplink_detect(void)
{
	const struct nic_ops *ops = find();
	char mac[FMT_MAC_LEN];
	err_t err;

	if (!ops) {
		log_warn("uplink", "%s", uplink.why);
		return;
	}
	err = attach(ops);
	if (err) {
		fmt_snprintf(uplink.why, sizeof(uplink.why), "the %s NIC does not come up: %s",
			     ops->name, err_str(err));
		log_err("uplink", "%s", uplink.why);
		pci_release(func);
		return;
	}
	uplink.state = UPLINK_FOUND;
	timer_init(&poll_timer, poll_due, NULL);
	timer_init(&tick_timer, tick_due, NULL);
	timer_init(&net_timer, net_due, NULL);
	core_on_event(CORE_EV_NIC, service);
	log_info("uplink", "0: %s %04x:%04x, MAC %s", ops->name, func->vendor, func->device,
		 fmt_mac(mac, uplink.nic.mac));
	link_was_up = ops->link(&uplink.nic).up;
	if (!link_was_up)
		log_warn("uplink", "0: link is down");
	if (!irq_works()) {
		log_warn("uplink",
			 "0: its interrupt line does not fire; it is polled every %llu us",
			 POLL_NS / 1000);
		start_polling();
	}
	timer_set(&core_this()->timers, &tick_timer, plat_now_ns() + TICK_NS);
}

/* --- configuration ------------------------------------------------------------ */

static u32 stack_tx(void *ctx, struct pkt **pkts, u32 n)
{
	(void)ctx;
	if (capture_is_on())
		capture_uplink(sender, CAPTURE_OUT, pkts, n);
	return nic_timed_tx(&uplink.nic, pkts, n);
}

static u32 stack_tx_room(void *ctx)
{
	(void)ctx;
	return nic_timed_room(&uplink.nic);
}

static void address_changed(void *ctx, struct netif *nif)
{
	char addr[FMT_IP4_LEN], gateway[FMT_IP4_LEN];

	(void)ctx;
	if (nif->addr)
		log_info("uplink", "0: address %s/%u, gateway %s", fmt_ip4(addr, nif->addr),
			 (u32)__builtin_popcount(nif->mask),
			 nif->gateway ? fmt_ip4(gateway, nif->gateway) : "none");
	else
		log_warn("uplink", "0: no address");
}

static bool path_told(void *ctx, u32 dst, u16 sport, u16 dport, u16 mtu)
{
	(void)ctx;
	return edge_path_told(dst, sport, dport, mtu);
}

static err_t set_address(const struct uplink_config *cfg, char *why, size_t size)
{
	err_t err;

	dhcp_stop(&uplink.netif);
	if (cfg->dhcp)
		err = dhcp_start(&uplink.netif, plat_now_ns());
	else
		err = netif_set_address(&uplink.netif, cfg->addr, cfg->mask, cfg->gateway);
	if (err) {
		fmt_snprintf(why, size, "address, mask and gateway do not fit together");
		return err;
	}
	uplink.cfg = *cfg;
	core_raise(0, CORE_EV_NIC);
	return ERR_OK;
}

static err_t present(u32 i, char *why, size_t size)
{
	if (i >= UPLINK_MAX) {
		fmt_snprintf(why, size, "a node uses one uplink so far: 0");
		return ERR_NOTSUP;
	}
	if (uplink.state == UPLINK_ABSENT) {
		fmt_snprintf(why, size, "%s", uplink.why);
		return ERR_NOENT;
	}
	return ERR_OK;
}

/* What the NIC does with offload fields, in the stack's words. */
static u32 stack_caps(void)
{
	u32 caps = 0;

	if (uplink.nic.caps & NIC_CAP_TSO)
		caps |= PKT_CAP_TSO4 | PKT_CAP_TSO6 | PKT_CAP_EVEN;
	if (uplink.nic.caps & NIC_CAP_CSUM)
		caps |= PKT_CAP_CSUM;
	return caps;
}

err_t uplink_add(u32 i, const struct uplink_config *cfg, char *why, size_t size)
{
	struct netif_setup setup = {
		.name = uplink.nic.name,
		.mtu = (u16)MIN(cfg->mtu, uplink.nic.max_frame - LINK_ETH_HEADER),
		.caps = stack_caps(),
		.tx = stack_tx,
		.tx_room = stack_tx_room,
		.pool = netcore_pool(0),
		.frag_packets = UPLINK_RX_PACKETS / 4,
		.seed = rdtsc(),
		.address_changed = address_changed,
		.path_mtu = path_told,
	};
	err_t err = present(i, why, size);

	if (err)
		return err;
	if (uplink.state == UPLINK_UP) {
		fmt_snprintf(why, size, "uplink 0 is there already");
		return ERR_EXIST;
	}
	if (setup.mtu < cfg->mtu) {
		fmt_snprintf(why, size, "this NIC carries at most %u bytes", setup.mtu);
		return ERR_RANGE;
	}
	memcpy(setup.mac, uplink.nic.mac, sizeof(setup.mac));
	err = netif_init(&uplink.netif, &setup);
	if (err) {
		fmt_snprintf(why, size, "%s", err_str(err));
		return err;
	}
	err = set_address(cfg, why, size);
	if (err) {
		netif_fini(&uplink.netif);
		return err;
	}
	uplink.state = UPLINK_UP;
	if (cfg->poll && !uplink.polled)
		start_polling();
	return ERR_OK;
}

err_t uplink_set(u32 i, const struct uplink_config *cfg, char *why, size_t size)
{
	err_t err = present(i, why, size);

	if (err)
		return err;
	if (uplink.state != UPLINK_UP) {
		fmt_snprintf(why, size, "uplink 0 is not in use; add it first");
		return ERR_NOENT;
	}
	return set_address(cfg, why, size);
}

err_t uplink_del(u32 i, char *why, size_t size)
{
	err_t err = present(i, why, size);

	if (err)
		return err;
	if (uplink.state != UPLINK_UP) {
		fmt_snprintf(why, size, "uplink 0 is not in use");
		return ERR_NOENT;
	}
	if (link_net_count()) {
		fmt_snprintf(why, size, "%u links use it; delete them first", link_net_count());
		return ERR_BUSY;
	}
	timer_cancel(&core_this()->timers, &net_timer);
	netif_fini(&uplink.netif);
	uplink.state = UPLINK_FOUND;
	return ERR_OK;
}
