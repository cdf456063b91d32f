/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's life on its own core: start, stop, reset, crash. Stopping waits until
 * the NIC has let go of the guest's memory, without holding the core up.
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

static void set_state(struct vm *vm, enum vm_state state)
{
	__atomic_store_n(&vm->state, state, __ATOMIC_RELEASE);
}

static void start(struct vm *vm)
{
	char why[VM_REASON_MAX];

	vm_machine_reset(vm);
	if (vm_boot(vm, why, sizeof(why))) {
		fmt_snprintf(vm->reason, sizeof(vm->reason), "%s", why);
		log_err(vm->cfg.name, "does not start: %s", why);
		set_state(vm, VM_STOPPED);
		return;
	}
	vm->starts++;
	vm->started_ns = plat_now_ns();
	vm->reason[0] = '\0';
	vm->vcpu.state = VCPU_RUNNING;
	vm_update_deadline(vm);
	set_state(vm, VM_RUNNING);
	vcpu_ring_add(&vm->vcpu);
	log_info(vm->cfg.name, "started on core %u with %lu MiB", vm->cfg.core,
		 vm->cfg.memory >> 20);
}

static void stopped(struct vm *vm)
{
	timer_cancel(&core_this()->timers, &vm->stop_timer);
	set_state(vm, VM_STOPPED);
	if (vm->restart) {
		vm->restart = false;
		start(vm);
	}
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

/* The vCPU stops now; the VM is stopped once nothing is in flight. */
static void stop(struct vm *vm)
{
	if (vm->vcpu.state != VCPU_OFF) {
		vm->vcpu.state = VCPU_OFF;
		vcpu_ring_remove(&vm->vcpu);
	}
	vm->next_ns = TIMER_NEVER;
	vm_net_reset(vm);
	set_state(vm, VM_STOPPING);
	timer_init(&vm->stop_timer, stop_poll, vm);
	stop_poll(&vm->stop_timer, plat_now_ns());
}

/* Start again by itself once it is stopped, though not too often. */
static void want_restart(struct vm *vm)
{
	vm->restart = true;
	vm->restart_ns = vm->started_ns + RESTART_MIN_NS;
}

void vm_grant_wish(struct vm *vm)
{
	bool off = vm->wish == VM_WISH_OFF;

	vm->wish = VM_WISH_NONE;
	fmt_snprintf(vm->reason, sizeof(vm->reason), "%s",
		     off ? "it switched itself off" : "it resets itself");
	if (!off)
		want_restart(vm);
	log_info(vm->cfg.name, "%s", off ? "switched itself off" : "asks to be reset");
	stop(vm);
}

static void dump_line(void *ctx, const char *text)
{
	log_err(ctx, "  %s", text);
}

static void dump_registers(struct vm *vm)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};
	struct vcpu_hw *hw = vm->vcpu.hw;
	const struct vcpu_regs *r = backend->regs(hw);
	struct vcpu_sregs s;

	backend->get_sregs(hw, &s);
	log_err(vm->cfg.name, "  rip %016lx rflags %08lx cs %04x ss %04x", r->rip, r->rflags,
		s.seg[SREG_CS].selector, s.seg[SREG_SS].selector);
	for (u32 i = 0; i < GPR_COUNT; i += 4)
		log_err(vm->cfg.name, "  %-3s %016lx %-3s %016lx %-3s %016lx %-3s %016lx", names[i],
			r->gpr[i], names[i + 1], r->gpr[i + 1], names[i + 2], r->gpr[i + 2],
			names[i + 3], r->gpr[i + 3]);
	log_err(vm->cfg.name, "  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx", s.cr0,
		s.cr2, s.cr3, s.cr4, s.efer);
	backend->dump(hw, dump_line, vm->cfg.name);
}

void vm_crash(struct vm *vm, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(vm->reason, sizeof(vm->reason), f, ap);
	va_end(ap);
	vm->crashes++;
	log_err(vm->cfg.name, "crashed: %s", vm->reason);
	dump_registers(vm);
	switch (vm->cfg.on_crash) {
	case VM_ON_CRASH_HOLD:
		vm->vcpu.state = VCPU_OFF;
		vcpu_ring_remove(&vm->vcpu);
		vm->next_ns = TIMER_NEVER;
		set_state(vm, VM_HELD);
		return;
	case VM_ON_CRASH_RESET:
		want_restart(vm);
		break;
	case VM_ON_CRASH_STOP:
		break;
	}
	stop(vm);
}

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
		stop(vm);
	else if (vm->state == VM_STOPPING)
		stop_poll(&vm->stop_timer, plat_now_ns());
}

void vm_core_event(struct core *c)
{
	for (u32 i = 0; i < VM_MAX; i++) {
		struct vm *vm = vm_at(i);

		if (!vm || vm->cfg.core != c->index)
			continue;
		carry_out(vm, __atomic_exchange_n(&vm->request, VM_REQ_NONE, __ATOMIC_ACQ_REL));
		if (vm->state != VM_RUNNING)
			continue;
		vm_console_feed(vm);
		vm_net_poll_more(vm);
	}
}

static bool request_allowed(enum vm_state s, enum vm_request req)
{
	if (req == VM_REQ_START)
		return s == VM_STOPPED || s == VM_HELD;
	/* One that waits for its restart can be told not to. */
	return s == VM_RUNNING || s == VM_HELD || (s == VM_STOPPING && req == VM_REQ_STOP);
}

err_t vm_request(struct vm *vm, enum vm_request req, char *why, size_t size)
{
	enum vm_state s = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);

	if (!request_allowed(s, req) ||
	    __atomic_load_n(&vm->request, __ATOMIC_ACQUIRE) != VM_REQ_NONE) {
		fmt_snprintf(why, size, "vm \"%s\" is %s", vm->cfg.name,
			     vm->request != VM_REQ_NONE ? "changing its state" : vm_state_name(s));
		return ERR_BUSY;
	}
	__atomic_store_n(&vm->request, req, __ATOMIC_RELEASE);
	core_raise(vm->cfg.core, CORE_EV_VM);
	return ERR_OK;
}
