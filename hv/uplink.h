/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node's physical NICs, each with the small host stack on it: what links send
 * through. They are numbered in the order of the PCI bus, those with a driver alone.
 * Boot core, which owns all of them, but for further queues of a NIC (uplink_queue.h).
 */
#ifndef HV_UPLINK_H
#define HV_UPLINK_H

#include <arch/pci.h>

#include "drivers/nic/nic.h"
#include "hv/moderation.h"
#include "hv/timer.h"
#include "vnet/edge.h"
#include "vnet/net/net.h"

/* Packets for received frames. */
#define UPLINK_RX_PACKETS 1024
#define UPLINK_RX_BUFFER 2048

#define UPLINK_MAX EDGE_NETS_MAX

struct uplink_config {
	bool dhcp;
	u32 addr, mask, gateway;
	u32 mtu;
	bool poll;
	u32 queues; /* pairs of the NIC's: 1 to NIC_QUEUES_MAX */
};

enum uplink_state {
	UPLINK_ABSENT, /* no NIC that a driver here knows, or it does not come up */
	UPLINK_FOUND,  /* attached, not configured: interrupts off */
	UPLINK_UP,     /* configured */
};

/* A vector of MSI-X beside the first. */
struct uplink_vector {
	struct uplink *up;
	u32 number;
};

struct udp_side;
struct uplink_queue;

struct uplink {
	u32 index;
	enum uplink_state state;
	char why[120]; /* ABSENT: what was found instead */
	struct nic nic;
	struct pkt_pool rx_pool;
	struct netif netif;
	struct uplink_config cfg;
	bool polled;		/* no interrupt arrives, or as configured ... */
	enum pci_irq_kind irq;	/* ... else how it interrupts */
	u64 services;		/* times the NIC was looked at */
	u64 irqs, frames;	/* of queue 0: interrupts, and frames in both directions */
	struct moderation moderation;
	u32 links;		/* that use it; of link_net.c */
	struct edge *lan;	/* its direct link, NULL: none; of link_lan.c */
	struct uplink_queue *queue[NIC_QUEUES_MAX]; /* those there ever were; [0]: NULL */
	struct udp_side *side;	/* atomic: what their cores know of the netif */
	/* What follows is uplink*.c's alone. */
	struct pci_func *func;	/* NULL: the machine has no such NIC; read by show boot */
	bool attached;
	u32 irq_seen, link_event, rx_event, look; /* atomic: the interrupt handler's word */
	u32 idle_room;		/* frames that the NIC takes when it has nothing to send */
	u32 room_seen;		/* atomic: for all cores, as of the last look */
	u64 missed_seen, starved_seen; /* frames that found no place, as last said */
	bool waiting_for_tx;
	bool link_was_up;
	bool reset_due;		/* the NIC waits for its queues to be left */
	struct uplink_vector vector[PCI_MSIX_ENTRIES];
	struct timer poll_timer, tick_timer, net_timer;
};

/* Find and attach the NICs, so that their MACs are known. */
void uplink_detect(void);

/* The uplink of this number, NULL when there cannot be one. */
struct uplink *uplink_at(u32 i);

/* The uplink in use whose subnet has the address, else uplink 0. */
struct uplink *uplink_towards(u32 ip);

/* Take it into use. On an error why (size bytes) says what is wrong. */
err_t uplink_add(u32 i, const struct uplink_config *cfg, char *why, size_t size);
err_t uplink_set(u32 i, const struct uplink_config *cfg, char *why, size_t size);
err_t uplink_del(u32 i, char *why, size_t size);
/* What uplink_del() would say. */
err_t uplink_may_go(u32 i, char *why, size_t size);

/* The guest MTU that a udp link over any uplink in use carries unfragmented; that of
 * one of 1500 while there is none. */
u32 uplink_guest_mtu(void);

/* How the NIC is looked at: "MSI-X", "MSI", "INTx" or "polled". */
const char *uplink_irq_name(const struct uplink *up);

/* What is sent until the next call is this link's, for captures; NULL: nobody's. */
void uplink_sends(const struct edge *e);

/* End of a burst of sending by this uplink. */
void uplink_flush(struct uplink *up);

/* Frames that any NIC in use took at the last look, by the boot core's queue and the
 * calling core's own: what does not fit waits better in the guest's ring. UINT32_MAX
 * without a link. */
u32 uplink_room(void);

#endif
