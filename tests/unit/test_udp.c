/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP: ports and bursts in; headers, checksums and options out. */
#include "tests/unit/net_harness.h"

#include "vnet/net/net_priv.h"

static struct {
	u32 calls, packets, first_burst;
	u32 src, dst;
	u16 sport, dport;
	u32 len;
	u8 data[2048];
	u8 ttl, tos;
} got;

static void take(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	assert_ptr_equal(ctx, &got);
	if (!got.calls++)
		got.first_burst = n;
	for (u32 i = 0; i < n; i++) {
		got.packets++;
		got.src = run->src;
		got.dst = run->dst;
		got.sport = run->sport[i];
		got.dport = run->dport;
		got.ttl = pkts[i]->ttl;
		got.tos = pkts[i]->tos;
		got.len = pkts[i]->len;
		assert_true(pkt_headroom(pkts[i]) >= UDP_HEADROOM);
		pkt_copy_out(pkts[i], 0, got.data, got.len);
		pkt_put(pkts[i]);
	}
}

static int setup(void **state)
{
	net_setup(state);
	memset(&got, 0, sizeof(got));
	return udp_bind(&nif, 9000, take, &got) == ERR_OK ? 0 : -1;
}

static const struct ip_spec from_peer = { .src = PEER, .dst = OWN, .proto = 17, .ttl = 9,
					  .tos = 0x2e };

static struct pkt *frame_in(u16 dport)
{
	struct pkt *p = pkt_get(&rx_pool);
	u8 d[32];
	u32 n = make_udp(d, PEER, OWN, 7, dport, "abc", 3, true);

	p->len = p->head_len = make_ip(p->data, &from_peer, d, n);
	return p;
}

static void test_meta(void **state)
{
	struct pkt *p = frame_in(9000);

	(void)state;
	netif_input(&nif, &p, 1);
	assert_int_equal(got.src, PEER);
	assert_int_equal(got.dst, OWN);
	assert_int_equal(got.sport, 7);
	assert_int_equal(got.dport, 9000);
	assert_int_equal(got.ttl, 9);
	assert_int_equal(got.tos, 0x2e);
	assert_int_equal(got.len, 3);
	assert_memory_equal(got.data, "abc", 3);
}

static void test_bursts(void **state)
{
	struct pkt *p[2 * PKT_BURST];

	(void)state;
	for (u32 i = 0; i < 2 * PKT_BURST; i++)
		p[i] = frame_in(9000);
	netif_input(&nif, p, 2 * PKT_BURST);
	assert_int_equal(got.calls, 2);
	assert_int_equal(got.first_burst, PKT_BURST);
	assert_int_equal(got.packets, 2 * PKT_BURST);
	/* Order among ports is kept. */
	assert_int_equal(udp_bind(&nif, 9001, take, &got), ERR_OK);
	memset(&got, 0, sizeof(got));
	p[0] = frame_in(9000);
	p[1] = frame_in(9001);
	p[2] = frame_in(9001);
	p[3] = frame_in(9000);
	netif_input(&nif, p, 4);
	assert_int_equal(got.calls, 3);
	assert_int_equal(got.dport, 9000);
}

static void test_bind(void **state)
{
	(void)state;
	assert_int_equal(udp_bind(&nif, 9000, take, &got), ERR_EXIST);
	for (u32 i = 1; i < UDP_PORTS_MAX; i++)
		assert_int_equal(udp_bind(&nif, (u16)i, take, &got), ERR_OK);
	assert_int_equal(udp_bind(&nif, 9999, take, &got), ERR_NOMEM);
	udp_unbind(&nif, 9000);
	udp_unbind(&nif, 9000);
	assert_int_equal(udp_bind(&nif, 9999, take, &got), ERR_OK);
}

static void test_lengths_in(void **state)
{
	u8 f[2048], d[2048], data[2048];

	(void)state;
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 5);
	for (u32 len = 0; len <= 1472; len++) {
		u32 n = make_udp(d, PEER, OWN, 7, 9000, data, len, len % 2);

		net_feed(f, make_ip(f, &from_peer, d, n));
		assert_int_equal(got.len, len);
		assert_memory_equal(got.data, data, len);
	}
	assert_int_equal(drops_total(), 0);
}

static void test_drops_in(void **state)
{
	u8 f[128], d[64];
	u32 n = make_udp(d, PEER, OWN, 7, 9000, "odd", 3, true);

	(void)state;
	for (u32 len = 0; len < n; len++)
		net_feed(f, make_ip(f, &from_peer, d, len));
	assert_int_equal(drops(NET_DROP_UDP_BAD), n);
	store_be16(d + UDP_LEN, 7);
	net_feed(f, make_ip(f, &from_peer, d, n));
	assert_int_equal(drops(NET_DROP_UDP_BAD), n + 1);
	/* Any flipped bit, but for the length and a checksum of 0. */
	for (u32 bit = 0; bit < n * 8; bit++) {
		n = make_udp(d, PEER, OWN, 7, 9000, "odd", 3, true);
		if (bit / 8 == UDP_LEN || bit / 8 == UDP_LEN + 1)
			continue;
		d[bit / 8] ^= (u8)(1 << bit % 8);
		net_feed(f, make_ip(f, &from_peer, d, n));
	}
	assert_int_equal(drops(NET_DROP_UDP_CSUM), n * 8 - 16);
	/* Data behind the UDP length is not delivered. */
	n = make_udp(d, PEER, OWN, 7, 9000, "odd", 3, true);
	net_feed(f, make_ip(f, &from_peer, d, n + 10));
	assert_int_equal(got.packets, 1);
	assert_int_equal(got.len, 3);
}

/* --- out ----------------------------------------------------------------- */

/* Checks all three headers of a sent frame; returns the payload's length. */
static u32 check_headers(const struct sent *s, const struct udp_dst *d, u32 ttl)
{
	const u8 *ip = s->data + 14, *udp = ip + 20;
	u32 total = load_be16(ip + IP_TOTAL), len = load_be16(udp + UDP_LEN);

	assert_memory_equal(s->data, peer_mac, 6);
	assert_memory_equal(s->data + 6, own_mac, 6);
	assert_int_equal(load_be16(s->data + 12), ETH_TYPE_IPV4);
	assert_int_equal(s->len, 14 + total);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[IP_TOS], d->tos);
	assert_int_equal(ip[IP_TTL], ttl);
	assert_int_equal(ip[IP_PROTO], 17);
	assert_int_equal(load_be16(ip + IP_FRAG), d->flags & UDP_DST_DF ? IP_FRAG_DF : 0);
	assert_int_equal(csum_finish(csum_add(0, ip, 20)), 0);
	assert_int_equal(load_be32(ip + IP_SRC), OWN);
	assert_int_equal(load_be32(ip + IP_DST), d->addr);
	assert_int_equal(load_be16(udp + UDP_DPORT), d->dport);
	assert_int_equal(len + 20, total);
	if (d->flags & UDP_DST_CSUM) {
		assert_int_not_equal(load_be16(udp + UDP_CSUM), 0);
		assert_int_equal(csum_finish(csum_add(csum_add_pseudo(0, OWN, d->addr, 17, len),
						      udp, len)),
				 0);
	} else {
		assert_int_equal(load_be16(udp + UDP_CSUM), 0);
	}
	return len - 8;
}

static struct pkt *payload(u32 head, u32 seg)
{
	static u8 page[4096];
	struct pkt *p = pkt_get(&hdr_pool);

	for (u32 i = 0; i < sizeof(page); i++)
		page[i] = (u8)(head + i * 3);
	memcpy(p->data, page, head);
	p->head_len = p->len = head;
	if (seg)
		pkt_add_seg(p, page + head, (bus_t){ 0 }, seg, NULL);
	return p;
}

static void test_send(void **state)
{
	/* With the neighbour known and (second) asked for meanwhile: fast and slow. */
	for (u32 known = 0; known < 2; known++) {
		for (u32 flags = 0; flags < 4; flags++) {
			struct udp_dst d = { .addr = PEER, .sport = 4000, .dport = 9000,
					     .ttl = 64, .tos = 0x12, .flags = (u8)flags };
			struct pkt *p = payload(33, 777);
			u8 want[810];

			netif_set_address(&nif, OWN, MASK, GATEWAY);
			net_forget_sent();
			if (known)
				net_know(PEER, peer_mac);
			pkt_copy_out(p, 0, want, sizeof(want));
			assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
			if (!known) {
				/* The question is forgotten, what waited comes first. */
				net_forget_sent();
				net_know(PEER, peer_mac);
			}
			assert_int_equal(check_headers(&sent[0], &d, 64), sizeof(want));
			assert_int_equal(load_be16(sent[0].data + 34 + UDP_SPORT), 4000);
			assert_memory_equal(sent[0].data + 42, want, sizeof(want));
		}
	}
	(void)state;
}

static void test_send_burst(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 4000, .dport = 9000, .ttl = 64,
			     .flags = UDP_DST_SPORT_HASH | UDP_DST_CSUM };
	struct pkt *p[PKT_BURST];

	(void)state;
	net_know(PEER, peer_mac);
	for (u32 i = 0; i < PKT_BURST; i++) {
		p[i] = payload(i, i * 11);
		p[i]->hash = 0x12345670u + i;
	}
	assert_int_equal(udp_send_burst(&nif, &d, p, PKT_BURST), PKT_BURST);
	assert_int_equal(tx_bursts, 1);
	assert_int_equal(sent_count, PKT_BURST);
	for (u32 i = 0; i < PKT_BURST; i++) {
		assert_int_equal(check_headers(&sent[i], &d, 64), i * 12);
		assert_int_equal(load_be16(sent[i].data + 34), 0xc000u | ((0x5670u + i) & 0x3fff));
	}
	/* Ids differ. */
	assert_int_not_equal(load_be16(sent[0].data + 18), load_be16(sent[1].data + 18));
}

static void test_ttl(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 1, .dport = 9000, .ttl = 64 };
	struct pkt *p[3];

	(void)state;
	net_know(PEER, peer_mac);
	for (u32 i = 0; i < 3; i++) {
		p[i] = payload(60, 0);
		p[i]->ttl = (u8)i;
	}
	assert_int_equal(udp_send_burst(&nif, &d, p, 3), 2);
	assert_int_equal(sent_count, 2);
	check_headers(&sent[0], &d, 64);
	check_headers(&sent[1], &d, 1);
	assert_int_equal(drops(NET_DROP_TTL), 1);
}

static void test_too_big(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 1, .dport = 9000, .ttl = 64,
			     .flags = UDP_DST_DF };
	struct pkt *p;

	(void)state;
	net_know(PEER, peer_mac);
	p = payload(100, 1372);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
	p = payload(100, 1373);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
	assert_int_equal(drops(NET_DROP_TOO_BIG), 1);
	/* A smaller path MTU. */
	d.mtu = 1400;
	p = payload(100, 1273);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
	p = payload(100, 1272);
	assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
	assert_int_equal(drops(NET_DROP_TOO_BIG), 2);
}

static void test_no_headroom(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 1, .dport = 9000, .ttl = 64 };

	(void)state;
	for (u32 room = 0; room < UDP_HEADROOM; room++) {
		struct pkt *p = payload(60, 0);

		net_know(PEER, peer_mac);
		assert_non_null(pkt_push(p, PKT_HEADROOM - room));
		assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
		assert_int_equal(drops(NET_DROP_NO_HEADROOM), room + 1);
	}
}

/* A handler that sends what it got: the packet goes out with new headers. */
static void echo(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	static struct udp_dst d;

	(void)ctx;
	d = (struct udp_dst){ .addr = run->src, .sport = 9001, .dport = run->sport[0] };
	udp_send_burst(&nif, &d, pkts, n);
}

static void test_transit(void **state)
{
	struct pkt *p[4];

	(void)state;
	net_know(PEER, peer_mac);
	assert_int_equal(udp_bind(&nif, 9001, echo, NULL), ERR_OK);
	for (u32 i = 0; i < 4; i++)
		p[i] = frame_in(9001);
	netif_input(&nif, p, 4);
	assert_int_equal(sent_count, 4);
	assert_int_equal(sent[3].data[14 + IP_TTL], 8);
	assert_memory_equal(sent[3].data + 42, "abc", 3);
}

/* The outer headers of a long frame are those of one full segment, on the fast
 * way and when it waits for ARP; no fragments, no UDP checksum. */
static void test_long(void **state)
{
	(void)state;
	for (u32 round = 0; round < 8; round++) {
		bool known = round & 1, df = round & 2;
		struct udp_dst d = { .addr = PEER, .sport = 4000, .dport = 9000, .ttl = 64,
				     .flags = round & 4 ? UDP_DST_CSUM : 0 };
		struct pkt *p = payload(100, 1600);
		const u8 *ip = sent[0].data + 14;

		d.flags |= df ? UDP_DST_DF : 0;
		p->flags = PKT_F_NEEDS_CSUM;
		p->gso_type = PKT_GSO_TCP4;
		p->gso_size = 800;
		p->gso_segs = 2;
		p->l3_start = 14;
		p->csum_start = 34;
		p->csum_offset = 16;
		p->payload_start = 100;
		netif_set_address(&nif, OWN, MASK, GATEWAY);
		net_forget_sent();
		if (known)
			net_know(PEER, peer_mac);
		assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 1);
		if (!known) {
			net_forget_sent();
			net_know(PEER, peer_mac);
		}
		assert_int_equal(sent[0].len, 42 + 1700);
		assert_int_equal(load_be16(ip + IP_TOTAL), 900 + 28);
		assert_int_equal(load_be16(ip + IP_FRAG), IP_FRAG_DF);
		assert_int_equal(csum_finish(csum_add(0, ip, IP_HLEN)), 0);
		assert_int_equal(load_be16(ip + 20 + UDP_LEN), 900 + 8);
		assert_int_equal(load_be16(ip + 20 + UDP_CSUM), 0);
	}
	assert_int_equal(nif.count.tx_long, 8);
	assert_int_equal(nif.count.tx_fragmented, 0);
}

/* A segment that does not fit the path is not sent. */
static void test_long_too_big(void **state)
{
	struct udp_dst d = { .addr = PEER, .sport = 4000, .dport = 9000, .ttl = 64, .mtu = 900 };

	(void)state;
	for (u32 round = 0; round < 2; round++) {
		struct pkt *p = payload(100, 1600);

		p->gso_type = PKT_GSO_TCP4;
		p->gso_size = 800;
		p->gso_segs = 2;
		p->payload_start = 100;
		assert_int_equal(udp_send_burst(&nif, &d, &p, 1), 0);
		net_know(PEER, peer_mac);
	}
	assert_int_equal(nif.count.drop[NET_DROP_TOO_BIG], 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_meta),
		CASE(test_bursts),
		CASE(test_bind),
		CASE(test_lengths_in),
		CASE(test_drops_in),
		CASE(test_send),
		CASE(test_send_burst),
		CASE(test_ttl),
		CASE(test_too_big),
		CASE(test_no_headroom),
		CASE(test_transit),
		CASE(test_long),
		CASE(test_long_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
