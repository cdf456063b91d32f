/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's PCI bus 0 (PCI Local Bus 3.0 ch. 6, PCI Firmware 3.0 ch. 4 for
 * ECAM): configuration space, BARs, capabilities.
 */
#include "hv/emul/pci.h"

#include "hv/base/bytes.h"
#include "hv/base/log.h"
#include "hv/base/str.h"

/* Configuration header, type 0 (PCI 3.0 6.1). */
#define CFG_VENDOR 0x00
#define CFG_DEVICE 0x02
#define CFG_COMMAND 0x04
#define   COMMAND_IO BIT(0)
#define   COMMAND_MEM BIT(1)
#define   COMMAND_MASTER BIT(2)
#define   COMMAND_PARITY BIT(6)
#define   COMMAND_SERR BIT(8)
#define   COMMAND_NO_INTX BIT(10)
#define CFG_STATUS 0x06
#define   STATUS_CAPS BIT(4)
#define CFG_REVISION 0x08
#define CFG_CLASS 0x09
#define CFG_CACHE_LINE 0x0c
#define CFG_LATENCY 0x0d
#define CFG_BAR0 0x10
#define   BAR_IO BIT(0)
#define   BAR_IO_FLAGS 0x3u
#define   BAR_MEM_FLAGS 0xfu
#define CFG_SUBVENDOR 0x2c
#define CFG_SUBDEVICE 0x2e
#define CFG_CAP_PTR 0x34
#define CFG_INT_LINE 0x3c
#define CFG_HEADER_END 0x40
#define   CAP_NEXT 1

#define BAR_MIN_IO 4
#define BAR_MIN_MEM 4096

/* CF8h (PCI 3.0 3.2.2.3.2). */
#define PORT_CF8 0xcf8
#define PORT_CF8_COUNT 8
#define CF8_RESET 1 /* offset of port CF9h */
#define CF8_DATA 4  /* offset of CFCh */
#define CF8_ENABLE BIT(31)
#define CF8_WRITABLE 0x80fffffcu
#define CF8_BUS(v) ((v) >> 16 & 0xff)
#define CF8_DEV(v) ((v) >> 11 & 0x1f)
#define CF8_FUNC(v) ((v) >> 8 & 7)
#define CF8_REG(v) ((v) & 0xfc)

#define ECAM_BYTES 0x100000
#define ECAM_DEV(v) ((v) >> 15 & 0x1f)
#define ECAM_FUNC(v) ((v) >> 12 & 7)
#define ECAM_REG(v) ((v) & 0xfff)

/* A host bridge that no driver or quirk list knows. */
static const struct pci_ids host_bridge = {
	.vendor = 0x8086,
	.device = 0x0d57,
	.class_code = 0x060000,
};

static u32 bar_offset(u32 index)
{
	return CFG_BAR0 + index * (u32)sizeof(u32);
}

static u32 bar_flags(const struct pci_bar *bar)
{
	return bar->io ? BAR_IO_FLAGS : BAR_MEM_FLAGS;
}

/* --- BAR decoding --------------------------------------------------------- */

/* Does the function decode this BAR now, and does the bridge forward it? A
 * BAR outside the windows, as in the middle of sizing, is nowhere. */
static bool bar_wanted(const struct pci_dev *d, u32 index, u32 *base)
{
	const struct pci_bar *bar = &d->bar[index];
	const struct pci_windows *w = &d->bus->win;
	u32 win_base = bar->io ? w->io_base : w->mem_base;
	u32 win_size = bar->io ? w->io_size : w->mem_size;
	u16 decode = bar->io ? COMMAND_IO : COMMAND_MEM;

	if (!bar->size || !(load_le16(d->cfg + CFG_COMMAND) & decode))
		return false;
	*base = load_le32(d->cfg + bar_offset(index)) & ~bar_flags(bar);
	return *base >= win_base && *base - win_base < win_size &&
	       bar->size <= win_size - (*base - win_base);
}

static struct iomap *bar_map(const struct pci_dev *d, const struct pci_bar *bar)
{
	return bar->io ? d->bus->io : d->bus->mmio;
}

static void bar_unmap(struct pci_dev *d, struct pci_bar *bar)
{
	err_t err = iomap_del(bar_map(d, bar), bar->base);

	ASSERT(!err);
	bar->mapped = false;
}

static void bar_try_map(struct pci_dev *d, struct pci_bar *bar, u32 base)
{
	/* The MSI-X table is the bus's own. */
	void *ctx = d->msix_cap && bar == &d->bar[d->msix_bar] ? d : d->ctx;
	err_t err = iomap_add(bar_map(d, bar), base, bar->size, bar->name, bar->handler, ctx);

	if (err) {
		LOG_LIMITED(LOG_WARN, "pci", "%02x.0: BAR %u at %x: %s", d->devno,
			    (unsigned)(bar - d->bar), base, err_str(err));
		return;
	}
	bar->base = base;
	bar->mapped = true;
}

/* Bring the maps in line with the registers. First everything that moved or
 * was switched off goes, so that functions can trade places. */
static void remap(struct pci_bus *b)
{
	u32 base;

	for (u32 n = 0; n < PCI_MAX_DEVS * PCI_BARS; n++) {
		struct pci_dev *d = b->dev[n / PCI_BARS];
		struct pci_bar *bar = d ? &d->bar[n % PCI_BARS] : NULL;

		if (bar && bar->mapped &&
		    (!bar_wanted(d, n % PCI_BARS, &base) || base != bar->base))
			bar_unmap(d, bar);
	}
	for (u32 n = 0; n < PCI_MAX_DEVS * PCI_BARS; n++) {
		struct pci_dev *d = b->dev[n / PCI_BARS];
		struct pci_bar *bar = d ? &d->bar[n % PCI_BARS] : NULL;

		if (bar && !bar->mapped && bar_wanted(d, n % PCI_BARS, &base))
			bar_try_map(d, bar, base);
	}
}

/* --- configuration accesses ------------------------------------------------ */

static bool overlaps(u32 off, u32 size, u32 reg, u32 reg_size)
{
	return off < reg + reg_size && reg < off + size;
}

static void cfg_write(struct pci_dev *d, u32 off, u32 size, u32 value)
{
	for (u32 i = 0; i < size; i++) {
		u8 mask = d->wmask[off + i];

		d->cfg[off + i] =
			(u8)((d->cfg[off + i] & ~mask) | ((u8)(value >> i * 8) & mask));
	}
	if (overlaps(off, size, CFG_COMMAND, sizeof(u16)) ||
	    overlaps(off, size, CFG_BAR0, PCI_BARS * sizeof(u32)))
		remap(d->bus);
	if (d->msix_cap && overlaps(off, size, d->msix_cap, sizeof(u32)))
		pci_msix_control_written(d);
	if (d->cfg_written)
		d->cfg_written(d, (u8)off, (u8)size);
}

static u32 cfg_read(struct pci_dev *d, u32 off, u32 size)
{
	u32 value = 0;

	if (d->cfg_read)
		d->cfg_read(d, (u8)off, (u8)size);
	for (u32 i = 0; i < size; i++)
		value |= (u32)d->cfg[off + i] << i * 8;
	return value;
}

/* One access to function 0 of a device; what is not there ends in master
 * abort: ones. The caller checked that the registers exist. */
static void cfg_access(struct pci_bus *b, u32 devno, u32 off, struct io_access *a)
{
	struct pci_dev *d = b->dev[devno];

	if (!d)
		return;
	if (a->write)
		cfg_write(d, off, a->size, (u32)a->value);
	else
		a->value = cfg_read(d, off, a->size);
}

static void cf8_access(void *dev, struct io_access *a)
{
	struct pci_bus *b = dev;
	u32 lane = (u32)a->addr % CF8_DATA;

	if (a->addr >= CF8_DATA) {
		if (!(b->cf8 & CF8_ENABLE) || CF8_BUS(b->cf8) || CF8_FUNC(b->cf8))
			return;
		cfg_access(b, CF8_DEV(b->cf8), CF8_REG(b->cf8) + lane, a);
	} else if (a->addr == 0 && a->size == sizeof(u32)) {
		if (a->write)
			b->cf8 = (u32)a->value & CF8_WRITABLE;
		else
			a->value = b->cf8;
	} else if (a->addr == CF8_RESET && a->size == 1 && b->reset_port) {
		/* The handler's range is this one port. */
		a->addr = 0;
		b->reset_port(b->reset_ctx, a);
	}
}

static void ecam_access(void *dev, struct io_access *a)
{
	struct pci_bus *b = dev;
	u32 addr = (u32)a->addr;

	if (a->size > sizeof(u32)) {
		struct io_access low = { addr, a->value, sizeof(u32), a->write };
		struct io_access high = { addr + sizeof(u32), a->value >> 32, sizeof(u32),
					  a->write };

		ecam_access(dev, &low);
		ecam_access(dev, &high);
		a->value = (u32)low.value | high.value << 32;
		return;
	}
	/* Conventional functions: no extended configuration space. */
	if (ECAM_FUNC(addr) || ECAM_REG(addr) + a->size > PCI_CFG_BYTES)
		return;
	cfg_access(b, ECAM_DEV(addr), ECAM_REG(addr), a);
}

/* --- set-up ----------------------------------------------------------------- */

void pci_dev_init(struct pci_dev *d, const struct pci_ids *ids, void *ctx)
{
	memset(d, 0, sizeof(*d));
	d->ctx = ctx;
	d->cap_next = CFG_HEADER_END;
	store_le16(d->cfg + CFG_VENDOR, ids->vendor);
	store_le16(d->cfg + CFG_DEVICE, ids->device);
	store_le16(d->cfg + CFG_SUBVENDOR, ids->subvendor);
	store_le16(d->cfg + CFG_SUBDEVICE, ids->subdevice);
	d->cfg[CFG_REVISION] = ids->revision;
	d->cfg[CFG_CLASS] = (u8)ids->class_code;
	store_le16(d->cfg + CFG_CLASS + 1, (u16)(ids->class_code >> 8));
	store_le16(d->wmask + CFG_COMMAND, COMMAND_IO | COMMAND_MEM | COMMAND_MASTER |
						   COMMAND_PARITY | COMMAND_SERR |
						   COMMAND_NO_INTX);
	d->wmask[CFG_CACHE_LINE] = 0xff;
	d->wmask[CFG_LATENCY] = 0xff;
	d->wmask[CFG_INT_LINE] = 0xff;
}

err_t pci_dev_bar(struct pci_dev *d, u8 index, bool io, u32 size, const char *name,
		  io_handler handler)
{
	if (index >= PCI_BARS || (size & (size - 1)) || size < (io ? BAR_MIN_IO : BAR_MIN_MEM))
		return ERR_INVAL;
	if (d->bar[index].size)
		return ERR_EXIST;
	d->bar[index] = (struct pci_bar){
		.size = size,
		.io = io,
		.handler = handler,
		.name = name,
	};
	store_le32(d->cfg + bar_offset(index), io ? BAR_IO : 0);
	store_le32(d->wmask + bar_offset(index), ~(size - 1));
	return ERR_OK;
}

u8 pci_dev_cap(struct pci_dev *d, u8 id, const void *data, u8 len)
{
	u8 at = d->cap_next;
	u8 link = CFG_CAP_PTR;

	if (len < 2 || at == 0 || at + len > PCI_CFG_BYTES)
		return 0;
	while (d->cfg[link])
		link = (u8)(d->cfg[link] + CAP_NEXT);
	d->cfg[link] = at;
	d->cfg[at] = id;
	memcpy(d->cfg + at + 2, data, len - 2u);
	d->cfg[CFG_STATUS] |= STATUS_CAPS;
	/* Capabilities stand on dwords; 0 when that was the last. */
	d->cap_next = (u8)ALIGN_UP((u32)at + len, sizeof(u32));
	return at;
}

static bool taken(const struct pci_bus *b, bool io, u32 base, u32 size)
{
	for (u32 n = 0; n < PCI_MAX_DEVS * PCI_BARS; n++) {
		const struct pci_dev *d = b->dev[n / PCI_BARS];
		const struct pci_bar *bar = d ? &d->bar[n % PCI_BARS] : NULL;

		if (bar && bar->home && bar->io == io && base < bar->home + bar->size &&
		    bar->home < base + size)
			return true;
	}
	return false;
}

/* As firmware would: the lowest free place in the window, aligned to its size. */
static err_t assign(const struct pci_bus *b, struct pci_bar *bar)
{
	u32 start = bar->io ? b->win.io_base : b->win.mem_base;
	u32 room = bar->io ? b->win.io_size : b->win.mem_size;
	u32 base;

	for (base = ALIGN_UP(start, bar->size);
	     base - start < room && bar->size <= room - (base - start); base += bar->size) {
		if (taken(b, bar->io, base, bar->size))
			continue;
		bar->home = base;
		return ERR_OK;
	}
	return ERR_NOMEM;
}

/* Power-on as firmware leaves it: BARs at home, decoding on. */
static void dev_reset(struct pci_dev *d)
{
	u32 command = 0;

	for (u32 i = 0; i < PCI_CFG_BYTES; i++)
		d->cfg[i] &= (u8)~d->wmask[i];
	for (u32 i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &d->bar[i];
		u8 *reg = d->cfg + bar_offset(i);

		if (!bar->size)
			continue;
		store_le32(reg, (load_le32(reg) & bar_flags(bar)) | bar->home);
		command |= bar->io ? COMMAND_IO : COMMAND_MEM;
	}
	store_le16(d->cfg + CFG_COMMAND, (u16)command);
	if (d->msix_cap)
		pci_msix_reset(d);
}

/* PCI_MAX_DEVS: there is none. */
static u32 free_devno(const struct pci_bus *b, bool at_end)
{
	for (u32 i = 0; i < PCI_MAX_DEVS; i++) {
		u32 devno = at_end ? PCI_MAX_DEVS - 1 - i : i;

		if (!b->dev[devno])
			return devno;
	}
	return PCI_MAX_DEVS;
}

err_t pci_bus_add(struct pci_bus *b, struct pci_dev *d)
{
	u32 devno = free_devno(b, d->at_end);

	if (devno == PCI_MAX_DEVS)
		return ERR_NOMEM;
	d->bus = b;
	d->devno = (u8)devno;
	b->dev[devno] = d;
	for (u32 i = 0; i < PCI_BARS; i++) {
		err_t err = d->bar[i].size ? assign(b, &d->bar[i]) : ERR_OK;

		if (err) {
			pci_bus_remove(b, d);
			return err;
		}
	}
	dev_reset(d);
	remap(b);
	return ERR_OK;
}

void pci_bus_remove(struct pci_bus *b, struct pci_dev *d)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		if (d->bar[i].mapped)
			bar_unmap(d, &d->bar[i]);
		d->bar[i].home = 0;
	}
	b->dev[d->devno] = NULL;
}

err_t pci_bus_init(struct pci_bus *b, struct iomap *io, struct iomap *mmio,
		   const struct irq_sink *irq, const struct pci_windows *w)
{
	err_t err;

	memset(b, 0, sizeof(*b));
	b->io = io;
	b->mmio = mmio;
	b->irq = irq;
	b->win = *w;
	pci_dev_init(&b->host, &host_bridge, NULL);
	err = pci_bus_add(b, &b->host);
	if (err)
		return err;
	err = iomap_add(io, PORT_CF8, PORT_CF8_COUNT, "pci-config", cf8_access, b);
	if (err)
		return err;
	err = iomap_add(mmio, w->ecam_base, ECAM_BYTES, "pci-ecam", ecam_access, b);
	if (err)
		(void)iomap_del(io, PORT_CF8);
	return err;
}

void pci_bus_reset_port(struct pci_bus *b, io_handler handler, void *ctx)
{
	b->reset_port = handler;
	b->reset_ctx = ctx;
}

void pci_bus_reset(struct pci_bus *b)
{
	b->cf8 = 0;
	for (u32 i = 0; i < PCI_MAX_DEVS; i++)
		if (b->dev[i])
			dev_reset(b->dev[i]);
	remap(b);
}
