/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot information and ACPI tables: the input is the memory both parsers look at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/acpi.h"
#include "boot/memmap.h"
#include "boot/multiboot.h"

#define MEM_BASE ACPI_BIOS_BASE

struct memory {
	const uint8_t *data;
	size_t size;
};

static const void *at(void *ctx, u64 addr, u64 len)
{
	const struct memory *m = ctx;

	if (addr < MEM_BASE || addr - MEM_BASE > m->size || len > m->size - (addr - MEM_BASE))
		return NULL;
	return m->data + (addr - MEM_BASE);
}

/* Seldom right by chance: give every table a good checksum. */
static void fix_sums(uint8_t *p, size_t size)
{
	for (size_t i = 0; i + 36 <= size; i += 4) {
		uint32_t len;
		uint8_t sum = 0;

		memcpy(&len, p + i + 4, sizeof(len));
		if (len < 36 || len > size - i)
			continue;
		for (uint32_t k = 0; k < len; k++)
			sum = (uint8_t)(sum + p[i + k]);
		p[i + 9] = (uint8_t)(p[i + 9] - sum);
	}
}

static void say_nothing(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info bi;
	struct memmap_sums sums;
	static struct acpi_info info;
	struct memory m = { data, size };
	const struct phys_view view = { at, &m };
	uint8_t rsdp[ACPI_RSDP_BYTES] = "RSD PTR ";
	uint8_t *copy, sum = 0;

	if (size > 4096)
		return 0;
	boot_info_parse(&bi, MB1_LOADER_MAGIC, MEM_BASE, &view);
	memmap_check(&bi, 1ull << 36, &sums, say_nothing, NULL);
	boot_info_parse(&bi, MB2_LOADER_MAGIC, MEM_BASE, &view);
	memmap_check(&bi, 1ull << 36, &sums, say_nothing, NULL);

	copy = malloc(size + 1);
	memcpy(copy, data, size);
	fix_sums(copy, size);
	m.data = copy;
	rsdp[18] = MEM_BASE >> 16; /* the RSDT comes first */
	for (int i = 0; i < 20; i++)
		sum = (uint8_t)(sum + rsdp[i]);
	rsdp[8] = (uint8_t)-sum;
	acpi_parse(&info, rsdp, ACPI_RSDP_V1_BYTES, &view);
	free(copy);
	return 0;
}
