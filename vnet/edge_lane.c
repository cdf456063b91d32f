/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges whose uplink has a queue on several cores: each of those has a lane, a further
 * port of the edge (vnet/queues.h), so that every counter has one writer. What comes in
 * goes by the lane of the core that took it; what goes out, by the edge's own port.
 */
#include "vnet/edge_lane.h"

#include "hv/base/plat.h"
#include "vnet/edge_priv.h"
#include "vnet/queues.h"

struct edge_lanes {
	struct vnet_port *of_core[PLAT_MAX_CORES]; /* NULL: that one has none */
	u32 n;
	struct vnet_port port[];
};

static size_t lanes_bytes(u32 n)
{
	return sizeof(struct edge_lanes) + n * sizeof(struct vnet_port);
}

/* Nobody routes to a lane: frames that go out have the edge's own port. */
static void deliver_nothing(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		vnet_port_drop(port, pkts[i], VNET_DROP_PORT_DOWN);
}

static const struct vnet_port_ops lane_ops = { .deliver = deliver_nothing };

err_t edge_add_lanes(struct edge *e, const struct edge_lane *lane, u32 n)
{
	struct vnet_port *more[VNET_MAX_QUEUES - 1];
	struct edge_lanes *lanes;
	err_t err;

	if (!n)
		return ERR_OK;
	if (n >= VNET_MAX_QUEUES)
		return ERR_RANGE;
	lanes = plat_alloc(lanes_bytes(n));
	if (!lanes)
		return ERR_NOMEM;
	lanes->n = n;
	lanes->of_core[e->port.core] = &e->port;
	for (u32 i = 0; i < n; i++) {
		more[i] = &lanes->port[i];
		*more[i] = (struct vnet_port){
			.ops = &lane_ops,
			.core = lane[i].core,
			.pool = lane[i].pool,
			.up = true,
		};
		lanes->of_core[lane[i].core] = more[i];
	}
	err = vnet_port_add_queues(&e->port, more, n);
	if (err) {
		plat_free(lanes, lanes_bytes(n));
		return err;
	}
	__atomic_store_n(&e->lanes, lanes, __ATOMIC_RELEASE);
	return ERR_OK;
}

void edge_free_lanes(struct edge *e)
{
	if (e->lanes)
		plat_free(e->lanes, lanes_bytes(e->lanes->n));
}

struct vnet_port *edge_lane_of(struct edge *e, unsigned core)
{
	return e->lanes->of_core[core];
}
