/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as a NIC: its queues' memory, and what is in them before the device runs and
 * after it was reset. */
#include "drivers/nic/virtio_net.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

#define CTRL_PIECES 2u

/* --- rings -------------------------------------------------------------------------------- */

/* The three areas lie one behind the other, the used ring on lines of its own. */
static size_t avail_at(u32 size)
{
	return VRING_DESC_BYTES(size);
}

static size_t used_at(u32 size)
{
	return ALIGN_UP(avail_at(size) + VRING_AVAIL_BYTES(size), CACHE_LINE);
}

void vnic_ring_empty(struct vnic_ring *r)
{
	memset(r->desc, 0, r->bytes);
	memset(r->done, 0, sizeof(r->done));
	memset(r->count, 0, sizeof(r->count));
	r->next = r->freed = r->added = r->shown = r->taken = 0;
	for (u32 i = 0; i < r->size; i++)
		r->avail->ring[i] = (u16)i;
	vnic_ring_irq(r, false);
}

/* Of a ring of which index, size, pieces and writes are set. */
static err_t ring_memory(struct vnic_ring *r, const struct nic_resources *res, u64 features)
{
	bool indirect = r->pieces > 1 && (features & VIRTIO_F_INDIRECT_DESC);
	u8 *mem;

	r->single = indirect || r->pieces == 1;
	r->event_idx = features & VIRTIO_F_EVENT_IDX;
	r->bytes = used_at(r->size) + VRING_USED_BYTES(r->size);
	/* 2.7.5.3.1: behind indirect ones, too, a chain is no longer than that. */
	if (!r->size || r->size < r->pieces)
		return ERR_IO;
	mem = res->dma_alloc(r->bytes, &r->bus);
	if (!mem)
		return ERR_NOMEM;
	if (indirect) {
		r->tables_bytes = (size_t)r->size * r->pieces * sizeof(struct vring_desc);
		r->tables = res->dma_alloc(r->tables_bytes, &r->tables_bus);
		if (!r->tables) {
			res->dma_free(mem, r->bytes);
			return ERR_NOMEM;
		}
	}
	r->desc = (struct vring_desc *)(void *)mem;
	r->avail = (struct vring_avail *)(void *)(mem + avail_at(r->size));
	r->used = (struct vring_used *)(void *)(mem + used_at(r->size));
	r->used_event = &r->avail->ring[r->size];
	r->avail_event = (u16 *)(void *)&r->used->ring[r->size];
	vnic_ring_empty(r);
	return ERR_OK;
}

static void ring_free(struct vnic_ring *r, const struct nic_resources *res)
{
	if (r->tables)
		res->dma_free(r->tables, r->tables_bytes);
	if (r->desc)
		res->dma_free(r->desc, r->bytes);
	*r = (struct vnic_ring){ 0 };
}

/* The largest power of two that neither side exceeds. */
static u32 ring_size(const struct vnic *v, u32 queue)
{
	u32 most = MIN(vnic_queue_size(&v->regs, queue), VNIC_RING_MAX);
	u32 size = 1;

	while (2 * size <= most)
		size *= 2;
	return most ? size : 0;
}

static err_t ring_alloc(struct vnic *v, struct vnic_ring *r, u32 index, u16 pieces, u32 writes)
{
	*r = (struct vnic_ring){ .index = (u16)index, .size = (u16)ring_size(v, index),
				 .pieces = pieces, .writes = writes };
	return ring_memory(r, &v->res, v->features);
}

/* --- buffers and frames --------------------------------------------------------------------- */

void vnic_rx_stock(struct vnic_queue *q)
{
	for (u32 i = 0; i < q->rx.size; i++) {
		if (!q->rx_pkt[i])
			q->rx_pkt[i] = pkt_get(q->pool);
		if (!q->rx_pkt[i]) {
			q->count.rx_no_packet++;
			break;
		}
	}
}

void vnic_rx_start(struct vnic_queue *q)
{
	struct vnic_ring *r = &q->rx;
	u64 rest = r->writes | (u64)VRING_DESC_F_WRITE << 32;

	u32 n = 0;

	for (u32 i = 0; i < r->size; i++) {
		struct pkt *p = q->rx_pkt[i];

		vnic_desc_set(&r->desc[i], p ? pkt_data_bus(p).v - VNIC_HDR : 0, rest);
		n += p != NULL;
	}
	vnic_ring_add_to(r, n);
	q->count.doorbells += vnic_ring_show(r);
}

static void forget_long(struct vnic_queue *q)
{
	pkt_put(q->rx_long);
	q->rx_long = NULL;
	q->rx_left = 0;
	q->rx_skip = false;
}

/* Buffers move to the front, so that whoever may not take others from the pool has none
 * missing between them. */
void vnic_rx_forget(struct vnic_queue *q)
{
	u32 kept = 0;

	for (u32 i = 0; i < VNIC_RING_MAX; i++) {
		struct pkt *p = q->rx_pkt[i];

		q->rx_pkt[i] = NULL;
		if (p)
			q->rx_pkt[kept++] = p;
	}
	forget_long(q);
}

void vnic_rx_put(struct vnic_queue *q)
{
	for (u32 i = 0; i < VNIC_RING_MAX; i++) {
		pkt_put(q->rx_pkt[i]);
		q->rx_pkt[i] = NULL;
	}
	forget_long(q);
}

void vnic_tx_lose(struct vnic_queue *q)
{
	/* They counted as sent until it turned out that they are not. */
	for (u16 i = q->tx.freed; i != q->tx.next; i++) {
		u32 slot = vnic_ring_slot(&q->tx, i);
		struct pkt *p = q->tx_pkt[slot];

		if (q->tx.done[slot] || (!q->tx.single && !q->tx.count[slot]))
			continue;
		q->count.tx_frames--;
		q->count.tx_bytes -= p->len;
		q->count.tx_lost++;
		pkt_put(p);
	}
	q->tx.freed = q->tx.next;
}

/* --- queues ------------------------------------------------------------------------------- */

static err_t queue_alloc(struct vnic *v, u32 i)
{
	struct vnic_queue *q = plat_alloc(sizeof(*q));
	err_t err;

	if (!q)
		return ERR_NOMEM;
	v->queue[i] = q;
	q->v = v;
	q->index = i;
	q->pool = v->res.rx_pool[i];
	q->hdr = v->res.dma_alloc(VNIC_RING_MAX * VNIC_HDR, &q->hdr_bus);
	if (!q->hdr)
		return ERR_NOMEM;
	err = ring_alloc(v, &q->rx, 2 * i + VIRTIO_NET_RX, 1, v->rx_buf);
	return err ? err : ring_alloc(v, &q->tx, 2 * i + VIRTIO_NET_TX, VNIC_PIECES, 0);
}

err_t vnic_queues_alloc(struct vnic *v, u32 pairs)
{
	/* 5.1.2: behind all pairs, also those that are not used. */
	u32 ctrl = v->features & VNIC_F_SEVERAL ? 2 * pairs : VIRTIO_NET_CTRL;
	err_t err = ERR_OK;

	for (u32 i = 0; i < v->queues && !err; i++) {
		err = queue_alloc(v, i);
		if (!err)
			vnic_rx_stock(v->queue[i]);
	}
	if (err || !(v->features & VIRTIO_NET_F_CTRL_VQ))
		return err;
	err = vnic_ctrl_alloc(v);
	return err ? err : ring_alloc(v, &v->ctrl, ctrl, CTRL_PIECES, 1);
}

static void queue_free(struct vnic *v, u32 i)
{
	struct vnic_queue *q = v->queue[i];

	if (!q)
		return;
	ring_free(&q->rx, &v->res);
	ring_free(&q->tx, &v->res);
	if (q->hdr)
		v->res.dma_free(q->hdr, VNIC_RING_MAX * VNIC_HDR);
	plat_free(q, sizeof(*q));
	v->queue[i] = NULL;
}

void vnic_queues_free(struct vnic *v)
{
	for (u32 i = 0; i < v->queues; i++) {
		if (v->queue[i]) {
			vnic_tx_lose(v->queue[i]);
			vnic_rx_put(v->queue[i]);
		}
		queue_free(v, i);
	}
	ring_free(&v->ctrl, &v->res);
	vnic_ctrl_free(v);
}
