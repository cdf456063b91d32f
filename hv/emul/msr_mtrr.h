/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MTRRs (SDM vol. 3A 12.11): storable and checked, without effect, as guest
 * memory is always write-back. At reset: enabled, write-back, nothing set,
 * which is what firmware leaves behind that has no holes to describe.
 */
#ifndef HV_EMUL_MSR_MTRR_H
#define HV_EMUL_MSR_MTRR_H

#include "hv/emul/msr.h"

void mtrr_init(struct msr_state *s);

/* Is index an MTRR (MTRRcap, ranges, default type)? */
bool mtrr_is(u32 index);

/* False when index is none. */
bool mtrr_read(const struct msr_state *s, u32 index, u64 *val);

/* False: #GP (reserved bits or types, MTRRcap). */
bool mtrr_write(struct msr_state *s, u32 index, u64 val);

#endif
