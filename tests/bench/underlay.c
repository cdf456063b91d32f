/* SPDX-License-Identifier: BSD-2-Clause */
/* What benchmarks' nodes have in common below their edges, see underlay.h. */
#include "tests/bench/underlay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define ARP_FRAME 60u

void bench_must(bool ok, const char *what)
{
	if (!ok)
		die("%s", what);
}

void *bench_pool_up(struct pkt_pool *pool, u32 packets, u32 buf)
{
	size_t bytes = ALIGN_UP(pkt_pool_bytes(packets, buf), HUGE_PAGE);
	void *mem = aligned_alloc(HUGE_PAGE, bytes);

	bench_must(mem, "no memory");
	madvise(mem, bytes, MADV_HUGEPAGE);
	pkt_pool_init(pool, "bench", 0, packets, buf, mem, (bus_t){ (u64)(uintptr_t)mem });
	return mem;
}

void bench_write_ip(u8 *ip, u32 src, u32 dst, u32 len)
{
	memset(ip, 0, IP_HLEN);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	store_be16(ip + IP_TOTAL, (u16)len);
	ip[IP_TTL] = IP_TTL_DEFAULT;
	ip[IP_PROTO] = IP_PROTO_UDP;
	store_be32(ip + IP_SRC, src);
	store_be32(ip + IP_DST, dst);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
}

void bench_write_udp(u8 *udp, u16 sport, u16 dport, u32 len)
{
	memset(udp, 0, UDP_HLEN);
	store_be16(udp + UDP_SPORT, sport);
	store_be16(udp + UDP_DPORT, dport);
	store_be16(udp + UDP_LEN, (u16)len);
}

void bench_meet(struct netif *nif, struct pkt_pool *pool, const u8 *mac, u32 ip)
{
	struct pkt *p = pkt_get(pool);
	u8 *f, *a;

	bench_must(p, "the pool is empty");
	f = p->data;
	a = f + ETH_HLEN;
	memset(f, 0, ARP_FRAME);
	memcpy(f + ETH_DST, nif->setup.mac, ETH_ALEN);
	memcpy(f + ETH_SRC, mac, ETH_ALEN);
	store_be16(f + ETH_TYPE, ETH_TYPE_ARP);
	store_be16(a + ARP_HTYPE, ARP_HTYPE_ETHERNET);
	store_be16(a + ARP_PTYPE, ETH_TYPE_IPV4);
	a[ARP_HLEN] = ETH_ALEN;
	a[ARP_PLEN] = sizeof(ip);
	store_be16(a + ARP_OP, ARP_OP_REQUEST);
	memcpy(a + ARP_SHA, mac, ETH_ALEN);
	store_be32(a + ARP_SPA, ip);
	store_be32(a + ARP_TPA, nif->addr);
	p->len = p->head_len = ARP_FRAME;
	netif_input(nif, &p, 1);
}

err_t bench_dst_open(void *ctx, struct link_dst *dst)
{
	struct udp_dst *to = plat_alloc(sizeof(*to));

	(void)ctx;
	bench_must(to, "no memory");
	*to = (struct udp_dst){
		.addr = dst->remote_ip,
		.sport = dst->sport,
		.dport = dst->dport,
		.ttl = dst->ttl,
		.tos = dst->tos,
		.flags = (u8)((dst->df ? UDP_DST_DF : 0) |
			      (dst->tos_by_pkt ? UDP_DST_TOS : 0) |
			      (dst->sport_hash ? UDP_DST_SPORT_HASH : 0)),
	};
	dst->priv = to;
	return ERR_OK;
}

void bench_dst_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	plat_free(dst->priv, sizeof(struct udp_dst));
}
