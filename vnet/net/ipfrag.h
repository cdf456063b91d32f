/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams being put together again (RFC 791, section 3.2; RFC 5722's view of
 * overlaps). Bounded in number, time, packets held, and per source. */
#ifndef VNET_NET_IPFRAG_H
#define VNET_NET_IPFRAG_H

#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define IPFRAG_SLOTS 32u
#define IPFRAG_PER_SOURCE 8u
#define IPFRAG_PIECES PKT_JOIN_SEGS /* ... a clone cuts the first one in two */
/* In more than so many only where each but the last is as long as any path takes
 * (RFC 791): then what goes on of it to a NIC is in no more than that. */
#define IPFRAG_PIECES_SHORT (PKT_MAX_SEGS + 1u)
#define IPFRAG_LONG 552u
#define IPFRAG_TIMEOUT_NS 100000000ull

struct netif;
struct ip_meta;

struct ipfrag_piece {
	struct pkt *p; /* data at the fragment's payload */
	u16 off;
	u16 len;
};

struct ipfrag {
	bool used;
	bool refused; /* overlapping or too many: what else comes is dropped */
	bool ce;      /* one of them was marked "congestion experienced" */
	u8 count;
	u8 buffers; /* that these are in: a long piece has several */
	u8 proto;
	u16 shortest; /* of the pieces but the last */
	u16 id;
	u32 src, dst;
	u32 have;  /* bytes */
	u32 total; /* bytes; 0: the last one has not come */
	u64 deadline_ns;
	const u8 *hdr; /* IPv4 header of the first one, in its buffer */
	struct ipfrag_piece piece[IPFRAG_PIECES]; /* by offset */
};

struct ipfrag_table {
	struct ipfrag slot[IPFRAG_SLOTS];
	u32 held; /* buffers */
};

/*
 * A fragment with data at its payload, trimmed; meta describes it. Returns the
 * whole datagram when this was its last piece (the first fragment's packet,
 * the others as segments) with meta filled for it, else NULL. Consumed.
 */
struct pkt *ipfrag_input(struct netif *nif, struct pkt *p, struct ip_meta *meta);

/* Drop everything held. */
void ipfrag_flush(struct netif *nif);

void ipfrag_tick(struct netif *nif, u64 now_ns);
u64 ipfrag_next_ns(const struct netif *nif);

#endif
