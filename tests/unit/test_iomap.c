/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O map: overlap, straddling, unclaimed accesses; random use against a linear list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/mem/iomap.h"

static struct io_access seen;
static void *seen_dev;

static void note(void *dev, struct io_access *a)
{
	seen = *a;
	seen_dev = dev;
	if (!a->write)
		a->value = 0x1122334455667788;
}

static void silent(void *dev, struct io_access *a)
{
	(void)dev;
	(void)a;
}

static void add_and_delete(void **state)
{
	static struct iomap m;

	(void)state;
	assert_int_equal(iomap_add(&m, 0x60, 1, "a", note, NULL), ERR_OK);
	assert_int_equal(iomap_add(&m, 0x40, 4, "b", note, NULL), ERR_OK);
	assert_int_equal(iomap_add(&m, 0x43, 1, "c", note, NULL), ERR_EXIST);
	assert_int_equal(iomap_add(&m, 0x3f, 2, "c", note, NULL), ERR_EXIST);
	assert_int_equal(iomap_add(&m, 0x30, 0x40, "c", note, NULL), ERR_EXIST);
	assert_int_equal(iomap_add(&m, 0x44, 0, "c", note, NULL), ERR_INVAL);
	assert_int_equal(iomap_add(&m, ~0ull, 2, "c", note, NULL), ERR_INVAL);
	assert_int_equal(iomap_add(&m, ~0ull, 1, "top", note, NULL), ERR_OK);
	assert_int_equal(iomap_add(&m, 0x44, 0x1c, "c", note, NULL), ERR_OK);
	assert_int_equal(m.count, 4);
	assert_int_equal(iomap_del(&m, 0x41), ERR_NOENT);
	assert_int_equal(iomap_del(&m, 0x40), ERR_OK);
	assert_int_equal(iomap_del(&m, 0x40), ERR_NOENT);
	assert_int_equal(iomap_add(&m, 0x3f, 2, "c", note, NULL), ERR_OK);
	for (u64 i = m.count; i < IOMAP_MAX_RANGES; i++)
		assert_int_equal(iomap_add(&m, 0x1000 + i, 1, "n", note, NULL), ERR_OK);
	assert_int_equal(iomap_add(&m, 0x10, 1, "n", note, NULL), ERR_NOMEM);
}

static void access_is_routed(void **state)
{
	static struct iomap m;
	struct io_access a = { .addr = 0x3f9, .size = 1 };
	int dev;

	(void)state;
	iomap_add(&m, 0x3f8, 8, "com1", note, &dev);
	iomap_add(&m, 0x80, 1, "post", silent, NULL);
	assert_true(iomap_access(&m, &a));
	assert_ptr_equal(seen_dev, &dev);
	assert_int_equal(seen.addr, 1);
	assert_int_equal(a.addr, 0x3f9);
	assert_int_equal(a.value, 0x88); /* cut to the access's size */

	a = (struct io_access){ .addr = 0x3f8, .size = 2, .write = true, .value = 0xabcd1234 };
	assert_true(iomap_access(&m, &a));
	assert_int_equal(seen.value, 0x1234);

	a = (struct io_access){ .addr = 0x3ff, .size = 2 };
	assert_false(iomap_access(&m, &a));
	assert_int_equal(a.value, 0xffff);
	a = (struct io_access){ .addr = 0x70, .size = 8 };
	assert_false(iomap_access(&m, &a));
	assert_true(a.value == ~0ull);
	assert_int_equal(m.unclaimed, 2);

	a = (struct io_access){ .addr = 0x80, .size = 1 };
	assert_true(iomap_access(&m, &a));
	assert_int_equal(a.value, 0xff); /* no register: all ones */
}

#define NAIVE_SPACE 256

static void random_use_matches_naive(void **state)
{
	static struct iomap m;
	static u8 owner[NAIVE_SPACE];	  /* start of the range + 1; 0: nobody's */
	static u8 sizes[NAIVE_SPACE];

	(void)state;
	srand(2);
	for (int i = 0; i < 200000; i++) {
		u64 base = (u64)rand() % NAIVE_SPACE;
		u64 size = 1 + (u64)rand() % 8;

		if (base + size > NAIVE_SPACE - 1)
			continue;
		if (rand() % 4 == 0) {
			bool is = sizes[base] != 0;

			assert_int_equal(iomap_del(&m, base), is ? ERR_OK : ERR_NOENT);
			memset(owner + base, 0, sizes[base]);
			sizes[base] = 0;
		} else if (rand() % 4 == 0) {
			bool clash = false;
			err_t err;

			for (u64 n = base; n < base + size; n++)
				clash = clash || owner[n];
			err = iomap_add(&m, base, size, "x", note, &owner[base]);
			if (err == ERR_NOMEM) {
				assert_int_equal(m.count, IOMAP_MAX_RANGES);
				continue;
			}
			assert_int_equal(err, clash ? ERR_EXIST : ERR_OK);
			if (clash)
				continue;
			memset(owner + base, (int)base + 1, size);
			sizes[base] = (u8)size;
		} else {
			struct io_access a = { .addr = base, .size = (u8)(1 << (rand() % 4)) };
			u64 start = owner[base] - 1u;
			bool hit = owner[base] &&
				   base + a.size <= start + sizes[start % NAIVE_SPACE];

			assert_int_equal(iomap_access(&m, &a), hit);
			if (hit) {
				assert_ptr_equal(seen_dev, &owner[start]);
				assert_int_equal(seen.addr, base - start);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_delete),
		cmocka_unit_test(access_is_routed),
		cmocka_unit_test(random_use_matches_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
