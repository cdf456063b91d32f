/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet and IPv4: what is let in and why not, set-up, backpressure. */
#include "tests/unit/net_harness.h"

static u32 got;
static u8 got_data[2048];
static u32 got_len;

static void take(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	(void)ctx;
	(void)run;
	for (u32 i = 0; i < n; i++) {
		got++;
		got_len = pkts[i]->len;
		pkt_copy_out(pkts[i], 0, got_data, got_len);
		pkt_put(pkts[i]);
	}
}

static u32 good_frame(u8 *f, struct ip_spec s)
{
	u8 d[64];
	u32 n = make_udp(d, PEER, OWN, 5000, 9000, "hello, overlay", 14, true);

	s.src = s.src ? s.src : PEER;
	s.dst = s.dst ? s.dst : OWN;
	s.proto = s.proto ? s.proto : IP_PROTO_UDP;
	return make_ip(f, &s, d, n);
}

static int setup(void **state)
{
	net_setup(state);
	got = 0;
	return udp_bind(&nif, 9000, take, NULL) == ERR_OK ? 0 : -1;
}

static void test_good(void **state)
{
	u8 f[128];
	u32 len;

	(void)state;
	len = good_frame(f, (struct ip_spec){ 0 });
	net_feed(f, len);
	assert_int_equal(got, 1);
	assert_int_equal(got_len, 14);
	assert_memory_equal(got_data, "hello, overlay", 14);
	/* Padded to 60 bytes by Ethernet, with options, as broadcast. */
	memset(f + len, 0xee, 60 - MIN(len, 60u));
	net_feed(f, 60);
	assert_int_equal(got, 2);
	assert_int_equal(got_len, 14);
	net_feed(f, good_frame(f, (struct ip_spec){ .options = 40 }));
	assert_int_equal(got, 3);
	assert_int_equal(drops_total(), 0);
}

static void test_broadcast(void **state)
{
	u8 f[128], d[64];
	static const u32 to[] = { IP_BROADCAST, IP4(10, 0, 0, 255) };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(to); i++) {
		struct ip_spec s = { .src = PEER, .dst = to[i], .proto = 17 };
		u32 n = make_udp(d, PEER, to[i], 1, 9000, "x", 1, true);

		n = make_ip(f, &s, d, n);
		memcpy(f, all_mac, 6);
		net_feed(f, n);
		assert_int_equal(got, i + 1);
	}
}

static void test_ethernet_drops(void **state)
{
	u8 f[128];
	u32 len = good_frame(f, (struct ip_spec){ 0 });

	(void)state;
	for (u32 n = 1; n < 14; n++)
		net_feed(f, n);
	assert_int_equal(drops(NET_DROP_SHORT), 13);
	f[5]++;
	net_feed(f, len);
	f[5]--;
	f[0] = 1;
	net_feed(f, len);
	f[0] = 0x52;
	assert_int_equal(drops(NET_DROP_NOT_OURS), 2);
	store_be16(f + 12, ETH_TYPE_VLAN);
	net_feed(f, len);
	store_be16(f + 12, ETH_TYPE_QINQ);
	net_feed(f, len);
	assert_int_equal(drops(NET_DROP_VLAN), 2);
	store_be16(f + 12, 0x86dd);
	net_feed(f, len);
	assert_int_equal(drops(NET_DROP_ETHERTYPE), 1);
	assert_int_equal(got, 0);
}

static void test_truncated(void **state)
{
	u8 f[128];
	u32 len = good_frame(f, (struct ip_spec){ 0 });

	(void)state;
	for (u32 n = 14; n < len; n++)
		net_feed(f, n);
	assert_int_equal(drops(NET_DROP_IP_BAD), len - 14);
	assert_int_equal(got, 0);
}

static void test_header_drops(void **state)
{
	u8 f[128];
	u32 len;

	(void)state;
	/* Each bit of the header protected by the checksum. */
	for (u32 bit = 0; bit < 160; bit++) {
		len = good_frame(f, (struct ip_spec){ 0 });
		f[14 + bit / 8] ^= (u8)(1 << bit % 8);
		net_feed(f, len);
	}
	assert_int_equal(drops(NET_DROP_IP_BAD) + drops(NET_DROP_IP_CSUM), 160);

	len = good_frame(f, (struct ip_spec){ 0 });
	f[14] = 0x44;
	ip_fix_csum(f + 14);
	net_feed(f, len);
	f[14] = 0x65;
	ip_fix_csum(f + 14);
	net_feed(f, len);
	f[14] = 0x45;
	store_be16(f + 14 + IP_TOTAL, 19);
	ip_fix_csum(f + 14);
	net_feed(f, len);
	store_be16(f + 14 + IP_TOTAL, (u16)(len - 13));
	ip_fix_csum(f + 14);
	net_feed(f, len);
	assert_int_equal(drops(NET_DROP_IP_BAD) + drops(NET_DROP_IP_CSUM), 164);

	len = good_frame(f, (struct ip_spec){ 0 });
	f[14 + IP_TTL] = 0;
	ip_fix_csum(f + 14);
	net_feed(f, len);
	assert_int_equal(drops(NET_DROP_IP_TTL), 1);
	net_feed(f, good_frame(f, (struct ip_spec){ .proto = 6 }));
	assert_int_equal(drops(NET_DROP_IP_PROTO), 1);
	assert_int_equal(got, 0);
}

static void test_addresses(void **state)
{
	static const u32 bad_src[] = { OWN, IP_BROADCAST, IP4(10, 0, 0, 255), IP4(127, 0, 0, 1),
				       IP4(0, 1, 2, 3), IP4(224, 0, 0, 1), IP4(250, 1, 1, 1) };
	static const u32 bad_dst[] = { PEER, IP4(224, 0, 0, 1), IP4(10, 0, 1, 255), FAR };
	u8 f[128];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad_src); i++)
		net_feed(f, good_frame(f, (struct ip_spec){ .src = bad_src[i] }));
	assert_int_equal(drops(NET_DROP_IP_SOURCE), ARRAY_SIZE(bad_src));
	for (u32 i = 0; i < ARRAY_SIZE(bad_dst); i++)
		net_feed(f, good_frame(f, (struct ip_spec){ .dst = bad_dst[i] }));
	assert_int_equal(drops(NET_DROP_IP_ADDRESS), ARRAY_SIZE(bad_dst));
	/* Without an address nothing is ours. */
	netif_set_address(&nif, 0, 0, 0);
	net_feed(f, good_frame(f, (struct ip_spec){ 0 }));
	assert_int_equal(drops(NET_DROP_IP_ADDRESS), ARRAY_SIZE(bad_dst) + 1);
	assert_int_equal(got, 0);
}

static void test_set_address(void **state)
{
	(void)state;
	assert_int_equal(netif_set_address(&nif, OWN, 0xff00ff00, 0), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, IP4(10, 0, 0, 0), MASK, 0), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, IP4(10, 0, 0, 255), MASK, 0), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, IP4(224, 0, 0, 1), MASK, 0), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, OWN, MASK, FAR), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, OWN, MASK, OWN), ERR_INVAL);
	assert_int_equal(netif_set_address(&nif, OWN, 0xfffffffe, 0), ERR_OK);
	assert_int_equal(netif_set_address(&nif, OWN, 0xffffffff, 0), ERR_OK);
	assert_int_equal(netif_set_address(&nif, OWN, MASK, GATEWAY), ERR_OK);
}

static void test_init_refuses(void **state)
{
	struct netif_setup s = nif.setup;
	static struct netif other;

	(void)state;
	s.mtu = 500;
	assert_int_equal(netif_init(&other, &s), ERR_INVAL);
	s.mtu = 1500;
	s.mac[0] |= 1;
	assert_int_equal(netif_init(&other, &s), ERR_INVAL);
	s.mac[0] &= 0xfe;
	s.pool = NULL;
	assert_int_equal(netif_init(&other, &s), ERR_INVAL);
}

static void test_drop_names(void **state)
{
	(void)state;
	for (u32 i = 0; i < NET_DROP_COUNT; i++) {
		assert_non_null(net_drop_name(i));
		for (u32 j = 0; j < i; j++)
			assert_string_not_equal(net_drop_name(i), net_drop_name(j));
	}
	assert_string_equal(net_drop_name(NET_DROP_COUNT), "?");
}

static void test_tx_full(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 1, .dport = 2, .ttl = 64 };
	struct pkt *p[PKT_BURST];

	(void)state;
	net_know(PEER, peer_mac);
	tx_limit = 5;
	assert_int_equal(netif_tx_room(&nif), 5);
	for (u32 i = 0; i < PKT_BURST; i++) {
		p[i] = pkt_get(&hdr_pool);
		p[i]->head_len = p[i]->len = 64;
	}
	udp_send_burst(&nif, &d, p, PKT_BURST);
	assert_int_equal(tx_bursts, 1);
	assert_int_equal(sent_count, 5);
	assert_int_equal(drops(NET_DROP_TX_FULL), PKT_BURST - 5);
	assert_int_equal(nif.count.tx_frames, 5 + 2); /* announcement, answer to ARP */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_good),
		CASE(test_broadcast),
		CASE(test_ethernet_drops),
		CASE(test_truncated),
		CASE(test_header_drops),
		CASE(test_addresses),
		CASE(test_set_address),
		CASE(test_init_refuses),
		CASE(test_drop_names),
		CASE(test_tx_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
