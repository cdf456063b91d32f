/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR dispatch: one table of single registers, plus the ranges (x2APIC, MTRR).
 * MTRRs are in msr_mtrr.c.
 */
#include "hv/emul/msr.h"

#include "hv/base/log.h"
#include "hv/base/x86.h"
#include "hv/emul/machine.h"
#include "hv/emul/msr_mtrr.h"

enum msr_index {
	MSR_TSC = 0x10,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_PATCH_LEVEL = 0x8b, /* IA32_BIOS_SIGN_ID */
	MSR_PLATFORM_INFO = 0xce,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_PAT = 0x277,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800,
	MSR_X2APIC_END = 0x900,
	MSR_KVM_WALL_CLOCK_OLD = 0x11,
	MSR_KVM_SYSTEM_TIME_OLD = 0x12,
	MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00,
	MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01,
	MSR_KVM_PV_EOI_EN = 0x4b564d04,
	MSR_EFER = (int)0xc0000080,
	MSR_STAR = (int)0xc0000081,
	MSR_LSTAR = (int)0xc0000082,
	MSR_CSTAR = (int)0xc0000083,
	MSR_SFMASK = (int)0xc0000084,
	MSR_FS_BASE = (int)0xc0000100,
	MSR_GS_BASE = (int)0xc0000101,
	MSR_KERNEL_GS_BASE = (int)0xc0000102,
	MSR_TSC_AUX = (int)0xc0000103,
	MSR_AMD_SYSCFG = (int)0xc0010010,
	MSR_AMD_HWCR = (int)0xc0010015,
	MSR_AMD_TOP_MEM = (int)0xc001001a,
	MSR_AMD_TOP_MEM2 = (int)0xc001001d,
	MSR_AMD_NB_CFG = (int)0xc001001f,
	MSR_AMD_INT_PENDING = (int)0xc0010055,
	MSR_AMD_DE_CFG = (int)0xc0011029,
};

#define FEATURE_CONTROL_LOCKED 1u	 /* locked with VMX off */
#define MISC_ENABLE_FAST_STRINGS BIT64(0)
#define MISC_ENABLE_BTS_UNAVAIL BIT64(11)
#define MISC_ENABLE_PEBS_UNAVAIL BIT64(12)
#define MISC_ENABLE_READ_ONLY (MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL)
#define SYSCFG_MTRR_BITS 0x7c0000u	 /* MtrrFixDramEn .. Tom2ForceMemTypeWB */
#define HWCR_TSC_FREQ_SEL BIT64(24)	 /* the TSC counts at the P0 frequency */
#define DE_CFG_LFENCE_SERIALIZE BIT64(1)
#define DEBUGCTL_BITS 0x3u		 /* LBR, BTF */
#define TSC_AUX_BITS 0xffffffffull
#define SFMASK_BITS 0xffffffffull

/* What a register is made of. */
enum msr_kind {
	KIND_NONE,
	KIND_CONST,	/* reads `value`, writes are ignored */
	KIND_STORED,	/* a field of msr_state, writes keep bits in `value` */
	KIND_HW,	/* the backend's; any value */
	KIND_HW_ADDR,	/* the backend's; a canonical address */
	KIND_SPECIAL,	/* a function of its own below */
};

struct msr_entry {
	u32 index;
	u8 kind;
	u8 hw;		/* enum vcpu_msr */
	u16 field;	/* offset in msr_state */
	u64 value;
};

#define CONST(i, v) { .index = (u32)MSR_##i, .kind = KIND_CONST, .value = (v) }
#define SPECIAL(i) { .index = (u32)MSR_##i, .kind = KIND_SPECIAL }
#define HW(i, bits) \
	{ .index = (u32)MSR_##i, .kind = KIND_HW, .hw = VCPU_MSR_##i, .value = (bits) }
#define HW_ADDR(i) { .index = (u32)MSR_##i, .kind = KIND_HW_ADDR, .hw = VCPU_MSR_##i }
#define STORED(i, f, bits)                              \
	{ .index = (u32)MSR_##i, .kind = KIND_STORED,   \
	  .field = offsetof(struct msr_state, f), .value = (bits) }

static const struct msr_entry table[] = {
	SPECIAL(TSC),
	SPECIAL(TSC_DEADLINE),
	SPECIAL(TSC_ADJUST),
	SPECIAL(APIC_BASE),
	SPECIAL(EFER),
	SPECIAL(PAT),
	SPECIAL(MISC_ENABLE),
	SPECIAL(KVM_WALL_CLOCK_OLD),
	SPECIAL(KVM_SYSTEM_TIME_OLD),
	SPECIAL(KVM_WALL_CLOCK_NEW),
	SPECIAL(KVM_SYSTEM_TIME_NEW),
	SPECIAL(KVM_PV_EOI_EN),
	HW(STAR, ~0ull),
	HW_ADDR(LSTAR),
	HW_ADDR(CSTAR),
	HW(SFMASK, SFMASK_BITS),
	HW_ADDR(FS_BASE),
	HW_ADDR(GS_BASE),
	HW_ADDR(KERNEL_GS_BASE),
	HW(TSC_AUX, TSC_AUX_BITS),
	HW(SYSENTER_CS, ~0ull),
	HW_ADDR(SYSENTER_ESP),
	HW_ADDR(SYSENTER_EIP),
	HW(DEBUGCTL, DEBUGCTL_BITS),
	STORED(MCG_STATUS, mcg_status, 0x7),
	STORED(AMD_SYSCFG, syscfg, SYSCFG_MTRR_BITS),
	STORED(PATCH_LEVEL, patch_level, 0),
	CONST(MCG_CAP, 0), /* no banks */
	CONST(PLATFORM_ID, 0),
	CONST(PLATFORM_INFO, 0),
	CONST(FEATURE_CONTROL, FEATURE_CONTROL_LOCKED),
	CONST(AMD_HWCR, HWCR_TSC_FREQ_SEL),
	CONST(AMD_TOP_MEM, MACHINE_PCI_HOLE),
	CONST(AMD_TOP_MEM2, 0),
	CONST(AMD_NB_CFG, 0), /* Linux switches extended configuration space on there */
	CONST(AMD_INT_PENDING, 0),
	CONST(AMD_DE_CFG, DE_CFG_LFENCE_SERIALIZE),
};

static const struct msr_entry *lookup(u32 index)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].index == index)
			return &table[i];
	return NULL;
}

/* Bits 63:47 equal: guests have 48-bit linear addresses. */
static bool canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a;
}

static u64 *stored(struct msr_state *s, const struct msr_entry *e)
{
	return (u64 *)(void *)((char *)s + e->field);
}

static bool unknown(struct msr_state *s, u32 index, const char *verb)
{
	s->unknown++;
	s->unknown_last = index;
	LOG_LIMITED(LOG_DEBUG, "msr", "guest %s unknown MSR %x", verb, index);
	return false;
}

void msr_init(struct msr_state *s, const struct msr_config *config)
{
	*s = (struct msr_state){ .config = *config };
	s->apic_base = MACHINE_LAPIC_BASE | MSR_APIC_BASE_EN;
	if (config->bsp)
		s->apic_base |= MSR_APIC_BASE_BSP;
	s->misc_enable = MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_READ_ONLY;
	mtrr_init(s);
}

/* Legal transitions of the APIC's mode: SDM vol. 3A figure 11-9 (10.12.5). The
 * base cannot be moved: nothing but FEE0_0000h answers. */
static bool apic_base_write(struct msr_state *s, u64 val, const struct msr_ops *ops)
{
	u64 mode = val & (MSR_APIC_BASE_EN | MSR_APIC_BASE_EXTD);
	u64 was = s->apic_base & (MSR_APIC_BASE_EN | MSR_APIC_BASE_EXTD);

	if ((val & ~mode) != (s->apic_base & ~was))
		return false;
	if (mode & MSR_APIC_BASE_EXTD && (!s->config.x2apic || !(mode & MSR_APIC_BASE_EN)))
		return false;
	if (was & MSR_APIC_BASE_EXTD && mode == MSR_APIC_BASE_EN)
		return false;
	if (!was && mode & MSR_APIC_BASE_EXTD)
		return false;
	s->apic_base = val;
	ops->apic_base(ops->ctx, val);
	return true;
}

static bool efer_write(struct msr_state *s, u64 val, const struct msr_ops *ops)
{
	bool paging;
	u64 old = ops->efer_read(ops->ctx, &paging);

	if (val & ~s->config.efer_allowed)
		return false;
	if (paging && (val ^ old) & EFER_LME)
		return false;
	/* LMA is the processor's: writes of it are ignored */
	ops->efer_write(ops->ctx, (val & ~EFER_LMA) | (old & EFER_LMA));
	return true;
}

/* Eight memory types of 0, 1, 4, 5, 6, 7 (SDM vol. 3A table 12-10). */
static bool pat_valid(u64 val)
{
	for (u32 i = 0; i < 8; i++) {
		u64 type = val >> (8 * i) & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool kvm_write(struct msr_state *s, enum msr_kvm which, u64 val,
		      const struct msr_ops *ops)
{
	u64 flags = which == MSR_KVM_WALL_CLOCK ? 0 : MSR_KVM_ENABLE;

	if (which == MSR_KVM_PV_EOI && !s->config.pv_eoi)
		return false;
	if (val & 3 & ~flags)
		return false;
	s->kvm[which] = val;
	ops->kvm_write(ops->ctx, which, val);
	return true;
}

static bool special_read(struct msr_state *s, u32 index, u64 *val, const struct msr_ops *ops)
{
	bool paging;

	switch ((int)index) {
	case MSR_TSC:
		*val = ops->tsc_read(ops->ctx);
		return true;
	case MSR_TSC_DEADLINE:
		*val = ops->deadline_read(ops->ctx);
		return s->config.tsc_deadline;
	case MSR_TSC_ADJUST:
		*val = s->tsc_adjust;
		return s->config.tsc_adjust;
	case MSR_APIC_BASE:
		*val = s->apic_base;
		return true;
	case MSR_EFER:
		*val = ops->efer_read(ops->ctx, &paging);
		return true;
	case MSR_PAT:
		*val = ops->hw_read(ops->ctx, VCPU_MSR_PAT);
		return true;
	case MSR_MISC_ENABLE:
		*val = s->misc_enable;
		return true;
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_WALL_CLOCK_NEW:
		*val = s->kvm[MSR_KVM_WALL_CLOCK];
		return true;
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*val = s->kvm[MSR_KVM_SYSTEM_TIME];
		return true;
	default: /* MSR_KVM_PV_EOI_EN */
		*val = s->kvm[MSR_KVM_PV_EOI];
		return s->config.pv_eoi;
	}
}

/* TSC and TSC_ADJUST move together (SDM vol. 3B 18.17.3). */
static bool tsc_write(struct msr_state *s, u64 val, const struct msr_ops *ops)
{
	s->tsc_adjust += val - ops->tsc_read(ops->ctx);
	ops->tsc_write(ops->ctx, val);
	return true;
}

static bool tsc_adjust_write(struct msr_state *s, u64 val, const struct msr_ops *ops)
{
	if (!s->config.tsc_adjust)
		return false;
	ops->tsc_write(ops->ctx, ops->tsc_read(ops->ctx) + (val - s->tsc_adjust));
	s->tsc_adjust = val;
	return true;
}

static bool special_write(struct msr_state *s, u32 index, u64 val, const struct msr_ops *ops)
{
	switch ((int)index) {
	case MSR_TSC:
		return tsc_write(s, val, ops);
	case MSR_TSC_DEADLINE:
		if (s->config.tsc_deadline)
			ops->deadline_write(ops->ctx, val);
		return s->config.tsc_deadline;
	case MSR_TSC_ADJUST:
		return tsc_adjust_write(s, val, ops);
	case MSR_APIC_BASE:
		return apic_base_write(s, val, ops);
	case MSR_EFER:
		return efer_write(s, val, ops);
	case MSR_PAT:
		if (!pat_valid(val))
			return false;
		ops->hw_write(ops->ctx, VCPU_MSR_PAT, val);
		return true;
	case MSR_MISC_ENABLE:
		/* storable; the features behind the bits are not there */
		s->misc_enable = val | MISC_ENABLE_READ_ONLY;
		return true;
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_WALL_CLOCK_NEW:
		return kvm_write(s, MSR_KVM_WALL_CLOCK, val, ops);
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return kvm_write(s, MSR_KVM_SYSTEM_TIME, val, ops);
	default: /* MSR_KVM_PV_EOI_EN */
		return kvm_write(s, MSR_KVM_PV_EOI, val, ops);
	}
}

static bool is_x2apic(const struct msr_state *s, u32 index)
{
	return index >= MSR_X2APIC && index < MSR_X2APIC_END &&
	       s->apic_base & MSR_APIC_BASE_EXTD;
}

bool msr_read(struct msr_state *s, u32 index, u64 *val, const struct msr_ops *ops)
{
	const struct msr_entry *e;

	*val = 0;
	if (is_x2apic(s, index))
		return ops->x2apic_read(ops->ctx, index - MSR_X2APIC, val);
	if (mtrr_read(s, index, val))
		return true;
	e = lookup(index);
	if (!e)
		return unknown(s, index, "reads");
	switch (e->kind) {
	case KIND_CONST:
		*val = e->value;
		return true;
	case KIND_STORED:
		*val = *stored(s, e);
		return true;
	case KIND_HW:
	case KIND_HW_ADDR:
		*val = ops->hw_read(ops->ctx, e->hw);
		return true;
	default:
		return special_read(s, index, val, ops);
	}
}

bool msr_write(struct msr_state *s, u32 index, u64 val, const struct msr_ops *ops)
{
	const struct msr_entry *e;

	if (is_x2apic(s, index))
		return ops->x2apic_write(ops->ctx, index - MSR_X2APIC, val);
	if (mtrr_is(index))
		return mtrr_write(s, index, val);
	e = lookup(index);
	if (!e)
		return unknown(s, index, "writes");
	switch (e->kind) {
	case KIND_CONST:
		return true;
	case KIND_STORED:
		*stored(s, e) = (*stored(s, e) & ~e->value) | (val & e->value);
		return true;
	case KIND_HW_ADDR:
		if (!canonical(val))
			return false;
		ops->hw_write(ops->ctx, e->hw, val);
		return true;
	case KIND_HW:
		if (val & ~e->value)
			return false;
		ops->hw_write(ops->ctx, e->hw, val);
		return true;
	default:
		return special_write(s, index, val, ops);
	}
}
