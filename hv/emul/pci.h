/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's PCI bus 0: configuration space by CF8h/CFCh and ECAM, BARs that
 * can be sized and moved (each registers its range in the I/O or memory map
 * while decoding is on), capabilities, and MSI-X (PCI 3.0 6.8.2, 6.1).
 * Functions are single (function 0), device 0 is the host bridge.
 */
#ifndef HV_EMUL_PCI_H
#define HV_EMUL_PCI_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

#define PCI_MAX_DEVS 32
#define PCI_CFG_BYTES 256
#define PCI_BARS 6
#define PCI_MSIX_MAX 32

struct pci_bus;
struct pci_dev;

struct pci_bar {
	u32 size;	    /* power of two; 0: not there */
	bool io;	    /* I/O space, else 32-bit memory */
	bool mapped;	    /* registered in the map at `base` now */
	u32 base;
	u32 home;	    /* where pci_bus_add() put it; 0: nowhere yet */
	io_handler handler; /* addr is the offset inside the BAR; dev is pci_dev.ctx */
	const char *name;
};

/*
 * A guest changes entries, one access at a time, while any core may send by them:
 * the version is odd during a change. All fields are atomic.
 */
struct pci_msix_entry {
	u32 version;
	u32 data;
	u64 addr;
	bool masked;
};

struct pci_dev {
	struct pci_bus *bus;
	u8 devno;
	bool at_end;		 /* set before pci_bus_add() */
	u8 cfg[PCI_CFG_BYTES];
	u8 wmask[PCI_CFG_BYTES]; /* bits a guest may write */
	u8 cap_next;		 /* first free byte for capabilities */
	u8 msix_cap;		 /* offset of the MSI-X capability, 0: none */
	u8 msix_bar;
	u16 msix_count;
	bool msix_open;		 /* on, and not masked as a whole; atomic */
	u32 msix_pending;	 /* bit per vector; atomic */
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	struct pci_bar bar[PCI_BARS];
	void *ctx;		 /* the device model */
	/* Config write beyond the standard handling, may be NULL. Called after
	 * the bytes changed. */
	void (*cfg_written)(struct pci_dev *d, u8 off, u8 size);
	/* Config read fix-up for registers that live elsewhere, may be NULL. */
	void (*cfg_read)(struct pci_dev *d, u8 off, u8 size);
};

struct pci_ids {
	u16 vendor, device, subvendor, subdevice;
	u32 class_code; /* 24 bits: class, subclass, interface */
	u8 revision;
};

struct pci_windows {
	u64 ecam_base;	/* 1 MiB for bus 0 */
	u32 io_base, io_size;
	u32 mem_base, mem_size;
};

struct pci_bus {
	struct iomap *io;
	struct iomap *mmio;
	const struct irq_sink *irq;
	u32 cf8;
	struct pci_windows win;
	io_handler reset_port; /* byte at CF9h, NULL: nothing there */
	void *reset_ctx;
	struct pci_dev host;   /* device 0 */
	struct pci_dev *dev[PCI_MAX_DEVS];
	u64 msi_sent; /* atomic */
};

/* Register CF8h-CFFh and ECAM in the maps and make the host bridge answer. */
err_t pci_bus_init(struct pci_bus *b, struct iomap *io, struct iomap *mmio,
		   const struct irq_sink *irq, const struct pci_windows *w);

/* Byte accesses at CF9h, which lies inside CF8h's dword, go to this handler. */
void pci_bus_reset_port(struct pci_bus *b, io_handler handler, void *ctx);

/* Back to power-on: BARs where pci_bus_add() put them, decoding on, MSI-X
 * off and masked. */
void pci_bus_reset(struct pci_bus *b);

/* Prepare a function; d belongs to the caller and stays valid while on the bus. */
void pci_dev_init(struct pci_dev *d, const struct pci_ids *ids, void *ctx);

/* Before pci_bus_add(). size: power of two, I/O at least 4, memory at least 4096. */
err_t pci_dev_bar(struct pci_dev *d, u8 index, bool io, u32 size, const char *name,
		  io_handler handler);

/* Add a capability of len bytes (id and next pointer included; data points to
 * len - 2 bytes). Returns its offset, 0 when there is no room. */
u8 pci_dev_cap(struct pci_dev *d, u8 id, const void *data, u8 len);

/* MSI-X with count vectors, table and PBA in BAR `bar` (which it creates). */
err_t pci_dev_msix(struct pci_dev *d, u8 bar, u16 count);

/* Put it on the bus at the next free device number (the last one, with at_end) and assign
 * its BARs. */
err_t pci_bus_add(struct pci_bus *b, struct pci_dev *d);

/* Take it off the bus; the guest does not run. */
void pci_bus_remove(struct pci_bus *b, struct pci_dev *d);

/* MSI-X is enabled by the guest (then INTx is not used). */
bool pci_msix_enabled(const struct pci_dev *d);

/* Send vector, or note it pending while masked. False when MSI-X is off or the
 * vector does not exist. Any core, also while the guest changes the table; all
 * else here is for one core at a time. */
bool pci_msix_notify(struct pci_dev *d, u16 vector);

/* --- between pci.c and pci_msix.c --- */

/* The guest wrote the message control word. */
void pci_msix_control_written(struct pci_dev *d);
void pci_msix_reset(struct pci_dev *d);

#endif
