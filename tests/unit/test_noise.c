/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a guest was left, and for how long (hv/noise.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/noise.h"

static enum noise_cause host_intr(struct noise_signs s)
{
	return noise_cause_of(EXIT_HOST_INTR, &s);
}

static void causes(void **state)
{
	struct noise_signs all = { true, true, true, true, true };

	(void)state;
	assert_int_equal(noise_cause_of(EXIT_CPUID, &all), NOISE_GUEST);
	assert_int_equal(noise_cause_of(EXIT_INTR_WINDOW, &all), NOISE_GUEST);
	assert_int_equal(noise_cause_of(EXIT_TIMER, &all), NOISE_WORKAROUND);
	/* The node's work hides behind nothing. */
	assert_int_equal(host_intr(all), NOISE_NODE);
	all.node = false;
	assert_int_equal(host_intr(all), NOISE_SHARED);
	all.slice = false;
	assert_int_equal(host_intr(all), NOISE_FRAMES);
	all.frames = false;
	assert_int_equal(host_intr(all), NOISE_MESSAGE);
	all.message = false;
	assert_int_equal(host_intr(all), NOISE_TIMER);
	all.timer = false;
	assert_int_equal(host_intr(all), NOISE_UNKNOWN);
}

static void gaps(void **state)
{
	struct noise n = { 0 };

	(void)state;
	noise_entered(&n, 5); /* the first entry ends nothing */
	noise_left(&n, EXIT_CPUID, NOISE_GUEST, 100);
	noise_entered(&n, 100);
	noise_left(&n, EXIT_HOST_INTR, NOISE_NODE, 200);
	noise_entered(&n, 200 + 1023);
	noise_left(&n, EXIT_IO, NOISE_GUEST, 2000);
	noise_entered(&n, 2000 + 1024);
	assert_int_equal(n.gaps[0], 1);
	assert_int_equal(n.gaps[9], 1);
	assert_int_equal(n.gaps[10], 1);
	assert_int_equal(n.gap_ns, 1023 + 1024);
	assert_int_equal(n.longest.ns, 1024);
	assert_int_equal(n.longest.kind, EXIT_IO);
	assert_int_equal(n.longest.cause, NOISE_GUEST);

	/* A halt is the guest's own time. */
	noise_left(&n, EXIT_HLT, NOISE_GUEST, 4000);
	noise_entered(&n, 1000000);
	assert_int_equal(n.gap_ns, 1023 + 1024);

	/* A clock that goes backwards, and a gap beyond the last bucket. */
	noise_left(&n, EXIT_IO, NOISE_GUEST, 1000);
	noise_entered(&n, 900);
	assert_int_equal(n.gaps[0], 2);
	noise_left(&n, EXIT_IO, NOISE_GUEST, 1000);
	noise_entered(&n, UINT64_MAX);
	assert_int_equal(n.gaps[NOISE_BUCKETS - 1], 1);
	assert_int_equal(n.exits[EXIT_IO], 3);
}

static void assertion(void **state)
{
	struct noise n = { 0 };

	(void)state;
	assert_true(noise_left(&n, EXIT_HOST_INTR, NOISE_NODE, 1));
	n.quiet = true;
	for (u32 c = 0; c < NOISE_CAUSE_COUNT; c++) {
		bool own = c == NOISE_GUEST || c == NOISE_TIMER || c == NOISE_MESSAGE;

		assert_int_equal(noise_left(&n, EXIT_HOST_INTR, (enum noise_cause)c, 2), own);
		assert_int_equal(n.broken[c], !own);
	}
	assert_int_equal(noise_foreign_exits(&n), NOISE_CAUSE_COUNT - 3 + 1);
	noise_reset(&n, 7);
	assert_true(n.quiet);
	assert_int_equal(n.since_ns, 7);
	assert_int_equal(noise_foreign_exits(&n), 0);
	assert_int_equal(n.broken[NOISE_NODE], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes),
		cmocka_unit_test(gaps),
		cmocka_unit_test(assertion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
