/* SPDX-License-Identifier: BSD-2-Clause */
/* What the forwarding step shows of itself beside vnet.h: per-core figures. */
#ifndef VNET_FORWARD_H
#define VNET_FORWARD_H

#include "hv/base/types.h"

struct vnet_core_stats {
	u64 bursts;
	u64 cloned;
	u32 cache_entries;
	u64 cache_hits;
	u64 cache_misses;
};

/* Any core; a core that is not active has zeros. */
void vnet_core_stats(unsigned core, struct vnet_core_stats *out);

#endif
