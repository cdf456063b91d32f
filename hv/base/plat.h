/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link-time seam under the pure parts: what they need of their
 * surroundings. The hypervisor, vnetpd and the host tests each bring their
 * own implementation.
 */
#ifndef HV_BASE_PLAT_H
#define HV_BASE_PLAT_H

#include "hv/base/types.h"

#define PLAT_MAX_CORES 16

/* Monotonic time in nanoseconds since start. Any core, any context. */
u64 plat_now_ns(void);

/* A counter of the processor's cycles, or close to that; for differences on one core. Any
 * context. */
u64 plat_cycles(void);

/* A hint inside a bounded busy wait (PAUSE). */
void plat_relax(void);

/* Index of the calling core, 0 .. PLAT_MAX_CORES-1; 0 is the boot core. */
unsigned plat_core(void);

/*
 * Control-path memory: zeroed, aligned to 64 bytes, NULL when there is none.
 * Never called per packet. plat_free takes the size that was asked for;
 * NULL is ignored. Boot core only, interrupts on or off.
 */
void *plat_alloc(size_t bytes);
void plat_free(void *p, size_t bytes);

/* One finished log line without newline. level is enum log_level. */
void plat_log(int level, const char *line);

/* Something that cannot happen did: say it, dump state, stop the node. */
NORETURN void plat_die(const char *file, int line, const char *f, ...) PRINTF(3, 4);

#define die(...) plat_die(__FILE__, __LINE__, __VA_ARGS__)
#define ASSERT(cond)                                        \
	do {                                                \
		if (__builtin_expect(!(cond), 0))           \
			die("assertion failed: %s", #cond); \
	} while (0)

#endif
