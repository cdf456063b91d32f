/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest is asked to switch itself off: its ACPI power button is pressed. Boot core. */
#include "hv/vm.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"

/* The guest had its time. */
static void patience_ends(struct timer *t, u64 now_ns)
{
	struct vm *vm = t->ctx;
	char why[VM_REASON_MAX];

	(void)now_ns;
	if (vm->state != VM_RUNNING || vm->starts != vm->shutdown_start)
		return; /* it did; what runs now was started since */
	log_warn(vm->cfg.name, "has not switched itself off in time: stopped");
	vm_request(vm, VM_REQ_STOP, why, sizeof(why));
}

err_t vm_shutdown(struct vm *vm, u64 within_ns, char *why, size_t size)
{
	bool heard;

	if (vm_in_state(vm, VM_RUNNING, why, size))
		return ERR_BUSY;
	vm_lock(vm);
	heard = pm_power_button(&vm->pm);
	vm_unlock(vm);
	if (!heard) {
		fmt_snprintf(why, size, "the guest does not listen to its power button (ACPI); "
			     "vm stop switches it off at once");
		return ERR_NOTSUP;
	}
	vm_shutdown_cancel(vm);
	if (within_ns) {
		timer_init(&vm->shutdown_timer, patience_ends, vm);
		vm->shutdown_start = vm->starts;
		timer_set(&core_this()->timers, &vm->shutdown_timer, plat_now_ns() + within_ns);
	}
	return ERR_OK;
}

void vm_shutdown_cancel(struct vm *vm)
{
	if (vm->shutdown_timer.fn)
		timer_cancel(&core_this()->timers, &vm->shutdown_timer);
}
