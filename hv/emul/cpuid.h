/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor a guest is told it has: an allow-list over the host's CPUID
 * (SDM vol. 2 CPUID; APM vol. 3 appendix E), the topology that its vCPUs' places
 * give, and the KVM leaves that make Linux use kvm-clock (Linux
 * Documentation/virt/kvm/x86/cpuid.rst).
 */
#ifndef HV_EMUL_CPUID_H
#define HV_EMUL_CPUID_H

#include "hv/base/cpuid.h"
#include "hv/base/types.h"

/* What of the machine and the VM decides; constant while the VM runs. */
struct cpuid_config {
	/* The host's answer; deterministic, the same on each core. */
	struct cpuid_regs (*host)(void *ctx, u32 leaf, u32 subleaf);
	void *ctx;
	u32 vcpus;	   /* APIC ids are 0 .. vcpus-1 */
	u32 threads;	   /* so many in a row make a core: a power of two; 0: 1 */
	u32 package_ids;   /* ... a package: a power of two times threads; 0: all */
	u64 xcr0_allowed;  /* 0: no XSAVE (backend_caps.xcr0_allowed) */
	u32 tsc_khz;
	u32 apic_khz;	   /* local APIC timer's input */
	bool pinned;	   /* each vCPU has its core: realtime hint */
	bool invariant_tsc; /* say so although the host does not */
	bool tsc_deadline; /* the virtual APIC has TSC-deadline mode */
	bool x2apic;
	bool pv_eoi;
	bool tsc_adjust;   /* IA32_TSC_ADJUST is there */
};

/* What of the asking vCPU decides. */
struct cpuid_vcpu {
	u32 apic_id;
	u64 cr4;
	u64 xcr0;
};

#define CPUID_KVM_BASE 0x40000000u
#define KVM_FEATURE_CLOCKSOURCE BIT(0)
#define KVM_FEATURE_NOP_IO_DELAY BIT(1)
#define KVM_FEATURE_CLOCKSOURCE2 BIT(3)
#define KVM_FEATURE_PV_EOI BIT(6)
#define KVM_FEATURE_CLOCKSOURCE_STABLE BIT(24)
#define KVM_HINTS_REALTIME BIT(0)

/* The guest's CPUID. Leaves that are not offered read zero. Any core. */
struct cpuid_regs cpuid_guest(const struct cpuid_config *c, const struct cpuid_vcpu *v, u32 leaf,
			      u32 subleaf);

/* MAXPHYADDR that the guest sees: 36 when the host does not say. */
u8 cpuid_phys_bits(const struct cpuid_config *c);

/* Bits of CR4 and EFER that go with the features offered; a guest that sets
 * another gets #GP. */
u64 cpuid_cr4_allowed(const struct cpuid_config *c);
u64 cpuid_efer_allowed(const struct cpuid_config *c);

#endif
