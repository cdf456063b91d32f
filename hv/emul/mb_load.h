/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a Multiboot 1 kernel (unikernels, test kernels) and leaves the boot
 * processor in 32-bit protected mode at its entry (Multiboot Specification
 * 0.6.96). The image is an ELF32 file or has address fields in its header.
 */
#ifndef HV_EMUL_MB_LOAD_H
#define HV_EMUL_MB_LOAD_H

#include "hv/emul/boot_state.h"
#include "hv/emul/e820.h"
#include "hv/mem/gmem.h"

#define MB_MAX_MODULES 16

struct mb_module {
	struct boot_file file;
	const char *cmdline; /* NULL: empty */
};

struct mb_boot {
	struct boot_file kernel;
	const char *cmdline; /* NULL: empty */
	const struct mb_module *module;
	u32 module_count;
	struct guest_ram ram; /* what gm has, low memory in one region from 0 */
};

/* Is there a Multiboot header in the file's first 8 KiB? */
bool mb_is_image(const struct boot_file *kernel);

/*
 * Copy kernel, modules (page-aligned, behind the kernel) and the information
 * structure into gm. On success b->regs and b->sregs are what the vCPU starts
 * with: EAX the magic, EBX the information. Else b->why names what is wrong:
 * ERR_INVAL (no image that can be started) or ERR_NOMEM (does not fit).
 */
err_t mb_load(struct gmem *gm, const struct mb_boot *boot, struct boot_state *b);

#endif
