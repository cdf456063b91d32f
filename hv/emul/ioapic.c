/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APIC (82093AA datasheet 3.0, ICH9 datasheet 13.5). */
#include "hv/emul/ioapic.h"

#include "hv/base/str.h"

/* Direct registers. */
#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOEOI 0x40

/* Behind IOREGSEL. */
#define REG_ID 0x00
#define REG_VERSION 0x01
#define REG_ARBITRATION 0x02
#define REG_TABLE 0x10 /* two registers an input */

#define ID_SHIFT 24
#define ID_MASK 0xf

/* 20h is the first version with the EOI register. */
#define VERSION_VALUE (0x20u | (MACHINE_IOAPIC_PINS - 1) << 16)

/* Redirection entry. */
#define RTE_VECTOR 0xffull
#define RTE_MODE_SHIFT 8
#define RTE_MODE 0x7
#define RTE_LOGICAL BIT64(11)
#define RTE_REMOTE_IRR BIT64(14)
#define RTE_LEVEL BIT64(15)
#define RTE_MASKED BIT64(16)
#define RTE_DEST_SHIFT 56
/* Vector, modes, polarity, trigger, mask and destination; delivery status
 * (12) and remote IRR (14) are read only. */
#define RTE_WRITABLE 0xff0000000001afffull

STATIC_ASSERT(MACHINE_IOAPIC_PINS <= 32, "one bit an input in lines");

void ioapic_init(struct ioapic *io, ioapic_deliver deliver, void *ctx)
{
	memset(io, 0, sizeof(*io));
	io->deliver = deliver;
	io->ctx = ctx;
	ioapic_reset(io);
}

void ioapic_reset(struct ioapic *io)
{
	io->id = MACHINE_IOAPIC_ID;
	io->select = 0;
	for (u32 pin = 0; pin < MACHINE_IOAPIC_PINS; pin++)
		io->entry[pin] = RTE_MASKED;
}

err_t ioapic_attach(struct ioapic *io, struct iomap *mmio)
{
	return iomap_add(mmio, MACHINE_IOAPIC_BASE, MACHINE_IOAPIC_SIZE, "ioapic", ioapic_mmio,
			 io);
}

/*
 * Send an unmasked input's message. A level-triggered one marks remote IRR and
 * stays quiet until the EOI. The marking is for fixed and lowest priority only:
 * the other modes know no EOI and are edge-triggered by definition.
 */
static void send(struct ioapic *io, u32 pin)
{
	u64 entry = io->entry[pin];
	struct lapic_ipi ipi = {
		.dest = (u32)(entry >> RTE_DEST_SHIFT),
		.vector = (u8)(entry & RTE_VECTOR),
		.mode = entry >> RTE_MODE_SHIFT & RTE_MODE,
		.logical = entry & RTE_LOGICAL,
	};

	if (ipi.mode == LAPIC_FIXED || ipi.mode == LAPIC_LOWEST)
		ipi.level = entry & RTE_LEVEL;
	if (ipi.level)
		io->entry[pin] |= RTE_REMOTE_IRR;
	io->sent++;
	io->deliver(io->ctx, &ipi);
}

static void send_if_level(struct ioapic *io, u32 pin)
{
	u64 entry = io->entry[pin];

	if ((io->lines & BIT(pin)) && (entry & RTE_LEVEL) &&
	    !(entry & (RTE_MASKED | RTE_REMOTE_IRR)))
		send(io, pin);
}

void ioapic_set_line(struct ioapic *io, u32 gsi, bool level)
{
	bool was;

	if (gsi >= MACHINE_IOAPIC_PINS)
		return;
	was = io->lines & BIT(gsi);
	if (level == was)
		return;
	io->lines ^= BIT(gsi);
	if (!level)
		return;
	if (io->entry[gsi] & RTE_LEVEL)
		send_if_level(io, gsi);
	else if (io->entry[gsi] & RTE_MASKED)
		io->masked_edges++;
	else
		send(io, gsi);
}

void ioapic_eoi(struct ioapic *io, u8 vector)
{
	for (u32 pin = 0; pin < MACHINE_IOAPIC_PINS; pin++) {
		u64 entry = io->entry[pin];

		if (!(entry & RTE_REMOTE_IRR) || (entry & RTE_VECTOR) != vector)
			continue;
		io->entry[pin] &= ~RTE_REMOTE_IRR;
		send_if_level(io, pin);
	}
}

static u32 indirect_read(const struct ioapic *io)
{
	u32 reg = io->select;
	u32 pin = (reg - REG_TABLE) / 2;

	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return (u32)io->id << ID_SHIFT;
	case REG_VERSION:
		return VERSION_VALUE;
	default:
		break;
	}
	if (reg < REG_TABLE || pin >= MACHINE_IOAPIC_PINS)
		return 0;
	return (u32)(reg & 1 ? io->entry[pin] >> 32 : io->entry[pin]);
}

static void table_write(struct ioapic *io, u32 pin, bool high, u32 value)
{
	u64 mask = high ? RTE_WRITABLE & ~0xffffffffull : RTE_WRITABLE & 0xffffffffull;
	u64 bits = high ? (u64)value << 32 : value;
	u64 entry = (io->entry[pin] & ~mask) | (bits & mask);

	/* Edge mode has no remote IRR; guests switch to it and back to lose one. */
	if (!(entry & RTE_LEVEL))
		entry &= ~RTE_REMOTE_IRR;
	io->entry[pin] = entry;
	send_if_level(io, pin);
}

static void indirect_write(struct ioapic *io, u32 value)
{
	u32 reg = io->select;
	u32 pin = (reg - REG_TABLE) / 2;

	if (reg == REG_ID)
		io->id = value >> ID_SHIFT & ID_MASK;
	else if (reg >= REG_TABLE && pin < MACHINE_IOAPIC_PINS)
		table_write(io, pin, reg & 1, value);
}

void ioapic_mmio(void *dev, struct io_access *a)
{
	struct ioapic *io = dev;

	if (!a->write) {
		a->value = 0;
		if (a->addr == IOREGSEL)
			a->value = io->select;
		else if (a->addr == IOWIN)
			a->value = indirect_read(io);
		return;
	}
	switch (a->addr) {
	case IOREGSEL:
		io->select = (u8)a->value;
		break;
	case IOWIN:
		indirect_write(io, (u32)a->value);
		break;
	case IOEOI:
		ioapic_eoi(io, (u8)a->value);
		break;
	default:
		break;
	}
}
