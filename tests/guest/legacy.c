/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modes older than 64-bit mode with interrupts, exceptions and paging of their
 * own: legacy.asm goes there, this prepares its tables and looks at what it found.
 */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define LOW_BASE 0x8000ull /* as in legacy.asm */
#define LOW_SEEN 0x7f00ull
#define VECTOR_IRQ 0x60
#define VECTOR_SOFT 0x70
#define VECTOR_LEAVE 0x71

#define GATE32 0x8e00u /* interrupt gates, present */
#define GATE16 0x8600u
#define GATE_DPL3 0x6000u
#define SEL_CODE16 0x20
#define SEL_CODE32 0x18
#define TSS32_BYTES 104
#define TSS32_TYPE 0x89ull
#define TSS_BUSY BIT64(41)

#define PCI_ENABLE 0x80000000u
#define RAM_A 0x800000ull /* two free pieces of RAM behind the image */
#define RAM_B 0xa00000ull
#define PATTERN_A 0xaaaa5a5au
#define PATTERN_B 0xbbbb5b5bu
#define PAGE_4M 0x400000ull
#define PDE_4M (PTE_P | PTE_W | PTE_PS)

struct legacy_seen {
	struct mode_result touch;
	u32 soft, irq, gp, error, cpuid_ebx, port;
	u32 alias[4];
};

struct PACKED table_reg32 {
	u16 limit;
	u32 base;
};

/* legacy.asm */
typedef void (*legacy_fn)(struct legacy_seen *seen, u32 memory);
void legacy_protected32(struct legacy_seen *seen, u32 memory);
void legacy_paging32(struct legacy_seen *seen, u32 memory);
void legacy_pae(struct legacy_seen *seen, u32 memory);
void legacy_protected16(struct legacy_seen *seen, u32 memory);
void legacy_real(struct legacy_seen *seen, u32 memory);
void legacy_v86(struct legacy_seen *seen, u32 memory);
extern const u8 legacy_soft32[], legacy_irq32[], legacy_gp32[], legacy_leave_v86[];
extern const u8 low_start[], low_end[], low_soft[], low_irq[], low_gp[];

/* entry.asm */
extern u64 guest_tss[2], guest_tss32;

struct table_reg32 legacy_idtr;
u32 legacy_dir[1024] ALIGNED(4096);
u64 legacy_pdpt_a[4] ALIGNED(32), legacy_pdpt_b[4] ALIGNED(32);
u32 legacy_tss[TSS32_BYTES / 4] ALIGNED(16);

static u64 idt[128] ALIGNED(16);
static u64 pd_a[512] ALIGNED(4096), pd_b[512] ALIGNED(4096);
static u32 ram[4];

static struct legacy_seen *const seen = (struct legacy_seen *)LOW_SEEN;

static u32 low(const u8 *label)
{
	return (u32)(LOW_BASE + (u64)(label - low_start));
}

static void gate(u8 vector, u32 target, u16 selector, u32 flags)
{
	idt[vector] = (target & 0xffff) | (u64)selector << 16 | (u64)flags << 32 |
		      (u64)(target >> 16) << 48;
}

static void gates(bool wide)
{
	if (wide) {
		gate(VECTOR_SOFT, (u32)(u64)legacy_soft32, SEL_CODE32, GATE32 | GATE_DPL3);
		gate(VECTOR_LEAVE, (u32)(u64)legacy_leave_v86, SEL_CODE32, GATE32 | GATE_DPL3);
		gate(VECTOR_IRQ, (u32)(u64)legacy_irq32, SEL_CODE32, GATE32);
		gate(VECTOR_GP, (u32)(u64)legacy_gp32, SEL_CODE32, GATE32);
	} else {
		gate(VECTOR_SOFT, low(low_soft), SEL_CODE16, GATE16);
		gate(VECTOR_IRQ, low(low_irq), SEL_CODE16, GATE16);
		gate(VECTOR_GP, low(low_gp), SEL_CODE16, GATE16);
	}
	legacy_idtr = (struct table_reg32){ sizeof(idt) - 1, (u32)(u64)idt };
}

/* As page_root has it: the lowest 4 GiB one to one, through both formats. */
static void tables(void)
{
	const u64 *pdpt = (const u64 *)(page_root[0] & PTE_ADDR);

	for (u32 i = 0; i < ARRAY_SIZE(legacy_dir); i++)
		legacy_dir[i] = (u32)(i * PAGE_4M | PDE_4M);
	for (u32 i = 0; i < ARRAY_SIZE(legacy_pdpt_a); i++)
		legacy_pdpt_a[i] = legacy_pdpt_b[i] = (pdpt[i] & PTE_ADDR) | PTE_P;
	pd_a[0] = RAM_A | PDE_4M;
	pd_b[0] = RAM_B | PDE_4M;
	legacy_pdpt_a[1] = (u64)pd_a | PTE_P;
	legacy_pdpt_b[1] = (u64)pd_b | PTE_P;
	*(volatile u32 *)RAM_A = PATTERN_A;
	*(volatile u32 *)RAM_B = PATTERN_B;
}

/* There with an interrupt that waits, and back. */
static enum outcome visit(legacy_fn mode, const volatile void *memory, bool wide)
{
	memset(seen, 0, sizeof(*seen));
	memcpy((void *)LOW_BASE, low_start, (size_t)(low_end - low_start));
	gates(wide);
	tables();
	apic_self(VECTOR_IRQ);
	mode(seen, (u32)(u64)memory);
	apic_write(APIC_EOI, 0);
	CHECK_EQ(seen->soft, 1);
	CHECK_EQ(seen->irq, 1);
	CHECK_EQ(irq_count[VECTOR_IRQ], 0);
	CHECK_EQ(seen->cpuid_ebx, cpuid(0, 0).ebx);
	return PASS;
}

/* What exercise32 and exercise16 do besides. */
static enum outcome check_exercise(void)
{
	CHECK_EQ(seen->port, PCI_ENABLE);
	if (hypervisor_present()) { /* natively QEMU knows every MSR */
		CHECK_EQ(seen->gp, 1);
		CHECK_EQ(seen->error, 0);
	}
	return PASS;
}

static enum outcome check_touch(void)
{
	CHECK_EQ(seen->touch.a, 0x11223344);
	CHECK_EQ(seen->touch.b, 0x1122);
	CHECK_EQ(seen->touch.c, 0x11224344);
	return PASS;
}

static enum outcome visit32(legacy_fn mode)
{
	enum outcome o = visit(mode, ram, true);

	o = o == PASS ? check_exercise() : o;
	o = o == PASS ? check_touch() : o;
	if (o != PASS || !testdev_present())
		return o;
	o = visit(mode, TESTDEV, true);
	return o == PASS ? check_touch() : o;
}

static enum outcome case_protected32(const void *arg)
{
	(void)arg;
	return visit32(legacy_protected32);
}

static enum outcome case_paging32(const void *arg)
{
	(void)arg;
	return visit32(legacy_paging32);
}

static enum outcome case_pae(const void *arg)
{
	enum outcome o = visit32(legacy_pae);

	(void)arg;
	if (o != PASS)
		return o;
	CHECK_EQ(seen->alias[0], PATTERN_A);
	CHECK_EQ(seen->alias[1], PATTERN_B); /* by the guest's own CR3 write */
	CHECK_EQ(seen->alias[2], PATTERN_B); /* kept over an exit */
	CHECK_EQ(seen->alias[3], PATTERN_A); /* memory changed, CR4 written */
	return PASS;
}

static enum outcome case_16(const void *arg)
{
	legacy_fn const *mode = arg;
	enum outcome o = visit(*mode, ram, false);

	return o == PASS ? check_exercise() : o;
}

/* TR holds the 32-bit TSS afterwards. */
static enum outcome case_v86(const void *arg)
{
	u64 base = (u64)legacy_tss;
	enum outcome o;

	(void)arg;
	guest_tss32 = (TSS32_BYTES - 1) | (base & 0xffffff) << 16 | TSS32_TYPE << 40 |
		      (base >> 24 & 0xff) << 56;
	o = visit(legacy_v86, ram, true);
	guest_tss[0] &= ~TSS_BUSY;
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS) : "memory");
	return o;
}

static const legacy_fn protected16 = legacy_protected16, real = legacy_real;

const struct guest_case legacy_cases[] = {
	{ "legacy/protected32", case_protected32, NULL },
	{ "legacy/paging32", case_paging32, NULL },
	{ "legacy/pae", case_pae, NULL },
	{ "legacy/protected16", case_16, &protected16 },
	{ "legacy/real", case_16, &real },
	{ "legacy/v86", case_v86, NULL },
	{ NULL, NULL, NULL },
};
