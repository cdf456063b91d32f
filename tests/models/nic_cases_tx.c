/* SPDX-License-Identifier: BSD-2-Clause */
/* What every Ethernet NIC's driver sends, see nic_cases.h. */
#include "tests/models/nic_cases_priv.h"

#define USUAL_FRAME 1518u

void nic_case_tx_all_sizes(void **state)
{
	static u8 want[FRAME_MOST];

	(void)state;
	for (u32 i = 0; i < sizeof(want); i++)
		want[i] = (u8)(0xa0 + i);
	for (u32 len = 1; len <= USUAL_FRAME; len++) {
		assert_int_equal(nic_rig.send(nic_rig.frame(len, NULL, 0)), 1);
		check_wire(0, want, len);
		nic_rig.drop_wire();
		reclaim();
	}
	assert_int_equal(*nic_rig.done, USUAL_FRAME);
	assert_int_equal(nic_rig.stats().tx_frames, USUAL_FRAME);
	assert_int_equal(nic_rig.stats().tx_bytes, USUAL_FRAME * (USUAL_FRAME + 1) / 2);
	for (u32 len = USUAL_FRAME + 1; len <= nic_rig.max_frame; len += 250) {
		u32 seg[] = { len - 100 };
		struct pkt *p = nic_rig.frame(100, seg, 1);

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(nic_rig.send(p), 1);
		check_wire(0, want, len);
		nic_rig.drop_wire();
		reclaim();
	}
}

void nic_case_tx_scatter(void **state)
{
	static const u32 few[] = { 700, 0, 1, 500 };
	u32 many[PKT_MAX_SEGS];
	u8 want[2048];
	struct pkt *p;
	u32 len;

	(void)state;
	p = nic_rig.frame(54, few, ARRAY_SIZE(few));
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(nic_rig.send(p), 1);
	check_wire(0, want, len);

	for (u32 i = 0; i < PKT_MAX_SEGS; i++)
		many[i] = i + 1;
	p = nic_rig.frame(1, many, PKT_MAX_SEGS);
	len = p->len;
	pkt_copy_out(p, 0, want, len);
	assert_int_equal(nic_rig.send(p), 1);
	check_wire(1, want, len);

	/* Nothing in the header fragment, pieces of no length, padded. */
	memset(many, 0, sizeof(many));
	many[3] = 14;
	p = nic_rig.frame(0, many, PKT_MAX_SEGS);
	pkt_copy_out(p, 0, want, 14);
	assert_int_equal(nic_rig.send(p), 1);
	check_wire(2, want, 14);
	assert_int_equal(reclaim(), 3);
	assert_int_equal(*nic_rig.done, 3);
}

void nic_case_tx_refused(void **state)
{
	const u32 big[] = { nic_rig.max_frame - 59 };
	struct pkt *p[3] = { nic_rig.frame(0, NULL, 0), nic_rig.frame(60, big, 1),
			     nic_rig.frame(60, NULL, 0) };

	(void)state;
	assert_int_equal(burst_out(p, 3), 3);
	assert_int_equal(wire_count(), 1);
	assert_int_equal(nic_rig.stats().tx_bad, 2);
	assert_int_equal(*nic_rig.done, 3);
}

void nic_case_tx_one_doorbell(void **state)
{
	struct pkt *p[PKT_BURST];
	u32 reads;

	(void)state;
	for (u32 i = 0; i < PKT_BURST; i++)
		p[i] = nic_rig.frame(100 + i, NULL, 0);
	reads = *nic_rig.reads;
	*nic_rig.tdt_writes = 0;
	assert_int_equal(burst_out(p, PKT_BURST), PKT_BURST);
	assert_int_equal(*nic_rig.tdt_writes, 1);
	assert_int_equal(reclaim(), PKT_BURST);
	assert_int_equal(*nic_rig.reads, reads);
	assert_int_equal(wire_count(), PKT_BURST);
}

void nic_case_tx_full_ring(void **state)
{
	u32 sent = 1, room;

	(void)state;
	*nic_rig.hang_tx = true;
	room = room_now();
	assert_true(room >= PKT_BURST);
	/* One frame under way shows. */
	assert_int_equal(nic_rig.send(nic_rig.frame(100, NULL, 0)), 1);
	assert_int_equal(room_now(), room - 1);
	for (;;) {
		struct pkt *p = nic_rig.frame(100, NULL, 0);

		if (!nic_rig.send(p)) {
			pkt_put(p);
			break;
		}
		/* It was promised this much. */
		sent++;
		if (nic_rig.pool->free_count == 0)
			break;
	}
	assert_true(sent >= room);
	*nic_rig.done = 0;
	/* Frame by frame, in order. */
	nic_rig.run_tx(1);
	assert_int_equal(reclaim(), 1);
	assert_int_equal(*nic_rig.done, 1);
	*nic_rig.hang_tx = false;
	nic_rig.run_tx(UINT32_MAX);
	assert_int_equal(reclaim(), sent - 1);
	assert_int_equal(room_now(), room);
}

void nic_case_tx_room_is_kept(void **state)
{
	static const u32 seg[PKT_MAX_SEGS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1,
					       1, 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 room;

	(void)state;
	*nic_rig.hang_tx = true;
	room = room_now();
	for (u32 i = 0; i < room; i++)
		assert_int_equal(nic_rig.send(nic_rig.frame(1, seg, PKT_MAX_SEGS)), 1);
	assert_int_equal(nic_rig.stats().tx_full, 0);
	for (u32 i = 0; i < room; i++) {
		struct pkt *p = nic_rig.frame(1, seg, PKT_MAX_SEGS);

		if (!nic_rig.send(p)) {
			pkt_put(p);
			break;
		}
	}
	assert_true(nic_rig.stats().tx_full > 0);
	assert_int_equal(room_now(), 0);
	nic_rig.run_tx(UINT32_MAX);
}

void nic_case_tx_wraps(void **state)
{
	static const u32 seg[] = { 40, 900 };
	u8 want[1100];

	(void)state;
	for (u32 i = 0; i < 3 * nic_rig.tx_ring; i++) {
		struct pkt *p = nic_rig.frame(20 + i % 90, seg, 1 + i % 2);
		u32 len = p->len;

		pkt_copy_out(p, 0, want, len);
		assert_int_equal(nic_rig.send(p), 1);
		check_wire(0, want, len);
		nic_rig.drop_wire();
	}
	reclaim();
	assert_int_equal(*nic_rig.done, 3 * nic_rig.tx_ring);
}

/* --- on their way back ------------------------------------------------------------ */

#define MANY 4096u

/* A frame: how many descriptors there are up to its end, and whether somebody waits. */
static struct {
	u32 end;
	bool told;
} frames[MANY];

/* A frame of random kind as the nth, behind so many descriptors. */
static struct pkt *make_frame(u32 n, u32 descs)
{
	static const u32 seg[] = { 100, 200, 300 };
	u32 nseg = rand() % 3 ? 0 : 1 + (u32)rand() % ARRAY_SIZE(seg);
	u32 len = 60 + (u32)rand() % 100;
	struct pkt *p;

	frames[n].told = nseg || rand() % 4 == 0;
	frames[n].end = descs + 1 + nseg;
	if (frames[n].told)
		return nic_rig.frame(len, seg, nseg);
	p = pkt_get(nic_rig.pool);
	assert_non_null(p);
	p->head_len = p->len = len;
	return p;
}

/* The first n frames are the driver's; the device is done with so many descriptors, and n_back
 * frames came back: those that somebody waits for at once, in order, others not too early. */
static void check_back(u32 n, u32 done, u32 n_back)
{
	u32 told = 0, others = 0;

	for (u32 i = 0; i < n && frames[i].end <= done; i++) {
		told += frames[i].told;
		others += !frames[i].told;
	}
	assert_int_equal(*nic_rig.done, told);
	assert_true(n_back - told <= others);
	if (n && frames[n - 1].end == done)
		assert_int_equal(n_back, n);
}

void nic_case_tx_comes_back(void **state)
{
	u32 packets = nic_rig.pool->free_count, n = 0, descs = 0, done = 0;

	(void)state;
	srand(1);
	*nic_rig.hang_tx = true;
	while (n + PKT_BURST <= MANY) {
		u32 burst = 1 + (u32)rand() % PKT_BURST, came = (u32)rand() % 40;
		u32 room = room_now();
		struct pkt *p[PKT_BURST];

		burst = MIN(burst, room);
		for (u32 i = 0; i < burst; i++) {
			p[i] = make_frame(n + i, descs);
			descs = frames[n + i].end;
		}
		assert_int_equal(burst_out(p, burst), burst);
		n += burst;
		/* Sometimes it catches up. */
		came = rand() % 4 ? MIN(came, descs - done) : descs - done;
		nic_rig.run_tx(came);
		nic_rig.drop_wire();
		done += came;
		reclaim();
		check_back(n, done, n - (packets - nic_rig.pool->free_count));
	}
	nic_rig.run_tx(UINT32_MAX);
	nic_rig.drop_wire();
	reclaim();
	check_back(n, descs, n - (packets - nic_rig.pool->free_count));
	assert_int_equal(nic_rig.stats().tx_frames, n);
	*nic_rig.hang_tx = false;
}
