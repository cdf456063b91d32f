/* SPDX-License-Identifier: BSD-2-Clause */
/* Host PCI: configuration mechanism 1 (PCI 3.0 3.2.2.3.2) and ECAM (PCIe 4.0 7.2.2). */
#include <arch/pci.h>

#include <arch/io.h>
#include <arch/paging.h>

#include "hv/base/log.h"

#define CF8 0xcf8
#define CFC 0xcfc
#define CF8_ENABLE BIT(31)
#define CF8_SPACE 256
#define ECAM_BUS_SHIFT 20
#define ECAM_DEV_SHIFT 15
#define ECAM_FN_SHIFT 12

#define BUSES 256
#define DEVS 32
#define FNS 8
#define NO_DEVICE 0xffff
#define HEADER_MULTI BIT(7)
#define HEADER_TYPE 0x7f
#define HEADER_BRIDGE 1
#define BARS_OF_BRIDGE 2

#define BAR_IO BIT(0)
#define BAR_IO_MASK (~3u)
#define BAR_MEM_MASK (~15u)
#define BAR_TYPE (3u << 1)
#define BAR_TYPE_64 (2u << 1)

#define STATUS_CAPS BIT(4)
#define CAP_FIRST 0x40
#define CAPS_MAX 48 /* (256 - 64) / 4: a longer chain is a loop */

static struct pci_func funcs[HOST_PCI_MAX];
static u32 func_count;
static volatile u8 *ecam;
static u8 ecam_start, ecam_end;

void pci_use_ecam(u64 base, u8 bus_start, u8 bus_end)
{
	u64 first = base + ((u64)bus_start << ECAM_BUS_SHIFT);
	u64 size = ((u64)bus_end - bus_start + 1) << ECAM_BUS_SHIFT;

	if (bus_end < bus_start || !mmio_map(first, size))
		return;
	ecam = (volatile u8 *)(uintptr_t)base;
	ecam_start = bus_start;
	ecam_end = bus_end;
}

static volatile u8 *ecam_at(const struct pci_func *f, u32 off)
{
	if (!ecam || f->bus < ecam_start || f->bus > ecam_end)
		return NULL;
	return ecam + ((u64)f->bus << ECAM_BUS_SHIFT | (u64)f->dev << ECAM_DEV_SHIFT |
		       (u64)f->fn << ECAM_FN_SHIFT | off);
}

static void cf8_select(const struct pci_func *f, u32 off)
{
	out32(CF8,
	      CF8_ENABLE | (u32)f->bus << 16 | (u32)f->dev << 11 | (u32)f->fn << 8 | (off & 0xfcu));
}

u32 pci_read32(const struct pci_func *f, u32 off)
{
	const volatile u8 *p = ecam_at(f, off);

	if (p)
		return *(const volatile u32 *)p;
	if (off >= CF8_SPACE)
		return UINT32_MAX;
	cf8_select(f, off);
	return in32(CFC);
}

u16 pci_read16(const struct pci_func *f, u32 off)
{
	return (u16)(pci_read32(f, off & ~3u) >> 8 * (off & 2));
}

u8 pci_read8(const struct pci_func *f, u32 off)
{
	return (u8)(pci_read32(f, off & ~3u) >> 8 * (off & 3));
}

void pci_write32(const struct pci_func *f, u32 off, u32 v)
{
	volatile u8 *p = ecam_at(f, off);

	if (p) {
		*(volatile u32 *)p = v;
		return;
	}
	if (off >= CF8_SPACE)
		return;
	cf8_select(f, off);
	out32(CFC, v);
}

/* Not by way of 32 bits: that would write the neighbour, e.g. clear the status. */
void pci_write16(const struct pci_func *f, u32 off, u16 v)
{
	volatile u8 *p = ecam_at(f, off);

	if (p) {
		*(volatile u16 *)p = v;
		return;
	}
	if (off >= CF8_SPACE)
		return;
	cf8_select(f, off);
	out16((u16)(CFC + (off & 2)), v);
}

/* All ones written, what stays 0 is the size (PCI 3.0 6.2.5.1). */
static u32 bar_probe(const struct pci_func *f, u32 off, u32 old)
{
	u32 mask;

	pci_write32(f, off, UINT32_MAX);
	mask = pci_read32(f, off);
	pci_write32(f, off, old);
	return mask;
}

static void read_bars(struct pci_func *f)
{
	u32 count = f->header == HEADER_BRIDGE ? BARS_OF_BRIDGE : HOST_PCI_BARS;
	u16 command = pci_read16(f, PCI_REG_COMMAND);

	/* Half-written BARs must not decode. */
	pci_write16(f, PCI_REG_COMMAND, command & (u16) ~(PCI_COMMAND_IO | PCI_COMMAND_MEM));
	for (u32 i = 0; i < count; i++) {
		u32 off = PCI_REG_BAR0 + 4 * i;
		struct pci_bar_info *b = &f->bar[i];
		u32 low = pci_read32(f, off), mask = bar_probe(f, off, low);

		b->io = low & BAR_IO;
		if (b->io) {
			b->base = low & BAR_IO_MASK;
			b->size = (u16)(~(mask & BAR_IO_MASK) + 1);
			continue;
		}
		b->base = low & BAR_MEM_MASK;
		b->is64 = (low & BAR_TYPE) == BAR_TYPE_64 && i + 1 < count;
		if (b->is64) {
			u32 high = pci_read32(f, off + 4);
			u64 wide = (u64)bar_probe(f, off + 4, high) << 32;

			b->base |= (u64)high << 32;
			b->size = ~(wide | (mask & BAR_MEM_MASK)) + 1;
			i++;
		} else if (mask & BAR_MEM_MASK) {
			b->size = (u32)(~(mask & BAR_MEM_MASK) + 1);
		}
	}
	pci_write16(f, PCI_REG_COMMAND, command);
}

static void add_func(struct pci_func *f, u32 id)
{
	u32 class_rev = pci_read32(f, PCI_REG_CLASS);
	u32 sub = pci_read32(f, PCI_REG_SUBVENDOR);

	if (func_count == HOST_PCI_MAX) {
		LOG_LIMITED(LOG_WARN, "pci", "more than %u functions: the rest is not used",
			    HOST_PCI_MAX);
		return;
	}
	f->vendor = (u16)id;
	f->device = (u16)(id >> 16);
	f->class_code = class_rev >> 8;
	f->revision = (u8)class_rev;
	f->header = pci_read8(f, PCI_REG_HEADER) & HEADER_TYPE;
	f->irq_line = pci_read8(f, PCI_REG_IRQ_LINE);
	f->irq_pin = pci_read8(f, PCI_REG_IRQ_PIN);
	if (f->header == 0) {
		f->subvendor = (u16)sub;
		f->subdevice = (u16)(sub >> 16);
	}
	if (f->header <= HEADER_BRIDGE)
		read_bars(f);
	funcs[func_count++] = *f;
}

static void scan_device(u32 bus, u32 dev)
{
	u32 fns = 1;

	for (u32 fn = 0; fn < fns; fn++) {
		struct pci_func f = { .bus = (u8)bus, .dev = (u8)dev, .fn = (u8)fn };
		u32 id = pci_read32(&f, PCI_REG_VENDOR);

		if ((u16)id == NO_DEVICE || (u16)id == 0)
			continue;
		if (fn == 0 && pci_read8(&f, PCI_REG_HEADER) & HEADER_MULTI)
			fns = FNS;
		add_func(&f, id);
	}
}

/* Every bus number is tried: machines have several root buses, and only
 * firmware's AML knows which. */
u32 pci_scan(void)
{
	func_count = 0;
	for (u32 bus = 0; bus < BUSES; bus++) {
		for (u32 dev = 0; dev < DEVS; dev++)
			scan_device(bus, dev);
	}
	return func_count;
}

u32 pci_count(void)
{
	return func_count;
}

struct pci_func *pci_func_at(u32 i)
{
	return i < func_count ? &funcs[i] : NULL;
}

u8 pci_find_cap(const struct pci_func *f, u8 id)
{
	u8 at;

	if (!(pci_read16(f, PCI_REG_STATUS) & STATUS_CAPS))
		return 0;
	at = pci_read8(f, PCI_REG_CAP) & (u8)~3u;
	for (u32 i = 0; i < CAPS_MAX && at >= CAP_FIRST; i++) {
		u16 cap = pci_read16(f, at);

		if ((u8)cap == id)
			return at;
		at = (u8)(cap >> 8) & (u8)~3u;
	}
	return 0;
}

void *pci_map_bar(const struct pci_func *f, u32 i)
{
	if (i >= HOST_PCI_BARS || f->bar[i].io || !f->bar[i].base)
		return NULL;
	return mmio_map(f->bar[i].base, f->bar[i].size);
}

void pci_command_change(const struct pci_func *f, u16 clear, u16 set)
{
	u16 command = pci_read16(f, PCI_REG_COMMAND);

	pci_write16(f, PCI_REG_COMMAND, (u16)((command & ~clear) | set));
}

void pci_claim(struct pci_func *f)
{
	f->claimed = true;
	pci_command_change(f, 0, PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
}

void pci_release(struct pci_func *f)
{
	f->claimed = false;
	pci_command_change(f, PCI_COMMAND_MASTER, PCI_COMMAND_INTX_OFF);
}

u32 pci_quiesce_unclaimed(void)
{
	u32 were_on = 0;

	for (u32 i = 0; i < func_count; i++) {
		struct pci_func *f = &funcs[i];

		if (f->claimed || f->header != 0 || f->class_code >> 16 == PCI_CLASS_BRIDGE)
			continue;
		if (pci_read16(f, PCI_REG_COMMAND) & PCI_COMMAND_MASTER)
			were_on++;
		pci_command_change(f, PCI_COMMAND_MASTER, PCI_COMMAND_INTX_OFF);
	}
	return were_on;
}
