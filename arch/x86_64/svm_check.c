/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consistency checks of VMRUN (APM vol. 2 15.5.1; 15.20 for event injection,
 * 15.25.4 for nested paging). The processor says VMEXIT_INVALID and nothing
 * more; these say which.
 */
#include "arch/x86_64/svm_check.h"

#include "hv/base/x86.h"

#define EFER_LMSLE BIT64(13)
#define EFER_FFXSR BIT64(14)
#define EFER_TCE BIT64(15)
#define EFER_MCOMMIT BIT64(17)
#define EFER_INTWB BIT64(18)
#define EFER_UAIE BIT64(20)
#define EFER_AIBRSE BIT64(21)
#define EFER_DEFINED \
	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | EFER_LMSLE | EFER_FFXSR | \
	 EFER_TCE | EFER_MCOMMIT | EFER_INTWB | EFER_UAIE | EFER_AIBRSE)

#define CR4_OLDEST 0x7ffull /* VME to OSXMMEXCPT: each processor that has SVM has them */
#define CR4_UMIP BIT64(11)
#define CR4_FSGSBASE BIT64(16)
#define CR4_PKE BIT64(22)
#define CR4_CET BIT64(23)

#define SEG_L BIT(9) /* struct seg_reg's attributes */
#define SEG_D BIT(10)
#define UPPER_HALF (~0ull << 32)
#define IOPM_LAST_BYTE (3 * 4096 - 1)
#define MSRPM_LAST_BYTE (2 * 4096 - 1)
#define PAT_TYPE_MAX 7 /* 2 and 3 are reserved */
#define EXCEPTION_MAX 31

struct check {
	bool fails;
	const char *what;
};

static const char *first_of(const struct check *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (list[i].fails)
			return list[i].what;
	return NULL;
}

static bool beyond(u64 addr, const struct svm_limits *limits)
{
	return addr >> limits->phys_bits;
}

static bool pat_is_bad(u64 pat)
{
	for (u32 i = 0; i < sizeof(pat); i++, pat >>= 8) {
		u8 type = (u8)pat;

		if (type > PAT_TYPE_MAX || type == 2 || type == 3)
			return true;
	}
	return false;
}

static bool type_is_reserved(u64 type)
{
	return type != VMCB_EV_INTR && type != VMCB_EV_NMI && type != VMCB_EV_EXCEPTION &&
	       type != VMCB_EV_SOFT;
}

static const char *check_control(const struct vmcb *v, const struct svm_limits *limits)
{
	const bool injects = v->event_inj & VMCB_EV_VALID, nested = v->np_control & VMCB_NP_ENABLE;
	const u64 type = v->event_inj >> VMCB_EV_TYPE_SHIFT & VMCB_EV_TYPE_MASK;
	const u64 vector = v->event_inj & VMCB_EV_VECTOR;
	const struct check list[] = {
		{ v->asid == 0, "ASID 0" },
		{ !(v->intercept_misc2 & VMCB_I_VMRUN), "VMRUN is not intercepted" },
		{ beyond(v->iopm_base + IOPM_LAST_BYTE, limits),
		  "the I/O map lies above the physical addresses" },
		{ beyond(v->msrpm_base + MSRPM_LAST_BYTE, limits),
		  "the MSR map lies above the physical addresses" },
		{ injects && type_is_reserved(type), "EVENTINJ has a reserved type" },
		{ injects && type == VMCB_EV_EXCEPTION &&
			  (vector == VECTOR_NMI || vector > EXCEPTION_MAX),
		  "EVENTINJ's vector is no exception" },
		{ nested && beyond(v->n_cr3, limits), "N_CR3 lies above the physical addresses" },
		{ nested && pat_is_bad(v->g_pat), "G_PAT has a reserved memory type" },
	};

	return first_of(list, ARRAY_SIZE(list));
}

static const char *check_registers(const struct vmcb *v, const struct svm_limits *limits)
{
	const struct check list[] = {
		{ !(v->efer & EFER_SVME), "EFER.SVME is clear" },
		{ v->efer & ~EFER_DEFINED, "EFER has reserved bits" },
		{ (v->cr0 & CR0_NW) && !(v->cr0 & CR0_CD), "CR0.NW is set and CR0.CD clear" },
		{ v->cr0 & UPPER_HALF, "CR0 has bits above 31" },
		{ beyond(v->cr3, limits), "CR3 has bits above the physical addresses" },
		{ v->cr4 & limits->cr4_reserved, "CR4 has bits that this processor lacks" },
		{ v->dr6 & UPPER_HALF, "DR6 has bits above 31" },
		{ v->dr7 & UPPER_HALF, "DR7 has bits above 31" },
	};

	return first_of(list, ARRAY_SIZE(list));
}

static const char *check_modes(const struct vmcb *v)
{
	const bool wants_long = (v->efer & EFER_LME) && (v->cr0 & CR0_PG);
	const bool pae = v->cr4 & CR4_PAE;
	const struct check list[] = {
		{ wants_long && !pae, "EFER.LME and CR0.PG are set and CR4.PAE clear" },
		{ wants_long && !(v->cr0 & CR0_PE),
		  "EFER.LME and CR0.PG are set and CR0.PE clear" },
		{ wants_long && pae && (v->cs.attr & SEG_L) && (v->cs.attr & SEG_D),
		  "CS.L and CS.D are both set in long mode" },
	};

	return first_of(list, ARRAY_SIZE(list));
}

const char *svm_check(const struct vmcb *v, const struct svm_limits *limits)
{
	const char *what = check_control(v, limits);

	if (!what)
		what = check_registers(v, limits);
	return what ? what : check_modes(v);
}

u64 svm_check_cr4_reserved(const struct cpuid_regs *leaf1, const struct cpuid_regs *leaf7)
{
	/* APM vol. 2 3.1.3, vol. 3 E.3 */
	const struct {
		u32 present;
		u64 bit;
	} list[] = {
		{ leaf1->ecx & BIT(17), CR4_PCIDE },  { leaf1->ecx & BIT(26), CR4_OSXSAVE },
		{ leaf7->ebx & BIT(0), CR4_FSGSBASE }, { leaf7->ebx & BIT(7), CR4_SMEP },
		{ leaf7->ebx & BIT(20), CR4_SMAP },   { leaf7->ecx & BIT(2), CR4_UMIP },
		{ leaf7->ecx & BIT(3), CR4_PKE },     { leaf7->ecx & BIT(7), CR4_CET },
		{ leaf7->ecx & BIT(16), CR4_LA57 },
	};
	u64 known = CR4_OLDEST;

	for (u32 i = 0; i < ARRAY_SIZE(list); i++)
		if (list[i].present)
			known |= list[i].bit;
	return ~known;
}
