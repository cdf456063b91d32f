/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is random here: the processor's own generator (RDSEED, else RDRAND), and the
 * time at which it is asked. The latter is mixed in, and not counted on.
 */
#ifndef HV_SEED_H
#define HV_SEED_H

#include "hv/base/entropy.h"
#include "hv/base/err.h"

/* Look for the generator, and try it. Boot core, once. */
void seed_init(void);

/* "rdseed", "rdrand"; NULL: the processor has none, or one that repeats itself. */
const char *seed_source(void);

/* Mix fresh bits into the generator. ERR_BUSY: the processor had none at the moment, so
 * that only the time went in. Any core. */
err_t seed_stir(struct entropy *e);

#endif
