/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of captures share among themselves. */
#ifndef VNET_CAPTURE_PRIV_H
#define VNET_CAPTURE_PRIV_H

#include "vnet/capture.h"
#include "vnet/hash.h"
#include "vnet/net/wire.h"

/* A frame in a ring; its bytes follow. */
struct capture_record {
	u64 time_ns;
	u32 len;
	u32 size;
	u16 port;
	u8 dir;
	u8 side;
	u32 reserved;
};

/* head and tail count bytes and come round; the ring's size divides 2^32. */
struct capture_ring {
	u32 head ALIGNED(CACHE_LINE); /* the core's */
	u64 lost;
	u32 tail ALIGNED(CACHE_LINE); /* the reader's */
	u32 next; /* where tail goes when the frame that was read is done with */
	u8 data[CAPTURE_RING_BYTES] ALIGNED(CACHE_LINE);
};

/* A datagram whose first fragment went by: the others have neither ports nor
 * addresses of guests. */
struct capture_fragments {
	u32 src, dst;
	u16 id;
	u16 port;
	bool taken; /* as the filter has it */
};
#define CAPTURE_FRAGMENTS 16u

struct capture {
	struct capture_filter filter;
	u64 read_ns; /* when somebody asked */
	u32 rings;
	/* The uplink's core's. */
	u32 fragments_next;
	struct capture_fragments fragments[CAPTURE_FRAGMENTS];
	struct capture_ring ring[] ALIGNED(CACHE_LINE);
};

/* Headers that are not in the packet: an Ethernet, an IPv4 and a UDP one. */
struct capture_front {
	u32 len;
	u8 bytes[ETH_HLEN + IP_HLEN + UDP_HLEN];
};

/* The ring's core. Keep p behind `front`, which may be NULL, or count it as lost. */
void capture_keep(struct capture_ring *r, const struct pkt *p, u32 snap,
		  const struct capture_record *as, const struct capture_front *front);

/* From or to that address? eth: an Ethernet header. */
static inline bool capture_mac_is(u64 mac, const u8 *eth)
{
	return mac_load(eth + ETH_DST) == mac || mac_load(eth + ETH_SRC) == mac;
}

#endif
