/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lanes between cores. A lane is a single-producer ring plus the producer's
 * note of what it last kicked for: while that item has not been taken out the
 * consumer has yet to come, so no further kick is needed. Against a lost
 * wake-up both sides fence between their own store (head, tail) and their
 * look at the other's: either the producer sees that all was taken and kicks,
 * or the consumer sees the new item before it goes idle.
 */
#include "vnet/xcore.h"

#include "hv/base/plat.h"
#include "hv/base/ring.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/ledger.h"
#include "vnet/port.h"

/* Buffers without hurry wake their owner when this many wait: its NIC may be
 * out of them, and then no interrupt would come. */
#define HOME_KICK_DEPTH 32

struct lane {
	struct ring ring;
	u32 kicked ALIGNED(CACHE_LINE); /* producer: ring.head at the last kick */
	void *slots[XCORE_RING];
};

/* Frames have their port in p->egress; buffers on the way home go to the pool. */
enum purpose {
	FRAMES,
	HOME,
	PURPOSES,
};

struct core_state {
	/* Written by this core as a producer ... */
	u32 wants_kick ALIGNED(CACHE_LINE); /* bit per core that got frames in this burst */
	struct pkt *kept[PLAT_MAX_CORES];   /* returns that found their ring full, by owner */
	struct xcore_stats stats;
	u64 sent[VNET_MAX_PORTS];
	/* ... and as a consumer. */
	u64 taken[VNET_MAX_PORTS];
	struct port_set ports; /* that got frames in this turn */
	bool waits;	       /* for its next turn */
	u32 asked ALIGNED(CACHE_LINE); /* to take a turn; atomic, set by any core */
	/* What others produce for this core: [producer] */
	struct lane *in[PURPOSES];
};
STATIC_ASSERT(PLAT_MAX_CORES <= 32, "wants_kick has a bit for each core");

static struct {
	u32 ncores;
	struct xcore_ops ops;
	struct core_state *core[PLAT_MAX_CORES];
} xc;

err_t xcore_init(u32 ncores, const struct xcore_ops *ops)
{
	ASSERT(ncores >= 1 && ncores <= PLAT_MAX_CORES);
	xc.ncores = ncores;
	xc.ops = *ops;
	for (u32 c = 0; c < ncores; c++) {
		struct core_state *core = plat_alloc(sizeof(*core));

		xc.core[c] = core;
		if (!core)
			goto fail;
		for (u32 what = 0; ncores > 1 && what < PURPOSES; what++) {
			core->in[what] = plat_alloc(ncores * sizeof(struct lane));
			if (!core->in[what])
				goto fail;
			for (u32 from = 0; from < ncores; from++) {
				struct lane *l = &core->in[what][from];

				ring_init(&l->ring, l->slots, XCORE_RING);
			}
		}
	}
	return ERR_OK;
fail:
	xcore_fini();
	return ERR_NOMEM;
}

void xcore_fini(void)
{
	for (u32 c = 0; c < xc.ncores; c++) {
		struct core_state *core = xc.core[c];

		for (u32 what = 0; core && what < PURPOSES; what++)
			plat_free(core->in[what], xc.ncores * sizeof(struct lane));
		plat_free(core, sizeof(*core));
	}
	memset(&xc, 0, sizeof(xc));
}

u32 xcore_count(void)
{
	return xc.ncores;
}

/* --- producing ------------------------------------------------------------ */

static u32 lane_depth(const struct lane *l)
{
	return l->ring.head - __atomic_load_n(&l->ring.tail, __ATOMIC_RELAXED);
}

static void lane_kick(struct core_state *me, struct lane *l, unsigned to)
{
	u32 tail;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	tail = __atomic_load_n(&l->ring.tail, __ATOMIC_ACQUIRE);
	if ((s32)(l->kicked - tail) > 0)
		return;
	l->kicked = l->ring.head;
	me->stats.kicks++;
	xc.ops.kick(to);
}

u32 xcore_send(unsigned core, unsigned to, struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct core_state *me = xc.core[core];
	struct lane *l = &xc.core[to]->in[FRAMES][core];
	u32 taken;

	for (u32 i = 0; i < n; i++)
		pkts[i]->egress = port->id;
	/* Before they can be taken, so that the difference is never negative. */
	me->sent[port->id] += n;
	taken = ring_push(&l->ring, (void *const *)pkts, n);
	me->sent[port->id] -= n - taken;
	me->stats.sent += taken;
	me->stats.ring_full += n - taken;
	me->wants_kick |= BIT(to);
	return taken;
}

void xcore_flush(unsigned core)
{
	struct core_state *me = xc.core[core];

	for (u32 mask = me->wants_kick; mask; mask &= mask - 1) {
		unsigned to = (unsigned)__builtin_ctz(mask);

		lane_kick(me, &xc.core[to]->in[FRAMES][core], to);
	}
	me->wants_kick = 0;
}

void xcore_sent(unsigned core, u64 mark[PLAT_MAX_CORES])
{
	for (u32 to = 0; to < xc.ncores; to++)
		mark[to] = xc.core[to]->in[FRAMES][core].ring.head;
}

bool xcore_sent_taken(unsigned core, const u64 mark[PLAT_MAX_CORES])
{
	for (u32 to = 0; to < xc.ncores; to++) {
		const struct ring *r = &xc.core[to]->in[FRAMES][core].ring;

		if ((s32)((u32)mark[to] - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE)) > 0)
			return false;
	}
	return true;
}

u32 xcore_sent_to(unsigned core, unsigned to)
{
	return xc.core[to]->in[FRAMES][core].ring.head;
}

u32 xcore_taken_from(unsigned core, unsigned from)
{
	return xc.core[core]->in[FRAMES][from].ring.tail;
}

void xcore_ask(unsigned core)
{
	if (!__atomic_exchange_n(&xc.core[core]->asked, 1, __ATOMIC_ACQ_REL))
		xc.ops.kick(core);
}

bool xcore_waits(unsigned core)
{
	return xc.core[core]->waits;
}

/* As much of what was kept for the owner as has room now. */
static void send_kept(struct core_state *me, struct lane *l, unsigned owner)
{
	while (me->kept[owner]) {
		struct pkt *p = me->kept[owner], *next = p->next;
		void *item = p;

		if (!ring_push(&l->ring, &item, 1))
			break;
		me->kept[owner] = next;
	}
}

void xcore_put(struct pkt *p)
{
	unsigned core = plat_core(), owner = p->pool->owner;
	struct core_state *me = xc.core[core];
	struct lane *l = &xc.core[owner]->in[HOME][core];
	bool urgent = p->ties & PKT_TIE_DONE; /* a guest may be waiting for it */
	void *item = p;

	me->stats.returned++;
	send_kept(me, l, owner);
	if (!ring_push(&l->ring, &item, 1)) {
		p->next = me->kept[owner];
		me->kept[owner] = p;
		me->stats.late++;
		urgent = true;
	}
	if (urgent || lane_depth(l) >= HOME_KICK_DEPTH)
		lane_kick(me, l, owner);
}

/* --- consuming ------------------------------------------------------------ */

/* Runs of frames for one port; the ids of the ports join the set. */
static void deliver_runs(struct core_state *me, struct pkt **pkts, u32 n)
{
	for (u32 i = 0, end; i < n; i = end) {
		u16 id = pkts[i]->egress;

		for (end = i + 1; end < n && pkts[end]->egress == id;)
			end++;
		me->taken[id] += end - i;
		xc.ops.deliver(vnet_port_slot(id), &pkts[i], end - i);
		port_set_add(&me->ports, id);
	}
}

/* The direction of a frame that came from another core. */
static enum ledger_stage what_for(const struct pkt *p)
{
	return vnet_port_slot(p->egress)->kind == VNET_PORT_EDGE ? LEDGER_TX_EXIT : LEDGER_RX_EXIT;
}

static u32 drain_frames(struct core_state *me, unsigned core, struct lane *l)
{
	void *items[PKT_BURST];
	struct pkt *pkts[PKT_BURST];
	u32 total = 0, n;

	do {
		n = ring_pop(&l->ring, items, PKT_BURST);
		for (u32 i = 0; i < n; i++)
			pkts[i] = items[i];
		if (n)
			ledger_claim(core, what_for(pkts[0]));
		deliver_runs(me, pkts, n);
		total += n;
	} while (n == PKT_BURST && total < XCORE_RING);
	return total;
}

/* A guest's buffers that were sent, or a NIC's whose frames were copied. */
static void take_home(unsigned core, void *const *items, u32 n)
{
	struct pkt *pkts[PKT_BURST];
	u32 before;
	bool sent;

	for (u32 i = 0; i < n; i++)
		pkts[i] = items[i];
	sent = pkts[0]->ties & PKT_TIE_DONE;
	ledger_claim(core, sent ? LEDGER_TX_EXIT : LEDGER_RX_EXIT);
	before = ledger_enter(sent ? LEDGER_TX_COMPLETION : LEDGER_RX_RECEIVE);
	pkt_put_burst(pkts, n);
	ledger_leave(before);
}

static u32 drain_home(unsigned core, struct lane *l)
{
	void *items[PKT_BURST];
	u32 total = 0, n;

	do {
		n = ring_pop(&l->ring, items, PKT_BURST);
		if (n)
			take_home(core, items, n);
		total += n;
	} while (n == PKT_BURST && total < XCORE_RING);
	return total;
}

u32 xcore_drain(unsigned core)
{
	struct core_state *me = xc.core[core];
	u32 total = 0;
	bool begun;

	if (xc.ncores < 2)
		return 0;
	begun = epoch_read_begin(core);
	/* Our tails from the last turn are out before we look at the heads. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned other = 0; other < xc.ncores; other++) {
		/* Buffers first: delivering may need some. */
		total += drain_home(core, &me->in[HOME][other]);
		if (me->kept[other])
			send_kept(me, &xc.core[other]->in[HOME][core], other);
		total += drain_frames(me, core, &me->in[FRAMES][other]);
	}
	if (me->ports.used)
		xc.ops.flush(&me->ports);
	epoch_read_end(core, begun);
	if (me->waits || __atomic_load_n(&me->asked, __ATOMIC_RELAXED)) {
		__atomic_exchange_n(&me->asked, 0, __ATOMIC_ACQ_REL);
		me->waits = xc.ops.turn(core);
	}
	return total;
}

bool xcore_pending(unsigned core)
{
	const struct core_state *me = xc.core[core];

	if (xc.ncores < 2)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&me->asked, __ATOMIC_ACQUIRE))
		return true;
	for (unsigned other = 0; other < xc.ncores; other++) {
		if (!ring_empty(&me->in[FRAMES][other].ring) ||
		    !ring_empty(&me->in[HOME][other].ring))
			return true;
	}
	return false;
}

/* --- sums ----------------------------------------------------------------- */

u64 xcore_in_flight(u16 port)
{
	u64 taken = 0, sent = 0;

	/* What was taken was sent before: in this order the difference is not negative. */
	for (u32 c = 0; c < xc.ncores; c++)
		taken += __atomic_load_n(&xc.core[c]->taken[port], __ATOMIC_ACQUIRE);
	for (u32 c = 0; c < xc.ncores; c++)
		sent += __atomic_load_n(&xc.core[c]->sent[port], __ATOMIC_ACQUIRE);
	return sent - taken;
}

u64 xcore_in_flight_all(void)
{
	u64 total = 0;

	for (u16 id = 0; id < VNET_MAX_PORTS; id++)
		total += xcore_in_flight(id);
	return total;
}

const struct xcore_stats *xcore_stats(unsigned core)
{
	return &xc.core[core]->stats;
}
