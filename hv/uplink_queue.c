/* SPDX-License-Identifier: BSD-2-Clause */
/* Further queues of an uplink's NIC, see uplink_queue.h. */
#include "hv/uplink_queue.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/core.h"
#include "hv/link_net.h"
#include "hv/netcore.h"
#include "hv/nic_timed.h"
#include "hv/uplink_priv.h"
#include "hv/vm.h"
#include "vnet/capture.h"
#include "vnet/epoch.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

/* A core that is asked to leave its queue, or whose buffers are awaited, gets so long. */
#define WAIT_NS (100ull * 1000 * 1000)

static struct uplink_queue *queue_at(const struct uplink *up, u32 i)
{
	return i && i < up->nic.queues ? up->queue[i] : NULL;
}

/* --- a queue's memory and core ----------------------------------------------------- */

/* Where the uplinks' queues are. */
static void count_queues(struct placement *p)
{
	for (u32 i = 0; i < UPLINK_MAX; i++)
		for (u32 k = 1; k < NIC_QUEUES_MAX; k++)
			if (uplink_at(i)->queue[k])
				p->queues[uplink_at(i)->queue[k]->core]++;
}

/* A queue keeps its core and its pool for good. */
static err_t make_queue(struct uplink *up, u32 i)
{
	bool taken[PLAT_MAX_CORES] = { false };
	struct uplink_queue *q;
	struct placement p;
	err_t err;

	vm_placement(&p);
	count_queues(&p);
	for (u32 k = 1; k < i; k++)
		taken[up->queue[k]->core] = true;
	q = plat_alloc(sizeof(*q));
	if (!q)
		return ERR_NOMEM;
	q->up = up;
	q->index = i;
	q->core = placement_queue(&p, taken);
	q->park = q->parked = 1;
	q->room_seen = UINT32_MAX;
	ring_init(&q->relay, q->relay_slot, UPLINK_RELAY);
	err = netcore_make_pool(&q->rx_pool, "receive-queue", q->core, UPLINK_RX_PACKETS,
				PKT_HEADROOM + UPLINK_RX_BUFFER);
	if (err) {
		plat_free(q, sizeof(*q));
		return err;
	}
	__atomic_store_n(&up->queue[i], q, __ATOMIC_RELEASE);
	return ERR_OK;
}

/* All buffers are in the pool: its core cannot be at it. */
static bool is_home(const struct uplink_queue *q)
{
	return __atomic_load_n(&q->rx_pool.free_count, __ATOMIC_ACQUIRE) == q->rx_pool.count;
}

static bool wait_home(struct uplink_queue *q)
{
	u64 end = plat_now_ns() + WAIT_NS;

	while (!is_home(q) && plat_now_ns() < end) {
		core_raise(q->core, CORE_EV_XCORE);
		plat_relax();
	}
	return is_home(q);
}

err_t uplink_queues_prepare(struct uplink *up, u32 n, char *why, size_t size)
{
	err_t err = ERR_OK;

	if (n > xcore_count()) {
		fmt_snprintf(why, size, "each queue has a core of its own, and this node has %u",
			     xcore_count());
		return ERR_FULL;
	}
	for (u32 i = 1; i < n && !err; i++)
		if (!up->queue[i])
			err = make_queue(up, i);
	for (u32 i = 1; i < n && !err; i++) {
		if (!wait_home(up->queue[i])) {
			fmt_snprintf(why, size, "buffers of queue %u are in use still; try again",
				     i);
			return ERR_FULL;
		}
		/* Like the NIC, which counts anew. */
		up->queue[i]->services = up->queue[i]->frames = 0;
		up->queue[i]->relayed = up->queue[i]->relay_full = 0;
	}
	if (err)
		fmt_snprintf(why, size, "no memory for packets of %u queues", n);
	return err;
}

/* --- interrupts -------------------------------------------------------------------- */

static void queue_irq(struct uplink_queue *q, u32 vector)
{
	const struct nic_ops *ops = q->up->nic.ops;
	u32 cause;

	if (__atomic_load_n(&q->parked, __ATOMIC_ACQUIRE))
		return;
	cause = ops->irq_cause(&q->up->nic, vector);
	if (!cause)
		return;
	/* Polled from here until the ring is empty. */
	if (cause & NIC_EVENT_RX) {
		ops->rx_irq(&q->up->nic, q->index, false);
		q->irqs++;
		__atomic_store_n(&q->came, 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&q->look, 1, __ATOMIC_RELEASE);
	core_raise(q->core, CORE_EV_NIC);
}

static void vector_irq(void *ctx)
{
	const struct uplink_vector *v = ctx;
	struct uplink *up = v->up;
	u32 queue = v->number % up->nic.queues;

	if (queue)
		queue_irq(up->queue[queue], v->number);
	else
		uplink_vector_irq(up, v->number);
}

err_t uplink_queues_enable(struct uplink *up)
{
	err_t err = ERR_OK;

	for (u32 v = 1; v < up->nic.vectors && !err; v++) {
		struct uplink_queue *q = queue_at(up, v % up->nic.queues);

		up->vector[v] = (struct uplink_vector){ up, v };
		err = pci_msix_enable(up->func, v, q ? q->core : 0, vector_irq, &up->vector[v]);
	}
	return err;
}

/* --- parking ----------------------------------------------------------------------- */

static void look_at(struct uplink_queue *q)
{
	__atomic_store_n(&q->look, 1, __ATOMIC_RELEASE);
	core_raise(q->core, CORE_EV_NIC);
}

bool uplink_queues_park(struct uplink *up)
{
	bool all = true;

	for (u32 i = 1; i < up->nic.queues; i++) {
		struct uplink_queue *q = up->queue[i];

		__atomic_store_n(&q->park, 1, __ATOMIC_RELEASE);
		if (__atomic_load_n(&q->parked, __ATOMIC_ACQUIRE))
			continue;
		all = false;
		look_at(q);
	}
	return all;
}

err_t uplink_queues_stop(struct uplink *up)
{
	u64 end = plat_now_ns() + WAIT_NS;

	while (!uplink_queues_park(up)) {
		if (plat_now_ns() > end)
			return ERR_TIMEOUT;
		plat_relax();
	}
	return ERR_OK;
}

void uplink_queues_go(struct uplink *up)
{
	for (u32 i = 1; i < up->nic.queues; i++) {
		__atomic_store_n(&up->queue[i]->park, 0, __ATOMIC_RELEASE);
		look_at(up->queue[i]);
	}
}

void uplink_queues_start(struct uplink *up)
{
	for (u32 i = 1; i < up->nic.queues; i++)
		up->queue[i]->stale = true;
	uplink_queues_go(up);
}

/* The boot core wants it left alone: is it? Its core. */
static bool is_parked(struct uplink_queue *q)
{
	const struct nic *nic = &q->up->nic;

	if (!__atomic_load_n(&q->park, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&q->parked, 0, __ATOMIC_RELEASE);
		return false;
	}
	if (!__atomic_load_n(&q->parked, __ATOMIC_RELAXED)) {
		nic->ops->rx_irq(&q->up->nic, q->index, false);
		nic->ops->tx_irq(&q->up->nic, q->index, false);
		q->waiting_for_tx = false;
		__atomic_store_n(&q->room_seen, UINT32_MAX, __ATOMIC_RELAXED);
		__atomic_store_n(&q->parked, 1, __ATOMIC_RELEASE);
	}
	return true;
}

/* --- what other cores know --------------------------------------------------------- */

void uplink_queues_tell(struct uplink *up)
{
	struct udp_side *side, *old = up->side;
	bool room;

	if (up->nic.queues == 1)
		return;
	/* Without memory for it, all goes by the boot core. */
	room = epoch_room(1);
	side = room ? plat_alloc(sizeof(*side)) : NULL;
	if (side) {
		udp_side_init(side, &up->netif);
		link_net_ports(up, side);
	}
	__atomic_store_n(&up->side, side, __ATOMIC_RELEASE);
	if (room)
		epoch_retire(old, sizeof(*old));
	else if (old)
		log_warn("uplink", "%u: %zu bytes of memory are lost", up->index, sizeof(*old));
}

/* --- frames ------------------------------------------------------------------------ */

void uplink_queue_relay(struct uplink_queue *q, struct pkt *p)
{
	void *item = p;

	if (ring_push(&q->relay, &item, 1)) {
		q->relayed++;
		return;
	}
	q->relay_full++;
	pkt_put(p);
}

/* To the links, or to the boot core. */
static void take(struct uplink_queue *q, struct pkt **pkts, u32 n)
{
	const struct udp_side *side = __atomic_load_n(&q->up->side, __ATOMIC_ACQUIRE);
	struct udp_run run;
	u64 relayed = q->relayed;
	void *local;

	q->frames += n;
	for (u32 k; n; pkts += k, n -= k) {
		k = side ? udp_side_run(side, pkts, n, &run, &local) : 0;
		if (k) {
			link_net_beside(q, local, pkts, &run, k);
		} else {
			uplink_queue_relay(q, pkts[0]);
			k = 1;
		}
	}
	if (q->relayed != relayed)
		uplink_look(q->up);
}

static bool receive(struct uplink_queue *q)
{
	struct uplink *up = q->up;
	struct pkt *pkts[PKT_BURST];

	for (u32 i = 0; i < UPLINK_BURSTS; i++) {
		u32 n = nic_timed_rx(&up->nic, q->index, pkts, PKT_BURST), before;

		if (!n)
			return false;
		if (capture_is_on())
			capture_uplink(up->index, NULL, CAPTURE_IN, pkts, n);
		before = ledger_enter(LEDGER_RX_DECAP);
		take(q, pkts, n);
		ledger_leave(before);
	}
	return true;
}

static void service(struct core *c, struct uplink_queue *q)
{
	bool came = __atomic_exchange_n(&q->came, 0, __ATOMIC_ACQ_REL), begun, more;
	struct nic *nic = &q->up->nic;
	u32 before;

	if (is_parked(q))
		return;
	q->services++;
	if (q->stale) {
		uplink_empty_ring(nic, q->index);
		uplink_moderate_begin(nic, q->index, &q->moderation);
		q->stale = false;
	}
	ledger_claim(c->index, came ? LEDGER_RX_EXIT : LEDGER_TX_EXIT);
	before = ledger_enter(LEDGER_RX_INTERRUPT);
	uplink_moderate(nic, q->index, &q->moderation, q->frames, q->irqs);
	uplink_queue_flush(q);
	begun = epoch_read_begin(c->index);
	vnet_batch_begin(c->index);
	more = receive(q);
	if (!more) {
		nic->ops->rx_irq(nic, q->index, true);
		/* What came in before the interrupt was on raises none. */
		more = receive(q);
	}
	vnet_batch_end(c->index);
	epoch_read_end(c->index, begun);
	if (more) {
		__atomic_store_n(&q->look, 1, __ATOMIC_RELEASE);
		core_defer(c, CORE_EV_NIC, UPLINK_TURN_NS);
	}
	xcore_flush(c->index);
	ledger_leave(before);
}

void uplink_queues_look(struct core *c)
{
	for (u32 i = 0; i < UPLINK_MAX; i++) {
		for (u32 k = 1; k < NIC_QUEUES_MAX; k++) {
			struct uplink_queue *q = __atomic_load_n(&uplink_at(i)->queue[k],
								 __ATOMIC_ACQUIRE);

			if (q && q->core == c->index &&
			    __atomic_exchange_n(&q->look, 0, __ATOMIC_ACQ_REL))
				service(c, q);
		}
	}
}

/* --- what was left to the boot core ------------------------------------------------ */

/* In packets of ours, which can be cloned and put together here. */
static u32 pop(struct uplink *up, struct uplink_queue *q, struct pkt **pkts)
{
	void *items[PKT_BURST];
	u32 n = ring_pop(&q->relay, items, PKT_BURST), kept = 0;

	for (u32 i = 0; i < n; i++) {
		struct pkt *p = up->state == UPLINK_UP ? pkt_adopt(netcore_pool(0), items[i]) :
							 NULL;

		if (p)
			pkts[kept++] = p;
		else
			pkt_put(items[i]);
	}
	return kept;
}

bool uplink_queues_relayed(struct uplink *up)
{
	bool more = false;

	for (u32 i = 1; i < NIC_QUEUES_MAX && up->queue[i]; i++) {
		struct pkt *pkts[PKT_BURST];
		u32 n = 1;

		for (u32 turn = 0; n && turn < UPLINK_BURSTS; turn++) {
			n = pop(up, up->queue[i], pkts);
			if (n)
				uplink_relayed(up, pkts, n);
		}
		more |= !ring_empty(&up->queue[i]->relay);
	}
	return more;
}
