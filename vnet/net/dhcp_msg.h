/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP messages (RFC 2131, figure 1; options of RFC 2132) to and from a struct. */
#ifndef VNET_NET_DHCP_MSG_H
#define VNET_NET_DHCP_MSG_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define DHCP_SERVER_PORT 67u
#define DHCP_CLIENT_PORT 68u

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
};

/* 0 where there is none; addresses in host order. */
struct dhcp_msg {
	u8 type;
	u16 secs;
	u32 xid;
	u32 ciaddr; /* out: the address that is to be renewed */
	u32 yiaddr; /* in: the address given */
	u32 requested;
	u32 server;
	u32 mask, router;
	u32 lease_s, renew_s, rebind_s;
	u16 mtu;
};

/* Append a client's message to the empty packet p, which needs 300 bytes. */
void dhcp_msg_build(struct pkt *p, const struct dhcp_msg *m, const u8 mac[6]);

/* True when p is a message for another client: answers are broadcast. */
bool dhcp_msg_for_other(const struct pkt *p, const u8 mac[6]);

/* True when p is a well-formed answer of a server to mac: all lengths right,
 * and OFFER and ACK with address, mask and lease, all with the server's id. */
bool dhcp_msg_parse(const struct pkt *p, const u8 mac[6], struct dhcp_msg *m);

#endif
