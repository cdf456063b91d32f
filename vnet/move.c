/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a queue changes hands. Old and new owner take steps in turn, each in its
 * own loop; whoever is not to move leaves it alone, so a step has one writer.
 *
 * The way in: the owner collects no more, and lets go when the frames that it
 * sent to other cores were taken out of the rings (later ones take other rings
 * and would overtake them) and those that refer to the other side's memory have
 * ended: their ends are its business.
 *
 * The way out: the owner names the new one, to whom others send from now on.
 * When every core has been quiet since, nobody sends to the owner any more; it
 * goes once round its rings, which hold what came before, and lets go. What
 * reaches the new owner meanwhile waits there.
 */
#include "vnet/move.h"

#include "vnet/epoch.h"
#include "vnet/forward_priv.h"
#include "vnet/port.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

/* Frames that wait for a port: as many as two other cores' rings hold. */
#define WAITING_MAX (2 * XCORE_RING)

/* Ports with something to do; atomic. */
static u64 moving[VNET_WAYS][PORT_SET_WORDS];

static u32 owner_of(const struct vnet_port *port, enum vnet_way way)
{
	return __atomic_load_n(way == VNET_IN ? &port->in_core : &port->out_owner,
			       __ATOMIC_ACQUIRE);
}

u32 vnet_port_core(const struct vnet_port *port, enum vnet_way way)
{
	return owner_of(port, way);
}

bool vnet_port_moving(const struct vnet_port *port, enum vnet_way way)
{
	return __atomic_load_n(&port->move[way].to, __ATOMIC_ACQUIRE) != 0;
}

err_t vnet_port_move(struct vnet_port *port, enum vnet_way way, u32 core)
{
	struct vnet_move *m = &port->move[way];
	u32 nobody = 0;

	if (core >= xcore_count())
		return ERR_RANGE;
	if (!port->ops->moved)
		return ERR_INVAL;
	if (!__atomic_compare_exchange_n(&m->to, &nobody, core + 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return ERR_BUSY;
	if (owner_of(port, way) == core) {
		__atomic_store_n(&m->to, 0, __ATOMIC_RELEASE);
		return ERR_OK;
	}
	__atomic_fetch_or(&moving[way][port->id / 64], BIT64(port->id % 64), __ATOMIC_ACQ_REL);
	xcore_ask(owner_of(port, way));
	return ERR_OK;
}

static void step_to(struct vnet_move *m, enum move_step step)
{
	__atomic_store_n(&m->step, step, __ATOMIC_RELEASE);
}

static void let_go(struct vnet_move *m, u32 to)
{
	step_to(m, MOVE_OVER);
	xcore_ask(to);
}

/* The new owner has it. */
static void ended(struct vnet_port *port, enum vnet_way way)
{
	struct vnet_move *m = &port->move[way];

	step_to(m, MOVE_NONE);
	__atomic_fetch_and(&moving[way][port->id / 64], ~BIT64(port->id % 64), __ATOMIC_ACQ_REL);
	__atomic_store_n(&m->to, 0, __ATOMIC_RELEASE);
	port->ops->moved(port, way);
}

/* The owner's part in moving the way in; true: it has to wait. */
static bool leave_in(struct vnet_port *port, unsigned core, u32 to)
{
	struct vnet_move *m = &port->move[VNET_IN];

	if (m->step == MOVE_NONE) {
		xcore_sent(core, m->mark.seen);
		step_to(m, MOVE_STOPPING);
	}
	if (!xcore_sent_taken(core, m->mark.seen) ||
	    (port->ops->unfinished && port->ops->unfinished(port)))
		return true;
	__atomic_store_n(&port->in_core, to, __ATOMIC_RELEASE);
	let_go(m, to);
	return false;
}

/* The same for the way out. */
static bool leave_out(struct vnet_port *port, u32 to)
{
	struct vnet_move *m = &port->move[VNET_OUT];

	switch (m->step) {
	case MOVE_NONE:
		__atomic_store_n(&port->out_core, to, __ATOMIC_RELEASE);
		epoch_now(&m->mark);
		step_to(m, MOVE_STOPPING);
		return true;
	case MOVE_STOPPING:
		if (epoch_passed(&m->mark))
			step_to(m, MOVE_DRAINING);
		return true;
	case MOVE_DRAINING: /* xcore_drain() went round since */
		let_go(m, to);
		return false;
	default:
		return false;
	}
}

/* Those that waited go first. */
static void enter_out(struct vnet_port *port, unsigned core)
{
	struct vnet_waiting *w = &port->waiting;
	bool begun = epoch_read_begin(core), any = w->count != 0;
	struct pkt *pkts[PKT_BURST];

	__atomic_store_n(&port->out_owner, core, __ATOMIC_RELEASE);
	while (w->count) {
		u32 n = 0;

		for (; n < PKT_BURST && w->count; n++, w->count--) {
			pkts[n] = w->first;
			w->first = w->first->next;
		}
		forward_deliver(port, pkts, n);
	}
	if (any && port->ops->flush)
		port->ops->flush(port);
	epoch_read_end(core, begun);
	ended(port, VNET_OUT);
}

static bool port_turn(struct vnet_port *port, enum vnet_way way, unsigned core)
{
	struct vnet_move *m = &port->move[way];
	u32 to = __atomic_load_n(&m->to, __ATOMIC_ACQUIRE);

	if (!to)
		return false;
	if (__atomic_load_n(&m->step, __ATOMIC_ACQUIRE) == MOVE_OVER) {
		if (to - 1 != core)
			return false;
		if (way == VNET_OUT)
			enter_out(port, core);
		else
			ended(port, VNET_IN);
		return false;
	}
	if (owner_of(port, way) != core)
		return false;
	return way == VNET_IN ? leave_in(port, core, to - 1) : leave_out(port, to - 1);
}

bool move_turn(unsigned core)
{
	bool waits = false;

	for (u32 way = 0; way < VNET_WAYS; way++) {
		for (u32 w = 0; w < PORT_SET_WORDS; w++) {
			u64 bits = __atomic_load_n(&moving[way][w], __ATOMIC_ACQUIRE);

			for (; bits; bits &= bits - 1) {
				u16 id = (u16)(w * 64 + (u32)__builtin_ctzll(bits));
				struct vnet_port *port = vnet_port_slot(id);

				if (port)
					waits |= port_turn(port, (enum vnet_way)way, core);
			}
		}
	}
	return waits;
}

void move_keep(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct vnet_waiting *w = &port->waiting;

	for (u32 i = 0; i < n; i++) {
		if (w->count == WAITING_MAX) {
			w->dropped++;
			pkt_put(pkts[i]);
			continue;
		}
		pkts[i]->next = NULL;
		if (w->count++)
			w->last->next = pkts[i];
		else
			w->first = pkts[i];
		w->last = pkts[i];
	}
}
