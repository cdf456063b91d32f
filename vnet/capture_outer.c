/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outer side of links: packets at the uplink, or at a socket. Which link a
 * received one is for is asked of the tables that real ones go by, before they do.
 */
#include "vnet/capture_priv.h"

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/edge_priv.h"
#include "vnet/epoch.h"
#include "vnet/net/checksum.h"

/* Bytes that are looked at: the outer headers with all options that IPv4 has room
 * for, the longest header of a link (Geneve's, 260), and the guest's Ethernet header. */
#define LOOK 384u
#define IP_WORD 4u
#define IP_WORDS_MASK 15u

/* What a packet's first bytes say. */
struct outer {
	const u8 *bytes;
	u32 len;
	bool is_udp;
	bool later; /* not the first fragment of its datagram */
	bool cut;   /* one of several */
	u32 payload; /* where that of the datagram begins, if is_udp ... */
	u32 payload_len; /* ... and its length, also where that is not all here */
	u32 net; /* whose ports these are */
	u32 src, dst;
	u16 id;
	u16 sport, dport;
};

static void read_outer(struct outer *o, const u8 *bytes, u32 len)
{
	const u8 *ip = bytes + ETH_HLEN, *udp;
	u32 frag, hlen;

	*o = (struct outer){ .bytes = bytes, .len = len };
	if (len < ETH_HLEN + IP_HLEN || load_be16(bytes + ETH_TYPE) != ETH_TYPE_IPV4)
		return;
	hlen = (ip[IP_VER_IHL] & IP_WORDS_MASK) * IP_WORD;
	frag = load_be16(ip + IP_FRAG);
	o->later = frag & IP_FRAG_OFFSET;
	o->cut = frag & (IP_FRAG_OFFSET | IP_FRAG_MF);
	o->src = load_be32(ip + IP_SRC);
	o->dst = load_be32(ip + IP_DST);
	o->id = load_be16(ip + IP_ID);
	if (o->later || ip[IP_PROTO] != IP_PROTO_UDP || len < ETH_HLEN + hlen + UDP_HLEN)
		return;
	udp = ip + hlen;
	o->is_udp = true;
	o->sport = load_be16(udp + UDP_SPORT);
	o->dport = load_be16(udp + UDP_DPORT);
	o->payload = ETH_HLEN + hlen + UDP_HLEN;
	o->payload_len = MAX(load_be16(udp + UDP_LEN), UDP_HLEN) - UDP_HLEN;
}

/* What the link's header says, and the guest's frame behind it, NULL when it is not
 * there. LOOK bytes can be read, whatever the lengths say. */
static const u8 *inner_frame(const struct link_kind *kind, const struct outer *o,
			     struct link_rx *rx)
{
	struct pkt p = {
		.data = (u8 *)(uintptr_t)o->bytes + o->payload,
		.head_len = MIN(o->payload_len, o->len - o->payload),
		.len = o->payload_len,
	};

	*rx = (struct link_rx){ .vni = 0 };
	return kind->decap(&p, rx) == LINK_FRAME ? p.data : NULL;
}

/* The link of what came to a port of ours, as edge_input() finds it. */
static const struct edge *receiver(const struct edge_local *local, const struct outer *o)
{
	struct edge_key key;
	struct link_rx rx;
	struct edge *e;

	inner_frame(local->kind, o, &rx);
	key = edge_key_address(local, rx.vni, o->src);
	e = edge_table_find(&key);
	if (e || !local->nat_users)
		return e;
	key = edge_key_nat(local, rx.vni, o->src, o->sport);
	e = edge_table_find(&key);
	if (e || !rx.tag)
		return e;
	key = edge_key_tag(local, rx.vni, rx.tag);
	return edge_table_find(&key);
}

static bool takes(const struct capture_filter *f, const struct edge *e, const struct outer *o)
{
	const u8 *frame = NULL;
	struct link_rx rx;

	if (f->port != VNET_PORT_NONE && (!e || e->port.id != f->port))
		return false;
	if (!f->mac)
		return true;
	if (o->len >= ETH_HLEN && capture_mac_is(f->mac, o->bytes))
		return true;
	if (e && o->is_udp)
		frame = inner_frame(e->link, o, &rx);
	return frame && capture_mac_is(f->mac, frame);
}

static struct capture_fragments *fragments_of(struct capture *c, const struct outer *o)
{
	for (u32 i = 0; i < CAPTURE_FRAGMENTS; i++) {
		struct capture_fragments *f = &c->fragments[i];

		if (f->src == o->src && f->dst == o->dst && f->id == o->id)
			return f;
	}
	return NULL;
}

/* Whether it is to be kept, and whose it is: *as->port. */
static bool judge(struct capture *c, const struct edge *e, const struct outer *o,
		  struct capture_record *as)
{
	const struct capture_fragments *first = o->later ? fragments_of(c, o) : NULL;
	const struct edge_local *local;
	bool taken;

	if (first) {
		as->port = first->port;
		return first->taken;
	}
	if (!e && o->is_udp && as->dir == CAPTURE_IN) {
		local = edge_local_find(o->net, o->dport);
		e = local ? receiver(local, o) : NULL;
	}
	as->port = e ? e->port.id : VNET_PORT_NONE;
	taken = takes(&c->filter, e, o);
	if (o->cut && !o->later)
		c->fragments[c->fragments_next++ % CAPTURE_FRAGMENTS] = (struct capture_fragments){
			o->src, o->dst, o->id, as->port, taken
		};
	return taken;
}

static struct capture *outer_capture(void)
{
	struct capture *c = __atomic_load_n(&capture_now, __ATOMIC_ACQUIRE);

	return c && (c->filter.sides & CAPTURE_OUTER) ? c : NULL;
}

void capture_uplink(u32 net, const struct edge *e, enum capture_dir dir, struct pkt *const *pkts,
		    u32 n)
{
	struct capture_record as = { .time_ns = plat_now_ns(), .dir = (u8)dir,
				     .side = CAPTURE_OUTER };
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct capture *c = outer_capture();

	for (u32 i = 0; c && i < n; i++) {
		u8 look[LOOK] = { 0 };
		u32 len = MIN(pkts[i]->len, LOOK);
		struct outer o;

		pkt_copy_out(pkts[i], 0, look, len);
		read_outer(&o, look, len);
		o.net = net;
		if (judge(c, e, &o, &as))
			capture_keep(&c->ring[core], pkts[i], c->filter.snap, &as, NULL);
	}
	epoch_read_end(core, begun);
}

/* Headers as the kernel may have made them; no checksum is a UDP checksum. */
static void make_front(struct capture_front *f, const struct capture_datagram *d, u32 len)
{
	u8 *ip = f->bytes + ETH_HLEN, *udp = ip + IP_HLEN;

	*f = (struct capture_front){ .len = sizeof(f->bytes) };
	store_be16(f->bytes + ETH_TYPE, ETH_TYPE_IPV4);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	ip[IP_TOS] = d->tos;
	store_be16(ip + IP_TOTAL, (u16)(IP_HLEN + UDP_HLEN + len));
	ip[IP_TTL] = d->ttl;
	ip[IP_PROTO] = IP_PROTO_UDP;
	store_be32(ip + IP_SRC, d->src);
	store_be32(ip + IP_DST, d->dst);
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	store_be16(udp + UDP_SPORT, d->sport);
	store_be16(udp + UDP_DPORT, d->dport);
	store_be16(udp + UDP_LEN, (u16)(UDP_HLEN + len));
}

void capture_datagram(const struct edge *e, enum capture_dir dir,
		      const struct capture_datagram *d, const struct pkt *p)
{
	struct capture_record as = { .time_ns = plat_now_ns(), .dir = (u8)dir,
				     .side = CAPTURE_OUTER };
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct capture *c = outer_capture();
	struct capture_front front;
	u8 look[LOOK] = { 0 };
	struct outer o;
	u32 len;

	if (c) {
		len = MIN(p->len, LOOK - (u32)sizeof(front.bytes));
		make_front(&front, d, p->len);
		memcpy(look, front.bytes, front.len);
		pkt_copy_out(p, 0, look + front.len, len);
		read_outer(&o, look, front.len + len);
		if (judge(c, e, &o, &as))
			capture_keep(&c->ring[core], p, c->filter.snap, &as, &front);
	}
	epoch_read_end(core, begun);
}
