/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view on physical memory for parsers of firmware's and loaders' data: the
 * hypervisor hands them the identity map, a test hands them a few bytes.
 */
#ifndef HV_BASE_PHYS_H
#define HV_BASE_PHYS_H

#include "hv/base/types.h"

struct phys_view {
	/* Pointer to the len (> 0) bytes at addr, or NULL where there are none. */
	const void *(*at)(void *ctx, u64 addr, u64 len);
	void *ctx;
};

static inline const void *phys_at(const struct phys_view *v, u64 addr, u64 len)
{
	return v->at(v->ctx, addr, len);
}

#endif
