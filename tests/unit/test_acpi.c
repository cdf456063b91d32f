/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables: found, linked and summed as an OS does it; the DSDT says what machine.h says. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/emul/acpi.h"
#include "hv/emul/acpi_tables.h"
#include "hv/emul/e820.h"
#include "hv/emul/machine.h"

extern const u8 dsdt_aml[], dsdt_aml_end[];

static u8 *ram;
static struct gmem gm;

static int setup(void **state)
{
	(void)state;
	ram = calloc(1, MACHINE_HIGH_RAM);
	gm = (struct gmem){ 0 };
	return !ram || gmem_add(&gm, gpa(0), MACHINE_HIGH_RAM, ram, (bus_t){ 0 }, true);
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static u8 sum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 s = 0;

	while (n--)
		s = (u8)(s + *b++);
	return s;
}

static const void *table_at(u64 at, const char *signature)
{
	const struct acpi_header *h = (const void *)(ram + at);

	assert_in_range(at, MACHINE_ACPI_BASE, MACHINE_ACPI_END - sizeof(*h));
	assert_memory_equal(h->signature, signature, 4);
	assert_in_range(at + h->length, at, MACHINE_ACPI_END);
	assert_int_equal(sum(h, h->length), 0);
	return h;
}

static u64 xsdt_entry(const struct acpi_header *xsdt, u32 i)
{
	return load_le64((const u8 *)(xsdt + 1) + (size_t)i * 8);
}

static err_t build(struct gmem *g, u32 vcpus, gpa_t *rsdp)
{
	return acpi_build(g, &(struct acpi_guest){ .vcpus = vcpus }, rsdp);
}

static void tables_are_linked(void **state)
{
	const struct acpi_rsdp *r;
	const struct acpi_header *xsdt;
	const struct acpi_fadt *f;
	const struct acpi_mcfg *m;
	const struct acpi_facs *facs;
	gpa_t rsdp;

	(void)state;
	assert_int_equal(build(&gm, 2, &rsdp), ERR_OK);
	assert_int_equal(rsdp.v % 16, 0);
	r = (const void *)(ram + rsdp.v);
	assert_memory_equal(r->signature, "RSD PTR ", 8);
	assert_int_equal(sum(r, 20), 0);
	assert_int_equal(sum(r, 36), 0);
	xsdt = table_at(r->xsdt, "XSDT");
	assert_int_equal(xsdt->length, sizeof(*xsdt) + 3 * 8);

	f = table_at(xsdt_entry(xsdt, 0), "FACP");
	assert_int_equal(f->h.length, 244);
	assert_int_equal(f->sci_int, 9);
	assert_int_equal(f->smi_cmd, 0);
	assert_int_equal(f->pm1a_evt, 0x600);
	assert_int_equal(f->x_pm1a_cnt.address, 0x604);
	assert_int_equal(f->x_pm_tmr.address, 0x608);
	assert_int_equal(f->x_pm_tmr.bit_width, 32);
	assert_int_equal(f->reset_reg.address, 0xcf9);
	assert_int_equal(f->boot_arch & BIT(1), 0); /* no 8042 */
	assert_int_equal(f->flags & BIT(20), 0);    /* not hardware-reduced */
	assert_int_equal(f->flags & BIT(4), 0);	    /* fixed power button */
	assert_int_equal(f->dsdt, f->x_dsdt);
	table_at(f->x_dsdt, "DSDT");
	facs = (const void *)(ram + f->facs);
	assert_memory_equal(facs->signature, "FACS", 4);
	assert_int_equal(f->facs % 64, 0);

	m = table_at(xsdt_entry(xsdt, 2), "MCFG");
	assert_int_equal(m->base, MACHINE_ECAM_BASE);
	assert_int_equal(m->bus_end, 0);
}

/* The MADT's entries, counted by type. */
static void processors_and_interrupts(void **state)
{
	const struct acpi_rsdp *r;
	const struct acpi_madt *m;
	u32 count[8] = { 0 };
	gpa_t rsdp;

	(void)state;
	assert_int_equal(build(&gm, ACPI_MAX_VCPUS, &rsdp), ERR_OK);
	r = (const void *)(ram + rsdp.v);
	m = table_at(xsdt_entry(table_at(r->xsdt, "XSDT"), 1), "APIC");
	assert_int_equal(m->lapic_address, 0xfee00000);
	for (u32 at = sizeof(*m); at < m->h.length;) {
		const u8 *e = (const u8 *)m + at;

		assert_in_range(e[0], 0, 7);
		assert_in_range(e[1], 2, m->h.length - at);
		if (e[0] == MADT_LAPIC)
			assert_int_equal(e[3], count[MADT_LAPIC]);
		if (e[0] == MADT_IOAPIC)
			assert_int_equal(load_le32(e + 4), 0xfec00000);
		if (e[0] == MADT_OVERRIDE && e[3] == 0)
			assert_int_equal(load_le32(e + 4), 2);
		if (e[0] == MADT_OVERRIDE && e[3] == 9)
			assert_int_equal(load_le16(e + 8), 0xd);
		count[e[0]]++;
		at += e[1];
	}
	assert_int_equal(count[MADT_LAPIC], ACPI_MAX_VCPUS);
	assert_int_equal(count[MADT_IOAPIC], 1);
	assert_int_equal(count[MADT_OVERRIDE], 2);
	assert_int_equal(count[MADT_LAPIC_NMI], 1);
}

/* Two nodes, the second one's memory on both sides of the hole. */
static void nodes(void **state)
{
	static const u8 node[] = { 0, 0, 1 };
	static const struct acpi_guest_memory memory[] = {
		{ { 0 }, 0x40000000, 0 }, { { 0x40000000 }, 0x20000000, 1 },
		{ { 0x100000000 }, 0x20000000, 1 },
	};
	const struct acpi_guest guest = {
		.vcpus = 3, .node = node, .memory = memory, .memory_count = 3,
	};
	const struct acpi_srat *s;
	const struct acpi_header *xsdt;
	const struct acpi_rsdp *r;
	gpa_t rsdp;

	(void)state;
	assert_int_equal(acpi_build(&gm, &guest, &rsdp), ERR_OK);
	r = (const void *)(ram + rsdp.v);
	xsdt = table_at(r->xsdt, "XSDT");
	assert_int_equal(xsdt->length, sizeof(*xsdt) + 4 * 8);
	s = table_at(xsdt_entry(xsdt, 3), "SRAT");
	assert_int_equal(s->h.length, sizeof(*s) + 3 * 16 + 3 * 40);
	for (u32 i = 0; i < 3; i++) {
		const u8 *cpu = (const u8 *)(s + 1) + (size_t)i * 16;
		const u8 *near = (const u8 *)(s + 1) + 3 * 16 + (size_t)i * 40;

		assert_int_equal(cpu[0] << 8 | cpu[1], 0 << 8 | 16);
		assert_int_equal(cpu[2], node[i]);
		assert_int_equal(cpu[3], i);
		assert_int_equal(load_le32(cpu + 4), 1);
		assert_int_equal(near[0] << 8 | near[1], 1 << 8 | 40);
		assert_int_equal(load_le32(near + 2), memory[i].node);
		assert_int_equal(load_le64(near + 8), memory[i].base.v);
		assert_int_equal(load_le64(near + 16), memory[i].size);
		assert_int_equal(load_le32(near + 28), 1);
	}
}

static void errors(void **state)
{
	const struct acpi_guest many = { .vcpus = 1, .memory_count = ACPI_MAX_GUEST_MEMORY + 1 };
	struct gmem none = { 0 };
	gpa_t rsdp;

	(void)state;
	assert_int_equal(build(&gm, 0, &rsdp), ERR_INVAL);
	assert_int_equal(build(&gm, ACPI_MAX_VCPUS + 1, &rsdp), ERR_INVAL);
	assert_int_equal(build(&none, 1, &rsdp), ERR_RANGE);
	assert_int_equal(acpi_build(&gm, &many, &rsdp), ERR_INVAL);
}

static bool dsdt_has(const void *bytes, size_t n)
{
	size_t len = (uintptr_t)dsdt_aml_end - (uintptr_t)dsdt_aml;

	return memmem(dsdt_aml, len, bytes, n) != NULL;
}

/* Resource descriptors as ACPI 6.4 6.4 encodes them, from machine.h's numbers. */
static bool dsdt_has_port(u16 base, u8 len)
{
	u8 d[] = { 0x47, 1, 0, 0, 0, 0, 1, len };

	store_le16(d + 2, base);
	store_le16(d + 4, base);
	return dsdt_has(d, sizeof(d));
}

static bool dsdt_has_irq(u8 irq)
{
	u8 d[] = { 0x22, 0, 0 };

	store_le16(d + 1, (u16)(1 << irq));
	return dsdt_has(d, sizeof(d));
}

static void dsdt_agrees_with_machine_h(void **state)
{
	u8 ecam[] = { 0x86, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
	u8 io[10], mem[20];

	(void)state;
	assert_true(dsdt_has_port(MACHINE_COM1_BASE, MACHINE_COM1_PORTS));
	assert_true(dsdt_has_port(MACHINE_RTC_BASE, MACHINE_RTC_PORTS));
	assert_true(dsdt_has_port(MACHINE_PCI_CF8, 8));
	assert_true(dsdt_has_irq(MACHINE_IRQ_COM1));
	assert_true(dsdt_has_irq(MACHINE_IRQ_RTC));
	store_le32(ecam + 4, MACHINE_ECAM_BASE);
	store_le32(ecam + 8, MACHINE_ECAM_SIZE);
	assert_true(dsdt_has(ecam, sizeof(ecam)));
	/* granularity, minimum, maximum, translation, length */
	memset(io, 0, sizeof(io));
	store_le16(io + 2, MACHINE_PCI_IO_BASE);
	store_le16(io + 4, MACHINE_PCI_IO_BASE + MACHINE_PCI_IO_SIZE - 1);
	store_le16(io + 8, MACHINE_PCI_IO_SIZE);
	assert_true(dsdt_has(io, sizeof(io)));
	memset(mem, 0, sizeof(mem));
	store_le32(mem + 4, MACHINE_PCI_MEM_BASE);
	store_le32(mem + 8, MACHINE_PCI_MEM_BASE + MACHINE_PCI_MEM_SIZE - 1);
	store_le32(mem + 16, MACHINE_PCI_MEM_SIZE);
	assert_true(dsdt_has(mem, sizeof(mem)));
	/* _PRT adds 16, as machine_pci_gsi() does */
	assert_true(dsdt_has((const u8[]){ 0x72, 0x0a, MACHINE_GSI_PCI }, 3));
	assert_int_equal(machine_pci_gsi(5, 2), 19);
}

static void memory_map(void **state)
{
	struct guest_ram ram_small = guest_ram_split(64 << 20);
	struct guest_ram ram_big = guest_ram_split(5ull << 30);
	struct e820_entry map[E820_MAX];
	u64 usable = 0;
	u32 n;

	(void)state;
	assert_int_equal(ram_small.low, 64 << 20);
	assert_int_equal(ram_small.high, 0);
	assert_int_equal(ram_big.low, MACHINE_PCI_HOLE);
	assert_int_equal(ram_big.high, 2ull << 30);
	assert_int_equal(e820_build(&ram_small, map), 5);
	n = e820_build(&ram_big, map);
	assert_int_equal(n, 6);
	for (u32 i = 0; i < n; i++) {
		if (i)
			assert_true(map[i].base >= map[i - 1].base + map[i - 1].size);
		if (map[i].type == E820_RAM)
			usable += map[i].size;
	}
	assert_int_equal(usable, (5ull << 30) - (MACHINE_HIGH_RAM - MACHINE_LOW_RAM_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_are_linked, setup, teardown),
		cmocka_unit_test_setup_teardown(processors_and_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
		cmocka_unit_test(dsdt_agrees_with_machine_h),
		cmocka_unit_test(memory_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
