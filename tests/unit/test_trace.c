/* SPDX-License-Identifier: BSD-2-Clause */
/* The dry run against what then becomes of a real frame, over random routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/forward.h"
#include "vnet/trace.h"

#define POOL 64
#define ROUTES 24

static struct fake_port port[6];
static struct pkt_pool pool;

static void no_kick(unsigned core)
{
	(void)core;
}

/* Interfaces a, b, c of MAC tag 1, 2, 3; edges x, y, z. */
static int setup(void **state)
{
	static const char *const names[] = { "a", "b", "c", "x", "y", "z" };

	(void)state;
	assert_int_equal(vnet_init(1, 7, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	for (u32 i = 0; i < ARRAY_SIZE(port); i++)
		fake_port_add(&port[i], names[i], i < 3 ? VNET_PORT_INTERFACE : VNET_PORT_EDGE,
			      (u8)(i < 3 ? i + 1 : 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(port); i++)
		fake_port_clear(&port[i]);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static bool takes(struct trace *t, u16 id)
{
	return t->to.word[id / 64] & BIT64(id % 64);
}

/* The ports of the routes that were named are the ports of the answer. */
static void check_routes(struct trace *t, const struct vnet_port *from)
{
	struct port_set named = { 0 };

	for (u32 i = 0; i < t->equal; i++) {
		const struct route *r = route_next(t->route[i] - 1);

		assert_int_equal(r->id, t->route[i]);
		assert_int_equal(route_priority(r->spec.src.cls, r->spec.dst.cls), t->prio);
		if (r->spec.to != from->id)
			port_set_add(&named, r->spec.to);
	}
	assert_true(t->equal <= TRACE_ROUTES);
	if (t->asked && t->reason != VNET_DROP_SOURCE)
		assert_memory_equal(&named, &t->to, sizeof(named));
}

static void one_frame(struct fake_port *from, u8 dst, u8 src)
{
	struct vnet_core_stats before, between, after;
	struct pkt *p = fake_frame(&pool, dst, src, 100);
	struct trace t;

	vnet_core_stats(0, &before);
	vnet_trace(&from->port, fake_mac(dst), fake_mac(src), &t);
	vnet_core_stats(0, &between);
	assert_memory_equal(&before, &between, sizeof(before));
	check_routes(&t, &from->port);
	memset(from->port.count.drop, 0, sizeof(from->port.count.drop));
	vnet_input(&from->port, &p, 1);
	vnet_core_stats(0, &after);
	assert_int_equal(after.cache_hits - before.cache_hits, t.asked && t.cached);
	assert_int_equal(after.cache_hits + after.cache_misses - before.cache_hits -
			 before.cache_misses, t.asked);
	assert_int_equal(from->port.count.drop[t.reason], t.dropped);
	for (u32 i = 0; i < ARRAY_SIZE(port); i++) {
		assert_int_equal(fake_port_clear(&port[i]), takes(&t, port[i].port.id));
		assert_false(t.dropped && takes(&t, port[i].port.id));
	}
	assert_int_equal(pool.free_count, POOL);
}

static void the_dry_run_is_what_happens(void **state)
{
	static const u8 tags[] = { 1, 2, 3, 4, 5, 0xf1, 0xff };
	u32 ids[ROUTES] = { 0 };

	(void)state;
	srand(5);
	for (u32 round = 0; round < 60000; round++) {
		struct fake_port *from = &port[(u32)rand() % ARRAY_SIZE(port)];
		u32 slot = (u32)rand() % ROUTES;
		char why[100];
		struct route_spec spec = {
			.src.cls = (enum route_class)(rand() % 3),
			.dst.cls = (enum route_class)(rand() % ROUTE_CLASS_COUNT),
			.from = (enum route_from)(rand() % 4),
			.from_port = port[(u32)rand() % ARRAY_SIZE(port)].port.id,
			.to = port[(u32)rand() % ARRAY_SIZE(port)].port.id,
		};

		if (rand() % 16 == 0) {
			memcpy(spec.src.mac, fake_mac(tags[(u32)rand() % 5]), MAC_LEN);
			memcpy(spec.dst.mac, fake_mac(tags[(u32)rand() % ARRAY_SIZE(tags)]),
			       MAC_LEN);
			if (ids[slot])
				assert_int_equal(route_del(ids[slot]), ERR_OK);
			ids[slot] = 0;
			if (rand() % 3 && route_add(&spec, &ids[slot], why, sizeof(why)) != ERR_OK)
				ids[slot] = 0;
		}
		if (rand() % 64 == 0)
			from->port.any_source = !from->port.any_source;
		one_frame(from, tags[(u32)rand() % ARRAY_SIZE(tags)],
			  tags[(u32)rand() % ARRAY_SIZE(tags)]);
	}
}

static void what_hides_behind_a_better_route_is_counted(void **state)
{
	struct trace t;
	u32 exact, any;

	(void)state;
	any = fake_route(0, &port[3], NULL);
	exact = fake_route(2, &port[1], NULL);
	vnet_trace(&port[0].port, fake_mac(2), fake_mac(1), &t);
	assert_int_equal(t.prio, ROUTE_PRIO_EXACT_ANY);
	assert_int_equal(t.equal, 1);
	assert_int_equal(t.hidden, 1);
	assert_int_equal(t.route[0], exact);
	vnet_trace(&port[0].port, fake_mac(4), fake_mac(1), &t);
	assert_int_equal(t.equal, 1);
	assert_int_equal(t.hidden, 0);
	assert_int_equal(t.route[0], any);
	assert_false(t.cached);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_dry_run_is_what_happens),
		CASE(what_hides_behind_a_better_route_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
