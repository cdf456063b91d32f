/* SPDX-License-Identifier: BSD-2-Clause */
/* A link's keep-alive: two ends and a wire that loses, delays and repeats what
 * the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/health.h"

#define MS 1000000ull
#define TICK HEALTH_INTERVAL_NS

static struct health a, b;
static u64 now;

static int setup(void **state)
{
	(void)state;
	now = 5000 * MS;
	health_init(&a, 1111);
	health_init(&b, 2222);
	return 0;
}

/* Both tick, a first; what they say arrives after so long, or never. */
static void round_trip(u64 a_to_b_ns, u64 b_to_a_ns, bool to_b, bool to_a)
{
	struct link_hello ha, hb;

	health_tick(&a, now, &ha);
	if (to_b)
		health_heard(&b, &ha, now + a_to_b_ns);
	health_tick(&b, now + TICK / 2, &hb);
	if (to_a)
		health_heard(&a, &hb, now + TICK / 2 + b_to_a_ns);
	now += TICK;
}

static void rounds(u32 n, bool to_b, bool to_a)
{
	while (n--)
		round_trip(1 * MS, 1 * MS, to_b, to_a);
}

static void both_come_up(void **state)
{
	(void)state;
	assert_int_equal(a.state, HEALTH_UNREACHABLE);
	rounds(1, true, true);
	assert_int_equal(a.state, HEALTH_UP); /* its hello was answered */
	assert_int_equal(b.state, HEALTH_UNREACHABLE); /* not yet */
	rounds(1, true, true);
	assert_int_equal(b.state, HEALTH_UP);
	rounds(100, true, true);
	assert_int_equal(a.changes, 1);
	assert_int_equal(health_loss_permille(&a), 0);
	assert_int_equal(a.lost, 0);
	assert_int_equal(a.received, 102);
}

static void silence_is_found_in_time(void **state)
{
	/* The peer dies at any moment between two ticks of ours. */
	(void)state;
	for (u64 phase = 0; phase < TICK; phase += TICK / 12) {
		struct link_hello hello = { .version_min = 1, .version_max = 1, .session = 9 };
		u64 died, t = 1000 * MS;

		health_init(&a, 1);
		for (u32 i = 1; i < 10; i++, t += TICK) {
			struct link_hello out;

			health_tick(&a, t, &out);
			hello.seq = i;
			hello.heard = out.seq;
			health_heard(&a, &hello, t + phase);
		}
		died = t - TICK + phase;
		assert_int_equal(a.state, HEALTH_UP);
		while (a.state == HEALTH_UP) {
			struct link_hello out;

			health_tick(&a, t, &out);
			t += TICK;
		}
		assert_true(t - TICK - died >= 150 * MS && t - TICK - died <= 240 * MS);
	}
}

static void two_lost_in_a_row_do_not_matter(void **state)
{
	(void)state;
	rounds(5, true, true);
	for (u32 i = 0; i < 20; i++) {
		rounds(2, false, false);
		rounds(1, true, true);
	}
	assert_int_equal(a.state, HEALTH_UP);
	assert_int_equal(b.changes, 1);
	rounds(4, false, false);
	assert_int_equal(a.state, HEALTH_UNREACHABLE);
	assert_int_equal(b.state, HEALTH_UNREACHABLE);
	rounds(2, true, true);
	assert_int_equal(a.state, HEALTH_UP);
	assert_int_equal(b.state, HEALTH_UP);
}

static void one_way_is_no_way(void **state)
{
	(void)state;
	rounds(5, true, true);
	rounds(5, true, false); /* b hears a, a does not hear b */
	assert_int_equal(a.state, HEALTH_UNREACHABLE);
	assert_int_equal(b.state, HEALTH_UNREACHABLE);
	assert_true(b.heard_since || b.silent == 0);
	rounds(3, true, true);
	assert_int_equal(a.state, HEALTH_UP);
	assert_int_equal(b.state, HEALTH_UP);
}

static void a_node_that_stood_still_takes_nobody_for_dead(void **state)
{
	(void)state;
	rounds(5, true, true);
	now += 10000 * MS;
	rounds(5, true, true);
	assert_int_equal(a.changes, 1);
	assert_int_equal(a.state, HEALTH_UP);
}

static void the_round_trip_leaves_out_what_the_peer_waited(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100; i++)
		round_trip(2 * MS, 3 * MS, true, true);
	assert_in_range(a.rtt_us, 4990, 5010);
	assert_in_range(b.rtt_us, 4990, 5010);
	round_trip(1 * MS, 1 * MS, true, true);
	assert_in_range(a.rtt_min_us, 1990, 2010);
	assert_in_range(a.rtt_us, 4500, 5000);
}

static void impossible_answers_are_no_round_trip(void **state)
{
	struct link_hello h = { .version_min = 1, .version_max = 1, .session = 7 }, out;

	(void)state;
	health_tick(&a, now, &out);
	h.seq = 1;
	h.heard = 1;
	h.held_us = 5000; /* held longer than it was under way */
	health_heard(&a, &h, now + 1 * MS);
	assert_int_equal(a.rtt_us, 0);
	h.seq = 2;
	h.heard = 77; /* never sent */
	h.held_us = 0;
	health_heard(&a, &h, now + 1 * MS);
	assert_int_equal(a.rtt_us, 0);
	assert_int_equal(a.state, HEALTH_UNREACHABLE);
	h.seq = 3;
	h.heard = 1;
	health_heard(&a, &h, now + 1 * MS);
	assert_int_equal(a.rtt_us, 1000);
	for (u32 i = 0; i < HEALTH_SENT; i++)
		health_tick(&a, now += TICK, &out);
	h.seq = 4;
	health_heard(&a, &h, now); /* heard so long ago that nobody knows when */
	assert_int_equal(a.state, HEALTH_UNREACHABLE);
}

/* The loss against a list of what came. */
static void loss_as_counted_by_hand(void **state)
{
	static bool came[3000];
	u32 top = 0, first = 0;
	u64 gone = 0;

	(void)state;
	srand(4);
	for (u32 seq = 1; seq < ARRAY_SIZE(came) - 100;) {
		struct link_hello h = { .version_min = 1, .version_max = 1, .session = 7 };
		u32 in_window = 0, had = 0, pick = rand() % 10;
		/* The next, one a little ahead, one late, one again. */
		u32 this = pick < 6 ? seq : pick < 8 ? seq + rand() % 90u : seq - rand() % 80u;

		if (!this || this > seq + 90)
			continue;
		if (!first)
			first = this;
		h.seq = this;
		/* What is farther back than the window is a new beginning: not here. */
		if (top >= HEALTH_WINDOW && this <= top - HEALTH_WINDOW)
			continue;
		health_heard(&a, &h, now);
		if (this >= first)
			came[this] = true;
		if (this > top)
			top = this;
		seq = top + 1;
		gone = 0;
		for (u32 s = first; s <= top; s++) {
			if (s + HEALTH_WINDOW > top) {
				in_window++;
				had += came[s];
			} else {
				gone += !came[s];
			}
		}
		assert_int_equal(health_loss_permille(&a),
				 (in_window - had) * 1000 / in_window);
	}
	/* A late one that came when it had left the window already stays lost. */
	assert_true(a.lost >= gone && a.lost <= gone + 1000);
	assert_int_equal(a.lost, gone);
}

static void a_peer_that_starts_again_is_known_at_once(void **state)
{
	(void)state;
	rounds(300, true, true);
	health_init(&b, 3333);
	rounds(2, true, true);
	assert_int_equal(a.state, HEALTH_UP);
	assert_int_equal(b.state, HEALTH_UP);
	assert_int_equal(a.lost, 0);
	assert_int_equal(health_loss_permille(&a), 0);
}

static void a_forged_jump_does_not_last(void **state)
{
	struct link_hello h;

	(void)state;
	rounds(10, true, true);
	h = a.peer;
	h.seq += 1000000;
	health_heard(&a, &h, now);
	rounds(3, true, true);
	assert_int_equal(a.state, HEALTH_UP);
	assert_int_equal(a.peer.seq, b.us.seq);
}

static void another_version_is_said(void **state)
{
	struct link_hello h = { .version_min = 2, .version_max = 9, .session = 5, .seq = 1 }, out;

	(void)state;
	health_heard(&a, &h, now);
	assert_int_equal(a.state, HEALTH_INCOMPATIBLE);
	assert_int_equal(a.peer.version_max, 9);
	health_tick(&a, now, &out);
	assert_int_equal(out.heard, 0);
	assert_int_equal(out.version_min, HEALTH_VERSION);
	for (u32 i = 0; i < 4; i++)
		health_tick(&a, now += TICK, &out);
	assert_int_equal(a.state, HEALTH_UNREACHABLE); /* it went */
	h.version_min = 1; /* it was updated, and speaks both */
	h.heard = a.us.seq;
	health_heard(&a, &h, now);
	assert_int_equal(a.state, HEALTH_UP);
	assert_string_equal(health_state_name(a.state), "up");
}

static void sequence_numbers_wrap(void **state)
{
	(void)state;
	a.us.seq = b.us.seq = UINT32_MAX - 5;
	rounds(4, true, true);
	assert_int_equal(b.state, HEALTH_UP);
	for (u32 i = 0; i < 20; i++) {
		rounds(1, true, true);
		assert_int_not_equal(a.us.seq, 0);
	}
	assert_int_equal(b.state, HEALTH_UP);
	assert_int_equal(a.state, HEALTH_UP);
	assert_true(b.changes == 1 && b.us.seq < 20);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		CASE(both_come_up),
		CASE(silence_is_found_in_time),
		CASE(two_lost_in_a_row_do_not_matter),
		CASE(one_way_is_no_way),
		CASE(a_node_that_stood_still_takes_nobody_for_dead),
		CASE(the_round_trip_leaves_out_what_the_peer_waited),
		CASE(impossible_answers_are_no_round_trip),
		CASE(loss_as_counted_by_hand),
		CASE(a_peer_that_starts_again_is_known_at_once),
		CASE(a_forged_jump_does_not_last),
		CASE(another_version_is_said),
		CASE(sequence_numbers_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
