/* SPDX-License-Identifier: BSD-2-Clause */
/* The ixgbe and igb drivers with several queues against their models: what goes where, each
 * queue's interrupts, and that none stands in another's way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/igb.h"
#include "drivers/nic/ixgbe.h"
#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/models/ixgbe_bench.h"

#define QUEUES 4u
#define LEN 100u
#define UDP 17
#define TCP 6
#define MORE_FRAGMENTS 0x2000u

static u32 asked;    /* times that may_reset() was called */
static bool may;     /* and its answer */

static bool may_reset(void *ctx)
{
	assert_ptr_equal(ctx, &may);
	asked++;
	return may;
}

static void attach(u32 queues)
{
	ixb_prepare_queues(1024, queues);
	ixb.res.may_reset = may_reset;
	ixb.res.ctx = &may;
	asked = 0;
	may = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	ixb_begin();
	memset(ixb.interrupts, 0, sizeof(ixb.interrupts));
}

static int setup(void **state)
{
	(void)state;
	attach(QUEUES);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ixb_teardown)

/* A datagram to us, from that port; `frag` is the IPv4 header's word. */
static void datagram(u8 *f, u8 proto, u16 sport, u16 frag)
{
	memset(f, 0, LEN);
	memcpy(f, ixb_mac, 6);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 16, LEN - 14);
	store_be16(f + 20, frag);
	f[22] = 64;
	f[23] = proto;
	store_be32(f + 26, 0x0a000001);
	store_be32(f + 30, 0x0a000002);
	store_be16(f + 34, sport);
	store_be16(f + 36, 4789);
}

static void receive(const u8 *f)
{
	assert_true(ixb_receive(f, LEN));
}

/* Takes all that queue has; how many, each of its own pool. */
static u32 take(u32 queue)
{
	struct pkt *p;
	u32 n = 0;

	for (; ixb.ops->rx_burst(&ixb.nic, queue, &p, 1); n++) {
		assert_ptr_equal(p->pool, ixb.res.rx_pool[queue]);
		pkt_put(p);
	}
	return n;
}

/* Where a flow of that port goes. */
static u32 queue_of(u16 sport)
{
	u32 found = QUEUES;
	u8 f[LEN];

	datagram(f, UDP, sport, 0);
	receive(f);
	for (u32 q = 0; q < QUEUES; q++)
		if (take(q)) {
			assert_int_equal(found, QUEUES);
			found = q;
		}
	assert_true(found < QUEUES);
	return found;
}

/* A port whose flow goes to that queue. */
static u16 port_to(u32 queue)
{
	u16 port = 50000;

	while (queue_of(port) != queue)
		port++;
	return port;
}

/* An igb's table of MSI-X has not so many vectors; an 82576 can do with less. */
static bool joined(u32 queues)
{
	return ixb_device == IXB_82576 && queues > IGB_QUEUES_APART;
}

static u32 most(void)
{
	return ixb_device == IXB_I350 ? IGB_QUEUES_APART : NIC_QUEUES_MAX;
}

/* --- how many ------------------------------------------------------------------------ */

static void test_how_many(void **state)
{
	(void)state;
	ixb_prepare_queues(1024, 2);
	ixb.res.irq = NIC_IRQ_LINE;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_RANGE);
	ixb_finish();
	ixb_prepare(1024);
	ixb.res.queues = 0;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_RANGE);
	ixb.res.queues = 1;
	ixb_finish();
	ixb_attach(1024);
	assert_int_equal(ixb.nic.queues_max, 1);
	assert_int_equal(ixb.nic.queues, 1);
	assert_int_equal(ixb.nic.vectors, 1);
	ixb_finish();
	for (u32 n = 2; n <= most(); n++) {
		attach(n);
		assert_int_equal(ixb.nic.queues_max, most());
		assert_int_equal(ixb.nic.queues, n);
		assert_int_equal(ixb.nic.vectors, joined(n) ? n : 2 * n);
		for (u32 q = 0; q < n; q++)
			assert_int_equal(ixb.res.rx_pool[q]->free_count,
					 1024 - (ADV_RX_RING - 1));
		ixb_finish();
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	ixb_prepare_queues(1024, QUEUES);
	ixb.dma_fail = true;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_NOMEM);
	ixb_finish();
}

/* --- what goes where ------------------------------------------------------------------- */

static void test_spread(void **state)
{
	u32 by_queue[QUEUES] = { 0 };

	(void)state;
	for (u32 i = 0; i < 400; i++) {
		u16 port = (u16)(0xc000 + 37 * i);
		u32 q = queue_of(port);

		by_queue[q]++;
		assert_int_equal(queue_of(port), q);
	}
	for (u32 q = 0; q < QUEUES; q++) {
		assert_in_range(by_queue[q], 60, 140);
		assert_int_equal(ixb.model.by_queue[q], 2 * by_queue[q]);
	}
	assert_int_equal(ixb_stats().rx_frames, 800);
	assert_int_equal(ixb_stats().rx_bytes, 800 * LEN);
}

/* Whatever its ports, what is no whole datagram of UDP: fragments of one stay together, and
 * with all that is for the node itself. */
static void test_the_rest_to_queue_0(void **state)
{
	u8 f[LEN];

	(void)state;
	for (u32 i = 0; i < 50; i++) {
		datagram(f, TCP, (u16)(50000 + i), 0);
		receive(f);
		datagram(f, 1, (u16)(50000 + i), 0);
		receive(f);
		datagram(f, UDP, (u16)(50000 + i), MORE_FRAGMENTS);
		receive(f);
		datagram(f, UDP, (u16)(i * 77), 185);
		receive(f);
		memset(f, 0xff, 6);
		store_be16(f + 12, 0x0806);
		receive(f);
		assert_int_equal(take(0), 5);
	}
	for (u32 q = 1; q < QUEUES; q++)
		assert_int_equal(take(q), 0);
}

/* A queue whose core takes nothing drops its own; the others go on. */
static void flood(u32 queue)
{
	u16 port = port_to(queue);
	u8 f[LEN];

	datagram(f, UDP, port, 0);
	for (u32 i = 0; i < 2 * ADV_RX_RING; i++)
		ixb_receive(f, LEN);
}

static void test_a_full_queue_alone(void **state)
{
	u8 f[LEN];
	u64 missed;

	(void)state;
	flood(2);
	datagram(f, TCP, 1, 0);
	receive(f);
	assert_int_equal(take(0), 1);
	missed = ixb_stats().rx_missed;
	assert_true(missed > ADV_RX_RING);
	assert_int_equal(take(2), 2 * ADV_RX_RING - missed);
	queue_of(port_to(2));
}

static bool without_drop(u64 offset, u32 *value)
{
	for (u32 q = 0; q < QUEUES; q++)
		if (offset == IXGBE_QUEUE(IXGBE_SRRCTL0, q))
			*value &= ~IXGBE_SRRCTL_DROP;
	return true;
}

/* ... which is Drop_En's doing: the model would have the others wait. */
static void test_a_full_queue_holds_up(void **state)
{
	u8 f[LEN];

	(void)state;
	ixb_prepare_queues(1024, QUEUES);
	ixb.on_write = without_drop;
	assert_int_equal(ixb.ops->attach(&ixb.nic, &ixb.res), ERR_OK);
	flood(2);
	datagram(f, TCP, 1, 0);
	assert_false(ixb_receive(f, LEN));
	take(2);
	receive(f);
	assert_int_equal(take(0), 1);
	ixb_finish();
}

/* --- interrupts -------------------------------------------------------------------------- */

static u32 interrupts(void)
{
	u32 sum = 0;

	for (u32 v = 0; v < IXM_VECTORS; v++)
		sum += ixb.interrupts[v];
	return sum;
}

static void test_receive_interrupts(void **state)
{
	u16 port[QUEUES];
	u8 f[LEN];

	(void)state;
	for (u32 q = 0; q < QUEUES; q++)
		port[q] = port_to(q);
	for (u32 q = 0; q < QUEUES; q++) {
		u32 before = interrupts(), mine = ixb.interrupts[q];

		/* What was taken before raises none. */
		ixb.ops->rx_irq(&ixb.nic, q, true);
		assert_int_equal(interrupts(), before);
		/* Frames of others raise none either. */
		datagram(f, UDP, port[(q + 1) % QUEUES], 0);
		receive(f);
		assert_int_equal(interrupts(), before);
		datagram(f, UDP, port[q], 0);
		receive(f);
		assert_int_equal(ixb.interrupts[q], mine + 1);
		assert_int_equal(interrupts(), before + 1);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, q), NIC_EVENT_RX);
		ixb.ops->rx_irq(&ixb.nic, q, false);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, q), 0);
		receive(f);
		assert_int_equal(interrupts(), before + 1);
		/* What is there already raises one. */
		ixb.ops->rx_irq(&ixb.nic, q, true);
		assert_int_equal(ixb.interrupts[q], mine + 2);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, q), NIC_EVENT_RX);
		ixb.ops->rx_irq(&ixb.nic, q, false);
		take(q);
		take((q + 1) % QUEUES);
	}
	assert_int_equal(ixb_stats().irqs, interrupts());
}

static void send(u32 queue, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = ixb_frame(LEN, NULL, 0);

		assert_int_equal(ixb.ops->tx_burst(&ixb.nic, queue, &p, 1), 1);
	}
}

static void test_transmit_interrupts(void **state)
{
	(void)state;
	for (u32 q = 0; q < QUEUES; q++) {
		u32 before = interrupts(), v = QUEUES + q, n;

		send(q, 1);
		assert_int_equal(interrupts(), before);
		ixb.ops->tx_irq(&ixb.nic, q, true);
		n = ixb.interrupts[v];
		assert_true(n);
		assert_int_equal(interrupts(), before + n);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, v), NIC_EVENT_TX);
		send(q, 1);
		assert_int_equal(ixb.interrupts[v], n + 1);
		ixb.ops->tx_irq(&ixb.nic, q, false);
		assert_int_equal(ixb.ops->irq_cause(&ixb.nic, v), 0);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, q), 2);
	}
}

/* The link, what had no place, and the self-test: vector 0. */
static void test_other_interrupts(void **state)
{
	(void)state;
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	ixb.ops->rx_irq(&ixb.nic, 1, true);
	ixb_set_link(false);
	assert_int_equal(ixb.interrupts[0], 1);
	assert_true(ixb.ops->irq_cause(&ixb.nic, 0) & NIC_EVENT_LINK);
	assert_false(ixb.ops->irq_cause(&ixb.nic, 0) & NIC_EVENT_LINK);
	ixb.ops->irq_test(&ixb.nic);
	assert_int_equal(ixb.interrupts[0], 2);
	assert_true(ixb.ops->irq_cause(&ixb.nic, 0) & NIC_EVENT_OTHER);
	assert_int_equal(interrupts(), 2);
	ixb_set_link(true);
	ixb.ops->rx_irq(&ixb.nic, 1, false);
}

/* --- sending ------------------------------------------------------------------------------ */

/* Each queue has contexts of its own in the device. */
static void test_contexts(void **state)
{
	(void)state;
	for (u32 round = 0; round < 2; round++) {
		for (u32 q = 0; q < QUEUES; q++) {
			struct pkt *p = ixb_frame(200, NULL, 0);

			p->flags = PKT_F_NEEDS_CSUM;
			p->csum_start = 34;
			p->csum_offset = 16;
			assert_int_equal(ixb.ops->tx_burst(&ixb.nic, q, &p, 1), 1);
			assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, q), 1);
		}
	}
	assert_int_equal(ixb.model.contexts, QUEUES);
	assert_int_equal(ixb.model.sent, 2 * QUEUES);
	assert_int_equal(ixb_stats().tx_frames, 2 * QUEUES);
}

/* --- trouble -------------------------------------------------------------------------------- */

static void tick(u32 n)
{
	for (u32 i = 0; i < n; i++)
		ixb.ops->tick(&ixb.nic, i);
}

/* Sent long ago, but its core has not looked: that is no hang. */
static void test_an_idle_core(void **state)
{
	(void)state;
	send(2, 3);
	tick(5);
	assert_int_equal(ixb_stats().resets, 0);
	assert_int_equal(asked, 0);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 2), 3);
}

static void test_hang(void **state)
{
	u16 port = port_to(3);
	u8 f[LEN];

	(void)state;
	ixb.ops->rx_irq(&ixb.nic, 3, true);
	ixb.model.hang_tx = true;
	send(2, 5);
	may = false;
	tick(4);
	/* The other cores have not let go yet. */
	assert_true(asked >= 1);
	assert_int_equal(ixb_stats().resets, 0);
	may = true;
	tick(1);
	assert_int_equal(ixb_stats().resets, 1);
	assert_int_equal(ixb_stats().tx_lost, 5);
	assert_int_equal(ixb.done, 5);
	ixb.model.hang_tx = false;
	/* All are back, with their interrupts. */
	for (u32 q = 0; q < QUEUES; q++) {
		send(q, 1);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, q), 1);
		queue_of(port_to(q));
	}
	memset(ixb.interrupts, 0, sizeof(ixb.interrupts));
	datagram(f, UDP, port, 0);
	receive(f);
	assert_int_equal(ixb.interrupts[3], 1);
	take(3);
	tick(5);
	assert_int_equal(ixb_stats().resets, 1);
}

static void test_detach_returns_all(void **state)
{
	u8 f[LEN];

	(void)state;
	datagram(f, UDP, port_to(1), 0);
	receive(f);
	ixb.model.hang_tx = true;
	for (u32 q = 0; q < QUEUES; q++)
		send(q, 3);
	ixb.ops->detach(&ixb.nic);
	assert_int_equal(ixb.done, 3 * QUEUES);
}

/* So many microseconds, as near as the device can. */
static u32 gap_us(u32 vector)
{
	if (ixb_device == IXB_82599)
		return (adv_read(ixb.nic.priv, IXGBE_EITR0 + 4 * vector) >> IXGBE_EITR_SHIFT) *
		       IXGBE_EITR_UNIT_NS / 1000;
	return adv_read(ixb.nic.priv, IGB_EITR0 + 4 * vector) >> IGB_EITR_SHIFT;
}

/* Each for itself, also behind a reset; what was sent comes with a fixed gap. */
static void test_held_apart(void **state)
{
	(void)state;
	ixb.ops->moderate(&ixb.nic, 2, 50000);
	for (u32 turn = 0; turn < 2; turn++) {
		for (u32 v = 0; v < QUEUES; v++)
			assert_in_range(gap_us(v), v == 2 ? 49 : 0, v == 2 ? 50 : 0);
		for (u32 v = QUEUES; v < 2 * QUEUES; v++)
			assert_in_range(gap_us(v), 49, 50);
		ixb.model.hang_tx = true;
		send(0, 1);
		for (u32 i = 0; i < 4; i++)
			ixb.ops->tick(&ixb.nic, 1);
		ixb.model.hang_tx = false;
	}
	ixb.ops->moderate(&ixb.nic, 2, UINT32_MAX);
	assert_in_range(gap_us(2), 1000, 8191);
}

static int run(u16 device)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_no_memory),
		CASE(test_spread),
		CASE(test_the_rest_to_queue_0),
		CASE(test_a_full_queue_alone),
		CASE(test_receive_interrupts),
		CASE(test_transmit_interrupts),
		CASE(test_other_interrupts),
		CASE(test_contexts),
		CASE(test_an_idle_core),
		CASE(test_held_apart),
		CASE(test_hang),
		CASE(test_detach_returns_all),
	};

	ixb_device = device;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest one[] = { cmocka_unit_test(test_a_full_queue_holds_up) };

	return run(IXB_82599) + cmocka_run_group_tests(one, NULL, NULL) + run(IXB_82576) +
	       run(IXB_I350);
}
