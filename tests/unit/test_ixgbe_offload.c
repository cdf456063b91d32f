/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation and checksums of the ixgbe driver: the model does what the datasheet
 * says with descriptors and headers, and what comes out is compared with segments that
 * are built here from scratch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/ixgbe.h"
#include "tests/models/ixgbe_bench.h"
#include "tests/unit/tso_flow.h"

/* --- frames --------------------------------------------------------------------- */

/* The flow's frame as the stack hands it down: the prefix is that of each
 * segment, the inner headers those of the whole. seg[] holds w->payload -
 * w->copied bytes. */
static struct pkt *make_tso(const struct flow *w, const u32 *seg, u32 nseg)
{
	u32 head = payload_at(w) + w->copied;
	struct pkt *p = ixb_frame(head, seg, nseg);
	u8 segment[512];

	assert_int_equal(p->len, payload_at(w) + w->payload);
	put_headers(w, p->data, 0, 0, w->payload, FLAGS_PSH_FIN);
	put_headers(w, segment, 0, 0, w->mss, FLAGS_PSH_FIN);
	memcpy(p->data, segment, l3_at(w));
	p->gso_type = w->v6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4;
	p->gso_size = (u16)w->mss;
	p->gso_segs = (u16)((w->payload + w->mss - 1) / w->mss);
	p->l3_start = (u16)l3_at(w);
	p->csum_start = (u16)l4_at(w);
	p->csum_offset = 16;
	p->payload_start = (u16)payload_at(w);
	p->flags |= PKT_F_NEEDS_CSUM;
	return p;
}

static struct pkt *make_tso_simple(const struct flow *w)
{
	u32 seg[] = { w->payload - w->copied };

	return make_tso(w, seg, 1);
}

/* What is on the wire from `at` on are the segments of this flow with this
 * payload. Returns their number. */
static u32 check_segments(const struct flow *w, const u8 *payload, u32 at)
{
	static u8 want[IXGBE_MAX_FRAME];
	u32 n = 0;

	for (u32 off = 0; off < w->payload; off += w->mss, n++) {
		const struct ixb_frame *f = &ixb.wire[at + n];
		u32 len = MIN(w->mss, w->payload - off);
		u32 total = payload_at(w) + len;
		bool last = off + len == w->payload;
		u8 *tcp = want + l4_at(w);

		assert_true(at + n < ixb.wire_count);
		put_headers(w, want, n, off, len, last ? FLAGS_PSH_FIN : FLAGS_MIDDLE);
		memcpy(want + payload_at(w), payload + off, len);
		store_be16(tcp + 16, ref_csum(tcp, total - l4_at(w)));
		assert_int_equal(f->len, MAX(total, 60u));
		assert_memory_equal(f->data, want, total);
	}
	return n;
}

static void send_and_check(const struct flow *w, const u32 *seg, u32 nseg)
{
	static u8 payload[65536];
	struct nic_stats before = ixb_stats();
	struct pkt *p = make_tso(w, seg, nseg);
	u32 n;

	pkt_copy_out(p, p->payload_start, payload, w->payload);
	ixb_drop_wire();
	assert_int_equal(ixb_send(p), 1);
	n = check_segments(w, payload, 0);
	assert_int_equal(ixb.wire_count, n);
	assert_int_equal(ixb_stats().tx_frames, before.tx_frames + n);
	assert_int_equal(ixb_stats().tx_bytes,
			 before.tx_bytes + n * payload_at(w) + w->payload);
	assert_int_equal(ixb_stats().tx_bad, before.tx_bad);
}

static void send_and_check_simple(const struct flow *w)
{
	u32 seg[] = { w->payload - w->copied };

	send_and_check(w, seg, 1);
}

/* Cuts what is behind the header fragment into at most PKT_MAX_SEGS pieces. */
static u32 random_pieces(const struct flow *w, u32 *seg)
{
	u32 left = w->payload - w->copied;
	u32 n = 1 + rnd(PKT_MAX_SEGS);

	for (u32 i = 0; i + 1 < n; i++) {
		seg[i] = rnd(2) ? rnd(left + 1) : MIN(left, 4096u);
		left -= seg[i];
	}
	seg[n - 1] = left;
	return n;
}

static struct flow random_flow(void)
{
	struct flow w = {
		.outer = rnd(3),
		.v6 = rnd(2),
		.tcp_options = 4 * rnd(11),
		.mss = 1 + rnd(rnd(2) ? 1300 : 100),
		.id = (u16)rnd(65536),
		.seq = rnd(1u << 24) << 8,
	};
	u32 most;

	w.outer |= w.v6;
	w.ip_options = w.v6 ? 0 : 4 * rnd(11);
	most = MIN(ADV_MAX_PAYLOAD, w.mss * 1000);
	w.payload = 1 + rnd(most);
	if (w.outer)
		w.payload = MAX(w.payload / w.mss, 1u) * w.mss;
	w.copied = rnd(MIN(w.payload, 100u) + 1);
	return w;
}

/* --- segmentation ---------------------------------------------------------------- */

static void test_segments(void **state)
{
	(void)state;
	send_and_check_simple(&plain4);
	send_and_check_simple(&tunnel4);
	send_and_check_simple(&tunnel6);
}

static void test_segments_random(void **state)
{
	u32 seg[PKT_MAX_SEGS];

	(void)state;
	for (u32 i = 0; i < 1500; i++) {
		struct flow w = random_flow();

		send_and_check(&w, seg, random_pieces(&w, seg));
		if (rnd(3) == 0)
			assert_int_equal(ixb_send(ixb_frame(60 + rnd(100), NULL, 0)), 1);
	}
	/* Without a payload that a descriptor cannot hold or a frame of one segment
	 * this would have tested little. */
	assert_true(ixb_stats().tx_frames > 10000);
}

static void test_segment_sizes(void **state)
{
	struct flow w = tunnel4;

	(void)state;
	/* The largest frame there is, and segments as long as frames may be. */
	w.mss = IXGBE_MAX_FRAME - payload_at(&w);
	w.payload = ADV_MAX_PAYLOAD / w.mss * w.mss;
	send_and_check_simple(&w);
	/* One segment, full or not; one byte. */
	w.payload = w.mss;
	send_and_check_simple(&w);
	w = plain4;
	w.payload = 999;
	send_and_check_simple(&w);
	w.payload = 1;
	send_and_check_simple(&w);
	w.mss = 1;
	w.payload = 70;
	send_and_check_simple(&w);
	w.mss = 1460;
	w.payload = ADV_MAX_PAYLOAD;
	send_and_check_simple(&w);
	/* All of it in the header fragment. */
	w.payload = w.copied = 500;
	w.mss = 200;
	send_and_check(&w, NULL, 0);
}

static void refuse(struct pkt *p)
{
	u64 bad = ixb_stats().tx_bad;
	u32 done = ixb.done, wire = ixb.wire_count;

	assert_int_equal(ixb_send(p), 1);
	assert_int_equal(ixb_stats().tx_bad, bad + 1);
	assert_int_equal(ixb.done, done + 1);
	assert_int_equal(ixb.wire_count, wire);
}

/* A good frame with one field wrong. */
#define REFUSED(flow, change)                        \
	do {                                         \
		struct pkt *p = make_tso_simple(flow); \
							\
		change;                              \
		refuse(p);                           \
	} while (0)

static void test_segments_refused(void **state)
{
	struct flow w = tunnel4;

	(void)state;
	REFUSED(&tunnel4, p->gso_type = PKT_GSO_UDP4);
	REFUSED(&tunnel4, p->gso_type = PKT_GSO_TCP6);
	REFUSED(&tunnel4, p->gso_size = 0);
	REFUSED(&tunnel4, p->gso_size--);
	REFUSED(&tunnel4, p->gso_segs = 0);
	REFUSED(&tunnel4, p->gso_segs--);
	REFUSED(&tunnel4, p->gso_segs++);
	REFUSED(&tunnel4, p->gso_segs = 0xffff);
	REFUSED(&tunnel4, (p->gso_size = (u16)(IXGBE_MAX_FRAME - p->payload_start + 1),
			   p->len = p->payload_start + 7u * p->gso_size));
	REFUSED(&tunnel4, p->payload_start = (u16)(p->head_len + 1));
	REFUSED(&tunnel4, p->payload_start = (u16)(p->csum_start + 19));
	REFUSED(&tunnel4, p->csum_start++);
	REFUSED(&tunnel4, p->l3_start = p->csum_start);
	REFUSED(&tunnel4, p->l3_start = 0xffff);
	REFUSED(&tunnel4, p->csum_start = 0xfffe);
	REFUSED(&tunnel4, p->payload_start = 0xffff);
	REFUSED(&tunnel4, p->data[p->l3_start] = 0x4f);
	REFUSED(&tunnel4, p->len = p->payload_start);
	REFUSED(&tunnel6, p->gso_type = PKT_GSO_TCP4);
	REFUSED(&tunnel6, p->l3_start--);
	/* MACLEN has 7 bits, and is not less than an Ethernet header. */
	REFUSED(&tunnel4, (p->data[128] = 0x45, p->l3_start = 128, p->csum_start = 148,
			   p->payload_start = 180));
	REFUSED(&plain4, (p->data[13] = 0x45, p->l3_start = 13, p->csum_start = 33));
	/* IPv6 needs no outer packet here. */
	w = tunnel6;
	w.outer = false;
	w.payload = 3999;
	send_and_check_simple(&w);
	/* The longest headers there are: 56 + 60 + 60 bytes. */
	w = tunnel4;
	w.ip_options = 40;
	w.tcp_options = 40;
	w.mss = 1000;
	w.payload = 10000;
	send_and_check_simple(&w);
	REFUSED(&w, (p->payload_start = 300, p->head_len = 400));
	w = plain4;
	w.payload = ADV_MAX_PAYLOAD + 1;
	REFUSED(&w, );
	send_and_check_simple(&tunnel4);
}

/* --- checksums ------------------------------------------------------------------- */

/* A small frame of the flow, whose checksum is missing. */
static struct pkt *make_csum(const struct flow *w)
{
	struct pkt *p = make_tso_simple(w);

	put_headers(w, p->data, 0, 0, w->payload, FLAGS_PSH_FIN);
	p->gso_type = PKT_GSO_NONE;
	return p;
}

static void csum_and_check(const struct flow *w)
{
	static u8 want[IXGBE_MAX_FRAME];
	u8 *tcp = want + l4_at(w);
	struct pkt *p = make_csum(w);
	const struct ixb_frame *f = ixb.wire;

	pkt_copy_out(p, 0, want, p->len);
	store_be16(tcp + 16, ref_csum(tcp, p->len - l4_at(w)));
	ixb_drop_wire();
	assert_int_equal(ixb_send(p), 1);
	assert_int_equal(ixb.wire_count, 1);
	assert_int_equal(f->len, MAX(p->len, 60u));
	assert_memory_equal(f->data, want, p->len);
}

static void test_csum(void **state)
{
	struct flow a = { .mss = 1, .payload = 100, .copied = 30 };
	struct flow b = { .mss = 1, .payload = 1301, .copied = 0, .outer = true, .v6 = true };
	u32 contexts;

	(void)state;
	csum_and_check(&a);
	a.payload = a.copied = 1; /* padded */
	csum_and_check(&a);
	a.payload = 500;
	contexts = ixb.model.contexts;
	csum_and_check(&a);
	/* The device has it already ... */
	assert_int_equal(ixb.model.contexts, contexts);
	csum_and_check(&b);
	assert_int_equal(ixb.model.contexts, contexts + 1);
	csum_and_check(&a);
	assert_int_equal(ixb.model.contexts, contexts + 2);
	/* ... and a frame that wants none is none of its business. */
	assert_int_equal(ixb_send(ixb_frame(100, NULL, 0)), 1);
	csum_and_check(&a);
	assert_int_equal(ixb.model.contexts, contexts + 2);
	/* The segments' context is another one. */
	send_and_check_simple(&tunnel4);
	csum_and_check(&a);
	assert_int_equal(ixb.model.contexts, contexts + 3);
	send_and_check_simple(&tunnel4);
	assert_int_equal(ixb.model.contexts, contexts + 3);
	/* None keeps it over a reset. */
	ixb.model.hang_tx = true;
	assert_int_equal(ixb_send(make_csum(&a)), 1);
	for (u32 i = 0; i < 3; i++)
		ixb.ops->tick(&ixb.nic, 1);
	assert_int_equal(ixb_stats().resets, 1);
	ixb.model.hang_tx = false;
	csum_and_check(&a);
}

static void test_csum_udp(void **state)
{
	struct pkt *p = ixb_frame(60, NULL, 0);
	u8 want[60];

	(void)state;
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 34;
	p->csum_offset = 6;
	memcpy(want, p->data, sizeof(want));
	store_be16(want + 40, ref_csum(want + 34, 26));
	assert_int_equal(ixb_send(p), 1);
	assert_memory_equal(ixb.wire[0].data, want, sizeof(want));
	/* A sum of zero goes out as all ones. */
	p = ixb_frame(60, NULL, 0);
	memset(p->data, 0, 60);
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 34;
	p->csum_offset = 6;
	store_be16(p->data + 50, 0xffff);
	assert_int_equal(ixb_send(p), 1);
	assert_int_equal(load_be16(ixb.wire[1].data + 40), 0xffff);
}

/* Neither TCP's place nor UDP's: in software, over pieces of odd lengths. */
static void test_csum_elsewhere(void **state)
{
	static const u32 seg[] = { 33, 1, 0, 400, 7 };
	u8 want[600];

	(void)state;
	for (u32 offset = 0; offset < 60; offset++) {
		struct pkt *p = ixb_frame(101, seg, ARRAY_SIZE(seg));
		u32 contexts = ixb.model.contexts, len = p->len;

		p->flags = PKT_F_NEEDS_CSUM;
		p->csum_start = 35;
		p->csum_offset = (u16)offset;
		pkt_copy_out(p, 0, want, len);
		store_be16(want + 35 + offset, ref_csum(want + 35, len - 35));
		assert_int_equal(ixb_send(p), 1);
		assert_int_equal(ixb.wire[0].len, len);
		assert_memory_equal(ixb.wire[0].data, want, len);
		assert_true(offset == 6 || offset == 16 || ixb.model.contexts == contexts);
		ixb_drop_wire();
		ixb.ops->tx_reclaim(&ixb.nic, 0);
	}
}

static void test_csum_refused(void **state)
{
	struct pkt *p;

	(void)state;
	for (u32 start = 0; start < 65536; start += start < 400 ? 1 : 997) {
		bool good = start + 18 <= NIC_OFFLOAD_HEADER;

		p = ixb_frame(300, NULL, 0);
		p->flags = PKT_F_NEEDS_CSUM;
		p->csum_start = (u16)start;
		p->csum_offset = 16;
		if (!good) {
			refuse(p);
		} else {
			u16 want = ref_csum(p->data + start, 300 - start);

			assert_int_equal(ixb_send(p), 1);
			assert_int_equal(load_be16(ixb.wire[0].data + start + 16), want);
		}
		ixb_drop_wire();
		ixb.ops->tx_reclaim(&ixb.nic, 0);
	}
	p = ixb_frame(71, NULL, 0);
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 54;
	p->csum_offset = 16;
	refuse(p);
}

/* --- the ring -------------------------------------------------------------------- */

/* Frames of the most descriptors there can be. */
static struct pkt *make_longest(void)
{
	struct flow w = plain4;
	u32 seg[PKT_MAX_SEGS];

	w.mss = 1400;
	w.payload = ADV_MAX_PAYLOAD / w.mss * w.mss;
	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		seg[i] = 1;
	seg[3] = w.payload - (PKT_MAX_SEGS - 1);
	return make_tso(&w, seg, PKT_MAX_SEGS);
}

static void test_room(void **state)
{
	u32 room, sent = 0;

	(void)state;
	ixb.model.hang_tx = true;
	room = ixb.ops->tx_room(&ixb.nic, 0);
	assert_true(room >= PKT_BURST);
	for (; sent < room; sent++)
		assert_int_equal(ixb_send(make_longest()), 1);
	assert_int_equal(ixb_stats().tx_full, 0);
	for (;; sent++) {
		struct pkt *p = make_longest();

		if (!ixb_send(p)) {
			pkt_put(p);
			break;
		}
	}
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), 0);
	ixb.done = 0;
	ixb_drop_wire();
	ixgbe_model_run_tx(&ixb.model, UINT32_MAX);
	assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), sent);
	assert_int_equal(ixb.done, sent);
	assert_int_equal(ixb.wire_count, sent * (ADV_MAX_PAYLOAD / 1400));
	assert_int_equal(ixb.ops->tx_room(&ixb.nic, 0), room);
}

/* One descriptor at a time: a frame comes back when its last one is done. */
static void test_done_in_order(void **state)
{
	u32 seg[] = { 9000, 4980 };
	struct flow w = tunnel4;

	(void)state;
	w.copied = 0;
	ixb.model.hang_tx = true;
	for (u32 i = 0; i < 3 * ADV_TX_RING; i++) {
		u32 descs = i ? 4 : 5;

		/* Once the context, header, 8192 + 808, 4980. */
		assert_int_equal(ixb_send(make_tso(&w, seg, 2)), 1);
		assert_int_equal(ixb_send(ixb_frame(64, NULL, 0)), 1);
		ixb.done = 0;
		ixgbe_model_run_tx(&ixb.model, descs - 1);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), 0);
		ixgbe_model_run_tx(&ixb.model, 1);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), 1);
		assert_int_equal(ixb.done, 1);
		ixgbe_model_run_tx(&ixb.model, 1);
		assert_int_equal(ixb.ops->tx_reclaim(&ixb.nic, 0), 1);
		assert_int_equal(ixb.wire_count, 11);
		ixb_drop_wire();
	}
	/* A large frame that is slow is no hang; its interrupt comes at its end. */
	assert_int_equal(ixb_send(make_tso(&w, seg, 2)), 1);
	ixb.ops->irq_cause(&ixb.nic, 0);
	ixb.ops->tx_irq(&ixb.nic, 0, true);
	ixgbe_model_run_tx(&ixb.model, 3);
	assert_false(ixb.model.irq_line);
	ixgbe_model_run_tx(&ixb.model, 1);
	assert_true(ixb.model.irq_line);
}

static void test_ends_inside_frames(void **state)
{
	(void)state;
	ixb.model.hang_tx = true;
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(ixb_send(make_longest()), 1);
	ixgbe_model_run_tx(&ixb.model, 40);
	for (u32 i = 0; i < 4; i++)
		ixb.ops->tick(&ixb.nic, 1);
	assert_int_equal(ixb_stats().resets, 1);
	assert_int_equal(ixb_stats().tx_lost, 4);
	assert_int_equal(ixb.done, 5);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(ixb_send(make_longest()), 1);
	ixgbe_model_run_tx(&ixb.model, 40);
	ixb.ops->detach(&ixb.nic);
	assert_int_equal(ixb.done, 10);
	assert_int_equal(ixb.pool.free_count, ixb.pool.count);
}

static void test_caps(void **state)
{
	(void)state;
	assert_int_equal(ixb.nic.caps, NIC_CAP_TSO | NIC_CAP_CSUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IXB_CASE(test_caps),
		IXB_CASE(test_segments),
		IXB_CASE(test_segments_random),
		IXB_CASE(test_segment_sizes),
		IXB_CASE(test_segments_refused),
		IXB_CASE(test_csum),
		IXB_CASE(test_csum_udp),
		IXB_CASE(test_csum_elsewhere),
		IXB_CASE(test_csum_refused),
		IXB_CASE(test_room),
		IXB_CASE(test_done_in_order),
		IXB_CASE(test_ends_inside_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
