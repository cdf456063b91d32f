/* SPDX-License-Identifier: BSD-2-Clause */
/* A link's path MTU: probes over a path that swallows what is too long, and now
 * and then something else; against a search one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/pmtu.h"

#define TICK 60000000ull
#define S 1000000000ull

static struct pmtu m;
static u64 now;
static u32 path;	/* what it carries */
static u32 lose;	/* so many of the next probes */
static u32 probes;

static int setup(void **state)
{
	(void)state;
	pmtu_init(&m);
	now = 100 * S;
	path = 1500;
	lose = 0;
	probes = 0;
	return 0;
}

/* The answer comes with the next hello but one. */
static void ticks(u32 limit, u64 ns)
{
	u64 end = now + ns;

	while (now < end) {
		u32 size = pmtu_tick(&m, limit, now);

		if (size) {
			assert_true(size <= limit);
			probes++;
			if (lose)
				lose--;
			else if (size <= path)
				pmtu_answered(&m, size, now + TICK + TICK / 2);
		}
		now += TICK;
	}
}

static u32 in_use(u32 limit)
{
	return MIN(limit, pmtu_now(&m));
}

static void a_path_that_carries_all(void **state)
{
	(void)state;
	assert_int_equal(pmtu_now(&m), PMTU_UNLIMITED);
	ticks(1500, 2 * S);
	assert_int_equal(pmtu_now(&m), 1500);
	assert_int_equal(probes, 2); /* the short one, the longest */
	ticks(1500, 500 * S);
	assert_int_equal(probes, 2);
	ticks(1500, 200 * S);
	assert_int_equal(probes, 4);
	assert_int_equal(m.sent, 4);
	assert_int_equal(m.answered, 4);
}

/* What one by one would find. */
static u32 naive(u32 limit)
{
	u32 size = PMTU_BASE;

	while (size < limit && size + 1 <= path)
		size++;
	return MIN(size, limit);
}

static void any_path_is_found(void **state)
{
	static const u32 limits[] = { 576, 577, 600, 1500, 1501, 9000, 65535 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++) {
		for (path = PMTU_BASE; path < limits[i] + 40; path += 1 + path / 13) {
			u32 last = PMTU_UNLIMITED;

			pmtu_init(&m);
			while (!m.answered || m.probe) {
				ticks(limits[i], TICK);
				/* It never uses less than the path has, nor more again. */
				assert_true(in_use(limits[i]) >= naive(limits[i]));
				assert_true(pmtu_now(&m) <= last);
				last = pmtu_now(&m);
			}
			assert_int_equal(pmtu_now(&m), naive(limits[i]));
			now += 1000 * S;
		}
	}
}

static void two_lost_probes_do_not_matter(void **state)
{
	(void)state;
	lose = 2;
	ticks(1500, 2 * S);
	assert_int_equal(pmtu_now(&m), 1500);
	assert_int_equal(probes, 4);
	ticks(1500, 599 * S);
	lose = 0;
	ticks(1500, 1 * S + TICK);
	assert_int_equal(pmtu_now(&m), 1500);
}

static void a_peer_that_answers_no_probes_says_nothing(void **state)
{
	(void)state;
	path = 0;
	ticks(1500, 30 * S);
	assert_int_equal(probes, PMTU_TRIES);
	assert_int_equal(pmtu_now(&m), PMTU_UNLIMITED);
	ticks(1500, 60 * S);
	assert_int_equal(probes, 2 * PMTU_TRIES);
	assert_int_equal(pmtu_now(&m), PMTU_UNLIMITED);
}

static void a_path_that_changes(void **state)
{
	(void)state;
	ticks(1500, 2 * S);
	path = 1400;
	ticks(1500, 620 * S);
	assert_int_equal(pmtu_now(&m), 1400);
	path = 1450;
	ticks(1500, 620 * S);
	assert_int_equal(pmtu_now(&m), 1450);
	ticks(9000, TICK); /* another uplink */
	assert_int_equal(in_use(9000), 9000);
	path = 9000;
	ticks(9000, 2 * S);
	assert_int_equal(pmtu_now(&m), 9000);
}

static void a_round_that_is_stopped_leaves_what_was_known(void **state)
{
	(void)state;
	path = 1400;
	ticks(1500, 30 * S);
	assert_int_equal(pmtu_now(&m), 1400);
	now += PMTU_AGAIN_NS;
	path = 0;
	ticks(1500, TICK);
	assert_true(m.probe);
	pmtu_stop(&m); /* no wonder: the peer is away */
	assert_int_equal(pmtu_now(&m), 1400);
	path = 1400;
	ticks(1500, 30 * S);
	assert_int_equal(pmtu_now(&m), 1400);
}

static void what_a_router_says(void **state)
{
	(void)state;
	assert_false(pmtu_told(&m, 575, 1500, now));
	assert_false(pmtu_told(&m, 1500, 1500, now));
	assert_int_equal(pmtu_now(&m), PMTU_UNLIMITED);
	assert_true(pmtu_told(&m, 1300, 1500, now));
	assert_int_equal(pmtu_now(&m), 1300);
	assert_false(pmtu_told(&m, 1400, 1300, now));
	assert_true(pmtu_told(&m, 1200, 1300, now));
	pmtu_age(&m, now + PMTU_TOLD_NS - 1);
	assert_int_equal(pmtu_now(&m), 1200);
	pmtu_age(&m, now + PMTU_TOLD_NS);
	assert_int_equal(pmtu_now(&m), PMTU_UNLIMITED);
}

static void probes_know_better_than_a_router(void **state)
{
	(void)state;
	ticks(1500, 2 * S);
	assert_true(pmtu_told(&m, 600, 1500, now)); /* forged */
	assert_int_equal(pmtu_now(&m), 600);
	ticks(1500, 2 * S);
	assert_int_equal(pmtu_now(&m), 1500);
	path = 1300;
	assert_true(pmtu_told(&m, 1300, 1500, now)); /* and true */
	ticks(1500, 30 * S);
	assert_int_equal(pmtu_now(&m), 1300);
}

static void answers_to_nothing(void **state)
{
	(void)state;
	pmtu_answered(&m, 1500, now);
	ticks(1500, TICK);
	pmtu_answered(&m, 1499, now);
	pmtu_answered(&m, 0, now);
	ticks(1500, 2 * S);
	pmtu_answered(&m, 1500, now);
	assert_int_equal(m.answered, 2);
	assert_int_equal(pmtu_now(&m), 1500);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_path_that_carries_all),
		CASE(any_path_is_found),
		CASE(two_lost_probes_do_not_matter),
		CASE(a_peer_that_answers_no_probes_says_nothing),
		CASE(a_path_that_changes),
		CASE(a_round_that_is_stopped_leaves_what_was_known),
		CASE(what_a_router_says),
		CASE(probes_know_better_than_a_router),
		CASE(answers_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
