/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP (RFC 768): ports, checksums, and a sending path that fills in a prepared
 * set of headers when the next hop is known and nothing needs fragmenting. */
#include "vnet/net/udp.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/checksum.h"
#include "vnet/net/net_priv.h"

#define OFF_IP ETH_HLEN
#define OFF_UDP (ETH_HLEN + IP_HLEN)
#define SPORT_HASH_BASE 0xc000u
#define SPORT_HASH_MASK 0x3fffu

STATIC_ASSERT(UDP_HEADROOM == ETH_HLEN + IP_HLEN + UDP_HLEN, "outer headers");
STATIC_ASSERT(UDP_OVERHEAD == IP_HLEN + UDP_HLEN, "outer headers");
STATIC_ASSERT(UDP_HEADROOM <= PKT_HEADROOM, "outer headers fit into the head room");
STATIC_ASSERT(ARP_ENTRIES <= UINT16_MAX, "udp_dst.neighbour is 16 bits");

static struct udp_port *find_port(struct netif *nif, u16 port)
{
	for (u32 i = 0; i < UDP_PORTS_MAX; i++) {
		struct udp_port *u = &nif->udp.port[i];

		if (u->port == port && u->handler)
			return u;
	}
	return NULL;
}

err_t udp_bind(struct netif *nif, u16 port, udp_handler_fn handler, void *ctx)
{
	if (find_port(nif, port))
		return ERR_EXIST;
	for (u32 i = 0; i < UDP_PORTS_MAX; i++) {
		struct udp_port *u = &nif->udp.port[i];

		if (!u->handler) {
			*u = (struct udp_port){ handler, ctx, port };
			return ERR_OK;
		}
	}
	return ERR_NOMEM;
}

void udp_unbind(struct netif *nif, u16 port)
{
	struct udp_port *u = find_port(nif, port);

	if (u)
		*u = (struct udp_port){ 0 };
}

/* --- in ------------------------------------------------------------------ */

void udp_batch_flush(struct netif *nif, struct udp_batch *b)
{
	u32 n = b->n;

	if (!n)
		return;
	b->n = 0;
	nif->count.rx_udp += n;
	b->port->handler(b->port->ctx, b->pkt, &b->run, n);
}

/* Where fields lie that are loaded together: type, version and TOS; fragment, TTL and
 * protocol; both addresses; UDP's length and checksum. */
#define AT_HEAD ETH_TYPE
#define AT_FRAG (OFF_IP + IP_FRAG)
#define AT_ADDRS (OFF_IP + IP_SRC)
#define AT_DPORT (OFF_UDP + UDP_DPORT)
#define AT_LEN (OFF_UDP + UDP_LEN)

STATIC_ASSERT(OFF_IP + IP_TOS == AT_HEAD + 3 && IP_TTL == IP_FRAG + 2 && IP_PROTO == IP_FRAG + 3 &&
	      IP_DST == IP_SRC + 4 && UDP_CSUM == UDP_LEN + 2, "what is loaded together");

/* As they lie. */
#define HEAD_PLAIN (__builtin_bswap16(ETH_TYPE_IPV4) | (u32)IP_VER_IHL_PLAIN << 16)
#define HEAD_MASK 0xffffffu
#define FRAG_PLAIN ((u32)IP_PROTO_UDP << 24)
#define FRAG_MASK (0xffu << 24 | __builtin_bswap16(IP_FRAG_MF | IP_FRAG_OFFSET))
#define MAC_SHIFT 16u /* the first two bytes behind a MAC go out */

static void batch_expect(const struct netif *nif, struct udp_batch *b)
{
	const u8 *mac = nif->setup.mac;

	b->mac = ((u64)load_le16(mac + sizeof(u32)) << 32 | load_le32(mac)) << MAC_SHIFT;
	b->addrs = __builtin_bswap64((u64)b->run.src << 32 | b->run.dst);
	b->dport = __builtin_bswap16(b->port->port);
	b->gen = b->run.dst == nif->addr ? nif->gen : 0;
}

static bool checksum_good(const struct pkt *p, const struct ip_meta *meta, u32 len)
{
	u64 sum;

	if (load_be16(p->data + UDP_CSUM) == 0)
		return true;
	sum = csum_add_pseudo(0, meta->src, meta->dst, IP_PROTO_UDP, len);
	return csum_finish(csum_add_pkt(sum, p, 0, len)) == 0;
}

void udp_input(struct netif *nif, struct pkt *p, const struct ip_meta *meta,
	       struct udp_batch *b)
{
	const struct udp_port *port;
	const u8 *h = p->data;
	u32 len;

	/* A first fragment too short for the header is nobody's good idea. */
	if (p->head_len < UDP_HLEN) {
		net_drop(nif, p, NET_DROP_UDP_BAD);
		return;
	}
	len = load_be16(h + UDP_LEN);
	if (len < UDP_HLEN || len > p->len || (p->nseg && len != p->len)) {
		net_drop(nif, p, NET_DROP_UDP_BAD);
		return;
	}
	if (!checksum_good(p, meta, len)) {
		net_drop(nif, p, NET_DROP_UDP_CSUM);
		return;
	}
	port = find_port(nif, load_be16(h + UDP_DPORT));
	if (!port) {
		if (!meta->broadcast)
			icmp_send_port_unreachable(nif, meta);
		net_drop(nif, p, NET_DROP_UDP_PORT);
		return;
	}
	if (b->port != port || b->run.src != meta->src || b->run.dst != meta->dst ||
	    b->n == PKT_BURST)
		udp_batch_flush(nif, b);
	/* The handler may have unbound the port. */
	if (!port->handler) {
		net_drop(nif, p, NET_DROP_UDP_PORT);
		return;
	}
	b->port = port;
	b->run.src = meta->src;
	b->run.dst = meta->dst;
	b->run.dport = port->port;
	b->run.sport[b->n] = load_be16(h + UDP_SPORT);
	batch_expect(nif, b);
	if (!p->nseg) {
		p->len = len;
		p->head_len = len;
	}
	pkt_pull(p, UDP_HLEN);
	b->pkt[b->n++] = p;
}

/* What of the headers is not as expected: 0 for a plain datagram like the one before. */
static inline u64 differs(const u8 *h, u32 head, u32 frag, const struct udp_batch *b)
{
	return ((load_le64(h) << MAC_SHIFT) ^ b->mac) | ((head ^ HEAD_PLAIN) & HEAD_MASK) |
	       ((frag ^ FRAG_PLAIN) & FRAG_MASK) | (load_le64(h + AT_ADDRS) ^ b->addrs) |
	       (u32)(load_le16(h + AT_DPORT) ^ b->dport);
}

u32 udp_input_run(struct netif *nif, struct pkt **pkts, u32 n, struct udp_batch *b)
{
	u32 at = b->n, k = 0;
	u64 bytes = 0;

	if (!b->port || b->gen != nif->gen || !b->port->handler)
		return 0;
	for (n = MIN(n, PKT_BURST - at); k < n; k++, at++) {
		struct pkt *p = pkts[k];
		const u8 *h = p->data;
		u32 len = p->len, head, frag, total;

		if (len < UDP_HEADROOM || p->head_len != len)
			break;
		head = load_le32(h + AT_HEAD);
		frag = load_le32(h + AT_FRAG);
		total = load_be16(h + OFF_IP + IP_TOTAL);
		/* Without a checksum its field is 0. */
		if (differs(h, head, frag, b) || total < UDP_OVERHEAD || total > len - ETH_HLEN ||
		    load_le32(h + AT_LEN) != __builtin_bswap16((u16)(total - IP_HLEN)) ||
		    !(u8)(frag >> 16) || !csum_ip_header_good(h + OFF_IP))
			break;
		b->run.sport[at] = load_be16(h + OFF_UDP + UDP_SPORT);
		p->ttl = (u8)(frag >> 16);
		p->tos = (u8)(head >> 24);
		bytes += len;
		/* What is behind the datagram is Ethernet's padding. */
		p->len = total - UDP_OVERHEAD;
		p->head_len = total - UDP_OVERHEAD;
		p->data += UDP_HEADROOM;
		b->pkt[at] = p;
	}
	b->n = at;
	nif->count.rx_bytes += bytes;
	return k;
}

/* --- out ----------------------------------------------------------------- */

static u16 source_port(const struct udp_dst *d, const struct pkt *p)
{
	if (d->flags & UDP_DST_SPORT_HASH)
		return (u16)(SPORT_HASH_BASE | (p->hash & SPORT_HASH_MASK));
	return d->sport;
}

/* Fill in the checksum of a datagram with the UDP header off bytes from its
 * start. RFC 768: 0 means none, so a sum of 0 is sent as its other form. */
static void set_checksum(const struct netif *nif, const struct udp_dst *d, struct pkt *p, u32 off)
{
	u32 len = p->len - off;
	u64 sum = csum_add_pseudo(0, nif->addr, d->addr, IP_PROTO_UDP, len);
	u16 csum = csum_finish(csum_add_pkt(sum, p, off, len));

	csum_store(p->data + off + UDP_CSUM, csum ? csum : 0xffff);
}

static u8 packet_tos(const struct udp_dst *d, const struct pkt *p)
{
	return d->flags & UDP_DST_TOS ? p->tos : d->tos;
}

/* Build the headers for this destination. False while its next hop is unknown. */
static bool prepare(struct netif *nif, struct udp_dst *d)
{
	u8 *ip = d->hdr + OFF_IP, *udp = d->hdr + OFF_UDP;
	const u8 *mac = eth_broadcast;

	d->neighbour = ARP_ENTRIES;
	if (!ipv4_is_broadcast(nif, d->addr)) {
		u32 hop = nif->addr ? ipv4_next_hop(nif, d->addr) : 0;
		struct arp_entry *e = hop ? arp_lookup(nif, hop) : NULL;

		if (!e)
			return false;
		mac = e->mac;
		d->neighbour = (u16)(e - nif->arp.entry);
	} else if (!nif->addr && d->addr != IP_BROADCAST) {
		return false;
	}
	memset(d->hdr, 0, sizeof(d->hdr));
	memcpy(d->hdr + ETH_DST, mac, ETH_ALEN);
	memcpy(d->hdr + ETH_SRC, nif->setup.mac, ETH_ALEN);
	store_be16(d->hdr + ETH_TYPE, ETH_TYPE_IPV4);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	ip[IP_TOS] = d->flags & UDP_DST_TOS ? 0 : d->tos;
	store_be16(ip + IP_FRAG, d->flags & UDP_DST_DF ? IP_FRAG_DF : 0);
	ip[IP_PROTO] = IP_PROTO_UDP;
	store_be32(ip + IP_SRC, nif->addr);
	store_be32(ip + IP_DST, d->addr);
	store_be16(udp + UDP_DPORT, d->dport);
	d->ip_sum = 0;
	for (u32 i = 0; i < IP_HLEN; i += 2)
		d->ip_sum += load_be16(ip + i);
	d->gen = nif->gen;
	return true;
}

/*
 * The headers as five words and two bytes, the template's with what differs from
 * one datagram to the next put in. Wider stores would need registers that the
 * hypervisor leaves to its guests.
 */
#define WORD_TOS 8u   /* the last two bytes of Ethernet's header; version, TOS */
#define WORD_TOTAL 16u /* length, id, fragment, TTL, protocol */
#define WORD_CSUM 24u  /* checksum, source, half of the destination */
#define WORD_PORTS 32u /* the other half, ports, length */

STATIC_ASSERT(OFF_IP + IP_TOS == WORD_TOS + 7 && OFF_IP + IP_TOTAL == WORD_TOTAL &&
	      OFF_IP + IP_CSUM == WORD_CSUM && OFF_UDP + UDP_SPORT == WORD_PORTS + 2 &&
	      OFF_UDP + UDP_CSUM == UDP_HEADROOM - 2, "where the words' fields are");

/* One datagram behind prepared headers, of len bytes when it is on a wire. */
static bool send_prepared(struct netif *nif, struct udp_dst *d, struct pkt *p, u8 ttl, u32 len)
{
	u32 udp_len = len + UDP_HLEN, total = udp_len + IP_HLEN, sum;
	u8 *h = pkt_push(p, UDP_HEADROOM);
	u16 sport = source_port(d, p), id = nif->ip_id++;
	u8 tos = d->flags & UDP_DST_TOS ? p->tos : 0; /* else d->tos stands there */
	const u8 *t = d->hdr;

	if (!h) {
		net_drop(nif, p, NET_DROP_NO_HEADROOM);
		return false;
	}
	sum = d->ip_sum + total + id + ((u32)ttl << 8) + tos;
	store_le64(h, load_le64(t));
	store_le64(h + WORD_TOS, load_le64(t + WORD_TOS) | (u64)tos << 56);
	store_le64(h + WORD_TOTAL, load_le64(t + WORD_TOTAL) |
		   __builtin_bswap32(total << 16 | id) | (u64)ttl << 48);
	store_le64(h + WORD_PORTS, load_le64(t + WORD_PORTS) |
		   __builtin_bswap64((u64)sport << 32 | udp_len));
	store_le16(h + OFF_UDP + UDP_CSUM, 0);
	if (pkt_is_offloaded(p)) {
		/* All segments have the same id: no fragments of them (RFC 6864 section 4.1). */
		if (p->gso_type != PKT_GSO_NONE && !(d->flags & UDP_DST_DF)) {
			store_be16(h + OFF_IP + IP_FRAG, IP_FRAG_DF);
			sum += IP_FRAG_DF;
		}
	} else if (d->flags & UDP_DST_CSUM) {
		set_checksum(nif, d, p, OFF_UDP);
	}
	sum = ~(u32)csum_fold32(sum);
	store_le64(h + WORD_CSUM, load_le64(t + WORD_CSUM) | __builtin_bswap16((u16)sum));
	netif_queue(nif, p);
	return true;
}

/*
 * Headers for the first packets of the burst, as long as there is nothing else to do; the
 * template in registers. Returns how many; *bytes is what they amount to then.
 */
static __attribute__((noinline)) u32 send_plain(struct netif *nif, const struct udp_dst *d,
						struct pkt **pkts, u32 n, u32 mtu, u64 *bytes)
{
	const u64 t0 = load_le64(d->hdr), t1 = load_le64(d->hdr + WORD_TOS),
		  t2 = load_le64(d->hdr + WORD_TOTAL), t3 = load_le64(d->hdr + WORD_CSUM),
		  t4 = load_le64(d->hdr + WORD_PORTS);
	const u32 tos_mask = d->flags & UDP_DST_TOS ? UINT8_MAX : 0;
	const u32 hash_mask = d->flags & UDP_DST_SPORT_HASH ? SPORT_HASH_MASK : 0;
	const u32 sport = hash_mask ? SPORT_HASH_BASE : d->sport, ip_sum = d->ip_sum;
	u32 id = nif->ip_id, k = 0;
	u64 all = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];
		u32 ttl = p->ttl ? p->ttl - 1u : d->ttl, tos = p->tos & tos_mask;
		u32 len = p->len, total = len + UDP_OVERHEAD, sum;
		u8 *h = p->data - UDP_HEADROOM;

		if (pkt_offloads(p) || !ttl || total > mtu || h < p->buf)
			break;
		sum = ~(u32)csum_fold32(ip_sum + total + (u16)id + (ttl << 8) + tos);
		store_le64(h, t0);
		store_le64(h + WORD_TOS, t1 | (u64)tos << 56);
		store_le64(h + WORD_TOTAL,
			   t2 | __builtin_bswap32(total << 16 | (u16)id) | (u64)ttl << 48);
		store_le64(h + WORD_CSUM, t3 | __builtin_bswap16((u16)sum));
		store_le64(h + WORD_PORTS,
			   t4 | __builtin_bswap64((u64)(sport | (p->hash & hash_mask)) << 32 |
						  (len + UDP_HLEN)));
		store_le16(h + OFF_UDP + UDP_CSUM, 0);
		p->data = h;
		p->head_len += UDP_HEADROOM;
		p->len = len + UDP_HEADROOM;
		all += len + UDP_HEADROOM;
		id++;
	}
	nif->ip_id = (u16)id;
	*bytes = all;
	return k;
}

/* One datagram the long way: to be fragmented, or to wait for ARP. Out of line, so
 * that it takes no registers from the short way. */
static __attribute__((noinline)) bool send_slowly(struct netif *nif, struct udp_dst *d,
						  struct pkt *p, u8 ttl, u32 len, u32 mtu)
{
	struct ip_out out = {
		.dst = d->addr,
		.mtu = (u16)mtu,
		.proto = IP_PROTO_UDP,
		.ttl = ttl,
		.tos = packet_tos(d, p),
		.df = (d->flags & UDP_DST_DF) || pkt_is_offloaded(p),
	};
	bool fragmented = len + UDP_OVERHEAD > mtu;
	u16 sport = source_port(d, p);
	u8 *h;

	if (len + UDP_OVERHEAD > IP_TOTAL_MAX) {
		net_drop(nif, p, NET_DROP_TOO_BIG);
		return false;
	}
	h = pkt_push(p, UDP_HLEN);
	if (!h) {
		net_drop(nif, p, NET_DROP_NO_HEADROOM);
		return false;
	}
	store_be16(h + UDP_SPORT, sport);
	store_be16(h + UDP_DPORT, d->dport);
	store_be16(h + UDP_LEN, (u16)(len + UDP_HLEN));
	store_be16(h + UDP_CSUM, 0);
	/* Ids repeat soon at high rates (RFC 4963): fragments always get one. */
	if ((fragmented || (d->flags & UDP_DST_CSUM)) && !pkt_is_offloaded(p))
		set_checksum(nif, d, p, 0);
	return ipv4_output(nif, p, &out);
}

u32 udp_send_burst(struct netif *nif, struct udp_dst *d, struct pkt **pkts, u32 n)
{
	u32 mtu = d->mtu ? MIN(d->mtu, nif->mtu) : nif->mtu;
	bool ready = d->gen == nif->gen || prepare(nif, d);
	u32 sent = 0, plain = 0;
	u64 bytes = 0;

	if (ready && d->neighbour < ARP_ENTRIES)
		nif->arp.entry[d->neighbour].used = true;
	if (ready && !(d->flags & UDP_DST_CSUM))
		plain = sent = send_plain(nif, d, pkts, n, mtu, &bytes);
	if (plain && plain == n) {
		netif_flush_with(nif, pkts, n, bytes);
		return n;
	}
	for (u32 i = 0; i < plain; i++)
		netif_queue(nif, pkts[i]);
	for (u32 i = plain; i < n; i++) {
		struct pkt *p = pkts[i];
		u8 ttl = p->ttl ? (u8)(p->ttl - 1) : d->ttl;
		u32 len = pkt_is_offloaded(p) ? pkt_wire_len(p) : p->len;

		if (!ttl)
			net_drop(nif, p, NET_DROP_TTL);
		else if (ready && len + UDP_OVERHEAD <= mtu)
			sent += send_prepared(nif, d, p, ttl, len);
		else
			sent += send_slowly(nif, d, p, ttl, len, mtu);
	}
	netif_flush(nif);
	return sent;
}
