/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of the processor's mode: modes.asm goes there, this looks at what it found. */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define REAL_BASE 0x8000
#define REAL_RESULT 0x7f00
#define REAL_CF8 0x80000000u
#define REAL_PATTERN 0x5eed5eedu

extern const u8 real_start[], real_end[];

static u32 ram[4];

/* What TOUCH in modes.asm leaves. */
static enum outcome check_touch(const struct mode_result *r)
{
	CHECK_EQ(r->a, 0x11223344);
	CHECK_EQ(r->b, 0x1122);
	CHECK_EQ(r->c, 0x11224344);
	CHECK_EQ(r->d, cpuid(0, 0).ebx);
	return PASS;
}

typedef void (*touch_fn)(struct mode_result *r, u32 memory);

static enum outcome touch(touch_fn mode)
{
	struct mode_result r = { 0 };
	enum outcome o;

	mode(&r, (u32)(u64)ram);
	o = check_touch(&r);
	if (o == PASS && testdev_present()) {
		memset(&r, 0, sizeof(r));
		mode(&r, (u32)(u64)TESTDEV);
		o = check_touch(&r);
	}
	return o;
}

static enum outcome case_compat32(const void *arg)
{
	(void)arg;
	return touch(mode_compat32);
}

static enum outcome case_paging_off(const void *arg)
{
	(void)arg;
	return touch(mode_paging_off);
}

static enum outcome case_lme_first(const void *arg)
{
	struct mode_result r = { 0 };

	(void)arg;
	mode_lme_first(&r);
	CHECK((r.a & EFER_LME) && !(r.a & EFER_LMA));
	CHECK((r.b & EFER_LME) && (r.b & EFER_LMA));
	return PASS;
}

static enum outcome case_real(const void *arg)
{
	struct mode_result *r = (struct mode_result *)REAL_RESULT, unused;

	(void)arg;
	memcpy((void *)REAL_BASE, real_start, (size_t)(real_end - real_start));
	for (u32 i = 0; i < 10; i++) {
		memset(r, 0, sizeof(*r));
		mode_real(&unused);
		CHECK_EQ(r->a, 2);
		CHECK_EQ(r->b, REAL_CF8);
		CHECK_EQ(r->c, REAL_PATTERN);
		CHECK_EQ(r->d, cpuid(0, 0).ebx);
	}
	return PASS;
}

/* The IDT and interrupts work again after all that. */
static enum outcome case_afterwards(const void *arg)
{
	(void)arg;
	CHECK_EQ(TRY("ud2", ::: "r11", "memory"), VECTOR_UD);
	apic_self(0x60);
	CHECK(irq_wait(0x60, 1));
	return PASS;
}

const struct guest_case mode_cases[] = {
	{ "mode/compat32", case_compat32, NULL },
	{ "mode/paging-off-and-on", case_paging_off, NULL },
	{ "mode/lme-before-pae", case_lme_first, NULL },
	{ "mode/real", case_real, NULL },
	{ "mode/afterwards", case_afterwards, NULL },
	{ NULL, NULL, NULL },
};
