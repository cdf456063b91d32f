/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums and segmentation in software (RFC 1071, RFC 9293, RFC 768). The headers
 * looked at are those in the header fragment, which no guest can change any
 * more; the payload is read once, for its checksum.
 */
#include "vnet/gso.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define CSUM_BYTES 2u
#define VLAN_TAGS_MAX 2u

STATIC_ASSERT(ETH_HLEN + VLAN_TAGS_MAX * VLAN_HLEN + 2 * 60u <= GSO_HEADERS_MAX,
	      "IPv4 and TCP headers of 60 bytes each fit");
STATIC_ASSERT(GSO_HEADERS_MAX <= PKT_COPY_WHOLE, "clones have them to themselves");

/* What the headers of each kind of long frame are. */
static const struct kind {
	u16 type;	 /* EtherType */
	u8 proto;	 /* behind the IP header */
	u8 csum_offset;
	u8 header;	 /* bytes of the L4 header at least */
} kinds[PKT_GSO_COUNT] = {
	[PKT_GSO_TCP4] = { ETH_TYPE_IPV4, IP_PROTO_TCP, TCP_CSUM, TCP_HLEN },
	[PKT_GSO_TCP6] = { ETH_TYPE_IPV6, IP_PROTO_TCP, TCP_CSUM, TCP_HLEN },
	[PKT_GSO_UDP4] = { ETH_TYPE_IPV4, IP_PROTO_UDP, UDP_CSUM, UDP_HLEN },
	[PKT_GSO_UDP6] = { ETH_TYPE_IPV6, IP_PROTO_UDP, UDP_CSUM, UDP_HLEN },
};

static const struct kind *kind_of(const struct pkt *p)
{
	return &kinds[p->gso_type];
}

u32 gso_cap(enum pkt_gso type)
{
	static const u8 caps[PKT_GSO_COUNT] = {
		[PKT_GSO_TCP4] = PKT_CAP_TSO4,
		[PKT_GSO_TCP6] = PKT_CAP_TSO6,
		[PKT_GSO_UDP4] = PKT_CAP_USO4,
		[PKT_GSO_UDP6] = PKT_CAP_USO6,
	};

	return caps[type];
}

/* --- checking ------------------------------------------------------------- */

/* Have the first n bytes in the header fragment. */
static bool have(struct pkt *p, u32 n)
{
	return n <= GSO_HEADERS_MAX && pkt_pullup(p, n);
}

/* Where the network header begins and the EtherType in front of it. 0: nowhere. */
static u32 find_l3(struct pkt *p, u16 *type)
{
	u32 at = ETH_HLEN;

	for (u32 tags = 0; have(p, at); tags++, at += VLAN_HLEN) {
		*type = load_be16(p->data + at - 2);
		if (*type != ETH_TYPE_VLAN && *type != ETH_TYPE_QINQ)
			return at;
		if (tags == VLAN_TAGS_MAX)
			break;
	}
	return 0;
}

/* Where the L4 header behind the IPv4 header at l3 begins; 0: it is of another
 * protocol, or a fragment's. */
static u32 find_l4_ipv4(struct pkt *p, u32 l3, u8 proto)
{
	const u8 *ip = p->data + l3;
	u32 hlen;

	if (!have(p, l3 + IP_HLEN) || ip[IP_VER_IHL] >> 4 != 4 || ip[IP_PROTO] != proto ||
	    (load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)))
		return 0;
	hlen = (ip[IP_VER_IHL] & 15u) * 4;
	return hlen >= IP_HLEN && p->len - l3 <= IP_TOTAL_MAX ? l3 + hlen : 0;
}

/* As find_l4_ipv4(); a header without extensions. */
static u32 find_l4_ipv6(struct pkt *p, u32 l3, u8 proto)
{
	const u8 *ip = p->data + l3;

	if (!have(p, l3 + IP6_HLEN) || ip[IP6_VERSION] >> 4 != 6 || ip[IP6_NEXT] != proto ||
	    p->len - l3 - IP6_HLEN > IP_TOTAL_MAX)
		return 0;
	return l3 + IP6_HLEN;
}

/* Where the L4 header of a frame of its kind begins; 0: it is another kind's. */
static u32 find_l4(struct pkt *p, u32 *l3)
{
	u16 type = 0;

	*l3 = find_l3(p, &type);
	if (p->gso_type == PKT_GSO_UDP4 && type == ETH_TYPE_IPV6)
		p->gso_type = PKT_GSO_UDP6;
	if (!*l3 || type != kind_of(p)->type)
		return 0;
	return type == ETH_TYPE_IPV4 ? find_l4_ipv4(p, *l3, kind_of(p)->proto)
				     : find_l4_ipv6(p, *l3, kind_of(p)->proto);
}

static err_t check_long(struct pkt *p)
{
	u32 l3, l4 = find_l4(p, &l3), payload;
	const struct kind *kind = kind_of(p);

	if (!l4 || p->csum_start != l4 || p->csum_offset != kind->csum_offset ||
	    !(p->flags & PKT_F_NEEDS_CSUM) || p->gso_size < GSO_SIZE_MIN)
		return ERR_INVAL;
	if (!have(p, l4 + kind->header))
		return ERR_INVAL;
	payload = l4 + kind->header;
	if (kind->proto == IP_PROTO_TCP)
		payload = l4 + (p->data[l4 + TCP_DOFF] >> 4) * 4u;
	if (payload < l4 + kind->header || !have(p, payload))
		return ERR_INVAL;
	if (p->len - payload <= p->gso_size) {
		p->gso_type = PKT_GSO_NONE;
		p->gso_size = 0;
		return ERR_OK;
	}
	p->l3_start = (u16)l3;
	p->payload_start = (u16)payload;
	p->gso_segs = (u16)((p->len - payload + p->gso_size - 1) / p->gso_size);
	return ERR_OK;
}

err_t gso_check(struct pkt *p)
{
	if (p->gso_type != PKT_GSO_NONE)
		return check_long(p);
	if (p->csum_start < ETH_HLEN ||
	    !have(p, (u32)p->csum_start + p->csum_offset + CSUM_BYTES))
		return ERR_INVAL;
	return ERR_OK;
}

/* --- checksums ------------------------------------------------------------ */

void gso_checksum(struct pkt *p)
{
	u16 csum = csum_finish(csum_add_pkt(0, p, p->csum_start, p->len - p->csum_start));

	/* RFC 768: 0 would mean none; its other form is as good for TCP. */
	csum_store(p->data + p->csum_start + p->csum_offset, csum ? csum : 0xffff);
	p->flags &= (u8)~PKT_F_NEEDS_CSUM;
}

/* --- cutting -------------------------------------------------------------- */

void gso_cut_begin(struct gso_cut *cut, struct pkt *p)
{
	const u8 *ip = p->data + p->l3_start;

	*cut = (struct gso_cut){ .p = p, .count = p->gso_segs };
	if (kind_of(p)->type == ETH_TYPE_IPV4)
		cut->addr_sum = csum_add(0, ip + IP_SRC, 2 * (IP_DST - IP_SRC));
	else
		cut->addr_sum = csum_add(0, ip + IP6_SRC, IP6_ADDRS);
}

/* What differs in the network header of segment i, of len bytes from there. */
static void fix_l3(const struct pkt *p, u8 *ip, u32 i, u32 len)
{
	if (kind_of(p)->type == ETH_TYPE_IPV6) {
		store_be16(ip + IP6_LEN, (u16)(len - IP6_HLEN));
		return;
	}
	store_be16(ip + IP_TOTAL, (u16)len);
	store_be16(ip + IP_ID, (u16)(load_be16(ip + IP_ID) + i));
	store_be16(ip + IP_CSUM, 0);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, p->csum_start - p->l3_start)));
}

/* What differs in the TCP header of segment i, its checksum aside. */
static void fix_tcp(const struct gso_cut *cut, u8 *tcp, u32 i)
{
	store_be32(tcp + TCP_SEQ, load_be32(tcp + TCP_SEQ) + i * cut->p->gso_size);
	if (i + 1 < cut->count)
		tcp[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	if (i > 0)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR; /* RFC 3168 section 6.1.2: said once */
}

/* What differs in the L4 header of segment i; q has its payload. */
static void fix_l4(const struct gso_cut *cut, struct pkt *q, u32 i)
{
	const struct pkt *p = cut->p;
	u8 *l4 = q->data + p->csum_start, proto = kind_of(p)->proto;
	u32 len = q->len - p->csum_start;
	u8 pseudo[4] = { 0, proto, (u8)(len >> 8), (u8)len };
	u64 sum = csum_add(cut->addr_sum, pseudo, sizeof(pseudo));
	u16 csum;

	if (proto == IP_PROTO_TCP)
		fix_tcp(cut, l4, i);
	else
		store_be16(l4 + UDP_LEN, (u16)len);
	store_be16(l4 + p->csum_offset, 0);
	csum = csum_finish(csum_add_pkt(sum, q, p->csum_start, len));
	/* RFC 768: a sum of 0 is sent as its other form. */
	csum_store(l4 + p->csum_offset, csum || proto == IP_PROTO_TCP ? csum : 0xffff);
}

/* Segment i as a packet of its own; NULL when the pool is empty. */
static struct pkt *make_segment(const struct gso_cut *cut, struct pkt_pool *pool, u32 i)
{
	struct pkt *p = cut->p, *q;
	u32 at = p->payload_start + i * p->gso_size;

	q = pkt_slice(pool, p, at, MIN(p->gso_size, p->len - at));
	if (!q)
		return NULL;
	/* Behind the head room, which stays for outer headers. */
	memcpy(q->data, p->data, p->payload_start);
	q->head_len = p->payload_start;
	q->len += p->payload_start;
	fix_l3(p, q->data + p->l3_start, i, q->len - p->l3_start);
	fix_l4(cut, q, i);
	return q;
}

u32 gso_cut_next(struct gso_cut *cut, struct pkt_pool *pool, struct pkt **out, u32 max)
{
	u32 n = 0;

	while (n < max && cut->next < cut->count) {
		struct pkt *q = make_segment(cut, pool, cut->next);

		if (!q)
			break;
		cut->next++;
		out[n++] = q;
	}
	return n;
}

/* Make p end at len bytes. Its memory stays as it is: others may refer to it,
 * so segments that are empty now stay in place with their owners. */
static void trim(struct pkt *p, u32 len)
{
	u32 at = MIN(p->head_len, len);

	p->head_len = at;
	for (u32 i = 0; i < p->nseg; i++) {
		p->seg[i].len = MIN(p->seg[i].len, len - at);
		at += p->seg[i].len;
	}
	while (p->nseg && !p->seg[p->nseg - 1].len && !p->seg[p->nseg - 1].owner)
		p->nseg--;
	p->len = len;
}

err_t gso_split_tail(struct pkt_pool *pool, struct pkt *p, struct pkt **tail)
{
	struct gso_cut cut;
	u32 even = (p->gso_segs - 1u) * p->gso_size;

	*tail = NULL;
	if (p->len - p->payload_start - even == p->gso_size)
		return ERR_OK;
	gso_cut_begin(&cut, p);
	*tail = make_segment(&cut, pool, cut.count - 1);
	if (!*tail)
		return ERR_NOMEM;
	trim(p, p->payload_start + even);
	p->gso_segs--;
	/* The end of the data is the tail's to say. */
	if (kind_of(p)->proto == IP_PROTO_TCP)
		p->data[p->csum_start + TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	return ERR_OK;
}
