/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver against the register model: whatever the model calls a
 * violation fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arch/mmio.h>

#include "drivers/nic/e1000.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/models/e1000_model.h"

#define POOL 1024u
#define BUF (PKT_HEADROOM + 2048u)
#define DMA_MAX 8u

static const u8 own_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static struct e1000_model model;
static struct mmio_model seam;
static u8 bar[4]; /* only its address is used */
static struct pkt_pool pool;
static void *pool_mem;
static u8 guest[65536]; /* what segments point to */
static struct nic nic;
static const struct nic_ops *ops;
static struct nic_resources res;
static u32 dma_live;
static bool dma_fail;
static u32 done_count;

static void *test_dma_alloc(size_t bytes, bus_t *bus)
{
	size_t size = (bytes + 4095) & ~(size_t)4095;
	void *p;

	if (dma_fail)
		return NULL;
	p = aligned_alloc(4096, size);
	memset(p, 0, size);
	bus->v = (u64)(uintptr_t)p;
	e1000_model_add_ram(&model, p, bytes);
	dma_live++;
	return p;
}

static void test_dma_free(void *p, size_t bytes)
{
	(void)bytes;
	dma_live--;
	free(p);
}

static void prepare(u32 packets)
{
	size_t bytes = pkt_pool_bytes(packets, BUF);

	e1000_model_init(&model, own_mac);
	seam = (struct mmio_model){ e1000_model_read32, e1000_model_write32, &model, bar };
	mmio_model_set(&seam);
	pool_mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	pkt_pool_init(&pool, "rx", 0, packets, BUF, pool_mem, (bus_t){ (u64)(uintptr_t)pool_mem });
	e1000_model_add_ram(&model, pool_mem, bytes);
	e1000_model_add_ram(&model, guest, sizeof(guest));
	for (u32 i = 0; i < sizeof(guest); i++)
		guest[i] = (u8)(i * 7 + (i >> 8));
	res = (struct nic_resources){
		.regs = bar,
		.regs_size = E1000_MODEL_BAR_SIZE,
		.rx_pool = &pool,
		.dma_alloc = test_dma_alloc,
		.dma_free = test_dma_free,
	};
	ops = nic_driver_find(0x8086, 0x100e);
	nic = (struct nic){ .ops = ops, .name = "nic0" };
	done_count = 0;
	dma_fail = false;
}

static void setup_pool(u32 packets)
{
	prepare(packets);
	assert_int_equal(ops->attach(&nic, &res), ERR_OK);
}

/* Everything comes back and nothing forbidden was done. */
static void finish(void)
{
	if (nic.priv)
		ops->detach(&nic);
	assert_string_equal(model.last_violation, "");
	assert_int_equal(model.violations, 0);
	assert_int_equal(pool.free_count, pool.count);
	assert_int_equal(dma_live, 0);
	assert_int_equal(host_alloc_live, 0);
	e1000_model_fini(&model);
	mmio_model_set(NULL);
	free(pool_mem);
}

static int setup(void **state)
{
	(void)state;
	setup_pool(POOL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	finish();
	return 0;
}

static void count_done(struct pkt *p)
{
	(void)p;
	done_count++;
}

/* A frame of head bytes in the header fragment and the given segments of the
 * guest's memory from offset 0 on. */
static struct pkt *make_frame(u32 head, const u32 *seg, u32 nseg)
{
	struct pkt *p = pkt_get(&pool);
	u32 off = 0;

	assert_non_null(p);
	for (u32 i = 0; i < head; i++)
		p->data[i] = (u8)(0xa0 + i);
	p->head_len = head;
	p->len = head;
	for (u32 i = 0; i < nseg; i++) {
		assert_int_equal(pkt_add_seg(p, guest + off,
					     (bus_t){ (u64)(uintptr_t)guest + off }, seg[i], NULL),
				 ERR_OK);
		off += seg[i] + 3;
	}
	p->done = count_done;
	return p;
}

static void check_wire(u32 at, const u8 *want, u32 len)
{
	const struct e1000_model_frame *f = &model.wire[at];

	assert_true(at < model.wire_count);
	assert_int_equal(f->len, MAX(len, 60u));
	assert_memory_equal(f->data, want, len);
	for (u32 i = len; i < f->len; i++)
		assert_int_equal(f->data[i], 0);
}

static void drop_wire(void)
{
	e1000_model_fini(&model);
}

static u32 send_one(struct pkt *p)
{
	return ops->tx_burst(&nic, &p, 1);
}

static struct nic_stats stats(void)
{
	struct nic_stats s;

	ops->stats(&nic, &s);
	return s;
}

static void frame_for_us(u8 *f, u32 len, u8 tag)
{
	memcpy(f, own_mac, 6);
	memset(f + 6, tag, len - 6);
}

/* --- bring-up ------------------------------------------------------------ */

static void test_find(void **state)
{
	(void)state;
	assert_non_null(nic_driver_find(0x8086, 0x100f));
	assert_null(nic_driver_find(0x8086, 0x10d3));
	assert_null(nic_driver_find(0x10ec, 0x100e));
}

static void test_bring_up(void **state)
{
	struct nic_link link;

	(void)state;
	assert_memory_equal(nic.mac, own_mac, 6);
	assert_int_equal(nic.max_frame, 1518);
	assert_int_equal(nic.max_pieces, PKT_MAX_SEGS + 1);
	assert_int_equal(model.resets, 1);
	assert_int_equal(model.ims, 0);
	link = ops->link(&nic);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.mbps, 1000);
	/* All but one descriptor have a buffer. */
	assert_int_equal(pool.free_count, POOL - (E1000_RX_RING - 1));
}

static void expect_attach(err_t want)
{
	assert_int_equal(ops->attach(&nic, &res), want);
	finish();
}

static void test_attach_failures(void **state)
{
	(void)state;
	prepare(POOL);
	model.stuck_reset = true;
	expect_attach(ERR_TIMEOUT);

	prepare(POOL);
	dma_fail = true;
	expect_attach(ERR_NOMEM);

	prepare(POOL);
	host_alloc_fail = true;
	assert_int_equal(ops->attach(&nic, &res), ERR_NOMEM);
	host_alloc_fail = false;
	finish();

	prepare(POOL);
	res.regs_size = 4096;
	expect_attach(ERR_INVAL);

	prepare(POOL);
	model.no_eeprom = true;
	model.empty_ra = true;
	expect_attach(ERR_IO);
}

static void test_mac_sources(void **state)
{
	(void)state;
	/* RAL and RAH empty, as in Bochs: the EEPROM has it. */
	prepare(POOL);
	model.empty_ra = true;
	expect_attach(ERR_OK);
	assert_memory_equal(nic.mac, own_mac, 6);

	/* No EERD: RAL and RAH have it. */
	prepare(POOL);
	model.no_eeprom = true;
	expect_attach(ERR_OK);
	assert_memory_equal(nic.mac, own_mac, 6);

	/* A wrong checksum is no source either. */
	prepare(POOL);
	model.empty_ra = true;
	model.eeprom[20]++;
	expect_attach(ERR_IO);
}

/* --- transmit ------------------------------------------------------------ */

static void test_tx_all_sizes(void **state)
{
	static u8 want[E1000_MAX_FRAME];

	(void)state;
	for (u32 i = 0; i < sizeof(want); i++)
		want[i] = (u8)(0xa0 + i);
	for (u32 len = 1; len <= E1000_MAX_FRAME; len++) {
		assert_int_equal(send_one(make_frame(len, NULL, 0)), 1);
		check_wire(0, want, len);
		drop_wire();
		ops->tx_reclaim(&nic);
	}
	assert_int_equal(done_count, E1000_MAX_FRAME);
	assert_int_equal(stats().tx_frames, E1000_MAX_FRAME);
	assert_int_equal(stats().tx_bytes, E1000_MAX_FRAME * (E1000_MAX_FRAME + 1) / 2);
}

static void test_tx_scatter(void **state)
{
	static const u32 few[] = { 700, 0, 1, 500 };
	u32 many[PKT_MAX_SEGS];
	u8 want[2048];
	struct pkt *p;
	u32 len;

	(void)state;
	p = make_frame(54, few, ARRAY_SIZE(few));
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(send_one(p), 1);
	check_wire(0, want, len);

	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		many[i] = i + 1;
	p = make_frame(1, many, PKT_MAX_SEGS);
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(send_one(p), 1);
	check_wire(1, want, len);

	/* Nothing in the header fragment, pieces of no length, padded. */
	memset(many, 0, sizeof(many));
	many[3] = 14;
	p = make_frame(0, many, PKT_MAX_SEGS);
	pkt_copy_out(p, 0, want, 14);
	assert_int_equal(send_one(p), 1);
	check_wire(2, want, 14);
	assert_int_equal(ops->tx_reclaim(&nic), 3);
	assert_int_equal(done_count, 3);
}

static void test_tx_refused(void **state)
{
	static const u32 big[] = { 1500 };
	struct pkt *p[3] = { make_frame(0, NULL, 0), make_frame(60, big, 1),
			     make_frame(60, NULL, 0) };

	(void)state;
	assert_int_equal(ops->tx_burst(&nic, p, 3), 3);
	assert_int_equal(model.wire_count, 1);
	assert_int_equal(stats().tx_bad, 2);
	assert_int_equal(done_count, 3);
}

static void test_tx_one_doorbell(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = make_frame(100 + i, NULL, 0);
	reads = model.reads;
	model.tdt_writes = 0;
	assert_int_equal(ops->tx_burst(&nic, p, PKT_BURST), PKT_BURST);
	assert_int_equal(model.tdt_writes, 1);
	assert_int_equal(ops->tx_reclaim(&nic), PKT_BURST);
	assert_int_equal(model.reads, reads);
	assert_int_equal(model.wire_count, PKT_BURST);
}

static void test_tx_full_ring(void **state)
{
	u32 sent = 0, room;

	(void)state;
	model.hang_tx = true;
	room = ops->tx_room(&nic);
	assert_true(room >= PKT_BURST);
	for (;;) {
		struct pkt *p = make_frame(100, NULL, 0);

		if (!send_one(p)) {
			pkt_put(p);
			break;
		}
		/* It was promised this much. */
		sent++;
		if (pool.free_count == 0)
			break;
	}
	assert_true(sent >= room);
	done_count = 0;
	/* Frame by frame, in order. */
	e1000_model_run_tx(&model, 1);
	assert_int_equal(ops->tx_reclaim(&nic), 1);
	assert_int_equal(done_count, 1);
	model.hang_tx = false;
	e1000_model_run_tx(&model, UINT32_MAX);
	assert_int_equal(ops->tx_reclaim(&nic), sent - 1);
	assert_int_equal(ops->tx_room(&nic), room);
}

static void test_tx_room_is_kept(void **state)
{
	static const u32 seg[PKT_MAX_SEGS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1,
					       1, 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 room;

	(void)state;
	model.hang_tx = true;
	room = ops->tx_room(&nic);
	for (u32 i = 0; i < room; i++)
		assert_int_equal(send_one(make_frame(1, seg, PKT_MAX_SEGS)), 1);
	assert_int_equal(ops->tx_room(&nic), 0);
	assert_int_equal(stats().tx_full, 0);
	for (u32 i = 0; i < 2; i++) {
		struct pkt *p = make_frame(1, seg, PKT_MAX_SEGS);

		if (!send_one(p))
			pkt_put(p);
	}
	assert_true(stats().tx_full > 0);
	e1000_model_run_tx(&model, UINT32_MAX);
}

static void test_tx_wraps(void **state)
{
	static const u32 seg[] = { 40, 900 };
	u8 want[1100];

	(void)state;
	for (u32 i = 0; i < 3 * E1000_TX_RING; i++) {
		struct pkt *p = make_frame(20 + i % 90, seg, 1 + i % 2);
		u32 len = p->len;

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(send_one(p), 1);
		check_wire(0, want, len);
		drop_wire();
	}
	ops->tx_reclaim(&nic);
	assert_int_equal(done_count, 3 * E1000_TX_RING);
}

/* --- receive ------------------------------------------------------------- */

static void test_rx_all_sizes(void **state)
{
	u8 f[E1000_MAX_FRAME + 1];
	struct pkt *p;

	(void)state;
	for (u32 len = 60; len <= E1000_MAX_FRAME; len++) {
		frame_for_us(f, len, (u8)len);
		assert_true(e1000_model_rx(&model, f, len));
		assert_int_equal(ops->rx_burst(&nic, &p, 1), 1);
		assert_int_equal(p->len, len);
		assert_int_equal(p->head_len, len);
		assert_int_equal(p->nseg, 0);
		assert_memory_equal(p->data, f, len);
		assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
		pkt_put(p);
	}
	frame_for_us(f, sizeof(f), 0);
	assert_false(e1000_model_rx(&model, f, sizeof(f)));
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 0);
	assert_int_equal(stats().rx_frames, E1000_MAX_FRAME - 59);
	assert_int_equal(stats().rx_errors, 1);
}

static void test_rx_filter(void **state)
{
	u8 f[64];

	(void)state;
	memset(f, 0xff, sizeof(f));
	assert_true(e1000_model_rx(&model, f, 64)); /* broadcast */
	f[5] = 0x01;
	assert_false(e1000_model_rx(&model, f, 64)); /* multicast */
	memcpy(f, own_mac, 6);
	assert_true(e1000_model_rx(&model, f, 64));
	f[5]++;
	assert_false(e1000_model_rx(&model, f, 64)); /* somebody else's */
}

static void test_rx_burst_and_refill(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 reads, total = 0;

	(void)state;
	frame_for_us(f, 64, 0);
	reads = model.reads;
	model.rdt_writes = 0;
	for (u32 round = 0; round < 100; round++) {
		u32 n;

		for (u32 i = 0; i < PKT_BURST; i++) {
			f[20] = (u8)(total + i);
			assert_true(e1000_model_rx(&model, f, 64));
		}
		n = ops->rx_burst(&nic, p, PKT_BURST);
		assert_int_equal(n, PKT_BURST);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(p[i]->data[20], (u8)(total + i));
			pkt_put(p[i]);
		}
		total += n;
	}
	assert_true(model.rdt_writes <= 100);
	assert_int_equal(model.reads, reads);
}

static void test_rx_full_ring(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 taken = 0, got = 0, n;

	(void)state;
	frame_for_us(f, 64, 0);
	while (e1000_model_rx(&model, f, 64))
		taken++;
	assert_int_equal(taken, E1000_RX_RING - 1);
	assert_false(e1000_model_rx(&model, f, 64));
	while ((n = ops->rx_burst(&nic, p, PKT_BURST)) > 0) {
		got += n;
		for (u32 i = 0; i < n; i++)
			pkt_put(p[i]);
	}
	assert_int_equal(got, taken);
	assert_int_equal(stats().rx_missed, 2);
	assert_true(e1000_model_rx(&model, f, 64));
}

static void test_rx_empty_pool(void **state)
{
	struct pkt *held[400], *p;
	u8 f[64];
	u32 n = 0, got = 0;

	(void)state;
	finish();
	setup_pool(300);
	frame_for_us(f, 64, 0);
	/* Hold all that arrives: the ring drains, nothing breaks. */
	while (e1000_model_rx(&model, f, 64)) {
		got = ops->rx_burst(&nic, &p, 1);
		assert_int_equal(got, 1);
		held[n++] = p;
	}
	assert_int_equal(n, 300);
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 0);
	assert_true(stats().rx_no_packet > 0);
	/* No stale descriptor may look like a frame, here or to rx_irq. */
	ops->rx_irq(&nic, true);
	assert_false(model.irq_line);
	while (n)
		pkt_put(held[--n]);
	ops->tick(&nic, 0);
	assert_true(e1000_model_rx(&model, f, 64));
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 1);
	pkt_put(p);
}

static void test_rx_bad_frames(void **state)
{
	static u8 f[5000];
	struct pkt *p;

	(void)state;
	frame_for_us(f, sizeof(f), 1);
	assert_true(e1000_model_rx_raw(&model, f, 100, E1000_RXD_ERR_CE));
	assert_true(e1000_model_rx_raw(&model, f, 5000, 0)); /* three descriptors */
	assert_true(e1000_model_rx_raw(&model, f, 2049, 0)); /* two */
	assert_true(e1000_model_rx_raw(&model, f, 99, 0));
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 1);
	assert_int_equal(p->len, 99);
	pkt_put(p);
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 0);
	assert_int_equal(stats().rx_errors, 3);
	/* Their buffers went round: the ring stays full. */
	for (u32 i = 0; i < 1000; i++) {
		assert_true(e1000_model_rx_raw(&model, f, 100, E1000_RXD_ERR_RXE));
		assert_int_equal(ops->rx_burst(&nic, &p, 1), 0);
	}
	assert_int_equal(stats().rx_no_packet, 0);
}

static void test_loopback(void **state)
{
	u32 rnd = 1;

	(void)state;
	model.loopback = true;
	for (u32 round = 0; round < 500; round++) {
		struct pkt *tx[PKT_BURST], *rx[PKT_BURST];
		u32 n = 1 + round % PKT_BURST;

		for (u32 i = 0; i < n; i++) {
			u32 seg[3];

			rnd = rnd * 1103515245u + 12345u;
			for (u32 s = 0; s < 3; s++)
				seg[s] = (rnd >> (8 + s)) % 400;
			tx[i] = make_frame(60, seg, rnd >> 30);
			memcpy(tx[i]->data, own_mac, 6);
			tx[i]->data[6] = (u8)i;
		}
		assert_int_equal(ops->tx_burst(&nic, tx, n), n);
		assert_int_equal(ops->rx_burst(&nic, rx, PKT_BURST), n);
		for (u32 i = 0; i < n; i++) {
			u8 sent[E1000_MAX_FRAME];

			/* The sent frames are still the driver's. */
			pkt_copy_out(tx[i], 0, sent, tx[i]->len);
			assert_int_equal(rx[i]->len, tx[i]->len);
			assert_memory_equal(rx[i]->data, sent, tx[i]->len);
			pkt_put(rx[i]);
		}
		assert_int_equal(ops->tx_reclaim(&nic), n);
		drop_wire();
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
	e1000_model_rx(&model, f, 64);
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 1);
	pkt_put(p);
	ops->rx_irq(&nic, true);
	assert_false(model.irq_line);
	e1000_model_rx(&model, f, 64);
	assert_true(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), NIC_EVENT_RX);
	assert_false(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), 0);
	ops->rx_irq(&nic, false);
	/* The frame is still there: unmasking interrupts. */
	ops->rx_irq(&nic, true);
	assert_true(model.irq_line);
	ops->rx_irq(&nic, false);
	assert_false(model.irq_line);
	assert_int_equal(stats().irqs, 1);
}

static void test_tx_irq(void **state)
{
	(void)state;
	assert_int_equal(send_one(make_frame(60, NULL, 0)), 1);
	assert_false(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), 0); /* not ours; eats the cause */
	ops->tx_irq(&nic, true);
	assert_true(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), NIC_EVENT_TX);
	ops->tx_reclaim(&nic);
	ops->tx_irq(&nic, false);
	ops->tx_irq(&nic, true);
	assert_false(model.irq_line);
}

static void test_irq_self_test(void **state)
{
	(void)state;
	ops->irq_test(&nic);
	assert_true(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), NIC_EVENT_OTHER);
	assert_false(model.irq_line);
	/* Sending sets the same cause, which must be masked again. */
	assert_int_equal(send_one(make_frame(60, NULL, 0)), 1);
	assert_false(model.irq_line);

	model.no_irq = true;
	ops->irq_test(&nic);
	assert_false(model.irq_line);
	assert_int_equal(ops->irq_cause(&nic), NIC_EVENT_OTHER);
}

static void test_link_change(void **state)
{
	(void)state;
	ops->rx_irq(&nic, true);
	e1000_model_set_link(&model, false);
	assert_int_equal(ops->irq_cause(&nic), NIC_EVENT_LINK);
	assert_false(ops->link(&nic).up);
	assert_int_equal(ops->link(&nic).mbps, 0);
	e1000_model_set_link(&model, true);
	ops->tick(&nic, 0);
	assert_int_equal(stats().link_changes, 2);
}

/* --- trouble ------------------------------------------------------------- */

static void test_hang(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	ops->rx_irq(&nic, true);
	model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(send_one(make_frame(100, NULL, 0)), 1);
	ops->tick(&nic, 1);
	/* Moving, if slowly, is no hang. */
	for (u32 i = 0; i < 5; i++) {
		e1000_model_run_tx(&model, 1);
		ops->tick(&nic, 2);
	}
	assert_int_equal(stats().resets, 0);
	for (u32 i = 0; i < 3; i++)
		ops->tick(&nic, 3);
	assert_int_equal(stats().resets, 1);
	assert_int_equal(stats().tx_frames, 5);
	assert_int_equal(stats().tx_lost, 5);
	assert_int_equal(done_count, 10);
	/* It works again, with the interrupts that were on. */
	model.hang_tx = false;
	assert_int_equal(send_one(make_frame(100, NULL, 0)), 1);
	assert_int_equal(model.wire_count, 6);
	frame_for_us(f, 64, 0);
	assert_true(e1000_model_rx(&model, f, 64));
	assert_true(model.irq_line);
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 1);
	pkt_put(p);
	for (u32 i = 0; i < 5; i++)
		ops->tick(&nic, 4);
	assert_int_equal(stats().resets, 1);
}

static void test_reset_fails(void **state)
{
	struct pkt *p = make_frame(100, NULL, 0);

	(void)state;
	model.hang_tx = true;
	assert_int_equal(send_one(p), 1);
	model.stuck_reset = true;
	for (u32 i = 0; i < 3; i++)
		ops->tick(&nic, 1);
	/* Dead: takes nothing, gives nothing, keeps what the device may touch. */
	assert_int_equal(done_count, 0);
	p = make_frame(100, NULL, 0);
	assert_int_equal(send_one(p), 0);
	assert_int_equal(ops->tx_room(&nic), 0);
	assert_int_equal(ops->rx_burst(&nic, &p, 1), 0);
	pkt_put(p);
	/* The next tick tries again. */
	model.stuck_reset = false;
	model.hang_tx = false;
	model.ctrl = 0;
	ops->tick(&nic, 2);
	assert_int_equal(done_count, 2);
	assert_int_equal(send_one(make_frame(100, NULL, 0)), 1);
	assert_int_equal(model.wire_count, 1);
}

static void test_counters(void **state)
{
	u8 f[2000];

	(void)state;
	for (u32 kind = 0; kind < 2; kind++) {
		u64 before = stats().rx_errors;

		model.sticky_stats = kind;
		frame_for_us(f, sizeof(f), 0);
		for (u32 i = 0; i < 10; i++) {
			e1000_model_rx(&model, f, sizeof(f));
			if (i % 3 == 0)
				ops->tick(&nic, 0);
		}
		assert_int_equal(stats().rx_errors, before + 10);
		assert_int_equal(stats().rx_errors, before + 10);
	}
}

static void test_detach_returns_all(void **state)
{
	(void)state;
	model.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(send_one(make_frame(100, NULL, 0)), 1);
	ops->detach(&nic);
	assert_int_equal(done_count, 10);
	assert_int_equal(pool.free_count, POOL);
}

/* The model is worth something only if it refuses. */
static void test_model_refuses(void **state)
{
	(void)state;
	finish();
	prepare(POOL);
	e1000_model_write32(&model, E1000_RDBAL, 8);
	e1000_model_write32(&model, E1000_RDLEN, 100);
	e1000_model_write32(&model, E1000_STATUS, 1);
	e1000_model_read32(&model, 0x1f000);
	e1000_model_read32(&model, 2);
	e1000_model_write32(&model, E1000_RDBAL, 0);
	e1000_model_write32(&model, E1000_RDLEN, 4096);
	e1000_model_write32(&model, E1000_RCTL, E1000_RCTL_EN); /* ring is not in RAM */
	e1000_model_write32(&model, E1000_RDT, 256);
	e1000_model_write32(&model, E1000_RDH, 0);
	assert_int_equal(model.violations, 8);
	model.violations = 0;
	model.last_violation[0] = 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_attach_failures),
		cmocka_unit_test(test_mac_sources),
		CASE(test_bring_up),
		CASE(test_tx_all_sizes),
		CASE(test_tx_scatter),
		CASE(test_tx_refused),
		CASE(test_tx_one_doorbell),
		CASE(test_tx_full_ring),
		CASE(test_tx_room_is_kept),
		CASE(test_tx_wraps),
		CASE(test_rx_all_sizes),
		CASE(test_rx_filter),
		CASE(test_rx_burst_and_refill),
		CASE(test_rx_full_ring),
		CASE(test_rx_empty_pool),
		CASE(test_rx_bad_frames),
		CASE(test_loopback),
		CASE(test_rx_irq),
		CASE(test_tx_irq),
		CASE(test_irq_self_test),
		CASE(test_link_change),
		CASE(test_hang),
		CASE(test_reset_fails),
		CASE(test_counters),
		CASE(test_detach_returns_all),
		CASE(test_model_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
