/* SPDX-License-Identifier: BSD-2-Clause */
/* bzImage loader; see linux_load.h. Field names are those of boot.rst. */
#include "hv/emul/linux_load.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "hv/base/x86.h"
#include "hv/emul/machine.h"

/* The setup header in the image, and at the same offset in the zero page. */
enum setup_header {
	SETUP_SECTS = 0x1f1,   /* u8 */
	SETUP_SYSSIZE = 0x1f4, /* u32, 16-byte units */
	SETUP_VID_MODE = 0x1fa,
	SETUP_JUMP_LEN = 0x201, /* u8: the header ends at 202h plus this */
	SETUP_MAGIC = 0x202,
	SETUP_VERSION = 0x206,
	SETUP_LOADER = 0x210,
	SETUP_LOADFLAGS = 0x211,
	SETUP_RAMDISK_IMAGE = 0x218,
	SETUP_RAMDISK_SIZE = 0x21c,
	SETUP_CMD_LINE_PTR = 0x228,
	SETUP_INITRD_ADDR_MAX = 0x22c,
	SETUP_XLOADFLAGS = 0x236, /* u16 */
	SETUP_CMDLINE_SIZE = 0x238,
	SETUP_PREF_ADDRESS = 0x258, /* u64 */
	SETUP_INIT_SIZE = 0x260,
	SETUP_BYTES = 0x264, /* end of what version 2.12 has */
	SETUP_MAX_END = 0x290, /* edd_mbr_sig_buffer follows in the zero page */
};

enum zero_page {
	ZERO_ACPI_RSDP = 0x070, /* u64 */
	ZERO_E820_ENTRIES = 0x1e8, /* u8 */
	ZERO_E820_TABLE = 0x2d0,
	ZERO_BYTES = 4096,
};

#define MAGIC_HDRS 0x53726448u /* "HdrS" */
#define VERSION_2_12 0x020c
#define XLF_KERNEL_64 BIT(0)
#define LOADED_HIGH BIT(0)
#define LOADER_UNDEFINED 0xff
#define VID_MODE_NORMAL 0xffff
#define SECTOR 512
#define DEFAULT_SETUP_SECTS 4
#define ENTRY_64 0x200 /* of the 64-bit entry in the protected-mode code */
#define PAGE 4096ull
#define KIB 1024ull

/* Where things stand in low memory. */
enum low_memory {
	AT_GDT = 0x1000,
	AT_PML4 = 0x2000,
	AT_PDPT = 0x3000,
	AT_PD = 0x4000, /* four pages: 4 GiB in 2 MiB pages */
	AT_ZERO_PAGE = 0x8000,
	AT_CMDLINE = 0x10000,
	AT_CMDLINE_END = 0x20000,
	AT_STACK_TOP = 0x90000,
};

#define PD_COUNT 4
#define PTE_P_W 3ull
#define PTE_PS BIT64(7)
#define LARGE_PAGE (2048 * KIB)

/* boot.rst, 64-bit boot protocol: __BOOT_CS and __BOOT_DS */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull

/* What was found in the header. */
struct image {
	const u8 *code; /* protected-mode part */
	u64 code_size;
	u64 load;	/* where it goes, and ... */
	u64 end;	/* ... the end of what it needs there */
	u32 header_end;
	u64 initrd_max;
	u32 cmdline_max;
};

static err_t parse_header(const struct boot_file *f, struct image *im, struct boot_state *b)
{
	const u8 *d = f->data;
	u64 setup, body;
	u32 version;

	if (f->size < SETUP_BYTES || load_le32(d + SETUP_MAGIC) != MAGIC_HDRS)
		return boot_state_fail(b, ERR_INVAL, "kernel is no bzImage: no HdrS at 0x202");
	version = load_le16(d + SETUP_VERSION);
	if (version < VERSION_2_12)
		return boot_state_fail(b, ERR_INVAL,
				       "kernel has boot protocol %u.%02u, 2.12 is needed",
				       version >> 8, version & 0xff);
	if (!(load_le16(d + SETUP_XLOADFLAGS) & XLF_KERNEL_64))
		return boot_state_fail(b, ERR_INVAL, "kernel has no 64-bit entry (XLF_KERNEL_64)");
	if (!(d[SETUP_LOADFLAGS] & LOADED_HIGH))
		return boot_state_fail(b, ERR_INVAL, "kernel is a zImage, a bzImage is needed");

	setup = (u64)(d[SETUP_SECTS] ? d[SETUP_SECTS] : DEFAULT_SETUP_SECTS) + 1;
	setup *= SECTOR;
	body = (u64)load_le32(d + SETUP_SYSSIZE) * 16;
	/* syssize is rounded up; the file need not be */
	if (body < ENTRY_64 + 16 || f->size < setup || f->size - setup + 15 < body)
		return boot_state_fail(b, ERR_INVAL,
				       "kernel file is cut short: %llu bytes, %llu expected",
				       (unsigned long long)f->size,
				       (unsigned long long)(setup + body));
	im->code = d + setup;
	im->code_size = MIN(body, f->size - setup);
	im->header_end = MIN((u32)SETUP_MAGIC + d[SETUP_JUMP_LEN], (u32)SETUP_MAX_END);
	im->initrd_max = load_le32(d + SETUP_INITRD_ADDR_MAX);
	im->cmdline_max = load_le32(d + SETUP_CMDLINE_SIZE);
	im->load = load_le64(d + SETUP_PREF_ADDRESS);
	im->end = im->load + MAX((u64)load_le32(d + SETUP_INIT_SIZE), im->code_size);
	return ERR_OK;
}

/* The kernel stands where it prefers to: a relocatable one would move itself
 * up to there at least (boot.rst, kernel_alignment and pref_address). */
static err_t place_kernel(struct gmem *gm, const struct linux_boot *boot, const struct image *im,
			  struct boot_state *b)
{
	void *p;

	if (im->load < MACHINE_HIGH_RAM || im->load >= MACHINE_PCI_HOLE || im->load % PAGE)
		return boot_state_fail(b, ERR_INVAL, "kernel wants the address 0x%llx",
				       (unsigned long long)im->load);
	p = im->end > boot->ram.low ? NULL
				    : gmem_ptr(gm, gpa(im->load), im->end - im->load, GMEM_WRITE);
	if (!p)
		return boot_state_fail(b, ERR_NOMEM,
				       "kernel needs memory up to %llu KiB, there are %llu KiB",
				       (unsigned long long)(im->end / KIB),
				       (unsigned long long)(boot->ram.low / KIB));
	memcpy(p, im->code, im->code_size);
	return ERR_OK;
}

/* The initrd goes as high as it may, away from where the kernel unpacks. */
static err_t place_initrd(struct gmem *gm, const struct linux_boot *boot, const struct image *im,
			  struct boot_state *b, u64 *at)
{
	u64 top = MIN(boot->ram.low, im->initrd_max + 1);
	void *p = NULL;

	*at = 0;
	if (!boot->initrd.size)
		return ERR_OK;
	if (boot->initrd.size <= top) {
		*at = ALIGN_DOWN(top - boot->initrd.size, PAGE);
		if (*at >= im->end)
			p = gmem_ptr(gm, gpa(*at), boot->initrd.size, GMEM_WRITE);
	}
	if (!p)
		return boot_state_fail(b, ERR_NOMEM,
				       "initrd of %llu KiB does not fit into %llu KiB of memory",
				       (unsigned long long)((boot->initrd.size + KIB - 1) / KIB),
				       (unsigned long long)(boot->ram.low / KIB));
	memcpy(p, boot->initrd.data, boot->initrd.size);
	return ERR_OK;
}

static err_t place_cmdline(struct gmem *gm, const struct linux_boot *boot, const struct image *im,
			   struct boot_state *b)
{
	const char *line = boot->cmdline ? boot->cmdline : "";
	u32 max = MIN(im->cmdline_max, (u32)(AT_CMDLINE_END - AT_CMDLINE - 1));
	size_t len = strlen(line);

	if (len > max)
		return boot_state_fail(b, ERR_INVAL,
				       "command line has %llu characters, the kernel takes %u",
				       (unsigned long long)len, max);
	return gmem_write(gm, gpa(AT_CMDLINE), line, len + 1);
}

static err_t write_zero_page(struct gmem *gm, const struct linux_boot *boot,
			     const struct image *im, u64 initrd)
{
	struct e820_entry map[E820_MAX];
	u32 entries = e820_build(&boot->ram, map);
	u8 *z = gmem_ptr(gm, gpa(AT_ZERO_PAGE), ZERO_BYTES, GMEM_WRITE);

	if (!z)
		return ERR_RANGE;
	memset(z, 0, ZERO_BYTES);
	memcpy(z + SETUP_SECTS, (const u8 *)boot->kernel.data + SETUP_SECTS,
	       im->header_end - SETUP_SECTS);
	z[SETUP_LOADER] = LOADER_UNDEFINED;
	store_le16(z + SETUP_VID_MODE, VID_MODE_NORMAL);
	store_le32(z + SETUP_RAMDISK_IMAGE, (u32)initrd);
	store_le32(z + SETUP_RAMDISK_SIZE, initrd ? (u32)boot->initrd.size : 0);
	store_le32(z + SETUP_CMD_LINE_PTR, AT_CMDLINE);
	store_le64(z + ZERO_ACPI_RSDP, boot->rsdp);
	z[ZERO_E820_ENTRIES] = (u8)entries;
	memcpy(z + ZERO_E820_TABLE, map, entries * sizeof(map[0]));
	return ERR_OK;
}

/* Identity map of the first 4 GiB, and the two segments. */
static err_t write_tables(struct gmem *gm)
{
	u64 gdt[] = { 0, 0, GDT_CODE64, GDT_DATA };
	u8 *pml4 = gmem_ptr(gm, gpa(AT_PML4), (2 + PD_COUNT) * PAGE, GMEM_WRITE);
	u8 *pdpt = pml4 + PAGE, *pd = pdpt + PAGE;

	if (!pml4)
		return ERR_RANGE;
	memset(pml4, 0, 2 * PAGE);
	store_le64(pml4, AT_PDPT | PTE_P_W);
	for (u64 i = 0; i < PD_COUNT; i++)
		store_le64(pdpt + i * 8, (AT_PD + i * PAGE) | PTE_P_W);
	for (u64 i = 0; i < PD_COUNT * PAGE / 8; i++)
		store_le64(pd + i * 8, (i * LARGE_PAGE) | PTE_PS | PTE_P_W);
	return gmem_write(gm, gpa(AT_GDT), gdt, sizeof(gdt));
}

static void entry_state(struct boot_state *b, const struct image *im)
{
	boot_state_flat(b, BOOT_CS, BOOT_DS, true);
	b->regs.rip = im->load + ENTRY_64;
	b->regs.gpr[GPR_RSI] = AT_ZERO_PAGE;
	b->regs.gpr[GPR_RSP] = AT_STACK_TOP;
	b->sregs.gdt_base = AT_GDT;
	b->sregs.gdt_limit = 4 * 8 - 1;
	b->sregs.cr0 = CR0_PG | CR0_NE | CR0_ET | CR0_PE;
	b->sregs.cr3 = AT_PML4;
	b->sregs.cr4 = CR4_PAE;
	b->sregs.efer = EFER_LME | EFER_LMA;
}

err_t linux_load(struct gmem *gm, const struct linux_boot *boot, struct boot_state *b)
{
	struct image im = { 0 };
	u64 initrd;
	err_t err;

	if (boot->ram.low < MACHINE_MIN_RAM)
		return boot_state_fail(b, ERR_NOMEM, "%llu KiB of memory, at least %u are needed",
				       (unsigned long long)(boot->ram.low / KIB),
				       (u32)(MACHINE_MIN_RAM / KIB));
	err = parse_header(&boot->kernel, &im, b);
	if (!err)
		err = place_kernel(gm, boot, &im, b);
	if (!err)
		err = place_initrd(gm, boot, &im, b, &initrd);
	if (!err)
		err = place_cmdline(gm, boot, &im, b);
	if (err)
		return err;
	err = write_tables(gm);
	if (!err)
		err = write_zero_page(gm, boot, &im, initrd);
	if (err)
		return boot_state_fail(b, ERR_NOMEM, "no guest memory below 640 KiB");
	entry_state(b, &im);
	return ERR_OK;
}
