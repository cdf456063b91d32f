/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot 1 loader; see mb_load.h. Section numbers are the specification's. */
#include "hv/emul/mb_load.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "hv/base/x86.h"
#include "hv/emul/machine.h"

/* 3.1 */
struct mb_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
} PACKED;

STATIC_ASSERT(sizeof(struct mb_header) == 32, "Multiboot 3.1.1");

#define HEADER_MAGIC 0x1badb002u
#define HEADER_SEARCH 8192u
#define HEADER_MIN 12u
#define HEADER_NEEDS_VIDEO BIT(2)
#define HEADER_MUST_KNOW 0xffffu /* bits the loader has to understand */
#define HEADER_KNOWN (BIT(0) | BIT(1)) /* modules on pages, memory information */
#define HEADER_ADDRESSES BIT(16)

/* 3.3 */
struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
} PACKED;

STATIC_ASSERT(offsetof(struct mb_info, mmap_length) == 44, "Multiboot 3.3");
STATIC_ASSERT(offsetof(struct mb_info, boot_loader_name) == 64, "Multiboot 3.3");

#define INFO_MEMORY BIT(0)
#define INFO_CMDLINE BIT(2)
#define INFO_MODS BIT(3)
#define INFO_MMAP BIT(6)
#define INFO_LOADER_NAME BIT(9)
#define BOOT_MAGIC 0x2badb002u

struct mb_mod {
	u32 start, end, cmdline, pad;
} PACKED;

struct mb_mmap {
	u32 size; /* of what follows */
	struct e820_entry e;
} PACKED;

STATIC_ASSERT(sizeof(struct mb_mmap) == 24, "Multiboot 3.3");

/* ELF32 (System V ABI, gabi 4.1 chapter 4 and 5) */
struct elf32_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} PACKED;

struct elf32_phdr {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
} PACKED;

STATIC_ASSERT(sizeof(struct elf32_header) == 52, "gabi 4.1");
STATIC_ASSERT(sizeof(struct elf32_phdr) == 32, "gabi 4.1");

#define ELF_CLASS32_LE "\177ELF\1\1\1"
#define ELF_MACHINE_386 3
#define PT_LOAD 1

/* The information structure and what it points to stand here, below the
 * kernels, which load at 1 MiB and up. */
#define INFO_AT 0x8000u
#define INFO_END 0x10000u
#define PAGE 4096ull
#define KIB 1024ull
#define LOADER_NAME "caisson"
#define BOOT_CS 0x10
#define BOOT_DS 0x18

/* A load on its way. */
struct loader {
	struct gmem *gm;
	const struct mb_boot *boot;
	struct boot_state *b;
	struct mb_header header;
	u64 header_at; /* in the file */
	u64 end;       /* of what was loaded so far */
	u32 entry;
	u64 info_next; /* free space in the information area */
};

static bool find_header(const struct boot_file *f, struct mb_header *h, u64 *at)
{
	const u8 *d = f->data;
	u64 limit = MIN(f->size, HEADER_SEARCH);

	for (u64 off = 0; off + HEADER_MIN <= limit; off += 4) {
		u32 magic = load_le32(d + off), flags = load_le32(d + off + 4);

		if (magic != HEADER_MAGIC || magic + flags + load_le32(d + off + 8) != 0)
			continue;
		memset(h, 0, sizeof(*h));
		memcpy(h, d + off, MIN(sizeof(*h), f->size - off));
		*at = off;
		return true;
	}
	return false;
}

bool mb_is_image(const struct boot_file *kernel)
{
	struct mb_header h;
	u64 at;

	return find_header(kernel, &h, &at);
}

/* Put len bytes of the file at a guest address and clear up to mem_len. */
static err_t place(struct loader *l, u64 at, const u8 *data, u64 len, u64 mem_len)
{
	u64 total = MAX(len, mem_len);
	u8 *p;

	if (total == 0)
		return ERR_OK;
	if (at < MACHINE_HIGH_RAM)
		return boot_state_fail(l->b, ERR_INVAL, "kernel wants the address 0x%llx",
				       (unsigned long long)at);
	p = at + total > l->boot->ram.low ? NULL : gmem_ptr(l->gm, gpa(at), total, GMEM_WRITE);
	if (!p)
		return boot_state_fail(l->b, ERR_NOMEM,
				       "kernel needs memory up to %llu KiB, there are %llu KiB",
				       (unsigned long long)((at + total) / KIB),
				       (unsigned long long)(l->boot->ram.low / KIB));
	memcpy(p, data, len);
	memset(p + len, 0, total - len);
	l->end = MAX(l->end, at + total);
	return ERR_OK;
}

/* 3.1.3: the header says where it stands, so where the file belongs. */
static err_t load_by_addresses(struct loader *l)
{
	const struct mb_header *h = &l->header;
	const struct boot_file *f = &l->boot->kernel;
	u64 before = (u64)h->header_addr - h->load_addr;
	u64 len, mem;

	if (h->load_addr > h->header_addr || before > l->header_at ||
	    l->header_at + sizeof(*h) > f->size)
		return boot_state_fail(l->b, ERR_INVAL, "kernel's Multiboot addresses are wrong");
	len = f->size - (l->header_at - before);
	if (h->load_end_addr) {
		if (h->load_end_addr < h->load_addr || h->load_end_addr - h->load_addr > len)
			return boot_state_fail(l->b, ERR_INVAL,
					       "kernel file is cut short: %llu bytes",
					       (unsigned long long)f->size);
		len = h->load_end_addr - h->load_addr;
	}
	mem = h->bss_end_addr > h->load_addr ? h->bss_end_addr - h->load_addr : 0;
	l->entry = h->entry_addr;
	return place(l, h->load_addr, (const u8 *)f->data + (l->header_at - before), len, mem);
}

static err_t load_elf(struct loader *l)
{
	const struct boot_file *f = &l->boot->kernel;
	struct elf32_header e;

	if (f->size < sizeof(e) || memcmp(f->data, ELF_CLASS32_LE, sizeof(ELF_CLASS32_LE) - 1))
		return boot_state_fail(l->b, ERR_INVAL,
				       "kernel is no 32-bit ELF and its Multiboot header has no "
				       "addresses");
	memcpy(&e, f->data, sizeof(e));
	if (e.machine != ELF_MACHINE_386 || e.phentsize != sizeof(struct elf32_phdr))
		return boot_state_fail(l->b, ERR_INVAL, "kernel is ELF for machine %u, not i386",
				       e.machine);
	for (u32 i = 0; i < e.phnum; i++) {
		u64 at = e.phoff + (u64)i * sizeof(struct elf32_phdr);
		struct elf32_phdr p;
		err_t err;

		if (at + sizeof(p) > f->size)
			return boot_state_fail(l->b, ERR_INVAL, "kernel's program header %u is "
					       "outside the file", i);
		memcpy(&p, (const u8 *)f->data + at, sizeof(p));
		if (p.type != PT_LOAD)
			continue;
		if ((u64)p.offset + p.filesz > f->size || p.filesz > p.memsz)
			return boot_state_fail(l->b, ERR_INVAL, "kernel's segment %u is outside "
					       "the file", i);
		err = place(l, p.paddr, (const u8 *)f->data + p.offset, p.filesz, p.memsz);
		if (err)
			return err;
	}
	l->entry = e.entry;
	return l->end ? ERR_OK
		      : boot_state_fail(l->b, ERR_INVAL, "kernel has nothing to load");
}

/* Copy bytes into the information area; 0 when it is full. */
static u32 info_put(struct loader *l, const void *data, u64 len)
{
	u64 at = ALIGN_UP(l->info_next, 8);

	if (len > INFO_END - at || gmem_write(l->gm, gpa(at), data, len))
		return 0;
	l->info_next = at + len;
	return (u32)at;
}

static u32 info_put_text(struct loader *l, const char *text)
{
	if (!text)
		text = "";
	return info_put(l, text, strlen(text) + 1);
}

/* 3.3 "mods": each on a page of its own, one after the other. */
static err_t load_modules(struct loader *l, struct mb_info *info)
{
	struct mb_mod mods[MB_MAX_MODULES];
	u64 at = l->end;

	if (l->boot->module_count > MB_MAX_MODULES)
		return boot_state_fail(l->b, ERR_INVAL, "%u modules, at most %u can be passed",
				       l->boot->module_count, (u32)MB_MAX_MODULES);
	for (u32 i = 0; i < l->boot->module_count; i++) {
		const struct mb_module *m = &l->boot->module[i];

		at = ALIGN_UP(at, PAGE);
		if (m->file.size > l->boot->ram.low - MIN(at, l->boot->ram.low) ||
		    gmem_write(l->gm, gpa(at), m->file.data, m->file.size))
			return boot_state_fail(
				l->b, ERR_NOMEM,
				"module %u of %llu KiB does not fit into %llu KiB of memory", i,
				(unsigned long long)((m->file.size + KIB - 1) / KIB),
				(unsigned long long)(l->boot->ram.low / KIB));
		mods[i] = (struct mb_mod){
			.start = (u32)at,
			.end = (u32)(at + m->file.size),
			.cmdline = info_put_text(l, m->cmdline),
		};
		if (!mods[i].cmdline)
			return boot_state_fail(l->b, ERR_NOMEM,
					       "command line of module %u is too long", i);
		at += m->file.size;
	}
	if (!l->boot->module_count)
		return ERR_OK;
	info->flags |= INFO_MODS;
	info->mods_count = l->boot->module_count;
	info->mods_addr = info_put(l, mods, info->mods_count * sizeof(mods[0]));
	return info->mods_addr ? ERR_OK
			       : boot_state_fail(l->b, ERR_NOMEM, "too much module information");
}

static err_t write_info(struct loader *l)
{
	struct mb_info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME,
		.mem_lower = MACHINE_LOW_RAM_END / KIB,
		.mem_upper = (u32)((l->boot->ram.low - MACHINE_HIGH_RAM) / KIB),
	};
	struct e820_entry map[E820_MAX];
	struct mb_mmap mmap[E820_MAX];
	u32 entries = e820_build(&l->boot->ram, map);
	err_t err = load_modules(l, &info);

	if (err)
		return err;
	for (u32 i = 0; i < entries; i++) {
		mmap[i].size = sizeof(mmap[i].e);
		mmap[i].e = map[i];
	}
	info.mmap_length = entries * (u32)sizeof(mmap[0]);
	info.mmap_addr = info_put(l, mmap, info.mmap_length);
	info.cmdline = info_put_text(l, l->boot->cmdline);
	info.boot_loader_name = info_put_text(l, LOADER_NAME);
	if (!info.mmap_addr || !info.cmdline || !info.boot_loader_name)
		return boot_state_fail(l->b, ERR_NOMEM, "command line is too long");
	return gmem_write(l->gm, gpa(INFO_AT), &info, sizeof(info));
}

err_t mb_load(struct gmem *gm, const struct mb_boot *boot, struct boot_state *b)
{
	struct loader l = { .gm = gm, .boot = boot, .b = b,
			    .info_next = INFO_AT + sizeof(struct mb_info) };
	err_t err;

	if (boot->ram.low < MACHINE_MIN_RAM)
		return boot_state_fail(b, ERR_NOMEM, "%llu KiB of memory, at least %u are needed",
				       (unsigned long long)(boot->ram.low / KIB),
				       (u32)(MACHINE_MIN_RAM / KIB));
	if (!find_header(&boot->kernel, &l.header, &l.header_at))
		return boot_state_fail(b, ERR_INVAL,
				       "kernel has no Multiboot header in its first 8 KiB");
	if (l.header.flags & HEADER_NEEDS_VIDEO)
		return boot_state_fail(b, ERR_INVAL, "kernel wants a video mode, there is no VGA");
	if (l.header.flags & HEADER_MUST_KNOW & ~HEADER_KNOWN)
		return boot_state_fail(b, ERR_INVAL, "kernel asks for unknown features: flags 0x%x",
				       l.header.flags);
	err = l.header.flags & HEADER_ADDRESSES ? load_by_addresses(&l) : load_elf(&l);
	if (!err)
		err = write_info(&l);
	if (err)
		return err;
	boot_state_flat(b, BOOT_CS, BOOT_DS, false);
	b->sregs.cr0 = CR0_PE | CR0_ET;
	b->regs.rip = l.entry;
	b->regs.gpr[GPR_RAX] = BOOT_MAGIC;
	b->regs.gpr[GPR_RBX] = INFO_AT;
	return ERR_OK;
}
