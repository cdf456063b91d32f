/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest can say about its frames: any header bytes, any offload fields,
 * in any pieces, towards a port that takes some of it. What gso_check() lets
 * pass must be cut into segments that hold the payload once, in order.
 *
 * Input: struct claim, then the frame; what the claim says is missing is zero.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/gso.h"

#define POOL 48
#define FRAME_MAX 66000

struct claim {
	u8 gso_type;
	u8 flags;
	u8 caps;     /* of the port */
	u8 pieces;   /* that the frame is in */
	u8 gso_size[2], csum_start[2], csum_offset[2];
	u8 len[2];   /* of the frame, 0 .. 65535 */
	u8 head[2];  /* of these in the header fragment */
	u8 caps_max[2];
};

static struct pkt_pool pool;
static struct fake_port from, to;
static u8 frame[FRAME_MAX], out[FRAME_MAX], want[FRAME_MAX];

static struct pkt *build(const struct claim *c)
{
	u32 len = load_le16(c->len), at = MIN(load_le16(c->head) % 512u, len);
	u32 pieces = 1 + c->pieces % PKT_MAX_SEGS, step = (len - at) / pieces + 1;
	struct pkt *p = pkt_get(&pool);

	memcpy(p->data, frame, at);
	p->head_len = at;
	p->len = at;
	for (; at < len; at += step)
		ASSERT(!pkt_add_seg(p, frame + at, (bus_t){ at }, MIN(step, len - at), NULL));
	p->gso_type = c->gso_type % PKT_GSO_COUNT;
	p->flags = c->flags & (PKT_F_NEEDS_CSUM | PKT_F_CSUM_GOOD);
	p->gso_size = load_le16(c->gso_size);
	p->csum_start = load_le16(c->csum_start);
	p->csum_offset = load_le16(c->csum_offset);
	return p;
}

/* Cut by hand: the payload comes out once and in order. */
static void cut(struct pkt *p)
{
	struct gso_cut g;
	struct pkt *q;
	u32 at = p->payload_start, n = 0;

	ASSERT(p->payload_start <= p->head_len && p->gso_size >= GSO_SIZE_MIN);
	gso_cut_begin(&g, p);
	while (gso_cut_next(&g, &pool, &q, 1)) {
		u32 part = q->len - p->payload_start;

		ASSERT(part > 0 && part <= p->gso_size && !pkt_is_offloaded(q));
		pkt_copy_out(q, p->payload_start, out, part);
		ASSERT(at + part <= p->len);
		pkt_copy_out(p, at, want, part);
		ASSERT(!memcmp(out, want, part));
		at += part;
		n++;
		pkt_put(q);
	}
	ASSERT(at == p->len && n == pkt_wire_frames(p));
}

static void by_hand(const struct claim *c)
{
	struct pkt *p = build(c), *tail = NULL;

	if (pkt_is_offloaded(p) && !gso_check(p)) {
		if (p->gso_type != PKT_GSO_NONE) {
			cut(p);
			ASSERT(!gso_split_tail(&pool, p, &tail));
			cut(p);
		} else if (p->flags & PKT_F_NEEDS_CSUM) {
			gso_checksum(p);
		}
	}
	pkt_put(p);
	pkt_put(tail);
	ASSERT(pool.free_count == POOL);
}

/* The core and a port that puts what it gets. */
static void put_all(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		ASSERT(!pkt_is_offloaded(pkts[i]) || pkt_wire_len(pkts[i]) <= port->caps_max);
		port->count.tx_frames++;
		port->count.tx_segments += pkt_wire_frames(pkts[i]);
		pkt_put(pkts[i]);
	}
}

static void through_the_core(const struct claim *c)
{
	static const struct vnet_port_ops ops = { .deliver = put_all };
	struct vnet_audit sum;
	struct pkt *p = build(c);

	to.port.ops = &ops;
	to.port.caps = c->caps;
	to.port.caps_max = load_le16(c->caps_max);
	vnet_input(&from.port, &p, 1);
	vnet_audit(&sum);
	ASSERT(sum.balanced && pool.free_count == POOL);
}

static void no_kick(unsigned core)
{
	(void)core;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct claim c;

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	memset(frame, 0, sizeof(frame));
	memcpy(frame, data + sizeof(c), MIN(size - sizeof(c), sizeof(frame)));
	host_core = 0;
	fake_pool_init(&pool, "pool", 0, POOL);
	by_hand(&c);
	ASSERT(!vnet_init(1, 1, no_kick));
	fake_port_add(&from, "from", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&to, "to", VNET_PORT_INTERFACE, 2, 0);
	from.port.any_source = true;
	to.port.mtu = 9000;
	to.port.pool = &pool;
	fake_route(0, &to, NULL);
	through_the_core(&c);
	vnet_port_del(&from.port, true);
	vnet_port_del(&to.port, true);
	vnet_fini();
	fake_pool_fini(&pool);
	return 0;
}
