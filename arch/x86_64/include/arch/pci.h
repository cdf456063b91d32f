/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's PCI functions (PCI 3.0 ch. 6; PCIe 4.0 7.2.2): found once at
 * boot, on segment 0. Boot core.
 */
#ifndef ARCH_PCI_H
#define ARCH_PCI_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define HOST_PCI_MAX 256
#define HOST_PCI_BARS 6
#define PCI_MSIX_ENTRIES 16u /* of a function's table that can be used */

enum pci_reg {
	PCI_REG_VENDOR = 0x00,
	PCI_REG_DEVICE = 0x02,
	PCI_REG_COMMAND = 0x04,
	PCI_REG_STATUS = 0x06,
	PCI_REG_CLASS = 0x08, /* revision 7:0, interface, subclass, class 31:24 */
	PCI_REG_HEADER = 0x0e,
	PCI_REG_BAR0 = 0x10,
	PCI_REG_SUBVENDOR = 0x2c,
	PCI_REG_CAP = 0x34,
	PCI_REG_IRQ_LINE = 0x3c,
	PCI_REG_IRQ_PIN = 0x3d,
};

#define PCI_COMMAND_IO BIT(0)
#define PCI_COMMAND_MEM BIT(1)
#define PCI_COMMAND_MASTER BIT(2)
#define PCI_COMMAND_INTX_OFF BIT(10)

#define PCI_CLASS_BRIDGE 0x06
#define PCI_CLASS_NETWORK 0x02

struct pci_bar_info {
	u64 base;
	u64 size; /* 0: not there */
	bool io;
	bool is64;
};

struct pci_func {
	u8 bus, dev, fn;
	u8 header; /* type, without the multi-function bit */
	u16 vendor, device, subvendor, subdevice;
	u32 class_code; /* 24 bits: class, subclass, interface */
	u8 revision;
	u8 irq_line; /* ISA interrupt firmware routed INTx to; 0 or 255: none */
	u8 irq_pin;  /* 1..4: INTA#..INTD#; 0: none */
	bool claimed;
	u8 irq_vector[PCI_MSIX_ENTRIES]; /* of messages; 0: none */
	struct pci_bar_info bar[HOST_PCI_BARS];
};

/* Use ECAM at base for these buses of segment 0; before pci_scan(). */
void pci_use_ecam(u64 base, u8 bus_start, u8 bus_end);

/* Look at all buses; how many functions there are. */
u32 pci_scan(void);

u32 pci_count(void);
/* The i-th function, NULL past the end. Stays valid. */
struct pci_func *pci_func_at(u32 i);

/* Configuration space; off aligned to the access. Reads of what is not there
 * give all ones. */
u32 pci_read32(const struct pci_func *f, u32 off);
u16 pci_read16(const struct pci_func *f, u32 off);
u8 pci_read8(const struct pci_func *f, u32 off);
void pci_write32(const struct pci_func *f, u32 off, u32 v);
void pci_write16(const struct pci_func *f, u32 off, u16 v);

/* Offset of a capability in the first 256 bytes, 0 when there is none. */
u8 pci_find_cap(const struct pci_func *f, u8 id);

/* Registers behind memory BAR i, uncached; NULL when it is I/O or not there. */
void *pci_map_bar(const struct pci_func *f, u32 i);

/* A driver takes the function: decoding and bus mastering on. */
void pci_claim(struct pci_func *f);
/* ... and gives it back: bus mastering off. */
void pci_release(struct pci_func *f);

/* Bus mastering off for everything nobody claimed, bridges excepted, so that
 * no device does DMA that nobody supervises. How many were on. */
u32 pci_quiesce_unclaimed(void);

/* Bits of the command register off and on. */
void pci_command_change(const struct pci_func *f, u16 clear, u16 set);

/* --- pci_irq.c: how a function interrupts, best kind first ------------------ */

enum pci_irq_kind {
	PCI_IRQ_MSIX, /* entries of its table that were enabled; the others stay masked */
	PCI_IRQ_MSI,
	PCI_IRQ_INTX, /* as firmware routed it (irq_line, with the MADT's overrides) */
	PCI_IRQ_KINDS,
};

const char *pci_irq_name(enum pci_irq_kind kind);

/* Does the function have such interrupts? */
bool pci_irq_has(const struct pci_func *f, enum pci_irq_kind kind);

/* Tell the function which kind it will be, all of it masked: before its driver sets
 * the device up. MSI-X: ERR_IO when its table cannot be reached. */
err_t pci_irq_prepare(struct pci_func *f, enum pci_irq_kind kind);

/* The function's interrupts to fn on the boot core, of the kind that was prepared: of
 * MSI-X entry 0. ERR_NOENT: there are none of that kind; ERR_NOMEM: no vector; else as
 * irq_gsi_enable(). */
err_t pci_irq_enable(struct pci_func *f, enum pci_irq_kind kind, void (*fn)(void *ctx), void *ctx);

/* Another entry of a table of MSI-X that is enabled, to fn on that core. ERR_RANGE: no such
 * entry, or at or above PCI_MSIX_ENTRIES; ERR_NOMEM. */
err_t pci_msix_enable(struct pci_func *f, u32 entry, u32 core, void (*fn)(void *ctx), void *ctx);

/* No more of them; the device itself is quiet. Lines stay routed, and masked in the
 * function. */
void pci_irq_disable(struct pci_func *f, enum pci_irq_kind kind);

#endif
