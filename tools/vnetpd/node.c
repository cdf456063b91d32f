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
#include "tools/vnetpd/tap.h"
#include "vnet/vnet.h"

/* Bulk is a long segment in each such time, over a window; then so long a rest. */
#define BULK_EACH_NS 300000ull
#define WINDOW_NS 2000000ull
#define REST_NS 100000ull

struct node node = { .name = "node" };

static void *pool_mem[3];
static size_t pool_bytes[3];

/* One thread: there is no other core to wake. */
static void kick(unsigned core)
{
	(void)core;
}

static err_t make_pool(u32 i, struct pkt_pool *pool, const char *name, u32 count, u32 buf_size)
{
	pool_bytes[i] = pkt_pool_bytes(count, buf_size);
	pool_mem[i] = plat_alloc(pool_bytes[i]);
	if (!pool_mem[i])
		return ERR_NOMEM;
	pkt_pool_init(pool, name, 0, count, buf_size, pool_mem[i], (bus_t){ 0 });
	return ERR_OK;
}

err_t node_init(void)
{
	u64 seed;
	err_t err;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return ERR_IO;
	node.start_ns = plat_now_ns();
	err = vnet_init(1, seed, kick);
	if (!err)
		err = make_pool(0, &node.headers, "headers", NODE_HEADERS, NODE_HEADER_BUFFER);
	if (!err)
		err = make_pool(1, &node.frames, "frames", NODE_FRAMES, TAP_BUFFER);
	if (!err)
		err = make_pool(2, &node.messages, "messages", NODE_MESSAGES, SOCK_RX_BUFFER);
	return err;
}

void node_fini(void)
{
	vnet_fini();
	for (u32 i = 0; i < ARRAY_SIZE(pool_mem); i++)
		plat_free(pool_mem[i], pool_bytes[i]);
}

void node_note_long(u32 n, struct loop_fd *f)
{
	static u64 since_ns;
	static u32 seen;
	static bool bulk;
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
	tap_settle();
	link_sock_settle();
	link_tcp_settle();
	link_lan_settle();
}
