/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of the routing step: frames with verdicts to their ports. */
#include "hv/base/plat.h"
#include "vnet/capture.h"
#include "vnet/dispatch.h"
#include "vnet/epoch.h"
#include "vnet/forward_priv.h"
#include "vnet/ledger.h"
#include "vnet/move.h"
#include "vnet/offload.h"
#include "vnet/port.h"
#include "vnet/steer.h"
#include "vnet/xcore.h"

static void drop_all(struct vnet_port *port, struct pkt **pkts, u32 n, enum vnet_drop reason)
{
	for (u32 i = 0; i < n; i++)
		vnet_port_drop(port, pkts[i], reason);
}

static bool is_edge(const struct vnet_port *port)
{
	return port->kind == VNET_PORT_EDGE;
}

/* offloads: pkt_offloads() of all of them. */
static void deliver(struct vnet_port *port, struct pkt **pkts, u32 n, u32 offloads)
{
	u32 before;

	if (!move_may_deliver(port)) {
		move_keep(port, pkts, n);
		return;
	}
	if (!__atomic_load_n(&port->up, __ATOMIC_RELAXED)) {
		drop_all(port, pkts, n, VNET_DROP_PORT_DOWN);
		return;
	}
	if (capture_is_on())
		capture_frames(port->face, CAPTURE_OUT, pkts, n);
	before = ledger_enter(is_edge(port) ? LEDGER_TX_ENCAP : LEDGER_RX_COPY);
	if (offloads)
		offload_deliver(port, pkts, n);
	else
		port->ops->deliver(port, pkts, n);
	ledger_leave(before);
}

void forward_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	u32 offloads = 0;

	for (u32 i = 0; i < n; i++)
		offloads |= pkt_offloads(pkts[i]);
	deliver(port, pkts, n, offloads);
}

static void flush_port(struct vnet_port *port)
{
	u32 before;

	if (!port->ops->flush || !move_may_deliver(port))
		return;
	before = ledger_enter(is_edge(port) ? LEDGER_TX_DOORBELL : LEDGER_RX_INJECT);
	port->ops->flush(port);
	ledger_leave(before);
}

void forward_flush(struct port_set *ports)
{
	u16 id;

	while ((id = port_set_take(ports)) != VNET_PORT_NONE)
		flush_port(vnet_port_slot(id));
}

static bool waits_for_batch(const struct vnet_port *port)
{
	const struct dispatch_settings *set = port->face->dispatch;

	return set && __atomic_load_n(&set->batch_end, __ATOMIC_RELAXED);
}

/* In a batch: those that want it so wait for its end. */
void forward_flush_batched(struct core_state *me)
{
	u16 id;

	while ((id = port_set_take(&me->touched)) != VNET_PORT_NONE) {
		struct vnet_port *port = vnet_port_slot(id);

		if (!waits_for_batch(port)) {
			flush_port(port);
			continue;
		}
		port->joined_bursts++;
		port_set_add(&me->batched, id);
	}
}

void vnet_batch_begin(unsigned core)
{
	vnet_cores[core]->in_batch = true;
}

void vnet_batch_end(unsigned core)
{
	struct core_state *me = vnet_cores[core];
	bool begun = epoch_read_begin(core);

	me->in_batch = false;
	forward_flush(&me->batched);
	epoch_read_end(core, begun);
}

/* On to a queue, of this core or of another one. */
static void pass_to_queue(struct core_state *me, struct vnet_port *from, struct vnet_port *to,
			  struct pkt **pkts, u32 n)
{
	u32 core = __atomic_load_n(&to->out_core, __ATOMIC_ACQUIRE), sent;

	if (core == from->in_core) {
		port_set_add(&me->touched, to->id);
		deliver(to, pkts, n, me->burst.offloads);
		return;
	}
	sent = xcore_send(from->in_core, core, to, pkts, n);
	drop_all(from, pkts + sent, n - sent, VNET_DROP_TX_FULL);
}

/* Frames for an interface with several queues: each gets its part in one call. */
static void pass_to_queues(struct core_state *me, struct vnet_port *from,
			   const struct vnet_steer *steer, struct pkt **pkts, u32 n)
{
	struct pkt *part[PKT_BURST];
	u8 queue[PKT_BURST];
	u32 seen = 0;

	for (u32 i = 0; i < n; i++) {
		queue[i] = (u8)steer_pick(steer, pkts[i]);
		seen |= BIT(queue[i]);
	}
	for (; seen; seen &= seen - 1) {
		u32 q = (u32)__builtin_ctz(seen), count = 0;

		for (u32 i = 0; i < n; i++)
			if (queue[i] == q)
				part[count++] = pkts[i];
		pass_to_queue(me, from, steer->queue[q], part, count);
	}
}

static void pass_on(struct core_state *me, struct vnet_port *from, u16 id, struct pkt **pkts,
		    u32 n)
{
	struct vnet_port *to = vnet_port_slot(id);

	if (to->steer && !to->steer->by_core) {
		pass_to_queues(me, from, to->steer, pkts, n);
		return;
	}
	if (to->steer)
		to = steer_by_core(to->steer, from->in_core, pkts, n);
	pass_to_queue(me, from, to, pkts, n);
}

void forward_hand(struct vnet_port *from, struct vnet_port *to, struct pkt *p)
{
	unsigned core = plat_core();
	u32 out;

	if (to->steer)
		to = to->steer->queue[steer_pick(to->steer, p)];
	out = __atomic_load_n(&to->out_core, __ATOMIC_ACQUIRE);
	if (out == core) {
		forward_deliver(to, &p, 1);
		flush_port(to);
		return;
	}
	if (!xcore_send(core, out, to, &p, 1))
		vnet_port_drop(from, p, VNET_DROP_TX_FULL);
	xcore_flush(core);
}

/* For one more destination: NULL when there is no packet for it. */
static struct pkt *copy_of(struct core_state *me, struct vnet_port *from, struct pkt *p)
{
	struct pkt *copy = pkt_clone(p->pool, p);

	me->cloned++;
	if (!copy)
		vnet_port_drop_count(from, VNET_DROP_NO_PACKET, 1);
	return copy;
}

/* One frame that goes to more ports than fit into a verdict. The last one gets
 * the frame itself. */
static void send_many(struct core_state *me, struct vnet_port *from, u32 i)
{
	struct route_key k = burst_key(&me->burst, i);
	struct pkt *p = me->burst.pkt[i];
	u16 id, next;
	u64 verdict = route_lookup(&k, &me->many);

	if (verdict & VERDICT_DROP) { /* a change was quicker */
		vnet_port_drop(from, p, verdict_reason(verdict));
		return;
	}
	if (!(verdict & VERDICT_MANY)) {
		me->many = (struct port_set){ 0 };
		for (; verdict; verdict >>= VERDICT_PORT_BITS)
			port_set_add(&me->many, verdict_port(verdict));
	}
	for (id = port_set_take(&me->many); id != VNET_PORT_NONE; id = next) {
		struct pkt *out = p;

		next = port_set_take(&me->many);
		if (next != VNET_PORT_NONE)
			out = copy_of(me, from, p);
		if (out)
			pass_on(me, from, id, &out, 1);
	}
}

/* A run of frames sorted by port: counts, then places, then frames. */
struct sorting {
	u32 ports;
	u16 port[PKT_BURST * VERDICT_PORTS];
	u8 start[PKT_BURST * VERDICT_PORTS + 1];
	u8 frame[PKT_BURST * VERDICT_PORTS];
	u8 left[PKT_BURST]; /* destinations that a frame has yet to go to */
};

static void sort_run(struct core_state *me, u32 first, u32 end, struct sorting *s)
{
	const u64 *verdicts = me->burst.verdict;
	u32 at = 0;

	s->ports = 0;
	for (u32 i = first; i < end; i++) {
		s->left[i] = 0;
		for (u64 v = verdicts[i]; v; v >>= VERDICT_PORT_BITS) {
			u16 id = verdict_port(v);

			if (!me->count[id]++)
				s->port[s->ports++] = id;
			s->left[i]++;
		}
	}
	for (u32 k = 0; k < s->ports; k++) {
		u8 n = me->count[s->port[k]];

		s->start[k] = (u8)at;
		me->count[s->port[k]] = (u8)at;
		at += n;
	}
	s->start[s->ports] = (u8)at;
	for (u32 i = first; i < end; i++) {
		for (u64 v = verdicts[i]; v; v >>= VERDICT_PORT_BITS)
			s->frame[me->count[verdict_port(v)]++] = (u8)i;
	}
	for (u32 k = 0; k < s->ports; k++)
		me->count[s->port[k]] = 0;
}

/* Frames first .. end-1, none of which has VERDICT_MANY: each port gets its part
 * in one call, copies of those that go elsewhere as well. */
static void send_run(struct core_state *me, struct vnet_port *from, u32 first, u32 end)
{
	struct burst *b = &me->burst;
	struct pkt *part[PKT_BURST];
	struct sorting s;

	if (first == end)
		return;
	sort_run(me, first, end, &s);
	for (u32 k = 0; k < s.ports; k++) {
		u32 n = 0;

		for (u32 at = s.start[k]; at < s.start[k + 1]; at++) {
			u32 i = s.frame[at];
			struct pkt *p = --s.left[i] ? copy_of(me, from, b->pkt[i]) : b->pkt[i];

			part[n] = p;
			n += p != NULL;
		}
		if (n)
			pass_on(me, from, s.port[k], part, n);
	}
}

/* Frames that go to one port each, which gets its part in one call. */
static void send_single(struct core_state *me, struct vnet_port *from)
{
	struct burst *b = &me->burst;
	struct pkt *sorted[PKT_BURST];
	u16 port[PKT_BURST + 1];
	u32 ports = 0, n = b->n, at = 0;

	/* Which port is a new one, nobody can predict: no branch asks. */
	for (u32 i = 0; i < n; i++) {
		u16 id = (u16)b->verdict[i];
		u8 had = me->count[id];

		port[ports] = id;
		ports += !had;
		me->count[id] = (u8)(had + 1);
	}
	for (u32 k = 0; k < ports; k++) {
		u8 end = (u8)(at + me->count[port[k]]);

		me->count[port[k]] = (u8)at;
		at = end;
	}
	for (u32 i = 0; i < n; i++)
		sorted[me->count[b->verdict[i]]++] = b->pkt[i];
	/* The counts are where each part ends now. */
	at = 0;
	for (u32 k = 0; k < ports; k++) {
		u32 end = me->count[port[k]];

		me->count[port[k]] = 0;
		pass_on(me, from, port[k], sorted + at, end - at);
		at = end;
	}
}

void forward_send(struct core_state *me, struct vnet_port *from)
{
	struct burst *b = &me->burst;
	u32 first = 0;

	if (b->n && b->single) {
		if (b->alike)
			pass_on(me, from, verdict_port(b->verdict[0]), b->pkt, b->n);
		else
			send_single(me, from);
		return;
	}
	for (u32 i = 0; i < b->n; i++) {
		if (!(b->verdict[i] & VERDICT_MANY))
			continue;
		send_run(me, from, first, i);
		send_many(me, from, i);
		first = i + 1;
	}
	send_run(me, from, first, b->n);
}
