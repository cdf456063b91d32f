/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive coalescing: in-order pieces of one TCP flow that lie side by side in
 * a burst go to a guest as the long segment they once were. No state outlives
 * the burst and no timer runs; whatever is not beyond doubt goes as it is.
 *
 * IPv4 without options and IPv6 without further headers; other frames are never
 * joined. Pure; any core.
 */
#ifndef VNET_GRO_H
#define VNET_GRO_H

#include "hv/base/bytes.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

/* Ethernet, IPv6, and TCP with all the options there can be. */
#define GRO_HEADERS_MAX 116u

/* Several frames as one. */
struct gro_run {
	u32 count;	/* frames, from the first */
	u32 len;	/* of the whole: headers and all payloads */
	u16 header_len; /* of each frame; its payload follows */
	u16 csum_start; /* where the TCP header begins ... */
	u16 csum_offset; /* ... and its checksum in there */
	u8 gso_type;	/* PKT_GSO_TCP4 or PKT_GSO_TCP6 */
	u16 gso_size;	/* payload of each but the last, which may be shorter */
	/* Of the whole; the TCP checksum is partial (virtio 1.2 5.1.6.2). */
	u8 header[GRO_HEADERS_MAX];
};

/* Where an untagged frame says that it is IPv4, and of which protocol. */
#define GRO_AT_TYPE 12u
#define GRO_AT_PROTO 23u
#define GRO_TYPE_IPV4 0x0800u
#define GRO_PROTO_TCP 6u

/* Is there any need to ask about runs that begin with this frame? Not when it is IPv4
 * other than TCP. */
static inline bool gro_maybe(const struct pkt *p)
{
	return p->head_len <= GRO_AT_PROTO ||
	       load_le16(p->data + GRO_AT_TYPE) != __builtin_bswap16(GRO_TYPE_IPV4) ||
	       p->data[GRO_AT_PROTO] == GRO_PROTO_TCP;
}

/*
 * How many of the n frames, from the first, make one segment that who gets it can take
 * (caps: PKT_CAP_TSO4, PKT_CAP_TSO6). At 2 and more
 * *run describes it: every checksum was verified. At 1 nothing is known. The
 * frames are not changed.
 */
u32 gro_begin(struct pkt *const *pkts, u32 n, u32 caps, struct gro_run *run);

#endif
