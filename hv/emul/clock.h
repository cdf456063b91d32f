/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds to ticks of a device's clock and back, without overflow for
 * any time a node may run. clock_ns() rounds up: at that time the tick is over.
 */
#ifndef HV_EMUL_CLOCK_H
#define HV_EMUL_CLOCK_H

#include "hv/base/types.h"

#define CLOCK_NS_PER_S 1000000000ull
#define CLOCK_NEVER UINT64_MAX /* what x_next_ns() says when nothing is due */

static inline u64 clock_ticks(u64 ns, u32 hz)
{
	return ns / CLOCK_NS_PER_S * hz + ns % CLOCK_NS_PER_S * hz / CLOCK_NS_PER_S;
}

static inline u64 clock_ns(u64 ticks, u32 hz)
{
	return ticks / hz * CLOCK_NS_PER_S + (ticks % hz * CLOCK_NS_PER_S + hz - 1) / hz;
}

#endif
