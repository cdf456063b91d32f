/* SPDX-License-Identifier: BSD-2-Clause */
/* Both forms of boot information out of a few hundred bytes of "physical memory". */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/multiboot.h"
#include "hv/base/bytes.h"

#define MEM_BASE 0x10000u
#define MEM_SIZE 0x4000u
#define INFO MEM_BASE

static u8 mem[MEM_SIZE];
static struct boot_info bi;

static const void *at(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	if (addr < MEM_BASE || addr - MEM_BASE > MEM_SIZE || len > MEM_SIZE - (addr - MEM_BASE))
		return NULL;
	return mem + (addr - MEM_BASE);
}

static const struct phys_view view = { at, NULL };

static void put32(u32 addr, u32 v)
{
	store_le32(mem + (addr - MEM_BASE), v);
}

static void put64(u32 addr, u64 v)
{
	store_le64(mem + (addr - MEM_BASE), v);
}

static void put_text(u32 addr, const char *s)
{
	memcpy(mem + (addr - MEM_BASE), s, strlen(s) + 1);
}

static err_t parse(u32 magic)
{
	return boot_info_parse(&bi, magic, INFO, &view);
}

/* --- Multiboot 1 --- */

#define MB1_MMAP (INFO + 0x200)
#define MB1_MODS (INFO + 0x300)
#define MB1_TEXT (INFO + 0x400)

static void mb1_range(u32 addr, u64 base, u64 size, u32 type)
{
	put32(addr, 20);
	put64(addr + 4, base);
	put64(addr + 12, size);
	put32(addr + 20, type);
}

static void mb1_build(void)
{
	memset(mem, 0, sizeof(mem));
	put32(INFO, 1 << 2 | 1 << 3 | 1 << 6);
	put32(INFO + 16, MB1_TEXT);
	put_text(MB1_TEXT, "caisson.elf console=vga");
	put32(INFO + 20, 2);
	put32(INFO + 24, MB1_MODS);
	put32(MB1_MODS, 0x200000);
	put32(MB1_MODS + 4, 0x200100);
	put32(MB1_MODS + 8, MB1_TEXT + 0x100);
	put_text(MB1_TEXT + 0x100, "/boot/node.conf");
	put32(MB1_MODS + 16, 0x300000);
	put32(MB1_MODS + 20, 0x300000 + 12345);
	put32(MB1_MODS + 24, MB1_TEXT + 0x200);
	put_text(MB1_TEXT + 0x200, "vmlinuz root=/dev/vda");
	put32(INFO + 44, 2 * 24);
	put32(INFO + 48, MB1_MMAP);
	mb1_range(MB1_MMAP, 0, 0x9fc00, BOOT_MEM_RAM);
	mb1_range(MB1_MMAP + 24, 0x100000, 0x7fe00000, BOOT_MEM_RAM);
}

static void mb1_whole(void **state)
{
	(void)state;
	mb1_build();
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
	assert_int_equal(bi.protocol, 1);
	assert_string_equal(bi.cmdline, "caisson.elf console=vga");
	assert_int_equal(bi.range_count, 2);
	assert_int_equal(bi.range[1].base, 0x100000);
	assert_int_equal(bi.range[1].size, 0x7fe00000);
	assert_int_equal(bi.module_count, 2);
	assert_string_equal(bi.module[0].name, "node.conf");
	assert_int_equal(bi.module[0].start, 0x200000);
	assert_int_equal(bi.module[0].size, 0x100);
	assert_string_equal(bi.module[1].name, "vmlinuz");
	assert_string_equal(bi.module[1].string, "vmlinuz root=/dev/vda");
	assert_ptr_equal(boot_module_find(&bi, "vmlinuz"), &bi.module[1]);
	assert_null(boot_module_find(&bi, "vmlinu"));
	assert_int_equal(bi.left_out, 0);
}

static void mb1_sizes_only(void **state)
{
	(void)state;
	mb1_build();
	put32(INFO, 1);
	put32(INFO + 4, 639);
	put32(INFO + 8, 1024);
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
	assert_int_equal(bi.range_count, 2);
	assert_int_equal(bi.range[0].size, 639 * 1024);
	assert_int_equal(bi.range[1].base, 0x100000);
}

static void mb1_bad(void **state)
{
	(void)state;
	mb1_build();
	put32(INFO + 48, MEM_BASE + MEM_SIZE - 10); /* memory map runs out of memory */
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_INVAL);
	mb1_build();
	put32(MB1_MMAP, 4); /* an entry too short */
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_INVAL);
	mb1_build();
	put32(MB1_MMAP + 24, 1000); /* ... and one past the end */
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_INVAL);
	mb1_build();
	put32(INFO, 0); /* nothing at all */
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_NOENT);
	mb1_build();
	put32(MB1_MODS + 4, 0x1fffff); /* a module that ends before it starts */
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
	assert_int_equal(bi.module_count, 1);
	assert_int_equal(bi.left_out, 1);
	mb1_build();
	put32(INFO + 20, 0xffffffff); /* more modules than there are bytes */
	put32(INFO + 24, MEM_BASE + MEM_SIZE - 64);
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_INVAL);
	assert_int_equal(boot_info_parse(&bi, MB1_LOADER_MAGIC, 16, &view), ERR_INVAL);
	assert_int_equal(boot_info_parse(&bi, 0x12345678, INFO, &view), ERR_INVAL);
}

static void long_text_is_cut(void **state)
{
	(void)state;
	mb1_build();
	memset(mem + (MB1_TEXT - MEM_BASE), 'x', 3000);
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
	assert_int_equal(strlen(bi.cmdline), BOOT_STRING_MAX - 1);
	assert_int_equal(strlen(bi.module[0].name), BOOT_NAME_MAX - 1);
}

static void words_of(const char *cmdline)
{
	mb1_build();
	put_text(MB1_TEXT, cmdline);
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
}

static void words_of_the_command_line(void **state)
{
	(void)state;
	words_of("node=n01 mac=52:54:00:00:00:01 ip=10.0.0.11");
	assert_string_equal(bi.node, "n01");
	assert_string_equal(bi.net_mac, "52:54:00:00:00:01");
	assert_string_equal(bi.net_ip, "10.0.0.11");
	words_of("tftp://10.0.0.1/caisson.elf gateip=1 nomac=2 ip= node=a  mac=b");
	assert_string_equal(bi.node, "a");
	assert_string_equal(bi.net_mac, "b");
	assert_string_equal(bi.net_ip, "");
	words_of("node=" "0123456789012345678901234567890123456789012345678901234567890123456789");
	assert_int_equal(strlen(bi.node), BOOT_NAME_MAX - 1);
	words_of("");
	assert_string_equal(bi.node, "");
	words_of("node");
	assert_string_equal(bi.node, "");
}

/* The first module has 100h bytes. */
static const struct boot_module *module_with(const char *string)
{
	mb1_build();
	put_text(MB1_TEXT + 0x100, string);
	assert_int_equal(parse(MB1_LOADER_MAGIC), ERR_OK);
	return &bi.module[0];
}

static void a_module_has_the_size_that_its_line_says(void **state)
{
	static const char *const wrong[] = {
		"node.conf bytes=255", "node.conf bytes=2560", "node.conf bytes=-256",
		"node.conf bytes=many", "node.conf bytes=0100", "node.conf a bytes=0 b",
		"node.conf bytes=18446744073709551872", /* 2^64 more */
		"node.conf bytes=256000000000000000000000000000000000",
	};
	static const char *const right[] = {
		"node.conf bytes=256", "tftp://10.0.0.1/caisson/node.conf node.conf bytes=256",
		"node.conf  a bytes=256 bytes=1", "node.conf", "node.conf bytes=", "",
		"node.conf nobytes=1 bytes 1",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_true(module_with(wrong[i])->wrong);
		assert_ptr_equal(boot_module_find(&bi, "node.conf"), &bi.module[0]);
		assert_false(bi.module[1].wrong);
	}
	for (u32 i = 0; i < ARRAY_SIZE(right); i++)
		assert_false(module_with(right[i])->wrong);
	assert_string_equal(module_with("node.conf bytes=4000")->bytes, "4000");
	assert_string_equal(module_with("node.conf")->bytes, "");
}

/* --- Multiboot 2 --- */

static u32 end;

static void mb2_begin(void)
{
	memset(mem, 0, sizeof(mem));
	end = INFO + 8;
}

/* A tag with room for size bytes after its header; where they are. */
static u32 mb2_tag(u32 type, u32 size)
{
	u32 body = end + 8;

	put32(end, type);
	put32(end + 4, 8 + size);
	end += (8 + size + 7) & ~7u;
	return body;
}

static void mb2_end(void)
{
	mb2_tag(0, 0);
	put32(INFO, end - INFO);
}

static void mb2_mmap(void)
{
	u32 b = mb2_tag(6, 8 + 2 * 24);

	put32(b, 24);
	put64(b + 8, 0x100000);
	put64(b + 16, 0x40000000);
	put32(b + 24, BOOT_MEM_RAM);
	put64(b + 32, 0x100000000);
	put64(b + 40, 0xc0000000);
	put32(b + 48, BOOT_MEM_ACPI);
}

static void mb2_whole(void **state)
{
	u32 b;

	(void)state;
	mb2_begin();
	put_text(mb2_tag(1, 6), "quiet");
	b = mb2_tag(3, 8 + 21);
	put32(b, 0x500000);
	put32(b + 4, 0x500400);
	put_text(b + 8, "initrd.img bytes=1025");
	mem[b + 8 + 20 - MEM_BASE] = 0;
	mb2_mmap();
	b = mb2_tag(8, 24);
	put64(b, 0x80000000);
	put32(b + 8, 4096);
	put32(b + 12, 1024);
	put32(b + 16, 768);
	mem[b + 20 - MEM_BASE] = 32;
	mem[b + 21 - MEM_BASE] = 1;
	put_text(mb2_tag(15, 36), "RSD PTR new");
	put_text(mb2_tag(14, 20), "RSD PTR old");
	mb2_tag(99, 3);
	mb2_end();
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_OK);
	assert_string_equal(bi.cmdline, "quiet");
	assert_string_equal(bi.module[0].name, "initrd.img");
	assert_int_equal(bi.module[0].size, 0x400);
	assert_true(bi.module[0].wrong);
	assert_int_equal(bi.range_count, 2);
	assert_int_equal(bi.range[1].base, 0x100000000);
	assert_string_equal(boot_mem_type_name(bi.range[1].type), "ACPI tables");
	assert_int_equal(bi.fb.type, BOOT_FB_RGB);
	assert_int_equal(bi.fb.width, 1024);
	assert_int_equal(bi.fb.bpp, 32);
	assert_int_equal(bi.rsdp_size, 36);
	assert_memory_equal(bi.rsdp, "RSD PTR new", 11);
}

static void mb2_bad(void **state)
{
	(void)state;
	mb2_begin(); /* no end tag */
	mb2_mmap();
	put32(INFO, end - INFO);
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_INVAL);
	mb2_begin(); /* no memory map */
	mb2_end();
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_NOENT);
	mb2_begin(); /* total size beyond memory, and absurd ones */
	mb2_mmap();
	mb2_end();
	put32(INFO, MEM_SIZE + 8);
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_INVAL);
	put32(INFO, 0xfffffff8);
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_INVAL);
	put32(INFO, 8);
	assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_INVAL);
	mb2_begin(); /* tag sizes: 0, past the end, nearly wrapping */
	mb2_mmap();
	mb2_end();
	for (u32 i = 0; i < 3; i++) {
		static const u32 size[] = { 0, 4096, 0xfffffffc };

		put32(INFO + 12, size[i]);
		assert_int_equal(parse(MB2_LOADER_MAGIC), ERR_INVAL);
	}
}

/* Tags cut to every length must neither be read past nor crash. */
static void mb2_short_tags(void **state)
{
	(void)state;
	for (u32 type = 1; type < 16; type++) {
		for (u32 size = 0; size < 40; size++) {
			mb2_begin();
			memset(mem, 0xff, sizeof(mem));
			mb2_tag(type, size);
			mb2_end();
			parse(MB2_LOADER_MAGIC);
			assert_true(bi.module_count <= 1 && bi.rsdp_size <= BOOT_RSDP_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mb1_whole),	  cmocka_unit_test(mb1_sizes_only),
		cmocka_unit_test(mb1_bad),	  cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(mb2_whole),	  cmocka_unit_test(mb2_bad),
		cmocka_unit_test(mb2_short_tags), cmocka_unit_test(words_of_the_command_line),
		cmocka_unit_test(a_module_has_the_size_that_its_line_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
