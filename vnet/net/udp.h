/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP (RFC 768) for the links: bursts in, bursts out. */
#ifndef VNET_NET_UDP_H
#define VNET_NET_UDP_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define UDP_PORTS_MAX 32u
/* What udp_send_burst() puts in front: Ethernet, IPv4, UDP. */
#define UDP_HEADROOM 42u
/* ... and how much of the path MTU that takes. */
#define UDP_OVERHEAD 28u

struct netif;

/* Datagrams from one address that follow each other. */
struct udp_run {
	u32 src; /* addresses in host order */
	u32 dst; /* own or broadcast */
	u16 dport;
	u16 sport[PKT_BURST]; /* each one's */
};

/*
 * Gets n (1 .. PKT_BURST) packets with data at the UDP payload; consumes them. p->ttl
 * and p->tos are set as well. A reassembled datagram has segments, and its header
 * fragment may be as short as 0 bytes: look at head_len. Netif's core; may send.
 */
typedef void (*udp_handler_fn)(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n);

struct udp_port {
	udp_handler_fn handler; /* NULL: free */
	void *ctx;
	u16 port;
};

struct udp_table {
	struct udp_port port[UDP_PORTS_MAX];
};

/* ERR_EXIST when the port is taken, ERR_NOMEM when the table is full. */
err_t udp_bind(struct netif *nif, u16 port, udp_handler_fn handler, void *ctx);
void udp_unbind(struct netif *nif, u16 port);

enum udp_dst_flags {
	UDP_DST_DF = BIT(0),	     /* never fragment: too long is dropped */
	UDP_DST_CSUM = BIT(1),	     /* UDP checksum, which is else 0 unless fragmented */
	UDP_DST_SPORT_HASH = BIT(2), /* source port C000h | low bits of p->hash */
	UDP_DST_TOS = BIT(3),	     /* TOS from p->tos */
};

/* Where to send. The caller fills in the first part and zeroes the second;
 * changing the first part later needs gen = 0. */
struct udp_dst {
	u32 addr;
	u16 sport;
	u16 dport;
	u16 mtu; /* of the path, IPv4 header included; 0: the interface's */
	u8 ttl;	 /* of what starts here (p->ttl 0): usually 64 */
	u8 tos;	 /* where flags do not say by packet */
	u8 flags; /* enum udp_dst_flags */

	/* Headers as they were last built, good while gen is the netif's. */
	u16 neighbour; /* entry of the ARP table; ARP_ENTRIES: none */
	u32 gen;
	u32 ip_sum; /* of the IPv4 header without length, id and TTL */
	u8 hdr[UDP_HEADROOM];
};

/*
 * Send the packets as UDP payloads; consumes all n. What the NIC does not take
 * is dropped and counted: see netif_tx_room() first. The headers go into the
 * head room in place. A packet that came with an outer TTL (p->ttl) goes on
 * with one less, and is dropped where that is 0. Returns how many were handed
 * on: sent or waiting for ARP. Netif's core.
 *
 * Packets with offload fields that setup.caps allows: the outer headers are
 * those of one full segment. They have no UDP checksum and are not fragmented:
 * what is longer on the wire than the path MTU is dropped.
 */
u32 udp_send_burst(struct netif *nif, struct udp_dst *dst, struct pkt **pkts, u32 n);

#endif
