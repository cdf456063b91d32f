/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow hash: IPv4 by RFC 791, IPv6 by RFC 8200, tags by IEEE 802.1Q. */
#include "vnet/flow.h"

#include "hv/base/bytes.h"
#include "vnet/hash.h"

#define ETH_HEADER 14
#define ETH_TYPE 12
#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_IP6 0x86dd
#define ETH_TYPE_CTAG 0x8100
#define ETH_TYPE_STAG 0x88a8
#define ETH_TAG 4
#define ETH_TAGS_MAX 2

#define IP4_HEADER 20
#define IP4_FRAG 6
#define IP4_FRAG_MASK 0x3fff /* more fragments, or an offset */
#define IP4_PROTO 9
#define IP4_ADDRS 12

#define IP6_HEADER 40
#define IP6_NEXT 6
#define IP6_ADDRS 8

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_SCTP 132
#define PORTS 4

/* The ports, when the protocol has some and they are there; else 0. */
static u32 ports_at(const u8 *l4, u32 len, u8 proto)
{
	if (len < PORTS || (proto != PROTO_TCP && proto != PROTO_UDP && proto != PROTO_SCTP))
		return 0;
	return load_le32(l4);
}

static u64 hash_ip4(u64 h, const u8 *ip, u32 len)
{
	u32 header, ports = 0;

	if (len < IP4_HEADER || ip[0] >> 4 != 4)
		return h;
	header = (ip[0] & 0xfu) * 4;
	/* Only the first fragment has ports, so no fragment may be told by them. */
	if (header >= IP4_HEADER && header <= len && !(load_be16(ip + IP4_FRAG) & IP4_FRAG_MASK))
		ports = ports_at(ip + header, len - header, ip[IP4_PROTO]);
	return hash_mix(h ^ load_le64(ip + IP4_ADDRS),
			HASH_K0 ^ ((u64)ports << 8 | ip[IP4_PROTO]));
}

static u64 hash_ip6(u64 h, const u8 *ip, u32 len)
{
	u32 ports;

	if (len < IP6_HEADER || ip[0] >> 4 != 6)
		return h;
	ports = ports_at(ip + IP6_HEADER, len - IP6_HEADER, ip[IP6_NEXT]);
	for (u32 i = 0; i < 2; i++)
		h = hash_mix(h ^ load_le64(ip + IP6_ADDRS + 16 * i),
			     HASH_K1 ^ load_le64(ip + IP6_ADDRS + 16 * i + 8));
	return hash_mix(h, HASH_K0 ^ ((u64)ports << 8 | ip[IP6_NEXT]));
}

u32 flow_hash(const u8 *frame, u32 len)
{
	u32 at = ETH_HEADER, folded;
	u16 type;
	u64 h;

	if (len < ETH_HEADER)
		return 1;
	h = hash_mix(mac_load(frame) ^ HASH_K0, mac_load(frame + 6) ^ HASH_K1);
	type = load_be16(frame + ETH_TYPE);
	for (u32 tags = 0; tags < ETH_TAGS_MAX; tags++) {
		if ((type != ETH_TYPE_CTAG && type != ETH_TYPE_STAG) || len - at < ETH_TAG)
			break;
		/* A tag is 2 bytes of its own, then the type of what follows. */
		type = load_be16(frame + at + ETH_TAG - sizeof(type));
		at += ETH_TAG;
	}
	if (type == ETH_TYPE_IP4)
		h = hash_ip4(h, frame + at, len - at);
	else if (type == ETH_TYPE_IP6)
		h = hash_ip6(h, frame + at, len - at);
	folded = (u32)(h >> 32) ^ (u32)h;
	return folded ? folded : 1;
}
