/* SPDX-License-Identifier: BSD-2-Clause */
/* Receive coalescing of TCP over IPv4 (RFC 791, RFC 9293), see gro.h. */
#include "vnet/gro.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define L3 ETH_HLEN
#define L4 (ETH_HLEN + IP_HLEN)
#define TCP_ACK 8u /* acknowledgement number */
#define TCP_WINDOW 14u
#define TCP_URGENT 18u
#define TCP_F_ACK 0x10u

STATIC_ASSERT(L4 + 60u <= GRO_HEADERS_MAX, "TCP headers have up to 60 bytes");

/* A frame that may be a piece. */
struct piece {
	const u8 *frame;
	u32 seq;
	u16 header_len;
	u16 payload;
	bool push;
};

/* Plain data of a TCP flow, whole in one buffer, with nothing to decide on. */
static bool piece_parse(const struct pkt *p, struct piece *d)
{
	const u8 *ip = p->data + L3, *tcp = p->data + L4;
	u32 total, header_len;

	if (p->nseg || p->gso_type != PKT_GSO_NONE || (p->flags & PKT_F_NEEDS_CSUM) ||
	    p->head_len <= L4 + TCP_HLEN || load_be16(p->data + ETH_TYPE) != ETH_TYPE_IPV4 ||
	    ip[IP_VER_IHL] != IP_VER_IHL_PLAIN || ip[IP_PROTO] != IP_PROTO_TCP ||
	    (load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)))
		return false;
	total = load_be16(ip + IP_TOTAL);
	header_len = L4 + (tcp[TCP_DOFF] >> 4) * 4u;
	if (total != p->head_len - L3 || header_len < L4 + TCP_HLEN || header_len >= p->head_len ||
	    (tcp[TCP_FLAGS] & ~TCP_PSH) != TCP_F_ACK)
		return false;
	*d = (struct piece){
		.frame = p->data,
		.seq = load_be32(tcp + TCP_SEQ),
		.header_len = (u16)header_len,
		.payload = (u16)(p->head_len - header_len),
		.push = tcp[TCP_FLAGS] & TCP_PSH,
	};
	return true;
}

/* Headers that differ in nothing but length, id, sequence number, PSH and
 * checksums. */
static bool same_flow(const struct piece *a, const struct piece *b)
{
	const u8 *x = a->frame, *y = b->frame;

	return a->header_len == b->header_len && !memcmp(x, y, ETH_HLEN) &&
	       x[L3 + IP_TOS] == y[L3 + IP_TOS] &&
	       !memcmp(x + L3 + IP_FRAG, y + L3 + IP_FRAG, IP_CSUM - IP_FRAG) &&
	       !memcmp(x + L3 + IP_SRC, y + L3 + IP_SRC, IP_HLEN - IP_SRC + TCP_SEQ) &&
	       !memcmp(x + L4 + TCP_ACK, y + L4 + TCP_ACK, TCP_DOFF - TCP_ACK) &&
	       !memcmp(x + L4 + TCP_WINDOW, y + L4 + TCP_WINDOW, TCP_CSUM - TCP_WINDOW) &&
	       !memcmp(x + L4 + TCP_URGENT, y + L4 + TCP_URGENT, a->header_len - L4 - TCP_URGENT);
}

static u64 addresses_sum(const u8 *frame, u32 tcp_len)
{
	const u8 *ip = frame + L3;

	return csum_add_pseudo(0, load_be32(ip + IP_SRC), load_be32(ip + IP_DST), IP_PROTO_TCP,
			       tcp_len);
}

/* Both checksums: a joined segment vouches for what the guest cannot check. */
static bool sums_right(const struct piece *d)
{
	u32 tcp_len = d->header_len - L4 + d->payload;

	return !csum_finish(csum_add(0, d->frame + L3, IP_HLEN)) &&
	       !csum_finish(csum_add(addresses_sum(d->frame, tcp_len), d->frame + L4, tcp_len));
}

/* The header of the whole from that of the first piece. */
static void write_header(struct gro_run *run, const struct piece *first, bool push)
{
	u8 *ip = run->header + L3, *tcp = run->header + L4;

	memcpy(run->header, first->frame, first->header_len);
	store_be16(ip + IP_TOTAL, (u16)(run->len - L3));
	store_be16(ip + IP_CSUM, 0);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	if (push)
		tcp[TCP_FLAGS] |= TCP_PSH;
	/* The sum of the pseudo header, not complemented. */
	csum_store(tcp + TCP_CSUM,
		   (u16)~csum_finish(addresses_sum(first->frame, run->len - L4)));
}

u32 gro_begin(struct pkt *const *pkts, u32 n, struct gro_run *run)
{
	struct piece first, last, next;

	if (n < 2 || !piece_parse(pkts[0], &first))
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
	run->csum_start = L4;
	run->csum_offset = TCP_CSUM;
	run->gso_size = first.payload;
	write_header(run, &first, last.push);
	return run->count;
}
