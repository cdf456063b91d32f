/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole SVM backend in a test: the processor's answers are the test's, what
 * xstate.c keeps is a stand-in. The test brings svm_switch(), one stay in the guest.
 */
#ifndef TESTS_UNIT_SVM_HARNESS_H
#define TESTS_UNIT_SVM_HARNESS_H

#include "hv/base/cpuid.h"

/* --- the processor ------------------------------------------------------------ */

static u32 svm_edx; /* CPUID 8000_000Ah */

static struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = { 0 };

	(void)subleaf;
	if (leaf == 0x80000000)
		r.eax = 0x8000001e;
	else if (leaf == 0x80000001)
		r.ecx = BIT(2); /* SVM */
	else if (leaf == 0x80000008)
		r.eax = 48;
	else if (leaf == 0x8000000a)
		r = (struct cpuid_regs){ .ebx = 16, .edx = svm_edx };
	return r;
}

static u64 rdmsr(u32 msr)
{
	(void)msr;
	return 0;
}

static void wrmsr(u32 msr, u64 value)
{
	(void)msr;
	(void)value;
}

#include "arch/x86_64/svm.c"
#include "arch/x86_64/svm_avic.c"
#include "arch/x86_64/svm_check.c"
#include "arch/x86_64/svm_event.c"
#include "arch/x86_64/svm_exit.c"
#include "arch/x86_64/svm_feature.c"
#include "arch/x86_64/svm_state.c"
#include "tests/host/plat_host.h"

/* --- xstate.c, which moves registers that no VMCB has ---------------------------- */

void xstate_detect(struct backend_caps *caps)
{
	caps->xcr0_allowed = 7;
	caps->xsave_bytes = 1024;
}

u32 xstate_bytes(void)
{
	return 1024;
}

void xstate_cpu_enable(void)
{
}

void xstate_reset(struct xstate *x)
{
	x->tsc_aux = 0;
}

void xstate_load(struct xstate *x)
{
	x->loaded = true;
}

void xstate_put(struct xstate *x)
{
	x->loaded = false;
}

u64 xstate_get_xcr0(const struct xstate *x)
{
	return x->xcr0;
}

err_t xstate_set_xcr0(struct xstate *x, u64 value)
{
	x->xcr0 = value;
	return ERR_OK;
}

void xstate_set_tsc_aux(struct xstate *x, u64 value)
{
	x->tsc_aux = value;
}

#endif
