/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts that the node did not ask for: NMIs (a hardware error, the button of the
 * machine) and vectors that nobody registered. They stop nothing, and are told.
 */
#ifndef HV_STRAY_H
#define HV_STRAY_H

#include "hv/base/types.h"

/* How many a core has had. Any core. */
u64 stray_nmis(u32 core);
u64 stray_vectors(u32 core);

/* Log the NMIs that came since the last call, a line a core. Boot core. */
void stray_report(void);

#endif
