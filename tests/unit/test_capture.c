/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings of a capture against a plain queue, and what is kept of real frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/capture.h"

#define POOL 64
#define QUEUE 8192
#define IDLE (CAPTURE_IDLE_NS + 1)

static struct fake_port a, b;
static struct pkt_pool pool;

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(1, 7, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_route(2, &b, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_port_clear(&a);
	fake_port_clear(&b);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_null(capture_now);
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void start(u16 port, u64 mac, u32 snap)
{
	const struct capture_filter filter = { .port = port, .sides = CAPTURE_INNER, .mac = mac,
					       .snap = snap };

	assert_int_equal(capture_start(&filter), ERR_OK);
}

static void send(u8 dst, u32 len)
{
	struct pkt *p = fake_frame(&pool, dst, 1, len);

	vnet_input(&a.port, &p, 1);
	fake_port_clear(&b);
}

static u32 count(void)
{
	struct capture_frame f;
	u32 n = 0;

	while (capture_read(&f))
		n++;
	return n;
}

static void both_directions_are_kept_in_order(void **state)
{
	struct capture_frame in, out;
	u8 frame[200];
	struct pkt *p = fake_frame(&pool, 2, 1, sizeof(frame));

	(void)state;
	pkt_copy_out(p, 0, frame, sizeof(frame));
	start(VNET_PORT_NONE, 0, 100);
	vnet_input(&a.port, &p, 1);
	assert_true(capture_read(&in));
	assert_int_equal(in.port, a.port.id);
	assert_int_equal(in.dir, CAPTURE_IN);
	assert_int_equal(in.len, 200);
	assert_int_equal(in.size, 100);
	assert_memory_equal(in.data, frame, 100);
	assert_true(capture_read(&out));
	assert_int_equal(out.port, b.port.id);
	assert_int_equal(out.dir, CAPTURE_OUT);
	assert_false(capture_read(&out));
	assert_int_equal(capture_lost(), 0);
}

static void what_the_filter_does_not_take_is_not_kept(void **state)
{
	const struct capture_filter none = { .sides = CAPTURE_INNER };
	const struct capture_filter again = { .snap = 1, .sides = CAPTURE_INNER };

	(void)state;
	assert_int_equal(capture_start(&none), ERR_RANGE);
	send(2, 100);
	start(b.port.id, 0, 64);
	assert_int_equal(capture_start(&again), ERR_BUSY);
	send(2, 100);
	send(9, 100); /* dropped: no route */
	assert_int_equal(count(), 1);
	capture_stop();
	assert_int_equal(count(), 0);
	start(VNET_PORT_NONE, mac_load(fake_mac(9)), 64);
	send(2, 100);
	send(9, 100);
	send(9, 10); /* has not even addresses */
	assert_int_equal(count(), 1);
}

static void one_that_nobody_reads_ends(void **state)
{
	(void)state;
	start(VNET_PORT_NONE, 0, 64);
	vnet_tick(plat_now_ns());
	assert_non_null(capture_now);
	vnet_tick(plat_now_ns() + IDLE);
	assert_null(capture_now);
	send(2, 100);
}

/* Lengths of what was sent and not lost come out, whatever the ring did. */
static void rings_go_round(void **state)
{
	static u32 queue[QUEUE];
	u32 put = 0, got = 0, most = 0;
	struct capture_frame f;
	u64 lost = 0;

	(void)state;
	srand(11);
	start(a.port.id, 0, CAPTURE_SNAP_MAX);
	for (u32 round = 0; round < 100000; round++) {
		if (rand() % 1000 < (round / 10000 % 2 ? 300 : 600)) {
			u32 len = 14 + (u32)rand() % 1500;

			send(2, len);
			if (capture_lost() == lost)
				queue[put++ % QUEUE] = len;
			lost = capture_lost();
		} else if (capture_read(&f)) {
			assert_true(got < put);
			assert_int_equal(f.len, queue[got % QUEUE]);
			assert_int_equal(f.size, f.len);
			assert_memory_equal(f.data, fake_mac(2), 6);
			got++;
		} else {
			assert_int_equal(got, put);
		}
		most = MAX(most, put - got);
	}
	assert_true(lost > 0);
	assert_true(most > 200);
	got += count();
	assert_int_equal(got, put);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(both_directions_are_kept_in_order),
		CASE(what_the_filter_does_not_take_is_not_kept),
		CASE(one_that_nobody_reads_ends),
		CASE(rings_go_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
