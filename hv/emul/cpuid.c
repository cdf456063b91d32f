/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID for guests: basic, extended and KVM leaves. What is not named here is
 * not offered. Topology and state leaves are in cpuid_topo.c.
 */
#include "hv/emul/cpuid.h"

#include "hv/base/x86.h"
#include "hv/emul/cpuid_topo.h"

#define LEAF_BASIC_MAX 0x0du
#define LEAF_KVM_FEATURES 0x40000001u
#define LEAF_KVM_TIMING 0x40000010u
#define LEAF_EXT 0x80000000u
#define LEAF_EXT_MAX 0x8000001eu

/* Leaf 1 ECX (SDM vol. 2 table 3-10). Left out: DTES64, MONITOR, DS-CPL, VMX, SMX,
 * EIST, TM2, CNXT-ID, SDBG, xTPR, PDCM, PCID, DCA. */
#define F1C_SSE3 BIT(0)
#define F1C_PCLMULQDQ BIT(1)
#define F1C_SSSE3 BIT(9)
#define F1C_FMA BIT(12)
#define F1C_CX16 BIT(13)
#define F1C_SSE4_1 BIT(19)
#define F1C_SSE4_2 BIT(20)
#define F1C_X2APIC BIT(21)
#define F1C_MOVBE BIT(22)
#define F1C_POPCNT BIT(23)
#define F1C_TSC_DEADLINE BIT(24)
#define F1C_AES BIT(25)
#define F1C_XSAVE BIT(26)
#define F1C_OSXSAVE BIT(27)
#define F1C_AVX BIT(28)
#define F1C_F16C BIT(29)
#define F1C_RDRAND BIT(30)
#define F1C_HYPERVISOR BIT(31)
#define F1C_PLAIN \
	(F1C_SSE3 | F1C_PCLMULQDQ | F1C_SSSE3 | F1C_CX16 | F1C_SSE4_1 | F1C_SSE4_2 | F1C_MOVBE | \
	 F1C_POPCNT | F1C_AES | F1C_RDRAND)
#define F1C_NEEDS_AVX (F1C_AVX | F1C_FMA | F1C_F16C)

/* Leaf 1 EDX; leaf 8000_0001h EDX has the same bits on AMD. Left out: MCE, MCA
 * (no banks), PSN, DS, ACPI, SS, TM, PBE. */
#define F1D_FPU BIT(0)
#define F1D_VME BIT(1)
#define F1D_DE BIT(2)
#define F1D_PSE BIT(3)
#define F1D_TSC BIT(4)
#define F1D_MSR BIT(5)
#define F1D_PAE BIT(6)
#define F1D_CX8 BIT(8)
#define F1D_APIC BIT(9)
#define F1D_SEP BIT(11)
#define F1D_MTRR BIT(12)
#define F1D_PGE BIT(13)
#define F1D_CMOV BIT(15)
#define F1D_PAT BIT(16)
#define F1D_PSE36 BIT(17)
#define F1D_CLFSH BIT(19)
#define F1D_MMX BIT(23)
#define F1D_FXSR BIT(24)
#define F1D_SSE BIT(25)
#define F1D_SSE2 BIT(26)
#define F1D_HTT BIT(28)
#define F1D_SHARED                                                                             \
	(F1D_FPU | F1D_VME | F1D_DE | F1D_PSE | F1D_TSC | F1D_MSR | F1D_PAE | F1D_CX8 |        \
	 F1D_APIC | F1D_MTRR | F1D_PGE | F1D_CMOV | F1D_PAT | F1D_PSE36 | F1D_MMX | F1D_FXSR)
#define F1D_ALLOWED (F1D_SHARED | F1D_SEP | F1D_CLFSH | F1D_SSE | F1D_SSE2)

/* Leaf 2 EAX: how often to ask, and descriptors in the bytes above. */
#define F2A_ONE_ROUND 0x01u
#define F2A_LEAF_4 0xff00u	 /* caches are in leaf 4 */
#define F2A_PREFETCH_64 0xf00000u /* prefetching is by 64 bytes */

/* Leaf 7 subleaf 0. Left out: SGX, HLE, RTM, INVPCID, PQM, MPX, PQE, PT, PKU,
 * LA57, WAITPKG, and all that comes with an MSR. */
#define F7B_FSGSBASE BIT(0)
#define F7B_TSC_ADJUST BIT(1)
#define F7B_BMI1 BIT(3)
#define F7B_AVX2 BIT(5)
#define F7B_SMEP BIT(7)
#define F7B_BMI2 BIT(8)
#define F7B_ERMS BIT(9)
/* F, DQ, IFMA, CD, BW, VL */
#define F7B_AVX512 (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
#define F7B_RDSEED BIT(18)
#define F7B_ADX BIT(19)
#define F7B_SMAP BIT(20)
#define F7B_CLFLUSHOPT BIT(23)
#define F7B_CLWB BIT(24)
#define F7B_SHA BIT(29)
#define F7B_PLAIN                                                                       \
	(F7B_FSGSBASE | F7B_BMI1 | F7B_SMEP | F7B_BMI2 | F7B_ERMS | F7B_RDSEED | F7B_ADX | \
	 F7B_SMAP | F7B_CLFLUSHOPT | F7B_CLWB | F7B_SHA)
#define F7C_UMIP BIT(2)
#define F7C_GFNI BIT(8)
#define F7C_RDPID BIT(22)
#define F7C_MOVDIRI BIT(27)
#define F7C_MOVDIR64B BIT(28)
#define F7C_PLAIN (F7C_UMIP | F7C_GFNI | F7C_RDPID | F7C_MOVDIRI | F7C_MOVDIR64B)
#define F7C_NEEDS_AVX (BIT(9) | BIT(10)) /* VAES, VPCLMULQDQ */
/* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
#define F7C_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define F7D_FSRM BIT(4)
#define F7D_AVX512 (BIT(2) | BIT(3) | BIT(8) | BIT(23)) /* 4VNNIW 4FMAPS VP2INTERSECT FP16 */
#define F71A_AVX_VNNI BIT(4)
#define F71A_AVX512_BF16 BIT(5)

/* Leaf 8000_0001h. Left out: SVM, EXTAPIC, AltMovCr8, OSVW, IBS, SKINIT, WDT, LWP,
 * NodeId, perf counters, MWAITX. */
#define E1C_LAHF BIT(0)
#define E1C_CMP_LEGACY BIT(1)
#define E1C_ABM BIT(5)
#define E1C_SSE4A BIT(6)
#define E1C_MISALIGN_SSE BIT(7)
#define E1C_3DNOW_PREFETCH BIT(8)
#define E1C_XOP BIT(11)
#define E1C_FMA4 BIT(16)
#define E1C_TBM BIT(21)
#define E1C_TOPOEXT BIT(22)
#define E1C_PLAIN \
	(E1C_LAHF | E1C_ABM | E1C_SSE4A | E1C_MISALIGN_SSE | E1C_3DNOW_PREFETCH | E1C_TBM | \
	 E1C_TOPOEXT)
#define E1D_SYSCALL BIT(11)
#define E1D_NX BIT(20)
#define E1D_MMXEXT BIT(22)
#define E1D_FFXSR BIT(25)
#define E1D_PDPE1GB BIT(26)
#define E1D_RDTSCP BIT(27)
#define E1D_LM BIT(29)
#define E1D_3DNOW (BIT(30) | BIT(31))
#define E1D_ALLOWED                                                                      \
	(F1D_SHARED | E1D_SYSCALL | E1D_NX | E1D_MMXEXT | E1D_FFXSR | E1D_PDPE1GB | E1D_RDTSCP | \
	 E1D_LM | E1D_3DNOW)

#define F6A_ARAT BIT(2)		 /* the APIC timer runs always */
#define E7D_INVARIANT_TSC BIT(8)
#define E8B_CLZERO BIT(0)
#define E8A_LINEAR_48 (48u << 8)
#define XCR0_AVX BIT64(2)
#define XCR0_AVX512 (BIT64(5) | BIT64(6) | BIT64(7))

static struct cpuid_regs host(const struct cpuid_config *c, u32 leaf, u32 subleaf)
{
	return c->host(c->ctx, leaf, subleaf);
}

static bool has_avx(const struct cpuid_config *c)
{
	return c->xcr0_allowed & XCR0_AVX;
}

static bool has_avx512(const struct cpuid_config *c)
{
	return (c->xcr0_allowed & XCR0_AVX512) == XCR0_AVX512;
}

static struct cpuid_regs leaf_1(const struct cpuid_config *c, const struct cpuid_vcpu *v)
{
	struct cpuid_regs r = host(c, 1, 0);
	u32 ecx = F1C_PLAIN, count = MIN(cpuid_package_ids(c), 255u);

	if (c->xcr0_allowed)
		ecx |= F1C_XSAVE;
	if (has_avx(c))
		ecx |= F1C_NEEDS_AVX;
	r.ecx = (r.ecx & ecx) | F1C_HYPERVISOR;
	if (r.ecx & F1C_XSAVE && v->cr4 & CR4_OSXSAVE)
		r.ecx |= F1C_OSXSAVE;
	if (c->x2apic)
		r.ecx |= F1C_X2APIC;
	if (c->tsc_deadline)
		r.ecx |= F1C_TSC_DEADLINE;
	r.edx = (r.edx & F1D_ALLOWED) | F1D_APIC;
	if (count > 1)
		r.edx |= F1D_HTT;
	r.ebx = (r.ebx & 0xffff) | count << 16 | (v->apic_id & 0xff) << 24;
	return r;
}

/* Intel's cache descriptors. Each processor has others, which say what leaf 4 says of the
 * host's caches rather than the guest's: a guest is sent there (SDM vol. 2, CPUID leaf 2). */
static struct cpuid_regs leaf_2(const struct cpuid_config *c)
{
	struct cpuid_regs r = host(c, 2, 0);

	if (r.eax && cpuid_cache(c, 4, 0).eax)
		r = (struct cpuid_regs){ .eax = F2A_ONE_ROUND | F2A_LEAF_4 | F2A_PREFETCH_64 };
	return r;
}

static struct cpuid_regs leaf_7(const struct cpuid_config *c, u32 subleaf)
{
	struct cpuid_regs h = host(c, 7, subleaf), r = { 0 };
	u32 avx512 = has_avx512(c) ? ~0u : 0, avx = has_avx(c) ? ~0u : 0;

	if (subleaf == 1 && host(c, 7, 0).eax >= 1)
		r.eax = h.eax & ((avx & F71A_AVX_VNNI) | (avx512 & F71A_AVX512_BF16));
	if (subleaf != 0)
		return r;
	r.eax = MIN(h.eax, 1u);
	r.ebx = h.ebx & (F7B_PLAIN | (avx & F7B_AVX2) | (avx512 & F7B_AVX512));
	if (c->tsc_adjust)
		r.ebx |= F7B_TSC_ADJUST;
	r.ecx = h.ecx & (F7C_PLAIN | (avx & F7C_NEEDS_AVX) | (avx512 & F7C_AVX512));
	r.edx = h.edx & (F7D_FSRM | (avx512 & F7D_AVX512));
	return r;
}

static struct cpuid_regs basic(const struct cpuid_config *c, const struct cpuid_vcpu *v,
			       u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = { 0 };

	if (leaf != 0 && leaf > host(c, 0, 0).eax && leaf != CPUID_LEAF_TOPOLOGY)
		return r;
	switch (leaf) {
	case 0:
		r = host(c, 0, 0);
		r.eax = LEAF_BASIC_MAX;
		return r;
	case 1:
		return leaf_1(c, v);
	case 2:
		return leaf_2(c);
	case 4:
		return cpuid_cache(c, leaf, subleaf);
	case 6:
		r.eax = F6A_ARAT;
		return r;
	case 7:
		return leaf_7(c, subleaf);
	case CPUID_LEAF_TOPOLOGY:
		return cpuid_topology(c, v, subleaf);
	case CPUID_LEAF_XSAVE:
		return cpuid_xsave(c, v, subleaf);
	default:
		return r;
	}
}

static struct cpuid_regs ext_features(const struct cpuid_config *c)
{
	struct cpuid_regs h = host(c, LEAF_EXT + 1, 0), r = { .eax = h.eax, .ebx = h.ebx };

	r.ecx = h.ecx & (E1C_PLAIN | (has_avx(c) ? E1C_XOP | E1C_FMA4 : 0));
	/* Only AMD's flag; elsewhere HTT with leaf 0Bh says it. */
	if (cpuid_package_ids(c) > 1 && h.ecx & E1C_CMP_LEGACY)
		r.ecx |= E1C_CMP_LEGACY;
	r.edx = h.edx & E1D_ALLOWED;
	return r;
}

u8 cpuid_phys_bits(const struct cpuid_config *c)
{
	u32 bits = 0;

	if (host(c, LEAF_EXT, 0).eax >= LEAF_EXT + 8)
		bits = host(c, LEAF_EXT + 8, 0).eax & 0xff;
	return bits >= 32 && bits <= 52 ? (u8)bits : 36;
}

static struct cpuid_regs ext_address(const struct cpuid_config *c)
{
	struct cpuid_regs h = host(c, LEAF_EXT + 8, 0), r = { 0 };

	r.eax = E8A_LINEAR_48 | cpuid_phys_bits(c);
	r.ebx = h.ebx & E8B_CLZERO;
	/* NC, ApicIdSize (APM vol. 3 E.4.7). */
	r.ecx = (cpuid_package_ids(c) - 1) | cpuid_id_bits(c) << 12;
	return r;
}

static struct cpuid_regs extended(const struct cpuid_config *c, const struct cpuid_vcpu *v,
				  u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = { 0 };
	u32 max = MIN(host(c, LEAF_EXT, 0).eax, LEAF_EXT_MAX);

	if (leaf > max)
		return r;
	switch (leaf - LEAF_EXT) {
	case 0:
		r = host(c, leaf, 0);
		r.eax = max;
		return r;
	case 1:
		return ext_features(c);
	case 2: /* brand string */
	case 3:
	case 4:
	case 5: /* caches and TLBs */
	case 6:
	case 0x19:
	case 0x1a:
		return host(c, leaf, 0);
	case 7:
		if (c->invariant_tsc || host(c, leaf, 0).edx & E7D_INVARIANT_TSC)
			r.edx = E7D_INVARIANT_TSC;
		return r;
	case 8:
		return ext_address(c);
	case 0x1d:
		return cpuid_cache(c, leaf, subleaf);
	case 0x1e:
		return cpuid_amd_topology(c, v);
	default:
		return r;
	}
}

static struct cpuid_regs kvm(const struct cpuid_config *c, u32 leaf)
{
	struct cpuid_regs r = { 0 };

	switch (leaf) {
	case CPUID_KVM_BASE: /* "KVMKVMKVM" */
		r = (struct cpuid_regs){ LEAF_KVM_TIMING, 0x4b4d564b, 0x564b4d56, 0x0000004d };
		break;
	case LEAF_KVM_FEATURES:
		r.eax = KVM_FEATURE_CLOCKSOURCE | KVM_FEATURE_NOP_IO_DELAY |
			KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_CLOCKSOURCE_STABLE;
		if (c->pv_eoi)
			r.eax |= KVM_FEATURE_PV_EOI;
		r.edx = c->pinned ? KVM_HINTS_REALTIME : 0;
		break;
	case LEAF_KVM_TIMING:
		r.eax = c->tsc_khz;
		r.ebx = c->apic_khz;
		break;
	}
	return r;
}

struct cpuid_regs cpuid_guest(const struct cpuid_config *c, const struct cpuid_vcpu *v, u32 leaf,
			      u32 subleaf)
{
	if (leaf >= LEAF_EXT)
		return extended(c, v, leaf, subleaf);
	if (leaf >= CPUID_KVM_BASE)
		return kvm(c, leaf);
	return leaf <= LEAF_BASIC_MAX ? basic(c, v, leaf, subleaf) : (struct cpuid_regs){ 0 };
}

u64 cpuid_cr4_allowed(const struct cpuid_config *c)
{
	/* bits of every x86-64: VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT */
	u64 ok = 0x7ff;
	struct cpuid_regs f1 = leaf_1(c, &(struct cpuid_vcpu){ 0 }), f7 = { 0 };

	if (host(c, 0, 0).eax >= 7)
		f7 = leaf_7(c, 0);
	ok |= f7.ecx & F7C_UMIP ? BIT64(11) : 0;
	ok |= f7.ebx & F7B_FSGSBASE ? BIT64(16) : 0;
	ok |= f1.ecx & F1C_XSAVE ? CR4_OSXSAVE : 0;
	ok |= f7.ebx & F7B_SMEP ? BIT64(20) : 0;
	ok |= f7.ebx & F7B_SMAP ? BIT64(21) : 0;
	return ok;
}

u64 cpuid_efer_allowed(const struct cpuid_config *c)
{
	struct cpuid_regs e = ext_features(c);
	u64 ok = 0;

	ok |= e.edx & E1D_SYSCALL ? BIT64(0) : 0;
	ok |= e.edx & E1D_LM ? BIT64(8) | BIT64(10) : 0;
	ok |= e.edx & E1D_NX ? BIT64(11) : 0;
	ok |= e.edx & E1D_FFXSR ? BIT64(14) : 0;
	return ok;
}
