/* SPDX-License-Identifier: BSD-2-Clause */
/* The bzImage loader: a made-up kernel is placed right, and each refusal names its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/bytes.h"
#include "hv/emul/linux_load.h"
#include "hv/emul/machine.h"
#include "hv/emul/walk.h"

#define RAM (32u << 20)
#define SETUP_SECTS 3
#define CODE_AT ((SETUP_SECTS + 1) * 512)
#define CODE 8000u /* 16-byte units: 500 */
#define KERNEL (CODE_AT + CODE)
#define PREF 0x1000000u
#define INIT_SIZE 0x200000u

static u8 kernel[KERNEL];
static u8 initrd[10000];
static u8 *ram;
static struct gmem gm;
static struct linux_boot boot;
static struct boot_state b;

static int setup(void **state)
{
	(void)state;
	memset(kernel, 0, CODE_AT);
	for (u32 i = 0; i < CODE; i++)
		kernel[CODE_AT + i] = (u8)(i * 7);
	for (u32 i = 0; i < sizeof(initrd); i++)
		initrd[i] = (u8)(i * 13);
	kernel[0x1f1] = SETUP_SECTS;
	store_le32(kernel + 0x1f4, CODE / 16);
	kernel[0x201] = 0x66; /* header up to 268h */
	memcpy(kernel + 0x202, "HdrS", 4);
	store_le16(kernel + 0x206, 0x20f);
	kernel[0x211] = 1; /* LOADED_HIGH */
	store_le32(kernel + 0x22c, 0x7fffffff);
	store_le16(kernel + 0x236, 1); /* XLF_KERNEL_64 */
	store_le32(kernel + 0x238, 2047);
	store_le64(kernel + 0x258, PREF);
	store_le32(kernel + 0x260, INIT_SIZE);
	store_le32(kernel + 0x264, 0x12345678); /* handover_offset */
	ram = calloc(1, RAM);
	gm = (struct gmem){ 0 };
	boot = (struct linux_boot){
		.kernel = { kernel, sizeof(kernel) },
		.initrd = { initrd, sizeof(initrd) },
		.cmdline = "console=ttyS0 quiet",
		.ram = { .low = RAM, .high = 1 << 30 },
		.rsdp = MACHINE_ACPI_BASE,
	};
	return !ram || gmem_add(&gm, gpa(0), RAM, ram, (bus_t){ 0 }, true);
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static void everything_in_its_place(void **state)
{
	const u8 *z;
	u32 at;

	(void)state;
	assert_int_equal(linux_load(&gm, &boot, &b), ERR_OK);
	assert_memory_equal(ram + PREF, kernel + CODE_AT, CODE);
	assert_int_equal(b.regs.rip, PREF + 0x200);
	z = ram + b.regs.gpr[GPR_RSI];
	assert_memory_equal(z + 0x202, "HdrS", 4);
	assert_int_equal(load_le32(z + 0x264), 0x12345678);
	assert_int_equal(z[0x210], 0xff);
	assert_int_equal(load_le64(z + 0x70), MACHINE_ACPI_BASE);
	assert_string_equal((const char *)ram + load_le32(z + 0x228), "console=ttyS0 quiet");
	at = load_le32(z + 0x218);
	assert_int_equal(load_le32(z + 0x21c), sizeof(initrd));
	assert_int_equal(at, RAM - 12288);
	assert_memory_equal(ram + at, initrd, sizeof(initrd));
	/* e820: six entries, the last is the memory above 4 GiB */
	assert_int_equal(z[0x1e8], 6);
	assert_true(load_le64(z + 0x2d0 + 5 * 20) == 1ull << 32);
	assert_int_equal(load_le64(z + 0x2d0 + 5 * 20 + 8), 1 << 30);
	assert_int_equal(z[0x1ef], 0); /* nothing of the boot sector is copied */
}

/* The page tables map what they should, by our own walker. */
static void starts_in_long_mode(void **state)
{
	struct walk_mode m;
	struct walk_result r;

	(void)state;
	assert_int_equal(linux_load(&gm, &boot, &b), ERR_OK);
	assert_int_equal(b.sregs.efer, 0x500);
	assert_int_equal(b.sregs.seg[SREG_CS].selector, 0x10);
	assert_int_equal(b.sregs.seg[SREG_DS].selector, 0x18);
	assert_true(b.sregs.seg[SREG_CS].attr & SEG_ATTR_L);
	assert_false(b.sregs.seg[SREG_CS].attr & SEG_ATTR_DB);
	m = walk_mode_of(&b.sregs, b.regs.rflags, 40);
	for (u64 a = 0x123; a < 1ull << 32; a += 0x1fffff7) {
		assert_int_equal(walk_linear(&gm, &m, a, WALK_WRITE, &r), ERR_OK);
		assert_int_equal(r.gpa.v, a);
	}
	assert_int_equal(walk_linear(&gm, &m, 1ull << 32, WALK_READ, &r), ERR_RANGE);
	/* the descriptors in memory are those in the registers */
	assert_true(load_le64(ram + b.sregs.gdt_base + 0x10) == 0x00af9b000000ffff);
	assert_true(load_le64(ram + b.sregs.gdt_base + 0x18) == 0x00cf93000000ffff);
	assert_int_equal(b.sregs.gdt_limit, 31);
}

static void no_initrd(void **state)
{
	const u8 *z;

	(void)state;
	boot.initrd = (struct boot_file){ 0 };
	boot.cmdline = NULL;
	assert_int_equal(linux_load(&gm, &boot, &b), ERR_OK);
	z = ram + b.regs.gpr[GPR_RSI];
	assert_int_equal(load_le32(z + 0x218), 0);
	assert_int_equal(load_le32(z + 0x21c), 0);
	assert_string_equal((const char *)ram + load_le32(z + 0x228), "");
}

static void initrd_addr_max_is_kept(void **state)
{
	(void)state;
	store_le32(kernel + 0x22c, 0x17fffff);
	assert_int_equal(linux_load(&gm, &boot, &b), ERR_OK);
	assert_int_equal(load_le32(ram + b.regs.gpr[GPR_RSI] + 0x218), 0x1800000 - 12288);
}

static void refuse(err_t err, const char *why)
{
	assert_int_equal(linux_load(&gm, &boot, &b), err);
	assert_string_equal(b.why, why);
}

static void reasons(void **state)
{
	static char line[3000];

	(void)state;
	kernel[0x202] = 'X';
	refuse(ERR_INVAL, "kernel is no bzImage: no HdrS at 0x202");
	kernel[0x202] = 'H';
	boot.kernel.size = 0x200;
	refuse(ERR_INVAL, "kernel is no bzImage: no HdrS at 0x202");
	boot.kernel.size = KERNEL - 16;
	refuse(ERR_INVAL, "kernel file is cut short: 10032 bytes, 10048 expected");
	boot.kernel.size = KERNEL - 15; /* syssize is rounded up */
	assert_int_equal(linux_load(&gm, &boot, &b), ERR_OK);
	boot.kernel.size = KERNEL;
	store_le16(kernel + 0x206, 0x20a);
	refuse(ERR_INVAL, "kernel has boot protocol 2.10, 2.12 is needed");
	store_le16(kernel + 0x206, 0x20f);
	kernel[0x236] = 0;
	refuse(ERR_INVAL, "kernel has no 64-bit entry (XLF_KERNEL_64)");
	kernel[0x236] = 1;
	kernel[0x211] = 0;
	refuse(ERR_INVAL, "kernel is a zImage, a bzImage is needed");
	kernel[0x211] = 1;
	store_le64(kernel + 0x258, ~0ull - 4095);
	refuse(ERR_INVAL, "kernel wants the address 0xfffffffffffff000");
	store_le64(kernel + 0x258, PREF);
	store_le32(kernel + 0x260, 0x1000001);
	refuse(ERR_NOMEM, "kernel needs memory up to 32768 KiB, there are 32768 KiB");
	store_le32(kernel + 0x260, INIT_SIZE);
	boot.initrd.size = RAM - PREF - INIT_SIZE + 1;
	refuse(ERR_NOMEM, "initrd of 14337 KiB does not fit into 32768 KiB of memory");
	boot.initrd.size = 1ull << 40;
	refuse(ERR_NOMEM, "initrd of 1073741824 KiB does not fit into 32768 KiB of memory");
	boot.initrd.size = sizeof(initrd);
	memset(line, 'x', sizeof(line) - 1);
	boot.cmdline = line;
	refuse(ERR_INVAL, "command line has 2999 characters, the kernel takes 2047");
	boot.cmdline = "";
	boot.ram.low = 1 << 20;
	refuse(ERR_NOMEM, "1024 KiB of memory, at least 2048 are needed");
	boot.ram.low = 64 << 20; /* more than there is */
	refuse(ERR_NOMEM, "initrd of 10 KiB does not fit into 65536 KiB of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_in_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(starts_in_long_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(no_initrd, setup, teardown),
		cmocka_unit_test_setup_teardown(initrd_addr_max_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(reasons, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
