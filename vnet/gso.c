/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums and segmentation in software (RFC 1071, RFC 9293). The headers
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

/* Where the TCP header behind the IPv4 header at l3 begins; 0: it is none, or
 * it is a fragment's. */
static u32 find_tcp4(struct pkt *p, u32 l3)
{
	const u8 *ip = p->data + l3;
	u32 hlen;

	if (!have(p, l3 + IP_HLEN) || ip[IP_VER_IHL] >> 4 != 4 || ip[IP_PROTO] != IP_PROTO_TCP ||
	    (load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)))
		return 0;
	hlen = (ip[IP_VER_IHL] & 15u) * 4;
	return hlen >= IP_HLEN && p->len - l3 <= IP_TOTAL_MAX ? l3 + hlen : 0;
}

/* As find_tcp4(); a header without extensions. */
static u32 find_tcp6(struct pkt *p, u32 l3)
{
	const u8 *ip = p->data + l3;

	if (!have(p, l3 + IP6_HLEN) || ip[IP6_VERSION] >> 4 != 6 || ip[IP6_NEXT] != IP_PROTO_TCP ||
	    p->len - l3 - IP6_HLEN > IP_TOTAL_MAX)
		return 0;
	return l3 + IP6_HLEN;
}

static err_t check_long(struct pkt *p)
{
	u16 type = 0;
	u32 l3 = find_l3(p, &type), tcp = 0, payload;

	if (l3 && p->gso_type == PKT_GSO_TCP4 && type == ETH_TYPE_IPV4)
		tcp = find_tcp4(p, l3);
	else if (l3 && p->gso_type == PKT_GSO_TCP6 && type == ETH_TYPE_IPV6)
		tcp = find_tcp6(p, l3);
	if (!tcp || p->csum_start != tcp || p->csum_offset != TCP_CSUM ||
	    !(p->flags & PKT_F_NEEDS_CSUM) || p->gso_size < GSO_SIZE_MIN)
		return ERR_INVAL;
	if (!have(p, tcp + TCP_HLEN))
		return ERR_INVAL;
	payload = tcp + (p->data[tcp + TCP_DOFF] >> 4) * 4u;
	if (payload < tcp + TCP_HLEN || !have(p, payload))
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
	if (p->gso_type == PKT_GSO_TCP4)
		cut->addr_sum = csum_add(0, ip + IP_SRC, 2 * (IP_DST - IP_SRC));
	else
		cut->addr_sum = csum_add(0, ip + IP6_SRC, IP6_ADDRS);
}

/* What differs in the network header of segment i, of len bytes from there. */
static void fix_l3(const struct pkt *p, u8 *ip, u32 i, u32 len)
{
	if (p->gso_type == PKT_GSO_TCP6) {
		store_be16(ip + IP6_LEN, (u16)(len - IP6_HLEN));
		return;
	}
	store_be16(ip + IP_TOTAL, (u16)len);
	store_be16(ip + IP_ID, (u16)(load_be16(ip + IP_ID) + i));
	store_be16(ip + IP_CSUM, 0);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, p->csum_start - p->l3_start)));
}

/* What differs in the TCP header of segment i; q has its payload. */
static void fix_tcp(const struct gso_cut *cut, struct pkt *q, u32 i)
{
	const struct pkt *p = cut->p;
	u8 *tcp = q->data + p->csum_start;
	u32 len = q->len - p->csum_start;
	u8 pseudo[4] = { 0, IP_PROTO_TCP, (u8)(len >> 8), (u8)len };
	u64 sum = csum_add(cut->addr_sum, pseudo, sizeof(pseudo));

	store_be32(tcp + TCP_SEQ, load_be32(tcp + TCP_SEQ) + i * p->gso_size);
	if (i + 1 < cut->count)
		tcp[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	if (i > 0)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR; /* RFC 3168 section 6.1.2: said once */
	store_be16(tcp + TCP_CSUM, 0);
	csum_store(tcp + TCP_CSUM, csum_finish(csum_add_pkt(sum, q, p->csum_start, len)));
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
	q->egress = p->egress;
	fix_l3(p, q->data + p->l3_start, i, q->len - p->l3_start);
	fix_tcp(cut, q, i);
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
	p->data[p->csum_start + TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	return ERR_OK;
}
