/* SPDX-License-Identifier: BSD-2-Clause */
/* Links over the uplinks: edges of the overlay bound to their UDP stacks. Boot core
 * only, where it is not said otherwise. */
#ifndef HV_LINK_NET_H
#define HV_LINK_NET_H

#include "hv/uplink_queue.h"
#include "vnet/edge.h"

/* Create the edge; fills in setup->tx, ->pool and, without net_told, ->net. Errors as
 * edge_create(), udp_bind() and link_lan_prepare(); ERR_NOENT: the uplink is not in use. */
err_t link_net_add(struct edge_setup *setup);

/* ERR_BUSY while routes name it, unless force. */
err_t link_net_del(struct edge *e, bool force);

/* What the paths of its links carry may be another one: other cores are told. */
void link_net_refresh(struct uplink *up);

/* The ports that other cores may take datagrams for. */
void link_net_ports(const struct uplink *up, struct udp_side *side);

/* Such datagrams (1 .. PKT_BURST), for the port that has this ctx there: to their links,
 * those for the node itself back to the boot core. Consumed. The core of the queue. */
void link_net_beside(struct uplink_queue *q, void *ctx, struct pkt **pkts, struct udp_run *run,
		     u32 n);

#endif
