/* SPDX-License-Identifier: BSD-2-Clause */
/* What is random here: the processor's own generator (RDSEED, else RDRAND). */
#ifndef HV_SEED_H
#define HV_SEED_H

#include "hv/base/types.h"

/* Look for the generator, and try it. Boot core, once. */
void seed_init(void);

/* "rdseed", "rdrand"; NULL: the processor has none, or one that repeats itself. */
const char *seed_source(void);

/* Up to len random bytes. Returns how many: fewer, or 0, when the processor has no more
 * at the moment, or nothing that can be believed. Any core. */
u32 seed_fill(void *to, u32 len);

#endif
