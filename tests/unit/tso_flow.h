/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A large TCP frame, alone or in UDP over IPv4, and the headers of its segments, built
 * from scratch by the RFCs: what a NIC that cuts it must put on the wire.
 */
#ifndef TESTS_UNIT_TSO_FLOW_H
#define TESTS_UNIT_TSO_FLOW_H

#include <string.h>

#include "hv/base/bytes.h"

#define ETH 14u
#define OUTER (ETH + 20u + 8u) /* in front of the inner Ethernet header */
#define FLAGS_PSH_FIN 0x19u    /* and ACK */
#define FLAGS_MIDDLE 0x10u

/* A large TCP frame. */
struct flow {
	bool v6;
	bool outer;	/* in UDP over IPv4 */
	u32 ip_options; /* IPv4 only */
	u32 tcp_options;
	u32 mss, payload;
	u32 copied; /* payload bytes in the header fragment */
	u16 id;
	u32 seq;
};

static const struct flow plain4 = { .mss = 1000, .payload = 2500, .id = 0xfffe, .seq = 7 };
static const struct flow tunnel4 = {
	.outer = true, .tcp_options = 12, .mss = 1398, .payload = 10 * 1398, .copied = 20,
	.id = 100, .seq = 0xffffff00,
};
static const struct flow tunnel6 = {
	.v6 = true, .outer = true, .mss = 1000, .payload = 4000, .copied = 3, .seq = 5,
};

/* The id of the packet around IPv6 segments grows with them: nic.h leaves it to the NIC. */
static bool outer_counts;

static u32 rnd_state = 1;

static u32 rnd(u32 below)
{
	rnd_state = rnd_state * 1103515245u + 12345u;
	return (rnd_state >> 8) % below;
}

static u16 ref_sum(u32 sum, const u8 *p, u32 len)
{
	for (u32 i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (u32)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* What the device inserts: never zero, which in UDP says that there is none. */
static u16 ref_csum(const u8 *p, u32 len)
{
	u16 sum = (u16)~ref_sum(0, p, len);

	return sum ? sum : 0xffff;
}

/* --- headers by the RFCs -------------------------------------------------------- */

static void put_eth(u8 *f, u16 type)
{
	memset(f, 0x02, 12);
	store_be16(f + 12, type);
}

/* f: the header; len: of the whole packet. */
static void put_ip4(u8 *f, u32 header, u32 len, u16 id, u8 proto)
{
	memset(f, 1, header); /* options: no operation */
	f[0] = (u8)(0x40 | header / 4);
	f[1] = 0;
	store_be16(f + 2, (u16)len);
	store_be16(f + 4, id);
	store_be16(f + 6, 0x4000);
	f[8] = 64;
	f[9] = proto;
	store_be16(f + 10, 0);
	store_be32(f + 12, 0x0a00fff1);
	store_be32(f + 16, 0xc0a8fe02);
	store_be16(f + 10, (u16)~ref_sum(0, f, header));
}

static void put_ip6(u8 *f, u32 len)
{
	store_be32(f, 0x60012345);
	store_be16(f + 4, (u16)(len - 40));
	f[6] = 6;
	f[7] = 64;
	for (u32 i = 8; i < 40; i++)
		f[i] = (u8)(0xf0 + i);
}

static u32 l3_at(const struct flow *w)
{
	return (w->outer ? OUTER : 0) + ETH;
}

static u32 l4_at(const struct flow *w)
{
	return l3_at(w) + (w->v6 ? 40 : 20 + w->ip_options);
}

static u32 payload_at(const struct flow *w)
{
	return l4_at(w) + 20 + w->tcp_options;
}

static u16 pseudo(const struct flow *w, const u8 *f, u32 len)
{
	const u8 *ip = f + l3_at(w);

	return w->v6 ? ref_sum(6 + len, ip + 8, 32) : ref_sum(6 + len, ip + 12, 8);
}

/* The headers of n payload bytes at `off` of the flow's; the n-th segment when
 * it is one. TCP's checksum is the pseudo header's sum. */
static void put_headers(const struct flow *w, u8 *f, u32 n, u32 off, u32 len, u8 flags)
{
	u32 l3 = l3_at(w), l4 = l4_at(w), total = payload_at(w) + len;
	u8 *tcp = f + l4;

	if (w->outer) {
		put_eth(f, 0x0800);
		put_ip4(f + ETH, 20, total - ETH,
			(u16)(0x4321 + (w->v6 && outer_counts ? n : 0)), 17);
		store_be16(f + ETH + 20, 9001);
		store_be16(f + ETH + 22, 9000);
		store_be16(f + ETH + 24, (u16)(total - ETH - 20));
		store_be16(f + ETH + 26, 0);
	}
	put_eth(f + l3 - ETH, w->v6 ? 0x86dd : 0x0800);
	if (w->v6)
		put_ip6(f + l3, total - l3);
	else
		put_ip4(f + l3, l4 - l3, total - l3, (u16)(w->id + n), 6);
	memset(tcp, 1, 20 + w->tcp_options);
	store_be32(tcp + 4, w->seq + off);
	tcp[12] = (u8)((20 + w->tcp_options) / 4 << 4);
	tcp[13] = flags;
	store_be16(tcp + 16, pseudo(w, f, total - l4));
}

#endif
