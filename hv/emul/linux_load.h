/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a bzImage by the 64-bit Linux boot protocol (Linux
 * Documentation/x86/boot.rst) and leaves the boot processor in long mode at
 * its entry.
 */
#ifndef HV_EMUL_LINUX_LOAD_H
#define HV_EMUL_LINUX_LOAD_H

#include "hv/emul/boot_state.h"
#include "hv/emul/e820.h"
#include "hv/mem/gmem.h"

struct linux_boot {
	struct boot_file kernel;
	struct boot_file initrd; /* size 0: none */
	const char *cmdline;	 /* NULL: empty */
	struct guest_ram ram;	 /* what gm has, low memory in one region from 0 */
	u64 rsdp;		 /* guest-physical, 0: none */
};

/*
 * Copy kernel, initrd and command line into gm, with zero page, GDT and
 * identity page tables below 1 MiB. On success b->regs and b->sregs are what
 * the vCPU starts with; else b->why names what is wrong:
 * ERR_INVAL (no kernel that can be started) or ERR_NOMEM (does not fit).
 */
err_t linux_load(struct gmem *gm, const struct linux_boot *boot, struct boot_state *b);

#endif
