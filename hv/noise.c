/* SPDX-License-Identifier: BSD-2-Clause */
/* Causes and lengths of the times out of a guest, see noise.h. */
#include "hv/noise.h"

enum noise_cause noise_cause_of(enum exit_kind kind, const struct noise_signs *signs)
{
	if (kind == EXIT_TIMER)
		return NOISE_WORKAROUND;
	if (kind != EXIT_HOST_INTR)
		return NOISE_GUEST;
	/* What is the node's comes first: an assertion must not be kept by chance. */
	if (signs->node)
		return NOISE_NODE;
	if (signs->slice)
		return NOISE_SHARED;
	if (signs->frames)
		return NOISE_FRAMES;
	if (signs->message)
		return NOISE_MESSAGE;
	return signs->timer ? NOISE_TIMER : NOISE_UNKNOWN;
}

bool noise_foreign(enum noise_cause cause)
{
	return cause != NOISE_GUEST && cause != NOISE_TIMER && cause != NOISE_MESSAGE;
}

bool noise_left(struct noise *n, enum exit_kind kind, enum noise_cause cause, u64 now_ns)
{
	n->exits[kind]++;
	n->causes[cause]++;
	/* A guest that halts does not wait for anybody. */
	n->open = (struct noise_gap){ kind == EXIT_HLT ? 0 : now_ns, kind, cause };
	if (!n->quiet || !noise_foreign(cause))
		return true;
	n->broken[cause]++;
	return false;
}

void noise_entered(struct noise *n, u64 now_ns)
{
	struct noise_gap gap = n->open;
	u32 bucket = 0;

	if (!gap.ns)
		return;
	n->open.ns = 0;
	gap.ns = now_ns > gap.ns ? now_ns - gap.ns : 0;
	if (gap.ns)
		bucket = MIN(63 - (u32)__builtin_clzll(gap.ns), NOISE_BUCKETS - 1u);
	n->gaps[bucket]++;
	n->gap_ns += gap.ns;
	if (gap.ns > n->longest.ns)
		n->longest = gap;
}

void noise_reset(struct noise *n, u64 now_ns)
{
	*n = (struct noise){ .since_ns = now_ns, .quiet = n->quiet };
}

u64 noise_foreign_exits(const struct noise *n)
{
	u64 sum = 0;

	for (u32 i = 0; i < NOISE_CAUSE_COUNT; i++)
		sum += noise_foreign((enum noise_cause)i) ? n->causes[i] : 0;
	return sum;
}

const char *noise_cause_name(enum noise_cause cause)
{
	static const char *const names[] = {
		[NOISE_GUEST] = "guest",	   [NOISE_TIMER] = "own-timer",
		[NOISE_MESSAGE] = "message",	   [NOISE_FRAMES] = "frames",
		[NOISE_SHARED] = "shared",	   [NOISE_NODE] = "node",
		[NOISE_WORKAROUND] = "workaround", [NOISE_UNKNOWN] = "unknown",
	};

	return names[cause];
}
