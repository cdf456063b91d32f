/* SPDX-License-Identifier: BSD-2-Clause */
/* "Too big" answers: bytes by hand, checksums by a naive twin, and who gets none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/vnet_fake.h"
#include "vnet/toobig.h"

#define FRAME_MAX 1472u /* of a udp link over 1500 */

static struct pkt_pool pool;
static struct pkt *out, *p;

static const u8 head4[] = {
	0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, /* Ethernet */
	0x45, 0, 0x05, 0xdc, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2,
	0x30, 0x39, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef, /* TCP ports, seq */
};
static const u8 head6[] = {
	0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x86, 0xdd, /* Ethernet */
	0x60, 0, 0, 0, 0x05, 0xb4, 6, 64, /* 1460 bytes follow */
	0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* fd00::1 */
	0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, /* fd00::2 */
	0x30, 0x39, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef,
};

static int setup(void **state)
{
	(void)state;
	fake_pool_init(&pool, "pool", 0, 4);
	out = pkt_get(&pool);
	p = pkt_get(&pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pkt_put(out);
	pkt_put(p);
	assert_int_equal(pool.free_count, 4);
	fake_pool_fini(&pool);
	return 0;
}

/* p: these first bytes, then others, up to len. */
static void make(const u8 *head, u32 n, u32 len)
{
	memcpy(p->data, head, n);
	for (u32 i = n; i < len; i++)
		p->data[i] = (u8)i;
	p->head_len = p->len = len;
}

/* Two VLAN tags behind the addresses of what make() made. */
static void tag_twice(void)
{
	static const u8 tags[] = { 0x88, 0xa8, 0x20, 0x0a, 0x81, 0x00, 0x60, 0x14 };

	memmove(p->data + 12 + sizeof(tags), p->data + 12, p->len - 12);
	memcpy(p->data + 12, tags, sizeof(tags));
	p->head_len += sizeof(tags);
	p->len += sizeof(tags);
}

/* RFC 1071, the slow way: what it has to be where the field itself holds it. */
static u32 naive_sum(u32 sum, const u8 *d, u32 len)
{
	for (u32 i = 0; i < len; i++)
		sum += i & 1 ? d[i] : (u32)d[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool answered(u32 frame_max)
{
	bool done = toobig_answer(out, p, frame_max);

	assert_int_equal(done, out->len != 0);
	assert_int_equal(out->head_len, out->len);
	out->head_len = out->len = 0;
	return done;
}

static void fragmentation_needed(void **state)
{
	static const u8 want[] = {
		0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00,
		0x45, 0xc0, 0x02, 0x40, 0, 0, 0x40, 0, 64, 1, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1,
		3, 4, 0, 0, 0, 0, 0x05, 0xb2, /* 1458 */
	};
	const u8 *d;

	(void)state;
	make(head4, sizeof(head4), 1514);
	assert_true(toobig_answer(out, p, FRAME_MAX));
	d = out->data;
	assert_int_equal(out->len, 14 + 576);
	assert_int_equal(naive_sum(0, d + 14, 20), 0xffff);
	assert_int_equal(naive_sum(0, d + 34, out->len - 34), 0xffff);
	memset(out->data + 14 + 10, 0, 2);
	memset(out->data + 34 + 2, 0, 2);
	assert_memory_equal(d, want, sizeof(want));
	assert_memory_equal(d + 42, p->data + 14, 576 - 28);
}

static void packet_too_big(void **state)
{
	static const u8 want[] = {
		0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0x04, 0xd8, 58, 64, /* 1280 in all */
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		2, 0, 0, 0, 0, 0, 0x05, 0xb2,
	};
	u8 pseudo[] = { 0, 0, 0x04, 0xd8, 0, 0, 0, 58 };
	const u8 *d;
	u32 sum;

	(void)state;
	make(head6, sizeof(head6), 1514);
	assert_true(toobig_answer(out, p, FRAME_MAX));
	d = out->data;
	assert_int_equal(out->len, 14 + 1280);
	sum = naive_sum(naive_sum(0, d + 22, 32), pseudo, sizeof(pseudo));
	assert_int_equal(naive_sum(sum, d + 54, out->len - 54), 0xffff);
	memset(out->data + 54 + 2, 0, 2);
	assert_memory_equal(d, want, sizeof(want));
	assert_memory_equal(d + 62, p->data + 14, 1280 - 48);
}

static void vlan_tags_stay_and_take_of_the_mtu(void **state)
{
	(void)state;
	make(head4, sizeof(head4), 1514);
	tag_twice();
	assert_true(toobig_answer(out, p, FRAME_MAX));
	assert_memory_equal(out->data + 12, p->data + 12, 10);
	assert_int_equal(out->data[22], 0x45);
	assert_int_equal(out->data[42 + 6] << 8 | out->data[42 + 7], 1450);
	assert_memory_equal(out->data + 50, p->data + 22, 64);
	/* A third one is nobody's. */
	tag_twice();
	out->len = out->head_len = 0;
	assert_false(answered(FRAME_MAX));
}

static void a_small_buffer_quotes_less(void **state)
{
	(void)state;
	make(head6, sizeof(head6), 1514);
	out->buf_size = PKT_HEADROOM + 300;
	assert_true(toobig_answer(out, p, FRAME_MAX));
	assert_int_equal(out->len, 300);
	out->buf_size = FAKE_BUF;
}

static void one_segment_of_a_long_frame_is_quoted(void **state)
{
	(void)state;
	make(head4, sizeof(head4), 2000);
	p->data[14 + 2] = 0xff; /* the whole one's length, and a checksum of that */
	p->gso_type = PKT_GSO_TCP4;
	p->payload_start = 54;
	p->gso_size = 1446;
	assert_true(toobig_answer(out, p, FRAME_MAX));
	assert_int_equal(out->data[42 + 2] << 8 | out->data[42 + 3], 1486);
	assert_int_equal(naive_sum(0, out->data + 42, 20), 0xffff);
	/* Its segments fit. */
	p->gso_size = 1418;
	out->len = out->head_len = 0;
	assert_false(answered(FRAME_MAX));
}

static void the_frame_may_lie_in_pieces(void **state)
{
	static u8 rest[2000];

	(void)state;
	make(head4, sizeof(head4), 30);
	memset(rest, 0x77, sizeof(rest));
	rest[0] = 10; /* the destination's first byte: at 30 */
	assert_int_equal(pkt_add_seg(p, rest, (bus_t){ 0 }, 1484, NULL), ERR_OK);
	assert_true(toobig_answer(out, p, FRAME_MAX));
	assert_memory_equal(out->data + 42, p->data + 14, 16);
	assert_memory_equal(out->data + 58, rest, 500);
}

/* One byte of the frame other than it was: no answer, or one all the same. */
struct change {
	u32 at;
	u8 to;
	bool answer;
};

static void check_changes(const u8 *head, u32 n, const struct change *c, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		make(head, n, 1514);
		p->data[c[i].at] = c[i].to;
		if (answered(FRAME_MAX) != c[i].answer)
			fail_msg("case %u: byte %u is %02x", i, c[i].at, c[i].to);
	}
}

static void who_gets_an_answer_ip4(void **state)
{
	static const struct change c[] = {
		{ 0, 0x03, false },	  /* to a group */
		{ 6, 0x03, false },	  /* from one */
		{ 13, 0x06, false },	  /* ARP */
		{ 14, 0x55, false },	  /* not version 4 */
		{ 14, 0x44, false },	  /* a header of 16 bytes */
		{ 14, 0x46, true },	  /* options */
		{ 16, 0x01, false },	  /* a short packet, long padding */
		{ 20, 0x00, true },	  /* may be fragmented: not by us */
		{ 20, 0x20, true },	  /* the first fragment */
		{ 21, 0x01, false },	  /* another one */
		{ 26, 0x00, false },	  /* from 0.1.0.1 */
		{ 26, 0x7f, false },	  /* from 127.1.0.1 */
		{ 30, 0xe0, false },	  /* to 224.1.0.2 */
		{ 30, 0xff, false },
		{ 23, 17, true },	  /* UDP */
	};
	static const u8 error[] = { 3, 4, 5, 11, 12, 40 }, query[] = { 0, 8, 13, 18 };

	(void)state;
	check_changes(head4, sizeof(head4), c, ARRAY_SIZE(c));
	for (u32 i = 0; i < ARRAY_SIZE(error) + ARRAY_SIZE(query); i++) {
		make(head4, sizeof(head4), 1514);
		p->data[23] = 1;
		p->data[34] = i < ARRAY_SIZE(error) ? error[i] : query[i - ARRAY_SIZE(error)];
		assert_int_equal(answered(FRAME_MAX), i >= ARRAY_SIZE(error));
	}
	make(head4, sizeof(head4), 1514);
	assert_true(answered(14 + 68));
	assert_false(answered(14 + 67));
	assert_false(answered(14));
	assert_false(answered(1514));
	for (u32 len = 0; len < 35; len++) {
		p->head_len = p->len = len;
		assert_false(answered(20));
	}
}

static void who_gets_an_answer_ip6(void **state)
{
	static const struct change c[] = {
		{ 14, 0x40, false },	/* not version 6 */
		{ 22, 0xff, false },	/* from a group */
		{ 38, 0xff, false },	/* to a group */
		{ 20, 17, true },	/* UDP */
		{ 20, 58, false },	/* ICMPv6, type 48: an error */
		{ 20, 44, false },	/* a fragment: at offset DEADh */
	};

	(void)state;
	check_changes(head6, sizeof(head6), c, ARRAY_SIZE(c));
	make(head6, sizeof(head6), 1514);
	assert_true(answered(14 + 1280));
	assert_false(answered(14 + 1279)); /* it would be ignored */
	p->data[20] = 58;
	p->data[54] = 128; /* echo */
	assert_true(answered(FRAME_MAX));
	/* Hop-by-hop of 16 bytes, the first fragment, an error. */
	p->data[20] = 0;
	p->data[54] = 44;
	p->data[55] = 1;
	memset(p->data + 70, 0, 8);
	p->data[70] = 58;
	p->data[73] = 1; /* more follow */
	p->data[78] = 128;
	assert_true(answered(FRAME_MAX));
	p->data[78] = 1;
	assert_false(answered(FRAME_MAX));
	memset(p->data + 22, 0, 16);
	p->data[78] = 128;
	assert_false(answered(FRAME_MAX)); /* from :: */
}

static void headers_without_end(void **state)
{
	(void)state;
	make(head6, sizeof(head6), 1514);
	p->data[20] = 60;
	memset(p->data + 54, 60, 1000); /* each says: 488 bytes of options, then more */
	assert_false(answered(FRAME_MAX));
	memset(p->data + 54, 0, 1000);	/* hop-by-hop of 8 bytes, again and again */
	assert_false(answered(FRAME_MAX));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fragmentation_needed),
		CASE(packet_too_big),
		CASE(vlan_tags_stay_and_take_of_the_mtu),
		CASE(a_small_buffer_quotes_less),
		CASE(one_segment_of_a_long_frame_is_quoted),
		CASE(the_frame_may_lie_in_pieces),
		CASE(who_gets_an_answer_ip4),
		CASE(who_gets_an_answer_ip6),
		CASE(headers_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
