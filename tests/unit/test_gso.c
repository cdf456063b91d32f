/* SPDX-License-Identifier: BSD-2-Clause */
/* Offloads in software against a reference that builds every segment byte by
 * byte; what is refused; and a port's view of what the core does with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/gso.h"
#include "vnet/net/wire.h"

#define POOL 192
#define FRAME_MAX (65535 + 64)
#define SEGS_MAX 9000
#define MSS 1400u

static struct pkt_pool pool;
static u8 frame[FRAME_MAX]; /* the long frame, also where segments refer to */
static u32 rng = 1;

struct shape {
	bool v6, udp; /* a UDP header has no options, flags and sequence number */
	u32 tags, ip_options, tcp_options, payload, mss;
	u8 flags;
	u16 id;
	u32 seq;
};

/* Where the headers of a shape begin. */
struct layout {
	u32 l3, tcp, payload, len; /* tcp: or UDP */
};

static u32 rnd(u32 n)
{
	rng = rng * 1664525u + 1013904223u;
	return (u32)((u64)(rng >> 8) * n >> 24);
}

static int setup(void **state)
{
	(void)state;
	host_core = 0;
	fake_pool_init(&pool, "pool", 0, POOL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_core = 0;
	fake_pool_fini(&pool);
	return 0;
}

/* --- the reference ---------------------------------------------------------- */

/* RFC 1071, word by word in network order. */
static u32 naive_add(u32 sum, const u8 *b, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		sum += i & 1 ? b[i] : (u32)b[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static u32 naive_pseudo(const u8 *f, const struct layout *l, const struct shape *s, u32 len)
{
	u32 sum = naive_add(0, f + l->l3 + (s->v6 ? 8 : 12), s->v6 ? 32 : 8);

	sum += (s->udp ? 17 : 6) + len;
	return (sum & 0xffff) + (sum >> 16);
}

static struct layout lay_out(const struct shape *s)
{
	struct layout l;

	l.l3 = 14 + 4 * s->tags;
	l.tcp = l.l3 + (s->v6 ? 40 : 20 + s->ip_options);
	l.payload = l.tcp + (s->udp ? 8 : 20 + s->tcp_options);
	l.len = l.payload + s->payload;
	return l;
}

/* As a guest's kernel builds it: whole lengths, the pseudo header's sum. */
static void build(const struct shape *s)
{
	struct layout l = lay_out(s);
	u8 *ip = frame + l.l3, *tcp = frame + l.tcp;

	for (u32 i = 0; i < l.len; i++)
		frame[i] = (u8)rnd(256);
	for (u32 i = 0; i < s->tags; i++)
		store_be16(frame + 12 + 4 * i, i + 1 < s->tags ? 0x88a8 : 0x8100);
	store_be16(frame + l.l3 - 2, s->v6 ? 0x86dd : 0x0800);
	if (s->v6) {
		ip[0] = 0x60;
		store_be16(ip + 4, (u16)(l.len - l.tcp));
		ip[6] = s->udp ? 17 : 6;
	} else {
		ip[0] = (u8)(0x45 + s->ip_options / 4);
		store_be16(ip + 2, (u16)(l.len - l.l3));
		store_be16(ip + 4, s->id);
		store_be16(ip + 6, 0x4000);
		ip[9] = s->udp ? 17 : 6;
		store_be16(ip + 10, 0);
		store_be16(ip + 10, (u16)~naive_add(0, ip, l.tcp - l.l3));
	}
	if (s->udp) {
		store_be16(tcp + 4, (u16)(l.len - l.tcp));
		store_be16(tcp + 6, (u16)naive_pseudo(frame, &l, s, l.len - l.tcp));
		return;
	}
	store_be32(tcp + 4, s->seq);
	tcp[12] = (u8)((20 + s->tcp_options) / 4 << 4);
	tcp[13] = s->flags;
	store_be16(tcp + 16, (u16)naive_pseudo(frame, &l, s, l.len - l.tcp));
}

static u32 ref_count(const struct shape *s)
{
	return (s->payload + s->mss - 1) / s->mss;
}

/* Segment i of the frame. Returns its length. */
static u32 reference(const struct shape *s, u32 i, u8 *out)
{
	struct layout l = lay_out(s);
	u32 at = i * s->mss;
	u32 part = s->payload - at < s->mss ? s->payload - at : s->mss;
	u32 len = l.payload + part, sum;
	u8 *ip = out + l.l3, *tcp = out + l.tcp;

	memcpy(out, frame, l.payload);
	memcpy(out + l.payload, frame + l.payload + at, part);
	if (s->v6) {
		store_be16(ip + 4, (u16)(len - l.tcp));
	} else {
		store_be16(ip + 2, (u16)(len - l.l3));
		store_be16(ip + 4, (u16)(s->id + i));
		store_be16(ip + 10, 0);
		store_be16(ip + 10, (u16)~naive_add(0, ip, l.tcp - l.l3));
	}
	sum = naive_pseudo(out, &l, s, len - l.tcp);
	if (s->udp) {
		store_be16(tcp + 4, (u16)(len - l.tcp));
		store_be16(tcp + 6, 0);
		sum = ~naive_add(sum, tcp, len - l.tcp) & 0xffff;
		store_be16(tcp + 6, (u16)(sum ? sum : 0xffff));
		return len;
	}
	store_be32(tcp + 4, s->seq + at);
	tcp[13] = s->flags;
	if (i)
		tcp[13] &= 0x7f;
	if (i + 1 < ref_count(s))
		tcp[13] &= 0xf6;
	store_be16(tcp + 16, 0);
	store_be16(tcp + 16, (u16)~naive_add(sum, tcp, len - l.tcp));
	return len;
}

/* --- packets ---------------------------------------------------------------- */

/* The frame with head bytes in the header fragment, the rest in at most nseg
 * pieces, offload fields as its sender fills them in. */
static struct pkt *packet(const struct shape *s, u32 head, u32 nseg)
{
	struct layout l = lay_out(s);
	struct pkt *p = pkt_get(&pool);

	head = MIN(head, l.len);
	memcpy(p->data, frame, head);
	p->head_len = head;
	p->len = head;
	for (u32 at = head; at < l.len;) {
		u32 n = l.len - at, some = 1 + rnd(2 * l.len / nseg);

		if (p->nseg + 1u < nseg)
			n = MIN(n, some);
		assert_int_equal(pkt_add_seg(p, frame + at, (bus_t){ 0x1000 + at }, n, NULL), 0);
		at += n;
	}
	p->flags = PKT_F_NEEDS_CSUM;
	p->gso_type = s->udp ? PKT_GSO_UDP4 : s->v6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4;
	p->gso_size = (u16)s->mss;
	p->csum_start = (u16)l.tcp;
	p->csum_offset = s->udp ? 6 : 16;
	return p;
}

static struct shape random_shape(void)
{
	static const u32 mss[] = { 8, 9, 48, 536, 1399, 1400, 1448, 8960, 30001 };
	struct shape s = {
		.v6 = rnd(2),
		.udp = !rnd(3),
		.tags = rnd(3),
		.ip_options = 4 * rnd(11),
		.tcp_options = 4 * rnd(11),
		.mss = mss[rnd(ARRAY_SIZE(mss))],
		.flags = (u8)rnd(256),
		.id = (u16)rnd(65536),
		.seq = rnd(1u << 24) << 8 | rnd(256),
	};

	s.payload = rnd(3) ? s.mss + 1 + rnd(3 * s.mss) : s.mss * (2 + rnd(3));
	s.payload = MIN(s.payload, 65535u - 120);
	if (rnd(8) == 0)
		s.payload = 65535 - 120;
	return s;
}

static void check_packet(struct pkt *q, const struct shape *s, u32 i)
{
	static u8 want[FRAME_MAX], got[FRAME_MAX];
	u32 len = reference(s, i, want);

	assert_int_equal(q->len, len);
	assert_int_equal(q->gso_type, PKT_GSO_NONE);
	assert_int_equal(q->flags, 0);
	assert_int_equal(pkt_headroom(q), PKT_HEADROOM);
	pkt_copy_out(q, 0, got, len);
	assert_memory_equal(got, want, len);
	pkt_put(q);
}

/* --- tests ------------------------------------------------------------------ */

static void segments_are_the_references(void **state)
{
	(void)state;
	for (u32 round = 0; round < 400; round++) {
		struct shape s = random_shape();
		u32 nseg = 1 + rnd(PKT_MAX_SEGS), i = 0, max = 1 + rnd(PKT_BURST);
		struct pkt *out[PKT_BURST], *p;
		struct gso_cut cut;

		build(&s);
		p = packet(&s, rnd(2) ? PKT_HEADER_COPY : 16 + rnd(1500), nseg);
		p->overlay = 7;
		p->hash = 99;
		assert_int_equal(gso_check(p), ERR_OK);
		if (ref_count(&s) < 2) {
			assert_int_equal(p->gso_type, PKT_GSO_NONE);
			pkt_put(p);
			continue;
		}
		assert_int_equal(pkt_wire_frames(p), ref_count(&s));
		assert_int_equal(pkt_wire_len(p), lay_out(&s).payload + s.mss);
		gso_cut_begin(&cut, p);
		while (cut.next < cut.count) {
			u32 n = gso_cut_next(&cut, &pool, out, max);

			assert_int_equal(n, MIN(max, ref_count(&s) - i));
			for (u32 k = 0; k < n; k++) {
				assert_int_equal(out[k]->overlay, 7);
				assert_int_equal(out[k]->hash, 99);
				check_packet(out[k], &s, i++);
			}
		}
		pkt_put(p);
		assert_int_equal(pool.free_count, POOL);
	}
}

static void an_empty_pool_is_waited_for(void **state)
{
	struct shape s = { .payload = 60000, .mss = 300, .flags = 0x19 };
	struct pkt *out[300];
	struct gso_cut cut;
	struct pkt *p;

	(void)state;
	build(&s);
	p = packet(&s, 128, 17);
	assert_int_equal(gso_check(p), ERR_OK);
	gso_cut_begin(&cut, p);
	assert_int_equal(gso_cut_next(&cut, &pool, out, 300), POOL - 1);
	assert_int_equal(gso_cut_next(&cut, &pool, out, 300), 0);
	for (u32 i = 0; i < POOL - 1; i++)
		check_packet(out[i], &s, i);
	assert_int_equal(gso_cut_next(&cut, &pool, out, 300), 200 - (POOL - 1));
	for (u32 i = POOL - 1; i < 200; i++)
		check_packet(out[i - (POOL - 1)], &s, i);
	assert_int_equal(gso_cut_next(&cut, &pool, out, 300), 0);
	pkt_put(p);
}

/* What the NIC makes of the front part, and the tail, are the reference's. */
static void front_and_tail(void **state)
{
	(void)state;
	for (u32 round = 0; round < 200; round++) {
		struct shape s = random_shape();
		struct pkt *p, *tail, *q;
		struct gso_cut cut;
		struct layout l;

		if (s.payload <= s.mss)
			continue;
		l = lay_out(&s);
		build(&s);
		p = packet(&s, 60 + rnd(200), 1 + rnd(PKT_MAX_SEGS));
		assert_int_equal(gso_check(p), ERR_OK);
		assert_int_equal(gso_split_tail(&pool, p, &tail), ERR_OK);
		assert_int_equal(tail != NULL, s.payload % s.mss != 0);
		assert_int_equal((p->len - l.payload) % s.mss, 0);
		assert_int_equal(p->gso_segs, s.payload / s.mss);
		gso_cut_begin(&cut, p);
		for (u32 i = 0; i < p->gso_segs; i++) {
			assert_int_equal(gso_cut_next(&cut, &pool, &q, 1), 1);
			check_packet(q, &s, i);
		}
		pkt_put(p);
		if (tail)
			check_packet(tail, &s, ref_count(&s) - 1);
		assert_int_equal(pool.free_count, POOL);
	}
}

/* Pieces that have owners keep them for as long as the tail refers to them. */
static void trimmed_pieces_keep_their_owners(void **state)
{
	struct shape s = { .payload = 2 * MSS + 10, .mss = MSS };
	struct pkt *p, *owner, *tail;

	(void)state;
	build(&s);
	p = packet(&s, 128, 1);
	owner = pkt_get(&pool);
	p->seg[0].len -= 10;
	p->len -= 10;
	assert_int_equal(pkt_add_seg(p, frame + p->len, (bus_t){ 0 }, 10, owner), ERR_OK);
	assert_int_equal(gso_check(p), ERR_OK);
	assert_int_equal(gso_split_tail(&pool, p, &tail), ERR_OK);
	pkt_put(p);
	assert_int_equal(owner->refs, 1);
	check_packet(tail, &s, 2);
}

static void checksums_are_finished(void **state)
{
	(void)state;
	for (u32 round = 0; round < 300; round++) {
		u32 len = 60 + rnd(1400), start = 14 + rnd(40), off = 2 * rnd(9);
		struct shape s = { .payload = len - 54, .mss = MSS };
		struct pkt *p;
		u8 got[2000];

		build(&s);
		p = packet(&s, start + off + 2 + rnd(100), 1 + rnd(PKT_MAX_SEGS));
		p->gso_type = PKT_GSO_NONE;
		p->csum_start = (u16)start;
		p->csum_offset = (u16)off;
		assert_int_equal(gso_check(p), ERR_OK);
		gso_checksum(p);
		assert_int_equal(p->flags, 0);
		pkt_copy_out(p, 0, got, len);
		/* Where the pseudo header's sum stood, all now sums up to its complement. */
		assert_memory_equal(got, frame, start + off);
		assert_memory_equal(got + start + off + 2, frame + start + off + 2,
				    len - start - off - 2);
		store_be16(got + start + off, (u16)~naive_add(0, frame + start, len - start));
		if (!load_be16(got + start + off))
			store_be16(got + start + off, 0xffff);
		pkt_copy_out(p, start + off, got + 1998, 2);
		assert_memory_equal(got + 1998, got + start + off, 2);
		pkt_put(p);
	}
}

/* A checksum of 0 is sent as its other form. */
static void no_checksum_of_zero(void **state)
{
	struct pkt *p = pkt_get(&pool);

	(void)state;
	memset(p->data, 0, 40);
	p->data[34] = 0xff;
	p->data[35] = 0xff;
	p->head_len = 40;
	p->len = 40;
	p->flags = PKT_F_NEEDS_CSUM | PKT_F_CSUM_GOOD;
	p->csum_start = 34;
	p->csum_offset = 4;
	assert_int_equal(gso_check(p), ERR_OK);
	gso_checksum(p);
	assert_int_equal(load_be16(p->data + 38), 0xffff);
	assert_int_equal(p->flags, PKT_F_CSUM_GOOD);
	pkt_put(p);
}

/* One lie each about a good frame. */
static void lies_are_refused(void **state)
{
	enum { TYPE, VERSION, IHL, PROTO, MORE, OFFSET, NEXT6, DOFF, SHORT, START, CSUM_AT, SIZE,
	       FLAG, KIND, HUGE, PROTO6, LIES };

	(void)state;
	for (u32 lie = 0; lie < LIES; lie++) {
		struct shape s = { .v6 = lie == NEXT6, .udp = lie == PROTO6, .payload = 5000,
				   .mss = MSS };
		struct layout l = lay_out(&s);
		struct pkt *p;

		build(&s);
		p = packet(&s, 128, 1);
		switch (lie) {
		case TYPE: store_be16(p->data + 12, 0x0806); break;
		case VERSION: p->data[14] = 0x55; break;
		case IHL: p->data[14] = 0x44; break;
		case PROTO: p->data[14 + 9] = 17; break;
		case MORE: p->data[14 + 6] |= 0x20; break;
		case OFFSET: p->data[14 + 7] = 1; break;
		case NEXT6: p->data[14 + 6] = 0; break;
		case DOFF: p->data[l.tcp + 12] = 0x40; break;
		case SHORT: p->len = p->head_len = 50; p->nseg = 0; break;
		case START: p->csum_start++; break;
		case CSUM_AT: p->csum_offset = 6; break;
		case SIZE: p->gso_size = 7; break;
		case FLAG: p->flags = 0; break;
		case KIND: p->gso_type = PKT_GSO_UDP4; break;
		case HUGE: pkt_add_seg(p, frame, (bus_t){ 0 }, 65535 - 5000, NULL); break;
		case PROTO6: p->data[14 + 9] = 6; break;
		}
		assert_int_equal(gso_check(p), ERR_INVAL);
		pkt_put(p);
	}
}

static void checksum_fields_are_checked(void **state)
{
	static const struct {
		u16 start, offset, len;
		err_t want;
	} cases[] = {
		{ 34, 16, 60, ERR_OK },	       { 34, 24, 60, ERR_OK },
		{ 34, 25, 60, ERR_INVAL },     { 13, 6, 60, ERR_INVAL },
		{ 60, 0, 60, ERR_INVAL },      { 65535, 65535, 60, ERR_INVAL },
		{ 1000, 16, 1500, ERR_INVAL }, { 142, 16, 1500, ERR_OK },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shape s = { .payload = cases[i].len - 54u, .mss = MSS };
		struct pkt *p;

		build(&s);
		p = packet(&s, 40, 3);
		p->gso_type = PKT_GSO_NONE;
		p->csum_start = cases[i].start;
		p->csum_offset = cases[i].offset;
		assert_int_equal(gso_check(p), cases[i].want);
		pkt_put(p);
	}
}

static void one_segment_is_a_plain_frame(void **state)
{
	struct shape s = { .payload = MSS, .mss = MSS };
	struct pkt *p;

	(void)state;
	build(&s);
	p = packet(&s, 128, 2);
	assert_int_equal(gso_check(p), ERR_OK);
	assert_int_equal(p->gso_type, PKT_GSO_NONE);
	assert_int_equal(p->flags, PKT_F_NEEDS_CSUM);
	gso_checksum(p);
	check_packet(p, &s, 0);
}

/* --- through the core --------------------------------------------------------- */

static void no_kick(unsigned core)
{
	(void)core;
}

/*
 *     a  interface --- b  port under test
 */
static void ports_get_what_they_take(void **state)
{
	static const struct {
		u32 caps, caps_max, frames, whole;
		bool udp, v6;
	} cases[] = {
		{ PKT_CAP_CSUM | PKT_CAP_TSO4, 1500, 4, 0, true, false },
		{ PKT_CAP_CSUM | PKT_CAP_USO4, 1500, 1, 1, true, false },
		{ PKT_CAP_CSUM | PKT_CAP_USO4, 1500, 4, 0, true, true },
		{ PKT_CAP_CSUM | PKT_CAP_USO6, 1500, 1, 1, true, true },
		{ 0, 1500, 4, 0, false, false },
		{ PKT_CAP_CSUM | PKT_CAP_TSO6, 1500, 4, 0, false, false },
		{ PKT_CAP_CSUM | PKT_CAP_TSO4, 1500, 1, 1, false, false },
		{ PKT_CAP_CSUM | PKT_CAP_TSO4, 1400, 4, 0, false, false },
		{ PKT_CAP_TSO4 | PKT_CAP_EVEN, 1500, 2, 1, false, false },
	};
	struct shape s = { .payload = 3 * MSS + 100, .mss = MSS };
	static struct fake_port a, b;
	struct vnet_audit sum;
	struct pkt *p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		s.udp = cases[i].udp;
		s.v6 = cases[i].v6;
		build(&s);
		memcpy(frame, fake_mac(2), 6);
		memcpy(frame + 6, fake_mac(1), 6);
		assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
		fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
		fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
		b.port.mtu = 1500;
		b.port.pool = &pool;
		b.port.caps = cases[i].caps;
		b.port.caps_max = cases[i].caps_max;
		fake_route(2, &b, NULL);
		p = packet(&s, 128, 3);
		vnet_input(&a.port, &p, 1);
		assert_int_equal(b.n, cases[i].frames);
		assert_int_equal(b.port.count.tx_segments, 4);
		assert_int_equal(a.port.count.rx_segments, 4);
		assert_int_equal(b.got[0]->gso_type != PKT_GSO_NONE, cases[i].whole);
		if (!cases[i].whole)
			for (u32 k = 0; k < 4; k++)
				check_packet(b.got[k], &s, k);
		else if (b.n == 2)
			check_packet(b.got[1], &s, 3);
		if (cases[i].whole)
			pkt_put(b.got[0]);
		b.n = 0;
		/* A short one, too long for them with its checksum to do. */
		p = packet(&s, 128, 3);
		p->gso_size = 0;
		p->gso_type = PKT_GSO_NONE;
		vnet_input(&a.port, &p, 1);
		assert_int_equal(b.got[0]->flags, 0);
		fake_port_clear(&b);
		vnet_audit(&sum);
		assert_true(sum.balanced);
		assert_int_equal(sum.cut, cases[i].frames - 1);
		vnet_port_del(&a.port, true);
		vnet_port_del(&b.port, true);
		vnet_fini();
	}
}

static void drops_are_counted(void **state)
{
	struct shape s = { .payload = 3 * MSS + 100, .mss = MSS };
	static struct fake_port a, b;
	struct pkt *held[POOL], *p;
	struct vnet_audit sum;
	u32 n = 0;

	(void)state;
	build(&s);
	memcpy(frame, fake_mac(2), 6);
	memcpy(frame + 6, fake_mac(1), 6);
	assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_route(2, &b, NULL);
	b.port.mtu = 1500;
	p = packet(&s, 128, 3);
	vnet_input(&a.port, &p, 1); /* no pool at all */
	assert_int_equal(b.port.count.drop[VNET_DROP_NO_PACKET], 1);
	b.port.pool = &pool;
	b.port.mtu = 1400;
	p = packet(&s, 128, 3);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(b.port.count.drop[VNET_DROP_TOO_BIG], 1);
	b.port.mtu = 1500;
	p = packet(&s, 128, 3);
	p->gso_size = 1;
	vnet_input(&a.port, &p, 1);
	assert_int_equal(a.port.count.drop[VNET_DROP_BAD_OFFLOAD], 1);
	p = packet(&s, 128, 3);
	while (pool.free_count > 2)
		held[n++] = pkt_get(&pool);
	vnet_input(&a.port, &p, 1); /* two of four */
	assert_int_equal(b.port.count.drop[VNET_DROP_NO_PACKET], 3);
	assert_int_equal(b.n, 2);
	while (n)
		pkt_put(held[--n]);
	fake_port_clear(&b);
	vnet_audit(&sum);
	assert_true(sum.balanced);
	vnet_port_del(&a.port, true);
	vnet_port_del(&b.port, true);
	vnet_fini();
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(segments_are_the_references),
		CASE(an_empty_pool_is_waited_for),
		CASE(front_and_tail),
		CASE(trimmed_pieces_keep_their_owners),
		CASE(checksums_are_finished),
		CASE(no_checksum_of_zero),
		CASE(lies_are_refused),
		CASE(checksum_fields_are_checked),
		CASE(one_segment_is_a_plain_frame),
		CASE(ports_get_what_they_take),
		CASE(drops_are_counted),
	};

	return cmocka_run_group_tests_name("gso", tests, NULL, NULL);
}
