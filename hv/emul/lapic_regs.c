/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers as the guest reaches them: xAPIC by MMIO (SDM
 * vol. 3A 11.4.1), x2APIC by MSR (11.12), and the mode itself.
 */
#include "hv/emul/lapic.h"

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/emul/lapic_priv.h"

#define LVT_TIMER_WRITABLE (LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE)
#define LVT_MODE_WRITABLE (LVT_VECTOR | LVT_MODE | LVT_MASKED)
#define LVT_LINT_WRITABLE (LVT_MODE_WRITABLE | LVT_POLARITY | LVT_LEVEL)
#define LVT_ERROR_WRITABLE (LVT_VECTOR | LVT_MASKED)

enum {
	R = BIT(0),	/* readable in both modes */
	W = BIT(1),	/* writable in both modes */
	NO_X2 = BIT(2), /* not in x2APIC mode */
	NO_X = BIT(3),	/* only in x2APIC mode */
	X2_RO = BIT(4), /* read only in x2APIC mode */
};

struct reg_rule {
	u8 access;
	u32 writable; /* other bits are reserved: ignored, or #GP in x2APIC mode */
};

#define REG(off) [(off) / LAPIC_REG_STEP]
#define REGS8(off) [(off) / LAPIC_REG_STEP ... (off) / LAPIC_REG_STEP + LAPIC_VECTOR_REGS - 1]

/* SDM tables 11-1 and 11-6. */
static const struct reg_rule rules[LAPIC_PAGE_BYTES / LAPIC_REG_STEP] = {
	REG(LAPIC_ID) = { R, 0 },
	REG(LAPIC_VERSION) = { R, 0 },
	REG(LAPIC_TPR) = { R | W, 0xff },
	REG(LAPIC_PPR) = { R, 0 },
	REG(LAPIC_EOI) = { W, 0 },
	REG(LAPIC_LDR) = { R | W | X2_RO, 0xff000000 },
	REG(LAPIC_DFR) = { R | W | NO_X2, 0xf0000000 },
	REG(LAPIC_SVR) = { R | W, SVR_ENABLE | SVR_VECTOR },
	REGS8(LAPIC_ISR) = { R, 0 },
	REGS8(LAPIC_TMR) = { R, 0 },
	REGS8(LAPIC_IRR) = { R, 0 },
	REG(LAPIC_ESR) = { R | W, 0 },
	REG(LAPIC_ICR) = { R | W, ICR_WRITABLE | ICR_BUSY },
	REG(LAPIC_ICR_HIGH) = { R | W | NO_X2, 0xff000000 },
	REG(LAPIC_LVT_TIMER) = { R | W, LVT_TIMER_WRITABLE },
	REG(LAPIC_LVT_THERMAL) = { R | W, LVT_MODE_WRITABLE },
	REG(LAPIC_LVT_PERF) = { R | W, LVT_MODE_WRITABLE },
	REG(LAPIC_LVT_LINT0) = { R | W, LVT_LINT_WRITABLE },
	REG(LAPIC_LVT_LINT1) = { R | W, LVT_LINT_WRITABLE },
	REG(LAPIC_LVT_ERROR) = { R | W, LVT_ERROR_WRITABLE },
	REG(LAPIC_TIMER_INITIAL) = { R | W, ~0u },
	REG(LAPIC_TIMER_CURRENT) = { R, 0 },
	REG(LAPIC_TIMER_DIVIDE) = { R | W, 0xb },
	REG(LAPIC_SELF_IPI) = { W | NO_X, 0xff },
};

static bool reg_allowed(const struct lapic *l, u32 off, u32 want)
{
	u8 access = rules[off / LAPIC_REG_STEP].access;

	if (!(access & want))
		return false;
	if (lapic_x2apic(l))
		return !(access & NO_X2) && !(want == W && (access & X2_RO));
	return !(access & NO_X);
}

static u32 reg_read(struct lapic *l, u32 off)
{
	if (off == LAPIC_TIMER_CURRENT)
		return lapic_timer_current(l);
	if (off >= LAPIC_IRR && off < LAPIC_ESR)
		lapic_fold(l);
	return lapic_reg(l, off);
}

/* Software disable masks every LVT entry for good (SDM 11.4.7.2). */
static void write_svr(struct lapic *l, u32 value)
{
	/* What arrived while the APIC was enabled stays pending. */
	lapic_fold(l);
	lapic_reg_set(l, LAPIC_SVR, value);
	if (value & SVR_ENABLE)
		return;
	lapic_timer_set_lvt(l, lapic_reg(l, LAPIC_LVT_TIMER) | LVT_MASKED);
	for (u32 off = LAPIC_LVT_THERMAL; off <= LAPIC_LVT_ERROR; off += LAPIC_REG_STEP)
		lapic_reg_set(l, off, lapic_reg(l, off) | LVT_MASKED);
}

static void write_lvt(struct lapic *l, u32 off, u32 value)
{
	if (!(lapic_reg(l, LAPIC_SVR) & SVR_ENABLE))
		value |= LVT_MASKED;
	if (off == LAPIC_LVT_TIMER)
		lapic_timer_set_lvt(l, value);
	else
		lapic_reg_set(l, off, value);
}

static void write_icr(struct lapic *l, u32 value)
{
	u32 high = lapic_reg(l, LAPIC_ICR_HIGH);

	lapic_reg_set(l, LAPIC_ICR, value & ~ICR_BUSY);
	lapic_icr_send(l, value, lapic_x2apic(l) ? high : high >> XAPIC_ID_SHIFT);
}

/* value has only writable bits set. */
static void reg_write(struct lapic *l, u32 off, u32 value)
{
	switch (off) {
	case LAPIC_TPR:
		lapic_reg_set(l, off, value);
		lapic_update_ppr(l);
		break;
	case LAPIC_EOI:
		lapic_eoi(l);
		break;
	case LAPIC_DFR:
		lapic_reg_set(l, off, value | ~rules[LAPIC_DFR / LAPIC_REG_STEP].writable);
		break;
	case LAPIC_SVR:
		write_svr(l, value);
		break;
	case LAPIC_ESR:
		lapic_reg_set(l, off, l->esr_seen);
		l->esr_seen = 0;
		break;
	case LAPIC_ICR:
		write_icr(l, value);
		break;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		write_lvt(l, off, value);
		break;
	case LAPIC_TIMER_INITIAL:
		lapic_timer_set_initial(l, value);
		break;
	case LAPIC_TIMER_DIVIDE:
		lapic_timer_set_divide(l, value);
		break;
	case LAPIC_SELF_IPI:
		lapic_self_ipi(l, (u8)value);
		break;
	default: /* LDR, ICR high: plain storage */
		lapic_reg_set(l, off, value);
		break;
	}
}

void lapic_written(struct lapic *l, u32 off)
{
	off = ALIGN_DOWN(off & (LAPIC_PAGE_BYTES - 1), LAPIC_REG_STEP);
	if (reg_allowed(l, off, W))
		reg_write(l, off, lapic_reg(l, off) & rules[off / LAPIC_REG_STEP].writable);
	else
		lapic_error(l, ESR_REGISTER);
}

/* --- xAPIC: MMIO ---------------------------------------------------------- */

bool lapic_claims(const struct lapic *l, u64 gpa)
{
	u64 page = l->base & ~(u64)(LAPIC_PAGE_BYTES - 1);

	return lapic_enabled(l) && !lapic_x2apic(l) && gpa - page < LAPIC_PAGE_BYTES;
}

/* Only aligned 32-bit accesses are defined; smaller reads of a register give
 * its bytes, everything else counts as an illegal register (SDM 11.4.1). */
void lapic_mmio(void *dev, struct io_access *a)
{
	struct lapic *l = dev;
	u32 off = ALIGN_DOWN((u32)a->addr & (LAPIC_PAGE_BYTES - 1), LAPIC_REG_STEP);
	u32 byte = (u32)a->addr % LAPIC_REG_STEP;

	/* The page is not there while disabled or in x2APIC mode (11.12.2). */
	if (!lapic_enabled(l) || lapic_x2apic(l))
		return;
	if (a->write) {
		if (a->size == sizeof(u32) && byte == 0 && reg_allowed(l, off, W))
			reg_write(l, off, (u32)a->value & rules[off / LAPIC_REG_STEP].writable);
		else
			lapic_error(l, ESR_REGISTER);
		return;
	}
	a->value = 0;
	if (byte + a->size > sizeof(u32))
		return;
	if (reg_allowed(l, off, R))
		a->value = reg_read(l, off) >> byte * 8;
	else
		lapic_error(l, ESR_REGISTER);
}

/* --- x2APIC and the MSRs --------------------------------------------------- */

static u32 x2apic_offset(u32 msr)
{
	return (msr - MSR_X2APIC_FIRST) * LAPIC_REG_STEP;
}

static bool x2apic_read(struct lapic *l, u32 msr, u64 *value)
{
	u32 off = x2apic_offset(msr);

	if (!lapic_x2apic(l) || !reg_allowed(l, off, R))
		return false;
	*value = reg_read(l, off);
	if (off == LAPIC_ICR)
		*value |= (u64)lapic_reg(l, LAPIC_ICR_HIGH) << 32;
	return true;
}

static bool x2apic_write(struct lapic *l, u32 msr, u64 value)
{
	u32 off = x2apic_offset(msr);

	if (!lapic_x2apic(l) || !reg_allowed(l, off, W))
		return false;
	if ((u32)value & ~rules[off / LAPIC_REG_STEP].writable)
		return false;
	if (off == LAPIC_ICR) {
		lapic_reg_set(l, LAPIC_ICR_HIGH, (u32)(value >> 32));
		reg_write(l, off, (u32)value);
		return true;
	}
	if (value >> 32)
		return false;
	reg_write(l, off, (u32)value);
	return true;
}

/*
 * Disabled -> xAPIC -> x2APIC -> disabled, and xAPIC -> disabled; the others
 * fault (SDM figure 11-27). The BSP flag stays what it is.
 */
static bool write_base(struct lapic *l, u64 value)
{
	u64 mode = APIC_BASE_EN | APIC_BASE_EXTD;
	u64 from = l->base & mode, to = value & mode;
	u64 writable = mode | APIC_BASE_BSP |
		       ((BIT64(l->phys_bits) - 1) & ~(u64)(LAPIC_PAGE_BYTES - 1));

	if (value & ~writable || to == APIC_BASE_EXTD)
		return false;
	if (to == mode && (from == 0 || !l->x2apic_ok))
		return false;
	if (from == mode && to == APIC_BASE_EN)
		return false;
	lapic_fold(l);
	value = (value & ~APIC_BASE_BSP) | (l->base & APIC_BASE_BSP);
	__atomic_store_n(&l->base, value, __ATOMIC_RELAXED);
	if (from == to)
		return true;
	if (to == 0) {
		lapic_reset(l, true);
	} else if (to == mode) {
		lapic_reg_set(l, LAPIC_ID, l->id);
		lapic_reg_set(l, LAPIC_LDR, (l->id >> 4) << 16 | BIT(l->id & 15));
		lapic_reg_set(l, LAPIC_ICR_HIGH, 0);
	}
	return true;
}

bool lapic_msr_read(struct lapic *l, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		*value = l->base;
		return true;
	case MSR_TSC_DEADLINE:
		*value = lapic_timer_tsc_deadline(l);
		return true;
	case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST:
		return x2apic_read(l, msr, value);
	default:
		return false;
	}
}

bool lapic_msr_write(struct lapic *l, u32 msr, u64 value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		return write_base(l, value);
	case MSR_TSC_DEADLINE:
		lapic_timer_set_tsc_deadline(l, value);
		return true;
	case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST:
		return x2apic_write(l, msr, value);
	default:
		return false;
	}
}
