/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID, RDMSR and WRMSR: from the exit to the models in hv/emul/. */
#include "hv/exits.h"

#include <arch/cpu.h>

#include "hv/base/log.h"
#include "hv/base/x86.h"
#include "hv/emul/kvmclock.h"
#include "hv/hostcpu.h"
#include "hv/vm.h"

static u64 tsc_read(void *ctx)
{
	const struct vcpu *v = ctx;

	return rdtsc() + v->tsc_offset;
}

static void tsc_write(void *ctx, u64 tsc)
{
	struct vcpu *v = ctx;

	v->tsc_offset = tsc - rdtsc();
	backend->set_tsc_offset(v->hw, v->tsc_offset);
	lapic_timer_retime(&v->lapic);
}

static u64 deadline_read(void *ctx)
{
	struct vcpu *v = ctx;
	u64 tsc = 0;

	lapic_msr_read(&v->lapic, MSR_TSC_DEADLINE, &tsc);
	return tsc;
}

static void deadline_write(void *ctx, u64 tsc)
{
	struct vcpu *v = ctx;

	lapic_msr_write(&v->lapic, MSR_TSC_DEADLINE, tsc);
}

static bool x2apic_read(void *ctx, u32 reg, u64 *val)
{
	struct vcpu *v = ctx;

	return lapic_msr_read(&v->lapic, MSR_X2APIC_FIRST + reg, val);
}

static bool x2apic_write(void *ctx, u32 reg, u64 val)
{
	struct vcpu *v = ctx;

	return lapic_msr_write(&v->lapic, MSR_X2APIC_FIRST + reg, val);
}

static void apic_base(void *ctx, u64 val)
{
	struct vcpu *v = ctx;

	lapic_msr_write(&v->lapic, MSR_APIC_BASE, val);
}

static u64 efer_read(void *ctx, bool *paging)
{
	struct vcpu *v = ctx;
	struct vcpu_sregs s;

	backend->get_sregs(v->hw, &s);
	*paging = s.cr0 & CR0_PG;
	return s.efer;
}

static void efer_write(void *ctx, u64 val)
{
	struct vcpu *v = ctx;
	struct vcpu_sregs s;

	backend->get_sregs(v->hw, &s);
	s.efer = val;
	backend->set_sregs(v->hw, &s);
}

static u64 hw_read(void *ctx, enum vcpu_msr msr)
{
	struct vcpu *v = ctx;

	return backend->get_msr(v->hw, msr);
}

static void hw_write(void *ctx, enum vcpu_msr msr, u64 val)
{
	struct vcpu *v = ctx;

	backend->set_msr(v->hw, msr, val);
}

/* The guest's clock starts at 0 with its TSC, when the VM starts: on every vCPU the same
 * line, so that no two of them ever disagree. */
static void publish_clock(struct vcpu *v, u64 val)
{
	const struct kvmclock_time t = {
		.tsc = v->vm->tsc_start + v->tsc_offset,
		.ns = 0,
		.tsc_khz = v->vm->cpuid.tsc_khz,
		.stable = true,
	};

	if ((val & MSR_KVM_ENABLE) &&
	    kvmclock_publish(&v->vm->gmem, gpa(val & ~MSR_KVM_ENABLE), &t))
		LOG_LIMITED(LOG_WARN, v->vm->cfg.name, "its kvm-clock at %#lx is no memory", val);
}

static void kvm_write(void *ctx, enum msr_kvm msr, u64 val)
{
	struct vcpu *v = ctx;
	u8 *byte = NULL;

	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
		kvmclock_publish_wall(&v->vm->gmem, gpa(val),
				      hostcpu_unix_ns() - (plat_now_ns() - v->vm->started_ns));
		return;
	case MSR_KVM_SYSTEM_TIME:
		publish_clock(v, val);
		return;
	case MSR_KVM_PV_EOI:
		if (val & MSR_KVM_ENABLE)
			byte = gmem_ptr(&v->vm->gmem, gpa(val & ~MSR_KVM_ENABLE), sizeof(u32),
					GMEM_WRITE);
		lapic_pv_eoi_set(&v->lapic, byte);
		return;
	case MSR_KVM_COUNT:
		return;
	}
}

static struct msr_ops ops_for(struct vcpu *v)
{
	return (struct msr_ops){
		.tsc_read = tsc_read,
		.tsc_write = tsc_write,
		.deadline_read = deadline_read,
		.deadline_write = deadline_write,
		.x2apic_read = x2apic_read,
		.x2apic_write = x2apic_write,
		.apic_base = apic_base,
		.efer_read = efer_read,
		.efer_write = efer_write,
		.hw_read = hw_read,
		.hw_write = hw_write,
		.kvm_write = kvm_write,
		.ctx = v,
	};
}

/* The local APIC's registers, its base and its timer: how many of these exits there
 * are depends on who delivers interrupts. */
static bool is_apic_msr(u32 index)
{
	return (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST) ||
	       index == MSR_TSC_DEADLINE || index == MSR_APIC_BASE;
}

void exit_rdmsr(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *r = backend->regs(v->hw);
	const struct msr_ops ops = ops_for(v);
	u32 index = (u32)r->gpr[GPR_RCX];
	u64 val = 0;

	if (is_apic_msr(index))
		v->stats.apic[EXIT_RDMSR]++;
	if (!msr_read(&v->msr, index, &val, &ops)) {
		vcpu_inject(v, VECTOR_GP, true, 0);
		return;
	}
	r->gpr[GPR_RAX] = (u32)val;
	r->gpr[GPR_RDX] = val >> 32;
	exit_skip(v, x);
}

void exit_wrmsr(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *r = backend->regs(v->hw);
	const struct msr_ops ops = ops_for(v);
	u64 val = (u32)r->gpr[GPR_RAX] | r->gpr[GPR_RDX] << 32;
	u32 index = (u32)r->gpr[GPR_RCX];

	if (is_apic_msr(index))
		v->stats.apic[EXIT_WRMSR]++;
	if (!msr_write(&v->msr, index, val, &ops)) {
		vcpu_inject(v, VECTOR_GP, true, 0);
		return;
	}
	exit_skip(v, x);
}

void exit_cpuid(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *r = backend->regs(v->hw);
	struct cpuid_vcpu asking = { .apic_id = v->index, .xcr0 = backend->get_xcr0(v->hw) };
	struct cpuid_regs answer;
	struct vcpu_sregs s;

	backend->get_sregs(v->hw, &s);
	asking.cr4 = s.cr4;
	answer = cpuid_guest(&v->vm->cpuid, &asking, (u32)r->gpr[GPR_RAX], (u32)r->gpr[GPR_RCX]);
	r->gpr[GPR_RAX] = answer.eax;
	r->gpr[GPR_RBX] = answer.ebx;
	r->gpr[GPR_RCX] = answer.ecx;
	r->gpr[GPR_RDX] = answer.edx;
	exit_skip(v, x);
}
