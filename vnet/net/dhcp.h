/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP client (RFC 2131, 2132) of a netif. */
#ifndef VNET_NET_DHCP_H
#define VNET_NET_DHCP_H

#include "hv/base/err.h"
#include "hv/base/types.h"

struct netif;

enum dhcp_state {
	DHCP_OFF,
	DHCP_SELECTING, /* DISCOVER sent */
	DHCP_REQUESTING,
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING,
	DHCP_STATES,
};

struct dhcp {
	u8 state; /* enum dhcp_state */
	u8 tries;
	u64 rng;
	u32 xid;
	u64 started_ns; /* this exchange, for the `secs` field */
	u64 next_ns;	/* next thing to do */
	u32 offered;	/* address */
	u32 server;
	u64 renew_ns, rebind_ns, expire_ns; /* UINT64_MAX: never */
	u64 sent, bad, ignored;
};

/* Begin to ask for an address; a static one that the netif has is removed. The
 * netif's address is set when the server has given one. ERR_EXIST when UDP
 * port 68 is taken. */
err_t dhcp_start(struct netif *nif, u64 now_ns);

/* Stop; an address that was leased is removed. */
void dhcp_stop(struct netif *nif);

/* For `show`: "bound", "asking", ... */
const char *dhcp_state_name(const struct netif *nif);

void dhcp_tick(struct netif *nif, u64 now_ns);
u64 dhcp_next_ns(const struct netif *nif);

#endif
