/* SPDX-License-Identifier: BSD-2-Clause */
/* The ixgbe driver against the 82599's model: whatever the model calls a violation fails
 * the test. Cases that any NIC's driver has are in tests/models/nic_cases*.c, offloads in
 * test_ixgbe_offload.c, broken drivers in test_ixgbe_broken.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/ixgbe.h"
#include "tests/host/plat_host.h"
#include "tests/models/ixgbe_bench.h"
#include "tests/models/nic_cases.h"

static struct nic_wire_frame sent(u32 i)
{
	const struct ixb_frame *f = &ixb.wire[i];

	return i < ixb.wire_count ? (struct nic_wire_frame){ f->data, f->len }
				  : (struct nic_wire_frame){ NULL, 0 };
}

const struct nic_rig nic_rig = {
	.nic = &ixb.nic,
	.pool = &ixb.pool,
	.mac = ixb_mac,
	.max_frame = IXGBE_MAX_FRAME,
	.tx_ring = ADV_TX_RING,
	.rx_ring = ADV_RX_RING,
	.attach = ixb_attach,
	.finish = ixb_finish,
	.frame = ixb_frame,
	.send = ixb_send,
	.stats = ixb_stats,
	.sent = sent,
	.drop_wire = ixb_drop_wire,
	.receive = ixb_receive,
	.receive_bad = ixb_receive_bad,
	.run_tx = ixb_run_tx,
	.set_link = ixb_set_link,
	.hang_tx = &ixb.model.hang_tx,
	.no_irq = &ixb.model.no_irq,
	.loopback = &ixb.loopback,
	.irq_line = &ixb.model.irq_line,
	.reads = &ixb.model.reads,
	.rdt_writes = &ixb.model.rdt_writes,
	.tdt_writes = &ixb.model.tdt_writes,
	.done = &ixb.done,
};

static void frame_for_us(u8 *f, u32 len, u8 tag)
{
	memcpy(f, ixb_mac, 6);
	memset(f + 6, tag, len - 6);
}

/* --- bring-up ------------------------------------------------------------ */

static void test_find(void **state)
{
	static const u16 ids[] = { 0x10f7, 0x10f8, 0x10fb, 0x10fc, 0x1517, 0x154d, 0x1528, 0x1560 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		assert_string_equal(nic_driver_find(0x8086, ids[i])->name, "ixgbe");
	assert_null(nic_driver_find(0x8086, 0x10b6)); /* 82598 */
	assert_null(nic_driver_find(0x8087, 0x10f7));
}

static void test_bring_up(void **state)
{
	struct nic_link link;

	(void)state;
	assert_memory_equal(ixb.nic.mac, ixb_mac, 6);
	assert_int_equal(ixb.nic.max_frame, IXGBE_MAX_FRAME);
	assert_true(IXGBE_MAX_FRAME >= 14 + 9004);
	assert_int_equal(ixb.nic.max_pieces, PKT_MAX_SEGS + 1);
	assert_int_equal(ixb.model.resets, 1);
	assert_int_equal(ixb.model.mask | (u32)ixb.model.qmask, 0);
	link = ixb.ops->link(&ixb.nic);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.mbps, 10000);
	/* All but one descriptor have a buffer. */
	assert_int_equal(ixb.pool.free_count, IXB_POOL - (ADV_RX_RING - 1));
	/* Semaphores are free again. */
	assert_int_equal(ixgbe_model_read32(&ixb.model, IXGBE_SW_FW_SYNC), 0);
	assert_int_equal(ixgbe_model_read32(&ixb.model, IXGBE_SWSM), 0);
	ixgbe_model_write32(&ixb.model, IXGBE_SWSM, 0);
}

static void expect_attach(err_t want)
{
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), want);
	ixb_finish();
}

#define STUCK(field)                       \
	do {                               \
		ixb_prepare(IXB_POOL);     \
		ixb.model.field = true;    \
		expect_attach(ERR_TIMEOUT); \
	} while (0)

static void test_attach_failures(void **state)
{
	(void)state;
	STUCK(stuck_reset);
	STUCK(stuck_queue);
	STUCK(stuck_eeprom);
	STUCK(stuck_dma);

	ixb_prepare(IXB_POOL);
	ixb.dma_fail = true;
	expect_attach(ERR_NOMEM);

	ixb_prepare(IXB_POOL);
	host_alloc_fail = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_NOMEM);
	host_alloc_fail = false;
	ixb_finish();

	ixb_prepare(IXB_POOL);
	ixb.res.regs_size = 65536;
	expect_attach(ERR_INVAL);

	ixb_prepare(IXB_POOL);
	ixb.res.device = 0x100e;
	expect_attach(ERR_NOENT);

	/* No EEPROM: no address. */
	ixb_prepare(IXB_POOL);
	ixb.model.no_eeprom = true;
	expect_attach(ERR_IO);
}

/* What is wrong and can be lived with: said, and the NIC comes up. */
static void test_attach_in_spite(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.model.eeprom[20]++;
	host_log_last[0] = 0;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_non_null(strstr(host_log_last, "EEPROM"));
	assert_memory_equal(ixb.nic.mac, ixb_mac, 6);
	ixb_finish();

	/* A pointer to nowhere, a length without end. */
	ixb_prepare(IXB_POOL);
	ixb.model.eeprom[8] = 0x4000;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.eeprom[0x80] = 0xfffe;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.stuck_eerd = true;
	expect_attach(ERR_OK);

	/* Requests on the bus never end: flushed, two resets. */
	ixb_prepare(IXB_POOL);
	ixb.model.hang_master = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixb.model.resets, 2);
	ixb_finish();

	/* Firmware keeps the EEPROM and AUTOC, or even the short semaphore. */
	ixb_prepare(IXB_POOL);
	ixb.model.fw_holds = (ADV_SYNC_EEPROM | IXGBE_SYNC_MAC_CSR) << IXGBE_SYNC_FW_SHIFT;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.fw_swesmbi = true;
	expect_attach(ERR_OK);
}

static void test_x540(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.res.device = 0x1528;
	ixb.model.x540 = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_true(ixb.ops->link(&ixb.nic).up);
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	assert_int_equal(ixb.wire_count, 1);
	ixb_finish();
}

static void test_sfp(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.res.device = 0x10fb;
	ixgbe_model_write32(&ixb.model, IXGBE_ESDP, IXGBE_ESDP_LASER_OFF);
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixgbe_model_read32(&ixb.model, IXGBE_ESDP) &
				 (IXGBE_ESDP_LASER_OFF | IXGBE_ESDP_LASER_OUTPUT),
			 IXGBE_ESDP_LASER_OUTPUT);
	ixb_finish();
}

/* --- interrupts ---------------------------------------------------------- */

/* One vector for all that the NIC has to say. */
static void test_msix(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	ixb_finish();
	ixb_prepare(IXB_POOL);
	ixb.res.irq = NIC_IRQ_MSIX;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	ixb.ops->irq_cause(&ixb.nic, 0);
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	frame_for_us(f, 64, 0);
	for (u32 i = 0; i < 3; i++) {
		u32 before = ixb.model.interrupts;

		assert_true(ixgbe_model_rx(&ixb.model, f, 64));
		assert_int_equal(ixb.model.interrupts, before + 1);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_RX);
		assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
		pkt_put(p);
	}
}

/* --- trouble ------------------------------------------------------------- */

static void test_reset_fails(void **state)
{
	struct pkt *p = ixb_frame(100, NULL, 0);
	u64 tries;

	(void)state;
	ixb.model.hang_tx = true;
	assert_int_equal(ixb_send(p), 1);
	ixb.model.stuck_reset = true;
	for (u32 i = 0; i < 3; i++)
		ixb.ops->tick(&ixb.nic, 1);
	/* Dead: takes nothing, gives nothing, keeps what the device may touch. */
	assert_int_equal(ixb.done, 0);
	p = ixb_frame(100, NULL, 0);
	assert_int_equal(ixb_send(p), 0);
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), 0);
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 0);
	pkt_put(p);
	/* Tried again, with growing pauses: 2, 4, 8, 16, 32, 64 ticks. */
	tries = ixb_stats().resets;
	for (u32 i = 0; i < 127; i++)
		ixb.ops->tick(&ixb.nic, 2);
	assert_int_equal(ixb_stats().resets, tries + 6);
	ixb.model.stuck_reset = false;
	ixb.model.hang_tx = false;
	for (u32 i = 0; i < 64; i++)
		ixb.ops->tick(&ixb.nic, 2);
	assert_int_equal(ixb.done, 2);
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	assert_int_equal(ixb.wire_count, 1);
}

static void test_counters(void **state)
{
	static u8 f[17000]; /* longer than the device takes */

	(void)state;
	frame_for_us(f, sizeof(f), 0);
	for (u32 i = 0; i < 10; i++) {
		ixgbe_model_rx(&ixb.model, f, sizeof(f));
		if (i % 3 == 0)
			ixb.ops->tick(&ixb.nic, 0);
	}
	assert_int_equal(ixb_stats().rx_errors, 10);
	assert_int_equal(ixb_stats().rx_errors, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_attach_failures),
		cmocka_unit_test(test_attach_in_spite),
		cmocka_unit_test(test_x540),
		cmocka_unit_test(test_sfp),
		IXB_CASE(test_bring_up),
		NIC_CASES(IXB_CASE),
		IXB_CASE(test_msix),
		IXB_CASE(test_reset_fails),
		IXB_CASE(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
