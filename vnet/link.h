/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: how an inner Ethernet frame looks inside the UDP payload (link_ops,
 * header work only), and what carries the datagrams (link_tx: the host stack
 * of the hypervisor, sockets, a test).
 */
#ifndef VNET_LINK_H
#define VNET_LINK_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/net/wire.h"

/* What the inner Ethernet header and the outer headers take of the path's MTU. */
#define LINK_ETH_HEADER ETH_HLEN
#define LINK_IP_UDP_HEADER (IP_HLEN + UDP_HLEN)
/* The largest UDP payload in an IPv4 packet: 65507. */
#define LINK_PAYLOAD_MAX (IP_TOTAL_MAX - LINK_IP_UDP_HEADER)
/* The originator's outer TTL: transit nodes count it down, so that a loop ends. */
#define LINK_TTL IP_TTL_DEFAULT

struct link_ops {
	const char *name; /* in the control language */
	u16 default_port;
	u32 overhead; /* bytes between the UDP header and the inner frame */
	/* Put the link's header in front. ERR_FULL: no head room; p is unchanged. */
	err_t (*encap)(struct pkt *p, u32 overlay);
	/*
	 * p->data is the UDP payload: check and remove the link's header, so
	 * that p is an inner frame with its Ethernet header in the header
	 * fragment. ERR_INVAL: malformed. ERR_RANGE: too short.
	 */
	err_t (*decap)(struct pkt *p);
};

/* VNET/P's own: the bare inner frame. */
extern const struct link_ops link_udp;

/* By name; NULL when there is none. */
const struct link_ops *link_find(const char *name);

/* The other end of a link, as the sender needs it. Addresses and ports in host
 * byte order. */
struct link_dst {
	u32 remote_ip;
	u16 sport; /* when not sport_hash */
	u16 dport;
	u8 ttl; /* of frames that start here; frames with p->ttl go on with one less */
	u8 tos;
	bool df;	 /* do not fragment */
	bool sport_hash; /* source port 49152-65535 by p->hash */
	u32 mtu;	 /* of the path, IPv4 header included: as path_mtu() said last */
	void *priv;	 /* the sender's own */
};

struct link_tx {
	/* Enum pkt_cap: what send() takes with offload fields, as long as it is at
	 * most dst->mtu on the wire. */
	u32 caps;
	/* Boot core: start and stop using dst. open may set dst->priv; ERR_NOMEM. */
	err_t (*open)(void *ctx, struct link_dst *dst);
	void (*close)(void *ctx, struct link_dst *dst);
	/*
	 * Send the packets as UDP payloads. Consumes all n; returns how many were
	 * handed on, the others had no next hop. p->hash is set.
	 */
	u32 (*send)(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n);
	/* End of a burst of send() calls; may be NULL. */
	void (*flush)(void *ctx);
	/* Packets that send() would take now. */
	u32 (*room)(void *ctx);
	/* Largest IPv4 packet towards dst. */
	u32 (*path_mtu)(void *ctx, const struct link_dst *dst);
};

#endif
