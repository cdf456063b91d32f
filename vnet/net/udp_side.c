/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams taken beside the netif, see udp_side.h. */
#include "vnet/net/udp_side.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

void udp_side_init(struct udp_side *s, const struct netif *nif)
{
	*s = (struct udp_side){ .addr = nif->addr, .mask = nif->mask };
	memcpy(s->mac, nif->setup.mac, sizeof(s->mac));
}

err_t udp_side_add(struct udp_side *s, u16 port, void *ctx)
{
	if (s->n == UDP_PORTS_MAX)
		return ERR_FULL;
	s->port[s->n++] = (struct udp_side_port){ port, ctx };
	return ERR_OK;
}

static const struct udp_side_port *find_port(const struct udp_side *s, u16 port)
{
	for (u32 i = 0; i < s->n; i++) {
		if (s->port[i].port == port)
			return &s->port[i];
	}
	return NULL;
}

/* Somebody else's address, and no broadcast address: RFC 1122 3.2.1.3. */
static bool source_is_good(const struct udp_side *s, u32 src)
{
	bool broadcast = ~s->mask > 1 && src == (s->addr | ~s->mask);

	return ip4_is_unicast(src) && src != s->addr && !broadcast;
}

/* An unfragmented datagram without options, whole, to us; its lengths agree. */
static bool is_for_us(const struct udp_side *s, const struct pkt *p)
{
	const u8 *h = p->data, *ip = h + ETH_HLEN;
	u32 total;

	if (p->len < UDP_HEADROOM || p->head_len < MIN(p->len, (u32)NETIF_HEAD_MIN) ||
	    memcmp(h + ETH_DST, s->mac, ETH_ALEN) != 0 ||
	    load_be16(h + ETH_TYPE) != ETH_TYPE_IPV4 || ip[IP_VER_IHL] != IP_VER_IHL_PLAIN ||
	    (load_be16(ip + IP_FRAG) & (IP_FRAG_MF | IP_FRAG_OFFSET)) ||
	    ip[IP_PROTO] != IP_PROTO_UDP || !ip[IP_TTL] || !s->addr ||
	    load_be32(ip + IP_DST) != s->addr)
		return false;
	total = load_be16(ip + IP_TOTAL);
	if (total < UDP_OVERHEAD || total > p->len - ETH_HLEN ||
	    (p->nseg && total != p->len - ETH_HLEN) ||
	    load_be16(ip + IP_HLEN + UDP_LEN) != total - IP_HLEN)
		return false;
	return csum_ip_header_good(ip) && source_is_good(s, load_be32(ip + IP_SRC));
}

static bool checksum_good(const struct pkt *p)
{
	const u8 *ip = p->data + ETH_HLEN;
	u32 len = load_be16(ip + IP_TOTAL) - IP_HLEN;
	u64 sum;

	if (!load_be16(ip + IP_HLEN + UDP_CSUM))
		return true;
	sum = csum_add_pseudo(0, load_be32(ip + IP_SRC), load_be32(ip + IP_DST), IP_PROTO_UDP, len);
	return csum_finish(csum_add_pkt(sum, p, ETH_HLEN + IP_HLEN, len)) == 0;
}

/* Its payload, without the headers and Ethernet's padding. */
static void strip(struct pkt *p)
{
	const u8 *ip = p->data + ETH_HLEN;
	u32 len = load_be16(ip + IP_TOTAL) - UDP_OVERHEAD;

	p->ttl = ip[IP_TTL];
	p->tos = ip[IP_TOS];
	p->data += UDP_HEADROOM;
	p->head_len = p->nseg ? p->head_len - UDP_HEADROOM : len;
	p->len = len;
}

u32 udp_side_run(const struct udp_side *s, struct pkt **pkts, u32 n, struct udp_run *run,
		 void **ctx)
{
	const struct udp_side_port *port = NULL;
	u32 k = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];
		const u8 *ip = p->data + ETH_HLEN, *udp = ip + IP_HLEN;

		if (!is_for_us(s, p))
			break;
		if (!k) {
			port = find_port(s, load_be16(udp + UDP_DPORT));
			run->src = load_be32(ip + IP_SRC);
			run->dst = s->addr;
		}
		if (!port || load_be16(udp + UDP_DPORT) != port->port ||
		    load_be32(ip + IP_SRC) != run->src || !checksum_good(p))
			break;
		run->sport[k] = load_be16(udp + UDP_SPORT);
		strip(p);
	}
	if (k) {
		run->dport = port->port;
		*ctx = port->ctx;
	}
	return k;
}
