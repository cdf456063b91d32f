/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow hash: what counts, what does not, and that it stays inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/flow.h"

#define LEN 128

/* Of a UDP frame behind n VLAN tags: where the IP header starts. */
static uint32_t build(uint8_t *f, int version, uint32_t tags)
{
	uint32_t at = 12;

	for (uint32_t i = 0; i < LEN; i++)
		f[i] = (uint8_t)(i * 7 + 2);
	for (uint32_t i = 0; i < tags; i++, at += 4)
		memcpy(f + at, i ? "\x81\x00\x00\x05" : "\x88\xa8\x00\x06", 4);
	memcpy(f + at, version == 4 ? "\x08\x00" : "\x86\xdd", 2);
	at += 2;
	f[at] = version == 4 ? 0x46 : 0x60; /* IPv4 with 4 bytes of options */
	if (version == 4) {
		memset(f + at + 6, 0, 2);
		f[at + 9] = 17;
	} else {
		f[at + 6] = 17;
	}
	return at;
}

/* Does a change of one bit of the byte at `at` change the hash? */
static bool counts(const uint8_t *frame, uint32_t at)
{
	uint32_t h = flow_hash(frame, LEN), same = 0;
	uint8_t copy[LEN];

	for (uint32_t bit = 0; bit < 8; bit++) {
		memcpy(copy, frame, LEN);
		copy[at] ^= (uint8_t)(1 << bit);
		same += flow_hash(copy, LEN) == h;
	}
	assert_true(same == 0 || same == 8);
	return same == 0;
}

static void addresses_and_ports_count(void **state)
{
	uint8_t f[LEN];

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		for (uint32_t tags = 0; tags <= 2; tags++) {
			uint32_t ip = build(f, version, tags);
			uint32_t addrs = version == 4 ? 12 : 8, ports = version == 4 ? 24 : 40;
			uint32_t addrs_end = version == 4 ? 20 : 40;

			for (uint32_t i = 0; i < 12; i++)
				assert_true(counts(f, i));
			for (uint32_t i = 0; i < tags; i++)
				assert_false(counts(f, 15 + 4 * i)); /* VLAN id */
			for (uint32_t i = addrs; i < addrs_end; i++)
				assert_true(counts(f, ip + i));
			for (uint32_t i = ports; i < ports + 4; i++)
				assert_true(counts(f, ip + i));
			/* Length, id, TTL, payload: not the flow's. */
			assert_false(counts(f, ip + 2 + (version == 6) * 2));
			assert_false(counts(f, ip + 4));
			assert_false(counts(f, ip + ports + 4));
		}
	}
}

static void swap(uint8_t *a, uint8_t *b, uint32_t len)
{
	while (len--) {
		uint8_t t = *a;

		*a++ = *b;
		*b++ = t;
	}
}

static void both_directions_have_one_hash(void **state)
{
	uint8_t there[LEN], back[LEN];

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		uint32_t ip = build(there, version, 1);
		uint32_t addrs = version == 4 ? 12 : 8, len = version == 4 ? 4 : 16;
		uint32_t ports = version == 4 ? 24 : 40;

		memcpy(back, there, LEN);
		swap(back, back + 6, 6);
		swap(back + ip + addrs, back + ip + addrs + len, len);
		swap(back + ip + ports, back + ip + ports + 2, 2);
		assert_int_equal(flow_hash(there, LEN), flow_hash(back, LEN));
	}
}

static void fragments_of_a_datagram_stay_together(void **state)
{
	uint8_t first[LEN], second[LEN];
	uint32_t ip = build(first, 4, 0);

	(void)state;
	first[ip + 6] = 0x20; /* more follow */
	memcpy(second, first, LEN);
	second[ip + 6] = 0x00;
	second[ip + 7] = 0x40;
	second[ip + 24] ^= 0xff; /* payload here, a port there */
	assert_int_equal(flow_hash(first, LEN), flow_hash(second, LEN));
}

static void short_and_odd_frames_stay_inside(void **state)
{
	uint8_t f[LEN];

	(void)state;
	srand(1);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t len = (uint32_t)rand() % LEN;
		uint8_t *exact;

		build(f, rand() % 2 ? 4 : 6, (uint32_t)rand() % 3);
		for (uint32_t n = (uint32_t)rand() % 4; n; n--)
			f[rand() % LEN] = (uint8_t)rand();
		exact = malloc(len ? len : 1); /* ASan watches its end */
		memcpy(exact, f, len);
		assert_int_not_equal(flow_hash(exact, len), 0);
		assert_int_equal(flow_hash_quick(exact, len, flow_is_plain_ip4(exact, len)),
				 flow_hash(exact, len));
		free(exact);
	}
	assert_int_equal(flow_hash(f, 13), 1);
}

/* 2^14 flows over 2^14 source ports: about 1 - 1/e of the ports are used. */
static void flows_spread_over_the_ports(void **state)
{
	static uint8_t used[1 << 14];
	uint8_t f[LEN];
	uint32_t ip = build(f, 4, 0), n = 0;

	(void)state;
	for (uint32_t i = 0; i < 1 << 14; i++) {
		f[ip + 24] = (uint8_t)(i >> 8);
		f[ip + 25] = (uint8_t)i;
		used[flow_hash(f, LEN) & 0x3fff] = 1;
	}
	for (uint32_t i = 0; i < sizeof(used); i++)
		n += used[i];
	assert_in_range(n, 10000, 10700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_ports_count),
		cmocka_unit_test(both_directions_have_one_hash),
		cmocka_unit_test(fragments_of_a_datagram_stay_together),
		cmocka_unit_test(short_and_odd_frames_stay_inside),
		cmocka_unit_test(flows_spread_over_the_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
