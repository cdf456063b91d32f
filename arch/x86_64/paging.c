/* SPDX-License-Identifier: BSD-2-Clause */
/* Four-level page tables of the host (SDM vol. 3A 4.5), with the largest pages that fit. */
#include <arch/paging.h>

#include <arch/cpu.h>
#include <arch/desc.h>

#include "hv/base/str.h"

#define PTE_P BIT64(0)
#define PTE_W BIT64(1)
#define PTE_PWT BIT64(3)
#define PTE_PCD BIT64(4)
#define PTE_LARGE BIT64(7)
#define PTE_NX BIT64(63)
#define PTE_ADDR 0x000ffffffffff000ull
#define PTE_UC (PTE_PCD | PTE_PWT) /* PAT entry 3, uncached from reset on */
#define PTE_WC PTE_PWT		   /* PAT entry 1, see paging_load() */

/* SDM vol. 3A 12.12.4: as from reset on, but entry 1 (write-through) writes combined. */
#define PAT_RESET_WITH_WC 0x0007040600070106ull

#define PAGE 4096ull
#define ENTRIES 512
#define LEVEL_4K 1
#define LEVEL_2M 2
#define LEVEL_1G 3
#define LEVEL_ROOT 4

#define LEGACY_BASE 0xa0000ull /* video memory and ROMs */
#define LEGACY_END 0x100000ull

#define CPUID_EXT_NX BIT(20) /* leaf 80000001h EDX */
#define CPUID_EXT_1G BIT(26)

extern u8 image_start[], image_rodata[], image_data[], image_end[]; /* boot/caisson.ld */

static u64 *root;
static u64 phys_end;  /* first address the processor does not have */
static u64 nx;	      /* PTE_NX where there is one */
static u32 max_level; /* of a page: LEVEL_1G or LEVEL_2M */
static paging_page_fn page_alloc;

static u64 level_size(u32 level)
{
	return PAGE << (9 * (level - 1));
}

static u64 *entry_of(u64 *table, u64 addr, u32 level)
{
	return &table[addr / level_size(level) % ENTRIES];
}

/* The table below *e, made of what *e maps now (nothing, or one large page). */
static u64 *table_below(u64 *e, u32 level)
{
	u64 old = *e, *table;

	if ((old & PTE_P) && !(old & PTE_LARGE))
		return (u64 *)(uintptr_t)(old & PTE_ADDR);
	table = (u64 *)(uintptr_t)page_alloc();
	if (!table)
		return NULL;
	if (old & PTE_P) {
		u64 part = level - 1 == LEVEL_4K ? old & ~PTE_LARGE : old;

		for (u64 i = 0; i < ENTRIES; i++)
			table[i] = part + i * level_size(level - 1);
	}
	*e = (u64)(uintptr_t)table | PTE_P | PTE_W;
	return table;
}

static u32 best_level(u64 at, u64 end)
{
	u32 level = max_level;

	while (level > LEVEL_4K && (at % level_size(level) || end - at < level_size(level)))
		level--;
	return level;
}

/* Map [base, end) with flags (0: not at all); keep: leave what is mapped. */
static err_t map(u64 base, u64 end, u64 flags, bool keep)
{
	base = ALIGN_DOWN(base, PAGE);
	end = ALIGN_UP(end, PAGE);
	for (u64 at = base; at < end;) {
		u32 want = best_level(at, end), level = LEVEL_ROOT;
		u64 *e = entry_of(root, at, level);

		/* Down to the level wanted, and further where a table is there. */
		while (level > want || (level > LEVEL_4K && (*e & PTE_P) && !(*e & PTE_LARGE))) {
			u64 *table;

			if (keep && (*e & PTE_P) && (*e & PTE_LARGE))
				break;
			table = table_below(e, level);
			if (!table)
				return ERR_NOMEM;
			e = entry_of(table, at, --level);
		}
		if (!keep || !(*e & PTE_P)) {
			*e = flags ? at | flags | (level > LEVEL_4K ? PTE_LARGE : 0) : 0;
			cpu_invlpg((void *)(uintptr_t)at);
		}
		at = ALIGN_DOWN(at, level_size(level)) + level_size(level);
	}
	return ERR_OK;
}

static void probe_features(void)
{
	u32 max = cpuid(0x80000000, 0).eax;
	u32 edx = cpuid(0x80000001, 0).edx;

	nx = edx & CPUID_EXT_NX ? PTE_NX : 0;
	max_level = edx & CPUID_EXT_1G ? LEVEL_1G : LEVEL_2M;
	phys_end = BIT64(max >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36);
}

static u64 addr_of(const u8 *symbol)
{
	return (u64)(uintptr_t)symbol;
}

err_t paging_guard(const struct cpu_stack *stack)
{
	u64 guard = addr_of(stack->guard), guard_ist = addr_of(stack->guard_ist);
	err_t err = map(guard, guard + STACK_PAGE, 0, false);

	return err ? err : map(guard_ist, guard_ist + STACK_PAGE, 0, false);
}

/* The image's groups by their rights; no page 0. */
static err_t protect_image(void)
{
	err_t err = map(addr_of(image_start), addr_of(image_rodata), PTE_P, false);

	if (!err)
		err = map(addr_of(image_rodata), addr_of(image_data), PTE_P | nx, false);
	if (!err)
		err = paging_guard(&boot_stack);
	return err ? err : map(0, PAGE, 0, false);
}

err_t paging_init(const struct paging_ram *ram, u32 count, paging_page_fn page)
{
	err_t err;

	page_alloc = page;
	probe_features();
	root = (u64 *)(uintptr_t)page();
	if (!root)
		return ERR_NOMEM;
	for (u32 i = 0; i < count; i++) {
		err = map(ram[i].base, MIN(ram[i].base + ram[i].size, phys_end), PTE_P | PTE_W | nx,
			  false);
		if (err)
			return err;
	}
	/* The image lies in RAM, whatever the loader's map says. */
	err = map(addr_of(image_start), addr_of(image_end), PTE_P | PTE_W | nx, false);
	if (!err)
		err = map(LEGACY_BASE, LEGACY_END, PTE_P | PTE_W | PTE_UC | nx, false);
	if (!err)
		err = protect_image();
	if (!err)
		paging_load();
	return err;
}

void paging_load(void)
{
	if (nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	wrmsr(MSR_PAT, PAT_RESET_WITH_WC);
	write_cr0(read_cr0() | CR0_WP);
	write_cr3((u64)(uintptr_t)root);
}

static void *map_new(u64 phys, u64 size, u64 flags, bool keep)
{
	if (!size || phys >= phys_end || size > phys_end - phys)
		return NULL;
	if (map(phys, phys + size, flags, keep))
		return NULL;
	return (void *)(uintptr_t)phys;
}

void *mmio_map(u64 phys, u64 size)
{
	return map_new(phys, size, PTE_P | PTE_W | PTE_UC | nx, false);
}

void *paging_map_screen(u64 phys, u64 size)
{
	return map_new(phys, size, PTE_P | PTE_W | PTE_WC | nx, false);
}

void *paging_map_ram(u64 phys, u64 size)
{
	return map_new(phys, size, PTE_P | PTE_W | nx, true);
}
