/* SPDX-License-Identifier: BSD-2-Clause */
/* The igb driver against the 82576's model: whatever the model calls a violation fails the
 * test. Cases that any NIC's driver has are in tests/models/nic_cases*.c, several queues in
 * test_ixgbe_queues.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/igb.h"
#include "tests/host/plat_host.h"
#include "tests/models/ixgbe_bench.h"
#include "tests/models/nic_cases.h"

#define ALL_QUEUES NIC_QUEUES_MAX

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
	.max_frame = IGB_MAX_FRAME,
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
	.irq_line = &ixb.igb.irq_line,
	.reads = &ixb.model.reads,
	.rdt_writes = &ixb.model.rdt_writes,
	.tdt_writes = &ixb.model.tdt_writes,
	.done = &ixb.done,
};

static void frame_for_us(u8 *f, u32 len)
{
	memcpy(f, ixb_mac, 6);
	memset(f + 6, 0x5a, len - 6);
}

/* --- bring-up ------------------------------------------------------------ */

static void test_find(void **state)
{
	static const u16 ids[] = { 0x10c9, 0x10e7, 0x1526, 0x150e, 0x1521, 0x1523,
				   0x1533, 0x157b, 0x1539 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		assert_string_equal(nic_driver_find(0x8086, ids[i])->name, "igb");
	assert_null(nic_driver_find(0x8086, 0x10a7)); /* 82575 */
	assert_null(nic_driver_find(0x8086, 0x10ca)); /* a virtual function */
	assert_null(nic_driver_find(0x8087, 0x10c9));
}

static void test_bring_up(void **state)
{
	struct nic_link link;

	(void)state;
	assert_memory_equal(ixb.nic.mac, ixb_mac, 6);
	assert_int_equal(ixb.nic.max_frame, IGB_MAX_FRAME);
	assert_true(IGB_MAX_FRAME >= 14 + 9004);
	assert_int_equal(ixb.model.resets, 1);
	assert_int_equal(ixb.igb.ims | (u32)ixb.model.qmask, 0);
	link = ixb.ops->link(&ixb.nic);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.mbps, 1000);
	/* It was there: nobody interrupts it. */
	assert_int_equal(ixb.igb.negotiations, 0);
	assert_int_equal(ixb.nic.caps, NIC_CAP_TSO | NIC_CAP_CSUM);
	assert_int_equal(ixb.pool.free_count, IXB_POOL - (ADV_RX_RING - 1));
	/* Semaphores are free again. */
	assert_int_equal(igb_model_read32(&ixb.igb, IGB_SW_FW_SYNC), 0);
	assert_int_equal(igb_model_read32(&ixb.igb, IGB_SWSM), 0);
	igb_model_write32(&ixb.igb, IGB_SWSM, 0);
	/* The frames that told how it segments count for nothing. */
	assert_int_equal(ixb_stats().tx_frames + ixb_stats().doorbells, 0);
}

static void expect_attach(err_t want)
{
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), want);
	ixb_finish();
}

static void test_attach_failures(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.model.stuck_reset = true;
	expect_attach(ERR_TIMEOUT);
	ixb_prepare(IXB_POOL);
	ixb.model.stuck_queue = true;
	expect_attach(ERR_TIMEOUT);
	ixb_prepare(IXB_POOL);
	ixb.dma_fail = true;
	expect_attach(ERR_NOMEM);
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

	ixb_prepare(IXB_POOL);
	ixb.model.stuck_eeprom = true; /* never says that it was read */
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.stuck_eerd = true;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.hang_master = true;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.igb.phy_dead = true;
	expect_attach(ERR_OK);
	/* Firmware keeps the EEPROM and the PHY, or even the short semaphore. */
	ixb_prepare(IXB_POOL);
	ixb.model.fw_holds = (ADV_SYNC_EEPROM | BIT(1)) << IGB_SYNC_FW_SHIFT;
	expect_attach(ERR_OK);
	ixb_prepare(IXB_POOL);
	ixb.model.fw_swesmbi = true;
	expect_attach(ERR_OK);
}

/* --- link ------------------------------------------------------------------- */

static void test_cold_phy(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.igb.phy_cold = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixb.igb.negotiations, 1);
	assert_true(ixb.ops->link(&ixb.nic).up);
	ixb_finish();
}

static bool serdes(u64 offset, u32 *value)
{
	if (offset == E1000_CTRL_EXT)
		*value |= IGB_CTRL_EXT_LINK_MODE;
	return true;
}

static u32 serdes_read(u64 offset, u32 value)
{
	return offset == E1000_CTRL_EXT ? value | IGB_CTRL_EXT_LINK_MODE : value;
}

static void test_serdes(void **state)
{
	struct nic_link link;

	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.on_write = serdes;
	ixb.on_read = serdes_read;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	link = ixb.ops->link(&ixb.nic);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.mbps, 1000);
	ixb_set_link(false);
	assert_false(ixb.ops->link(&ixb.nic).up);
	ixb_finish();
}

/* --- segmentation ------------------------------------------------------------- */

/* One that takes the outermost headers for those that it works on is not asked to. */
static void test_segments_whole(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.igb.whole = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixb.nic.caps, 0);
	ixb_finish();
}

/* Without a link nothing is sent: it does not wait for that, and nothing is left behind. */
static void test_no_link_at_first(void **state)
{
	(void)state;
	ixb_prepare(IXB_POOL);
	ixb.model.hang_tx = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixb.nic.caps, NIC_CAP_TSO | NIC_CAP_CSUM);
	ixb.model.hang_tx = false;
	ixb_begin();
	for (u32 i = 0; i < 4; i++)
		ixb.ops->tick(&ixb.nic, i);
	assert_int_equal(ixb_stats().resets + ixb_stats().tx_lost, 0);
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	assert_int_equal(ixb.wire_count, 1);
	ixb_finish();
}

/* --- vectors -------------------------------------------------------------------- */

static void check_max(u16 device, u32 entries, u32 want)
{
	ixb_device = device;
	ixb_prepare(IXB_POOL);
	ixb_msix_entries = entries;
	ixb.res.irq = NIC_IRQ_MSIX;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	assert_int_equal(ixb.nic.queues_max, want);
	assert_int_equal(ixb.nic.vectors, 1);
	ixb_finish();
	ixb_device = IXB_82576;
}

static void test_how_many(void **state)
{
	(void)state;
	check_max(IXB_82576, 10, 8);
	check_max(IXB_82576, 9, 4);
	check_max(IXB_82576, 0, 1);
	check_max(IXB_I350, 10, 5);
	check_max(IXB_I350, 25, 5);
	check_max(0x1533, 5, 2); /* I210 */
	check_max(0x1539, 5, 2); /* I211 */
}

static void attach_all(void)
{
	ixb_prepare_queues(1024, ALL_QUEUES);
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	ixb_begin();
	memset(ixb.interrupts, 0, sizeof(ixb.interrupts));
	assert_int_equal(ixb.nic.vectors, ALL_QUEUES);
}

static void send(u32 queue)
{
	struct pkt *p = ixb_frame(100, NULL, 0);

	assert_int_equal(ixb.ops->tx_burst(&ixb.nic, queue, &p, 1), 1);
}

/* Eight queues have a vector each: of what is sent only while somebody waits for it. */
static void test_joined_vectors(void **state)
{
	(void)state;
	attach_all();
	for (u32 q = 0; q < ALL_QUEUES; q++) {
		u32 n;

		ixb.ops->rx_irq(&ixb.nic, q, true);
		send(q);
		assert_int_equal(ixb.interrupts[q], 0);
		ixb.ops->tx_irq(&ixb.nic, q, true);
		n = ixb.interrupts[q];
		assert_true(n);
		assert_true(ixb.ops->irq_cause(&ixb.nic, q) & NIC_EVENT_TX);
		/* Nobody receives any more, but it still waits. */
		ixb.ops->rx_irq(&ixb.nic, q, false);
		send(q);
		assert_int_equal(ixb.interrupts[q], n + 1);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, q), NIC_EVENT_TX);
		ixb.ops->tx_irq(&ixb.nic, q, false);
		send(q);
		assert_int_equal(ixb.interrupts[q], n + 1);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, q), 3);
	}
	ixb_finish();
}

/* What was wanted before a reset is wanted behind it. */
static void test_joined_reset(void **state)
{
	(void)state;
	attach_all();
	ixb.ops->tx_irq(&ixb.nic, 6, true);
	ixb.ops->rx_irq(&ixb.nic, 3, true);
	ixb.model.hang_tx = true;
	send(1);
	for (u32 i = 0; i < 4; i++)
		ixb.ops->tick(&ixb.nic, i);
	assert_int_equal(ixb_stats().resets, 1);
	ixb.model.hang_tx = false;
	memset(ixb.interrupts, 0, sizeof(ixb.interrupts));
	send(3);
	send(5);
	assert_int_equal(ixb.interrupts[3] + ixb.interrupts[5], 0);
	send(6);
	assert_int_equal(ixb.interrupts[6], 1);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 6), NIC_EVENT_TX);
	ixb_finish();
}

/* A link change that came while queue 0 was polled is not lost. */
static void test_link_while_polling(void **state)
{
	(void)state;
	attach_all();
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	ixb.ops->rx_irq(&ixb.nic, 0, false);
	ixb_set_link(false);
	assert_int_equal(ixb.interrupts[0], 0);
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	assert_true(ixb.interrupts[0]);
	assert_true(ixb.ops->irq_cause(&ixb.nic, 0) & NIC_EVENT_LINK);
	assert_false(ixb.ops->irq_cause(&ixb.nic, 0) & NIC_EVENT_LINK);
	ixb_finish();
}

static void test_msix(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	ixb_finish();
	ixb_prepare(IXB_POOL);
	ixb.res.irq = NIC_IRQ_MSIX;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	ixb_begin();
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	frame_for_us(f, 64);
	for (u32 i = 0; i < 3; i++) {
		u32 before = ixb.model.interrupts;

		assert_true(ixb_receive(f, 64));
		assert_int_equal(ixb.model.interrupts, before + 1);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_RX);
		assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
		pkt_put(p);
	}
}

/* --- counters ---------------------------------------------------------------------- */

static void test_counters(void **state)
{
	static u8 f[12000]; /* longer than the device takes */

	(void)state;
	frame_for_us(f, sizeof(f));
	for (u32 i = 0; i < 10; i++) {
		ixb_receive(f, sizeof(f));
		if (i % 3 == 0)
			ixb.ops->tick(&ixb.nic, 0);
	}
	assert_int_equal(ixb_stats().rx_errors, 10);
	assert_int_equal(ixb_stats().rx_errors, 10);
}

/* --- drivers that are broken ----------------------------------------------------------- */

/* What a write to a register becomes; skipped: none. */
struct flaw {
	const char *name;
	enum ixm_rule rule;
	u64 reg;
	u32 set, clear;
	bool skip;
};

static const struct flaw flaws[] = {
	{ "ring under a queue that is on", IXM_RULE_RING, IGB_RXDCTL0, .set = IGB_QUEUE_ENABLE },
	{ "transmit queue without ring", IXM_RULE_RING, IGB_TDBAL0 + ADV_RING_LEN, .skip = true },
	{ "queue before the transmitter", IXM_RULE_TX_ORDER, E1000_TCTL, .clear = E1000_TCTL_EN },
	{ "no address", IXM_RULE_RX_SETUP, E1000_RAH0, .clear = E1000_RAH_AV },
	{ "FCS stays", IXM_RULE_RX_SETUP, E1000_RCTL, .clear = E1000_RCTL_SECRC },
	{ "other descriptors", IXM_RULE_RX_SETUP, IGB_SRRCTL0, .set = 2u << 25 },
	{ "buffers of no size", IXM_RULE_RX_SETUP, IGB_SRRCTL0, .clear = 0x1f },
	{ "no semaphore", IXM_RULE_SYNC, IGB_SW_FW_SYNC, .skip = true },
	{ "reset in the middle of requests", IXM_RULE_RESET, E1000_CTRL,
	  .clear = E1000_CTRL_GIO_DISABLE },
	{ "reserved bits of GPIE", IXM_RULE_RESERVED, IGB_GPIE, .set = BIT(5) },
	{ "reserved bits of EITR", IXM_RULE_RESERVED, IGB_EITR0, .set = 1 },
	{ "PTHRESH without HTHRESH", IXM_RULE_TX_THRESH, IGB_TXDCTL0, .clear = 0x1f00 },
	{ "tail past the ring", IXM_RULE_TAIL, IGB_RDBAL0 + ADV_RING_TAIL, .set = 0x8000 },
};

static const struct flaw *flaw;

static bool flawed(u64 offset, u32 *value)
{
	if (offset != flaw->reg)
		return true;
	*value = (*value | flaw->set) & ~flaw->clear;
	return !flaw->skip;
}

static void test_broken_drivers(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(flaws); i++) {
		flaw = &flaws[i];
		ixb_prepare(IXB_POOL);
		ixb.on_write = flawed;
		ixb.ops->attach(&ixb.nic, &ixb.res);
		if (!ixb.model.broken[flaw->rule])
			fail_msg("%s: %u violations, the last: %s", flaw->name,
				 ixb.model.violations, ixb.model.last_violation);
		ixb.on_write = NULL;
		ixb_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_attach_failures),
		cmocka_unit_test(test_attach_in_spite),
		cmocka_unit_test(test_cold_phy),
		cmocka_unit_test(test_serdes),
		cmocka_unit_test(test_segments_whole),
		cmocka_unit_test(test_no_link_at_first),
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_joined_vectors),
		cmocka_unit_test(test_joined_reset),
		cmocka_unit_test(test_link_while_polling),
		cmocka_unit_test(test_broken_drivers),
		IXB_CASE(test_bring_up),
		NIC_CASES(IXB_CASE),
		IXB_CASE(test_msix),
		IXB_CASE(test_counters),
	};

	ixb_device = IXB_82576;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
