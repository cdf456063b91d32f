/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node's side of the overlay core: packet pools per core, hand-over
 * between cores, the uplink's place in the loop.
 */
#ifndef HV_NETCORE_H
#define HV_NETCORE_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"

/* Pools for headers of what guests send, and for clones: per core. */
#define NETCORE_POOL_PACKETS 1024
#define NETCORE_POOL_BUFFER (PKT_HEADROOM + PKT_COPY_WHOLE + 128)

/* Boot core, once, with the number of cores that run the loop. */
err_t netcore_init(u32 ncores);

struct pkt_pool *netcore_pool(u32 core);

/* Bytes of memory in packet pools, for the statement of resident memory. */
u64 netcore_pool_bytes(void);
/* A pool of that core's (pkt_pool_init()), whose packets may end on any core. Boot core.
 * ERR_NOMEM. */
err_t netcore_make_pool(struct pkt_pool *pool, const char *name, u32 core, u32 packets,
			u32 buffer);

/* DMA-able memory for pools and rings, zeroed, page-aligned; NULL when there is
 * none. Boot core. */
void *netcore_dma_alloc(size_t bytes, bus_t *bus);
void netcore_dma_free(void *p, size_t bytes);

#endif
