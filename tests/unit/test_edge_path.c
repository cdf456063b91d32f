/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges find out what their path carries. The path is a mirror: what an edge
 * says, it hears, unless it is too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/unit/edge_wire.h"
#include "vnet/edge_priv.h"
#include "vnet/overlay.h"
#include "vnet/route.h"

#define PEER 0x0a000002u
#define GENEVE_PORT 6081
#define UDP_PORT 9000
#define HASHED 0xc123 /* a source port */
#define S 1000000000ull

static struct pkt_pool pool;
static struct edge *e;
static struct edge *bare;
static u64 now;
static u32 path, longest; /* what the mirror gives back, what it saw */

static void no_kick(unsigned core)
{
	(void)core;
}

static struct edge *add(const char *name, const struct link_kind *kind, u16 port,
			bool fragment)
{
	struct edge_setup s = {
		.name = name, .link = kind, .tx = &wire_tx, .tx_ctx = &wire, .remote_ip = PEER,
		.remote_port = port, .local_port = port, .pool = &pool, .fragment = fragment,
	};
	struct edge *out;

	assert_int_equal(edge_create(&s, &out), ERR_OK);
	return out;
}

static int setup(void **state)
{
	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.room = POOL;
	wire.mtu = 1500;
	now = host_now_ns = 1000 * S;
	path = 1500;
	longest = 0;
	assert_int_equal(vnet_init(1, 42, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	e = add("native", &link_geneve, GENEVE_PORT, false);
	bare = add("bare", &link_udp, UDP_PORT, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (wire.n)
		pkt_put(wire.got[--wire.n]);
	assert_int_equal(edge_destroy(e, true), ERR_OK);
	assert_int_equal(edge_destroy(bare, true), ERR_OK);
	vnet_port_reap();
	assert_int_equal(pool.free_count, pool.count);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* In pieces, as it was sent; or whole, as it comes from a NIC. */
static struct pkt *whole(struct pkt *p)
{
	struct pkt *q = pkt_get(&pool);

	pkt_copy_out(p, 0, q->data, p->len);
	q->head_len = q->len = p->len;
	pkt_put(p);
	return q;
}

static void mirror(void)
{
	struct pkt *got[POOL];
	u32 n = wire.n;

	memcpy(got, wire.got, sizeof(got));
	wire.n = wire.taken = 0;
	for (u32 i = 0; i < n; i++) {
		u32 size = got[i]->len + 28;

		longest = MAX(longest, size);
		if (size > path) {
			pkt_put(got[i]);
			continue;
		}
		got[i] = whole(got[i]);
		got[i]->ttl = 64;
		edge_input(edge_local_find(0, GENEVE_PORT), PEER, HASHED, &got[i], 1);
	}
}

static void run(u64 ns)
{
	for (u64 end = now + ns; now < end; now += HEALTH_INTERVAL_NS) {
		host_now_ns = now;
		edge_tick(now);
		mirror();
	}
}

static void a_path_as_wide_as_the_uplink(void **state)
{
	(void)state;
	run(3 * S);
	assert_int_equal(edge_state(e), EDGE_UP);
	assert_int_equal(e->path.found, 1500);
	assert_int_equal(e->path.sent, 2);
	assert_int_equal(longest, 1500);
	assert_int_equal(e->health.lost, 0);
	assert_int_equal(e->port.mtu, 1500 - 28 - 8 - 14);
}

static void a_narrow_path_is_found(void **state)
{
	(void)state;
	path = 1333;
	run(30 * S);
	assert_int_equal(e->path.found, 1333);
	assert_int_equal(e->dst.mtu, 1333);
	assert_int_equal(e->port.mtu, 1333 - 28 - 8 - 14);
	assert_int_equal(e->health.lost, 0); /* a lost probe is no lost hello */
	assert_int_equal(e->health.changes, 1);
	/* It is wide again. */
	path = 1500;
	run(610 * S);
	assert_int_equal(e->dst.mtu, 1500);
}

static void a_link_that_fragments_learns_where_to_cut(void **state)
{
	(void)state;
	assert_int_equal(edge_destroy(e, true), ERR_OK);
	e = add("native", &link_geneve, GENEVE_PORT, true);
	path = 1333;
	run(30 * S);
	assert_false(e->dst.df);
	assert_int_equal(e->dst.mtu, 1333);
	assert_int_equal(e->port.mtu, LINK_PAYLOAD_MAX - 8 - 14);
}

static void a_peer_that_goes_away_proves_nothing(void **state)
{
	(void)state;
	run(HEALTH_INTERVAL_NS * 3);
	path = 0;
	run(10 * S);
	assert_int_equal(edge_state(e), EDGE_UNREACHABLE);
	assert_int_equal(e->dst.mtu, 1500);
	path = 1500;
	run(3 * S);
	assert_int_equal(e->path.found, 1500);
}

static void without_packets_there_are_no_probes(void **state)
{
	struct pkt *held[POOL];
	u32 n = 0;

	(void)state;
	run(HEALTH_INTERVAL_NS * 2);
	while (pool.free_count > 2)
		held[n++] = pkt_get(&pool);
	run(20 * S); /* with one for the hello, one for its copy, none to pad with */
	assert_int_equal(e->dst.mtu, 1500);
	while (n)
		pkt_put(held[--n]);
	run(100 * S);
	assert_int_equal(e->path.found, 1500);
}

static void what_a_router_says_is_checked(void **state)
{
	(void)state;
	assert_int_equal(bare->port.mtu, 1458);
	assert_false(edge_path_told(0, PEER + 1, HASHED, UDP_PORT, 1400));	 /* nobody there */
	assert_false(edge_path_told(0, PEER, HASHED, UDP_PORT + 1, 1400));	 /* no such port */
	assert_false(edge_path_told(0, PEER, UDP_PORT, UDP_PORT, 1400)); /* from elsewhere */
	assert_false(edge_path_told(0, PEER, HASHED, UDP_PORT, 1500));	 /* no news */
	assert_false(edge_path_told(0, PEER, HASHED, UDP_PORT, 575));	 /* no path is so narrow */
	assert_false(edge_path_told(0, 0, HASHED, UDP_PORT, 1400));
	assert_int_equal(bare->port.mtu, 1458);
	assert_true(edge_path_told(0, PEER, HASHED, UDP_PORT, 1400));
	assert_int_equal(bare->port.mtu, 1358);
	assert_int_equal(e->dst.mtu, 1500); /* another port, perhaps another path */
	assert_string_equal(host_log_last,
			    "edge: bare: the path carries 1400 bytes, says a router");
	assert_false(edge_path_told(0, PEER, HASHED, UDP_PORT, 1400));
	/* Forgotten after ten minutes. */
	host_now_ns += 600 * S - 1;
	assert_false(edge_path_told(0, PEER, HASHED, UDP_PORT, 1450));
	host_now_ns += 1;
	assert_true(edge_path_told(0, PEER, HASHED, UDP_PORT, 1450));
	assert_int_equal(bare->port.mtu, 1408);
}

static u32 route(const struct route_match *src, const struct vnet_port *to,
		 const struct vnet_port *from)
{
	struct route_spec s = {
		.src = *src,
		.dst = { .cls = ROUTE_ANY },
		.from = from ? ROUTE_FROM_PORT : ROUTE_FROM_ANY,
		.from_port = from ? from->id : 0,
		.to = to->id,
	};
	char why[120];
	u32 id;

	assert_int_equal(route_add(&s, &id, why, sizeof(why)), ERR_OK);
	return id;
}

static void a_guests_mtu_is_the_least_of_the_links_it_can_reach(void **state)
{
	static const struct route_match any = { .cls = ROUTE_ANY },
		other = { .cls = ROUTE_EXACT, .mac = { 2, 0, 0, 0, 0, 9 } };
	struct overlay_setup learns = overlay_defaults;
	struct fake_port g, h;
	u32 id;

	(void)state;
	fake_port_add(&g, "g", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&h, "h", VNET_PORT_INTERFACE, 2, 0);
	assert_int_equal(edge_guest_mtu(&g.port), 0);
	/* Not its own routes: another's, and another source's. */
	route(&any, &e->port, &h.port);
	route(&other, &e->port, NULL);
	route(&any, &g.port, &e->port);
	assert_int_equal(edge_guest_mtu(&g.port), 0);
	assert_int_equal(edge_guest_mtu(&h.port), 1500 - 28 - 8 - 14);
	/* What fragments has room for longer ones, which are not whole. */
	route(&any, &bare->port, &g.port);
	assert_int_equal(edge_guest_mtu(&g.port), 1458);
	id = route(&any, &e->port, NULL);
	assert_int_equal(edge_guest_mtu(&g.port), 1450);
	route_del(id);
	assert_true(edge_path_told(0, PEER, HASHED, UDP_PORT, 1400));
	assert_int_equal(edge_guest_mtu(&g.port), 1358);
	/* Where addresses are learned, any link may be the way. */
	host_now_ns += 600 * S;
	learns.learn = true;
	assert_int_equal(overlay_set(overlay_by_id(0), &learns), ERR_OK);
	assert_int_equal(edge_guest_mtu(&g.port), 1358);
	edge_learn_mtu(bare);
	assert_int_equal(edge_guest_mtu(&g.port), 1450);
	assert_int_equal(vnet_port_del(&g.port, true), ERR_OK);
	assert_int_equal(vnet_port_del(&h.port, true), ERR_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_path_as_wide_as_the_uplink),
		CASE(a_narrow_path_is_found),
		CASE(a_link_that_fragments_learns_where_to_cut),
		CASE(a_peer_that_goes_away_proves_nothing),
		CASE(without_packets_there_are_no_probes),
		CASE(what_a_router_says_is_checked),
		CASE(a_guests_mtu_is_the_least_of_the_links_it_can_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
