/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: the driver's side of a split virtqueue (virtio 1.2 2.7). */
#include "drivers/nic/virtio_net.h"

#include "hv/base/str.h"

/* The three areas lie one behind the other, the used ring on lines of its own. */
static size_t avail_at(u32 size)
{
	return VRING_DESC_BYTES(size);
}

static size_t used_at(u32 size)
{
	return ALIGN_UP(avail_at(size) + VRING_AVAIL_BYTES(size), CACHE_LINE);
}

err_t vnic_ring_alloc(struct vnic_ring *r, const struct nic_resources *res, u16 index, u16 size,
		      u16 pieces, u64 features)
{
	bool indirect = pieces > 1 && (features & VIRTIO_F_INDIRECT_DESC);
	u8 *mem;

	*r = (struct vnic_ring){
		.index = index,
		.size = size,
		.slots = (u16)(indirect ? size : size / pieces),
		.pieces = pieces,
		.event_idx = features & VIRTIO_F_EVENT_IDX,
		.bytes = used_at(size) + VRING_USED_BYTES(size),
	};
	mem = res->dma_alloc(r->bytes, &r->bus);
	if (!mem)
		return ERR_NOMEM;
	if (indirect) {
		r->tables_bytes = (size_t)size * pieces * sizeof(struct vring_desc);
		r->tables = res->dma_alloc(r->tables_bytes, &r->tables_bus);
		if (!r->tables) {
			res->dma_free(mem, r->bytes);
			return ERR_NOMEM;
		}
	}
	r->desc = (struct vring_desc *)(void *)mem;
	r->avail = (struct vring_avail *)(void *)(mem + avail_at(size));
	r->used = (struct vring_used *)(void *)(mem + used_at(size));
	r->used_event = &r->avail->ring[size];
	r->avail_event = (u16 *)(void *)&r->used->ring[size];
	vnic_ring_empty(r);
	return ERR_OK;
}

void vnic_ring_free(struct vnic_ring *r, const struct nic_resources *res)
{
	if (r->tables)
		res->dma_free(r->tables, r->tables_bytes);
	if (r->desc)
		res->dma_free(r->desc, r->bytes);
	*r = (struct vnic_ring){ 0 };
}

void vnic_ring_empty(struct vnic_ring *r)
{
	memset(r->desc, 0, r->bytes);
	r->shown = r->next = r->taken = 0;
	r->nfree = r->slots;
	for (u16 i = 0; i < r->slots; i++) {
		r->free[i] = (u16)(r->slots - 1 - i);
		r->busy[i] = false;
	}
	vnic_ring_irq(r, false);
}

/* --- to the device ------------------------------------------------------------------ */

u16 vnic_ring_add_one(struct vnic_ring *r, bus_t bus, u32 len, bool write)
{
	u16 slot = r->free[--r->nfree];
	u16 head = r->tables ? slot : (u16)(slot * r->pieces);

	r->desc[head] = (struct vring_desc){
		.addr = bus.v, .len = len, .flags = write ? VRING_DESC_F_WRITE : 0,
	};
	r->expects[slot] = write ? len : 0;
	r->busy[slot] = true;
	r->avail->ring[r->next & (r->size - 1)] = head;
	r->next++;
	return slot;
}

static void fill(struct vring_desc *d, u16 base, const struct vnic_piece *p, u32 nread, u32 nwrite)
{
	for (u32 i = 0; i < nread + nwrite; i++)
		d[i] = (struct vring_desc){
			.addr = p[i].bus.v,
			.len = p[i].len,
			.flags = (u16)((i < nread ? 0 : VRING_DESC_F_WRITE) |
				       (i + 1 < nread + nwrite ? VRING_DESC_F_NEXT : 0)),
			.next = (u16)(base + i + 1),
		};
}

u16 vnic_ring_add(struct vnic_ring *r, const struct vnic_piece *p, u32 nread, u32 nwrite)
{
	u16 slot = r->free[--r->nfree];
	u16 head = r->tables ? slot : (u16)(slot * r->pieces);
	u32 n = nread + nwrite;

	r->expects[slot] = 0;
	for (u32 i = nread; i < n; i++)
		r->expects[slot] += p[i].len;
	if (r->tables && n > 1) {
		u32 at = slot * (u32)r->pieces;

		fill(&r->tables[at], 0, p, nread, nwrite);
		r->desc[head] = (struct vring_desc){
			.addr = r->tables_bus.v + at * sizeof(struct vring_desc),
			.len = n * (u32)sizeof(struct vring_desc),
			.flags = VRING_DESC_F_INDIRECT,
		};
	} else {
		fill(&r->desc[head], head, p, nread, nwrite);
	}
	r->busy[slot] = true;
	r->avail->ring[r->next & (r->size - 1)] = head;
	r->next++;
	return slot;
}

bool vnic_ring_show(struct vnic_ring *r)
{
	u16 old = r->shown;
	bool wants;

	if (r->next == old)
		return false;
	/* The chains before the index that shows them ... */
	__atomic_store_n(&r->avail->idx, r->next, __ATOMIC_RELEASE);
	r->shown = r->next;
	/* ... and that before the look at whether the device waits for it (2.7.13.4.1). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		wants = vring_event_passed(__atomic_load_n(r->avail_event, __ATOMIC_RELAXED),
					   r->shown, old);
	else
		wants = !(__atomic_load_n(&r->used->flags, __ATOMIC_RELAXED) &
			  VRING_USED_F_NO_NOTIFY);
	if (wants)
		mmio_write16(r->doorbell, r->index);
	return wants;
}

/* --- from the device ---------------------------------------------------------------- */

bool vnic_ring_has_used(const struct vnic_ring *r)
{
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) != r->taken;
}

err_t vnic_ring_take(struct vnic_ring *r, u16 *slot, u32 *len)
{
	/* Pairs with the device's writing the index behind the element. */
	u16 idx = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	const struct vring_used_elem *e = &r->used->ring[r->taken & (r->size - 1)];
	u32 id, n, s;

	if (idx == r->taken)
		return ERR_NOENT;
	if ((u16)(idx - r->taken) > vnic_ring_pending(r))
		return ERR_IO;
	id = __atomic_load_n(&e->id, __ATOMIC_RELAXED);
	n = __atomic_load_n(&e->len, __ATOMIC_RELAXED);
	s = r->tables ? id : id / r->pieces;
	if (s >= r->slots || (!r->tables && id % r->pieces) || !r->busy[s] || n > r->expects[s])
		return ERR_IO;
	r->busy[s] = false;
	r->free[r->nfree++] = (u16)s;
	r->taken++;
	*slot = (u16)s;
	*len = n;
	return ERR_OK;
}

bool vnic_ring_irq(struct vnic_ring *r, bool on)
{
	u16 flags = (u16)(r->event_idx || on ? 0 : VRING_AVAIL_F_NO_INTERRUPT);

	/* 2.7.7: by the event index; the flag does the same without it. One behind us
	 * is not passed before the index has gone all the way round. */
	__atomic_store_n(&r->avail->flags, flags, __ATOMIC_RELAXED);
	__atomic_store_n(r->used_event, on ? r->taken : (u16)(r->taken - 1), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return on && vnic_ring_has_used(r);
}
