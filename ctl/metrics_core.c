/* SPDX-License-Identifier: BSD-2-Clause */
/* The overlay core's figures, see metrics.h. Directions are the core's: what a
 * port handed to it, and what it handed to the port. */
#include "ctl/ledger.h"
#include "ctl/metrics.h"
#include "ctl/stats.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/edge.h"
#include "vnet/forward.h"
#include "vnet/overlay.h"
#include "vnet/port.h"
#include "vnet/route.h"

#define NUMBER_MAX 12
/* More routes than that have no figures of their own: whoever stores them drowns. */
#define ROUTES_EACH 4096u

static const char *kind_of(const struct vnet_port *p)
{
	return p->kind == VNET_PORT_EDGE ? "link" : "interface";
}

/* Of struct vnet_counters. */
static const struct figure {
	const char *name, *unit, *help;
	size_t at;
} port_counters[] = {
	{ "port_to_core_frames", "frames", "Frames that the port handed to the core.",
	  offsetof(struct vnet_counters, rx_frames) },
	{ "port_to_core_bytes", "bytes", "Bytes of these.",
	  offsetof(struct vnet_counters, rx_bytes) },
	{ "port_from_core_frames", "frames", "Frames that the core handed to the port.",
	  offsetof(struct vnet_counters, tx_frames) },
	{ "port_from_core_bytes", "bytes", "Bytes of these.",
	  offsetof(struct vnet_counters, tx_bytes) },
	{ "port_to_core_segments", "segments", "Frames on a wire that those to the core make.",
	  offsetof(struct vnet_counters, rx_segments) },
	{ "port_from_core_segments", "segments",
	  "Frames on a wire that those from the core make.",
	  offsetof(struct vnet_counters, tx_segments) },
	{ "port_answers_frames", "frames", "Frames that the port itself sent to guests: too big.",
	  offsetof(struct vnet_counters, answers) },
	{ "port_to_core_copied_bytes", "bytes", "Payload that was copied on the way to the core.",
	  offsetof(struct vnet_counters, rx_copied_bytes) },
	{ "port_from_core_copied_bytes", "bytes", "Payload that was copied on the way out.",
	  offsetof(struct vnet_counters, tx_copied_bytes) },
};

static void ports(struct metrics *m)
{
	struct vnet_port *p;

	for (u32 i = 0; i < ARRAY_SIZE(port_counters); i++) {
		const struct figure *f = &port_counters[i];

		metrics_family(m, f->name, METRICS_COUNTER, f->unit, f->help);
		for (p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
			struct vnet_counters c;
			u64 value;

			vnet_port_count(p, &c);
			memcpy(&value, (const u8 *)&c + f->at, sizeof(value));
			metrics_sample(m, value, "port", p->name, "kind", kind_of(p), NULL);
		}
	}
	metrics_family(m, "port_dropped_frames", METRICS_COUNTER, "frames",
		       "Frames that went no further, by reason, as far as there were any.");
	for (p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct vnet_counters c;

		vnet_port_count(p, &c);
		for (u32 d = 0; d < VNET_DROP_COUNT; d++)
			if (c.drop[d])
				metrics_sample(m, c.drop[d], "port", p->name, "kind", kind_of(p),
					       "reason", vnet_drop_name((enum vnet_drop)d), NULL);
	}
	metrics_family(m, "port_up", METRICS_GAUGE, NULL, "Whether the port takes frames.");
	for (p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		metrics_sample(m, p->up, "port", p->name, "kind", kind_of(p), NULL);
	metrics_family(m, "port_mtu_bytes", METRICS_GAUGE, "bytes",
		       "The longest frame, its Ethernet header aside.");
	for (p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		metrics_sample(m, p->mtu, "port", p->name, "kind", kind_of(p), NULL);
	metrics_family(m, "port_held_frames", METRICS_GAUGE, "frames",
		       "Frames from the core that the port has neither carried on nor dropped.");
	for (p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct vnet_counters c;

		vnet_port_count(p, &c);
		metrics_sample(m, c.tx_held, "port", p->name, "kind", kind_of(p), NULL);
	}
}

/* The next link behind a port; with_health: that has a keep-alive. */
static struct vnet_port *next_link(struct vnet_port *p, bool with_health)
{
	do {
		p = vnet_port_next(p ? p->id : 0);
	} while (p && (p->kind != VNET_PORT_EDGE ||
		       (with_health && !edge_has_health(edge_of(p)))));
	return p;
}

static void hellos(struct metrics *m, const char *name, const char *help, size_t at)
{
	metrics_family(m, name, METRICS_COUNTER, "messages", help);
	for (struct vnet_port *p = next_link(NULL, true); p; p = next_link(p, true)) {
		u64 value;

		memcpy(&value, (const u8 *)&edge_of(p)->health + at, sizeof(value));
		metrics_sample(m, value, "link", p->name, NULL);
	}
}

static void links(struct metrics *m)
{
	struct vnet_port *p;

	metrics_family(m, "link_state", METRICS_STATES, NULL, "What state the link is in.");
	for (p = next_link(NULL, false); p; p = next_link(p, false))
		for (u32 s = 0; s < EDGE_STATE_COUNT; s++)
			metrics_sample(m, edge_state(edge_of(p)) == (enum edge_state)s, "link",
				       p->name, "caisson_link_state",
				       edge_state_name((enum edge_state)s), NULL);
	hellos(m, "link_hello_sent_messages", "Keep-alives sent.", offsetof(struct health, sent));
	hellos(m, "link_hello_received_messages", "Keep-alives of the peer that came.",
	       offsetof(struct health, received));
	hellos(m, "link_hello_lost_messages", "Keep-alives of the peer that did not come.",
	       offsetof(struct health, lost));
	metrics_family(m, "link_round_trip_seconds", METRICS_GAUGE, "seconds",
		       "Smoothed round-trip time; left out until there is one.");
	for (p = next_link(NULL, true); p; p = next_link(p, true))
		if (edge_of(p)->health.rtt_us)
			metrics_sample_micro(m, edge_of(p)->health.rtt_us, "link", p->name, NULL);
	metrics_family(m, "stray_datagrams", METRICS_COUNTER, "datagrams",
		       "Datagrams that belong to no link.");
	for (u32 d = 0; d < EDGE_STRAY_COUNT; d++)
		metrics_sample(m, edge_strays((enum edge_stray)d), "reason",
			       edge_stray_name((enum edge_stray)d), NULL);
}

static void core_family(struct metrics *m, const char *name, enum metrics_type type,
			const char *unit, const char *help, size_t at, size_t size)
{
	metrics_family(m, name, type, unit, help);
	for (u32 i = 0; i < PLAT_MAX_CORES; i++) {
		struct vnet_core_stats s;
		char core[NUMBER_MAX];
		u64 value = 0;

		vnet_core_stats(i, &s);
		if (!s.cache_entries)
			continue;
		fmt_snprintf(core, sizeof(core), "%u", i);
		memcpy(&value, (const u8 *)&s + at, size);
		metrics_sample(m, value, "core", core, NULL);
	}
}

#define CORE_FAMILY(m, name, type, unit, help, member)                                        \
	core_family(m, name, type, unit, help, offsetof(struct vnet_core_stats, member),      \
		    sizeof(((struct vnet_core_stats *)0)->member))

static void per_core(struct metrics *m)
{
	struct offload_stats sum;

	CORE_FAMILY(m, "core_bursts", METRICS_COUNTER, "bursts", "Bursts of frames routed.",
		    bursts);
	CORE_FAMILY(m, "cache_hits", METRICS_COUNTER, NULL, "Frames that the flow cache knew.",
		    cache_hits);
	CORE_FAMILY(m, "cache_misses", METRICS_COUNTER, NULL,
		    "Frames that the table was asked for.", cache_misses);
	CORE_FAMILY(m, "cache_entries", METRICS_GAUGE, NULL, "Room in the flow cache.",
		    cache_entries);
	stats_offload(&sum);
	metrics_one(m, "long_frames", METRICS_COUNTER, "frames", "Long frames that came.",
		    sum.long_in);
	metrics_one(m, "long_whole_frames", METRICS_COUNTER, "frames",
		    "Long frames that went whole to a port.", sum.long_whole);
	metrics_one(m, "long_cut_frames", METRICS_COUNTER, "frames",
		    "Long frames that were cut in software.", sum.long_cut);
}

static void sums(struct metrics *m)
{
	struct vnet_counters sum;
	struct vnet_audit a;

	vnet_audit(&a);
	vnet_port_sum(&sum);
	metrics_one(m, "received_frames", METRICS_COUNTER, "frames",
		    "Frames from all ports there are and were.", a.received);
	metrics_one(m, "cloned_frames", METRICS_COUNTER, "frames",
		    "Copies made for further destinations.", a.cloned);
	metrics_one(m, "cut_frames", METRICS_COUNTER, "frames",
		    "Further frames that cutting long ones made.", a.cut);
	metrics_one(m, "delivered_frames", METRICS_COUNTER, "frames",
		    "Frames to all ports there are and were.", a.delivered);
	metrics_family(m, "dropped_frames", METRICS_COUNTER, "frames",
		       "Frames dropped at all ports there are and were.");
	for (u32 d = 0; d < VNET_DROP_COUNT; d++)
		metrics_sample(m, sum.drop[d], "reason", vnet_drop_name((enum vnet_drop)d), NULL);
	metrics_one(m, "in_flight_frames", METRICS_GAUGE, "frames",
		    "Frames between cores, or held by ports.", a.in_flight);
	metrics_one(m, "balanced", METRICS_GAUGE, NULL, "Whether every frame is accounted for.",
		    a.balanced);
}

static void route_family(struct metrics *m, const char *name, const char *unit, const char *help,
			 size_t at)
{
	char id[NUMBER_MAX], text[ROUTE_TEXT_MAX];
	struct route_use use;

	metrics_family(m, name, METRICS_COUNTER, unit, help);
	for (const struct route *r = route_next(0); r; r = route_next(r->id)) {
		u64 value;

		route_used(r, &use);
		memcpy(&value, (const u8 *)&use + at, sizeof(value));
		fmt_snprintf(id, sizeof(id), "%u", r->id);
		metrics_sample(m, value, "id", id, "route",
			       route_format(&r->spec, text, sizeof(text)), NULL);
	}
}

static void routes(struct metrics *m)
{
	bool each = route_count() <= ROUTES_EACH;

	metrics_one(m, "routes", METRICS_GAUGE, NULL, "Routes there are.", route_count());
	metrics_one(m, "routes_shown", METRICS_GAUGE, NULL,
		    "Whether each route has figures of its own here: there are not too many.",
		    each);
	if (!each)
		return;
	route_family(m, "route_frames", "frames", "Frames that the route sent to its port.",
		     offsetof(struct route_use, frames));
	route_family(m, "route_bytes", "bytes", "Bytes of these.",
		     offsetof(struct route_use, bytes));
}

void metrics_core(struct metrics *m)
{
	ports(m);
	links(m);
	per_core(m);
	sums(m);
	routes(m);
	ctl_ledger_metrics(m);
	metrics_one(m, "learned_addresses", METRICS_GAUGE, "addresses",
		    "Addresses that are known from having been heard.", overlay_learned());
}
