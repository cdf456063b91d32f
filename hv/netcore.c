/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet pools and the overlay's hand-over between cores, see netcore.h. */
#include "hv/netcore.h"

#include "hv/base/str.h"
#include "hv/core.h"
#include "hv/mem/pages.h"
#include "vnet/vnet.h"
#include "vnet/xcore.h"

/* A queue that changes cores waits for other cores and the NIC: look so often. */
#define WAIT_NS (20ull * 1000)

static struct pkt_pool pools[PLAT_MAX_CORES];
static u64 pool_bytes;

void *netcore_dma_alloc(size_t bytes, bus_t *bus)
{
	u64 at = pages_alloc(&host_pages, bytes, PAGE_SIZE, PAGES_ANYWHERE);

	*bus = (bus_t){ at };
	return at ? memset((void *)at, 0, bytes) : NULL;
}

void netcore_dma_free(void *p, size_t bytes)
{
	if (p)
		pages_free(&host_pages, (u64)p, bytes);
}

struct pkt_pool *netcore_pool(u32 core)
{
	return &pools[core];
}

u64 netcore_pool_bytes(void)
{
	return pool_bytes;
}

err_t netcore_make_pool(struct pkt_pool *pool, const char *name, u32 core, u32 packets, u32 buffer)
{
	size_t bytes = pkt_pool_bytes(packets, buffer);
	bus_t bus;
	void *mem = netcore_dma_alloc(bytes, &bus);

	if (!mem)
		return ERR_NOMEM;
	pkt_pool_init(pool, name, core, packets, buffer, mem, bus);
	pool->foreign_put = xcore_put;
	pool_bytes += bytes;
	return ERR_OK;
}

static void kick(unsigned core)
{
	core_raise(core, CORE_EV_XCORE);
}

static void drain(struct core *c)
{
	if (xcore_drain(c->index))
		core_raise(c->index, CORE_EV_XCORE);
	else if (xcore_waits(c->index))
		core_defer(c, CORE_EV_XCORE, WAIT_NS);
}

err_t netcore_init(u32 ncores)
{
	u64 seed = plat_now_ns() * 0x9e3779b97f4a7c15ull;
	err_t err = vnet_init(ncores, seed, kick);

	for (u32 i = 0; i < ncores && !err; i++)
		err = netcore_make_pool(&pools[i], "headers", i, NETCORE_POOL_PACKETS,
					NETCORE_POOL_BUFFER);
	core_on_event(CORE_EV_XCORE, drain);
	return err;
}
