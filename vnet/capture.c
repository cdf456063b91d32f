/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings, see capture.h. Each has one writer, its core, and one reader, the
 * boot core. A record lies in one piece: where the rest of the ring is too
 * short for it, a mark says so, and it begins anew.
 */
#include "vnet/capture.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/capture_priv.h"
#include "vnet/epoch.h"
#include "vnet/net/wire.h"
#include "vnet/xcore.h"

#define RECORD_ALIGN 8u
#define RECORD_SKIP UINT32_MAX /* as size: nothing follows up to the ring's end */

STATIC_ASSERT(sizeof(struct capture_record) == 24, "whole units");
STATIC_ASSERT(CAPTURE_RING_BYTES > 2 * (CAPTURE_SNAP_MAX + sizeof(struct capture_record)),
	      "the longest frame fits wherever the ring stands");

STATIC_ASSERT((CAPTURE_RING_BYTES & (CAPTURE_RING_BYTES - 1)) == 0, "a power of two");

struct capture *capture_now;

static size_t capture_bytes(u32 rings)
{
	return sizeof(struct capture) + rings * sizeof(struct capture_ring);
}

err_t capture_start(const struct capture_filter *filter)
{
	struct capture *c;

	if (!filter->snap || filter->snap > CAPTURE_SNAP_MAX || !filter->sides)
		return ERR_RANGE;
	if (capture_now)
		return ERR_BUSY;
	c = plat_alloc(capture_bytes(xcore_count()));
	if (!c)
		return ERR_NOMEM;
	c->filter = *filter;
	c->read_ns = plat_now_ns();
	c->rings = xcore_count();
	__atomic_store_n(&capture_now, c, __ATOMIC_RELEASE);
	return ERR_OK;
}

void capture_stop(void)
{
	struct capture *c = capture_now;

	/* Without room it goes on until the next time; capture_tick() asks again. */
	if (!c || !epoch_room(1))
		return;
	__atomic_store_n(&capture_now, NULL, __ATOMIC_RELEASE);
	epoch_retire(c, capture_bytes(c->rings));
}

void capture_tick(u64 now_ns)
{
	if (capture_now && now_ns > capture_now->read_ns + CAPTURE_IDLE_NS)
		capture_stop();
}

u64 capture_lost(void)
{
	u64 lost = 0;

	for (u32 i = 0; capture_now && i < capture_now->rings; i++)
		lost += __atomic_load_n(&capture_now->ring[i].lost, __ATOMIC_RELAXED);
	return lost;
}

/* --- writing: the port's core --------------------------------------------------- */

static struct capture_record *record_at(struct capture_ring *r, u32 at)
{
	return (struct capture_record *)(void *)&r->data[at & (CAPTURE_RING_BYTES - 1)];
}

/* Room for a record of so many bytes in one piece; NULL: there is none. *head
 * is where it begins. */
static struct capture_record *room(struct capture_ring *r, u32 bytes, u32 *head)
{
	u32 free = CAPTURE_RING_BYTES - (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
	u32 left = CAPTURE_RING_BYTES - (r->head & (CAPTURE_RING_BYTES - 1));
	u32 skip = left < bytes ? left : 0;

	if (free < bytes + skip)
		return NULL;
	/* Only where a mark fits; the reader knows that nothing shorter is a record. */
	if (skip >= sizeof(struct capture_record))
		record_at(r, r->head)->size = RECORD_SKIP;
	*head = r->head + skip;
	return record_at(r, *head);
}

void capture_keep(struct capture_ring *r, const struct pkt *p, u32 snap,
		  const struct capture_record *as, const struct capture_front *front)
{
	u32 before = front ? MIN(front->len, snap) : 0;
	u32 size = before + MIN(p->len, snap - before), head;
	u32 bytes = (u32)ALIGN_UP(sizeof(struct capture_record) + size, RECORD_ALIGN);
	struct capture_record *rec = room(r, bytes, &head);

	if (!rec) {
		__atomic_store_n(&r->lost, r->lost + 1, __ATOMIC_RELAXED);
		return;
	}
	*rec = *as;
	rec->len = p->len + (front ? front->len : 0);
	rec->size = size;
	if (before)
		memcpy(rec + 1, front->bytes, before);
	pkt_copy_out(p, 0, (u8 *)(rec + 1) + before, size - before);
	__atomic_store_n(&r->head, head + bytes, __ATOMIC_RELEASE);
}

static bool takes_mac(const struct capture_filter *f, const struct pkt *p)
{
	if (!f->mac)
		return true;
	return p->head_len >= ETH_HLEN && capture_mac_is(f->mac, p->data);
}

void capture_frames(const struct vnet_port *port, enum capture_dir dir, struct pkt *const *pkts,
		    u32 n)
{
	struct capture *c = __atomic_load_n(&capture_now, __ATOMIC_ACQUIRE);
	struct capture_record as = { .port = port->id, .dir = (u8)dir, .side = CAPTURE_INNER };

	if (!c || !(c->filter.sides & CAPTURE_INNER) ||
	    (c->filter.port != VNET_PORT_NONE && c->filter.port != port->id))
		return;
	as.time_ns = plat_now_ns();
	for (u32 i = 0; i < n; i++)
		if (takes_mac(&c->filter, pkts[i]))
			capture_keep(&c->ring[plat_core()], pkts[i], c->filter.snap, &as, NULL);
}

/* --- reading: the boot core ------------------------------------------------------ */

/* The oldest record of a ring, NULL when it is empty. */
static const struct capture_record *oldest(struct capture_ring *r)
{
	u32 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	u32 left;

	__atomic_store_n(&r->tail, r->next, __ATOMIC_RELEASE);
	if (r->tail == head)
		return NULL;
	left = CAPTURE_RING_BYTES - (r->tail & (CAPTURE_RING_BYTES - 1));
	if (left < sizeof(struct capture_record) || record_at(r, r->tail)->size == RECORD_SKIP) {
		r->next = r->tail + left;
		__atomic_store_n(&r->tail, r->next, __ATOMIC_RELEASE);
	}
	return record_at(r, r->tail);
}

bool capture_read(struct capture_frame *out)
{
	const struct capture_record *first = NULL;
	struct capture *c = capture_now;
	struct capture_ring *from = NULL;

	if (!c)
		return false;
	c->read_ns = plat_now_ns();
	for (u32 i = 0; i < c->rings; i++) {
		const struct capture_record *rec = oldest(&c->ring[i]);

		if (rec && (!first || rec->time_ns < first->time_ns)) {
			first = rec;
			from = &c->ring[i];
		}
	}
	if (!first)
		return false;
	*out = (struct capture_frame){
		.time_ns = first->time_ns,
		.len = first->len,
		.size = first->size,
		.port = first->port,
		.dir = (enum capture_dir)first->dir,
		.side = (enum capture_side)first->side,
		.data = (const u8 *)(first + 1),
	};
	from->next = from->tail + (u32)ALIGN_UP(sizeof(*first) + first->size, RECORD_ALIGN);
	return true;
}
