/* SPDX-License-Identifier: BSD-2-Clause */
/* The ixgbe driver on its model: frames on their way back, see sent_cases.h; and interrupts held
 * apart. */
#include "tests/unit/sent_cases.h"

#include "drivers/nic/ixgbe.h"
#include "tests/models/ixgbe_bench.h"

static void run(u32 descs)
{
	ixgbe_model_run_tx(&ixb.model, descs);
	ixb_drop_wire();
}

static void test_sent_comes_back(void **state)
{
	const struct sent_bed bed = {
		.nic = &ixb.nic,
		.pool = &ixb.pool,
		.frame = ixb_frame,
		.done = &ixb.done,
		.run = run,
	};

	(void)state;
	ixb.model.hang_tx = true;
	sent_comes_back(&bed);
	ixb.model.hang_tx = false;
}

static u32 eitr_of(u32 vector)
{
	return ixgbe_read(ixb.nic.priv, IXGBE_EITR0 + 4 * vector);
}

/* Queue 0's vector, and that it comes through a reset. */
static void test_held_apart(void **state)
{
	const u32 held = 24 << IXGBE_EITR_SHIFT; /* of 2.048 us */

	(void)state;
	assert_int_equal(eitr_of(0), 0);
	ixb.ops->moderate(&ixb.nic, 0, 50000);
	assert_int_equal(eitr_of(0), held);
	ixb.model.hang_tx = true;
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	for (u32 i = 0; i < 4; i++)
		ixb.ops->tick(&ixb.nic, 1);
	ixb.model.hang_tx = false;
	assert_int_equal(ixb_stats().resets, 1);
	assert_int_equal(eitr_of(0), held);
	ixb.ops->moderate(&ixb.nic, 0, 0);
	assert_int_equal(eitr_of(0), 0);
	ixb.ops->moderate(&ixb.nic, 0, UINT32_MAX);
	assert_int_equal(eitr_of(0), 0x1ff << IXGBE_EITR_SHIFT);
}

/* With several queues each has its own; what was sent has a fixed one. */
static void test_queues_held_apart(void **state)
{
	(void)state;
	ixb_prepare_queues(1024, 4);
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	ixb.ops->moderate(&ixb.nic, 2, 50000);
	for (u32 v = 0; v < 8; v++)
		assert_int_equal(eitr_of(v) != 0, v == 2 || v >= 4);
	ixb_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IXB_CASE(test_sent_comes_back),
		IXB_CASE(test_held_apart),
		cmocka_unit_test(test_queues_held_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
