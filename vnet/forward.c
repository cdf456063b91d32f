/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing step. For a burst: check and key every frame (prefetching its
 * place in the flow cache), get every frame's verdict, then sort the frames by
 * port and hand each port its part in one call. Frames keep their order towards
 * every port.
 */
#include "vnet/forward.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/capture.h"
#include "vnet/epoch.h"
#include "vnet/forward_priv.h"
#include "vnet/learn.h"
#include "vnet/matrix.h"
#include "vnet/move.h"
#include "vnet/net/wire.h"
#include "vnet/offload.h"
#include "vnet/overlay.h"
#include "vnet/port.h"
#include "vnet/steer.h"
#include "vnet/route_count.h"
#include "vnet/xcore.h"

struct core_state *vnet_cores[PLAT_MAX_CORES];

static void drop_all(struct vnet_port *port, struct pkt **pkts, u32 n, enum vnet_drop reason)
{
	for (u32 i = 0; i < n; i++)
		vnet_port_drop(port, pkts[i], reason);
}

void forward_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	bool offloaded = false;

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
	for (u32 i = 0; i < n; i++) {
		pkts[i]->egress = port->id;
		offloaded |= pkt_is_offloaded(pkts[i]);
	}
	if (offloaded)
		offload_deliver(port, pkts, n);
	else
		port->ops->deliver(port, pkts, n);
}

static void flush_port(struct vnet_port *port)
{
	if (port->ops->flush && move_may_deliver(port))
		port->ops->flush(port);
}

static void flush_here(struct port_set *ports)
{
	u16 id;

	while ((id = port_set_take(ports)) != VNET_PORT_NONE)
		flush_port(vnet_port_slot(id));
}

err_t vnet_init(u32 ncores, u64 seed, void (*kick)(unsigned core))
{
	const struct xcore_ops ops = {
		.kick = kick,
		.deliver = forward_deliver,
		.flush = flush_here,
		.turn = move_turn,
	};
	err_t err = xcore_init(ncores, &ops);

	if (err != ERR_OK)
		return err;
	err = route_init(seed);
	if (err == ERR_OK)
		err = overlay_init(seed);
	for (u32 i = 0; i < ncores && err == ERR_OK; i++) {
		vnet_cores[i] = plat_alloc(sizeof(*vnet_cores[i]));
		err = vnet_cores[i] ? cache_init(&vnet_cores[i]->cache, seed + i) : ERR_NOMEM;
	}
	if (err != ERR_OK)
		vnet_fini();
	return err;
}

void vnet_fini(void)
{
	vnet_port_reap();
	capture_stop();
	matrix_stop();
	overlay_fini();
	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		if (!vnet_cores[i])
			continue;
		cache_fini(&vnet_cores[i]->cache);
		plat_free(vnet_cores[i], sizeof(*vnet_cores[i]));
		vnet_cores[i] = NULL;
	}
	route_fini();
	epoch_reclaim();
	xcore_fini();
	offload_fini();
	vnet_port_fini();
}

void vnet_tick(u64 now_ns)
{
	vnet_port_reap();
	overlay_tick(now_ns);
	capture_tick(now_ns);
	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		if (vnet_cores[i])
			cache_fit(&vnet_cores[i]->cache, route_count() + overlay_learned());
	}
	epoch_reclaim();
}

/* --- the step ------------------------------------------------------------- */

/* A frame to a group, and the interface has sent enough of them for now: a second's
 * worth may come at once. */
static bool is_storm(struct vnet_port *port, u64 dst)
{
	u32 limit = port->face->storm;

	if (!limit || !mac_is_group(dst))
		return false;
	/* Each queue has its share, so that no core waits for another one. */
	limit = MAX(limit / vnet_port_queues(port), 1u);
	return !token_bucket_pass(&port->groups, limit, limit, plat_now_ns());
}

/* Count and check what came in, and start the cache on it. */
static void burst_take(struct core_state *me, struct vnet_port *port, struct pkt **pkts, u32 n)
{
	const struct vnet_port *face = port->face;
	struct burst *b = &me->burst;
	u64 own = mac_load(face->mac), bytes = 0, segments = 0;
	bool own_only = face->kind == VNET_PORT_INTERFACE && !face->any_source;

	b->n = 0;
	for (u32 i = 0; i < n; i++)
		__builtin_prefetch(pkts[i]->data);
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];
		struct route_key *k = &b->key[b->n];
		enum vnet_drop why = VNET_DROP_RUNT;

		p->ingress = face->id;
		p->overlay = face->overlay;
		bytes += p->len;
		segments++;
		if (p->head_len < ETH_HLEN)
			goto drop;
		route_key_init(k, face, p->data);
		why = VNET_DROP_SOURCE;
		if (own_only && k->src != own && !vnet_port_may_send_from(face, k->src))
			goto drop;
		why = VNET_DROP_STORM;
		if (is_storm(port, k->dst))
			goto drop;
		if (pkt_is_offloaded(p)) {
			why = VNET_DROP_BAD_OFFLOAD;
			if (!offload_accept(p))
				goto drop;
			segments += pkt_wire_frames(p) - 1;
		}
		b->pkt[b->n] = p;
		cache_prefetch(&me->cache, k, &b->ref[b->n]);
		b->n++;
		continue;
drop:
		vnet_port_drop(port, p, why);
	}
	port->count.rx_frames += n;
	port->count.rx_bytes += bytes;
	port->count.rx_segments += segments;
}

/* The table's answers for the frames that the cache does not know. */
static void burst_miss(struct core_state *me, unsigned core, const u8 *miss, u32 n)
{
	struct burst *b = &me->burst;

	for (u32 i = 0; i < n; i++) {
		route_key_hash(&b->key[miss[i]]);
		route_prefetch_places(&b->key[miss[i]]);
	}
	for (u32 i = 0; i < n; i++)
		route_prefetch_buckets(&b->key[miss[i]]);
	for (u32 i = 0; i < n; i++) {
		const struct route_key *k = &b->key[miss[i]];
		struct route_stamp stamp = route_stamp_take(k);
		u64 verdict = route_lookup_counted(k, &me->many);

		b->verdict[miss[i]] = verdict;
		b->cell[miss[i]] = route_cell(verdict_counter(verdict), core);
		cache_fill(&me->cache, k, &b->ref[miss[i]], &stamp, verdict);
	}
}

/* Remember who was heard by this edge; nobody learns from a forged source. */
static void burst_learn(const struct burst *b, const struct vnet_port *port, struct learned *l)
{
	for (u32 i = 0; i < b->n; i++) {
		if (b->verdict[i] != verdict_drop(VNET_DROP_SOURCE))
			learned_note(l, b->key[i].src, port->id);
	}
}

/* Those that go no further go out of the burst. */
static void burst_drop(struct burst *b, struct vnet_port *port)
{
	u32 n = 0;

	for (u32 i = 0; i < b->n; i++) {
		u64 verdict = b->verdict[i];

		if (verdict & VERDICT_DROP) {
			vnet_port_drop(port, b->pkt[i], verdict_reason(verdict));
			continue;
		}
		b->pkt[n] = b->pkt[i];
		b->verdict[n] = verdict;
		b->key[n++] = b->key[i];
	}
	b->n = n;
}

/* What several routes carry, each of them counts. */
static void burst_count_shared(struct burst *b, unsigned core)
{
	for (u32 i = 0; i < b->n; i++) {
		if (!(b->verdict[i] & VERDICT_SHARED))
			continue;
		route_key_hash(&b->key[i]);
		route_count_shared(&b->key[i], core, b->pkt[i]->len);
		b->verdict[i] &= ~VERDICT_SHARED;
	}
}

/* Count the frames for their routes, and leave the verdicts bare. */
static void burst_count(struct burst *b, struct vnet_port *port)
{
	u64 any = 0, differ = 0;

	for (u32 i = 0; i < b->n; i++) {
		u64 counted = b->verdict[i];
		struct route_cell *cell = b->cell[i];

		cell->frames++;
		cell->bytes += b->pkt[i]->len;
		any |= counted;
		b->verdict[i] = counted & ~VERDICT_COUNTER_MASK;
		differ |= b->verdict[i] ^ b->verdict[0];
	}
	if (any & VERDICT_SHARED)
		burst_count_shared(b, port->in_core);
	if (any & VERDICT_DROP) {
		burst_drop(b, port);
		differ = 0;
		for (u32 i = 0; i < b->n; i++)
			differ |= b->verdict[i] ^ b->verdict[0];
	}
	b->alike = !differ;
}

/* A verdict for each frame that goes on. */
static void burst_route(struct core_state *me, struct vnet_port *port)
{
	struct learned *learned = __atomic_load_n(&port->learned, __ATOMIC_ACQUIRE);
	struct burst *b = &me->burst;
	u8 miss[PKT_BURST];
	u32 misses = 0, n = b->n;

	for (u32 i = 0; i < n; i++) {
		u64 counted = cache_find(&b->key[i], &b->ref[i]);

		b->verdict[i] = counted;
		b->cell[i] = route_cell(verdict_counter(counted), port->in_core);
		__builtin_prefetch(b->cell[i], 1);
		pkt_prefetch_room(b->pkt[i]);
		miss[misses] = (u8)i;
		misses += !counted;
	}
	me->cache.hits += n - misses;
	me->cache.misses += misses;
	if (misses)
		burst_miss(me, port->in_core, miss, misses);
	if (learned && port->kind == VNET_PORT_EDGE)
		burst_learn(b, port, learned);
	burst_count(b, port);
}

/* On to a queue, of this core or of another one. */
static void pass_to_queue(struct core_state *me, struct vnet_port *from, struct vnet_port *to,
			  struct pkt **pkts, u32 n)
{
	u32 core = __atomic_load_n(&to->out_core, __ATOMIC_RELAXED), sent;

	if (core == from->in_core) {
		port_set_add(&me->touched, to->id);
		forward_deliver(to, pkts, n);
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

	if (to->steer)
		pass_to_queues(me, from, to->steer, pkts, n);
	else
		pass_to_queue(me, from, to, pkts, n);
}

void forward_hand(struct vnet_port *from, struct vnet_port *to, struct pkt *p)
{
	unsigned core = plat_core();
	u32 out;

	if (to->steer)
		to = to->steer->queue[steer_pick(to->steer, p)];
	out = __atomic_load_n(&to->out_core, __ATOMIC_RELAXED);
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
	struct pkt *p = me->burst.pkt[i];
	u16 id, next;
	u64 verdict;

	route_key_hash(&me->burst.key[i]);
	verdict = route_lookup(&me->burst.key[i], &me->many);
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

static void burst_send(struct core_state *me, struct vnet_port *from)
{
	struct burst *b = &me->burst;
	u32 first = 0;

	if (b->n && b->alike && b->verdict[0] < VNET_MAX_PORTS) {
		pass_on(me, from, verdict_port(b->verdict[0]), b->pkt, b->n);
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

void vnet_input(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	unsigned core = port->in_core;
	struct core_state *me = vnet_cores[core];
	bool begun = epoch_read_begin(core);

	while (n) {
		u32 take = MIN(n, (u32)PKT_BURST);

		me->bursts++;
		if (capture_is_on())
			capture_frames(port->face, CAPTURE_IN, pkts, take);
		if (matrix_is_on())
			matrix_count(port, pkts, take);
		burst_take(me, port, pkts, take);
		if (port->steer)
			steer_note(port, me->burst.pkt, me->burst.n);
		burst_route(me, port);
		burst_send(me, port);
		pkts += take;
		n -= take;
	}
	flush_here(&me->touched);
	xcore_flush(core);
	epoch_read_end(core, begun);
}

u32 vnet_poll(struct vnet_port *port, u32 budget)
{
	struct pkt *pkts[PKT_BURST];
	u32 total = 0;

	while (total < budget && move_may_collect(port)) {
		u32 n = port->ops->collect(port, pkts, MIN(budget - total, (u32)PKT_BURST));

		if (!n)
			break;
		vnet_input(port, pkts, n);
		total += n;
	}
	return total;
}
