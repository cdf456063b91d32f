/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's virtio-rng: the processor's random numbers, at the device's rate. */
#include "hv/vm.h"

#include "hv/seed.h"

static u32 fill(void *ctx, void *to, u32 len)
{
	(void)ctx;
	return seed_fill(to, len);
}

/* From an exit of any vCPU, or on the VM's core. */
static void poll_at(void *ctx, u64 when_ns)
{
	struct vm *vm = ctx;

	__atomic_store_n(&vm->rng_due_ns, when_ns, __ATOMIC_RELEASE);
	vm_wake(vm);
}

static const struct virtio_rng_hooks hooks = { .fill = fill, .poll_at = poll_at };

static void poll(struct vm *vm)
{
	vm_lock(vm);
	virtio_rng_poll(&vm->rng);
	vm_unlock(vm);
}

static void due(struct timer *t, u64 now_ns)
{
	(void)now_ns;
	poll(t->ctx);
}

void vm_rng_poll(struct vm *vm, u64 now_ns)
{
	u64 when = __atomic_exchange_n(&vm->rng_due_ns, 0, __ATOMIC_ACQ_REL);

	if (!when)
		return;
	if (when <= now_ns)
		poll(vm);
	else
		timer_set(&core_this()->timers, &vm->rng_timer, when);
}

void vm_rng_stop(struct vm *vm)
{
	__atomic_store_n(&vm->rng_due_ns, 0, __ATOMIC_RELAXED);
	timer_cancel(&core_this()->timers, &vm->rng_timer);
}

err_t vm_rng_init(struct vm *vm)
{
	timer_init(&vm->rng_timer, due, vm);
	if (!vm->cfg.rng)
		return ERR_OK;
	virtio_rng_init(&vm->rng, vm->cfg.name, &vm->gmem, &hooks, vm);
	return virtio_pci_init(&vm->rng_pci, &vm->rng.dev, &vm->pci);
}

void vm_rng_reset(struct vm *vm)
{
	if (vm->cfg.rng)
		(void)virtio_pci_reset(&vm->rng_pci);
}
