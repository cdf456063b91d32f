/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7) with a list of times, see loop.h. */
#include "tools/vnetpd/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/plat.h"
#include "vnet/ledger.h"

#define EVENTS 16
#define NS_PER_MS 1000000ull
#define TIMER_SLACK_NS 5000ul
#define UNASKED_MAX 4u /* others wait no longer than so many turns */
#define WAIT_MAX_MS 60000

__thread u64 loop_syscalls;
/* Those of all threads that have a loop. */
static u64 *syscalls[PLAT_MAX_CORES];

/* The rest is the thread's. */
static __thread bool stop;
static __thread int epfd = -1;
static __thread u64 rest_ns;
static __thread struct loop_fd *after_rest; /* to go to without asking ... */
static __thread u32 unasked;		   /* ... which was done so many times in a row */
static __thread u64 now;
static __thread struct loop_timer *timers;
/* The events of this round; loop_del() takes out those of what is gone. */
static __thread struct epoll_event round_events[EVENTS];
static __thread int round_count;

err_t loop_init(void)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	now = plat_now_ns();
	__atomic_store_n(&syscalls[plat_core()], &loop_syscalls, __ATOMIC_RELEASE);
	/* Sleeps of this thread end when they are to, not 50 us later. */
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	return epfd < 0 ? ERR_IO : ERR_OK;
}

void loop_fini(void)
{
	close(epfd);
	epfd = -1;
}

static struct epoll_event event_of(struct loop_fd *f, u32 events)
{
	return (struct epoll_event){
		.events = (events & LOOP_IN ? EPOLLIN : 0u) | (events & LOOP_OUT ? EPOLLOUT : 0u),
		.data.ptr = f,
	};
}

err_t loop_add(struct loop_fd *f, u32 events)
{
	struct epoll_event e = event_of(f, events);

	f->events = events;
	return epoll_ctl(epfd, EPOLL_CTL_ADD, f->fd, &e) ? ERR_IO : ERR_OK;
}

void loop_change(struct loop_fd *f, u32 events)
{
	struct epoll_event e = event_of(f, events);

	if (f->events == events)
		return;
	f->events = events;
	loop_syscalls++;
	epoll_ctl(epfd, EPOLL_CTL_MOD, f->fd, &e);
}

void loop_del(struct loop_fd *f)
{
	epoll_ctl(epfd, EPOLL_CTL_DEL, f->fd, NULL);
	if (after_rest == f)
		after_rest = NULL;
	for (int i = 0; i < round_count; i++)
		if (round_events[i].data.ptr == f)
			round_events[i].data.ptr = NULL;
}

void loop_timer_set(struct loop_timer *t, u64 due_ns)
{
	loop_timer_clear(t);
	t->due_ns = MAX(due_ns, 1);
	t->next = timers;
	timers = t;
}

void loop_timer_clear(struct loop_timer *t)
{
	struct loop_timer **at = &timers;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->due_ns = 0;
}

/* Milliseconds to the first timer, rounded up. */
static int wait_ms(void)
{
	u64 first = now + WAIT_MAX_MS * NS_PER_MS;

	for (struct loop_timer *t = timers; t; t = t->next)
		first = MIN(first, t->due_ns);
	return first <= now ? 0 : (int)((first - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void run_timers(void)
{
	struct loop_timer *t = timers;

	while (t) {
		if (t->due_ns > now) {
			t = t->next;
			continue;
		}
		loop_timer_clear(t);
		t->due(t, now);
		t = timers; /* the list may be another one now */
	}
}

static void dispatch(const struct epoll_event *e)
{
	struct loop_fd *f = e->data.ptr;

	if (f)
		f->ready(f, (e->events & EPOLLIN ? LOOP_IN : 0u) |
				    (e->events & EPOLLOUT ? LOOP_OUT : 0u) |
				    (e->events & (EPOLLHUP | EPOLLERR) ? LOOP_HUP : 0u));
}

void loop_rest(u64 ns, struct loop_fd *f)
{
	rest_ns = ns;
	after_rest = f;
}

static void take_rest(void)
{
	const struct timespec t = { .tv_nsec = (long)rest_ns };

	rest_ns = 0;
	loop_syscalls++;
	ledger_away(LEDGER_HALTED);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	ledger_back();
}

static void ask(void)
{
	loop_syscalls++;
	ledger_away(LEDGER_HALTED);
	round_count = epoll_wait(epfd, round_events, EVENTS, wait_ms());
	ledger_back();
	now = plat_now_ns();
	for (int i = 0; i < round_count; i++)
		dispatch(&round_events[i]);
	round_count = 0;
	unasked = 0;
}

void loop_run(void (*settle)(void))
{
	while (!stop) {
		struct loop_fd *f;

		if (rest_ns)
			take_rest();
		f = after_rest;
		after_rest = NULL;
		if (f && unasked < UNASKED_MAX) {
			unasked++;
			now = plat_now_ns();
			f->ready(f, LOOP_IN);
		} else {
			ask();
		}
		run_timers();
		settle();
	}
}

void loop_stop(void)
{
	stop = true;
}

u64 loop_syscalls_sum(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		const u64 *its = __atomic_load_n(&syscalls[i], __ATOMIC_ACQUIRE);

		sum += its ? __atomic_load_n(its, __ATOMIC_RELAXED) : 0;
	}
	return sum;
}

u64 loop_now_ns(void)
{
	return now;
}
