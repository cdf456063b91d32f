/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the overlay's edges and the uplinks' UDP: sending for the edges, and
 * giving received datagrams to them.
 */
#include "hv/link_net.h"

#include "hv/base/plat.h"
#include "hv/core.h"
#include "hv/link_lan.h"
#include "hv/link_lane.h"
#include "hv/netcore.h"
#include "hv/uplink_queue.h"
#include "vnet/edge_lane.h"
#include "vnet/queues.h"

static u32 talking; /* links with a keep-alive */

static struct netif *netif_of(struct uplink *up)
{
	return up->state == UPLINK_UP ? &up->netif : NULL;
}

/* --- sending ------------------------------------------------------------------ */

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	struct link_to *to = plat_alloc(sizeof(*to));

	(void)ctx;
	if (!to)
		return ERR_NOMEM;
	to->udp = (struct udp_dst){
		.addr = dst->remote_ip,
		.sport = dst->sport,
		.dport = dst->dport,
		.ttl = dst->ttl,
		.tos = dst->tos,
		.flags = (u8)((dst->df ? UDP_DST_DF : 0) |
			      (dst->checksum ? UDP_DST_CSUM : 0) |
			      (dst->tos_by_pkt ? UDP_DST_TOS : 0) |
			      (dst->sport_hash ? UDP_DST_SPORT_HASH : 0)),
	};
	dst->priv = to;
	return ERR_OK;
}

static void tx_moved(void *ctx, struct link_dst *dst)
{
	struct udp_dst *to = &((struct link_to *)dst->priv)->udp;

	(void)ctx;
	link_lane_forget(dst->priv);
	to->addr = dst->remote_ip;
	to->dport = dst->dport;
	to->gen = 0; /* its headers are built anew */
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	struct link_to *to = dst->priv;

	(void)ctx;
	if (to->way)
		plat_free(to->way, sizeof(*to->way));
	plat_free(to, sizeof(*to));
	dst->priv = NULL;
}

/* Fragments take references to the frame, which only its own core may count:
 * a packet of ours stands for a long frame of another core. NULL: none left. */
static struct pkt *sendable(struct netif *nif, struct pkt *p)
{
	if (p->pool->owner == plat_core() || pkt_wire_len(p) + LINK_IP_UDP_HEADER <= nif->mtu)
		return p;
	return pkt_adopt(nif->setup.pool, p);
}

/* What may be another one each time; with DF the headers are. */
static void follow(struct udp_dst *to, const struct link_dst *dst)
{
	u8 df = dst->df ? UDP_DST_DF : 0;

	to->mtu = (u16)MIN(dst->mtu, IP_TOTAL_MAX);
	if ((to->flags & UDP_DST_DF) != df) {
		to->flags ^= UDP_DST_DF;
		to->gen = 0;
	}
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct netif *nif = netif_of(ctx);
	struct link_to *link = dst->priv;
	struct udp_dst *to = &link->udp;
	/* Not a hello, which may be a probe of what the path does not carry. */
	bool routed = pkts[0]->ingress != VNET_PORT_NONE;
	u32 kept = 0, sent;

	follow(to, dst);
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = nif ? sendable(nif, pkts[i]) : NULL;

		if (p)
			pkts[kept++] = p;
		else
			pkt_put(pkts[i]);
	}
	if (!kept)
		return 0;
	uplink_sends(container_of(dst, struct edge, dst));
	sent = udp_send_burst(nif, to, pkts, kept);
	uplink_sends(NULL);
	if (routed)
		link_lane_tell(ctx, link);
	return sent;
}

static void tx_flush(void *ctx)
{
	if (netif_of(ctx))
		uplink_flush(ctx);
}

static bool tx_carrier(void *ctx)
{
	struct uplink *up = ctx;

	return netif_of(up) && up->nic.ops->link(&up->nic).up;
}

static u32 tx_room(void *ctx)
{
	const struct netif *nif = netif_of(ctx);

	return nif ? netif_tx_room(nif) : 0;
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	const struct netif *nif = netif_of(ctx);

	(void)dst;
	return nif ? nif->mtu : NETIF_MTU_MIN;
}

/* Its caps are each uplink's own. */
static const struct link_tx link_tx = {
	.fragments_max = IPFRAG_PIECES,
	.open = tx_open,
	.close = tx_close,
	.moved = tx_moved,
	.send = tx_send,
	.flush = tx_flush,
	.carrier = tx_carrier,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

/* --- receiving ----------------------------------------------------------------- */

/* What comes from one sender goes on together. Its port is its flow's, unless it may be one
 * of several behind one address. */
static void received(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	const struct edge_local *local = ctx;
	u32 i = 0;

	while (i < n) {
		u32 k = __atomic_load_n(&local->nat_users, __ATOMIC_RELAXED) ? i + 1 : n;

		while (k < n && run->sport[i] == run->sport[k])
			k++;
		edge_input(local, run->src, run->sport[i], pkts + i, k - i);
		i = k;
	}
}

void link_net_beside(struct uplink_queue *q, void *ctx, struct pkt **pkts, struct udp_run *run,
		     u32 n)
{
	const struct edge_local *local = ctx;
	u32 kept = 0;

	for (u32 i = 0; local->kind->is_control && i < n; i++) {
		if (local->kind->is_control(pkts[i])) {
			udp_side_undo(pkts[i]);
			uplink_queue_relay(q, pkts[i]);
			continue;
		}
		pkts[kept] = pkts[i];
		run->sport[kept++] = run->sport[i];
	}
	received(ctx, pkts, run, local->kind->is_control ? kept : n);
}

void link_net_ports(const struct uplink *up, struct udp_side *side)
{
	for (u32 i = 0; i < UDP_PORTS_MAX; i++) {
		const struct udp_port *u = &up->netif.udp.port[i];
		const struct edge_local *local = u->ctx;

		if (u->handler == received && local->users && !local->nat_users)
			udp_side_add(side, u->port, u->ctx);
	}
}

/* --- keep-alive --------------------------------------------------------------- */

static void tick_due(struct timer *t, u64 now_ns)
{
	edge_tick(now_ns);
	timer_set(&core_this()->timers, t, now_ns + HEALTH_INTERVAL_NS);
}

static struct timer tick_timer = { .deadline_ns = TIMER_NEVER, .fn = tick_due };

/* The timer runs while there are links that say hello: how many more there are. */
static void talk(int more)
{
	talking += (u32)more;
	if (!talking)
		timer_cancel(&core_this()->timers, &tick_timer);
	else if (tick_timer.deadline_ns == TIMER_NEVER)
		timer_set(&core_this()->timers, &tick_timer, plat_now_ns());
}

/* --- links ---------------------------------------------------------------------- */

STATIC_ASSERT(NIC_QUEUES_MAX <= VNET_MAX_QUEUES, "an edge has a lane for each queue");

/* The cores that receive for it beside the boot core. */
static err_t add_lanes(const struct uplink *up, struct edge *e)
{
	struct edge_lane lane[NIC_QUEUES_MAX];
	u32 n = 0;

	for (u32 i = 1; i < up->nic.queues; i++)
		link_lane_fill(up->queue[i], &lane[n++]);
	return edge_add_lanes(e, lane, n);
}

void link_net_refresh(struct uplink *up)
{
	for (struct vnet_port *p = vnet_port_next(0); p && up->nic.queues > 1;
	     p = vnet_port_next(p->id)) {
		struct edge *e = p->kind == VNET_PORT_EDGE ? edge_of(p) : NULL;

		if (!e || e->setup.net != up->index || (e->link->flags & LINK_IS_LAN))
			continue;
		edge_path_refresh(e);
		follow(&((struct link_to *)e->dst.priv)->udp, &e->dst);
		link_lane_tell(up, e->dst.priv);
	}
}

static err_t bind(struct uplink *up, struct edge *e)
{
	err_t err = ERR_OK;

	if (e->link->flags & LINK_IS_LAN) {
		link_lan_use(up, e);
		return ERR_OK;
	}
	err = add_lanes(up, e);
	if (!err && e->local->users == 1)
		err = udp_bind(&up->netif, e->local->port, received, e->local);
	if (err)
		edge_destroy(e, true);
	uplink_queues_tell(up);
	return err;
}

err_t link_net_add(struct edge_setup *setup)
{
	static struct link_tx own[UPLINK_MAX];
	struct uplink *up = setup->net_told ? uplink_at(setup->net) :
					      uplink_towards(setup->remote_ip);
	err_t err = ERR_OK;
	struct edge *e;

	if (!up || !netif_of(up))
		return ERR_NOENT;
	setup->net = (u8)up->index;
	own[up->index] = link_tx;
	own[up->index].caps = up->netif.setup.caps;
	setup->tx = &own[up->index];
	setup->tx_ctx = up;
	setup->pool = up->netif.setup.pool;
	if (setup->link->flags & LINK_IS_LAN)
		err = link_lan_prepare(setup, up);
	if (!err)
		err = edge_create(setup, &e);
	if (!err)
		err = bind(up, e);
	if (err)
		return err;
	up->links++;
	talk(edge_has_health(e));
	return ERR_OK;
}

err_t link_net_del(struct edge *e, bool force)
{
	bool had_health = edge_has_health(e), is_lan = e->link->flags & LINK_IS_LAN;
	struct uplink *up = uplink_at(e->setup.net);
	u16 port = e->setup.local_port;
	err_t err = edge_destroy(e, force);

	if (err)
		return err;
	if (is_lan)
		link_lan_use(up, NULL);
	else if (!edge_local_find(up->index, port) && netif_of(up))
		udp_unbind(&up->netif, port);
	if (netif_of(up))
		uplink_queues_tell(up);
	up->links--;
	talk(-(int)had_health);
	return ERR_OK;
}
