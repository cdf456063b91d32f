/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow cache: right against the table behind it, fast again, and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/cache.h"

static struct fake_port a, b, c, x;
static struct flow_cache cache;

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(1, 5, no_kick), ERR_OK);
	assert_int_equal(cache_init(&cache, 77), ERR_OK);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&c, "c", VNET_PORT_INTERFACE, 3, 0);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_fini(&cache);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void key_of(struct route_key *k, const struct fake_port *in, u64 dst, u64 src)
{
	u8 frame[14] = { 0 };

	store_le64(frame + 6, src & (BIT64(48) - 1));
	store_le32(frame, (u32)dst);
	store_le16(frame + 4, (u16)(dst >> 32));
	route_key_init(k, &in->port, frame);
	route_key_hash(k);
}

/* As a burst does it. */
static u64 look(const struct fake_port *in, u64 dst, u64 src)
{
	struct route_key k;
	struct cache_view view;
	struct cache_ref ref;
	struct port_set many;
	u64 verdict;

	key_of(&k, in, dst, src);
	view = cache_view(&cache, k.ingress);
	cache_prefetch(&view, k.dst, k.src, &ref);
	verdict = cache_find(&view, &ref);
	*(verdict ? &cache.hits : &cache.misses) += 1;
	if (!verdict) {
		struct route_stamp stamp = route_stamp_take(&k);

		verdict = route_lookup(&k, &many);
		cache_fill(&cache, &ref, &stamp, verdict);
	}
	assert_int_equal(verdict, route_lookup(&k, &many));
	return verdict & VERDICT_MANY ? verdict : fake_ports(verdict);
}

static void a_second_look_hits(void **state)
{
	(void)state;
	fake_route(0, &b, NULL);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(look(&a, 2, 1 << 8), BIT64(b.port.id));
		assert_int_equal(look(&a, 4, 1 << 8), BIT64(b.port.id));
		/* Another ingress is another flow: here, a hairpin. */
		assert_true(look(&b, 2, 1 << 8) & VERDICT_DROP);
	}
	assert_int_equal(cache.misses, 3);
	assert_int_equal(cache.hits, 6);
}

static void every_part_of_the_key_counts(void **state)
{
	(void)state;
	fake_route(0, &b, NULL);
	look(&a, 2, 4);
	for (u32 bit = 0; bit < 48; bit++) {
		look(&a, 2 ^ BIT64(bit), 4);
		look(&a, 2, 4 ^ BIT64(bit));
	}
	look(&c, 2, 4);
	look(&x, 2, 4);
	assert_int_equal(cache.hits, 0);
	assert_int_equal(look(&a, 2, 4), BIT64(b.port.id));
}

static void a_scan_of_addresses_stays_bounded(void **state)
{
	size_t live;

	(void)state;
	fake_route(0, &b, NULL);
	live = host_alloc_live;
	for (u64 i = 0; i < 100000; i++)
		look(&a, i << 8, 1 << 8);
	assert_int_equal(host_alloc_live, live);
	assert_int_equal(cache.misses, 100000);
	/* A working set that fits stays, but for the odd set that is too full. */
	cache.hits = 0;
	for (u32 round = 0; round < 10; round++) {
		for (u64 i = 0; i < CACHE_ENTRIES_MIN / 4; i++)
			look(&a, i << 8, 2 << 8);
	}
	assert_in_range(cache.hits, CACHE_ENTRIES_MIN / 4 * 17 / 2, CACHE_ENTRIES_MIN / 4 * 9);
}

static void stale_entries_never_answer(void **state)
{
	static struct fake_port *const to[] = { &a, &b, &c, &x };
	u32 ids[8] = { 0 };

	(void)state;
	srand(4);
	for (u32 i = 0; i < 300000; i++) {
		u32 slot = (u32)rand() % ARRAY_SIZE(ids);
		u8 tag = (u8)(1 + rand() % 6);

		if (rand() % 500 == 0) {
			if (ids[slot]) {
				assert_int_equal(route_del(ids[slot]), ERR_OK);
				ids[slot] = 0;
			} else {
				struct route_spec spec = {
					.src = { .cls = (enum route_class)(rand() % 3) },
					.dst = { .cls = (enum route_class)(rand() % 5) },
					.from = (enum route_from)(rand() % 3),
					.to = to[(u32)rand() % ARRAY_SIZE(to)]->port.id,
				};
				char why[100];

				spec.src.mac[1] = (u8)(1 + rand() % 3);
				spec.dst.mac[0] = (u8)(1 + rand() % 6);
				if (route_add(&spec, &ids[slot], why, sizeof(why)) != ERR_OK)
					ids[slot] = 0;
			}
		}
		look(to[(u32)rand() % ARRAY_SIZE(to)], tag, (u64)(1 + rand() % 3) << 8);
	}
	assert_true(cache.hits > cache.misses);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_second_look_hits),
		CASE(every_part_of_the_key_counts),
		CASE(a_scan_of_addresses_stays_bounded),
		CASE(stale_entries_never_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
