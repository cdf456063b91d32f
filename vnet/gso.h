/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offloads in software: checking what a guest says about its frame, finishing
 * checksums, and cutting a long TCP segment, or several UDP datagrams in one, into
 * those that go on a wire.
 *
 *     [Ethernet, VLAN tags][IPv4/IPv6][TCP/UDP][payload ....................]
 *                           l3_start   |        payload_start
 *                                      csum_start
 *
 * Pure; any core, packets of the calling core.
 */
#ifndef VNET_GSO_H
#define VNET_GSO_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

/* Payload bytes per segment at least: what Linux keeps to (TCP_MIN_GSO_SIZE). */
#define GSO_SIZE_MIN 8u
/* What has to be looked at or filled in lies in the first so many bytes: packet
 * buffers have room for them, and behind outer headers NICs still reach them. */
#define GSO_HEADERS_MAX 160u

/* What a port must be able to do (enum pkt_cap) to get long frames of this kind whole. */
u32 gso_cap(enum pkt_gso type);

/*
 * A frame as it comes from a port, with the fields that its sender filled in:
 * PKT_F_NEEDS_CSUM, csum_start, csum_offset, and for a long one gso_size and gso_type
 * (of UDP PKT_GSO_UDP4, whatever the IP version). Pulls up the headers, checks them
 * against that and fills in the other fields. A long frame whose payload fits into one
 * segment becomes a plain one. ERR_INVAL: they contradict each other, or it is nothing
 * that can be cut.
 */
err_t gso_check(struct pkt *p);

/*
 * Fill in the checksum of a plain frame with PKT_F_NEEDS_CSUM, which gso_check()
 * found good. Its field holds the sum of the pseudo header, as the sender left
 * it (virtio 1.2 5.1.6.2).
 */
void gso_checksum(struct pkt *p);

/* The state of a frame being cut. */
struct gso_cut {
	struct pkt *p; /* the frame; belongs to the caller, who puts it at the end */
	u32 next;      /* segment to make next ... */
	u32 count;     /* ... of so many */
	u64 addr_sum;  /* of both addresses, for the pseudo header */
};

/* Begin to cut p, a frame with gso_type that gso_check() found good. */
void gso_cut_begin(struct gso_cut *cut, struct pkt *p);

/*
 * Make up to max more segments: each a packet of pool with headers of its own
 * and complete checksums, the payload by reference to p (which must be this
 * core's, see pkt_adopt()). Returns how many; fewer when the pool is empty or
 * the frame is done (cut->next == cut->count).
 */
u32 gso_cut_next(struct gso_cut *cut, struct pkt_pool *pool, struct pkt **out, u32 max);

/*
 * Leave p a whole multiple of gso_size: what is over becomes *tail, a finished
 * frame of pool that refers to p's memory; NULL when there is nothing over.
 * ERR_NOMEM: the pool is empty, p is as it was.
 */
err_t gso_split_tail(struct pkt_pool *pool, struct pkt *p, struct pkt **tail);

#endif
