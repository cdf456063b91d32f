/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of the host's ACPI tables, on tables built here byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/acpi.h"
#include "hv/base/bytes.h"

#define MEM_BASE 0xe0000u
#define MEM_SIZE 0x20000u
#define EBDA 0x9fc00u
#define EBDA_BYTES 1024u

static u8 mem[MEM_SIZE];
static u8 ebda[EBDA_BYTES];
static struct acpi_info info;

static const void *at(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	if (addr >= EBDA && addr < EBDA + EBDA_BYTES && len <= EBDA + EBDA_BYTES - addr)
		return ebda + (addr - EBDA);
	if (addr < MEM_BASE || addr - MEM_BASE > MEM_SIZE || len > MEM_SIZE - (addr - MEM_BASE))
		return NULL;
	return mem + (addr - MEM_BASE);
}

static const struct phys_view view = { at, NULL };

static u8 *ptr(u32 addr)
{
	return mem + (addr - MEM_BASE);
}

static void fix_sum(u8 *p, u32 len, u32 where)
{
	u8 sum = 0;

	p[where] = 0;
	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + p[i]);
	p[where] = (u8)-sum;
}

/* A table at addr with this body; its checksum comes last. */
static void table(u32 addr, const char *sig, const u8 *body, u32 len)
{
	u8 *p = ptr(addr);

	memset(p, 0, 36);
	memcpy(p, sig, 4);
	store_le32(p + 4, 36 + len);
	memcpy(p + 36, body, len);
	fix_sum(p, 36 + len, 9);
}

#define RSDP 0xe0010u
#define XSDT 0xe1000u
#define RSDT 0xe1800u
#define MADT 0xe2000u
#define FADT 0xe3000u
#define DSDT 0xe4000u
#define MCFG 0xe5000u
#define DMAR 0xe6000u
#define IVRS 0xe7000u

static void build_madt(void)
{
	static const u8 body[] = {
		0, 0, 0xe0, 0xfe, 1, 0, 0, 0,		  /* local APIC address, flags */
		0, 8, 0, 0, 1, 0, 0, 0,			  /* processor 0 */
		0, 8, 1, 4, 1, 0, 0, 0,			  /* processor 1: APIC id 4 */
		0, 8, 2, 6, 0, 0, 0, 0,			  /* disabled */
		9, 16, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, /* 4 again, as x2APIC */
		9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, /* 100h */
		1, 12, 2, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* I/O APIC */
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,		  /* IRQ 0 on 2, bus default */
		2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0,	  /* IRQ 9: level, active high */
		2, 10, 0, 11, 16, 0, 0, 0, 0x0f, 0,	  /* IRQ 11: level, active low */
	};

	table(MADT, "APIC", body, sizeof(body));
}

static void build_fadt(void)
{
	u8 body[244 - 36] = { 0 };
#define F(off) (body + (off)-36)

	store_le32(F(40), DSDT);
	store_le16(F(46), 9);
	store_le32(F(48), 0xb2);
	*F(52) = 0xf1;
	store_le32(F(64), 0x604);
	store_le32(F(76), 0x608);
	store_le16(F(109), 3);
	store_le32(F(112), 1 << 10);
	*F(116) = ACPI_SPACE_IO;
	store_le64(F(120), 0xcf9);
	*F(128) = 6;
	store_le64(F(140), DSDT);
#undef F
	table(FADT, "FACP", body, sizeof(body));
}

static void build_dsdt(void)
{
	static const u8 aml[] = { 0x10, 0x20, '_', 'S', '5', 'X', 0x12, 8, /* not it */
				  '_', 'S', '5', '_', 0x12, 6, 4, 1,	/* no name */
				  0x08, '_', 'S', '5', '_', 0x12, 0x06, 4, 0x0a, 5, 1, 0, 0 };

	table(DSDT, "DSDT", aml, sizeof(aml));
}

static void build_all(void)
{
	u8 list[6 * 8];
	u8 mcfg[8 + 16] = { 0 };
	u8 dmar[12 + 8 + 16] = { 0 };
	u8 ivrs[12 + 2 * 24] = { 0 };

	memset(mem, 0, sizeof(mem));
	memset(ebda, 0, sizeof(ebda));
	build_madt();
	build_fadt();
	build_dsdt();
	store_le64(mcfg + 8, 0xb0000000);
	mcfg[8 + 11] = 255;
	table(MCFG, "MCFG", mcfg, sizeof(mcfg));
	store_le16(dmar + 12, 1); /* some other structure first */
	store_le16(dmar + 14, 8);
	store_le16(dmar + 22, 16);
	store_le64(dmar + 28, 0xfed90000);
	table(DMAR, "DMAR", dmar, sizeof(dmar));
	ivrs[12] = 0x10; /* one unit in two forms */
	ivrs[12 + 2] = 24;
	store_le64(ivrs + 12 + 8, 0xfeb80000);
	memcpy(ivrs + 12 + 24, ivrs + 12, 24);
	ivrs[12 + 24] = 0x11;
	table(IVRS, "IVRS", ivrs, sizeof(ivrs));

	store_le64(list, MADT);
	store_le64(list + 8, FADT);
	store_le64(list + 16, MCFG);
	store_le64(list + 24, DMAR);
	store_le64(list + 32, 0); /* a hole */
	store_le64(list + 40, IVRS);
	table(XSDT, "XSDT", list, sizeof(list));
	store_le32(list, MADT);
	table(RSDT, "RSDT", list, 4);
	memcpy(ptr(RSDP), "RSD PTR ", 8);
	ptr(RSDP)[15] = 2;
	store_le32(ptr(RSDP) + 16, RSDT);
	store_le32(ptr(RSDP) + 20, 36);
	store_le64(ptr(RSDP) + 24, XSDT);
	fix_sum(ptr(RSDP), 20, 8);
	fix_sum(ptr(RSDP), 36, 32);
}

static err_t parse(void)
{
	u8 rsdp[ACPI_RSDP_BYTES];
	u32 size = acpi_find_rsdp(rsdp, EBDA, &view);

	assert_true(size);
	return acpi_parse(&info, rsdp, size, &view);
}

static void whole(void **state)
{
	(void)state;
	build_all();
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(info.bad, 0);
	assert_int_equal(info.cpu_count, 3);
	assert_int_equal(info.cpu_apic_id[1], 4);
	assert_int_equal(info.cpu_apic_id[2], 0x100);
	assert_int_equal(info.lapic_addr, 0xfee00000);
	assert_int_equal(info.ioapic_count, 1);
	assert_int_equal(info.ioapic[0].addr, 0xfec00000);
	assert_int_equal(info.override_count, 3);
	assert_int_equal(info.override[0].gsi, 2);
	assert_false(info.override[0].level);
	assert_true(info.override[1].level && !info.override[1].active_low);
	assert_true(info.override[2].level && info.override[2].active_low);
	assert_int_equal(info.ecam[0].base, 0xb0000000);
	assert_int_equal(info.ecam[0].bus_end, 255);
	assert_int_equal(info.iommu_count, 2);
	assert_int_equal(info.iommu[0].base, 0xfed90000);
	assert_false(info.iommu[0].amd);
	assert_int_equal(info.iommu[1].base, 0xfeb80000);
	assert_true(info.iommu[1].amd);
	assert_int_equal(info.pm_timer, 0x608);
	assert_true(info.reset.valid);
	assert_int_equal(info.reset.addr, 0xcf9);
	assert_int_equal(info.reset.value, 6);
	assert_true(info.sleep.valid);
	assert_int_equal(info.sleep.s5_typ_a, 5);
	assert_int_equal(info.sleep.s5_typ_b, 1);
	assert_int_equal(info.sleep.pm1a_cnt, 0x604);
}

static void rsdp_places(void **state)
{
	u8 rsdp[ACPI_RSDP_BYTES];

	(void)state;
	build_all();
	memcpy(ebda + 0x40, ptr(RSDP), 36); /* the EBDA comes first */
	ebda[0x40 + 9] = 'E';
	fix_sum(ebda + 0x40, 20, 8);
	assert_int_equal(acpi_find_rsdp(rsdp, EBDA, &view), 36);
	assert_int_equal(rsdp[9], 'E');
	assert_int_equal(acpi_find_rsdp(rsdp, 0, &view), 36);
	assert_int_equal(rsdp[9], 0);
	ptr(RSDP)[10]++; /* checksum */
	assert_int_equal(acpi_find_rsdp(rsdp, 0, &view), 0);
	assert_int_equal(acpi_parse(&info, rsdp, 19, &view), ERR_INVAL);
}

/* Without a good extended part the RSDT is used. */
static void falls_back_to_rsdt(void **state)
{
	(void)state;
	build_all();
	ptr(RSDP)[33]++;
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(info.cpu_count, 3);
	assert_int_equal(info.pm_timer, 0);
	ptr(RSDT)[36]++;
	assert_int_equal(parse(), ERR_INVAL);
}

static void bad_tables_are_counted(void **state)
{
	(void)state;
	build_all();
	ptr(MADT)[40]++;
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(info.bad, 1);
	assert_int_equal(info.cpu_count, 0);
	assert_int_equal(info.pm_timer, 0x608);
	build_all();
	store_le32(ptr(MADT) + 4, 0xffffffff);
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(info.bad, 1);
	build_all();
	ptr(MADT)[44 + 1] = 0; /* an entry of no length must not go on for ever */
	fix_sum(ptr(MADT), load_le32(ptr(MADT) + 4), 9);
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(info.bad, 1);
}

/* Every table cut at every length: ASan watches the reads. */
static void cut_tables(void **state)
{
	static const u32 addr[] = { MADT, FADT, DSDT, MCFG, DMAR, IVRS, XSDT };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(addr); i++) {
		build_all();
		for (u32 len = load_le32(ptr(addr[i]) + 4); len >= 36; len--) {
			store_le32(ptr(addr[i]) + 4, len);
			fix_sum(ptr(addr[i]), len, 9);
			parse();
			assert_true(info.cpu_count <= 3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(rsdp_places),
		cmocka_unit_test(falls_back_to_rsdt),
		cmocka_unit_test(bad_tables_are_counted),
		cmocka_unit_test(cut_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
