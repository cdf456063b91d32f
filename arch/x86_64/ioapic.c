/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APIC driver (Intel 82093AA data sheet, section 3). */
#include <arch/ioapic.h>

#include <arch/mmio.h>
#include <arch/paging.h>
#include <arch/percpu.h>

#include "hv/base/log.h"

#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_BYTES 0x20
#define IOAPIC_REG_VERSION 1
#define VERSION_LAST_INPUT_SHIFT 16
#define IOAPIC_REG_ENTRY(n) (0x10 + 2 * (n))
#define ENTRY_ACTIVE_LOW BIT(13)
#define ENTRY_LEVEL BIT(15)
#define ENTRY_MASKED BIT(16)
#define ENTRY_DEST_SHIFT 24 /* in the upper half */

#define ISA_IRQS 16
#define INPUTS_MAX 120

struct ioapic {
	volatile u8 *regs;
	u32 gsi_base;
	u32 inputs;
	struct ioapic_line line[INPUTS_MAX];
};

struct isa_wire {
	bool overridden;
	u32 gsi;
	bool level, active_low;
};

static struct ioapic ioapics[IOAPIC_MAX];
static u32 ioapic_count;
static struct isa_wire isa[ISA_IRQS];

static u32 reg_read(struct ioapic *io, u32 reg)
{
	mmio_write32(io->regs + IOAPIC_SELECT, reg);
	return mmio_read32(io->regs + IOAPIC_WINDOW);
}

static void reg_write(struct ioapic *io, u32 reg, u32 v)
{
	mmio_write32(io->regs + IOAPIC_SELECT, reg);
	mmio_write32(io->regs + IOAPIC_WINDOW, v);
}

err_t ioapic_add(u64 phys, u32 gsi_base)
{
	struct ioapic *io;

	if (ioapic_count == IOAPIC_MAX)
		return ERR_NOMEM;
	io = &ioapics[ioapic_count];
	io->regs = mmio_map(phys, IOAPIC_BYTES);
	if (!io->regs)
		return ERR_NOMEM;
	io->gsi_base = gsi_base;
	io->inputs = (reg_read(io, IOAPIC_REG_VERSION) >> VERSION_LAST_INPUT_SHIFT & 0xff) + 1;
	if (io->inputs > INPUTS_MAX) {
		log_warn("ioapic", "at %lxh: %u inputs, %u used", phys, io->inputs, INPUTS_MAX);
		io->inputs = INPUTS_MAX;
	}
	for (u32 n = 0; n < io->inputs; n++)
		reg_write(io, IOAPIC_REG_ENTRY(n), ENTRY_MASKED);
	ioapic_count++;
	return ERR_OK;
}

void ioapic_override(u8 irq, u32 gsi, bool level, bool active_low)
{
	if (irq < ISA_IRQS)
		isa[irq] = (struct isa_wire){ true, gsi, level, active_low };
}

u32 ioapic_isa_gsi(u8 irq, struct ioapic_line *line)
{
	*line = (struct ioapic_line){ 0 };
	if (irq >= ISA_IRQS || !isa[irq].overridden)
		return irq; /* ISA: edge, active high */
	line->level = isa[irq].level;
	line->active_low = isa[irq].active_low;
	return isa[irq].gsi;
}

/* The I/O APIC with this input, *n its number there. */
static struct ioapic *find(u32 gsi, u32 *n)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		struct ioapic *io = &ioapics[i];

		if (gsi >= io->gsi_base && gsi - io->gsi_base < io->inputs) {
			*n = gsi - io->gsi_base;
			return io;
		}
	}
	return NULL;
}

err_t ioapic_get(u32 gsi, struct ioapic_line *line)
{
	u32 n;
	struct ioapic *io = find(gsi, &n);

	if (!io)
		return ERR_NOENT;
	*line = io->line[n];
	return ERR_OK;
}

err_t ioapic_set(u32 gsi, const struct ioapic_line *line, u32 core)
{
	u32 n, low = line->vector;
	struct ioapic *io = find(gsi, &n);

	if (!io)
		return ERR_NOENT;
	if (line->level)
		low |= ENTRY_LEVEL;
	if (line->active_low)
		low |= ENTRY_ACTIVE_LOW;
	io->line[n] = *line;
	reg_write(io, IOAPIC_REG_ENTRY(n), ENTRY_MASKED);
	reg_write(io, IOAPIC_REG_ENTRY(n) + 1, cpus[core].apic_id << ENTRY_DEST_SHIFT);
	reg_write(io, IOAPIC_REG_ENTRY(n), low);
	return ERR_OK;
}

void ioapic_mask(u32 gsi, bool masked)
{
	u32 n, low;
	struct ioapic *io = find(gsi, &n);

	if (!io)
		return;
	low = reg_read(io, IOAPIC_REG_ENTRY(n)) & ~ENTRY_MASKED;
	reg_write(io, IOAPIC_REG_ENTRY(n), masked ? low | ENTRY_MASKED : low);
}
