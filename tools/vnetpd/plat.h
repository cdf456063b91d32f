/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process sets in its plat.h beside what the core needs of it. */
#ifndef VNETPD_PLAT_H
#define VNETPD_PLAT_H

/* Write lines up to this enum log_level. */
void plat_set_log(int level);
/* The calling thread is that core; the main thread is core 0. */
void plat_set_core(unsigned core);

#endif
