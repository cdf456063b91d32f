/* SPDX-License-Identifier: BSD-2-Clause */
/* Event bits, the core's hardware timer, and the loop that every core runs. */
#include "hv/core.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "hv/dispatch.h"
#include "hv/vcpu.h"
#include "vnet/epoch.h"
#include "vnet/ledger.h"
#include "vnet/xcore.h"

/* Two vCPUs on one core take turns of this length. */
#define CORE_SLICE_NS (4ull * 1000 * 1000)

/* A rare tick: what waits for it is bounded even if an interrupt gets lost. */
#define CORE_IDLE_MAX_NS (1000ull * 1000 * 1000)

struct core cores[PLAT_MAX_CORES];
static core_event_fn handlers[CORE_EV_COUNT];

void core_on_event(enum core_event ev, core_event_fn fn)
{
	handlers[ev] = fn;
}

void core_raise(u32 core, enum core_event ev)
{
	u32 bit = BIT(ev);
	u32 before = __atomic_fetch_or(&cores[core].pending, bit, __ATOMIC_ACQ_REL);

	/* Somebody who set a bit before has interrupted it already. */
	if (!before && core != plat_core())
		arch_ipi(core, IRQ_VECTOR_WAKE);
}

static void raise_deferred(struct core *c)
{
	u32 bits = c->deferred;

	c->deferred = 0;
	timer_cancel(&c->timers, &c->defer);
	__atomic_fetch_or(&c->pending, bits, __ATOMIC_ACQ_REL);
}

static void defer_end(struct timer *t, u64 now_ns)
{
	(void)now_ns;
	raise_deferred(t->ctx);
}

void core_defer(struct core *c, enum core_event ev, u64 delay_ns)
{
	if (!c->deferred)
		timer_set(&c->timers, &c->defer, plat_now_ns() + delay_ns);
	c->deferred |= BIT(ev);
}

static void slice_end(struct timer *t, u64 now_ns)
{
	struct core *c = t->ctx;

	(void)now_ns;
	c->slice_over = true;
}

/* The hardware timer fired: whatever it was set to is used up. */
static void timer_irq(void *ctx)
{
	(void)ctx;
	core_this()->timer_programmed_ns = TIMER_NEVER;
}

/* A notification that no processor took in a guest: the vCPU has left it meanwhile. Have
 * the core look again before it halts. */
static void posted_irq(void *ctx)
{
	(void)ctx;
	core_raise(plat_core(), CORE_EV_VCPU);
}

void core_init(u32 online)
{
	irq_register(IRQ_VECTOR_TIMER, timer_irq, NULL);
	irq_register(IRQ_VECTOR_POSTED, posted_irq, NULL);
	for (u32 i = 0; i < online; i++) {
		cores[i].index = i;
		cores[i].online = true;
		cores[i].timer_programmed_ns = TIMER_NEVER;
		timer_init(&cores[i].slice, slice_end, &cores[i]);
		timer_init(&cores[i].defer, defer_end, &cores[i]);
	}
}

void core_arm_timer(struct core *c, u64 deadline_ns)
{
	deadline_ns = MIN(deadline_ns, timer_next_ns(&c->timers));
	if (deadline_ns == c->timer_programmed_ns)
		return;
	c->timer_programmed_ns = deadline_ns;
	arch_timer_set(deadline_ns);
}

static void core_run_events(struct core *c)
{
	u64 now = plat_now_ns();
	u32 pending;

	vcpu_poll_timers(c, now);
	if (timer_next_ns(&c->timers) <= now)
		timer_run(&c->timers, now);
	pending = __atomic_exchange_n(&c->pending, 0, __ATOMIC_ACQ_REL);
	for (u32 ev = 0; pending; ev++, pending >>= 1) {
		if (!(pending & 1))
			continue;
		c->stats.events[ev]++;
		if (handlers[ev])
			handlers[ev](c);
	}
}

/* The next vCPU of the ring that can run; the ring turns behind it. */
static struct vcpu *core_pick(struct core *c)
{
	struct vcpu *first = c->vcpus, *v = first;

	if (!v)
		return NULL;
	do {
		if (vcpu_runnable(v)) {
			c->vcpus = v;
			return v;
		}
		v = v->next;
	} while (v != first);
	return NULL;
}

/* Another one waits for its turn. One that becomes runnable later comes with an event. */
static bool others_wait(struct vcpu *v)
{
	for (struct vcpu *other = v->next; other != v; other = other->next)
		if (vcpu_runnable(other))
			return true;
	return false;
}

static void core_run_vcpu(struct core *c, struct vcpu *v)
{
	if (c->slice.deadline_ns == TIMER_NEVER && !c->slice_over && others_wait(v))
		timer_set(&c->timers, &c->slice, plat_now_ns() + CORE_SLICE_NS);
	vcpu_run(c, v);
	if (c->slice_over || !vcpu_runnable(v)) {
		c->slice_over = false;
		timer_cancel(&c->timers, &c->slice);
		if (c->vcpus == v)
			c->vcpus = v->next;
	}
}

/* Nothing to run: halt until an interrupt. A halted core is quiet (vnet/epoch.h). */
static void core_halt(struct core *c)
{
	u64 deadline = MIN(vcpu_next_deadline_ns(c), plat_now_ns() + CORE_IDLE_MAX_NS);

	cpu_irq_disable();
	if (core_has_events(c)) {
		cpu_irq_enable();
		return;
	}
	core_arm_timer(c, deadline);
	vnet_core_quiet_enter(c->index);
	c->stats.halts++;
	ledger_away(LEDGER_HALTED);
	cpu_irq_wait();
	ledger_back();
	vnet_core_quiet_leave(c->index);
	c->stats.wakeups++;
	cpu_irq_enable();
}

void core_loop(void)
{
	struct core *c = core_this();

	cpu_irq_enable();
	for (;;) {
		struct vcpu *v;
		bool again;

		core_run_events(c);
		again = dispatch_turn(c);
		v = core_pick(c);
		if (v)
			core_run_vcpu(c, v);
		else if (c->deferred)
			raise_deferred(c);
		else if (!again)
			core_halt(c);
	}
}
