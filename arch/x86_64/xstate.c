/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state of a vCPU, see xstate.h. XSETBV need not be intercepted: the
 * processor checks the value, and whatever a guest enables is saved, because
 * the area holds everything that the processor has.
 */
#include "arch/x86_64/xstate.h"

#include <arch/cpu.h>

#include "hv/base/bytes.h"
#include "hv/base/str.h"

#define CPUID_XSAVE BIT(26)	 /* 1 ECX */
#define CPUID_LEAF_XSAVE 0xdu
#define CPUID_EXT_RDTSCP BIT(27) /* 80000001h EDX */
#define FXSAVE_BYTES 512
#define FX_FCW 0 /* offsets in the legacy region */
#define FX_MXCSR 24
#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80
#define XCR0_X87 BIT64(0)

static u64 allowed; /* bits of XCR0; 0: no XSAVE */
static u32 area_bytes;
static bool has_tsc_aux;

void xstate_detect(struct backend_caps *caps)
{
	if (cpuid(1, 0).ecx & CPUID_XSAVE) {
		struct cpuid_regs x = cpuid(CPUID_LEAF_XSAVE, 0);

		allowed = (u64)x.edx << 32 | x.eax;
		area_bytes = x.ecx;
	}
	area_bytes = MAX(area_bytes, (u32)FXSAVE_BYTES);
	has_tsc_aux = cpuid(0x80000001, 0).edx & CPUID_EXT_RDTSCP;
	caps->xcr0_allowed = allowed;
	caps->xsave_bytes = allowed ? area_bytes : 0;
}

u32 xstate_bytes(void)
{
	return area_bytes;
}

void xstate_cpu_enable(void)
{
	u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (allowed)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	write_cr0(read_cr0() & ~(CR0_EM | CR0_TS));
}

static void area_save(void *area)
{
	if (!allowed) {
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
		return;
	}
	xsetbv(0, allowed);
	__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

static void area_restore(const void *area)
{
	if (!allowed) {
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
		return;
	}
	xsetbv(0, allowed);
	__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

static void load_tsc_aux(const struct xstate *x)
{
	if (has_tsc_aux)
		wrmsr(MSR_TSC_AUX, x->tsc_aux);
}

/* The header behind the legacy region is zero: XRSTOR takes every component's
 * initial value, but MXCSR from memory in any case. */
void xstate_reset(struct xstate *x)
{
	memset(x->area, 0, area_bytes);
	store_le16((u8 *)x->area + FX_FCW, FCW_INIT);
	store_le32((u8 *)x->area + FX_MXCSR, MXCSR_INIT);
	x->xcr0 = XCR0_X87;
	x->tsc_aux = 0;
	memset(x->dr, 0, sizeof(x->dr));
	if (x->loaded)
		xstate_load(x);
}

void xstate_load(struct xstate *x)
{
	area_restore(x->area);
	if (allowed)
		xsetbv(0, x->xcr0);
	write_dr0(x->dr[0]);
	write_dr1(x->dr[1]);
	write_dr2(x->dr[2]);
	write_dr3(x->dr[3]);
	load_tsc_aux(x);
	x->loaded = true;
}

void xstate_put(struct xstate *x)
{
	if (allowed)
		x->xcr0 = xgetbv(0);
	area_save(x->area);
	x->dr[0] = read_dr0();
	x->dr[1] = read_dr1();
	x->dr[2] = read_dr2();
	x->dr[3] = read_dr3();
	x->loaded = false;
}

u64 xstate_get_xcr0(const struct xstate *x)
{
	return x->loaded && allowed ? xgetbv(0) : x->xcr0;
}

err_t xstate_set_xcr0(struct xstate *x, u64 value)
{
	if (!allowed)
		return ERR_NOTSUP;
	if (x->loaded && xsetbv_safe(0, value))
		return ERR_INVAL;
	x->xcr0 = value;
	return ERR_OK;
}

void xstate_set_tsc_aux(struct xstate *x, u64 value)
{
	x->tsc_aux = value;
	if (x->loaded)
		load_tsc_aux(x);
}
