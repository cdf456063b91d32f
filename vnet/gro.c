/* SPDX-License-Identifier: BSD-2-Clause */
/* Receive coalescing of TCP over IPv4 and IPv6 (RFC 791, 8200, 9293), see gro.h. */
#include "vnet/gro.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/gso.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define L3 ETH_HLEN
#define L4_MAX (ETH_HLEN + IP6_HLEN)
#define TCP_ACK 8u /* acknowledgement number */
#define TCP_WINDOW 14u
#define TCP_URGENT 18u
#define TCP_F_ACK 0x10u
#define TCP_RESERVED 0x0fu /* in TCP_DOFF: flags of later days */

STATIC_ASSERT(GRO_AT_TYPE == ETH_TYPE && GRO_AT_PROTO == L3 + IP_PROTO &&
	      GRO_TYPE_IPV4 == ETH_TYPE_IPV4 && GRO_PROTO_TCP == IP_PROTO_TCP, "see wire.h");
STATIC_ASSERT(L4_MAX + 60u <= GRO_HEADERS_MAX, "TCP headers have up to 60 bytes");

#define IP6_VERSION_6 0x60u
#define IP6_VERSION_MASK 0xf0u

/* A frame that may be a piece. */
struct piece {
	const u8 *frame;
	u32 seq;
	u16 l4; /* where the TCP header begins */
	u16 header_len;
	u16 payload;
	bool ipv6;
	bool push;
};

/* Plain TCP over IPv4 without options, whole, or over IPv6 without further headers; with
 * lengths that agree. */
static bool l3_parse(const struct pkt *p, struct piece *d)
{
	const u8 *ip = p->data + L3;
	u16 type = load_be16(p->data + ETH_TYPE);

	d->ipv6 = type == ETH_TYPE_IPV6;
	d->l4 = (u16)(L3 + (d->ipv6 ? IP6_HLEN : IP_HLEN));
	if (p->head_len <= d->l4 + TCP_HLEN)
		return false;
	if (d->ipv6)
		return (ip[IP6_VERSION] & IP6_VERSION_MASK) == IP6_VERSION_6 &&
		       ip[IP6_NEXT] == IP_PROTO_TCP &&
		       load_be16(ip + IP6_LEN) == p->head_len - d->l4;
	return type == ETH_TYPE_IPV4 && ip[IP_VER_IHL] == IP_VER_IHL_PLAIN &&
	       ip[IP_PROTO] == IP_PROTO_TCP &&
	       !(load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)) &&
	       load_be16(ip + IP_TOTAL) == p->head_len - L3;
}

/* Plain data of a TCP flow, whole in one buffer, with nothing to decide on. */
static bool piece_parse(const struct pkt *p, struct piece *d)
{
	const u8 *tcp;
	u32 header_len;

	if (p->nseg || p->gso_type != PKT_GSO_NONE || (p->flags & PKT_F_NEEDS_CSUM) ||
	    p->head_len <= ETH_HLEN || !l3_parse(p, d))
		return false;
	tcp = p->data + d->l4;
	header_len = d->l4 + (tcp[TCP_DOFF] >> 4) * 4u;
	if (header_len < d->l4 + TCP_HLEN || header_len >= p->head_len ||
	    (tcp[TCP_DOFF] & TCP_RESERVED) || (tcp[TCP_FLAGS] & ~TCP_PSH) != TCP_F_ACK)
		return false;
	d->frame = p->data;
	d->seq = load_be32(tcp + TCP_SEQ);
	d->header_len = (u16)header_len;
	d->payload = (u16)(p->head_len - header_len);
	d->push = tcp[TCP_FLAGS] & TCP_PSH;
	return true;
}

static bool same_l3(const struct piece *a, const struct piece *b)
{
	const u8 *x = a->frame + L3, *y = b->frame + L3;

	if (a->ipv6)
		return !memcmp(x, y, IP6_LEN) && !memcmp(x + IP6_NEXT, y + IP6_NEXT,
							 IP6_HLEN - IP6_NEXT);
	return x[IP_TOS] == y[IP_TOS] && !memcmp(x + IP_FRAG, y + IP_FRAG, IP_CSUM - IP_FRAG) &&
	       !memcmp(x + IP_SRC, y + IP_SRC, IP_HLEN - IP_SRC);
}

/* Headers that differ in nothing but length, id, sequence number, PSH and
 * checksums. */
static bool same_flow(const struct piece *a, const struct piece *b)
{
	const u8 *x = a->frame + a->l4, *y = b->frame + a->l4;

	return a->header_len == b->header_len && !memcmp(a->frame, b->frame, ETH_HLEN) &&
	       same_l3(a, b) && !memcmp(x, y, TCP_SEQ) &&
	       !memcmp(x + TCP_ACK, y + TCP_ACK, TCP_DOFF - TCP_ACK) &&
	       !memcmp(x + TCP_WINDOW, y + TCP_WINDOW, TCP_CSUM - TCP_WINDOW) &&
	       !memcmp(x + TCP_URGENT, y + TCP_URGENT, a->header_len - a->l4 - TCP_URGENT);
}

/* The pseudo header's (RFC 9293 section 3.1, RFC 8200 section 8.1). */
static u64 addresses_sum(const struct piece *d, u32 tcp_len)
{
	const u8 *ip = d->frame + L3;
	const u8 rest[4] = { 0, IP_PROTO_TCP, (u8)(tcp_len >> 8), (u8)tcp_len };

	if (d->ipv6)
		return csum_add(csum_add(0, ip + IP6_SRC, IP6_ADDRS), rest, sizeof(rest));
	return csum_add_pseudo(0, load_be32(ip + IP_SRC), load_be32(ip + IP_DST), IP_PROTO_TCP,
			       tcp_len);
}

/* All checksums: a joined segment vouches for what the guest cannot check. */
static bool sums_right(const struct piece *d)
{
	u32 tcp_len = (u32)d->header_len - d->l4 + d->payload;

	return (d->ipv6 || !csum_finish(csum_add(0, d->frame + L3, IP_HLEN))) &&
	       !csum_finish(csum_add(addresses_sum(d, tcp_len), d->frame + d->l4, tcp_len));
}

/* The header of the whole from that of the first piece. */
static void write_header(struct gro_run *run, const struct piece *first, bool push)
{
	u8 *ip = run->header + L3, *tcp = run->header + first->l4;

	memcpy(run->header, first->frame, first->header_len);
	if (first->ipv6) {
		store_be16(ip + IP6_LEN, (u16)(run->len - first->l4));
	} else {
		store_be16(ip + IP_TOTAL, (u16)(run->len - L3));
		store_be16(ip + IP_CSUM, 0);
		csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	}
	if (push)
		tcp[TCP_FLAGS] |= TCP_PSH;
	/* The sum of the pseudo header, not complemented. */
	csum_store(tcp + TCP_CSUM, (u16)~csum_finish(addresses_sum(first, run->len - first->l4)));
}

u32 gro_begin(struct pkt *const *pkts, u32 n, u32 caps, struct gro_run *run)
{
	struct piece first, last, next;

	/* What is shorter than any segment that we would take to be cut is not made one. */
	if (n < 2 || !piece_parse(pkts[0], &first) || first.payload < GSO_SIZE_MIN ||
	    !(caps & (first.ipv6 ? PKT_CAP_TSO6 : PKT_CAP_TSO4)))
		return 1;
	last = first;
	run->count = 1;
	run->len = (u32)first.header_len + first.payload;
	for (u32 i = 1; i < n; i++) {
		/* A short piece and PSH end what the sender sent as one. */
		if (last.push || last.payload != first.payload || !piece_parse(pkts[i], &next) ||
		    next.payload > first.payload || next.seq != last.seq + last.payload ||
		    run->len + next.payload - L3 > IP_TOTAL_MAX || !same_flow(&first, &next) ||
		    (i == 1 && !sums_right(&first)) || !sums_right(&next))
			break;
		run->len += next.payload;
		run->count++;
		last = next;
	}
	if (run->count < 2)
		return 1;
	run->header_len = first.header_len;
	run->csum_start = first.l4;
	run->gso_type = first.ipv6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4;
	run->csum_offset = TCP_CSUM;
	run->gso_size = first.payload;
	write_header(run, &first, last.push);
	return run->count;
}
