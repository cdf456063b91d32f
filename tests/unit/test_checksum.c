/* SPDX-License-Identifier: BSD-2-Clause */
/* The fast Internet checksum against RFC 1071 taken literally. */
#include "tests/unit/net_harness.h"

static u8 data[4096];

/* 16-bit words, high byte first, carries folded at the end. */
static u16 naive(const u8 *b, u32 len)
{
	u64 sum = 0;

	for (u32 i = 0; i < len; i++)
		sum += i % 2 ? b[i] : (u32)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static u16 as_be(u16 csum)
{
	u8 b[2];

	csum_store(b, csum);
	return load_be16(b);
}

static void test_lengths_and_places(void **state)
{
	(void)state;
	srand(7);
	for (u32 kind = 0; kind < 3; kind++) {
		for (u32 i = 0; i < sizeof(data); i++)
			data[i] = kind == 0 ? (u8)rand() : kind == 1 ? 0xff : 0;
		for (u32 len = 0; len < 200; len++) {
			for (u32 at = 0; at < 9; at++)
				assert_int_equal(as_be(csum_finish(csum_add(0, data + at, len))),
						 naive(data + at, len));
		}
		assert_int_equal(as_be(csum_finish(csum_add(0, data, sizeof(data)))),
				 naive(data, sizeof(data)));
	}
}

static void test_continued(void **state)
{
	(void)state;
	for (u32 cut = 0; cut < 100; cut += 2) {
		u64 sum = csum_add(0, data, cut);

		assert_int_equal(as_be(csum_finish(csum_add(sum, data + cut, 101 - cut))),
				 naive(data, 101));
	}
}

/* Any cut of a frame into pieces, odd ones and empty ones too. */
static void test_packets(void **state)
{
	u8 flat[4096];

	(void)state;
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)rand();
	for (u32 round = 0; round < 3000; round++) {
		struct pkt *p = pkt_get(&rx_pool);
		u32 head = (u32)rand() % 130, at = head, nseg = (u32)rand() % (PKT_MAX_SEGS + 1);
		u32 off, len;

		memcpy(p->data, data, head);
		p->head_len = p->len = head;
		for (u32 i = 0; i < nseg; i++) {
			u32 n = (u32)rand() % 60;

			assert_int_equal(pkt_add_seg(p, data + at, (bus_t){ 0 }, n, NULL), ERR_OK);
			at += n;
		}
		off = p->len ? (u32)rand() % p->len : 0;
		len = (u32)rand() % (p->len - off + 1);
		pkt_copy_out(p, off, flat, len);
		assert_int_equal(as_be(csum_finish(csum_add_pkt(0, p, off, len))),
				 naive(flat, len));
		pkt_put(p);
	}
}

static void test_pseudo(void **state)
{
	u8 h[12 + 20] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 20 };

	(void)state;
	memcpy(h + 12, data, 20);
	assert_int_equal(
		as_be(csum_finish(csum_add(csum_add_pseudo(0, OWN, PEER, 17, 20), data, 20))),
		naive(h, sizeof(h)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_CASE(test_lengths_and_places),
		NET_CASE(test_continued),
		NET_CASE(test_packets),
		NET_CASE(test_pseudo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
