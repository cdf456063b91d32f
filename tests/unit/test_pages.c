/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator against one byte a page; the heap on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/mem/heap.h"
#include "hv/mem/pages.h"

#define TWIN_PAGES 4096u /* 16 MiB */
#define ROUNDS 20000

static struct pages p;
static u8 twin[TWIN_PAGES]; /* 1: free */

static void reset(void)
{
	memset(&p, 0, sizeof(p));
	memset(twin, 0, sizeof(twin));
}

static void twin_set(u64 base, u64 size, u8 value)
{
	memset(twin + base / PAGE_SIZE, value, size / PAGE_SIZE);
}

static bool twin_is(u64 base, u64 size, u8 value)
{
	for (u64 i = base / PAGE_SIZE; i < (base + size) / PAGE_SIZE; i++) {
		if (twin[i] != value)
			return false;
	}
	return true;
}

/* Whether the twin has a fitting piece anywhere below `below`. */
static bool twin_fits(u64 size, u64 align, u64 below)
{
	for (u64 at = align; at + size <= TWIN_PAGES * PAGE_SIZE && at + size <= below;
	     at += align) {
		if (twin_is(at, size, 1))
			return true;
	}
	return false;
}

/* Extents sorted, apart from each other, and exactly the twin's free pages. */
static void check(void)
{
	u64 sum = 0, last_end = 0, free_pages = 0;

	for (u32 i = 0; i < p.count; i++) {
		assert_true(p.free[i].size > 0);
		assert_true(i == 0 || p.free[i].base > last_end);
		assert_true(twin_is(p.free[i].base, p.free[i].size, 1));
		last_end = p.free[i].base + p.free[i].size;
		sum += p.free[i].size;
	}
	for (u32 i = 0; i < TWIN_PAGES; i++)
		free_pages += twin[i];
	assert_int_equal(sum, free_pages * PAGE_SIZE);
	assert_int_equal(p.free_bytes, sum);
}

static void add_and_reserve(void **state)
{
	(void)state;
	reset();
	assert_int_equal(pages_add(&p, 0x1800, 0x3000), ERR_OK); /* 2000 .. 4000 */
	assert_int_equal(p.count, 1);
	assert_int_equal(p.free[0].base, 0x2000);
	assert_int_equal(p.free[0].size, 0x2000);
	assert_int_equal(pages_add(&p, 0x1000, 0x8000), ERR_OK); /* around it */
	assert_int_equal(p.count, 1);
	assert_int_equal(p.total, 0x8000);
	pages_reserve(&p, 0x3800, 0x10); /* a few bytes cost a page */
	assert_int_equal(p.total, 0x7000);
	assert_int_equal(p.count, 2);
	pages_reserve(&p, 0, UINT64_MAX);
	assert_int_equal(p.count, 0);
	assert_int_equal(p.total, 0);
	assert_int_equal(pages_add(&p, UINT64_MAX - 10, 100), ERR_OK); /* wraps: nothing */
	assert_int_equal(pages_add(&p, 0x1001, 0x1000), ERR_OK);       /* no whole page */
	assert_int_equal(p.count, 0);
}

static void random_add_reserve(void **state)
{
	(void)state;
	srand(1);
	for (u32 round = 0; round < 200; round++) {
		reset();
		for (u32 i = 0; i < 20; i++) {
			u64 base = (1 + (u64)rand() % (TWIN_PAGES - 65)) * PAGE_SIZE;
			u64 size = (u64)(rand() % 64) * PAGE_SIZE;

			if (rand() % 3) {
				assert_int_equal(pages_add(&p, base, size), ERR_OK);
				twin_set(base, size, 1);
			} else {
				pages_reserve(&p, base, size);
				twin_set(base, size, 0);
			}
			check();
			assert_int_equal(p.total, p.free_bytes);
		}
	}
}

static void random_alloc_free(void **state)
{
	struct {
		u64 base, size;
	} live[64] = { 0 };

	(void)state;
	reset();
	srand(2);
	pages_add(&p, PAGE_SIZE, (TWIN_PAGES - 1) * PAGE_SIZE);
	twin_set(PAGE_SIZE, (TWIN_PAGES - 1) * PAGE_SIZE, 1);
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 n = (u32)rand() % 64;
		u64 size = (1 + (u64)rand() % (rand() % 8 ? 32 : 1024)) * PAGE_SIZE;
		u64 align = PAGE_SIZE << rand() % 10;
		u64 below =
			rand() % 4 ? PAGES_ANYWHERE : (u64)(rand() % TWIN_PAGES) * PAGE_SIZE + 1;

		if (live[n].base) {
			pages_free(&p, live[n].base, live[n].size);
			twin_set(live[n].base, live[n].size, 1);
			live[n].base = 0;
		} else {
			u64 got = pages_alloc(&p, size, align, below);

			assert_int_equal(got != 0, twin_fits(size, align, below));
			if (!got)
				continue;
			assert_int_equal(got % align, 0);
			assert_true(got + size <= below);
			assert_true(twin_is(got, size, 1));
			twin_set(got, size, 0);
			live[n].base = got;
			live[n].size = size;
		}
		if (round % 16 == 0)
			check();
	}
	check();
}

static void large_from_the_top(void **state)
{
	u64 small, large;

	(void)state;
	reset();
	pages_add(&p, 1 << 20, 3 * PAGE_1G);
	pages_add(&p, 4 * PAGE_1G, 2 * PAGE_1G + PAGE_2M);
	small = pages_alloc(&p, 100, 1, PAGES_ANYWHERE);
	assert_int_equal(small, 1 << 20);
	large = pages_alloc(&p, PAGE_1G, PAGE_1G, PAGES_ANYWHERE);
	assert_int_equal(large, 5 * PAGE_1G);
	assert_int_equal(pages_alloc(&p, PAGE_2M, PAGE_2M, PAGES_ANYWHERE), 6 * PAGE_1G);
	assert_int_equal(pages_largest(&p, PAGE_1G), 2 * PAGE_1G + (1 << 20));
	assert_int_equal(pages_alloc(&p, PAGE_1G, PAGE_1G, 4 * PAGE_1G), 2 * PAGE_1G);
	assert_int_equal(pages_alloc(&p, 0, 1, PAGES_ANYWHERE), 0);
	assert_int_equal(pages_alloc(&p, UINT64_MAX, 1, PAGES_ANYWHERE), 0);
	assert_int_equal(pages_alloc(&p, 100 * PAGE_1G, 1, PAGES_ANYWHERE), 0);
}

static void full_list_loses_and_counts(void **state)
{
	u64 first, page[2 * PAGES_MAX_EXTENTS + 4];

	(void)state;
	reset();
	pages_add(&p, PAGE_SIZE, ARRAY_SIZE(page) * PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = pages_alloc(&p, PAGE_SIZE, PAGE_SIZE, PAGES_ANYWHERE);
	first = page[0];
	for (u32 i = 0; i < ARRAY_SIZE(page); i += 2)
		pages_free(&p, page[i], PAGE_SIZE);
	assert_int_equal(p.count, PAGES_MAX_EXTENTS);
	assert_int_equal(p.lost_bytes, 2 * PAGE_SIZE);
	assert_int_equal(p.free_bytes, PAGES_MAX_EXTENTS * PAGE_SIZE);
	assert_int_equal(pages_alloc(&p, PAGE_SIZE, PAGE_SIZE, PAGES_ANYWHERE), first);
}

/* --- heap, on real memory --- */

#define ARENA (8u << 20)

static void heap_random(void **state)
{
	struct {
		u8 *at;
		size_t size;
		u8 fill;
	} live[128] = { 0 };
	u8 *arena = aligned_alloc(PAGE_SIZE, ARENA);
	struct heap h;

	(void)state;
	reset();
	pages_add(&p, (u64)(uintptr_t)arena, ARENA);
	heap_init(&h, &p);
	srand(3);
	memset(arena, 0xa5, ARENA);
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 n = (u32)rand() % ARRAY_SIZE(live);
		size_t size = 1 + (size_t)(rand() % (rand() % 4 ? 300 : 20000));

		if (live[n].at) {
			for (size_t i = 0; i < live[n].size; i++)
				assert_int_equal(live[n].at[i], live[n].fill);
			heap_free(&h, live[n].at, live[n].size);
			live[n].at = NULL;
			continue;
		}
		live[n].at = heap_alloc(&h, size);
		assert_non_null(live[n].at);
		assert_int_equal((uintptr_t)live[n].at % 64, 0);
		assert_true(size < PAGE_SIZE || (uintptr_t)live[n].at % PAGE_SIZE == 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(live[n].at[i], 0);
		live[n].size = size;
		live[n].fill = (u8)round;
		memset(live[n].at, live[n].fill, size);
	}
	for (u32 n = 0; n < ARRAY_SIZE(live); n++)
		heap_free(&h, live[n].at, live[n].size);
	assert_int_equal(h.used_bytes, 0);
	assert_int_equal(h.held_bytes + p.free_bytes, ARENA);
	assert_null(heap_alloc(&h, ARENA + 1));
	assert_null(heap_alloc(&h, 0));
	assert_int_equal(h.failed, 1);
	free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_reserve),
		cmocka_unit_test(random_add_reserve),
		cmocka_unit_test(random_alloc_free),
		cmocka_unit_test(large_from_the_top),
		cmocka_unit_test(full_list_loses_and_counts),
		cmocka_unit_test(heap_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
