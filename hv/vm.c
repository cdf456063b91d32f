/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of VMs: define, delete, find. */
#include "hv/vm.h"

#include <arch/smp.h>

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

struct vcpu_stats vm_stats(const struct vm *vm)
{
	struct vcpu_stats sum = { 0 };

	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		const struct vcpu_stats *s = &vm->vcpu[i].stats;

		for (u32 k = 0; k < EXIT_KIND_COUNT; k++) {
			sum.exits[k] += s->exits[k];
			sum.apic[k] += s->apic[k];
		}
		sum.total += s->total;
		sum.injected += s->injected;
		sum.pv_eois += vm->vcpu[i].lapic.pv_eois;
		sum.kicks += s->kicks;
		sum.ipis += s->ipis;
		sum.starts += s->starts;
	}
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

const char *vm_cores(const struct vm *vm, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		fmt_append(text, size, &len, "%s%u", i ? "," : "", vm->cfg.core[i]);
	return text;
}

void vm_placement(struct placement *p)
{
	*p = (struct placement){ .cores = smp_core_count() };
	for (u32 i = 0; i < p->cores; i++)
		p->dispatcher[i] = dispatch_has_core(i);
	for (u32 i = 0; i < VM_MAX; i++)
		for (u32 k = 0; vms[i] && k < vms[i]->cfg.cpus; k++)
			p->vcpus[vms[i]->cfg.core[k]]++;
}

static void place(struct vm_config *cfg)
{
	struct placement p;

	vm_placement(&p);
	placement_guest(&p, cfg->cpus, cfg->core);
}

/* Everything that vm_add() made, in reverse order; pieces may be missing. */
static void release(struct vm *vm)
{
	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		if (vm->vcpu[i].hw)
			backend->destroy(vm->vcpu[i].hw);
		if (vm->vcpu[i].lapic_page)
			vm_table_free(NULL, vm->vcpu[i].lapic_page);
	}
	if (vm->npt.root)
		npt_destroy(&vm->npt);
	for (u32 i = 0; i < VM_CONSOLES; i++)
		plat_free(vm->console[i].scrollback, VM_SCROLLBACK);
	vm_memory_free(vm);
	/* Other cores may be looking at the table that named it. */
	epoch_retire(vm, sizeof(*vm));
}

static err_t check_cores(const struct vm_config *cfg, char *why, size_t size)
{
	u32 online = smp_core_count(), taken = dispatch_cores();
	u32 most = MIN(online - taken, (u32)VM_CPUS_MAX);
	u64 seen = 0;

	if (cfg->cpus > most) {
		fmt_snprintf(why, size, "%u virtual CPUs are too many; this node has %u core%s%s",
			     cfg->cpus, online - taken, online - taken == 1 ? "" : "s",
			     taken ? " without a dispatcher" : "");
		return ERR_FULL;
	}
	for (u32 i = 0; cfg->core_set && i < cfg->cpus; i++) {
		if (cfg->core[i] >= online) {
			fmt_snprintf(why, size, "there is no core %u; this node has cores 0 to %u",
				     cfg->core[i], online - 1);
			return ERR_RANGE;
		}
		if (dispatch_has_core(cfg->core[i])) {
			fmt_snprintf(why, size, "core %u is a dispatcher's", cfg->core[i]);
			return ERR_RANGE;
		}
		if (seen & BIT64(cfg->core[i])) {
			fmt_snprintf(why, size, "core %u is named twice", cfg->core[i]);
			return ERR_RANGE;
		}
		seen |= BIT64(cfg->core[i]);
	}
	return ERR_OK;
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
	return check_cores(cfg, why, size);
}

/* One address space id serves all vCPUs: a core that changes between two of a VM forgets
 * the translations of the first (backend->load()). */
static err_t create_vcpus(struct vm *vm)
{
	struct vcpu_hw_setup hw = { .asid = vm->asid, .nested_root = npt_root(&vm->npt) };

	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		v->vm = vm;
		v->index = i;
		v->core = vm->cfg.core[i];
		v->lapic_page = vm_table_alloc(NULL);
		vm->lapic[i] = &v->lapic;
		hw.apic_page = v->lapic_page;
		hw.posted = &v->lapic.posted.edge;
		v->hw = v->lapic_page ? backend->create(&hw) : NULL;
		if (!v->hw)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static err_t build(struct vm *vm, char *why, size_t size)
{
	err_t err = vm_memory_alloc(vm, why, size);

	if (err)
		return err;
	for (u32 i = 0; i < VM_CONSOLES; i++) {
		vm->console[i].scrollback = plat_alloc(VM_SCROLLBACK);
		if (!vm->console[i].scrollback)
			goto no_memory;
	}
	if (vm_memory_map(vm) || create_vcpus(vm) || vm_machine_init(vm))
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
		place(&vm->cfg);
	vm->asid = slot + 1; /* ASID 0 is the host's (APM vol. 2 15.5.1) */
	err = build(vm, why, size);
	if (err) {
		release(vm);
		return err;
	}
	fmt_snprintf(vm->reason, sizeof(vm->reason), "not started");
	vms[slot] = vm;
	return ERR_OK;
}

/* By force: else what it still has is said. */
static err_t del_disks(struct vm *vm, bool force, char *why, size_t size)
{
	for (u32 i = 0; i < VM_MAX_DISKS; i++) {
		err_t err;

		if (!vm->disk[i])
			continue;
		if (!force) {
			fmt_snprintf(why, size, "disk \"%s\" belongs to it; delete it, or force",
				     vm->disk[i]->name);
			return ERR_BUSY;
		}
		err = vm_disk_del(vm->disk[i], why, size);
		if (err)
			return err;
	}
	return ERR_OK;
}

static err_t del_interfaces(struct vm *vm, bool force, char *why, size_t size)
{
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
	return ERR_OK;
}

err_t vm_del(struct vm *vm, bool force, char *why, size_t size)
{
	err_t err;

	if (vm_in_state(vm, VM_STOPPED, why, size))
		return ERR_BUSY;
	err = del_interfaces(vm, force, why, size);
	if (!err)
		err = del_disks(vm, force, why, size);
	if (err)
		return err;
	if (!epoch_room(1)) {
		fmt_snprintf(why, size, "too much that was deleted still waits for other cores");
		return ERR_BUSY;
	}
	console_forget(vm);
	vm_shutdown_cancel(vm);
	vms[vm->asid - 1] = NULL;
	release(vm);
	return ERR_OK;
}
