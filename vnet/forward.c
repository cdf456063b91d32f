/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing step. For a burst: check and key every frame (prefetching its
 * place in the flow cache), get every frame's verdict, then go through the
 * ports that any of them leads to and hand each its part in one call. Frames
 * keep their order towards every port.
 */
#include "vnet/forward.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/cache.h"
#include "vnet/epoch.h"
#include "vnet/net/wire.h"
#include "vnet/offload.h"
#include "vnet/port.h"
#include "vnet/route.h"
#include "vnet/vnet.h"
#include "vnet/xcore.h"

/* A burst on its way through. */
struct burst {
	u32 n;
	u64 all; /* union of ports[] */
	struct pkt *pkt[PKT_BURST];
	u64 ports[PKT_BURST]; /* where each has yet to go */
	struct route_key key[PKT_BURST];
	struct cache_ref ref[PKT_BURST];
};

/* One core's own. */
struct core_state {
	struct flow_cache cache;
	u64 bursts;
	u64 cloned;
	struct burst burst; /* vnet_input() is not re-entrant, and stacks are small */
};

static struct core_state *cores[PLAT_MAX_CORES];

static void drop_all(struct vnet_port *port, struct pkt **pkts, u32 n, enum vnet_drop reason)
{
	for (u32 i = 0; i < n; i++)
		vnet_port_drop(port, pkts[i], reason);
}

/* Frames for a port of this core. */
static void deliver_here(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	bool offloaded = false;

	if (!__atomic_load_n(&port->up, __ATOMIC_RELAXED)) {
		drop_all(port, pkts, n, VNET_DROP_PORT_DOWN);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		pkts[i]->egress = port->id;
		offloaded |= pkt_is_offloaded(pkts[i]);
	}
	if (offloaded)
		offload_deliver(port, pkts, n);
	else
		port->ops->deliver(port, pkts, n);
}

static void flush_here(u64 ports)
{
	for (; ports; ports &= ports - 1) {
		struct vnet_port *port = vnet_port_slot((u16)__builtin_ctzll(ports));

		if (port->ops->flush)
			port->ops->flush(port);
	}
}

err_t vnet_init(u32 ncores, u64 seed, void (*kick)(unsigned core))
{
	const struct xcore_ops ops = {
		.kick = kick,
		.deliver = deliver_here,
		.flush = flush_here,
	};
	err_t err = xcore_init(ncores, &ops);

	if (err != ERR_OK)
		return err;
	route_init(seed);
	for (u32 i = 0; i < ncores; i++) {
		cores[i] = plat_alloc(sizeof(*cores[i]));
		if (!cores[i] || cache_init(&cores[i]->cache, seed + i) != ERR_OK) {
			vnet_fini();
			return ERR_NOMEM;
		}
	}
	return ERR_OK;
}

void vnet_fini(void)
{
	vnet_port_reap();
	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		if (!cores[i])
			continue;
		cache_fini(&cores[i]->cache);
		plat_free(cores[i], sizeof(*cores[i]));
		cores[i] = NULL;
	}
	route_fini();
	epoch_reclaim();
	xcore_fini();
	offload_fini();
	vnet_port_fini();
}

/* --- the step ------------------------------------------------------------- */

/* Else *why says why the frame goes no further than its port. */
static bool frame_ok(const struct vnet_port *port, struct pkt *p, enum vnet_drop *why)
{
	if (p->head_len < ETH_HLEN) {
		*why = VNET_DROP_RUNT;
		return false;
	}
	if (port->kind == VNET_PORT_INTERFACE && !port->any_source &&
	    memcmp(p->data + ETH_SRC, port->mac, sizeof(port->mac)) != 0) {
		*why = VNET_DROP_SOURCE;
		return false;
	}
	if (pkt_is_offloaded(p) && !offload_accept(p)) {
		*why = VNET_DROP_BAD_OFFLOAD;
		return false;
	}
	return true;
}

/* Count and check what came in, and start the cache on it. */
static void burst_take(struct core_state *me, struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct burst *b = &me->burst;

	b->n = 0;
	b->all = 0;
	port->count.rx_frames += n;
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];
		enum vnet_drop why;

		p->ingress = port->id;
		p->overlay = port->overlay;
		port->count.rx_bytes += p->len;
		if (!frame_ok(port, p, &why)) {
			port->count.rx_segments++;
			vnet_port_drop(port, p, why);
			continue;
		}
		port->count.rx_segments += pkt_wire_frames(p);
		b->pkt[b->n] = p;
		route_key_init(&b->key[b->n], port, p->data);
		cache_prefetch(&me->cache, &b->key[b->n], &b->ref[b->n]);
		b->n++;
	}
}

static void burst_route(struct core_state *me, struct vnet_port *port)
{
	struct burst *b = &me->burst;

	for (u32 i = 0; i < b->n; i++) {
		u64 verdict = cache_lookup(&me->cache, &b->key[i], &b->ref[i]);

		b->ports[i] = 0;
		if (verdict & VERDICT_DROP) {
			vnet_port_drop(port, b->pkt[i], verdict_reason(verdict));
			continue;
		}
		b->ports[i] = verdict;
		b->all |= verdict;
	}
}

/* The burst's frames for one port: copies of those that go elsewhere as well,
 * the last destination gets the original. */
static u32 burst_part(struct core_state *me, struct vnet_port *from, u64 bit, struct pkt **part)
{
	struct burst *b = &me->burst;
	u32 n = 0;

	for (u32 i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		if (!(b->ports[i] & bit))
			continue;
		b->ports[i] &= ~bit;
		if (b->ports[i]) {
			me->cloned++;
			p = pkt_clone(p->pool, p);
			if (!p) {
				from->count.drop[VNET_DROP_NO_PACKET]++;
				continue;
			}
		}
		part[n++] = p;
	}
	return n;
}

/* Returns the ports of this core that got something. */
static u64 burst_send(struct core_state *me, struct vnet_port *from)
{
	struct pkt *part[PKT_BURST];
	u64 here = 0;

	for (u64 rest = me->burst.all; rest; rest &= rest - 1) {
		u16 id = (u16)__builtin_ctzll(rest);
		struct vnet_port *to = vnet_port_slot(id);
		u32 n = burst_part(me, from, BIT64(id), part);

		if (!n)
			continue;
		if (to->core == from->core) {
			deliver_here(to, part, n);
			here |= BIT64(id);
		} else {
			u32 sent = xcore_send(from->core, to, part, n);

			drop_all(from, part + sent, n - sent, VNET_DROP_TX_FULL);
		}
	}
	return here;
}

void vnet_input(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	unsigned core = port->core;
	struct core_state *me = cores[core];
	bool begun = epoch_read_begin(core);
	u64 touched = 0;

	while (n) {
		u32 take = MIN(n, (u32)PKT_BURST);

		me->bursts++;
		burst_take(me, port, pkts, take);
		burst_route(me, port);
		touched |= burst_send(me, port);
		pkts += take;
		n -= take;
	}
	flush_here(touched);
	xcore_flush(core);
	epoch_read_end(core, begun);
}

u32 vnet_poll(struct vnet_port *port, u32 budget)
{
	struct pkt *pkts[PKT_BURST];
	u32 total = 0;

	while (total < budget) {
		u32 n = port->ops->collect(port, pkts, MIN(budget - total, (u32)PKT_BURST));

		if (!n)
			break;
		vnet_input(port, pkts, n);
		total += n;
	}
	return total;
}

/* --- figures -------------------------------------------------------------- */

void vnet_core_stats(unsigned core, struct vnet_core_stats *out)
{
	const struct core_state *c = core < PLAT_MAX_CORES ? cores[core] : NULL;

	memset(out, 0, sizeof(*out));
	if (!c)
		return;
	out->bursts = c->bursts;
	out->cloned = c->cloned;
	out->cache_hits = c->cache.hits;
	out->cache_misses = c->cache.misses;
}

static void add_core(struct vnet_audit *out, unsigned core)
{
	struct offload_stats offload;

	offload_stats(core, &offload);
	out->cut += offload.extra;
	out->cloned += cores[core] ? cores[core]->cloned : 0;
}

void vnet_audit(struct vnet_audit *out)
{
	struct vnet_counters sum;

	vnet_port_sum(&sum);
	*out = (struct vnet_audit){
		.received = sum.rx_frames,
		.delivered = sum.tx_frames,
		.in_flight = sum.tx_held + xcore_in_flight_all(),
	};
	for (u32 i = 0; i < VNET_DROP_COUNT; i++)
		out->dropped += sum.drop[i];
	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		add_core(out, i);
	out->balanced = out->received + out->cloned + out->cut ==
			out->delivered + out->dropped + out->in_flight;
}
