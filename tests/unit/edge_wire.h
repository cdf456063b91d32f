/* SPDX-License-Identifier: BSD-2-Clause */
/* A sender for edges that keeps what it is given. */
#ifndef TESTS_UNIT_EDGE_WIRE_H
#define TESTS_UNIT_EDGE_WIRE_H

#include "vnet/edge.h"

#define POOL 256

static struct {
	struct pkt *got[POOL];
	struct link_dst *dst[POOL];
	u32 n, flushes, room, mtu, links, moves;
	u32 taken; /* of the room */
	u32 lose; /* so many of each send have no next hop */
	bool fail_open;
} wire;

static err_t wire_open(void *ctx, struct link_dst *dst)
{
	assert_ptr_equal(ctx, &wire);
	if (wire.fail_open)
		return ERR_NOMEM;
	dst->priv = &wire;
	wire.links++;
	return ERR_OK;
}

static void wire_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	assert_ptr_equal(dst->priv, &wire);
	wire.links--;
}

static void wire_moved(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	assert_ptr_equal(dst->priv, &wire);
	wire.moves++;
}

static u32 wire_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	(void)ctx;
	wire.taken += n;
	for (u32 i = 0; i < n; i++) {
		if (i < wire.lose) {
			pkt_put(pkts[i]);
			continue;
		}
		wire.dst[wire.n] = dst;
		wire.got[wire.n++] = pkts[i];
	}
	return n - wire.lose;
}

static void wire_flush(void *ctx)
{
	(void)ctx;
	wire.flushes++;
}

static u32 wire_room(void *ctx)
{
	(void)ctx;
	return wire.room - MIN(wire.room, wire.taken);
}

static u32 wire_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return wire.mtu;
}

static const struct link_tx wire_tx = {
	.open = wire_open,
	.close = wire_close,
	.moved = wire_moved,
	.send = wire_send,
	.flush = wire_flush,
	.room = wire_room,
	.path_mtu = wire_mtu,
};

#endif
