/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ixgbe driver, or the igb driver, with a device that misbehaves: frames both ways, offload
 * fields of any value, faults that come and go, and descriptors that are written back with any
 * length and status. The input is a list of records {u8 what, u8 a, u16 b}; with an odd
 * byte at its end there are two queues, of which the upper bit of `what` names one, and with
 * two bytes more it is an 82576. Whatever happens, the driver breaks no rule of the device, and
 * in the end everything is back.
 */
#include <string.h>

#include "drivers/nic/ixgbe.h"
#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/models/ixgbe_bench.h"

#define RECORD 4u
#define RECORDS_MAX 400u
#define POOL 900u

enum {
	OP_RX,
	OP_RX_BAD,
	OP_POLL,
	OP_TX,
	OP_TX_OFFLOAD,
	OP_TICK,
	OP_IRQ,
	OP_FAULT,
	OP_LINK,
	OP_GARBAGE,
	OP_RUN,
	OP_FILTER,
	OPS,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u8 frame[IXM_FRAME_MAX];
static u32 made;
static u32 queue; /* that the record is for */

static void rx(u8 a, u16 b)
{
	u32 len = 14 + b % (IXM_FRAME_MAX - 14);

	memcpy(frame, ixb_mac, 6);
	frame[20] = a;
	if (ixb.nic.queues > 1)
		memcpy(frame + 12, (const u8[]){ 0x08, 0x00, 0x45 }, 3);
	frame[23] = 17; /* UDP, from a port that spreads */
	store_be16(frame + 34, b);
	ixb_receive(frame, len);
}

static void poll(u8 a)
{
	struct pkt *got[PKT_BURST];
	u32 n = ixb.ops->rx_burst(&ixb.nic, queue, got, 1 + a % PKT_BURST);

	for (u32 i = 0; i < n; i++) {
		ASSERT(got[i]->len > 0 && got[i]->len <= ixb.nic.max_frame);
		pkt_put(got[i]);
	}
}

static void tx(u8 a, u16 b, bool offload)
{
	u32 head = a, seg[PKT_MAX_SEGS], nseg = b % (PKT_MAX_SEGS + 1);
	struct pkt *p;

	if (ixb.pool.free_count == 0)
		return;
	for (u32 i = 0; i < nseg; i++)
		seg[i] = (b * (i + 1) * 7u) % (offload ? 4000 : 900);
	p = ixb_frame(head, seg, nseg);
	if (offload) {
		memset(p->data + 12, 0, 2);
		p->data[14] = (u8)((a & 2 ? 0x40 : 0x60) | (b & 0xf));
		p->flags = a & 1 ? PKT_F_NEEDS_CSUM : 0;
		p->gso_type = b % 4;
		p->l3_start = 14;
		p->csum_start = (u16)(b & 0x100 ? 34 : 14 + (b & 0xf) * 4);
		p->csum_offset = b & 0x200 ? 16 : a % 20;
		p->payload_start = (u16)(p->csum_start + (b & 0x400 ? 20 : a % 64));
		p->gso_size = (u16)(1 + b % 1500);
		p->gso_segs = p->len > p->payload_start ?
				      (u16)((p->len - p->payload_start + p->gso_size - 1) /
					    p->gso_size) :
				      b;
		/* What stands there says how long TCP's header is. */
		if (p->csum_start + 13u < PKT_HEADROOM)
			p->data[p->csum_start + 12] =
				(u8)((p->payload_start - p->csum_start) / 4 << 4);
		if ((p->payload_start - p->csum_start) % 4)
			p->gso_type = PKT_GSO_NONE;
	}
	/* What the driver does not take comes back as well, at once. */
	made++;
	if (!ixb.ops->tx_burst(&ixb.nic, queue, &p, 1))
		pkt_put(p);
}

static void fault(u8 a, bool on)
{
	bool *switches[] = { &ixb.model.hang_tx,     &ixb.model.hang_master,
			     &ixb.model.stuck_reset, &ixb.model.stuck_queue,
			     &ixb.model.stuck_dma,   &ixb.model.stuck_eeprom,
			     &ixb.model.fw_swesmbi,  &ixb.model.no_irq };

	*switches[a % ARRAY_SIZE(switches)] = on;
}

/* The device writes back what it likes, into a descriptor that it owns. */
static void garbage(u8 a, u16 b)
{
	const struct adv *x = ixb.nic.priv;
	struct adv_queue *q = x->queue[queue];

	if (!x->running || q->rx_next == q->rx_tail)
		return;
	q->rx[q->rx_next].done = (struct adv_rx_done){
		.info = b,
		.rss = b * 3u,
		.status = a | (b & 0x8000 ? q->rx_error : 0),
		.length = b,
	};
	/* Its own head goes on, else it would complain of what it wrote. */
	if (ixb.model.rx[queue].head == q->rx_next && ixb.model.rx[queue].on)
		ixb.model.rx[queue].head = (q->rx_next + 1) % ADV_RX_RING;
}

static void one(u8 what, u8 a, u16 b)
{
	queue = (u32)(what >> 7) % ixb.nic.queues;
	switch (what % OPS) {
	case OP_RX:
		rx(a, b);
		break;
	case OP_RX_BAD:
		ixb_receive_bad(frame, 1 + b % 9000);
		break;
	case OP_POLL:
		poll(a);
		break;
	case OP_TX:
	case OP_TX_OFFLOAD:
		tx(a, b, what % OPS == OP_TX_OFFLOAD);
		break;
	case OP_TICK:
		host_now_ns += 1000000000u;
		ixb.ops->tick(&ixb.nic, host_now_ns);
		/* Each core looks now and then. */
		for (u32 q = 1; q < ixb.nic.queues; q++)
			ixb.ops->tx_reclaim(&ixb.nic, q);
		break;
	case OP_IRQ:
		ixb.ops->rx_irq(&ixb.nic, queue, a & 1);
		ixb.ops->tx_irq(&ixb.nic, queue, a & 2);
		ixb.ops->irq_cause(&ixb.nic, (u32)(a >> 2) % ixb.nic.vectors);
		break;
	case OP_FAULT:
		fault(a, b & 1);
		break;
	case OP_LINK:
		ixb_set_link(a & 1);
		ixb.ops->link(&ixb.nic);
		break;
	case OP_GARBAGE:
		garbage(a, b);
		break;
	case OP_RUN:
		ixb_run_tx(b);
		break;
	default:
		ixb.ops->promiscuous(&ixb.nic, a & 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nic_stats s;

	ixb_device = size % RECORD / 2 ? IXB_82576 : IXB_82599;
	ixb_prepare_queues(POOL, 1 + size % RECORD % 2);
	ASSERT(!ixb.ops->attach(&ixb.nic, &ixb.res));
	ixb_begin();
	/* What the device sends after garbage in its ring may be any; its own rules about
	 * what it was given hold all the same. */
	for (u32 i = 0; i < RECORDS_MAX && size >= RECORD; i++, data += RECORD, size -= RECORD) {
		one(data[0], data[1], load_le16(data + 2));
		ixb_drop_wire();
	}
	for (u32 i = 0; i < 8; i++)
		fault((u8)i, false);
	/* A device that works again: by its next attempt the driver does, too. */
	for (u32 i = 0; i < 70; i++)
		one(OP_TICK, 0, 0);
	ixb_run_tx(UINT32_MAX);
	s = ixb_stats();
	for (u32 q = 0; q < ixb.nic.queues; q++)
		ASSERT(ixb.ops->tx_room(&ixb.nic, q) > 0);
	ASSERT(ixb.done == made);
	ASSERT(s.tx_bad + s.tx_lost <= made);
	made = 0;
	ixb_finish();
	return 0;
}
