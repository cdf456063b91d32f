/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP interface of Linux as an interface of the overlay: what is a guest's
 * NIC on a Caisson node. The machine's own network stack is the guest. Long
 * TCP segments cross whole, with virtio's header (tun.rst, virtio 1.2 5.1.6).
 */
#ifndef VNETPD_TAP_H
#define VNETPD_TAP_H

#include "hv/base/err.h"
#include "tools/vnetpd/tap_queue.h"
#include "vnet/queues.h"

#define TAP_MTU_MAX 65000u
#define TAP_DEVICE_MAX 16 /* IFNAMSIZ */

struct tap_setup {
	const char *name;   /* the overlay's */
	const char *device; /* Linux's; made when there is none */
	u8 mac[6];
	u32 mtu; /* 0: what the links leave */
	u32 overlay;
	bool any_source;
	struct vnet_also also;
	u32 storm; /* group frames a second; 0: any number */
	u32 queues; /* 1 .. VNET_MAX_QUEUES */
};

struct tap {
	struct tap *next;
	char device[TAP_DEVICE_MAX];
	bool mtu_fixed;
	u32 segments; /* as the device was told */
	u32 mtu_refused; /* by the device, the last time; 0: none */
	u32 queues;
	struct tap_queue *queue[VNET_MAX_QUEUES]; /* its first port is whom routes name */
};

/* Errors go to why: ERR_NOTSUP (no /dev/net/tun), ERR_BUSY (in use elsewhere), ERR_EXIST
 * (name or MAC), ERR_NOMEM, ERR_INVAL, ERR_IO. The queues are spread over the further
 * cores (worker.h), if there are any. */
err_t tap_add(const struct tap_setup *setup, char *why, size_t size);
/* ERR_BUSY while routes name it, unless force. */
err_t tap_del(struct tap *t, bool force);
/* The cable: Linux sees carrier, or not. */
void tap_set_up(struct tap *t, bool up);

/* The links or routes changed: interfaces without an MTU of their own follow, and what
 * long segments may stand for fits into one message of a socket. */
void tap_follow_links(u32 segments);

/* An interface of ours has that device. */
bool tap_on_device(const char *device);

/* The links take frames (again), or not: read from the interfaces, or let them wait. */
void tap_read_all(bool on);
/* Any core: are they read? */
bool tap_reads(void);
/* A thread has yet to take so much that nothing more should come in for now. */
bool tap_is_behind(void);

static inline struct tap *tap_of(const struct vnet_port *port)
{
	return port->ctx;
}

#endif
