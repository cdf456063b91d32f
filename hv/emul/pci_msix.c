/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: capability, table and pending bits (PCI Local Bus 3.0 6.8.2). Senders on
 * other cores hold no lock. A sender sets the pending bit, then looks whether the
 * entry lets it through; the guest's write changes the entry, then looks for the
 * pending bit. So one of them sees the other, and whoever takes the bit sends.
 */
#include "hv/emul/pci.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"

#define CAP_ID_MSIX 0x11
#define CAP_LEN 12

/* From the start of the capability. */
#define CAP_CONTROL 2
#define   CONTROL_ENABLE BIT(15)
#define   CONTROL_FUNCTION_MASK BIT(14)
#define CAP_TABLE 4 /* offset in the BAR, BAR number in bits 2:0 */
#define CAP_PBA 8

#define BAR_BYTES 4096
#define TABLE_AT 0
#define PBA_AT 0x800

/* Table entry, by dwords. */
#define ENTRY_BYTES 16
#define ENTRY_ADDR 0
#define ENTRY_ADDR_HIGH 4
#define ENTRY_DATA 8
#define ENTRY_CONTROL 12
#define   VECTOR_MASKED BIT(0)

STATIC_ASSERT(PCI_MSIX_MAX * ENTRY_BYTES <= PBA_AT, "the table ends before the PBA");
STATIC_ASSERT(PCI_MSIX_MAX <= 32, "the PBA is one dword");

static u16 control(const struct pci_dev *d)
{
	return d->msix_cap ? load_le16(d->cfg + d->msix_cap + CAP_CONTROL) : 0;
}

bool pci_msix_enabled(const struct pci_dev *d)
{
	/* The enable bit's byte alone: other cores may ask while it changes. */
	u8 at = (u8)(d->msix_cap + CAP_CONTROL + 1);

	return d->msix_cap &&
	       (__atomic_load_n(&d->cfg[at], __ATOMIC_RELAXED) & CONTROL_ENABLE >> 8);
}

/* The message of an entry, when the guest is not about to change it. */
static bool message(const struct pci_dev *d, const struct pci_msix_entry *e, u64 *addr, u32 *data)
{
	u32 version = __atomic_load_n(&e->version, __ATOMIC_ACQUIRE);

	if ((version & 1) || __atomic_load_n(&e->masked, __ATOMIC_RELAXED) ||
	    !__atomic_load_n(&d->msix_open, __ATOMIC_RELAXED))
		return false;
	*addr = __atomic_load_n(&e->addr, __ATOMIC_RELAXED);
	*data = __atomic_load_n(&e->data, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&e->version, __ATOMIC_RELAXED) == version;
}

/* Send vector if it waits and nothing holds it back: then whoever ends that comes here. */
static void flush(struct pci_dev *d, u32 vector)
{
	u32 bit = BIT(vector), data;
	u64 addr;

	/* What was changed before is seen by the others before we look at the rest. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&d->msix_pending, __ATOMIC_RELAXED) & bit) ||
	    !message(d, &d->msix[vector], &addr, &data))
		return;
	if (!(__atomic_fetch_and(&d->msix_pending, ~bit, __ATOMIC_ACQ_REL) & bit))
		return;
	__atomic_fetch_add(&d->bus->msi_sent, 1, __ATOMIC_RELAXED);
	irq_msi(d->bus->irq, addr, data);
}

bool pci_msix_notify(struct pci_dev *d, u16 vector)
{
	if (!pci_msix_enabled(d) || vector >= d->msix_count)
		return false;
	__atomic_fetch_or(&d->msix_pending, BIT(vector), __ATOMIC_ACQ_REL);
	flush(d, vector);
	return true;
}

void pci_msix_control_written(struct pci_dev *d)
{
	bool open = (control(d) & (CONTROL_ENABLE | CONTROL_FUNCTION_MASK)) == CONTROL_ENABLE;

	__atomic_store_n(&d->msix_open, open, __ATOMIC_RELEASE);
	for (u32 i = 0; i < d->msix_count; i++)
		flush(d, i);
}

/* The guest changes an entry. */
static void change_begin(struct pci_msix_entry *e)
{
	__atomic_store_n(&e->version, e->version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void change_end(struct pci_msix_entry *e)
{
	__atomic_store_n(&e->version, e->version + 1, __ATOMIC_RELEASE);
}

void pci_msix_reset(struct pci_dev *d)
{
	__atomic_store_n(&d->msix_open, false, __ATOMIC_RELEASE);
	__atomic_store_n(&d->msix_pending, 0, __ATOMIC_RELEASE);
	for (u32 i = 0; i < d->msix_count; i++) {
		struct pci_msix_entry *e = &d->msix[i];

		change_begin(e);
		__atomic_store_n(&e->addr, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&e->data, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&e->masked, true, __ATOMIC_RELAXED);
		change_end(e);
	}
}

static u32 dword_read(const struct pci_dev *d, u32 off)
{
	const struct pci_msix_entry *e = &d->msix[off / ENTRY_BYTES % PCI_MSIX_MAX];

	if (off == PBA_AT)
		return __atomic_load_n(&d->msix_pending, __ATOMIC_RELAXED);
	if (off >= d->msix_count * (u32)ENTRY_BYTES)
		return 0;
	switch (off % ENTRY_BYTES) {
	case ENTRY_ADDR:
		return (u32)e->addr;
	case ENTRY_ADDR_HIGH:
		return (u32)(e->addr >> 32);
	case ENTRY_DATA:
		return e->data;
	default: /* ENTRY_CONTROL */
		return e->masked ? VECTOR_MASKED : 0;
	}
}

static void dword_write(struct pci_dev *d, u32 off, u32 value)
{
	struct pci_msix_entry *e = &d->msix[off / ENTRY_BYTES % PCI_MSIX_MAX];

	if (off >= d->msix_count * (u32)ENTRY_BYTES)
		return;
	change_begin(e);
	switch (off % ENTRY_BYTES) {
	case ENTRY_ADDR:
		__atomic_store_n(&e->addr, (e->addr & ~0xffffffffull) | value, __ATOMIC_RELAXED);
		break;
	case ENTRY_ADDR_HIGH:
		__atomic_store_n(&e->addr, (e->addr & 0xffffffffull) | (u64)value << 32,
				 __ATOMIC_RELAXED);
		break;
	case ENTRY_DATA:
		__atomic_store_n(&e->data, value, __ATOMIC_RELAXED);
		break;
	default: /* ENTRY_CONTROL */
		__atomic_store_n(&e->masked, value & VECTOR_MASKED, __ATOMIC_RELAXED);
		break;
	}
	change_end(e);
	flush(d, off / ENTRY_BYTES);
}

/* Software uses aligned dwords and quadwords only (6.8.2); narrower reads give
 * the bytes, other accesses do nothing. */
static void table_access(void *dev, struct io_access *a)
{
	struct pci_dev *d = dev;
	u32 off = (u32)a->addr;

	if (off % a->size)
		return;
	if (a->size == 8) {
		if (a->write) {
			dword_write(d, off, (u32)a->value);
			dword_write(d, off + 4, (u32)(a->value >> 32));
		} else {
			a->value = dword_read(d, off) | (u64)dword_read(d, off + 4) << 32;
		}
	} else if (!a->write) {
		a->value = dword_read(d, ALIGN_DOWN(off, 4)) >> off % 4 * 8;
	} else if (a->size == 4) {
		dword_write(d, off, (u32)a->value);
	}
}

err_t pci_dev_msix(struct pci_dev *d, u8 bar, u16 count)
{
	u8 cap[CAP_LEN - 2];
	u8 at;

	if (!count || count > PCI_MSIX_MAX || bar >= PCI_BARS)
		return ERR_INVAL;
	if (d->msix_cap || d->bar[bar].size)
		return ERR_EXIST;
	store_le16(cap + CAP_CONTROL - 2, (u16)(count - 1));
	store_le32(cap + CAP_TABLE - 2, TABLE_AT | bar);
	store_le32(cap + CAP_PBA - 2, PBA_AT | (u32)bar);
	at = pci_dev_cap(d, CAP_ID_MSIX, cap, CAP_LEN);
	if (!at)
		return ERR_NOMEM;
	store_le16(d->wmask + at + CAP_CONTROL, CONTROL_ENABLE | CONTROL_FUNCTION_MASK);
	d->msix_cap = at;
	d->msix_bar = bar;
	d->msix_count = count;
	pci_msix_reset(d);
	return pci_dev_bar(d, bar, false, BAR_BYTES, "msix", table_access);
}
