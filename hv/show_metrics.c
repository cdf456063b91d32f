/* SPDX-License-Identifier: BSD-2-Clause */
/* show metrics: what a hypervisor node counts beside the overlay core. */
#include <arch/smp.h>

#include "ctl/metrics.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/config.h"
#include "hv/ctl.h"
#include "hv/netcore.h"
#include "hv/node.h"
#include "hv/stray.h"
#include "hv/uplink_queue.h"
#include "hv/vm.h"

#define NS_PER_US 1000u

#define NUMBER_MAX 12

static const char *number(char text[NUMBER_MAX], u32 n)
{
	fmt_snprintf(text, NUMBER_MAX, "%u", n);
	return text;
}

static void vcpu_exits(struct metrics *m, const struct vcpu *v)
{
	char text[NUMBER_MAX];

	for (u32 k = 0; k < EXIT_KIND_COUNT; k++)
		if (v->stats.exits[k])
			metrics_sample(m, v->stats.exits[k], "vm", v->vm->cfg.name, "vcpu",
				       number(text, v->index), "reason",
				       exit_kind_name((enum exit_kind)k), NULL);
}

static void guests(struct metrics *m)
{
	char text[NUMBER_MAX];

	metrics_family(m, "vm_starts", METRICS_COUNTER, NULL, "How often the guest was booted.");
	for (u32 i = 0; i < VM_MAX; i++)
		if (vm_at(i))
			metrics_sample(m, vm_at(i)->starts, "vm", vm_at(i)->cfg.name, NULL);
	metrics_family(m, "vm_crashes", METRICS_COUNTER, NULL, "How often it crashed.");
	for (u32 i = 0; i < VM_MAX; i++)
		if (vm_at(i))
			metrics_sample(m, vm_at(i)->crashes, "vm", vm_at(i)->cfg.name, NULL);
	metrics_family(m, "vm_exits", METRICS_COUNTER, "exits",
		       "Exits from the guest, by reason; reasons that never were are left out.");
	for (u32 i = 0; i < VM_MAX; i++)
		for (u32 k = 0; vm_at(i) && k < vm_at(i)->cfg.cpus; k++)
			vcpu_exits(m, &vm_at(i)->vcpu[k]);
	metrics_family(m, "vm_interrupts", METRICS_COUNTER, NULL, "Interrupts given to it.");
	for (u32 i = 0; i < VM_MAX; i++)
		for (u32 k = 0; vm_at(i) && k < vm_at(i)->cfg.cpus; k++)
			metrics_sample(m, vm_at(i)->vcpu[k].stats.injected, "vm",
				       vm_at(i)->cfg.name, "vcpu", number(text, k), NULL);
}

/* A counter of all uplinks' NICs. */
static void uplink_counter(struct metrics *m, const char *name, const char *unit, const char *help,
			   size_t at)
{
	char text[NUMBER_MAX];

	metrics_family(m, name, METRICS_COUNTER, unit, help);
	for (u32 i = 0; i < UPLINK_MAX; i++) {
		struct uplink *up = uplink_at(i);
		struct nic_stats s = { 0 };

		if (up->state == UPLINK_ABSENT)
			continue;
		up->nic.ops->stats(&up->nic, &s);
		metrics_sample(m, *(const u64 *)((const u8 *)&s + at), "uplink", number(text, i),
			       NULL);
	}
}

static void uplink_losses(struct metrics *m, struct uplink *up)
{
	struct nic_stats s = { 0 };
	char text[NUMBER_MAX];
	u64 relayed = 0;

	if (up->state == UPLINK_ABSENT)
		return;
	up->nic.ops->stats(&up->nic, &s);
	number(text, up->index);
	metrics_sample(m, s.rx_missed, "uplink", text, "reason", "missed", NULL);
	metrics_sample(m, s.rx_errors, "uplink", text, "reason", "errors", NULL);
	metrics_sample(m, s.tx_bad, "uplink", text, "reason", "bad", NULL);
	metrics_sample(m, s.tx_lost, "uplink", text, "reason", "reset", NULL);
	for (u32 i = 1; i < up->nic.queues; i++)
		relayed += up->queue[i]->relay_full;
	metrics_sample(m, relayed, "uplink", text, "reason", "relay-full", NULL);
}

/* What each further queue of a NIC took, and what of it went by the boot core. */
static void uplink_queues(struct metrics *m)
{
	for (u32 what = 0; what < 2; what++) {
		metrics_family(m, what ? "uplink_queue_relayed_frames" :
					 "uplink_queue_received_frames", METRICS_COUNTER, "frames",
			       what ? "Of these, left to core 0." :
				      "By a queue of the NIC that is not core 0's.");
		for (u32 i = 0; i < UPLINK_MAX; i++) {
			const struct uplink *up = uplink_at(i);
			char uplink[NUMBER_MAX], queue[NUMBER_MAX];

			for (u32 k = 1; k < up->nic.queues; k++)
				metrics_sample(m, what ? up->queue[k]->relayed :
							 up->queue[k]->frames, "uplink",
					       number(uplink, i), "queue", number(queue, k), NULL);
		}
	}
}

static void uplink_drops(struct metrics *m, const struct uplink *up)
{
	char text[NUMBER_MAX];

	for (u32 d = 0; up->state == UPLINK_UP && d < NET_DROP_COUNT; d++)
		metrics_sample(m, uplink_stack_drops(up, (enum net_drop)d), "uplink",
			       number(text, up->index),
			       "reason", net_drop_name((enum net_drop)d), NULL);
}

static void uplink(struct metrics *m)
{
	uplink_counter(m, "uplink_received_frames", "frames", "On the wire.",
		       offsetof(struct nic_stats, rx_frames));
	uplink_counter(m, "uplink_received_bytes", "bytes",
		       "Of these, without the frame check sequence.",
		       offsetof(struct nic_stats, rx_bytes));
	uplink_counter(m, "uplink_sent_frames", "frames", "On the wire.",
		       offsetof(struct nic_stats, tx_frames));
	uplink_counter(m, "uplink_sent_bytes", "bytes",
		       "Of these, without the frame check sequence.",
		       offsetof(struct nic_stats, tx_bytes));
	metrics_family(m, "uplink_lost_frames", METRICS_COUNTER, "frames",
		       "Frames that the NIC did not receive or send.");
	for (u32 i = 0; i < UPLINK_MAX; i++)
		uplink_losses(m, uplink_at(i));
	metrics_family(m, "uplink_dropped_frames", METRICS_COUNTER, "frames",
		       "Frames that the node's own network stack dropped.");
	for (u32 i = 0; i < UPLINK_MAX; i++)
		uplink_drops(m, uplink_at(i));
	uplink_queues(m);
}

static void pools(struct metrics *m)
{
	const struct pkt_pool *all[PLAT_MAX_CORES + UPLINK_MAX * NIC_QUEUES_MAX];
	u32 n = 0;

	for (u32 i = 0; i < UPLINK_MAX; i++)
		if (uplink_at(i)->state != UPLINK_ABSENT)
			all[n++] = &uplink_at(i)->rx_pool;
	for (u32 i = 0; i < UPLINK_MAX; i++)
		for (u32 k = 1; k < NIC_QUEUES_MAX && uplink_at(i)->queue[k]; k++)
			all[n++] = &uplink_at(i)->queue[k]->rx_pool;
	for (u32 i = 0; i < PLAT_MAX_CORES && cores[i].online; i++)
		all[n++] = netcore_pool(i);
	for (u32 turn = 0; turn < 2; turn++) {
		if (turn)
			metrics_family(m, "pool_exhausted", METRICS_COUNTER, NULL,
				       "Requests to an empty pool.");
		else
			metrics_family(m, "pool_free_packets", METRICS_GAUGE, "packets",
				       "Packets not in use.");
		for (u32 i = 0; i < n; i++) {
			char core[12];

			fmt_snprintf(core, sizeof(core), "%u", all[i]->owner);
			metrics_sample(m, turn ? all[i]->exhausted : all[i]->free_count, "pool",
				       all[i]->name, "core", core, NULL);
		}
	}
}

static void stray(struct metrics *m)
{
	char core[NUMBER_MAX];

	metrics_family(m, "core_nmis", METRICS_COUNTER, NULL, "NMIs that nobody here sent.");
	for (u32 i = 0; i < smp_core_count(); i++)
		metrics_sample(m, stray_nmis(i), "core", number(core, i), NULL);
	metrics_family(m, "core_unknown_interrupts", METRICS_COUNTER, NULL,
		       "Interrupts by vectors that nobody registered.");
	for (u32 i = 0; i < smp_core_count(); i++)
		metrics_sample(m, stray_vectors(i), "core", number(core, i), NULL);
}

err_t ctl_show_metrics(struct ctl *c)
{
	struct metrics m = { .out = c->out };

	metrics_family(&m, "node", METRICS_INFO, NULL, "What answers.");
	metrics_sample(&m, 1, "name", node_state.name, "program", "caisson", NULL);
	metrics_family(&m, "uptime_seconds", METRICS_GAUGE, "seconds", "Since the start.");
	metrics_sample_micro(&m, plat_now_ns() / NS_PER_US, NULL);
	metrics_core(&m);
	guests(&m);
	ctl_disk_metrics(&m);
	uplink(&m);
	pools(&m);
	stray(&m);
	ctl_dispatch_metrics(&m);
	metrics_end(&m);
	return ERR_OK;
}
