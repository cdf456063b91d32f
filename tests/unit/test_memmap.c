/* SPDX-License-Identifier: BSD-2-Clause */
/* Oddities of memory maps are told, each once; a map as it should be has none. */
#include "boot/memmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PHYS_END (1ull << 40)
#define MIB (1ull << 20)

static struct boot_info bi;
static struct memmap_sums sums;
static char told[2000];

static void say(void *ctx, const char *line)
{
	assert_ptr_equal(ctx, &bi);
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", line);
}

static void range(u64 base, u64 size, u32 type)
{
	bi.range[bi.range_count++] = (struct boot_range){ base, size, type };
}

static u32 check(void)
{
	told[0] = '\0';
	return memmap_check(&bi, PHYS_END, &sums, say, &bi);
}

static int as_it_should_be(void **state)
{
	(void)state;
	memset(&bi, 0, sizeof(bi));
	range(0, 0x9fc00, BOOT_MEM_RAM); /* low memory ends anywhere */
	range(0x9fc00, 0x400, BOOT_MEM_RESERVED);
	range(0xf0000, 0x10000, BOOT_MEM_RESERVED);
	range(0x100000, 1023 * MIB, BOOT_MEM_RAM);
	range(0xfffc0000, 0x40000, BOOT_MEM_RESERVED);
	range(0xfffc0000, 0x40000, BOOT_MEM_RESERVED); /* twice the same harms nobody */
	range(0x100000000, 2048 * MIB, BOOT_MEM_RAM);
	return 0;
}

static void test_nothing_odd(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
	assert_string_equal(told, "");
	assert_int_equal(sums.ram, 0x9fc00 + 3071 * MIB);
	assert_int_equal(sums.reserved, 0x400 + 0x10000 + 2 * 0x40000);
	assert_int_equal(sums.ram_end, 0x100000000 + 2048 * MIB);
	assert_int_equal(sums.largest, 2048 * MIB);
}

static void test_overlaps(void **state)
{
	(void)state;
	range(0x200000, 0x1000, BOOT_MEM_NVS);
	assert_int_equal(check(), 2); /* not in order, either */
	assert_non_null(strstr(told, "both RAM and ACPI NVS: 200000h to 201000h\n"));
	assert_non_null(strstr(told, "1 ranges are not in order\n"));
	bi.range[bi.range_count - 1] = (struct boot_range){ 0x17ff00000, 2 * MIB, BOOT_MEM_RAM };
	assert_int_equal(check(), 1);
	assert_string_equal(told, "RAM twice: 17ff00000h to 180000000h\n");
}

static void test_pages_and_crumbs(void **state)
{
	(void)state;
	range(0x200000200, 0x3000, BOOT_MEM_RAM);
	assert_int_equal(check(), 2);
	assert_string_equal(told, "RAM not in whole pages: 200000200h to 200003200h\n"
				  "12 KiB of RAM are in 1 pieces of less than 1 MiB\n");
}

static void test_beyond_the_processor(void **state)
{
	(void)state;
	range(PHYS_END - MIB, MIB, BOOT_MEM_RAM);
	assert_int_equal(check(), 0);
	range(PHYS_END, MIB, BOOT_MEM_RAM);
	bi.left_out = 3;
	assert_int_equal(check(), 2);
	assert_string_equal(told, "RAM beyond what the processor addresses (10000000000h): up to "
				  "10000100000h\n3 entries of the boot information made no sense, "
				  "or were too many\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_odd, as_it_should_be),
		cmocka_unit_test_setup(test_overlaps, as_it_should_be),
		cmocka_unit_test_setup(test_pages_and_crumbs, as_it_should_be),
		cmocka_unit_test_setup(test_beyond_the_processor, as_it_should_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
