/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver gives back of the frames that it took, whatever they are and however far the
 * device is: those that somebody waits for at once, in order, the others not too early, and
 * all of them in the end. For drivers on their models, whose transmitter stands still.
 */
#ifndef TESTS_UNIT_SENT_CASES_H
#define TESTS_UNIT_SENT_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drivers/nic/nic.h"

struct sent_bed {
	struct nic *nic;
	struct pkt_pool *pool;
	/* Frames that tell of their end, and how many did. */
	struct pkt *(*frame)(u32 head, const u32 *seg, u32 nseg);
	const u32 *done;
	void (*run)(u32 descs); /* the device goes on by so many descriptors */
};

#define SENT_FRAMES 4096u

/* A frame: how many descriptors there are up to its end, and whether somebody waits. */
struct sent_frame {
	u32 end;
	bool told;
};

static struct sent_frame sent_frames[SENT_FRAMES];

/* A frame of random kind, noted as the next one. */
static struct pkt *sent_make(const struct sent_bed *bed, u32 n, u32 descs)
{
	static const u32 seg[] = { 100, 200, 300 };
	u32 nseg = rand() % 3 ? 0 : 1 + (u32)rand() % 3;
	struct pkt *p;

	if (nseg || rand() % 4 == 0) {
		p = bed->frame(60 + (u32)rand() % 100, seg, nseg);
		sent_frames[n].told = true;
	} else {
		p = pkt_get(bed->pool);
		assert_non_null(p);
		p->head_len = p->len = 60 + (u32)rand() % 100;
		sent_frames[n].told = false;
	}
	sent_frames[n].end = descs + 1 + nseg;
	return p;
}

static inline void sent_comes_back(const struct sent_bed *bed)
{
	u32 frames = 0, descs = 0, at = 0, told_before = *bed->done;
	u32 packets = bed->pool->free_count;
	u64 counted;
	struct nic_stats s;

	bed->nic->ops->stats(bed->nic, &s);
	counted = s.tx_frames;
	srand(1);
	while (frames + PKT_BURST <= SENT_FRAMES) {
		u32 room = bed->nic->ops->tx_room(bed->nic, 0), n = 1 + (u32)rand() % PKT_BURST;
		u32 told = 0, others = 0, came = (u32)rand() % 40, back;
		struct pkt *p[PKT_BURST];

		n = MIN(n, room);
		for (u32 i = 0; i < n; i++) {
			p[i] = sent_make(bed, frames + i, descs);
			descs = sent_frames[frames + i].end;
		}
		assert_int_equal(bed->nic->ops->tx_burst(bed->nic, 0, p, n), n);
		frames += n;
		/* Sometimes it catches up. */
		came = rand() % 4 ? MIN(came, descs - at) : descs - at;
		bed->run(came);
		at += came;
		bed->nic->ops->tx_reclaim(bed->nic, 0);
		back = frames - (packets - bed->pool->free_count);
		for (u32 i = 0; i < frames && sent_frames[i].end <= at; i++) {
			told += sent_frames[i].told;
			others += !sent_frames[i].told;
		}
		assert_int_equal(*bed->done - told_before, told);
		assert_true(back - told <= others);
		if (at == descs)
			assert_int_equal(back, frames);
	}
	bed->run(UINT32_MAX);
	bed->nic->ops->tx_reclaim(bed->nic, 0);
	assert_int_equal(bed->pool->free_count, packets);
	bed->nic->ops->stats(bed->nic, &s);
	assert_int_equal(s.tx_frames - counted, frames);
}

#endif
