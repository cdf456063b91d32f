/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet pools and the life of the overlay core in this process, see node.h. */
#include "tools/vnetpd/node.h"

#include <sys/random.h>

#include "hv/base/plat.h"
#include "tools/vnetpd/link_lan.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/link_tcp.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/tap_queue.h"
#include "tools/vnetpd/worker.h"
#include "vnet/vnet.h"
#include "vnet/xcore.h"

/* Bulk is a long segment in each such time, over a window; then so long a rest. */
#define BULK_EACH_NS 300000ull
#define WINDOW_NS 2000000ull
#define REST_NS 200000ull

struct node node = { .name = "node" };

err_t node_make_pool(struct pkt_pool *pool, const char *name, unsigned core, u32 count,
		     u32 buf_size)
{
	void *mem = plat_alloc(pkt_pool_bytes(count, buf_size));

	if (!mem)
		return ERR_NOMEM;
	pkt_pool_init(pool, name, core, count, buf_size, mem, (bus_t){ 0 });
	pool->foreign_put = xcore_put;
	return ERR_OK;
}

err_t node_init(u32 cores)
{
	u64 seed;
	err_t err;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return ERR_IO;
	node.start_ns = plat_now_ns();
	err = vnet_init(cores, seed, worker_kick);
	if (!err)
		err = node_make_pool(&node.headers, "headers", 0, NODE_HEADERS, NODE_HEADER_BUFFER);
	if (!err)
		err = node_make_pool(&node.frames, "frames", 0, NODE_FRAMES, TAP_BUFFER);
	if (!err)
		err = node_make_pool(&node.messages, "messages", 0, NODE_MESSAGES, SOCK_RX_BUFFER);
	return err ? err : worker_start(cores);
}

const struct pkt_pool *node_pool(u32 i)
{
	const struct pkt_pool *const own[] = { &node.headers, &node.frames, &node.messages };
	struct worker_pools *its;

	if (i < ARRAY_SIZE(own))
		return own[i];
	i -= (u32)ARRAY_SIZE(own);
	if (1 + i / 2 >= worker_cores())
		return NULL;
	its = worker_pools(1 + i / 2);
	return i % 2 ? &its->frames : &its->headers;
}

bool node_packets_are_scarce(void)
{
	const struct pkt_pool *pool;

	for (u32 i = 0; (pool = node_pool(i)); i++)
		if (pool->free_count < pool->count / 4)
			return true;
	return false;
}

void node_note_long(u32 n, struct loop_fd *f)
{
	static __thread u64 since_ns;
	static __thread u32 seen;
	static __thread bool bulk;
	u64 now = loop_now_ns(), took = now - since_ns;

	seen += n;
	if (took >= WINDOW_NS) {
		bulk = seen * BULK_EACH_NS >= took;
		since_ns = now;
		seen = 0;
	}
	if (bulk && n)
		loop_rest(REST_NS, f);
}

void node_settle(void)
{
	/* Links are the main thread's; a worker settles at the end of its turn. */
	if (plat_core())
		return;
	worker_drain();
	tap_queue_settle();
	link_sock_settle();
	link_tcp_settle();
	link_lan_settle();
}
