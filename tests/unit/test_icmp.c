/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP: echo, errors sent, errors received. */
#include "tests/unit/net_harness.h"

static struct {
	u32 count, dst;
	u16 sport, dport, mtu;
} pmtu;

static bool on_path_mtu(void *ctx, u32 dst, u16 sport, u16 dport, u16 mtu)
{
	(void)ctx;
	pmtu.count++;
	pmtu.dst = dst;
	pmtu.sport = sport;
	pmtu.dport = dport;
	pmtu.mtu = mtu;
	return mtu != 1000;
}

static int setup(void **state)
{
	struct netif_setup s = { .path_mtu = on_path_mtu };

	(void)state;
	memset(&pmtu, 0, sizeof(pmtu));
	net_up_bare(&s);
	assert_int_equal(netif_set_address(&nif, OWN, MASK, GATEWAY), ERR_OK);
	net_know(PEER, peer_mac);
	return 0;
}

static void fix_csum(u8 *d, u32 len)
{
	store_be16(d + ICMP_CSUM, 0);
	csum_store(d + ICMP_CSUM, csum_finish(csum_add(0, d, len)));
}

static const struct ip_spec icmp = { .src = PEER, .dst = OWN, .proto = 1, .tos = 4, .id = 77 };

static u32 make_echo(u8 *d, u32 len)
{
	memset(d, 0, 8);
	d[ICMP_TYPE] = ICMP_ECHO;
	store_be32(d + 4, 0x12345678);
	for (u32 i = 8; i < len; i++)
		d[i] = (u8)i;
	fix_csum(d, len);
	return len;
}

static void feed(const struct ip_spec *s, const u8 *d, u32 len)
{
	u8 f[2048];

	net_feed(f, make_ip(f, s, d, len));
}

static void test_echo(void **state)
{
	u8 d[1480];

	(void)state;
	for (u32 len = 8; len <= sizeof(d); len += 23) {
		u8 *ip = sent[0].data + 14, *r = ip + 20;

		net_forget_sent();
		host_now_ns += SEC;
		feed(&icmp, d, make_echo(d, len));
		assert_int_equal(sent_count, 1);
		assert_memory_equal(sent[0].data, peer_mac, 6);
		assert_int_equal(sent[0].len, 34 + len);
		assert_int_equal(load_be32(ip + IP_SRC), OWN);
		assert_int_equal(load_be32(ip + IP_DST), PEER);
		assert_int_equal(ip[IP_TTL], 64);
		assert_int_equal(csum_finish(csum_add(0, ip, 20)), 0);
		assert_int_equal(r[0], ICMP_ECHO_REPLY);
		assert_int_equal(csum_finish(csum_add(0, r, len)), 0);
		assert_memory_equal(r + 4, d + 4, len - 4);
	}
	assert_int_equal(drops_total(), 0);
}

static void test_echo_in_fragments(void **state)
{
	static u8 d[5000];
	struct ip_spec s = icmp;

	(void)state;
	make_echo(d, sizeof(d));
	for (u32 off = 0; off < sizeof(d); off += 1480) {
		u32 n = MIN(1480u, (u32)sizeof(d) - off);

		s.frag = (u16)(off / 8 | (off + n < sizeof(d) ? IP_FRAG_MF : 0));
		feed(&s, d + off, n);
	}
	assert_int_equal(sent_count, 4);
	assert_int_equal(sent[0].data[34], ICMP_ECHO_REPLY);
	for (u32 i = 0; i < 4; i++)
		assert_memory_equal(sent[i].data + 34 + (i ? 0 : 4),
				    d + i * 1480 + (i ? 0 : 4), sent[i].len - 34 - (i ? 0 : 4));
}

static void test_echo_limit(void **state)
{
	u8 d[64];

	(void)state;
	host_now_ns += SEC;
	for (u32 i = 0; i < 1000; i++)
		feed(&icmp, d, make_echo(d, 64));
	assert_int_equal(sent_count, 200);
	assert_int_equal(drops(NET_DROP_ICMP_LIMIT), 800);
	host_now_ns += 10 * MS;
	for (u32 i = 0; i < 100; i++)
		feed(&icmp, d, make_echo(d, 64));
	assert_int_equal(sent_count, 210);
}

static void test_drops(void **state)
{
	u8 d[64];
	struct ip_spec s = icmp;

	(void)state;
	make_echo(d, 64);
	for (u32 len = 0; len < 8; len++)
		feed(&icmp, d, len);
	assert_int_equal(drops(NET_DROP_ICMP_BAD), 8);
	d[20]++;
	feed(&icmp, d, 64);
	assert_int_equal(drops(NET_DROP_ICMP_CSUM), 1);
	/* A broadcast ping, a reply nobody asked for, a redirect. */
	s.dst = IP_BROADCAST;
	feed(&s, d, make_echo(d, 64));
	d[0] = 0;
	fix_csum(d, 64);
	feed(&icmp, d, 64);
	d[0] = 5;
	fix_csum(d, 64);
	feed(&icmp, d, 64);
	assert_int_equal(drops(NET_DROP_ICMP_IGNORED), 3);
	assert_int_equal(sent_count, 0);
}

static void test_port_unreachable(void **state)
{
	u8 d[64], f[256];
	struct ip_spec s = { .src = PEER, .dst = OWN, .proto = 17, .options = 8 };
	u32 n = make_udp(d, PEER, OWN, 7, 1234, "hello", 5, true);
	u8 *ip = sent[0].data + 14, *m = ip + 20;
	u32 len;

	(void)state;
	host_now_ns += SEC;
	len = make_ip(f, &s, d, n);
	net_feed(f, len);
	assert_int_equal(sent_count, 1);
	assert_int_equal(load_be32(ip + IP_DST), PEER);
	assert_int_equal(ip[IP_PROTO], 1);
	assert_int_equal(m[0], ICMP_UNREACHABLE);
	assert_int_equal(m[1], ICMP_CODE_PORT);
	assert_int_equal(sent[0].len, 34 + 8 + 28 + 8);
	assert_int_equal(csum_finish(csum_add(0, m, 44)), 0);
	assert_memory_equal(m + 8, f + 14, 36);
	/* Never about a broadcast; limited. */
	s.dst = IP_BROADCAST;
	n = make_udp(d, PEER, IP_BROADCAST, 7, 1234, "hello", 5, true);
	net_feed(f, make_ip(f, &s, d, n));
	assert_int_equal(sent_count, 1);
	s.dst = OWN;
	n = make_udp(d, PEER, OWN, 7, 1234, "hello", 5, true);
	for (u32 i = 0; i < 100; i++)
		net_feed(f, make_ip(f, &s, d, n));
	assert_int_equal(sent_count, 20);
	assert_int_equal(nif.count.icmp_limited, 81);
	assert_int_equal(drops(NET_DROP_UDP_PORT), 102);
}

/* "Fragmentation needed" from the gateway about a datagram of 1400 bytes. */
static u32 make_needed(u8 *d, u16 mtu)
{
	u8 f[64], udp[16];
	struct ip_spec s = { .src = OWN, .dst = FAR, .proto = 17 };

	make_udp(udp, OWN, FAR, 0xc123, 9000, "", 0, false);
	make_ip(f, &s, udp, 8);
	memset(d, 0, 8);
	d[0] = ICMP_UNREACHABLE;
	d[1] = ICMP_CODE_FRAG_NEEDED;
	store_be16(d + ICMP_MTU, mtu);
	memcpy(d + 8, f + 14, 28);
	store_be16(d + 8 + IP_TOTAL, 1400);
	fix_csum(d, 36);
	return 36;
}

static void test_path_mtu(void **state)
{
	static const u16 bad_mtu[] = { 0, 68, 575, 1400, 1500, 9000, 65535 };
	u8 d[64];

	(void)state;
	feed(&icmp, d, make_needed(d, 1300));
	assert_int_equal(pmtu.count, 1);
	assert_int_equal(pmtu.dst, FAR);
	assert_int_equal(pmtu.sport, 0xc123);
	assert_int_equal(pmtu.dport, 9000);
	assert_int_equal(pmtu.mtu, 1300);
	for (u32 i = 0; i < ARRAY_SIZE(bad_mtu); i++)
		feed(&icmp, d, make_needed(d, bad_mtu[i]));
	/* Not ours, not UDP, too short. */
	make_needed(d, 1300);
	d[8 + IP_SRC + 3]++;
	fix_csum(d, 36);
	feed(&icmp, d, 36);
	make_needed(d, 1300);
	d[8 + IP_PROTO] = 6;
	fix_csum(d, 36);
	feed(&icmp, d, 36);
	make_needed(d, 1300);
	for (u32 len = 8; len < 36; len++) {
		fix_csum(d, len);
		feed(&icmp, d, len);
	}
	make_needed(d, 1300);
	d[8] = 0x4f; /* says it has 40 bytes of options */
	fix_csum(d, 36);
	feed(&icmp, d, 36);
	assert_int_equal(drops(NET_DROP_ICMP_BAD), ARRAY_SIZE(bad_mtu) + 2 + 28 + 1);
	assert_int_equal(pmtu.count, 1);
	/* Refused by whoever knows what was sent. */
	feed(&icmp, d, make_needed(d, 1000));
	assert_int_equal(pmtu.count, 2);
	assert_int_equal(drops(NET_DROP_ICMP_BAD), ARRAY_SIZE(bad_mtu) + 2 + 28 + 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_echo),
		CASE(test_echo_in_fragments),
		CASE(test_echo_limit),
		CASE(test_drops),
		CASE(test_port_unreachable),
		CASE(test_path_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
