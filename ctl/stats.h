/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's figures, as `show stats` has them in every program. */
#ifndef CTL_STATS_H
#define CTL_STATS_H

#include "ctl/json.h"
#include "vnet/offload.h"
#include "vnet/vnet.h"

/* Frames that were dropped, whatever the reason. */
u64 stats_dropped(const struct vnet_counters *c);

/* An object of that name with one for each port of the kind; only: that port alone, or
 * NULL for all. An interface's figures are its guest's: what the core received, it sent. */
void stats_ports_json(struct json *j, const char *key, enum vnet_port_kind kind,
		      const struct vnet_port *only);

/* "drops": the ports' reasons and the strays', each once. */
void stats_drops_json(struct json *j);

/* What all cores did with long frames and unfinished checksums; and that as an object. */
void stats_offload(struct offload_stats *sum);
void stats_offload_json(struct json *j);

/* An object of an array, for one pool. */
void stats_pool_json(struct json *j, const struct pkt_pool *pool);

/* "sum": the conservation sum. */
void stats_sum_json(struct json *j);
void stats_sum_print(const struct out *out);

#endif
