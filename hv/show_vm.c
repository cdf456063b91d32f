/* SPDX-License-Identifier: BSD-2-Clause */
/* show vm: the guests, and the exits of one. */
#include "hv/ctl.h"
#include "hv/vm.h"

static void exits_table(const struct out *out, const struct vm *vm)
{
	const struct vcpu_stats *s = &vm->vcpu.stats;

	out_printf(out, "exits %lu, interrupts taken %lu, EOIs without an exit %lu, kicks %lu\n",
		   s->total, s->injected, vm->vcpu.lapic.pv_eois, s->kicks);
	if (vm->vcpu.apic_accel)
		out_printf(out, "the processor delivers its APIC's interrupts, uncounted\n");
	for (u32 k = 0; k < EXIT_KIND_COUNT; k++) {
		if (!s->exits[k])
			continue;
		out_printf(out, "  %-12s %12lu", exit_kind_name((enum exit_kind)k), s->exits[k]);
		if (s->apic[k])
			out_printf(out, ", %lu of them the local APIC", s->apic[k]);
		out_printf(out, "\n");
	}
	out_printf(out, "ports and memory\n");
	for (u32 i = 0; i < vm->io.count; i++)
		if (vm->io.range[i].accesses)
			out_printf(out, "  %-12s %12lu\n", vm->io.range[i].name,
				   vm->io.range[i].accesses);
	for (u32 i = 0; i < vm->mmio.count; i++)
		if (vm->mmio.range[i].accesses)
			out_printf(out, "  %-12s %12lu\n", vm->mmio.range[i].name,
				   vm->mmio.range[i].accesses);
	out_printf(out, "  %-12s %12lu\n", "unclaimed", vm->io.unclaimed + vm->mmio.unclaimed);
	out_printf(out, "unknown MSRs %lu, the last %xh\n", vm->vcpu.msr.unknown,
		   vm->vcpu.msr.unknown_last);
}

static void row(const struct out *out, const struct vm *vm)
{
	out_column(out, 12, "%s", vm->cfg.name);
	out_column(out, 10, "%s", vm_state_name(vm->state));
	out_column(out, 6, "%u", vm->cfg.core);
	out_column(out, 10, "%lu MiB", vm->cfg.memory >> 20);
	out_column(out, 12, "%lu", vm->vcpu.stats.total);
	out_printf(out, "%s\n", vm->reason);
}

static void vm_json(struct json *j, const struct vm *vm)
{
	json_open(j, NULL, '{');
	json_text(j, "name", vm->cfg.name);
	json_text(j, "state", vm_state_name(vm->state));
	json_text(j, "reason", vm->reason);
	json_num(j, "core", vm->cfg.core);
	json_num(j, "memory_bytes", vm->cfg.memory);
	json_num(j, "starts", vm->starts);
	json_num(j, "crashes", vm->crashes);
	json_num(j, "exits", vm->vcpu.stats.total);
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
		out_printf(c->out, "%-12s%-10s%-6s%-10s%-12s%s\n", "NAME", "STATE", "CORE",
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
