/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer can send as pieces of a TCP flow: out of order, overlapping, twice, of several
 * segments or flows, with any bytes changed, checksums right or wrong. What is
 * joined must be what segmentation makes these very pieces of again.
 *
 * Input: struct stream, then edits of it, carried out in order.
 */
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/vnet_fake.h"
#include "vnet/gro.h"
#include "vnet/gso.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define PIECES 16u
#define POOL (3 * PIECES)
#define MSS_MAX 1400u
#define OPTIONS 12u
#define TCP_ACK_NUMBER 8u

struct stream {
	u8 ipv6, pieces, mss[2], last[2];
};

/* One lie. */
struct edit {
	u8 piece, what, value[2];
};

enum edit_what {
	POKE,	   /* a byte of the headers, and the checksums made right again */
	POKE_RAW,  /* ... or left as they are */
	SEQ,	   /* moved: overlapping, missing, of another segment */
	SHORTEN,   /* behind its end there is nothing */
	LENGTHEN,  /* bytes that the lengths in it know nothing of */
	COPY,	   /* the piece before once more */
	SWAP,	   /* with the next one */
	OFFLOADED, /* said to be unfinished */
	EDITS,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pkt_pool pool;
static struct pkt *pkts[PIECES];
static u8 whole[PIECES * 2048];
static u32 l4, headers;
static bool ipv6;

static void finish(struct pkt *p)
{
	u8 *f = p->data;
	u32 len = p->len - l4;
	u64 sum;

	if (p->len < headers)
		return;
	if (ipv6) {
		const u8 rest[4] = { 0, IP_PROTO_TCP, (u8)(len >> 8), (u8)len };

		store_be16(f + ETH_HLEN + IP6_LEN, (u16)len);
		sum = csum_add(0, f + ETH_HLEN + IP6_SRC, IP6_ADDRS);
		sum = csum_add(sum, rest, sizeof(rest));
	} else {
		store_be16(f + ETH_HLEN + IP_TOTAL, (u16)(p->len - ETH_HLEN));
		store_be16(f + ETH_HLEN + IP_CSUM, 0);
		csum_store(f + ETH_HLEN + IP_CSUM,
			   csum_finish(csum_add(0, f + ETH_HLEN, IP_HLEN)));
		sum = csum_add_pseudo(0, load_be32(f + ETH_HLEN + IP_SRC),
				      load_be32(f + ETH_HLEN + IP_DST), IP_PROTO_TCP, len);
	}
	store_be16(f + l4 + TCP_CSUM, 0);
	csum_store(f + l4 + TCP_CSUM, csum_finish(csum_add(sum, f + l4, len)));
}

static struct pkt *make(u32 seq, u32 payload, bool last)
{
	struct pkt *p = pkt_get(&pool);
	u8 *f = p->data, *ip = f + ETH_HLEN, *tcp = f + l4;

	p->len = p->head_len = headers + payload;
	memset(f, 0, headers);
	f[0] = f[6] = 2;
	store_be16(f + ETH_TYPE, ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	if (ipv6) {
		ip[IP6_VERSION] = 0x60;
		ip[IP6_NEXT] = IP_PROTO_TCP;
		ip[IP6_HOP] = 64;
	} else {
		ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
		store_be16(ip + IP_FRAG, IP_FRAG_DF);
		ip[IP_TTL] = 64;
		ip[IP_PROTO] = IP_PROTO_TCP;
	}
	store_be32(tcp + TCP_SEQ, seq);
	store_be32(tcp + TCP_ACK_NUMBER, 77);
	tcp[TCP_DOFF] = (TCP_HLEN + OPTIONS) / 4 << 4;
	tcp[TCP_FLAGS] = last ? 0x18 : 0x10;
	for (u32 i = 0; i < payload; i++)
		f[headers + i] = (u8)(seq + i);
	finish(p);
	return p;
}

static void change(const struct edit *e, u32 n)
{
	u32 at = e->piece % n, value = load_le16(e->value);
	struct pkt *p = pkts[at], *other;

	switch (e->what % EDITS) {
	case POKE:
	case POKE_RAW:
		p->data[value % MIN(headers, MAX(p->len, 1u))] ^= e->piece | 1;
		break;
	case SEQ:
		if (p->len >= headers)
			store_be32(p->data + l4 + TCP_SEQ,
				   load_be32(p->data + l4 + TCP_SEQ) + value - 0x8000);
		break;
	case SHORTEN:
		p->len = p->head_len = value % (p->len + 1);
		break;
	case LENGTHEN:
		p->len = p->head_len = MIN(p->len + value % 64, FAKE_BUF - PKT_HEADROOM);
		return;
	case COPY:
		other = pkts[at ? at - 1 : 0];
		p->len = p->head_len = other->len;
		memmove(p->data, other->data, other->len);
		return;
	case SWAP:
		pkts[at] = pkts[(at + 1) % n];
		pkts[(at + 1) % n] = p;
		return;
	case OFFLOADED:
		p->flags |= PKT_F_NEEDS_CSUM;
		return;
	}
	if (e->what % EDITS != POKE_RAW && !(value & 1))
		finish(p);
}

/* Cut again, each piece is what it was, but for what segmentation numbers by itself. */
static void same(const struct pkt *piece, const struct pkt *cut)
{
	static u8 out[FAKE_BUF], in[FAKE_BUF];
	u8 *ip = out + ETH_HLEN, *was = in + ETH_HLEN;

	ASSERT(cut->len == piece->len && !pkt_is_offloaded(cut));
	pkt_copy_out(cut, 0, out, cut->len);
	pkt_copy_out(piece, 0, in, piece->len);
	if (!ipv6) {
		ASSERT(csum_finish(csum_add(0, ip, IP_HLEN)) == 0);
		memcpy(ip + IP_ID, was + IP_ID, 2);
		memcpy(ip + IP_CSUM, was + IP_CSUM, 2);
	}
	ASSERT(!memcmp(out, in, piece->len));
}

static void cut_again(struct pkt *const *pieces, const struct gro_run *run)
{
	struct pkt *p = pkt_get(&pool), *q;
	struct gso_cut cut;
	u32 len = run->header_len, n = 0;

	memcpy(whole, run->header, len);
	for (u32 i = 0; i < run->count; i++) {
		u32 part = pieces[i]->head_len - run->header_len;

		ASSERT(pieces[i]->head_len > run->header_len && part <= run->gso_size);
		memcpy(whole + len, pieces[i]->data + run->header_len, part);
		len += part;
	}
	ASSERT(len == run->len && len <= ETH_HLEN + IP_TOTAL_MAX);
	memcpy(p->data, whole, run->header_len);
	p->head_len = p->len = run->header_len;
	ASSERT(!pkt_add_seg(p, whole + run->header_len, (bus_t){ 0 }, len - run->header_len, NULL));
	p->flags = PKT_F_NEEDS_CSUM;
	p->gso_type = run->gso_type;
	p->gso_size = run->gso_size;
	p->csum_start = run->csum_start;
	p->csum_offset = run->csum_offset;
	ASSERT(!gso_check(p) && pkt_wire_frames(p) == run->count);
	gso_cut_begin(&cut, p);
	for (; gso_cut_next(&cut, &pool, &q, 1); n++) {
		same(pieces[n], q);
		pkt_put(q);
	}
	ASSERT(n == run->count);
	pkt_put(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gro_run run;
	struct stream s;
	struct edit e;
	u32 n, mss, seq = UINT32_MAX - 5000; /* it wraps on the way */

	if (size < sizeof(s))
		return 0;
	memcpy(&s, data, sizeof(s));
	ipv6 = s.ipv6 & 1;
	l4 = ETH_HLEN + (ipv6 ? IP6_HLEN : IP_HLEN);
	headers = l4 + TCP_HLEN + OPTIONS;
	n = 1 + s.pieces % PIECES;
	mss = 1 + load_le16(s.mss) % MSS_MAX;
	fake_pool_init(&pool, "pool", 0, POOL);
	for (u32 i = 0; i < n; i++, seq += mss)
		pkts[i] = make(seq, i + 1 < n ? mss : 1 + load_le16(s.last) % mss, i + 1 == n);
	for (size_t at = sizeof(s); at + sizeof(e) <= size; at += sizeof(e)) {
		memcpy(&e, data + at, sizeof(e));
		change(&e, n);
	}
	for (u32 i = 0, count; i < n; i += count) {
		count = gro_begin(pkts + i, n - i, PKT_CAP_TSO4 | PKT_CAP_TSO6, &run);
		ASSERT(count >= 1 && count <= n - i);
		if (count > 1)
			cut_again(pkts + i, &run);
	}
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
	ASSERT(pool.free_count == POOL);
	fake_pool_fini(&pool);
	return 0;
}
