/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: the driver's side of a split virtqueue (virtio 1.2 2.7). */
#include "drivers/nic/virtio_net.h"

/* --- to the device ------------------------------------------------------------------ */

u32 vnic_ring_add_direct(struct vnic_ring *r, u32 slot, u32 n)
{
	r->avail->ring[vnic_ring_slot(r, r->added)] = (u16)slot;
	r->count[slot] = (u8)n;
	return n;
}

bool vnic_ring_show(struct vnic_ring *r)
{
	u16 old = r->shown;
	bool wants;

	if (r->added == old)
		return false;
	/* The chains before the index that shows them ... */
	__atomic_store_n(&r->avail->idx, r->added, __ATOMIC_RELEASE);
	__atomic_store_n(&r->shown, r->added, __ATOMIC_RELAXED);
	/* ... and that before the look at whether the device waits for it (2.7.13.4.1). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		wants = vring_event_passed(__atomic_load_n(r->avail_event, __ATOMIC_RELAXED),
					   r->added, old);
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
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&r->taken, __ATOMIC_RELAXED);
}

u32 vnic_ring_take_run(struct vnic_ring *r, u32 n)
{
	u32 at = r->taken, end = at + n, mask = r->size - 1u;
	const struct vring_used_elem *ring = r->used->ring;

	if (r->freed != r->taken || !r->single)
		return 0;
	/* What stands where its own number says: nothing but the id. */
	while (at != end && vnic_used_element(&ring[at & mask]) == (at & mask))
		at++;
	n -= end - at;
	vnic_ring_take_to(r, at);
	return n;
}

/* Descriptors of the chain in that slot; 0: there is none. */
static u32 chain_length(const struct vnic_ring *r, u32 slot)
{
	return r->single ? 1 : r->count[slot];
}

err_t vnic_ring_take(struct vnic_ring *r, u32 *slot, u32 *len)
{
	u64 e = vnic_used_element(&r->used->ring[r->taken & (r->size - 1u)]);
	u32 id = (u32)e, n = (u32)(e >> 32);
	u32 after = vnic_ring_slot(r, id - r->freed); /* from the first that waits */

	if (id >= r->size || n > r->writes || after >= (u16)(r->next - r->freed) || r->done[id] ||
	    !chain_length(r, id))
		return ERR_IO;
	r->done[id] = true;
	__atomic_store_n(&r->taken, (u16)(r->taken + 1), __ATOMIC_RELAXED);
	for (u32 first; r->done[first = vnic_ring_slot(r, r->freed)];) {
		r->freed = (u16)(r->freed + chain_length(r, first));
		r->done[first] = false;
		r->count[first] = 0;
	}
	*slot = id;
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
