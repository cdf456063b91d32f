/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of the forwarding step, and the sum that says whether a frame got lost. */
#include "hv/base/str.h"
#include "vnet/forward_priv.h"
#include "vnet/offload.h"
#include "vnet/port.h"
#include "vnet/xcore.h"

void vnet_core_stats(unsigned core, struct vnet_core_stats *out)
{
	const struct core_state *c = core < PLAT_MAX_CORES ? vnet_cores[core] : NULL;

	memset(out, 0, sizeof(*out));
	if (!c)
		return;
	out->bursts = c->bursts;
	out->cloned = c->cloned;
	out->cache_entries = cache_entries(&c->cache);
	out->cache_hits = c->cache.hits;
	out->cache_misses = c->cache.misses;
}

static void add_core(struct vnet_audit *out, unsigned core)
{
	struct offload_stats offload;

	offload_stats(core, &offload);
	out->cut += offload.extra;
	out->cloned += vnet_cores[core] ? vnet_cores[core]->cloned : 0;
}

void vnet_audit(struct vnet_audit *out)
{
	struct vnet_counters sum;

	vnet_port_sum(&sum);
	*out = (struct vnet_audit){
		.received = sum.rx_frames,
		.delivered = sum.tx_frames,
		.in_flight = sum.tx_held + xcore_in_flight_all(),
	};
	for (u32 i = 0; i < VNET_DROP_COUNT; i++)
		out->dropped += sum.drop[i];
	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		add_core(out, i);
	out->balanced = out->received + out->cloned + out->cut ==
			out->delivered + out->dropped + out->in_flight;
}
