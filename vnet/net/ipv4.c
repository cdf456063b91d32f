/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791, 1122): header checks on the way in; routing to the subnet or
 * the gateway and fragmentation on the way out. */
#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/net_priv.h"

bool ipv4_is_broadcast(const struct netif *nif, u32 addr)
{
	/* /31 and /32 have no broadcast address (RFC 3021). */
	return addr == IP_BROADCAST ||
	       (nif->addr && ~nif->mask > 1 && addr == (nif->addr | ~nif->mask));
}

u32 ipv4_next_hop(const struct netif *nif, u32 dst)
{
	return ((dst ^ nif->addr) & nif->mask) == 0 ? dst : nif->gateway;
}

/* --- in ------------------------------------------------------------------ */

/* Check the header and fill in meta. Returns NET_DROP_COUNT when all is well. */
static enum net_drop parse(const struct netif *nif, struct pkt *p, struct ip_meta *meta)
{
	const u8 *h = p->data;
	u32 hlen, total;

	if (p->len < IP_HLEN)
		return NET_DROP_IP_BAD;
	hlen = (h[IP_VER_IHL] & 15u) * 4;
	total = load_be16(h + IP_TOTAL);
	if (h[IP_VER_IHL] >> 4 != 4 || hlen < IP_HLEN || hlen > total || total > p->len)
		return NET_DROP_IP_BAD;
	if (hlen == IP_HLEN ? !csum_ip_header_good(h) : csum_finish(csum_add(0, h, hlen)) != 0)
		return NET_DROP_IP_CSUM;
	*meta = (struct ip_meta){
		.src = load_be32(h + IP_SRC),
		.dst = load_be32(h + IP_DST),
		.hdr = h,
		.hdr_len = (u16)hlen,
		.frag = load_be16(h + IP_FRAG),
		.id = load_be16(h + IP_ID),
		.proto = h[IP_PROTO],
		.ttl = h[IP_TTL],
		.tos = h[IP_TOS],
	};
	if (!meta->ttl)
		return NET_DROP_IP_TTL;
	if (!ip4_is_unicast(meta->src) || ipv4_is_broadcast(nif, meta->src) ||
	    meta->src == nif->addr)
		return NET_DROP_IP_SOURCE;
	meta->broadcast = ipv4_is_broadcast(nif, meta->dst);
	if (!meta->broadcast && (!nif->addr || meta->dst != nif->addr))
		return NET_DROP_IP_ADDRESS;
	/* What is behind the datagram is Ethernet's padding; a long frame needs none. */
	if (p->nseg && total != p->len)
		return NET_DROP_IP_BAD;
	if (!p->nseg) {
		p->len = total;
		p->head_len = total;
	}
	pkt_pull(p, hlen);
	return NET_DROP_COUNT;
}

void ipv4_input(struct netif *nif, struct pkt *p, struct udp_batch *batch)
{
	struct ip_meta meta;
	enum net_drop bad = parse(nif, p, &meta);

	if (bad != NET_DROP_COUNT) {
		net_drop(nif, p, bad);
		return;
	}
	p->ttl = meta.ttl;
	p->tos = meta.tos;
	if (meta.frag & (IP_FRAG_MF | IP_FRAG_OFFSET)) {
		p = ipfrag_input(nif, p, &meta);
		if (!p)
			return;
	}
	switch (meta.proto) {
	case IP_PROTO_UDP:
		udp_input(nif, p, &meta, batch);
		break;
	case IP_PROTO_ICMP:
		icmp_input(nif, p, &meta);
		break;
	default:
		net_drop(nif, p, NET_DROP_IP_PROTO);
		break;
	}
}

/* --- out ----------------------------------------------------------------- */

/* Push an IPv4 header for the payload that p carries, or one segment of it does. */
static bool push_header(struct netif *nif, struct pkt *p, const struct ip_out *out, u16 id,
			u32 frag)
{
	u32 total = pkt_wire_len(p) + IP_HLEN;
	u8 *h = pkt_push(p, IP_HLEN);

	if (!h)
		return false;
	h[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	h[IP_TOS] = out->tos;
	store_be16(h + IP_TOTAL, (u16)total);
	store_be16(h + IP_ID, id);
	store_be16(h + IP_FRAG, (u16)frag);
	h[IP_TTL] = out->ttl;
	h[IP_PROTO] = out->proto;
	store_be16(h + IP_CSUM, 0);
	store_be32(h + IP_SRC, nif->addr);
	store_be32(h + IP_DST, out->dst);
	csum_store(h + IP_CSUM, csum_finish(csum_add(0, h, IP_HLEN)));
	return true;
}

/* To the next hop: 0 stands for everybody. */
static void send_to(struct netif *nif, struct pkt *p, u32 hop)
{
	if (hop)
		arp_send_to(nif, hop, p);
	else
		eth_output(nif, p, eth_broadcast, ETH_TYPE_IPV4);
}

/*
 * Cut p into fragments that refer to its bytes; each keeps a reference on it.
 * All or nothing as far as the pool goes.
 */
static bool send_fragments(struct netif *nif, struct pkt *p, const struct ip_out *out, u32 hop,
			   u32 mtu)
{
	u32 room = ALIGN_DOWN(mtu - IP_HLEN, 8u);
	u16 id = nif->ip_id++;
	bool ok = true;

	if (nif->setup.pool->free_count < (p->len + room - 1) / room) {
		net_drop(nif, p, NET_DROP_NO_PACKET);
		return false;
	}
	for (u32 off = 0; ok && off < p->len; off += room) {
		u32 len = MIN(room, p->len - off);
		u32 more = off + len < p->len ? IP_FRAG_MF : 0;
		struct pkt *f = pkt_slice(nif->setup.pool, p, off, len);

		ok = f && push_header(nif, f, out, id, off / 8 | more);
		if (ok)
			send_to(nif, f, hop);
		else
			pkt_put(f);
	}
	if (!ok) {
		net_drop(nif, p, NET_DROP_NO_PACKET);
		return false;
	}
	nif->count.tx_fragmented++;
	pkt_put(p);
	return true;
}

bool ipv4_output(struct netif *nif, struct pkt *p, const struct ip_out *out)
{
	u32 mtu = out->mtu ? MIN(out->mtu, nif->mtu) : nif->mtu;
	u32 hop = 0, total = pkt_wire_len(p) + IP_HLEN;
	enum net_drop bad;

	if (!nif->addr && out->dst != IP_BROADCAST) {
		bad = NET_DROP_NO_ADDRESS;
		goto drop;
	}
	if (!ipv4_is_broadcast(nif, out->dst)) {
		hop = ipv4_next_hop(nif, out->dst);
		bad = NET_DROP_NO_ROUTE;
		if (!hop)
			goto drop;
	}
	bad = NET_DROP_TOO_BIG;
	if (total > IP_TOTAL_MAX)
		goto drop;
	if (total > mtu) {
		if (out->df)
			goto drop;
		return send_fragments(nif, p, out, hop, mtu);
	}
	bad = NET_DROP_NO_HEADROOM;
	if (!push_header(nif, p, out, nif->ip_id++, out->df ? IP_FRAG_DF : 0))
		goto drop;
	send_to(nif, p, hop);
	return true;
drop:
	net_drop(nif, p, bad);
	return false;
}
