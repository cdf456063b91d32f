/* SPDX-License-Identifier: BSD-2-Clause */
/* A port that keeps what it is given, and small frames, for tests of vnet/. */
#ifndef TESTS_HOST_VNET_FAKE_H
#define TESTS_HOST_VNET_FAKE_H

#include "hv/base/pkt.h"
#include "vnet/route.h"
#include "vnet/vnet.h"

#define FAKE_KEEP 1024
#define FAKE_BUF 2048

struct fake_port {
	struct vnet_port port;
	struct pkt *got[FAKE_KEEP];
	u32 n;
	u32 delivers, flushes;		/* calls */
	struct pkt *to_send[FAKE_KEEP]; /* collect() gives these */
	u32 nsend;
	bool was_told_gone;
};

/* Zeroes f and registers it, up; dies when that fails. The MAC is mac(tag). */
void fake_port_add(struct fake_port *f, const char *name, enum vnet_port_kind kind, u8 tag,
		   u32 core);
/* The same in another overlay than the default one. */
void fake_port_add_overlay(struct fake_port *f, const char *name, enum vnet_port_kind kind, u8 tag,
			   u32 core, u32 overlay);
/* Put what it got; as the pool's owner core or another. Returns how many. */
u32 fake_port_clear(struct fake_port *f);

/* 02:00:00:00:00:tag, and for tags from 0xf0 up 33:33:00:00:00:tag; 0xff: broadcast. */
const u8 *fake_mac(u8 tag);

/* A frame of len bytes from the pool, its payload counting up from its MACs. */
struct pkt *fake_frame(struct pkt_pool *pool, u8 dst, u8 src, u32 len);

/* A pool on libc's heap. */
void fake_pool_init(struct pkt_pool *pool, const char *name, u32 core, u32 count);
void fake_pool_fini(struct pkt_pool *pool);

/* route_lookup() as a set: bit n is port n, which must be below 63; or the
 * verdict itself when it is a drop. */
u64 fake_lookup(const struct route_key *k);
/* The same of a verdict that is not VERDICT_MANY. */
u64 fake_ports(u64 verdict);

/* Add a route that must be accepted. NULL for `from`: ROUTE_FROM_ANY. dst 0:
 * any, else exact; sources are any. Returns its id. */
u32 fake_route(u8 dst, const struct fake_port *to, const struct vnet_port *from);

#endif
