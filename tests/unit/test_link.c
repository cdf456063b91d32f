/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire formats: their bytes against headers written out by hand, and every
 * header that may come against a second reader that takes the RFCs literally,
 * one byte at a time, from a payload in any number of pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/vnet_fake.h"
#include "vnet/health.h"
#include "vnet/link.h"

#define POOL 32

static struct pkt_pool pool;

static int setup(void **state)
{
	(void)state;
	fake_pool_init(&pool, "pool", 0, POOL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(pool.free_count, POOL);
	fake_pool_fini(&pool);
	return 0;
}

/* A payload in a packet, its first piece so long. */
static struct pkt *payload(const u8 *bytes, u32 len, u32 first)
{
	struct pkt *p = pkt_get(&pool), *rest;

	first = MIN(first, len);
	memcpy(p->data, bytes, first);
	p->head_len = p->len = first;
	if (first == len)
		return p;
	rest = pkt_get(&pool);
	memcpy(rest->data, bytes + first, len - first);
	assert_int_equal(pkt_add_seg(p, rest->data, pkt_data_bus(rest), len - first, rest), ERR_OK);
	return p;
}

/* --- what is sent ----------------------------------------------------------- */

static void is_sent_as(const struct link_kind *kind, struct link_id id, const void *want, u32 len)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 300);
	struct link_rx rx = { 0 };
	struct link_header h;
	u8 inner[300];

	memcpy(inner, p->data, sizeof(inner));
	kind->make_header(&h, &id);
	assert_int_equal(h.len, len);
	assert_int_equal(link_encap(kind, p, &h), ERR_OK);
	assert_int_equal(p->len, 300 + len);
	assert_memory_equal(p->data, want, len);
	assert_memory_equal(p->data + len, inner, sizeof(inner));
	/* And back. */
	rx.vni = rx.tag = 7;
	assert_int_equal(kind->decap(p, &rx), LINK_FRAME);
	assert_int_equal(p->len, 300);
	assert_memory_equal(p->data, inner, sizeof(inner));
	if (kind->flags & LINK_HAS_VNI) {
		assert_int_equal(rx.vni, id.vni);
		assert_int_equal(rx.tag, id.tag);
	}
	/* No head room: said, and nothing changed. */
	if (len) {
		pkt_push(p, pkt_headroom(p) - len + 1);
		assert_int_equal(link_encap(kind, p, &h), ERR_FULL);
	}
	pkt_put(p);
}

static void headers_are_as_their_documents_say(void **state)
{
	const struct link_id none = { 0 }, vni = { .vni = 0x123456 };
	const struct link_id tag = { .vni = 0xfffffe, .tag = 0xcafe0001 };

	(void)state;
	is_sent_as(&link_udp, none, "", 0);
	is_sent_as(&link_vnetu, none, "et\x2c\x01\x00\x00", 6);
	is_sent_as(&link_vxlan, vni, "\x08\x00\x00\x00\x12\x34\x56\x00", 8);
	is_sent_as(&link_geneve, vni, "\x00\x00\x65\x58\x12\x34\x56\x00", 8);
	is_sent_as(&link_geneve, tag,
		   "\x02\x40\x65\x58\xff\xff\xfe\x00\xff\xf7\x81\x01\xca\xfe\x00\x01", 16);
}

/* A long frame's header is that of each frame it is cut into. */
static void a_long_frame_says_the_length_of_its_pieces(void **state)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 54);
	static u8 body[6000];
	struct link_header h;
	struct link_id id = { 0 };

	(void)state;
	pkt_add_seg(p, body, (bus_t){ 0 }, sizeof(body), NULL);
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 1400;
	p->gso_segs = 5;
	p->l3_start = 14;
	p->csum_start = 34;
	p->payload_start = 54;
	link_vnetu.make_header(&h, &id);
	assert_int_equal(link_encap(&link_vnetu, p, &h), ERR_OK);
	assert_int_equal(load_le32(p->data + 2), 1454);
	assert_int_equal(p->l3_start, 20); /* the offsets move along */
	assert_int_equal(p->payload_start, 60);
	pkt_put(p);
}

static void a_hello_is_read_as_it_was_said(void **state)
{
	static const u8 want[] =
		"\x09\xc0\x65\x58\x00\x00\x05\x00" "\xff\xf7\x81\x01\x00\x00\x00\x4d"
		"\xff\xf7\x82\x01\x01\x01\x00\x00"
		"\xff\xf7\x03\x04" "\x11\x22\x33\x44" "\x00\x00\x00\x09" "\x00\x00\x00\x08"
		"\x00\x00\xc3\x50";
	const struct link_id id = { .vni = 5, .tag = 77 };
	const struct link_hello hello = {
		.version_min = 1, .version_max = 1, .session = 0x11223344, .seq = 9, .heard = 8,
		.held_us = 50000,
	};

	(void)state;
	for (u32 first = 0; first < sizeof(want); first++) {
		struct pkt *p = pkt_get(&pool);
		struct link_rx rx;

		link_geneve.make_hello(p, &id, &hello);
		assert_int_equal(p->len, sizeof(want) - 1);
		assert_memory_equal(p->data, want, p->len);
		pkt_put(p);
		p = payload(want, sizeof(want) - 1, first);
		assert_int_equal(link_geneve.decap(p, &rx), LINK_CONTROL);
		assert_int_equal(rx.vni, 5);
		assert_int_equal(rx.tag, 77);
		assert_true(rx.has_hello);
		assert_memory_equal(&rx.hello, &hello, sizeof(hello));
		pkt_put(p);
	}
}

/* A release that speaks other versions says so where we can read it, whatever
 * else it says. */
static void a_hello_of_another_version_is_one(void **state)
{
	static const u8 later[] =
		"\x05\xc0\x65\x58\x00\x00\x05\x00" "\xff\xf7\x82\x01\x02\x03\x00\x00"
		"\xff\xf7\x03\x02" "\x11\x22\x33\x44" "\x00\x00\x00\x09";
	u8 both[sizeof(later)];
	struct link_rx rx;
	struct pkt *p = payload(later, sizeof(later) - 1, 99);

	(void)state;
	assert_int_equal(link_geneve.decap(p, &rx), LINK_CONTROL);
	assert_true(rx.has_hello);
	assert_int_equal(rx.hello.version_min, 2);
	assert_int_equal(rx.hello.version_max, 3);
	pkt_put(p);
	/* Of our version, but not readable: then it is none. */
	memcpy(both, later, sizeof(both));
	both[12] = 1;
	p = payload(both, sizeof(both) - 1, 99);
	assert_int_equal(link_geneve.decap(p, &rx), LINK_CONTROL);
	assert_false(rx.has_hello);
	pkt_put(p);
}

/* --- what comes ---------------------------------------------------------------- */

struct reading {
	enum link_verdict verdict;
	enum vnet_drop why;
	u32 vni, tag, at; /* where the inner frame begins */
};

static struct reading bad(enum vnet_drop why, u32 vni, u32 tag)
{
	return (struct reading){ LINK_BAD, why, vni, tag, 0 };
}

static struct reading inner_at(u32 at, u32 len, u32 vni, u32 tag)
{
	if (len - at < 14)
		return bad(VNET_DROP_RUNT, vni, tag);
	return (struct reading){ .verdict = LINK_FRAME, .vni = vni, .tag = tag, .at = at };
}

static struct reading read_vxlan(const u8 *b, u32 len)
{
	if (len < 8 || !(b[0] & 8))
		return bad(VNET_DROP_LINK_HEADER, LINK_VNI_NONE, 0);
	return inner_at(8, len, b[4] * 65536u + b[5] * 256u + b[6], 0);
}

static struct reading read_geneve(const u8 *b, u32 len)
{
	u32 vni, tag = 0, at = 8, end;

	if (len < 8 || b[0] / 64 != 0)
		return bad(VNET_DROP_LINK_HEADER, LINK_VNI_NONE, 0);
	vni = b[4] * 65536u + b[5] * 256u + b[6];
	end = 8 + b[0] % 64 * 4u;
	if (end > len)
		return bad(VNET_DROP_LINK_HEADER, vni, 0);
	while (at != end) {
		u32 size = at + 4 > end ? 0 : 4 + b[at + 3] % 32 * 4u;
		bool ours = size && b[at] == 0xff && b[at + 1] == 0xf7;

		if (!size || at + size > end)
			return bad(VNET_DROP_LINK_HEADER, vni, tag);
		if (ours && b[at + 2] == 0x81 && size == 8)
			tag = b[at + 4] * 16777216u + b[at + 5] * 65536u + b[at + 6] * 256u +
			      b[at + 7];
		else if (b[at + 2] >= 128 && !(ours && b[at + 2] == 0x82 && size == 8))
			return bad(VNET_DROP_LINK_OPTION, vni, tag);
		at += size;
	}
	if (b[1] & 0x80)
		return (struct reading){ .verdict = LINK_CONTROL, .vni = vni, .tag = tag };
	if (b[2] != 0x65 || b[3] != 0x58)
		return bad(VNET_DROP_LINK_PROTOCOL, vni, tag);
	return inner_at(end, len, vni, tag);
}

static struct reading read_vnetu(const u8 *b, u32 len)
{
	u32 size;

	if (len < 6)
		return bad(VNET_DROP_LINK_HEADER, 0, 0);
	size = b[2] + b[3] * 256u + b[4] * 65536u + b[5] * 16777216u;
	if (size != len - 6)
		return bad(VNET_DROP_LINK_HEADER, 0, 0);
	if (!memcmp(b, "et", 2))
		return inner_at(6, len, 0, 0);
	if (!memcmp(b, "lc", 2) || !memcmp(b, "cf", 2))
		return bad(VNET_DROP_LINK_CONTROL, 0, 0);
	return bad(VNET_DROP_LINK_HEADER, 0, 0);
}

static struct reading read_udp(const u8 *b, u32 len)
{
	(void)b;
	return inner_at(0, MAX(len, 0u), 0, 0);
}

static void is_read_as(const struct link_kind *kind, const u8 *bytes, u32 len, u32 first,
		       const struct reading *want)
{
	struct pkt *p = payload(bytes, len, first);
	struct link_rx rx = { .why = VNET_DROP_COUNT };
	enum link_verdict got = kind->decap(p, &rx);
	u8 copy[512];

	assert_int_equal(got, want->verdict);
	if (kind->flags & LINK_HAS_VNI) {
		assert_int_equal(rx.vni, want->vni);
		if (want->vni != LINK_VNI_NONE && got != LINK_BAD)
			assert_int_equal(rx.tag, want->tag);
	}
	if (got == LINK_BAD)
		assert_int_equal(rx.why, want->why);
	if (got == LINK_FRAME) {
		assert_int_equal(p->len, len - want->at);
		assert_true(p->head_len >= MIN(p->len, (u32)PKT_HEADER_COPY));
		pkt_copy_out(p, 0, copy, p->len);
		assert_memory_equal(copy, bytes + want->at, p->len);
	}
	pkt_put(p);
}

static const struct {
	const struct link_kind *kind;
	struct reading (*read)(const u8 *, u32);
	const char *sample;
	u32 len;
} readers[] = {
	{ &link_udp, read_udp, "", 0 },
	{ &link_vnetu, read_vnetu, "et\x14\x00\x00\x00", 6 },
	{ &link_vnetu, read_vnetu, "lc\x14\x00\x00\x00", 6 },
	{ &link_vxlan, read_vxlan, "\x08\x00\x00\x00\x12\x34\x56\x00", 8 },
	{ &link_geneve, read_geneve, "\x00\x00\x65\x58\x12\x34\x56\x00", 8 },
	/* Two options of others, one critical of ours; then one of theirs. */
	{ &link_geneve, read_geneve,
	  "\x06\x40\x65\x58\x12\x34\x56\x00\x01\x02\x05\x00\x01\x04\x01\x02" "abcdefgh"
	  "\xff\xf7\x81\x01\x00\x00\x00\x07", 32 },
	{ &link_geneve, read_geneve,
	  "\x02\x40\x65\x58\x12\x34\x56\x00\x01\x02\x85\x01" "abcd", 16 },
	{ &link_geneve, read_geneve,
	  "\x07\xc0\x65\x58\x00\x00\x05\x00\xff\xf7\x82\x01\x01\x01\x00\x00\xff\xf7\x03\x04"
	  "\x11\x22\x33\x44\x00\x00\x00\x09\x00\x00\x00\x08\x00\x00\xc3\x50", 36 },
};

/* Every length, every place to cut, every byte of the header changed to
 * anything. */
static void every_header_is_read_like_the_naive_one_does(void **state)
{
	u8 b[256];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(readers); i++) {
		u32 whole = readers[i].len + 20;
		struct reading want;

		for (u32 k = 0; k < sizeof(b); k++)
			b[k] = (u8)(k * 3);
		memcpy(b, readers[i].sample, readers[i].len);
		for (u32 len = 0; len <= whole; len++) {
			for (u32 first = 0; first <= len; first++) {
				want = readers[i].read(b, len);
				is_read_as(readers[i].kind, b, len, first, &want);
			}
		}
		for (u32 k = 0; k < readers[i].len; k++) {
			u8 was = b[k];

			for (u32 v = 0; v < 256; v++) {
				b[k] = (u8)v;
				want = readers[i].read(b, whole);
				is_read_as(readers[i].kind, b, whole, v, &want);
			}
			b[k] = was;
		}
	}
}

static void random_headers_too(void **state)
{
	u8 b[200];

	(void)state;
	srand(1);
	for (u32 i = 0; i < 200000; i++) {
		u32 r = rand() % ARRAY_SIZE(readers), len = readers[r].len + rand() % 100;
		struct reading want;

		for (u32 k = 0; k < len; k++)
			b[k] = (u8)rand();
		if (i % 2) {
			memcpy(b, readers[r].sample, readers[r].len);
			for (u32 k = 0; readers[r].len && k < 3; k++)
				b[rand() % readers[r].len] = (u8)rand();
		}
		want = readers[r].read(b, len);
		is_read_as(readers[r].kind, b, len, i % 3 ? len : rand() % (len + 1), &want);
	}
}

static void kinds_are_found_by_their_words(void **state)
{
	(void)state;
	assert_ptr_equal(link_find("udp"), &link_udp);
	assert_ptr_equal(link_find_header("udp", "none"), &link_udp);
	assert_ptr_equal(link_find_header("udp", "vnetu"), &link_vnetu);
	assert_ptr_equal(link_find("vxlan"), &link_vxlan);
	assert_ptr_equal(link_find("geneve"), &link_geneve);
	assert_null(link_find_header("vxlan", "vnetu"));
	assert_null(link_find("tcp"));
	assert_true(link_has_key(&link_geneve, "tag"));
	assert_false(link_has_key(&link_vxlan, "tag"));
	assert_false(link_has_key(&link_vxlan, "fragment"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(headers_are_as_their_documents_say),
		CASE(a_long_frame_says_the_length_of_its_pieces),
		CASE(a_hello_is_read_as_it_was_said),
		CASE(a_hello_of_another_version_is_one),
		CASE(every_header_is_read_like_the_naive_one_does),
		CASE(random_headers_too),
		CASE(kinds_are_found_by_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
