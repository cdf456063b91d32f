/* SPDX-License-Identifier: BSD-2-Clause */
/* show stats: every counter of the node, as tables or as one line of JSON. */
#include "ctl/stats.h"
#include "hv/config.h"
#include "hv/control.h"
#include "hv/ctl.h"
#include "hv/netcore.h"
#include "hv/node.h"
#include "hv/uplink_queue.h"
#include "hv/vm.h"
#include "vnet/forward.h"
#include "vnet/port.h"
#include "vnet/xcore.h"

static void json_vm(struct json *j, const struct vm *vm)
{
	const struct vcpu_stats sum = vm_stats(vm), *s = &sum;

	json_open(j, vm->cfg.name, '{');
	json_text(j, "state", vm_state_text(vm));
	json_num(j, "starts", vm->starts);
	json_num(j, "crashes", vm->crashes);
	json_num(j, "exits", s->total);
	json_open(j, "exits_by_reason", '{');
	for (u32 k = 0; k < EXIT_KIND_COUNT; k++)
		if (s->exits[k])
			json_num(j, exit_kind_name((enum exit_kind)k), s->exits[k]);
	json_close(j, '}');
	json_open(j, "apic_exits_by_reason", '{');
	for (u32 k = 0; k < EXIT_KIND_COUNT; k++)
		if (s->apic[k])
			json_num(j, exit_kind_name((enum exit_kind)k), s->apic[k]);
	json_close(j, '}');
	json_num(j, "interrupts", s->injected);
	json_num(j, "pv_eois", s->pv_eois);
	json_num(j, "kicks", s->kicks);
	json_close(j, '}');
}

/* What the host stacks dropped for this reason. */
static u64 stack_drops(u32 reason)
{
	u64 sum = 0;

	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (uplink_at(i)->state == UPLINK_UP)
			sum += uplink_stack_drops(uplink_at(i), (enum net_drop)reason);
	return sum;
}

static void json_uplink_drops(struct json *j)
{
	json_open(j, "uplink_drops", '{');
	for (u32 d = 0; d < NET_DROP_COUNT; d++)
		if (stack_drops(d))
			json_num(j, net_drop_name((enum net_drop)d), stack_drops(d));
	json_close(j, '}');
}

static void json_cores(struct json *j)
{
	json_open(j, "cores", '[');
	for (u32 i = 0; i < PLAT_MAX_CORES && cores[i].online; i++) {
		struct vnet_core_stats v;

		vnet_core_stats(i, &v);
		json_open(j, NULL, '{');
		json_num(j, "entries", cores[i].stats.entries);
		json_num(j, "halts", cores[i].stats.halts);
		json_num(j, "notified", cores[i].stats.notified);
		json_num(j, "bursts", v.bursts);
		json_num(j, "cache_hits", v.cache_hits);
		json_num(j, "cache_misses", v.cache_misses);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_pools(struct json *j)
{
	json_open(j, "pools", '[');
	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (uplink_at(i)->state != UPLINK_ABSENT)
			stats_pool_json(j, &uplink_at(i)->rx_pool);
	for (u32 i = 0; i < UPLINK_MAX; i++)
		for (u32 k = 1; k < NIC_QUEUES_MAX && uplink_at(i)->queue[k]; k++)
			stats_pool_json(j, &uplink_at(i)->queue[k]->rx_pool);
	for (u32 i = 0; i < PLAT_MAX_CORES && cores[i].online; i++)
		stats_pool_json(j, netcore_pool(i));
	json_close(j, ']');
}

/* Sent as long segments for the NIC to cut, by all queues. */
static u64 long_frames(const struct uplink *up)
{
	u64 sum = up->state == UPLINK_UP ? up->netif.count.tx_long : 0;

	for (u32 i = 1; up->state == UPLINK_UP && i < up->nic.queues; i++)
		sum += up->queue[i]->tx.count.tx_long;
	return sum;
}

static void json_uplink(struct json *j, const char *key, struct uplink *up)
{
	struct nic_stats s = { 0 };

	json_open(j, key, '{');
	json_bool(j, "up", up->state == UPLINK_UP);
	if (up->state != UPLINK_ABSENT) {
		up->nic.ops->stats(&up->nic, &s);
		json_bool(j, "polled", up->polled);
		json_num(j, "rx_frames", s.rx_frames);
		json_num(j, "tx_frames", s.tx_frames);
		json_num(j, "tx_long", long_frames(up));
		json_num(j, "rx_missed", s.rx_missed);
		json_num(j, "rx_errors", s.rx_errors);
		json_num(j, "rx_no_packet", s.rx_no_packet);
		json_num(j, "tx_full", s.tx_full);
		json_num(j, "tx_bad", s.tx_bad);
		json_num(j, "irqs", s.irqs);
		json_num(j, "doorbells", s.doorbells);
		json_num(j, "resets", s.resets);
		json_num(j, "link_changes", s.link_changes);
		json_num(j, "services", up->services);
	}
	json_close(j, '}');
}

static void stats_json(const struct out *out)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_text(&j, "node", node_state.name);
	json_num(&j, "image_bytes", node_image_bytes());
	json_num(&j, "resident_bytes", node_resident_bytes());
	json_num(&j, "boot_ns", node_ready_ns);
	json_num(&j, "config_errors", node_state.errors);
	json_open(&j, "vms", '{');
	for (u32 i = 0; i < VM_MAX; i++)
		if (vm_at(i))
			json_vm(&j, vm_at(i));
	json_close(&j, '}');
	stats_ports_json(&j, "interfaces", VNET_PORT_INTERFACE, NULL);
	stats_ports_json(&j, "links", VNET_PORT_EDGE, NULL);
	json_uplink(&j, "uplink", uplink_at(0));
	json_open(&j, "more_uplinks", '[');
	for (u32 i = 1; i < UPLINK_MAX; i++)
		if (uplink_at(i)->state != UPLINK_ABSENT)
			json_uplink(&j, NULL, uplink_at(i));
	json_close(&j, ']');
	control_json(&j);
	json_cores(&j);
	stats_offload_json(&j);
	json_pools(&j);
	stats_drops_json(&j);
	json_uplink_drops(&j);
	stats_sum_json(&j);
	json_close(&j, '}');
	out_printf(out, "\n");
}

static void print_drops(const struct out *out)
{
	struct vnet_counters sum = { 0 };

	vnet_port_sum(&sum);
	out_printf(out, "dropped\n");
	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		if (sum.drop[d])
			out_printf(out, "  %-20s %12lu\n", vnet_drop_name((enum vnet_drop)d),
				   sum.drop[d]);
	for (u32 d = 0; d < EDGE_STRAY_COUNT; d++)
		if (edge_strays((enum edge_stray)d))
			out_printf(out, "  %-20s %12lu\n", edge_stray_name((enum edge_stray)d),
				   edge_strays((enum edge_stray)d));
	for (u32 d = 0; d < NET_DROP_COUNT; d++)
		if (stack_drops(d))
			out_printf(out, "  uplink %-13s %12lu\n", net_drop_name((enum net_drop)d),
				   stack_drops(d));
}

err_t ctl_show_stats(struct ctl *c)
{
	const struct out *out = c->out;

	if (lang_get(c->stmt, "check"))
		return ctl_stats_check(c);
	if (lang_get(c->stmt, "json")) {
		stats_json(out);
		return ERR_OK;
	}
	stats_sum_print(out);
	for (u32 i = 0; i < PLAT_MAX_CORES && cores[i].online; i++) {
		const struct xcore_stats *x = xcore_stats(i);
		struct vnet_core_stats v;

		vnet_core_stats(i, &v);
		out_printf(out,
			   "core %u: entries %lu, halts %lu, bursts %lu, cache hits %lu, "
			   "misses %lu, to other cores %lu, from them full %lu\n",
			   i, cores[i].stats.entries, cores[i].stats.halts, v.bursts, v.cache_hits,
			   v.cache_misses, x->sent, x->ring_full);
	}
	control_print(out);
	print_drops(out);
	return ERR_OK;
}
