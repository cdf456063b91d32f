/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-net NIC driver with several pairs of queues, against our own device model: how
 * many there can be, what the device is told, each queue's interrupts, and resets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/models/vnic_bench.h"

#define QUEUES 4u
#define PAIRS 6u /* of the device: more than are used */
#define LEN 100u

static u32 asked; /* times that may_reset() was called */
static bool may;  /* and its answer */

static bool may_reset(void *ctx)
{
	assert_ptr_equal(ctx, &may);
	asked++;
	return may;
}

static const struct nic_ops *ops(void)
{
	return vbench.nic.ops;
}

static struct nic_stats stats(void)
{
	struct nic_stats s;

	ops()->stats(&vbench.nic, &s);
	return s;
}

static void prepare(u32 pairs, u32 queues)
{
	vbench.irq = NIC_IRQ_MSIX;
	vbench.pairs = pairs;
	vbench.queues = queues;
	vbench_prepare();
	vbench.res.may_reset = may_reset;
	vbench.res.ctx = &may;
	asked = 0;
	may = true;
}

static void attach(u32 pairs, u32 queues)
{
	prepare(pairs, queues);
	assert_int_equal(vbench_attach(), ERR_OK);
	memset(vbench.by_vector, 0, sizeof(vbench.by_vector));
}

static int setup(void **state)
{
	(void)state;
	attach(PAIRS, QUEUES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vbench_finish();
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Takes all that the queue has; how many, each of its own pool. */
static u32 take(u32 queue)
{
	struct pkt *p;
	u32 n = 0;

	for (; ops()->rx_burst(&vbench.nic, queue, &p, 1); n++) {
		assert_ptr_equal(p->pool, vbench.res.rx_pool[queue]);
		pkt_put(p);
	}
	return n;
}

static u32 send(u32 queue, u32 n)
{
	u32 sent = 0;

	for (u32 i = 0; i < n; i++) {
		struct pkt *p = vbench_frame(LEN, NULL, 0);

		if (ops()->tx_burst(&vbench.nic, queue, &p, 1))
			sent++;
		else
			pkt_put(p);
	}
	return sent;
}

/* The device is done with so many frames that it got by that pair. */
static void let_go(u32 pair, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pkt_put(vbench_sent_by(pair));
	vbench_done(pair);
}

static u32 interrupts(void)
{
	u32 sum = 0;

	for (u32 v = 0; v < NIC_QUEUES_MAX; v++)
		sum += vbench.by_vector[v];
	return sum;
}

/* --- how many ------------------------------------------------------------------------ */

static void expect_refused(u32 pairs, u32 queues, enum nic_irq irq, u64 hide)
{
	prepare(pairs, queues);
	vbench.res.irq = irq;
	vbench.hide = hide;
	assert_int_equal(vbench_attach(), ERR_RANGE);
	vbench_finish();
}

static void test_how_many(void **state)
{
	(void)state;
	expect_refused(PAIRS, 2, NIC_IRQ_LINE, 0);
	expect_refused(PAIRS, PAIRS + 1, NIC_IRQ_MSIX, 0);
	expect_refused(1, 2, NIC_IRQ_MSIX, 0);
	expect_refused(PAIRS, 2, NIC_IRQ_MSIX, VIRTIO_NET_F_MQ);
	expect_refused(PAIRS, 2, NIC_IRQ_MSIX, VIRTIO_NET_F_CTRL_VQ);
	/* With one the driver leaves the feature alone. */
	attach(PAIRS, 1);
	assert_int_equal(vbench.nic.queues_max, PAIRS);
	assert_int_equal(vbench.nic.queues, 1);
	assert_int_equal(vbench.nic.vectors, 1);
	assert_false(vbench_driver()->features & VIRTIO_NET_F_MQ);
	vbench_finish();
	for (u32 n = 2; n <= NIC_QUEUES_MAX; n++) {
		attach(NIC_QUEUES_MAX, n);
		assert_int_equal(vbench.nic.queues_max, NIC_QUEUES_MAX);
		assert_int_equal(vbench.nic.queues, n);
		assert_int_equal(vbench.nic.vectors, n);
		assert_int_equal(vbench.net.used_pairs, n);
		assert_int_equal(vbench.net.ctrl_refused, 0);
		for (u32 q = 0; q < n; q++) {
			assert_int_equal(vbench.pools[q].free_count, VBENCH_POOL - VNIC_RING_MAX);
			assert_int_equal(ops()->tx_room(&vbench.nic, q), VNIC_RING_MAX);
		}
		vbench_finish();
	}
}

/* Each queue needs a vector. */
static void test_few_vectors(void **state)
{
	(void)state;
	prepare(PAIRS, 1);
	vbench.msix_entries = 3;
	assert_int_equal(vbench_attach(), ERR_OK);
	assert_int_equal(vbench.nic.queues_max, 3);
	vbench_finish();
	prepare(PAIRS, 1);
	vbench.res.irq = NIC_IRQ_LINE;
	assert_int_equal(vbench_attach(), ERR_OK);
	assert_int_equal(vbench.nic.queues_max, 1);
	vbench_finish();
}

static void test_no_memory(void **state)
{
	(void)state;
	prepare(PAIRS, QUEUES);
	host_alloc_fail = true;
	assert_int_equal(vbench_attach(), ERR_NOMEM);
	host_alloc_fail = false;
	vbench_finish();
	/* Wherever it ends: a header's and two rings' with tables a queue, the control queue's. */
	for (u32 at = 1; at <= 4 * QUEUES + 3; at++) {
		prepare(PAIRS, QUEUES);
		vbench.dma_fails = at;
		assert_int_equal(vbench_attach(), ERR_NOMEM);
		vbench_finish();
	}
	prepare(PAIRS, QUEUES);
	vbench.dma_fails = 4 * QUEUES + 4;
	assert_int_equal(vbench_attach(), ERR_OK);
	vbench_finish();
}

/* --- what the device is told ----------------------------------------------------------- */

static void attach_rss(bool refused)
{
	vbench.rss = true;
	vbench.rss_refused = refused;
	attach(PAIRS, QUEUES);
}

/* 5.1.6.5.7: types, mask, queue of the rest, table, queues that are sent by, key. */
static void check_rss(void)
{
	const u8 *c = vbench.rss_config;
	u32 entries = load_le16(c + 4) + 1u, key;

	assert_int_equal(load_le32(c), VIRTIO_NET_HASH_TYPE_UDP4);
	assert_int_equal(entries & (entries - 1), 0);
	assert_int_equal(load_le16(c + 6), 0);
	for (u32 i = 0; i < entries; i++)
		assert_int_equal(load_le16(c + 8 + 2 * i), i % QUEUES);
	c += 8 + 2 * entries;
	assert_int_equal(load_le16(c), QUEUES);
	key = c[2];
	assert_int_equal(key, 40);
	assert_int_equal(vbench.rss_bytes, 8 + 2 * entries + 3 + key);
	for (u32 i = 0; i < key; i++)
		assert_int_not_equal(c[3 + i], 0);
}

static void test_rss(void **state)
{
	(void)state;
	attach_rss(false);
	assert_true(vbench_driver()->features & VIRTIO_NET_F_RSS);
	assert_int_equal(vbench.rss_commands, 1);
	check_rss();
	/* Again behind a reset. */
	memset(vbench.rss_config, 0, sizeof(vbench.rss_config));
	virtq_break(&vbench.net.dev.vq[2 * 1 + VIRTIO_NET_TX], VIRTQ_BAD_NEXT);
	virtio_dev_check(&vbench.net.dev, 2 * 1 + VIRTIO_NET_TX);
	ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, 1);
	assert_int_equal(vbench.rss_commands, 2);
	check_rss();
	vbench_finish();
}

/* Then it spreads as it likes. */
static void test_rss_refused(void **state)
{
	(void)state;
	attach_rss(true);
	assert_int_equal(vbench.rss_commands, 1);
	assert_int_equal(vbench.net.used_pairs, QUEUES);
	vbench_finish();
	/* ... if it does that. */
	vbench.rss = vbench.rss_refused = true;
	vbench.hide = VIRTIO_NET_F_MQ;
	prepare(PAIRS, QUEUES);
	assert_int_equal(vbench_attach(), ERR_IO);
	vbench_finish();
}

/* --- frames and interrupts ---------------------------------------------------------------- */

static void test_receive(void **state)
{
	(void)state;
	for (u32 q = 0; q < QUEUES; q++) {
		u32 before = interrupts();

		/* Off: none. */
		vbench_deliver_by(q, LEN, q);
		assert_int_equal(interrupts(), before);
		assert_int_equal(take(q), 1);
		ops()->rx_irq(&vbench.nic, q, true);
		assert_int_equal(interrupts(), before);
		/* Frames of others raise none. */
		vbench_deliver_by((q + 1) % QUEUES, LEN, q);
		assert_int_equal(interrupts(), before);
		vbench_deliver_by(q, LEN, q);
		assert_int_equal(vbench.by_vector[q], 1);
		assert_int_equal(interrupts(), before + 1);
		assert_int_equal(ops()->irq_cause(&vbench.nic, q), NIC_EVENT_RX);
		ops()->rx_irq(&vbench.nic, q, false);
		vbench_deliver_by(q, LEN, q);
		assert_int_equal(interrupts(), before + 1);
		assert_int_equal(take(q), 2);
		assert_int_equal(take((q + 1) % QUEUES), 1);
	}
	assert_int_equal(stats().irqs, QUEUES);
	assert_int_equal(stats().rx_frames, 4 * QUEUES);
	assert_int_equal(stats().rx_bytes, 4 * QUEUES * LEN);
}

static void test_transmit(void **state)
{
	(void)state;
	for (u32 q = 0; q < QUEUES; q++) {
		u32 before = interrupts();

		assert_int_equal(send(q, 1), 1);
		let_go(q, 1);
		assert_int_equal(interrupts(), before);
		/* What was sent before is taken at once, and the next interrupts. */
		ops()->tx_irq(&vbench.nic, q, true);
		assert_int_equal(vbench.done, 3 * q + 1);
		assert_int_equal(send(q, 2), 2);
		let_go(q, 2);
		assert_int_equal(interrupts(), before + 1);
		assert_int_equal(vbench.by_vector[q], 1);
		assert_int_equal(ops()->irq_cause(&vbench.nic, q), NIC_EVENT_TX);
		assert_int_equal(ops()->tx_reclaim(&vbench.nic, q), 2);
		ops()->tx_irq(&vbench.nic, q, false);
	}
	assert_int_equal(stats().tx_frames, 3 * QUEUES);
}

/* The configuration's is the first queue's vector. */
static void test_link(void **state)
{
	(void)state;
	virtio_net_set_link(&vbench.net, false);
	assert_int_equal(interrupts(), 1);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_LINK);
	assert_false(ops()->link(&vbench.nic).up);
	/* Another's without a frame tells nothing of it. */
	assert_int_equal(ops()->irq_cause(&vbench.nic, 2), NIC_EVENT_OTHER);
	virtio_net_set_link(&vbench.net, true);
}

static void test_a_full_queue_alone(void **state)
{
	(void)state;
	for (u32 i = 0; i < VNIC_RING_MAX + 10; i++)
		vbench_deliver_by(2, LEN, i);
	vbench_deliver_by(1, LEN, 0);
	assert_int_equal(take(1), 1);
	assert_int_equal(take(2), VNIC_RING_MAX);
	while (send(3, 1))
		;
	assert_int_equal(stats().tx_full, 1);
	assert_int_equal(send(2, 1), 1);
	let_go(2, 1);
	let_go(3, VNIC_RING_MAX);
}

/* --- trouble -------------------------------------------------------------------------------- */

static void tick(u32 n)
{
	for (u32 i = 0; i < n; i++)
		ops()->tick(&vbench.nic, i);
}

/* Sent long ago, but its core has not looked: that is no hang. */
static void test_an_idle_core(void **state)
{
	(void)state;
	assert_int_equal(send(2, 3), 3);
	let_go(2, 3);
	tick(5);
	assert_int_equal(stats().resets, 0);
	assert_int_equal(asked, 0);
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 2), 3);
}

static void works(void)
{
	for (u32 q = 0; q < QUEUES; q++) {
		vbench_deliver_by(q, LEN, q);
		assert_int_equal(take(q), 1);
		assert_int_equal(send(q, 1), 1);
		let_go(q, 1);
		assert_int_equal(ops()->tx_reclaim(&vbench.nic, q), 1);
	}
}

static void test_hang(void **state)
{
	u32 free_before[QUEUES];

	(void)state;
	ops()->rx_irq(&vbench.nic, 3, true);
	for (u32 q = 0; q < QUEUES; q++)
		free_before[q] = vbench.pools[q].free_count;
	assert_int_equal(send(2, 5), 5);
	may = false;
	tick(4);
	/* The other cores have not let go yet. */
	assert_true(asked >= 1);
	assert_int_equal(stats().resets, 0);
	may = true;
	tick(1);
	assert_int_equal(stats().resets, 1);
	assert_int_equal(stats().tx_lost, 5);
	assert_int_equal(stats().tx_frames, 0);
	assert_int_equal(vbench.done, 5);
	/* All are back, with their buffers and interrupts; nobody was at another's pool. */
	assert_int_equal(vbench.net.used_pairs, QUEUES);
	for (u32 q = 0; q < QUEUES; q++)
		assert_int_equal(vbench.pools[q].free_count, free_before[q]);
	vbench_deliver_by(3, LEN, 1);
	assert_int_equal(vbench.by_vector[3], 1);
	assert_int_equal(take(3), 1);
	works();
	tick(5);
	assert_int_equal(stats().resets, 1);
}

/* Found by another core than the one that resets it. */
static void test_broken_queue(void **state)
{
	struct vnic_ring *r = &vbench_driver()->queue[2]->rx;
	struct pkt *p;

	(void)state;
	r->used->ring[0] = (struct vring_used_elem){ VNIC_RING_MAX, LEN };
	r->used->idx = 1;
	assert_int_equal(ops()->rx_burst(&vbench.nic, 2, &p, 1), 0);
	assert_false(vbench_driver()->running);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 1, &p, 1), 0);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), 0);
	may = false;
	tick(1);
	assert_int_equal(stats().resets, 0);
	may = true;
	tick(1);
	assert_int_equal(stats().resets, 1);
	works();
}

/* No packet is left at a reset: the device gets what was in the ring, and its core adds to it
 * when there are some. */
static void test_reset_without_packets(void **state)
{
	struct pkt *held[VBENCH_POOL];
	u32 n = 0;

	(void)state;
	while (vbench.pools[1].free_count)
		held[n++] = pkt_get(&vbench.pools[1]);
	for (u32 i = 0; i < 100; i++, n++) {
		vbench_deliver_by(1, LEN, i);
		assert_int_equal(ops()->rx_burst(&vbench.nic, 1, &held[n], 1), 1);
	}
	assert_int_equal(send(2, 1), 1);
	tick(3);
	assert_int_equal(stats().resets, 1);
	for (u32 i = 0; i < VNIC_RING_MAX; i++)
		vbench_deliver_by(1, LEN, i);
	assert_int_equal(take(1), VNIC_RING_MAX - 100);
	while (n)
		pkt_put(held[--n]);
	assert_int_equal(take(1), 0);
	for (u32 i = 0; i < VNIC_RING_MAX; i++)
		vbench_deliver_by(1, LEN, i);
	assert_int_equal(take(1), VNIC_RING_MAX);
}

static void test_detach_returns_all(void **state)
{
	(void)state;
	vbench_deliver_by(1, LEN, 0);
	for (u32 q = 0; q < QUEUES; q++)
		assert_int_equal(send(q, 3), 3);
	ops()->detach(&vbench.nic);
	assert_int_equal(vbench.done, 3 * QUEUES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_few_vectors),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_rss),
		cmocka_unit_test(test_rss_refused),
		CASE(test_receive),
		CASE(test_transmit),
		CASE(test_link),
		CASE(test_a_full_queue_alone),
		CASE(test_an_idle_core),
		CASE(test_hang),
		CASE(test_broken_queue),
		CASE(test_reset_without_packets),
		CASE(test_detach_returns_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
