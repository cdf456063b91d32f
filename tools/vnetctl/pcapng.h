/* SPDX-License-Identifier: BSD-2-Clause */
/* The pcapng file format (draft-ietf-opsawg-pcapng), as much as a capture writes. */
#ifndef VNETCTL_PCAPNG_H
#define VNETCTL_PCAPNG_H

#include <stdio.h>

#include "hv/base/types.h"

#define PCAPNG_INBOUND 1u /* epb_flags, bits 0 and 1 */
#define PCAPNG_OUTBOUND 2u

struct pcapng_frame {
	u32 interface; /* in order of pcapng_interface() */
	u64 time_ns;   /* since 1970 */
	u32 len, size; /* on the wire; in data */
	u32 flags;
	const u8 *data;
};

/* All: false when the file cannot be written. */
bool pcapng_begin(FILE *f);
bool pcapng_interface(FILE *f, const char *name);
bool pcapng_write(FILE *f, const struct pcapng_frame *frame);

#endif
