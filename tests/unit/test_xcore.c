/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and buffers between cores. The cores take turns in one thread, in
 * random order, so that every interleaving of whole steps comes up.
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
#include "vnet/xcore.h"

#define NCORES 3
#define POOL (XCORE_RING + 144u)

/* Port n belongs to core n, and so does pool n. */
static struct fake_port port[NCORES];
static struct pkt_pool pool[NCORES];
static u32 kicked[NCORES]; /* since the core's last drain */
static u32 done_calls;

static void kick(unsigned core)
{
	assert_int_not_equal(core, host_core);
	kicked[core]++;
}

static int setup(void **state)
{
	static const char *const names[] = { "p0", "p1", "p2" };

	(void)state;
	host_core = 0;
	memset(kicked, 0, sizeof(kicked));
	done_calls = 0;
	assert_int_equal(vnet_init(NCORES, 1, kick), ERR_OK);
	for (u32 i = 0; i < NCORES; i++) {
		fake_pool_init(&pool[i], names[i], i, POOL);
		pool[i].foreign_put = xcore_put;
		fake_port_add(&port[i], names[i], VNET_PORT_INTERFACE, (u8)(1 + i), i);
	}
	for (u32 i = 0; i < NCORES; i++)
		fake_route((u8)(1 + i), &port[i], NULL);
	return 0;
}

static u32 drain(unsigned core)
{
	host_core = core;
	kicked[core] = 0;
	return xcore_drain(core);
}

static void drain_all(void)
{
	u32 moved;

	do {
		moved = 0;
		for (unsigned c = 0; c < NCORES; c++)
			moved += drain(c);
	} while (moved);
	host_core = 0;
}

static void audit(u64 in_flight)
{
	struct vnet_audit sum;

	vnet_audit(&sum);
	assert_true(sum.balanced);
	assert_int_equal(sum.in_flight, in_flight);
}

static int teardown(void **state)
{
	(void)state;
	drain_all();
	for (unsigned c = 0; c < NCORES; c++) {
		host_core = c;
		fake_port_clear(&port[c]);
	}
	drain_all();
	audit(0);
	for (u32 i = 0; i < NCORES; i++)
		fake_pool_fini(&pool[i]);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* n frames from core `from` to the port of core `to`, in one burst. */
static void send(unsigned from, unsigned to, u32 n)
{
	struct pkt *pkts[2 * XCORE_RING];

	host_core = from;
	for (u32 i = 0; i < n; i++)
		pkts[i] = fake_frame(&pool[from], (u8)(1 + to), (u8)(1 + from), 60);
	vnet_input(&port[from].port, pkts, n);
}

static void count_done(struct pkt *p)
{
	assert_int_equal(host_core, p->pool->owner);
	done_calls++;
}

static void frames_cross_and_buffers_come_home(void **state)
{
	(void)state;
	send(0, 1, 5);
	assert_int_equal(port[1].n, 0);
	audit(5);
	assert_true(xcore_pending(1));
	assert_int_equal(drain(1), 5);
	assert_int_equal(port[1].n, 5);
	assert_int_equal(port[1].delivers, 1);
	assert_int_equal(port[1].flushes, 1);
	assert_false(xcore_pending(1));
	fake_port_clear(&port[1]);
	assert_int_equal(pool[0].free_count, POOL - 5);
	assert_int_equal(drain(0), 5);
	assert_int_equal(pool[0].free_count, POOL);
}

static void one_kick_until_the_core_comes(void **state)
{
	(void)state;
	for (u32 i = 0; i < 10; i++)
		send(0, 1, 4);
	assert_int_equal(kicked[1], 1);
	drain(1);
	send(0, 1, 1);
	assert_int_equal(kicked[1], 1);
	send(2, 1, 1); /* another producer kicks for itself */
	assert_int_equal(kicked[1], 2);
	assert_int_equal(xcore_stats(0)->kicks, 2);
}

static void a_guests_buffer_hurries_others_wait(void **state)
{
	struct pkt *p[40];

	(void)state;
	host_core = 0;
	for (u32 i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = pkt_get(&pool[0]);
	pkt_set_done(p[2], count_done, NULL, 0);
	host_core = 1;
	pkt_put(p[0]);
	pkt_put(p[1]);
	assert_int_equal(kicked[0], 0);
	pkt_put(p[2]);
	assert_int_equal(kicked[0], 1);
	assert_int_equal(drain(0), 3);
	assert_int_equal(done_calls, 1);
	host_core = 1;
	for (u32 i = 3; i < ARRAY_SIZE(p); i++)
		pkt_put(p[i]);
	assert_int_equal(kicked[0], 1); /* so many that the pool may be short */
}

static void a_full_ring_drops_and_counts(void **state)
{
	(void)state;
	send(0, 1, XCORE_RING + 10);
	assert_int_equal(port[0].port.count.drop[VNET_DROP_TX_FULL], 10);
	assert_int_equal(xcore_stats(0)->ring_full, 10);
	audit(XCORE_RING);
	assert_int_equal(drain(1), XCORE_RING);
	for (u32 i = 1; i < port[1].n; i++)
		assert_true(port[1].got[i - 1] != port[1].got[i]);
}

static void a_full_way_home_loses_nothing(void **state)
{
	struct pkt *p[POOL];

	(void)state;
	host_core = 0;
	for (u32 i = 0; i < POOL; i++)
		p[i] = pkt_get(&pool[0]);
	host_core = 2;
	for (u32 i = 0; i < POOL; i++)
		pkt_put(p[i]);
	assert_int_equal(xcore_stats(2)->late, POOL - XCORE_RING);
	assert_true(kicked[0] > 0);
	drain_all();
	assert_int_equal(pool[0].free_count, POOL);
}

static void a_port_waits_for_what_is_on_its_way(void **state)
{
	u16 id = port[1].port.id;

	(void)state;
	send(0, 1, 3);
	host_core = 0;
	assert_int_equal(vnet_port_del(&port[1].port, true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 1);
	assert_false(port[1].was_told_gone);
	drain(1);
	assert_int_equal(port[1].n, 0);
	assert_int_equal(port[1].port.count.drop[VNET_DROP_PORT_DOWN], 3);
	host_core = 0;
	assert_int_equal(vnet_port_reap(), 0);
	assert_true(port[1].was_told_gone);
	assert_null(vnet_port_by_id(id));
	audit(0);
}

/* A core that was not kicked since it last looked has nothing to look for. */
static void random_turns_lose_neither_frames_nor_wake_ups(void **state)
{
	u64 sent = 0, got = 0;

	(void)state;
	srand(6);
	for (u32 step = 0; step < 100000; step++) {
		unsigned c = (unsigned)rand() % NCORES, to = (unsigned)rand() % NCORES;
		u32 n = (u32)rand() % 20;

		switch (rand() % 3) {
		case 0:
			if (c != to && n && pool[c].free_count > n) {
				send(c, to, n);
				sent += n;
			}
			break;
		case 1:
			drain(c);
			break;
		default:
			host_core = c;
			got += fake_port_clear(&port[c]);
			break;
		}
		for (u32 i = 0; i < NCORES; i++)
			assert_true(kicked[i] || !xcore_in_flight(port[i].port.id));
		audit(xcore_in_flight_all());
	}
	drain_all();
	for (unsigned c = 0; c < NCORES; c++) {
		host_core = c;
		got += fake_port_clear(&port[c]);
		got += port[c].port.count.drop[VNET_DROP_TX_FULL];
	}
	assert_int_equal(got, sent);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(frames_cross_and_buffers_come_home),
		CASE(one_kick_until_the_core_comes),
		CASE(a_guests_buffer_hurries_others_wait),
		CASE(a_full_ring_drops_and_counts),
		CASE(a_full_way_home_loses_nothing),
		CASE(a_port_waits_for_what_is_on_its_way),
		CASE(random_turns_lose_neither_frames_nor_wake_ups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
