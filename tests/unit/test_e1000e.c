/* SPDX-License-Identifier: BSD-2-Clause */
/* What the 82574 has and the 8254x has not: MSI-X, causes that stay until they are
 * written, master disable, the NVM's auto-read; and QEMU's idea of segmentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/e1000.h"
#include "tests/host/plat_host.h"
#include "tests/models/e1000_bench.h"

static u8 frame[64];

static int setup(void **state)
{
	(void)state;
	bench.device = E1000_MODEL_82574L;
	bench.irq = NIC_IRQ_MSIX;
	memset(frame, 0xff, sizeof(frame)); /* broadcast */
	bench_attach(BENCH_POOL);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

static u32 messages(void)
{
	for (u32 i = 1; i < E1000_MODEL_MSIX; i++)
		assert_int_equal(bench.model.msix_sent[i], 0);
	assert_false(bench.model.irq_line);
	return bench.model.msix_sent[0];
}

static void take_all(void)
{
	struct pkt *p;

	while (bench.ops->rx_burst(&bench.nic, 0, &p, 1))
		pkt_put(p);
}

static void test_messages_for_frames(void **state)
{
	(void)state;
	assert_true(e1000_model_rx(&bench.model, frame, sizeof(frame)));
	assert_int_equal(messages(), 0); /* masked */
	take_all();
	bench.ops->rx_irq(&bench.nic, 0, true);
	assert_int_equal(messages(), 0); /* polled away */
	assert_true(e1000_model_rx(&bench.model, frame, sizeof(frame)));
	assert_int_equal(messages(), 1);
	assert_true(e1000_model_rx(&bench.model, frame, sizeof(frame)));
	assert_int_equal(messages(), 1); /* the cause still stands */
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_RX);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), 0);
	bench.ops->rx_irq(&bench.nic, 0, false);
	/* What is there when the interrupt comes on sends one. */
	bench.ops->rx_irq(&bench.nic, 0, true);
	assert_int_equal(messages(), 2);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_RX);
	take_all();
}

static void test_messages_for_sent(void **state)
{
	(void)state;
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_int_equal(messages(), 0);
	bench.ops->tx_irq(&bench.nic, 0, true);
	assert_int_equal(messages(), 1);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_TX);
	bench.ops->tx_reclaim(&bench.nic, 0);
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_int_equal(messages(), 2);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_TX);
	bench.ops->tx_irq(&bench.nic, 0, false);
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_int_equal(messages(), 2);
}

static void test_message_for_link(void **state)
{
	(void)state;
	bench.ops->rx_irq(&bench.nic, 0, true);
	e1000_model_set_link(&bench.model, false);
	assert_int_equal(messages(), 1);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_LINK);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), 0);
	assert_false(bench.ops->link(&bench.nic).up);
}

static void test_message_on_demand(void **state)
{
	(void)state;
	bench.ops->irq_test(&bench.nic);
	assert_int_equal(messages(), 1);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_OTHER);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), 0);
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_int_equal(messages(), 1);
}

static void test_messages_after_a_hang(void **state)
{
	(void)state;
	bench.ops->rx_irq(&bench.nic, 0, true);
	bench.model.hang_tx = true;
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	for (u32 i = 0; i < 4; i++)
		bench.ops->tick(&bench.nic, 1);
	assert_int_equal(bench_stats().resets, 1);
	bench.model.hang_tx = false;
	assert_true(e1000_model_rx(&bench.model, frame, sizeof(frame)));
	assert_int_equal(messages(), 1);
	take_all();
}

static void test_one_register_access_a_burst(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads = bench.model.reads, tails = bench.model.tdt_writes;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = bench_frame(60, NULL, 0);
	assert_int_equal(bench.ops->tx_burst(&bench.nic, 0, p, PKT_BURST), PKT_BURST);
	assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), PKT_BURST);
	for (u32 i = 0; i < PKT_BURST; i++)
		assert_true(e1000_model_rx(&bench.model, frame, sizeof(frame)));
	take_all();
	assert_int_equal(bench.model.tdt_writes, tails + 1);
	assert_int_equal(bench.model.reads, reads);
}

static void attach_as(err_t want)
{
	assert_int_equal(bench.ops->attach(&bench.nic, &bench.res), want);
	bench_finish();
}

static void test_bring_up_that_fails(void **state)
{
	(void)state;
	bench_finish();
	bench_prepare(BENCH_POOL);
	bench.model.no_auto_read = true;
	attach_as(ERR_TIMEOUT);
	/* A request that hangs is no reason not to reset. */
	bench_prepare(BENCH_POOL);
	bench.model.stuck_gio = true;
	attach_as(ERR_OK);
	/* No 8254x has MSI-X, and a part that nobody knows is not touched. */
	bench_prepare(BENCH_POOL);
	bench.res.device = E1000_MODEL_82540EM;
	attach_as(ERR_NOTSUP);
	bench_prepare(BENCH_POOL);
	bench.res.device = 0x1521;
	attach_as(ERR_INVAL);
	bench_attach(BENCH_POOL);
}

static void test_device_that_does_not_segment(void **state)
{
	(void)state;
	assert_int_equal(bench.nic.caps, NIC_CAP_TSO | NIC_CAP_CSUM);
	bench_finish();
	bench_prepare(BENCH_POOL);
	bench.model.whole_segments = true;
	bench_start();
	assert_int_equal(bench.nic.caps, 0);
	/* It sends all the rest as any does. */
	assert_int_equal(bench_send(bench_frame(1000, NULL, 0)), 1);
	assert_int_equal(bench.model.wire_count, 1);
}

static void test_messages_held_apart(void **state)
{
	(void)state;
	assert_int_equal(bench.model.eitr, 0);
	bench.ops->moderate(&bench.nic, 0, 50000);
	assert_int_equal(bench.model.eitr, 50000 / 256);
	assert_int_equal(bench.model.itr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_messages_held_apart),
		CASE(test_messages_for_frames),
		CASE(test_messages_for_sent),
		CASE(test_message_for_link),
		CASE(test_message_on_demand),
		CASE(test_messages_after_a_hang),
		CASE(test_one_register_access_a_burst),
		CASE(test_bring_up_that_fails),
		CASE(test_device_that_does_not_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
