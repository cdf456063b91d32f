/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow's queue (virtio 1.2 5.1.6.5.6.1): a bounded table by the hash, which
 * is the same for both directions of a flow (flow.h). A flow keeps its place as
 * long as it is used, so that two whose hashes share one do not take turns in
 * it: that would move them between queues, and out of order. The one that finds
 * no place goes by its hash alone.
 */
#include "vnet/steer.h"

#include "hv/base/plat.h"
#include "vnet/flow.h"

/* A place: the flow's hash, the queue, and the turn in which it was last sent. */
#define PLACE_QUEUE_SHIFT 32
#define PLACE_QUEUE_MASK 0xffu
#define PLACE_TURN_SHIFT 40
#define PLACE_TURN_MASK 0xffffffu

/* Ethernet's group bit, in the first byte of the destination. */
#define GROUP_BIT BIT(0)

struct vnet_steer *steer_new(struct vnet_port *first)
{
	struct vnet_steer *s = plat_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->by_core = first->kind == VNET_PORT_EDGE;
	steer_add(s, first);
	return s;
}

void steer_add(struct vnet_steer *s, struct vnet_port *queue)
{
	s->of_core[queue->core] = (u8)s->n;
	s->queue[s->n++] = queue;
	s->used = s->n;
}

void steer_free(struct vnet_steer *s)
{
	plat_free(s, sizeof(*s));
}

static u32 hash_of(struct pkt *p)
{
	if (!p->hash)
		p->hash = flow_hash(p->data, p->head_len);
	return p->hash;
}

static u32 place_of(u32 hash)
{
	return hash >> (32 - STEER_FLOW_BITS);
}

static u32 queue_in(u64 place)
{
	return (u32)(place >> PLACE_QUEUE_SHIFT) & PLACE_QUEUE_MASK;
}

static u32 turn_in(u64 place)
{
	return (u32)(place >> PLACE_TURN_SHIFT) & PLACE_TURN_MASK;
}

void steer_note(const struct vnet_port *port, struct pkt *const *pkts, u32 n)
{
	struct vnet_steer *s = port->steer;
	u32 turn = (u32)(plat_now_ns() >> STEER_TURN_SHIFT) & PLACE_TURN_MASK;

	if (s->by_core)
		return;
	for (u32 i = 0; i < n; i++) {
		u32 hash = hash_of(pkts[i]);
		u64 *place = &s->flow[place_of(hash)];
		u64 was = __atomic_load_n(place, __ATOMIC_RELAXED);
		u64 now = (u64)turn << PLACE_TURN_SHIFT |
			  (u64)port->queue << PLACE_QUEUE_SHIFT | hash;

		if (was == now || (pkts[i]->data[0] & GROUP_BIT))
			continue;
		/* Another flow's that is still used. */
		if (was && (u32)was != hash &&
		    ((turn - turn_in(was)) & PLACE_TURN_MASK) < STEER_TURNS)
			continue;
		__atomic_store_n(place, now, __ATOMIC_RELAXED);
	}
}

u32 steer_pick(const struct vnet_steer *s, struct pkt *p)
{
	u32 used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);
	u32 hash = hash_of(p);
	u64 place = __atomic_load_n(&s->flow[place_of(hash)], __ATOMIC_RELAXED);

	if ((u32)place == hash && queue_in(place) < used)
		return queue_in(place);
	return (u32)((u64)hash * used >> 32);
}

/* --- queues.h ------------------------------------------------------------- */

void vnet_port_use_queues(struct vnet_port *port, u32 n)
{
	if (port->steer && n && n <= port->steer->n)
		__atomic_store_n(&port->steer->used, n, __ATOMIC_RELAXED);
}

u32 vnet_port_queues(const struct vnet_port *port)
{
	return port->steer ? port->steer->n : 1;
}

struct vnet_port *vnet_port_queue(struct vnet_port *port, u32 i)
{
	if (i >= vnet_port_queues(port))
		return NULL;
	return port->steer ? port->steer->queue[i] : port;
}
