/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP (RFC 792): echo, port unreachable, path MTU (RFC 1191). What a stranger
 * can make us send is rate-limited; what he tells us is checked. */
#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/net_priv.h"

#define ECHO_RATE 1000u /* answers a second */
#define ECHO_BURST 200u
#define ERROR_RATE 100u
#define ERROR_BURST 20u
/* RFC 792: an error quotes the header and 8 bytes of what it is about. */
#define QUOTE_DATA 8u

static void echo(struct netif *nif, struct pkt *p, const struct ip_meta *meta)
{
	struct ip_out out = {
		.dst = meta->src,
		.proto = IP_PROTO_ICMP,
		.ttl = IP_TTL_DEFAULT,
		.tos = meta->tos,
	};
	u8 *h = p->data;

	if (meta->broadcast) {
		net_drop(nif, p, NET_DROP_ICMP_IGNORED);
		return;
	}
	if (!net_limit_pass(&nif->echo_limit, ECHO_RATE, ECHO_BURST)) {
		net_drop(nif, p, NET_DROP_ICMP_LIMIT);
		return;
	}
	h[ICMP_TYPE] = ICMP_ECHO_REPLY;
	store_be16(h + ICMP_CSUM, 0);
	csum_store(h + ICMP_CSUM, csum_finish(csum_add_pkt(0, p, 0, p->len)));
	nif->count.rx_control++;
	ipv4_output(nif, p, &out);
}

/*
 * "Fragmentation needed": believed only when it quotes a UDP datagram of ours
 * that was longer than what is now offered, and when the offer is sane.
 */
static void frag_needed(struct netif *nif, struct pkt *p)
{
	const u8 *h = p->data;
	const u8 *ip = h + ICMP_HLEN;
	u32 room = p->head_len - ICMP_HLEN;
	u32 hlen, mtu = load_be16(h + ICMP_MTU);

	if (room < IP_HLEN)
		goto bad;
	hlen = (ip[IP_VER_IHL] & 15u) * 4;
	if (ip[IP_VER_IHL] >> 4 != 4 || hlen < IP_HLEN || room < hlen + QUOTE_DATA ||
	    ip[IP_PROTO] != IP_PROTO_UDP || !nif->addr || load_be32(ip + IP_SRC) != nif->addr)
		goto bad;
	if (mtu < NETIF_MTU_MIN || mtu >= nif->mtu || mtu >= load_be16(ip + IP_TOTAL))
		goto bad;
	if (nif->setup.path_mtu &&
	    !nif->setup.path_mtu(nif->setup.ctx, load_be32(ip + IP_DST),
				 load_be16(ip + hlen + UDP_SPORT),
				 load_be16(ip + hlen + UDP_DPORT), (u16)mtu))
		goto bad;
	nif->count.rx_control++;
	pkt_put(p);
	return;
bad:
	net_drop(nif, p, NET_DROP_ICMP_BAD);
}

void icmp_input(struct netif *nif, struct pkt *p, const struct ip_meta *meta)
{
	const u8 *h = p->data;

	if (p->head_len < ICMP_HLEN) {
		net_drop(nif, p, NET_DROP_ICMP_BAD);
		return;
	}
	if (csum_finish(csum_add_pkt(0, p, 0, p->len)) != 0) {
		net_drop(nif, p, NET_DROP_ICMP_CSUM);
		return;
	}
	if (h[ICMP_TYPE] == ICMP_ECHO && h[ICMP_CODE] == 0)
		echo(nif, p, meta);
	else if (h[ICMP_TYPE] == ICMP_UNREACHABLE && h[ICMP_CODE] == ICMP_CODE_FRAG_NEEDED)
		frag_needed(nif, p);
	else
		net_drop(nif, p, NET_DROP_ICMP_IGNORED);
}

void icmp_send_port_unreachable(struct netif *nif, const struct ip_meta *meta)
{
	struct ip_out out = {
		.dst = meta->src,
		.proto = IP_PROTO_ICMP,
		.ttl = IP_TTL_DEFAULT,
	};
	u32 quote = meta->hdr_len + QUOTE_DATA;
	struct pkt *p;
	u8 *h;

	if (!net_limit_pass(&nif->error_limit, ERROR_RATE, ERROR_BURST)) {
		nif->count.icmp_limited++;
		return;
	}
	p = pkt_get(nif->setup.pool);
	if (!p) {
		nif->count.drop[NET_DROP_NO_PACKET]++;
		return;
	}
	h = p->data;
	memset(h, 0, ICMP_HLEN);
	h[ICMP_TYPE] = ICMP_UNREACHABLE;
	h[ICMP_CODE] = ICMP_CODE_PORT;
	memcpy(h + ICMP_HLEN, meta->hdr, quote);
	p->head_len = ICMP_HLEN + quote;
	p->len = p->head_len;
	csum_store(h + ICMP_CSUM, csum_finish(csum_add(0, h, p->len)));
	ipv4_output(nif, p, &out);
}
