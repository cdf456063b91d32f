/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive coalescing: what segmentation cut comes back as it was; anything
 * that is not the next piece of the same flow stays by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "vnet/gro.h"
#include "vnet/gso.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define L3 ETH_HLEN
#define L3_LEN (ipv6 ? IP6_HLEN : IP_HLEN)
#define L4 (ETH_HLEN + L3_LEN)
#define OPTIONS 12u
#define HEADERS (L4 + TCP_HLEN + OPTIONS)
#define BOTH (PKT_CAP_TSO4 | PKT_CAP_TSO6)
#define MSS 1400u
#define PIECES 8u
#define BUFFER (PKT_HEADROOM + 2048u)

static struct pkt_pool pool;
static void *memory;
static struct pkt *pkts[PIECES];
static bool ipv6; /* what is made */

static int setup(void **state)
{
	(void)state;
	ipv6 = false;
	memory = aligned_alloc(64, pkt_pool_bytes(PIECES, BUFFER));
	pkt_pool_init(&pool, "test", 0, PIECES, BUFFER, memory, (bus_t){ (uintptr_t)memory });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (u32 i = 0; i < PIECES; i++) {
		pkt_put(pkts[i]);
		pkts[i] = NULL;
	}
	assert_int_equal(pool.free_count, PIECES);
	free(memory);
	return 0;
}

static u8 byte_at(u32 seq)
{
	return (u8)(seq * 7 + (seq >> 8));
}

/* The checksum by the book: 16-bit words, one after the other. */
static u16 naive_sum(const u8 *p, u32 len, u32 sum)
{
	for (u32 i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

static u16 pseudo_sum(const u8 *f, u32 tcp_len)
{
	return ipv6 ? naive_sum(f + L3 + IP6_SRC, IP6_ADDRS, IP_PROTO_TCP + tcp_len)
		    : naive_sum(f + L3 + IP_SRC, 8, IP_PROTO_TCP + tcp_len);
}

static void finish(u8 *f, u32 len)
{
	u32 tcp_len = len - L4;
	u32 pseudo = pseudo_sum(f, tcp_len);

	if (ipv6) {
		store_be16(f + L3 + IP6_LEN, (u16)tcp_len);
	} else {
		store_be16(f + L3 + IP_TOTAL, (u16)(len - L3));
		store_be16(f + L3 + IP_CSUM, 0);
		store_be16(f + L3 + IP_CSUM, (u16)~naive_sum(f + L3, IP_HLEN, 0));
	}
	store_be16(f + L4 + TCP_CSUM, 0);
	store_be16(f + L4 + TCP_CSUM, (u16)~naive_sum(f + L4, tcp_len, pseudo));
}

static void fill_ip(u8 *ip, u32 seq)
{
	if (ipv6) {
		ip[IP6_VERSION] = 0x60;
		ip[IP6_NEXT] = IP_PROTO_TCP;
		ip[IP6_HOP] = 64;
		ip[IP6_SRC] = ip[IP6_DST] = 0xfd;
		ip[IP6_SRC + IP6_ALEN - 1] = 1;
		ip[IP6_DST + IP6_ALEN - 1] = 2;
		return;
	}
	ip[0] = IP_VER_IHL_PLAIN;
	store_be16(ip + IP_ID, (u16)seq);
	store_be16(ip + IP_FRAG, IP_FRAG_DF);
	ip[IP_TTL] = 64;
	ip[IP_PROTO] = IP_PROTO_TCP;
	store_be32(ip + IP_SRC, 0x0a010001);
	store_be32(ip + IP_DST, 0x0a010002);
}

static struct pkt *make(u32 seq, u32 payload, u8 flags)
{
	struct pkt *p = pkt_get(&pool);
	u8 *f;

	assert_non_null(p);
	p->len = p->head_len = HEADERS + payload;
	f = p->data;
	memset(f, 0, HEADERS);
	memcpy(f, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00", ETH_HLEN);
	store_be16(f + ETH_TYPE, ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	fill_ip(f + L3, seq);
	store_be32(f + L4, 0x13895000);
	store_be32(f + L4 + TCP_SEQ, seq);
	store_be32(f + L4 + 8, 77);
	f[L4 + TCP_DOFF] = (TCP_HLEN + OPTIONS) / 4 << 4;
	f[L4 + TCP_FLAGS] = flags;
	store_be16(f + L4 + 14, 500);
	memcpy(f + L4 + TCP_HLEN, "\x01\x01\x08\x0a\1\2\3\4\5\6\7\x08", OPTIONS);
	for (u32 i = 0; i < payload; i++)
		f[HEADERS + i] = byte_at(seq + i);
	finish(f, p->len);
	return p;
}

static void make_all(u32 last_payload)
{
	for (u32 i = 0; i < PIECES; i++)
		pkts[i] = make(1000 + i * MSS, i == PIECES - 1 ? last_payload : MSS,
			       i == PIECES - 1 ? 0x18 : 0x10);
}

static void make_again(u32 last_payload)
{
	for (u32 i = 0; i < PIECES; i++)
		pkt_put(pkts[i]);
	make_all(last_payload);
}

/* The whole as a guest would see it, against a segment built in one go. */
static void check_whole(const struct gro_run *run)
{
	static u8 whole[64 * 1024];
	u32 at = run->header_len, sum;

	memcpy(whole, run->header, run->header_len);
	for (u32 i = 0; i < run->count; i++) {
		memcpy(whole + at, pkts[i]->data + HEADERS, pkts[i]->head_len - HEADERS);
		at += pkts[i]->head_len - HEADERS;
	}
	assert_int_equal(at, run->len);
	for (u32 i = 0; i < at - HEADERS; i++)
		assert_int_equal(whole[HEADERS + i], byte_at(1000 + i));
	if (ipv6) {
		assert_int_equal(load_be16(whole + L3 + IP6_LEN), run->len - L4);
	} else {
		assert_int_equal(load_be16(whole + L3 + IP_TOTAL), run->len - L3);
		assert_int_equal(naive_sum(whole + L3, IP_HLEN, 0), 0xffff);
	}
	assert_int_equal(run->gso_type, ipv6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4);
	/* Partial: the sum of the pseudo header stands in the field. */
	sum = pseudo_sum(whole, run->len - L4);
	assert_int_equal(load_be16(whole + L4 + TCP_CSUM), sum);
	assert_int_equal(load_be32(whole + L4 + TCP_SEQ), 1000);
	assert_int_equal(run->gso_size, MSS);
	assert_int_equal(run->csum_start, L4);
	assert_int_equal(run->csum_offset, TCP_CSUM);
}

static void joins(void **state)
{
	struct gro_run run;

	(void)state;
	make_all(MSS);
	assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run), PIECES);
	check_whole(&run);
	assert_int_equal(run.header[L4 + TCP_FLAGS], 0x18);
	assert_int_equal(gro_begin(pkts, 3, BOTH, &run), 3);
	check_whole(&run);
	assert_int_equal(run.header[L4 + TCP_FLAGS], 0x10);
	assert_int_equal(gro_begin(pkts, 1, BOTH, &run), 1);
}

static void short_last(void **state)
{
	struct gro_run run;

	(void)state;
	make_all(1);
	assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run), PIECES);
	check_whole(&run);
}

/* One byte of the fourth frame is changed; with the checksums made right again
 * when `right`, so that only the byte itself tells. */
static u32 joined_after(u32 offset, u8 flip, bool right)
{
	struct gro_run run;
	u32 count;
	u8 *f = pkts[3]->data;

	f[offset] ^= flip;
	if (right)
		finish(f, pkts[3]->len);
	count = gro_begin(pkts, PIECES, BOTH, &run);
	f[offset] ^= flip;
	finish(f, pkts[3]->len);
	return count;
}

static void refuses(void **state)
{
	const u32 telling[] = {
		0, 6, 12, L3, L3 + IP_TOS, L3 + IP_FRAG, L3 + IP_FRAG + 1, L3 + IP_TTL,
		L3 + IP_PROTO, L3 + IP_SRC, L3 + IP_DST + 3, L4, L4 + 3, L4 + TCP_SEQ,
		L4 + TCP_SEQ + 3, L4 + 8, L4 + TCP_DOFF, L4 + TCP_FLAGS, L4 + 14, L4 + 18,
		L4 + TCP_HLEN, HEADERS - 1,
	};

	(void)state;
	make_all(MSS);
	for (u32 i = 0; i < ARRAY_SIZE(telling); i++)
		assert_int_equal(joined_after(telling[i], 0x20, true), 3);
	assert_int_equal(joined_after(L4 + TCP_DOFF, 1, true), 3); /* a flag of later days */
	assert_int_equal(joined_after(HEADERS + 700, 1, false), 3);	/* payload */
	assert_int_equal(joined_after(L3 + IP_CSUM, 1, false), 3);
	assert_int_equal(joined_after(L4 + TCP_CSUM, 1, false), 3);
	assert_int_equal(joined_after(L3 + IP_ID, 0x20, true), PIECES); /* tells nothing */
	assert_int_equal(joined_after(L4 + TCP_FLAGS, TCP_PSH, true), 4); /* ends it */
}

/* Segments of a byte are no segments that anybody should have to cut again. */
static void tiny(void **state)
{
	struct gro_run run;

	(void)state;
	for (u32 payload = 1; payload < 12; payload++) {
		for (u32 i = 0; i < PIECES; i++) {
			pkt_put(pkts[i]);
			pkts[i] = make(1000 + i * payload, payload, 0x10);
		}
		assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run),
				 payload < GSO_SIZE_MIN ? 1 : PIECES);
	}
}

static void joins_ipv6(void **state)
{
	struct gro_run run;

	ipv6 = true;
	joins(state);
	make_again(1);
	assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run), PIECES);
	check_whole(&run);
}

static void refuses_ipv6(void **state)
{
	/* Traffic class, flow label, next header, hop limit, addresses. */
	static const u32 telling[] = { L3, L3 + 1, L3 + 3, L3 + IP6_NEXT, L3 + IP6_HOP,
				       L3 + IP6_SRC, L3 + IP6_DST + IP6_ALEN - 1 };

	(void)state;
	ipv6 = true;
	make_all(MSS);
	for (u32 i = 0; i < ARRAY_SIZE(telling); i++)
		assert_int_equal(joined_after(telling[i], 0x20, true), 3);
	assert_int_equal(joined_after(L4 + TCP_SEQ, 0x20, true), 3);
	assert_int_equal(joined_after(L4 + 14, 0x20, true), 3);
	assert_int_equal(joined_after(HEADERS + 700, 1, false), 3);
	assert_int_equal(joined_after(L4 + TCP_CSUM, 1, false), 3);
	assert_int_equal(joined_after(L3 + IP6_LEN + 1, 1, false), 3);
}

/* Only what the other side takes as a long segment. */
static void as_the_taker_can(void **state)
{
	struct gro_run run;

	(void)state;
	make_all(MSS);
	assert_int_equal(gro_begin(pkts, PIECES, PKT_CAP_TSO6, &run), 1);
	assert_int_equal(gro_begin(pkts, PIECES, PKT_CAP_TSO4, &run), PIECES);
	ipv6 = true;
	make_again(MSS);
	assert_int_equal(gro_begin(pkts, PIECES, PKT_CAP_TSO4, &run), 1);
	assert_int_equal(gro_begin(pkts, PIECES, PKT_CAP_TSO6, &run), PIECES);
}

static void first_is_wrong(void **state)
{
	struct gro_run run;

	(void)state;
	make_all(MSS);
	pkts[0]->data[HEADERS] ^= 1;
	assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run), 1);
	pkts[0]->data[HEADERS] ^= 1;
	pkts[0]->data[L4 + TCP_FLAGS] |= TCP_FIN;
	finish(pkts[0]->data, pkts[0]->len);
	assert_int_equal(gro_begin(pkts, PIECES, BOTH, &run), 1);
}

/* Any length, any bytes: bounded by the sanitizers. */
static void garbage(void **state)
{
	struct gro_run run;

	(void)state;
	make_all(MSS);
	srand(1);
	for (u32 round = 0; round < 20000; round++) {
		struct pkt *p = pkts[rand() % PIECES];
		u32 len = p->head_len;

		p->data[(u32)rand() % HEADERS] = (u8)rand();
		p->head_len = (u32)rand() % (len + 1);
		p->len = p->head_len;
		assert_in_range(gro_begin(pkts, PIECES, BOTH, &run), 1, PIECES);
		p->head_len = p->len = HEADERS + MSS;
	}
}

static void garbage_ipv6(void **state)
{
	ipv6 = true;
	garbage(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(joins, setup, teardown),
		cmocka_unit_test_setup_teardown(short_last, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(tiny, setup, teardown),
		cmocka_unit_test_setup_teardown(joins_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(as_the_taker_can, setup, teardown),
		cmocka_unit_test_setup_teardown(first_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_ipv6, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
