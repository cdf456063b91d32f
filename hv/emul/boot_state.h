/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest loaders share: how a loaded guest starts, and why one does not. */
#ifndef HV_EMUL_BOOT_STATE_H
#define HV_EMUL_BOOT_STATE_H

#include "hv/backend.h"
#include "hv/base/err.h"
#include "hv/base/types.h"

#define BOOT_WHY_MAX 160

/* First state of the boot processor. */
struct boot_state {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	char why[BOOT_WHY_MAX]; /* one line, when the loader returned an error */
};

/* A file in host memory; belongs to the caller. */
struct boot_file {
	const void *data;
	u64 size;
};

/* The registers of processor reset, with flat segments of the given size:
 * code selector and data selector, limit 4 GiB. */
void boot_state_flat(struct boot_state *b, u16 cs, u16 ds, bool code64);

/* Note why and return err. */
err_t boot_state_fail(struct boot_state *b, err_t err, const char *f, ...) PRINTF(3, 4);

#endif
