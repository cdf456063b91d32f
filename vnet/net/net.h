/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host stack under the links: one uplink with Ethernet, ARP, IPv4, UDP,
 * ICMP and DHCP. No allocation per packet; every frame that goes no further is
 * counted with a reason.
 *
 * A netif belongs to one core, which makes all calls with interrupts on or
 * off; nothing is re-entrant, but a UDP handler may send. Addresses are in host
 * byte order. Time is plat_now_ns().
 */
#ifndef VNET_NET_NET_H
#define VNET_NET_NET_H

#include "hv/base/bucket.h"
#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"
#include "vnet/net/arp.h"
#include "vnet/net/dhcp.h"
#include "vnet/net/ipfrag.h"
#include "vnet/net/udp.h"

#define NETIF_TXQ 64u
#define NETIF_MTU_MIN 576u
#define NETIF_HEAD_MIN 128u /* of a received frame, in one piece */

enum net_drop {
	/* on the way in */
	NET_DROP_SHORT,		/* shorter than an Ethernet header, or in small pieces */
	NET_DROP_NOT_OURS,	/* destination MAC is neither ours nor broadcast */
	NET_DROP_VLAN,		/* has a VLAN tag */
	NET_DROP_ETHERTYPE,	/* neither ARP nor IPv4 */
	NET_DROP_ARP_BAD,	/* malformed ARP */
	NET_DROP_ARP_CONFLICT,	/* somebody else uses our address */
	NET_DROP_IP_BAD,	/* version, header length or total length */
	NET_DROP_IP_CSUM,	/* header checksum */
	NET_DROP_IP_TTL,	/* arrived with TTL 0 */
	NET_DROP_IP_SOURCE,	/* source address is nobody's, or ours */
	NET_DROP_IP_ADDRESS,	/* destination is not ours */
	NET_DROP_IP_PROTO,	/* neither UDP nor ICMP */
	NET_DROP_FRAG_BAD,	/* impossible fragment */
	NET_DROP_FRAG_OVERLAP,	/* fragments of its datagram contradict each other */
	NET_DROP_FRAG_REPEATED, /* had this fragment already */
	NET_DROP_FRAG_FULL,	/* too many fragments, datagrams or packets held */
	NET_DROP_FRAG_TIMEOUT,	/* the rest did not come */
	NET_DROP_UDP_BAD,	/* malformed UDP */
	NET_DROP_UDP_CSUM,	/* UDP checksum */
	NET_DROP_UDP_PORT,	/* nobody listens */
	NET_DROP_ICMP_BAD,	/* malformed ICMP, or not about us */
	NET_DROP_ICMP_CSUM,	/* ICMP checksum */
	NET_DROP_ICMP_IGNORED,	/* a type that means nothing here */
	NET_DROP_ICMP_LIMIT,	/* more echo requests than are answered */
	NET_DROP_IN_COUNT,
	/* on the way out */
	NET_DROP_NO_ADDRESS = NET_DROP_IN_COUNT, /* the netif has no address yet */
	NET_DROP_NO_ROUTE,	/* off the subnet, and there is no gateway */
	NET_DROP_NO_NEIGHBOUR,	/* next hop does not answer ARP, or too many wait for it */
	NET_DROP_NO_PACKET,	/* pool is empty */
	NET_DROP_NO_HEADROOM,	/* no room for the outer headers */
	NET_DROP_TOO_BIG,	/* longer than the path MTU, and must not be fragmented */
	NET_DROP_TTL,		/* outer TTL used up */
	NET_DROP_TX_FULL,	/* the NIC took no more */
	NET_DROP_COUNT,
};

const char *net_drop_name(enum net_drop reason);

/* rx_frames = rx_udp + rx_control + rx_joined + held fragments + drops in. */
struct netif_counters {
	u64 rx_frames, rx_bytes;
	u64 rx_udp;	/* handed to a UDP handler; a reassembled datagram is one */
	u64 rx_control; /* ARP and ICMP that did their work */
	u64 rx_joined;	/* fragments that became part of another's packet */
	u64 tx_frames, tx_bytes;
	u64 tx_long; /* of these, long ones that the NIC cuts */
	u64 tx_fragmented; /* datagrams that were cut into fragments */
	u64 icmp_limited;  /* port-unreachable answers not sent */
	u64 drop[NET_DROP_COUNT];
};

struct netif_setup {
	const char *name; /* kept; for log lines */
	u8 mac[6];
	u16 mtu; /* IPv4 packets up to this size, >= NETIF_MTU_MIN */
	u32 caps; /* enum pkt_cap: what tx takes with offload fields */
	/* Takes the first k of n frames and returns k, as nic_ops.tx_burst. */
	u32 (*tx)(void *ctx, struct pkt **pkts, u32 n);
	/* Frames that tx would take now. */
	u32 (*tx_room)(void *ctx);
	void *tx_ctx;
	struct pkt_pool *pool; /* for headers and generated packets; this core's */
	u32 frag_packets;      /* that reassembly may hold: a quarter of the receive pool */
	u64 seed;	       /* random, for DHCP and IPv4 ids */
	/* Each may be NULL. The address came, changed or went (0). */
	void (*address_changed)(void *ctx, struct netif *nif);
	/* "Fragmentation needed" for something that we sent to dst:dport; mtu is
	 * checked against what was sent, the rest is the callee's to check. False:
	 * it makes no sense. */
	bool (*path_mtu)(void *ctx, u32 dst, u16 sport, u16 dport, u16 mtu);
	void *ctx;
};

struct netif {
	struct netif_setup setup;
	u32 addr; /* 0: none yet */
	u32 mask;
	u32 gateway; /* 0: none */
	u16 mtu;     /* in force: setup.mtu or what DHCP said, if less */
	u16 ip_id;
	u32 gen; /* atomic: headers built under another one are stale; never 0 */
	u32 txq_len;
	struct pkt *txq[NETIF_TXQ]; /* frames of the current burst ... */
	u64 txq_bytes;		    /* ... and what they amount to */
	struct netif_counters count;
	struct token_bucket echo_limit, error_limit;
	struct arp_table arp;
	struct ipfrag_table frag;
	struct udp_table udp;
	struct dhcp dhcp;
};

/* nif: zeroed or not, owned by the caller until netif_fini(). ERR_INVAL when the
 * setup makes no sense. */
err_t netif_init(struct netif *nif, const struct netif_setup *setup);

/* Puts every packet that is held. */
void netif_fini(struct netif *nif);

/* Set (or with addr 0 remove) the address and tell the network. mask must be
 * contiguous, gateway 0 or on the subnet: ERR_INVAL. */
err_t netif_set_address(struct netif *nif, u32 addr, u32 mask, u32 gateway);

/* Tell the network about our address once more: the link has come up. */
void netif_announce(struct netif *nif);

/* A burst of received frames, each whole in its header fragment, or if it is long the
 * first NETIF_HEAD_MIN bytes and more of it. Consumed. */
void netif_input(struct netif *nif, struct pkt **pkts, u32 n);

/* Send whole frames as they are; consumes all n, with offload fields as caps
 * say. Returns how many were handed on. What the NIC does not take is dropped
 * and counted: see netif_tx_room() first. */
u32 netif_send_raw(struct netif *nif, struct pkt **pkts, u32 n);

/* Do what is due. To be called when netif_next_ns() has come; more often is
 * harmless. */
void netif_tick(struct netif *nif, u64 now_ns);

/* When the next thing is due; UINT64_MAX when nothing is. */
u64 netif_next_ns(const struct netif *nif);

/* Frames that can be sent now without loss. */
u32 netif_tx_room(const struct netif *nif);

#endif
