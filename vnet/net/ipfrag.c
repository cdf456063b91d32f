/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reassembly. The pieces of a datagram are kept in order of their offset; when
 * they are complete, the first one's packet gets the others as segments and no
 * byte is copied. Pieces that overlap end the whole datagram (RFC 5722 for
 * IPv6; an attack or a mixed-up id here), an exact repetition only itself.
 */
#include "vnet/net/ipfrag.h"

#include "hv/base/plat.h"
#include "vnet/net/net_priv.h"

/* RFC 791: the header of the whole datagram counts into its total length. */
#define PAYLOAD_MAX (IP_TOTAL_MAX - IP_HLEN)

/* Put what is held; the slot stays in use. */
static void let_go(struct netif *nif, struct ipfrag *f, enum net_drop reason)
{
	for (u32 i = 0; i < f->count; i++)
		net_drop(nif, f->piece[i].p, reason);
	nif->frag.held -= f->buffers;
	f->count = 0;
	f->buffers = 0;
}

static void end(struct netif *nif, struct ipfrag *f, enum net_drop reason)
{
	let_go(nif, f, reason);
	f->used = false;
}

/* Its later pieces must not start it anew, so it stays until its time is up. */
static void refuse(struct netif *nif, struct ipfrag *f, struct pkt *p, enum net_drop reason)
{
	let_go(nif, f, reason);
	f->refused = true;
	net_drop(nif, p, reason);
}

static struct ipfrag *find(struct netif *nif, const struct ip_meta *m)
{
	for (u32 i = 0; i < IPFRAG_SLOTS; i++) {
		struct ipfrag *f = &nif->frag.slot[i];

		if (f->used && f->id == m->id && f->src == m->src && f->dst == m->dst &&
		    f->proto == m->proto)
			return f;
	}
	return NULL;
}

static struct ipfrag *start(struct netif *nif, const struct ip_meta *m)
{
	u64 now = plat_now_ns();
	struct ipfrag *unused = NULL;
	u32 same_source = 0;

	ipfrag_tick(nif, now);
	for (u32 i = 0; i < IPFRAG_SLOTS; i++) {
		struct ipfrag *f = &nif->frag.slot[i];

		if (!f->used)
			unused = f;
		else if (f->src == m->src)
			same_source++;
	}
	if (!unused || same_source >= IPFRAG_PER_SOURCE)
		return NULL;
	unused->used = true;
	unused->refused = false;
	unused->ce = false;
	unused->count = 0;
	unused->buffers = 0;
	unused->proto = m->proto;
	unused->shortest = UINT16_MAX;
	unused->id = m->id;
	unused->src = m->src;
	unused->dst = m->dst;
	unused->have = 0;
	unused->total = 0;
	unused->deadline_ns = now + IPFRAG_TIMEOUT_NS;
	unused->hdr = NULL;
	return unused;
}

/* Where a piece at off belongs in the order. */
static u32 place_of(const struct ipfrag *f, u32 off)
{
	u32 at = f->count;

	while (at && f->piece[at - 1].off > off)
		at--;
	return at;
}

/* Does [off, off + len) contradict what is known of the datagram? */
static bool contradicts(const struct ipfrag *f, u32 at, u32 off, u32 len, bool more)
{
	u32 stop = off + len;

	if (at > 0 && f->piece[at - 1].off + f->piece[at - 1].len > off)
		return true;
	if (at < f->count && f->piece[at].off < stop)
		return true;
	if (f->total)
		return more ? stop >= f->total : true;
	/* The last one ends behind all others. */
	return !more && at < f->count;
}

static bool repeats(const struct ipfrag *f, u32 at, u32 off, u32 len, bool more)
{
	return at > 0 && f->piece[at - 1].off == off && f->piece[at - 1].len == len &&
	       more == (f->total != off + len);
}

static u32 buffers_of(const struct pkt *p)
{
	return 1u + p->nseg;
}

/* Would it be in too many pieces with p as well? */
static bool too_many(const struct ipfrag *f, const struct pkt *p, bool more)
{
	u32 shortest = more ? MIN(f->shortest, p->len) : f->shortest;

	return f->buffers + buffers_of(p) > IPFRAG_PIECES ||
	       (f->count >= IPFRAG_PIECES_SHORT && shortest < IPFRAG_LONG);
}

static void insert(struct netif *nif, struct ipfrag *f, u32 at, struct pkt *p, u32 off)
{
	for (u32 i = f->count; i > at; i--)
		f->piece[i] = f->piece[i - 1];
	f->piece[at] = (struct ipfrag_piece){ p, (u16)off, (u16)p->len };
	f->count++;
	f->buffers = (u8)(f->buffers + buffers_of(p));
	f->have += p->len;
	nif->frag.held += buffers_of(p);
}

/* The datagram as one packet. */
static struct pkt *join(struct netif *nif, struct ipfrag *f, struct ip_meta *meta)
{
	struct pkt *first = f->piece[0].p;

	for (u32 i = 1; i < f->count; i++) {
		err_t err = pkt_join(first, f->piece[i].p);

		ASSERT(err == ERR_OK); /* a packet holds IPFRAG_PIECES of them */
	}
	nif->frag.held -= f->buffers;
	nif->count.rx_joined += f->count - 1u;
	f->used = false;

	meta->hdr = f->hdr;
	meta->hdr_len = (u16)((f->hdr[IP_VER_IHL] & 15u) * 4);
	meta->frag = 0;
	meta->ttl = first->ttl;
	/* RFC 3168, 5.3: a mark on one fragment is a mark on the datagram. */
	meta->tos = f->ce ? first->tos | IP_ECN_CE : first->tos;
	first->tos = meta->tos;
	return first;
}

struct pkt *ipfrag_input(struct netif *nif, struct pkt *p, struct ip_meta *meta)
{
	u32 off = (meta->frag & IP_FRAG_OFFSET) * 8u;
	bool more = meta->frag & IP_FRAG_MF;
	struct ipfrag *f;
	u32 at;

	if (!p->len || (more && p->len % 8) || off + p->len > PAYLOAD_MAX) {
		net_drop(nif, p, NET_DROP_FRAG_BAD);
		return NULL;
	}
	f = find(nif, meta);
	if (f && plat_now_ns() >= f->deadline_ns) {
		end(nif, f, NET_DROP_FRAG_TIMEOUT);
		f = NULL;
	}
	if (!f)
		f = start(nif, meta);
	if (!f || nif->frag.held >= nif->setup.frag_packets) {
		net_drop(nif, p, NET_DROP_FRAG_FULL);
		return NULL;
	}
	at = place_of(f, off);
	if (f->refused) {
		net_drop(nif, p, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	if (repeats(f, at, off, p->len, more)) {
		net_drop(nif, p, NET_DROP_FRAG_REPEATED);
		return NULL;
	}
	if (contradicts(f, at, off, p->len, more)) {
		refuse(nif, f, p, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	if (too_many(f, p, more)) {
		refuse(nif, f, p, NET_DROP_FRAG_FULL);
		return NULL;
	}
	if (off == 0)
		f->hdr = meta->hdr;
	if (more)
		f->shortest = MIN(f->shortest, (u16)p->len);
	else
		f->total = off + p->len;
	f->ce |= (meta->tos & IP_ECN_MASK) == IP_ECN_CE;
	insert(nif, f, at, p, off);
	/* No overlaps, nothing behind the end: enough bytes means all of them. */
	return f->total && f->have == f->total ? join(nif, f, meta) : NULL;
}

void ipfrag_flush(struct netif *nif)
{
	for (u32 i = 0; i < IPFRAG_SLOTS; i++) {
		if (nif->frag.slot[i].used)
			end(nif, &nif->frag.slot[i], NET_DROP_FRAG_TIMEOUT);
	}
}

void ipfrag_tick(struct netif *nif, u64 now_ns)
{
	for (u32 i = 0; i < IPFRAG_SLOTS; i++) {
		struct ipfrag *f = &nif->frag.slot[i];

		if (f->used && now_ns >= f->deadline_ns)
			end(nif, f, NET_DROP_FRAG_TIMEOUT);
	}
}

u64 ipfrag_next_ns(const struct netif *nif)
{
	u64 next = UINT64_MAX;

	for (u32 i = 0; i < IPFRAG_SLOTS; i++) {
		const struct ipfrag *f = &nif->frag.slot[i];

		if (f->used)
			next = MIN(next, f->deadline_ns);
	}
	return next;
}
