/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges: what their path carries, and finding that out. */
#include "hv/base/bytes.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/edge_priv.h"
#include "vnet/hash.h"
#include "vnet/port.h"
#include "vnet/route.h"

/* An answer is repeated for so long: some hellos may get lost. */
#define ANSWER_NS 400000000ull

STATIC_ASSERT(ANSWER_NS < PMTU_AGAIN_NS, "an answer is not taken for the next round's");

/* What the path may carry at most, as far as this node knows. */
static u32 path_limit(const struct edge *e)
{
	u32 mtu = e->tx->path_mtu(e->tx_ctx, &e->dst);

	return e->setup.mtu ? MIN(mtu, e->setup.mtu + LINK_ETH_HEADER + e->outer) : mtu;
}

/* The longest frame that the other end gets out of fragments for that path. */
static u32 most_in_fragments(const struct edge *e, u32 mtu)
{
	u32 most = LINK_PAYLOAD_MAX, n = e->tx->fragments_max;

	if (n) {
		u32 room = n * ALIGN_DOWN(mtu - MIN(mtu, IP_HLEN), 8u);

		most = MIN(most, room - MIN(room, UDP_HLEN));
	}
	return most - MIN(most, e->header.len);
}

void edge_learn_mtu(struct edge *e)
{
	u32 outer = e->outer, mtu, frame;

	if (e->path.told)
		pmtu_age(&e->path, plat_now_ns());
	mtu = MIN(path_limit(e), pmtu_now(&e->path));
	if (mtu == e->dst.mtu)
		return;
	e->dst.mtu = mtu;
	frame = e->dst.df ? mtu - MIN(mtu, outer) : most_in_fragments(e, mtu);
	e->port.mtu = frame - MIN(frame, LINK_ETH_HEADER);
	/* What would be fragmented needs plain frames. */
	e->port.caps_max = mtu - MIN(mtu, outer);
}

void edge_path_refresh(struct edge *e)
{
	edge_learn_mtu(e);
}

/* --- what guests are told ---------------------------------------------------- */

u32 edge_whole_mtu(const struct edge *e)
{
	u32 taken = e->outer + LINK_ETH_HEADER;
	u32 mtu = MIN(path_limit(e), pmtu_now(&e->path));

	return mtu - MIN(mtu, taken);
}

/* Does the route take frames from that interface? */
static bool takes_from(const struct route_spec *s, const struct vnet_port *interface)
{
	if (s->src.cls == ROUTE_EXACT &&
	    !vnet_port_may_send_from(interface, mac_load(s->src.mac)))
		return false;
	return s->from == ROUTE_FROM_PORT ? s->from_port == interface->id
					  : s->from != ROUTE_FROM_EDGES;
}

/* mtu, or what the port carries whole if that is an edge of the overlay and it is less. */
static u32 least(u32 mtu, struct vnet_port *port, u32 overlay)
{
	if (!port || port->kind != VNET_PORT_EDGE || port->overlay != overlay)
		return mtu;
	return MIN(mtu, edge_whole_mtu(edge_of(port)));
}

u32 edge_guest_mtu(const struct vnet_port *interface)
{
	u32 mtu = UINT32_MAX, overlay = interface->overlay;

	for (struct vnet_port *p = vnet_port_next(0); p && interface->learned;
	     p = vnet_port_next(p->id))
		mtu = least(mtu, p, overlay);
	for (const struct route *r = route_next(0); r; r = route_next(r->id)) {
		if (!takes_from(&r->spec, interface))
			continue;
		mtu = least(mtu, vnet_port_by_id(r->spec.to), overlay);
		mtu = least(mtu, vnet_port_by_id(r->spec.backup), overlay);
	}
	return mtu == UINT32_MAX ? 0 : mtu;
}

/* --- what routers say --------------------------------------------------------- */

/* Was it this edge that sent from and to these ports? */
static bool may_have_sent(const struct edge *e, u32 to_ip, u16 sport, u16 dport)
{
	if ((e->link->flags & LINK_IS_LAN) || !to_ip || e->dst.remote_ip != to_ip ||
	    e->dst.dport != dport)
		return false;
	return e->dst.sport_hash ? sport >= LINK_SPORT_MIN : sport == e->dst.sport;
}

bool edge_path_told(u32 net, u32 to_ip, u16 sport, u16 dport, u16 mtu)
{
	u64 now = plat_now_ns();
	bool any = false;

	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct edge *e = p->kind == VNET_PORT_EDGE ? edge_of(p) : NULL;

		/* Several to one address have one path. */
		if (!e || e->setup.net != net || !may_have_sent(e, to_ip, sport, dport))
			continue;
		edge_learn_mtu(e);
		if (!pmtu_told(&e->path, mtu, e->dst.mtu, now))
			continue;
		edge_learn_mtu(e);
		any = true;
		LOG_LIMITED(LOG_INFO, "edge", "%s: the path carries %u bytes, says a router",
			    p->name, mtu);
	}
	return any;
}

/* --- probes ----------------------------------------------------------------- */

/* The hello p up to so many bytes: zeroes of one packet, again and again. False:
 * no packet, or not enough places in one. */
static bool pad(struct pkt *p, struct pkt_pool *pool, u32 len)
{
	struct pkt *zeroes = pkt_get(pool);
	bool ok = zeroes != NULL;

	if (ok)
		memset(zeroes->buf, 0, MIN(len, zeroes->buf_size));
	while (ok && p->len < len) {
		pkt_ref(zeroes);
		ok = pkt_add_seg(p, zeroes->buf, pkt_bus(zeroes, zeroes->buf),
				 MIN(len - p->len, zeroes->buf_size), zeroes) == ERR_OK;
		if (!ok)
			pkt_put(zeroes);
	}
	pkt_put(zeroes);
	return ok;
}

void edge_path_answer(const struct edge *e, struct link_hello *hello, u64 now_ns)
{
	if (e->probe_seen && now_ns - e->probe_seen_ns < ANSWER_NS)
		hello->probed = (u16)e->probe_seen;
}

void edge_path_heard(struct edge *e, const struct link_hello *hello, u32 len, u64 now_ns)
{
	u32 size = len + LINK_IP_UDP_HEADER;

	if (size >= PMTU_BASE && size <= IP_TOTAL_MAX) {
		e->probe_seen = size;
		e->probe_seen_ns = now_ns;
	}
	if (hello->probed)
		pmtu_answered(&e->path, hello->probed, now_ns);
}

/* The last hello once more: it makes no gap where it is lost. */
static void send_probe(struct edge *e, const struct link_hello *hello, u32 size)
{
	struct pkt *p = pkt_get(e->setup.pool);
	u32 mtu = e->dst.mtu;
	bool df = e->dst.df;

	if (!p)
		return;
	e->link->make_hello(p, &e->setup.id, hello);
	if (!pad(p, e->setup.pool, size - LINK_IP_UDP_HEADER)) {
		pkt_put(p);
		return;
	}
	e->dst.mtu = size; /* perhaps more than frames may have now */
	e->dst.df = true;
	edge_send_hello(e, p);
	e->dst.df = df;
	e->dst.mtu = mtu;
}

void edge_path_tick(struct edge *e, const struct link_hello *hello, u64 now_ns)
{
	u32 size;

	if (e->health.state != HEALTH_UP) {
		pmtu_stop(&e->path);
		return;
	}
	if (!e->setup.pool || !e->tx->room(e->tx_ctx))
		return;
	size = pmtu_tick(&e->path, path_limit(e), now_ns);
	if (size)
		send_probe(e, hello, size);
	edge_learn_mtu(e);
}
