/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet pools, references, clones and slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/base/pkt.h"
#include "hv/base/str.h"
#include "tests/host/plat_host.h"

#define COUNT 32
#define BUF 2048
#define BUS 0x10000000ull

static struct pkt_pool pool;
static void *mem;
static u32 done_calls;
static struct pkt *foreign[COUNT];
static u32 nforeign;

static int setup(void **state)
{
	(void)state;
	host_core = 0;
	mem = aligned_alloc(64, ALIGN_UP(pkt_pool_bytes(COUNT, BUF), (size_t)64));
	pkt_pool_init(&pool, "test", 0, COUNT, BUF, mem, (bus_t){ BUS });
	done_calls = 0;
	nforeign = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_core = 0;
	assert_int_equal(pool.free_count, COUNT);
	free(mem);
	return 0;
}

static void count_done(struct pkt *p)
{
	assert_int_equal(p->refs, 0);
	assert_int_equal(p->done_cookie, 42);
	done_calls++;
}

static void keep_foreign(struct pkt *p)
{
	foreign[nforeign++] = p;
}

static void fill(struct pkt *p, u32 n, u8 seed)
{
	for (u32 i = 0; i < n; i++)
		p->data[i] = (u8)(seed + i);
	p->head_len = n;
	p->len = n;
}

static void get_gives_each_packet_once(void **state)
{
	struct pkt *p[COUNT];

	(void)state;
	for (u32 i = 0; i < COUNT; i++) {
		p[i] = pkt_get(&pool);
		assert_non_null(p[i]);
		assert_int_equal(p[i]->refs, 1);
		assert_int_equal(pkt_headroom(p[i]), PKT_HEADROOM);
		assert_int_equal((uintptr_t)p[i]->buf % CACHE_LINE, 0);
		assert_int_equal(pkt_data_bus(p[i]).v - BUS, p[i]->data - (u8 *)mem);
		memset(p[i]->buf, (int)i, BUF);
	}
	assert_null(pkt_get(&pool));
	assert_int_equal(pool.exhausted, 1);
	for (u32 i = 0; i < COUNT; i++) {
		assert_int_equal(p[i]->buf[0], i);
		assert_int_equal(p[i]->buf[BUF - 1], i);
		pkt_put(p[i]);
	}
	pkt_put(NULL);
}

static void push_and_pull_stay_inside(void **state)
{
	struct pkt *p = pkt_get(&pool);

	(void)state;
	fill(p, 60, 0);
	assert_null(pkt_push(p, PKT_HEADROOM + 1));
	assert_ptr_equal(pkt_push(p, PKT_HEADROOM), p->buf);
	assert_int_equal(p->len, 60 + PKT_HEADROOM);
	assert_null(pkt_push(p, 1));
	assert_null(pkt_pull(p, 61 + PKT_HEADROOM));
	assert_int_equal(*pkt_pull(p, PKT_HEADROOM + 1), 1);
	assert_int_equal(p->head_len, 59);
	pkt_put(p);
}

/* They name the same bytes wherever data is, also in a clone; a slice and a new
 * packet have none. */
static void offload_fields_move_along(void **state)
{
	struct pkt *p = pkt_get(&pool), *q;

	(void)state;
	p->head_len = p->len = 100;
	pkt_push(p, 8); /* nothing to move yet */
	assert_int_equal(p->csum_start, 0);
	p->flags = PKT_F_NEEDS_CSUM;
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 10;
	p->gso_segs = 4;
	p->l3_start = 14;
	p->csum_start = 34;
	p->csum_offset = 16;
	p->payload_start = 54;
	pkt_push(p, 42);
	pkt_pull(p, 10);
	q = pkt_clone(&pool, p);
	pkt_put(p);
	assert_int_equal(q->gso_type, PKT_GSO_TCP4);
	assert_int_equal(q->gso_size, 10);
	assert_int_equal(q->flags, PKT_F_NEEDS_CSUM);
	assert_int_equal(q->l3_start, 14 + 32);
	assert_int_equal(q->csum_start, 34 + 32);
	assert_int_equal(q->csum_offset, 16);
	assert_int_equal(q->payload_start, 54 + 32);
	assert_int_equal(pkt_wire_len(q), 54 + 32 + 10);
	assert_int_equal(pkt_wire_frames(q), 4);
	p = pkt_slice(&pool, q, 0, 50);
	assert_false(pkt_is_offloaded(p));
	assert_int_equal(pkt_wire_len(p), 50);
	assert_int_equal(pkt_wire_frames(p), 1);
	pkt_put(p);
	pkt_put(q);
	p = pkt_get(&pool);
	assert_false(pkt_is_offloaded(p));
	assert_int_equal(p->l3_start + p->csum_start + p->payload_start + p->gso_segs, 0);
	pkt_put(p);
}

static void done_runs_at_the_last_put(void **state)
{
	struct pkt *p = pkt_get(&pool);

	(void)state;
	pkt_set_done(p, count_done, NULL, 42);
	pkt_ref(p);
	pkt_put(p);
	assert_int_equal(done_calls, 0);
	pkt_put(p);
	assert_int_equal(done_calls, 1);
	p = pkt_get(&pool);
	assert_int_equal(p->ties, 0);
	pkt_put(p);
}

static void foreign_put_goes_through_the_hook(void **state)
{
	struct pkt *p = pkt_get(&pool), *q = pkt_get(&pool);

	(void)state;
	pool.foreign_put = keep_foreign;
	host_core = 1;
	pkt_put(p);
	pkt_put(q);
	assert_int_equal(nforeign, 2);
	assert_int_equal(pool.free_count, COUNT - 2);
	host_core = 0;
	pkt_put(foreign[0]);
	pkt_put(foreign[1]);
}

static void segments_hold_their_owner(void **state)
{
	struct pkt *p = pkt_get(&pool), *o = pkt_get(&pool);

	(void)state;
	fill(o, 100, 7);
	pkt_set_done(o, count_done, NULL, 42);
	for (u32 i = 0; i < PKT_MAX_SEGS; i++) {
		if (i)
			pkt_ref(o);
		assert_int_equal(pkt_add_seg(p, o->data, pkt_data_bus(o), 100, o), ERR_OK);
	}
	assert_int_equal(pkt_add_seg(p, o->data, pkt_data_bus(o), 100, NULL), ERR_FULL);
	assert_int_equal(p->len, PKT_MAX_SEGS * 100);
	assert_int_equal(o->refs, PKT_MAX_SEGS);
	pkt_put(p);
	assert_int_equal(done_calls, 1);
}

static void clone_has_a_private_head(void **state)
{
	struct pkt *p = pkt_get(&pool), *q;
	u8 want[1500], got[1500];

	(void)state;
	fill(p, 1500, 3);
	p->hash = 9;
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 34;
	pkt_set_done(p, count_done, NULL, 42);
	memcpy(want, p->data, sizeof(want));
	q = pkt_clone(&pool, p);
	assert_non_null(q);
	assert_int_equal(q->head_len, PKT_COPY_WHOLE);
	assert_int_equal(q->nseg, 1);
	assert_int_equal(q->hash, 9);
	assert_int_equal(q->csum_start, 34);
	assert_int_equal(q->seg[0].bus.v, pkt_data_bus(p).v + PKT_COPY_WHOLE);
	memset(p->data, 0xee, PKT_COPY_WHOLE);
	pkt_put(p);
	assert_int_equal(done_calls, 0);
	pkt_copy_out(q, 0, got, sizeof(got));
	assert_memory_equal(got, want, sizeof(got));
	assert_non_null(pkt_push(q, 42));
	pkt_put(q);
	assert_int_equal(done_calls, 1);
}

static void adopt_needs_no_reference_of_the_other_core(void **state)
{
	static struct pkt_pool local;
	size_t bytes = ALIGN_UP(pkt_pool_bytes(2, BUF), (size_t)64);
	void *local_mem = aligned_alloc(64, bytes);
	struct pkt *p = pkt_get(&pool), *q, *s;

	(void)state;
	pkt_pool_init(&local, "local", 1, 2, BUF, local_mem, (bus_t){ 0 });
	pool.foreign_put = keep_foreign;
	fill(p, 1500, 5);
	assert_ptr_equal(pkt_adopt(&pool, p), p);
	host_core = 1;
	assert_null(pkt_clone(&local, p));
	assert_null(pkt_slice(&local, p, 0, 10));
	q = pkt_adopt(&local, p);
	assert_ptr_not_equal(q, p);
	assert_int_equal(p->refs, 1);
	s = pkt_slice(&local, q, 8, 1000);
	assert_non_null(s);
	assert_null(pkt_adopt(&local, p));
	pkt_put(q);
	assert_int_equal(nforeign, 0);
	pkt_put(s);
	assert_int_equal(nforeign, 1);
	assert_int_equal(local.free_count, 2);
	host_core = 0;
	pkt_put(foreign[0]);
	free(local_mem);
}

static void long_chains_end_without_recursion(void **state)
{
	struct pkt *p = pkt_get(&pool), *q;

	(void)state;
	fill(p, 600, 1);
	for (u32 i = 1; i < COUNT; i++) {
		q = i % 2 ? pkt_slice(&pool, p, 1, p->len - 1) : pkt_clone(&pool, p);
		assert_non_null(q);
		pkt_put(p);
		p = q;
	}
	assert_null(pkt_clone(&pool, p));
	assert_int_equal(p->refs, 1);
	pkt_put(p);
}

/* Every slice of a frame of a head and several segments against the flat frame. */
static void slices_equal_the_flat_frame(void **state)
{
	static u8 side[3][40];
	struct pkt *p = pkt_get(&pool);
	u8 flat[150], got[150];

	(void)state;
	fill(p, 30, 1);
	for (u32 s = 0; s < 3; s++) {
		for (u32 i = 0; i < sizeof(side[s]); i++)
			side[s][i] = (u8)(100 * s + i);
		assert_int_equal(pkt_add_seg(p, side[s], (bus_t){ 0x1000 * (s + 1) }, 40, NULL),
				 ERR_OK);
	}
	assert_int_equal(p->len, sizeof(flat));
	memcpy(flat, p->data, 30);
	memcpy(flat + 30, side, 120);
	for (u32 off = 0; off <= p->len; off++) {
		for (u32 len = 0; len <= p->len - off; len++) {
			struct pkt *q = pkt_slice(&pool, p, off, len);

			assert_int_equal(q->len, len);
			assert_int_equal(q->head_len, 0);
			pkt_copy_out(q, 0, got, len);
			assert_memory_equal(got, flat + off, len);
			pkt_copy_out(p, off, got, len);
			assert_memory_equal(got, flat + off, len);
			pkt_put(q);
		}
	}
	assert_int_equal(p->refs, 1);
	pkt_put(p);
}

static void pullup_moves_bytes_into_the_head(void **state)
{
	u8 flat[90], got[90];

	(void)state;
	for (u32 i = 0; i < sizeof(flat); i++)
		flat[i] = (u8)i;
	for (u32 n = 0; n <= sizeof(flat); n++) {
		struct pkt *p = pkt_get(&pool), *o = pkt_get(&pool);

		memcpy(o->data, flat, sizeof(flat));
		memcpy(p->data, flat, 10);
		p->head_len = p->len = 10;
		pkt_ref(o);
		pkt_add_seg(p, o->data + 10, pkt_data_bus(o), 30, o);
		pkt_add_seg(p, o->data + 40, pkt_data_bus(o), 50, o);
		assert_true(pkt_pullup(p, n));
		assert_int_equal(p->len, sizeof(flat));
		assert_int_equal(p->head_len, n < 10 ? 10 : n);
		assert_int_equal(p->nseg, n < 40 ? 2 : n < 90 ? 1 : 0);
		pkt_copy_out(p, 0, got, sizeof(got));
		assert_memory_equal(got, flat, sizeof(flat));
		assert_false(pkt_pullup(p, sizeof(flat) + 1));
		pkt_put(p);
	}
}

static void pullup_stays_inside_the_buffer(void **state)
{
	static u8 side[BUF];
	struct pkt *p = pkt_get(&pool);

	(void)state;
	pkt_add_seg(p, side, (bus_t){ 0 }, sizeof(side), NULL);
	assert_false(pkt_pullup(p, BUF - PKT_HEADROOM + 1));
	assert_int_equal(p->head_len, 0);
	assert_true(pkt_pullup(p, BUF - PKT_HEADROOM));
	pkt_put(p);
}

static void too_many_segments_is_an_error(void **state)
{
	struct pkt *p = pkt_get(&pool), *q = pkt_get(&pool);

	(void)state;
	fill(p, 400, 0);
	fill(q, 1, 7);
	for (u32 i = 0; i < PKT_JOIN_SEGS; i++) {
		pkt_ref(q);
		assert_int_equal(pkt_join(p, q), ERR_OK);
	}
	assert_int_equal(pkt_join(p, q), ERR_FULL);
	assert_int_equal(p->len, 400 + PKT_JOIN_SEGS);
	assert_null(pkt_clone(&pool, p));
	assert_null(pkt_slice(&pool, p, 0, p->len));
	assert_int_equal(p->refs, 1);
	assert_int_equal(pool.free_count, COUNT - 2);
	pkt_put(p);
	assert_int_equal(q->refs, 1);
	pkt_put(q);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(get_gives_each_packet_once),
		CASE(push_and_pull_stay_inside),
		CASE(offload_fields_move_along),
		CASE(done_runs_at_the_last_put),
		CASE(foreign_put_goes_through_the_hook),
		CASE(segments_hold_their_owner),
		CASE(clone_has_a_private_head),
		CASE(adopt_needs_no_reference_of_the_other_core),
		CASE(long_chains_end_without_recursion),
		CASE(slices_equal_the_flat_frame),
		CASE(pullup_moves_bytes_into_the_head),
		CASE(pullup_stays_inside_the_buffer),
		CASE(too_many_segments_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
