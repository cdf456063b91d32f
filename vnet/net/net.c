/* SPDX-License-Identifier: BSD-2-Clause */
/* The netif: Ethernet in and out, counters, time. */
#include "vnet/net/net.h"

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/net/net_priv.h"

const u8 eth_broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

const char *net_drop_name(enum net_drop reason)
{
	static const char *const name[NET_DROP_COUNT] = {
		[NET_DROP_SHORT] = "short",
		[NET_DROP_NOT_OURS] = "not-ours",
		[NET_DROP_VLAN] = "vlan",
		[NET_DROP_ETHERTYPE] = "ethertype",
		[NET_DROP_ARP_BAD] = "arp-bad",
		[NET_DROP_ARP_CONFLICT] = "arp-conflict",
		[NET_DROP_IP_BAD] = "ip-bad",
		[NET_DROP_IP_CSUM] = "ip-checksum",
		[NET_DROP_IP_TTL] = "ip-ttl",
		[NET_DROP_IP_SOURCE] = "ip-source",
		[NET_DROP_IP_ADDRESS] = "ip-address",
		[NET_DROP_IP_PROTO] = "ip-protocol",
		[NET_DROP_FRAG_BAD] = "fragment-bad",
		[NET_DROP_FRAG_OVERLAP] = "fragment-overlap",
		[NET_DROP_FRAG_REPEATED] = "fragment-repeated",
		[NET_DROP_FRAG_FULL] = "fragment-full",
		[NET_DROP_FRAG_TIMEOUT] = "fragment-timeout",
		[NET_DROP_UDP_BAD] = "udp-bad",
		[NET_DROP_UDP_CSUM] = "udp-checksum",
		[NET_DROP_UDP_PORT] = "udp-port",
		[NET_DROP_ICMP_BAD] = "icmp-bad",
		[NET_DROP_ICMP_CSUM] = "icmp-checksum",
		[NET_DROP_ICMP_IGNORED] = "icmp-ignored",
		[NET_DROP_ICMP_LIMIT] = "icmp-limit",
		[NET_DROP_NO_ADDRESS] = "no-address",
		[NET_DROP_NO_ROUTE] = "no-route",
		[NET_DROP_NO_NEIGHBOUR] = "no-neighbour",
		[NET_DROP_NO_PACKET] = "no-packet",
		[NET_DROP_NO_HEADROOM] = "no-headroom",
		[NET_DROP_TOO_BIG] = "too-big",
		[NET_DROP_TTL] = "ttl",
		[NET_DROP_TX_FULL] = "tx-full",
	};

	return (u32)reason < NET_DROP_COUNT ? name[reason] : "?";
}

void net_drop(struct netif *nif, struct pkt *p, enum net_drop reason)
{
	nif->count.drop[reason]++;
	pkt_put(p);
}

bool net_limit_pass(struct token_bucket *b, u32 rate, u32 burst)
{
	return token_bucket_pass(b, rate, burst, plat_now_ns());
}

/* --- out ----------------------------------------------------------------- */

/* To the NIC. bytes: added up before, as a driver may end a packet as soon as it has it. */
static void give(struct netif *nif, struct pkt **pkts, u32 n, u64 bytes)
{
	u32 taken = nif->setup.tx(nif->setup.tx_ctx, pkts, n);

	nif->count.tx_frames += taken;
	nif->count.tx_bytes += bytes;
	for (u32 i = taken; i < n; i++) {
		nif->count.tx_bytes -= pkts[i]->len;
		net_drop(nif, pkts[i], NET_DROP_TX_FULL);
	}
}

void netif_flush(struct netif *nif)
{
	if (nif->txq_len)
		give(nif, nif->txq, nif->txq_len, nif->txq_bytes);
	nif->txq_bytes = 0;
	nif->txq_len = 0;
}

void netif_flush_with(struct netif *nif, struct pkt **pkts, u32 n, u64 bytes)
{
	netif_flush(nif);
	give(nif, pkts, n, bytes);
}

u32 netif_send_raw(struct netif *nif, struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		netif_queue(nif, pkts[i]);
	netif_flush(nif);
	return n;
}

void eth_output(struct netif *nif, struct pkt *p, const u8 dst[ETH_ALEN], u16 type)
{
	u8 *h = pkt_push(p, ETH_HLEN);

	if (!h) {
		net_drop(nif, p, NET_DROP_NO_HEADROOM);
		return;
	}
	memcpy(h + ETH_DST, dst, ETH_ALEN);
	memcpy(h + ETH_SRC, nif->setup.mac, ETH_ALEN);
	store_be16(h + ETH_TYPE, type);
	netif_queue(nif, p);
}

u32 netif_tx_room(const struct netif *nif)
{
	return nif->setup.tx_room(nif->setup.tx_ctx);
}

/* --- in ------------------------------------------------------------------ */

static void eth_input(struct netif *nif, struct pkt *p, struct udp_batch *batch)
{
	const u8 *h = p->data;

	if (p->head_len < MIN(p->len, (u32)NETIF_HEAD_MIN) || p->len < ETH_HLEN) {
		net_drop(nif, p, NET_DROP_SHORT);
		return;
	}
	if (memcmp(h + ETH_DST, nif->setup.mac, ETH_ALEN) != 0 &&
	    memcmp(h + ETH_DST, eth_broadcast, ETH_ALEN) != 0) {
		net_drop(nif, p, NET_DROP_NOT_OURS);
		return;
	}
	switch (load_be16(h + ETH_TYPE)) {
	case ETH_TYPE_IPV4:
		pkt_pull(p, ETH_HLEN);
		ipv4_input(nif, p, batch);
		break;
	case ETH_TYPE_ARP:
		arp_input(nif, p);
		break;
	case ETH_TYPE_VLAN:
	case ETH_TYPE_QINQ:
		net_drop(nif, p, NET_DROP_VLAN);
		break;
	default:
		net_drop(nif, p, NET_DROP_ETHERTYPE);
		break;
	}
}

void netif_input(struct netif *nif, struct pkt **pkts, u32 n)
{
	struct udp_batch batch;

	batch.port = NULL;
	batch.n = 0;
	nif->count.rx_frames += n;
	for (u32 i = 0; i < n; i++) {
		i += udp_input_run(nif, pkts + i, n - i, &batch);
		if (i == n)
			break;
		nif->count.rx_bytes += pkts[i]->len;
		eth_input(nif, pkts[i], &batch);
	}
	udp_batch_flush(nif, &batch);
	netif_flush(nif);
}

/* --- life ---------------------------------------------------------------- */

err_t netif_init(struct netif *nif, const struct netif_setup *setup)
{
	if (setup->mtu < NETIF_MTU_MIN || !setup->tx || !setup->tx_room || !setup->pool ||
	    (setup->mac[0] & 1))
		return ERR_INVAL;
	memset(nif, 0, sizeof(*nif));
	nif->setup = *setup;
	nif->mtu = setup->mtu;
	nif->gen = 1;
	nif->ip_id = (u16)setup->seed;
	nif->dhcp.rng = setup->seed;
	arp_init(nif);
	return ERR_OK;
}

void netif_fini(struct netif *nif)
{
	arp_flush(nif);
	ipfrag_flush(nif);
}

static bool address_fits(u32 addr, u32 mask, u32 gateway)
{
	/* A contiguous mask: its complement is one less than a power of two. */
	if ((~mask & (~mask + 1)) != 0 || !ip4_is_unicast(addr))
		return false;
	/* The first and last address of a subnet are nobody's, unless RFC 3021. */
	if (~mask > 1 && ((addr & ~mask) == 0 || (addr & ~mask) == ~mask))
		return false;
	return !gateway || (((gateway ^ addr) & mask) == 0 && gateway != addr);
}

err_t netif_set_address(struct netif *nif, u32 addr, u32 mask, u32 gateway)
{
	if (addr && !address_fits(addr, mask, gateway))
		return ERR_INVAL;
	arp_flush(nif);
	nif->addr = addr;
	nif->mask = addr ? mask : 0;
	nif->gateway = addr ? gateway : 0;
	net_gen_next(nif);
	netif_announce(nif);
	if (nif->setup.address_changed)
		nif->setup.address_changed(nif->setup.ctx, nif);
	return ERR_OK;
}

void netif_announce(struct netif *nif)
{
	if (nif->addr)
		arp_announce(nif);
	netif_flush(nif);
}

void netif_tick(struct netif *nif, u64 now_ns)
{
	arp_tick(nif, now_ns);
	ipfrag_tick(nif, now_ns);
	dhcp_tick(nif, now_ns);
	netif_flush(nif);
}

u64 netif_next_ns(const struct netif *nif)
{
	u64 a = arp_next_ns(nif), f = ipfrag_next_ns(nif), d = dhcp_next_ns(nif);
	u64 next = MIN(a, f);

	return MIN(next, d);
}
