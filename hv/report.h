/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware check: a report of the machine, that one can mail. It goes to the serial line,
 * on the screen page by page, and to who asks `show report` over the network.
 */
#ifndef HV_REPORT_H
#define HV_REPORT_H

#include "hv/base/types.h"

/* Report once the guest `vm` has come to its end, whose output is part of it: when the loader
 * said report=VM. It is not waited for longer than some minutes. Boot core, after the
 * configuration was carried out. */
void report_start(const char *vm);

#endif
