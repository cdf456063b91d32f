/* SPDX-License-Identifier: BSD-2-Clause */
/* One turn of a vCPU's run loop, see vcpu.h. */
#include "hv/vcpu.h"

#include <arch/cpu.h>

#include "hv/emul/insn_exec.h"
#include "hv/exits.h"
#include "hv/vm.h"
#include "vnet/epoch.h"

const struct vcpu_backend *backend;
struct backend_caps backend_caps;

void vcpu_ring_add(struct vcpu *v)
{
	struct core *c = &cores[v->core];

	if (c->vcpus) {
		v->next = c->vcpus->next;
		c->vcpus->next = v;
	} else {
		v->next = v;
		c->vcpus = v;
	}
}

void vcpu_ring_remove(struct vcpu *v)
{
	struct core *c = &cores[v->core];
	struct vcpu *prev = v;

	while (prev->next != v)
		prev = prev->next;
	prev->next = v->next;
	if (c->vcpus == v)
		c->vcpus = v->next == v ? NULL : v->next;
	if (c->loaded == v) {
		backend->put(v->hw);
		c->loaded = NULL;
	}
	v->next = NULL;
}

void vcpu_kick(struct vcpu *v)
{
	core_raise(v->core, CORE_EV_VM);
}

/* The 8259 pair has something, and LINT0 lets it through. */
static bool extint_pending(struct vcpu *v)
{
	return pic_pending(&v->vm->pic) && lapic_extint_open(&v->lapic);
}

static bool has_interrupt(struct vcpu *v)
{
	return lapic_pending(&v->lapic) >= 0 || v->extint >= 0 || extint_pending(v);
}

bool vcpu_runnable(struct vcpu *v)
{
	if (v->state == VCPU_HALTED && has_interrupt(v))
		v->state = VCPU_RUNNING;
	return v->state == VCPU_RUNNING;
}

/* The guest changed its APIC's mode: who delivers from now on? */
static void update_apic_mode(struct vcpu *v)
{
	enum apic_mode mode = lapic_mode(&v->lapic);

	if (mode == v->apic_mode)
		return;
	v->apic_mode = mode;
	v->apic_accel = backend->apic_mode && backend->apic_mode(v->hw, mode);
}

/* What the local APIC has for the guest, when the processor delivers by itself. */
static void enter_accelerated(struct vcpu *v)
{
	struct apic_delivery state;

	v->offered = -1;
	if (lapic_delivery(&v->lapic, &state))
		backend->apic_enter(v->hw, &state);
}

/* The same, when we do. */
static void enter_software(struct vcpu *v)
{
	/* The guest may have written its TPR as a register of the APIC. */
	backend->set_cr8(v->hw, lapic_cr8(&v->lapic));
	v->offered = lapic_pending(&v->lapic);
	backend->set_tpr_threshold(v->hw,
				   v->offered >= 0 ? 0 : lapic_tpr_threshold(&v->lapic));
	lapic_pv_eoi_enter(&v->lapic, v->offered);
}

/*
 * Offer the backend the interrupt that is due, or withdraw an older offer. A
 * vector of the 8259 is acknowledged when it is offered, as there is no other
 * way to learn it, and is offered until it is taken.
 */
static void offer_interrupt(struct vcpu *v)
{
	update_apic_mode(v);
	if (v->apic_accel)
		enter_accelerated(v);
	else
		enter_software(v);
	if (v->offered < 0 && v->extint < 0 && extint_pending(v))
		v->extint = pic_ack(&v->vm->pic);
	backend->offer_intr(v->hw, v->offered >= 0 ? v->offered : v->extint);
}

static void account_interrupt(struct vcpu *v)
{
	int taken = backend->intr_taken(v->hw);

	if (taken >= 0) {
		v->stats.injected++;
		if (v->offered >= 0)
			lapic_accept(&v->lapic, (u8)taken);
		else
			v->extint = -1;
	}
	if (v->apic_accel)
		return;
	lapic_set_cr8(&v->lapic, backend->get_cr8(v->hw));
	lapic_pv_eoi_exit(&v->lapic);
}

/* What the exit cut short and the guest has not seen: inject it again. An
 * external interrupt is still requested in the local APIC and is offered again
 * by itself, unless the processor delivered it: then it is in service already.
 * INT n is executed again. */
static void restore_event(struct vcpu *v)
{
	const struct vcpu_event *ev = &v->exit.interrupted;

	if (ev->type == EVENT_EXCEPTION || ev->type == EVENT_NMI ||
	    (ev->type == EVENT_INTR && v->apic_accel))
		backend->inject(v->hw, ev);
}

static void make_current(struct core *c, struct vcpu *v)
{
	if (c->loaded == v)
		return;
	if (c->loaded)
		backend->put(c->loaded->hw);
	backend->load(v->hw);
	c->loaded = v;
}

void vcpu_run(struct core *c, struct vcpu *v)
{
	cpu_irq_disable();
	if (core_has_events(c)) {
		cpu_irq_enable();
		return;
	}
	make_current(c, v);
	offer_interrupt(v);
	core_arm_timer(c, vcpu_next_deadline_ns(c));
	vnet_core_quiet_enter(c->index);
	backend->run(v->hw, &v->exit);
	vnet_core_quiet_leave(c->index);
	account_interrupt(v);
	cpu_irq_enable();

	c->stats.entries++;
	v->stats.total++;
	v->stats.exits[v->exit.kind]++;
	restore_event(v);
	exit_handle(v, &v->exit);
	if (v->vm->wish != VM_WISH_NONE)
		vm_grant_wish(v->vm);
	vm_update_deadline(v->vm);
}

void vcpu_poll_timers(struct core *c, u64 now_ns)
{
	struct vcpu *v = c->vcpus;

	if (!v)
		return;
	do {
		if (v->vm->next_ns <= now_ns)
			vm_poll_timers(v->vm, now_ns);
		v = v->next;
	} while (v != c->vcpus);
}

u64 vcpu_next_deadline_ns(const struct core *c)
{
	const struct vcpu *v = c->vcpus;
	u64 next = TIMER_NEVER;

	if (!v)
		return next;
	do {
		next = MIN(next, v->vm->next_ns);
		v = v->next;
	} while (v != c->vcpus);
	return next;
}

void vcpu_inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	struct vcpu_event ev = {
		.type = EVENT_EXCEPTION, .vector = vector, .has_error = has_error, .error = error,
	};

	backend->inject(v->hw, &ev);
}

void vcpu_inject_pf(struct vcpu *v, u64 addr, u32 error)
{
	struct vcpu_sregs s;

	backend->get_sregs(v->hw, &s);
	s.cr2 = addr;
	backend->set_sregs(v->hw, &s);
	vcpu_inject(v, VECTOR_PF, true, error);
}
