/* SPDX-License-Identifier: BSD-2-Clause */
/* A token bucket: what happens at most so often a second, with a few at once. */
#ifndef HV_BASE_BUCKET_H
#define HV_BASE_BUCKET_H

#include "hv/base/types.h"

#define BUCKET_NS_PER_S 1000000000ull

/* All zero: full. */
struct token_bucket {
	u32 tokens;
	u64 last_ns; /* until when tokens were earned */
};

/* One token now? rate a second (1 to 10^9), at most `burst` saved up. now_ns
 * never goes back. */
static inline bool token_bucket_pass(struct token_bucket *b, u32 rate, u32 burst, u64 now_ns)
{
	u64 gap = BUCKET_NS_PER_S / rate;
	u64 earned = (now_ns - b->last_ns) / gap;

	b->last_ns += earned * gap;
	b->tokens = (u32)MIN(b->tokens + earned, (u64)burst);
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

#endif
