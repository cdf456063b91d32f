/* SPDX-License-Identifier: BSD-2-Clause */
/* One turn of a vCPU's run loop, see vcpu.h. */
#include "hv/vcpu.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/percpu.h>

#include "hv/base/x86.h"
#include "hv/base/log.h"
#include "hv/emul/insn_exec.h"
#include "hv/exits.h"
#include "hv/vm.h"
#include "vnet/epoch.h"
#include "vnet/ledger.h"

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
	if (v->core != plat_core())
		core_raise(v->core, CORE_EV_VCPU);
}

/*
 * A kick reaches it wherever it is, a notification in the guest. One that has left it by now
 * looks again before it runs, and before it halts, behind a fence: so what was posted while
 * it said that it is inside is seen. That the notification then finds another guest there, or
 * us (core.c), costs nothing.
 */
void vcpu_notify(struct vcpu *v)
{
	if (!__atomic_load_n(&v->inside, __ATOMIC_SEQ_CST) || v->core == plat_core()) {
		vcpu_kick(v);
		return;
	}
	core_this()->stats.notified++;
	backend->notify(v->core);
}

static enum vcpu_state state_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_SEQ_CST);
}

/* One that waits for a start-up IPI takes no NMI, and one that does not no start-up IPI:
 * whoever sends such without end must not interrupt what else runs on its core. */
static bool ignores(const struct vcpu *v, enum vcpu_request what)
{
	bool waits = state_of(v) == VCPU_WAIT_SIPI ||
		     (__atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & VCPU_REQ_INIT);

	return (what == VCPU_REQ_NMI && waits) || (what == VCPU_REQ_SIPI && !waits);
}

void vcpu_request(struct vcpu *v, enum vcpu_request what)
{
	if (ignores(v, what))
		return;
	if (what == VCPU_REQ_INIT)
		__atomic_fetch_and(&v->requests, ~(u32)VCPU_REQ_SIPI, __ATOMIC_SEQ_CST);
	if (!(__atomic_fetch_or(&v->requests, what, __ATOMIC_SEQ_CST) & what))
		vcpu_kick(v);
}

const char *vcpu_state_name(enum vcpu_state s)
{
	static const char *const names[] = {
		[VCPU_OFF] = "off",
		[VCPU_WAIT_SIPI] = "waiting",
		[VCPU_RUNNING] = "running",
		[VCPU_HALTED] = "halted",
		[VCPU_DEAF] = "deaf",
	};

	return names[s];
}

/* --- starting, halting ------------------------------------------------------- */

/* No vCPU runs, and what could wake one comes from a vCPU that does. Of two that halt at
 * the same time each sees the other: a state is stored before others are read. */
static bool all_dead(const struct vm *vm)
{
	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		enum vcpu_state s = state_of(&vm->vcpu[i]);

		if (s == VCPU_RUNNING || s == VCPU_HALTED ||
		    __atomic_load_n(&vm->vcpu[i].requests, __ATOMIC_SEQ_CST))
			return false;
	}
	return true;
}

static void check_dead(struct vcpu *v)
{
	if ((v->state == VCPU_DEAF || v->state == VCPU_WAIT_SIPI) && all_dead(v->vm))
		vm_crash(v, "it halted with interrupts off: nothing can wake it");
}

void vcpu_set_state(struct vcpu *v, enum vcpu_state state)
{
	__atomic_store_n(&v->state, state, __ATOMIC_SEQ_CST);
	check_dead(v);
}

/* The boot processor goes on at the reset vector, where a guest has no firmware. */
static void take_init(struct vcpu *v)
{
	backend->init(v->hw);
	lapic_reset(&v->lapic, true);
	v->apic_mode = APIC_OFF;
	v->apic_accel = false;
	v->takes_posted = false;
	v->offered = -1;
	v->extint = -1;
	v->stats.starts++;
	vcpu_set_state(v, v->index ? VCPU_WAIT_SIPI : VCPU_RUNNING);
}

/* Real mode at page `sipi_vector`; ignored by one that does not wait for it. */
static void take_sipi(struct vcpu *v)
{
	u8 page = __atomic_load_n(&v->sipi_vector, __ATOMIC_RELAXED);
	struct vcpu_sregs s;

	if (v->state != VCPU_WAIT_SIPI)
		return;
	backend->get_sregs(v->hw, &s);
	s.seg[SREG_CS].selector = (u16)(page << 8);
	s.seg[SREG_CS].base = (u64)page << 12;
	backend->set_sregs(v->hw, &s);
	backend->regs(v->hw)->rip = 0;
	vcpu_set_state(v, VCPU_RUNNING);
}

static void take_nmi(struct vcpu *v)
{
	const struct vcpu_event nmi = { .type = EVENT_NMI, .vector = VECTOR_NMI };

	if (v->state == VCPU_WAIT_SIPI)
		return;
	/* One that waits already takes this one with it, as the processor's latch does. */
	(void)backend->inject(v->hw, &nmi);
	if (v->state == VCPU_HALTED || v->state == VCPU_DEAF)
		vcpu_set_state(v, VCPU_RUNNING);
}

static void take_requests(struct vcpu *v)
{
	u32 requests;

	if (!__atomic_load_n(&v->requests, __ATOMIC_RELAXED))
		return;
	requests = __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST);
	do {
		/* The start-up IPI behind it may come at any moment: see ignores(). */
		if ((requests & VCPU_REQ_INIT) && v->index)
			vcpu_set_state(v, VCPU_WAIT_SIPI);
	} while (!__atomic_compare_exchange_n(&v->requests, &requests, VCPU_REQ_TAKEN, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (requests & VCPU_REQ_INIT)
		take_init(v);
	if (requests & VCPU_REQ_SIPI)
		take_sipi(v);
	if (requests & VCPU_REQ_LINT0)
		lapic_lint(&v->lapic, 0, vm_intr_level(v->vm));
	if (requests & VCPU_REQ_NMI)
		take_nmi(v);
	/* Until here it did not count as dead: a start-up IPI may stand behind an INIT. */
	__atomic_fetch_and(&v->requests, ~(u32)VCPU_REQ_TAKEN, __ATOMIC_SEQ_CST);
	check_dead(v);
}

/* --- one turn ------------------------------------------------------------------ */

/* The 8259 pair has something, and LINT0 lets it through. It is the boot processor's. */
static bool extint_pending(struct vcpu *v)
{
	return !v->index && vm_intr_level(v->vm) && lapic_extint_open(&v->lapic);
}

static bool has_interrupt(struct vcpu *v)
{
	return lapic_pending(&v->lapic) >= 0 || v->extint >= 0 || extint_pending(v);
}

bool vcpu_runnable(struct vcpu *v)
{
	take_requests(v);
	if (vm_is_over(v->vm))
		return false;
	if (v->state == VCPU_HALTED && has_interrupt(v))
		vcpu_set_state(v, VCPU_RUNNING);
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
	v->takes_posted = v->apic_accel && backend->takes_posted && backend->takes_posted(v->hw);
}

/* What the local APIC has for the guest, when the processor delivers by itself. */
static void enter_accelerated(struct vcpu *v)
{
	struct apic_delivery state;

	v->offered = -1;
	if (v->takes_posted)
		__atomic_store_n(&v->inside, true, __ATOMIC_RELAXED);
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
		v->extint = vm_intr_ack(v->vm);
	backend->offer_intr(v->hw, v->offered >= 0 ? v->offered : v->extint);
}

static void account_interrupt(struct vcpu *v)
{
	int taken = backend->intr_taken(v->hw);

	/* The fence of vcpu_notify() is vcpu_set_state()'s. */
	if (v->takes_posted)
		__atomic_store_n(&v->inside, false, __ATOMIC_RELEASE);
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

/* When something timed of this vCPU is due: the first one has the VM's devices. */
static u64 vcpu_due_ns(const struct vcpu *v)
{
	u64 timer = lapic_timer_deadline_ns(&v->lapic);
	u64 devices = v->index ? TIMER_NEVER : vm_devices_due_ns(v->vm);

	return MIN(timer, devices);
}

/* Whose deadline the core's timer was set to, when it was that which ended the stay. */
static void timer_signs(const struct core *c, const struct vcpu *v, struct noise_signs *signs)
{
	u64 guests, node;

	if (c->timer_programmed_ns != TIMER_NEVER)
		return;
	guests = vcpu_next_deadline_ns(c);
	node = timer_next_ns(&c->timers);
	if (MIN(guests, node) == TIMER_NEVER)
		return;
	if (node < guests && c->timers.first != &c->slice)
		signs->node = true;
	else if (node < guests || vcpu_due_ns(v) > guests)
		signs->slice = true;
	else
		signs->timer = true;
}

/* What may have interrupted the stay; after those interrupts were handled. */
static struct noise_signs signs_left(const struct core *c, struct vcpu *v, bool device)
{
	u32 events = __atomic_load_n(&c->pending, __ATOMIC_ACQUIRE);
	struct noise_signs signs = {
		.message = (events & BIT(CORE_EV_VCPU)) || lapic_has_work(&v->lapic),
		.frames = events & BIT(CORE_EV_XCORE),
		.node = device,
	};

	if (events & ~(BIT(CORE_EV_XCORE) | BIT(CORE_EV_VM) | BIT(CORE_EV_VCPU)) ||
	    (events & BIT(CORE_EV_VM) && !signs.message))
		signs.node = true;
	timer_signs(c, v, &signs);
	return signs;
}

/* For show noise. */
static void note_left(struct core *c, struct vcpu *v, bool device)
{
	struct noise_signs signs = { .node = false };
	enum noise_cause cause;

	if (v->exit.kind == EXIT_HOST_INTR)
		signs = signs_left(c, v, device);
	cause = noise_cause_of(v->exit.kind, &signs);
	if (!noise_left(&c->noise, v->exit.kind, cause, plat_now_ns()))
		LOG_LIMITED(LOG_WARN, "noise", "core %u, said to be quiet, left %s: %s", c->index,
			    v->vm->cfg.name, noise_cause_name(cause));
}

void vcpu_run(struct core *c, struct vcpu *v)
{
	u64 devices;

	cpu_irq_disable();
	if (core_has_events(c)) {
		cpu_irq_enable();
		return;
	}
	make_current(c, v);
	offer_interrupt(v);
	core_arm_timer(c, vcpu_next_deadline_ns(c));
	vnet_core_quiet_enter(c->index);
	devices = this_cpu()->irq_devices;
	noise_entered(&c->noise, plat_now_ns());
	ledger_away(LEDGER_GUEST);
	backend->run(v->hw, &v->exit);
	ledger_back();
	vnet_core_quiet_leave(c->index);
	account_interrupt(v);
	if (v->exit.host_vector)
		irq_dispatch(v->exit.host_vector);
	cpu_irq_enable();

	note_left(c, v, this_cpu()->irq_devices != devices);
	c->stats.entries++;
	v->stats.total++;
	v->stats.exits[v->exit.kind]++;
	restore_event(v);
	exit_handle(v, &v->exit);
}

void vcpu_poll_timers(struct core *c, u64 now_ns)
{
	struct vcpu *v = c->vcpus;

	if (!v)
		return;
	do {
		if (lapic_timer_deadline_ns(&v->lapic) <= now_ns)
			lapic_timer_poll(&v->lapic, now_ns);
		if (!v->index && vm_devices_due_ns(v->vm) <= now_ns)
			vm_poll_devices(v->vm, now_ns);
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
		u64 due = vcpu_due_ns(v);

		next = MIN(next, due);
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
