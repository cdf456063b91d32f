/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest paging: page sizes, permissions, accessed and dirty bits, flushes (SDM vol. 3A ch. 4). */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define CPUID_PAGE1GB BIT(26) /* 80000001h EDX */
#define CPUID_SMEP BIT(7)     /* 7 EBX */
#define CPUID_SMAP BIT(20)
#define CR4_SMEP BIT64(20)
#define CR4_SMAP BIT64(21)
#define PAGE_2M 0x200000ull
#define POOL_PAGES 24
#define RET 0xc3
#define RESERVED_BIT BIT64(51) /* beyond the physical address width of what there is */
#define PATTERN 0x9e3779b97f4a7c15ull

static u64 pool[POOL_PAGES][512] ALIGNED(4096);
static u32 pool_used;
static u8 user_stack[4096] ALIGNED(4096);

static u64 *next_table(u64 *e)
{
	if (!(*e & PTE_P)) {
		memset(pool[pool_used], 0, 4096);
		*e = (u64)pool[pool_used++] | PTE_P | PTE_W | PTE_U;
	}
	return (u64 *)(*e & PTE_ADDR);
}

volatile u64 *page_map(u64 va, u64 pa, unsigned level, u64 bits)
{
	u64 *t = page_root;

	for (unsigned l = 3; l > level; l--)
		t = next_table(&t[va >> (12 + 9 * l) & 511]);
	t += va >> (12 + 9 * level) & 511;
	*t = pa | bits | (level ? PTE_PS : 0);
	cpu_invlpg((void *)va);
	return t;
}

/* Empty window again. */
static void window_clear(void)
{
	page_root[WINDOW >> 39 & 511] = 0;
	pool_used = 0;
	write_cr3(read_cr3());
}

static volatile u64 *word(u64 va)
{
	return (volatile u64 *)va;
}

/* A mapping of each size shows the same memory, and A and D appear. */
static enum outcome case_size(const void *arg)
{
	unsigned level = *(const unsigned *)arg;
	u64 size = 4096ull << 9 * level, pa = SCRATCH_PA & ~(size - 1);
	volatile u64 *e;

	if (level == 2 && !(cpuid(0x80000001, 0).edx & CPUID_PAGE1GB))
		return skip("the processor has no 1 GiB pages");
	window_clear();
	e = page_map(WINDOW, pa, level, PTE_P | PTE_W);
	CHECK(!(*e & (PTE_A | PTE_D)));
	*word(SCRATCH_PA) = PATTERN + level;
	CHECK_EQ(*word(WINDOW + (SCRATCH_PA - pa)), PATTERN + level);
	CHECK(*e & PTE_A);
	CHECK(!(*e & PTE_D));
	*word(WINDOW + (SCRATCH_PA - pa) + 8) = PATTERN;
	CHECK(*e & PTE_D);
	CHECK_EQ(*word(SCRATCH_PA + 8), PATTERN);
	return PASS;
}

static const unsigned level_0 = 0, level_1 = 1, level_2 = 2;

static u64 read_at(u64 va)
{
	u64 v;

	return TRY("movq (%1), %0", : "=a"(v) : "r"(va) : "r11", "memory");
}

static u64 write_at(u64 va)
{
	return TRY("movq $1, (%0)", ::"r"(va) : "r11", "memory");
}

static u64 call_at(u64 va)
{
	return TRY("call *%0", ::"r"(va) : "r11", "memory");
}

static enum outcome case_not_present(const void *arg)
{
	(void)arg;
	window_clear();
	CHECK_EQ(read_at(WINDOW + 0x1230), VECTOR_PF);
	CHECK_EQ(trap.cr2, WINDOW + 0x1230);
	CHECK_EQ(trap.error, 0);
	CHECK_EQ(write_at(WINDOW), VECTOR_PF);
	CHECK_EQ(trap.error, PF_WRITE);
	return PASS;
}

static enum outcome case_write_protect(const void *arg)
{
	u64 cr0 = read_cr0();

	(void)arg;
	window_clear();
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P);
	write_cr0(cr0 | CR0_WP);
	CHECK_EQ(write_at(WINDOW), VECTOR_PF);
	CHECK_EQ(trap.error, PF_WRITE | PF_PRESENT);
	write_cr0(cr0 & ~CR0_WP);
	CHECK_EQ(write_at(WINDOW), VECTOR_NONE);
	write_cr0(cr0);
	return PASS;
}

static enum outcome case_nx(const void *arg)
{
	u64 efer = rdmsr(MSR_EFER);
	u64 allowed, refused, error;

	(void)arg;
	window_clear();
	*(volatile u8 *)SCRATCH_PA = RET;
	wrmsr(MSR_EFER, efer | EFER_NXE);
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P);
	allowed = call_at(WINDOW);
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P | PTE_NX);
	refused = call_at(WINDOW);
	error = trap.error;
	window_clear();
	wrmsr(MSR_EFER, efer);
	CHECK_EQ(allowed, VECTOR_NONE);
	CHECK_EQ(refused, VECTOR_PF);
	CHECK_EQ(error, PF_FETCH | PF_PRESENT);
	return PASS;
}

static enum outcome case_nx_off(const void *arg)
{
	u64 efer = rdmsr(MSR_EFER), vector, error;

	(void)arg;
	window_clear();
	wrmsr(MSR_EFER, efer & ~EFER_NXE);
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P | PTE_NX);
	vector = read_at(WINDOW);
	error = trap.error;
	window_clear();
	wrmsr(MSR_EFER, efer);
	CHECK_EQ(vector, VECTOR_PF);
	CHECK_EQ(error | PF_PRESENT, PF_RESERVED | PF_PRESENT); /* QEMU leaves P out */
	return PASS;
}

static enum outcome case_reserved(const void *arg)
{
	(void)arg;
	window_clear();
	page_map(WINDOW, SCRATCH_PA | RESERVED_BIT, 0, PTE_P | PTE_W);
	CHECK_EQ(read_at(WINDOW), VECTOR_PF);
	CHECK_EQ(trap.error | PF_PRESENT, PF_RESERVED | PF_PRESENT);
	window_clear();
	return PASS;
}

/* Ring 3 reads its argument's address and leaves with INT 81h. */
static const u8 user_read[] = { 0x48, 0x8b, 0x07,	/* mov rax, [rdi] */
				0xcd, VECTOR_USER_EXIT };

static u64 user_run(u64 arg)
{
	u64 code = WINDOW + 0x10000, stack = WINDOW + 0x20000;

	memcpy((void *)(SCRATCH_PA + 0x10000), user_read, sizeof(user_read));
	page_map(code, SCRATCH_PA + 0x10000, 0, PTE_P | PTE_U);
	page_map(stack, (u64)user_stack, 0, PTE_P | PTE_W | PTE_U);
	trap.vector = VECTOR_NONE;
	return user_enter(code, stack + 4096, RFLAGS_FIXED, arg);
}

static enum outcome case_user(const void *arg)
{
	(void)arg;
	window_clear();
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P | PTE_U);
	*word(SCRATCH_PA) = PATTERN;
	CHECK_EQ(user_run(WINDOW), PATTERN);
	CHECK_EQ(trap.vector, VECTOR_NONE);
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P);
	user_run(WINDOW);
	CHECK_EQ(trap.vector, VECTOR_PF);
	CHECK_EQ(trap.error, PF_USER | PF_PRESENT);
	CHECK_EQ(trap.cr2, WINDOW);
	return PASS;
}

static enum outcome case_smep(const void *arg)
{
	u64 cr4 = read_cr4(), vector, error;

	(void)arg;
	if (!(cpuid(7, 0).ebx & CPUID_SMEP))
		return skip("the processor has no SMEP");
	window_clear();
	*(volatile u8 *)SCRATCH_PA = RET;
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P | PTE_U);
	CHECK_EQ(call_at(WINDOW), VECTOR_NONE);
	write_cr4(cr4 | CR4_SMEP);
	vector = call_at(WINDOW);
	error = trap.error;
	write_cr4(cr4);
	CHECK_EQ(vector, VECTOR_PF);
	CHECK_EQ(error, PF_FETCH | PF_PRESENT);
	return PASS;
}

static enum outcome case_smap(const void *arg)
{
	u64 cr4 = read_cr4(), refused, allowed;

	(void)arg;
	if (!(cpuid(7, 0).ebx & CPUID_SMAP))
		return skip("the processor has no SMAP");
	window_clear();
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P | PTE_U);
	write_cr4(cr4 | CR4_SMAP);
	refused = read_at(WINDOW);
	__asm__ volatile("stac" ::: "cc");
	allowed = read_at(WINDOW);
	__asm__ volatile("clac" ::: "cc");
	write_cr4(cr4);
	CHECK_EQ(refused, VECTOR_PF);
	CHECK_EQ(allowed, VECTOR_NONE);
	return PASS;
}

static enum outcome case_invlpg(const void *arg)
{
	(void)arg;
	window_clear();
	*word(SCRATCH_PA) = 1;
	*word(SCRATCH_PA + 4096) = 2;
	page_map(WINDOW, SCRATCH_PA, 0, PTE_P);
	CHECK_EQ(*word(WINDOW), 1);
	page_map(WINDOW, SCRATCH_PA + 4096, 0, PTE_P);
	CHECK_EQ(*word(WINDOW), 2);
	return PASS;
}

/* Without INVLPG: a write to CR3 must do, and for a global page CR4.PGE. */
static enum outcome case_flush(const void *arg)
{
	u64 cr4 = read_cr4();
	volatile u64 *e;

	(void)arg;
	window_clear();
	*word(SCRATCH_PA) = 1;
	*word(SCRATCH_PA + 4096) = 2;
	e = page_map(WINDOW, SCRATCH_PA, 0, PTE_P);
	CHECK_EQ(*word(WINDOW), 1);
	*e = (SCRATCH_PA + 4096) | PTE_P | PTE_G;
	write_cr3(read_cr3());
	CHECK_EQ(*word(WINDOW), 2);
	write_cr4(cr4 | CR4_PGE);
	CHECK_EQ(*word(WINDOW), 2);
	*e = SCRATCH_PA | PTE_P;
	write_cr4(cr4 & ~CR4_PGE);
	CHECK_EQ(*word(WINDOW), 1);
	write_cr4(cr4);
	return PASS;
}

/* Every 2 MiB of RAM (so each nested page, of whatever size) holds a value of
 * its own: no two guest pages share a host page, none is missing. */
static enum outcome case_all_ram(const void *arg)
{
	u64 end = MIN(memory_end(), 3ull << 30);

	(void)arg;
	if (end < SCRATCH_PA + PAGE_2M)
		return skip("no memory information");
	for (u64 p = SCRATCH_PA; p + PAGE_2M <= end; p += PAGE_2M)
		*word(p + p / PAGE_2M % 512 * 4096) = p ^ PATTERN;
	for (u64 p = SCRATCH_PA; p + PAGE_2M <= end; p += PAGE_2M)
		if (*word(p + p / PAGE_2M % 512 * 4096) != (p ^ PATTERN))
			return fail("wrong value at %#llx", (unsigned long long)p);
	return end >= 1ull << 30 ? PASS : skip("%llu MiB of RAM: no 1 GiB page can be in use",
					       (unsigned long long)(end >> 20));
}

/* Device registers through 2 MiB and 1 GiB guest pages: the emulation's own
 * page walk. */
static enum outcome case_device_alias(const void *arg)
{
	u64 dev = (u64)TESTDEV, va;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	window_clear();
	for (unsigned level = 0; level < 3; level++) {
		u64 size = 4096ull << 9 * level;

		if (level == 2 && !(cpuid(0x80000001, 0).edx & CPUID_PAGE1GB))
			continue;
		va = WINDOW + ((u64)level << 32);
		page_map(va, dev & ~(size - 1), level, PTE_P | PTE_W);
		*word(va + dev % size) = PATTERN + level;
		CHECK_EQ(*(volatile u64 *)TESTDEV, PATTERN + level);
	}
	return PASS;
}

const struct guest_case page_cases[] = {
	{ "page/4k", case_size, &level_0 },
	{ "page/2m", case_size, &level_1 },
	{ "page/1g", case_size, &level_2 },
	{ "page/not-present", case_not_present, NULL },
	{ "page/write-protect", case_write_protect, NULL },
	{ "page/nx", case_nx, NULL },
	{ "page/nx-off-is-reserved", case_nx_off, NULL },
	{ "page/reserved-bit", case_reserved, NULL },
	{ "page/user", case_user, NULL },
	{ "page/smep", case_smep, NULL },
	{ "page/smap", case_smap, NULL },
	{ "page/invlpg", case_invlpg, NULL },
	{ "page/flush-by-cr3-and-pge", case_flush, NULL },
	{ "page/nested-all-ram", case_all_ram, NULL },
	{ "page/device-alias", case_device_alias, NULL },
	{ NULL, NULL, NULL },
};
