/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the nodes of benchmarks (world.c, path_node.c) have in common below their edges:
 * packets, headers, a neighbour, where edges send to. Set-up, none of which is timed.
 */
#ifndef TESTS_BENCH_UNDERLAY_H
#define TESTS_BENCH_UNDERLAY_H

#include "hv/base/pkt.h"
#include "vnet/link.h"
#include "vnet/net/net.h"

/* Die, saying what, unless it is so. */
void bench_must(bool ok, const char *what);

/* Packets on large pages, as the hypervisor maps all memory; bus addresses are pointers.
 * The memory is the caller's to free(). */
void *bench_pool_up(struct pkt_pool *pool, u32 packets, u32 buf);

/* An IPv4 header with its checksum, of a UDP packet of len bytes; a UDP header of a
 * datagram of len bytes, without. */
void bench_write_ip(u8 *ip, u32 src, u32 dst, u32 len);
void bench_write_udp(u8 *udp, u16 sport, u16 dport, u32 len);

/* The neighbour asks for the network's own address by ARP, in a packet of the pool, so
 * that its own is known. */
void bench_meet(struct netif *nif, struct pkt_pool *pool, const u8 *mac, u32 ip);

/* open and close of a struct link_tx, for the stack's UDP. */
err_t bench_dst_open(void *ctx, struct link_dst *dst);
void bench_dst_close(void *ctx, struct link_dst *dst);

#endif
