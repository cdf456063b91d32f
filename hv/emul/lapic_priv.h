/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's registers (SDM vol. 3A table 11-1), for its own files only. */
#ifndef HV_EMUL_LAPIC_PRIV_H
#define HV_EMUL_LAPIC_PRIV_H

#include "hv/emul/lapic.h"

/* Offsets in the page. The x2APIC MSR is 800h + offset / 16. */
#define LAPIC_ID 0x020
#define LAPIC_VERSION 0x030
#define LAPIC_TPR 0x080
#define LAPIC_PPR 0x0a0
#define LAPIC_EOI 0x0b0
#define LAPIC_LDR 0x0d0
#define LAPIC_DFR 0x0e0
#define LAPIC_SVR 0x0f0
#define LAPIC_ISR 0x100 /* eight registers of 32 vectors each */
#define LAPIC_TMR 0x180
#define LAPIC_IRR 0x200
#define LAPIC_ESR 0x280
#define LAPIC_ICR 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_THERMAL 0x330
#define LAPIC_LVT_PERF 0x340
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_LVT_ERROR 0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LAPIC_SELF_IPI 0x3f0 /* x2APIC only */

#define LAPIC_REG_STEP 0x10
#define LAPIC_VECTOR_REGS 8
#define LAPIC_VECTOR_WORD(v) ((u32)(v) >> 5)
#define LAPIC_VECTOR_BIT(v) BIT((v) & 31)
#define LAPIC_FIRST_VECTOR 16 /* below: reserved, an error (SDM 11.5.2) */

/* Version: integrated APIC, highest LVT entry 5 (six entries). */
#define LAPIC_VERSION_VALUE (0x14 | 5 << 16)

#define SVR_VECTOR 0x0ff
#define SVR_ENABLE BIT(8)
#define SVR_RESET 0xff

#define LVT_VECTOR 0xff
#define LVT_MODE_SHIFT 8
#define LVT_MODE 0x700
#define LVT_POLARITY BIT(13)
#define LVT_LEVEL BIT(15)
#define LVT_MASKED BIT(16)
#define LVT_TIMER_MODE (BIT(17) | BIT(18))
#define LVT_TIMER_PERIODIC BIT(17)
#define LVT_TIMER_TSC BIT(18)

#define ESR_SEND_ILLEGAL BIT(5)
#define ESR_RECV_ILLEGAL BIT(6)
#define ESR_REGISTER BIT(7)

#define ICR_VECTOR 0xff
#define ICR_MODE_SHIFT 8
#define ICR_MODE 0x700
#define ICR_LOGICAL BIT(11)
#define ICR_BUSY BIT(12) /* read only, never set here */
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_SHORTHAND (BIT(18) | BIT(19))
#define ICR_WRITABLE \
	(ICR_VECTOR | ICR_MODE | ICR_LOGICAL | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND)

#define DFR_MODEL_SHIFT 28
#define DFR_FLAT 0xf

#define XAPIC_ID_SHIFT 24
#define XAPIC_EVERYBODY 0xffu
#define X2APIC_EVERYBODY 0xffffffffu

#define LAPIC_NEVER UINT64_MAX

/* Other cores read destination registers while the owner writes them. */
static inline u32 lapic_reg(const struct lapic *l, u32 off)
{
	return __atomic_load_n(&l->regs[off / sizeof(u32)], __ATOMIC_RELAXED);
}

static inline void lapic_reg_set(struct lapic *l, u32 off, u32 value)
{
	__atomic_store_n(&l->regs[off / sizeof(u32)], value, __ATOMIC_RELAXED);
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	return __atomic_load_n(&l->base, __ATOMIC_RELAXED) & APIC_BASE_EXTD;
}

static inline bool lapic_enabled(const struct lapic *l)
{
	return __atomic_load_n(&l->base, __ATOMIC_RELAXED) & APIC_BASE_EN;
}

/* lapic.c */
void lapic_request(struct lapic *l, u8 vector, bool level); /* set IRR and TMR */
void lapic_fold(struct lapic *l);			    /* posted bitmap into IRR */
void lapic_update_ppr(struct lapic *l);
void lapic_error(struct lapic *l, u32 esr_bit);
void lapic_lvt_deliver(struct lapic *l, u32 lvt_off);

/* lapic_ipi.c */
void lapic_icr_send(struct lapic *l, u32 low, u32 dest);
void lapic_self_ipi(struct lapic *l, u8 vector);

/* lapic_timer.c */
void lapic_timer_stop(struct lapic *l);
void lapic_timer_set_lvt(struct lapic *l, u32 value);
void lapic_timer_set_initial(struct lapic *l, u32 value);
void lapic_timer_set_divide(struct lapic *l, u32 value);
u32 lapic_timer_current(struct lapic *l);
u64 lapic_timer_tsc_deadline(struct lapic *l);
void lapic_timer_set_tsc_deadline(struct lapic *l, u64 tsc);

#endif
