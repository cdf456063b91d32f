/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-blk against the driver model: reads, writes, turns, and requests that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/blk.h"
#include "drivers/virtio/pci.h"
#include "tests/models/virtio_driver.h"

#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)
#define DISK_BYTES (2u << 20)
#define BLOCKS (DISK_BYTES / BLK_STORE_BLOCK)
#define NO_STATUS 0xaa

static struct vdrv v;
static struct virtio_blk blk;
static struct blk_store store;
static struct virtio_pci vp;
static u8 image[DISK_BYTES], pool[DISK_BYTES];
static u32 map[BLOCKS], more;

static void on_more(void *ctx)
{
	(void)ctx;
	more++;
}

static void make(u32 pool_blocks)
{
	memset(&blk, 0, sizeof(blk));
	memset(map, 0, sizeof(map));
	more = 0;
	srand(1);
	for (u32 i = 0; i < DISK_BYTES; i++)
		image[i] = (u8)rand();
	vdrv_init(&v);
	blk_store_init(&store, image, DISK_BYTES, pool_blocks ? map : NULL,
		       pool_blocks ? pool : NULL, pool_blocks);
	virtio_blk_init(&blk, "g1.disk0", &v.gm, &store, on_more, NULL);
	assert_int_equal(virtio_pci_init(&vp, &blk.dev, &v.bus), ERR_OK);
	assert_true(vdrv_find(&v, 1));
}

static int setup(void **state)
{
	(void)state;
	make(0);
	return 0;
}

static int setup_writable(void **state)
{
	(void)state;
	make(BLOCKS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vdrv_fini(&v);
	return 0;
}

/* One request on its way. */
struct request {
	int head;
	u64 data, status;
};

/* A request of one buffer of data, which a read gets and a write has. */
static struct request add(u32 type, u64 sector, u32 len)
{
	u64 header = vdrv_alloc(&v, sizeof(struct virtio_blk_header), 16);
	struct request r = { .data = len ? vdrv_alloc(&v, len, 1) : 0,
			     .status = vdrv_alloc(&v, 1, 1) };
	struct vdrv_buf bufs[3] = { { header, sizeof(struct virtio_blk_header) } };
	bool out = type == VIRTIO_BLK_T_OUT;
	u16 n = 1;

	*(struct virtio_blk_header *)(void *)vdrv_mem(&v, header, 16) =
		(struct virtio_blk_header){ .type = type, .sector = sector };
	*vdrv_mem(&v, r.status, 1) = NO_STATUS;
	if (len)
		bufs[n++] = (struct vdrv_buf){ r.data, len };
	bufs[n++] = (struct vdrv_buf){ r.status, 1 };
	r.head = vdrv_add(&v, &v.ring[0], bufs, out ? (u16)(n - 1) : 1, out ? 1 : (u16)(n - 1));
	assert_true(r.head >= 0);
	return r;
}

static u8 status_of(const struct request *r)
{
	return *vdrv_mem(&v, r->status, 1);
}

/* Carried out at once: its status; *len: as the ring says. */
static u8 run(struct request *r, u32 *len)
{
	vdrv_kick(&v, 0);
	assert_int_equal(vdrv_take(&v, &v.ring[0], len), r->head);
	return status_of(r);
}

static void found_with_its_size(void **state)
{
	(void)state;
	assert_int_equal(vdrv_cfg_read(&v, 0, 4), 0x10421af4);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 0, 4), DISK_BYTES / 512);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 4, 4), 0);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 12, 4), VIRTIO_BLK_SEG_MAX);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 20, 4), 512);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 24, 1), 3);
	assert_true(vdrv_offered(&v) & VIRTIO_BLK_F_RO);
}

static void reads(void **state)
{
	u32 len;

	(void)state;
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO));
	for (u32 i = 0; i < 40; i++) {
		u32 n = 512 * (1 + (u32)rand() % 20);
		u64 sector = (u64)rand() % ((DISK_BYTES - n) / 512 + 1);
		struct request r = add(VIRTIO_BLK_T_IN, sector, n);

		assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
		assert_int_equal(len, n + 1);
		assert_memory_equal(vdrv_mem(&v, r.data, n), image + sector * 512, n);
	}
	assert_int_equal(blk.reads, 40);
	assert_int_equal(v.irqs[0], 40);
	assert_int_equal(more, 0);
}

/* Data in pieces of odd lengths, across the border of the guest's two regions, the
 * status in the same buffer as the last of it. */
static void pieces(void **state)
{
	u64 header = vdrv_alloc(&v, 16, 16);
	struct vdrv_buf bufs[] = { { header, 7 }, { header + 7, 9 }, { 0x70001, 1 },
				   { VDRV_REGION1 - 300, 1000 }, { 0x72003, 24 } };

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	*(struct virtio_blk_header *)(void *)vdrv_mem(&v, header, 16) =
		(struct virtio_blk_header){ .type = VIRTIO_BLK_T_IN, .sector = 9 };
	assert_true(vdrv_add(&v, &v.ring[0], bufs, 2, 3) >= 0);
	vdrv_kick(&v, 0);
	assert_int_equal(*vdrv_mem(&v, 0x70001, 1), image[9 * 512]);
	assert_memory_equal(vdrv_mem(&v, VDRV_REGION1 - 300, 300), image + 9 * 512 + 1, 300);
	assert_memory_equal(vdrv_mem(&v, VDRV_REGION1, 700), image + 9 * 512 + 301, 700);
	assert_memory_equal(vdrv_mem(&v, 0x72003, 23), image + 9 * 512 + 1001, 23);
	assert_int_equal(*vdrv_mem(&v, 0x72003 + 23, 1), VIRTIO_BLK_S_OK);
}

/* As many segments as a driver is told it may have, with and without an indirect table. */
static void the_longest_chain(void **state)
{
	struct vdrv_buf bufs[VIRTIO_BLK_SEG_MAX + 2] = { { 0x1000, 16 } };

	(void)state;
	for (u32 i = 0; i < VIRTIO_BLK_SEG_MAX; i++)
		bufs[1 + i] = (struct vdrv_buf){ 0x20000 + 700 * i, 512 };
	bufs[VIRTIO_BLK_SEG_MAX + 1] = (struct vdrv_buf){ 0x1800, 1 };
	for (u32 indirect = 0; indirect < 2; indirect++) {
		v.next_alloc = 0x2000;
		assert_true(vdrv_start(&v, FEATURES));
		v.ring[0].indirect = indirect;
		memset(vdrv_mem(&v, 0x1000, 16), 0, 16);
		*vdrv_mem(&v, 0x1800, 1) = NO_STATUS;
		assert_true(vdrv_add(&v, &v.ring[0], bufs, 1, VIRTIO_BLK_SEG_MAX + 1) >= 0);
		vdrv_kick(&v, 0);
		assert_int_equal(*vdrv_mem(&v, 0x1800, 1), VIRTIO_BLK_S_OK);
		for (u32 i = 0; i < VIRTIO_BLK_SEG_MAX; i++)
			assert_memory_equal(vdrv_mem(&v, 0x20000 + 700 * i, 512), image + 512 * i,
					    512);
	}
}

static void writes_stay_until_discarded(void **state)
{
	struct request r;
	u32 len;

	(void)state;
	assert_false(vdrv_offered(&v) & VIRTIO_BLK_F_RO);
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 i = 0; i < 10; i++) {
		r = add(VIRTIO_BLK_T_OUT, 3 + 5 * i, 2048);
		memset(vdrv_mem(&v, r.data, 2048), (int)i, 2048);
		assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
		assert_int_equal(len, 1);
	}
	r = add(VIRTIO_BLK_T_IN, 0, 64 * 512);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	for (u32 i = 0; i < 10; i++) {
		const u8 *data = vdrv_mem(&v, r.data, 64 * 512) + (3 + 5 * i) * 512;

		assert_true(data[0] == i && data[2047] == i);
		assert_memory_equal(data + 2048, image + (3 + 5 * i) * 512 + 2048, 512);
	}
	assert_int_equal(blk.written_bytes, 10 * 2048);
	/* A reset by the driver leaves the disk as it is, one of the VM does not. */
	assert_true(vdrv_start(&v, FEATURES));
	r = add(VIRTIO_BLK_T_IN, 8, 512);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(*vdrv_mem(&v, r.data, 512), 1);
	blk_store_discard(&store);
	r = add(VIRTIO_BLK_T_IN, 8, 512);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_memory_equal(vdrv_mem(&v, r.data, 512), image + 8 * 512, 512);
}

static void a_full_overlay_is_an_error(void **state)
{
	struct request r;
	u32 len;

	(void)state;
	store.pool_blocks = 2;
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 i = 0; i < 4; i++) {
		r = add(VIRTIO_BLK_T_OUT, 8 * i, 4096);
		assert_int_equal(run(&r, &len), i < 2 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(blk.refused[VIRTIO_BLK_FULL], 2);
	r = add(VIRTIO_BLK_T_OUT, 0, 4096);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
}

static void tells_its_name(void **state)
{
	struct request r;
	u32 len;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	r = add(VIRTIO_BLK_T_GET_ID, 0, 20);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 21);
	assert_memory_equal(vdrv_mem(&v, r.data, 20), "g1.disk0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	/* With less room, and none. */
	r = add(VIRTIO_BLK_T_GET_ID, 0, 3);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_memory_equal(vdrv_mem(&v, r.data, 3), "g1.", 3);
	r = add(VIRTIO_BLK_T_GET_ID, 0, 0);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 1);
}

/* More than a turn's worth, in one request and in many: each turn copies so much. */
static void turns_are_bounded(void **state)
{
	struct request r;
	u32 turns = 1, len;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	r = add(VIRTIO_BLK_T_IN, 0, 450 * 1024);
	vdrv_kick(&v, 0);
	assert_int_equal(status_of(&r), NO_STATUS);
	assert_int_equal(blk.read_bytes, VIRTIO_BLK_TURN_BYTES);
	assert_int_equal(more, 1);
	virtio_blk_poll(&blk);
	assert_int_equal(more, 1);
	assert_int_equal(vdrv_take(&v, &v.ring[0], &len), r.head);
	assert_int_equal(len, 450 * 1024 + 1);
	assert_memory_equal(vdrv_mem(&v, r.data, 450 * 1024), image, 450 * 1024);

	/* All into the same memory: 40 chains of 100 KiB. */
	for (u32 i = 0; i < 40; i++) {
		struct vdrv_buf bufs[3] = { { r.data, 16 }, { r.data + 16, 100 * 1024 },
					    { r.status, 1 } };

		assert_true(vdrv_add(&v, &v.ring[0], bufs, 1, 2) >= 0);
	}
	memset(vdrv_mem(&v, r.data, 16), 0, 16);
	blk.read_bytes = 0;
	more = 0;
	vdrv_kick(&v, 0);
	while (more == turns && turns < 100) {
		assert_int_equal(blk.read_bytes, (u64)turns * VIRTIO_BLK_TURN_BYTES);
		virtio_blk_poll(&blk);
		turns++;
	}
	assert_int_equal(turns, 16);
	assert_int_equal(blk.read_bytes, 40 * 100 * 1024);
	for (u32 i = 0; i < 40; i++)
		assert_true(vdrv_take(&v, &v.ring[0], NULL) >= 0);
}

/* A reset in the middle of a request: it is forgotten, and the next one is a new one. */
static void reset_in_the_middle(void **state)
{
	struct request r;
	u32 len;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	r = add(VIRTIO_BLK_T_IN, 0, 300 * 1024);
	vdrv_kick(&v, 0);
	assert_int_equal(more, 1);
	v.next_alloc = 0x1000;
	assert_true(vdrv_start(&v, FEATURES));
	virtio_blk_poll(&blk);
	assert_int_equal(vdrv_take(&v, &v.ring[0], &len), -1);
	r = add(VIRTIO_BLK_T_IN, 1, 512);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_memory_equal(vdrv_mem(&v, r.data, 512), image + 512, 512);
}

static void lies_are_refused(void **state)
{
	static const struct {
		u32 type;
		u64 sector;
		u32 len;
		u8 status;
		enum virtio_blk_refusal why;
	} cases[] = {
		{ VIRTIO_BLK_T_IN, DISK_BYTES / 512, 512, VIRTIO_BLK_S_IOERR,
		  VIRTIO_BLK_BAD_RANGE },
		{ VIRTIO_BLK_T_IN, DISK_BYTES / 512 - 1, 1024, VIRTIO_BLK_S_IOERR,
		  VIRTIO_BLK_BAD_RANGE },
		{ VIRTIO_BLK_T_IN, UINT64_MAX, 512, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_BAD_RANGE },
		{ VIRTIO_BLK_T_IN, 1ull << 55, 512, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_BAD_RANGE },
		{ VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_BAD_LENGTH },
		{ VIRTIO_BLK_T_IN, 0, 1, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_BAD_LENGTH },
		{ VIRTIO_BLK_T_OUT, 0, 512, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_READ_ONLY },
		{ 4, 0, 0, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_UNKNOWN },	 /* flush */
		{ 11, 0, 16, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_UNKNOWN }, /* discard */
		{ UINT32_MAX, 0, 512, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_UNKNOWN },
	};
	u32 len;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct request r = add(cases[i].type, cases[i].sector, cases[i].len);
		u64 before = blk.refused[cases[i].why];

		if (cases[i].len)
			memset(vdrv_mem(&v, r.data, cases[i].len), 0x33, cases[i].len);
		assert_int_equal(run(&r, &len), cases[i].status);
		assert_true(len <= 1);
		assert_int_equal(blk.refused[cases[i].why], before + 1);
		for (u32 k = 0; k < cases[i].len; k++)
			assert_int_equal(vdrv_mem(&v, r.data, cases[i].len)[k], 0x33);
	}
	/* A request of nothing is one. */
	struct request r = add(VIRTIO_BLK_T_IN, DISK_BYTES / 512, 0);
	assert_int_equal(run(&r, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(blk.read_bytes, 0);
}

/* Chains that are no requests, and memory that is not there: the device is broken. */
static void bad_chains_break_it(void **state)
{
	static const struct {
		struct vdrv_buf buf[3];
		u16 nread, nwrite;
	} cases[] = {
		{ { { 0x1000, 16 } }, 1, 0 },			/* nowhere to put a status */
		{ { { 0x1000, 15 }, { 0x2000, 1 } }, 1, 1 },	/* half a header */
		{ { { 0x2000, 513 } }, 0, 1 },			/* no header */
		{ { { VDRV_END - 8, 16 }, { 0x2000, 1 } }, 1, 1 },
		{ { { 0x1000, 16 }, { VDRV_END, 512 }, { 0x2000, 1 } }, 1, 2 },
		{ { { 0x1000, 16 }, { 0x3000, 512 }, { VDRV_END, 1 } }, 1, 2 },
		{ { { 0x1000, 16 }, { 0x3000, 512 }, { VDRV_ROM, 1 } }, 1, 2 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		v.next_alloc = 0x10000;
		assert_true(vdrv_start(&v, FEATURES));
		memset(vdrv_mem(&v, 0x1000, 16), 0, 16);
		assert_true(vdrv_add(&v, &v.ring[0], cases[i].buf, cases[i].nread,
				     cases[i].nwrite) >= 0);
		vdrv_kick(&v, 0);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		virtio_blk_poll(&blk);
		assert_int_equal(vdrv_take(&v, &v.ring[0], NULL), -1);
	}
	/* And after a reset all is well. */
	struct request r;
	v.next_alloc = 0x10000;
	assert_true(vdrv_start(&v, FEATURES));
	r = add(VIRTIO_BLK_T_IN, 0, 512);
	assert_int_equal(run(&r, NULL), VIRTIO_BLK_S_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define WRITABLE(f) cmocka_unit_test_setup_teardown(f, setup_writable, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(found_with_its_size),
		CASE(reads),
		CASE(pieces),
		CASE(the_longest_chain),
		WRITABLE(writes_stay_until_discarded),
		WRITABLE(a_full_overlay_is_an_error),
		CASE(tells_its_name),
		CASE(turns_are_bounded),
		CASE(reset_in_the_middle),
		CASE(lies_are_refused),
		CASE(bad_chains_break_it),
	};

	return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
