/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader said, in one form for Multiboot 1 (0.6.96) and 2 (2.0).
 * Everything is copied and bounds-checked here, once.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "hv/base/err.h"
#include "hv/base/phys.h"
#include "hv/base/types.h"

#define MB1_LOADER_MAGIC 0x2badb002u
#define MB2_LOADER_MAGIC 0x36d76289u

#define BOOT_MAX_RANGES 256
#define BOOT_MAX_MODULES 32
#define BOOT_NAME_MAX 64
#define BOOT_STRING_MAX 512
#define BOOT_SIZE_TEXT 24 /* any number of bytes */
#define BOOT_RSDP_MAX 36 /* ACPI 2.0 and later; 20 for 1.0 */

enum boot_mem_type {
	BOOT_MEM_RAM = 1,
	BOOT_MEM_RESERVED = 2,
	BOOT_MEM_ACPI = 3,
	BOOT_MEM_NVS = 4,
	BOOT_MEM_BAD = 5,
};

struct boot_range {
	u64 base, size;
	u32 type; /* enum boot_mem_type, or another number: reserved */
};

struct boot_module {
	u64 start, size;
	char name[BOOT_NAME_MAX];     /* last path component of the string's first word */
	char string[BOOT_STRING_MAX]; /* all of it */
	/* bytes=N in the string: how long the file is where it comes from; "": not said.
	 * Another length than that is wrong: a network loader may take what a server says
	 * instead of a file for the file. */
	char bytes[BOOT_SIZE_TEXT];
	bool wrong;
};

enum boot_fb_type { BOOT_FB_NONE, BOOT_FB_RGB, BOOT_FB_TEXT };

struct boot_framebuffer {
	enum boot_fb_type type;
	u64 addr;
	u32 pitch, width, height; /* bytes a line; pixels or characters */
	u8 bpp;
};

struct boot_info {
	u32 protocol; /* 1 or 2 */
	bool efi;     /* the loader came from UEFI, as far as it says */
	char cmdline[BOOT_STRING_MAX];
	/* Words of it, "" where it has them not: node=, and what a network loader knows of
	 * itself, mac= and ip=. */
	char node[BOOT_NAME_MAX], net_mac[BOOT_NAME_MAX], net_ip[BOOT_NAME_MAX];
	char report[BOOT_NAME_MAX]; /* report=, a guest: hv/report.h */
	u32 range_count;
	struct boot_range range[BOOT_MAX_RANGES];
	u32 module_count;
	struct boot_module module[BOOT_MAX_MODULES];
	u32 rsdp_size; /* 0: not handed over */
	u8 rsdp[BOOT_RSDP_MAX];
	struct boot_framebuffer fb;
	u32 left_out; /* ranges, modules and tags for which there was no room or sense */
};

/*
 * Read the loader's information at address `info` through view into *bi.
 * ERR_INVAL: not Multiboot, or the structure contradicts itself; ERR_NOENT: no
 * memory map. What was read before the error is in *bi.
 */
err_t boot_info_parse(struct boot_info *bi, u32 magic, u32 info, const struct phys_view *view);

/* The module of this name, also a wrong one, or NULL. */
const struct boot_module *boot_module_find(const struct boot_info *bi, const char *name);

/* Name of a memory type, for messages. */
const char *boot_mem_type_name(u32 type);

#endif
