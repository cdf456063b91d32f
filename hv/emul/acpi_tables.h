/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts of the ACPI tables that are built here (ACPI 6.4 chapter 5). */
#ifndef HV_EMUL_ACPI_TABLES_H
#define HV_EMUL_ACPI_TABLES_H

#include "hv/base/types.h"

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 ext_checksum;
	u8 reserved[3];
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_rsdp) == 36, "ACPI 6.4 table 5.3");
#define ACPI_RSDP_V1_BYTES 20

/* 5.2.6 */
struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_header) == 36, "ACPI 6.4 table 5.4");

/* Generic address structure, 5.2.3.2. */
struct acpi_gas {
	u8 space; /* 1: I/O */
	u8 bit_width;
	u8 bit_offset;
	u8 access_size; /* 1 byte, 2 word, 3 dword */
	u64 address;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_gas) == 12, "ACPI 6.4 table 5.1");

#define ACPI_SPACE_IO 1

/* 5.2.9, revision 4 (ACPI 3.0) length. */
struct acpi_fadt {
	struct acpi_header h;
	u32 facs;
	u32 dsdt;
	u8 reserved0;
	u8 preferred_profile;
	u16 sci_int;
	u32 smi_cmd; /* 0: always in ACPI mode */
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 lvl2_latency, lvl3_latency; /* us; above 100 and 1000: not there */
	u16 flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_version;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_fadt) == 244, "ACPI 6.4 table 5.9, revision 4");
STATIC_ASSERT(offsetof(struct acpi_fadt, boot_arch) == 109, "ACPI 6.4 table 5.9");
STATIC_ASSERT(offsetof(struct acpi_fadt, reset_reg) == 116, "ACPI 6.4 table 5.9");
STATIC_ASSERT(offsetof(struct acpi_fadt, x_pm_tmr) == 208, "ACPI 6.4 table 5.9");

#define FADT_REVISION 4
#define FADT_PROFILE_ENTERPRISE_SERVER 4
#define FADT_LVL2_NONE 101
#define FADT_LVL3_NONE 1001
#define FADT_BOOT_LEGACY_DEVICES BIT(0)
#define FADT_BOOT_NO_VGA BIT(2)
#define FADT_WBINVD BIT(0)
#define FADT_PROC_C1 BIT(2)
#define FADT_NO_SLEEP_BUTTON BIT(5)
#define FADT_NO_FIXED_RTC BIT(6)
#define FADT_TIMER_32BIT BIT(8)
#define FADT_RESET_REG BIT(10)
#define FADT_HEADLESS BIT(12)

/* 5.2.10 */
struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature, waking_vector, global_lock, flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_facs) == 64, "ACPI 6.4 table 5.12");
#define FACS_VERSION 2

/* 5.2.12 */
struct acpi_madt {
	struct acpi_header h;
	u32 lapic_address;
	u32 flags;
} PACKED;

#define MADT_PCAT_COMPAT BIT(0) /* there are 8259s too */

struct acpi_madt_lapic { /* type 0 */
	u8 type, length;
	u8 uid, apic_id;
	u32 flags;
} PACKED;

struct acpi_madt_ioapic { /* type 1 */
	u8 type, length;
	u8 id, reserved;
	u32 address;
	u32 gsi_base;
} PACKED;

struct acpi_madt_override { /* type 2 */
	u8 type, length;
	u8 bus, irq;
	u32 gsi;
	u16 flags;
} PACKED;

struct acpi_madt_lapic_nmi { /* type 4 */
	u8 type, length;
	u8 uid; /* FFh: all */
	u16 flags;
	u8 lint;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_madt) == 44, "ACPI 6.4 table 5.19");
STATIC_ASSERT(sizeof(struct acpi_madt_lapic) == 8, "ACPI 6.4 table 5.21");
STATIC_ASSERT(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 6.4 table 5.23");
STATIC_ASSERT(sizeof(struct acpi_madt_override) == 10, "ACPI 6.4 table 5.24");
STATIC_ASSERT(sizeof(struct acpi_madt_lapic_nmi) == 6, "ACPI 6.4 table 5.27");

#define MADT_LAPIC 0
#define MADT_IOAPIC 1
#define MADT_OVERRIDE 2
#define MADT_LAPIC_NMI 4
#define MADT_LAPIC_ENABLED BIT(0)
#define MADT_LEVEL_HIGH 0xd /* flags: active high, level */
#define MADT_UID_ALL 0xff

struct acpi_srat {
	struct acpi_header h;
	u32 reserved_one;
	u64 reserved;
} PACKED;

struct acpi_srat_lapic { /* type 0 */
	u8 type, length;
	u8 domain_low;
	u8 apic_id;
	u32 flags;
	u8 sapic_eid;
	u8 domain_high[3];
	u32 clock_domain;
} PACKED;

struct acpi_srat_memory { /* type 1 */
	u8 type, length;
	u32 domain;
	u16 reserved0;
	u64 base, size;
	u32 reserved1;
	u32 flags;
	u64 reserved2;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_srat) == 48, "ACPI 6.4 table 5.61");
STATIC_ASSERT(sizeof(struct acpi_srat_lapic) == 16, "ACPI 6.4 table 5.62");
STATIC_ASSERT(sizeof(struct acpi_srat_memory) == 40, "ACPI 6.4 table 5.63");

#define SRAT_LAPIC 0
#define SRAT_MEMORY 1
#define SRAT_ENABLED BIT(0)

/* PCI firmware specification 3.2, 4.1.2 */
struct acpi_mcfg {
	struct acpi_header h;
	u64 reserved0;
	u64 base;
	u16 segment;
	u8 bus_start, bus_end;
	u32 reserved1;
} PACKED;

STATIC_ASSERT(sizeof(struct acpi_mcfg) == 60, "PCI firmware spec. table 4-2");

#endif
