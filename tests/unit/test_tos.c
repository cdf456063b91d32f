/* SPDX-License-Identifier: BSD-2-Clause */
/* ECN and DS field of inner frames against RFC 6040's table, written out once
 * more as its text has it, and checksums computed anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"
#include "vnet/tos.h"

static u8 buf[128];
static struct pkt p;

/* A frame with so many VLAN tags; returns where IP begins. */
static u32 frame(u32 tags, bool v6, u8 tos)
{
	u32 at = ETH_HLEN + tags * VLAN_HLEN;
	u8 *ip = buf + at;

	memset(buf, 0x5a, sizeof(buf));
	for (u32 i = 0; i < tags; i++)
		store_be16(buf + ETH_TYPE + i * VLAN_HLEN, i ? ETH_TYPE_VLAN : ETH_TYPE_QINQ);
	store_be16(ip - 2, v6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	if (v6) {
		store_be32(ip, 6u << 28 | (u32)tos << 20 | 0xabcde);
	} else {
		ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
		ip[IP_TOS] = tos;
		store_be16(ip + IP_CSUM, 0);
		csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	}
	p = (struct pkt){ .data = buf, .head_len = sizeof(buf), .len = sizeof(buf) };
	return at;
}

/* 4: drop. */
static u8 naive(u8 inner, u8 outer)
{
	if (inner == 0)
		return outer == 3 ? 4 : 0;
	if (inner == 3 || outer == 3)
		return 3;
	return inner == 2 && outer == 1 ? 1 : inner;
}

static void every_pair_as_the_rfc_has_it(void **state)
{
	(void)state;
	for (u32 i = 0; i < 256 * 4 * 2 * 3; i++) {
		u8 tos = (u8)i, outer = (i >> 8) & 3;
		bool v6 = i >> 10 & 1;
		u32 tags = i >> 11, at = frame(tags, v6, tos);
		u8 want = naive(tos & 3, outer);
		u8 before[sizeof(buf)];

		assert_int_equal(tos_of(buf, sizeof(buf)), tos);
		memcpy(before, buf, sizeof(buf));
		assert_int_equal(tos_decap(&p, (u8)(outer | 0xb8)), want != 4);
		if (want == 4 || want == (tos & 3)) {
			assert_memory_equal(buf, before, sizeof(buf));
			continue;
		}
		assert_int_equal(tos_of(buf, sizeof(buf)), (tos & TOS_DSCP) | want);
		if (v6)
			assert_int_equal(load_be32(buf + at) & 0xfffff, 0xabcde);
		else
			assert_int_equal(csum_finish(csum_add(0, buf + at, IP_HLEN)), 0);
	}
}

static void other_frames_have_none(void **state)
{
	(void)state;
	frame(3, false, 0xff); /* behind more tags than are looked at */
	assert_int_equal(tos_of(buf, sizeof(buf)), 0);
	frame(0, false, 0xff);
	store_be16(buf + ETH_TYPE, ETH_TYPE_ARP);
	assert_int_equal(tos_of(buf, sizeof(buf)), 0);
	/* They cannot be told of congestion either. */
	assert_true(tos_decap(&p, 0));
	assert_true(tos_decap(&p, 2));
	assert_false(tos_decap(&p, 3));
}

static void what_is_cut_off_is_not_read(void **state)
{
	(void)state;
	frame(0, false, 0xff);
	for (u32 len = 0; len < ETH_HLEN + 2; len++)
		assert_int_equal(tos_of(buf, len), 0);
	assert_int_equal(tos_of(buf, ETH_HLEN + 2), 0xff);
	frame(0, false, 2);
	p.head_len = p.len = ETH_HLEN + 2; /* no place for a checksum: left as it is */
	assert_true(tos_decap(&p, 3));
	assert_int_equal(tos_of(buf, ETH_HLEN + 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_as_the_rfc_has_it),
		cmocka_unit_test(other_frames_have_none),
		cmocka_unit_test(what_is_cut_off_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
