/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot information of Multiboot 1 (0.6.96, section 3.3) and 2 (2.0, section 3.6). */
#include "boot/multiboot.h"

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"

/* Multiboot 1: flags, and offsets in the information structure. */
#define MB1_FLAG_MEM BIT(0)
#define MB1_FLAG_CMDLINE BIT(2)
#define MB1_FLAG_MODS BIT(3)
#define MB1_FLAG_MMAP BIT(6)
#define MB1_FLAG_FB BIT(12)
#define MB1_FLAGS 0
#define MB1_MEM_LOWER 4 /* KiB from 0 */
#define MB1_MEM_UPPER 8 /* KiB from 1 MiB */
#define MB1_CMDLINE 16
#define MB1_MODS_COUNT 20
#define MB1_MODS_ADDR 24
#define MB1_MMAP_LENGTH 44
#define MB1_MMAP_ADDR 48
#define MB1_FB_ADDR 88
#define MB1_BASE_BYTES 52 /* up to here it is always there */
#define MB1_FB_BYTES 116
#define MB1_MOD_BYTES 16
#define MB1_MMAP_ENTRY 20 /* after its size field */

/* The framebuffer fields stand in the same order in both versions. */
#define FB_PITCH 8
#define FB_WIDTH 12
#define FB_HEIGHT 16
#define FB_BPP 20
#define FB_TYPE 21
#define FB_FIELDS 22
#define FB_TYPE_RGB 1
#define FB_TYPE_TEXT 2

/* Multiboot 2: tag types. */
#define MB2_END 0
#define MB2_CMDLINE 1
#define MB2_MODULE 3
#define MB2_MMAP 6
#define MB2_FRAMEBUFFER 8
#define MB2_EFI32 11
#define MB2_EFI64 12
#define MB2_RSDP_OLD 14
#define MB2_RSDP_NEW 15
#define MB2_TAG_HEADER 8
#define MB2_MODULE_STRING 16
#define MB2_MMAP_ENTRIES 16
#define MB2_MMAP_ENTRY 24
#define MB2_MAX_BYTES (1u << 20)

#define LOW_MEMORY_END 0x100000ull
#define KIB 1024ull

static const char *const mem_names[] = {
	[BOOT_MEM_RAM] = "RAM",		 [BOOT_MEM_RESERVED] = "reserved",
	[BOOT_MEM_ACPI] = "ACPI tables", [BOOT_MEM_NVS] = "ACPI NVS",
	[BOOT_MEM_BAD] = "bad",
};

const char *boot_mem_type_name(u32 type)
{
	return type < ARRAY_SIZE(mem_names) && mem_names[type] ? mem_names[type] : "other";
}

/* Zero-terminated text of at most max bytes; what is longer is cut. */
static void copy_text(char *dst, size_t size, const char *src, u64 max)
{
	size_t n = strnlen(src, MIN(max, size - 1));

	memcpy(dst, src, n);
	dst[n] = '\0';
}

/* The same at an address where only the zero byte says how much there is. */
static void copy_text_at(char *dst, size_t size, u64 addr, const struct phys_view *v)
{
	size_t n = 0;

	while (n < size - 1) {
		const char *c = phys_at(v, addr + n, 1);

		if (!c || !*c)
			break;
		dst[n++] = *c;
	}
	dst[n] = '\0';
}

static void add_range(struct boot_info *bi, u64 base, u64 size, u32 type)
{
	if (!size || size > UINT64_MAX - base || bi->range_count == BOOT_MAX_RANGES) {
		bi->left_out++;
		return;
	}
	bi->range[bi->range_count++] = (struct boot_range){ base, size, type };
}

/* A slot for a module, NULL when it makes no sense or the table is full. */
static struct boot_module *add_module(struct boot_info *bi, u64 start, u64 end)
{
	struct boot_module *m;

	if (end < start || bi->module_count == BOOT_MAX_MODULES) {
		bi->left_out++;
		return NULL;
	}
	m = &bi->module[bi->module_count++];
	*m = (struct boot_module){ .start = start, .size = end - start };
	return m;
}

/* What stands behind key, which begins a word of the text. */
static void take_word(const char *text, const char *key, char *value, size_t size)
{
	const char *at = text, *end;

	while (strncmp(at, key, strlen(key))) {
		at = strchr(at, ' ');
		if (!at)
			return;
		at++;
	}
	at += strlen(key);
	end = strchr(at, ' ');
	copy_text(value, size, at, end ? (u64)(end - at) : strlen(at));
}

/* "/boot/vmlinuz bytes=8247232" is named vmlinuz, and has to have that size. */
static void describe_module(struct boot_module *m)
{
	const char *start = m->string, *end;
	char size[BOOT_SIZE_TEXT];

	while (*start == ' ')
		start++;
	for (end = start; *end && *end != ' '; end++) {
		if (*end == '/')
			start = end + 1;
	}
	copy_text(m->name, sizeof(m->name), start, (u64)(end - start));
	take_word(m->string, "bytes=", m->bytes, sizeof(m->bytes));
	fmt_snprintf(size, sizeof(size), "%lu", m->size);
	m->wrong = m->bytes[0] && strcmp(m->bytes, size);
}

/* f: the fields from the address on. */
static void read_framebuffer(struct boot_info *bi, const u8 *f)
{
	struct boot_framebuffer *fb = &bi->fb;

	fb->addr = load_le64(f);
	fb->pitch = load_le32(f + FB_PITCH);
	fb->width = load_le32(f + FB_WIDTH);
	fb->height = load_le32(f + FB_HEIGHT);
	fb->bpp = f[FB_BPP];
	fb->type = f[FB_TYPE] == FB_TYPE_RGB	? BOOT_FB_RGB
		   : f[FB_TYPE] == FB_TYPE_TEXT ? BOOT_FB_TEXT
						: BOOT_FB_NONE;
}

/* Entries are {u32 size of the rest, base, length, type, ...}. */
static err_t mb1_memory_map(struct boot_info *bi, u32 addr, u32 length, const struct phys_view *v)
{
	const u8 *map = length ? phys_at(v, addr, length) : NULL;
	u32 at = 0;

	if (!map)
		return ERR_INVAL;
	while (length - at >= 4 + MB1_MMAP_ENTRY) {
		const u8 *e = map + at + 4;
		u32 size = load_le32(map + at);

		if (size < MB1_MMAP_ENTRY || size > length - at - 4)
			return ERR_INVAL;
		add_range(bi, load_le64(e), load_le64(e + 8), load_le32(e + 16));
		at += 4 + size;
	}
	return ERR_OK;
}

static err_t mb1_modules(struct boot_info *bi, u32 addr, u32 count, const struct phys_view *v)
{
	for (u32 i = 0; i < count; i++) {
		const u8 *e = phys_at(v, addr + (u64)i * MB1_MOD_BYTES, MB1_MOD_BYTES);
		struct boot_module *m;

		if (!e)
			return ERR_INVAL;
		if (bi->module_count == BOOT_MAX_MODULES) {
			bi->left_out += count - i;
			return ERR_OK;
		}
		m = add_module(bi, load_le32(e), load_le32(e + 4));
		if (!m)
			continue;
		if (load_le32(e + 8))
			copy_text_at(m->string, sizeof(m->string), load_le32(e + 8), v);
		describe_module(m);
	}
	return ERR_OK;
}

static err_t mb1_parse(struct boot_info *bi, u32 info, const struct phys_view *v)
{
	const u8 *p = phys_at(v, info, MB1_BASE_BYTES);
	err_t err = ERR_OK;
	u32 flags;

	if (!p)
		return ERR_INVAL;
	flags = load_le32(p + MB1_FLAGS);
	if (flags & MB1_FLAG_CMDLINE)
		copy_text_at(bi->cmdline, sizeof(bi->cmdline), load_le32(p + MB1_CMDLINE), v);
	if (flags & MB1_FLAG_MMAP) {
		err = mb1_memory_map(bi, load_le32(p + MB1_MMAP_ADDR),
				     load_le32(p + MB1_MMAP_LENGTH), v);
	} else if (flags & MB1_FLAG_MEM) {
		add_range(bi, 0, load_le32(p + MB1_MEM_LOWER) * KIB, BOOT_MEM_RAM);
		add_range(bi, LOW_MEMORY_END, load_le32(p + MB1_MEM_UPPER) * KIB, BOOT_MEM_RAM);
	}
	if (!err && flags & MB1_FLAG_MODS)
		err = mb1_modules(bi, load_le32(p + MB1_MODS_ADDR), load_le32(p + MB1_MODS_COUNT),
				  v);
	if (!err && flags & MB1_FLAG_FB) {
		p = phys_at(v, info, MB1_FB_BYTES);
		if (p)
			read_framebuffer(bi, p + MB1_FB_ADDR);
	}
	return err;
}

static void mb2_memory_map(struct boot_info *bi, const u8 *tag, u32 size)
{
	u32 entry;

	if (size < MB2_MMAP_ENTRIES) {
		bi->left_out++;
		return;
	}
	entry = load_le32(tag + MB2_TAG_HEADER);
	if (entry < MB2_MMAP_ENTRY) {
		bi->left_out++;
		return;
	}
	for (u32 at = MB2_MMAP_ENTRIES; size - at >= entry; at += entry)
		add_range(bi, load_le64(tag + at), load_le64(tag + at + 8),
			  load_le32(tag + at + 16));
}

static void mb2_tag(struct boot_info *bi, u32 type, const u8 *tag, u32 size)
{
	struct boot_module *m;

	switch (type) {
	case MB2_CMDLINE:
		copy_text(bi->cmdline, sizeof(bi->cmdline), (const char *)tag + MB2_TAG_HEADER,
			  size - MB2_TAG_HEADER);
		break;
	case MB2_MODULE:
		if (size < MB2_MODULE_STRING) {
			bi->left_out++;
			break;
		}
		m = add_module(bi, load_le32(tag + 8), load_le32(tag + 12));
		if (!m)
			break;
		copy_text(m->string, sizeof(m->string), (const char *)tag + MB2_MODULE_STRING,
			  size - MB2_MODULE_STRING);
		describe_module(m);
		break;
	case MB2_MMAP:
		mb2_memory_map(bi, tag, size);
		break;
	case MB2_FRAMEBUFFER:
		if (size >= MB2_TAG_HEADER + FB_FIELDS)
			read_framebuffer(bi, tag + MB2_TAG_HEADER);
		break;
	case MB2_EFI32:
	case MB2_EFI64:
		bi->efi = true;
		break;
	case MB2_RSDP_OLD:
		if (bi->rsdp_size) /* the new one says more */
			break;
		/* fall through */
	case MB2_RSDP_NEW:
		bi->rsdp_size = MIN(size - MB2_TAG_HEADER, (u32)BOOT_RSDP_MAX);
		memcpy(bi->rsdp, tag + MB2_TAG_HEADER, bi->rsdp_size);
		break;
	default: /* not asked for */
		break;
	}
}

static err_t mb2_parse(struct boot_info *bi, u32 info, const struct phys_view *v)
{
	const u8 *p = phys_at(v, info, MB2_TAG_HEADER);
	u32 total, at = MB2_TAG_HEADER;

	if (!p)
		return ERR_INVAL;
	total = load_le32(p);
	if (total < 2 * MB2_TAG_HEADER || total > MB2_MAX_BYTES)
		return ERR_INVAL;
	p = phys_at(v, info, total);
	if (!p)
		return ERR_INVAL;
	while (total - at >= MB2_TAG_HEADER) {
		u32 type = load_le32(p + at), size = load_le32(p + at + 4);

		if (type == MB2_END)
			return ERR_OK;
		if (size < MB2_TAG_HEADER || size > total - at)
			return ERR_INVAL;
		mb2_tag(bi, type, p + at, size);
		at += ALIGN_UP(size, 8u);
		if (at > total)
			return ERR_INVAL;
	}
	return ERR_INVAL; /* no end tag */
}

err_t boot_info_parse(struct boot_info *bi, u32 magic, u32 info, const struct phys_view *view)
{
	err_t err;

	memset(bi, 0, sizeof(*bi));
	switch (magic) {
	case MB1_LOADER_MAGIC:
		bi->protocol = 1;
		err = mb1_parse(bi, info, view);
		break;
	case MB2_LOADER_MAGIC:
		bi->protocol = 2;
		err = mb2_parse(bi, info, view);
		break;
	default:
		return ERR_INVAL;
	}
	take_word(bi->cmdline, "node=", bi->node, sizeof(bi->node));
	take_word(bi->cmdline, "mac=", bi->net_mac, sizeof(bi->net_mac));
	take_word(bi->cmdline, "ip=", bi->net_ip, sizeof(bi->net_ip));
	take_word(bi->cmdline, "report=", bi->report, sizeof(bi->report));
	if (!err && !bi->range_count)
		err = ERR_NOENT;
	return err;
}

const struct boot_module *boot_module_find(const struct boot_info *bi, const char *name)
{
	for (u32 i = 0; i < bi->module_count; i++) {
		if (strcmp(bi->module[i].name, name) == 0)
			return &bi->module[i];
	}
	return NULL;
}
