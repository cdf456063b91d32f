/* SPDX-License-Identifier: BSD-2-Clause */
/* When a NIC's interrupts are held apart: by kinds of traffic, and against a naive twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/moderation.h"

#define S 1000000000ull
#define MS 1000000ull
#define GAP ((u64)MODERATION_GAP_NS)

static struct moderation m;
static u64 now, frames, irqs;

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	now = 12345678;
	frames = irqs = 1000000;
	/* The first window reaches back to the start of time. */
	moderation_step(&m, frames, irqs, now);
	memset(&m, 0, sizeof(m));
	m.start_ns = now;
	m.start_frames = frames;
	m.start_irqs = irqs;
	return 0;
}

/* So many frames a second, each by itself or `each` at a time, and an interrupt for them unless
 * the last one is too near. A NIC and a host that looks at once. True: held at some time. */
static bool traffic(u64 rate, u32 each, u64 for_ns)
{
	u64 end = now + for_ns, last_irq = 0, waiting = 0;
	bool held = false;

	for (u64 next = now + S * each / rate; now < end; next += S * each / rate) {
		u64 irq_at = waiting ? MAX(last_irq + (m.held ? GAP : 0), now) : UINT64_MAX;

		if (irq_at <= next) {
			now = irq_at;
			last_irq = now;
			irqs++;
			frames += waiting;
			waiting = 0;
			moderation_step(&m, frames, irqs, now);
			held |= m.held;
		}
		now = MAX(now, next);
		waiting += each;
		if (!m.held || now - last_irq >= GAP) {
			last_irq = now;
			irqs++;
			frames += waiting;
			waiting = 0;
			moderation_step(&m, frames, irqs, now);
			held |= m.held;
		}
	}
	return held;
}

static void few_frames_never_wait(void **state)
{
	(void)state;
	assert_false(traffic(1, 1, 20 * S));
	assert_false(traffic(1000, 1, S));
	assert_false(traffic(19000, 1, S));
	assert_int_equal(m.changes, 0);
}

/* Questions and answers, each a frame with an interrupt: up to 80,000 a second. */
static void exchanges_of_single_frames_never_wait(void **state)
{
	(void)state;
	for (u64 rate = 20000; rate <= 79000; rate += 1000)
		assert_false(traffic(rate, 1, 20 * MS));
}

static void a_stream_is_held_and_let_go(void **state)
{
	u64 before;

	(void)state;
	assert_true(traffic(120000, 1, 20 * MS));
	assert_true(m.held);
	/* At most so many interrupts then, and it stays so. */
	before = irqs;
	traffic(120000, 1, S);
	assert_true(m.held);
	assert_in_range(irqs - before, 15000, 20001);
	assert_int_equal(m.changes, 1);
	/* It ends: the next frames by themselves do not wait for longer than a window. */
	traffic(1000, 1, 20 * MS);
	assert_false(m.held);
	assert_int_equal(m.changes, 2);
}

/* Several in an interrupt show a stream earlier. */
static void frames_that_come_together_are_a_stream(void **state)
{
	(void)state;
	assert_false(traffic(30000, 2, 100 * MS));
	assert_true(traffic(60000, 2, 20 * MS));
}

/* While held, an exchange of single frames goes at the gap's pace: that shows, too. */
static void an_exchange_behind_a_stream_is_let_go(void **state)
{
	u64 end;

	(void)state;
	assert_true(traffic(200000, 1, 20 * MS));
	for (end = now + 20 * MS; now < end;) {
		now += m.held ? GAP : 15000;
		frames++;
		irqs++;
		moderation_step(&m, frames, irqs, now);
	}
	assert_false(m.held);
}

static void pauses_let_go(void **state)
{
	(void)state;
	assert_true(traffic(200000, 1, 20 * MS));
	now += 3600 * S;
	frames++;
	irqs++;
	assert_true(moderation_step(&m, frames, irqs, now));
	assert_false(m.held);
}

/* --- against a twin that counts in fractions ---------------------------------------- */

static bool twin(bool held, double f, double i, double ns)
{
	double irqs_allowed = ns / MODERATION_GAP_NS;

	if (held)
		return f > irqs_allowed && f >= 1.5 * i;
	return i > 4 * irqs_allowed || (i > irqs_allowed && f >= 2 * i);
}

static void as_the_twin_says(void **state)
{
	(void)state;
	srand(1);
	for (u32 n = 0; n < 200000; n++) {
		u64 ns = (u64)rand() % 20 == 0 ? (u64)rand() * 1000 : (u64)rand() % (12 * MS);
		u64 f = (u64)rand() % 2000, i = rand() % 2 ? f / (1 + (u64)rand() % 4)
							   : (u64)rand() % 2000;
		bool was = m.held, expect = was, changed;

		/* Windows that end exactly, and rates that are exactly a limit's. */
		if (rand() % 8 == 0)
			ns = MODERATION_WINDOW_NS;
		if (rand() % 8 == 0)
			ns = MAX(f * GAP, (u64)MODERATION_WINDOW_NS);
		now += ns;
		frames += f;
		irqs += i;
		if (now - m.start_ns >= MODERATION_WINDOW_NS)
			expect = twin(was, (double)(frames - m.start_frames),
				      (double)(irqs - m.start_irqs), (double)(now - m.start_ns));
		changed = moderation_step(&m, frames, irqs, now);
		assert_int_equal(m.held, expect);
		assert_int_equal(changed, was != expect);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(few_frames_never_wait, setup),
		cmocka_unit_test_setup(exchanges_of_single_frames_never_wait, setup),
		cmocka_unit_test_setup(a_stream_is_held_and_let_go, setup),
		cmocka_unit_test_setup(frames_that_come_together_are_a_stream, setup),
		cmocka_unit_test_setup(an_exchange_behind_a_stream_is_let_go, setup),
		cmocka_unit_test_setup(pauses_let_go, setup),
		cmocka_unit_test_setup(as_the_twin_says, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
