/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow hash of an Ethernet frame, for spreading flows over outer UDP source
 * ports (RFC 8926 section 3.3, RFC 7348 section 5: 49152-65535) and over the
 * queues of an interface.
 */
#ifndef VNET_FLOW_H
#define VNET_FLOW_H

#include "hv/base/bytes.h"
#include "hv/base/types.h"
#include "vnet/hash.h"
#include "vnet/net/wire.h"

/*
 * Over the MACs, and where they lie within len bytes the IP addresses and the
 * TCP, UDP or SCTP ports; behind up to two VLAN tags. All frames of a flow, in
 * both directions, give the same value, the fragments of a datagram too. Never 0.
 * Shorter than an Ethernet header: 1.
 */
u32 flow_hash(const u8 *frame, u32 len);

/* --- its steps ------------------------------------------------------------------- */

STATIC_ASSERT(IP_DST == IP_SRC + sizeof(u32) && ETH_SRC + sizeof(u64) == ETH_HLEN,
	      "what is loaded together");

/* A word's two halves in either order: their product and the sum of their squares say which
 * two they are. */
static inline u64 flow_pair(u64 both)
{
	return both * (both << 32 | both >> 32);
}

static inline u64 flow_ports(const u8 *l4)
{
	u32 both = load_le32(l4);

	return (u64)both * (both << 16 | both >> 16);
}

/* MACs and what IPv4 says, by one multiplication more. ports: 0 where there are none. */
static inline u64 flow_mix_ip4(const u8 *frame, const u8 *ip, u64 ports)
{
	u64 macs = (load_le64(frame + ETH_DST) ^ load_le64(frame + ETH_SRC)) << 16;

	return hash_mix(HASH_K0 ^ flow_pair(load_le64(ip + IP_SRC)), HASH_K1 ^ macs ^ ports);
}

static inline u32 flow_fold(u64 h)
{
	u32 folded = (u32)(h >> 32) ^ (u32)h;

	return folded + !folded;
}

/* --- for whoever hashes each frame ------------------------------------------------ */

/* Is it IPv4 behind an untagged Ethernet header, without options? Then the whole
 * header is within len. */
static inline bool flow_is_plain_ip4(const u8 *frame, u32 len)
{
	const u32 want = __builtin_bswap16(ETH_TYPE_IPV4) | IP_VER_IHL_PLAIN << 16;

	return len >= ETH_HLEN + IP_HLEN + sizeof(u32) &&
	       (load_le32(frame + ETH_TYPE) & 0xffffffu) == want;
}

/* flow_hash(), in line for TCP and UDP in such frames (plain). */
static inline u32 flow_hash_quick(const u8 *frame, u32 len, bool plain)
{
	const u8 *ip = frame + ETH_HLEN;

	if (!plain || (load_le16(ip + IP_FRAG) & __builtin_bswap16(IP_FRAG_MF | IP_FRAG_OFFSET)) ||
	    (ip[IP_PROTO] != IP_PROTO_TCP && ip[IP_PROTO] != IP_PROTO_UDP))
		return flow_hash(frame, len);
	return flow_fold(flow_mix_ip4(frame, ip, flow_ports(ip + IP_HLEN)));
}

#endif
