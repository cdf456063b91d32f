/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending for links by further queues of their uplink, see link_lane.h. */
#include "hv/link_lane.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/netcore.h"
#include "vnet/epoch.h"

/* What the lane of a link has: link_dst.priv there. Its core's. */
struct lane_to {
	const struct edge *link;
	u64 number; /* of the way that was read last; 0: none */
	struct udp_dst udp;
};

/* --- boot core ---------------------------------------------------------------------- */

void link_lane_tell(const struct uplink *up, struct link_to *to)
{
	const struct netif *nif = &up->netif;
	struct link_way *old = to->way, *way;
	static u64 number;

	/* One that is stale shows that by itself. */
	if (up->nic.queues == 1 || to->udp.gen != nif->gen)
		return;
	if (old && !memcmp(&old->to, &to->udp, sizeof(to->udp)) && old->addr == nif->addr &&
	    old->mtu == nif->mtu)
		return;
	way = epoch_room(1) ? plat_alloc(sizeof(*way)) : NULL;
	if (!way)
		return;
	*way = (struct link_way){ ++number, to->udp, nif->addr, nif->mtu };
	__atomic_store_n(&to->way, way, __ATOMIC_RELEASE);
	epoch_retire(old, sizeof(*old));
}

void link_lane_forget(struct link_to *to)
{
	struct link_way *old = to->way;

	/* Without room for it, until it is told anew. */
	if (!old || !epoch_room(1))
		return;
	__atomic_store_n(&to->way, NULL, __ATOMIC_RELEASE);
	epoch_retire(old, sizeof(*old));
}

static err_t lane_open(void *ctx, const struct edge *e, struct link_dst *dst)
{
	struct lane_to *mine = plat_alloc(sizeof(*mine));

	(void)ctx;
	if (!mine)
		return ERR_NOMEM;
	mine->link = e;
	dst->priv = mine;
	return ERR_OK;
}

static void lane_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	plat_free(dst->priv, sizeof(struct lane_to));
	dst->priv = NULL;
}

/* --- the queue's core ----------------------------------------------------------------- */

/* The next hop is in use: nobody else says so. */
static void mark_neighbour(struct netif *nif, u16 i)
{
	bool *used = &nif->arp.entry[MIN(i, (u16)(ARP_ENTRIES - 1))].used;

	if (i < ARP_ENTRIES && !__atomic_load_n(used, __ATOMIC_RELAXED))
		__atomic_store_n(used, true, __ATOMIC_RELAXED);
}

static bool lane_ready(void *ctx, const struct edge *e, struct link_dst *dst)
{
	struct uplink_queue *q = ctx;
	struct netif *nif = &q->up->netif;
	const struct link_to *link = e->dst.priv;
	const struct link_way *way = __atomic_load_n(&link->way, __ATOMIC_ACQUIRE);
	struct lane_to *mine = dst->priv;

	if (!way || way->to.gen != __atomic_load_n(&nif->gen, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&q->parked, __ATOMIC_RELAXED))
		return false;
	mark_neighbour(nif, way->to.neighbour);
	if (mine->number != way->number) {
		mine->number = way->number;
		mine->udp = way->to;
		mine->udp.neighbour = ARP_ENTRIES; /* the queue's netif knows none */
	}
	/* So that the headers are good there. */
	q->tx.addr = way->addr;
	q->tx.mtu = way->mtu;
	q->tx.gen = way->to.gen;
	return true;
}

static u32 lane_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct uplink_queue *q = ctx;
	struct lane_to *mine = dst->priv;
	u32 sent;

	q->sender = mine->link;
	sent = udp_send_burst(&q->tx, &mine->udp, pkts, n);
	q->sender = NULL;
	return sent;
}

static void lane_flush(void *ctx)
{
	uplink_queue_flush(ctx);
}

static u32 lane_room(void *ctx)
{
	return uplink_queue_room(ctx);
}

/* As the boot core knows it: what it sends is at most that long. */
static u32 lane_path_mtu(void *ctx, const struct link_dst *dst)
{
	const struct uplink_queue *q = ctx;
	const struct lane_to *mine = dst->priv;
	u32 mtu = q->up->netif.setup.mtu;

	return mine->number ? MIN((u32)q->tx.mtu, mine->udp.mtu ? mine->udp.mtu : mtu) : mtu;
}

static const struct link_tx lane_tx = {
	.fragments_max = IPFRAG_PIECES,
	.send = lane_send,
	.flush = lane_flush,
	.room = lane_room,
	.path_mtu = lane_path_mtu,
};

void link_lane_fill(struct uplink_queue *q, struct edge_lane *lane)
{
	*lane = (struct edge_lane){
		.core = q->core,
		.pool = netcore_pool(q->core),
		.tx = &lane_tx,
		.tx_ctx = q,
		.open = lane_open,
		.close = lane_close,
		.ready = lane_ready,
		.drained = &q->drained,
	};
}
