/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outer side of links, of packets at an uplink and at a socket:
 *
 *     gen   edge to 10.0.0.2, geneve, VNI 7
 *     nat   edge to anybody with tag 99, geneve, VNI 7
 *     bare  edge to 10.0.0.2, udp, port 9000
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/unit/edge_wire.h"
#include "vnet/capture.h"
#include "vnet/edge.h"
#include "vnet/hash.h"

#define PEER 0x0a000002u
#define OURS 0x0a000001u
#define ELSEWHERE 0x0a000009u
#define SPORT 0xc123
#define GENEVE 6081
#define BARE 9000
#define VNI 7
#define TAG 99
#define LEN 200

static struct pkt_pool pool;
static struct edge *gen, *nat, *bare;

static void no_kick(unsigned core)
{
	(void)core;
}

static struct edge *create(const char *name, const char *kind, u32 remote, u16 port, u32 tag)
{
	const struct edge_setup s = {
		.name = name,
		.link = link_find(kind),
		.tx = &wire_tx,
		.tx_ctx = &wire,
		.remote_ip = remote,
		.remote_port = port,
		.local_port = port,
		.no_keepalive = remote != 0,
		.id = { .vni = port == GENEVE ? VNI : 0, .tag = tag },
	};
	struct edge *e = NULL;

	assert_int_equal(edge_create(&s, &e), ERR_OK);
	return e;
}

static int setup(void **state)
{
	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.room = POOL;
	wire.mtu = 1500;
	assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	gen = create("gen", "geneve", PEER, GENEVE, 0);
	nat = create("nat", "geneve", 0, GENEVE, TAG);
	bare = create("bare", "udp", PEER, BARE, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	edge_destroy(gen, true);
	edge_destroy(nat, true);
	edge_destroy(bare, true);
	vnet_port_reap();
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void start(const struct edge *e, u16 sides, u64 mac)
{
	const struct capture_filter filter = {
		.port = e ? e->port.id : VNET_PORT_NONE, .sides = sides, .mac = mac, .snap = 2048,
	};

	assert_int_equal(capture_start(&filter), ERR_OK);
}

static void restart(const struct edge *e, u16 sides, u64 mac)
{
	capture_stop();
	start(e, sides, mac);
}

/* The guest's frame (to 2, from 1) in a link's header. */
static struct pkt *payload(const struct edge *e)
{
	struct pkt *p = fake_frame(&pool, 2, 1, LEN);

	assert_int_equal(link_encap(e->link, p, &e->header), ERR_OK);
	return p;
}

/* Bytes [off, off + len) of a datagram from src as an Ethernet frame; frag: the
 * field of the IPv4 header. */
static struct pkt *packet(const struct edge *e, u32 src, u16 dport, u32 off, u32 len, u32 frag)
{
	struct pkt *p = payload(e);
	u8 *h = pkt_push(p, UDP_HLEN), *ip;

	store_be16(h + UDP_SPORT, SPORT);
	store_be16(h + UDP_DPORT, dport);
	store_be16(h + UDP_LEN, (u16)p->len);
	store_be16(h + UDP_CSUM, 0);
	pkt_pull(p, off);
	p->len = p->head_len = MIN(len, p->len);
	ip = pkt_push(p, IP_HLEN);
	memset(ip, 0, IP_HLEN);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	ip[IP_PROTO] = IP_PROTO_UDP;
	store_be16(ip + IP_TOTAL, (u16)p->len);
	store_be16(ip + IP_ID, 77);
	store_be16(ip + IP_FRAG, (u16)frag);
	store_be32(ip + IP_SRC, src);
	store_be32(ip + IP_DST, OURS);
	h = pkt_push(p, ETH_HLEN);
	memcpy(h + ETH_DST, fake_mac(0x51), ETH_ALEN);
	memcpy(h + ETH_SRC, fake_mac(0x52), ETH_ALEN);
	store_be16(h + ETH_TYPE, ETH_TYPE_IPV4);
	return p;
}

static void seen(const struct edge *e, enum capture_dir dir, struct pkt *p)
{
	capture_uplink(0, e, dir, &p, 1);
	pkt_put(p);
}

static struct pkt *whole(const struct edge *e, u32 src, u16 dport)
{
	return packet(e, src, dport, 0, UINT32_MAX, 0);
}

static struct capture_frame expect(const struct edge *e, enum capture_dir dir)
{
	struct capture_frame f;

	assert_true(capture_read(&f));
	assert_int_equal(f.port, e ? e->port.id : VNET_PORT_NONE);
	assert_int_equal(f.dir, dir);
	assert_int_equal(f.side, CAPTURE_OUTER);
	return f;
}

static void expect_none(void)
{
	struct capture_frame f;

	assert_false(capture_read(&f));
}

static void packets_know_their_link(void **state)
{
	struct capture_frame f;

	(void)state;
	start(NULL, CAPTURE_OUTER, 0);
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	f = expect(gen, CAPTURE_IN);
	assert_int_equal(f.len, ETH_HLEN + IP_HLEN + UDP_HLEN + gen->header.len + LEN);
	assert_int_equal(f.size, f.len);
	assert_memory_equal(f.data, fake_mac(0x51), ETH_ALEN);
	seen(NULL, CAPTURE_IN, whole(bare, PEER, BARE));
	expect(bare, CAPTURE_IN);
	seen(NULL, CAPTURE_IN, whole(nat, ELSEWHERE, GENEVE));
	expect(nat, CAPTURE_IN);
	/* By its tag alone, without taking it. */
	assert_int_equal(nat->dst.remote_ip, 0);
	seen(NULL, CAPTURE_IN, whole(gen, ELSEWHERE, GENEVE));
	expect(NULL, CAPTURE_IN);
	seen(NULL, CAPTURE_IN, whole(bare, PEER, 53));
	expect(NULL, CAPTURE_IN);
	seen(bare, CAPTURE_OUT, whole(bare, OURS, 9999));
	expect(bare, CAPTURE_OUT);
	seen(NULL, CAPTURE_OUT, whole(bare, PEER, BARE));
	expect(NULL, CAPTURE_OUT);
	expect_none();
}

static void filters_look_inside(void **state)
{
	(void)state;
	start(gen, CAPTURE_OUTER, 0);
	seen(NULL, CAPTURE_IN, whole(bare, PEER, BARE));
	expect_none();
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	expect(gen, CAPTURE_IN);
	restart(NULL, CAPTURE_OUTER, mac_load(fake_mac(2)));
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	expect(gen, CAPTURE_IN);
	restart(NULL, CAPTURE_OUTER, mac_load(fake_mac(0x51)));
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	expect(gen, CAPTURE_IN);
	restart(NULL, CAPTURE_OUTER, mac_load(fake_mac(3)));
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	restart(NULL, CAPTURE_INNER, 0);
	seen(NULL, CAPTURE_IN, whole(gen, PEER, GENEVE));
	expect_none();
}

static void fragments_follow_the_first(void **state)
{
	(void)state;
	start(gen, CAPTURE_OUTER, mac_load(fake_mac(2)));
	seen(NULL, CAPTURE_IN, packet(gen, PEER, GENEVE, 0, 80, IP_FRAG_MF));
	expect(gen, CAPTURE_IN);
	seen(NULL, CAPTURE_IN, packet(gen, PEER, GENEVE, 80, UINT32_MAX, 80 / 8));
	expect(gen, CAPTURE_IN);
	/* From another host it is another datagram. */
	seen(NULL, CAPTURE_IN, packet(gen, ELSEWHERE, GENEVE, 80, UINT32_MAX, 80 / 8));
	expect_none();
}

/* Whatever is cut off, nothing is read that is not there: ASan looks on. */
static void short_ones_are_nobodys(void **state)
{
	struct capture_frame f;

	(void)state;
	start(NULL, CAPTURE_OUTER, mac_load(fake_mac(2)));
	for (u32 len = 0; len < 120; len++) {
		struct pkt *p = whole(gen, PEER, GENEVE);

		p->len = p->head_len = len;
		seen(NULL, CAPTURE_IN, p);
	}
	while (capture_read(&f))
		assert_true(f.len > ETH_HLEN + IP_HLEN + UDP_HLEN + gen->header.len);
}

static void sockets_get_headers_made(void **state)
{
	const struct capture_datagram d = { .src = PEER, .dst = OURS, .sport = SPORT,
					    .dport = GENEVE, .ttl = 63, .tos = 2 };
	struct pkt *p = payload(gen);
	struct capture_frame f;
	const u8 *ip;

	(void)state;
	start(gen, CAPTURE_OUTER | CAPTURE_INNER, mac_load(fake_mac(1)));
	capture_datagram(NULL, CAPTURE_IN, &d, p);
	f = expect(gen, CAPTURE_IN);
	ip = f.data + ETH_HLEN;
	assert_int_equal(f.len, ETH_HLEN + IP_HLEN + UDP_HLEN + p->len);
	assert_int_equal(load_be16(ip + IP_TOTAL), IP_HLEN + UDP_HLEN + p->len);
	assert_int_equal(load_be32(ip + IP_SRC), PEER);
	assert_int_equal(ip[IP_TTL], 63);
	assert_int_equal(load_be16(ip + IP_HLEN + UDP_DPORT), GENEVE);
	assert_memory_equal(ip + IP_HLEN + UDP_HLEN, p->data, p->len);
	capture_datagram(bare, CAPTURE_OUT, &d, p);
	expect_none();
	pkt_put(p);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(packets_know_their_link),
		CASE(filters_look_inside),
		CASE(fragments_follow_the_first),
		CASE(short_ones_are_nobodys),
		CASE(sockets_get_headers_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
