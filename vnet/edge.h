/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An edge: a port of the overlay whose other side is a link to another node.
 * On the way out it decides about size, hop count and flow hash, puts the
 * link's header in front and gives the frames to the link's sender. On the
 * way in a link is known by the local UDP port and the remote address; the
 * remote port carries the sender's flow hash and says nothing.
 */
#ifndef VNET_EDGE_H
#define VNET_EDGE_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/link.h"
#include "vnet/vnet.h"

/* Addresses and ports in host byte order. */
struct edge_setup {
	const char *name;
	const struct link_ops *link;
	const struct link_tx *tx;
	void *tx_ctx;
	u32 remote_ip;
	u16 remote_port;
	u16 local_port;	  /* that we receive on */
	bool sport_fixed; /* send from local_port; else from a port by flow hash */
	bool fragment;	  /* may fragment; else frames longer than the path are dropped */
	u32 mtu;	  /* of the path at most this; 0: as the sender says */
	u32 overlay;
	u32 core; /* that owns the uplink */
	struct pkt_pool *pool; /* of that core, for long frames that are cut; may be NULL */
};

struct edge {
	struct vnet_port port;
	const struct link_ops *link;
	const struct link_tx *tx;
	void *tx_ctx;
	struct link_dst dst;
	u16 local_port;
	u32 mtu_max; /* as configured */
	u64 key;     /* for received packets */
};

/*
 * Boot core. The edge comes up at once. ERR_EXIST: the name, or the pair of
 * local port and remote address, is taken; ERR_INVAL, ERR_RANGE, ERR_NOMEM.
 */
err_t edge_create(const struct edge_setup *setup, struct edge **out);

/* Boot core. ERR_BUSY while routes name it, unless force. The memory goes when
 * no core can hold it any more (vnet_port_reap()). */
err_t edge_destroy(struct edge *e, bool force);

/* Boot core. Down: frames for it and from it are dropped as port-down. */
void edge_set_up(struct edge *e, bool up);

/* The edge of a port of kind VNET_PORT_EDGE. */
static inline struct edge *edge_of(struct vnet_port *port)
{
	return container_of(port, struct edge, port);
}

/* Packets that the edge's uplink takes now. Its core. */
u32 edge_room(const struct edge *e);

/*
 * Datagrams from remote_ip on local_port, all from one sender: data at the UDP
 * payload, p->ttl and p->tos as they arrived. Consumes them. On the core of
 * the uplink.
 */
void edge_input(u16 local_port, u32 remote_ip, struct pkt **pkts, u32 n);

/* Datagrams that belong to no edge, counted by reason since the start. */
enum edge_stray {
	EDGE_STRAY_PORT,   /* no edge receives on that port */
	EDGE_STRAY_SENDER, /* none to that sender */
	EDGE_STRAY_COUNT,
};
u64 edge_strays(enum edge_stray why);
const char *edge_stray_name(enum edge_stray why);

#endif
