/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's figures, see stats.h, and show stats check. */
#include "ctl/stats.h"

#include "ctl/ctl.h"
#include "vnet/edge.h"
#include "vnet/port.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

u64 stats_dropped(const struct vnet_counters *c)
{
	u64 sum = 0;

	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		sum += c->drop[d];
	return sum;
}

static const char *state_of(struct vnet_port *p)
{
	if (p->kind == VNET_PORT_EDGE)
		return edge_state_name(edge_state(edge_of(p)));
	return p->up ? "up" : "down";
}

static void port_json(struct json *j, struct vnet_port *p)
{
	bool guest = p->kind == VNET_PORT_INTERFACE;
	struct vnet_counters c;

	vnet_port_count(p, &c);
	json_open(j, p->name, '{');
	json_bool(j, "up", p->up);
	json_text(j, "state", state_of(p));
	json_num(j, "mtu", p->mtu);
	if (guest)
		ctl_also_json(j, &p->also);
	else
		json_num(j, "path_mtu", edge_of(p)->dst.mtu);
	json_num(j, guest ? "tx_frames" : "rx_frames", c.rx_frames);
	json_num(j, guest ? "tx_bytes" : "rx_bytes", c.rx_bytes);
	json_num(j, guest ? "rx_frames" : "tx_frames", c.tx_frames);
	json_num(j, guest ? "rx_bytes" : "tx_bytes", c.tx_bytes);
	json_num(j, guest ? "tx_segments" : "rx_segments", c.rx_segments);
	json_num(j, guest ? "rx_segments" : "tx_segments", c.tx_segments);
	json_num(j, guest ? "tx_copies" : "rx_copies", c.rx_copies);
	json_num(j, guest ? "rx_copies" : "tx_copies", c.tx_copies);
	json_num(j, guest ? "rx_joined" : "tx_joined", c.tx_joined);
	json_num(j, "held", c.tx_held);
	json_open(j, "drops", '{');
	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		if (c.drop[d])
			json_num(j, vnet_drop_name((enum vnet_drop)d), c.drop[d]);
	json_close(j, '}');
	json_close(j, '}');
}

void stats_ports_json(struct json *j, const char *key, enum vnet_port_kind kind,
		      const struct vnet_port *only)
{
	json_open(j, key, '{');
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		if (p->kind == kind && (!only || p == only))
			port_json(j, p);
	json_close(j, '}');
}

void stats_drops_json(struct json *j)
{
	struct vnet_counters sum = { 0 };

	vnet_port_sum(&sum);
	json_open(j, "drops", '{');
	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		json_num(j, vnet_drop_name((enum vnet_drop)d), sum.drop[d]);
	for (u32 d = 0; d < EDGE_STRAY_COUNT; d++)
		json_num(j, edge_stray_name((enum edge_stray)d), edge_strays((enum edge_stray)d));
	json_close(j, '}');
}

void stats_offload(struct offload_stats *sum)
{
	*sum = (struct offload_stats){ 0 };
	for (u32 i = 0; i < xcore_count(); i++) {
		struct offload_stats s;

		offload_stats(i, &s);
		sum->long_in += s.long_in;
		sum->long_whole += s.long_whole;
		sum->long_cut += s.long_cut;
		sum->segments += s.segments;
		sum->checksums += s.checksums;
	}
}

void stats_offload_json(struct json *j)
{
	struct offload_stats sum;

	stats_offload(&sum);
	json_open(j, "offload", '{');
	json_num(j, "long_in", sum.long_in);
	json_num(j, "long_whole", sum.long_whole);
	json_num(j, "long_cut", sum.long_cut);
	json_num(j, "segments_made", sum.segments);
	json_num(j, "checksums_finished", sum.checksums);
	json_close(j, '}');
}

void stats_pool_json(struct json *j, const struct pkt_pool *pool)
{
	json_open(j, NULL, '{');
	json_text(j, "name", pool->name);
	json_num(j, "core", pool->owner);
	json_num(j, "count", pool->count);
	json_num(j, "free", pool->free_count);
	json_num(j, "exhausted", pool->exhausted);
	json_close(j, '}');
}

void stats_sum_json(struct json *j)
{
	struct vnet_audit a;

	vnet_audit(&a);
	json_open(j, "sum", '{');
	json_num(j, "received", a.received);
	json_num(j, "cloned", a.cloned);
	json_num(j, "cut", a.cut);
	json_num(j, "delivered", a.delivered);
	json_num(j, "dropped", a.dropped);
	json_num(j, "in_flight", a.in_flight);
	json_bool(j, "balanced", a.balanced);
	json_close(j, '}');
}

void stats_sum_print(const struct out *out)
{
	struct vnet_audit a;

	vnet_audit(&a);
	out_printf(out,
		   "received %lu + cloned %lu + cut %lu = delivered %lu + dropped %lu + in flight "
		   "%lu: %s\n",
		   a.received, a.cloned, a.cut, a.delivered, a.dropped, a.in_flight,
		   a.balanced ? "balanced" : "NOT BALANCED");
}

err_t ctl_stats_check(struct ctl *c)
{
	const struct out *out = c->out;
	struct vnet_audit a;

	out_printf(out, "PORT                       TO CORE   FROM CORE     DROPPED   IN FLIGHT\n");
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct vnet_counters sum;
		u64 in_flight = 0;

		vnet_port_count(p, &sum);
		for (u32 i = 0; i < vnet_port_queues(p); i++)
			in_flight += xcore_in_flight(vnet_port_queue(p, i)->id);
		out_column(out, 22, "%s", p->name);
		out_printf(out, "%12lu%12lu%12lu%12lu\n", sum.rx_frames, sum.tx_frames,
			   stats_dropped(&sum), sum.tx_held + in_flight);
	}
	vnet_audit(&a);
	out_printf(out, "received %lu, cloned %lu, cut %lu; delivered %lu, dropped %lu, "
		   "in flight %lu\n",
		   a.received, a.cloned, a.cut, a.delivered, a.dropped, a.in_flight);
	if (!a.balanced)
		return ctl_fail(c, "check", ERR_IO, "the sum is not balanced: frames were lost or "
				"counted twice, or move on another core at this moment");
	out_printf(out, "balanced\n");
	return ERR_OK;
}
