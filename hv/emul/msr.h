/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model-specific registers of a guest's processor (SDM vol. 4, APM vol. 2
 * appendix A): those that stock Linux touches on Intel and AMD processors.
 * Anything else is #GP, as on a processor that does not have it.
 */
#ifndef HV_EMUL_MSR_H
#define HV_EMUL_MSR_H

#include "hv/backend.h"
#include "hv/base/err.h"
#include "hv/base/types.h"

/* Paravirtual registers (Linux Documentation/virt/kvm/x86/msr.rst). */
enum msr_kvm {
	MSR_KVM_WALL_CLOCK,  /* value: guest-physical address, 4-byte aligned */
	MSR_KVM_SYSTEM_TIME, /* value: address | 1 = enabled */
	MSR_KVM_PV_EOI,	     /* value: address | 1 = enabled, 4-byte aligned */
	MSR_KVM_COUNT,
};

#define MSR_KVM_ENABLE BIT64(0)

/* What lies behind the registers. All are called on the vCPU's core from
 * inside msr_read() or msr_write(); none may be NULL. */
struct msr_ops {
	u64 (*tsc_read)(void *ctx);	       /* the guest's TSC now */
	void (*tsc_write)(void *ctx, u64 tsc); /* moves this vCPU's offset only */
	u64 (*deadline_read)(void *ctx);
	void (*deadline_write)(void *ctx, u64 tsc);
	/* x2APIC register reg = index - 800h; false: #GP. */
	bool (*x2apic_read)(void *ctx, u32 reg, u64 *val);
	bool (*x2apic_write)(void *ctx, u32 reg, u64 val);
	/* IA32_APIC_BASE changed to this valid value. */
	void (*apic_base)(void *ctx, u64 val);
	/* EFER with LMA as the processor has it; paging says whether CR0.PG is 1. */
	u64 (*efer_read)(void *ctx, bool *paging);
	void (*efer_write)(void *ctx, u64 val);
	/* Registers held by the backend. */
	u64 (*hw_read)(void *ctx, enum vcpu_msr msr);
	void (*hw_write)(void *ctx, enum vcpu_msr msr, u64 val);
	/* A paravirtual register was written; the value is valid and stored. */
	void (*kvm_write)(void *ctx, enum msr_kvm msr, u64 val);
	void *ctx;
};

#define MSR_MTRR_VARIABLE 8
#define MSR_MTRR_FIXED 11

struct msr_config {
	bool bsp;	    /* the boot processor: APIC_BASE.BSP */
	bool x2apic, tsc_deadline, tsc_adjust, pv_eoi; /* as in CPUID */
	u64 efer_allowed;   /* cpuid_efer_allowed() */
	u8 phys_bits;	    /* cpuid_phys_bits() */
};

/* One vCPU's registers that live here. */
struct msr_state {
	struct msr_config config;
	u64 apic_base;
	u64 tsc_adjust;
	u64 misc_enable;
	u64 mtrr_deftype;
	u64 mtrr_fixed[MSR_MTRR_FIXED];
	u64 mtrr_base[MSR_MTRR_VARIABLE], mtrr_mask[MSR_MTRR_VARIABLE];
	u64 mcg_status;
	u64 syscfg;
	u64 patch_level;
	u64 kvm[MSR_KVM_COUNT];
	u64 unknown;	   /* accesses that found nothing */
	u32 unknown_last;  /* the last such index */
};

/* Reset values. Memory is write-back throughout. */
void msr_init(struct msr_state *s, const struct msr_config *config);

/* RDMSR and WRMSR. False: inject #GP(0); nothing changed. */
bool msr_read(struct msr_state *s, u32 index, u64 *val, const struct msr_ops *ops);
bool msr_write(struct msr_state *s, u32 index, u64 val, const struct msr_ops *ops);

#define MSR_APIC_BASE_BSP BIT64(8)
#define MSR_APIC_BASE_EXTD BIT64(10)
#define MSR_APIC_BASE_EN BIT64(11)

#endif
