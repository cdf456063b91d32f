/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps Bochs' emulated time to the host's, in milliseconds instead of seconds. Loaded
 * into bochs-bin by LD_PRELOAD for machines with `clock: sync=slowdown`.
 *
 * Bochs' slowdown timer runs each millisecond of emulated time. While that is more than
 * a second ahead of time(), it sleeps for a millisecond; what the sleeps last too long
 * is made up in one leap when time() goes on: in an idle machine some 100 ms pass at
 * once, each second, and a whole second after it was busy. With a time() that stands
 * still it sleeps each time, and here that means: until the next millisecond begins.
 *
 * So emulated time, after its first second, never gains more than CATCH_UP_NS on the host's.
 * An idle machine keeps it (within 0.2 s over a minute, on a host with 8 busy processes);
 * one that is busier than its share of the host falls behind and stays there: its
 * timeouts last longer than ours, never shorter.
 */
#include <time.h>
#include <unistd.h>

#define NS_PER_US 1000L
#define NS_PER_S 1000000000L
/* What a machine that was too busy may make up by going faster. */
#define CATCH_UP_NS (50 * 1000 * NS_PER_US)

static long long now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The start's: it sets the clock of the machine, too. */
time_t time(time_t *result)
{
	static time_t start;

	if (!start)
		start = (time_t)(now_ns(CLOCK_REALTIME) / NS_PER_S);
	if (result)
		*result = start;
	return start;
}

int usleep(useconds_t us)
{
	static long long due;
	long long now = now_ns(CLOCK_MONOTONIC);

	due += us * NS_PER_US;
	if (due < now - CATCH_UP_NS)
		due = now - CATCH_UP_NS;
	if (due > now) {
		struct timespec until = {due / NS_PER_S, due % NS_PER_S};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	return 0;
}
