/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of the host's PCI functions: MSI-X (PCI 3.0 6.8.2), MSI (6.8.1), INTx.
 * What a message's address and data mean: SDM vol. 3A 10.11.
 */
#include <arch/pci.h>

#include <arch/irq.h>
#include <arch/percpu.h>

#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define CAP_CONTROL 2

#define MSI_ENABLE BIT(0)
#define MSI_VECTORS (7u << 4)
#define MSI_64BIT BIT(7)
#define MSI_ADDR 4
#define MSI_ADDR_HIGH 8
#define MSI_DATA_32 8
#define MSI_DATA_64 12

#define MSIX_COUNT_MASK 0x7ffu /* entries, less one */
#define MSIX_FUNCTION_MASK BIT(14)
#define MSIX_ENABLE BIT(15)
#define MSIX_TABLE 4
#define MSIX_TABLE_BAR 7u

#define MESSAGE_ADDR 0xfee00000u
#define MESSAGE_ADDR_DEST_SHIFT 12

/* An entry of the MSI-X table, 6.8.2.6 to 6.8.2.9. */
struct msix_entry {
	u32 addr, addr_high, data, control;
};

#define MSIX_ENTRY_MASKED BIT(0)

STATIC_ASSERT(sizeof(struct msix_entry) == 16, "PCI 3.0 6.8.2");

const char *pci_irq_name(enum pci_irq_kind kind)
{
	static const char *const name[PCI_IRQ_KINDS] = {
		[PCI_IRQ_MSIX] = "MSI-X", [PCI_IRQ_MSI] = "MSI", [PCI_IRQ_INTX] = "INTx",
	};

	return name[kind];
}

bool pci_irq_has(const struct pci_func *f, enum pci_irq_kind kind)
{
	switch (kind) {
	case PCI_IRQ_MSIX:
		return pci_find_cap(f, CAP_MSIX) != 0;
	case PCI_IRQ_MSI:
		return pci_find_cap(f, CAP_MSI) != 0;
	default:
		return f->irq_pin && f->irq_line && f->irq_line != UINT8_MAX;
	}
}

/* --- MSI-X -------------------------------------------------------------------- */

static volatile struct msix_entry *msix_table(const struct pci_func *f, u8 cap, u32 *count)
{
	u32 where = pci_read32(f, cap + MSIX_TABLE);
	u32 bar = where & MSIX_TABLE_BAR, off = where & ~MSIX_TABLE_BAR;
	u8 *regs = pci_map_bar(f, bar);

	*count = (pci_read16(f, cap + CAP_CONTROL) & MSIX_COUNT_MASK) + 1;
	if (!regs || off > f->bar[bar].size ||
	    *count * sizeof(struct msix_entry) > f->bar[bar].size - off)
		return NULL;
	return (volatile struct msix_entry *)(void *)(regs + off);
}

static err_t msix_prepare(const struct pci_func *f)
{
	u8 cap = pci_find_cap(f, CAP_MSIX);
	u16 control = pci_read16(f, cap + CAP_CONTROL);
	volatile struct msix_entry *table;
	u32 count;

	pci_command_change(f, 0, PCI_COMMAND_INTX_OFF);
	pci_write16(f, cap + CAP_CONTROL, control | MSIX_ENABLE | MSIX_FUNCTION_MASK);
	table = msix_table(f, cap, &count);
	for (u32 i = 0; table && i < count; i++)
		table[i].control |= MSIX_ENTRY_MASKED;
	return table ? ERR_OK : ERR_IO;
}

static err_t msix_enable(const struct pci_func *f, u32 entry, u32 core, u8 vector)
{
	u8 cap = pci_find_cap(f, CAP_MSIX);
	u16 control = pci_read16(f, cap + CAP_CONTROL);
	u32 count;
	volatile struct msix_entry *e = msix_table(f, cap, &count);

	if (!e)
		return ERR_IO;
	if (entry >= count)
		return ERR_RANGE;
	e += entry;
	e->addr = MESSAGE_ADDR | cpus[core].apic_id << MESSAGE_ADDR_DEST_SHIFT;
	e->addr_high = 0;
	e->data = vector;
	e->control &= ~MSIX_ENTRY_MASKED;
	pci_write16(f, cap + CAP_CONTROL, (u16)(control & ~MSIX_FUNCTION_MASK));
	return ERR_OK;
}

/* --- MSI ---------------------------------------------------------------------- */

static void msi_enable(const struct pci_func *f, u8 vector)
{
	u8 cap = pci_find_cap(f, CAP_MSI);
	u16 control = pci_read16(f, cap + CAP_CONTROL);

	pci_write32(f, cap + MSI_ADDR, MESSAGE_ADDR | cpus[0].apic_id << MESSAGE_ADDR_DEST_SHIFT);
	if (control & MSI_64BIT)
		pci_write32(f, cap + MSI_ADDR_HIGH, 0);
	pci_write16(f, cap + (control & MSI_64BIT ? MSI_DATA_64 : MSI_DATA_32), vector);
	pci_write16(f, cap + CAP_CONTROL, (u16)((control & ~MSI_VECTORS) | MSI_ENABLE));
}

/* --- all ---------------------------------------------------------------------- */

err_t pci_irq_prepare(struct pci_func *f, enum pci_irq_kind kind)
{
	if (!pci_irq_has(f, kind))
		return ERR_NOENT;
	return kind == PCI_IRQ_MSIX ? msix_prepare(f) : ERR_OK;
}

err_t pci_irq_enable(struct pci_func *f, enum pci_irq_kind kind, irq_fn fn, void *ctx)
{
	int vector;

	if (!pci_irq_has(f, kind))
		return ERR_NOENT;
	if (kind == PCI_IRQ_INTX) {
		pci_command_change(f, PCI_COMMAND_INTX_OFF, 0);
		return irq_pci_enable(f->irq_line, fn, ctx);
	}
	vector = irq_vector_alloc(fn, ctx);
	if (vector < 0)
		return ERR_NOMEM;
	f->irq_vector[0] = (u8)vector;
	pci_command_change(f, 0, PCI_COMMAND_INTX_OFF);
	if (kind == PCI_IRQ_MSIX)
		return msix_enable(f, 0, 0, (u8)vector);
	msi_enable(f, (u8)vector);
	return ERR_OK;
}

err_t pci_msix_enable(struct pci_func *f, u32 entry, u32 core, irq_fn fn, void *ctx)
{
	int vector;

	if (entry >= PCI_MSIX_ENTRIES)
		return ERR_RANGE;
	vector = irq_vector_alloc(fn, ctx);
	if (vector < 0)
		return ERR_NOMEM;
	f->irq_vector[entry] = (u8)vector;
	return msix_enable(f, entry, core, (u8)vector);
}

void pci_irq_disable(struct pci_func *f, enum pci_irq_kind kind)
{
	u8 id = kind == PCI_IRQ_MSI ? CAP_MSI : CAP_MSIX;
	u8 cap = kind == PCI_IRQ_INTX ? 0 : pci_find_cap(f, id);

	pci_command_change(f, 0, PCI_COMMAND_INTX_OFF);
	if (cap) {
		u16 off = kind == PCI_IRQ_MSI ? MSI_ENABLE : MSIX_ENABLE;

		pci_write16(f, cap + CAP_CONTROL, (u16)(pci_read16(f, cap + CAP_CONTROL) & ~off));
	}
	for (u32 i = 0; i < PCI_MSIX_ENTRIES; i++) {
		if (f->irq_vector[i])
			irq_register(f->irq_vector[i], NULL, NULL);
		f->irq_vector[i] = 0;
	}
}
