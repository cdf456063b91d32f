/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host stack under whatever comes from the wire. The input is a list of
 * records {u8 what, u8 argument, u16 length (little-endian), bytes}: frames to
 * receive (as they are, or with addresses and checksums put right so that they
 * get further), time that passes, datagrams to send. Afterwards every frame
 * must be accounted for and every packet back in its pool.
 */
#include <stdlib.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tests/host/plat_host.h"
#include "vnet/net/checksum.h"
#include "vnet/net/net.h"
#include "vnet/net/wire.h"

#define POOL 128u
#define BUF (PKT_HEADROOM + 2048u)
#define RECORD_HEAD 4u
#define LINK_PORT 9000u
#define OWN 0x0a000001u
#define MASK 0xffffff00u
#define GATEWAY 0x0a0000feu
#define MS 1000000ull

enum what {
	FEED_RAW,
	FEED_FIXED,
	PASS_TIME, /* argument: milliseconds */
	SEND,	   /* argument: last byte of the address */
	DHCP,	   /* on or off */
	WHATS,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const u8 own_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static struct netif nif;
static struct pkt_pool rx_pool, hdr_pool;
static void *mem[2];

static u32 tx(void *ctx, struct pkt **pkts, u32 n)
{
	(void)ctx;
	for (u32 i = 0; i < n; i++) {
		u8 byte;

		ASSERT(pkts[i]->len >= ETH_HLEN && pkts[i]->len <= ETH_HLEN + 1500u);
		pkt_copy_out(pkts[i], pkts[i]->len - 1, &byte, 1);
		pkt_put(pkts[i]);
	}
	return n;
}

static u32 tx_room(void *ctx)
{
	(void)ctx;
	return UINT32_MAX;
}

/* A link: looks at all bytes, sends every other datagram back. */
static void on_udp(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	struct udp_dst back = { .addr = run->src, .sport = LINK_PORT, .dport = LINK_PORT };
	u8 sum = 0, b;

	(void)ctx;
	for (u32 i = 0; i < n; i++) {
		for (u32 j = 0; j < pkts[i]->len; j++) {
			pkt_copy_out(pkts[i], j, &b, 1);
			sum = (u8)(sum + b);
		}
	}
	if (sum & 1) {
		udp_send_burst(&nif, &back, pkts, n);
		return;
	}
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
}

static void pools_make(void)
{
	struct pkt_pool *pool[2] = { &rx_pool, &hdr_pool };

	for (u32 i = 0; i < 2; i++) {
		size_t bytes = (pkt_pool_bytes(POOL, BUF) + 63) & ~(size_t)63;

		if (!mem[i])
			mem[i] = aligned_alloc(64, bytes);
		pkt_pool_init(pool[i], "fuzz", 0, POOL, BUF, mem[i], (bus_t){ 0 });
	}
}

/* Make it ours, as far as one can without knowing what it is. */
static void put_right(u8 *f, u32 len)
{
	u8 *ip = f + ETH_HLEN, *l4;
	u32 hlen, l4_len;

	if (len < ETH_HLEN + IP_HLEN)
		return;
	memcpy(f, own_mac, sizeof(own_mac));
	if (load_be16(f + ETH_TYPE) == ETH_TYPE_ARP)
		return;
	store_be16(f + ETH_TYPE, ETH_TYPE_IPV4);
	hlen = (ip[0] & 15u) * 4;
	if (hlen < IP_HLEN || hlen > len - ETH_HLEN)
		hlen = IP_HLEN;
	ip[0] = (u8)(0x40 | hlen / 4);
	store_be16(ip + IP_TOTAL, (u16)(len - ETH_HLEN));
	if (load_be32(ip + IP_DST) != IP_BROADCAST)
		store_be32(ip + IP_DST, nif.addr);
	store_be16(ip + IP_CSUM, 0);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, hlen)));
	l4 = ip + hlen;
	l4_len = len - ETH_HLEN - hlen;
	if (ip[IP_PROTO] == IP_PROTO_ICMP && l4_len >= ICMP_HLEN) {
		store_be16(l4 + ICMP_CSUM, 0);
		csum_store(l4 + ICMP_CSUM, csum_finish(csum_add(0, l4, l4_len)));
	} else if (ip[IP_PROTO] == IP_PROTO_UDP && l4_len >= UDP_HLEN) {
		store_be16(l4 + UDP_CSUM, 0);
	}
}

static void feed(const u8 *data, u32 len, bool fix)
{
	struct pkt *p = pkt_get(&rx_pool);

	if (!p)
		return;
	len = MIN(len, 2048u);
	memcpy(p->data, data, len);
	p->head_len = len;
	p->len = len;
	if (fix)
		put_right(p->data, len);
	netif_input(&nif, &p, 1);
}

static void send(u8 host, const u8 *data, u32 len)
{
	struct udp_dst d = { .addr = OWN - 1 + host, .sport = 1, .dport = LINK_PORT, .ttl = 64,
			     .flags = host & 1 ? UDP_DST_CSUM : 0 };
	static u8 page[2048];
	struct pkt *p = pkt_get(&hdr_pool);

	if (!p)
		return;
	len = MIN(len, (u32)sizeof(page));
	memcpy(page, data, len);
	for (u32 i = 0; i < 1u + host % 8; i++)
		pkt_add_seg(p, page, (bus_t){ 0 }, len, NULL);
	udp_send_burst(&nif, &d, &p, 1);
}

static void record(u8 what, u8 arg, const u8 *data, u32 len)
{
	switch (what % WHATS) {
	case FEED_RAW:
		feed(data, len, false);
		break;
	case FEED_FIXED:
		feed(data, len, true);
		break;
	case PASS_TIME:
		host_now_ns += arg * MS;
		netif_tick(&nif, host_now_ns);
		break;
	case SEND:
		send(arg, data, len);
		break;
	case DHCP:
		if (arg & 1)
			dhcp_start(&nif, host_now_ns);
		else
			dhcp_stop(&nif);
		break;
	default:
		break;
	}
}

static void check_sum(void)
{
	u64 sum = nif.count.rx_udp + nif.count.rx_control + nif.count.rx_joined + nif.frag.held;

	for (u32 i = 0; i < NET_DROP_IN_COUNT; i++)
		sum += nif.count.drop[i];
	ASSERT(sum == nif.count.rx_frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netif_setup s = { .name = "fuzz", .mtu = 1500, .tx = tx, .tx_room = tx_room,
				 .pool = &hdr_pool, .frag_packets = POOL / 4, .seed = 1 };

	memcpy(s.mac, own_mac, sizeof(own_mac));
	host_now_ns = 1000000 * MS;
	pools_make();
	ASSERT(netif_init(&nif, &s) == ERR_OK);
	ASSERT(netif_set_address(&nif, OWN, MASK, GATEWAY) == ERR_OK);
	ASSERT(udp_bind(&nif, LINK_PORT, on_udp, NULL) == ERR_OK);
	while (size >= RECORD_HEAD) {
		u32 len = load_le16(data + 2);

		size -= RECORD_HEAD;
		len = (u32)MIN((size_t)len, size);
		record(data[0], data[1], data + RECORD_HEAD, len);
		data += RECORD_HEAD + len;
		size -= len;
	}
	check_sum();
	netif_fini(&nif);
	ASSERT(rx_pool.free_count == POOL && hdr_pool.free_count == POOL);
	return 0;
}
