/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What routes count, between fake ports:
 *
 *     a, b, c   interfaces of MAC tag 1, 2, 3; c is of core 1
 *     x, y      edges
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
#include "vnet/epoch.h"
#include "vnet/forward.h"
#include "vnet/route_count.h"
#include "vnet/xcore.h"

#define POOL 256
#define LEN 100

static struct fake_port a, b, c, x, y;
static struct fake_port *const all[] = { &a, &b, &c, &x, &y };
static struct pkt_pool pools[2];

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(2, 99, no_kick), ERR_OK);
	for (u32 core = 0; core < 2; core++) {
		fake_pool_init(&pools[core], "pool", core, POOL);
		pools[core].foreign_put = xcore_put;
	}
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&c, "c", VNET_PORT_INTERFACE, 3, 1);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	fake_port_add(&y, "y", VNET_PORT_EDGE, 0, 0);
	return 0;
}

/* All that is on its way arrives, and goes. */
static void settle(void)
{
	for (u32 turn = 0; turn < 3; turn++) {
		for (u32 core = 0; core < 2; core++) {
			host_core = core;
			xcore_drain(core);
			for (u32 i = 0; i < ARRAY_SIZE(all); i++)
				if (all[i]->port.core == core)
					fake_port_clear(all[i]);
		}
	}
	host_core = 0;
}

static int teardown(void **state)
{
	(void)state;
	settle();
	for (u32 core = 0; core < 2; core++)
		fake_pool_fini(&pools[core]);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* n frames in one burst. */
static void send_n(struct fake_port *from, u8 dst, u8 src, u32 len, u32 n)
{
	u32 core = from->port.core;
	struct pkt *burst[PKT_BURST];

	host_core = core;
	for (u32 i = 0; i < n; i++)
		burst[i] = fake_frame(&pools[core], dst, src, len);
	vnet_input(&from->port, burst, n);
	settle();
}

static void send(struct fake_port *from, u8 dst, u8 src)
{
	send_n(from, dst, src, LEN, 1);
}

static const struct route *route_of(u32 id)
{
	const struct route *r = route_next(id - 1);

	assert_true(r && r->id == id);
	return r;
}

static void used(u32 id, u64 frames, u64 bytes)
{
	struct route_use use;

	route_used(route_of(id), &use);
	assert_int_equal(use.frames, frames);
	assert_int_equal(use.bytes, bytes);
}

static void each_frame_counts_once_cached_or_not(void **state)
{
	u32 to_b = fake_route(2, &b, NULL), to_x = fake_route(0, &x, NULL);

	(void)state;
	send(&a, 2, 1);
	used(to_b, 1, LEN);
	send_n(&a, 2, 1, 250, 10);
	used(to_b, 11, LEN + 2500);
	used(to_x, 0, 0);
	/* Another core's frames come to the same. */
	send_n(&c, 2, 3, LEN, 5);
	send_n(&c, 9, 3, LEN, 5);
	used(to_b, 16, LEN + 2500 + 500);
	used(to_x, 5, 500);
	/* Dropped where it leads to, and sent all the same. */
	b.port.up = false;
	send(&a, 2, 1);
	used(to_b, 17, LEN + 2500 + 600);
}

static void what_goes_nowhere_counts_for_nobody(void **state)
{
	u32 to_a = fake_route(0, &a, NULL);

	(void)state;
	send(&a, 2, 1); /* back to where it came from */
	send(&a, 2, 9); /* not its address */
	send(&x, 2, 9); /* edge to edge */
	used(to_a, 0, 0);
	send(&b, 9, 2);
	used(to_a, 1, LEN);
}

static void each_of_several_winners_counts(void **state)
{
	u32 to_a = fake_route(0xff, &a, NULL), to_b = fake_route(0xff, &b, NULL);
	u32 to_c = fake_route(0xff, &c, NULL), again = fake_route(0xff, &b, &a.port);
	u32 worse = fake_route(0, &y, NULL), to_x;

	(void)state;
	send_n(&a, 0xff, 1, LEN, 3);
	used(to_a, 0, 0);
	used(to_b, 3, 3 * LEN);
	used(again, 3, 3 * LEN);
	used(to_c, 3, 3 * LEN);
	/* More than a verdict holds. */
	to_x = fake_route(0xff, &x, NULL);
	fake_route(0xff, &y, NULL);
	for (u32 i = 0; i < 4; i++)
		send(&a, 0xff, 1);
	used(to_a, 0, 0);
	used(to_b, 7, 7 * LEN);
	used(again, 7, 7 * LEN);
	used(to_x, 4, 4 * LEN);
	used(worse, 0, 0);
}

static void a_route_that_comes_back_starts_from_nothing(void **state)
{
	u32 id = fake_route(2, &b, NULL), other = fake_route(3, &b, NULL);

	(void)state;
	for (u32 i = 0; i < 3 * ROUTE_COUNTERS; i++) {
		used(id, 0, 0);
		send_n(&a, 2, 1, LEN, 2);
		used(id, 2, 2 * LEN);
		assert_int_equal(route_del(id), ERR_OK);
		id = fake_route(2, &b, NULL);
	}
	send(&a, 3, 1);
	used(other, 1, LEN);
	/* Counters are used again: those of the first block and no more. */
	assert_null(route_cells[1]);
}

/* A core that reads may count what it found before. */
static void a_counter_waits_for_the_cores(void **state)
{
	u32 id = fake_route(2, &b, NULL), old = route_of(id)->counter, counter;

	(void)state;
	vnet_core_quiet_leave(1);
	assert_int_equal(route_del(id), ERR_OK);
	for (u32 i = 0; i < 2 * ROUTE_COUNTERS; i++) {
		counter = route_counter_get();
		assert_int_not_equal(counter, old);
		route_counter_put(counter);
	}
	assert_non_null(route_cells[2]);
	/* Late, by the core that was there before. */
	route_cell(old, 1)->frames++;
	vnet_core_quiet_enter(1);
	for (u32 i = 0; (counter = route_counter_get()) != old; i++) {
		assert_true(i < 4 * ROUTE_COUNTERS);
		route_counter_put(counter);
	}
	assert_null(route_cells[3]);
	route_counter_put(counter);
	for (u32 i = 0; i < 4 * ROUTE_COUNTERS; i++) {
		id = fake_route(2, &b, NULL);
		used(id, 0, 0);
		assert_int_equal(route_del(id), ERR_OK);
	}
}

static void without_memory_there_is_no_route(void **state)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_EXACT }, .to = b.port.id,
	};
	char why[100];
	u32 id, n = 0;

	(void)state;
	for (err_t err = ERR_OK; err == ERR_OK; n++) {
		store_be32(spec.dst.mac, n << 8 | 2u << 24);
		host_alloc_fail = n == ROUTE_COUNTERS - 1;
		err = route_add(&spec, &id, why, sizeof(why));
	}
	host_alloc_fail = false;
	assert_int_equal(n, ROUTE_COUNTERS);
	assert_int_equal(route_count(), ROUTE_COUNTERS - 1);
	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
}

/* --- against a twin ------------------------------------------------------------- */

#define TWINS 12

struct twin {
	u32 id; /* 0: none */
	struct route_spec spec;
	u64 frames, bytes;
};
static struct twin twins[TWINS];

static bool twin_match(const struct route_match *m, const u8 *mac)
{
	switch (m->cls) {
	case ROUTE_EXACT:
		return memcmp(m->mac, mac, 6) == 0;
	case ROUTE_NOT:
		return memcmp(m->mac, mac, 6) != 0;
	case ROUTE_GROUP:
		return mac[0] & 1;
	default:
		return true;
	}
}

static int twin_prio(const struct twin *t, const struct vnet_port *in, const u8 *frame)
{
	bool edge = in->kind == VNET_PORT_EDGE;
	const struct route_spec *s = &t->spec;

	if (!t->id || !twin_match(&s->src, frame + 6) || !twin_match(&s->dst, frame))
		return 0;
	if (s->from == ROUTE_FROM_PORT ? s->from_port != in->id
				       : edge != (s->from == ROUTE_FROM_EDGES))
		return 0;
	return (int)route_priority(s->src.cls, s->dst.cls);
}

static void twin_count(const struct vnet_port *in, const u8 *frame, u32 len)
{
	int best = 0;

	for (u32 i = 0; i < TWINS; i++)
		best = MAX(best, twin_prio(&twins[i], in, frame));
	for (u32 i = 0; best && i < TWINS; i++) {
		if (twin_prio(&twins[i], in, frame) != best || twins[i].spec.to == in->id)
			continue;
		twins[i].frames++;
		twins[i].bytes += len;
	}
}

static void twin_change(void)
{
	static const enum route_class classes[] = { ROUTE_EXACT, ROUTE_EXACT, ROUTE_NOT, ROUTE_ANY,
						    ROUTE_GROUP };
	static const u8 tags[] = { 1, 2, 3, 4, 0xf1, 0xff };
	struct twin *t = &twins[rand() % TWINS];
	char why[100];

	if (t->id)
		assert_int_equal(route_del(t->id), ERR_OK);
	*t = (struct twin){ .spec = {
		.src.cls = classes[rand() % 4],
		.dst.cls = classes[rand() % 5],
		.from = (enum route_from)(rand() % 4),
		.from_port = all[rand() % 5]->port.id,
		.to = all[rand() % 5]->port.id,
	} };
	memcpy(t->spec.src.mac, fake_mac(tags[rand() % 4]), 6);
	memcpy(t->spec.dst.mac, fake_mac(tags[rand() % 6]), 6);
	if (route_add(&t->spec, &t->id, why, sizeof(why)) != ERR_OK)
		t->id = 0;
}

static void a_burst(void)
{
	static const u8 tags[] = { 1, 2, 3, 4, 0xf1, 0xff };
	struct fake_port *from = all[rand() % 5];
	u32 n = 1 + (u32)rand() % PKT_BURST, core = from->port.core;
	struct pkt *burst[PKT_BURST];

	host_core = core;
	for (u32 i = 0; i < n; i++) {
		/* Edges have one address behind them that is not ours. */
		u8 src = from->port.kind == VNET_PORT_EDGE ? 4 : from->port.mac[5];

		burst[i] = fake_frame(&pools[core], tags[rand() % 6], src,
				      14 + (u32)rand() % 1000);
		twin_count(&from->port, burst[i]->data, burst[i]->len);
	}
	vnet_input(&from->port, burst, n);
	settle();
}

static void random_routes_count_what_a_twin_counts(void **state)
{
	(void)state;
	srand(5);
	memset(twins, 0, sizeof(twins));
	for (u32 round = 0; round < 20000; round++) {
		if (rand() % 4 == 0)
			twin_change();
		a_burst();
		for (u32 i = 0; i < TWINS; i++)
			if (twins[i].id)
				used(twins[i].id, twins[i].frames, twins[i].bytes);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(each_frame_counts_once_cached_or_not),
		CASE(what_goes_nowhere_counts_for_nobody),
		CASE(each_of_several_winners_counts),
		CASE(a_route_that_comes_back_starts_from_nothing),
		CASE(a_counter_waits_for_the_cores),
		CASE(without_memory_there_is_no_route),
		CASE(random_routes_count_what_a_twin_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
