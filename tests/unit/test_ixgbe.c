/* SPDX-License-Identifier: BSD-2-Clause */
/* The ixgbe driver against the 82599's model: whatever the model calls a violation fails
 * the test. Offloads are in test_ixgbe_offload.c, broken drivers in test_ixgbe_broken.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/ixgbe.h"
#include "tests/host/plat_host.h"
#include "tests/models/ixgbe_bench.h"

#define USUAL_FRAME 1518u

static void check_wire(u32 at, const u8 *want, u32 len)
{
	const struct ixb_frame *f = &ixb.wire[at];

	assert_true(at < ixb.wire_count);
	assert_int_equal(f->len, MAX(len, 60u));
	assert_memory_equal(f->data, want, len);
	for (u32 i = len; i < f->len; i++)
		assert_int_equal(f->data[i], 0);
}

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
	assert_int_equal(ixb.pool.free_count, IXB_POOL - (IXGBE_RX_RING - 1));
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
	ixb.model.fw_holds = (IXGBE_SYNC_EEPROM | IXGBE_SYNC_MAC_CSR) << IXGBE_SYNC_FW_SHIFT;
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

/* --- transmit ------------------------------------------------------------ */

static void test_tx_all_sizes(void **state)
{
	static u8 want[IXGBE_MAX_FRAME];

	(void)state;
	for (u32 i = 0; i < sizeof(want); i++)
		want[i] = (u8)(0xa0 + i);
	for (u32 len = 1; len <= USUAL_FRAME; len++) {
		assert_int_equal(ixb_send(ixb_frame(len, NULL, 0)), 1);
		check_wire(0, want, len);
		ixb_drop_wire();
		ixb.ops->tx_reclaim(&ixb.nic, 0);
	}
	assert_int_equal(ixb.done, USUAL_FRAME);
	assert_int_equal(ixb_stats().tx_frames, USUAL_FRAME);
	assert_int_equal(ixb_stats().tx_bytes, USUAL_FRAME * (USUAL_FRAME + 1) / 2);
	for (u32 len = USUAL_FRAME + 1; len <= IXGBE_MAX_FRAME; len += 250) {
		u32 seg[] = { len - 100 };
		struct pkt *p = ixb_frame(100, seg, 1);

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(ixb_send(p), 1);
		check_wire(0, want, len);
		ixb_drop_wire();
		ixb.ops->tx_reclaim(&ixb.nic, 0);
	}
}

static void test_tx_scatter(void **state)
{
	static const u32 few[] = { 700, 0, 1, 500 };
	u32 many[PKT_MAX_SEGS];
	u8 want[2048];
	struct pkt *p;
	u32 len;

	(void)state;
	p = ixb_frame(54, few, ARRAY_SIZE(few));
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(ixb_send(p), 1);
	check_wire(0, want, len);

	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		many[i] = i + 1;
	p = ixb_frame(1, many, PKT_MAX_SEGS);
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(ixb_send(p), 1);
	check_wire(1, want, len);

	/* Nothing in the header fragment, pieces of no length, padded. */
	memset(many, 0, sizeof(many));
	many[3] = 14;
	p = ixb_frame(0, many, PKT_MAX_SEGS);
	pkt_copy_out(p, 0, want, 14);
	assert_int_equal(ixb_send(p), 1);
	check_wire(2, want, 14);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), 3);
	assert_int_equal(ixb.done, 3);
}

static void test_tx_refused(void **state)
{
	static const u32 big[] = { IXGBE_MAX_FRAME - 59 };
	struct pkt *p[3] = { ixb_frame(0, NULL, 0), ixb_frame(60, big, 1),
			     ixb_frame(60, NULL, 0) };

	(void)state;
	assert_int_equal(ixb.ops->tx_burst(&ixb.nic, 0, p, 3), 3);
	assert_int_equal(ixb.wire_count, 1);
	assert_int_equal(ixb_stats().tx_bad, 2);
	assert_int_equal(ixb.done, 3);
}

static void test_tx_one_doorbell(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = ixb_frame(100 + i, NULL, 0);
	reads = ixb.model.reads;
	ixb.model.tdt_writes = 0;
	assert_int_equal(ixb.ops->tx_burst(&ixb.nic, 0, p, PKT_BURST), PKT_BURST);
	assert_int_equal(ixb.model.tdt_writes, 1);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), PKT_BURST);
	assert_int_equal(ixb.model.reads, reads);
	assert_int_equal(ixb.wire_count, PKT_BURST);
}

static void test_tx_full_ring(void **state)
{
	u32 sent = 1, room;

	(void)state;
	ixb.model.hang_tx = true;
	room = ixb.ops->tx_room(&ixb.nic, 0);
	assert_true(room >= PKT_BURST);
	/* One frame under way shows. */
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), room - 1);
	for (;;) {
		struct pkt *p = ixb_frame(100, NULL, 0);

		if (!ixb_send(p)) {
			pkt_put(p);
			break;
		}
		/* It was promised this much. */
		sent++;
		if (ixb.pool.free_count == 0)
			break;
	}
	assert_true(sent >= room);
	ixb.done = 0;
	/* Frame by frame, in order. */
	ixgbe_model_run_tx(&ixb.model, 1);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), 1);
	assert_int_equal(ixb.done, 1);
	ixb.model.hang_tx = false;
	ixgbe_model_run_tx(&ixb.model, UINT32_MAX);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), sent - 1);
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), room);
}

static void test_tx_room_is_kept(void **state)
{
	static const u32 seg[PKT_MAX_SEGS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1,
					       1, 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 room;

	(void)state;
	ixb.model.hang_tx = true;
	room = ixb.ops->tx_room(&ixb.nic, 0);
	for (u32 i = 0; i < room; i++)
		assert_int_equal(ixb_send(ixb_frame(1, seg, PKT_MAX_SEGS)), 1);
	assert_int_equal(ixb_stats().tx_full, 0);
	for (u32 i = 0; i < room; i++) {
		struct pkt *p = ixb_frame(1, seg, PKT_MAX_SEGS);

		if (!ixb_send(p)) {
			pkt_put(p);
			break;
		}
	}
	assert_true(ixb_stats().tx_full > 0);
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), 0);
	ixgbe_model_run_tx(&ixb.model, UINT32_MAX);
}

static void test_tx_wraps(void **state)
{
	static const u32 seg[] = { 40, 900 };
	u8 want[1100];

	(void)state;
	for (u32 i = 0; i < 3 * IXGBE_TX_RING; i++) {
		struct pkt *p = ixb_frame(20 + i % 90, seg, 1 + i % 2);
		u32 len = p->len;

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(ixb_send(p), 1);
		check_wire(0, want, len);
		ixb_drop_wire();
	}
	ixb.ops->tx_reclaim(&ixb.nic, 0);
	assert_int_equal(ixb.done, 3 * IXGBE_TX_RING);
}

/* --- receive ------------------------------------------------------------- */

static void test_rx_all_sizes(void **state)
{
	static u8 f[IXGBE_MAX_FRAME + 1], got[IXGBE_MAX_FRAME];
	struct pkt *p;

	(void)state;
	for (u32 len = 60; len <= IXGBE_MAX_FRAME; len++) {
		frame_for_us(f, len, (u8)len);
		assert_true(ixgbe_model_rx(&ixb.model, f, len));
		assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
		assert_int_equal(p->len, len);
		assert_int_equal(p->head_len, MIN(len, 2048u));
		assert_int_equal(p->nseg, (len - 1) / 2048);
		pkt_copy_out(p, 0, got, len);
		assert_memory_equal(got, f, len);
		assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
		pkt_put(p);
	}
	/* Longer ones the device counts itself. */
	frame_for_us(f, sizeof(f), 0);
	assert_false(ixgbe_model_rx(&ixb.model, f, sizeof(f)));
	assert_true(ixgbe_model_rx(&ixb.model, f, 5000));
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 5000);
	pkt_put(p);
	assert_int_equal(ixb_stats().rx_frames, IXGBE_MAX_FRAME - 59 + 1);
	assert_int_equal(ixb_stats().rx_errors, 1);
}

static void test_rx_filter(void **state)
{
	u8 f[64];

	(void)state;
	memset(f, 0xff, sizeof(f));
	assert_true(ixgbe_model_rx(&ixb.model, f, 64)); /* broadcast */
	f[5] = 0x01;
	assert_false(ixgbe_model_rx(&ixb.model, f, 64)); /* multicast */
	memcpy(f, ixb_mac, 6);
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
	f[5]++;
	assert_false(ixgbe_model_rx(&ixb.model, f, 64)); /* somebody else's */
	ixb.nic.ops->promiscuous(&ixb.nic, true);
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
	f[0] |= 1;
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
	ixb.nic.ops->promiscuous(&ixb.nic, false);
	assert_false(ixgbe_model_rx(&ixb.model, f, 64));
}

static void test_rx_burst_and_refill(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 reads, total = 0;

	(void)state;
	frame_for_us(f, 64, 0);
	reads = ixb.model.reads;
	ixb.model.rdt_writes = 0;
	for (u32 round = 0; round < 100; round++) {
		u32 n;

		for (u32 i = 0; i < PKT_BURST; i++) {
			f[20] = (u8)(total + i);
			assert_true(ixgbe_model_rx(&ixb.model, f, 64));
		}
		n = ixb.ops->rx_burst(&ixb.nic, 0, p, PKT_BURST);
		assert_int_equal(n, PKT_BURST);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(p[i]->data[20], (u8)(total + i));
			pkt_put(p[i]);
		}
		total += n;
	}
	assert_true(ixb.model.rdt_writes <= 100);
	assert_int_equal(ixb.model.reads, reads);
}

static void test_rx_full_ring(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 taken = 0, got = 0, n;

	(void)state;
	frame_for_us(f, 64, 0);
	while (ixgbe_model_rx(&ixb.model, f, 64))
		taken++;
	assert_int_equal(taken, IXGBE_RX_RING - 1);
	assert_false(ixgbe_model_rx(&ixb.model, f, 64));
	while ((n = ixb.ops->rx_burst(&ixb.nic, 0, p, PKT_BURST)) > 0) {
		got += n;
		for (u32 i = 0; i < n; i++)
			pkt_put(p[i]);
	}
	assert_int_equal(got, taken);
	assert_int_equal(ixb_stats().rx_missed, 2);
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
}

static void test_rx_empty_pool(void **state)
{
	struct pkt *held[700], *p;
	u8 f[64];
	u32 n = 0, got = 0;

	(void)state;
	ixb_finish();
	ixb_attach(600);
	frame_for_us(f, 64, 0);
	/* Hold all that arrives: the ring drains, nothing breaks. */
	while (ixgbe_model_rx(&ixb.model, f, 64)) {
		got = ixb.ops->rx_burst(&ixb.nic, 0, &p, 1);
		assert_int_equal(got, 1);
		held[n++] = p;
	}
	assert_int_equal(n, 600);
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 0);
	assert_true(ixb_stats().rx_no_packet > 0);
	/* No stale descriptor may look like a frame, here or to rx_irq. */
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	assert_false(ixb.model.irq_line);
	while (n)
		pkt_put(held[--n]);
	ixb.ops->tick(&ixb.nic, 0);
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
	pkt_put(p);
}

static void test_rx_bad_frames(void **state)
{
	static u8 f[5000];
	struct pkt *p;

	(void)state;
	frame_for_us(f, sizeof(f), 1);
	assert_true(ixgbe_model_rx_bad(&ixb.model, f, 100));
	assert_true(ixgbe_model_rx_bad(&ixb.model, f, 5000));
	assert_true(ixgbe_model_rx(&ixb.model, f, 99));
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 99);
	pkt_put(p);
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 0);
	assert_int_equal(ixb_stats().rx_errors, 2);
	/* Their buffers went round: the ring stays full. */
	for (u32 i = 0; i < 1000; i++) {
		assert_true(ixgbe_model_rx_bad(&ixb.model, f, 100));
		assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 0);
	}
	assert_int_equal(ixb_stats().rx_no_packet, 0);
}

static void test_loopback(void **state)
{
	u32 rnd = 1;

	(void)state;
	ixb.loopback = true;
	for (u32 round = 0; round < 500; round++) {
		struct pkt *tx[PKT_BURST], *rx[PKT_BURST];
		u32 n = 1 + round % PKT_BURST;

		for (u32 i = 0; i < n; i++) {
			u32 seg[3];

			rnd = rnd * 1103515245u + 12345u;
			for (u32 s = 0; s < 3; s++)
				seg[s] = (rnd >> (8 + s)) % 400;
			tx[i] = ixb_frame(60, seg, rnd >> 30);
			memcpy(tx[i]->data, ixb_mac, 6);
			tx[i]->data[6] = (u8)i;
		}
		assert_int_equal(ixb.ops->tx_burst(&ixb.nic, 0, tx, n), n);
		assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, rx, PKT_BURST), n);
		for (u32 i = 0; i < n; i++) {
			u8 sent[IXGBE_MAX_FRAME];

			/* The sent frames are still the driver's. */
			pkt_copy_out(tx[i], 0, sent, tx[i]->len);
			assert_int_equal(rx[i]->len, tx[i]->len);
			assert_memory_equal(rx[i]->data, sent, tx[i]->len);
			pkt_put(rx[i]);
		}
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), n);
		ixb_drop_wire();
	}
}

/* --- interrupts ---------------------------------------------------------- */

static void test_rx_irq(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	frame_for_us(f, 64, 0);
	/* Polled with the interrupt off: unmasking does not interrupt. */
	ixgbe_model_rx(&ixb.model, f, 64);
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
	pkt_put(p);
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	assert_false(ixb.model.irq_line);
	ixgbe_model_rx(&ixb.model, f, 64);
	assert_true(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_RX);
	assert_false(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), 0);
	ixb.ops->rx_irq(&ixb.nic, 0, false);
	/* The frame is still there: unmasking interrupts. */
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	assert_true(ixb.model.irq_line);
	ixb.ops->rx_irq(&ixb.nic, 0, false);
	assert_false(ixb.model.irq_line);
	assert_int_equal(ixb_stats().irqs, 1);
}

static void test_tx_irq(void **state)
{
	(void)state;
	assert_int_equal(ixb_send(ixb_frame(60, NULL, 0)), 1);
	assert_false(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), 0); /* not ours; eats the cause */
	ixb.ops->tx_irq(&ixb.nic, 0, true);
	assert_true(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_TX);
	ixb.ops->tx_reclaim(&ixb.nic, 0);
	ixb.ops->tx_irq(&ixb.nic, 0, false);
	ixb.ops->tx_irq(&ixb.nic, 0, true);
	assert_false(ixb.model.irq_line);
}

static void test_irq_self_test(void **state)
{
	(void)state;
	ixb.ops->irq_test(&ixb.nic);
	assert_true(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_OTHER);
	assert_false(ixb.model.irq_line);
	/* Sending sets the same cause, which must be masked again. */
	assert_int_equal(ixb_send(ixb_frame(60, NULL, 0)), 1);
	assert_false(ixb.model.irq_line);

	ixb.model.no_irq = true;
	ixb.ops->irq_test(&ixb.nic);
	assert_false(ixb.model.irq_line);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_OTHER);
}

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

static void test_link_change(void **state)
{
	(void)state;
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	ixgbe_model_set_link(&ixb.model, false);
	assert_int_equal(ixb.ops->irq_cause(&ixb.nic, 0), NIC_EVENT_LINK);
	assert_false(ixb.ops->link(&ixb.nic).up);
	assert_int_equal(ixb.ops->link(&ixb.nic).mbps, 0);
	ixgbe_model_set_link(&ixb.model, true);
	ixb.ops->tick(&ixb.nic, 0);
	assert_int_equal(ixb_stats().link_changes, 2);
}

/* --- trouble ------------------------------------------------------------- */

static void test_hang(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	ixb.model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	ixb.ops->tick(&ixb.nic, 1);
	/* Moving, if slowly, is no hang. */
	for (u32 i = 0; i < 5; i++) {
		ixgbe_model_run_tx(&ixb.model, 1);
		ixb.ops->tick(&ixb.nic, 2);
	}
	assert_int_equal(ixb_stats().resets, 0);
	for (u32 i = 0; i < 3; i++)
		ixb.ops->tick(&ixb.nic, 3);
	assert_int_equal(ixb_stats().resets, 1);
	assert_int_equal(ixb_stats().tx_frames, 5);
	assert_int_equal(ixb_stats().tx_lost, 5);
	assert_int_equal(ixb.done, 10);
	/* It works again, with the interrupts that were on. */
	ixb.model.hang_tx = false;
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	assert_int_equal(ixb.wire_count, 6);
	frame_for_us(f, 64, 0);
	assert_true(ixgbe_model_rx(&ixb.model, f, 64));
	assert_true(ixb.model.irq_line);
	assert_int_equal(ixb.ops->rx_burst(&ixb.nic, 0, &p, 1), 1);
	pkt_put(p);
	for (u32 i = 0; i < 5; i++)
		ixb.ops->tick(&ixb.nic, 4);
	assert_int_equal(ixb_stats().resets, 1);
}

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

static void test_detach_returns_all(void **state)
{
	(void)state;
	ixb.model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	ixb.ops->detach(&ixb.nic);
	assert_int_equal(ixb.done, 10);
	assert_int_equal(ixb.pool.free_count, IXB_POOL);
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
		IXB_CASE(test_tx_all_sizes),
		IXB_CASE(test_tx_scatter),
		IXB_CASE(test_tx_refused),
		IXB_CASE(test_tx_one_doorbell),
		IXB_CASE(test_tx_full_ring),
		IXB_CASE(test_tx_room_is_kept),
		IXB_CASE(test_tx_wraps),
		IXB_CASE(test_rx_all_sizes),
		IXB_CASE(test_rx_filter),
		IXB_CASE(test_rx_burst_and_refill),
		IXB_CASE(test_rx_full_ring),
		IXB_CASE(test_rx_empty_pool),
		IXB_CASE(test_rx_bad_frames),
		IXB_CASE(test_loopback),
		IXB_CASE(test_rx_irq),
		IXB_CASE(test_tx_irq),
		IXB_CASE(test_irq_self_test),
		IXB_CASE(test_msix),
		IXB_CASE(test_link_change),
		IXB_CASE(test_hang),
		IXB_CASE(test_reset_fails),
		IXB_CASE(test_counters),
		IXB_CASE(test_detach_returns_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
