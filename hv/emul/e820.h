/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's memory map as firmware would report it (ACPI 6.4 chapter 15). */
#ifndef HV_EMUL_E820_H
#define HV_EMUL_E820_H

#include "hv/base/types.h"

#define E820_MAX 8

enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

struct e820_entry {
	u64 base;
	u64 size;
	u32 type; /* enum e820_type */
} PACKED;

STATIC_ASSERT(sizeof(struct e820_entry) == 20, "int 15h E820 layout");

/* RAM from 0 up to the PCI hole, and from 4 GiB on. */
struct guest_ram {
	u64 low;
	u64 high;
};

/* Where total bytes of RAM go. */
struct guest_ram guest_ram_split(u64 total);

/* Fill map[]; returns the number of entries, sorted by base. */
u32 e820_build(const struct guest_ram *ram, struct e820_entry map[E820_MAX]);

#endif
