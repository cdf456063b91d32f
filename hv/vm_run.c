/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's life, on its own core: start, stop, reset, crash. Nothing here waits for
 * another core. The VM's core publishes a turn (odd: run, even: off) and raises the
 * cores of its vCPUs; each puts its vCPU into its ring or takes it out, says so in
 * vcpu.turn, and raises the VM's core, which goes on when all have. Stopping then
 * waits until the NIC has let go of the guest's memory, without holding the core up.
 */
#include "hv/vm.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"

/* How often a stopping VM is looked at. */
#define STOP_POLL_NS (1000ull * 1000)
/* A guest that restarts itself does so at most this often: each time costs the
 * node a loaded kernel and, after a crash, a page of log. */
#define RESTART_MIN_NS (1000ull * 1000 * 1000)

#define TURN_ON 1u /* bit 0 of a turn */

static void set_state(struct vm *vm, enum vm_state state)
{
	__atomic_store_n(&vm->state, state, __ATOMIC_RELEASE);
}

void vm_wake(const struct vm *vm)
{
	core_raise(vm_core(vm), CORE_EV_VM);
}

/* --- turns --------------------------------------------------------------------- */

/* The next turn: the vCPUs' cores carry it out. */
static void next_turn(struct vm *vm)
{
	__atomic_store_n(&vm->turn, vm->turn + 1, __ATOMIC_RELEASE);
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		core_raise(vm->vcpu[i].core, CORE_EV_VM);
}

static bool turn_done(const struct vm *vm)
{
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		if (__atomic_load_n(&vm->vcpu[i].turn, __ATOMIC_ACQUIRE) != vm->turn)
			return false;
	return true;
}

/* Where a vCPU stands that did not crash itself, while others' registers are shown. */
static void report(struct vcpu *v)
{
	const struct vcpu_regs *r = backend->regs(v->hw);

	log_err(v->vm->cfg.name, "  vCPU %u on core %u: %s, rip %016lx rflags %08lx", v->index,
		v->core, vcpu_state_name(v->state), r->rip, r->rflags);
}

/* On v's core. */
static void take_turn(struct vcpu *v)
{
	u32 turn = __atomic_load_n(&v->vm->turn, __ATOMIC_ACQUIRE);

	if (v->turn == turn)
		return;
	if (turn & TURN_ON) {
		vcpu_ring_add(v);
	} else if (v->next) { /* else it was told to stop before it had started */
		vcpu_ring_remove(v);
		if (v->vm->end == VM_END_CRASH && v != v->vm->crashed)
			report(v);
		v->state = VCPU_OFF;
	}
	__atomic_store_n(&v->turn, turn, __ATOMIC_RELEASE);
	vm_wake(v->vm);
}

/* --- start and stop ---------------------------------------------------------------- */

static void start(struct vm *vm)
{
	char why[VM_REASON_MAX], on[4 * VM_CPUS_MAX];

	vm_machine_reset(vm);
	if (vm_boot(vm, why, sizeof(why))) {
		fmt_snprintf(vm->reason, sizeof(vm->reason), "%s", why);
		log_err(vm->cfg.name, "does not start: %s", why);
		set_state(vm, VM_STOPPED);
		return;
	}
	vm->starts++;
	vm->reason[0] = '\0';
	vm->end = VM_END_NONE;
	__atomic_store_n(&vm->over, false, __ATOMIC_RELEASE);
	set_state(vm, VM_RUNNING);
	log_info(vm->cfg.name, "started on core%s %s with %lu MiB", vm->cfg.cpus > 1 ? "s" : "",
		 vm_cores(vm, on, sizeof(on)), vm->cfg.memory >> 20);
	next_turn(vm);
}

static void stopped(struct vm *vm)
{
	timer_cancel(&core_this()->timers, &vm->stop_timer);
	if (vm->end == VM_END_OFF)
		log_info(vm->cfg.name, "switched itself off");
	/* Not even for a moment is it stopped when it starts again: it could be deleted. */
	if (!vm->restart) {
		set_state(vm, VM_STOPPED);
		return;
	}
	vm->restart = false;
	start(vm);
}

static void stop_poll(struct timer *t, u64 now_ns)
{
	struct vm *vm = t->ctx;

	if (vm_net_in_flight(vm))
		timer_set(&core_this()->timers, t, now_ns + STOP_POLL_NS);
	else if (vm->restart && now_ns < vm->restart_ns)
		timer_set(&core_this()->timers, t, vm->restart_ns);
	else
		stopped(vm);
}

/* Its vCPUs are off: what remains is what is in flight. */
static void vcpus_off(struct vm *vm)
{
	vm_rng_stop(vm);
	if (vm->hold) {
		set_state(vm, VM_HELD);
		return;
	}
	vm_net_reset(vm);
	timer_init(&vm->stop_timer, stop_poll, vm);
	stop_poll(&vm->stop_timer, plat_now_ns());
}

/* The vCPUs stop now; the VM is stopped once nothing is in flight. */
static void stop(struct vm *vm, bool hold)
{
	bool held = vm->state == VM_HELD;

	__atomic_store_n(&vm->over, true, __ATOMIC_RELEASE);
	vm->hold = hold;
	set_state(vm, VM_STOPPING);
	if (held) {
		vcpus_off(vm);
	} else {
		vm->leaving = true;
		next_turn(vm);
	}
}

/* Start again by itself once it is stopped, though not too often. */
static void want_restart(struct vm *vm)
{
	vm->restart = true;
	vm->restart_ns = vm->started_ns + RESTART_MIN_NS;
}

/* --- the guest's own end ------------------------------------------------------------ */

/* The first end counts. */
static bool end_begin(struct vm *vm, enum vm_end how)
{
	if (__atomic_exchange_n(&vm->over, true, __ATOMIC_ACQ_REL))
		return false;
	vm->end = how;
	return true;
}

void vm_end(struct vm *vm, enum vm_end how)
{
	if (!end_begin(vm, how))
		return;
	__atomic_store_n(&vm->ended, true, __ATOMIC_RELEASE);
	vm_wake(vm);
}

/* On the VM's core: what the guest wanted, or what its policy says. */
static void carry_out_end(struct vm *vm)
{
	bool hold = false;

	switch (vm->end) {
	case VM_END_NONE:
		return;
	case VM_END_OFF: /* told when it is off: stopped() */
		fmt_snprintf(vm->reason, sizeof(vm->reason), "it switched itself off");
		break;
	case VM_END_RESET:
		fmt_snprintf(vm->reason, sizeof(vm->reason), "it resets itself");
		log_info(vm->cfg.name, "asks to be reset");
		want_restart(vm);
		break;
	case VM_END_CRASH:
		vm->crashes++;
		hold = vm->cfg.on_crash == VM_ON_CRASH_HOLD;
		if (vm->cfg.on_crash == VM_ON_CRASH_RESET)
			want_restart(vm);
		break;
	}
	stop(vm, hold);
}

static void dump_line(void *ctx, const char *text)
{
	log_err(ctx, "  %s", text);
}

static void dump_registers(struct vcpu *v)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};
	char *name = v->vm->cfg.name;
	struct vcpu_hw *hw = v->hw;
	const struct vcpu_regs *r = backend->regs(hw);
	struct vcpu_sregs s;

	backend->get_sregs(hw, &s);
	log_err(name, "  rip %016lx rflags %08lx cs %04x ss %04x", r->rip, r->rflags,
		s.seg[SREG_CS].selector, s.seg[SREG_SS].selector);
	for (u32 i = 0; i < GPR_COUNT; i += 4)
		log_err(name, "  %-3s %016lx %-3s %016lx %-3s %016lx %-3s %016lx", names[i],
			r->gpr[i], names[i + 1], r->gpr[i + 1], names[i + 2], r->gpr[i + 2],
			names[i + 3], r->gpr[i + 3]);
	log_err(name, "  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx", s.cr0,
		s.cr2, s.cr3, s.cr4, s.efer);
	backend->dump(hw, dump_line, name);
}

void vm_crash(struct vcpu *v, const char *f, ...)
{
	struct vm *vm = v->vm;
	va_list ap;

	if (!end_begin(vm, VM_END_CRASH))
		return;
	vm->crashed = v;
	va_start(ap, f);
	fmt_vsnprintf(vm->reason, sizeof(vm->reason), f, ap);
	va_end(ap);
	log_err(vm->cfg.name, "crashed: %s", vm->reason);
	if (vm->cfg.cpus > 1)
		log_err(vm->cfg.name, "  vCPU %u on core %u:", v->index, v->core);
	dump_registers(v);
	__atomic_store_n(&vm->ended, true, __ATOMIC_RELEASE);
	vm_wake(vm);
}

/* --- requests ------------------------------------------------------------------------- */

static void carry_out(struct vm *vm, enum vm_request req)
{
	switch (req) {
	case VM_REQ_NONE:
		return;
	case VM_REQ_START:
		if (vm->state == VM_STOPPED || vm->state == VM_HELD)
			start(vm);
		return;
	case VM_REQ_RESET:
		vm->restart = true;
		vm->restart_ns = 0;
		break;
	case VM_REQ_STOP:
		vm->restart = false;
		fmt_snprintf(vm->reason, sizeof(vm->reason), "stopped by request");
		break;
	}
	if (vm->state == VM_RUNNING || vm->state == VM_HELD)
		stop(vm, false);
	else if (vm->state == VM_STOPPING && !vm->leaving)
		stop_poll(&vm->stop_timer, plat_now_ns());
}

/* The VM's core: its life, then its input and output. */
static void look_after(struct vm *vm)
{
	enum vm_request req = __atomic_exchange_n(&vm->request, VM_REQ_NONE, __ATOMIC_ACQ_REL);

	carry_out(vm, req);
	if (req != VM_REQ_NONE)
		__atomic_store_n(&vm->done, vm->done + 1, __ATOMIC_RELEASE);
	if (__atomic_exchange_n(&vm->ended, false, __ATOMIC_ACQ_REL) && vm->state == VM_RUNNING)
		carry_out_end(vm);
	if (vm->leaving && turn_done(vm)) {
		vm->leaving = false;
		vcpus_off(vm);
	}
	if (vm->state != VM_RUNNING)
		return;
	vm_lock(vm);
	vm_console_feed(vm);
	if (vm->vcon_more) {
		vm->vcon_more = false;
		virtio_console_poll(&vm->vcon);
	}
	vm_disk_poll_more(vm);
	vm_unlock(vm);
	vm_rng_poll(vm, plat_now_ns());
	vm_net_apply_links(vm);
}

void vm_core_event(struct core *c)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		if (!vm)
			continue;
		if (vm_core(vm) == c->index)
			look_after(vm);
		vm_net_poll_more(vm);
		for (u32 k = 0; k < vm->cfg.cpus; k++)
			if (vm->vcpu[k].core == c->index)
				take_turn(&vm->vcpu[k]);
	}
}

static bool request_allowed(enum vm_state s, enum vm_request req)
{
	if (req == VM_REQ_START)
		return s == VM_STOPPED || s == VM_HELD;
	/* One that waits for its restart can be told not to. */
	return s == VM_RUNNING || s == VM_HELD || (s == VM_STOPPING && req == VM_REQ_STOP);
}

/* All that was asked has been done: its state is what it stays. */
static bool settled(const struct vm *vm)
{
	return __atomic_load_n(&vm->done, __ATOMIC_ACQUIRE) == vm->asked;
}

const char *vm_state_text(const struct vm *vm)
{
	return settled(vm) ? vm_state_name(__atomic_load_n(&vm->state, __ATOMIC_ACQUIRE))
			   : "changing";
}

err_t vm_in_state(const struct vm *vm, enum vm_state state, char *why, size_t size)
{
	/* In this order: what was asked last may have changed the state. */
	if (settled(vm) && __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE) == state)
		return ERR_OK;
	fmt_snprintf(why, size, "vm \"%s\" is %s%s", vm->cfg.name, vm_state_text(vm),
		     state == VM_STOPPED ? "; stop it first" : "");
	return ERR_BUSY;
}

/* What was asked before is under way or waits: a stop takes its place, or follows. */
static err_t stop_anyway(struct vm *vm)
{
	if (__atomic_exchange_n(&vm->request, VM_REQ_STOP, __ATOMIC_ACQ_REL) == VM_REQ_NONE)
		vm->asked++;
	vm_wake(vm);
	return ERR_OK;
}

err_t vm_request(struct vm *vm, enum vm_request req, char *why, size_t size)
{
	bool busy = !settled(vm);
	enum vm_state s = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);

	if (busy && req == VM_REQ_STOP)
		return stop_anyway(vm);
	if (busy || !request_allowed(s, req)) {
		fmt_snprintf(why, size, "vm \"%s\" is %s", vm->cfg.name, vm_state_text(vm));
		return ERR_BUSY;
	}
	vm->asked++;
	__atomic_store_n(&vm->request, req, __ATOMIC_RELEASE);
	vm_wake(vm);
	return ERR_OK;
}
