/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A physical core and its loop: work that others asked for, timers, then a
 * vCPU, then halt. Host code is never preempted: interrupt handlers only
 * raise an event bit, and the loop does the work with interrupts on.
 */
#ifndef HV_CORE_H
#define HV_CORE_H

#include "hv/base/plat.h"
#include "hv/base/types.h"
#include "hv/noise.h"
#include "hv/timer.h"

struct vcpu;

/* What a core is asked to do. Raised from anywhere, cleared by its loop. */
enum core_event {
	CORE_EV_NIC,	 /* an uplink wants service, or a queue of one that is the core's */
	CORE_EV_CONSOLE, /* serial input, or a guest's output (boot core) */
	CORE_EV_XCORE,	 /* frames from another core */
	CORE_EV_VM,	 /* a VM's state is to change, or it has input */
	CORE_EV_VCPU,	 /* something waits for a vCPU: it looks before it runs */
	CORE_EV_COUNT,
};

struct core_stats {
	u64 events[CORE_EV_COUNT];
	u64 wakeups;
	u64 halts;
	u64 entries; /* guest entries */
	u64 notified; /* of posted interrupts, guests on other cores, which did not exit */
};

struct core {
	u32 index;
	u32 pending; /* bits of enum core_event; atomic */
	bool online;
	struct vcpu *loaded;	 /* whose extended state is in the core */
	struct vcpu *vcpus;	 /* pinned here, a ring in run order */
	struct timer_list timers;
	struct timer slice;	 /* end of the running vCPU's time slice */
	struct timer defer;	 /* raises what is deferred */
	u32 deferred;		 /* bits of enum core_event; the core's own */
	u64 timer_programmed_ns; /* what the hardware timer is set to */
	bool slice_over;
	struct core_stats stats;
	struct noise noise;
} ALIGNED(CACHE_LINE);

extern struct core cores[PLAT_MAX_CORES];

/* The calling core. */
static inline struct core *core_this(void)
{
	return &cores[plat_core()];
}

/* Handler of an event, called on the core it was raised for, interrupts on. */
typedef void (*core_event_fn)(struct core *c);
void core_on_event(enum core_event ev, core_event_fn fn);

/* Raise an event: any core, any context. A halted or guest-running core is
 * interrupted; the own core finds it before it next enters a guest or halts. */
void core_raise(u32 core, enum core_event ev);

/*
 * The core itself: raise the event when nothing else can run here, at the
 * latest after delay_ns. For work that must not starve the guest which it is
 * done for.
 */
void core_defer(struct core *c, enum core_event ev, u64 delay_ns);

/* True when something waits for this core, so it should not enter a guest. */
static inline bool core_has_events(const struct core *c)
{
	return __atomic_load_n(&c->pending, __ATOMIC_ACQUIRE) != 0;
}

/* Program the core's timer interrupt for the earlier of its own timers and
 * deadline_ns. Interrupts off. */
void core_arm_timer(struct core *c, u64 deadline_ns);

/* Set up interrupt vectors and the core table; boot core, once. */
void core_init(u32 online);

/* The loop; runs on every core that has work or may get some. */
NORETURN void core_loop(void);

#endif
