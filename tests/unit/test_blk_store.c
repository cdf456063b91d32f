/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's bytes against a plain copy of them: reads and writes anywhere, until it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/blk_store.h"

#define BLOCKS 40u
#define IMAGE_MAX (BLOCKS * BLK_STORE_BLOCK)

static u8 image[IMAGE_MAX], twin[IMAGE_MAX], was[IMAGE_MAX];
static u8 pool[BLOCKS * BLK_STORE_BLOCK];
static u32 map[BLOCKS];
static struct blk_store s;

static void make(u64 bytes, u32 pool_blocks)
{
	srand(1);
	memset(map, 0, sizeof(map));
	memset(pool, 0xee, sizeof(pool)); /* what somebody left there */
	for (u64 i = 0; i < IMAGE_MAX; i++)
		image[i] = (u8)rand();
	memcpy(was, image, sizeof(was));
	memset(twin, 0, sizeof(twin));
	memcpy(twin, image, bytes);
	blk_store_init(&s, image, bytes, pool_blocks ? map : NULL, pool_blocks ? pool : NULL,
		       pool_blocks);
}

static void read_all(u8 *to, u64 at, u64 len)
{
	while (len) {
		u64 run = 0;
		const u8 *from = blk_store_read(&s, at, len, &run);

		assert_true(run > 0 && run <= len);
		memcpy(to, from, run);
		to += run;
		at += run;
		len -= run;
	}
}

/* How much of it was written. */
static u64 write_all(const u8 *from, u64 at, u64 len)
{
	u64 done = 0;

	while (done < len) {
		u64 run = 0;
		u8 *to = blk_store_write(&s, at + done, len - done, &run);

		if (!to)
			break;
		assert_true(run > 0 && run <= len - done);
		memcpy(to, from + done, run);
		done += run;
	}
	return done;
}

static void compare(void)
{
	static u8 all[IMAGE_MAX];

	read_all(all, 0, s.bytes);
	assert_memory_equal(all, twin, s.bytes);
}

static void read_only_is_one_run(void **state)
{
	u64 run;

	(void)state;
	make(IMAGE_MAX, 0);
	assert_ptr_equal(blk_store_read(&s, 0, IMAGE_MAX, &run), image);
	assert_int_equal(run, IMAGE_MAX);
	compare();
	blk_store_discard(&s);
	compare();
}

/* Images that end within a sector, a block, or with one. */
static void ends_are_padded(void **state)
{
	static const u64 sizes[] = { 1, 511, 512, 513, 4095, 4096, 4097, 8192 + 512, 12345 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (u32 n = 0; n < 2; n++) {
			make(sizes[i], n * BLOCKS);
			assert_int_equal(s.bytes % BLK_SECTOR, 0);
			assert_true(s.bytes - sizes[i] < BLK_SECTOR);
			compare();
			if (!n)
				continue;
			memset(twin + s.bytes - 100, 0x5a, 100);
			assert_int_equal(write_all(twin + s.bytes - 100, s.bytes - 100, 100), 100);
			compare();
		}
	}
}

static void anything_anywhere(void **state)
{
	static u8 data[4 * BLK_STORE_BLOCK];

	(void)state;
	make(IMAGE_MAX - 700, BLOCKS);
	for (u32 i = 0; i < 3000; i++) {
		u64 len = 1 + (u64)rand() % sizeof(data);
		u64 at = (u64)rand() % (s.bytes - len);

		for (u64 k = 0; k < len; k++)
			data[k] = (u8)rand();
		if (rand() % 3) {
			read_all(data, at, len);
			assert_memory_equal(data, twin + at, len);
		} else {
			memcpy(twin + at, data, len);
			assert_int_equal(write_all(data, at, len), len);
		}
	}
	compare();
	assert_int_equal(s.used, BLOCKS);
	assert_memory_equal(image, was, sizeof(was));
	blk_store_discard(&s);
	assert_int_equal(s.used, 0);
	memset(twin, 0, sizeof(twin));
	memcpy(twin, image, IMAGE_MAX - 700);
	compare();
}

static void full_is_full(void **state)
{
	static u8 data[5 * BLK_STORE_BLOCK];

	(void)state;
	make(IMAGE_MAX, 3);
	memset(data, 0x77, sizeof(data));
	/* Two blocks, one of them in part; then one more, and no fourth. */
	assert_int_equal(write_all(data, 10 * BLK_STORE_BLOCK + 512, BLK_STORE_BLOCK),
			 BLK_STORE_BLOCK);
	assert_int_equal(s.used, 2);
	assert_int_equal(write_all(data, 0, 2 * BLK_STORE_BLOCK), BLK_STORE_BLOCK);
	assert_int_equal(s.used, 3);
	assert_int_equal(write_all(data, 20 * BLK_STORE_BLOCK, 512), 0);
	/* What is there already can still be written. */
	assert_int_equal(write_all(data, 10 * BLK_STORE_BLOCK, 2 * BLK_STORE_BLOCK),
			 2 * BLK_STORE_BLOCK);
	memset(twin, 0x77, BLK_STORE_BLOCK);
	memset(twin + 10 * BLK_STORE_BLOCK, 0x77, 2 * BLK_STORE_BLOCK);
	compare();
	blk_store_discard(&s);
	assert_int_equal(write_all(data, 20 * BLK_STORE_BLOCK, 3 * BLK_STORE_BLOCK),
			 3 * BLK_STORE_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_only_is_one_run),
		cmocka_unit_test(ends_are_padded),
		cmocka_unit_test(anything_anywhere),
		cmocka_unit_test(full_is_full),
	};

	return cmocka_run_group_tests_name("blk_store", tests, NULL, NULL);
}
