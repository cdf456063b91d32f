/* SPDX-License-Identifier: BSD-2-Clause */
/* The scripted vCPU backend, see fake_backend.h. */
#include "tests/host/fake_backend.h"

#include <arch/cpu.h>

#include "hv/base/x86.h"

bool host_irqs_on = true;
u64 host_tsc;
struct vcpu_hw fake_hw;

void fake_script(const struct fake_step *script, u32 steps)
{
	fake_hw = (struct vcpu_hw){
		.script = script, .steps = steps, .offered = -1, .taken = -1, .xcr0 = 1,
	};
}

static bool fake_probe(struct backend_caps *caps, const char **why)
{
	(void)why;
	*caps = (struct backend_caps){ .name = "fake", .asids = 2 };
	return true;
}

static err_t fake_cpu_enable(void)
{
	return ERR_OK;
}

static void fake_cpu_disable(void)
{
}

static struct vcpu_hw *fake_create(const struct vcpu_hw_setup *setup)
{
	(void)setup;
	return &fake_hw;
}

static void fake_destroy(struct vcpu_hw *hw)
{
	(void)hw;
}

static void fake_init(struct vcpu_hw *hw)
{
	hw->inits++;
}

static void fake_load(struct vcpu_hw *hw)
{
	hw->loaded = true;
}

static void fake_put(struct vcpu_hw *hw)
{
	hw->loaded = false;
}

static void fake_run(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u32 i = hw->next < hw->steps ? hw->next : hw->steps - 1;
	const struct fake_step *s = &hw->script[i];

	hw->ran_with_irqs |= host_irqs_on;
	if (hw->next < FAKE_LOG) {
		hw->offers[hw->next] = hw->offered;
		hw->thresholds[hw->next] = hw->threshold;
		hw->pages[hw->next] = hw->page;
	}
	hw->next++;
	if (s->take) {
		hw->taken = hw->offered;
		hw->offered = -1;
	}
	if (s->sets_cr8)
		hw->sregs.cr8 = s->cr8;
	if (s->rip)
		hw->regs.rip = s->rip;
	*exit = s->exit;
}

static struct vcpu_regs *fake_regs(struct vcpu_hw *hw)
{
	return &hw->regs;
}

static void fake_get_sregs(struct vcpu_hw *hw, struct vcpu_sregs *s)
{
	*s = hw->sregs;
}

static void fake_set_sregs(struct vcpu_hw *hw, const struct vcpu_sregs *s)
{
	hw->sregs = *s;
}

static u8 fake_get_cr8(struct vcpu_hw *hw)
{
	return (u8)hw->sregs.cr8;
}

static void fake_set_cr8(struct vcpu_hw *hw, u8 cr8)
{
	hw->sregs.cr8 = cr8;
}

static u64 fake_get_msr(struct vcpu_hw *hw, enum vcpu_msr msr)
{
	return hw->msr[msr];
}

static void fake_set_msr(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value)
{
	hw->msr[msr] = value;
}

static u64 fake_get_xcr0(struct vcpu_hw *hw)
{
	return hw->xcr0;
}

static err_t fake_set_xcr0(struct vcpu_hw *hw, u64 value)
{
	hw->xcr0 = value;
	return ERR_OK;
}

static err_t fake_inject(struct vcpu_hw *hw, const struct vcpu_event *ev)
{
	if (hw->injections == FAKE_LOG)
		return ERR_BUSY;
	hw->injected[hw->injections++] = *ev;
	return ERR_OK;
}

static void fake_offer_intr(struct vcpu_hw *hw, int vector)
{
	hw->offered = vector;
}

static void fake_set_tpr_threshold(struct vcpu_hw *hw, u8 threshold)
{
	hw->threshold = threshold;
}

static bool fake_apic_mode(struct vcpu_hw *hw, enum apic_mode mode)
{
	hw->mode = mode;
	return hw->delivers && mode == APIC_X2APIC;
}

static void fake_apic_enter(struct vcpu_hw *hw, const struct apic_delivery *state)
{
	hw->page = *state;
}

static int fake_intr_taken(struct vcpu_hw *hw)
{
	int vector = hw->taken;

	hw->taken = -1;
	return vector;
}

static bool fake_intr_enabled(struct vcpu_hw *hw)
{
	return hw->regs.rflags & RFLAGS_IF;
}

static void fake_skip_insn(struct vcpu_hw *hw, u8 len)
{
	hw->regs.rip += len;
}

static void fake_set_tsc_offset(struct vcpu_hw *hw, u64 offset)
{
	hw->tsc_offset = offset;
}

static void fake_nothing(struct vcpu_hw *hw)
{
	(void)hw;
}

static void fake_dump(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx)
{
	(void)hw;
	line(ctx, "fake");
}

const struct vcpu_backend fake_backend = {
	.name = "fake",
	.probe = fake_probe,
	.cpu_enable = fake_cpu_enable,
	.cpu_disable = fake_cpu_disable,
	.create = fake_create,
	.destroy = fake_destroy,
	.reset = fake_nothing,
	.init = fake_init,
	.load = fake_load,
	.put = fake_put,
	.run = fake_run,
	.regs = fake_regs,
	.get_sregs = fake_get_sregs,
	.set_sregs = fake_set_sregs,
	.get_cr8 = fake_get_cr8,
	.set_cr8 = fake_set_cr8,
	.get_msr = fake_get_msr,
	.set_msr = fake_set_msr,
	.get_xcr0 = fake_get_xcr0,
	.set_xcr0 = fake_set_xcr0,
	.inject = fake_inject,
	.offer_intr = fake_offer_intr,
	.set_tpr_threshold = fake_set_tpr_threshold,
	.apic_mode = fake_apic_mode,
	.apic_enter = fake_apic_enter,
	.intr_taken = fake_intr_taken,
	.intr_enabled = fake_intr_enabled,
	.skip_insn = fake_skip_insn,
	.set_tsc_offset = fake_set_tsc_offset,
	.flush_tlb = fake_nothing,
	.dump = fake_dump,
};
