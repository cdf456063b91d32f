/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet socket on a network device: raw Ethernet frames by the burst, with
 * virtio's header, so that long segments pass whole (packet(7)). Takes frames
 * for the addresses that it is told and for groups; the kernel leaves the rest
 * alone. Knows no overlay.
 */
#ifndef VNETPD_PACKET_H
#define VNETPD_PACKET_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

/* Messages for one call of the kernel, both ways. */
#define PACKET_BATCH 16u
#define PACKET_MACS_MAX 256u
#define PACKET_DEVICE_MAX 16 /* IFNAMSIZ */

struct packet_sock {
	int fd;
	char device[PACKET_DEVICE_MAX];
	int index; /* of the device that it is bound to; 0: none */
	u32 mtu;   /* the device's, when that was looked at last */
	u32 macs;  /* known to the kernel: */
	u8 mac[PACKET_MACS_MAX][6];
};

/* why gets what is wrong. ERR_NOENT: no such device; ERR_INVAL: not an Ethernet one;
 * ERR_IO. */
err_t packet_open(struct packet_sock *s, const char *device, char *why, size_t size);
void packet_close(struct packet_sock *s);

/* Look at the device again: it may have gone, come back, or have another MTU. True: it is
 * there. */
bool packet_follow(struct packet_sock *s);
/* It is up and has a cable. */
bool packet_carrier(const struct packet_sock *s);

/* The addresses (at most PACKET_MACS_MAX) whose frames it takes, beside those to groups.
 * Does nothing when they are the ones that it has. */
void packet_take(struct packet_sock *s, const u8 (*macs)[6], u32 n);

/* Send in order; returns how many are done, sent or dropped and counted (sock_counters):
 * their packets are put. The rest has to wait until the socket is writable. */
u32 packet_send(struct packet_sock *s, struct pkt **pkts, u32 n);

/* What is there, as far as pool has packets (for the longest frames), at most PACKET_BATCH.
 * Bad ones are dropped and counted. Returns how many messages there were; *n packets. */
u32 packet_recv(struct packet_sock *s, struct pkt_pool *pool, struct pkt **pkts, u32 *n);

#endif
