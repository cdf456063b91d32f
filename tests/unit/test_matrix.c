/* SPDX-License-Identifier: BSD-2-Clause */
/* The traffic matrix against a plain two-dimensional one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/matrix.h"

#define POOL 64
#define TAGS 7u /* TAGS * TAGS pairs, fewer than MATRIX_TOP_MAX */
STATIC_ASSERT(TAGS * TAGS < MATRIX_TOP_MAX, "all can be shown");

static struct fake_port port[2];
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
	fake_port_add(&port[0], "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&port[1], "x", VNET_PORT_EDGE, 0, 0);
	port[0].port.any_source = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(port); i++)
		fake_port_clear(&port[i]);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_null(matrix_now);
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void send(struct fake_port *from, struct pkt *p)
{
	vnet_input(&from->port, &p, 1);
}

static void sums_are_those_of_the_plain_one(void **state)
{
	static u64 frames[TAGS][TAGS], bytes[TAGS][TAGS];
	struct matrix_pair top[MATRIX_TOP_MAX], few[3];
	u32 n;

	(void)state;
	srand(3);
	send(&port[0], fake_frame(&pool, 1, 2, 100)); /* while it is off */
	assert_int_equal(matrix_start(), ERR_OK);
	assert_int_equal(matrix_start(), ERR_BUSY);
	for (u32 i = 0; i < 5000; i++) {
		u32 src = (u32)rand() % TAGS, dst = (u32)rand() % TAGS;
		u32 len = 10 + (u32)rand() % 500;

		send(&port[(u32)rand() % 2], fake_frame(&pool, (u8)dst, (u8)src, len));
		if (len < 14)
			continue; /* has no addresses */
		frames[src][dst]++;
		bytes[src][dst] += len;
	}
	n = matrix_top(top, MATRIX_TOP_MAX);
	assert_int_equal(n, TAGS * TAGS);
	for (u32 i = 0; i < n; i++) {
		u32 src = (u32)(top[i].src >> 40), dst = (u32)(top[i].dst >> 40);

		assert_int_equal(top[i].frames, frames[src][dst]);
		assert_int_equal(top[i].bytes, bytes[src][dst]);
		assert_true(!i || top[i - 1].bytes >= top[i].bytes);
	}
	assert_int_equal(matrix_top(few, ARRAY_SIZE(few)), ARRAY_SIZE(few));
	assert_int_equal(few[2].bytes, top[2].bytes);
	assert_int_equal(matrix_others(), 0);
	assert_int_equal(matrix_stop(), ERR_OK);
	assert_int_equal(matrix_top(top, MATRIX_TOP_MAX), 0);
}

/* More pairs than there is room for: each frame is in one place or with the others. */
static void a_scan_is_counted_with_the_others(void **state)
{
	struct matrix_pair top;
	u64 all = 0;

	(void)state;
	assert_int_equal(matrix_start(), ERR_OK);
	for (u32 i = 0; i < 3 * MATRIX_PAIRS; i++, all++) {
		struct pkt *p = fake_frame(&pool, 1, 2, 64);

		memcpy(p->data + 2, &i, sizeof(i));
		send(&port[0], p);
	}
	assert_true(matrix_others() >= all - MATRIX_PAIRS);
	assert_true(matrix_others() < all);
	assert_int_equal(matrix_top(&top, 1), 1);
	assert_int_equal(top.frames, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(sums_are_those_of_the_plain_one),
		CASE(a_scan_is_counted_with_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
