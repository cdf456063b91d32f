/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest tests' device, see testdev.h. */
#include "hv/testdev.h"

#include "hv/base/str.h"
#include "hv/emul/machine.h"

static void echo_access(struct testdev *d, struct io_access *a)
{
	if (a->size > TESTDEV_ECHO_END - a->addr)
		return;
	d->count++;
	d->last = (u32)a->addr | (u32)a->size << TESTDEV_LAST_SIZE_SHIFT;
	if (a->write) {
		d->last |= TESTDEV_LAST_WRITE;
		memcpy(&d->echo[a->addr], &a->value, a->size);
	} else {
		a->value = 0;
		memcpy(&a->value, &d->echo[a->addr], a->size);
	}
}

static void register_write(struct testdev *d, const struct io_access *a)
{
	u32 gsi = a->value & 0xff;

	switch (a->addr) {
	case TESTDEV_GSI:
		if (gsi < MACHINE_IOAPIC_PINS)
			irq_line(d->irq, gsi, a->value & TESTDEV_GSI_LEVEL);
		break;
	case TESTDEV_MSI_ADDR:
		d->msi_addr = a->value;
		break;
	case TESTDEV_MSI_DATA:
		irq_msi(d->irq, d->msi_addr, (u32)a->value);
		break;
	default:
		break;
	}
}

static void register_read(const struct testdev *d, struct io_access *a)
{
	switch (a->addr) {
	case TESTDEV_MSI_ADDR:
		a->value = d->msi_addr;
		break;
	case TESTDEV_COUNT:
		a->value = d->count;
		break;
	case TESTDEV_LAST:
		a->value = d->last;
		break;
	default:
		break;
	}
}

static void testdev_access(void *dev, struct io_access *a)
{
	struct testdev *d = dev;

	if (a->addr < TESTDEV_ECHO_END)
		echo_access(d, a);
	else if (a->write)
		register_write(d, a);
	else
		register_read(d, a);
}

err_t testdev_init(struct testdev *d, struct iomap *mmio, const struct irq_sink *irq)
{
	*d = (struct testdev){ .irq = irq };
	return iomap_add(mmio, TESTDEV_BASE, TESTDEV_SIZE, "testdev", testdev_access, d);
}

void testdev_reset(struct testdev *d)
{
	*d = (struct testdev){ .irq = d->irq };
}
