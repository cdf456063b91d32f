/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-net NIC driver: against our own device model, and against a device that
 * breaks the rules, by writing into the rings beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/models/vnic_bench.h"

static const struct nic_ops *ops(void)
{
	return vbench.nic.ops;
}

static struct vnic_queue *queue0(void)
{
	return vbench_driver()->queue[0];
}

static struct nic_stats stats(void)
{
	struct nic_stats s;

	ops()->stats(&vbench.nic, &s);
	return s;
}

static int setup_irq(enum nic_irq irq)
{
	vbench.irq = irq;
	vbench_prepare();
	assert_int_equal(vbench_attach(), ERR_OK);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_irq(NIC_IRQ_MSIX);
}

static int setup_line(void **state)
{
	(void)state;
	return setup_irq(NIC_IRQ_LINE);
}

static int teardown(void **state)
{
	(void)state;
	vbench_finish();
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CASE_LINE(name) cmocka_unit_test_setup_teardown(name, setup_line, teardown)

/* Again, with fewer features. */
static void attach_without(u64 hide)
{
	vbench_finish();
	vbench.hide = hide;
	setup_irq(NIC_IRQ_MSIX);
}

/* --- bring-up ---------------------------------------------------------------------- */

static void test_bring_up(void **state)
{
	(void)state;
	assert_string_equal(ops()->name, "virtio-net");
	assert_ptr_equal(nic_driver_find(0x1af4, 0x1000), ops()); /* transitional */
	assert_null(nic_driver_find(0x1af4, 0x1042));
	assert_memory_equal(vbench.nic.mac, vbench_mac, 6);
	assert_int_equal(vbench.nic.max_frame, 14 + VBENCH_MTU);
	assert_int_equal(vbench.nic.caps, NIC_CAP_CSUM);
	assert_true(vbench.net.port.up);
	assert_true(ops()->link(&vbench.nic).up);
	assert_true(ops()->link(&vbench.nic).full_duplex);
	assert_int_equal(vbench.pool.free_count, VBENCH_POOL - VNIC_RING_MAX);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), VNIC_RING_MAX);
	assert_int_equal(vbench.messages, 0);
}

static void expect_attach(err_t want)
{
	vbench_prepare();
	assert_int_equal(vbench_attach(), want);
	vbench_finish();
}

static void test_attach_failures(void **state)
{
	static const u32 caps[] = { VIRTIO_PCI_CAP_COMMON, VIRTIO_PCI_CAP_NOTIFY,
				    VIRTIO_PCI_CAP_ISR, VIRTIO_PCI_CAP_DEVICE };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(caps); i++) {
		vbench.hide_cap = caps[i];
		expect_attach(ERR_INVAL);
	}
	vbench.hide = VIRTIO_F_VERSION_1;
	expect_attach(ERR_IO);
	vbench.hide = VIRTIO_NET_F_MAC;
	expect_attach(ERR_IO);
	vbench.stuck_status = true;
	expect_attach(ERR_TIMEOUT);
	vbench_prepare();
	host_alloc_fail = true;
	assert_int_equal(vbench_attach(), ERR_NOMEM);
	host_alloc_fail = false;
	vbench_finish();
	/* Without it the vectors read back as none. */
	vbench_prepare();
	vbench.vp.pci.msix_count = 0;
	vbench.res.irq = NIC_IRQ_MSIX;
	assert_int_equal(vbench_attach(), ERR_NOTSUP);
	vbench_finish();
}

static void test_fewer_features(void **state)
{
	(void)state;
	attach_without(VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CSUM |
		       VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	assert_int_equal(vbench.nic.max_frame, VNIC_RX_BUF);
	assert_int_equal(vbench.nic.caps, 0);
	attach_without(VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ);
	assert_int_equal(vbench.nic.max_frame, VNIC_MAX_FRAME);
	assert_true(ops()->link(&vbench.nic).up);
}

/* --- transmit ----------------------------------------------------------------------- */

static void check_sent(const u8 *want, u32 len)
{
	struct pkt *p = vbench_sent();
	u8 got[VNIC_MAX_FRAME];

	assert_non_null(p);
	assert_int_equal(p->len, len);
	pkt_copy_out(p, 0, got, len);
	assert_memory_equal(got, want, len);
	pkt_put(p);
	vbench.net.port.ops->notify(&vbench.net.port, true);
}

static void send_and_check(u32 head, const u32 *seg, u32 nseg, u32 pull)
{
	struct pkt *p = vbench_frame(head, seg, nseg);
	u8 want[VNIC_MAX_FRAME];
	u32 len = p->len;

	/* With all of its head room used up there is none for the device's header. */
	p->data -= pull;
	memmove(p->data, p->data + pull, head);
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(vbench_send(p), 1);
	check_sent(want, len);
	ops()->tx_reclaim(&vbench.nic, 0);
}

static void tx_all_shapes(void)
{
	u32 many[PKT_MAX_SEGS];
	u64 next = vbench.next;

	for (u32 len = 14; len <= 1514; len += 50)
		send_and_check(len, NULL, 0, len % 100 ? 0 : PKT_HEADROOM);
	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		many[i] = i % 5 ? 40 * i : 0;
	for (u32 n = 0; n <= PKT_MAX_SEGS; n++) {
		vbench.next = next;
		send_and_check(54, many, n, n % 2 ? PKT_HEADROOM - 11 : 0);
	}
	many[0] = 8900;
	send_and_check(54, many, 1, 0);
	/* Nothing in the header fragment. */
	many[0] = 100;
	send_and_check(0, many, 1, 0);
	send_and_check(0, many, 1, PKT_HEADROOM);
	assert_int_equal(stats().tx_frames, vbench.done);
	assert_int_equal(stats().tx_bad, 0);
}

static void test_tx(void **state)
{
	(void)state;
	tx_all_shapes();
	attach_without(VIRTIO_F_INDIRECT_DESC);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), VNIC_RING_MAX / VNIC_DIRECT);
	tx_all_shapes();
	attach_without(VIRTIO_F_EVENT_IDX);
	tx_all_shapes();
}

static void test_tx_refused(void **state)
{
	static const u32 big[] = { VBENCH_MTU };
	struct pkt *p[5] = { vbench_frame(0, NULL, 0), vbench_frame(60, big, 1),
			     vbench_frame(60, NULL, 0), vbench_frame(60, NULL, 0),
			     vbench_frame(60, NULL, 0) };

	(void)state;
	p[2]->gso_type = PKT_GSO_TCP4;
	p[3]->flags = PKT_F_NEEDS_CSUM;
	p[3]->csum_start = 50;
	p[3]->csum_offset = 9;
	assert_int_equal(ops()->tx_burst(&vbench.nic, 0, p, 5), 5);
	assert_int_equal(stats().tx_bad, 4);
	pkt_put(vbench_sent());
	assert_null(vbench_sent());
}

static void test_tx_csum(void **state)
{
	struct pkt *p = vbench_frame(100, NULL, 0);

	(void)state;
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 34;
	p->csum_offset = 6;
	assert_int_equal(vbench_send(p), 1);
	p = vbench_sent();
	assert_true(p->flags & PKT_F_NEEDS_CSUM);
	assert_int_equal(p->csum_start, 34);
	assert_int_equal(p->csum_offset, 6);
	pkt_put(p);
}

static void test_tx_one_doorbell(void **state)
{
	struct pkt *p[PKT_BURST], *sent;
	u32 reads = vbench.reads, bells = vbench.bells, n = 0;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = vbench_frame(60, NULL, 0);
	assert_int_equal(ops()->tx_burst(&vbench.nic, 0, p, PKT_BURST), PKT_BURST);
	assert_int_equal(vbench.bells, bells + 1);
	/* The device works on it: it needs none. */
	assert_int_equal(vbench_send(vbench_frame(60, NULL, 0)), 1);
	while ((sent = vbench_sent()) != NULL) {
		pkt_put(sent);
		n++;
	}
	assert_int_equal(n, PKT_BURST + 1);
	vbench.net.port.ops->notify(&vbench.net.port, true);
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), PKT_BURST + 1);
	assert_true(vbench.bells <= bells + 2);
	assert_int_equal(vbench.reads, reads);
}

static void test_tx_full_ring(void **state)
{
	u32 room = ops()->tx_room(&vbench.nic, 0), sent = 0;
	struct pkt *p;

	(void)state;
	while (vbench_send(p = vbench_frame(300, NULL, 0)))
		sent++;
	pkt_put(p);
	assert_int_equal(sent, room);
	assert_int_equal(stats().tx_full, 1);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), 0);
	/* One comes back: one goes. */
	pkt_put(vbench_sent());
	vbench.net.port.ops->notify(&vbench.net.port, true);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), 1);
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
}

/* Rounds of five frames with up to so many pieces behind the first. */
static void tx_any_order(u32 pieces)
{
	static const u32 order[] = { 3, 0, 4, 1, 2 };
	static const u32 seg[] = { 10, 20, 30 };
	u64 next = vbench.next;
	struct pkt *p[5];

	assert_true(pieces <= ARRAY_SIZE(seg));
	for (u32 round = 0; round < 400; round++) {
		vbench.next = next;
		for (u32 i = 0; i < 5; i++)
			assert_int_equal(vbench_send(vbench_frame(300 + i, seg,
								  (round + i) % (pieces + 1))), 1);
		for (u32 i = 0; i < 5; i++)
			assert_non_null(p[i] = vbench_sent());
		for (u32 i = 0; i < 5; i++)
			pkt_put(p[order[i]]);
		vbench.net.port.ops->notify(&vbench.net.port, true);
		assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 5);
	}
	assert_int_equal(vbench.done, 5 * 400);
	assert_int_equal(stats().resets, 0);
}

static void test_tx_any_order(void **state)
{
	(void)state;
	tx_any_order(0);
	attach_without(0);
	tx_any_order(3);
	attach_without(VIRTIO_F_INDIRECT_DESC);
	tx_any_order(0);
	attach_without(VIRTIO_F_INDIRECT_DESC);
	tx_any_order(3);
}

/* Chains in the ring itself: as many frames as there is room for one of all pieces. */
static void test_tx_direct(void **state)
{
	static const u32 seg[] = { 10, 20 };
	struct vnic_ring *r;
	u32 sent = 0;
	struct pkt *p;

	(void)state;
	attach_without(VIRTIO_F_INDIRECT_DESC);
	r = &queue0()->tx;
	while (vbench_send(p = vbench_frame(300, seg, sent % 3)))
		sent++;
	pkt_put(p);
	assert_in_range(sent, (VNIC_RING_MAX - VNIC_DIRECT) / 2, VNIC_RING_MAX / 2);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), 0);
	assert_int_equal(stats().tx_full, 1);
	/* A descriptor that is none's first is no chain. */
	assert_int_equal(r->count[0], 1);
	assert_int_equal(r->count[1], 2);
	r->used->ring[0].id = 2;
	r->used->idx = 1;
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 0);
	assert_false(vbench_driver()->running);
	ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().tx_lost, sent);
	assert_int_equal(vbench.done, sent + 1);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), VNIC_RING_MAX / VNIC_DIRECT);
}

/* --- receive ---------------------------------------------------------------------------- */

static void receive_and_check(u32 len, u32 seed)
{
	u8 got[VNIC_MAX_FRAME];
	struct pkt *p = NULL;

	vbench_deliver(len, seed);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, len);
	assert_int_equal(p->head_len, MIN(len, VNIC_RX_BUF));
	assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
	pkt_copy_out(p, 0, got, len);
	for (u32 i = 0; i < len; i++)
		assert_int_equal(got[i], vbench_byte(seed, i));
	pkt_put(p);
}

static void test_rx(void **state)
{
	u32 n = 0;

	(void)state;
	for (u32 len = 14; len <= 14 + VBENCH_MTU; len += 29, n++)
		receive_and_check(len, len);
	assert_int_equal(stats().rx_frames, n);
	attach_without(VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	for (u32 len = 60; len <= 5000; len += 200)
		receive_and_check(len, len);
	attach_without(VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_MTU);
	for (u32 len = 60; len <= 1514; len += 200)
		receive_and_check(len, len);
}

static void test_rx_burst(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads = vbench.reads, bells = vbench.bells, total = 0;

	(void)state;
	for (u32 round = 0; round < 50; round++) {
		u32 n;

		for (u32 i = 0; i < PKT_BURST; i++)
			vbench_deliver(100, total + i);
		n = ops()->rx_burst(&vbench.nic, 0, p, PKT_BURST);
		assert_int_equal(n, PKT_BURST);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(p[i]->data[20], vbench_byte(total + i, 20));
			pkt_put(p[i]);
		}
		total += n;
	}
	assert_true(vbench.bells <= bells + 50);
	assert_int_equal(vbench.reads, reads);
}

static void test_rx_dry(void **state)
{
	struct pkt *held[VBENCH_POOL], *p;
	u32 n = 0;

	(void)state;
	/* All packets are held: nothing comes, nothing breaks. */
	while ((p = pkt_get(&vbench.pool)) != NULL)
		held[n++] = p;
	for (u32 i = 0; i < VNIC_RING_MAX; i++) {
		vbench_deliver(60, i);
		assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &held[n], 1), 1);
		n++;
	}
	vbench_deliver(60, 0);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	assert_true(stats().rx_no_packet > 0);
	while (n)
		pkt_put(held[--n]);
	ops()->tick(&vbench.nic, 0);
	receive_and_check(100, 1);
	assert_int_equal(stats().resets, 0);
}

/* --- interrupts ---------------------------------------------------------------------------- */

static void test_rx_messages(void **state)
{
	struct pkt *p;

	(void)state;
	vbench_deliver(60, 0);
	assert_int_equal(vbench.messages, 0); /* off */
	ops()->rx_irq(&vbench.nic, 0, true);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	pkt_put(p);
	ops()->rx_irq(&vbench.nic, 0, true);
	vbench_deliver(60, 1);
	assert_int_equal(vbench.messages, 1);
	vbench_deliver(60, 2);
	assert_int_equal(vbench.messages, 1); /* one for all until it is asked for anew */
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_RX);
	ops()->rx_irq(&vbench.nic, 0, false);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
		pkt_put(p);
	}
	vbench_deliver(60, 3);
	assert_int_equal(vbench.messages, 1);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	pkt_put(p);
}

static void let_go(u32 n)
{
	for (u32 i = 0; i < n; i++)
		pkt_put(vbench_sent());
	vbench.net.port.ops->notify(&vbench.net.port, true);
}

static void test_tx_messages(void **state)
{
	(void)state;
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	let_go(1);
	assert_int_equal(vbench.messages, 0);
	/* What was sent before is taken at once, and the next interrupts. */
	ops()->tx_irq(&vbench.nic, 0, true);
	assert_int_equal(vbench.done, 1);
	for (u32 i = 1; i < 4; i++) {
		assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
		let_go(1);
		assert_int_equal(vbench.messages, i);
		assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_TX);
		assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 1);
	}
	ops()->tx_irq(&vbench.nic, 0, false);
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	let_go(1);
	assert_int_equal(vbench.messages, 3);
}

static void test_irq_on_demand(void **state)
{
	(void)state;
	ops()->irq_test(&vbench.nic);
	assert_true(vbench.kicks > 0);
	let_go(1);
	assert_int_equal(vbench.messages, 1);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_TX);
}

static void test_link(void **state)
{
	(void)state;
	virtio_net_set_link(&vbench.net, false);
	assert_int_equal(vbench.messages, 1);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_LINK);
	assert_false(ops()->link(&vbench.nic).up);
	virtio_net_set_link(&vbench.net, true);
	ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().link_changes, 2);
}

static void test_line(void **state)
{
	struct pkt *p;

	(void)state;
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), 0);
	ops()->rx_irq(&vbench.nic, 0, true);
	vbench_deliver(60, 0);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_RX);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), 0);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	pkt_put(p);
	virtio_net_set_link(&vbench.net, false);
	assert_int_equal(ops()->irq_cause(&vbench.nic, 0), NIC_EVENT_LINK);
	assert_int_equal(vbench.messages, 0);
}

/* --- a hostile device ------------------------------------------------------------------------ */

static void test_hang(void **state)
{
	struct pkt *p;

	(void)state;
	ops()->rx_irq(&vbench.nic, 0, true);
	ops()->promiscuous(&vbench.nic, true);
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	for (u32 i = 0; i < 4; i++)
		ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, 1);
	assert_int_equal(stats().tx_lost, 10);
	assert_int_equal(vbench.done, 10);
	/* It works again, with the interrupts that were on. */
	vbench_deliver(60, 0);
	assert_int_equal(vbench.messages, 1);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	pkt_put(p);
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	let_go(1);
	for (u32 i = 0; i < 5; i++)
		ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, 1);
}

static void test_device_asks_for_a_reset(void **state)
{
	(void)state;
	virtq_break(&vbench.net.dev.vq[VIRTIO_NET_TX], VIRTQ_BAD_NEXT);
	virtio_dev_check(&vbench.net.dev, VIRTIO_NET_TX);
	ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, 1);
	receive_and_check(100, 2);
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	let_go(1);
}

/* Each of these is said once, costs what was under way, and is over with a reset. */
static void expect_broken(void)
{
	struct pkt *p = vbench_frame(60, NULL, 0);
	u64 resets = stats().resets;

	assert_false(vbench_driver()->running);
	assert_int_equal(vbench_send(p), 0);
	pkt_put(p);
	assert_int_equal(ops()->tx_room(&vbench.nic, 0), 0);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	for (u32 i = 0; i < 70 && stats().resets == resets; i++)
		ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, resets + 1);
	receive_and_check(100, 1);
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	let_go(1);
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 1);
}

/* The device says it is done with this one. */
static void use(struct vnic_ring *r, u32 id, u32 len)
{
	struct vring_used *u = r->used;

	u->ring[r->taken & (r->size - 1)] = (struct vring_used_elem){ id, len };
	u->idx = (u16)(r->taken + 1);
}

static void test_bad_used_rings(void **state)
{
	static const struct {
		u32 id, len;
	} rx[] = { { VNIC_RING_MAX, 100 }, { UINT32_MAX, 100 }, { 0, 0 }, { 0, VNIC_HDR - 1 },
		   { 0, VNIC_HDR + VNIC_RX_BUF + 1 }, { 0, UINT32_MAX } };
	struct vnic_queue *q = queue0();
	struct pkt *p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rx); i++) {
		use(&q->rx, rx[i].id, rx[i].len);
		assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
		expect_broken();
	}
	/* More than it was given. */
	q->rx.used->idx = (u16)(q->rx.taken + VNIC_RING_MAX + 1);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	expect_broken();
	/* Nothing is on its way; then another one than that, and one with a length. */
	use(&q->tx, 0, 0);
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 0);
	expect_broken();
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	use(&q->tx, 5, 0);
	assert_int_equal(ops()->tx_reclaim(&vbench.nic, 0), 0);
	expect_broken();
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	use(&q->tx, (u16)(q->tx.next - 1) & (q->tx.size - 1), 1);
	ops()->tx_reclaim(&vbench.nic, 0);
	expect_broken();
}

/* The first receive buffer, as the device would fill it. */
static struct virtio_net_hdr *header_of(struct vnic_queue *q, u32 slot)
{
	return (struct virtio_net_hdr *)(void *)(q->rx_pkt[slot]->data - VNIC_HDR);
}

static void test_bad_headers(void **state)
{
	static const u16 buffers[] = { 0, VNIC_RING_MAX + 1, UINT16_MAX };
	struct vnic_queue *q = queue0();
	struct pkt *p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(buffers); i++) {
		header_of(q, 0)->num_buffers = buffers[i];
		use(&q->rx, 0, 100);
		assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
		expect_broken();
	}
	/* A buffer in the middle with nothing in it. */
	header_of(q, 0)->num_buffers = 2;
	use(&q->rx, 0, 100);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	use(&q->rx, 1, 0);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	expect_broken();
}

/* Thrown away, and the next one is taken. */
static void test_bad_frames(void **state)
{
	struct vnic_queue *q = queue0();
	struct pkt *p;

	(void)state;
	header_of(q, 0)->num_buffers = 1;
	use(&q->rx, 0, VNIC_HDR);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	*header_of(q, 1) = (struct virtio_net_hdr){ .num_buffers = 1,
						    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 };
	use(&q->rx, 1, 100);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	*header_of(q, 2) = (struct virtio_net_hdr){ .num_buffers = 1,
						    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	use(&q->rx, 2, 100);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	/* Longer than any frame. */
	*header_of(q, 3) = (struct virtio_net_hdr){ .num_buffers = 6 };
	for (u32 i = 3; i < 9; i++) {
		use(&q->rx, i, VNIC_HDR + VNIC_RX_BUF);
		assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	}
	assert_int_equal(stats().rx_errors, 4);
	assert_true(vbench_driver()->running);
	*header_of(q, 10) = (struct virtio_net_hdr){ .num_buffers = 1 };
	use(&q->rx, 10, 100);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 1);
	assert_int_equal(p->len, 100 - VNIC_HDR);
	pkt_put(p);
}

static void test_reset_fails(void **state)
{
	u64 resets;
	struct pkt *p;

	(void)state;
	assert_int_equal(vbench_send(vbench_frame(300, NULL, 0)), 1);
	use(&queue0()->rx, UINT32_MAX, 0);
	assert_int_equal(ops()->rx_burst(&vbench.nic, 0, &p, 1), 0);
	vbench.stuck_status = true;
	for (u32 i = 0; i < 300; i++)
		ops()->tick(&vbench.nic, 0);
	/* Ever more seldom; what the device may touch stays where it is. */
	resets = stats().resets;
	assert_true(resets >= 5 && resets <= 12);
	assert_int_equal(vbench.done, 0);
	vbench.stuck_status = false;
	for (u32 i = 0; i < 66; i++)
		ops()->tick(&vbench.nic, 0);
	assert_int_equal(stats().resets, resets + 1);
	assert_int_equal(vbench.done, 1);
	receive_and_check(100, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bring_up),
		cmocka_unit_test(test_attach_failures),
		CASE(test_fewer_features),
		CASE(test_tx),
		CASE(test_tx_refused),
		CASE(test_tx_csum),
		CASE(test_tx_one_doorbell),
		CASE(test_tx_full_ring),
		CASE(test_tx_any_order),
		CASE(test_tx_direct),
		CASE(test_rx),
		CASE(test_rx_burst),
		CASE(test_rx_dry),
		CASE(test_rx_messages),
		CASE(test_tx_messages),
		CASE(test_irq_on_demand),
		CASE(test_link),
		CASE_LINE(test_line),
		CASE(test_hang),
		CASE(test_device_asks_for_a_reset),
		CASE(test_bad_used_rings),
		CASE(test_bad_headers),
		CASE(test_bad_frames),
		CASE(test_reset_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
