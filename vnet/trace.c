/* SPDX-License-Identifier: BSD-2-Clause */
/* The dry run, see trace.h. The verdict is the table's own; which routes made it
 * is found by going through the list. */
#include "vnet/trace.h"

#include "hv/base/str.h"
#include "vnet/forward_priv.h"
#include "vnet/net/wire.h"
#include "vnet/port.h"
#include "vnet/queues.h"

static bool match_takes(const struct route_match *m, u64 mac)
{
	switch (m->cls) {
	case ROUTE_EXACT:
		return mac_load(m->mac) == mac;
	case ROUTE_NOT:
		return mac_load(m->mac) != mac;
	case ROUTE_GROUP:
		return mac_is_group(mac);
	default:
		return true;
	}
}

static bool route_takes(const struct route_spec *spec, const struct route_key *k)
{
	const struct vnet_port *to = vnet_port_by_id(spec->to);
	bool from_edge = k->ingress->kind == VNET_PORT_EDGE;

	if (!to || to->overlay != k->ingress->overlay)
		return false;
	if (spec->from == ROUTE_FROM_PORT ? spec->from_port != k->ingress->id
					  : (spec->from == ROUTE_FROM_EDGES) != from_edge)
		return false;
	return match_takes(&spec->src, k->src) && match_takes(&spec->dst, k->dst);
}

static void find_routes(const struct route_key *k, struct trace *out)
{
	for (const struct route *r = route_next(0); r; r = route_next(r->id)) {
		enum route_prio prio = route_priority(r->spec.src.cls, r->spec.dst.cls);

		if (!route_takes(&r->spec, k))
			continue;
		if (prio < out->prio) {
			out->hidden++;
			continue;
		}
		if (prio > out->prio) {
			out->hidden += out->equal;
			out->equal = 0;
			out->prio = prio;
		}
		if (out->equal < TRACE_ROUTES)
			out->route[out->equal] = r->id;
		out->equal++;
	}
}

static void take_verdict(u64 verdict, struct trace *out)
{
	if (verdict & VERDICT_DROP) {
		out->dropped = true;
		out->reason = verdict_reason(verdict);
		return;
	}
	if (verdict & VERDICT_MANY)
		return;
	out->to = (struct port_set){ 0 };
	for (; verdict; verdict >>= VERDICT_PORT_BITS)
		port_set_add(&out->to, verdict_port(verdict));
}

void vnet_trace(const struct vnet_port *from, const u8 dst[MAC_LEN], const u8 src[MAC_LEN],
		struct trace *out)
{
	const struct core_state *core = vnet_cores[vnet_port_core(from, VNET_IN)];
	struct route_key k;
	u8 head[ETH_HLEN] = { 0 };
	u64 verdict;

	memset(out, 0, sizeof(*out));
	memcpy(head, dst, MAC_LEN);
	memcpy(head + MAC_LEN, src, MAC_LEN);
	route_key_init(&k, from, head);
	if (from->kind == VNET_PORT_INTERFACE && !vnet_port_may_send_from(from, k.src)) {
		take_verdict(verdict_drop(VNET_DROP_SOURCE), out);
		return;
	}
	route_key_hash(&k);
	verdict = route_lookup_counted(&k, &out->to);
	out->flooded = verdict & VERDICT_FLOOD;
	verdict = verdict_of(verdict);
	out->asked = true;
	out->cached = core && verdict_of(cache_peek(&core->cache, &k)) == verdict;
	take_verdict(verdict, out);
	if (verdict == verdict_drop(VNET_DROP_SOURCE))
		return;
	if (out->flooded)
		k.dst = MAC_BROADCAST;
	find_routes(&k, out);
	out->learned = !out->dropped && !out->equal;
}
