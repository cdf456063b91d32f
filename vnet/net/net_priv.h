/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of vnet/net share among themselves. */
#ifndef VNET_NET_NET_PRIV_H
#define VNET_NET_NET_PRIV_H

#include "vnet/net/net.h"
#include "vnet/net/wire.h"

extern const u8 eth_broadcast[ETH_ALEN];

/* What the IPv4 header of a received datagram said. What struct udp_run has as
 * neighbours is apart here: copied by one load right after two stores, it would
 * wait for both to reach the cache. */
struct ip_meta {
	u32 src;
	u16 frag; /* flags and offset, of a fragment */
	u16 id;
	u32 dst;
	u16 hdr_len;
	u8 ttl;
	u8 proto;
	u8 tos;
	bool broadcast;
	const u8 *hdr; /* the header itself, still in front of the payload */
};

/* Received datagrams for one port, gathered while they follow each other. */
struct udp_batch {
	const struct udp_port *port; /* NULL: none yet */
	/* Of a frame like the last one, as they lie: our MAC, both addresses, the port. */
	u64 mac, addrs;
	u32 gen; /* the netif's then */
	u16 dport;
	u32 n;
	struct pkt *pkt[PKT_BURST];
	struct udp_run run;
};

/* What to put into the IPv4 header of a datagram to send. */
struct ip_out {
	u32 dst;
	u16 mtu; /* 0: the netif's */
	u8 proto;
	u8 ttl;
	u8 tos;
	bool df;
};

/* net.c */
void net_drop(struct netif *nif, struct pkt *p, enum net_drop reason);
/* End the current burst: give it to the NIC. */
void netif_flush(struct netif *nif);
/* ... and behind it complete frames of so many bytes. Consumed. */
void netif_flush_with(struct netif *nif, struct pkt **pkts, u32 n, u64 bytes);

/* A complete frame into the current burst; every entry into the stack ends it
 * with netif_flush(). */
static inline void netif_queue(struct netif *via, struct pkt *p)
{
	if (via->txq_len == NETIF_TXQ)
		netif_flush(via);
	via->txq[via->txq_len++] = p;
	via->txq_bytes += p->len;
	if (pkt_is_offloaded(p))
		via->count.tx_long += p->gso_type != PKT_GSO_NONE;
}

/* What headers were built of is another one now. */
static inline void net_gen_next(struct netif *of)
{
	__atomic_store_n(&of->gen, of->gen == UINT32_MAX ? 1 : of->gen + 1, __ATOMIC_RELEASE);
}

/* Push the Ethernet header and queue. Consumed. */
void eth_output(struct netif *nif, struct pkt *p, const u8 dst[ETH_ALEN], u16 type);
/* One token now? rate a second, at most `burst` saved up. */
bool net_limit_pass(struct token_bucket *b, u32 rate, u32 burst);

/* ipv4.c; data at the IPv4 header, consumed. UDP goes through the batch. */
void ipv4_input(struct netif *nif, struct pkt *p, struct udp_batch *batch);
/* p has the transport header and data; consumed. True when it was handed on.
 * Packets with offload fields are never fragmented. */
bool ipv4_output(struct netif *nif, struct pkt *p, const struct ip_out *out);
bool ipv4_is_broadcast(const struct netif *nif, u32 addr);
/* The neighbour to give a packet for dst to; 0 when there is none. */
u32 ipv4_next_hop(const struct netif *nif, u32 dst);

/* udp.c */
void udp_input(struct netif *nif, struct pkt *p, const struct ip_meta *meta,
	       struct udp_batch *batch);
/*
 * Whole frames, data at their Ethernet headers: most are plain datagrams of the sender
 * and for the port of the one before, and go into the batch with all checks passed, from
 * the first on. Returns how many; the next one is something else, and untouched.
 */
u32 udp_input_run(struct netif *nif, struct pkt **pkts, u32 n, struct udp_batch *batch);
void udp_batch_flush(struct netif *nif, struct udp_batch *batch);

/* icmp.c; data at the ICMP header, consumed. */
void icmp_input(struct netif *nif, struct pkt *p, const struct ip_meta *meta);
/* Answer "port unreachable", quoting the datagram's header; rate-limited. */
void icmp_send_port_unreachable(struct netif *nif, const struct ip_meta *meta);

#endif
