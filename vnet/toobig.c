/* SPDX-License-Identifier: BSD-2-Clause */
/* "Too big" answers, see toobig.h. Who may get one: RFC 1122 section 3.2.2 and
 * RFC 4443 section 2.4 (e). */
#include "vnet/toobig.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

/* That much of a frame is looked at. */
#define LOOK_MAX PKT_COPY_WHOLE
#define VLAN_TAGS_MAX 2u

/* RFC 1812 section 4.3.2.3: an error is at most 576 bytes long; for IPv6 the
 * least MTU that there is (RFC 4443 section 2.4 (c)). */
#define ERROR4_MAX 576u
#define ERROR6_MAX IP6_MTU_MIN
#define IP6_MTU_MIN 1280u
#define IP4_MTU_MIN 68u
/* RFC 1812 section 4.3.2.5: precedence "internetwork control". */
#define ERROR_TOS 0xc0u

#define IP6_VERSION_WORD 0x60000000u
#define ICMP6_TOO_BIG 2u
#define ICMP6_MTU 4u
#define ICMP6_INFORMATIONAL 128u /* errors have a lower type */

/* Next headers (RFC 8200 section 4) */
#define NEXT_HOP_BY_HOP 0u
#define NEXT_ROUTING 43u
#define NEXT_FRAGMENT 44u
#define NEXT_OPTIONS 60u
#define EXTENSIONS_MAX 8u
#define EXTENSION_HLEN 8u
#define EXTENSION_LEN 1u /* in units of 8 bytes, without the first */
#define FRAGMENT_OFFSET 2u
#define FRAGMENT_OFFSET_MASK 0xfff8u

/* The frame in question. */
struct sight {
	const u8 *h; /* its first bytes */
	u32 seen;    /* so many */
	u32 l3;	     /* where the IP header is */
	u16 type;    /* its EtherType */
	bool is_long; /* cut on its way: its header's length is not the wire's */
	u32 len;     /* of the IP packet on a wire */
	u32 mtu;     /* that would have been right */
};

static bool is_group(const u8 *mac)
{
	return mac[0] & 1;
}

static bool read_ethernet(struct sight *s)
{
	if (s->seen < ETH_HLEN || is_group(s->h + ETH_DST) || is_group(s->h + ETH_SRC))
		return false;
	s->l3 = ETH_HLEN;
	for (u32 tags = 0;; tags++) {
		s->type = load_be16(s->h + s->l3 - sizeof(u16));
		if (s->type != ETH_TYPE_VLAN && s->type != ETH_TYPE_QINQ)
			return true;
		if (tags == VLAN_TAGS_MAX || s->seen < s->l3 + VLAN_HLEN)
			return false;
		s->l3 += VLAN_HLEN;
	}
}

/* Questions and their answers; all else counts as an error. */
static bool is_icmp_query(u8 type)
{
	static const u8 query[] = { 0, 8, 13, 14, 15, 16, 17, 18 };

	for (u32 i = 0; i < ARRAY_SIZE(query); i++) {
		if (query[i] == type)
			return true;
	}
	return false;
}

static bool may_answer_ip4(const struct sight *s)
{
	const u8 *ip = s->h + s->l3;
	u32 room = s->seen - s->l3, hlen;

	if (room < IP_HLEN)
		return false;
	hlen = (ip[IP_VER_IHL] & 15u) * 4;
	if (ip[IP_VER_IHL] >> 4 != 4 || hlen < IP_HLEN || room <= hlen ||
	    !ip4_is_unicast(load_be32(ip + IP_SRC)) || !ip4_is_unicast(load_be32(ip + IP_DST)) ||
	    (load_be16(ip + IP_FRAG) & IP_FRAG_OFFSET))
		return false;
	if (ip[IP_PROTO] == IP_PROTO_ICMP && !is_icmp_query(ip[hlen + ICMP_TYPE]))
		return false;
	/* A sender that said less did not make the frame so long. */
	if (!s->is_long && load_be16(ip + IP_TOTAL) <= s->mtu)
		return false;
	return s->mtu >= IP4_MTU_MIN;
}

/* What follows the IPv6 header allows an answer. */
static bool payload_allows(const u8 *ip, u32 room)
{
	u8 next = ip[IP6_NEXT];
	u32 at = IP6_HLEN;

	for (u32 i = 0; i < EXTENSIONS_MAX; i++) {
		if (at + EXTENSION_HLEN > room)
			return false;
		switch (next) {
		case NEXT_ICMP6:
			return ip[at] >= ICMP6_INFORMATIONAL;
		case NEXT_FRAGMENT:
			if (load_be16(ip + at + FRAGMENT_OFFSET) & FRAGMENT_OFFSET_MASK)
				return false;
			next = ip[at];
			at += EXTENSION_HLEN;
			break;
		case NEXT_HOP_BY_HOP:
		case NEXT_ROUTING:
		case NEXT_OPTIONS:
			next = ip[at];
			at += EXTENSION_HLEN + ip[at + EXTENSION_LEN] * EXTENSION_HLEN;
			break;
		default:
			return true;
		}
	}
	return false;
}

static bool may_answer_ip6(const struct sight *s)
{
	static const u8 nobody[IP6_ALEN];
	const u8 *ip = s->h + s->l3;
	u32 room = s->seen - s->l3;

	/* Whoever is told less than the least MTU has to ignore it (RFC 8201 section 4). */
	return room >= IP6_HLEN && ip[IP6_VERSION] >> 4 == 6 && s->mtu >= IP6_MTU_MIN &&
	       ip[IP6_SRC] != IP6_GROUP && ip[IP6_DST] != IP6_GROUP &&
	       memcmp(ip + IP6_SRC, nobody, IP6_ALEN) != 0 && payload_allows(ip, room);
}

/* An answer being written. */
struct answer {
	u8 *ip;
	u8 *icmp;
	u32 quote; /* bytes */
};

static void finish_ip4(const struct sight *s, const struct answer *a)
{
	const u8 *about = s->h + s->l3;
	u8 *ip = a->ip, *icmp = a->icmp, *quote = icmp + ICMP_HLEN;

	memset(ip, 0, IP_HLEN + ICMP_HLEN);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	ip[IP_TOS] = ERROR_TOS;
	store_be16(ip + IP_TOTAL, (u16)(IP_HLEN + ICMP_HLEN + a->quote));
	store_be16(ip + IP_FRAG, IP_FRAG_DF); /* and so no id (RFC 6864 section 4.1) */
	ip[IP_TTL] = IP_TTL_DEFAULT;
	ip[IP_PROTO] = IP_PROTO_ICMP;
	memcpy(ip + IP_SRC, about + IP_DST, sizeof(u32));
	memcpy(ip + IP_DST, about + IP_SRC, sizeof(u32));
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	if (s->is_long) {
		u32 hlen = (about[IP_VER_IHL] & 15u) * 4;

		store_be16(quote + IP_TOTAL, (u16)s->len);
		store_be16(quote + IP_CSUM, 0);
		csum_store(quote + IP_CSUM, csum_finish(csum_add(0, quote, hlen)));
	}
	icmp[ICMP_TYPE] = ICMP_UNREACHABLE;
	icmp[ICMP_CODE] = ICMP_CODE_FRAG_NEEDED;
	store_be16(icmp + ICMP_MTU, (u16)s->mtu);
	csum_store(icmp + ICMP_CSUM, csum_finish(csum_add(0, icmp, ICMP_HLEN + a->quote)));
}

static void finish_ip6(const struct sight *s, const struct answer *a)
{
	const u8 *about = s->h + s->l3;
	u8 *ip = a->ip, *icmp = a->icmp;
	u32 len = ICMP_HLEN + a->quote;
	u64 sum;

	memset(ip, 0, IP6_HLEN + ICMP_HLEN);
	store_be32(ip + IP6_VERSION, IP6_VERSION_WORD);
	store_be16(ip + IP6_LEN, (u16)len);
	ip[IP6_NEXT] = NEXT_ICMP6;
	ip[IP6_HOP] = IP_TTL_DEFAULT;
	memcpy(ip + IP6_SRC, about + IP6_DST, IP6_ALEN);
	memcpy(ip + IP6_DST, about + IP6_SRC, IP6_ALEN);
	if (s->is_long)
		store_be16(icmp + ICMP_HLEN + IP6_LEN, (u16)(s->len - IP6_HLEN));
	icmp[ICMP_TYPE] = ICMP6_TOO_BIG;
	store_be32(icmp + ICMP6_MTU, s->mtu);
	/* The pseudo header (RFC 8200 section 8.1): addresses, length, next header. */
	sum = csum_add(0, ip + IP6_SRC, IP6_ADDRS);
	sum = csum_add_pseudo(sum, 0, 0, NEXT_ICMP6, len);
	csum_store(icmp + ICMP_CSUM, csum_finish(csum_add(sum, icmp, len)));
}

static void write_answer(struct pkt *out, const struct pkt *p, const struct sight *s)
{
	bool ip4 = s->type == ETH_TYPE_IPV4;
	u32 headers = s->l3 + (ip4 ? IP_HLEN : IP6_HLEN) + ICMP_HLEN;
	u32 most = (ip4 ? ERROR4_MAX : ERROR6_MAX) + s->l3;
	u32 room = MIN(out->buf_size - pkt_headroom(out), most) - headers;
	struct answer a = {
		.ip = out->data + s->l3,
		.icmp = out->data + headers - ICMP_HLEN,
		.quote = MIN(MIN(s->len, p->len - s->l3), room),
	};

	memcpy(out->data, s->h, s->l3);
	memcpy(out->data + ETH_DST, s->h + ETH_SRC, ETH_ALEN);
	memcpy(out->data + ETH_SRC, s->h + ETH_DST, ETH_ALEN);
	pkt_copy_out(p, s->l3, a.icmp + ICMP_HLEN, a.quote);
	out->head_len = out->len = headers + a.quote;
	if (ip4)
		finish_ip4(s, &a);
	else
		finish_ip6(s, &a);
}

bool toobig_answer(struct pkt *out, const struct pkt *p, u32 frame_max)
{
	u8 look[LOOK_MAX];
	struct sight s = {
		.h = look,
		.seen = MIN(p->len, (u32)LOOK_MAX),
		.is_long = p->gso_type != PKT_GSO_NONE,
	};

	pkt_copy_out(p, 0, look, s.seen);
	if (!read_ethernet(&s) || frame_max <= s.l3)
		return false;
	s.mtu = MIN(frame_max - s.l3, IP_TOTAL_MAX);
	s.len = pkt_wire_len(p) - s.l3;
	if (s.len <= s.mtu || s.len > IP_TOTAL_MAX)
		return false;
	if (!(s.type == ETH_TYPE_IPV4 && may_answer_ip4(&s)) &&
	    !(s.type == ETH_TYPE_IPV6 && may_answer_ip6(&s)))
		return false;
	write_answer(out, p, &s);
	return true;
}
