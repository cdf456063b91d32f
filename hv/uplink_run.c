/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical NICs at work: interrupts, timers, their place in the boot core's loop. */
#include "hv/uplink_priv.h"

#include "hv/base/log.h"
#include "hv/core.h"
#include "hv/link_lan.h"
#include "hv/link_net.h"
#include "hv/nic_timed.h"
#include "hv/uplink_queue.h"
#include "hv/vm.h"
#include "vnet/capture.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

/* How often a NIC whose interrupt does not fire is looked at. */
#define POLL_NS (200ull * 1000)
/* Counters and the check for a hang. */
#define TICK_NS (1000ull * 1000 * 1000)
/* ... and again, where a reset waits for other cores to leave their queues. */
#define LEAVE_NS (1000ull * 1000)

static const struct edge *sender; /* for captures */

void uplink_look(struct uplink *up)
{
	__atomic_store_n(&up->look, 1, __ATOMIC_RELEASE);
	core_raise(0, CORE_EV_NIC);
}

void uplink_vector_irq(struct uplink *up, u32 vector)
{
	u32 cause = __atomic_load_n(&up->attached, __ATOMIC_ACQUIRE) ?
			    up->nic.ops->irq_cause(&up->nic, vector) : 0;

	if (!cause)
		return;
	__atomic_store_n(&up->irq_seen, 1, __ATOMIC_RELEASE);
	up->irqs++;
	/* Polled from here until the ring is empty. */
	if (cause & NIC_EVENT_RX) {
		up->nic.ops->rx_irq(&up->nic, 0, false);
		__atomic_store_n(&up->rx_event, 1, __ATOMIC_RELEASE);
	}
	if (cause & NIC_EVENT_LINK)
		__atomic_store_n(&up->link_event, 1, __ATOMIC_RELEASE);
	uplink_look(up);
}

void uplink_irq(void *ctx)
{
	uplink_vector_irq(ctx, 0);
}

void uplink_arm_net_timer(struct uplink *up)
{
	if (up->state == UPLINK_UP)
		timer_set(&core_this()->timers, &up->net_timer, netif_next_ns(&up->netif));
}

/* Give back what was sent: what the NIC takes now, for all cores. Without a link nothing
 * drains: then frames are dropped, and guests of this node that talk to each other do not
 * wait for it. */
static u32 see_room(struct uplink *up)
{
	u32 room = nic_timed_room(&up->nic, 0);
	bool counts = up->link_was_up && up->state == UPLINK_UP;

	__atomic_store_n(&up->room_seen, counts ? room : UINT32_MAX, __ATOMIC_RELAXED);
	if (room == up->idle_room)
		uplink_queues_drained(up);
	return room;
}

/*
 * Where the NIC is still at what it was given, its transmit interrupt brings us here
 * again, so that no guest's buffer is held for long.
 */
static void reclaim(struct uplink *up)
{
	bool busy = see_room(up) < up->idle_room;

	if (busy == up->waiting_for_tx || up->polled)
		return;
	up->waiting_for_tx = busy;
	up->nic.ops->tx_irq(&up->nic, 0, busy);
	if (busy)
		see_room(up);
}

void uplink_sends(const struct edge *e)
{
	sender = e;
}

u32 uplink_tx(void *ctx, struct pkt **pkts, u32 n)
{
	struct uplink *up = ctx;

	if (capture_is_on())
		capture_uplink(up->index, sender, CAPTURE_OUT, pkts, n);
	up->frames += n;
	return nic_timed_tx(&up->nic, 0, pkts, n);
}

u32 uplink_tx_room(void *ctx)
{
	struct uplink *up = ctx;

	return nic_timed_room(&up->nic, 0);
}

u32 uplink_room(void)
{
	unsigned core = plat_core();
	u32 room = UINT32_MAX;

	for (u32 i = 0; i < UPLINK_MAX; i++) {
		const struct uplink *up = uplink_at(i);
		u32 first = __atomic_load_n(&up->room_seen, __ATOMIC_RELAXED);

		room = MIN(room, first);
		/* Without a link, nobody waits. */
		for (u32 k = 1; first != UINT32_MAX && k < up->nic.queues; k++)
			if (up->queue[k]->core == core)
				room = MIN(room, __atomic_load_n(&up->queue[k]->room_seen,
								 __ATOMIC_RELAXED));
	}
	return room;
}

void uplink_flush(struct uplink *up)
{
	reclaim(up);
	uplink_arm_net_timer(up);
}

static bool receive(struct uplink *up)
{
	struct pkt *pkts[PKT_BURST];

	for (u32 i = 0; i < UPLINK_BURSTS; i++) {
		u32 n = nic_timed_rx(&up->nic, 0, pkts, PKT_BURST);

		if (!n)
			return false;
		up->frames += n;
		if (capture_is_on())
			capture_uplink(up->index, NULL, CAPTURE_IN, pkts, n);
		nic_timed_input(&up->netif, pkts, link_lan_input(up, pkts, n));
	}
	return true;
}

void uplink_relayed(struct uplink *up, struct pkt **pkts, u32 n)
{
	nic_timed_input(&up->netif, pkts, link_lan_input(up, pkts, n));
}

/* Say when the cable was plugged or unplugged. The network may have learned
 * meanwhile that we are elsewhere, or not heard us when we came up. */
static void check_link(struct uplink *up)
{
	struct nic_link link = up->nic.ops->link(&up->nic);

	if (link.up == up->link_was_up)
		return;
	up->link_was_up = link.up;
	if (link.up && link.mbps)
		LOG_LIMITED(LOG_INFO, "uplink", "%u: link is up, %u Mbit/s %s duplex", up->index,
			    link.mbps, link.full_duplex ? "full" : "half");
	else if (link.up)
		LOG_LIMITED(LOG_INFO, "uplink", "%u: link is up", up->index);
	else
		LOG_LIMITED(LOG_WARN, "uplink", "%u: link is down", up->index);
	if (link.up && up->state == UPLINK_UP)
		netif_announce(&up->netif);
}

void uplink_moderate_begin(struct nic *nic, u32 queue, struct moderation *m)
{
	*m = (struct moderation){ 0 };
	if (nic->ops->moderate)
		nic->ops->moderate(nic, queue, 0);
}

void uplink_moderate(struct nic *nic, u32 queue, struct moderation *m, u64 frames, u64 irqs)
{
	if (nic->ops->moderate && moderation_step(m, frames, irqs, plat_now_ns()))
		nic->ops->moderate(nic, queue, m->held ? MODERATION_GAP_NS : 0);
}

static void service(struct core *c, struct uplink *up)
{
	bool came = __atomic_exchange_n(&up->rx_event, 0, __ATOMIC_ACQ_REL), more, left;
	u32 before;

	up->services++;
	if (__atomic_exchange_n(&up->link_event, 0, __ATOMIC_ACQ_REL))
		check_link(up);
	if (up->state != UPLINK_UP)
		return;
	ledger_claim(c->index, came ? LEDGER_RX_EXIT : LEDGER_TX_EXIT);
	before = ledger_enter(LEDGER_RX_INTERRUPT);
	if (came)
		vm_net_rx_coming();
	uplink_moderate(&up->nic, 0, &up->moderation, up->frames, up->irqs);
	reclaim(up);
	vnet_batch_begin(0);
	more = receive(up);
	if (!more && !up->polled) {
		up->nic.ops->rx_irq(&up->nic, 0, true);
		/* What came in before the interrupt was on raises none. */
		more = receive(up);
	}
	left = uplink_queues_relayed(up);
	vnet_batch_end(0);
	if (more || left) {
		__atomic_store_n(&up->look, 1, __ATOMIC_RELEASE);
		core_defer(c, CORE_EV_NIC, UPLINK_TURN_NS);
	}
	xcore_flush(0);
	uplink_arm_net_timer(up);
	ledger_leave(before);
}

static void look(struct core *c)
{
	for (u32 i = 0; i < UPLINK_MAX; i++) {
		struct uplink *up = uplink_at(i);

		if (up->attached && __atomic_exchange_n(&up->look, 0, __ATOMIC_ACQ_REL))
			service(c, up);
	}
}

static void nic_event(struct core *c)
{
	if (!c->index)
		look(c);
	uplink_queues_look(c);
}

/* --- timers -------------------------------------------------------------------- */

static void poll_due(struct timer *t, u64 now_ns)
{
	struct uplink *up = t->ctx;

	service(core_this(), up);
	if (up->polled && up->state == UPLINK_UP)
		timer_set(&core_this()->timers, t, now_ns + POLL_NS);
}

/* Frames that found no place: what to look at, and how many. */
static void say_missed(struct uplink *up)
{
	struct nic_stats s = { 0 };

	up->nic.ops->stats(&up->nic, &s);
	if (s.rx_missed > up->missed_seen)
		LOG_LIMITED(LOG_WARN, "uplink", "%u: %lu frames missed: they come faster than they "
			    "are taken%s", up->index, s.rx_missed - up->missed_seen,
			    s.rx_no_packet > up->starved_seen ?
				    "; the receive ring ran dry of packets" : "");
	up->missed_seen = s.rx_missed;
	up->starved_seen = s.rx_no_packet;
}

bool uplink_may_reset(void *ctx)
{
	struct uplink *up = ctx;

	up->reset_due = !uplink_queues_park(up);
	return !up->reset_due;
}

static void tick_due(struct timer *t, u64 now_ns)
{
	struct uplink *up = t->ctx;

	up->reset_due = false;
	up->nic.ops->tick(&up->nic, now_ns);
	check_link(up);
	if (up->state == UPLINK_UP)
		say_missed(up);
	/* Also where they were not left: their rings may have run dry. */
	if (up->state == UPLINK_UP && !up->reset_due)
		uplink_queues_go(up);
	if (up->state == UPLINK_UP)
		link_net_refresh(up);
	timer_set(&core_this()->timers, t, now_ns + (up->reset_due ? LEAVE_NS : TICK_NS));
}

static void net_due(struct timer *t, u64 now_ns)
{
	struct uplink *up = t->ctx;

	netif_tick(&up->netif, now_ns);
	uplink_arm_net_timer(up);
}

/* --- start and end ---------------------------------------------------------------- */

void uplink_run_again(struct uplink *up)
{
	uplink_moderate_begin(&up->nic, 0, &up->moderation);
	up->idle_room = up->nic.ops->tx_room(&up->nic, 0);
	up->room_seen = UINT32_MAX;
	up->nic.ops->rx_irq(&up->nic, 0, false);
	up->nic.ops->tx_irq(&up->nic, 0, false);
}

void uplink_run_attached(struct uplink *up)
{
	uplink_run_again(up);
	timer_init(&up->poll_timer, poll_due, up);
	timer_init(&up->tick_timer, tick_due, up);
	timer_init(&up->net_timer, net_due, up);
	core_on_event(CORE_EV_NIC, nic_event);
	up->link_was_up = up->nic.ops->link(&up->nic).up;
	if (!up->link_was_up)
		log_warn("uplink", "%u: link is down", up->index);
	if (up->polled)
		log_warn("uplink",
			 "%u: its interrupt line does not fire; it is polled every %llu us",
			 up->index, POLL_NS / 1000);
	timer_set(&core_this()->timers, &up->tick_timer, plat_now_ns() + TICK_NS);
}

void uplink_empty_ring(struct nic *nic, u32 queue)
{
	struct pkt *pkts[PKT_BURST];
	u32 n = 1;

	for (u32 turn = 0; n && turn < UPLINK_RX_PACKETS / PKT_BURST; turn++) {
		n = nic->ops->rx_burst(nic, queue, pkts, PKT_BURST);
		for (u32 i = 0; i < n; i++)
			pkt_put(pkts[i]);
	}
}

void uplink_run_use(struct uplink *up, bool on)
{
	if (!on) {
		timer_cancel(&core_this()->timers, &up->net_timer);
		timer_cancel(&core_this()->timers, &up->poll_timer);
		up->nic.ops->rx_irq(&up->nic, 0, false);
		up->nic.ops->tx_irq(&up->nic, 0, false);
		up->waiting_for_tx = false;
		__atomic_store_n(&up->room_seen, UINT32_MAX, __ATOMIC_RELAXED);
		return;
	}
	uplink_empty_ring(&up->nic, 0);
	up->polled |= up->cfg.poll;
	if (up->polled)
		timer_set(&core_this()->timers, &up->poll_timer, plat_now_ns() + POLL_NS);
	uplink_look(up);
	uplink_queues_start(up);
}
