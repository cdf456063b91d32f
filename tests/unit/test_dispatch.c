/* SPDX-License-Identifier: BSD-2-Clause */
/* The controller of dispatch modes at its edges, and against a naive twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/dispatch.h"

#define S 1000000000ull
#define MS 1000000ull
#define OMEGA (DISPATCH_OMEGA_US * 1000ull)

static struct dispatch d;
static struct dispatch_settings s;
static u64 now, packets;

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	dispatch_defaults(&s);
	s.mode[DISPATCH_TX] = DISPATCH_ADAPTIVE;
	now = 100 * S;
	packets = 0;
	return 0;
}

static bool step(void)
{
	return dispatch_step(&d, DISPATCH_TX, &s, packets, now);
}

/* n packets in so many ns, then a look. */
static bool pass(u64 n, u64 ns)
{
	packets += n;
	now += ns;
	return step();
}

static void starts_guest_driven_and_measures(void **state)
{
	(void)state;
	assert_false(step());
	assert_int_equal(d.now, DISPATCH_GUEST);
	assert_false(pass(3, OMEGA - 1));
	assert_int_equal(d.windows, 0);
	assert_false(pass(0, 1));
	assert_int_equal(d.windows, 1);
	assert_int_equal(d.rate, 600);
}

static void fixed_modes_hold_at_any_rate(void **state)
{
	(void)state;
	s.mode[DISPATCH_TX] = DISPATCH_VMM;
	assert_true(step());
	assert_int_equal(d.now, DISPATCH_VMM);
	assert_false(pass(0, 10 * S));
	assert_int_equal(d.rate, 0);
	s.mode[DISPATCH_TX] = DISPATCH_GUEST;
	assert_true(step());
	assert_false(pass(1000000, OMEGA));
	assert_int_equal(d.rate, 200000000);
	assert_int_equal(d.now, DISPATCH_GUEST);
}

static void directions_have_modes_of_their_own(void **state)
{
	struct dispatch rx = { 0 };

	(void)state;
	s.mode[DISPATCH_RX] = DISPATCH_VMM;
	assert_true(dispatch_step(&rx, DISPATCH_RX, &s, 0, now));
	assert_false(step());
	assert_int_equal(rx.now, DISPATCH_VMM);
	assert_int_equal(d.now, DISPATCH_GUEST);
}

/* 10,000 a second are 50 in 5 ms. */
static void exactly_alpha_changes_nothing(void **state)
{
	(void)state;
	step();
	assert_false(pass(50, OMEGA));
	assert_int_equal(d.rate, 10000);
	assert_true(pass(51, OMEGA));
	assert_int_equal(d.now, DISPATCH_VMM);
	assert_false(pass(5, OMEGA)); /* alpha_l exactly */
	assert_int_equal(d.rate, 1000);
	assert_int_equal(d.now, DISPATCH_VMM);
	assert_true(pass(4, OMEGA));
	assert_int_equal(d.now, DISPATCH_GUEST);
}

static void a_fraction_above_alpha_counts(void **state)
{
	(void)state;
	step();
	/* 10,000.5 a second for two seconds. */
	assert_true(pass(20001, 2 * S));
	assert_int_equal(d.rate, 10000);
	assert_int_equal(d.now, DISPATCH_VMM);
	/* 999.5 a second. */
	assert_true(pass(1999, 2 * S));
	assert_int_equal(d.rate, 999);
	assert_int_equal(d.now, DISPATCH_GUEST);
}

static void between_the_thresholds_both_modes_stay(void **state)
{
	(void)state;
	step();
	for (u32 i = 0; i < 20; i++)
		assert_false(pass(25, OMEGA));
	assert_int_equal(d.now, DISPATCH_GUEST);
	assert_true(pass(100, OMEGA));
	for (u32 i = 0; i < 20; i++)
		assert_false(pass(25, OMEGA));
	assert_int_equal(d.now, DISPATCH_VMM);
	assert_int_equal(d.changes, 1);
}

static void idle_ends_windows_too(void **state)
{
	(void)state;
	step();
	assert_true(pass(100, OMEGA));
	assert_true(pass(0, OMEGA));
	assert_int_equal(d.rate, 0);
	assert_int_equal(d.now, DISPATCH_GUEST);
	/* Nobody looked for an hour; then a burst is spread over it, and the next
	 * window shows it. */
	assert_false(pass(256, 3600 * S));
	assert_true(pass(256, OMEGA));
}

static void a_burst_shorter_than_a_window_is_averaged(void **state)
{
	(void)state;
	step();
	assert_false(pass(49, 1000));
	assert_false(pass(0, OMEGA - 1000));
	assert_int_equal(d.rate, 9800);
}

static void the_clock_goes_back(void **state)
{
	(void)state;
	step();
	packets += 1000;
	now -= 50 * S;
	assert_false(step());
	assert_int_equal(d.windows, 0);
	/* Measured from there on, without what came before. */
	assert_true(pass(100, OMEGA));
	assert_int_equal(d.rate, 20000);
}

static void the_clock_wraps(void **state)
{
	(void)state;
	now = UINT64_MAX - OMEGA / 2;
	step();
	assert_true(pass(100, OMEGA));
	assert_true(now < OMEGA);
	assert_int_equal(d.rate, 20000);
	packets = UINT64_MAX - 10;
	step();
	assert_false(pass(0, 0));
	now += OMEGA;
	step();
	packets += 100; /* wraps as well */
	now += OMEGA;
	assert_false(step());
	assert_int_equal(d.rate, 20000);
}

static void products_do_not_overflow(void **state)
{
	(void)state;
	s.alpha_u = UINT32_MAX;
	s.alpha_l = UINT32_MAX - 1;
	step();
	assert_true(pass(UINT64_MAX, OMEGA));
	assert_int_equal(d.rate, UINT64_MAX);
	assert_int_equal(d.now, DISPATCH_VMM);
	/* 292 years. */
	assert_true(pass(UINT64_MAX, INT64_MAX));
	assert_int_equal(d.rate, UINT64_MAX / (INT64_MAX / S));
	assert_int_equal(d.now, DISPATCH_GUEST);
}

static void settings_change_in_the_middle(void **state)
{
	(void)state;
	step();
	pass(40, 2 * MS);
	s.alpha_u = 5000;
	assert_true(pass(0, 3 * MS));
	/* A shorter window is over at once, a longer one goes on. */
	pass(1, MS);
	s.omega_us = 1000;
	assert_false(pass(0, 0));
	assert_int_equal(d.rate, 1000);
	s.omega_us = 1000000;
	assert_false(pass(0, 999 * MS));
	assert_true(pass(0, MS));
	/* Fixed meanwhile, then adaptive: what went by before says nothing. */
	s.mode[DISPATCH_TX] = DISPATCH_VMM;
	s.omega_us = 5000;
	assert_true(step());
	pass(1000, 4 * MS);
	s.mode[DISPATCH_TX] = DISPATCH_ADAPTIVE;
	assert_false(pass(0, MS));
	assert_int_equal(d.now, DISPATCH_VMM);
	assert_true(pass(0, OMEGA));
	assert_int_equal(d.rate, 0);
	/* A window of no length does not end. */
	s.omega_us = 0;
	pass(7, 0);
	assert_int_equal(d.rate, 0);
}

static void the_log_says_when_and_why(void **state)
{
	struct dispatch_change log[DISPATCH_LOG];

	(void)state;
	step();
	assert_int_equal(dispatch_log_read(&d, log), 0);
	pass(100, OMEGA);
	pass(0, OMEGA);
	s.mode[DISPATCH_TX] = DISPATCH_VMM;
	pass(0, MS);
	assert_int_equal(dispatch_log_read(&d, log), 3);
	assert_int_equal(log[0].at_ns, 100 * S + OMEGA);
	assert_int_equal(log[0].rate, 20000);
	assert_int_equal(log[0].from, DISPATCH_GUEST);
	assert_int_equal(log[0].to, DISPATCH_VMM);
	assert_int_equal(log[0].why, DISPATCH_BY_RATE);
	assert_int_equal(log[1].rate, 0);
	assert_int_equal(log[1].to, DISPATCH_GUEST);
	assert_int_equal(log[2].why, DISPATCH_BY_SETTING);
}

static void the_log_is_bounded(void **state)
{
	struct dispatch_change log[DISPATCH_LOG];
	u32 n;

	(void)state;
	step();
	for (u32 i = 0; i < 100; i++)
		assert_true(pass(i % 2 ? 0 : 100 + i, OMEGA));
	n = dispatch_log_read(&d, log);
	assert_int_equal(d.changes, 100);
	assert_int_equal(n, DISPATCH_LOG - 1);
	assert_int_equal(log[n - 1].at_ns, now);
	for (u32 i = 1; i < n; i++) {
		assert_int_equal(log[i].at_ns - log[i - 1].at_ns, OMEGA);
		assert_int_equal(log[i].from, log[i - 1].to);
	}
}

static void names_are_the_languages(void **state)
{
	(void)state;
	assert_string_equal(dispatch_mode_name(DISPATCH_ADAPTIVE), "adaptive");
	assert_string_equal(dispatch_mode_name(DISPATCH_VMM), "vmm");
	assert_string_equal(dispatch_yield_name(DISPATCH_YIELD_TIMED), "timed");
}

/* --- the twin: all that happened, and the rules as VNET/P has them --------------- */

struct twin {
	u64 from_ns, from_packets;
	u32 now, set;
	bool open;
};

static void twin_step(struct twin *t)
{
	/* Packets times a second, and time: both exact. */
	long double many, elapsed;

	if (t->set != s.mode[DISPATCH_TX]) {
		t->set = s.mode[DISPATCH_TX];
		if (t->set != DISPATCH_ADAPTIVE)
			t->now = t->set;
	} else if (t->open && now >= t->from_ns) {
		if (now - t->from_ns < s.omega_us * 1000ull || now == t->from_ns)
			return;
		elapsed = (long double)(now - t->from_ns);
		many = (long double)(packets - t->from_packets) * S;
		if (t->set == DISPATCH_ADAPTIVE && many > s.alpha_u * elapsed)
			t->now = DISPATCH_VMM;
		else if (t->set == DISPATCH_ADAPTIVE && many < s.alpha_l * elapsed)
			t->now = DISPATCH_GUEST;
	}
	t->open = true;
	t->from_ns = now;
	t->from_packets = packets;
}

static void does_as_its_twin(void **state)
{
	struct twin t = { 0 };
	u32 changes = 0;

	(void)state;
	srand(5);
	for (u32 i = 0; i < 200000; i++) {
		u32 what = (u32)rand() % 1000, was = t.now;

		if (what < 2)
			s.mode[DISPATCH_TX] = (u32)rand() % 3;
		else if (what < 30)
			s.mode[DISPATCH_TX] = DISPATCH_ADAPTIVE;
		else if (what < 33)
			s.alpha_u = 1000 * (1 + (u32)rand() % 20);
		else if (what < 36)
			s.alpha_l = MIN(s.alpha_u, 500 * ((u32)rand() % 20));
		else if (what < 38)
			s.omega_us = 500 * (1 + (u32)rand() % 20);
		else if (what == 38)
			now -= (u64)rand() % S;
		else if (what == 39)
			now += (u64)rand() % (100 * S);
		packets += (u64)rand() % ((i >> 10) % 3 ? 4 : 40);
		now += 250000ull * ((u64)rand() % 8);
		twin_step(&t);
		assert_int_equal(step(), t.now != was);
		assert_int_equal(d.now, t.now);
		changes += t.now != was;
	}
	assert_int_equal(d.changes, changes);
	assert_true(changes > 1000);
}

/* --- an idle dispatcher -------------------------------------------------------------- */

static void idle_strategies(void **state)
{
	struct dispatch_yielding y = { DISPATCH_YIELD_IMMEDIATE, 1000, 3000 };
	struct dispatch_idle i = { 0 };

	(void)state;
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + S), 0);
	y.strategy = DISPATCH_YIELD_TIMED;
	assert_int_equal(dispatch_idle_ns(&i, &y, true, now), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now), MS);
	y.strategy = DISPATCH_YIELD_ADAPTIVE;
	assert_int_equal(dispatch_idle_ns(&i, &y, true, now), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + 3 * MS - 1), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + 3 * MS), MS);
	/* Work starts it again, and so does a clock that goes back. */
	assert_int_equal(dispatch_idle_ns(&i, &y, true, now + 4 * MS), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + 4 * MS), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + 7 * MS), MS);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now), 0);
	assert_int_equal(dispatch_idle_ns(&i, &y, false, now + 3 * MS), MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starts_guest_driven_and_measures, setup),
		cmocka_unit_test_setup(fixed_modes_hold_at_any_rate, setup),
		cmocka_unit_test_setup(directions_have_modes_of_their_own, setup),
		cmocka_unit_test_setup(exactly_alpha_changes_nothing, setup),
		cmocka_unit_test_setup(a_fraction_above_alpha_counts, setup),
		cmocka_unit_test_setup(between_the_thresholds_both_modes_stay, setup),
		cmocka_unit_test_setup(idle_ends_windows_too, setup),
		cmocka_unit_test_setup(a_burst_shorter_than_a_window_is_averaged, setup),
		cmocka_unit_test_setup(the_clock_goes_back, setup),
		cmocka_unit_test_setup(the_clock_wraps, setup),
		cmocka_unit_test_setup(products_do_not_overflow, setup),
		cmocka_unit_test_setup(settings_change_in_the_middle, setup),
		cmocka_unit_test_setup(the_log_says_when_and_why, setup),
		cmocka_unit_test_setup(the_log_is_bounded, setup),
		cmocka_unit_test_setup(names_are_the_languages, setup),
		cmocka_unit_test_setup(does_as_its_twin, setup),
		cmocka_unit_test_setup(idle_strategies, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
