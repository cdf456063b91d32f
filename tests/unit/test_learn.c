/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Overlays that learn: a and b are interfaces, x and y edges of one overlay;
 * the table by itself against a naive twin, and through the core.
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
#include "vnet/epoch.h"
#include "vnet/forward.h"
#include "vnet/overlay.h"

#define POOL 64
#define S 1000000000ull

static struct fake_port a, b, x, y;
static struct fake_port *const all[] = { &a, &b, &x, &y };
static struct pkt_pool pool;
static struct overlay *net;

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	const struct overlay_setup learn = { .learn = true, .age_s = 300, .limit = 8 };

	(void)state;
	assert_int_equal(vnet_init(1, 99, no_kick), ERR_OK);
	net = overlay_find("default");
	assert_int_equal(overlay_set(net, &learn), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	fake_port_add(&y, "y", VNET_PORT_EDGE, 0, 0);
	vnet_tick(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		fake_port_clear(all[i]);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* Who got it: '-' nobody, else the ports' names in order. */
static const char *send(struct fake_port *from, u8 dst, u8 src)
{
	static char who[ARRAY_SIZE(all) + 1];
	struct pkt *p = fake_frame(&pool, dst, src, 60);
	u32 n = 0;

	vnet_input(&from->port, &p, 1);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		if (fake_port_clear(all[i]))
			who[n++] = all[i]->port.name[0];
	}
	who[n] = '\0';
	return n ? who : "-";
}

static u64 mac(u8 tag)
{
	return mac_load(fake_mac(tag));
}

static void an_address_is_where_it_was_heard(void **state)
{
	(void)state;
	assert_string_equal(send(&a, 9, 1), "-");
	/* Heard though its frame goes nowhere. */
	assert_string_equal(send(&x, 1, 9), "-");
	assert_string_equal(send(&a, 9, 1), "x");
	assert_string_equal(send(&b, 9, 2), "x");
	/* It moves. */
	send(&y, 1, 9);
	assert_string_equal(send(&a, 9, 1), "y");
	assert_int_equal(learned_count(net->learned), 1);
	/* What is learned never leads from edge to edge. */
	assert_string_equal(send(&x, 9, 8), "-");
	assert_int_equal(x.port.count.drop[VNET_DROP_NO_ROUTE], 2);
	/* Neither guests nor groups are learned, and nothing from interfaces. */
	send(&x, 1, 2);
	send(&x, 1, 0xf1);
	assert_int_equal(x.port.count.drop[VNET_DROP_SOURCE], 2);
	a.port.any_source = true;
	send(&a, 9, 7);
	assert_int_equal(learned_find(net->learned, mac(7)), VNET_PORT_NONE);
}

static void routes_win(void **state)
{
	u32 id;

	(void)state;
	send(&x, 1, 9);
	id = fake_route(0, &y, NULL);
	assert_string_equal(send(&a, 9, 1), "y");
	assert_int_equal(route_del(id), ERR_OK);
	assert_string_equal(send(&a, 9, 1), "x");
	/* Also a route that matches and leads nowhere else: a hairpin. */
	id = fake_route(9, &a, NULL);
	assert_string_equal(send(&a, 9, 1), "-");
	assert_string_equal(send(&b, 9, 2), "a");
}

static void old_addresses_go(void **state)
{
	(void)state;
	send(&x, 1, 9);
	vnet_tick(200 * S);
	assert_string_equal(send(&a, 9, 1), "x");
	send(&x, 1, 9);
	vnet_tick(500 * S);
	assert_string_equal(send(&a, 9, 1), "x");
	vnet_tick(501 * S);
	assert_string_equal(send(&a, 9, 1), "-");
	assert_int_equal(learned_count(net->learned), 0);
}

static void flush_and_ends(void **state)
{
	const struct overlay_setup off = { .learn = false, .age_s = 300, .limit = 8 };

	(void)state;
	send(&x, 1, 9);
	send(&y, 1, 8);
	assert_int_equal(learned_flush(net->learned, x.port.id), 1);
	assert_string_equal(send(&a, 9, 1), "-");
	assert_string_equal(send(&a, 8, 1), "y");
	/* A port takes along what was learned from it. */
	assert_int_equal(vnet_port_del(&y.port, false), ERR_OK);
	assert_string_equal(send(&a, 8, 1), "-");
	send(&x, 1, 9);
	assert_string_equal(send(&a, 9, 1), "x");
	assert_int_equal(overlay_set(net, &off), ERR_OK);
	assert_string_equal(send(&a, 9, 1), "-");
	send(&x, 1, 9);
	assert_string_equal(send(&a, 9, 1), "-");
}

static void an_edge_has_a_limit(void **state)
{
	size_t live = host_alloc_live;

	(void)state;
	for (u32 round = 0; round < 3; round++) {
		for (u8 tag = 10; tag < 100; tag++)
			send(&x, 1, tag);
	}
	assert_int_equal(learned_count(net->learned), 8);
	assert_int_equal(learned_refused(net->learned), 3 * 90 - 3 * 8);
	assert_int_equal(host_alloc_live, live);
	/* The other edge has room of its own, and takes over what moves to it. */
	send(&y, 1, 200);
	assert_string_equal(send(&a, 200, 1), "y");
	send(&y, 1, 10);
	assert_string_equal(send(&a, 10, 1), "y");
	assert_int_equal(learned_count(net->learned), 9);
	/* Which gave one back to the first. */
	send(&x, 1, 60);
	assert_string_equal(send(&a, 60, 1), "x");
}

static void overlays_learn_apart(void **state)
{
	const struct overlay_setup learn = { .learn = true, .age_s = 300, .limit = 8 };
	struct overlay *other;

	(void)state;
	assert_int_equal(overlay_add("other", 7, &learn), ERR_OK);
	assert_int_equal(overlay_add("other", 8, &learn), ERR_EXIST);
	assert_int_equal(overlay_add("more", 7, &learn), ERR_EXIST);
	other = overlay_by_id(7);
	assert_int_equal(vnet_port_del(&b.port, false), ERR_OK);
	assert_int_equal(vnet_port_del(&y.port, false), ERR_OK);
	fake_port_add_overlay(&b, "b", VNET_PORT_INTERFACE, 1, 0, 7); /* a's MAC */
	fake_port_add_overlay(&y, "y", VNET_PORT_EDGE, 0, 0, 7);
	send(&x, 1, 9);
	assert_string_equal(send(&a, 9, 1), "x");
	assert_string_equal(send(&b, 9, 1), "-");
	send(&y, 1, 9);
	assert_string_equal(send(&a, 9, 1), "x");
	assert_string_equal(send(&b, 9, 1), "y");
	assert_int_equal(overlay_ports(other), 2);
	assert_int_equal(overlay_del(other), ERR_BUSY);
	assert_int_equal(vnet_port_del(&b.port, false), ERR_OK);
	assert_int_equal(vnet_port_del(&y.port, false), ERR_OK);
	assert_int_equal(overlay_del(other), ERR_OK);
	assert_null(overlay_find("other"));
	assert_int_equal(overlay_del(net), ERR_INVAL);
}

/* --- the table against a twin ------------------------------------------------ */

#define MACS 24 /* few enough that no set of the table is ever too full */
#define PORTS 4
#define LIMIT 5
#define AGE 10

static struct {
	u16 port; /* 0: not known */
	u64 heard;
} twin[MACS];

static u32 twin_of_port(u16 port)
{
	u32 n = 0;

	for (u32 i = 0; i < MACS; i++)
		n += twin[i].port == port;
	return n;
}

static void random_turns_equal_the_twin(void **state)
{
	struct learned *l = learned_new(5, LIMIT, AGE, 3);
	u64 now = 0;

	(void)state;
	srand(1);
	for (u32 step = 0; step < 200000; step++) {
		u32 i = (u32)rand() % MACS;
		u16 port = (u16)(1 + rand() % PORTS);

		assert_int_equal(learned_find(l, i + 1), twin[i].port);
		if (rand() % 50 == 0) {
			learned_tick(l, ++now);
			for (u32 k = 0; k < MACS; k++) {
				if (now - twin[k].heard > AGE)
					twin[k].port = VNET_PORT_NONE;
			}
		} else if (rand() % 500 == 0) {
			learned_flush(l, port);
			for (u32 k = 0; k < MACS; k++) {
				if (twin[k].port == port)
					twin[k].port = VNET_PORT_NONE;
			}
		} else if (rand() % 3 == 0) {
			learned_note(l, i + 1, port);
			if (twin[i].port == port || twin_of_port(port) < LIMIT) {
				twin[i].port = port;
				twin[i].heard = now;
			}
		}
	}
	learned_retire(l);
	epoch_reclaim();
	assert_int_equal(host_alloc_live, 0);
}

static u32 route_group(const struct fake_port *to, enum route_from from)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_GROUP }, .from = from,
		.to = to->port.id,
	};
	char why[100];
	u32 id;

	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
	return id;
}

/* Unknown unicast goes where broadcasts go, now, and each route counts it; what is known
 * does not. */
static void what_nobody_knows_is_flooded_if_wanted(void **state)
{
	struct overlay_setup setup = net->setup;
	struct route_use use;
	u32 id;

	(void)state;
	assert_string_equal(send(&a, 9, 1), "-");
	setup.flood = true;
	assert_int_equal(overlay_set(net, &setup), ERR_OK);
	assert_string_equal(send(&a, 9, 1), "-"); /* nowhere to */
	assert_int_equal(a.port.count.drop[VNET_DROP_NO_ROUTE], 2);
	id = route_group(&x, ROUTE_FROM_ANY);
	assert_string_equal(send(&a, 9, 1), "x");
	route_group(&b, ROUTE_FROM_ANY);
	route_group(&b, ROUTE_FROM_EDGES);
	assert_string_equal(send(&a, 9, 1), "bx");
	route_used(route_next(id - 1), &use);
	assert_int_equal(use.frames, 2);
	/* From the wire to interfaces, and no further. */
	assert_string_equal(send(&x, 8, 7), "b");
	/* 7 is known now; 8 is not. */
	assert_string_equal(send(&a, 7, 1), "x");
	/* More than a verdict holds. */
	route_group(&y, ROUTE_FROM_ANY);
	route_group(&a, ROUTE_FROM_ANY);
	assert_string_equal(send(&a, 8, 1), "bxy");
	assert_string_equal(send(&b, 8, 2), "axy");
	setup.flood = false;
	assert_int_equal(overlay_set(net, &setup), ERR_OK);
	assert_string_equal(send(&a, 8, 1), "-");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_address_is_where_it_was_heard),
		CASE(routes_win),
		CASE(old_addresses_go),
		CASE(flush_and_ends),
		CASE(an_edge_has_a_limit),
		CASE(what_nobody_knows_is_flooded_if_wanted),
		CASE(overlays_learn_apart),
		cmocka_unit_test(random_turns_equal_the_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
