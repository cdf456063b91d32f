/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor wants to know from the machine's ACPI tables (ACPI 6.4
 * ch. 5; MCFG: PCI Firmware 3.2 4.1.2; DMAR: VT-d 8.1; IVRS: AMD IOMMU 5.2).
 * Pure: bytes in, struct out. Tables with a bad checksum or length are left
 * out and counted.
 */
#ifndef ARCH_X86_64_ACPI_H
#define ARCH_X86_64_ACPI_H

#include "hv/base/err.h"
#include "hv/base/phys.h"
#include "hv/base/types.h"

#define ACPI_MAX_CPUS 256
#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_OVERRIDES 16
#define ACPI_MAX_ECAMS 4
#define ACPI_MAX_IOMMUS 8
#define ACPI_MAX_NODES 16
#define ACPI_MAX_NEAR_MEMORY 64
#define ACPI_RSDP_V1_BYTES 20
#define ACPI_RSDP_BYTES 36

/* Where firmware may leave the RSDP on BIOS machines: 5.2.5.1. */
#define ACPI_BDA_EBDA_SEGMENT 0x40e
#define ACPI_EBDA_SEARCH 1024
#define ACPI_BIOS_BASE 0xe0000
#define ACPI_BIOS_END 0x100000

struct acpi_ioapic {
	u64 addr;
	u32 gsi_base;
};

struct acpi_override {
	u8 irq;
	u32 gsi;
	bool level, active_low;
};

struct acpi_ecam {
	u64 base; /* of bus 0, even when bus_start is not 0 */
	u16 segment;
	u8 bus_start, bus_end;
};

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

struct acpi_reset {
	bool valid;
	u8 space; /* enum acpi_space */
	u8 value;
	u64 addr;
};

struct acpi_sleep {
	bool valid;		/* S5 found and PM1a control known */
	u16 pm1a_cnt, pm1b_cnt; /* pm1b 0: not there */
	u8 s5_typ_a, s5_typ_b;
};

struct acpi_iommu {
	u64 base;
	bool amd; /* else VT-d */
};

struct acpi_near_cpu {
	u32 apic_id;
	u32 node;
};

struct acpi_near_memory {
	u64 base, size;
	u32 node;
};

/* What lies near what (SRAT); node_count 0: the machine does not say. */
struct acpi_numa {
	u32 node_count;
	u32 domain[ACPI_MAX_NODES]; /* firmware's name of each node */
	u32 cpu_count;
	struct acpi_near_cpu cpu[ACPI_MAX_CPUS];
	u32 memory_count;
	struct acpi_near_memory memory[ACPI_MAX_NEAR_MEMORY];
};

struct acpi_info {
	u32 cpu_count; /* enabled processors */
	u32 cpu_apic_id[ACPI_MAX_CPUS];
	u64 lapic_addr; /* 0: MADT not found */
	u32 ioapic_count;
	struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
	u32 override_count;
	struct acpi_override override[ACPI_MAX_OVERRIDES];
	u32 ecam_count;
	struct acpi_ecam ecam[ACPI_MAX_ECAMS];
	u32 iommu_count;
	struct acpi_iommu iommu[ACPI_MAX_IOMMUS];
	u16 sci_irq;
	u16 smi_cmd;
	u8 acpi_enable; /* write to smi_cmd to enter ACPI mode; 0: in it already */
	u16 pm_timer;	/* I/O port, 0: none */
	u16 boot_flags; /* FADT IAPC_BOOT_ARCH */
	struct acpi_reset reset;
	struct acpi_sleep sleep;
	struct acpi_numa numa;
	u32 tables; /* read */
	u32 bad;    /* tables and entries left out */
};

/* Look for the RSDP in the EBDA (ebda: its address, 0: none) and the BIOS
 * area, and copy it to rsdp. Its length, or 0 when there is none. */
u32 acpi_find_rsdp(u8 rsdp[ACPI_RSDP_BYTES], u64 ebda, const struct phys_view *view);

/* Read the tables. ERR_INVAL: the RSDP (size bytes) or the root table is bad;
 * *info is all zero or partly filled then. */
err_t acpi_parse(struct acpi_info *info, const u8 *rsdp, u32 size, const struct phys_view *view);

#endif
