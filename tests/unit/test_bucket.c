/* SPDX-License-Identifier: BSD-2-Clause */
/* Token buckets, against one that counts the time in single tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/base/bucket.h"

static u64 random_state = 88172645463325252ull;

static u64 random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

/* One token at each multiple of the gap. */
struct naive {
	u64 tokens, next_ns;
};

static bool naive_pass(struct naive *n, u32 rate, u32 burst, u64 now_ns)
{
	for (; n->next_ns <= now_ns; n->next_ns += BUCKET_NS_PER_S / rate)
		n->tokens += n->tokens < burst;
	n->tokens -= n->tokens > burst;
	if (!n->tokens)
		return false;
	n->tokens--;
	return true;
}

static void as_the_naive_one(void **state)
{
	static const u32 rates[] = { 1, 3, 100, 1000, 999999 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 gap = BUCKET_NS_PER_S / rates[i], now = 1000 * gap;
		struct token_bucket b = { 0 };
		struct naive n = { .next_ns = gap };

		for (u32 k = 0; k < 20000; k++) {
			assert_int_equal(token_bucket_pass(&b, rates[i], 20, now),
					 naive_pass(&n, rates[i], 20, now));
			now += random_next() % (random_next() % 50 ? 2 * gap : 40 * gap);
		}
	}
}

static void a_new_one_is_full(void **state)
{
	struct token_bucket b = { 0 };
	u32 passed = 0;

	(void)state;
	for (u32 i = 0; i < 100; i++)
		passed += token_bucket_pass(&b, 10, 7, 3600 * BUCKET_NS_PER_S);
	assert_int_equal(passed, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_naive_one),
		cmocka_unit_test(a_new_one_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
