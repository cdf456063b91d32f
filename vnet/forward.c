/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing step. For a burst: check and key every frame (prefetching its
 * place in the flow cache), get every frame's verdict, then sort the frames by
 * port and hand each port its part in one call (forward_send.c). Frames keep
 * their order towards every port.
 */
#include "vnet/forward.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/capture.h"
#include "vnet/epoch.h"
#include "vnet/forward_priv.h"
#include "vnet/learn.h"
#include "vnet/ledger.h"
#include "vnet/matrix.h"
#include "vnet/move.h"
#include "vnet/neigh.h"
#include "vnet/net/wire.h"
#include "vnet/offload.h"
#include "vnet/overlay.h"
#include "vnet/port.h"
#include "vnet/route_count.h"
#include "vnet/steer.h"
#include "vnet/xcore.h"

struct core_state *vnet_cores[PLAT_MAX_CORES];

err_t vnet_init(u32 ncores, u64 seed, void (*kick)(unsigned core))
{
	const struct xcore_ops ops = {
		.kick = kick,
		.deliver = forward_deliver,
		.flush = forward_flush,
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
	ledger_fini();
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

/* May the frame go on? Else why not. */
static bool frame_may_pass(struct vnet_port *port, struct pkt *p, u64 dst, u64 src,
			   enum vnet_drop *why)
{
	*why = VNET_DROP_SOURCE;
	if (port->face->kind == VNET_PORT_INTERFACE && !vnet_port_may_send_from(port->face, src))
		return false;
	*why = VNET_DROP_STORM;
	if (is_storm(port, dst))
		return false;
	*why = VNET_DROP_BAD_OFFLOAD;
	return !pkt_is_offloaded(p) || offload_accept(p);
}

/* The first frames, as long as there is nothing to be asked about them, and the cache started
 * on them. Returns how many. */
static __attribute__((noinline)) u32 take_plain(struct core_state *me, const struct vnet_port *face,
						struct pkt **pkts, u32 n)
{
	const struct cache_view view = cache_view(&me->cache, face);
	struct burst *b = &me->burst;
	const u64 own = mac_load(face->mac);
	/* What of a source that is another one, and of a destination, is suspicious. */
	const bool strict = face->kind == VNET_PORT_INTERFACE && !face->any_source;
	const u64 src_mask = strict ? UINT64_MAX : 0;
	const u64 dst_mask = face->storm ? 1 : 0;
	const u32 overlay = face->overlay;
	const u16 id = face->id;
	u64 bytes = 0;
	u32 k = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];
		const u8 *frame = p->data;
		u64 dst, src;

		if (pkt_offloads(p) || p->head_len < ETH_HLEN)
			break;
		dst = mac_load_wide(frame + ETH_DST);
		src = mac_load_wide(frame + ETH_SRC);
		if (((src ^ own) & src_mask) | (dst & dst_mask))
			break;
		p->ingress = id;
		p->overlay = overlay;
		bytes += p->len;
		b->pkt[k] = p;
		cache_prefetch(&view, dst, src, &b->ref[k]);
		pkt_prefetch_room(p);
	}
	b->n = k;
	b->offloads = 0;
	b->bytes = bytes;
	return k;
}

/* One frame, whatever it is like. */
static __attribute__((noinline)) void take_any(struct core_state *me, struct vnet_port *port,
					       struct pkt *p)
{
	const struct cache_view view = cache_view(&me->cache, port->face);
	struct burst *b = &me->burst;
	enum vnet_drop why = VNET_DROP_RUNT;
	u64 dst, src;

	p->ingress = port->face->id;
	p->overlay = port->face->overlay;
	port->count.rx_bytes += p->len;
	if (p->head_len < ETH_HLEN) {
		vnet_port_drop(port, p, why);
		return;
	}
	dst = mac_load_wide(p->data + ETH_DST);
	src = mac_load_wide(p->data + ETH_SRC);
	if (!frame_may_pass(port, p, dst, src, &why)) {
		vnet_port_drop(port, p, why);
		return;
	}
	b->offloads |= pkt_offloads(p);
	b->bytes += p->len;
	port->count.rx_segments += pkt_wire_frames(p) - 1;
	cache_prefetch(&view, dst, src, &b->ref[b->n]);
	pkt_prefetch_room(p);
	b->pkt[b->n++] = p;
}

/* Count and check what came in. */
static void burst_take(struct core_state *me, struct vnet_port *port, struct pkt **pkts, u32 n)
{
	u32 plain = take_plain(me, port->face, pkts, n);

	me->burst.face = port->face;
	port->count.rx_frames += n;
	port->count.rx_segments += n;
	port->count.rx_bytes += me->burst.bytes;
	for (u32 i = plain; i < n; i++)
		take_any(me, port, pkts[i]);
}

/* The table's answers for the frames that the cache does not know. */
static __attribute__((noinline)) void burst_miss(struct core_state *me, unsigned core,
						 const u8 *miss, u32 n)
{
	struct burst *b = &me->burst;

	for (u32 i = 0; i < n; i++) {
		b->missed[i] = burst_key(b, miss[i]);
		route_prefetch_places(&b->missed[i]);
	}
	for (u32 i = 0; i < n; i++)
		route_prefetch_buckets(&b->missed[i]);
	for (u32 i = 0; i < n; i++) {
		const struct route_key *k = &b->missed[i];
		struct route_stamp stamp = route_stamp_take(k);
		u64 verdict = route_lookup_counted(k, &me->many);

		b->verdict[miss[i]] = verdict;
		b->cell[miss[i]] = route_cell(verdict_counter(verdict), core);
		__builtin_prefetch(b->cell[miss[i]], 1);
		if (!(verdict & VERDICT_FLOOD))
			cache_fill(&me->cache, &b->ref[miss[i]], &stamp, verdict);
	}
}

/* Remember who was heard by this edge; nobody learns from a forged source. */
static void burst_learn(const struct burst *b, const struct vnet_port *port, struct learned *l)
{
	for (u32 i = 0; i < b->n; i++) {
		if (b->verdict[i] != verdict_drop(VNET_DROP_SOURCE))
			learned_note(l, b->ref[i].src, port->face->id);
	}
}

/* Would frame i go to that port, and get there? */
static bool reaches(struct core_state *me, u32 i, u16 id)
{
	const struct vnet_port *port = vnet_port_slot(id);
	u64 verdict = verdict_of(me->burst.verdict[i]);

	if (!port || !__atomic_load_n(&port->up, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&port->lost, __ATOMIC_RELAXED))
		return false;
	if (verdict & VERDICT_MANY) {
		struct route_key k = burst_key(&me->burst, i);

		verdict = route_lookup(&k, &me->many);
		return (verdict & VERDICT_MANY) && port_set_has(&me->many, id);
	}
	while (verdict && verdict_port(verdict) != id)
		verdict >>= VERDICT_PORT_BITS;
	return verdict != 0;
}

/* Hear what ARP and neighbour discovery say; what a guest asks everybody, and is known,
 * goes back to it as the answer. */
static void burst_answer(struct core_state *me, const struct vnet_port *port, struct neigh *n)
{
	bool guest = port->kind == VNET_PORT_INTERFACE;
	struct burst *b = &me->burst;
	struct neigh_entry e;
	struct neigh_msg m;

	for (u32 i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		/* What is dropped says nothing, a forged source least of all. */
		if (!neigh_maybe(p->data) || (b->verdict[i] & VERDICT_DROP) || !neigh_read(p, &m))
			continue;
		if (m.says)
			neigh_note(n, &m, p->ingress, guest ? NEIGH_OF_INTERFACE : NEIGH_OF_EDGE);
		/* Only what the question would have reached answers it. */
		if (!guest || !m.asks || !neigh_find(n, &m, &e) || e.port == p->ingress ||
		    !reaches(me, i, e.port) || !neigh_use(n, &m))
			continue;
		neigh_reply(p, &m, e.mac, e.router);
		b->verdict[i] = p->ingress;
		b->cell[i] = route_cell(ROUTE_COUNTER_NONE, plat_core());
		b->one = false;
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
		b->ref[n++] = b->ref[i];
	}
	b->n = n;
}

/* What several routes carry, each of them counts. */
static void burst_count_shared(struct burst *b, unsigned core)
{
	for (u32 i = 0; i < b->n; i++) {
		struct route_key k;

		if (!(b->verdict[i] & VERDICT_SHARED))
			continue;
		k = burst_key(b, i);
		route_count_shared(&k, core, b->pkt[i]->len);
	}
}

/* Frames of several kinds: leave bare verdicts of those that go on. */
static __attribute__((noinline)) void burst_sort_out(struct burst *b, struct vnet_port *port,
						     u64 any)
{
	u64 differ = 0, all = 0, first;

	if (any & VERDICT_SHARED)
		burst_count_shared(b, port->in_core);
	if (any & VERDICT_DROP)
		burst_drop(b, port);
	first = verdict_of(b->verdict[0]);
	for (u32 i = 0; i < b->n; i++) {
		u64 verdict = verdict_of(b->verdict[i]);

		b->verdict[i] = verdict;
		differ |= verdict ^ first;
		all |= verdict;
	}
	b->alike = !differ;
	b->single = all < VNET_MAX_PORTS;
}

/* Count the frames for their routes. */
static void burst_count(struct burst *b, struct vnet_port *port)
{
	u64 first = b->verdict[0], any = first, differ = 0;

	if (b->one) {
		b->cell[0]->frames += b->n;
		b->cell[0]->bytes += b->bytes;
	}
	for (u32 i = 0; i < b->n && !b->one; i++) {
		u64 counted = b->verdict[i];
		struct route_cell *cell = b->cell[i];

		cell->frames++;
		cell->bytes += b->pkt[i]->len;
		any |= counted;
		differ |= counted ^ first;
	}
	/* Most often all go to one port, by whichever route. */
	b->verdict[0] = verdict_of(first);
	b->alike = true;
	b->single = b->verdict[0] < VNET_MAX_PORTS;
	if ((any & (VERDICT_SHARED | VERDICT_DROP)) | verdict_of(differ)) {
		b->verdict[0] = first;
		burst_sort_out(b, port, any);
	}
}

/* A verdict for each frame that goes on. */
static void burst_route(struct core_state *me, struct vnet_port *port)
{
	struct learned *learned = __atomic_load_n(&port->face->learned, __ATOMIC_ACQUIRE);
	struct neigh *neigh = __atomic_load_n(&port->face->neigh, __ATOMIC_ACQUIRE);
	struct burst *b = &me->burst;
	const struct cache_view view = cache_view(&me->cache, port->face);
	struct route_cell *cell = NULL;
	unsigned core = port->in_core;
	u8 miss[PKT_BURST];
	u32 misses = 0, n = b->n, runs = 0;
	u64 last = 0;

	for (u32 i = 0; i < n; i++) {
		u64 counted = cache_find(&view, &b->ref[i]);

		b->verdict[i] = counted;
		if (counted != last) {
			last = counted;
			runs++;
			cell = route_cell(verdict_counter(counted), core);
			__builtin_prefetch(cell, 1);
		}
		b->cell[i] = cell;
		if (!counted)
			miss[misses++] = (u8)i;
	}
	b->one = runs == 1 && !misses;
	me->cache.hits += n - misses;
	me->cache.misses += misses;
	if (misses)
		burst_miss(me, core, miss, misses);
	if (learned && port->kind == VNET_PORT_EDGE)
		burst_learn(b, port, learned);
	if (neigh)
		burst_answer(me, port, neigh);
	burst_count(b, port);
}

void vnet_input(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	unsigned core = port->in_core;
	struct core_state *me = vnet_cores[core];
	bool begun = epoch_read_begin(core);
	u32 before = ledger_enter(port->kind == VNET_PORT_EDGE ? LEDGER_RX_ROUTE
							       : LEDGER_TX_ROUTE);

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
		forward_send(me, port);
		pkts += take;
		n -= take;
	}
	if (me->in_batch)
		forward_flush_batched(me);
	else
		forward_flush(&me->touched);
	xcore_flush(core);
	ledger_leave(before);
	epoch_read_end(core, begun);
}

u32 vnet_poll(struct vnet_port *port, u32 budget)
{
	struct pkt *pkts[PKT_BURST];
	u32 total = 0, before = ledger_enter(LEDGER_TX_DEQUEUE);

	while (total < budget && move_may_collect(port)) {
		u32 n = port->ops->collect(port, pkts, MIN(budget - total, (u32)PKT_BURST));

		if (!n)
			break;
		vnet_input(port, pkts, n);
		total += n;
	}
	/* A look at an empty ring is nobody's frame. */
	if (!total)
		ledger_void(before);
	else
		ledger_leave(before);
	return total;
}
