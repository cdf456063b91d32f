/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP beside the netif: whole datagrams for some of its ports, taken by cores that it
 * does not belong to. They know of it what it was when they were told (struct udp_side),
 * which is replaced, never changed, and leave to it whatever is anything else: what has to be put
 * together, answered, counted as bad, or is for other ports.
 */
#ifndef VNET_NET_UDP_SIDE_H
#define VNET_NET_UDP_SIDE_H

#include "vnet/net/net.h"

struct udp_side_port {
	u16 port;
	void *ctx;
};

/* Addresses and ports in host byte order. */
struct udp_side {
	u8 mac[6];
	u32 addr; /* 0: nothing is for us */
	u32 mask;
	u32 n;
	struct udp_side_port port[UDP_PORTS_MAX];
};

/* What the netif is now, with no ports. Its core. */
void udp_side_init(struct udp_side *s, const struct netif *nif);

/* ERR_FULL: it has all it can have. Before it is shown to others. */
err_t udp_side_add(struct udp_side *s, u16 port, void *ctx);

/*
 * The first of n (at most PKT_BURST) received frames, as netif_input() gets them: those that
 * are datagrams from one address for one and the same port of these, with all checks passed.
 * Their data is at the UDP payload then, UDP_HEADROOM bytes behind where it was, p->ttl and
 * p->tos are set, and *ctx is the port's. Returns how many; the next one is something
 * else, and untouched. Any core, and the packets' own.
 */
u32 udp_side_run(const struct udp_side *s, struct pkt **pkts, u32 n, struct udp_run *run,
		 void **ctx);

/* A datagram that was taken, as the frame that it was, for the netif. */
static inline void udp_side_undo(struct pkt *p)
{
	pkt_push(p, UDP_HEADROOM);
}

#endif
