/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC: acceptance, priorities, delivery and end of interrupts (SDM
 * vol. 3A 11.8), and KVM's paravirtual EOI.
 */
#include "hv/emul/lapic.h"

#include "hv/base/str.h"
#include "hv/emul/lapic_priv.h"
#include "hv/emul/machine.h"

/* Bits of the guest's PV EOI byte (Linux Documentation/virt/kvm/x86/msr.rst). */
#define PV_EOI_PERMITTED BIT(0)

#define PRIORITY_CLASS 0xf0

static void reset_registers(struct lapic *l)
{
	memset(l->regs, 0, LAPIC_PAGE_BYTES);
	lapic_reg_set(l, LAPIC_ID, lapic_x2apic(l) ? l->id : l->id << XAPIC_ID_SHIFT);
	lapic_reg_set(l, LAPIC_VERSION, LAPIC_VERSION_VALUE);
	lapic_reg_set(l, LAPIC_DFR, ~0u);
	if (lapic_x2apic(l))
		lapic_reg_set(l, LAPIC_LDR, (l->id >> 4) << 16 | BIT(l->id & 15));
	lapic_reg_set(l, LAPIC_SVR, SVR_RESET);
	for (u32 off = LAPIC_LVT_TIMER; off <= LAPIC_LVT_ERROR; off += LAPIC_REG_STEP)
		lapic_reg_set(l, off, LVT_MASKED);
	l->irr_words = l->isr_words = 0;
	l->esr_seen = 0;
	l->ppr_tpr = 0;
	l->page_changed = true;
	lapic_timer_stop(l);
}

/* Something was posted since somebody looked. */
static bool posted_any(const struct lapic *l)
{
	return __atomic_load_n(&l->posted.edge.control, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&l->posted.for_us, __ATOMIC_SEQ_CST);
}

/* Before the bits are looked at. */
static void posted_looked(struct lapic *l)
{
	if (__atomic_load_n(&l->posted.edge.control, __ATOMIC_RELAXED))
		__atomic_exchange_n(&l->posted.edge.control, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&l->posted.for_us, __ATOMIC_RELAXED))
		__atomic_exchange_n(&l->posted.for_us, 0, __ATOMIC_SEQ_CST);
}

void lapic_init(struct lapic *l, const struct lapic_setup *setup)
{
	memset(l, 0, sizeof(*l));
	l->regs = setup->page;
	l->id = setup->id;
	l->bsp = setup->bsp;
	l->x2apic_ok = setup->x2apic;
	l->phys_bits = setup->phys_bits;
	l->ops = setup->ops;
	l->ctx = setup->ctx;
	lapic_reset(l, false);
}

void lapic_reset(struct lapic *l, bool init)
{
	if (!init)
		__atomic_store_n(&l->base,
				 MACHINE_LAPIC_BASE | APIC_BASE_EN | (l->bsp ? APIC_BASE_BSP : 0),
				 __ATOMIC_RELAXED);
	/* In lapic_fold()'s order: what arrives meanwhile is lost or found, not forgotten. */
	posted_looked(l);
	for (u32 i = 0; i < ARRAY_SIZE(l->posted.level); i++) {
		__atomic_exchange_n(&l->posted.edge.requests[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&l->posted.level[i], 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&l->posted.illegal, 0, __ATOMIC_RELAXED);
	l->lint = 0;
	lapic_pv_eoi_set(l, NULL);
	reset_registers(l);
}

void lapic_virtual_wire(struct lapic *l)
{
	lapic_reg_set(l, LAPIC_SVR, SVR_ENABLE | SVR_RESET);
	lapic_reg_set(l, LAPIC_LVT_LINT0, LAPIC_EXTINT << LVT_MODE_SHIFT);
	lapic_reg_set(l, LAPIC_LVT_LINT1, LAPIC_NMI << LVT_MODE_SHIFT);
}

/* --- vector bitmaps ------------------------------------------------------ */

/* Which registers of IRR or ISR are worth a look. */
static u8 *words_of(struct lapic *l, u32 bitmap)
{
	return bitmap == LAPIC_IRR ? &l->irr_words : &l->isr_words;
}

static u32 vector_reg(u32 bitmap, u32 word)
{
	return bitmap + word * LAPIC_REG_STEP;
}

static bool vector_test(const struct lapic *l, u32 bitmap, u8 v)
{
	return lapic_reg(l, vector_reg(bitmap, LAPIC_VECTOR_WORD(v))) & LAPIC_VECTOR_BIT(v);
}

static void vector_set(struct lapic *l, u32 bitmap, u8 v, bool on)
{
	u32 off = vector_reg(bitmap, LAPIC_VECTOR_WORD(v));
	u32 old = lapic_reg(l, off);

	lapic_reg_set(l, off, on ? old | LAPIC_VECTOR_BIT(v) : old & ~LAPIC_VECTOR_BIT(v));
	if (on && bitmap != LAPIC_TMR)
		*words_of(l, bitmap) |= (u8)BIT(LAPIC_VECTOR_WORD(v));
	l->page_changed = true;
}

/* Of IRR or ISR; -1: none. */
static int vector_highest(struct lapic *l, u32 bitmap)
{
	u8 *words = words_of(l, bitmap);

	while (*words) {
		u32 word = 31 - (u32)__builtin_clz(*words);
		u32 bits = lapic_reg(l, vector_reg(bitmap, word));

		if (bits)
			return (int)(word * 32) + 31 - __builtin_clz(bits);
		*words &= (u8)~BIT(word);
	}
	return -1;
}

static u32 vector_count(struct lapic *l, u32 bitmap)
{
	u32 n = 0;

	for (u32 words = *words_of(l, bitmap); words; words &= words - 1) {
		u32 word = (u32)__builtin_ctz(words);

		n += (u32)__builtin_popcount(lapic_reg(l, vector_reg(bitmap, word)));
	}
	return n;
}

/* --- arrival ------------------------------------------------------------- */

enum lapic_wake lapic_post(struct lapic *l, u8 vector, bool level)
{
	struct lapic_posted *p = &l->posted;
	u64 *map = level ? p->level : p->edge.requests;

	if (vector < LAPIC_FIRST_VECTOR)
		__atomic_store_n(&p->illegal, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_or(&map[vector / 64], BIT64(vector % 64), __ATOMIC_RELAXED);
	/* The bit is visible before the flag, and whoever takes bits in clears the flag
	 * before: nothing is lost, at worst one look too many. */
	if (level || vector < LAPIC_FIRST_VECTOR || vector_test(l, LAPIC_TMR, vector))
		return __atomic_exchange_n(&p->for_us, 1, __ATOMIC_SEQ_CST) ? LAPIC_WAKE_NONE :
									      LAPIC_WAKE_KICK;
	return __atomic_exchange_n(&p->edge.control, POSTED_OUTSTANDING, __ATOMIC_SEQ_CST) ?
		LAPIC_WAKE_NONE : LAPIC_WAKE_NOTIFY;
}

static u32 take_posted(u64 *map, u32 word)
{
	u32 shift = word % 2 * 32;
	u64 mask = 0xffffffffull << shift;

	if (!(__atomic_load_n(&map[word / 2], __ATOMIC_RELAXED) & mask))
		return 0;
	return (u32)((__atomic_fetch_and(&map[word / 2], ~mask, __ATOMIC_RELAXED) & mask) >>
		     shift);
}

void lapic_fold(struct lapic *l)
{
	bool accepts = lapic_enabled(l) && (lapic_reg(l, LAPIC_SVR) & SVR_ENABLE);

	if (!posted_any(l))
		return;
	posted_looked(l);
	if (__atomic_exchange_n(&l->posted.illegal, 0, __ATOMIC_RELAXED) && accepts)
		lapic_error(l, ESR_RECV_ILLEGAL);
	for (u32 word = 0; word < LAPIC_VECTOR_REGS; word++) {
		u32 edge = take_posted(l->posted.edge.requests, word);
		u32 level = take_posted(l->posted.level, word);
		u32 irr = vector_reg(LAPIC_IRR, word), tmr = vector_reg(LAPIC_TMR, word);

		if (!(edge | level))
			continue;
		if (!accepts) {
			l->dropped_disabled += (u32)__builtin_popcount(edge | level);
			continue;
		}
		lapic_reg_set(l, irr, lapic_reg(l, irr) | edge | level);
		l->irr_words |= (u8)BIT(word);
		lapic_reg_set(l, tmr, (lapic_reg(l, tmr) & ~edge) | level);
		l->page_changed = true;
	}
}

void lapic_request(struct lapic *l, u8 vector, bool level)
{
	vector_set(l, LAPIC_IRR, vector, true);
	vector_set(l, LAPIC_TMR, vector, level);
}

/* Detection of an error raises the error interrupt once per bit until the
 * guest writes ESR (SDM 11.5.3). */
void lapic_error(struct lapic *l, u32 esr_bit)
{
	if (l->esr_seen & esr_bit)
		return;
	l->esr_seen |= esr_bit;
	lapic_lvt_deliver(l, LAPIC_LVT_ERROR);
}

/* A local source fired. ExtINT is the 8259's business (lapic_extint_open());
 * SMI and INIT by LVT have no use in a guest and do nothing. */
void lapic_lvt_deliver(struct lapic *l, u32 lvt_off)
{
	u32 lvt = lapic_reg(l, lvt_off);

	if (lvt & LVT_MASKED)
		return;
	switch ((lvt & LVT_MODE) >> LVT_MODE_SHIFT) {
	case LAPIC_FIXED:
		if ((lvt & LVT_VECTOR) < LAPIC_FIRST_VECTOR)
			lapic_error(l, ESR_RECV_ILLEGAL);
		else
			lapic_request(l, (u8)(lvt & LVT_VECTOR), false);
		break;
	case LAPIC_NMI:
		l->ops->nmi(l->ctx);
		break;
	default:
		break;
	}
}

void lapic_lint(struct lapic *l, u8 pin, bool level)
{
	u8 bit = (u8)BIT(pin & 1);
	bool was = l->lint & bit;

	l->lint = (u8)(level ? l->lint | bit : l->lint & ~bit);
	if (level && !was && lapic_enabled(l))
		lapic_lvt_deliver(l, pin & 1 ? LAPIC_LVT_LINT1 : LAPIC_LVT_LINT0);
}

/* With the APIC disabled by its MSR, LINT0 is the processor's INTR pin. */
bool lapic_extint_open(const struct lapic *l)
{
	u32 lvt = lapic_reg(l, LAPIC_LVT_LINT0);

	if (!lapic_enabled(l))
		return true;
	return !(lvt & LVT_MASKED) && (lvt & LVT_MODE) >> LVT_MODE_SHIFT == LAPIC_EXTINT;
}

/* --- priorities and delivery ----------------------------------------------- */

/* Of a vector, 0 of none. */
static u32 class_of(int vector)
{
	return vector < 0 ? 0 : (u32)vector & PRIORITY_CLASS;
}

/* PPR is the higher of TPR and the class in service (SDM 11.8.3.1). */
void lapic_update_ppr(struct lapic *l)
{
	u32 tpr = lapic_reg(l, LAPIC_TPR);
	u32 isrv = class_of(vector_highest(l, LAPIC_ISR));

	lapic_reg_set(l, LAPIC_PPR, (tpr & PRIORITY_CLASS) >= isrv ? tpr : isrv);
	l->ppr_tpr = tpr;
}

bool lapic_has_work(struct lapic *l)
{
	return posted_any(l) || vector_highest(l, LAPIC_IRR) >= 0;
}

int lapic_pending(struct lapic *l)
{
	lapic_fold(l);
	l->requested = lapic_enabled(l) ? vector_highest(l, LAPIC_IRR) : -1;
	if (class_of(l->requested) <= (lapic_reg(l, LAPIC_PPR) & PRIORITY_CLASS))
		return -1;
	return l->requested;
}

u8 lapic_tpr_threshold(struct lapic *l)
{
	u32 requested = class_of(l->requested);

	if (!requested || requested > (lapic_reg(l, LAPIC_TPR) & PRIORITY_CLASS) ||
	    requested <= class_of(vector_highest(l, LAPIC_ISR)))
		return 0;
	return (u8)(requested >> 4);
}

struct lapic_view lapic_view(const struct lapic *l)
{
	struct lapic_view view = { -1, -1 };

	for (u32 v = 0; v < 32 * LAPIC_VECTOR_REGS; v++) {
		u64 posted = __atomic_load_n(&l->posted.edge.requests[v / 64], __ATOMIC_RELAXED) |
			     __atomic_load_n(&l->posted.level[v / 64], __ATOMIC_RELAXED);

		if ((posted >> v % 64 & 1) || vector_test(l, LAPIC_IRR, (u8)v))
			view.requested = (int)v;
		if (vector_test(l, LAPIC_ISR, (u8)v))
			view.in_service = (int)v;
	}
	return view;
}

void lapic_accept(struct lapic *l, u8 vector)
{
	vector_set(l, LAPIC_IRR, vector, false);
	vector_set(l, LAPIC_ISR, vector, true);
	lapic_update_ppr(l);
}

void lapic_eoi(struct lapic *l)
{
	int v = vector_highest(l, LAPIC_ISR);

	if (v < 0)
		return;
	vector_set(l, LAPIC_ISR, (u8)v, false);
	lapic_update_ppr(l);
	if (vector_test(l, LAPIC_TMR, (u8)v))
		l->ops->eoi(l->ctx, (u8)v);
}

u8 lapic_cr8(const struct lapic *l)
{
	return (u8)(lapic_reg(l, LAPIC_TPR) >> 4);
}

void lapic_set_cr8(struct lapic *l, u8 cr8)
{
	/* CR8 has no sub-class; a TPR that has one keeps it when nothing changed. */
	if (lapic_cr8(l) != (cr8 & 0xf))
		lapic_reg_set(l, LAPIC_TPR, (u32)(cr8 & 0xf) << 4);
	if (lapic_reg(l, LAPIC_TPR) != l->ppr_tpr)
		lapic_update_ppr(l);
}

/* --- delivery by the processor ------------------------------------------ */

/* One that software disabled keeps what it has and takes nothing new (SDM
 * 11.4.7.2), which no processor does by itself: it counts as off. */
enum apic_mode lapic_mode(const struct lapic *l)
{
	if (!lapic_enabled(l) || !(lapic_reg(l, LAPIC_SVR) & SVR_ENABLE))
		return APIC_OFF;
	return lapic_x2apic(l) ? APIC_X2APIC : APIC_XAPIC;
}

static void delivery_state(struct lapic *l, struct apic_delivery *state)
{
	int requested = vector_highest(l, LAPIC_IRR), in_service = vector_highest(l, LAPIC_ISR);

	state->requested = (u8)MAX(requested, 0);
	state->in_service = (u8)MAX(in_service, 0);
	for (u32 word = 0; word < LAPIC_VECTOR_REGS; word += 2)
		state->eoi_exits[word / 2] = lapic_reg(l, vector_reg(LAPIC_TMR, word)) |
			(u64)lapic_reg(l, vector_reg(LAPIC_TMR, word + 1)) << 32;
}

bool lapic_delivery(struct lapic *l, struct apic_delivery *state)
{
	bool changed;

	lapic_fold(l);
	changed = l->page_changed;
	if (changed)
		delivery_state(l, state);
	l->page_changed = false;
	/* From here on the processor sets bits in the page. */
	l->irr_words = l->isr_words = 0xff;
	return changed;
}

void lapic_eoi_done(struct lapic *l, u8 vector)
{
	if (vector_test(l, LAPIC_TMR, vector))
		l->ops->eoi(l->ctx, vector);
}

/* --- PV EOI ---------------------------------------------------------------- */

void lapic_pv_eoi_set(struct lapic *l, u8 *byte)
{
	l->pv_eoi = byte;
	l->pv_eoi_armed = false;
}

/*
 * The guest learns of the permission in the byte, and says "done" by clearing
 * it. That must be unambiguous and of no consequence but ISR: one vector in
 * service (or none and one on offer), edge-triggered, nothing waiting behind it.
 */
void lapic_pv_eoi_enter(struct lapic *l, int offered)
{
	u32 serving, waiting;
	int v;

	if (!l->pv_eoi)
		return;
	serving = vector_count(l, LAPIC_ISR);
	waiting = vector_count(l, LAPIC_IRR);
	if (serving + waiting != 1 || posted_any(l))
		return;
	v = serving ? vector_highest(l, LAPIC_ISR) : offered;
	if (v < 0 || vector_test(l, LAPIC_TMR, (u8)v))
		return;
	l->pv_eoi_armed = true;
	__atomic_store_n(l->pv_eoi, PV_EOI_PERMITTED, __ATOMIC_RELAXED);
}

void lapic_pv_eoi_exit(struct lapic *l)
{
	u8 left;

	if (!l->pv_eoi_armed)
		return;
	l->pv_eoi_armed = false;
	left = __atomic_exchange_n(l->pv_eoi, 0, __ATOMIC_RELAXED);
	if (left & PV_EOI_PERMITTED)
		return;
	l->pv_eois++;
	lapic_eoi(l);
}
