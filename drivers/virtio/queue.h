/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device side of a split virtqueue (virtio 1.2 2.7).
 *
 * The driver's memory is hostile. Ring areas are translated and checked as a
 * whole when the queue is enabled; the available index is read once per batch;
 * each descriptor is copied once and only the copy is looked at. A ring that
 * breaks the rules gets a fault, which stays until the queue is reset: pops
 * then fail, pushes do nothing.
 *
 *      next           seen                     indices count modulo 2^16
 *       |  not popped  |  not looked at yet |
 *   avail ring ------------------------------->
 *
 *     signalled    published      filled
 *       |  no interrupt |  invisible  |
 *        decided yet       to driver
 *   used ring -------------------------------->
 *
 * All calls on the queue's owner core.
 */
#ifndef DRIVERS_VIRTIO_QUEUE_H
#define DRIVERS_VIRTIO_QUEUE_H

#include "drivers/virtio/virtio.h"
#include "hv/base/err.h"
#include "hv/base/plat.h"
#include "hv/mem/gmem.h"

/* Largest queue, and so the longest descriptor chain (2.7.5.3.1). */
#define VIRTQ_MAX_SIZE 1024

/* What was wrong with a ring. */
enum virtq_fault {
	VIRTQ_OK,
	VIRTQ_BAD_SIZE,		/* queue size 0, no power of two or too large */
	VIRTQ_BAD_AREA,		/* ring area misaligned or outside memory */
	VIRTQ_BAD_AVAIL_IDX,	/* more made available than the queue holds */
	VIRTQ_BAD_HEAD,		/* head of a chain outside the table */
	VIRTQ_BAD_NEXT,		/* next descriptor outside its table */
	VIRTQ_CHAIN_TOO_LONG,	/* loop, or more descriptors than the queue has */
	VIRTQ_CHAIN_TOO_BIG,	/* more than 2^32 - 1 bytes in one chain */
	VIRTQ_BAD_ORDER,	/* device-readable after device-writable */
	VIRTQ_BAD_INDIRECT,	/* indirect not negotiated, nested, chained or odd length */
	VIRTQ_BAD_INDIRECT_AREA, /* indirect table outside memory */
	VIRTQ_BAD_BUFFER,	/* buffer outside memory, or not writable */
	VIRTQ_BAD_CONTENT,	/* chain lacks what the device type demands */
	VIRTQ_FAULT_COUNT,
};

const char *virtq_fault_name(enum virtq_fault fault);

/* One buffer of a chain, as copied from its descriptor; len > 0. */
struct virtq_buf {
	gpa_t addr;
	u32 len;
};

/* A popped chain: readable buffers first, then writable ones. */
struct virtq_chain {
	u16 head;
	u16 nread;
	u16 nwrite;
	u32 read_len;  /* bytes in the first nread buffers */
	u32 write_len; /* bytes in the nwrite after them */
	struct virtq_buf buf[VIRTQ_MAX_SIZE];
};

/* Where the driver put the rings. */
struct virtq_layout {
	u16 size;
	gpa_t desc;
	gpa_t avail;
	gpa_t used;
};

struct virtq {
	struct gmem *gm;
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
	const u16 *used_event; /* behind avail->ring */
	u16 *avail_event;      /* behind used->ring */
	bool enabled; /* atomic; the rest is the owner's once it is set */
	bool event_idx; /* VIRTIO_F_EVENT_IDX negotiated */
	bool indirect;	/* VIRTIO_F_INDIRECT_DESC negotiated */
	u8 fault;	/* enum virtq_fault */
	u16 size;	/* power of two */
	u16 next, seen;
	u16 filled, published, signalled;
	/* counters, kept over a reset */
	u64 kicks;	/* notifications from the driver; counted by the transport */
	u64 interrupts; /* decisions to interrupt ... */
	u64 suppressed; /* ... and not to, as the driver had asked */
};

/*
 * Translate the areas and start at index 0 with notifications on. features:
 * what was negotiated. On ERR_INVAL the queue stays disabled with its fault set.
 */
err_t virtq_enable(struct virtq *q, struct gmem *gm, const struct virtq_layout *l, u64 features);

/* Disabled, no fault, no pointers into the guest. Counters stay. */
void virtq_reset(struct virtq *q);

/* Mark the ring broken; the first fault is the one kept. */
void virtq_break(struct virtq *q, enum virtq_fault fault);

/* Chains that can be popped now. 0 also when the queue is off or broken. */
u16 virtq_available(struct virtq *q);

/*
 * Take the next chain. ERR_NOENT: none. ERR_INVAL: the ring is broken (see
 * q->fault) and stays so.
 */
err_t virtq_pop(struct virtq *q, struct virtq_chain *c);

/* Give back the last n popped chains untouched; they are popped again later.
 * Nothing may have been pushed for them. */
void virtq_unpop(struct virtq *q, u16 n);

/* Note a chain as used, with len bytes written to it. The driver sees it after
 * virtq_publish(). Each popped chain is pushed once, in any order. */
void virtq_push(struct virtq *q, u16 head, u32 len);

/*
 * virtq_push() of several, with the ring's place in registers: begin, put as many as were
 * popped at most, end. Nothing else is done to the queue meanwhile.
 */
struct virtq_fill {
	struct vring_used_elem *ring;
	u32 mask, at;
};

static inline struct virtq_fill virtq_fill_begin(const struct virtq *q)
{
	return (struct virtq_fill){ q->used->ring, q->size - 1u, q->filled };
}

static inline void virtq_fill_put(struct virtq_fill *f, u32 head, u32 len)
{
	struct vring_used_elem *e = &f->ring[f->at++ & f->mask];

	__atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, len, __ATOMIC_RELAXED);
}

/* A ring that broke meanwhile is as it was before. */
static inline void virtq_fill_end(struct virtq *q, const struct virtq_fill *f)
{
	ASSERT((u16)(f->at - q->filled) <= (u16)(q->next - q->filled));
	if (!q->fault)
		q->filled = (u16)f->at;
}

/* A chain of one descriptor, whose buffer lies in one region: as drivers make of what
 * they have in one piece. */
struct virtq_piece {
	u8 *at; /* the buffer, of len > 0 bytes; its first ones are being fetched */
	const struct gmem_region *region; /* that it lies in */
	u32 len;
	u16 head;
};

/*
 * Pop up to max chains (at most virtq_available()) as long as they are such pieces, all
 * readable or all writable. How many; the next one is another chain, if there is one,
 * and virtq_pop() says what.
 */
u32 virtq_pop_read(struct virtq *q, struct virtq_piece *pieces, u32 max);
u32 virtq_pop_write(struct virtq *q, struct virtq_piece *pieces, u32 max);

/* Show the driver everything pushed so far. */
void virtq_publish(struct virtq *q);

/*
 * Once per burst, after virtq_publish(): does the driver want an interrupt for
 * what was published since the last decision? (2.7.7.2)
 */
bool virtq_should_notify(struct virtq *q);

/* Any core: would the driver want one for the next chain, as far as one can say? */
bool virtq_waits_for_irq(const struct virtq *q);

/* Ask the driver not to notify us (2.7.10); a hint to it, never relied on. */
void virtq_notify_off(struct virtq *q);

/*
 * Ask for notifications again. True when chains came in meanwhile, for which
 * no notification may follow: the caller must look at the ring again.
 */
bool virtq_notify_on(struct virtq *q);

/*
 * Copy len bytes at offset off of the readable (writable) part of a chain;
 * the caller checked the range against read_len (write_len). ERR_RANGE, with
 * the ring marked broken, when a buffer is not in guest memory.
 */
err_t virtq_chain_read(struct virtq *q, const struct virtq_chain *c, u32 off, void *dst, u32 len);
err_t virtq_chain_write(struct virtq *q, const struct virtq_chain *c, u32 off, const void *src,
			u32 len);

#endif
