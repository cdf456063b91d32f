/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP interface of Linux as an interface of the overlay: what is a guest's
 * NIC on a Caisson node. The machine's own network stack is the guest. Long
 * TCP segments cross whole, with virtio's header (tun.rst, virtio 1.2 5.1.6).
 */
#ifndef VNETPD_TAP_H
#define VNETPD_TAP_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "tools/vnetpd/loop.h"
#include "vnet/vnet.h"

#define TAP_FRAME_MAX (65536u + 64u) /* a segment of TCP with the headers in front */
#define TAP_BUFFER (PKT_HEADROOM + TAP_FRAME_MAX)
#define TAP_QUEUE 512 /* frames that wait for the end of the turn */
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
};

struct tap {
	struct vnet_port port;
	struct loop_fd lf;
	char device[TAP_DEVICE_MAX];
	bool mtu_fixed;
	bool gone;     /* somebody deleted the device */
	bool written;  /* since tap_answers() looked last */
	u32 burst;     /* frames to read in the next turn */
	u32 segments;  /* as the device was told */
	u64 reads, writes;
	struct tap *next;
	u32 queued;
	struct pkt *queue[TAP_QUEUE];
};

/* Errors go to why: ERR_NOTSUP (no /dev/net/tun), ERR_BUSY (in use elsewhere), ERR_EXIST
 * (name or MAC), ERR_NOMEM, ERR_INVAL, ERR_IO. */
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

/* Write what waits. */
void tap_settle(void);
/* What was written may have been answered at once, from within the kernel: take that. */
void tap_answers(void);
/* The links take frames (again), or not: read from the interfaces, or let them wait. */
void tap_read_all(bool on);

static inline struct tap *tap_of(struct vnet_port *port)
{
	return container_of(port, struct tap, port);
}

#endif
