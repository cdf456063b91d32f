/* SPDX-License-Identifier: BSD-2-Clause */
/* The neighbour table of a netif (RFC 826): fixed size, with the packets that
 * wait for an answer. Room for the other nodes of a mesh of 256, and as many others. */
#ifndef VNET_NET_ARP_H
#define VNET_NET_ARP_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define ARP_ENTRIES 512u
#define ARP_WAIT_MAX 16u /* packets that wait for one neighbour */
#define ARP_TRIES 4u
#define ARP_RETRY_NS 500000000ull
#define ARP_CHECK_NS 30000000000ull /* a neighbour in use is asked again */

struct netif;

enum arp_state {
	ARP_FREE,
	ARP_ASKING,   /* no address yet */
	ARP_KNOWN,
	ARP_CHECKING, /* address still good, asking whether it stays so */
};

struct arp_entry {
	u32 ip;
	u8 mac[6];
	u8 state; /* enum arp_state */
	u8 tries;
	bool used; /* since the last check */
	u8 waiting;
	u64 next_ns; /* when to ask or check again */
	struct pkt *wait[ARP_WAIT_MAX]; /* data at the IPv4 header */
};

struct arp_table {
	u64 next_ns; /* the least of the entries' */
	struct arp_entry entry[ARP_ENTRIES]; /* by the address's last bits, if that was free */
};

/* The table of a netif that is all zero. */
void arp_init(struct netif *nif);

/* A whole ARP frame, at its Ethernet header. Consumed. */
void arp_input(struct netif *nif, struct pkt *p);

/* The entry for ip when its MAC is known, else NULL. */
struct arp_entry *arp_lookup(struct netif *nif, u32 ip);

/* Send p (data at the IPv4 header) to the neighbour ip: now, or when it has
 * answered. Consumed. */
void arp_send_to(struct netif *nif, u32 ip, struct pkt *p);

/* Tell the network about our address (RFC 5227, section 3). */
void arp_announce(struct netif *nif);

/* Forget all; what waits is dropped. */
void arp_flush(struct netif *nif);

void arp_tick(struct netif *nif, u64 now_ns);
u64 arp_next_ns(const struct netif *nif);

#endif
