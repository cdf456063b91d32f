/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration mechanism 1 (PCI 3.0 3.2.2.3.2). */
#include "tests/guest-bad/bad.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE BIT(31)
#define DEV_SHIFT 11

static void select_register(u32 dev, u32 reg)
{
	out32(CONFIG_ADDRESS, CONFIG_ENABLE | dev << DEV_SHIFT | (reg & 0xfc));
}

u32 pci_read(u32 dev, u32 reg)
{
	select_register(dev, reg);
	return in32(CONFIG_DATA);
}

void pci_write(u32 dev, u32 reg, u32 value)
{
	select_register(dev, reg);
	out32(CONFIG_DATA, value);
}

u32 pci_find(u16 device, u32 from)
{
	for (u32 dev = from; dev < PCI_DEVS; dev++)
		if (pci_read(dev, 0) >> 16 == device)
			return dev;
	return 0;
}
