/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device for the guest tests (`vm add ... testdev on`): memory that only the
 * instruction emulation reaches, and interrupts on demand.
 *
 *     00 .. 3F  eight 64-bit registers that keep what is written, byte by byte
 *     40        write: GSI number in bits 7:0, level in bit 8
 *     48        MSI address (64 bits)
 *     50        write: send the MSI with this data (32 bits)
 *     58        read: accesses to 00 .. 3F so far (32 bits)
 *     5C        read: the last of them: offset, size << 8, write << 16 (32 bits)
 */
#ifndef HV_TESTDEV_H
#define HV_TESTDEV_H

#include "hv/base/err.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

#define TESTDEV_BASE 0xfeb00000u
#define TESTDEV_SIZE 0x1000u

enum testdev_reg {
	TESTDEV_ECHO = 0x00,
	TESTDEV_ECHO_END = 0x40,
	TESTDEV_GSI = 0x40,
	TESTDEV_MSI_ADDR = 0x48,
	TESTDEV_MSI_DATA = 0x50,
	TESTDEV_COUNT = 0x58,
	TESTDEV_LAST = 0x5c,
};

#define TESTDEV_GSI_LEVEL BIT(8)
#define TESTDEV_LAST_SIZE_SHIFT 8
#define TESTDEV_LAST_WRITE BIT(16)

struct testdev {
	const struct irq_sink *irq;
	u8 echo[TESTDEV_ECHO_END];
	u64 msi_addr;
	u32 count;
	u32 last;
};

/* Register it in a VM's memory map; d and irq live as long as the VM. */
err_t testdev_init(struct testdev *d, struct iomap *mmio, const struct irq_sink *irq);

/* Registers to zero. Lines stay with the I/O APIC's reset. */
void testdev_reset(struct testdev *d);

#endif
