/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges over a sender that keeps what it is given:
 *
 *     a  interface --- beta   edge to 10.0.0.2, port 9000
 *                  \-- gamma  edge to 10.0.0.3, port 9000
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/unit/edge_wire.h"
#include "vnet/edge.h"
#include "vnet/flow.h"

#define BETA 0x0a000002u
#define GAMMA 0x0a000003u
#define PORT 9000
#define SPORT 0xc123

static struct pkt_pool pool;
static struct fake_port a;
static struct edge *beta, *gamma_;

static void no_kick(unsigned core)
{
	(void)core;
}

static struct edge_setup setup_of(const char *name, u32 remote)
{
	return (struct edge_setup){
		.name = name,
		.link = link_find("udp"),
		.tx = &wire_tx,
		.tx_ctx = &wire,
		.remote_ip = remote,
		.remote_port = PORT,
		.local_port = PORT,
	};
}

static struct edge *create(const struct edge_setup *s)
{
	struct edge *e = NULL;

	assert_int_equal(edge_create(s, &e), ERR_OK);
	return e;
}

static int setup(void **state)
{
	struct edge_setup s = setup_of("beta", BETA);

	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.room = POOL;
	wire.mtu = 1500;
	assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	beta = create(&s);
	s = setup_of("gamma", GAMMA);
	gamma_ = create(&s);
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
	if (beta)
		assert_int_equal(edge_destroy(beta, true), ERR_OK);
	if (gamma_)
		assert_int_equal(edge_destroy(gamma_, true), ERR_OK);
	vnet_port_reap();
	assert_int_equal(wire.links, 0);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static u32 route(struct vnet_port *to, enum route_from from)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = ROUTE_ANY },
		.from = from,
		.to = to->id,
	};
	char why[100];
	u32 id;

	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
	return id;
}

static void send(u32 len)
{
	struct pkt *p = fake_frame(&pool, 2, 1, len);

	vnet_input(&a.port, &p, 1);
}

static void receive(u32 from, u8 ttl, u32 len)
{
	struct pkt *p = fake_frame(&pool, 1, 2, len);

	p->ttl = ttl;
	edge_input(edge_local_find(0, PORT), from, SPORT, &p, 1);
}

static u64 drops(const struct vnet_port *port, enum vnet_drop why)
{
	return port->count.drop[why];
}

static void a_frame_goes_out_bare(void **state)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 300);
	u32 hash = flow_hash(p->data, p->head_len);
	u8 *data = p->data;

	(void)state;
	route(&beta->port, ROUTE_FROM_ANY);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(wire.n, 1);
	assert_ptr_equal(wire.got[0], p);
	assert_ptr_equal(p->data, data); /* nothing in front, no byte moved */
	assert_int_equal(p->len, 300);
	assert_int_equal(p->hash, hash);
	assert_int_equal(p->ttl, 0);
	assert_int_equal(wire.dst[0]->remote_ip, BETA);
	assert_int_equal(wire.dst[0]->dport, PORT);
	assert_int_equal(wire.dst[0]->ttl, LINK_TTL);
	assert_true(wire.dst[0]->sport_hash);
	assert_true(wire.dst[0]->df);
	assert_int_equal(wire.flushes, 1);
	assert_int_equal(beta->port.count.tx_frames, 1);
	assert_int_equal(beta->port.count.tx_bytes, 300);
}

static void the_guests_mtu_leaves_room_for_the_link(void **state)
{
	(void)state;
	route(&beta->port, ROUTE_FROM_ANY);
	assert_int_equal(beta->port.mtu, 1458);
	send(1458 + 14);
	assert_int_equal(wire.n, 1);
	send(1458 + 15);
	assert_int_equal(wire.n, 1);
	assert_int_equal(drops(&beta->port, VNET_DROP_TOO_BIG), 1);
	wire.mtu = 1400; /* the path got narrower */
	send(1400);
	assert_int_equal(drops(&beta->port, VNET_DROP_TOO_BIG), 2);
	assert_int_equal(beta->port.mtu, 1358);
}

static void a_link_that_fragments_takes_64k(void **state)
{
	struct edge_setup s = setup_of("delta", 0x0a000004);
	struct edge *delta;

	(void)state;
	s.fragment = true;
	s.sport_fixed = true;
	delta = create(&s);
	assert_int_equal(delta->port.mtu, LINK_PAYLOAD_MAX - 14);
	assert_false(delta->dst.df);
	assert_false(delta->dst.sport_hash);
	assert_int_equal(delta->dst.sport, PORT);
	route(&delta->port, ROUTE_FROM_ANY);
	send(1900);
	assert_int_equal(wire.n, 1);
	clear();
	assert_int_equal(edge_destroy(delta, true), ERR_OK);
}

static void what_the_other_end_can_put_together(void **state)
{
	struct link_tx tx = wire_tx;
	struct edge_setup s = setup_of("delta", 0x0a000004);
	struct edge *delta;

	(void)state;
	tx.fragments_max = 19;
	s.tx = &tx;
	s.fragment = true;
	delta = create(&s);
	assert_int_equal(delta->port.mtu, 19 * 1480 - 8 - 14);
	route(&delta->port, ROUTE_FROM_ANY);
	wire.mtu = 9000;
	send(60);
	assert_int_equal(delta->port.mtu, LINK_PAYLOAD_MAX - 14);
	clear();
	assert_int_equal(edge_destroy(delta, true), ERR_OK);
}

static void a_full_uplink_drops_the_rest(void **state)
{
	struct pkt *burst[10];

	(void)state;
	route(&beta->port, ROUTE_FROM_ANY);
	for (u32 i = 0; i < 10; i++)
		burst[i] = fake_frame(&pool, 2, 1, 60);
	wire.room = 7;
	wire.lose = 2;
	vnet_input(&a.port, burst, 10);
	assert_int_equal(wire.n, 5);
	assert_int_equal(drops(&beta->port, VNET_DROP_TX_FULL), 3);
	assert_int_equal(drops(&beta->port, VNET_DROP_NO_NEIGHBOUR), 2);
	assert_int_equal(beta->port.count.tx_frames, 5);
}

/* TCP over IPv4 with 1400 bytes a segment and 5 segments. */
static struct pkt *long_frame(void)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 54);
	static u8 body[6000];

	p->data[12] = 8;
	p->data[13] = 0;
	p->data[14] = 0x45;
	p->data[14 + 6] = 0;
	p->data[14 + 7] = 0;
	p->data[14 + 9] = 6;
	p->data[34 + 12] = 5 << 4;
	pkt_add_seg(p, body, (bus_t){ 0 }, sizeof(body), NULL);
	p->flags = PKT_F_NEEDS_CSUM;
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 1400;
	p->csum_start = 34;
	p->csum_offset = 16;
	return p;
}

/* Whole where the sender can and the path takes a full segment; else cut, and
 * with fragments where the link may. */
static void long_frames_go_as_the_sender_can(void **state)
{
	static const struct {
		u32 caps, mtu, frames, long_ones;
	} cases[] = {
		{ 0, 1500, 5, 0 },
		{ PKT_CAP_TSO4 | PKT_CAP_TSO6, 1500, 1, 1 },
		{ PKT_CAP_TSO4 | PKT_CAP_EVEN, 1500, 2, 1 },
		{ PKT_CAP_TSO4 | PKT_CAP_EVEN, 1400, 5, 0 },
		{ PKT_CAP_TSO6, 1500, 5, 0 },
	};

	struct pkt *p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct link_tx other = wire_tx;
		struct edge_setup s = setup_of("delta", 0x0a000004);
		struct edge *delta;
		u32 id;

		other.caps = cases[i].caps;
		wire.mtu = cases[i].mtu;
		s.tx = &other;
		s.fragment = true;
		s.pool = &pool;
		delta = create(&s);
		id = route(&delta->port, ROUTE_FROM_ANY);
		p = long_frame();
		vnet_input(&a.port, &p, 1);
		assert_int_equal(wire.n, cases[i].frames);
		assert_int_equal(wire.got[0]->gso_type != PKT_GSO_NONE, cases[i].long_ones);
		assert_int_equal(delta->port.count.tx_frames, cases[i].frames);
		assert_int_equal(delta->port.count.tx_segments, 5);
		assert_int_equal(wire.got[wire.n - 1]->flags & PKT_F_NEEDS_CSUM,
				 cases[i].frames == 1 ? PKT_F_NEEDS_CSUM : 0);
		clear();
		assert_int_equal(route_del(id), ERR_OK);
		assert_int_equal(edge_destroy(delta, true), ERR_OK);
		vnet_port_reap();
	}
	/* Without fragments: too big for the path, however it is cut. */
	wire.mtu = 1400;
	route(&beta->port, ROUTE_FROM_ANY);
	send(60);
	clear();
	p = long_frame();
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(&beta->port, VNET_DROP_TOO_BIG), 1);
}

static void frames_come_in_by_their_edge(void **state)
{
	struct fake_port b;

	(void)state;
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 9, 0);
	fake_route(0, &a, &beta->port);
	fake_route(0, &b, &gamma_->port);
	receive(BETA, 64, 60);
	receive(GAMMA, 64, 60);
	receive(GAMMA, 64, 60);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 2);
	assert_int_equal(a.got[0]->ingress, beta->port.id);
	assert_int_equal(beta->port.count.rx_frames, 1);
	fake_port_clear(&b);
}

static void strays_are_counted(void **state)
{
	u64 ports = edge_strays(EDGE_STRAY_PORT), senders = edge_strays(EDGE_STRAY_SENDER);
	const struct edge_local *local = edge_local_find(0, PORT);
	struct pkt *p = fake_frame(&pool, 1, 2, 60);

	(void)state;
	receive(0x0a000009, 64, 60);
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), senders + 1);
	assert_string_equal(host_log_last, "edge: no link from 10.0.0.9 to port 9000");
	assert_null(edge_local_find(0, PORT + 1));
	assert_int_equal(edge_destroy(beta, true), ERR_OK);
	assert_int_equal(edge_destroy(gamma_, true), ERR_OK);
	beta = gamma_ = NULL;
	edge_input(local, BETA, SPORT, &p, 1); /* was on its way when the last one went */
	assert_int_equal(edge_strays(EDGE_STRAY_PORT), ports + 1);
	assert_int_equal(pool.free_count, POOL);
}

static void malformed_and_closed_are_dropped(void **state)
{
	(void)state;
	fake_route(0, &a, &beta->port);
	receive(BETA, 64, 13);
	receive(BETA, 64, 0);
	assert_int_equal(drops(&beta->port, VNET_DROP_RUNT), 2);
	edge_set_up(beta, false);
	receive(BETA, 64, 60);
	assert_int_equal(drops(&beta->port, VNET_DROP_PORT_DOWN), 1);
	assert_int_equal(beta->port.count.rx_frames, 3);
	edge_set_up(beta, true);
	receive(BETA, 64, 60);
	assert_int_equal(a.n, 1);
}

static void reassembled_pieces_are_put_together(void **state)
{
	struct pkt *first = fake_frame(&pool, 1, 2, 8), *rest = fake_frame(&pool, 1, 2, 200);
	u8 got[208];

	(void)state;
	fake_route(0, &a, &beta->port);
	memcpy(rest->data, fake_mac(2) + 2, 4); /* the rest of the source MAC */
	assert_int_equal(pkt_add_seg(first, rest->data, pkt_data_bus(rest), 200, rest), ERR_OK);
	edge_input(edge_local_find(0, PORT), BETA, SPORT, &first, 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.got[0]->head_len, PKT_HEADER_COPY);
	pkt_copy_out(a.got[0], 0, got, sizeof(got));
	assert_memory_equal(got + 6, fake_mac(2), 6);
}

static void a_loop_ends_by_the_outer_ttl(void **state)
{
	(void)state;
	route(&gamma_->port, ROUTE_FROM_EDGES);
	receive(BETA, 64, 60);
	assert_int_equal(wire.n, 1);
	assert_ptr_equal(wire.dst[0], &gamma_->dst);
	assert_int_equal(wire.got[0]->ttl, 64); /* the sender counts it down */
	receive(BETA, 2, 60);
	assert_int_equal(wire.n, 2);
	receive(BETA, 1, 60);
	receive(BETA, 0, 60);
	assert_int_equal(wire.n, 2);
	assert_int_equal(drops(&gamma_->port, VNET_DROP_LOOP), 2);
	/* Here it may still end. */
	fake_route(1, &a, &beta->port);
	receive(BETA, 1, 60);
	assert_int_equal(a.n, 1);
}

static void wrong_setups_are_refused(void **state)
{
	struct edge_setup s = setup_of("other", BETA);
	struct edge *e;

	(void)state;
	assert_int_equal(edge_create(&s, &e), ERR_EXIST); /* the pair is taken */
	s.local_port = PORT + 1;
	s.name = "beta";
	assert_int_equal(edge_create(&s, &e), ERR_EXIST);
	s.name = "other";
	wire.fail_open = true;
	assert_int_equal(edge_create(&s, &e), ERR_NOMEM);
	wire.fail_open = false;
	wire.mtu = 100;
	assert_int_equal(edge_create(&s, &e), ERR_RANGE);
	wire.mtu = 1500;
	s.remote_ip = 0;
	assert_int_equal(edge_create(&s, &e), ERR_INVAL);
	assert_int_equal(wire.links, 2);
	assert_null(link_find("tcp"));
}

static void an_edge_goes_and_another_takes_its_place(void **state)
{
	struct edge_setup s = setup_of("beta", BETA);
	u64 senders = edge_strays(EDGE_STRAY_SENDER);

	(void)state;
	fake_route(0, &a, &beta->port);
	assert_int_equal(edge_destroy(beta, false), ERR_BUSY);
	receive(BETA, 64, 60);
	assert_int_equal(a.n, 1);
	for (u32 i = 0; i < 500; i++) {
		assert_int_equal(edge_destroy(beta, true), ERR_OK);
		receive(BETA, 64, 60);
		s.remote_ip = i % 2 ? BETA : BETA + 256 + i;
		beta = create(&s);
		fake_route(0, &a, &beta->port);
	}
	assert_int_equal(a.n, 1);
	receive(BETA, 64, 60);
	assert_int_equal(a.n, 2);
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), senders + 500);
}

static void the_guest_is_told_what_fits(void **state)
{
	static const u8 ip[] = { 0x08, 0x00, 0x45, 0, 0x05, 0xdc, 0, 0, 0x40, 0,
				 64,   17,   0,	   0, 10,   1,	  0, 1, 10,   1, 0, 2 };
	struct edge_setup s = setup_of("delta", 0x0a000004);
	struct edge *delta;
	struct pkt *p;

	(void)state;
	host_now_ns = 1000000000;
	s.pool = &pool;
	delta = create(&s);
	route(&delta->port, ROUTE_FROM_ANY);
	for (u32 i = 0; i < 30; i++) {
		p = fake_frame(&pool, 2, 1, 1514);
		memcpy(p->data + 12, ip, sizeof(ip));
		vnet_input(&a.port, &p, 1);
	}
	assert_int_equal(drops(&delta->port, VNET_DROP_TOO_BIG), 30);
	assert_int_equal(delta->port.count.answers, 20); /* a burst, then by the second */
	assert_int_equal(a.n, 20);
	p = a.got[0];
	assert_memory_equal(p->data, fake_mac(1), 6);
	assert_memory_equal(p->data + 6, fake_mac(2), 6);
	assert_int_equal(p->data[14 + 9], 1);
	assert_int_equal(p->data[34] << 8 | p->data[35], 0x0304);
	assert_int_equal(p->data[40] << 8 | p->data[41], 1458);
	host_now_ns += 1000000000;
	p = fake_frame(&pool, 2, 1, 1514); /* no IP */
	vnet_input(&a.port, &p, 1);
	assert_int_equal(a.n, 20);
	a.port.up = false;
	p = fake_frame(&pool, 2, 1, 1514);
	memcpy(p->data + 12, ip, sizeof(ip));
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(&a.port, VNET_DROP_PORT_DOWN), 1);
	a.port.up = true;
	clear();
	assert_int_equal(edge_destroy(delta, true), ERR_OK);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_frame_goes_out_bare),
		CASE(the_guests_mtu_leaves_room_for_the_link),
		CASE(the_guest_is_told_what_fits),
		CASE(a_link_that_fragments_takes_64k),
		CASE(what_the_other_end_can_put_together),
		CASE(a_full_uplink_drops_the_rest),
		CASE(long_frames_go_as_the_sender_can),
		CASE(frames_come_in_by_their_edge),
		CASE(strays_are_counted),
		CASE(malformed_and_closed_are_dropped),
		CASE(reassembled_pieces_are_put_together),
		CASE(a_loop_ends_by_the_outer_ttl),
		CASE(wrong_setups_are_refused),
		CASE(an_edge_goes_and_another_takes_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
