/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of VMs: define, delete, find. */
#include "hv/vm.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/console.h"
#include "hv/emul/machine.h"
#include "hv/mem/pages.h"
#include "vnet/epoch.h"

static struct vm *vms[VM_MAX];

struct vm *vm_at(u32 i)
{
	return vms[i];
}

struct vm *vm_find(const char *name)
{
	for (u32 i = 0; i < VM_MAX; i++)
		if (vms[i] && !strcmp(vms[i]->cfg.name, name))
			return vms[i];
	return NULL;
}

u64 vm_memory_total(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < VM_MAX; i++)
		sum += vms[i] ? vms[i]->cfg.memory : 0;
	return sum;
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = {
		[VM_STOPPED] = "stopped",
		[VM_RUNNING] = "running",
		[VM_STOPPING] = "stopping",
		[VM_HELD] = "held",
	};

	return names[s];
}

/* The core with the fewest vCPUs; the boot core, which has the NIC, first. */
static u32 place(void)
{
	u32 load[PLAT_MAX_CORES] = { 0 }, best = 0;

	for (u32 i = 0; i < VM_MAX; i++)
		if (vms[i])
			load[vms[i]->cfg.core]++;
	for (u32 i = 1; i < PLAT_MAX_CORES; i++)
		if (cores[i].online && load[i] < load[best])
			best = i;
	return best;
}

static void *table_alloc(void *ctx)
{
	u64 page = pages_alloc(&host_pages, PAGE_SIZE, PAGE_SIZE, PAGES_ANYWHERE);

	(void)ctx;
	return page ? memset((void *)page, 0, PAGE_SIZE) : NULL;
}

static void table_free(void *ctx, void *page)
{
	(void)ctx;
	pages_free(&host_pages, (u64)page, PAGE_SIZE);
}

/* RAM below the PCI hole, and what does not fit there above 4 GiB. */
static err_t map_memory(struct vm *vm)
{
	static const struct npt_format *const formats[] = {
		[NESTED_NPT] = &npt_format_svm,
		[NESTED_EPT] = &npt_format_ept,
	};
	const struct npt_mem mem = { .alloc = table_alloc, .free = table_free };
	u64 low = MIN(vm->cfg.memory, MACHINE_PCI_HOLE);
	u64 high = vm->cfg.memory - low;
	err_t err;

	err = npt_init(&vm->npt, formats[backend->nested], &mem,
		       backend_caps.gib_pages ? NPT_PAGE_1G : NPT_PAGE_2M);
	if (!err)
		err = npt_map(&vm->npt, gpa(0), vm->ram, low, NPT_WRITE | NPT_EXEC);
	if (!err)
		err = gmem_add(&vm->gmem, gpa(0), low, (void *)vm->ram, (bus_t){ vm->ram }, true);
	if (err || !high)
		return err;
	err = npt_map(&vm->npt, gpa(MACHINE_PCI_HOLE_END), vm->ram + low, high,
		      NPT_WRITE | NPT_EXEC);
	if (err)
		return err;
	return gmem_add(&vm->gmem, gpa(MACHINE_PCI_HOLE_END), high, (void *)(vm->ram + low),
			(bus_t){ vm->ram + low }, true);
}

/* Everything that vm_add() made, in reverse order; pieces may be missing. */
static void release(struct vm *vm)
{
	if (vm->vcpu.hw)
		backend->destroy(vm->vcpu.hw);
	if (vm->npt.root)
		npt_destroy(&vm->npt);
	for (u32 i = 0; i < VM_CONSOLES; i++)
		plat_free(vm->console[i].scrollback, VM_SCROLLBACK);
	if (vm->lapic_page)
		table_free(NULL, vm->lapic_page);
	if (vm->ram) {
		/* The next owner must not find what this guest had in memory. */
		memset((void *)vm->ram, 0, vm->cfg.memory);
		pages_free(&host_pages, vm->ram, vm->cfg.memory);
	}
	/* Other cores may be looking at the table that named it. */
	epoch_retire(vm, sizeof(*vm));
}

static err_t check(const struct vm_config *cfg, char *why, size_t size)
{
	if (vm_find(cfg->name)) {
		fmt_snprintf(why, size, "there is a vm \"%s\" already", cfg->name);
		return ERR_EXIST;
	}
	if (!backend) {
		fmt_snprintf(why, size, "this node cannot run guests (see the log)");
		return ERR_NOTSUP;
	}
	if (cfg->memory % PAGE_2M) {
		fmt_snprintf(why, size, "memory of %lu bytes is no multiple of 2M", cfg->memory);
		return ERR_INVAL;
	}
	if (cfg->core_set && (cfg->core >= PLAT_MAX_CORES || !cores[cfg->core].online)) {
		u32 n = 0;

		while (n < PLAT_MAX_CORES && cores[n].online)
			n++;
		fmt_snprintf(why, size, "there is no core %u; this node has cores 0 to %u",
			     cfg->core, n - 1);
		return ERR_RANGE;
	}
	return ERR_OK;
}

static err_t build(struct vm *vm, char *why, size_t size)
{
	struct vcpu_hw_setup hw = { .asid = vm->asid };
	u64 align = vm->cfg.memory >= PAGE_1G ? PAGE_1G : PAGE_2M;

	vm->ram = pages_alloc(&host_pages, vm->cfg.memory, align, PAGES_ANYWHERE);
	if (!vm->ram)
		vm->ram = pages_alloc(&host_pages, vm->cfg.memory, PAGE_2M, PAGES_ANYWHERE);
	if (!vm->ram) {
		fmt_snprintf(why, size,
			     "%lu MiB of memory are not there: the largest free piece has %lu MiB",
			     vm->cfg.memory >> 20, pages_largest(&host_pages, PAGE_2M) >> 20);
		return ERR_NOMEM;
	}
	vm->lapic_page = table_alloc(NULL);
	for (u32 i = 0; i < VM_CONSOLES; i++) {
		vm->console[i].scrollback = plat_alloc(VM_SCROLLBACK);
		if (!vm->console[i].scrollback)
			goto no_memory;
	}
	if (!vm->lapic_page || map_memory(vm))
		goto no_memory;
	hw.nested_root = npt_root(&vm->npt);
	hw.apic_page = vm->lapic_page;
	vm->vcpu.hw = backend->create(&hw);
	if (!vm->vcpu.hw || vm_machine_init(vm))
		goto no_memory;
	return ERR_OK;
no_memory:
	fmt_snprintf(why, size, "no memory for its tables and devices");
	return ERR_NOMEM;
}

err_t vm_add(const struct vm_config *cfg, char *why, size_t size)
{
	struct vm *vm;
	err_t err;
	u32 slot;

	err = check(cfg, why, size);
	if (err)
		return err;
	for (slot = 0; slot < VM_MAX && vms[slot]; slot++)
		;
	vm = slot < VM_MAX && epoch_room(1) ? plat_alloc(sizeof(*vm)) : NULL;
	if (!vm) {
		fmt_snprintf(why, size, "no room for another vm (at most %u)", VM_MAX);
		return ERR_NOMEM;
	}
	vm->cfg = *cfg;
	if (!cfg->core_set)
		vm->cfg.core = place();
	vm->asid = slot + 1; /* ASID 0 is the host's (APM vol. 2 15.5.1) */
	vm->vcpu.vm = vm;
	vm->vcpu.core = vm->cfg.core;
	vm->next_ns = TIMER_NEVER;
	err = build(vm, why, size);
	if (err) {
		release(vm);
		return err;
	}
	fmt_snprintf(vm->reason, sizeof(vm->reason), "not started");
	vms[slot] = vm;
	return ERR_OK;
}

err_t vm_del(struct vm *vm, bool force, char *why, size_t size)
{
	if (vm->state != VM_STOPPED || vm->request != VM_REQ_NONE) {
		fmt_snprintf(why, size, "vm \"%s\" is %s; stop it first", vm->cfg.name,
			     vm_state_name(vm->state));
		return ERR_BUSY;
	}
	for (u32 i = 0; i < VM_MAX_INTERFACES; i++) {
		err_t err;

		if (!vm->interface[i])
			continue;
		if (!force) {
			fmt_snprintf(why, size,
				     "interface \"%s\" belongs to it; delete it, or force",
				     vm->interface[i]->name);
			return ERR_BUSY;
		}
		err = vm_interface_del(vm->interface[i], true, why, size);
		if (err)
			return err;
	}
	if (!epoch_room(1)) {
		fmt_snprintf(why, size, "too much that was deleted still waits for other cores");
		return ERR_BUSY;
	}
	console_forget(vm);
	vms[vm->asid - 1] = NULL;
	release(vm);
	return ERR_OK;
}
