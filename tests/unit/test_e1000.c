/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver against the register model of either device: whatever the model
 * calls a violation fails the test. Offloads are in test_e1000_offload.c, what only
 * the 82574 has in test_e1000e.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/e1000.h"
#include "tests/host/plat_host.h"
#include "tests/models/e1000_bench.h"

#define USUAL_FRAME 1518u

static void check_wire(u32 at, const u8 *want, u32 len)
{
	const struct e1000_model_frame *f = &bench.model.wire[at];

	assert_true(at < bench.model.wire_count);
	assert_int_equal(f->len, MAX(len, 60u));
	assert_memory_equal(f->data, want, len);
	for (u32 i = len; i < f->len; i++)
		assert_int_equal(f->data[i], 0);
}

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
	assert_null(nic_driver_find(0x8086, 0x1521));
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

/* --- transmit ------------------------------------------------------------ */

static void test_tx_all_sizes(void **state)
{
	static u8 want[E1000_MAX_FRAME];

	(void)state;
	for (u32 i = 0; i < sizeof(want); i++)
		want[i] = (u8)(0xa0 + i);
	for (u32 len = 1; len <= USUAL_FRAME; len++) {
		assert_int_equal(bench_send(bench_frame(len, NULL, 0)), 1);
		check_wire(0, want, len);
		bench_drop_wire();
		bench.ops->tx_reclaim(&bench.nic, 0);
	}
	assert_int_equal(bench.done, USUAL_FRAME);
	assert_int_equal(bench_stats().tx_frames, USUAL_FRAME);
	assert_int_equal(bench_stats().tx_bytes, USUAL_FRAME * (USUAL_FRAME + 1) / 2);
	for (u32 len = USUAL_FRAME + 1; len <= E1000_MAX_FRAME; len += 250) {
		u32 seg[] = { len - 100 };
		struct pkt *p = bench_frame(100, seg, 1);

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(bench_send(p), 1);
		check_wire(0, want, len);
		bench_drop_wire();
		bench.ops->tx_reclaim(&bench.nic, 0);
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
	p = bench_frame(54, few, ARRAY_SIZE(few));
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(bench_send(p), 1);
	check_wire(0, want, len);

	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		many[i] = i + 1;
	p = bench_frame(1, many, PKT_MAX_SEGS);
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(bench_send(p), 1);
	check_wire(1, want, len);

	/* Nothing in the header fragment, pieces of no length, padded. */
	memset(many, 0, sizeof(many));
	many[3] = 14;
	p = bench_frame(0, many, PKT_MAX_SEGS);
	pkt_copy_out(p, 0, want, 14);
	assert_int_equal(bench_send(p), 1);
	check_wire(2, want, 14);
	assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), 3);
	assert_int_equal(bench.done, 3);
}

static void test_tx_refused(void **state)
{
	static const u32 big[] = { E1000_MAX_FRAME - 59 };
	struct pkt *p[3] = { bench_frame(0, NULL, 0), bench_frame(60, big, 1),
			     bench_frame(60, NULL, 0) };

	(void)state;
	assert_int_equal(bench.ops->tx_burst(&bench.nic, 0, p, 3), 3);
	assert_int_equal(bench.model.wire_count, 1);
	assert_int_equal(bench_stats().tx_bad, 2);
	assert_int_equal(bench.done, 3);
}

static void test_tx_one_doorbell(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = bench_frame(100 + i, NULL, 0);
	reads = bench.model.reads;
	bench.model.tdt_writes = 0;
	assert_int_equal(bench.ops->tx_burst(&bench.nic, 0, p, PKT_BURST), PKT_BURST);
	assert_int_equal(bench.model.tdt_writes, 1);
	assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), PKT_BURST);
	assert_int_equal(bench.model.reads, reads);
	assert_int_equal(bench.model.wire_count, PKT_BURST);
}

static void test_tx_full_ring(void **state)
{
	u32 sent = 1, room;

	(void)state;
	bench.model.hang_tx = true;
	room = bench.ops->tx_room(&bench.nic, 0);
	assert_true(room >= PKT_BURST);
	/* One frame under way shows. */
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	assert_int_equal(bench.ops->tx_room(&bench.nic, 0), room - 1);
	for (;;) {
		struct pkt *p = bench_frame(100, NULL, 0);

		if (!bench_send(p)) {
			pkt_put(p);
			break;
		}
		/* It was promised this much. */
		sent++;
		if (bench.pool.free_count == 0)
			break;
	}
	assert_true(sent >= room);
	bench.done = 0;
	/* Frame by frame, in order. */
	e1000_model_run_tx(&bench.model, 1);
	assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), 1);
	assert_int_equal(bench.done, 1);
	bench.model.hang_tx = false;
	e1000_model_run_tx(&bench.model, UINT32_MAX);
	assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), sent - 1);
	assert_int_equal(bench.ops->tx_room(&bench.nic, 0), room);
}

static void test_tx_room_is_kept(void **state)
{
	static const u32 seg[PKT_MAX_SEGS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1,
					       1, 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 room;

	(void)state;
	bench.model.hang_tx = true;
	room = bench.ops->tx_room(&bench.nic, 0);
	for (u32 i = 0; i < room; i++)
		assert_int_equal(bench_send(bench_frame(1, seg, PKT_MAX_SEGS)), 1);
	assert_int_equal(bench_stats().tx_full, 0);
	for (u32 i = 0; i < room; i++) {
		struct pkt *p = bench_frame(1, seg, PKT_MAX_SEGS);

		if (!bench_send(p)) {
			pkt_put(p);
			break;
		}
	}
	assert_true(bench_stats().tx_full > 0);
	assert_int_equal(bench.ops->tx_room(&bench.nic, 0), 0);
	e1000_model_run_tx(&bench.model, UINT32_MAX);
}

static void test_tx_wraps(void **state)
{
	static const u32 seg[] = { 40, 900 };
	u8 want[1100];

	(void)state;
	for (u32 i = 0; i < 3 * E1000_TX_RING; i++) {
		struct pkt *p = bench_frame(20 + i % 90, seg, 1 + i % 2);
		u32 len = p->len;

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(bench_send(p), 1);
		check_wire(0, want, len);
		bench_drop_wire();
	}
	bench.ops->tx_reclaim(&bench.nic, 0);
	assert_int_equal(bench.done, 3 * E1000_TX_RING);
}

/* --- receive ------------------------------------------------------------- */

static void test_rx_all_sizes(void **state)
{
	static u8 f[E1000_MAX_FRAME + 1], got[E1000_MAX_FRAME];
	struct pkt *p;

	(void)state;
	for (u32 len = 60; len <= E1000_MAX_FRAME; len++) {
		frame_for_us(f, len, (u8)len);
		assert_true(e1000_model_rx(&bench.model, f, len));
		assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
		assert_int_equal(p->len, len);
		assert_int_equal(p->head_len, MIN(len, 2048u));
		assert_int_equal(p->nseg, (len - 1) / 2048);
		pkt_copy_out(p, 0, got, len);
		assert_memory_equal(got, f, len);
		assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
		pkt_put(p);
	}
	/* What the device takes and nobody wants; the next one is whole. */
	frame_for_us(f, sizeof(f), 0);
	assert_true(e1000_model_rx(&bench.model, f, sizeof(f)));
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 0);
	assert_true(e1000_model_rx(&bench.model, f, 5000));
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 5000);
	pkt_put(p);
	assert_int_equal(bench_stats().rx_frames, E1000_MAX_FRAME - 59 + 1);
	assert_int_equal(bench_stats().rx_errors, 1);
}

static void test_rx_filter(void **state)
{
	u8 f[64];

	(void)state;
	memset(f, 0xff, sizeof(f));
	assert_true(e1000_model_rx(&bench.model, f, 64)); /* broadcast */
	f[5] = 0x01;
	assert_false(e1000_model_rx(&bench.model, f, 64)); /* multicast */
	memcpy(f, bench_mac, 6);
	assert_true(e1000_model_rx(&bench.model, f, 64));
	f[5]++;
	assert_false(e1000_model_rx(&bench.model, f, 64)); /* somebody else's */
	bench.nic.ops->promiscuous(&bench.nic, true);
	assert_true(e1000_model_rx(&bench.model, f, 64));
	f[0] |= 1;
	assert_true(e1000_model_rx(&bench.model, f, 64));
	bench.nic.ops->promiscuous(&bench.nic, false);
	assert_false(e1000_model_rx(&bench.model, f, 64));
}

static void test_rx_burst_and_refill(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 reads, total = 0;

	(void)state;
	frame_for_us(f, 64, 0);
	reads = bench.model.reads;
	bench.model.rdt_writes = 0;
	for (u32 round = 0; round < 100; round++) {
		u32 n;

		for (u32 i = 0; i < PKT_BURST; i++) {
			f[20] = (u8)(total + i);
			assert_true(e1000_model_rx(&bench.model, f, 64));
		}
		n = bench.ops->rx_burst(&bench.nic, 0, p, PKT_BURST);
		assert_int_equal(n, PKT_BURST);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(p[i]->data[20], (u8)(total + i));
			pkt_put(p[i]);
		}
		total += n;
	}
	assert_true(bench.model.rdt_writes <= 100);
	assert_int_equal(bench.model.reads, reads);
}

static void test_rx_full_ring(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 taken = 0, got = 0, n;

	(void)state;
	frame_for_us(f, 64, 0);
	while (e1000_model_rx(&bench.model, f, 64))
		taken++;
	assert_int_equal(taken, E1000_RX_RING - 1);
	assert_false(e1000_model_rx(&bench.model, f, 64));
	while ((n = bench.ops->rx_burst(&bench.nic, 0, p, PKT_BURST)) > 0) {
		got += n;
		for (u32 i = 0; i < n; i++)
			pkt_put(p[i]);
	}
	assert_int_equal(got, taken);
	assert_int_equal(bench_stats().rx_missed, 2);
	assert_true(e1000_model_rx(&bench.model, f, 64));
}

static void test_rx_empty_pool(void **state)
{
	struct pkt *held[400], *p;
	u8 f[64];
	u32 n = 0, got = 0;

	(void)state;
	bench_finish();
	bench_attach(300);
	frame_for_us(f, 64, 0);
	/* Hold all that arrives: the ring drains, nothing breaks. */
	while (e1000_model_rx(&bench.model, f, 64)) {
		got = bench.ops->rx_burst(&bench.nic, 0, &p, 1);
		assert_int_equal(got, 1);
		held[n++] = p;
	}
	assert_int_equal(n, 300);
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 0);
	assert_true(bench_stats().rx_no_packet > 0);
	/* No stale descriptor may look like a frame, here or to rx_irq. */
	bench.ops->rx_irq(&bench.nic, 0, true);
	assert_false(bench.model.irq_line);
	while (n)
		pkt_put(held[--n]);
	bench.ops->tick(&bench.nic, 0);
	assert_true(e1000_model_rx(&bench.model, f, 64));
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	pkt_put(p);
}

static void test_rx_bad_frames(void **state)
{
	static u8 f[5 * 2048 + 1];
	struct pkt *p;

	(void)state;
	frame_for_us(f, sizeof(f), 1);
	assert_true(e1000_model_rx_raw(&bench.model, f, 100, E1000_RXD_ERR_CE));
	assert_true(e1000_model_rx_raw(&bench.model, f, sizeof(f), 0)); /* too long */
	assert_true(e1000_model_rx_raw(&bench.model, f, 5000, E1000_RXD_ERR_CE));
	assert_true(e1000_model_rx_raw(&bench.model, f, 99, 0));
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 99);
	pkt_put(p);
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 0);
	assert_int_equal(bench_stats().rx_errors, 3);
	/* Their buffers went round: the ring stays full. */
	for (u32 i = 0; i < 1000; i++) {
		assert_true(e1000_model_rx_raw(&bench.model, f, 100, E1000_RXD_ERR_RXE));
		assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 0);
	}
	assert_int_equal(bench_stats().rx_no_packet, 0);
}

static void test_loopback(void **state)
{
	u32 rnd = 1;

	(void)state;
	bench.model.loopback = true;
	for (u32 round = 0; round < 500; round++) {
		struct pkt *tx[PKT_BURST], *rx[PKT_BURST];
		u32 n = 1 + round % PKT_BURST;

		for (u32 i = 0; i < n; i++) {
			u32 seg[3];

			rnd = rnd * 1103515245u + 12345u;
			for (u32 s = 0; s < 3; s++)
				seg[s] = (rnd >> (8 + s)) % 400;
			tx[i] = bench_frame(60, seg, rnd >> 30);
			memcpy(tx[i]->data, bench_mac, 6);
			tx[i]->data[6] = (u8)i;
		}
		assert_int_equal(bench.ops->tx_burst(&bench.nic, 0, tx, n), n);
		assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, rx, PKT_BURST), n);
		for (u32 i = 0; i < n; i++) {
			u8 sent[E1000_MAX_FRAME];

			/* The sent frames are still the driver's. */
			pkt_copy_out(tx[i], 0, sent, tx[i]->len);
			assert_int_equal(rx[i]->len, tx[i]->len);
			assert_memory_equal(rx[i]->data, sent, tx[i]->len);
			pkt_put(rx[i]);
		}
		assert_int_equal(bench.ops->tx_reclaim(&bench.nic, 0), n);
		bench_drop_wire();
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
	e1000_model_rx(&bench.model, f, 64);
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	pkt_put(p);
	bench.ops->rx_irq(&bench.nic, 0, true);
	assert_false(bench.model.irq_line);
	e1000_model_rx(&bench.model, f, 64);
	assert_true(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_RX);
	assert_false(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), 0);
	bench.ops->rx_irq(&bench.nic, 0, false);
	/* The frame is still there: unmasking interrupts. */
	bench.ops->rx_irq(&bench.nic, 0, true);
	assert_true(bench.model.irq_line);
	bench.ops->rx_irq(&bench.nic, 0, false);
	assert_false(bench.model.irq_line);
	assert_int_equal(bench_stats().irqs, 1);
}

static void test_tx_irq(void **state)
{
	(void)state;
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_false(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), 0); /* not ours; eats the cause */
	bench.ops->tx_irq(&bench.nic, 0, true);
	assert_true(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_TX);
	bench.ops->tx_reclaim(&bench.nic, 0);
	bench.ops->tx_irq(&bench.nic, 0, false);
	bench.ops->tx_irq(&bench.nic, 0, true);
	assert_false(bench.model.irq_line);
}

static void test_irq_self_test(void **state)
{
	(void)state;
	bench.ops->irq_test(&bench.nic);
	assert_true(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_OTHER);
	assert_false(bench.model.irq_line);
	/* Sending sets the same cause, which must be masked again. */
	assert_int_equal(bench_send(bench_frame(60, NULL, 0)), 1);
	assert_false(bench.model.irq_line);

	bench.model.no_irq = true;
	bench.ops->irq_test(&bench.nic);
	assert_false(bench.model.irq_line);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_OTHER);
}

static void test_link_change(void **state)
{
	(void)state;
	bench.ops->rx_irq(&bench.nic, 0, true);
	e1000_model_set_link(&bench.model, false);
	assert_int_equal(bench.ops->irq_cause(&bench.nic, 0), NIC_EVENT_LINK);
	assert_false(bench.ops->link(&bench.nic).up);
	assert_int_equal(bench.ops->link(&bench.nic).mbps, 0);
	e1000_model_set_link(&bench.model, true);
	bench.ops->tick(&bench.nic, 0);
	assert_int_equal(bench_stats().link_changes, 2);
}

/* --- trouble ------------------------------------------------------------- */

static void test_hang(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	bench.ops->rx_irq(&bench.nic, 0, true);
	bench.model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	bench.ops->tick(&bench.nic, 1);
	/* Moving, if slowly, is no hang. */
	for (u32 i = 0; i < 5; i++) {
		e1000_model_run_tx(&bench.model, 1);
		bench.ops->tick(&bench.nic, 2);
	}
	assert_int_equal(bench_stats().resets, 0);
	for (u32 i = 0; i < 3; i++)
		bench.ops->tick(&bench.nic, 3);
	assert_int_equal(bench_stats().resets, 1);
	assert_int_equal(bench_stats().tx_frames, 5);
	assert_int_equal(bench_stats().tx_lost, 5);
	assert_int_equal(bench.done, 10);
	/* It works again, with the interrupts that were on. */
	bench.model.hang_tx = false;
	assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	assert_int_equal(bench.model.wire_count, 6);
	frame_for_us(f, 64, 0);
	assert_true(e1000_model_rx(&bench.model, f, 64));
	assert_true(bench.model.irq_line);
	assert_int_equal(bench.ops->rx_burst(&bench.nic, 0, &p, 1), 1);
	pkt_put(p);
	for (u32 i = 0; i < 5; i++)
		bench.ops->tick(&bench.nic, 4);
	assert_int_equal(bench_stats().resets, 1);
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

static void test_detach_returns_all(void **state)
{
	(void)state;
	bench.model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(bench_send(bench_frame(100, NULL, 0)), 1);
	bench.ops->detach(&bench.nic);
	assert_int_equal(bench.done, 10);
	assert_int_equal(bench.pool.free_count, BENCH_POOL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_attach_failures),
		cmocka_unit_test(test_mac_sources),
		BENCH_CASE(test_bring_up),
		BENCH_CASE(test_tx_all_sizes),
		BENCH_CASE(test_tx_scatter),
		BENCH_CASE(test_tx_refused),
		BENCH_CASE(test_tx_one_doorbell),
		BENCH_CASE(test_tx_full_ring),
		BENCH_CASE(test_tx_room_is_kept),
		BENCH_CASE(test_tx_wraps),
		BENCH_CASE(test_rx_all_sizes),
		BENCH_CASE(test_rx_filter),
		BENCH_CASE(test_rx_burst_and_refill),
		BENCH_CASE(test_rx_full_ring),
		BENCH_CASE(test_rx_empty_pool),
		BENCH_CASE(test_rx_bad_frames),
		BENCH_CASE(test_loopback),
		BENCH_CASE(test_rx_irq),
		BENCH_CASE(test_tx_irq),
		BENCH_CASE(test_irq_self_test),
		BENCH_CASE(test_link_change),
		BENCH_CASE(test_hang),
		BENCH_CASE(test_reset_fails),
		BENCH_CASE(test_reset_fails_for_long),
		BENCH_CASE(test_counters),
		BENCH_CASE(test_detach_returns_all),
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
