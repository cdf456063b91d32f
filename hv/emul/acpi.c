/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a guest's ACPI tables one after the other; see acpi.h. */
#include "hv/emul/acpi.h"

#include "hv/base/str.h"
#include "hv/emul/acpi_tables.h"
#include "hv/emul/machine.h"

#define TABLE_ALIGN 64 /* the FACS asks for it; others get it too */
#define REGISTER_BYTE 1
#define REGISTER_WORD 2
#define REGISTER_DWORD 3

/* hv/emul/dsdt.asl as the compiler made it. */
extern const u8 dsdt_aml[], dsdt_aml_end[];

/* The guest's ACPI area, filled from the front. */
struct area {
	struct gmem *gm;
	u64 next; /* guest-physical */
};

static u8 checksum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *b++);
	return (u8)-sum;
}

/* The next len bytes of the area; NULL when it is full. *at is their address. */
static void *area_take(struct area *a, size_t len, u64 *at)
{
	u64 here = ALIGN_UP(a->next, TABLE_ALIGN);
	void *p;

	if (here + len > MACHINE_ACPI_END)
		return NULL;
	p = gmem_ptr(a->gm, gpa(here), len, GMEM_WRITE);
	if (!p)
		return NULL;
	a->next = here + len;
	*at = here;
	return p;
}

/* Copy a table in, its header and checksum made right. Returns its address, 0
 * when there is no room. */
static u64 put_table(struct area *a, void *table, size_t len, const char *signature, u8 revision)
{
	struct acpi_header *h = table;
	u64 at;
	void *p = area_take(a, len, &at);

	if (!p)
		return 0;
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (u32)len;
	h->revision = revision;
	memcpy(h->oem_id, "CAISSN", sizeof(h->oem_id));
	memcpy(h->oem_table_id, "CAISSON ", sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, "CAIS", sizeof(h->creator_id));
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(table, len);
	memcpy(p, table, len);
	return at;
}

static struct acpi_gas io_register(u16 port, u8 bytes, u8 access)
{
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.bit_width = (u8)(bytes * 8),
		.access_size = access,
		.address = port,
	};
}

static u64 put_facs(struct area *a)
{
	struct acpi_facs facs = {
		.signature = { 'F', 'A', 'C', 'S' },
		.length = sizeof(facs),
		.version = FACS_VERSION,
	};
	u64 at;
	void *p = area_take(a, sizeof(facs), &at);

	if (!p)
		return 0;
	memcpy(p, &facs, sizeof(facs));
	return at;
}

/* The compiled DSDT brings its own header and checksum. */
static u64 put_dsdt(struct area *a)
{
	size_t len = (uintptr_t)dsdt_aml_end - (uintptr_t)dsdt_aml;
	u64 at;
	void *p = area_take(a, len, &at);

	if (!p)
		return 0;
	memcpy(p, dsdt_aml, len);
	return at;
}

static u64 put_fadt(struct area *a, u64 facs, u64 dsdt)
{
	struct acpi_fadt f = {
		.facs = (u32)facs,
		.dsdt = (u32)dsdt,
		.preferred_profile = FADT_PROFILE_ENTERPRISE_SERVER,
		.sci_int = MACHINE_IRQ_SCI,
		.pm1a_evt = MACHINE_PM1A_EVT,
		.pm1a_cnt = MACHINE_PM1A_CNT,
		.pm_tmr = MACHINE_PM_TMR,
		.pm1_evt_len = MACHINE_PM1A_EVT_LEN,
		.pm1_cnt_len = MACHINE_PM1A_CNT_LEN,
		.pm_tmr_len = MACHINE_PM_TMR_LEN,
		.lvl2_latency = FADT_LVL2_NONE,
		.lvl3_latency = FADT_LVL3_NONE,
		.boot_arch = FADT_BOOT_LEGACY_DEVICES | FADT_BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
			 FADT_TIMER_32BIT | FADT_RESET_REG | FADT_HEADLESS,
		.reset_reg = io_register(MACHINE_RESET_PORT, 1, REGISTER_BYTE),
		.reset_value = MACHINE_RESET_VALUE,
		.x_dsdt = dsdt, /* x_facs stays 0: one of the two (ACPI 6.4 table 5.9) */
		.x_pm1a_evt = io_register(MACHINE_PM1A_EVT, MACHINE_PM1A_EVT_LEN, REGISTER_WORD),
		.x_pm1a_cnt = io_register(MACHINE_PM1A_CNT, MACHINE_PM1A_CNT_LEN, REGISTER_WORD),
		.x_pm_tmr = io_register(MACHINE_PM_TMR, MACHINE_PM_TMR_LEN, REGISTER_DWORD),
	};

	return put_table(a, &f, sizeof(f), "FACP", FADT_REVISION);
}

#define MADT_REVISION 3
#define MADT_MAX_BYTES                                                                      \
	(sizeof(struct acpi_madt) + ACPI_MAX_VCPUS * sizeof(struct acpi_madt_lapic) +       \
	 sizeof(struct acpi_madt_ioapic) + 2 * sizeof(struct acpi_madt_override) +          \
	 sizeof(struct acpi_madt_lapic_nmi))

static void append(u8 *table, size_t *len, const void *entry, size_t n)
{
	memcpy(table + *len, entry, n);
	*len += n;
}

static u64 put_madt(struct area *a, u32 vcpus)
{
	const struct acpi_madt head = {
		.lapic_address = MACHINE_LAPIC_BASE,
		.flags = MADT_PCAT_COMPAT,
	};
	const struct acpi_madt_ioapic ioapic = {
		.type = MADT_IOAPIC,
		.length = sizeof(ioapic),
		.id = MACHINE_IOAPIC_ID,
		.address = MACHINE_IOAPIC_BASE,
	};
	const struct acpi_madt_override timer = {
		.type = MADT_OVERRIDE,
		.length = sizeof(timer),
		.irq = MACHINE_IRQ_PIT,
		.gsi = MACHINE_GSI_PIT,
	};
	const struct acpi_madt_override sci = {
		.type = MADT_OVERRIDE,
		.length = sizeof(sci),
		.irq = MACHINE_IRQ_SCI,
		.gsi = MACHINE_IRQ_SCI,
		.flags = MADT_LEVEL_HIGH,
	};
	const struct acpi_madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI,
		.length = sizeof(nmi),
		.uid = MADT_UID_ALL,
		.lint = 1,
	};
	u8 table[MADT_MAX_BYTES];
	size_t len = 0;

	append(table, &len, &head, sizeof(head));
	for (u32 i = 0; i < vcpus; i++) {
		const struct acpi_madt_lapic lapic = {
			.type = MADT_LAPIC,
			.length = sizeof(lapic),
			.uid = (u8)i,
			.apic_id = (u8)i,
			.flags = MADT_LAPIC_ENABLED,
		};

		append(table, &len, &lapic, sizeof(lapic));
	}
	append(table, &len, &ioapic, sizeof(ioapic));
	append(table, &len, &timer, sizeof(timer));
	append(table, &len, &sci, sizeof(sci));
	append(table, &len, &nmi, sizeof(nmi));
	return put_table(a, table, len, "APIC", MADT_REVISION);
}

static u64 put_mcfg(struct area *a)
{
	struct acpi_mcfg m = { .base = MACHINE_ECAM_BASE };

	return put_table(a, &m, sizeof(m), "MCFG", 1);
}

#define SRAT_REVISION 3
#define SRAT_MAX_BYTES                                                                      \
	(sizeof(struct acpi_srat) + ACPI_MAX_VCPUS * sizeof(struct acpi_srat_lapic) +       \
	 ACPI_MAX_GUEST_MEMORY * sizeof(struct acpi_srat_memory))

/* 5.2.16: who is near what. */
static u64 put_srat(struct area *a, const struct acpi_guest *g)
{
	const struct acpi_srat head = { .reserved_one = 1 };
	u8 table[SRAT_MAX_BYTES];
	size_t len = 0;

	append(table, &len, &head, sizeof(head));
	for (u32 i = 0; i < g->vcpus; i++) {
		const struct acpi_srat_lapic near = {
			.type = SRAT_LAPIC,
			.length = sizeof(near),
			.domain_low = g->node[i],
			.apic_id = (u8)i,
			.flags = SRAT_ENABLED,
		};

		append(table, &len, &near, sizeof(near));
	}
	for (u32 i = 0; i < g->memory_count; i++) {
		const struct acpi_srat_memory near = {
			.type = SRAT_MEMORY,
			.length = sizeof(near),
			.domain = g->memory[i].node,
			.base = g->memory[i].base.v,
			.size = g->memory[i].size,
			.flags = SRAT_ENABLED,
		};

		append(table, &len, &near, sizeof(near));
	}
	return put_table(a, table, len, "SRAT", SRAT_REVISION);
}

#define XSDT_TABLES 4

static u64 put_xsdt(struct area *a, const u64 *tables, u32 n)
{
	struct {
		struct acpi_header h;
		u64 entry[XSDT_TABLES];
	} PACKED x = { 0 };

	memcpy(x.entry, tables, n * sizeof(x.entry[0]));
	return put_table(a, &x, sizeof(x.h) + n * sizeof(x.entry[0]), "XSDT", 1);
}

err_t acpi_build(struct gmem *gm, const struct acpi_guest *guest, gpa_t *rsdp)
{
	struct area a = { .gm = gm, .next = MACHINE_ACPI_BASE };
	struct acpi_rsdp r = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = { 'C', 'A', 'I', 'S', 'S', 'N' },
		.revision = 2,
		.length = sizeof(r),
	};
	u64 at, facs, dsdt, tables[XSDT_TABLES];
	u32 n = 0;
	bool good;
	void *p;

	if (guest->vcpus == 0 || guest->vcpus > ACPI_MAX_VCPUS ||
	    guest->memory_count > ACPI_MAX_GUEST_MEMORY)
		return ERR_INVAL;
	/* first, so that a search of the BIOS area finds it at once */
	p = area_take(&a, sizeof(r), &at);
	facs = put_facs(&a);
	dsdt = put_dsdt(&a);
	tables[n++] = put_fadt(&a, facs, dsdt);
	tables[n++] = put_madt(&a, guest->vcpus);
	tables[n++] = put_mcfg(&a);
	if (guest->node)
		tables[n++] = put_srat(&a, guest);
	r.xsdt = put_xsdt(&a, tables, n);
	good = p && facs && dsdt && r.xsdt;
	for (u32 i = 0; i < n; i++)
		good = good && tables[i];
	if (!good)
		return ERR_RANGE;
	r.checksum = checksum(&r, ACPI_RSDP_V1_BYTES);
	r.ext_checksum = checksum(&r, sizeof(r));
	memcpy(p, &r, sizeof(r));
	*rsdp = gpa(at);
	return ERR_OK;
}
