/* SPDX-License-Identifier: BSD-2-Clause */
/* show: what there is, as tables or as one line of JSON. */
#include "ctl/ledger.h"
#include "ctl/stats.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/link_lan.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/tap.h"
#include "tools/vnetpd/version.h"
#include "tools/vnetpd/worker.h"
#include "vnet/edge.h"
#include "vnet/forward.h"
#include "vnet/port.h"
#include "vnet/route.h"

#define NS_PER_S 1000000000ull

static bool wants_json(const struct ctl *c)
{
	return lang_get(c->stmt, "json") != NULL;
}

static u32 count_ports(enum vnet_port_kind kind)
{
	u32 n = 0;

	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		n += p->kind == kind;
	return n;
}

err_t ctl_show_node(struct ctl *c)
{
	u64 up = (plat_now_ns() - node.start_ns) / NS_PER_S;
	struct json j = { .out = c->out };

	if (!wants_json(c)) {
		out_printf(c->out, "node %s: vnetpd %s, up %lu s\n", node.name, vnetpd_version, up);
		out_printf(c->out, "%u interfaces, %u links, %u routes\n",
			   count_ports(VNET_PORT_INTERFACE), count_ports(VNET_PORT_EDGE),
			   route_count());
		out_printf(c->out, "reloads: %u, refused: %u\n", node.reloads,
			   node.reloads_refused);
		return ERR_OK;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "node", node.name);
	json_text(&j, "program", "vnetpd");
	json_text(&j, "version", vnetpd_version);
	json_num(&j, "up_s", up);
	json_num(&j, "interfaces", count_ports(VNET_PORT_INTERFACE));
	json_num(&j, "links", count_ports(VNET_PORT_EDGE));
	json_num(&j, "routes", route_count());
	json_num(&j, "reloads", node.reloads);
	json_num(&j, "reloads_refused", node.reloads_refused);
	json_close(&j, '}');
	out_printf(c->out, "\n");
	return ERR_OK;
}

const char *ctl_port_device(struct vnet_port *port)
{
	if (port->kind == VNET_PORT_INTERFACE)
		return tap_of(port)->device;
	return link_is_lan(edge_of(port)) ? link_lan_device(edge_of(port)) : NULL;
}

err_t ctl_show_config(struct ctl *c)
{
	out_printf(c->out, "caisson %d\nnode %s\n", LANG_VERSION, node.name);
	for (const struct setting *s = running.first; s; s = s->next) {
		/* As a whole: a line of output may be longer than one out_printf(). */
		c->out->write(c->out->ctx, s->text, strlen(s->text));
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}

/* --- counters ------------------------------------------------------------------------ */

static void json_sockets(struct json *j)
{
	const struct sock_counters *s = &sock_counters;

	json_open(j, "sockets", '{');
	json_num(j, "tx_datagrams", s->tx_datagrams);
	json_num(j, "tx_messages", s->tx_messages);
	json_num(j, "tx_calls", s->tx_calls);
	json_num(j, "tx_waiting", link_sock_waiting());
	json_num(j, "rx_datagrams", s->rx_datagrams);
	json_num(j, "rx_messages", s->rx_messages);
	json_num(j, "rx_calls", s->rx_calls);
	json_num(j, "rx_no_packet", s->rx_no_packet);
	json_num(j, "rx_bad", s->rx_bad);
	json_open(j, "drops", '{');
	for (u32 d = 0; d < SOCK_DROP_COUNT; d++)
		json_num(j, sock_drop_name((enum sock_drop)d), s->drop[d]);
	json_close(j, '}');
	json_close(j, '}');
}

static void json_core(struct json *j)
{
	struct vnet_core_stats sum = { 0 };

	for (u32 core = 0; core < worker_cores(); core++) {
		struct vnet_core_stats one;

		vnet_core_stats(core, &one);
		sum.bursts += one.bursts;
		sum.cache_hits += one.cache_hits;
		sum.cache_misses += one.cache_misses;
	}
	json_num(j, "cores", worker_cores());
	json_num(j, "syscalls", loop_syscalls_sum());
	json_num(j, "bursts", sum.bursts);
	json_num(j, "cache_hits", sum.cache_hits);
	json_num(j, "cache_misses", sum.cache_misses);
}

static void stats_json(const struct out *out)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_text(&j, "node", node.name);
	stats_ports_json(&j, "interfaces", VNET_PORT_INTERFACE, NULL);
	stats_ports_json(&j, "links", VNET_PORT_EDGE, NULL);
	json_sockets(&j);
	json_core(&j);
	stats_offload_json(&j);
	json_open(&j, "pools", '[');
	for (u32 i = 0; node_pool(i); i++)
		stats_pool_json(&j, node_pool(i));
	json_close(&j, ']');
	stats_drops_json(&j);
	stats_sum_json(&j);
	json_close(&j, '}');
	out_printf(out, "\n");
}

/* Calls of the kernel stand in for interrupts and doorbells. */
void ctl_ledger_counts(struct ledger_counts *n)
{
	n->stage[LEDGER_TX_DOORBELL].count = sock_counters.tx_calls;
	n->stage[LEDGER_RX_RECEIVE].count = sock_counters.rx_calls;
}

err_t ctl_show_stats(struct ctl *c)
{
	const struct sock_counters *s = &sock_counters;
	const struct out *out = c->out;
	struct vnet_counters sum = { 0 };

	if (lang_get(c->stmt, "check"))
		return ctl_stats_check(c);
	if (wants_json(c)) {
		stats_json(out);
		return ERR_OK;
	}
	stats_sum_print(out);
	out_printf(out,
		   "sockets: sent %lu datagrams in %lu messages and %lu calls, received %lu in "
		   "%lu and %lu; system calls %lu\n",
		   s->tx_datagrams, s->tx_messages, s->tx_calls, s->rx_datagrams, s->rx_messages,
		   s->rx_calls, loop_syscalls_sum());
	vnet_port_sum(&sum);
	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		if (sum.drop[d])
			out_printf(out, "dropped %s %lu\n", vnet_drop_name((enum vnet_drop)d),
				   sum.drop[d]);
	for (u32 d = 0; d < EDGE_STRAY_COUNT; d++)
		if (edge_strays((enum edge_stray)d))
			out_printf(out, "dropped %s %lu\n", edge_stray_name((enum edge_stray)d),
				   edge_strays((enum edge_stray)d));
	for (u32 d = 0; d < SOCK_DROP_COUNT; d++)
		if (s->drop[d])
			out_printf(out, "dropped by the sockets: %s %lu\n",
				   sock_drop_name((enum sock_drop)d), s->drop[d]);
	return ERR_OK;
}
