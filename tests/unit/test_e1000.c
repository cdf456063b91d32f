/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver against the register model of either device: whatever the model
 * calls a violation fails the test. Cases that any NIC's driver has are in
 * tests/models/nic_cases*.c, offloads are in test_e1000_offload.c, what only
 * the 82574 has in test_e1000e.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/e1000.h"
#include "tests/host/plat_host.h"
#include "tests/models/e1000_bench.h"
#include "tests/models/nic_cases.h"

static struct nic_wire_frame sent(u32 i)
{
	const struct e1000_model_frame *f = &bench.model.wire[i];

	return i < bench.model.wire_count ? (struct nic_wire_frame){ f->data, f->len }
					  : (struct nic_wire_frame){ NULL, 0 };
}

static bool receive(const void *frame, u32 len)
{
	return e1000_model_rx(&bench.model, frame, len);
}

static bool receive_bad(const void *frame, u32 len)
{
	return e1000_model_rx_raw(&bench.model, frame, len, E1000_RXD_ERR_CE);
}

static void run_tx(u32 most)
{
	e1000_model_run_tx(&bench.model, most);
}

static void set_link(bool up)
{
	e1000_model_set_link(&bench.model, up);
}

const struct nic_rig nic_rig = {
	.nic = &bench.nic,
	.pool = &bench.pool,
	.mac = bench_mac,
	.max_frame = E1000_MAX_FRAME,
	.tx_ring = E1000_TX_RING,
	.rx_ring = E1000_RX_RING,
	.takes_longer = true,
	.attach = bench_attach,
	.finish = bench_finish,
	.frame = bench_frame,
	.send = bench_send,
	.stats = bench_stats,
	.sent = sent,
	.drop_wire = bench_drop_wire,
	.receive = receive,
	.receive_bad = receive_bad,
	.run_tx = run_tx,
	.set_link = set_link,
	.hang_tx = &bench.model.hang_tx,
	.no_irq = &bench.model.no_irq,
	.loopback = &bench.model.loopback,
	.irq_line = &bench.model.irq_line,
	.reads = &bench.model.reads,
	.rdt_writes = &bench.model.rdt_writes,
	.tdt_writes = &bench.model.tdt_writes,
	.done = &bench.done,
};

static void frame_for_us(u8 *f, u32 len, u8 tag)
{
	memcpy(f, bench_mac, 6);
	memset(f + 6, tag, len - 6);
}

/* --- bring-up ------------------------------------------------------------ */

static void test_find(void **state)
{
	(void)state;
	assert_non_null(nic_driver_find(0x8086, 0x100f));
	assert_string_equal(nic_driver_find(0x8086, 0x100e)->name, "e1000");
	assert_string_equal(nic_driver_find(0x8086, 0x10d3)->name, "e1000e");
	assert_null(nic_driver_find(0x8086, 0x10a7)); /* 82575 */
	assert_null(nic_driver_find(0x10ec, 0x100e));
}

static void test_bring_up(void **state)
{
	struct nic_link link;

	(void)state;
	assert_memory_equal(bench.nic.mac, bench_mac, 6);
	assert_int_equal(bench.nic.max_frame, E1000_MAX_FRAME);
	assert_true(E1000_MAX_FRAME >= 14 + 9000);
	assert_int_equal(bench.nic.max_pieces, PKT_MAX_SEGS + 1);
	assert_int_equal(bench.model.resets, 1);
	assert_int_equal(bench.model.ims, 0);
	link = bench.ops->link(&bench.nic);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.mbps, 1000);
	/* All but one descriptor have a buffer. */
	assert_int_equal(bench.pool.free_count, BENCH_POOL - (E1000_RX_RING - 1));
}

static void expect_attach(err_t want)
{
	assert_int_equal(bench.ops->attach(&bench.nic, &bench.res), want);
	bench_finish();
}

static void test_attach_failures(void **state)
{
	(void)state;
	bench_prepare(BENCH_POOL);
	bench.model.stuck_reset = true;
	expect_attach(ERR_TIMEOUT);

	bench_prepare(BENCH_POOL);
	bench.dma_fail = true;
	expect_attach(ERR_NOMEM);

	bench_prepare(BENCH_POOL);
	host_alloc_fail = true;
	assert_int_equal(bench.ops->attach(&bench.nic, &bench.res), ERR_NOMEM);
	host_alloc_fail = false;
	bench_finish();

	bench_prepare(BENCH_POOL);
	bench.res.regs_size = 4096;
	expect_attach(ERR_INVAL);

	bench_prepare(BENCH_POOL);
	bench.model.no_eeprom = true;
	bench.model.empty_ra = true;
	expect_attach(ERR_IO);
}

static void test_mac_sources(void **state)
{
	(void)state;
	/* RAL and RAH empty, as in Bochs: the EEPROM has it. */
	bench_prepare(BENCH_POOL);
	bench.model.empty_ra = true;
	expect_attach(ERR_OK);
	assert_memory_equal(bench.nic.mac, bench_mac, 6);

	/* No EERD: RAL and RAH have it. */
	bench_prepare(BENCH_POOL);
	bench.model.no_eeprom = true;
	expect_attach(ERR_OK);
	assert_memory_equal(bench.nic.mac, bench_mac, 6);

	/* A wrong checksum is no source either. */
	bench_prepare(BENCH_POOL);
	bench.model.empty_ra = true;
	bench.model.eeprom[20]++;
	expect_attach(ERR_IO);
}

/* --- trouble ------------------------------------------------------------- */

/* In more buffers than any frame has; errors of the other kind. */
static void test_rx_bad_kinds(void **state)
{
	static u8 f[5 * 2048 + 1];
	struct pkt *p;

	(void)state;
	frame_for_us(f, sizeof(f), 1);
	assert_true(e1000_model_rx_raw(&bench.model, f, sizeof(f), 0));
	assert_true(e1000_model_rx_raw(&bench.model, f, 100, E1000_RXD_ERR_RXE));
	assert_true(e1000_model_rx_raw(&bench.model, f, 99, 0));
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 99);
	pkt_put(p);
	assert_int_equal(bench_stats().rx_errors, 2);
}

static void test_reset_fails(void **state)
{
	struct pkt *p = bench_frame(100, NULL, 0);

	(void)state;
	bench.model.hang_tx = true;
	assert_int_equal(bench_send(p), 1);
	bench.model.stuck_reset = true;
	for (u32 i = 0; i < 3; i++)
		bench.ops->tick(&bench.nic, 1);
	/* Dead: takes nothing, gives nothing, keeps what the device may touch. */
	assert_int_equal(bench.done, 0);
	p = bench_frame(100, NULL, 0);
	assert_int_equal(bench_send(p), 0);
	assert_int_equal(bench.ops->tx_room(&bench.nic, 0), 0);
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 0);
	pkt_put(p);
	/* The next tick tries again. */
	bench.model.stuck_reset = false;
	bench.model.hang_tx = false;
	bench.model.ctrl = 0;
	bench.ops->tick(&bench.nic, 2);
	assert_int_equal(bench.done, 2);
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	assert_int_equal(bench.model.wire_count, 1);
}

/* Ever more seldom, but for good. */
static void test_reset_fails_for_long(void **state)
{
	u64 resets;

	(void)state;
	bench.model.hang_tx = true;
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	bench.model.stuck_reset = true;
	for (u32 i = 0; i < 300; i++)
		bench.ops->tick(&bench.nic, i);
	resets = bench_stats().resets;
	assert_true(resets >= 5 && resets <= 12);
	assert_int_equal(bench.done, 0);
	bench.model.stuck_reset = false;
	bench.model.hang_tx = false;
	bench.model.ctrl = 0;
	for (u32 i = 0; i < 66; i++)
		bench.ops->tick(&bench.nic, i);
	assert_int_equal(bench_stats().resets, resets + 1);
	assert_int_equal(bench.done, 1);
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	assert_int_equal(bench.model.wire_count, 1);
}

static void test_counters(void **state)
{
	static u8 f[17000]; /* longer than the device takes */

	(void)state;
	for (u32 kind = 0; kind < 2; kind++) {
		u64 before = bench_stats().rx_errors;

		bench.model.sticky_stats = kind;
		frame_for_us(f, sizeof(f), 0);
		for (u32 i = 0; i < 10; i++) {
			e1000_model_rx(&bench.model, f, sizeof(f));
			if (i % 3 == 0)
				bench.ops->tick(&bench.nic, 0);
		}
		assert_int_equal(bench_stats().rx_errors, before + 10);
		assert_int_equal(bench_stats().rx_errors, before + 10);
	}
}

/* The model is worth something only if it refuses. */
static void test_model_refuses(void **state)
{
	(void)state;
	bench_finish();
	bench_prepare(BENCH_POOL);
	e1000_model_write32(&bench.model, E1000_RDBAL, 8);
	e1000_model_write32(&bench.model, E1000_RDLEN, 100);
	e1000_model_write32(&bench.model, E1000_STATUS, 1);
	e1000_model_read32(&bench.model, 0x1f000);
	e1000_model_read32(&bench.model, 2);
	e1000_model_write32(&bench.model, E1000_RDBAL, 0);
	e1000_model_write32(&bench.model, E1000_RDLEN, 4096);
	e1000_model_write32(&bench.model, E1000_RCTL, E1000_RCTL_EN); /* ring is not in RAM */
	e1000_model_write32(&bench.model, E1000_RDT, 256);
	e1000_model_write32(&bench.model, E1000_RDH, 0);
	assert_int_equal(bench.model.violations, 8);
	bench.model.violations = 0;
	bench.model.last_violation[0] = 0;
}

static void test_held_apart(void **state)
{
	(void)state;
	assert_int_equal(bench.model.itr, 0);
	bench.ops->moderate(&bench.nic, 0, 50000);
	assert_int_equal(bench.model.itr, 50000 / 256);
	/* Also behind a reset. */
	bench.model.hang_tx = true;
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	for (u32 i = 0; i < 4; i++)
		bench.ops->tick(&bench.nic, 1);
	bench.model.hang_tx = false;
	assert_int_equal(bench_stats().resets, 1);
	assert_int_equal(bench.model.itr, 50000 / 256);
	bench.ops->moderate(&bench.nic, 0, UINT32_MAX);
	assert_int_equal(bench.model.itr, 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_attach_failures),
		cmocka_unit_test(test_mac_sources),
		BENCH_CASE(test_bring_up),
		NIC_CASES(BENCH_CASE),
		BENCH_CASE(test_rx_bad_kinds),
		BENCH_CASE(test_reset_fails),
		BENCH_CASE(test_reset_fails_for_long),
		BENCH_CASE(test_counters),
		BENCH_CASE(test_held_apart),
		BENCH_CASE(test_model_refuses),
	};

	static const u16 devices[] = BENCH_DEVICES;
	int failed = 0;

	for (u32 i = 0; i < ARRAY_SIZE(devices); i++) {
		bench.device = devices[i];
		failed += cmocka_run_group_tests_name(devices[i] == E1000_MODEL_82574L ? "82574L" :
							       "82540EM", tests, NULL, NULL);
	}
	return failed;
}
