/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's configuration space (82599 datasheet, chapter 9; PCI 3.0, 6.1), its BARs
 * as far as QEMU's proxy can have them (32 bits), MSI and MSI-X.
 */
#include "tests/proxy/proxy.h"

#include <string.h>

#include "hv/base/bytes.h"

#define BAR_REGS 0 /* registers */
#define BAR_MSIX 4 /* MSI-X table, pending bits behind it */
#define MSIX_SIZE 0x4000u
#define MSIX_PENDING 0x2000u
#define VECTOR_BYTES 16u

#define REG_COMMAND 0x04
#define REG_STATUS 0x06
#define REG_BAR0 0x10
#define REG_CAP 0x34
#define REG_LINE 0x3c
#define COMMAND_MEMORY BIT(1)
#define COMMAND_MASTER BIT(2)
#define COMMAND_WRITABLE 0x0546u

#define CAP_PM 0x40u /* where the capabilities stand */
#define CAP_MSI 0x50u
#define CAP_MSIX 0x70u
#define CAP_PCIE 0xa0u
#define MSI_ENABLE BIT(0)
#define MSI_64BIT BIT(7)
#define MSIX_ENABLE BIT(15)
#define MSIX_MASK BIT(14)

static const u32 bar_size[PROXY_BARS] = { [BAR_REGS] = IXM_BAR_SIZE, [BAR_MSIX] = MSIX_SIZE };

void proxy_pci_init(struct proxy *p, u16 device)
{
	u8 *c = p->config;

	memset(c, 0, sizeof(p->config));
	store_le16(c, ADV_VENDOR);
	store_le16(c + 2, device);
	store_le16(c + REG_STATUS, BIT(4)); /* capabilities */
	c[0x08] = 1;			    /* revision */
	c[0x0b] = 0x02;			    /* network, Ethernet */
	store_le16(c + 0x2c, ADV_VENDOR);
	store_le16(c + 0x2e, 0x0003);
	c[REG_CAP] = CAP_PM;
	c[0x3d] = 1; /* INTA#, which QEMU's proxy cannot raise without KVM */

	store_le16(c + CAP_PM, 0x01 | CAP_MSI << 8);
	store_le16(c + CAP_PM + 2, 3);
	store_le16(c + CAP_MSI, 0x05 | CAP_MSIX << 8);
	store_le16(c + CAP_MSI + 2, MSI_64BIT);
	store_le16(c + CAP_MSIX, 0x11 | CAP_PCIE << 8);
	store_le16(c + CAP_MSIX + 2, PROXY_VECTORS - 1);
	store_le32(c + CAP_MSIX + 4, BAR_MSIX);
	store_le32(c + CAP_MSIX + 8, MSIX_PENDING | BAR_MSIX);
	store_le16(c + CAP_PCIE, 0x10);
	store_le16(c + CAP_PCIE + 2, 2);	     /* endpoint, version 2 */
	store_le32(c + CAP_PCIE + 0x0c, 0x82);	     /* 5 GT/s, 8 lanes */
	store_le16(c + CAP_PCIE + 0x12, 0x82);
	for (u32 i = 0; i < PROXY_VECTORS; i++)
		p->msix[i].masked = 1;
}

u32 proxy_config_read(struct proxy *p, u32 off, u32 size)
{
	u32 v = UINT32_MAX;

	if (off + size > PROXY_CONFIG || size > 4)
		return v;
	v = 0;
	memcpy(&v, p->config + off, size);
	return v;
}

/* The bits of a 32-bit word that software may change. */
static u32 writable(u32 word)
{
	if (word >= REG_BAR0 && word < REG_BAR0 + 4 * PROXY_BARS) {
		u32 size = bar_size[(word - REG_BAR0) / 4];

		return size ? ~(size - 1) : 0;
	}
	switch (word) {
	case REG_COMMAND:
		return COMMAND_WRITABLE;
	case REG_LINE:
		return 0xff;
	case CAP_PM + 4:
		return 0x103;
	case CAP_MSI:
		return MSI_ENABLE << 16;
	case CAP_MSI + 4:
		return ~3u;
	case CAP_MSI + 8:
		return UINT32_MAX;
	case CAP_MSI + 12:
		return 0xffff;
	case CAP_MSIX:
		return (u32)(MSIX_ENABLE | MSIX_MASK) << 16;
	case CAP_PCIE + 8:
		return 0xffff;
	default:
		return 0;
	}
}

static void deliver_pending(struct proxy *p)
{
	for (u32 i = 0; i < PROXY_VECTORS; i++) {
		if (!(p->msix_pending & BIT64(i)))
			continue;
		p->msix_pending &= ~BIT64(i);
		proxy_interrupt(p, i);
	}
}

void proxy_config_write(struct proxy *p, u32 off, u32 size, u32 v)
{
	for (u32 i = 0; i < size && off + i < PROXY_CONFIG; i++) {
		u32 at = off + i, mask = writable(at & ~3u) >> 8 * (at & 3) & 0xff;

		p->config[at] = (u8)((p->config[at] & ~mask) | (v >> 8 * i & mask));
	}
	for (u32 i = 0; i < PROXY_BARS; i++)
		p->bar[i] = load_le32(p->config + REG_BAR0 + 4 * i) & ~15u;
	deliver_pending(p);
}

/* --- messages --------------------------------------------------------------------------- */

void proxy_interrupt(void *ctx, u32 vector)
{
	struct proxy *p = ctx;
	u16 command = load_le16(p->config + REG_COMMAND);
	u16 msix = load_le16(p->config + CAP_MSIX + 2), msi = load_le16(p->config + CAP_MSI + 2);
	const struct proxy_vector *e = &p->msix[vector];

	if (!(command & COMMAND_MASTER))
		return;
	if (msix & MSIX_ENABLE) {
		if ((msix & MSIX_MASK) || (e->masked & 1))
			p->msix_pending |= BIT64(vector);
		else
			proxy_bus_write(p, e->addr | (u64)e->addr_high << 32, e->data);
	} else if (msi & MSI_ENABLE) {
		proxy_bus_write(p, load_le64(p->config + CAP_MSI + 4),
				load_le16(p->config + CAP_MSI + 12));
	}
}

static u32 *vector_word(struct proxy *p, u32 off)
{
	u32 *words = &p->msix[off / VECTOR_BYTES].addr;

	return off < PROXY_VECTORS * VECTOR_BYTES ? words + off % VECTOR_BYTES / 4 : NULL;
}

STATIC_ASSERT(sizeof(struct proxy_vector) == VECTOR_BYTES, "an entry of the table");

/* --- BARs --------------------------------------------------------------------------------- */

/* The BAR that the address is in, or -1. */
static int find_bar(const struct proxy *p, u64 addr, u32 *off)
{
	for (u32 i = 0; i < PROXY_BARS; i++) {
		if (bar_size[i] && p->bar[i] && addr >= p->bar[i] &&
		    addr - p->bar[i] < bar_size[i]) {
			*off = (u32)(addr - p->bar[i]);
			return (int)i;
		}
	}
	return -1;
}

static u32 read32(struct proxy *p, u64 addr)
{
	u32 off = 0, *word;

	switch (find_bar(p, addr, &off)) {
	case BAR_REGS:
		return ixgbe_model_read32(&p->model, off);
	case BAR_MSIX:
		word = vector_word(p, off);
		if (word)
			return *word;
		return off / 8 == MSIX_PENDING / 8 ? (u32)(p->msix_pending >> 8 * (off & 4)) : 0;
	default:
		return UINT32_MAX;
	}
}

static void write32(struct proxy *p, u64 addr, u32 v)
{
	u32 off = 0, *word;

	switch (find_bar(p, addr, &off)) {
	case BAR_REGS:
		ixgbe_model_write32(&p->model, off, v);
		break;
	case BAR_MSIX:
		word = vector_word(p, off);
		if (word)
			*word = v;
		deliver_pending(p);
		break;
	default:
		break;
	}
}

u64 proxy_bar_read(struct proxy *p, u64 addr, u32 size)
{
	if (size == 8)
		return read32(p, addr) | (u64)read32(p, addr + 4) << 32;
	return read32(p, addr & ~3ull) >> 8 * (addr & 3);
}

void proxy_bar_write(struct proxy *p, u64 addr, u32 size, u64 v)
{
	write32(p, addr, (u32)v);
	if (size == 8)
		write32(p, addr + 4, (u32)(v >> 32));
}
