/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node's physical NIC with the small host stack on it: what links send
 * through. One a node so far. Boot core, which owns the NIC.
 */
#ifndef HV_UPLINK_H
#define HV_UPLINK_H

#include "drivers/nic/nic.h"
#include "vnet/edge.h"
#include "vnet/net/net.h"

/* Packets for received frames. */
#define UPLINK_RX_PACKETS 1024
#define UPLINK_RX_BUFFER 2048

#define UPLINK_MAX 1

struct uplink_config {
	bool dhcp;
	u32 addr, mask, gateway;
	u32 mtu;
	bool poll;
};

enum uplink_state {
	UPLINK_ABSENT, /* no NIC that a driver here knows */
	UPLINK_FOUND,  /* attached, not configured */
	UPLINK_UP,     /* configured */
};

struct uplink {
	enum uplink_state state;
	char why[120]; /* ABSENT: what was found instead */
	struct nic nic;
	struct pkt_pool rx_pool;
	struct netif netif;
	struct uplink_config cfg;
	bool polled;	/* the interrupt line does not fire, or as configured */
	u64 services;	/* times the NIC was looked at */
};

/* Find and attach the NIC, so that its MAC is known; interrupts enabled. */
void uplink_detect(void);

/* The uplink of this number, NULL when there cannot be one. */
struct uplink *uplink_at(u32 i);

/* Take it into use. On an error why (size bytes) says what is wrong. */
err_t uplink_add(u32 i, const struct uplink_config *cfg, char *why, size_t size);
err_t uplink_set(u32 i, const struct uplink_config *cfg, char *why, size_t size);
err_t uplink_del(u32 i, char *why, size_t size);

/* The guest MTU that a udp link over the uplink carries unfragmented; the uplink is
 * one of 1500 while there is none. */
u32 uplink_guest_mtu(void);

/* What is sent until the next call is this link's, for captures; NULL: nobody's. */
void uplink_sends(const struct edge *e);

/* End of a burst of sending. */
void uplink_flush(void);

/* Frames that the NIC took at the last look, for any core: what does not fit
 * waits better in the guest's ring. UINT32_MAX without a link. */
u32 uplink_room(void);

#endif
