/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw frames between the overlay and the uplink's LAN, see link_lan.h. */
#include "hv/link_lan.h"

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct uplink *up = ctx;

	(void)dst;
	if (up->state == UPLINK_UP)
		return netif_send_raw(&up->netif, pkts, n);
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
	return 0;
}

static void tx_flush(void *ctx)
{
	struct uplink *up = ctx;

	if (up->state == UPLINK_UP)
		uplink_flush(up);
}

static bool tx_carrier(void *ctx)
{
	struct uplink *up = ctx;

	return up->state == UPLINK_UP && up->nic.ops->link(&up->nic).up;
}

static u32 tx_room(void *ctx)
{
	const struct uplink *up = ctx;

	return up->state == UPLINK_UP ? netif_tx_room(&up->netif) : 0;
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	const struct uplink *up = ctx;

	(void)dst;
	return (up->state == UPLINK_UP ? up->netif.mtu : NETIF_MTU_MIN) + LINK_ETH_HEADER;
}

/* Its caps are each uplink's own. */
static const struct link_tx lan_tx = {
	.open = tx_open,
	.close = tx_close,
	.send = tx_send,
	.flush = tx_flush,
	.carrier = tx_carrier,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

err_t link_lan_prepare(struct edge_setup *setup, struct uplink *up)
{
	static struct link_tx own[UPLINK_MAX];
	struct link_tx *tx = &own[up->index];

	if (up->lan)
		return ERR_EXIST;
	if (!up->nic.ops->promiscuous)
		return ERR_NOTSUP;
	/* Long IPv6 segments are cut by NICs only inside of an IPv4 packet (nic.h);
	 * and with nothing in front there are no lengths that must be even. */
	*tx = lan_tx;
	tx->caps = up->netif.setup.caps & (PKT_CAP_CSUM | PKT_CAP_TSO4);
	setup->tx = tx;
	setup->tx_ctx = up;
	return ERR_OK;
}

void link_lan_use(struct uplink *up, struct edge *e)
{
	up->lan = e;
	up->nic.ops->promiscuous(&up->nic, e != NULL);
}

u32 link_lan_input(struct uplink *up, struct pkt **pkts, u32 n)
{
	return up->lan ? edge_lan_input(up->lan, up->nic.mac, pkts, n) : n;
}
