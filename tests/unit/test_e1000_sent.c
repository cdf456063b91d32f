/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver on its model: frames on their way back, see sent_cases.h; and interrupts held
 * apart. */
#include "tests/unit/sent_cases.h"

#include "drivers/nic/e1000_regs.h"
#include "tests/models/e1000_bench.h"

static void run(u32 descs)
{
	e1000_model_run_tx(&bench.model, descs);
	bench_drop_wire();
}

static void test_sent_comes_back(void **state)
{
	const struct sent_bed bed = {
		.nic = &bench.nic,
		.pool = &bench.pool,
		.frame = bench_frame,
		.done = &bench.done,
		.run = run,
	};

	(void)state;
	bench.model.hang_tx = true;
	sent_comes_back(&bed);
	bench.model.hang_tx = false;
}

/* The register, and that it comes through a reset. */
static void held_apart(const u32 *itr)
{
	assert_int_equal(*itr, 0);
	bench.ops->moderate(&bench.nic, 0, 50000);
	assert_int_equal(*itr, 195);
	bench.model.hang_tx = true;
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	for (u32 i = 0; i < 4; i++)
		bench.ops->tick(&bench.nic, 1);
	bench.model.hang_tx = false;
	assert_int_equal(bench_stats().resets, 1);
	assert_int_equal(*itr, 195);
	bench.ops->moderate(&bench.nic, 0, 0);
	assert_int_equal(*itr, 0);
	bench.ops->moderate(&bench.nic, 0, UINT32_MAX);
	assert_int_equal(*itr, 0xffff);
}

static void test_held_apart(void **state)
{
	(void)state;
	held_apart(&bench.model.itr);
}

static int msix_setup(void **state)
{
	(void)state;
	bench.device = E1000_MODEL_82574L;
	bench.irq = NIC_IRQ_MSIX;
	bench_attach(BENCH_POOL);
	return 0;
}

static void test_messages_held_apart(void **state)
{
	(void)state;
	held_apart(&bench.model.eitr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_CASE(test_sent_comes_back),
		BENCH_CASE(test_held_apart),
		cmocka_unit_test_setup_teardown(test_messages_held_apart, msix_setup,
						bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
