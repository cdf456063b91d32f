/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP: asking, answering, waiting, forgetting. */
#define NET_POOL 2048u /* one packet may wait for each entry */
#include "tests/unit/net_harness.h"

#define WIDE_MASK IP4(255, 255, 0, 0)

static struct udp_dst to_peer(u32 addr)
{
	return (struct udp_dst){ .addr = addr, .sport = 9000, .dport = 9000, .ttl = 64 };
}

static u32 send_to(struct udp_dst *d)
{
	struct pkt *p = pkt_get(&hdr_pool);

	p->head_len = p->len = 100;
	return udp_send_burst(&nif, d, &p, 1);
}

static bool is_request_for(const struct sent *s, u32 ip)
{
	const u8 *a = s->data + 14;

	return s->len == 42 && load_be16(s->data + 12) == ETH_TYPE_ARP &&
	       load_be16(a + ARP_OP) == ARP_OP_REQUEST && load_be32(a + ARP_TPA) == ip &&
	       load_be32(a + ARP_SPA) == OWN && !memcmp(a + ARP_SHA, own_mac, 6);
}

static void reply(u32 ip, const u8 *mac)
{
	u8 f[64];

	net_feed(f, make_arp(f, own_mac, ARP_OP_REPLY, mac, ip, own_mac, OWN));
}

static void test_announce(void **state)
{
	(void)state;
	assert_int_equal(netif_set_address(&nif, OWN + 4, MASK, 0), ERR_OK);
	assert_int_equal(sent_count, 1);
	assert_memory_equal(sent[0].data, all_mac, 6);
	assert_int_equal(load_be32(sent[0].data + 14 + ARP_SPA), OWN + 4);
	assert_int_equal(load_be32(sent[0].data + 14 + ARP_TPA), OWN + 4);
}

static void test_answers(void **state)
{
	u8 f[64];

	(void)state;
	net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, peer_mac, PEER, all_mac, OWN));
	assert_int_equal(sent_count, 1);
	assert_memory_equal(sent[0].data, peer_mac, 6);
	assert_int_equal(load_be16(sent[0].data + 14 + ARP_OP), ARP_OP_REPLY);
	assert_memory_equal(sent[0].data + 14 + ARP_SHA, own_mac, 6);
	assert_int_equal(load_be32(sent[0].data + 14 + ARP_SPA), OWN);
	assert_memory_equal(sent[0].data + 14 + ARP_THA, peer_mac, 6);
	assert_int_equal(load_be32(sent[0].data + 14 + ARP_TPA), PEER);
	/* A probe (RFC 5227) is answered, but teaches nothing. */
	net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, gw_mac, 0, all_mac, OWN));
	assert_int_equal(sent_count, 2);
	/* Others' business is not. */
	net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, gw_mac, GATEWAY, all_mac, PEER));
	assert_int_equal(sent_count, 2);
	assert_int_equal(drops_total(), 0);
}

static void test_queue_and_resolve(void **state)
{
	struct udp_dst d = to_peer(PEER);

	(void)state;
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(send_to(&d), 1);
	assert_int_equal(sent_count, 1); /* one request for all */
	assert_true(is_request_for(&sent[0], PEER));
	reply(PEER, peer_mac);
	assert_int_equal(sent_count, 6);
	for (u32 i = 1; i < 6; i++) {
		assert_int_equal(sent[i].len, 142);
		assert_memory_equal(sent[i].data, peer_mac, 6);
		assert_memory_equal(sent[i].data + 6, own_mac, 6);
	}
	/* Now at once. */
	send_to(&d);
	assert_int_equal(sent_count, 7);
	assert_int_equal(drops_total(), 0);
}

static void test_queue_is_bounded(void **state)
{
	struct udp_dst d = to_peer(PEER);

	(void)state;
	for (u32 i = 0; i < ARP_WAIT_MAX + 10; i++)
		send_to(&d);
	assert_int_equal(drops(NET_DROP_NO_NEIGHBOUR), 10);
}

static void test_gives_up(void **state)
{
	struct udp_dst d = to_peer(PEER);
	u32 asked = 0;

	(void)state;
	send_to(&d);
	send_to(&d);
	assert_int_equal(netif_next_ns(&nif), host_now_ns + ARP_RETRY_NS);
	while (netif_next_ns(&nif) != UINT64_MAX) {
		assert_true(asked++ < 20);
		/* A tick too early does nothing. */
		netif_tick(&nif, netif_next_ns(&nif) - 1);
		host_now_ns = netif_next_ns(&nif);
		netif_tick(&nif, host_now_ns);
	}
	assert_int_equal(sent_count, ARP_TRIES);
	assert_int_equal(drops(NET_DROP_NO_NEIGHBOUR), 2);
	/* And starts anew when there is something to send. */
	send_to(&d);
	assert_int_equal(sent_count, ARP_TRIES + 1);
}

static void test_check_keeps_neighbour_in_use(void **state)
{
	struct udp_dst d = to_peer(PEER);

	(void)state;
	net_know(PEER, peer_mac);
	for (u32 round = 0; round < 5; round++) {
		send_to(&d);
		net_forget_sent();
		host_now_ns = netif_next_ns(&nif);
		netif_tick(&nif, host_now_ns);
		/* A unicast question, while sending goes on. */
		assert_int_equal(sent_count, 1);
		assert_true(is_request_for(&sent[0], PEER));
		assert_memory_equal(sent[0].data, peer_mac, 6);
		send_to(&d);
		assert_int_equal(sent[1].len, 142);
		reply(PEER, peer_mac);
	}
	/* No answer any more: ask, give up, ask everybody. */
	send_to(&d);
	for (u32 i = 0; i <= ARP_TRIES; i++) {
		host_now_ns = netif_next_ns(&nif);
		netif_tick(&nif, host_now_ns);
	}
	net_forget_sent();
	send_to(&d);
	assert_int_equal(sent_count, 1);
	assert_true(is_request_for(&sent[0], PEER));
	assert_memory_equal(sent[0].data, all_mac, 6);
}

static void test_unused_is_forgotten(void **state)
{
	(void)state;
	net_know(PEER, peer_mac);
	host_now_ns = netif_next_ns(&nif);
	netif_tick(&nif, host_now_ns);
	assert_int_equal(sent_count, 0);
	assert_int_equal(netif_next_ns(&nif), UINT64_MAX);
}

static void test_moved_neighbour(void **state)
{
	struct udp_dst d = to_peer(PEER);
	u8 f[64];

	(void)state;
	net_know(PEER, peer_mac);
	send_to(&d);
	assert_memory_equal(sent[0].data, peer_mac, 6);
	/* Gratuitous: prepared headers must not outlive it. */
	net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, gw_mac, PEER, all_mac, PEER));
	send_to(&d);
	assert_memory_equal(sent[1].data, gw_mac, 6);
}

static void test_gateway(void **state)
{
	struct udp_dst d = to_peer(FAR);

	(void)state;
	send_to(&d);
	assert_true(is_request_for(&sent[0], GATEWAY));
	reply(GATEWAY, gw_mac);
	assert_memory_equal(sent[1].data, gw_mac, 6);
	assert_int_equal(load_be32(sent[1].data + 14 + IP_DST), FAR);

	netif_set_address(&nif, OWN, MASK, 0);
	send_to(&d);
	assert_int_equal(drops(NET_DROP_NO_ROUTE), 1);
	netif_set_address(&nif, 0, 0, 0);
	send_to(&d);
	assert_int_equal(drops(NET_DROP_NO_ADDRESS), 1);
}

static void test_bad_frames(void **state)
{
	u8 good[64], f[64];
	static const struct {
		u32 at;
		u8 value;
	} bad[] = {
		{ 14 + ARP_HTYPE + 1, 6 },  { 14 + ARP_PTYPE, 9 },   { 14 + ARP_HLEN, 8 },
		{ 14 + ARP_PLEN, 16 },	    { 14 + ARP_OP + 1, 3 },  { 14 + ARP_SHA, 0x53 },
		{ 14 + ARP_SPA, 224 },	    { 14 + ARP_SPA, 127 },   { 14 + ARP_OP, 1 },
	};

	(void)state;
	make_arp(good, all_mac, ARP_OP_REQUEST, peer_mac, PEER, all_mac, OWN);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(f, good, sizeof(f));
		f[bad[i].at] = bad[i].value;
		net_feed(f, 60);
		assert_int_equal(drops(NET_DROP_ARP_BAD), i + 1);
	}
	for (u32 len = 14; len < 42; len++)
		net_feed(good, len);
	assert_int_equal(drops(NET_DROP_ARP_BAD), ARRAY_SIZE(bad) + 28);
	/* Our own frame come back, and somebody with our address. */
	net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, own_mac, PEER, all_mac, OWN));
	assert_int_equal(drops(NET_DROP_ARP_BAD), ARRAY_SIZE(bad) + 29);
	net_feed(f, make_arp(f, all_mac, ARP_OP_REPLY, peer_mac, OWN, all_mac, OWN));
	assert_int_equal(drops(NET_DROP_ARP_CONFLICT), 1);
	assert_int_equal(sent_count, 0);
	assert_int_equal(netif_next_ns(&nif), UINT64_MAX);
}

/* Unasked answers make no entries; a flood of askers evicts only the idle. */
static void test_table_pressure(void **state)
{
	struct udp_dst d = to_peer(PEER);
	u8 f[64], mac[6] = { 2, 0, 0, 0, 0, 0 };

	(void)state;
	reply(PEER, peer_mac);
	assert_int_equal(netif_next_ns(&nif), UINT64_MAX);
	net_know(PEER, peer_mac);
	send_to(&d);
	for (u32 i = 10; i < 240; i++) {
		mac[5] = (u8)i;
		net_feed(f, make_arp(f, all_mac, ARP_OP_REQUEST, mac, IP4(10, 0, 0, i), all_mac,
				     OWN));
	}
	net_forget_sent();
	send_to(&d);
	assert_int_equal(sent_count, 1);
	assert_int_equal(sent[0].len, 142);
	/* All entries asking: the next has to wait. */
	netif_set_address(&nif, OWN, WIDE_MASK, GATEWAY);
	for (u32 i = 10; i < 11 + ARP_ENTRIES; i++) {
		struct udp_dst other = to_peer(IP4(10, 0, 0, 0) + i);

		send_to(&other);
	}
	assert_int_equal(drops(NET_DROP_NO_NEIGHBOUR), 1);
}

static u64 least_of_all(void)
{
	u64 next = UINT64_MAX;

	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		const struct arp_entry *e = &nif.arp.entry[i];

		next = e->state == ARP_FREE ? next : MIN(next, e->next_ns);
	}
	return next;
}

/* The other nodes of a large mesh, whose addresses lie anyhow. */
static void test_a_mesh_fits(void **state)
{
	static struct udp_dst node[255];
	u8 mac[6] = { 0x52, 0x54, 1 };
	u32 gen;

	(void)state;
	netif_set_address(&nif, OWN, WIDE_MASK, GATEWAY);
	for (u32 i = 0; i < ARRAY_SIZE(node); i++) {
		u32 ip = IP4(10, 0, 0, 0) + 2 + i * (i % 3 ? 1 : ARP_ENTRIES / 2);

		node[i] = to_peer(ip);
		host_now_ns += MS;
		send_to(&node[i]);
		assert_int_equal(nif.arp.next_ns, least_of_all());
		mac[4] = (u8)(ip >> 8);
		mac[5] = (u8)ip;
		net_know(ip, mac);
		assert_int_equal(nif.arp.next_ns, least_of_all());
	}
	for (u32 i = 0; i < ARRAY_SIZE(node); i++)
		send_to(&node[i]);
	gen = nif.gen;
	net_forget_sent();
	for (u32 i = 0; i < ARRAY_SIZE(node); i++) {
		send_to(&node[i]);
		assert_int_equal(sent[i].data[5], (u8)node[i].addr);
		assert_int_equal(sent[i].data[4], (u8)(node[i].addr >> 8));
	}
	/* Nobody took another one's place, and all are kept as long as they are used. */
	assert_int_equal(nif.gen, gen);
	assert_int_equal(sent_count, ARRAY_SIZE(node));
	host_now_ns += ARP_CHECK_NS;
	netif_tick(&nif, host_now_ns);
	assert_int_equal(nif.arp.next_ns, least_of_all());
	assert_int_equal(nif.gen, gen);
	assert_int_equal(drops_total(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_CASE(test_announce),
		NET_CASE(test_answers),
		NET_CASE(test_queue_and_resolve),
		NET_CASE(test_queue_is_bounded),
		NET_CASE(test_gives_up),
		NET_CASE(test_check_keeps_neighbour_in_use),
		NET_CASE(test_unused_is_forgotten),
		NET_CASE(test_moved_neighbour),
		NET_CASE(test_gateway),
		NET_CASE(test_bad_frames),
		NET_CASE(test_table_pressure),
		NET_CASE(test_a_mesh_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
