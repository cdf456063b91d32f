/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges whose uplink has a queue on several cores: each of those has a lane, a further
 * port of the edge (vnet/queues.h), so that every counter has one writer. What comes in
 * goes by the lane of the core that took it.
 *
 * A lane sends as an edge does, and is one for that: its own port, sender and state of the
 * path, of which the edge's core tells. What it cannot send (the next hop is not known, a
 * frame that has to be fragmented, a sender that is to rest) goes to the edge's own core, and
 * so does all that follows, so that nothing is overtaken, until that core has sent it all.
 */
#include "vnet/edge_lane.h"

#include "hv/base/plat.h"
#include "vnet/edge_priv.h"
#include "vnet/port.h"
#include "vnet/queues.h"
#include "vnet/steer.h"
#include "vnet/xcore.h"

struct lane {
	struct edge edge; /* the lane's: its port, dst, path; nobody finds it in a table */
	struct edge *main;
	struct edge_lane with;
	bool behind; /* the lane's core's: frames went to the edge's, perhaps not sent yet, */
	u32 mark;    /* ... up to here; as xcore_sent_to() */
	bool off;    /* ... and: some of the edge's frames are always too long for a lane */
};

struct edge_lanes {
	struct vnet_port *of_core[PLAT_MAX_CORES]; /* NULL: that one has none */
	u32 room, n; /* there is memory for, and that are open */
	struct lane lane[];
};

static size_t lanes_bytes(u32 n)
{
	return sizeof(struct edge_lanes) + n * sizeof(struct lane);
}

static struct lane *lane_of(struct vnet_port *port)
{
	return container_of(edge_of(port), struct lane, edge);
}

/* --- out -------------------------------------------------------------------------- */

/* Has the edge's core sent all that it got from here? */
static bool caught_up(struct lane *l)
{
	if (l->behind)
		l->behind = (s32)(l->mark - __atomic_load_n(l->with.drained, __ATOMIC_ACQUIRE)) > 0;
	return !l->behind;
}

/* A link that fragments has frames that are longer than one datagram carries. They would
 * change between the two ways all the time, so they have the one. */
static bool fits(struct lane *l, struct pkt *const *pkts, u32 n)
{
	u32 most;

	if (!l->main->setup.fragment)
		return true;
	most = l->edge.tx->path_mtu(l->edge.tx_ctx, &l->edge.dst) - l->edge.outer;
	for (u32 i = 0; i < n && !l->off; i++)
		l->off = pkt_wire_len(pkts[i]) > most;
	return !l->off;
}

static bool lane_takes(struct vnet_port *port, struct pkt *const *pkts, u32 n)
{
	struct lane *l = lane_of(port);
	struct edge *e = l->main;

	if (!l->off && l->edge.tx && __atomic_load_n(&e->port.up, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&e->port.lost, __ATOMIC_RELAXED) && caught_up(l) &&
	    l->with.ready(l->with.tx_ctx, e, &l->edge.dst) && fits(l, pkts, n))
		return true;
	/* They go there next. */
	l->behind = true;
	l->mark = xcore_sent_to(port->core, e->port.core) + n;
	return false;
}

/* As the edge itself does it. */
static void lane_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct edge *e = lane_of(port)->main;

	__atomic_load_n(&e->port.ops, __ATOMIC_ACQUIRE)->deliver(port, pkts, n);
}

static void lane_flush(struct vnet_port *port)
{
	struct edge *e = edge_of(port);

	if (e->tx && e->tx->flush)
		e->tx->flush(e->tx_ctx);
}

static const struct vnet_port_ops lane_ops = {
	.deliver = lane_deliver,
	.takes = lane_takes,
	.flush = lane_flush,
	.too_big = vnet_port_too_big,
};

/* --- life --------------------------------------------------------------------------- */

static err_t make_lane(struct lane *l, struct edge *e, const struct edge_lane *with)
{
	l->main = e;
	l->with = *with;
	l->edge = *e;
	l->edge.lanes = NULL;
	l->edge.tx = with->tx;
	l->edge.tx_ctx = with->tx_ctx;
	l->edge.dst.priv = NULL;
	l->edge.dst.df = true; /* nothing is fragmented here */
	l->edge.port = (struct vnet_port){
		.ops = &lane_ops,
		.kind = VNET_PORT_EDGE,
		.core = with->core,
		.caps = e->port.caps,
		.pool = with->pool,
		.up = true,
	};
	pmtu_init(&l->edge.path);
	return with->open ? with->open(with->tx_ctx, e, &l->edge.dst) : ERR_OK;
}

/* What its path carries; nobody sends by it yet, because it is not ready. */
static void learn_path(struct lane *l)
{
	l->edge.dst.mtu = 0;
	if (l->edge.tx)
		edge_learn_mtu(&l->edge);
}

static void free_lanes(struct edge_lanes *lanes)
{
	for (u32 i = 0; i < lanes->n; i++) {
		struct lane *l = &lanes->lane[i];

		if (l->with.close)
			l->with.close(l->with.tx_ctx, &l->edge.dst);
	}
	plat_free(lanes, lanes_bytes(lanes->room));
}

err_t edge_add_lanes(struct edge *e, const struct edge_lane *lane, u32 n)
{
	struct vnet_port *more[VNET_MAX_QUEUES - 1];
	struct edge_lanes *lanes;
	err_t err = ERR_OK;

	if (!n)
		return ERR_OK;
	if (n >= VNET_MAX_QUEUES)
		return ERR_RANGE;
	lanes = plat_alloc(lanes_bytes(n));
	if (!lanes)
		return ERR_NOMEM;
	lanes->room = n;
	lanes->of_core[e->port.core] = &e->port;
	for (u32 i = 0; i < n && !err; i++) {
		err = make_lane(&lanes->lane[i], e, &lane[i]);
		lanes->n += !err;
		more[i] = &lanes->lane[i].edge.port;
		lanes->of_core[lane[i].core] = more[i];
	}
	if (!err)
		err = vnet_port_add_queues(&e->port, more, n);
	if (err) {
		free_lanes(lanes);
		return err;
	}
	for (u32 i = 0; i < n; i++)
		learn_path(&lanes->lane[i]);
	__atomic_store_n(&e->lanes, lanes, __ATOMIC_RELEASE);
	return ERR_OK;
}

void edge_free_lanes(struct edge *e)
{
	if (e->lanes)
		free_lanes(e->lanes);
}

struct vnet_port *edge_lane_of(struct edge *e, unsigned core)
{
	return e->lanes->of_core[core];
}
