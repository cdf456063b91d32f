/* SPDX-License-Identifier: BSD-2-Clause */
/* show vm: the guests, and the exits of one. */
#include "hv/ctl.h"
#include "hv/vm.h"

/* A vCPU in a line: where it runs, and what it did; what its local APIC has. */
static void vcpu_row(const struct out *out, const struct vcpu *v)
{
	struct lapic_view apic = lapic_view(&v->lapic);

	out_printf(out, "  vCPU %-2u core %-2u %-8s exits %12lu, interrupts taken %lu, IPIs %lu, "
		   "starts %lu", v->index, v->core, vcpu_state_name(v->state), v->stats.total,
		   v->stats.injected, v->stats.ipis, v->stats.starts);
	if (apic.requested >= 0)
		out_printf(out, ", vector %xh waits", (u32)apic.requested);
	if (apic.in_service >= 0)
		out_printf(out, ", %xh is in service", (u32)apic.in_service);
	out_printf(out, "\n");
}

static void map_table(const struct out *out, const struct iomap *m)
{
	for (u32 i = 0; i < m->count; i++)
		if (m->range[i].accesses)
			out_printf(out, "  %-12s %12lu\n", m->range[i].name, m->range[i].accesses);
}

static void exits_table(const struct out *out, const struct vm *vm)
{
	const struct vcpu_stats s = vm_stats(vm);
	u64 unknown = 0;

	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		vcpu_row(out, &vm->vcpu[i]);
		unknown += vm->vcpu[i].msr.unknown;
	}
	out_printf(out, "exits %lu, interrupts taken %lu, EOIs without an exit %lu, kicks %lu\n",
		   s.total, s.injected, s.pv_eois, s.kicks);
	if (vm->vcpu[0].apic_accel)
		out_printf(out, "the processor delivers its APIC's interrupts%s, uncounted\n",
			   vm->vcpu[0].takes_posted ? " and takes in posted ones" : "");
	for (u32 k = 0; k < EXIT_KIND_COUNT; k++) {
		if (!s.exits[k])
			continue;
		out_printf(out, "  %-12s %12lu", exit_kind_name((enum exit_kind)k), s.exits[k]);
		if (s.apic[k])
			out_printf(out, ", %lu of them the local APIC", s.apic[k]);
		out_printf(out, "\n");
	}
	if (vm->cfg.rng)
		out_printf(out, "random bytes %lu, waited for more %lu times\n", vm->rng.bytes,
			   vm->rng.waits);
	out_printf(out, "ports and memory\n");
	map_table(out, &vm->io);
	map_table(out, &vm->mmio);
	out_printf(out, "  %-12s %12lu\n", "unclaimed", vm->io.unclaimed + vm->mmio.unclaimed);
	out_printf(out, "unknown MSRs %lu, the last of vCPU 0 %xh\n", unknown,
		   vm->vcpu[0].msr.unknown_last);
}

static void row(const struct out *out, const struct vm *vm)
{
	char where[4 * VM_CPUS_MAX];

	out_column(out, 12, "%s", vm->cfg.name);
	out_column(out, 10, "%s", vm_state_text(vm));
	out_column(out, 10, "%s", vm_cores(vm, where, sizeof(where)));
	out_column(out, 10, "%lu MiB", vm->cfg.memory >> 20);
	out_column(out, 12, "%lu", vm_stats(vm).total);
	out_printf(out, "%s\n", vm->reason);
}

static void vcpu_json(struct json *j, const struct vcpu *v)
{
	struct lapic_view apic = lapic_view(&v->lapic);

	json_open(j, NULL, '{');
	json_num(j, "core", v->core);
	json_text(j, "state", vcpu_state_name(v->state));
	json_num(j, "exits", v->stats.total);
	json_num(j, "interrupts", v->stats.injected);
	json_num(j, "ipis", v->stats.ipis);
	json_num(j, "starts", v->stats.starts);
	/* 0, which is no vector of a guest's: none. */
	json_num(j, "requested", (u64)MAX(apic.requested, 0));
	json_num(j, "in_service", (u64)MAX(apic.in_service, 0));
	json_close(j, '}');
}

static void vm_json(struct json *j, const struct vm *vm)
{
	json_open(j, NULL, '{');
	json_text(j, "name", vm->cfg.name);
	json_text(j, "state", vm_state_text(vm));
	json_text(j, "reason", vm->reason);
	json_num(j, "core", vm_core(vm));
	json_num(j, "memory_bytes", vm->cfg.memory);
	json_num(j, "starts", vm->starts);
	json_num(j, "crashes", vm->crashes);
	json_num(j, "exits", vm_stats(vm).total);
	json_open(j, "vcpus", '[');
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		vcpu_json(j, &vm->vcpu[i]);
	json_close(j, ']');
	json_close(j, '}');
}

err_t ctl_show_vm(struct ctl *c)
{
	const char *name = c->stmt->name;
	bool json = lang_get(c->stmt, "json") != NULL;
	struct json j = { .out = c->out };

	if (name && !vm_find(name))
		return ctl_fail(c, NULL, ERR_NOENT, "there is no vm \"%s\"", name);
	if (json)
		json_open(&j, NULL, '[');
	else
		out_printf(c->out, "%-12s%-10s%-10s%-10s%-12s%s\n", "NAME", "STATE", "CORE",
			   "MEMORY", "EXITS", "REASON");
	for (u32 i = 0; i < VM_MAX; i++) {
		const struct vm *vm = vm_at(i);

		if (!vm || (name && vm != vm_find(name)))
			continue;
		if (json)
			vm_json(&j, vm);
		else
			row(c->out, vm);
		if (name && !json)
			exits_table(c->out, vm);
	}
	if (json) {
		json_close(&j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}
