/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of vnet/net share: a netif whose NIC is an array of sent
 * frames, and builders for frames to feed it.
 *
 *     peer 10.0.0.2 ---- 10.0.0.1/24 netif        gateway 10.0.0.254
 */
#ifndef TESTS_UNIT_NET_HARNESS_H
#define TESTS_UNIT_NET_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "vnet/net/checksum.h"
#include "vnet/net/net.h"
#include "vnet/net/wire.h"

#define IP4(a, b, c, d) ((u32)(a) << 24 | (u32)(b) << 16 | (u32)(c) << 8 | (u32)(d))
#define OWN IP4(10, 0, 0, 1)
#define PEER IP4(10, 0, 0, 2)
#define GATEWAY IP4(10, 0, 0, 254)
#define FAR IP4(192, 168, 7, 7)
#define MASK IP4(255, 255, 255, 0)
#define MS 1000000ull
#define SEC 1000000000ull

#ifndef NET_POOL
#define NET_POOL 512u
#endif
#define NET_BUF (PKT_HEADROOM + 2048u)
#define SENT_MAX 4096u

static const u8 own_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const u8 peer_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };
static const u8 gw_mac[6] = { 0x52, 0x54, 0, 0, 0, 0xfe };
static const u8 all_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct sent {
	u32 len;
	u8 data[2048];
};

static struct netif nif;
static struct pkt_pool rx_pool, hdr_pool;
static void *rx_mem, *hdr_mem;
static struct sent sent[SENT_MAX];
static u32 sent_count;
static u32 tx_bursts;
static u32 tx_limit; /* what the NIC takes in one burst */

static inline u32 net_tx(void *ctx, struct pkt **pkts, u32 n)
{
	u32 take = MIN(n, tx_limit);

	(void)ctx;
	tx_bursts++;
	for (u32 i = 0; i < take; i++) {
		struct sent *s = &sent[sent_count++ % SENT_MAX];

		assert_true(pkts[i]->len <= sizeof(s->data));
		s->len = pkts[i]->len;
		pkt_copy_out(pkts[i], 0, s->data, s->len);
		pkt_put(pkts[i]);
	}
	return take;
}

static inline u32 net_tx_room(void *ctx)
{
	(void)ctx;
	return tx_limit;
}

static inline void pool_make(struct pkt_pool *pool, void **mem, const char *name)
{
	size_t bytes = (pkt_pool_bytes(NET_POOL, NET_BUF) + 63) & ~(size_t)63;

	*mem = aligned_alloc(64, bytes);
	pkt_pool_init(pool, name, 0, NET_POOL, NET_BUF, *mem, (bus_t){ (u64)(uintptr_t)*mem });
}

static inline void net_forget_sent(void)
{
	sent_count = 0;
	tx_bursts = 0;
}

/* With `custom` for what a test needs to be told; no address yet. */
static inline void net_up_bare(const struct netif_setup *custom)
{
	struct netif_setup s = { 0 };

	if (custom)
		s = *custom;
	s.name = "uplink0";
	memcpy(s.mac, own_mac, 6);
	s.mtu = s.mtu ? s.mtu : 1500;
	s.tx = net_tx;
	s.tx_room = net_tx_room;
	s.pool = &hdr_pool;
	s.frag_packets = s.frag_packets ? s.frag_packets : NET_POOL / 4;
	s.seed = 1;
	pool_make(&rx_pool, &rx_mem, "rx");
	pool_make(&hdr_pool, &hdr_mem, "headers");
	host_now_ns = 1000 * SEC;
	tx_limit = UINT32_MAX;
	net_forget_sent();
	assert_int_equal(netif_init(&nif, &s), ERR_OK);
}

static inline void net_up(void)
{
	net_up_bare(NULL);
	assert_int_equal(netif_set_address(&nif, OWN, MASK, GATEWAY), ERR_OK);
	net_forget_sent();
}

static inline u32 net_frags_held(void)
{
	return nif.frag.held;
}

/* Every frame that came in is accounted for. */
static inline void net_check_sum(void)
{
	const struct netif_counters *c = &nif.count;
	u64 sum = c->rx_udp + c->rx_control + c->rx_joined + net_frags_held();

	for (u32 i = 0; i < NET_DROP_IN_COUNT; i++)
		sum += c->drop[i];
	assert_int_equal(sum, c->rx_frames);
}

/* Ends the test: everything came back. */
static inline void net_down(void)
{
	net_check_sum();
	netif_fini(&nif);
	assert_int_equal(rx_pool.free_count, NET_POOL);
	assert_int_equal(hdr_pool.free_count, NET_POOL);
	free(rx_mem);
	free(hdr_mem);
}

static inline int net_setup(void **state)
{
	(void)state;
	net_up();
	return 0;
}

static inline int net_teardown(void **state)
{
	(void)state;
	net_down();
	return 0;
}

static inline void net_feed(const void *frame, u32 len)
{
	struct pkt *p = pkt_get(&rx_pool);

	assert_non_null(p);
	memcpy(p->data, frame, len);
	p->head_len = len;
	p->len = len;
	netif_input(&nif, &p, 1);
}

/* --- builders: each returns the length of the whole frame ------------------ */

static inline u32 put_eth(u8 *f, const u8 *dst, const u8 *src, u16 type)
{
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	store_be16(f + 12, type);
	return 14;
}

static inline u32 make_arp(u8 *f, const u8 *dst, u16 op, const u8 *sha, u32 spa, const u8 *tha,
			   u32 tpa)
{
	u8 *a = f + put_eth(f, dst, sha, ETH_TYPE_ARP);

	memset(a, 0, 46);
	store_be16(a + ARP_HTYPE, 1);
	store_be16(a + ARP_PTYPE, ETH_TYPE_IPV4);
	a[ARP_HLEN] = 6;
	a[ARP_PLEN] = 4;
	store_be16(a + ARP_OP, op);
	memcpy(a + ARP_SHA, sha, 6);
	store_be32(a + ARP_SPA, spa);
	memcpy(a + ARP_THA, tha, 6);
	store_be32(a + ARP_TPA, tpa);
	return 60;
}

struct ip_spec {
	u32 src, dst;
	u8 proto, ttl, tos;
	u16 id, frag; /* as in the header */
	u32 options;  /* bytes of no-op options */
};

static inline void ip_fix_csum(u8 *ip)
{
	u32 hlen = (ip[0] & 15u) * 4;

	store_be16(ip + IP_CSUM, 0);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, hlen)));
}

static inline u32 make_ip(u8 *f, const struct ip_spec *s, const void *payload, u32 len)
{
	u8 *ip = f + put_eth(f, own_mac, peer_mac, ETH_TYPE_IPV4);
	u32 hlen = 20 + s->options;

	memset(ip, 1, hlen);
	ip[IP_VER_IHL] = (u8)(0x40 | hlen / 4);
	ip[IP_TOS] = s->tos;
	store_be16(ip + IP_TOTAL, (u16)(hlen + len));
	store_be16(ip + IP_ID, s->id);
	store_be16(ip + IP_FRAG, s->frag);
	ip[IP_TTL] = s->ttl ? s->ttl : 64;
	ip[IP_PROTO] = s->proto;
	store_be32(ip + IP_SRC, s->src);
	store_be32(ip + IP_DST, s->dst);
	ip_fix_csum(ip);
	memcpy(ip + hlen, payload, len);
	return 14 + hlen + len;
}

/* A UDP header and data into d; csum: fill in the checksum. */
static inline u32 make_udp(u8 *d, u32 src, u32 dst, u16 sport, u16 dport, const void *data,
			   u32 len, bool csum)
{
	u16 c;

	store_be16(d + UDP_SPORT, sport);
	store_be16(d + UDP_DPORT, dport);
	store_be16(d + UDP_LEN, (u16)(len + 8));
	store_be16(d + UDP_CSUM, 0);
	memcpy(d + 8, data, len);
	if (csum) {
		c = csum_finish(csum_add(csum_add_pseudo(0, src, dst, 17, len + 8), d, len + 8));
		csum_store(d + UDP_CSUM, c ? c : 0xffff);
	}
	return len + 8;
}

/* The peer answers ARP requests for ip; the table knows it afterwards. */
static inline void net_know(u32 ip, const u8 *mac)
{
	u8 f[64];

	net_feed(f, make_arp(f, own_mac, ARP_OP_REQUEST, mac, ip, own_mac, OWN));
	net_forget_sent();
}

static inline u64 drops(enum net_drop reason)
{
	return nif.count.drop[reason];
}

static inline u64 drops_total(void)
{
	u64 n = 0;

	for (u32 i = 0; i < NET_DROP_COUNT; i++)
		n += nif.count.drop[i];
	return n;
}

#define NET_CASE(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)

#endif
