/* SPDX-License-Identifier: BSD-2-Clause */
/* The table from exit kinds to handlers, and the short handlers themselves. */
#include "hv/exits.h"

#include "hv/base/log.h"
#include "hv/base/x86.h"
#include "hv/emul/machine.h"
#include "hv/vm.h"

#define KVM_ENOSYS 1000 /* what KVM answers to an unknown hypercall */
#define DR7_GD BIT64(13)

static void exit_nothing(struct vcpu *v, const struct vcpu_exit *x)
{
	(void)v;
	(void)x;
}

static void exit_io(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *regs = backend->regs(v->hw);
	struct io_access a = {
		.addr = x->io.port, .size = x->io.size, .write = !x->io.in,
	};

	if (x->io.string) {
		exit_emulate(v, x);
		return;
	}
	if (a.write)
		a.value = insn_get_gpr(regs, GPR_RAX, a.size, false);
	/* The RIP first: a handler may stop or reset the VM. */
	if (x->io.next_rip)
		backend->skip_insn(v->hw, (u8)(x->io.next_rip - regs->rip));
	else
		exit_skip(v, x);
	vm_access(v, true, &a);
	if (!a.write)
		insn_set_gpr(regs, GPR_RAX, a.size, false, a.value);
}

static void exit_mmio_access(struct vcpu *v, const struct vcpu_exit *x)
{
	if (x->mmio.table_walk) {
		vm_crash(v, "its page tables lie at %#lx, where there is no memory",
			 x->mmio.gpa.v);
		return;
	}
	if (x->interrupted.type != EVENT_NONE) {
		vm_crash(v, "its vector %u cannot be delivered: IDT, GDT or stack lie at %#lx, "
			 "where there is no memory", x->interrupted.vector, x->mmio.gpa.v);
		return;
	}
	if (x->mmio.fetch) {
		vm_crash(v, "it executes at %#lx, where there is no memory", x->mmio.gpa.v);
		return;
	}
	if (x->mmio.gpa.v - MACHINE_LAPIC_BASE < MACHINE_LAPIC_SIZE)
		v->stats.apic[EXIT_MMIO]++;
	exit_emulate(v, x);
}

static void exit_hlt(struct vcpu *v, const struct vcpu_exit *x)
{
	/* STI; HLT: the shadow ends with the instruction we skip. */
	bool deaf = !(backend->regs(v->hw)->rflags & RFLAGS_IF);

	exit_skip(v, x);
	vcpu_set_state(v, deaf ? VCPU_DEAF : VCPU_HALTED);
}

static void exit_gp(struct vcpu *v, const struct vcpu_exit *x)
{
	(void)x;
	vcpu_inject(v, VECTOR_GP, true, 0);
}

static void exit_ud(struct vcpu *v, const struct vcpu_exit *x)
{
	(void)x;
	vcpu_inject(v, VECTOR_UD, false, 0);
}

/* No hypercall is offered; Linux asks for none with our CPUID. */
static void exit_hypercall(struct vcpu *v, const struct vcpu_exit *x)
{
	backend->regs(v->hw)->gpr[GPR_RAX] = (u64)-KVM_ENOSYS;
	exit_skip(v, x);
}

static void exit_xsetbv(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *r = backend->regs(v->hw);
	u64 value = (u32)r->gpr[GPR_RAX] | r->gpr[GPR_RDX] << 32;

	if ((u32)r->gpr[GPR_RCX] || !(value & 1) || (value & ~backend_caps.xcr0_allowed) ||
	    backend->set_xcr0(v->hw, value)) {
		vcpu_inject(v, VECTOR_GP, true, 0);
		return;
	}
	exit_skip(v, x);
}

/* What the processor does to DR7 as it delivers #DB (SDM vol. 3B 17.2.4). */
static void end_general_detect(struct vcpu *v)
{
	struct vcpu_sregs s;

	backend->get_sregs(v->hw, &s);
	if (!(s.dr7 & DR7_GD))
		return;
	s.dr7 &= ~DR7_GD;
	backend->set_sregs(v->hw, &s);
}

static void exit_exception(struct vcpu *v, const struct vcpu_exit *x)
{
	/* It is the machine's, whoever ran when it came. */
	if (x->exc.vector == VECTOR_MC)
		die("machine check while %s ran", v->vm->cfg.name);
	if (x->exc.vector == VECTOR_DB)
		end_general_detect(v);
	if (x->exc.vector == VECTOR_PF)
		vcpu_inject_pf(v, x->exc.addr, x->exc.error);
	else
		vcpu_inject(v, x->exc.vector, x->exc.has_error, x->exc.error);
}

static void exit_eoi(struct vcpu *v, const struct vcpu_exit *x)
{
	lapic_eoi_done(&v->lapic, x->apic.vector);
}

static void exit_apic_write(struct vcpu *v, const struct vcpu_exit *x)
{
	lapic_written(&v->lapic, x->apic.reg);
}

static void exit_shutdown(struct vcpu *v, const struct vcpu_exit *x)
{
	(void)x;
	vm_crash(v, "triple fault");
}

static void exit_init(struct vcpu *v, const struct vcpu_exit *x)
{
	(void)x;
	vm_crash(v, "INIT arrived at its core");
}

static void exit_bad_state(struct vcpu *v, const struct vcpu_exit *x)
{
	vm_crash(v, "the processor refuses its state (%s, info %#lx %#lx)", x->name,
		 x->raw_info1, x->raw_info2);
}

static void exit_other(struct vcpu *v, const struct vcpu_exit *x)
{
	vm_crash(v, "unexpected exit %s (%#lx, info %#lx %#lx)", x->name, x->raw_code,
		 x->raw_info1, x->raw_info2);
}

static void (*const handlers[EXIT_KIND_COUNT])(struct vcpu *, const struct vcpu_exit *) = {
	[EXIT_HOST_INTR] = exit_nothing,
	[EXIT_IO] = exit_io,
	[EXIT_MMIO] = exit_mmio_access,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_RDMSR] = exit_rdmsr,
	[EXIT_WRMSR] = exit_wrmsr,
	[EXIT_CR_READ] = exit_cr_read,
	[EXIT_CR_WRITE] = exit_cr_write,
	[EXIT_HLT] = exit_hlt,
	[EXIT_PAUSE] = exit_skip,
	[EXIT_INVLPG] = exit_other,
	[EXIT_WBINVD] = exit_skip,
	[EXIT_RDPMC] = exit_gp,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_HYPERCALL] = exit_hypercall,
	[EXIT_VIRT_INSN] = exit_ud,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_INTR_WINDOW] = exit_nothing,
	[EXIT_TIMER] = exit_nothing,
	[EXIT_EOI] = exit_eoi,
	[EXIT_APIC_WRITE] = exit_apic_write,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_INIT] = exit_init,
	[EXIT_BAD_STATE] = exit_bad_state,
	[EXIT_OTHER] = exit_other,
};

void exit_handle(struct vcpu *v, const struct vcpu_exit *x)
{
	handlers[x->kind](v, x);
}
