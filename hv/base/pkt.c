/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet pools, references, clones and slices; see pkt.h for the picture.
 * Everything here runs in constant time per packet and segment, and allocates
 * nothing but packets of the pools.
 */
#include "hv/base/pkt.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

STATIC_ASSERT(PKT_JOIN_SEGS <= UINT16_MAX, "nseg is 16 bits");
STATIC_ASSERT(PKT_MAX_SEGS <= PKT_JOIN_SEGS, "a packet holds either");

static size_t pool_heads_bytes(u32 count)
{
	return ALIGN_UP(sizeof(struct pkt) * (size_t)count, CACHE_LINE);
}

static size_t pool_stack_bytes(u32 count)
{
	return ALIGN_UP(sizeof(struct pkt *) * (size_t)count, CACHE_LINE);
}

/* An odd number of cache lines, so that the buffers' headers do not all fall into the same
 * few sets of a cache. */
static u32 pool_stride(u32 buf_size)
{
	return ALIGN_UP(buf_size, CACHE_LINE) | CACHE_LINE;
}

size_t pkt_pool_bytes(u32 count, u32 buf_size)
{
	return pool_heads_bytes(count) + pool_stack_bytes(count) +
	       (size_t)pool_stride(buf_size) * count;
}

void pkt_pool_init(struct pkt_pool *pool, const char *name, u32 owner, u32 count, u32 buf_size,
		   void *mem, bus_t mem_bus)
{
	struct pkt *pkts = mem;
	size_t heads = pool_heads_bytes(count), off = heads + pool_stack_bytes(count);
	u32 stride = pool_stride(buf_size);

	ASSERT(buf_size > PKT_HEADROOM);
	memset(mem, 0, off);
	*pool = (struct pkt_pool){
		.name = name,
		.owner = owner,
		.count = count,
		.buf_size = buf_size,
		.bus_off = mem_bus.v - (u64)(uintptr_t)mem,
		.free = (struct pkt **)(void *)((u8 *)mem + heads),
	};
	/* Last one first, so that the lowest address is on top. */
	for (u32 i = count; i-- > 0;) {
		struct pkt *p = &pkts[i];
		size_t buf_off = off + (size_t)stride * i;

		p->pool = pool;
		p->buf = (u8 *)mem + buf_off;
		p->buf_size = buf_size;
		pool->free[pool->free_count++] = p;
	}
}

void pkt_get_burst(struct pkt_pool *pool, struct pkt **pkts, u32 n)
{
	struct pkt **from = pool->free + pool->free_count - n;

	ASSERT(n <= pool->free_count);
	pool->free_count -= n;
	for (u32 i = 0; i < n; i++) {
		pkts[i] = from[i];
		__builtin_prefetch(pkts[i], 1);
	}
	for (u32 i = 0; i < n; i++)
		pkt_init(pkts[i]);
}

/* End one reference. A packet whose last one went joins *dead; nobody else
 * holds it then, so its next field is free for that. */
static void put_one(struct pkt *p, struct pkt **dead)
{
	if (p->pool->owner != plat_core()) {
		ASSERT(p->pool->foreign_put);
		p->pool->foreign_put(p);
		return;
	}
	ASSERT(p->refs > 0);
	if (--p->refs == 0) {
		p->next = *dead;
		*dead = p;
	}
}

/* A list instead of recursion: clones of slices of clones make chains. */
void pkt_put(struct pkt *p)
{
	struct pkt *dead = NULL;

	if (p)
		put_one(p, &dead);
	while (dead) {
		p = dead;
		dead = p->next;
		if (p->ties & PKT_TIE_DONE)
			p->done(p);
		for (u32 i = 0; i < p->nseg && (p->ties & PKT_TIE_OWNERS); i++) {
			if (p->seg[i].owner)
				put_one(p->seg[i].owner, &dead);
		}
		if (p->ties & PKT_TIE_PARENT)
			put_one(p->parent, &dead);
		p->pool->free[p->pool->free_count++] = p;
	}
}

/* refs and ties at once. */
STATIC_ASSERT(offsetof(struct pkt, ties) == offsetof(struct pkt, refs) + sizeof(u16), "one load");
static inline u32 refs_and_ties(const struct pkt *p)
{
	u32 both;

	__builtin_memcpy(&both, &p->refs, sizeof(both));
	return both;
}

/* The last reference on what holds none itself, and tells nobody of its end, or does. */
#define LAST 1u
#define LAST_AND_DONE (LAST | PKT_TIE_DONE << 16)

/* The pool's, from the first on, as long as there is nothing else to be done. How many. */
static __attribute__((noinline)) u32 put_plain(struct pkt_pool *pool, struct pkt *const *pkts,
					       u32 n)
{
	struct pkt **free = pool->free + pool->free_count;
	u32 k = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];

		if (p->pool != pool || refs_and_ties(p) != LAST)
			break;
		p->refs = 0;
		free[k] = p;
	}
	pool->free_count += k;
	return k;
}

/* ... as long as somebody is to be told, who may want packets himself. */
static u32 put_telling(struct pkt_pool *pool, struct pkt *const *pkts, u32 n)
{
	u32 k = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];

		if (p->pool != pool || refs_and_ties(p) != LAST_AND_DONE)
			break;
		p->refs = 0;
		p->done(p);
		pool->free[pool->free_count++] = p;
	}
	return k;
}

void pkt_put_burst(struct pkt *const *pkts, u32 n)
{
	unsigned core = plat_core();

	while (n) {
		struct pkt_pool *pool = pkts[0]->pool;
		u32 k = 0;

		if (pool->owner == core) {
			k = put_plain(pool, pkts, n);
			k += put_telling(pool, pkts + k, n - k);
		}
		if (!k) {
			pkt_put(pkts[0]);
			k = 1;
		}
		pkts += k;
		n -= k;
	}
}

void pkt_ref(struct pkt *p)
{
	ASSERT(p->pool->owner == plat_core());
	ASSERT(p->refs > 0 && p->refs < UINT16_MAX);
	p->refs++;
}

void pkt_move_offsets(struct pkt *p, s32 n)
{
	p->l3_start = (u16)(p->l3_start + n);
	p->csum_start = (u16)(p->csum_start + n);
	p->payload_start = (u16)(p->payload_start + n);
}

static void drop_first_seg(struct pkt *p)
{
	pkt_put(p->seg[0].owner);
	p->nseg--;
	memmove(&p->seg[0], &p->seg[1], p->nseg * sizeof(p->seg[0]));
}

bool pkt_pullup_more(struct pkt *p, u32 n)
{
	if (n > p->len || n > p->buf_size - pkt_headroom(p))
		return false;
	while (p->head_len < n) {
		struct pkt_seg *s = &p->seg[0];
		u32 part = MIN(n - p->head_len, s->len);

		memcpy(p->data + p->head_len, s->addr, part);
		p->head_len += part;
		s->addr = (u8 *)s->addr + part;
		s->bus.v += part;
		s->len -= part;
		if (!s->len)
			drop_first_seg(p);
	}
	return true;
}

/* Append a segment where there are fewer than most. */
static err_t add_seg(struct pkt *p, void *addr, bus_t bus, u32 len, struct pkt *owner, u32 most)
{
	if (p->nseg >= most)
		return ERR_FULL;
	p->seg[p->nseg++] = (struct pkt_seg){
		.addr = addr,
		.bus = bus,
		.len = len,
		.owner = owner,
	};
	p->len += len;
	if (owner)
		p->ties |= PKT_TIE_OWNERS;
	return ERR_OK;
}

err_t pkt_add_seg(struct pkt *p, void *addr, bus_t bus, u32 len, struct pkt *owner)
{
	return add_seg(p, addr, bus, len, owner, PKT_MAX_SEGS);
}

err_t pkt_join(struct pkt *p, struct pkt *q)
{
	if (p->nseg + 1u + q->nseg > PKT_JOIN_SEGS)
		return ERR_FULL;
	add_seg(p, q->data, pkt_data_bus(q), q->head_len, q, PKT_JOIN_SEGS);
	/* What q refers to stays as long as q. */
	for (u32 i = 0; i < q->nseg; i++)
		add_seg(p, q->seg[i].addr, q->seg[i].bus, q->seg[i].len, NULL, PKT_JOIN_SEGS);
	return ERR_OK;
}

/* Append references to bytes [off, off+len) of p's frame to q. They are
 * covered by q->parent, so the segments have no owners of their own. */
static err_t share_range(struct pkt *q, const struct pkt *p, u32 off, u32 len)
{
	err_t err = ERR_OK;

	if (len && off < p->head_len) {
		u32 n = MIN(len, p->head_len - off);

		err = add_seg(q, p->data + off, (bus_t){ pkt_data_bus(p).v + off }, n, NULL,
			      PKT_JOIN_SEGS);
		off += n;
		len -= n;
	}
	off -= MIN(off, p->head_len);
	for (u32 i = 0; len && err == ERR_OK && i < p->nseg; i++) {
		const struct pkt_seg *s = &p->seg[i];
		u32 n;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len, s->len - off);
		err = add_seg(q, (u8 *)s->addr + off, (bus_t){ s->bus.v + off }, n, NULL,
			      PKT_JOIN_SEGS);
		off = 0;
		len -= n;
	}
	return err;
}

/* A packet of pool with copy bytes of p's frame from off in its header
 * fragment, the rest up to off + len by reference. It gets the reference on p
 * that the caller has or makes. */
static struct pkt *derive(struct pkt_pool *pool, struct pkt *p, u32 off, u32 len, u32 copy)
{
	struct pkt *q = pkt_get(pool);

	if (!q)
		return NULL;
	memcpy(q->data, p->data + off, copy);
	q->head_len = copy;
	q->len = copy;
	if (share_range(q, p, off + copy, len - copy) != ERR_OK) {
		pkt_put(q);
		return NULL;
	}
	q->parent = p;
	q->ties |= PKT_TIE_PARENT;
	q->ingress = p->ingress;
	q->overlay = p->overlay;
	q->hash = p->hash;
	q->ttl = p->ttl;
	q->tos = p->tos;
	return q;
}

/* A clone whose reference on p is the caller's to give. */
static struct pkt *stand_in(struct pkt_pool *pool, struct pkt *p)
{
	u32 copy = MIN(p->head_len, MIN((u32)PKT_COPY_WHOLE, pool->buf_size - PKT_HEADROOM));
	struct pkt *q = derive(pool, p, 0, p->len, copy);

	if (!q)
		return NULL;
	q->flags = p->flags;
	q->gso_type = p->gso_type;
	q->gso_size = p->gso_size;
	q->gso_segs = p->gso_segs;
	q->l3_start = p->l3_start;
	q->csum_start = p->csum_start;
	q->payload_start = p->payload_start;
	q->csum_offset = p->csum_offset;
	return q;
}

static bool is_ours(const struct pkt *p)
{
	return p->pool->owner == plat_core();
}

struct pkt *pkt_clone(struct pkt_pool *pool, struct pkt *p)
{
	struct pkt *q = is_ours(p) ? stand_in(pool, p) : NULL;

	if (q)
		pkt_ref(p);
	return q;
}

struct pkt *pkt_adopt(struct pkt_pool *pool, struct pkt *p)
{
	return is_ours(p) ? p : stand_in(pool, p);
}

struct pkt *pkt_slice(struct pkt_pool *pool, struct pkt *p, u32 off, u32 len)
{
	struct pkt *q;

	ASSERT(off <= p->len && len <= p->len - off);
	q = is_ours(p) ? derive(pool, p, off, len, 0) : NULL;
	if (q)
		pkt_ref(p);
	return q;
}

void pkt_copy_out(const struct pkt *p, u32 off, void *dst, u32 len)
{
	u8 *out = dst;
	u32 n;

	if (off < p->head_len) {
		n = MIN(len, p->head_len - off);
		memcpy(out, p->data + off, n);
		out += n;
		len -= n;
		off = 0;
	} else {
		off -= p->head_len;
	}
	for (u32 i = 0; len && i < p->nseg; i++) {
		const struct pkt_seg *s = &p->seg[i];

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len, s->len - off);
		memcpy(out, (const u8 *)s->addr + off, n);
		out += n;
		len -= n;
		off = 0;
	}
}
