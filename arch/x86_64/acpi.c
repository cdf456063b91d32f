/* SPDX-License-Identifier: BSD-2-Clause */
/* Reader of the host's ACPI tables (ACPI 6.4 ch. 5), and of _S5 in the DSDT. */
#include "arch/x86_64/acpi.h"

#include "arch/x86_64/acpi_priv.h"
#include "hv/base/bytes.h"
#include "hv/base/str.h"

/* Common table header, 5.2.6. */
#define SDT_LENGTH 4
#define SDT_HEADER 36
#define SDT_MAX (16u << 20)

/* RSDP, 5.2.5.3. */
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_LENGTH 20
#define RSDP_XSDT 24
#define RSDP_STEP 16

/* MADT, 5.2.12. */
#define MADT_LAPIC_ADDR 36
#define MADT_ENTRIES 44
#define MADT_LAPIC 0
#define MADT_LAPIC_LEN 8
#define MADT_IOAPIC 1
#define MADT_IOAPIC_LEN 12
#define MADT_OVERRIDE 2
#define MADT_OVERRIDE_LEN 10
#define MADT_LAPIC_ADDR64 5
#define MADT_LAPIC_ADDR64_LEN 12
#define MADT_X2APIC 9
#define MADT_X2APIC_LEN 16
#define CPU_ENABLED BIT(0)
#define INTI_POLARITY 3u
#define INTI_ACTIVE_LOW 3u
#define INTI_TRIGGER (3u << 2)
#define INTI_LEVEL (3u << 2)
#define APIC_ID_BROADCAST 0xffu

/* MCFG. */
#define MCFG_ENTRIES 44
#define MCFG_ENTRY 16

/* FADT, 5.2.9. */
#define FADT_DSDT 40
#define FADT_SCI_INT 46
#define FADT_SMI_CMD 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1A_CNT 64
#define FADT_PM1B_CNT 68
#define FADT_PM_TMR 76
#define FADT_BOOT_ARCH 109
#define FADT_FLAGS 112
#define FADT_V1_BYTES 116
#define FADT_FLAG_RESET BIT(10)
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_RESET_END 129
#define FADT_X_DSDT 140
#define FADT_X_DSDT_END 148
#define GAS_ADDR 4

/* DMAR: VT-d 8.1 and 8.3. */
#define DMAR_ENTRIES 48
#define DMAR_DRHD 0
#define DMAR_DRHD_BASE 8
#define DMAR_DRHD_LEN 16

/* IVRS: AMD IOMMU 5.2.1 and 5.2.2. One unit may stand there in several forms. */
#define IVRS_ENTRIES 48
#define IVRS_IVHD_10 0x10
#define IVRS_IVHD_11 0x11
#define IVRS_IVHD_40 0x40
#define IVRS_IVHD_BASE 8
#define IVRS_IVHD_LEN 24

/* AML, 20.2. */
#define AML_ZERO 0x00
#define AML_ONE 0x01
#define AML_NAME 0x08
#define AML_BYTE 0x0a
#define AML_PACKAGE 0x12
#define AML_ROOT '\\'
#define S5_MIN_BYTES 9 /* "_S5_", package, length, count, two values */

static bool checksum_ok(const u8 *p, u32 len)
{
	u8 sum = 0;

	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + p[i]);
	return sum == 0;
}

static u32 rsdp_size(const u8 *p)
{
	return p[RSDP_REVISION] >= 2 ? ACPI_RSDP_BYTES : ACPI_RSDP_V1_BYTES;
}

u32 acpi_find_rsdp(u8 rsdp[ACPI_RSDP_BYTES], u64 ebda, const struct phys_view *view)
{
	const u64 area[][2] = { { ebda, ebda ? ebda + ACPI_EBDA_SEARCH : 0 },
				{ ACPI_BIOS_BASE, ACPI_BIOS_END } };

	for (u32 i = 0; i < ARRAY_SIZE(area); i++) {
		for (u64 at = area[i][0]; at < area[i][1]; at += RSDP_STEP) {
			const u8 *p = phys_at(view, at, ACPI_RSDP_V1_BYTES);
			u32 size;

			if (!p || memcmp(p, "RSD PTR ", 8) || !checksum_ok(p, ACPI_RSDP_V1_BYTES))
				continue;
			size = rsdp_size(p);
			p = phys_at(view, at, size);
			if (!p)
				continue;
			memcpy(rsdp, p, size);
			return size;
		}
	}
	return 0;
}

/* The whole table at addr with its length, checked; NULL (counted) if bad. */
static const u8 *table_at(struct acpi_info *info, u64 addr, u32 *len, const struct phys_view *v)
{
	const u8 *p = addr ? phys_at(v, addr, SDT_HEADER) : NULL;

	if (p) {
		*len = load_le32(p + SDT_LENGTH);
		p = *len >= SDT_HEADER && *len <= SDT_MAX ? phys_at(v, addr, *len) : NULL;
	}
	if (!p || !checksum_ok(p, *len)) {
		info->bad++;
		return NULL;
	}
	info->tables++;
	return p;
}

static void add_cpu(struct acpi_info *info, u32 id, u32 flags)
{
	if (!(flags & CPU_ENABLED))
		return;
	for (u32 i = 0; i < info->cpu_count; i++) { /* may stand as APIC and as x2APIC */
		if (info->cpu_apic_id[i] == id)
			return;
	}
	if (info->cpu_count == ACPI_MAX_CPUS)
		info->bad++;
	else
		info->cpu_apic_id[info->cpu_count++] = id;
}

static void add_override(struct acpi_info *info, const u8 *e)
{
	u16 flags = load_le16(e + 8);

	if (info->override_count == ACPI_MAX_OVERRIDES) {
		info->bad++;
		return;
	}
	/* "Conforms to the bus" is edge, active high on ISA. */
	info->override[info->override_count++] = (struct acpi_override){
		.irq = e[3],
		.gsi = load_le32(e + 4),
		.level = (flags & INTI_TRIGGER) == INTI_LEVEL,
		.active_low = (flags & INTI_POLARITY) == INTI_ACTIVE_LOW,
	};
}

static void madt_entry(struct acpi_info *info, const u8 *e, u8 len)
{
	u8 type = e[0];

	if (type == MADT_LAPIC && len >= MADT_LAPIC_LEN) {
		if (e[3] != APIC_ID_BROADCAST)
			add_cpu(info, e[3], load_le32(e + 4));
	} else if (type == MADT_X2APIC && len >= MADT_X2APIC_LEN) {
		add_cpu(info, load_le32(e + 4), load_le32(e + 8));
	} else if (type == MADT_LAPIC_ADDR64 && len >= MADT_LAPIC_ADDR64_LEN) {
		info->lapic_addr = load_le64(e + 4);
	} else if (type == MADT_OVERRIDE && len >= MADT_OVERRIDE_LEN) {
		add_override(info, e);
	} else if (type == MADT_IOAPIC && len >= MADT_IOAPIC_LEN) {
		if (info->ioapic_count == ACPI_MAX_IOAPICS)
			info->bad++;
		else
			info->ioapic[info->ioapic_count++] =
				(struct acpi_ioapic){ load_le32(e + 4), load_le32(e + 8) };
	}
}

static void parse_madt(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	(void)v;
	if (len < MADT_ENTRIES) {
		info->bad++;
		return;
	}
	info->lapic_addr = load_le32(t + MADT_LAPIC_ADDR);
	for (u32 at = MADT_ENTRIES; len - at >= 2; at += t[at + 1]) {
		if (t[at + 1] < 2 || t[at + 1] > len - at) {
			info->bad++;
			return;
		}
		madt_entry(info, t + at, t[at + 1]);
	}
}

static void parse_mcfg(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	(void)v;
	for (u32 at = MCFG_ENTRIES; at <= len && len - at >= MCFG_ENTRY; at += MCFG_ENTRY) {
		if (info->ecam_count == ACPI_MAX_ECAMS) {
			info->bad++;
			return;
		}
		info->ecam[info->ecam_count++] = (struct acpi_ecam){
			.base = load_le64(t + at),
			.segment = load_le16(t + at + 8),
			.bus_start = t[at + 10],
			.bus_end = t[at + 11],
		};
	}
}

static void add_iommu(struct acpi_info *info, u64 base, bool amd)
{
	for (u32 i = 0; i < info->iommu_count; i++) {
		if (info->iommu[i].base == base)
			return;
	}
	if (info->iommu_count == ACPI_MAX_IOMMUS)
		info->bad++;
	else
		info->iommu[info->iommu_count++] = (struct acpi_iommu){ base, amd };
}

static void parse_dmar(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	(void)v;
	for (u32 at = DMAR_ENTRIES; at <= len && len - at >= 4; at += load_le16(t + at + 2)) {
		u16 size = load_le16(t + at + 2);

		if (size < 4 || size > len - at) {
			info->bad++;
			return;
		}
		if (load_le16(t + at) == DMAR_DRHD && size >= DMAR_DRHD_LEN)
			add_iommu(info, load_le64(t + at + DMAR_DRHD_BASE), false);
	}
}

static void parse_ivrs(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	(void)v;
	for (u32 at = IVRS_ENTRIES; at <= len && len - at >= 4; at += load_le16(t + at + 2)) {
		u8 type = t[at];
		u16 size = load_le16(t + at + 2);

		if (size < 4 || size > len - at) {
			info->bad++;
			return;
		}
		if ((type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40) &&
		    size >= IVRS_IVHD_LEN)
			add_iommu(info, load_le64(t + at + IVRS_IVHD_BASE), true);
	}
}

/* A small constant of AML at p; false when it is something else. */
static bool aml_small(const u8 **p, const u8 *end, u8 *value)
{
	if (end - *p >= 1 && (**p == AML_ZERO || **p == AML_ONE)) {
		*value = *(*p)++;
		return true;
	}
	if (end - *p >= 2 && **p == AML_BYTE) {
		*value = (*p)[1];
		*p += 2;
		return true;
	}
	return false;
}

/*
 * Name (_S5, Package {typ_a, typ_b, ...}) by its bytes: the rest of AML is not
 * interpreted. 7.4.2 says that the package consists of constants.
 */
static void parse_s5(struct acpi_sleep *s, const u8 *t, u32 len)
{
	const u8 *end = t + len;

	for (const u8 *at = t + SDT_HEADER; end - at > S5_MIN_BYTES && !s->valid; at++) {
		bool named = at[-1] == AML_NAME || (at[-1] == AML_ROOT && at[-2] == AML_NAME);
		const u8 *p = at + 5;

		if (!named || memcmp(at, "_S5_", 4) || at[4] != AML_PACKAGE)
			continue;
		p += 1 + (*p >> 6); /* length: 20.2.4 */
		p++;		    /* number of elements */
		s->valid = aml_small(&p, end, &s->s5_typ_a) && aml_small(&p, end, &s->s5_typ_b);
	}
}

static void parse_fadt(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v)
{
	u64 dsdt;

	if (len < FADT_V1_BYTES) {
		info->bad++;
		return;
	}
	info->sci_irq = load_le16(t + FADT_SCI_INT);
	info->smi_cmd = (u16)load_le32(t + FADT_SMI_CMD);
	info->acpi_enable = t[FADT_ACPI_ENABLE];
	info->sleep.pm1a_cnt = (u16)load_le32(t + FADT_PM1A_CNT);
	info->sleep.pm1b_cnt = (u16)load_le32(t + FADT_PM1B_CNT);
	info->pm_timer = (u16)load_le32(t + FADT_PM_TMR);
	info->boot_flags = load_le16(t + FADT_BOOT_ARCH);
	if (len >= FADT_RESET_END && load_le32(t + FADT_FLAGS) & FADT_FLAG_RESET) {
		info->reset = (struct acpi_reset){
			.valid = true,
			.space = t[FADT_RESET_REG],
			.value = t[FADT_RESET_VALUE],
			.addr = load_le64(t + FADT_RESET_REG + GAS_ADDR),
		};
	}
	dsdt = load_le32(t + FADT_DSDT);
	if (len >= FADT_X_DSDT_END && load_le64(t + FADT_X_DSDT))
		dsdt = load_le64(t + FADT_X_DSDT);
	t = table_at(info, dsdt, &len, v);
	if (t && info->sleep.pm1a_cnt)
		parse_s5(&info->sleep, t, len);
}

static const struct {
	char signature[5];
	void (*parse)(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v);
} parsers[] = {
	{ "APIC", parse_madt }, { "FACP", parse_fadt }, { "MCFG", parse_mcfg },
	{ "DMAR", parse_dmar }, { "IVRS", parse_ivrs }, { "SRAT", acpi_parse_srat },
};

static void parse_table(struct acpi_info *info, u64 addr, const struct phys_view *v)
{
	const u8 *t = phys_at(v, addr, SDT_HEADER);
	u32 len;

	for (u32 i = 0; t && i < ARRAY_SIZE(parsers); i++) {
		if (memcmp(t, parsers[i].signature, 4))
			continue;
		t = table_at(info, addr, &len, v);
		if (t)
			parsers[i].parse(info, t, len, v);
		return;
	}
}

err_t acpi_parse(struct acpi_info *info, const u8 *rsdp, u32 size, const struct phys_view *view)
{
	u32 width = 4, len;
	const u8 *root;
	u64 addr;

	memset(info, 0, sizeof(*info));
	if (size < ACPI_RSDP_V1_BYTES || memcmp(rsdp, "RSD PTR ", 8) ||
	    !checksum_ok(rsdp, ACPI_RSDP_V1_BYTES))
		return ERR_INVAL;
	addr = load_le32(rsdp + RSDP_RSDT);
	if (size >= ACPI_RSDP_BYTES && rsdp[RSDP_REVISION] >= 2 &&
	    load_le32(rsdp + RSDP_LENGTH) >= ACPI_RSDP_BYTES && load_le64(rsdp + RSDP_XSDT) &&
	    checksum_ok(rsdp, ACPI_RSDP_BYTES)) {
		addr = load_le64(rsdp + RSDP_XSDT);
		width = 8;
	}
	root = table_at(info, addr, &len, view);
	if (!root || memcmp(root, width == 8 ? "XSDT" : "RSDT", 4))
		return ERR_INVAL;
	for (u32 at = SDT_HEADER; len - at >= width; at += width)
		parse_table(info, width == 8 ? load_le64(root + at) : load_le32(root + at), view);
	return ERR_OK;
}
