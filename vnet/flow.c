/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow hash: IPv4 by RFC 791, IPv6 by RFC 8200, tags by IEEE 802.1Q. Of each pair
 * of source and destination go sum and product in, so that a flow's two directions
 * have one hash.
 */
#include "vnet/flow.h"

#define ETH_TYPE_IPV6 0x86ddu
#define ETH_TAG 4u
#define ETH_TAGS_MAX 2

#define IPV6_HLEN 40u
#define IPV6_NEXT 6u
#define IPV6_ADDRS 8u
#define IPV6_ALEN 16u

#define IP_PROTO_SCTP 132u
#define PORTS_LEN 4u /* source and destination, in all three */

/* Two values in either order, on top of h: sum and product say which two. */
static u64 mix_pair(u64 h, u64 a, u64 b)
{
	return hash_mix(h ^ (a + b), HASH_K1 ^ a * b);
}

/* Of the ports, when the protocol has some and they are there; else 0. */
static u64 ports_at(const u8 *l4, u32 len, u8 proto)
{
	if (len < PORTS_LEN ||
	    (proto != IP_PROTO_TCP && proto != IP_PROTO_UDP && proto != IP_PROTO_SCTP))
		return 0;
	return flow_ports(l4);
}

static u64 hash_ip4(u64 h, const u8 *frame, const u8 *ip, u32 len)
{
	u64 ports = 0;
	u32 header;

	if (len < IP_HLEN || ip[IP_VER_IHL] >> 4 != 4)
		return h;
	header = (ip[IP_VER_IHL] & 0xfu) * 4;
	/* Only the first fragment has ports, so no fragment may be told by them. */
	if (header >= IP_HLEN && header <= len &&
	    !(load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)))
		ports = ports_at(ip + header, len - header, ip[IP_PROTO]);
	return flow_mix_ip4(frame, ip, ports);
}

static u64 hash_ip6(u64 h, const u8 *ip, u32 len)
{
	u64 ports;

	if (len < IPV6_HLEN || ip[IP_VER_IHL] >> 4 != 6)
		return h;
	ports = ports_at(ip + IPV6_HLEN, len - IPV6_HLEN, ip[IPV6_NEXT]);
	for (u32 half = 0; half < IPV6_ALEN; half += sizeof(u64))
		h = mix_pair(h, load_le64(ip + IPV6_ADDRS + half),
			     load_le64(ip + IPV6_ADDRS + IPV6_ALEN + half));
	return hash_mix(h, HASH_K0 ^ (ports << 8 | ip[IPV6_NEXT]));
}

u32 flow_hash(const u8 *frame, u32 len)
{
	u32 at = ETH_HLEN;
	u16 type;
	u64 h;

	if (len < ETH_HLEN)
		return 1;
	h = mix_pair(HASH_K0, mac_load_wide(frame + ETH_DST), mac_load_wide(frame + ETH_SRC));
	type = load_be16(frame + ETH_TYPE);
	for (u32 tags = 0; tags < ETH_TAGS_MAX; tags++) {
		if ((type != ETH_TYPE_VLAN && type != ETH_TYPE_QINQ) || len - at < ETH_TAG)
			break;
		/* A tag is 2 bytes of its own, then the type of what follows. */
		type = load_be16(frame + at + ETH_TAG - sizeof(type));
		at += ETH_TAG;
	}
	if (type == ETH_TYPE_IPV4)
		h = hash_ip4(h, frame, frame + at, len - at);
	else if (type == ETH_TYPE_IPV6)
		h = hash_ip6(h, frame + at, len - at);
	return flow_fold(h);
}
