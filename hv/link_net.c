/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the overlay's edges and the uplink's UDP: sending for the edges, and
 * giving received datagrams to them.
 */
#include "hv/link_net.h"

#include "hv/base/plat.h"
#include "hv/uplink.h"

/* UDP ports in use by links, and by how many. */
static struct {
	u16 port;
	u32 users;
} bound[UDP_PORTS_MAX];

static u32 links;

u32 link_net_count(void)
{
	return links;
}

static struct netif *netif(void)
{
	struct uplink *up = uplink_at(0);

	return up->state == UPLINK_UP ? &up->netif : NULL;
}

/* --- sending ------------------------------------------------------------------ */

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	struct udp_dst *to = plat_alloc(sizeof(*to));

	(void)ctx;
	if (!to)
		return ERR_NOMEM;
	*to = (struct udp_dst){
		.addr = dst->remote_ip,
		.sport = dst->sport,
		.dport = dst->dport,
		.ttl = dst->ttl,
		.tos = dst->tos,
		.flags = (u8)((dst->df ? UDP_DST_DF : 0) |
			      (dst->sport_hash ? UDP_DST_SPORT_HASH : 0)),
	};
	dst->priv = to;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	plat_free(dst->priv, sizeof(struct udp_dst));
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

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct netif *nif = netif();
	u32 kept = 0;

	(void)ctx;
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = nif ? sendable(nif, pkts[i]) : NULL;

		if (p)
			pkts[kept++] = p;
		else
			pkt_put(pkts[i]);
	}
	return kept ? udp_send_burst(nif, dst->priv, pkts, kept) : 0;
}

static void tx_flush(void *ctx)
{
	(void)ctx;
	if (netif())
		uplink_flush();
}

static u32 tx_room(void *ctx)
{
	const struct netif *nif = netif();

	(void)ctx;
	return nif ? netif_tx_room(nif) : 0;
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	const struct netif *nif = netif();

	(void)ctx;
	(void)dst;
	return nif ? nif->mtu : NETIF_MTU_MIN;
}

/* Its caps are the uplink's. */
static struct link_tx link_tx = {
	.open = tx_open,
	.close = tx_close,
	.send = tx_send,
	.flush = tx_flush,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

/* --- receiving ----------------------------------------------------------------- */

/* Runs of datagrams from one sender go on together. */
static void received(void *ctx, struct pkt **pkts, const struct udp_meta *meta, u32 n)
{
	u32 i = 0;

	(void)ctx;
	while (i < n) {
		u32 k = i + 1;

		while (k < n && meta[k].src == meta[i].src)
			k++;
		edge_input(meta[i].dport, meta[i].src, pkts + i, k - i);
		i = k;
	}
}

static err_t bind(u16 port)
{
	u32 free = UDP_PORTS_MAX;
	err_t err;

	for (u32 i = 0; i < UDP_PORTS_MAX; i++) {
		if (bound[i].users && bound[i].port == port) {
			bound[i].users++;
			return ERR_OK;
		}
		if (!bound[i].users)
			free = i;
	}
	if (free == UDP_PORTS_MAX)
		return ERR_NOMEM;
	err = udp_bind(netif(), port, received, NULL);
	if (!err) {
		bound[free].port = port;
		bound[free].users = 1;
	}
	return err;
}

static void unbind(u16 port)
{
	for (u32 i = 0; i < UDP_PORTS_MAX; i++)
		if (bound[i].users && bound[i].port == port && !--bound[i].users && netif())
			udp_unbind(netif(), port);
}

/* --- links ---------------------------------------------------------------------- */

err_t link_net_add(struct edge_setup *setup)
{
	struct edge *e;
	err_t err;

	if (!netif())
		return ERR_BUSY;
	err = bind(setup->local_port);
	if (err)
		return err;
	link_tx.caps = netif()->setup.caps;
	setup->tx = &link_tx;
	setup->pool = netif()->setup.pool;
	err = edge_create(setup, &e);
	if (err) {
		unbind(setup->local_port);
		return err;
	}
	links++;
	return ERR_OK;
}

err_t link_net_del(struct edge *e, bool force)
{
	u16 port = e->local_port;
	err_t err = edge_destroy(e, force);

	if (err)
		return err;
	unbind(port);
	links--;
	return ERR_OK;
}
