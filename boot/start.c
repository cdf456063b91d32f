/* SPDX-License-Identifier: BSD-2-Clause */
/* From boot/entry.asm to hv_main(): the machine is brought up step by step. */
#include "boot/start.h"

#include <arch/apic.h>
#include <arch/console.h>
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/ioapic.h>
#include <arch/iommu.h>
#include <arch/paging.h>
#include <arch/pci.h>
#include <arch/percpu.h>
#include <arch/pic.h>
#include <arch/power.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "arch/x86_64/acpi.h"
#include "hv/base/bytes.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/mem/heap.h"
#include "hv/mem/pages.h"

#define LOW_MEMORY_END 0x100000ull
#define EARLY_MAPPED 0x100000000ull /* boot/entry.asm: EARLY_GIB */
#define TRAMPOLINE_END 0x9f000ull
#define MIB_SHIFT 20

extern const u8 image_start[], image_end[]; /* boot/caisson.ld */

void boot_main(u32 magic, u32 info);

static struct boot_info boot;
static struct acpi_info acpi;
static struct heap heap;

void *plat_alloc(size_t bytes)
{
	return heap_alloc(&heap, bytes);
}

void plat_free(void *p, size_t bytes)
{
	heap_free(&heap, p, bytes);
}

const struct heap *boot_heap(void)
{
	return &heap;
}

const struct acpi_numa *boot_numa(void)
{
	return &acpi.numa;
}

u32 boot_iommu_count(void)
{
	return acpi.iommu_count;
}

u64 boot_iommu(u32 i, bool *amd)
{
	*amd = acpi.iommu[i].amd;
	return acpi.iommu[i].base;
}

/* The loader's structures lie below 4 GiB; page 0 is never theirs. */
static const void *early_at(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	if (addr < PAGE_SIZE || addr >= EARLY_MAPPED || len > EARLY_MAPPED - addr)
		return NULL;
	return (const void *)(uintptr_t)addr;
}

/* Firmware's tables, mapped as the parser comes to them. */
static const void *table_at(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	return addr < PAGE_SIZE ? NULL : paging_map_ram(addr, len);
}

static void read_boot_info(u32 magic, u32 info)
{
	const struct phys_view view = { early_at, NULL };
	err_t err = boot_info_parse(&boot, magic, info, &view);

	if (err)
		die("boot information (magic %08x, at %08x): %s", magic, info, err_str(err));
	log_info("boot", "Multiboot %u, %u modules, command line \"%s\"", boot.protocol,
		 boot.module_count, boot.cmdline);
	if (boot.left_out)
		log_warn("boot", "%u entries of the boot information were left out", boot.left_out);
	for (u32 i = 0; i < boot.module_count; i++)
		log_info("boot", "module %s: %lu bytes at %lxh", boot.module[i].name,
			 boot.module[i].size, boot.module[i].start);
}

/* The framebuffer is where the screen is, if the loader says that there is one. */
static void use_framebuffer(void)
{
	const struct boot_framebuffer *fb = &boot.fb;
	volatile void *pixels;
	err_t err;

	if (fb->type != BOOT_FB_RGB)
		return;
	pixels = paging_map_screen(fb->addr, (u64)fb->pitch * fb->height);
	err = pixels ? console_use_framebuffer(pixels, fb->pitch, fb->width, fb->height, fb->bpp)
		     : ERR_NOMEM;
	if (err)
		log_warn("boot", "framebuffer of %u by %u, %u bits a pixel, not used: %s",
			 fb->width, fb->height, fb->bpp, err_str(err));
	else
		log_info("boot", "framebuffer of %u by %u at %lxh", fb->width, fb->height,
			 fb->addr);
}

/* RAM without what is in use: low memory, the image, the modules. Ranges that
 * are not RAM win where the map overlaps itself. */
static void find_memory(void)
{
	struct pages *p = &host_pages;

	for (u32 i = 0; i < boot.range_count; i++) {
		if (boot.range[i].type == BOOT_MEM_RAM &&
		    pages_add(p, boot.range[i].base, boot.range[i].size))
			log_warn("memory", "range at %lxh not used: the map is too long",
				 boot.range[i].base);
	}
	for (u32 i = 0; i < boot.range_count; i++) {
		if (boot.range[i].type != BOOT_MEM_RAM)
			pages_reserve(p, boot.range[i].base, boot.range[i].size);
	}
	pages_reserve(p, 0, LOW_MEMORY_END);
	pages_reserve(p, (u64)(uintptr_t)image_start, (u64)(image_end - image_start));
	for (u32 i = 0; i < boot.module_count; i++)
		pages_reserve(p, boot.module[i].start, boot.module[i].size);
	log_info("memory", "%lu MiB free", (p->free_bytes >> MIB_SHIFT));
}

static u64 table_page(void)
{
	u64 page = pages_alloc(&host_pages, PAGE_SIZE, PAGE_SIZE, EARLY_MAPPED);

	if (page)
		memset((void *)(uintptr_t)page, 0, PAGE_SIZE);
	return page;
}

static void final_paging(void)
{
	static struct paging_ram ram[BOOT_MAX_RANGES];
	u32 n = 0;

	for (u32 i = 0; i < boot.range_count; i++) {
		if (boot.range[i].type == BOOT_MEM_RAM)
			ram[n++] = (struct paging_ram){ boot.range[i].base, boot.range[i].size };
	}
	if (paging_init(ram, n, table_page))
		die("no memory for page tables");
}

/* Where the EBDA begins, from the BIOS data area; read before page 0 goes. */
static u64 ebda_address(void)
{
	uintptr_t at = ACPI_BDA_EBDA_SEGMENT;

	__asm__("" : "+r"(at)); /* the compiler takes so low an address for a null pointer */
	return (u64)load_le16((const void *)at) << 4;
}

static void read_acpi(u64 ebda)
{
	const struct phys_view view = { table_at, NULL };
	u8 rsdp[ACPI_RSDP_BYTES];
	u32 size = boot.rsdp_size;

	if (size)
		memcpy(rsdp, boot.rsdp, size);
	else
		size = acpi_find_rsdp(rsdp, ebda, &view);
	if (!size || acpi_parse(&acpi, rsdp, size, &view))
		log_warn("acpi", size ? "root table is bad" : "no tables found");
	log_info("acpi", "%u tables, %u processors, %u I/O APICs", acpi.tables, acpi.cpu_count,
		 acpi.ioapic_count);
	if (acpi.bad)
		log_warn("acpi", "%u tables or entries were left out", acpi.bad);
	power_init(&acpi);
}

static u64 apic_address(void)
{
	return acpi.lapic_addr ? acpi.lapic_addr : rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDR;
}

static void start_interrupts(void)
{
	pic_disable();
	if (!mmio_map(apic_address(), PAGE_SIZE))
		die("no memory to map the local APIC");
	time_init(acpi.pm_timer);
	cpu_init_core(apic_address());
	for (u32 i = 0; i < acpi.override_count; i++) {
		const struct acpi_override *o = &acpi.override[i];

		ioapic_override(o->irq, o->gsi, o->level, o->active_low);
	}
	for (u32 i = 0; i < acpi.ioapic_count; i++) {
		if (ioapic_add(acpi.ioapic[i].addr, acpi.ioapic[i].gsi_base))
			log_warn("ioapic", "at %lxh not used", acpi.ioapic[i].addr);
	}
	log_info("cpu", "local APIC %u, %s mode", apic_id(), apic_is_x2() ? "x2APIC" : "xAPIC");
}

static bool module_at(u64 page)
{
	for (u32 i = 0; i < boot.module_count; i++) {
		const struct boot_module *m = &boot.module[i];

		if (m->start < page + PAGE_SIZE && page < m->start + m->size)
			return true;
	}
	return false;
}

/* A page of RAM below 640 KiB that no module lies in; 0: none. */
static u64 trampoline_page(void)
{
	for (u64 page = PAGE_SIZE; page < TRAMPOLINE_END; page += PAGE_SIZE) {
		for (u32 i = 0; i < boot.range_count; i++) {
			const struct boot_range *r = &boot.range[i];

			if (r->type == BOOT_MEM_RAM && r->base <= page &&
			    r->size >= page + PAGE_SIZE - r->base && !module_at(page))
				return page;
		}
	}
	return 0;
}

static void start_cores(void)
{
	u64 page = trampoline_page();
	u32 cores = 1;

	if (page)
		cores = smp_init(acpi.cpu_apic_id, acpi.cpu_count, page, apic_address());
	else
		log_err("smp", "no memory below 640 KiB for the other cores' start");
	log_info("smp", "%u of %u cores started", cores, MAX(acpi.cpu_count, 1u));
}

static void find_devices(void)
{
	for (u32 i = 0; i < acpi.ecam_count; i++) {
		const struct acpi_ecam *e = &acpi.ecam[i];

		if (e->segment == 0)
			pci_use_ecam(e->base, e->bus_start, e->bus_end);
	}
	log_info("pci", "%u functions", pci_scan());
	for (u32 i = 0; i < acpi.iommu_count; i++)
		iommu_check(acpi.iommu[i].base, acpi.iommu[i].amd);
}

void boot_main(u32 magic, u32 info)
{
	u64 ebda = ebda_address();

	desc_load(0);
	console_init();
	log_info("boot", "Caisson %s", boot_version);
	read_boot_info(magic, info);
	find_memory();
	final_paging();
	use_framebuffer();
	heap_init(&heap, &host_pages);
	read_acpi(ebda);
	start_interrupts();
	start_cores();
	find_devices();
	hv_main(&boot);
}
