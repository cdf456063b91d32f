/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second-level page tables against a naive twin: one word for each 4 KiB
 * page of a window. While an operation runs, every page must translate as
 * before or as after it: the builder reports each change of an entry, and the
 * pages of interest are looked up in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/mem/npt.h"

#define WINDOW (3 * NPT_PAGE_1G)
#define WINDOW_BASE (511 * NPT_PAGE_1G) /* crosses into the next top-level entry */
#define PAGES (WINDOW / NPT_PAGE_4K)
#define TWIN_ATTR 7ull
#define TWIN_MAPPED 8ull
#define OPS 400
#define SMALL_OP 4096 /* pages; larger ones are looked at now and then only */
#define PROBES 12

static struct state {
	struct npt n;
	u64 *now;		 /* twin: hpa | TWIN_MAPPED | attr, 0: not mapped */
	u64 op_first, op_end;	 /* pages that the running operation changes ... */
	u64 op_value;		 /* ... to this, the host address growing; 0: unmap */
	bool op_running;
	u32 seed;
	int pages_live;
	int pages_left;		 /* allocations until failure, -1: no limit */
} st;

static u32 rnd(void)
{
	st.seed = st.seed * 1664525u + 1013904223u;
	return st.seed >> 8;
}

static void *page_alloc(void *ctx)
{
	void *p;

	(void)ctx;
	if (st.pages_left == 0)
		return NULL;
	if (st.pages_left > 0)
		st.pages_left--;
	p = aligned_alloc(4096, 4096);
	assert_non_null(p);
	memset(p, 0, 4096);
	st.pages_live++;
	return p;
}

static void page_free(void *ctx, void *page)
{
	(void)ctx;
	st.pages_live--;
	free(page);
}

static u64 looked_up(u64 page)
{
	struct npt_leaf leaf;

	if (npt_query(&st.n, (gpa_t){ WINDOW_BASE + page * NPT_PAGE_4K }, &leaf))
		return 0;
	return leaf.hpa | TWIN_MAPPED | leaf.attr;
}

static u64 after_op(u64 page)
{
	return st.op_value ? st.op_value + (page - st.op_first) * NPT_PAGE_4K : 0;
}

static void check_page(u64 page)
{
	u64 have = looked_up(page);
	bool in_op = st.op_running && page >= st.op_first && page < st.op_end;

	if (have == st.now[page])
		return;
	assert_true(in_op);
	assert_int_equal(have, after_op(page));
}

/* The borders of the operation, their neighbours and a few others. */
static void changed(void *ctx)
{
	(void)ctx;
	if (!st.op_running || (st.op_end - st.op_first > SMALL_OP && rnd() % 64))
		return;
	for (int i = -2; i < 2; i++) {
		check_page((st.op_first + PAGES + i) % PAGES);
		check_page((st.op_end + PAGES + i) % PAGES);
	}
	check_page(st.op_first + rnd() % (st.op_end - st.op_first));
	check_page(rnd() % PAGES);
}

static const struct npt_mem mem = {
	.alloc = page_alloc,
	.free = page_free,
	.changed = changed,
};

static void start(const struct npt_format *fmt, u64 max_page)
{
	st = (struct state){ .seed = 1, .pages_left = -1 };
	st.now = calloc(PAGES, sizeof(u64));
	assert_non_null(st.now);
	assert_int_equal(npt_init(&st.n, fmt, &mem, max_page), ERR_OK);
}

static void stop(void)
{
	npt_destroy(&st.n);
	assert_int_equal(st.pages_live, 0);
	free(st.now);
}

/* A range in which large pages fit often, but not always. */
static void pick_range(u64 *first, u64 *count)
{
	static const u64 unit[] = { 1, 512, 512, 512 * 512 };
	u64 u = unit[rnd() % ARRAY_SIZE(unit)];

	*first = rnd() % (PAGES / u) * u;
	*count = (1 + rnd() % 4) * u;
	if (rnd() % 4 == 0)
		*count += rnd() % 600;
	*count = MIN(*count, PAGES - *first);
}

static err_t apply(u64 first, u64 count, u64 hpa, u32 attr, bool map)
{
	gpa_t gpa = { WINDOW_BASE + first * NPT_PAGE_4K };
	err_t err;

	st.op_first = first;
	st.op_end = first + count;
	st.op_value = map ? hpa | TWIN_MAPPED | attr : 0;
	st.op_running = true;
	if (map)
		err = npt_map(&st.n, gpa, hpa, count * NPT_PAGE_4K, attr);
	else
		err = npt_unmap(&st.n, gpa, count * NPT_PAGE_4K);
	st.op_running = false;
	return err;
}

static void twin_apply(void)
{
	for (u64 p = st.op_first; p < st.op_end; p++)
		st.now[p] = after_op(p);
}

static void check_all(void)
{
	for (u64 p = 0; p < PAGES; p++)
		if (looked_up(p) != st.now[p])
			fail_msg("page %llu differs", (unsigned long long)p);
}

static void random_ops(const struct npt_format *fmt, u64 max_page)
{
	start(fmt, max_page);
	for (int i = 0; i < OPS; i++) {
		u64 first, count, hpa;

		pick_range(&first, &count);
		hpa = (u64)(rnd() % 64) * NPT_PAGE_1G;
		hpa += first * NPT_PAGE_4K % (rnd() % 2 ? NPT_PAGE_1G : NPT_PAGE_2M);
		if (max_page == NPT_PAGE_4K)
			count = MIN(count, 2000u);
		assert_int_equal(apply(first, count, hpa, rnd() % 8, rnd() % 3), ERR_OK);
		twin_apply();
		for (int k = 0; k < PROBES; k++)
			check_page(rnd() % PAGES);
	}
	check_all();
	stop();
}

static void test_twin_svm_1g(void **state)
{
	(void)state;
	random_ops(&npt_format_svm, NPT_PAGE_1G);
}

static void test_twin_svm_2m(void **state)
{
	(void)state;
	random_ops(&npt_format_svm, NPT_PAGE_2M);
}

static void test_twin_svm_4k(void **state)
{
	(void)state;
	random_ops(&npt_format_svm, NPT_PAGE_4K);
}

static void test_twin_ept(void **state)
{
	(void)state;
	random_ops(&npt_format_ept, NPT_PAGE_1G);
}

static struct npt_leaf query(u64 gpa)
{
	struct npt_leaf leaf;

	assert_int_equal(npt_query(&st.n, (gpa_t){ gpa }, &leaf), ERR_OK);
	return leaf;
}

static void test_largest_pages_fit(void **state)
{
	const u64 end = 2 * NPT_PAGE_1G + 3 * NPT_PAGE_2M + 5 * NPT_PAGE_4K;

	(void)state;
	start(&npt_format_svm, NPT_PAGE_1G);
	assert_int_equal(npt_map(&st.n, (gpa_t){ 0 }, 8 * NPT_PAGE_1G, end, NPT_WRITE), ERR_OK);
	assert_int_equal(query(0).page, NPT_PAGE_1G);
	assert_int_equal(query(NPT_PAGE_1G + 12345).hpa, 9 * NPT_PAGE_1G + 12345);
	assert_int_equal(query(2 * NPT_PAGE_1G).page, NPT_PAGE_2M);
	assert_int_equal(query(end - 1).page, NPT_PAGE_4K);
	assert_int_equal(query(end - 1).attr, NPT_WRITE);
	assert_int_equal(st.n.tables, 4); /* one of each level */
	/* A host address that is off by 2 MiB leaves 2 MiB pages. */
	assert_int_equal(npt_map(&st.n, (gpa_t){ 4 * NPT_PAGE_1G }, NPT_PAGE_2M, NPT_PAGE_1G, 0),
			 ERR_OK);
	assert_int_equal(query(4 * NPT_PAGE_1G).page, NPT_PAGE_2M);
	stop();
}

static void test_split_keeps_dirty(void **state)
{
	u64 *pdpt;

	(void)state;
	start(&npt_format_svm, NPT_PAGE_1G);
	assert_int_equal(npt_map(&st.n, (gpa_t){ 0 }, 0, NPT_PAGE_1G, NPT_WRITE), ERR_OK);
	assert_false(query(0).dirty);
	pdpt = (u64 *)(uintptr_t)(st.n.root[0] & npt_format_svm.addr);
	pdpt[0] |= npt_format_svm.dirty | npt_format_svm.accessed; /* as the processor does */
	assert_int_equal(npt_split(&st.n, (gpa_t){ NPT_PAGE_2M }, NPT_PAGE_4K), ERR_OK);
	assert_int_equal(query(NPT_PAGE_2M).page, NPT_PAGE_4K);
	assert_int_equal(query(2 * NPT_PAGE_2M).page, NPT_PAGE_2M);
	assert_true(query(NPT_PAGE_2M).dirty);
	assert_true(query(2 * NPT_PAGE_2M).dirty);
	assert_true(query(2 * NPT_PAGE_2M).accessed);
	assert_int_equal(query(NPT_PAGE_2M + NPT_PAGE_4K).hpa, NPT_PAGE_2M + NPT_PAGE_4K);
	assert_int_equal(npt_split(&st.n, (gpa_t){ NPT_PAGE_1G }, NPT_PAGE_4K), ERR_NOENT);
	stop();
}

static void test_arguments(void **state)
{
	struct npt_leaf leaf;
	gpa_t zero = { 0 };

	(void)state;
	start(&npt_format_svm, NPT_PAGE_1G);
	assert_int_equal(npt_map(&st.n, zero, 0, 0, 0), ERR_INVAL);
	assert_int_equal(npt_map(&st.n, zero, 0, 100, 0), ERR_INVAL);
	assert_int_equal(npt_map(&st.n, (gpa_t){ 1 }, 0, 4096, 0), ERR_INVAL);
	assert_int_equal(npt_map(&st.n, zero, 0, NPT_GPA_LIMIT + 4096, 0), ERR_RANGE);
	assert_int_equal(npt_map(&st.n, (gpa_t){ NPT_GPA_LIMIT }, 0, 4096, 0), ERR_RANGE);
	assert_int_equal(npt_map(&st.n, zero, 1ull << 52, 4096, 0), ERR_RANGE);
	assert_int_equal(npt_unmap(&st.n, (gpa_t){ ~4095ull }, 4096), ERR_RANGE);
	assert_int_equal(npt_query(&st.n, (gpa_t){ ~0ull }, &leaf), ERR_RANGE);
	assert_int_equal(npt_unmap(&st.n, zero, NPT_GPA_LIMIT), ERR_OK);
	assert_int_equal(st.n.tables, 1);
	stop();
}

/* Out of memory at each possible moment: every page is old or new, and the
 * same operation succeeds afterwards. */
static void test_no_memory(void **state)
{
	(void)state;
	for (int left = 0; left < 7; left++) {
		err_t err;

		start(&npt_format_svm, NPT_PAGE_1G);
		assert_int_equal(apply(0, PAGES, 0, NPT_WRITE, true), ERR_OK);
		twin_apply();
		st.pages_left = left;
		err = apply(5, 3 * 512, NPT_PAGE_1G, 0, true);
		assert_int_equal(err, left < 5 ? ERR_NOMEM : ERR_OK);
		st.op_running = true;
		for (u64 p = 0; p < PAGES; p++)
			check_page(p);
		st.pages_left = -1;
		assert_int_equal(apply(5, 3 * 512, NPT_PAGE_1G, 0, true), ERR_OK);
		twin_apply();
		check_all();
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_largest_pages_fit),
		cmocka_unit_test(test_split_keeps_dirty),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_twin_svm_1g),
		cmocka_unit_test(test_twin_svm_2m),
		cmocka_unit_test(test_twin_svm_4k),
		cmocka_unit_test(test_twin_ept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
