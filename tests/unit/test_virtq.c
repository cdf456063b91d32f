/* SPDX-License-Identifier: BSD-2-Clause */
/* Split virtqueue, device side, against the driver model: order of events, both
 * event indices over the wrap, and rings that are broken in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/queue.h"
#include "tests/models/virtio_driver.h"

#define SIZE 8

static struct vdrv v;
static struct vdrv_ring r;
static struct virtq q;
static struct virtq_chain c;

static struct virtq_layout layout_of(const struct vdrv_ring *ring)
{
	return (struct virtq_layout){ ring->size, gpa(ring->desc), gpa(ring->avail),
				      gpa(ring->used) };
}

static void start(u16 size, u64 features)
{
	struct virtq_layout l;

	vdrv_ring_init(&v, &r, size, features);
	l = layout_of(&r);
	assert_int_equal(virtq_enable(&q, &v.gm, &l, features), ERR_OK);
}

static int setup(void **state)
{
	(void)state;
	vdrv_init(&v);
	memset(&q, 0, sizeof(q));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vdrv_fini(&v);
	return 0;
}

/* One readable buffer of len bytes, shown. */
static int add_one(u32 len)
{
	struct vdrv_buf b = { vdrv_alloc(&v, 16, 1), len };
	int head = vdrv_add(&v, &r, &b, 1, 0);

	vdrv_show(&v, &r);
	return head;
}

/* --- the straight way ------------------------------------------------------ */

static void chain_goes_round(void **state)
{
	struct vdrv_buf bufs[4];
	u8 out[64], back[64];
	u32 len = 0;
	int head;

	(void)state;
	for (int indirect = 0; indirect < 2; indirect++) {
		start(SIZE, VIRTIO_F_INDIRECT_DESC);
		r.indirect = indirect;
		for (u32 i = 0; i < 4; i++)
			bufs[i] = (struct vdrv_buf){ vdrv_alloc(&v, 20, 1), 10 + i };
		for (u32 i = 0; i < 21; i++)
			out[i] = (u8)(i + 1);
		memcpy(vdrv_mem(&v, bufs[0].addr, 10), out, 10);
		memcpy(vdrv_mem(&v, bufs[1].addr, 11), out + 10, 11);
		head = vdrv_add(&v, &r, bufs, 2, 2);
		assert_int_equal(virtq_pop(&q, &c), ERR_NOENT);
		assert_true(vdrv_show(&v, &r));

		assert_int_equal(virtq_available(&q), 1);
		assert_int_equal(virtq_pop(&q, &c), ERR_OK);
		assert_int_equal(c.head, head);
		assert_int_equal(c.nread, 2);
		assert_int_equal(c.nwrite, 2);
		assert_int_equal(c.read_len, 21);
		assert_int_equal(c.write_len, 25);
		assert_int_equal(virtq_chain_read(&q, &c, 3, back, 18), ERR_OK);
		assert_memory_equal(back, out + 3, 18);
		assert_int_equal(virtq_chain_write(&q, &c, 2, out, 20), ERR_OK);
		assert_memory_equal(vdrv_mem(&v, bufs[2].addr + 2, 10), out, 10);
		assert_memory_equal(vdrv_mem(&v, bufs[3].addr, 10), out + 10, 10);

		virtq_push(&q, c.head, 22);
		assert_int_equal(vdrv_take(&v, &r, &len), -1); /* not published */
		virtq_publish(&q);
		assert_true(virtq_should_notify(&q));
		assert_false(virtq_should_notify(&q)); /* one decision for it */
		assert_int_equal(vdrv_take(&v, &r, &len), head);
		assert_int_equal(len, 22);
		assert_int_equal(virtq_pop(&q, &c), ERR_NOENT);
		assert_int_equal(q.fault, VIRTQ_OK);
	}
}

static void direct_chain_may_end_in_indirect(void **state)
{
	struct vdrv_buf bufs[3];
	struct vring_desc *table;
	u64 at;

	(void)state;
	start(SIZE, VIRTIO_F_INDIRECT_DESC);
	for (u32 i = 0; i < 3; i++)
		bufs[i] = (struct vdrv_buf){ vdrv_alloc(&v, 16, 1), 16 };
	/* Indirect tables need no alignment. */
	at = vdrv_alloc(&v, 64, 16) + 1;
	table = (struct vring_desc *)(void *)vdrv_mem(&v, at, 32);
	vdrv_add(&v, &r, bufs, 2, 0);
	memcpy(table, &(struct vring_desc){ bufs[1].addr, 5, VRING_DESC_F_NEXT, 1 }, 16);
	memcpy((u8 *)table + 16, &(struct vring_desc){ bufs[2].addr, 6, VRING_DESC_F_WRITE, 0 },
	       16);
	/* Its write flag is to be ignored. */
	*vdrv_desc(&v, &r, 1) = (struct vring_desc){
		at, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0
	};
	vdrv_show(&v, &r);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(c.read_len, 21);
	assert_int_equal(c.write_len, 6);
}

/* What a chain can be to virtq_pop_read() and virtq_pop_write(). */
enum shape { SHAPE_READ, SHAPE_WRITE, SHAPE_TWO, SHAPE_ACROSS, SHAPE_ROM, SHAPE_EMPTY,
	     SHAPE_NOWHERE, SHAPES };

static struct vdrv_buf shaped(enum shape shape)
{
	switch (shape) {
	case SHAPE_ACROSS: /* the end of one region and the beginning of the next */
		return (struct vdrv_buf){ VDRV_REGION1 - 8, 16 };
	case SHAPE_ROM:
		return (struct vdrv_buf){ VDRV_ROM, 16 };
	case SHAPE_EMPTY:
		return (struct vdrv_buf){ VDRV_REGION1, 0 };
	case SHAPE_NOWHERE:
		return (struct vdrv_buf){ VDRV_END, 16 };
	default:
		return (struct vdrv_buf){ VDRV_REGION1 + 64 * (u32)shape, 16 };
	}
}

/* Is it a piece for reading (writing)? */
static bool is_piece(enum shape shape, bool write)
{
	return write ? shape == SHAPE_WRITE : shape == SHAPE_READ;
}

static void check_piece(const struct virtq_piece *p, enum shape shape, u32 head)
{
	struct vdrv_buf b = shaped(shape);

	assert_ptr_equal(p->at, vdrv_mem(&v, b.addr, b.len));
	assert_int_equal(p->len, b.len);
	assert_int_equal(p->head, head);
}

/* Pop what is in the ring as pieces where it is some, else as chains; all is given back. */
static void pop_all(const enum shape *shape, const int *head, u32 n)
{
	struct virtq_piece piece[SIZE];
	bool write = false;

	for (u32 at = 0, got; at < n; at += got, write = !write) {
		struct virtq_fill fill;
		u32 most = virtq_available(&q), want = 0;

		assert_int_equal(most, n - at);
		while (want < most && is_piece(shape[at + want], write))
			want++;
		got = write ? virtq_pop_write(&q, piece, most) : virtq_pop_read(&q, piece, most);
		assert_int_equal(got, want);
		fill = virtq_fill_begin(&q);
		for (u32 i = 0; i < got; i++) {
			check_piece(&piece[i], shape[at + i], (u32)head[at + i]);
			virtq_fill_put(&fill, piece[i].head, i);
		}
		virtq_fill_end(&q, &fill);
		if (!got && !is_piece(shape[at], !write)) {
			assert_int_equal(virtq_pop(&q, &c), ERR_OK);
			assert_int_equal(c.head, head[at]);
			virtq_push(&q, c.head, 0);
			got = 1;
		}
	}
}

static void pieces_are_chains_of_one_buffer(void **state)
{
	enum shape shape[SIZE];
	int head[SIZE];
	u32 rnd = 1;

	(void)state;
	start(SIZE, 0);
	for (u32 round = 0; round < 3000; round++) {
		u32 n = 0;

		for (u32 free = SIZE; n < SIZE && free; n++) {
			struct vdrv_buf b[2];
			u16 count, reads;

			rnd = rnd * 1103515245u + 12345u;
			/* Pieces more often than all else. */
			shape[n] = (rnd >> 16) % 3 ? (rnd >> 20) % 2 : (rnd >> 20) % SHAPES;
			b[0] = b[1] = shaped(shape[n]);
			count = shape[n] == SHAPE_TWO ? 2 : 1;
			if (count > free)
				break;
			reads = shape[n] == SHAPE_WRITE || shape[n] == SHAPE_ROM ? 0 : count;
			head[n] = vdrv_add(&v, &r, b, reads, (u16)(count - reads));
			free -= count;
		}
		vdrv_show(&v, &r);
		pop_all(shape, head, n);
		virtq_publish(&q);
		for (u32 i = 0; i < n; i++)
			assert_int_equal(vdrv_take(&v, &r, NULL), head[i]);
	}
}

static void unpop_gives_the_same_again(void **state)
{
	int a, b;

	(void)state;
	start(SIZE, 0);
	a = add_one(1);
	b = add_one(2);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	virtq_unpop(&q, 2);
	assert_int_equal(virtq_available(&q), 2);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(c.head, a);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(c.head, b);
}

static void empty_buffers_are_passed_over(void **state)
{
	struct vdrv_buf bufs[4] = { { 0x1000, 0 }, { 0x1000, 3 }, { ~0ull, 0 }, { 0x2000, 0 } };

	(void)state;
	start(SIZE, 0);
	vdrv_add(&v, &r, bufs, 4, 0);
	vdrv_show(&v, &r);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(c.nread, 1);
	assert_int_equal(c.read_len, 3);
}

/* Chains out and in, in random order and numbers, the used ring always full of
 * what was popped and only that; far enough for the indices to wrap twice. */
static void random_traffic(void **state)
{
	u16 held[SIZE];
	u32 nheld = 0, done = 0;

	(void)state;
	srand(1);
	start(SIZE, VIRTIO_F_EVENT_IDX);
	while (done < 140000) {
		struct vdrv_buf bufs[3] = { { 0x1000, 1 }, { 0x1000, 2 }, { 0x1000, 3 } };
		u32 what = (u32)rand() % 4;

		if (rand() & 1)
			virtq_publish(&q);
		if (what == 0) {
			u16 nread = (u16)(rand() % 3);

			vdrv_add(&v, &r, bufs, nread, (u16)(3 - nread));
			vdrv_show(&v, &r);
		} else if (what == 1 && virtq_pop(&q, &c) == ERR_OK) {
			assert_int_equal(c.read_len + c.write_len, 6);
			held[nheld++] = c.head;
		} else if (what == 2 && nheld) {
			u32 i = (u32)rand() % nheld;

			virtq_push(&q, held[i], held[i]);
			held[i] = held[--nheld];
			done++;
		} else {
			u32 len;
			int head = vdrv_take(&v, &r, &len);

			if (head >= 0)
				assert_int_equal(len, head);
		}
		assert_int_equal(q.fault, VIRTQ_OK);
	}
}

/* --- who tells whom --------------------------------------------------------- */

static void flags_suppress(void **state)
{
	(void)state;
	start(SIZE, 0);
	virtq_notify_off(&q);
	add_one(1);
	assert_int_equal(vdrv_used(&v, &r)[0], VRING_USED_F_NO_NOTIFY);
	assert_true(virtq_notify_on(&q)); /* came in meanwhile */
	assert_int_equal(vdrv_used(&v, &r)[0], 0);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_false(virtq_notify_on(&q));

	vdrv_avail(&v, &r)[0] = VRING_AVAIL_F_NO_INTERRUPT;
	virtq_push(&q, c.head, 0);
	virtq_publish(&q);
	assert_false(virtq_should_notify(&q));
	assert_int_equal(q.suppressed, 1);
	/* Wanted again later: no interrupt for what was decided already. */
	vdrv_avail(&v, &r)[0] = 0;
	assert_false(virtq_should_notify(&q));
	assert_int_equal(q.interrupts, 0);
}

/* All positions of the event around the wrap, against counting by hand. */
static void event_passed_is_exact(void **state)
{
	(void)state;
	for (u32 start_at = 65530; start_at < 65546; start_at++) {
		for (u32 step = 0; step < 12; step++) {
			for (u32 event = 65520; event < 65560; event++) {
				u16 old = (u16)start_at, now = (u16)(start_at + step);
				bool passed = false;

				for (u32 i = 0; i < step; i++)
					passed |= (u16)(old + i) == (u16)event;
				assert_int_equal(vring_event_passed((u16)event, now, old), passed);
			}
		}
	}
}

static void event_index_interrupts_over_the_wrap(void **state)
{
	u32 irqs = 0;

	(void)state;
	start(SIZE, VIRTIO_F_EVENT_IDX);
	/* The driver asks for an interrupt every third chain. */
	*vdrv_used_event(&v, &r) = 2;
	for (u32 i = 0; i < 3 * 44000; i++) {
		struct vdrv_buf b = { 0x1000, 4 };

		assert_true(vdrv_add(&v, &r, &b, 1, 0) >= 0);
		vdrv_show(&v, &r);
		assert_int_equal(virtq_pop(&q, &c), ERR_OK);
		virtq_push(&q, c.head, 0);
		virtq_publish(&q);
		if (virtq_should_notify(&q)) {
			irqs++;
			assert_int_equal(i % 3, 2);
			*vdrv_used_event(&v, &r) = (u16)(i + 3);
		}
		assert_true(vdrv_take(&v, &r, NULL) >= 0);
	}
	assert_int_equal(irqs, 44000);
	assert_int_equal(q.suppressed, 88000);
}

static void event_index_notifications(void **state)
{
	struct vdrv_buf b = { 0x1000, 4 };

	(void)state;
	start(SIZE, VIRTIO_F_EVENT_IDX);
	for (u32 i = 0; i < 70000; i++) {
		vdrv_add(&v, &r, &b, 1, 0);
		assert_true(vdrv_show(&v, &r)); /* asked for */
		virtq_notify_off(&q);
		vdrv_add(&v, &r, &b, 1, 0);
		assert_false(vdrv_show(&v, &r)); /* while at work */
		assert_int_equal(vdrv_used(&v, &r)[0], 0); /* 2.7.10.1 */
		for (u32 k = 0; k < 2; k++) {
			assert_int_equal(virtq_pop(&q, &c), ERR_OK);
			virtq_push(&q, c.head, 0);
		}
		virtq_publish(&q);
		assert_false(virtq_notify_on(&q));
		assert_true(vdrv_take(&v, &r, NULL) >= 0);
		assert_true(vdrv_take(&v, &r, NULL) >= 0);
	}
}

/* --- broken rings -------------------------------------------------------------- */

static void expect_broken(enum virtq_fault fault)
{
	assert_int_equal(virtq_pop(&q, &c), ERR_INVAL);
	assert_int_equal(q.fault, fault);
	assert_string_not_equal(virtq_fault_name(fault), "unknown");
	/* It stays so, and nothing is shown to the driver any more. */
	assert_int_equal(virtq_pop(&q, &c), ERR_INVAL);
	assert_int_equal(virtq_available(&q), 0);
	assert_false(virtq_notify_on(&q));
	virtq_push(&q, 0, 0);
	virtq_publish(&q);
	assert_int_equal(vdrv_take(&v, &r, NULL), -1);
}

static void bad_layouts(void **state)
{
	static const u16 bad_sizes[] = { 0, 3, 7, 2 * VIRTQ_MAX_SIZE, 0x8000, 0xffff };
	struct virtq_layout good, l;

	(void)state;
	vdrv_ring_init(&v, &r, SIZE, 0);
	good = layout_of(&r);
	for (u32 i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		l = good;
		l.size = bad_sizes[i];
		assert_int_equal(virtq_enable(&q, &v.gm, &l, 0), ERR_INVAL);
		assert_int_equal(q.fault, VIRTQ_BAD_SIZE);
		assert_false(q.enabled);
	}
	for (u32 i = 0; i < 11; i++) {
		l = good;
		switch (i) {
		case 0: l.desc.v += 8; break;			/* alignment */
		case 1: l.avail.v += 1; break;
		case 2: l.used.v += 2; break;
		case 3: l.desc.v = VDRV_END; break;		/* nothing there */
		case 4: l.avail.v = ~1ull; break;		/* wraps */
		case 5: l.used.v = ~3ull; break;
		case 6: l.used.v = VDRV_ROM; break;		/* not writable */
		case 7: l.desc.v = VDRV_END - 64; break;	/* hangs out at the end */
		case 8: l.avail.v = VDRV_END - 8; break;
		case 9: l.used.v = VDRV_REGION1 - 16; break;	/* two regions */
		case 10: l.desc.v = ~0ull << 4; break;
		}
		assert_int_equal(virtq_enable(&q, &v.gm, &l, 0), ERR_INVAL);
		assert_int_equal(q.fault, VIRTQ_BAD_AREA);
		assert_int_equal(virtq_pop(&q, &c), ERR_INVAL);
	}
	/* To the very end of memory is fine. */
	l = good;
	l.used.v = VDRV_ROM - VRING_USED_BYTES(SIZE) - 2;
	assert_int_equal(virtq_enable(&q, &v.gm, &l, 0), ERR_OK);
	virtq_reset(&q);
	assert_int_equal(q.fault, VIRTQ_OK);
}

static void bad_avail_index(void **state)
{
	(void)state;
	start(SIZE, 0);
	vdrv_avail(&v, &r)[1] = SIZE + 1;
	expect_broken(VIRTQ_BAD_AVAIL_IDX);

	/* Backwards. */
	start(SIZE, 0);
	add_one(1);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	vdrv_avail(&v, &r)[1] = 0;
	expect_broken(VIRTQ_BAD_AVAIL_IDX);

	/* More than were given back, though not more than the ring has. */
	start(SIZE, 0);
	for (u32 i = 0; i < SIZE; i++)
		add_one(1);
	for (u32 i = 0; i < SIZE; i++)
		assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(virtq_available(&q), 0);
	vdrv_avail(&v, &r)[1] = SIZE + 1;
	expect_broken(VIRTQ_BAD_AVAIL_IDX);

	/* Found while notifications are switched on. */
	start(SIZE, VIRTIO_F_EVENT_IDX);
	vdrv_avail(&v, &r)[1] = 0x8000;
	assert_false(virtq_notify_on(&q));
	assert_int_equal(q.fault, VIRTQ_BAD_AVAIL_IDX);
}

static void bad_links(void **state)
{
	(void)state;
	start(SIZE, 0);
	add_one(1);
	vdrv_avail(&v, &r)[2] = SIZE;
	expect_broken(VIRTQ_BAD_HEAD);

	start(SIZE, 0);
	add_one(1);
	*vdrv_desc(&v, &r, 0) = (struct vring_desc){ 0x1000, 1, VRING_DESC_F_NEXT, SIZE };
	expect_broken(VIRTQ_BAD_NEXT);

	/* Loops: onto itself, of empty descriptors, and over all. */
	for (u32 len = 0; len < 2; len++) {
		start(SIZE, 0);
		add_one(1);
		*vdrv_desc(&v, &r, 0) = (struct vring_desc){ 0x1000, len, VRING_DESC_F_NEXT, 0 };
		expect_broken(VIRTQ_CHAIN_TOO_LONG);
	}
	start(SIZE, 0);
	add_one(1);
	for (u16 i = 0; i < SIZE; i++)
		*vdrv_desc(&v, &r, i) = (struct vring_desc){ 0x1000, 1, VRING_DESC_F_NEXT,
							     (u16)((i + 1) % SIZE) };
	expect_broken(VIRTQ_CHAIN_TOO_LONG);

	/* As long as the queue is allowed. */
	start(SIZE, 0);
	add_one(1);
	for (u16 i = 0; i < SIZE; i++)
		*vdrv_desc(&v, &r, i) = (struct vring_desc){ 0x1000, 1,
							     i + 1 < SIZE ? VRING_DESC_F_NEXT : 0,
							     (u16)(i + 1) };
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(c.nread, SIZE);
}

static void bad_order_and_length(void **state)
{
	struct vdrv_buf bufs[2] = { { 0x1000, 4 }, { 0x2000, 4 } };
	struct vdrv_buf huge[2] = { { 0, 0xffffffff }, { 0, 1 } };
	struct vdrv_buf wraps = { ~0ull - 2, 4 };

	(void)state;
	start(SIZE, 0);
	vdrv_add(&v, &r, bufs, 2, 0);
	vdrv_desc(&v, &r, 0)->flags |= VRING_DESC_F_WRITE;
	vdrv_show(&v, &r);
	expect_broken(VIRTQ_BAD_ORDER);

	start(SIZE, 0);
	vdrv_add(&v, &r, huge, 1, 1);
	vdrv_show(&v, &r);
	expect_broken(VIRTQ_CHAIN_TOO_BIG);

	start(SIZE, 0);
	vdrv_add(&v, &r, &wraps, 1, 0);
	vdrv_show(&v, &r);
	expect_broken(VIRTQ_BAD_BUFFER);
}

static void bad_indirect(void **state)
{
	static const u32 bad_len[] = { 0, 15, 17, 8 };
	u64 table;

	(void)state;
	table = vdrv_alloc(&v, 64, 16);
	/* Not negotiated. */
	start(SIZE, 0);
	add_one(1);
	*vdrv_desc(&v, &r, 0) = (struct vring_desc){ table, 16, VRING_DESC_F_INDIRECT, 0 };
	expect_broken(VIRTQ_BAD_INDIRECT);
	for (u32 i = 0; i < ARRAY_SIZE(bad_len); i++) {
		start(SIZE, VIRTIO_F_INDIRECT_DESC);
		add_one(1);
		*vdrv_desc(&v, &r, 0) =
			(struct vring_desc){ table, bad_len[i], VRING_DESC_F_INDIRECT, 0 };
		expect_broken(VIRTQ_BAD_INDIRECT);
	}
	/* Chained on. */
	start(SIZE, VIRTIO_F_INDIRECT_DESC);
	add_one(1);
	*vdrv_desc(&v, &r, 0) =
		(struct vring_desc){ table, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 };
	expect_broken(VIRTQ_BAD_INDIRECT);
	/* Outside, and hanging out. */
	for (u32 i = 0; i < 2; i++) {
		start(SIZE, VIRTIO_F_INDIRECT_DESC);
		add_one(1);
		*vdrv_desc(&v, &r, 0) = (struct vring_desc){ VDRV_END - 16 * (u64)i, 32,
							     VRING_DESC_F_INDIRECT, 0 };
		expect_broken(VIRTQ_BAD_INDIRECT_AREA);
	}
	/* Nested, first and second entry. */
	for (u32 i = 0; i < 2; i++) {
		struct vring_desc *t = (struct vring_desc *)(void *)vdrv_mem(&v, table, 64);

		t[0] = (struct vring_desc){ 0x1000, 1, VRING_DESC_F_NEXT, 1 };
		t[1] = (struct vring_desc){ 0x1000, 1, 0, 0 };
		t[i] = (struct vring_desc){ table, 16, VRING_DESC_F_INDIRECT, 0 };
		start(SIZE, VIRTIO_F_INDIRECT_DESC);
		add_one(1);
		*vdrv_desc(&v, &r, 0) =
			(struct vring_desc){ table, 32, VRING_DESC_F_INDIRECT, 0 };
		expect_broken(VIRTQ_BAD_INDIRECT);
	}
	/* Next beyond the table, though inside the queue; a loop in it. */
	for (u16 next = 0; next < 3; next += 2) {
		struct vring_desc *t = (struct vring_desc *)(void *)vdrv_mem(&v, table, 64);

		t[0] = (struct vring_desc){ 0x1000, 1, VRING_DESC_F_NEXT, next };
		start(SIZE, VIRTIO_F_INDIRECT_DESC);
		add_one(1);
		*vdrv_desc(&v, &r, 0) =
			(struct vring_desc){ table, 32, VRING_DESC_F_INDIRECT, 0 };
		expect_broken(next ? VIRTQ_BAD_NEXT : VIRTQ_CHAIN_TOO_LONG);
	}
}

static void bad_buffers_are_found_when_used(void **state)
{
	struct vdrv_buf outside = { VDRV_END - 2, 4 }, rom = { VDRV_ROM, 4 };
	struct vdrv_buf crossing = { VDRV_REGION1 - 2, 4 };
	u8 bytes[4] = { 1, 2, 3, 4 };

	(void)state;
	start(SIZE, 0);
	vdrv_add(&v, &r, &outside, 1, 0);
	vdrv_show(&v, &r);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(virtq_chain_read(&q, &c, 0, bytes, 2), ERR_OK);
	assert_int_equal(virtq_chain_read(&q, &c, 0, bytes, 3), ERR_RANGE);
	assert_int_equal(q.fault, VIRTQ_BAD_BUFFER);

	start(SIZE, 0);
	vdrv_add(&v, &r, &rom, 0, 1);
	vdrv_show(&v, &r);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(virtq_chain_write(&q, &c, 0, bytes, 1), ERR_RANGE);
	assert_int_equal(q.fault, VIRTQ_BAD_BUFFER);

	start(SIZE, 0);
	vdrv_add(&v, &r, &crossing, 0, 1);
	vdrv_show(&v, &r);
	assert_int_equal(virtq_pop(&q, &c), ERR_OK);
	assert_int_equal(virtq_chain_write(&q, &c, 0, bytes, 4), ERR_OK);
	assert_int_equal(*vdrv_mem(&v, VDRV_REGION1 + 1, 1), bytes[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chain_goes_round, setup, teardown),
		cmocka_unit_test_setup_teardown(direct_chain_may_end_in_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(unpop_gives_the_same_again, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_buffers_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(random_traffic, setup, teardown),
		cmocka_unit_test_setup_teardown(flags_suppress, setup, teardown),
		cmocka_unit_test(event_passed_is_exact),
		cmocka_unit_test_setup_teardown(event_index_interrupts_over_the_wrap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(event_index_notifications, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_layouts, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_avail_index, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_links, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces_are_chains_of_one_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_order_and_length, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_buffers_are_found_when_used, setup, teardown),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
