/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges whose links have headers: told apart by VNI and tag, peers that are
 * known by where they came from, keep-alive, and outer TOS.
 *
 *     a  interface --- red   geneve to 10.0.0.2, VNI 1
 *                  \-- blue  geneve to 10.0.0.2, VNI 2, tag 77, no keep-alive
 *                   \- nat   geneve to wherever tag 88 is seen, VNI 2, no keep-alive
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/unit/edge_wire.h"
#include "vnet/tos.h"

#define PEER 0x0a000002u
#define FAR 0xc6336407u
#define PORT 6081
#define SPORT 0xc123

static struct pkt_pool pool;
static struct fake_port a;
static struct edge *red, *blue, *nat;

static void no_kick(unsigned core)
{
	(void)core;
}

static struct edge *add(const char *name, u32 remote, struct link_id id, bool keepalive)
{
	struct edge_setup s = {
		.name = name,
		.link = &link_geneve,
		.tx = &wire_tx,
		.tx_ctx = &wire,
		.remote_ip = remote,
		.remote_port = PORT,
		.local_port = PORT,
		.no_keepalive = !keepalive,
		.id = id,
		.pool = &pool,
	};
	struct edge *e;

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
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	red = add("red", PEER, (struct link_id){ .vni = 1 }, true);
	blue = add("blue", PEER, (struct link_id){ .vni = 2, .tag = 77 }, false);
	nat = add("nat", 0, (struct link_id){ .vni = 2, .tag = 88 }, false);
	fake_route(0, &a, &red->port);
	fake_route(0, &a, &blue->port);
	fake_route(0, &a, &nat->port);
	return 0;
}

static void clear(void)
{
	fake_port_clear(&a);
	while (wire.n)
		pkt_put(wire.got[--wire.n]);
	wire.taken = 0;
}

static int teardown(void **state)
{
	struct vnet_audit sum;

	(void)state;
	vnet_audit(&sum);
	assert_true(sum.balanced);
	clear();
	assert_int_equal(edge_destroy(red, true), ERR_OK);
	assert_int_equal(edge_destroy(blue, true), ERR_OK);
	assert_int_equal(edge_destroy(nat, true), ERR_OK);
	vnet_port_reap();
	assert_int_equal(wire.links, 0);
	assert_null(edge_local_find(0, PORT));
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static u32 route_backed(struct vnet_port *to, u16 backup, enum route_from from)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_ANY }, .from = from,
		.to = to->id, .backup = backup,
	};
	char why[100];
	u32 id;

	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
	return id;
}

static u32 route(struct vnet_port *to, enum route_from from)
{
	return route_backed(to, VNET_PORT_NONE, from);
}

static struct pkt *geneve(struct link_id id, u32 len)
{
	struct pkt *p = fake_frame(&pool, 1, 2, len);
	struct link_header h;

	link_geneve.make_header(&h, &id);
	assert_int_equal(link_encap(&link_geneve, p, &h), ERR_OK);
	p->ttl = 64;
	return p;
}

static void receive_from(u32 ip, u16 port, struct link_id id)
{
	struct pkt *p = geneve(id, 60);

	edge_input(edge_local_find(0, PORT), ip, port, &p, 1);
}

static void receive(struct link_id id)
{
	receive_from(PEER, SPORT, id);
}

static void hear_hello(struct edge *e, u32 ip, u16 port, const struct link_hello *hello)
{
	struct pkt *p = pkt_get(&pool);

	link_geneve.make_hello(p, &e->setup.id, hello);
	p->ttl = 64;
	edge_input(edge_local_find(0, PORT), ip, port, &p, 1);
}

static void hear(struct edge *e, u32 seq, u32 heard)
{
	const struct link_hello hello = {
		.version_min = HEALTH_VERSION, .version_max = HEALTH_VERSION, .session = 5,
		.seq = seq, .heard = heard,
	};

	hear_hello(e, PEER, SPORT, &hello);
}

/* A hello that answers our last one. */
static void hear_from(struct edge *e, u32 ip, u16 port, u32 session, u32 seq)
{
	const struct link_hello hello = {
		.version_min = HEALTH_VERSION, .version_max = HEALTH_VERSION, .session = session,
		.seq = seq, .heard = e->health.us.seq,
	};

	hear_hello(e, ip, port, &hello);
}

static u64 drops(const struct edge *e, enum vnet_drop why)
{
	return e->port.count.drop[why];
}

static void links_are_told_apart_by_vni_and_tag(void **state)
{
	u64 vnis = edge_strays(EDGE_STRAY_VNI), senders = edge_strays(EDGE_STRAY_SENDER);
	u64 headers = edge_strays(EDGE_STRAY_HEADER);
	struct pkt *p = geneve((struct link_id){ .vni = 1 }, 60);

	(void)state;
	receive((struct link_id){ .vni = 1 });
	receive((struct link_id){ .vni = 2, .tag = 77 });
	receive((struct link_id){ .vni = 2, .tag = 77 });
	assert_int_equal(red->port.count.rx_frames, 1);
	assert_int_equal(blue->port.count.rx_frames, 2);
	assert_int_equal(a.n, 3);
	/* The wrong tag, none, and one where none is wanted. */
	receive((struct link_id){ .vni = 2, .tag = 78 });
	receive((struct link_id){ .vni = 2 });
	receive((struct link_id){ .vni = 1, .tag = 77 });
	assert_int_equal(drops(blue, VNET_DROP_LINK_TAG), 2);
	assert_int_equal(drops(red, VNET_DROP_LINK_TAG), 1);
	/* Nobody's. */
	receive((struct link_id){ .vni = 3 });
	assert_int_equal(edge_strays(EDGE_STRAY_VNI), vnis + 1);
	assert_string_equal(host_log_last, "edge: no link from 10.0.0.2 to port 6081 has VNI 3");
	receive_from(FAR, SPORT, (struct link_id){ .vni = 1 });
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), senders + 1);
	p->data[0] = 0x40; /* version 1 of Geneve */
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(edge_strays(EDGE_STRAY_HEADER), headers + 1);
	assert_int_equal(a.n, 3);
}

/* A burst of all of them: each gets its own, in order. */
static void a_mixed_burst_keeps_each_links_order(void **state)
{
	static const struct link_id ids[] = { { .vni = 1 }, { .vni = 2, .tag = 77 }, { .vni = 9 } };
	struct pkt *burst[90];
	u32 next[2] = { 0 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(burst); i++) {
		u32 which = (u32)rand() % 3;

		burst[i] = geneve(ids[which], 60);
		burst[i]->data[burst[i]->len - 1] = (u8)i;
	}
	edge_input(edge_local_find(0, PORT), PEER, SPORT, burst, ARRAY_SIZE(burst));
	for (u32 i = 0; i < a.n; i++) {
		u32 which = a.got[i]->ingress == blue->port.id;

		assert_true(a.got[i]->data[59] >= next[which]);
		next[which] = a.got[i]->data[59] + 1u;
	}
	assert_int_equal(a.n, red->port.count.rx_frames + blue->port.count.rx_frames);
}

static void malformed_frames_have_their_reasons(void **state)
{
	struct pkt *p = geneve((struct link_id){ .vni = 1 }, 60);

	(void)state;
	store_be16(p->data + 2, 0x0800); /* bare IPv4 */
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	p = geneve((struct link_id){ .vni = 1 }, 60);
	p->data[0] = 63; /* longer options than there is of the packet */
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	receive((struct link_id){ .vni = 1 });
	assert_int_equal(drops(red, VNET_DROP_LINK_PROTOCOL), 1);
	assert_int_equal(drops(red, VNET_DROP_LINK_HEADER), 1);
	assert_int_equal(a.n, 1);
	p = geneve((struct link_id){ .vni = 1 }, 13);
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(drops(red, VNET_DROP_RUNT), 1);
	/* Control packets that are none of ours. */
	p = geneve((struct link_id){ .vni = 1 }, 60);
	p->data[1] |= 0x80;
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(drops(red, VNET_DROP_LINK_CONTROL), 1);
}

static void the_guests_mtu_leaves_room_for_header_and_tag(void **state)
{
	(void)state;
	assert_int_equal(red->port.mtu, 1500 - 28 - 8 - 14);
	assert_int_equal(blue->port.mtu, 1500 - 28 - 16 - 14);
}

static void nobody_is_sent_to_who_does_not_answer(void **state)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 60);
	u64 t = 1000000000;
	struct link_rx rx;

	(void)state;
	route(&red->port, ROUTE_FROM_ANY);
	assert_int_equal(edge_state(red), EDGE_UNREACHABLE);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(red, VNET_DROP_UNREACHABLE), 1);
	/* A tick: only the link with a keep-alive speaks. */
	edge_tick(t);
	assert_int_equal(wire.n, 1);
	assert_ptr_equal(wire.dst[0], &red->dst);
	assert_int_not_equal(wire.got[0]->hash, 0);
	assert_int_equal(link_geneve.decap(wire.got[0], &rx), LINK_CONTROL);
	assert_int_equal(rx.hello.seq, 1);
	assert_int_equal(red->port.count.tx_frames, 0); /* no guest's frame */
	hear(red, 1, 1);
	assert_int_equal(edge_state(red), EDGE_UP);
	assert_string_equal(host_log_last, "edge: red is up");
	p = fake_frame(&pool, 2, 1, 60);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(wire.n, 2);
	assert_int_equal(red->port.count.rx_frames, 0);
	for (u32 i = 0; i < 4; i++)
		edge_tick(t += HEALTH_INTERVAL_NS);
	assert_int_equal(edge_state(red), EDGE_UNREACHABLE);
	assert_string_equal(host_log_last, "edge: red is unreachable");
	p = fake_frame(&pool, 2, 1, 60);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(red, VNET_DROP_UNREACHABLE), 2);
	/* Down and up: it has to be heard again. */
	hear(red, 2, 5);
	assert_int_equal(edge_state(red), EDGE_UP);
	edge_set_up(red, false);
	assert_int_equal(edge_state(red), EDGE_DOWN);
	hear(red, 3, 5);
	assert_int_equal(drops(red, VNET_DROP_PORT_DOWN), 1);
	edge_set_up(red, true);
	assert_int_equal(edge_state(red), EDGE_UNREACHABLE);
}

/* The link that a frame of the guest's leaves by. */
static struct edge *way_out(void)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 60);
	struct edge *e;

	vnet_input(&a.port, &p, 1);
	assert_int_equal(wire.n, 1);
	e = wire.dst[0] == &red->dst ? red : blue;
	assert_ptr_equal(wire.dst[0], &e->dst);
	clear();
	return e;
}

/* Each change counts for the very next frame, whose answer the flow cache had. */
static void a_backup_takes_over_and_gives_back(void **state)
{
	u64 t = 1000000000;

	(void)state;
	route_backed(&red->port, blue->port.id, ROUTE_FROM_ANY);
	assert_ptr_equal(way_out(), blue);
	hear(red, 1, 0); /* it does not hear us yet */
	assert_ptr_equal(way_out(), blue);
	edge_tick(t);
	clear();
	hear(red, 2, 1);
	assert_ptr_equal(way_out(), red);
	for (u32 i = 0; i < 4; i++)
		edge_tick(t += HEALTH_INTERVAL_NS);
	clear();
	assert_ptr_equal(way_out(), blue);
	hear(red, 3, 5);
	assert_ptr_equal(way_out(), red);
	edge_set_up(red, false);
	assert_ptr_equal(way_out(), blue);
	edge_set_up(red, true);
	assert_ptr_equal(way_out(), blue); /* until it is heard again */
	assert_int_equal(drops(red, VNET_DROP_UNREACHABLE), 0);
}

static void a_hello_finds_no_room_or_no_packet(void **state)
{
	struct pkt *all[POOL + 1];
	u32 n = 0;

	(void)state;
	wire.room = 0;
	edge_tick(1000);
	wire.room = POOL;
	while ((all[n] = pkt_get(&pool)))
		n++;
	edge_tick(2000);
	assert_int_equal(wire.n, 0);
	assert_int_equal(red->health.us.seq, 2);
	while (n--)
		pkt_put(all[n]);
}

static void a_peer_of_another_version_is_named(void **state)
{
	struct link_hello hello = { .version_min = 4, .version_max = 6 };
	struct pkt *p = pkt_get(&pool);

	(void)state;
	link_geneve.make_hello(p, &red->setup.id, &hello);
	edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(edge_state(red), EDGE_INCOMPATIBLE);
	assert_string_equal(host_log_last, "edge: red: its peer speaks versions 4 to 6 of the "
					   "protocol, this node 1");
	assert_string_equal(edge_state_name(edge_state(red)), "incompatible");
}

static void a_peer_behind_nat_is_answered_where_it_came_from(void **state)
{
	const struct link_id id = { .vni = 2, .tag = 88 };
	struct pkt *p = fake_frame(&pool, 2, 1, 60);
	u64 tags = edge_strays(EDGE_STRAY_TAG), senders = edge_strays(EDGE_STRAY_SENDER);

	(void)state;
	route(&nat->port, ROUTE_FROM_ANY);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(nat, VNET_DROP_UNREACHABLE), 1);
	receive_from(FAR, 4444, (struct link_id){ .vni = 2, .tag = 89 });
	assert_int_equal(edge_strays(EDGE_STRAY_TAG), tags + 1);
	receive_from(FAR, 4444, (struct link_id){ .vni = 2 });
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), senders + 1);
	receive_from(FAR, 4444, id);
	assert_int_equal(a.n, 1);
	assert_int_equal(edge_state(nat), EDGE_UP);
	assert_int_equal(wire.moves, 1);
	assert_string_equal(host_log_last, "edge: nat: its peer is at 198.51.100.7 port 4444");
	p = fake_frame(&pool, 2, 1, 60);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(wire.n, 1);
	assert_int_equal(wire.dst[0]->remote_ip, FAR);
	assert_int_equal(wire.dst[0]->dport, 4444);
	assert_false(wire.dst[0]->sport_hash);
	assert_int_equal(wire.dst[0]->sport, PORT);
	/* Known by its address and port now; without the tag it is refused. */
	receive_from(FAR, 4444, (struct link_id){ .vni = 2 });
	assert_int_equal(drops(nat, VNET_DROP_LINK_TAG), 1);
	receive_from(FAR, 4444, id);
	assert_int_equal(wire.moves, 1);
	/* It comes by another port of its NAT, many times over. */
	for (u16 port = 5000; port < 7000; port++) {
		receive_from(FAR, port, id);
		clear();
	}
	assert_int_equal(wire.moves, 2001);
	assert_int_equal(nat->port.count.rx_frames, 3 + 2000);
	receive_from(FAR, 4444, (struct link_id){ .vni = 2 });
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), senders + 2);
}

/* With a keep-alive, a peer that answers is not pushed aside by another one
 * with its tag. */
static void two_with_one_tag_do_not_take_turns(void **state)
{
	const struct link_id id = { .vni = 4, .tag = 99 };
	struct edge *e = add("roam", 0, id, true);

	(void)state;
	receive_from(FAR, 1000, id);
	edge_tick(1);
	hear_from(e, FAR, 1000, 5, 1);
	assert_int_equal(edge_state(e), EDGE_UP);
	receive_from(FAR + 1, 1000, id);
	assert_int_equal(wire.moves, 1);
	for (u64 i = 1; i < 6; i++)
		edge_tick(1 + i * HEALTH_INTERVAL_NS);
	receive_from(FAR + 1, 1000, id);
	assert_int_equal(wire.moves, 2);
	assert_int_equal(e->dst.remote_ip, FAR + 1);
	clear();
	assert_int_equal(edge_destroy(e, true), ERR_OK);
}

/* ... but it may move itself: the next hello of its session says where to. */
static void a_peer_whose_nat_forgets_it_is_followed_at_once(void **state)
{
	const struct link_id id = { .vni = 4, .tag = 99 };
	struct edge *e = add("roam", 0, id, true);

	(void)state;
	receive_from(FAR, 1000, id);
	edge_tick(1);
	hear_from(e, FAR, 1000, 5, 7);
	assert_int_equal(edge_state(e), EDGE_UP);
	/* An old hello, or one of another session, moves nothing. */
	hear_from(e, FAR, 2000, 5, 7);
	hear_from(e, FAR, 2000, 6, 9);
	assert_int_equal(wire.moves, 1);
	hear_from(e, FAR, 2000, 5, 8);
	assert_int_equal(wire.moves, 2);
	assert_int_equal(e->dst.dport, 2000);
	assert_int_equal(edge_state(e), EDGE_UP);
	receive_from(FAR, 2000, id);
	assert_int_equal(e->port.count.rx_frames, 2);
	clear();
	assert_int_equal(edge_destroy(e, true), ERR_OK);
}

/* --- TOS -------------------------------------------------------------------- */

static struct pkt *ip_frame(u8 dst, u8 src, u8 tos)
{
	struct pkt *p = fake_frame(&pool, dst, src, 60);

	store_be16(p->data + 12, 0x0800);
	p->data[14] = 0x45;
	p->data[15] = tos;
	return p;
}

static void outer_tos_as_configured(void **state)
{
	static const struct {
		u8 dscp;
		enum edge_ecn ecn;
		bool vxlan;
		u8 want; /* of 0xb9: EF, ECT(1) */
		bool by_pkt;
	} cases[] = {
		{ 0, EDGE_ECN_BY_KIND, true, 0x01, true },
		{ 0, EDGE_ECN_BY_KIND, false, 0x00, false },
		{ 0, EDGE_ECN_COPY, false, 0x01, true },
		{ 0, EDGE_ECN_OFF, true, 0x00, false },
		{ 10, EDGE_ECN_OFF, true, 0x28, false },
		{ 10, EDGE_ECN_COPY, true, 0x29, true },
		{ EDGE_DSCP_COPY, EDGE_ECN_OFF, false, 0xb8, true },
		{ EDGE_DSCP_COPY, EDGE_ECN_BY_KIND, true, 0xb9, true },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct edge_setup s = {
			.name = "t", .link = cases[i].vxlan ? &link_vxlan : &link_udp,
			.tx = &wire_tx, .tx_ctx = &wire, .remote_ip = PEER, .remote_port = 7000,
			.local_port = 7000, .dscp = cases[i].dscp, .ecn = cases[i].ecn, .ttl = 9,
			.checksum = true,
		};
		struct pkt *p = ip_frame(2, 1, 0xb9);
		struct edge *e;
		u32 id;

		assert_int_equal(edge_create(&s, &e), ERR_OK);
		assert_int_equal(e->dst.ttl, 9);
		assert_true(e->dst.checksum);
		assert_int_equal(e->port.caps, 0);
		id = route(&e->port, ROUTE_FROM_ANY);
		vnet_input(&a.port, &p, 1);
		assert_int_equal(wire.n, 1);
		assert_int_equal(e->dst.tos_by_pkt, cases[i].by_pkt);
		assert_int_equal(cases[i].by_pkt ? wire.got[0]->tos : e->dst.tos, cases[i].want);
		clear();
		assert_int_equal(route_del(id), ERR_OK);
		assert_int_equal(edge_destroy(e, true), ERR_OK);
		vnet_port_reap();
	}
}

static void congestion_on_the_way_reaches_the_guest(void **state)
{
	static const u8 inner[] = { 0, 1, 2, 3 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(inner); i++) {
		struct pkt *p = ip_frame(1, 2, inner[i]);
		const struct link_id id = { .vni = 1 };
		struct link_header h;

		link_geneve.make_header(&h, &id);
		link_encap(&link_geneve, p, &h);
		p->ttl = 64;
		p->tos = 3;
		edge_input(edge_local_find(0, PORT), PEER, SPORT, &p, 1);
	}
	assert_int_equal(drops(red, VNET_DROP_ECN), 1);
	assert_int_equal(a.n, 3);
	for (u32 i = 0; i < a.n; i++)
		assert_int_equal(tos_of(a.got[i]->data, a.got[i]->head_len), 3);
}

/* --- the LAN ------------------------------------------------------------------- */

static void the_lan_is_shared_with_the_nodes_own_stack(void **state)
{
	static const u8 own[6] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct edge_setup s = {
		.name = "lan", .link = &link_direct, .tx = &wire_tx, .tx_ctx = &wire,
		.pool = &pool,
	};
	struct pkt *p[7] = {
		fake_frame(&pool, 1, 9, 60),	/* a guest's */
		fake_frame(&pool, 0, 9, 60),	/* ours, see below */
		fake_frame(&pool, 0xff, 9, 60), /* everybody's */
		fake_frame(&pool, 0xf1, 9, 60), /* a group's */
		fake_frame(&pool, 7, 9, 60),	/* somebody else's */
		fake_frame(&pool, 1, 9, 10),	/* nobody's */
		fake_frame(&pool, 1, 1, 60),	/* who speaks as our guest */
	};
	struct pkt *burst[7], *out;
	struct edge *e;
	u32 id;

	(void)state;
	assert_int_equal(edge_create(&s, &e), ERR_OK);
	assert_int_equal(e->port.mtu, 1500 - 14); /* path_mtu() says the longest frame here */
	assert_int_equal(edge_state(e), EDGE_UP);
	fake_route(0, &a, &e->port);
	memcpy(p[1]->data, own, 6);
	for (u32 round = 0; round < 2; round++) {
		memcpy(burst, p, sizeof(burst));
		for (u32 i = 0; i < 7; i++)
			pkt_ref(p[i]);
		assert_int_equal(edge_lan_input(e, own, burst, 7), 4);
		assert_ptr_equal(burst[0], p[1]);
		assert_ptr_equal(burst[1], p[2]);
		assert_ptr_equal(burst[2], p[4]);
		assert_ptr_equal(burst[3], p[5]);
		for (u32 i = 0; i < 4; i++)
			pkt_put(burst[i]);
		assert_int_equal(a.n, 3); /* the guest's, everybody's, the group's */
		assert_ptr_equal(a.got[0], p[0]);
		assert_memory_equal(a.got[1]->data, p[2]->data, 60);
		assert_ptr_not_equal(a.got[1], p[2]);
		assert_int_equal(drops(e, VNET_DROP_SOURCE), round + 1);
		fake_port_clear(&a);
		for (u32 i = 0; i < 7; i++)
			p[i]->ingress = VNET_PORT_NONE;
	}
	/* Out: as it is. */
	out = fake_frame(&pool, 2, 1, 60);
	id = route(&e->port, ROUTE_FROM_ANY);
	vnet_input(&a.port, &out, 1);
	assert_int_equal(wire.n, 1);
	assert_ptr_equal(wire.got[0], out);
	assert_int_equal(out->len, 60);
	assert_int_equal(route_del(id), ERR_OK);
	/* Down. */
	edge_set_up(e, false);
	burst[0] = p[0];
	pkt_ref(p[0]);
	assert_int_equal(edge_lan_input(e, own, burst, 1), 0);
	assert_int_equal(drops(e, VNET_DROP_PORT_DOWN), 1);
	for (u32 i = 0; i < 7; i++)
		pkt_put(p[i]);
	clear();
	assert_int_equal(edge_destroy(e, true), ERR_OK);
}

/* --- setting up ---------------------------------------------------------------- */

static void wrong_setups_are_refused(void **state)
{
	struct edge_setup ok = {
		.name = "x", .link = &link_geneve, .tx = &wire_tx, .tx_ctx = &wire,
		.remote_ip = PEER, .remote_port = PORT, .local_port = PORT, .id = { .vni = 3 },
	}, s;
	struct edge *e;

	(void)state;
	s = ok;
	s.id.vni = 1;
	assert_int_equal(edge_create(&s, &e), ERR_EXIST);
	s = ok;
	s.id = (struct link_id){ .vni = 2, .tag = 88 };
	s.remote_ip = 0;
	assert_int_equal(edge_create(&s, &e), ERR_EXIST); /* that tag is taken */
	s = ok;
	s.link = &link_vxlan;
	assert_int_equal(edge_create(&s, &e), ERR_BUSY); /* the port speaks Geneve */
	s.local_port = 4789;
	s.id.tag = 5;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL); /* no room for a tag */
	s.id.tag = 0;
	s.fragment = true;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL); /* must not */
	s = ok;
	s.id.vni = LINK_VNI_MAX + 1;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL);
	s = ok;
	s.remote_ip = 0;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL); /* anywhere, without a tag */
	s = ok;
	s.dscp = EDGE_DSCP_COPY + 1;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL);
	assert_int_equal(wire.links, 3);
	assert_int_equal(edge_local_find(0, PORT)->users, 3);
}

/* Many come and go: all are found, and none that is gone. */
static void many_links_come_and_go(void **state)
{
	enum { N = 40 };
	struct edge *e[N] = { NULL };
	char name[16];

	(void)state;
	srand(3);
	for (u32 i = 0; i < 3000; i++) {
		u32 k = (u32)rand() % N;
		const struct link_id id = { .vni = 100 + k / 2, .tag = k % 3 ? 0 : 1000 + k };

		if (e[k]) {
			assert_int_equal(edge_destroy(e[k], true), ERR_OK);
			e[k] = NULL;
		} else {
			snprintf(name, sizeof(name), "n%u", k);
			e[k] = add(name, k % 3 ? PEER + 10 + k : 0, id, false);
		}
		for (u32 m = 0; m < N; m++) {
			const struct link_id to = { 100 + m / 2, m % 3 ? 0 : 1000 + m };
			u64 before = e[m] ? e[m]->port.count.rx_frames : 0;

			receive_from(PEER + 10 + m, (u16)(1 + rand() % 3), to);
			if (e[m])
				assert_int_equal(e[m]->port.count.rx_frames, before + 1);
		}
		clear();
	}
	for (u32 k = 0; k < N; k++) {
		if (e[k])
			assert_int_equal(edge_destroy(e[k], true), ERR_OK);
	}
}

/* Port, peer and VNI are the same: what comes by one network is its link's alone, and so is
 * what a router there says. */
static void networks_have_links_of_their_own(void **state)
{
	struct edge_setup s = red->setup;
	struct link_id id = s.id;
	struct pkt *p = geneve(id, 60);
	u64 strays = edge_strays(EDGE_STRAY_SENDER) + edge_strays(EDGE_STRAY_VNI);
	struct edge *other;

	(void)state;
	assert_null(edge_local_find(1, PORT));
	s.name = "other";
	s.net = 1;
	assert_int_equal(edge_create(&s, &other), ERR_OK);
	fake_route(0, &a, &other->port);
	assert_ptr_not_equal(edge_local_find(1, PORT), edge_local_find(0, PORT));
	edge_input(edge_local_find(1, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(other->port.count.rx_frames, 1);
	assert_int_equal(red->port.count.rx_frames, 0);
	receive(id);
	assert_int_equal(other->port.count.rx_frames, 1);
	assert_int_equal(red->port.count.rx_frames, 1);
	/* A peer that is another network's. */
	p = geneve(blue->setup.id, 60);
	edge_input(edge_local_find(1, PORT), PEER, SPORT, &p, 1);
	assert_int_equal(blue->port.count.rx_frames, 0);
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER) + edge_strays(EDGE_STRAY_VNI), strays + 1);
	assert_true(edge_path_told(1, PEER, 0xc123, PORT, 1400));
	assert_true(other->port.mtu < red->port.mtu);
	assert_false(edge_path_told(2, PEER, 0xc123, PORT, 1300));
	/* The same kind of port on a network may speak another format there. */
	assert_int_equal(edge_destroy(other, true), ERR_OK);
	s.net = EDGE_NETS_MAX;
	assert_int_equal(edge_create(&s, &other), ERR_INVAL);
	s.net = 1;
	s.link = &link_vxlan;
	s.fragment = false;
	assert_int_equal(edge_create(&s, &other), ERR_OK);
	assert_int_equal(edge_destroy(other, true), ERR_OK);
	assert_null(edge_local_find(1, PORT));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(links_are_told_apart_by_vni_and_tag),
		CASE(a_mixed_burst_keeps_each_links_order),
		CASE(malformed_frames_have_their_reasons),
		CASE(the_guests_mtu_leaves_room_for_header_and_tag),
		CASE(nobody_is_sent_to_who_does_not_answer),
		CASE(a_backup_takes_over_and_gives_back),
		CASE(a_hello_finds_no_room_or_no_packet),
		CASE(a_peer_of_another_version_is_named),
		CASE(a_peer_behind_nat_is_answered_where_it_came_from),
		CASE(two_with_one_tag_do_not_take_turns),
		CASE(a_peer_whose_nat_forgets_it_is_followed_at_once),
		CASE(outer_tos_as_configured),
		CASE(congestion_on_the_way_reaches_the_guest),
		CASE(the_lan_is_shared_with_the_nodes_own_stack),
		CASE(wrong_setups_are_refused),
		CASE(many_links_come_and_go),
		CASE(networks_have_links_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
