/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map of machine.h as a table. */
#include "hv/emul/e820.h"

#include "hv/emul/machine.h"

struct guest_ram guest_ram_split(u64 total)
{
	u64 low = MIN(total, MACHINE_PCI_HOLE);

	return (struct guest_ram){ .low = low, .high = total - low };
}

u32 e820_build(const struct guest_ram *ram, struct e820_entry map[E820_MAX])
{
	const struct e820_entry all[] = {
		{ 0, MACHINE_LOW_RAM_END, E820_RAM },
		{ MACHINE_LOW_RAM_END, MACHINE_VGA_HOLE - MACHINE_LOW_RAM_END, E820_RESERVED },
		{ MACHINE_ROM_BASE, MACHINE_HIGH_RAM - MACHINE_ROM_BASE, E820_RESERVED },
		{ MACHINE_HIGH_RAM, ram->low - MACHINE_HIGH_RAM, E820_RAM },
		{ MACHINE_ECAM_BASE, MACHINE_ECAM_SIZE, E820_RESERVED },
		{ MACHINE_PCI_HOLE_END, ram->high, E820_RAM },
	};
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].size)
			map[n++] = all[i];
	return n;
}
