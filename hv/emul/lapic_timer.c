/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: one-shot, periodic and TSC deadline (SDM vol. 3A
 * 11.5.4). Nothing counts here: the expiry is a point in time, and the current
 * count is computed when it is read.
 */
#include "hv/emul/lapic.h"

#include "hv/base/plat.h"
#include "hv/emul/lapic_priv.h"

STATIC_ASSERT(LAPIC_BUS_HZ == 1000000000u, "a timer tick is a nanosecond before division");

/* A guest may ask for a period of one tick; it gets interrupts no faster than
 * this, so that a vCPU makes progress between them. */
#define MIN_PERIOD_NS 20000

static u32 mode(const struct lapic *l)
{
	return lapic_reg(l, LAPIC_LVT_TIMER) & LVT_TIMER_MODE;
}

/* Divide configuration: bits 3, 1, 0; 111b divides by 1 (SDM figure 11-10). */
static u64 divisor(const struct lapic *l)
{
	u32 tdcr = lapic_reg(l, LAPIC_TIMER_DIVIDE);

	return BIT64((((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7);
}

void lapic_timer_stop(struct lapic *l)
{
	l->timer = (struct lapic_timer){ .expiry_ns = LAPIC_NEVER };
}

u64 lapic_timer_deadline_ns(const struct lapic *l)
{
	/* A masked timer has no effect that cannot wait until it is looked at. */
	if (lapic_reg(l, LAPIC_LVT_TIMER) & LVT_MASKED)
		return LAPIC_NEVER;
	return MAX(l->timer.expiry_ns, l->timer.not_before_ns);
}

void lapic_timer_poll(struct lapic *l, u64 now_ns)
{
	struct lapic_timer *t = &l->timer;

	if (now_ns < t->expiry_ns || now_ns < t->not_before_ns)
		return;
	if (mode(l) == LVT_TIMER_PERIODIC && t->period_ns) {
		u64 missed = (now_ns - t->expiry_ns) / t->period_ns;

		l->ticks_coalesced += missed;
		t->expiry_ns += (missed + 1) * t->period_ns;
		t->not_before_ns = now_ns + MIN_PERIOD_NS;
	} else {
		lapic_timer_stop(l);
	}
	lapic_lvt_deliver(l, LAPIC_LVT_TIMER);
}

/* Changing between TSC deadline and the counting modes disarms (11.5.4.1). */
void lapic_timer_set_lvt(struct lapic *l, u32 value)
{
	u32 old = lapic_reg(l, LAPIC_LVT_TIMER);

	/* What expired under the old entry is dealt with under the old entry. */
	lapic_timer_poll(l, plat_now_ns());
	lapic_reg_set(l, LAPIC_LVT_TIMER, value);
	if ((old ^ value) & LVT_TIMER_TSC) {
		lapic_timer_stop(l);
		lapic_reg_set(l, LAPIC_TIMER_INITIAL, 0);
	}
}

void lapic_timer_set_initial(struct lapic *l, u32 value)
{
	if (mode(l) & LVT_TIMER_TSC)
		return;
	lapic_timer_stop(l);
	lapic_reg_set(l, LAPIC_TIMER_INITIAL, value);
	if (value) {
		l->timer.period_ns = value * divisor(l);
		l->timer.expiry_ns = plat_now_ns() + l->timer.period_ns;
	}
}

u32 lapic_timer_current(struct lapic *l)
{
	struct lapic_timer *t = &l->timer;
	u64 now = plat_now_ns(), left;

	if (mode(l) & LVT_TIMER_TSC)
		return 0;
	lapic_timer_poll(l, now);
	if (t->expiry_ns == LAPIC_NEVER)
		return 0;
	if (now >= t->expiry_ns)
		left = t->period_ns - (now - t->expiry_ns) % t->period_ns;
	else
		left = t->expiry_ns - now;
	return (u32)((left + divisor(l) - 1) / divisor(l));
}

void lapic_timer_set_divide(struct lapic *l, u32 value)
{
	u32 left = lapic_timer_current(l);

	lapic_reg_set(l, LAPIC_TIMER_DIVIDE, value);
	if (mode(l) & LVT_TIMER_TSC || l->timer.expiry_ns == LAPIC_NEVER)
		return;
	l->timer.period_ns = lapic_reg(l, LAPIC_TIMER_INITIAL) * divisor(l);
	l->timer.expiry_ns = plat_now_ns() + left * divisor(l);
}

u64 lapic_timer_tsc_deadline(struct lapic *l)
{
	lapic_timer_poll(l, plat_now_ns());
	return l->timer.tsc_deadline;
}

void lapic_timer_set_tsc_deadline(struct lapic *l, u64 tsc)
{
	if (mode(l) != LVT_TIMER_TSC)
		return;
	lapic_timer_stop(l);
	l->timer.tsc_deadline = tsc;
	lapic_timer_retime(l);
}

void lapic_timer_retime(struct lapic *l)
{
	if (l->timer.tsc_deadline)
		l->timer.expiry_ns = l->ops->tsc_to_ns(l->ctx, l->timer.tsc_deadline);
}
