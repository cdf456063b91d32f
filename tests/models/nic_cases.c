/* SPDX-License-Identifier: BSD-2-Clause */
/* What every Ethernet NIC's driver receives, its interrupts, and what goes wrong with it, see
 * nic_cases.h. */
#include "tests/models/nic_cases.h"

#include "tests/models/nic_cases_priv.h"

#define HELD 1024u

/* --- receive ------------------------------------------------------------- */

void nic_case_rx_all_sizes(void **state)
{
	static u8 f[FRAME_MOST + 1], got[FRAME_MOST];
	u32 most = nic_rig.max_frame;
	struct pkt *p;

	(void)state;
	for (u32 len = 60; len <= most; len++) {
		frame_for_us(f, len, (u8)len);
		assert_true(nic_rig.receive(f, len));
		assert_int_equal(burst_in(&p, 1), 1);
		assert_int_equal(p->len, len);
		assert_int_equal(p->head_len, MIN(len, 2048u));
		assert_int_equal(p->nseg, (len - 1) / 2048);
		pkt_copy_out(p, 0, got, len);
		assert_memory_equal(got, f, len);
		assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
		pkt_put(p);
	}
	/* A longer one is counted, by the device or by the driver; the next one is whole. */
	frame_for_us(f, most + 1, 0);
	assert_int_equal(nic_rig.receive(f, most + 1), nic_rig.takes_longer);
	assert_int_equal(burst_in(&p, 1), 0);
	assert_true(nic_rig.receive(f, 5000));
	assert_int_equal(burst_in(&p, 1), 1);
	assert_int_equal(p->len, 5000);
	pkt_put(p);
	assert_int_equal(nic_rig.stats().rx_frames, most - 59 + 1);
	assert_int_equal(nic_rig.stats().rx_errors, 1);
}

void nic_case_rx_filter(void **state)
{
	u8 f[64];

	(void)state;
	memset(f, 0xff, sizeof(f));
	assert_true(nic_rig.receive(f, 64)); /* broadcast */
	f[5] = 0x01;
	assert_false(nic_rig.receive(f, 64)); /* multicast */
	memcpy(f, nic_rig.mac, 6);
	assert_true(nic_rig.receive(f, 64));
	f[5]++;
	assert_false(nic_rig.receive(f, 64)); /* somebody else's */
	nic_rig.nic->ops->promiscuous(nic_rig.nic, true);
	assert_true(nic_rig.receive(f, 64));
	f[0] |= 1;
	assert_true(nic_rig.receive(f, 64));
	nic_rig.nic->ops->promiscuous(nic_rig.nic, false);
	assert_false(nic_rig.receive(f, 64));
}

void nic_case_rx_burst_and_refill(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 reads, total = 0;

	(void)state;
	frame_for_us(f, 64, 0);
	reads = *nic_rig.reads;
	*nic_rig.rdt_writes = 0;
	for (u32 round = 0; round < 100; round++) {
		u32 n;

		for (u32 i = 0; i < PKT_BURST; i++) {
			f[20] = (u8)(total + i);
			assert_true(nic_rig.receive(f, 64));
		}
		n = burst_in(p, PKT_BURST);
		assert_int_equal(n, PKT_BURST);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(p[i]->data[20], (u8)(total + i));
			pkt_put(p[i]);
		}
		total += n;
	}
	assert_true(*nic_rig.rdt_writes <= 100);
	assert_int_equal(*nic_rig.reads, reads);
}

void nic_case_rx_full_ring(void **state)
{
	struct pkt *p[PKT_BURST];
	u8 f[64];
	u32 taken = 0, got = 0, n;

	(void)state;
	frame_for_us(f, 64, 0);
	while (nic_rig.receive(f, 64))
		taken++;
	assert_int_equal(taken, nic_rig.rx_ring - 1);
	assert_false(nic_rig.receive(f, 64));
	while ((n = burst_in(p, PKT_BURST)) > 0) {
		got += n;
		for (u32 i = 0; i < n; i++)
			pkt_put(p[i]);
	}
	assert_int_equal(got, taken);
	assert_int_equal(nic_rig.stats().rx_missed, 2);
	assert_true(nic_rig.receive(f, 64));
}

void nic_case_rx_empty_pool(void **state)
{
	struct pkt *held[HELD], *p;
	u8 f[64];
	u32 packets = nic_rig.rx_ring + 50, n = 0, got = 0;

	(void)state;
	assert_true(packets <= HELD);
	nic_rig.finish();
	nic_rig.attach(packets);
	frame_for_us(f, 64, 0);
	/* Hold all that arrives: the ring drains, nothing breaks. */
	while (nic_rig.receive(f, 64)) {
		got = burst_in(&p, 1);
		assert_int_equal(got, 1);
		held[n++] = p;
	}
	assert_int_equal(n, packets);
	assert_int_equal(burst_in(&p, 1), 0);
	assert_true(nic_rig.stats().rx_no_packet > 0);
	/* No stale descriptor may look like a frame, here or to rx_irq. */
	rx_irq(true);
	assert_false(*nic_rig.irq_line);
	while (n)
		pkt_put(held[--n]);
	tick(0);
	assert_true(nic_rig.receive(f, 64));
	assert_int_equal(burst_in(&p, 1), 1);
	pkt_put(p);
}

void nic_case_rx_bad_frames(void **state)
{
	static u8 f[5000];
	struct pkt *p;

	(void)state;
	frame_for_us(f, sizeof(f), 1);
	assert_true(nic_rig.receive_bad(f, 100));
	assert_true(nic_rig.receive_bad(f, 5000));
	assert_true(nic_rig.receive(f, 99));
	assert_int_equal(burst_in(&p, 1), 1);
	assert_int_equal(p->len, 99);
	pkt_put(p);
	assert_int_equal(burst_in(&p, 1), 0);
	assert_int_equal(nic_rig.stats().rx_errors, 2);
	/* Their buffers went round: the ring stays full. */
	for (u32 i = 0; i < 1000; i++) {
		assert_true(nic_rig.receive_bad(f, 100));
		assert_int_equal(burst_in(&p, 1), 0);
	}
	assert_int_equal(nic_rig.stats().rx_no_packet, 0);
}

void nic_case_loopback(void **state)
{
	u32 rnd = 1;

	(void)state;
	*nic_rig.loopback = true;
	for (u32 round = 0; round < 500; round++) {
		struct pkt *tx[PKT_BURST], *rx[PKT_BURST];
		u32 n = 1 + round % PKT_BURST;

		for (u32 i = 0; i < n; i++) {
			u32 seg[3];

			rnd = rnd * 1103515245u + 12345u;
			for (u32 s = 0; s < 3; s++)
				seg[s] = (rnd >> (8 + s)) % 400;
			tx[i] = nic_rig.frame(60, seg, rnd >> 30);
			memcpy(tx[i]->data, nic_rig.mac, 6);
			tx[i]->data[6] = (u8)i;
		}
		assert_int_equal(burst_out(tx, n), n);
		assert_int_equal(burst_in(rx, PKT_BURST), n);
		for (u32 i = 0; i < n; i++) {
			u8 sent[FRAME_MOST];

			/* The sent frames are still the driver's. */
			pkt_copy_out(tx[i], 0, sent, tx[i]->len);
			assert_int_equal(rx[i]->len, tx[i]->len);
			assert_memory_equal(rx[i]->data, sent, tx[i]->len);
			pkt_put(rx[i]);
		}
		assert_int_equal(reclaim(), n);
		nic_rig.drop_wire();
	}
}

/* --- interrupts ---------------------------------------------------------- */

void nic_case_rx_irq(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	frame_for_us(f, 64, 0);
	/* Polled with the interrupt off: unmasking does not interrupt. */
	nic_rig.receive(f, 64);
	assert_int_equal(burst_in(&p, 1), 1);
	pkt_put(p);
	rx_irq(true);
	assert_false(*nic_rig.irq_line);
	nic_rig.receive(f, 64);
	assert_true(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), NIC_EVENT_RX);
	assert_false(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), 0);
	rx_irq(false);
	/* The frame is still there: unmasking interrupts. */
	rx_irq(true);
	assert_true(*nic_rig.irq_line);
	rx_irq(false);
	assert_false(*nic_rig.irq_line);
	assert_int_equal(nic_rig.stats().irqs, 1);
}

void nic_case_tx_irq(void **state)
{
	(void)state;
	assert_int_equal(nic_rig.send(nic_rig.frame(60, NULL, 0)), 1);
	assert_false(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), 0); /* not ours; eats the cause */
	tx_irq(true);
	assert_true(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), NIC_EVENT_TX);
	reclaim();
	tx_irq(false);
	tx_irq(true);
	assert_false(*nic_rig.irq_line);
}

void nic_case_irq_self_test(void **state)
{
	(void)state;
	nic_rig.nic->ops->irq_test(nic_rig.nic);
	assert_true(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), NIC_EVENT_OTHER);
	assert_false(*nic_rig.irq_line);
	/* Sending sets the same cause, which must be masked again. */
	assert_int_equal(nic_rig.send(nic_rig.frame(60, NULL, 0)), 1);
	assert_false(*nic_rig.irq_line);

	*nic_rig.no_irq = true;
	nic_rig.nic->ops->irq_test(nic_rig.nic);
	assert_false(*nic_rig.irq_line);
	assert_int_equal(irq_cause(), NIC_EVENT_OTHER);
}

void nic_case_link_change(void **state)
{
	(void)state;
	rx_irq(true);
	nic_rig.set_link(false);
	assert_int_equal(irq_cause(), NIC_EVENT_LINK);
	assert_false(link_now().up);
	assert_int_equal(link_now().mbps, 0);
	nic_rig.set_link(true);
	tick(0);
	assert_int_equal(nic_rig.stats().link_changes, 2);
}

/* --- trouble ------------------------------------------------------------- */

void nic_case_hang(void **state)
{
	u8 f[64];
	struct pkt *p;

	(void)state;
	rx_irq(true);
	*nic_rig.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(nic_rig.send(nic_rig.frame(100, NULL, 0)), 1);
	tick(1);
	/* Moving, if slowly, is no hang. */
	for (u32 i = 0; i < 5; i++) {
		nic_rig.run_tx(1);
		tick(2);
	}
	assert_int_equal(nic_rig.stats().resets, 0);
	for (u32 i = 0; i < 3; i++)
		tick(3);
	assert_int_equal(nic_rig.stats().resets, 1);
	assert_int_equal(nic_rig.stats().tx_frames, 5);
	assert_int_equal(nic_rig.stats().tx_lost, 5);
	assert_int_equal(*nic_rig.done, 10);
	/* It works again, with the interrupts that were on. */
	*nic_rig.hang_tx = false;
	assert_int_equal(nic_rig.send(nic_rig.frame(100, NULL, 0)), 1);
	assert_int_equal(wire_count(), 6);
	frame_for_us(f, 64, 0);
	assert_true(nic_rig.receive(f, 64));
	assert_true(*nic_rig.irq_line);
	assert_int_equal(burst_in(&p, 1), 1);
	pkt_put(p);
	for (u32 i = 0; i < 5; i++)
		tick(4);
	assert_int_equal(nic_rig.stats().resets, 1);
}

void nic_case_detach_returns_all(void **state)
{
	(void)state;
	*nic_rig.hang_tx = true;
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(nic_rig.send(nic_rig.frame(100, NULL, 0)), 1);
	nic_rig.nic->ops->detach(nic_rig.nic);
	assert_int_equal(*nic_rig.done, 10);
	assert_int_equal(nic_rig.pool->free_count, nic_rig.pool->count);
}
