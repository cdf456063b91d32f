/* SPDX-License-Identifier: BSD-2-Clause */
/* show metrics: what this process counts beside the overlay core. */
#include "ctl/metrics.h"

#include "hv/base/plat.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/version.h"

#define NS_PER_US 1000u

static void sockets(struct metrics *m)
{
	const struct sock_counters *s = &sock_counters;

	metrics_one(m, "socket_sent_datagrams", METRICS_COUNTER, "datagrams",
		    "Datagrams given to the kernel.", s->tx_datagrams);
	metrics_one(m, "socket_received_datagrams", METRICS_COUNTER, "datagrams",
		    "Datagrams that came from the kernel.", s->rx_datagrams);
	metrics_family(m, "socket_dropped_datagrams", METRICS_COUNTER, "datagrams",
		       "Datagrams that the kernel did not take, or that there was no packet for.");
	for (u32 d = 0; d < SOCK_DROP_COUNT; d++)
		metrics_sample(m, s->drop[d], "reason", sock_drop_name((enum sock_drop)d), NULL);
	metrics_sample(m, s->rx_no_packet, "reason", "no-packet", NULL);
	metrics_one(m, "system_calls", METRICS_COUNTER, NULL, "System calls of the packet path.",
		    loop_syscalls_sum());
}

static void pools(struct metrics *m)
{
	const struct pkt_pool *pool;

	metrics_family(m, "pool_free_packets", METRICS_GAUGE, "packets", "Packets not in use.");
	for (u32 i = 0; (pool = node_pool(i)); i++)
		metrics_sample(m, pool->free_count, "pool", pool->name, NULL);
	metrics_family(m, "pool_exhausted", METRICS_COUNTER, NULL, "Requests to an empty pool.");
	for (u32 i = 0; (pool = node_pool(i)); i++)
		metrics_sample(m, pool->exhausted, "pool", pool->name, NULL);
}

err_t ctl_show_metrics(struct ctl *c)
{
	struct metrics m = { .out = c->out };

	metrics_family(&m, "node", METRICS_INFO, NULL, "What answers.");
	metrics_sample(&m, 1, "name", node.name, "program", "vnetpd", "version", vnetpd_version,
		       NULL);
	metrics_family(&m, "uptime_seconds", METRICS_GAUGE, "seconds", "Since the start.");
	metrics_sample_micro(&m, (plat_now_ns() - node.start_ns) / NS_PER_US, NULL);
	metrics_core(&m);
	sockets(&m);
	pools(&m);
	metrics_end(&m);
	return ERR_OK;
}
