/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot loader: ELF and header addresses, modules, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/emul/machine.h"
#include "hv/emul/mb_load.h"

#define RAM (16u << 20)
#define FILE_BYTES 0x3000u
#define HEADER_AT 0x100u
#define SEG_AT 0x1000u
#define SEG_FILE 0x1234u
#define SEG_MEM 0x4000u
#define LOAD 0x200000u

static u8 file[FILE_BYTES];
static u8 *ram;
static struct gmem gm;
static struct mb_boot boot;
static struct boot_state b;

static void header(u32 flags)
{
	store_le32(file + HEADER_AT, 0x1badb002);
	store_le32(file + HEADER_AT + 4, flags);
	store_le32(file + HEADER_AT + 8, -(0x1badb002 + flags));
}

static int setup(void **state)
{
	(void)state;
	for (u32 i = 0; i < FILE_BYTES; i++)
		file[i] = (u8)(i * 11);
	header(3);
	memset(file, 0, 0x54);
	memcpy(file, "\177ELF\1\1\1", 7);
	store_le16(file + 16, 2);
	store_le16(file + 18, 3);
	store_le32(file + 24, LOAD + 8); /* entry */
	store_le32(file + 28, 0x34);	 /* phoff */
	store_le16(file + 42, 32);
	store_le16(file + 44, 1);
	store_le32(file + 0x34, 1); /* PT_LOAD */
	store_le32(file + 0x38, SEG_AT);
	store_le32(file + 0x3c, 0xc0000000); /* vaddr is not used */
	store_le32(file + 0x40, LOAD);
	store_le32(file + 0x44, SEG_FILE);
	store_le32(file + 0x48, SEG_MEM);
	ram = malloc(RAM);
	memset(ram, 0xee, RAM);
	gm = (struct gmem){ 0 };
	boot = (struct mb_boot){ .kernel = { file, sizeof(file) }, .cmdline = "test verbose",
				 .ram = { .low = RAM } };
	return !ram || gmem_add(&gm, gpa(0), RAM, ram, (bus_t){ 0 }, true);
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static void elf_image(void **state)
{
	const u8 *i;
	u32 mmap, len, ram_entries = 0;

	(void)state;
	assert_true(mb_is_image(&boot.kernel));
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_OK);
	assert_memory_equal(ram + LOAD, file + SEG_AT, SEG_FILE);
	for (u32 n = SEG_FILE; n < SEG_MEM; n++)
		assert_int_equal(ram[LOAD + n], 0);
	assert_int_equal(ram[LOAD + SEG_MEM], 0xee);
	assert_int_equal(b.regs.rip, LOAD + 8);
	assert_int_equal(b.regs.gpr[GPR_RAX], 0x2badb002);
	assert_int_equal(b.sregs.cr0 & 0x80000001, 1);
	assert_true(b.sregs.seg[SREG_CS].attr & SEG_ATTR_DB);
	i = ram + b.regs.gpr[GPR_RBX];
	assert_int_equal(load_le32(i) & 0x4d, 0x45); /* memory, cmdline, mmap; no modules */
	assert_int_equal(load_le32(i + 8), RAM / 1024 - 1024);
	assert_string_equal((const char *)ram + load_le32(i + 16), "test verbose");
	len = load_le32(i + 44);
	mmap = load_le32(i + 48);
	for (u32 at = 0; at < len; at += load_le32(ram + mmap + at) + 4)
		ram_entries += load_le32(ram + mmap + at + 20) == 1;
	assert_int_equal(ram_entries, 2);
}

static void header_addresses(void **state)
{
	u8 *h = file + HEADER_AT;

	(void)state;
	header(BIT(16));
	store_le32(h + 12, LOAD + 0x40); /* header_addr: 40h bytes of text in front */
	store_le32(h + 16, LOAD);
	store_le32(h + 20, 0);		 /* to the end of the file */
	store_le32(h + 24, LOAD + 0x10000);
	store_le32(h + 28, LOAD + 0x60);
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_OK);
	assert_memory_equal(ram + LOAD, h - 0x40, FILE_BYTES - HEADER_AT + 0x40);
	assert_int_equal(ram[LOAD + 0xffff], 0);
	assert_int_equal(b.regs.rip, LOAD + 0x60);
	store_le32(h + 20, LOAD + 0x100);
	store_le32(h + 24, 0);
	memset(ram + LOAD, 0xee, 0x1000);
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_OK);
	assert_int_equal(ram[LOAD + 0x100], 0xee);
	store_le32(h + 20, LOAD + FILE_BYTES);
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_INVAL);
	assert_string_equal(b.why, "kernel file is cut short: 12288 bytes");
	store_le32(h + 16, LOAD - 0x1000); /* would start before the file */
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_INVAL);
	assert_string_equal(b.why, "kernel's Multiboot addresses are wrong");
}

static void modules(void **state)
{
	static const u8 one[5000] = { 1, 2, 3 }, two[10] = { 9, 8, 7 };
	const struct mb_module m[] = {
		{ { one, sizeof(one) }, "first" },
		{ { two, sizeof(two) }, NULL },
		{ { NULL, 0 }, "empty" },
	};
	const u8 *i, *mods;
	u32 first, second;

	(void)state;
	boot.module = m;
	boot.module_count = 3;
	assert_int_equal(mb_load(&gm, &boot, &b), ERR_OK);
	i = ram + b.regs.gpr[GPR_RBX];
	assert_int_equal(load_le32(i + 20), 3);
	mods = ram + load_le32(i + 24);
	first = load_le32(mods);
	second = load_le32(mods + 16);
	assert_int_equal(first, LOAD + SEG_MEM);
	assert_int_equal(load_le32(mods + 4) - first, sizeof(one));
	assert_memory_equal(ram + first, one, sizeof(one));
	assert_string_equal((const char *)ram + load_le32(mods + 8), "first");
	assert_int_equal(second, first + 0x2000);
	assert_memory_equal(ram + second, two, sizeof(two));
}

static void refuse(err_t err, const char *why)
{
	assert_int_equal(mb_load(&gm, &boot, &b), err);
	assert_string_equal(b.why, why);
}

static void reasons(void **state)
{
	const struct mb_module big = { { file, RAM }, NULL };
	static char line[40000];

	(void)state;
	file[HEADER_AT]++;
	assert_false(mb_is_image(&boot.kernel));
	refuse(ERR_INVAL, "kernel has no Multiboot header in its first 8 KiB");
	header(3 | BIT(2));
	refuse(ERR_INVAL, "kernel wants a video mode, there is no VGA");
	header(3 | BIT(5));
	refuse(ERR_INVAL, "kernel asks for unknown features: flags 0x23");
	header(3);
	file[4] = 2; /* ELF64 */
	refuse(ERR_INVAL, "kernel is no 32-bit ELF and its Multiboot header has no addresses");
	file[4] = 1;
	file[18] = 62;
	refuse(ERR_INVAL, "kernel is ELF for machine 62, not i386");
	file[18] = 3;
	store_le32(file + 28, 0xfffffff0);
	refuse(ERR_INVAL, "kernel's program header 0 is outside the file");
	store_le32(file + 28, 0x34);
	store_le32(file + 0x38, FILE_BYTES);
	refuse(ERR_INVAL, "kernel's segment 0 is outside the file");
	store_le32(file + 0x38, SEG_AT);
	store_le32(file + 0x40, 0x8000);
	refuse(ERR_INVAL, "kernel wants the address 0x8000");
	store_le32(file + 0x40, 0xfffff000);
	refuse(ERR_NOMEM, "kernel needs memory up to 4194316 KiB, there are 16384 KiB");
	store_le32(file + 0x40, LOAD);
	store_le16(file + 44, 0);
	refuse(ERR_INVAL, "kernel has nothing to load");
	store_le16(file + 44, 1);
	boot.module = &big;
	boot.module_count = 1;
	refuse(ERR_NOMEM, "module 0 of 16384 KiB does not fit into 16384 KiB of memory");
	boot.module_count = MB_MAX_MODULES + 1;
	refuse(ERR_INVAL, "17 modules, at most 16 can be passed");
	boot.module_count = 0;
	memset(line, 'x', sizeof(line) - 1);
	boot.cmdline = line;
	refuse(ERR_NOMEM, "command line is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(elf_image, setup, teardown),
		cmocka_unit_test_setup_teardown(header_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(modules, setup, teardown),
		cmocka_unit_test_setup_teardown(reasons, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
