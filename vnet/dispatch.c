/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller of dispatch modes, see dispatch.h. A window of e ns with n
 * packets has the rate n * 10^9 / e; it is compared with the thresholds by
 * products, which are exact, and divided only to be shown.
 */
#include "vnet/dispatch.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

static u32 load(const u32 *setting)
{
	return __atomic_load_n(setting, __ATOMIC_RELAXED);
}

void dispatch_defaults(struct dispatch_settings *s)
{
	*s = (struct dispatch_settings){
		.mode = { DISPATCH_GUEST, DISPATCH_GUEST },
		.alpha_l = DISPATCH_ALPHA_L,
		.alpha_u = DISPATCH_ALPHA_U,
		.omega_us = DISPATCH_OMEGA_US,
		.quota = DISPATCH_QUOTA,
	};
}

const char *dispatch_mode_name(u32 mode)
{
	static const char *const names[] = {
		[DISPATCH_GUEST] = "guest",
		[DISPATCH_VMM] = "vmm",
		[DISPATCH_ADAPTIVE] = "adaptive",
	};

	return names[mode];
}

/* --- measuring ---------------------------------------------------------------- */

/* For show: as large as it can be said, not wrapped. */
static u64 rate_of(u64 packets, u64 elapsed_ns)
{
	if (packets <= UINT64_MAX / NS_PER_S)
		return packets * NS_PER_S / elapsed_ns;
	if (elapsed_ns < NS_PER_S)
		return UINT64_MAX;
	return packets / (elapsed_ns / NS_PER_S);
}

/* -1, 0, 1: the rate is below, at, above alpha. */
static int compare_rate(u64 packets, u64 elapsed_ns, u32 alpha)
{
	unsigned __int128 is = (unsigned __int128)packets * NS_PER_S;
	unsigned __int128 limit = (unsigned __int128)elapsed_ns * alpha;

	return is < limit ? -1 : is > limit;
}

static void window_open(struct dispatch *d, u64 packets, u64 now_ns)
{
	d->measuring = true;
	d->start_ns = now_ns;
	d->start_packets = packets;
}

static bool change_to(struct dispatch *d, enum dispatch_mode to, enum dispatch_why why, u64 now_ns)
{
	u64 place = d->changes % DISPATCH_LOG;

	if (d->now == to)
		return false;
	d->log[place] = (struct dispatch_change){
		.at_ns = now_ns, .rate = d->rate, .from = d->now, .to = to, .why = why,
	};
	__atomic_store_n(&d->now, to, __ATOMIC_RELAXED);
	__atomic_store_n(&d->changes, d->changes + 1, __ATOMIC_RELEASE);
	return true;
}

/* A window is over: what its rate means for the mode. */
static bool judge(struct dispatch *d, const struct dispatch_settings *s, u64 packets,
		  u64 elapsed_ns, u64 now_ns)
{
	d->rate = rate_of(packets, elapsed_ns);
	d->windows++;
	if (d->set != DISPATCH_ADAPTIVE)
		return false;
	if (compare_rate(packets, elapsed_ns, load(&s->alpha_u)) > 0)
		return change_to(d, DISPATCH_VMM, DISPATCH_BY_RATE, now_ns);
	if (compare_rate(packets, elapsed_ns, load(&s->alpha_l)) < 0)
		return change_to(d, DISPATCH_GUEST, DISPATCH_BY_RATE, now_ns);
	return false;
}

bool dispatch_step(struct dispatch *d, enum dispatch_dir dir, const struct dispatch_settings *s,
		   u64 packets, u64 now_ns)
{
	u32 set = load(&s->mode[dir]);
	u64 elapsed = now_ns - d->start_ns;
	bool changed;

	if (set != d->set) {
		d->set = set;
		/* Adaptive begins where it stands, with a window of its own. */
		window_open(d, packets, now_ns);
		return set != DISPATCH_ADAPTIVE &&
		       change_to(d, (enum dispatch_mode)set, DISPATCH_BY_SETTING, now_ns);
	}
	if (!d->measuring || (s64)elapsed < 0) {
		window_open(d, packets, now_ns);
		return false;
	}
	if (!elapsed || elapsed < load(&s->omega_us) * NS_PER_US)
		return false;
	changed = judge(d, s, packets - d->start_packets, elapsed, now_ns);
	window_open(d, packets, now_ns);
	return changed;
}

u32 dispatch_log_read(const struct dispatch *d, struct dispatch_change out[DISPATCH_LOG])
{
	u64 end = __atomic_load_n(&d->changes, __ATOMIC_ACQUIRE);
	u64 first = end > DISPATCH_LOG ? end - DISPATCH_LOG : 0, whole;
	u32 n = 0;

	for (u64 i = first; i < end; i++)
		out[i - first] = d->log[i % DISPATCH_LOG];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* The one after those may be half written by now, where the oldest was. */
	whole = __atomic_load_n(&d->changes, __ATOMIC_RELAXED) + 1;
	whole = whole > DISPATCH_LOG ? whole - DISPATCH_LOG : 0;
	for (u64 i = MAX(first, whole); i < end; i++)
		out[n++] = out[i - first];
	return n;
}

/* --- idle --------------------------------------------------------------------- */

const struct dispatch_yielding dispatch_yield_default = {
	.strategy = DISPATCH_YIELD_ADAPTIVE,
	.t_sleep_us = DISPATCH_T_SLEEP_US,
	.t_nowork_us = DISPATCH_T_NOWORK_US,
};

u64 dispatch_idle_ns(struct dispatch_idle *i, const struct dispatch_yielding *y, bool worked,
		     u64 now_ns)
{
	u32 strategy = load(&y->strategy);
	u64 sleep_ns = load(&y->t_sleep_us) * NS_PER_US;

	if (worked) {
		i->idle = false;
		return 0;
	}
	if (!i->idle || (s64)(now_ns - i->since_ns) < 0) {
		i->idle = true;
		i->since_ns = now_ns;
	}
	if (strategy == DISPATCH_YIELD_IMMEDIATE)
		return 0;
	if (strategy == DISPATCH_YIELD_ADAPTIVE &&
	    now_ns - i->since_ns < load(&y->t_nowork_us) * NS_PER_US)
		return 0;
	return sleep_ns;
}

const char *dispatch_yield_name(u32 strategy)
{
	static const char *const names[] = {
		[DISPATCH_YIELD_IMMEDIATE] = "immediate",
		[DISPATCH_YIELD_TIMED] = "timed",
		[DISPATCH_YIELD_ADAPTIVE] = "adaptive",
	};

	return names[strategy];
}
