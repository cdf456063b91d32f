/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC against what the SDM says and what Linux does with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/lapic.h"
#include "tests/host/plat_host.h"

#define PAGE 0xfee00000u

/* Register offsets as the SDM's table 11-1 has them. */
enum {
	ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0,
	SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300,
	ICR_HIGH = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360,
	LVT_ERROR = 0x370, INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0, SELF_IPI = 0x3f0,
};

#define MASKED (1u << 16)
#define PERIODIC (1u << 17)
#define DEADLINE (2u << 17)

struct fixture {
	struct lapic l[4];
	u32 page[4][LAPIC_PAGE_BYTES / 4];
	struct lapic_ipi ipi;
	u32 ipis, nmis, eois;
	u8 eoi_vector;
	u64 tsc_zero_ns; /* time at which the guest's TSC was 0; 1 tick = 1/2 ns */
};

static struct fixture *f;

static void on_ipi(void *ctx, const struct lapic_ipi *ipi)
{
	(void)ctx;
	f->ipi = *ipi;
	f->ipis++;
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	f->eoi_vector = vector;
	f->eois++;
}

static void on_nmi(void *ctx)
{
	(void)ctx;
	f->nmis++;
}

static u64 tsc_to_ns(void *ctx, u64 tsc)
{
	(void)ctx;
	return f->tsc_zero_ns + tsc / 2;
}

static const struct lapic_ops ops = { on_ipi, on_eoi, on_nmi, tsc_to_ns };

static int setup(void **state)
{
	(void)state;
	host_now_ns = 1000000;
	f = aligned_alloc(64, ALIGN_UP(sizeof(*f), 64));
	memset(f, 0, sizeof(*f));
	for (u32 i = 0; i < 4; i++) {
		const struct lapic_setup s = { .id = i, .bsp = i == 0, .x2apic = true,
					       .phys_bits = 40, .page = f->page[i], .ops = &ops };

		lapic_init(&f->l[i], &s);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f);
	return 0;
}

static u32 rd(struct lapic *l, u32 off)
{
	struct io_access a = { .addr = off, .value = ~0ull, .size = 4 };

	lapic_mmio(l, &a);
	return (u32)a.value;
}

static void wr(struct lapic *l, u32 off, u32 value)
{
	struct io_access a = { .addr = off, .value = value, .size = 4, .write = true };

	lapic_mmio(l, &a);
}

static u64 rdmsr(struct lapic *l, u32 msr)
{
	u64 v = 0;

	assert_true(lapic_msr_read(l, msr, &v));
	return v;
}

static void enable(struct lapic *l)
{
	wr(l, SVR, 0x1ff);
}

static void enter_x2apic(struct lapic *l)
{
	assert_true(lapic_msr_write(l, MSR_APIC_BASE, rdmsr(l, MSR_APIC_BASE) | APIC_BASE_EXTD));
}

/* What the run loop does when the guest takes what was offered. */
static int deliver(struct lapic *l)
{
	int v = lapic_pending(l);

	if (v >= 0)
		lapic_accept(l, (u8)v);
	return v;
}

/* --- registers --------------------------------------------------------------- */

static void reset_state(void **state)
{
	struct lapic *l = &f->l[1];

	(void)state;
	assert_int_equal(rd(l, ID), 1u << 24);
	assert_int_equal(rd(l, VERSION) & 0xff, 0x14);
	assert_int_equal(rd(l, VERSION) >> 16, 5);
	assert_int_equal(rd(l, DFR), 0xffffffff);
	assert_int_equal(rd(l, SVR), 0xff);
	assert_int_equal(rd(l, LVT_LINT0), MASKED);
	assert_int_equal(rd(l, LVT_ERROR), MASKED);
	assert_int_equal(rdmsr(l, MSR_APIC_BASE), PAGE | APIC_BASE_EN);
	assert_int_equal(rdmsr(&f->l[0], MSR_APIC_BASE), PAGE | APIC_BASE_EN | APIC_BASE_BSP);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	assert_false(lapic_has_work(l));
}

static void mmio_widths(void **state)
{
	struct lapic *l = &f->l[1];
	struct io_access a = { .addr = ID + 3, .value = ~0ull, .size = 1 };

	(void)state;
	lapic_mmio(l, &a);
	assert_int_equal(a.value & 0xff, 1);
	/* A narrow write is undefined: nothing but an error. */
	enable(l);
	a = (struct io_access){ .addr = TPR, .value = 0x20, .size = 1, .write = true };
	lapic_mmio(l, &a);
	assert_int_equal(rd(l, TPR), 0);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 1u << 7);
}

static void illegal_register_raises_error(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, LVT_ERROR, 0xfe);
	assert_int_equal(rd(l, 0x3c0), 0);
	assert_int_equal(lapic_pending(l), 0xfe);
	/* Once until ESR is written. */
	lapic_accept(l, 0xfe);
	wr(l, EOI, 0);
	rd(l, 0x3c0);
	assert_int_equal(lapic_pending(l), -1);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 1u << 7);
	rd(l, 0x3c0);
	assert_int_equal(lapic_pending(l), 0xfe);
}

static void error_vector_below_16_does_not_recurse(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, LVT_ERROR, 3);
	rd(l, 0x3c0);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 1u << 7 | 1u << 6);
	assert_int_equal(lapic_pending(l), -1);
}

static void software_disable(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	/* Not accepted before the enable, LVT entries cannot be unmasked. */
	lapic_post(l, 0x40, false);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(l->dropped_disabled, 1);
	wr(l, LVT_LINT0, 0x50);
	assert_int_equal(rd(l, LVT_LINT0), MASKED | 0x50);
	enable(l);
	wr(l, LVT_LINT0, 0x50);
	lapic_post(l, 0x41, false);
	wr(l, SVR, 0xff);
	assert_int_equal(rd(l, LVT_LINT0), MASKED | 0x50);
	/* What had arrived stays. */
	assert_int_equal(lapic_pending(l), 0x41);
}

/* --- priorities ----------------------------------------------------------------- */

static void priorities(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	assert_int_equal(lapic_post(l, 0x35, false), LAPIC_WAKE_NOTIFY);
	assert_int_equal(lapic_post(l, 0x71, false), LAPIC_WAKE_NONE); /* nobody looked since */
	assert_true(lapic_has_work(l));
	assert_int_equal(deliver(l), 0x71);
	assert_int_equal(rd(l, PPR), 0x70);
	assert_int_equal(deliver(l), -1);
	lapic_post(l, 0x7f, false); /* same class: waits */
	assert_int_equal(lapic_view(l).requested, 0x7f);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_view(l).requested, 0x7f);
	assert_int_equal(lapic_view(l).in_service, 0x71);
	lapic_post(l, 0x80, false);
	assert_int_equal(deliver(l), 0x80);
	wr(l, EOI, 0);
	assert_int_equal(rd(l, PPR), 0x70);
	wr(l, EOI, 0);
	assert_int_equal(rd(l, PPR), 0);
	assert_int_equal(deliver(l), 0x7f);
	wr(l, EOI, 0);
	wr(l, TPR, 0x30);
	assert_int_equal(lapic_pending(l), -1);
	lapic_set_cr8(l, 2);
	assert_int_equal(rd(l, TPR), 0x20);
	assert_int_equal(lapic_cr8(l), 2);
	wr(l, TPR, 0x25);
	lapic_set_cr8(l, 2); /* as read: the sub-class stays */
	assert_int_equal(rd(l, TPR), 0x25);
	assert_int_equal(deliver(l), 0x35);
	wr(l, EOI, 0);
	wr(l, EOI, 0); /* nothing in service: no effect */
	assert_int_equal(f->eois, 0);
	assert_false(lapic_has_work(l));
	assert_int_equal(lapic_view(l).requested, -1);
	assert_int_equal(lapic_view(l).in_service, -1);
}

static void level_trigger_broadcasts_eoi(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	assert_int_equal(lapic_post(l, 0x61, true), LAPIC_WAKE_KICK);
	assert_int_equal(deliver(l), 0x61);
	assert_int_equal(rd(l, TMR + 0x30), 1u << 1);
	wr(l, EOI, 0);
	assert_int_equal(f->eois, 1);
	assert_int_equal(f->eoi_vector, 0x61);
	/* The same vector as an edge clears TMR: no processor's notification does that. */
	assert_int_equal(lapic_post(l, 0x61, false), LAPIC_WAKE_KICK);
	assert_int_equal(lapic_post(l, 0x61, false), LAPIC_WAKE_NONE);
	assert_int_equal(deliver(l), 0x61);
	wr(l, EOI, 0);
	assert_int_equal(f->eois, 1);
	assert_int_equal(lapic_post(l, 0x61, false), LAPIC_WAKE_NOTIFY);
	assert_int_equal(deliver(l), 0x61);
	wr(l, EOI, 0);
	/* Each way asks once; one that was asked for hides no other. */
	assert_int_equal(lapic_post(l, 0x71, false), LAPIC_WAKE_NOTIFY);
	assert_int_equal(lapic_post(l, 0x81, true), LAPIC_WAKE_KICK);
	assert_int_equal(lapic_post(l, 3, false), LAPIC_WAKE_NONE);
	assert_int_equal(deliver(l), 0x81);
	assert_false(l->posted.edge.control || l->posted.for_us || l->posted.illegal);
}

/* The class that the task priority must fall below, when it alone is in the way. */
static void tpr_threshold(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 0);
	wr(l, TPR, 0x68);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 0);
	lapic_post(l, 0x51, false);
	lapic_post(l, 0x42, false);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 5);
	lapic_post(l, 0x6f, false);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 6);
	lapic_set_cr8(l, 5);
	assert_int_equal(lapic_pending(l), 0x6f);
	assert_int_equal(lapic_tpr_threshold(l), 0);
	/* In service: the same class waits for the EOI, whatever the priority. */
	lapic_accept(l, 0x6f);
	lapic_post(l, 0x60, false);
	assert_int_equal(lapic_pending(l), -1);
	wr(l, TPR, 0x90);
	assert_int_equal(lapic_tpr_threshold(l), 0);
	lapic_post(l, 0x80, false);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 8);
	lapic_msr_write(l, MSR_APIC_BASE, PAGE);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_tpr_threshold(l), 0);
}

/* A processor that keeps TPR in the page writes no PPR there. */
static void tpr_in_the_page(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	lapic_post(l, 0x51, false);
	f->page[0][TPR / 4] = 0x50;
	lapic_set_cr8(l, 5);
	assert_int_equal(rd(l, PPR), 0x50);
	assert_int_equal(lapic_pending(l), -1);
	f->page[0][TPR / 4] = 0x40;
	lapic_set_cr8(l, 4);
	assert_int_equal(lapic_pending(l), 0x51);
}

/* Random operations, compared with sets of booleans. */
static void against_naive(void **state)
{
	struct lapic *l = &f->l[0];
	bool irr[256] = { 0 }, isr[256] = { 0 }, tmr[256] = { 0 };
	u32 seed = 1, tpr = 0, eois = 0;

	(void)state;
	enable(l);
	for (u32 step = 0; step < 20000; step++) {
		u32 vector, top = 0, ppr;
		int want = -1;

		seed = seed * 1664525 + 1013904223;
		vector = 16 + (seed >> 16) % 240;
		switch (seed >> 28) {
		case 0 ... 6:
			lapic_post(l, (u8)vector, seed & 0x100);
			irr[vector] = true;
			tmr[vector] = seed & 0x100;
			/* The bitmap has no order between levels and edges. */
			lapic_pending(l);
			break;
		case 7 ... 10:
			for (int v = 255; v >= 0; v--) {
				if (!isr[v])
					continue;
				isr[v] = false;
				eois += tmr[v];
				break;
			}
			wr(l, EOI, 0);
			break;
		case 11:
			tpr = (seed >> 16) & 0x7f;
			wr(l, TPR, tpr);
			break;
		default:
			break;
		}
		for (u32 v = 0; v < 256; v++)
			if (isr[v])
				top = v;
		ppr = (tpr & 0xf0) >= (top & 0xf0) ? tpr : top & 0xf0;
		for (int v = 0; v < 256; v++)
			if (irr[v] && (u32)(v & 0xf0) > (ppr & 0xf0))
				want = v;
		assert_int_equal(rd(l, PPR), ppr);
		assert_int_equal(lapic_pending(l), want);
		assert_int_equal(f->eois, eois);
		if (want >= 0 && (seed & 3)) {
			lapic_accept(l, (u8)want);
			irr[want] = false;
			isr[want] = true;
		}
	}
}

/* --- modes --------------------------------------------------------------------------- */

static void base_transitions(void **state)
{
	struct lapic *l = &f->l[0];
	u64 bsp = PAGE | APIC_BASE_BSP;

	(void)state;
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EXTD));
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EN | 1));
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EN | BIT64(40)));
	assert_true(lapic_claims(l, PAGE + 0xff0));
	assert_false(lapic_claims(l, PAGE + 0x1000));
	enable(l);
	enter_x2apic(l);
	assert_false(lapic_claims(l, PAGE));
	assert_int_equal(rd(l, SVR), ~0u); /* nobody answers there */
	wr(l, SVR, 0);
	assert_int_equal(rdmsr(l, 0x80f), 0x1ff); /* SVR survives */
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EN));
	assert_true(lapic_msr_write(l, MSR_APIC_BASE, bsp));
	assert_true(lapic_extint_open(l));
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EN | APIC_BASE_EXTD));
	assert_true(lapic_msr_write(l, MSR_APIC_BASE, bsp | APIC_BASE_EN));
	assert_int_equal(rd(l, SVR), 0xff); /* registers were reset */
	/* The BSP flag cannot be changed. */
	assert_true(lapic_msr_write(l, MSR_APIC_BASE, PAGE | APIC_BASE_EN));
	assert_int_equal(rdmsr(l, MSR_APIC_BASE), bsp | APIC_BASE_EN);
}

static void x2apic_not_offered(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	l->x2apic_ok = false;
	assert_false(lapic_msr_write(l, MSR_APIC_BASE, PAGE | APIC_BASE_EN | APIC_BASE_EXTD));
}

static void init_keeps_mode(void **state)
{
	struct lapic *l = &f->l[3];

	(void)state;
	enter_x2apic(l);
	lapic_msr_write(l, 0x80f, 0x1ff);
	lapic_post(l, 0x44, false);
	lapic_reset(l, true);
	assert_int_equal(rdmsr(l, 0x802), 3);
	assert_int_equal(rdmsr(l, 0x80d), 8);
	assert_int_equal(rdmsr(l, 0x80f), 0xff);
	assert_false(lapic_has_work(l));
	lapic_reset(l, false);
	assert_int_equal(rd(l, ID), 3u << 24);
}

/* As Linux does it: enable_x2apic(), setup_local_APIC(), then IPIs by ICR. */
static void x2apic_interface(void **state)
{
	struct lapic *l = &f->l[2];
	u64 v;

	(void)state;
	assert_false(lapic_msr_read(l, 0x802, &v));
	assert_false(lapic_msr_write(l, 0x80b, 0));
	enter_x2apic(l);
	assert_int_equal(rdmsr(l, 0x802), 2);
	assert_int_equal(rdmsr(l, 0x80d), 1u << 2);
	assert_true(lapic_msr_write(l, 0x80f, 0x1ff));
	assert_true(lapic_msr_write(l, 0x808, 0x10));
	assert_int_equal(rdmsr(l, 0x80a), 0x10);
	assert_true(lapic_msr_write(l, 0x828, 0));
	/* Faults: absent, read only, write only, reserved bits. */
	assert_false(lapic_msr_read(l, 0x80e, &v));
	assert_false(lapic_msr_read(l, 0x831, &v));
	assert_false(lapic_msr_read(l, 0x80b, &v));
	assert_false(lapic_msr_read(l, 0x8ff, &v));
	assert_false(lapic_msr_write(l, 0x802, 0));
	assert_false(lapic_msr_write(l, 0x80d, 0));
	assert_false(lapic_msr_write(l, 0x820, 0));
	assert_false(lapic_msr_write(l, 0x80b, 1));
	assert_false(lapic_msr_write(l, 0x828, 1));
	assert_false(lapic_msr_write(l, 0x808, 0x100));
	assert_false(lapic_msr_write(l, 0x80f, 0x2ff));
	assert_false(lapic_msr_write(l, 0x808, BIT64(32)));
	assert_false(lapic_msr_write(l, 0x830, 1u << 17));

	assert_true(lapic_msr_write(l, 0x830, 5ull << 32 | 0xfb));
	assert_int_equal(f->ipis, 1);
	assert_int_equal(f->ipi.dest, 5);
	assert_int_equal(f->ipi.vector, 0xfb);
	assert_true(f->ipi.wide);
	assert_int_equal(rdmsr(l, 0x830), 5ull << 32 | 0xfb);

	assert_true(lapic_msr_write(l, 0x83f, 0xf7));
	assert_int_equal(deliver(l), 0xf7);
	assert_true(lapic_msr_write(l, 0x80b, 0));
	assert_int_equal(f->ipis, 1);
}

/* --- delivery by the processor ------------------------------------------------------------ */

static void apic_modes(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	assert_int_equal(lapic_mode(l), APIC_OFF);
	enable(l);
	assert_int_equal(lapic_mode(l), APIC_XAPIC);
	enter_x2apic(l);
	assert_int_equal(lapic_mode(l), APIC_X2APIC);
	lapic_msr_write(l, 0x80f, 0xff);
	assert_int_equal(lapic_mode(l), APIC_OFF);
	lapic_msr_write(l, 0x80f, 0x1ff);
	assert_int_equal(lapic_mode(l), APIC_X2APIC);
	lapic_msr_write(l, MSR_APIC_BASE, PAGE);
	assert_int_equal(lapic_mode(l), APIC_OFF);
}

/* What the backend is told, before and after the processor changed the page. */
static void delivery_state(void **state)
{
	struct lapic *l = &f->l[0];
	struct apic_delivery d;

	(void)state;
	enable(l);
	enter_x2apic(l);
	assert_true(lapic_delivery(l, &d));
	assert_int_equal(d.requested, 0);
	assert_int_equal(d.in_service, 0);
	assert_false(lapic_delivery(l, &d));
	lapic_post(l, 0x41, true);
	lapic_post(l, 0xfe, true);
	lapic_post(l, 0x9a, false);
	assert_true(lapic_delivery(l, &d));
	assert_int_equal(d.requested, 0xfe);
	assert_int_equal(d.eoi_exits[0], 0);
	assert_int_equal(d.eoi_exits[1], BIT64(1));
	assert_int_equal(d.eoi_exits[2], 0);
	assert_int_equal(d.eoi_exits[3], BIT64(0xfe - 192));
	/* It moves FEh to ISR. */
	f->page[0][(IRR + 0x70) / 4] &= ~(1u << 30);
	f->page[0][(ISR + 0x70) / 4] |= 1u << 30;
	f->page[0][PPR / 4] = 0xf0;
	assert_int_equal(lapic_pending(l), -1);
	assert_false(lapic_delivery(l, &d));
	assert_true(lapic_msr_write(l, 0x83f, 0x31));
	assert_true(lapic_delivery(l, &d));
	assert_int_equal(d.requested, 0x9a);
	assert_int_equal(d.in_service, 0xfe);
	/* What it sets after that, here by a self-IPI, is found. */
	f->page[0][(IRR + 0x60) / 4] |= 1u << 5;
	f->page[0][PPR / 4] = 0;
	assert_int_equal(lapic_pending(l), 0xc5);
	lapic_eoi_done(l, 0xfe);
	assert_int_equal(f->eois, 1);
	assert_int_equal(f->eoi_vector, 0xfe);
	lapic_eoi_done(l, 0x9a); /* an edge: nobody waits for it */
	assert_int_equal(f->eois, 1);
}

/* Registers that the processor stored for us. */
static void stored_registers(void **state)
{
	struct lapic *l = &f->l[2];
	u32 *page = f->page[2];

	(void)state;
	enable(l);
	page[LVT_LINT0 / 4] = 0xfffea033;
	lapic_written(l, LVT_LINT0);
	assert_int_equal(rd(l, LVT_LINT0), 0xa033);
	page[ICR_HIGH / 4] = 7u << 24;
	page[ICR / 4] = 0x61;
	lapic_written(l, ICR);
	assert_int_equal(f->ipi.dest, 7);
	assert_false(f->ipi.wide);
	enter_x2apic(l);
	page[ICR_HIGH / 4] = 0x1234567;
	lapic_written(l, ICR);
	assert_int_equal(f->ipi.dest, 0x1234567);
	assert_int_equal(f->ipis, 2);
	page[SELF_IPI / 4] = 5;
	lapic_written(l, SELF_IPI);
	assert_true(lapic_msr_write(l, 0x828, 0));
	assert_int_equal(rdmsr(l, 0x828), 1u << 5 | 1u << 6);
	lapic_written(l, VERSION); /* not a register that can be written */
	assert_true(lapic_msr_write(l, 0x828, 0));
	assert_int_equal(rdmsr(l, 0x828), 1u << 7);
}

/* --- messages ---------------------------------------------------------------------------- */

/* wakeup_secondary_cpu_via_init(): INIT, de-assert, SIPI. */
static void init_sipi(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, ICR_HIGH, 1u << 24);
	wr(l, ICR, 0xc500);
	assert_int_equal(f->ipis, 1);
	assert_int_equal(f->ipi.mode, LAPIC_INIT);
	assert_int_equal(f->ipi.dest, 1);
	wr(l, ICR, 0x8500);
	assert_int_equal(f->ipis, 1);
	wr(l, ICR, 0x0600 | 0x9a);
	assert_int_equal(f->ipis, 2);
	assert_int_equal(f->ipi.mode, LAPIC_STARTUP);
	assert_int_equal(f->ipi.vector, 0x9a);
	assert_false(rd(l, ICR) & 1u << 12);
}

static void icr_forms(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, ICR, 1u << 18 | 0x50); /* self */
	assert_int_equal(f->ipis, 0);
	assert_int_equal(deliver(l), 0x50);
	wr(l, ICR, 3u << 18 | LAPIC_NMI << 8);
	assert_int_equal(f->ipi.shorthand, LAPIC_TO_OTHERS);
	assert_int_equal(f->ipi.mode, LAPIC_NMI);
	wr(l, ICR, 1u << 18 | LAPIC_NMI << 8);
	assert_int_equal(f->ipis, 2);
	/* A vector below 16 is not sent. */
	wr(l, ICR, 5);
	assert_int_equal(f->ipis, 2);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 1u << 5);
	/* ... and not taken. */
	lapic_post(l, 5, false);
	assert_int_equal(lapic_pending(l), -1);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 1u << 6);
}

static u64 to(u32 sender, struct lapic_ipi ipi)
{
	struct lapic *all[4] = { &f->l[0], &f->l[1], &f->l[2], &f->l[3] };

	return lapic_targets(all, 4, sender, &ipi);
}

#define TO(s, ...) to(s, (struct lapic_ipi){ __VA_ARGS__ })

static void destinations_xapic(void **state)
{
	(void)state;
	assert_int_equal(TO(0, .dest = 2), 1u << 2);
	assert_int_equal(TO(0, .dest = 9), 0);
	assert_int_equal(TO(0, .dest = 0xff), 0xf);
	assert_int_equal(TO(0, .shorthand = LAPIC_TO_OTHERS), 0xe);
	assert_int_equal(TO(2, .shorthand = LAPIC_TO_ALL), 0xf);
	assert_int_equal(TO(2, .shorthand = LAPIC_TO_SELF), 0x4);
	/* Flat: Linux gives CPU n the bit n. */
	for (u32 i = 0; i < 4; i++)
		wr(&f->l[i], LDR, 1u << (24 + i));
	assert_int_equal(TO(0, .dest = 0xa, .logical = true), 0xa);
	/* Cluster 1: CPUs 2 and 3. */
	for (u32 i = 0; i < 4; i++) {
		wr(&f->l[i], DFR, 0x0fffffff);
		wr(&f->l[i], LDR, (i / 2) << 28 | 1u << (24 + i % 2));
	}
	assert_int_equal(rd(&f->l[0], DFR), 0x0fffffff);
	assert_int_equal(TO(0, .dest = 0x13, .logical = true), 0xc);
	assert_int_equal(TO(0, .dest = 0x02, .logical = true), 0x2);
	/* A disabled APIC gets nothing. */
	lapic_msr_write(&f->l[3], MSR_APIC_BASE, PAGE);
	assert_int_equal(TO(0, .shorthand = LAPIC_TO_OTHERS), 0x6);
}

static void destinations_x2apic(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		enter_x2apic(&f->l[i]);
	assert_int_equal(TO(0, .dest = 3, .wide = true), 8);
	assert_int_equal(TO(0, .dest = 0xff, .wide = true), 0);
	assert_int_equal(TO(0, .dest = 0xffffffff, .wide = true), 0xf);
	assert_int_equal(TO(0, .dest = 0x0000000c, .wide = true, .logical = true), 0xc);
	assert_int_equal(TO(0, .dest = 0x0001000c, .wide = true, .logical = true), 0);
	/* Messages of I/O APICs and MSIs have eight bits. */
	assert_int_equal(TO(64, .dest = 0xff), 0xf);
	assert_int_equal(TO(64, .dest = 0x06, .logical = true), 0x6);
}

static void lowest_priority(void **state)
{
	u64 first, second;

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		wr(&f->l[i], LDR, 1u << (24 + i));
		enable(&f->l[i]);
	}
	wr(&f->l[0], TPR, 0x20);
	first = TO(64, .dest = 0xf, .logical = true, .mode = LAPIC_LOWEST, .vector = 0x30);
	second = TO(64, .dest = 0xf, .logical = true, .mode = LAPIC_LOWEST, .vector = 0x31);
	assert_int_equal(__builtin_popcountll(first), 1);
	assert_int_equal(__builtin_popcountll(second), 1);
	assert_int_not_equal(first, second);
	assert_false((first | second) & 1);
	assert_int_equal(TO(64, .dest = 0x1, .logical = true, .mode = LAPIC_LOWEST), 1);
	assert_int_equal(TO(64, .dest = 0x80, .logical = true, .mode = LAPIC_LOWEST), 0);
	/* One that software has not enabled takes nothing: the others do, or nobody. */
	lapic_reset(&f->l[1], true);
	wr(&f->l[1], LDR, 1u << 25);
	assert_int_equal(TO(64, .dest = 0x3, .logical = true, .mode = LAPIC_LOWEST), 1);
	assert_int_equal(TO(64, .dest = 0x2, .logical = true, .mode = LAPIC_LOWEST), 0);
}

static void msi_messages(void **state)
{
	struct lapic_ipi m;

	(void)state;
	assert_true(lapic_from_msi(0xfee03004, 0x4123, &m));
	assert_int_equal(m.dest, 3);
	assert_true(m.logical);
	assert_int_equal(m.vector, 0x23);
	assert_int_equal(m.mode, LAPIC_LOWEST);
	assert_false(m.level);
	assert_true(lapic_from_msi(0xfeeff000, 0x8041, &m));
	assert_int_equal(m.dest, 0xff);
	assert_true(m.level);
	assert_false(lapic_from_msi(0, 0x41, &m));
	assert_false(lapic_from_msi(0x1fee00000, 0x41, &m));
}

static void lint_pins(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	assert_false(lapic_extint_open(l));
	lapic_virtual_wire(l);
	assert_true(lapic_extint_open(l));
	lapic_lint(l, 1, true);
	lapic_lint(l, 1, true);
	assert_int_equal(f->nmis, 1);
	lapic_lint(l, 1, false);
	lapic_lint(l, 1, true);
	assert_int_equal(f->nmis, 2);
	lapic_lint(l, 0, true); /* ExtINT: not our vector */
	assert_int_equal(lapic_pending(l), -1);
	wr(l, LVT_LINT0, 0x33);
	lapic_lint(l, 0, false);
	lapic_lint(l, 0, true);
	assert_int_equal(deliver(l), 0x33);
}

/* --- timer ------------------------------------------------------------------------------- */

static void timer_one_shot(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, DIVIDE, 0x3); /* by 16 */
	wr(l, LVT_TIMER, 0xec);
	wr(l, INITIAL, 1000);
	assert_int_equal(lapic_timer_deadline_ns(l), host_now_ns + 16000);
	host_now_ns += 4000;
	assert_int_equal(rd(l, CURRENT), 750);
	wr(l, DIVIDE, 0xb); /* by 1: the count stays */
	assert_int_equal(rd(l, CURRENT), 750);
	assert_int_equal(lapic_timer_deadline_ns(l), host_now_ns + 750);
	lapic_timer_poll(l, host_now_ns + 749);
	assert_int_equal(lapic_pending(l), -1);
	host_now_ns += 750;
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(deliver(l), 0xec);
	assert_int_equal(rd(l, CURRENT), 0);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	wr(l, EOI, 0);
	/* 0 stops. */
	wr(l, INITIAL, 5);
	wr(l, INITIAL, 0);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
}

static void timer_masked_expiry_is_lost(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	wr(l, DIVIDE, 0xb);
	wr(l, LVT_TIMER, MASKED | 0xec);
	wr(l, INITIAL, 1000);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	host_now_ns += 400;
	assert_int_equal(rd(l, CURRENT), 600); /* it counts: Linux calibrates so */
	host_now_ns += 5000;
	wr(l, LVT_TIMER, 0xec);
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(rd(l, CURRENT), 0);
}

static void timer_periodic_coalesces(void **state)
{
	struct lapic *l = &f->l[0];
	u64 start = host_now_ns;

	(void)state;
	enable(l);
	wr(l, DIVIDE, 0xb);
	wr(l, LVT_TIMER, PERIODIC | 0xec);
	wr(l, INITIAL, 1000000);
	host_now_ns += 1000000;
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(deliver(l), 0xec);
	wr(l, EOI, 0);
	/* Ten and a half periods late: one interrupt, and the grid is kept. */
	host_now_ns += 10500000;
	lapic_timer_poll(l, host_now_ns);
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(deliver(l), 0xec);
	wr(l, EOI, 0);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(l->ticks_coalesced, 9);
	assert_int_equal(lapic_timer_deadline_ns(l), start + 12000000);
	assert_int_equal(rd(l, CURRENT), 500000);
}

/* A period of one tick is no way to keep the node busy. */
static void timer_shortest_period(void **state)
{
	struct lapic *l = &f->l[0];
	u32 fired = 0;

	(void)state;
	enable(l);
	wr(l, DIVIDE, 0xb);
	wr(l, LVT_TIMER, PERIODIC | 0xec);
	wr(l, INITIAL, 1);
	for (u32 i = 0; i < 1000; i++) {
		host_now_ns += 1000;
		lapic_timer_poll(l, host_now_ns);
		if (deliver(l) >= 0) {
			fired++;
			wr(l, EOI, 0);
		}
		assert_true(rd(l, CURRENT) <= 1);
	}
	assert_in_range(fired, 1, 60);
}

static void timer_tsc_deadline(void **state)
{
	struct lapic *l = &f->l[0];

	(void)state;
	enable(l);
	f->tsc_zero_ns = 500000;
	/* Ignored outside the mode. */
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 12345));
	assert_int_equal(rdmsr(l, MSR_TSC_DEADLINE), 0);
	wr(l, LVT_TIMER, DEADLINE | 0xec);
	wr(l, INITIAL, 77);
	assert_int_equal(rd(l, INITIAL), 0);
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 2000000));
	assert_int_equal(lapic_timer_deadline_ns(l), 1500000);
	assert_int_equal(rdmsr(l, MSR_TSC_DEADLINE), 2000000);
	/* Disarm, arm again, fire. */
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 0));
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 2000000));
	/* The guest moves its TSC forward: due earlier. */
	f->tsc_zero_ns -= 100000;
	lapic_timer_retime(l);
	assert_int_equal(lapic_timer_deadline_ns(l), 1400000);
	host_now_ns = 1400000;
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(deliver(l), 0xec);
	assert_int_equal(rdmsr(l, MSR_TSC_DEADLINE), 0);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	wr(l, EOI, 0);
	/* In the past: at once. */
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 1));
	assert_true(lapic_timer_deadline_ns(l) <= host_now_ns);
	lapic_timer_poll(l, host_now_ns);
	assert_int_equal(deliver(l), 0xec);
	/* Leaving the mode disarms. */
	assert_true(lapic_msr_write(l, MSR_TSC_DEADLINE, 1ull << 60));
	wr(l, LVT_TIMER, 0xec);
	assert_int_equal(lapic_timer_deadline_ns(l), UINT64_MAX);
	assert_int_equal(rdmsr(l, MSR_TSC_DEADLINE), 0);
}

/* --- PV EOI ------------------------------------------------------------------------------- */

static void pv_eoi_in_one_run(void **state)
{
	struct lapic *l = &f->l[0];
	u8 byte = 0;
	int v;

	(void)state;
	enable(l);
	lapic_pv_eoi_set(l, &byte);
	lapic_post(l, 0x41, false);
	v = lapic_pending(l);
	lapic_pv_eoi_enter(l, v);
	assert_int_equal(byte, 1);
	byte = 0; /* the guest took it and ended it */
	lapic_accept(l, (u8)v);
	lapic_pv_eoi_exit(l);
	assert_int_equal(rd(l, ISR + 0x20), 0);
	assert_int_equal(rd(l, PPR), 0);
	assert_int_equal(l->pv_eois, 1);
	/* Nothing there: not armed. */
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	lapic_pv_eoi_exit(l);
	assert_int_equal(l->pv_eois, 1);
}

static void pv_eoi_over_several_runs(void **state)
{
	struct lapic *l = &f->l[0];
	u8 byte = 0;

	(void)state;
	enable(l);
	lapic_pv_eoi_set(l, &byte);
	lapic_post(l, 0x41, false);
	/* Offered, not taken: taken back. */
	lapic_pv_eoi_enter(l, lapic_pending(l));
	lapic_pv_eoi_exit(l);
	assert_int_equal(byte, 0);
	/* Taken, not ended yet. */
	lapic_pv_eoi_enter(l, lapic_pending(l));
	lapic_accept(l, 0x41);
	lapic_pv_eoi_exit(l);
	assert_int_equal(byte, 0);
	assert_int_equal(rd(l, ISR + 0x20), 1u << 1);
	/* In service alone: permitted again. */
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 1);
	byte = 0;
	lapic_pv_eoi_exit(l);
	assert_int_equal(rd(l, ISR + 0x20), 0);
}

static void pv_eoi_refused(void **state)
{
	struct lapic *l = &f->l[0];
	u8 byte = 0;

	(void)state;
	enable(l);
	lapic_pv_eoi_set(l, &byte);
	/* Level-triggered: the I/O APIC must hear of it. */
	lapic_post(l, 0x41, true);
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	deliver(l);
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	wr(l, EOI, 0);
	/* Another waits behind: its turn comes with the EOI's exit. */
	lapic_post(l, 0x51, false);
	lapic_post(l, 0x52, false);
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	deliver(l);
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	/* Nested offer: whose end would it be? */
	wr(l, EOI, 0);
	deliver(l);
	lapic_post(l, 0x91, false);
	lapic_pv_eoi_enter(l, lapic_pending(l));
	assert_int_equal(byte, 0);
	lapic_pv_eoi_set(l, NULL);
	lapic_pv_eoi_enter(l, 0x91);
	lapic_pv_eoi_exit(l);
}

#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_state), T(mmio_widths), T(illegal_register_raises_error),
		T(error_vector_below_16_does_not_recurse), T(software_disable), T(priorities),
		T(level_trigger_broadcasts_eoi), T(tpr_threshold), T(tpr_in_the_page),
		T(against_naive), T(apic_modes), T(delivery_state), T(stored_registers),
		T(base_transitions),
		T(x2apic_not_offered), T(init_keeps_mode), T(x2apic_interface), T(init_sipi),
		T(icr_forms), T(destinations_xapic), T(destinations_x2apic), T(lowest_priority),
		T(msi_messages), T(lint_pins), T(timer_one_shot), T(timer_masked_expiry_is_lost),
		T(timer_periodic_coalesces), T(timer_shortest_period), T(timer_tsc_deadline),
		T(pv_eoi_in_one_run), T(pv_eoi_over_several_runs), T(pv_eoi_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
