/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An edge: a port of the overlay whose other side is a link to another node.
 * On the way out it decides about size, hop count, TOS and flow hash, puts the
 * link's header in front and gives the frames to the link's sender. On the
 * way in a link is known by the local UDP port, the remote address, and the
 * VNI where its format has one; the remote port carries the sender's flow hash
 * and says nothing. The exception is a peer whose address nobody knows before
 * (it sits behind NAT): it is known by its tag first, then by the address and
 * port that it came from.
 */
#ifndef VNET_EDGE_H
#define VNET_EDGE_H

#include "hv/base/bucket.h"
#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/health.h"
#include "vnet/link.h"
#include "vnet/pmtu.h"
#include "vnet/vnet.h"

#define EDGE_NETS_MAX 4u /* networks that a node's links go over: its uplinks */
#define EDGE_DEVICE_MAX 16 /* with the end; Linux's IFNAMSIZ */

/* edge_setup.dscp: that of the inner frame. */
#define EDGE_DSCP_COPY 64u

enum edge_ecn {
	EDGE_ECN_BY_KIND, /* as enum link_flags says */
	EDGE_ECN_COPY,	  /* the inner bits go outside: RFC 6040, normal mode */
	EDGE_ECN_OFF,	  /* Not-ECT: compatibility mode */
};

/* Addresses and ports in host byte order. */
struct edge_setup {
	const char *name;
	const struct link_kind *link;
	const struct link_tx *tx;
	void *tx_ctx;
	u32 remote_ip;	  /* 0: learned from packets with the right tag */
	u16 remote_port;
	u16 local_port;	  /* that we receive on */
	bool sport_fixed; /* send from local_port; else from a port by flow hash */
	bool fragment;	  /* may fragment; else frames longer than the path are dropped */
	bool checksum;	  /* outer UDP checksum; long frames are cut in software then */
	bool no_keepalive; /* where the kind has one: its peer is none of our nodes */
	u8 ttl;		  /* of frames that start here; 0: LINK_TTL */
	u8 dscp;	  /* of the outer header, or EDGE_DSCP_COPY */
	enum edge_ecn ecn;
	struct link_id id;
	u32 mtu;	  /* largest inner frame, Ethernet header aside; 0: as the path allows */
	u32 overlay;
	u8 net;	       /* 0 .. EDGE_NETS_MAX - 1; local ports are each network's own */
	bool net_told; /* by who configured it; else it was found for the remote address */
	u32 core; /* that owns the uplink */
	struct pkt_pool *pool; /* of that core, for hellos, and long frames that are cut */
	char device[EDGE_DEVICE_MAX]; /* LINK_IS_LAN: on this one; "": the node's uplink */
};

enum edge_state {
	EDGE_UP,
	EDGE_DOWN,	   /* switched off here */
	EDGE_NO_CARRIER,   /* the uplink has no cable */
	EDGE_UNREACHABLE,  /* with keep-alive: the peer does not answer; or not known yet */
	EDGE_INCOMPATIBLE, /* it speaks no version of the protocol that we do */
	EDGE_STATE_COUNT,
};

/* Says which link a packet is for; the second half tells the first's meaning. */
struct edge_key {
	u64 where, who;
};

/* A UDP port of one network that links of one format receive on. Boot core; others read
 * it while they are in epoch_read_begin(). */
struct edge_local {
	const struct link_kind *kind;
	u32 net;
	u16 port;
	u16 index;
	u32 users;    /* atomic: edges; 0: not in use */
	u32 nat_users; /* atomic: of these, with a peer that the remote port matters for */
	bool was_used; /* before; then, until this is over, somebody may read it still */
	struct epoch_mark left;
};

struct edge_lanes;

struct edge {
	struct vnet_port port;
	const struct link_kind *link;
	const struct link_tx *tx;
	void *tx_ctx;
	struct link_dst dst;
	struct link_header header;
	u32 outer; /* bytes of the path's MTU that the inner frame does not get */
	u8 tos_mask; /* bits of the inner TOS that go outside */
	struct edge_setup setup; /* as configured; name is the port's */
	struct edge_local *local; /* NULL for LINK_IS_LAN */
	struct edge_key key;	 /* by address, or by tag */
	struct edge_key nat_key; /* by address and port, once known; else 0 */
	struct health health;	 /* where there is a keep-alive */
	struct pmtu path;	 /* what is known beside what the sender knows */
	struct edge_lanes *lanes; /* NULL: its own core alone receives for it */
	u32 probe_seen;		 /* the size of the peer's last probe ... */
	u64 probe_seen_ns;	 /* ... and when that came */
};

/*
 * Boot core. The edge comes up at once; with a keep-alive it is unreachable
 * until its peer is heard. ERR_EXIST: the name, or what tells it from other
 * links, is taken; ERR_BUSY: links of another kind receive on the port;
 * ERR_INVAL, ERR_RANGE (the path is too narrow), ERR_NOMEM.
 */
err_t edge_create(const struct edge_setup *setup, struct edge **out);

/* Boot core. ERR_BUSY while routes name it, unless force. The memory goes when
 * no core can hold it any more (vnet_port_reap()). */
err_t edge_destroy(struct edge *e, bool force);

/* Boot core. Down: frames for it and from it are dropped as port-down. */
void edge_set_up(struct edge *e, bool up);

enum edge_state edge_state(const struct edge *e);
const char *edge_state_name(enum edge_state state);

/* It has a keep-alive. */
bool edge_has_health(const struct edge *e);

/* The edge of a port of kind VNET_PORT_EDGE. */
static inline struct edge *edge_of(struct vnet_port *port)
{
	return container_of(port, struct edge, port);
}

/* Packets that the edge's uplink takes now. Its core. */
u32 edge_room(const struct edge *e);

/* Keep-alive of all edges: say hello, find who is silent. Every
 * HEALTH_INTERVAL_NS, on the boot core, which owns the uplink. */
void edge_tick(u64 now_ns);

/* The longest packet of a guest that the edge's path carries in one piece, as far as
 * is known. Boot core, and on the core of the uplink, as what follows. */
u32 edge_whole_mtu(const struct edge *e);

/* dst.mtu is what the path carries now. Boot core, that of the edge. */
void edge_path_refresh(struct edge *e);

/* The least of that over all edges that the interface's routes lead to, and where its
 * overlay learns over all of the overlay: the MTU for its guest. 0: there are none. */
u32 edge_guest_mtu(const struct vnet_port *interface);

/* The port's entry; NULL when no edge receives on it. Stays good while one does. */
const struct edge_local *edge_local_find(u32 net, u16 port);

/*
 * "Fragmentation needed" (RFC 1191) came by that network for a datagram of ours to
 * that address and these ports: the path carries mtu bytes of IPv4 packet. Links that send
 * such datagrams, and longer ones, believe it for a while. False when there is
 * none. Boot core, that of the uplink.
 */
bool edge_path_told(u32 net, u32 to_ip, u16 sport, u16 dport, u16 mtu);

/*
 * Datagrams that came to a local port from one sender: data at the UDP
 * payload, p->ttl and p->tos as they arrived. from_port needs to be right
 * (and the same for all) where local->nat_users. Consumes them. On the core of
 * the uplink; datagrams that are no control packets of their kind, and where nobody's
 * remote port matters, on that of a lane as well (vnet/edge_lane.h).
 */
void edge_input(const struct edge_local *local, u32 from_ip, u16 from_port, struct pkt **pkts,
		u32 n);

/*
 * The same for packets that are known to be this edge's, because a connection
 * of its peer carried them. Of a kind without VNI. On the core of the edge.
 */
void edge_input_from(struct edge *e, struct pkt **pkts, u32 n);

/* The peer of an edge that is known by its tag is there now. Boot core, that of the
 * edge. */
void edge_set_peer(struct edge *e, u32 ip, u16 port);

/*
 * A burst (at most PKT_BURST) from the NIC behind a LINK_IS_LAN edge: takes what
 * is for its overlay's interfaces, copies what is for everybody, and leaves the
 * rest in pkts, for the node's own stack, whose address is own_mac; NULL: that
 * has frames of its own, and these are the links' alone. Returns how many are
 * left. On the core of the uplink, the boot core.
 */
u32 edge_lan_input(struct edge *e, const u8 own_mac[6], struct pkt **pkts, u32 n);

/* Datagrams that belong to no edge, counted by reason since the start. */
enum edge_stray {
	EDGE_STRAY_PORT,   /* no edge receives on that port */
	EDGE_STRAY_SENDER, /* none to that sender */
	EDGE_STRAY_VNI,	   /* ... but to that sender with another VNI */
	EDGE_STRAY_TAG,	   /* nobody's tag, from an address that nobody knows */
	EDGE_STRAY_HEADER, /* too malformed to say whose it is */
	EDGE_STRAY_COUNT,
};
u64 edge_strays(enum edge_stray why);
const char *edge_stray_name(enum edge_stray why);

#endif
