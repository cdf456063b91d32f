/* SPDX-License-Identifier: BSD-2-Clause */
/* Device side of a split virtqueue (virtio 1.2 2.7). */
#include "drivers/virtio/queue.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

const char *virtq_fault_name(enum virtq_fault fault)
{
	static const char *const names[VIRTQ_FAULT_COUNT] = {
		[VIRTQ_OK] = "none",
		[VIRTQ_BAD_SIZE] = "queue size is not a power of two within the limit",
		[VIRTQ_BAD_AREA] = "ring area is misaligned or outside memory",
		[VIRTQ_BAD_AVAIL_IDX] = "available index runs ahead of the queue size",
		[VIRTQ_BAD_HEAD] = "head of a chain is outside the table",
		[VIRTQ_BAD_NEXT] = "next descriptor is outside its table",
		[VIRTQ_CHAIN_TOO_LONG] = "chain is a loop or longer than the queue",
		[VIRTQ_CHAIN_TOO_BIG] = "chain has more than 2^32 - 1 bytes",
		[VIRTQ_BAD_ORDER] = "readable descriptor after a writable one",
		[VIRTQ_BAD_INDIRECT] = "indirect descriptor not allowed there, or of a bad length",
		[VIRTQ_BAD_INDIRECT_AREA] = "indirect table is outside memory",
		[VIRTQ_BAD_BUFFER] = "buffer is outside memory or not writable",
		[VIRTQ_BAD_CONTENT] = "chain does not hold what the device needs",
	};

	return fault < VIRTQ_FAULT_COUNT ? names[fault] : "unknown";
}

void virtq_break(struct virtq *q, enum virtq_fault fault)
{
	if (!q->fault)
		q->fault = (u8)fault;
}

void virtq_reset(struct virtq *q)
{
	struct virtq was = *q;

	*q = (struct virtq){
		.kicks = was.kicks,
		.interrupts = was.interrupts,
		.suppressed = was.suppressed,
	};
}

/* A ring area: aligned, inside one region of guest memory; NULL otherwise. */
static void *ring_area(struct gmem *gm, gpa_t at, u64 bytes, u64 align, enum gmem_intent intent)
{
	if (at.v & (align - 1))
		return NULL;
	return gmem_ptr(gm, at, bytes, intent);
}

err_t virtq_enable(struct virtq *q, struct gmem *gm, const struct virtq_layout *l, u64 features)
{
	u16 n = l->size;

	virtq_reset(q);
	if (n == 0 || n > VIRTQ_MAX_SIZE || (n & (n - 1))) {
		virtq_break(q, VIRTQ_BAD_SIZE);
		return ERR_INVAL;
	}
	q->desc = ring_area(gm, l->desc, VRING_DESC_BYTES(n), VRING_DESC_ALIGN, GMEM_READ);
	q->avail = ring_area(gm, l->avail, VRING_AVAIL_BYTES(n), VRING_AVAIL_ALIGN, GMEM_READ);
	q->used = ring_area(gm, l->used, VRING_USED_BYTES(n), VRING_USED_ALIGN, GMEM_WRITE);
	if (!q->desc || !q->avail || !q->used) {
		virtq_reset(q);
		virtq_break(q, VIRTQ_BAD_AREA);
		return ERR_INVAL;
	}
	q->used_event = &q->avail->ring[n];
	q->avail_event = (u16 *)(void *)&q->used->ring[n];
	q->gm = gm;
	q->size = n;
	q->event_idx = features & VIRTIO_F_EVENT_IDX;
	q->indirect = features & VIRTIO_F_INDIRECT_DESC;
	__atomic_store_n(&q->enabled, true, __ATOMIC_RELEASE);
	return ERR_OK;
}

static bool is_enabled(const struct virtq *q)
{
	return __atomic_load_n(&q->enabled, __ATOMIC_ACQUIRE);
}

/*
 * Look at the driver's index. Acquire: the ring entries and descriptors it
 * covers are read after it. A driver has at most `size` chains that were not
 * given back, so no index further ahead of `filled` than that is honest, and
 * with it the number of chains in our hands is bounded.
 */
static bool refresh(struct virtq *q)
{
	u16 idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);

	if ((u16)(idx - q->filled) > q->size || (u16)(idx - q->next) > q->size) {
		virtq_break(q, VIRTQ_BAD_AVAIL_IDX);
		return false;
	}
	q->seen = idx;
	return idx != q->next;
}

u16 virtq_available(struct virtq *q)
{
	if (!is_enabled(q) || q->fault)
		return 0;
	if (q->next == q->seen && !refresh(q))
		return 0;
	return (u16)(q->seen - q->next);
}

/*
 * Copy a descriptor with exactly one load per half: the driver may rewrite it
 * at any time. Indirect tables need not be aligned.
 */
static struct vring_desc desc_copy(const struct vring_desc *d)
{
	u64 addr = vring_desc_addr(d), rest = vring_desc_rest(d);

	return (struct vring_desc){
		.addr = addr,
		.len = (u32)rest,
		.flags = (u16)(rest >> 32),
		.next = (u16)(rest >> 48),
	};
}

/* The table that a chain is being walked in. */
struct walk {
	const struct vring_desc *table;
	u32 entries;
	bool indirect;
};

/* Step into an indirect table (2.7.5.3). The write flag of the descriptor that
 * refers to it means nothing (2.7.5.3.2). */
static enum virtq_fault enter_indirect(struct virtq *q, struct walk *w, const struct vring_desc *d)
{
	if (!q->indirect || w->indirect || (d->flags & VRING_DESC_F_NEXT))
		return VIRTQ_BAD_INDIRECT;
	if (d->len == 0 || d->len % sizeof(struct vring_desc))
		return VIRTQ_BAD_INDIRECT;
	w->table = gmem_ptr(q->gm, gpa(d->addr), d->len, GMEM_READ);
	if (!w->table)
		return VIRTQ_BAD_INDIRECT_AREA;
	w->entries = d->len / (u32)sizeof(struct vring_desc);
	w->indirect = true;
	return VIRTQ_OK;
}

/* Note one buffer. Empty ones are passed over; the walk's bound counts them. */
static enum virtq_fault add_buf(struct virtq_chain *c, const struct vring_desc *d)
{
	u32 total = c->read_len + c->write_len;
	bool write = d->flags & VRING_DESC_F_WRITE;

	if (d->len == 0)
		return VIRTQ_OK;
	if (d->addr + d->len - 1 < d->addr)
		return VIRTQ_BAD_BUFFER;
	if (!write && c->nwrite)
		return VIRTQ_BAD_ORDER;
	if (d->len > UINT32_MAX - total)
		return VIRTQ_CHAIN_TOO_BIG;
	c->buf[c->nread + c->nwrite] = (struct virtq_buf){ gpa(d->addr), d->len };
	if (write) {
		c->nwrite++;
		c->write_len += d->len;
	} else {
		c->nread++;
		c->read_len += d->len;
	}
	return VIRTQ_OK;
}

static enum virtq_fault walk_chain(struct virtq *q, struct virtq_chain *c)
{
	struct walk w = { .table = q->desc, .entries = q->size };
	enum virtq_fault fault;
	u32 i = c->head;

	for (u32 count = 0; count < q->size; count++) {
		struct vring_desc d;

		if (i >= w.entries)
			return VIRTQ_BAD_NEXT;
		d = desc_copy(&w.table[i]);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			fault = enter_indirect(q, &w, &d);
			if (fault)
				return fault;
			/* The referring descriptor carries no buffer of its own. */
			d = desc_copy(&w.table[0]);
			if (d.flags & VRING_DESC_F_INDIRECT)
				return VIRTQ_BAD_INDIRECT;
		}
		fault = add_buf(c, &d);
		if (fault)
			return fault;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return VIRTQ_OK;
		i = d.next;
	}
	return VIRTQ_CHAIN_TOO_LONG;
}

err_t virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	enum virtq_fault fault;

	if (!virtq_available(q))
		return q->fault ? ERR_INVAL : ERR_NOENT;
	c->head = __atomic_load_n(&q->avail->ring[q->next & (q->size - 1)], __ATOMIC_RELAXED);
	c->nread = 0;
	c->nwrite = 0;
	c->read_len = 0;
	c->write_len = 0;
	fault = c->head < q->size ? walk_chain(q, c) : VIRTQ_BAD_HEAD;
	if (fault) {
		virtq_break(q, fault);
		return ERR_INVAL;
	}
	q->next++;
	return ERR_OK;
}

/* For chains of which `flags` is all that their descriptor's may be. */
static inline __attribute__((always_inline)) u32 pop_pieces(struct virtq *q,
							     struct virtq_piece *pieces, u32 max,
							     u16 flags)
{
	static const struct gmem_region nowhere;
	const struct gmem_region *r = &nowhere; /* of the piece before, and mostly the next's */
	const struct vring_desc *desc = q->desc;
	const u16 *ring = q->avail->ring;
	u32 mask = q->size - 1u, next = q->next, n = 0;

	if (q->fault)
		return 0;
	for (; n < max; n++) {
		u32 head = __atomic_load_n(&ring[(next + n) & mask], __ATOMIC_RELAXED);
		const struct vring_desc *d = &desc[head & mask];
		u64 addr = vring_desc_addr(d), rest = vring_desc_rest(d), off = addr - r->base.v;
		u32 len = (u32)rest;

		if (head > mask || (u16)(rest >> 32) != flags)
			break;
		if (off >= r->size || len - 1ull >= r->size - off) {
			r = gmem_region_around(q->gm, gpa(addr), len);
			if (!r || (flags && !r->writable))
				break;
			off = addr - r->base.v;
		}
		pieces[n].at = r->host + off;
		pieces[n].region = r;
		pieces[n].len = len;
		pieces[n].head = (u16)head;
		__builtin_prefetch(r->host + off);
	}
	q->next = (u16)(q->next + n);
	return n;
}

u32 virtq_pop_read(struct virtq *q, struct virtq_piece *pieces, u32 max)
{
	return pop_pieces(q, pieces, max, 0);
}

u32 virtq_pop_write(struct virtq *q, struct virtq_piece *pieces, u32 max)
{
	return pop_pieces(q, pieces, max, VRING_DESC_F_WRITE);
}

void virtq_unpop(struct virtq *q, u16 n)
{
	q->next = (u16)(q->next - n);
}

void virtq_push(struct virtq *q, u16 head, u32 len)
{
	struct virtq_fill f;

	if (!is_enabled(q) || q->fault)
		return;
	ASSERT(q->filled != q->next);
	f = virtq_fill_begin(q);
	virtq_fill_put(&f, head, len);
	virtq_fill_end(q, &f);
}

void virtq_publish(struct virtq *q)
{
	if (!is_enabled(q) || q->published == q->filled)
		return;
	/* Release: entries and buffers first, then the index (2.7.8.2). */
	__atomic_store_n(&q->used->idx, q->filled, __ATOMIC_RELEASE);
	q->published = q->filled;
}

bool virtq_should_notify(struct virtq *q)
{
	u16 old = q->signalled;
	bool wanted;

	if (!is_enabled(q) || old == q->published)
		return false;
	q->signalled = q->published;
	/* The index must be visible before we look at what the driver wants,
	 * or both sides could wait for each other. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		wanted = vring_event_passed(__atomic_load_n(q->used_event, __ATOMIC_RELAXED),
					    q->published, old);
	else
		wanted = !(__atomic_load_n(&q->avail->flags, __ATOMIC_RELAXED) &
			   VRING_AVAIL_F_NO_INTERRUPT);
	if (wanted)
		q->interrupts++;
	else
		q->suppressed++;
	return wanted;
}

bool virtq_waits_for_irq(const struct virtq *q)
{
	if (!is_enabled(q))
		return false;
	if (!q->event_idx)
		return !(__atomic_load_n(&q->avail->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	/* The index as the driver sees it; the owner's own belongs to it. */
	return __atomic_load_n(q->used_event, __ATOMIC_RELAXED) ==
	       __atomic_load_n(&q->used->idx, __ATOMIC_RELAXED);
}

void virtq_notify_off(struct virtq *q)
{
	/* With event indices it is enough to leave avail_event behind; the
	 * flag must stay 0 then (2.7.10.1). */
	if (is_enabled(q) && !q->event_idx)
		__atomic_store_n(&q->used->flags, (u16)VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool virtq_notify_on(struct virtq *q)
{
	if (!is_enabled(q) || q->fault)
		return false;
	if (q->event_idx)
		__atomic_store_n(q->avail_event, q->next, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&q->used->flags, (u16)0, __ATOMIC_RELAXED);
	/* Our wish must be visible before the index is read again. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return refresh(q);
}

/* One direction of a chain as a run of bytes. Each access to guest memory is
 * checked where it is made; a buffer may cross regions. */
static err_t chain_copy(struct virtq *q, const struct virtq_buf *b, u32 off, u8 *in,
			const u8 *out, u32 len)
{
	for (; len; b++) {
		u32 part;
		err_t err;

		if (off >= b->len) {
			off -= b->len;
			continue;
		}
		part = MIN(b->len - off, len);
		err = in ? gmem_read(q->gm, gpa_add(b->addr, off), in, part)
			 : gmem_write(q->gm, gpa_add(b->addr, off), out, part);
		if (err) {
			virtq_break(q, VIRTQ_BAD_BUFFER);
			return ERR_RANGE;
		}
		if (in)
			in += part;
		else
			out += part;
		len -= part;
		off = 0;
	}
	return ERR_OK;
}

err_t virtq_chain_read(struct virtq *q, const struct virtq_chain *c, u32 off, void *dst, u32 len)
{
	ASSERT((u64)off + len <= c->read_len);
	return chain_copy(q, c->buf, off, dst, NULL, len);
}

err_t virtq_chain_write(struct virtq *q, const struct virtq_chain *c, u32 off, const void *src,
			u32 len)
{
	ASSERT((u64)off + len <= c->write_len);
	return chain_copy(q, c->buf + c->nread, off, NULL, src, len);
}
