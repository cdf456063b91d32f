/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core alone: one core of the build host, 64-byte frames, bursts of 32,
 * cycles of the time stamp counter. A figure's raw values are one for each
 * run, and a run's value is the median over its bursts, so that what else the
 * machine does falls out. All figures take turns.
 *
 *     core [RUNS [NAME]]    NAME: only the figures that begin so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/plat.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"
#include "vnet/cache.h"
#include "vnet/epoch.h"
#include "vnet/forward.h"
#include "vnet/net/wire.h"
#include "vnet/route.h"

#define RUNS 9
#define ROUNDS 3000 /* bursts in a run; every one is timed */
#define MANY 100000u
#define FLOWS 1000u /* of the counts */
#define FAR_SOURCES 0x40000000u /* addresses of senders, apart from the routes' */
#define RING 4096u /* packets of a benchmark with cold ones */

static double samples[MAX(ROUNDS, (int)MANY / PKT_BURST)];
static struct pkt *pkts[RING];

typedef void (*burst_fn)(struct pkt **burst, u32 n);

/* Who has frames for the core has begun to fetch their headers. */
static void from_interface(struct pkt **burst, u32 n)
{
	for (u32 i = 0; i < n; i++)
		__builtin_prefetch(burst[i]->data);
	vnet_input(&world.in, burst, n);
}

/* Cycles a frame, the same burst over and over; it is made new off the clock. */
static double timed(burst_fn fn, void (*again)(struct pkt *))
{
	struct pkt *burst[PKT_BURST];

	for (u32 r = 0; r < ROUNDS; r++) {
		u64 begin;

		for (u32 i = 0; i < PKT_BURST; i++)
			again(pkts[i]);
		memcpy(burst, pkts, sizeof(burst));
		begin = bench_cycles();
		fn(burst, PKT_BURST);
		samples[r] = (double)(bench_cycles() - begin) / PKT_BURST;
	}
	return bench_median(samples, ROUNDS);
}

static void check_sunk(u64 want)
{
	if (world.sunk != want)
		die("%lu frames arrived of %lu", world.sunk, want);
}

/* --- frames through the core ---------------------------------------------------- */

/* 32 flows over 32 routes, warm: from the interface to the NIC, that is lookup, the
 * link's header, and outer UDP, IPv4 and Ethernet. */
static double encap_by(const struct link_kind *link, u32 routes)
{
	double cycles;

	world_up_link(&(struct world_setup){ routes, 1, 2 * PKT_BURST }, link);
	for (u32 i = 0; i < PKT_BURST; i++)
		pkts[i] = world_frame(i, FAR_SOURCES + i);
	cycles = timed(from_interface, world_rewind);
	check_sunk((u64)ROUNDS * PKT_BURST);
	world_down();
	return cycles;
}

static double encap_udp(u32 routes)
{
	return encap_by(&link_udp, routes);
}

static double encap_vxlan(u32 routes)
{
	return encap_by(&link_vxlan, routes);
}

/* Outer Ethernet, IPv4 and UDP are checked and taken off too. */
static double decap_hit(u32 routes)
{
	double cycles;

	world_up(&(struct world_setup){ 0, 1, 2 * PKT_BURST });
	world_local_routes(0, routes);
	for (u32 i = 0; i < PKT_BURST; i++)
		pkts[i] = world_outer_frame(i, FAR_SOURCES + i);
	cycles = timed(world_receive, world_outer_rewind);
	check_sunk((u64)ROUNDS * PKT_BURST);
	world_down();
	return cycles;
}

/* What a NIC wrote without placing it in a cache. */
static void make_cold(const struct pkt *p)
{
	for (const u8 *line = p->data - CACHE_LINE; line < p->data + p->len; line += CACHE_LINE)
		__asm__ volatile("clflush (%0)" ::"r"(line) : "memory");
}

/*
 * As many flows as routes, one frame of each in turn. The frames' bytes are in
 * no cache, and the packets, a few thousand of them as of several NIC rings, the
 * flow cache and the table are wherever they are when all the others have
 * been used since.
 */
static double encap_many_flows(u32 flows)
{
	u32 bursts = flows / RING * (RING / PKT_BURST), timed_bursts = 0;
	double cycles = 0;

	world_up(&(struct world_setup){ flows, 8, RING + PKT_BURST });
	for (u32 i = 0; i < RING; i++)
		pkts[i] = world_frame(0, FAR_SOURCES);
	for (u32 r = 0; r < 2 * bursts; r++) {
		struct pkt **burst = pkts + r * PKT_BURST % RING;
		u64 begin;

		for (u32 i = 0; burst == pkts && i < RING; i++) {
			u32 flow = (r * PKT_BURST + i) % (bursts * PKT_BURST);

			world_fill(pkts[i], (u32)((u64)flow * 48271 % flows), FAR_SOURCES + flow);
			make_cold(pkts[i]);
		}
		begin = bench_cycles();
		from_interface(burst, PKT_BURST);
		/* The first turn fills the flow cache. */
		if (r >= bursts)
			samples[timed_bursts++] = (double)(bench_cycles() - begin) / PKT_BURST;
	}
	cycles = bench_median(samples, timed_bursts);
	check_sunk(2ull * bursts * PKT_BURST);
	world_down();
	return cycles;
}

/* Warm packets whose flows are new each time, to addresses all over the table. */
static double miss(u32 routes)
{
	struct vnet_core_stats stats;
	u64 rng = 1;
	double cycles;

	world_up(&(struct world_setup){ routes, 1, 2 * PKT_BURST });
	for (u32 i = 0; i < PKT_BURST; i++)
		pkts[i] = world_frame(0, FAR_SOURCES);
	for (u32 r = 0; r < ROUNDS; r++) {
		struct pkt *burst[PKT_BURST];
		u64 begin;

		for (u32 i = 0; i < PKT_BURST; i++) {
			world_rewind(pkts[i]);
			world_mac(pkts[i]->data, (u32)(bench_random(&rng) % routes));
			world_mac(pkts[i]->data + MAC_LEN, FAR_SOURCES + r * PKT_BURST + i);
			burst[i] = pkts[i];
		}
		begin = bench_cycles();
		vnet_input(&world.in, burst, PKT_BURST);
		samples[r] = (double)(bench_cycles() - begin) / PKT_BURST;
	}
	cycles = bench_median(samples, ROUNDS);
	check_sunk((u64)ROUNDS * PKT_BURST);
	vnet_core_stats(0, &stats);
	if (stats.cache_hits)
		die("a miss was none");
	world_down();
	return cycles;
}

/* A broadcast to all 16 edges: cycles for each copy that leaves. */
static double fan_out(u32 edges)
{
	struct route_spec spec = { .src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_GROUP } };
	char why[128];
	u32 id;

	world_up(&(struct world_setup){ 0, edges, 4 * edges });
	for (u32 i = 0; i < edges; i++) {
		spec.to = world.edge[i]->port.id;
		if (route_add(&spec, &id, why, sizeof(why)) != ERR_OK)
			die("route: %s", why);
	}
	for (u32 r = 0; r < ROUNDS; r++) {
		struct pkt *p = world_frame(0, FAR_SOURCES);
		u64 begin;

		memset(p->data, 0xff, MAC_LEN);
		begin = bench_cycles();
		vnet_input(&world.in, &p, 1);
		samples[r] = (double)(bench_cycles() - begin) / edges;
		pkt_pool_init(&world.pool, "bench", 0, world.setup.packets, world.pool.buf_size,
			      world.pool_mem, (bus_t){ 0 });
	}
	check_sunk((u64)ROUNDS * edges);
	world_down();
	return bench_median(samples, ROUNDS);
}

/* --- lookups alone ------------------------------------------------------------- */

static void make_keys(struct route_key *keys, u32 routes, u64 *rng)
{
	u8 macs[ETH_HLEN] = { 0 };

	for (u32 i = 0; i < PKT_BURST; i++) {
		world_mac(macs, (u32)(bench_random(rng) % routes));
		world_mac(macs + MAC_LEN, FAR_SOURCES);
		route_key_init(&keys[i], &world.in, macs);
		route_key_hash(&keys[i]);
	}
}

/* In the cache: the same 32 flows again and again. */
static double lookup_hit(u32 routes)
{
	struct flow_cache cache;
	struct route_key keys[PKT_BURST];
	struct cache_ref refs[PKT_BURST];
	struct port_set many;
	u64 rng = 7, sum = 0;

	world_up(&(struct world_setup){ routes, 4, PKT_BURST });
	if (cache_init(&cache, 1) != ERR_OK)
		die("no memory");
	make_keys(keys, routes, &rng);
	for (u32 r = 0; r < ROUNDS; r++) {
		u64 begin = bench_cycles();
		struct cache_view view = cache_view(&cache, keys[0].ingress);

		for (u32 i = 0; i < PKT_BURST; i++)
			cache_prefetch(&view, keys[i].dst, keys[i].src, &refs[i]);
		for (u32 i = 0; i < PKT_BURST; i++) {
			u64 verdict = cache_find(&view, &refs[i]);

			if (!verdict) {
				cache.misses++;
				struct route_stamp stamp = route_stamp_take(&keys[i]);

				verdict = route_lookup(&keys[i], &many);
				cache_fill(&cache, &refs[i], &stamp, verdict);
			}
			sum += verdict;
		}
		samples[r] = (double)(bench_cycles() - begin) / PKT_BURST;
	}
	if (cache.misses > PKT_BURST || !sum)
		die("%lu misses", cache.misses);
	cache_fini(&cache);
	world_down();
	return bench_median(samples, ROUNDS);
}

/* In the table: addresses all over it. */
static double lookup_miss(u32 routes)
{
	struct route_key keys[PKT_BURST];
	struct port_set many;
	u64 rng = 7, drops = 0;

	world_up(&(struct world_setup){ routes, 4, PKT_BURST });
	for (u32 r = 0; r < ROUNDS; r++) {
		u64 begin;

		make_keys(keys, routes, &rng);
		begin = bench_cycles();
		for (u32 i = 0; i < PKT_BURST; i++)
			route_prefetch_places(&keys[i]);
		for (u32 i = 0; i < PKT_BURST; i++)
			route_prefetch_buckets(&keys[i]);
		for (u32 i = 0; i < PKT_BURST; i++)
			drops += (route_lookup(&keys[i], &many) & VERDICT_DROP) != 0;
		samples[r] = (double)(bench_cycles() - begin) / PKT_BURST;
	}
	if (drops)
		die("%lu frames without a route", drops);
	world_down();
	return bench_median(samples, ROUNDS);
}

/* --- counts ---------------------------------------------------------------------- */

/* One frame of a flow, off the clock. */
static void one_frame(struct pkt *p, u32 dst, u32 src)
{
	world_fill(p, dst, src);
	vnet_input(&world.in, &p, 1);
}

/* Of the frames so far since *before, how many the cache knew. */
static double hit_ratio(const struct vnet_core_stats *before, u64 frames)
{
	struct vnet_core_stats now;

	vnet_core_stats(0, &now);
	return (double)(now.cache_hits - before->cache_hits) / (double)frames;
}

/*
 * A second of 100,000 frames over so many flows, and 1,000 changes of exact
 * routes of others. Undisturbed the ratio is 1.
 */
static double churn_hits(u32 flows)
{
	struct vnet_core_stats before;
	struct pkt *p;
	double ratio;
	u32 flow = 0;

	world_up(&(struct world_setup){ 2 * flows, 4, PKT_BURST });
	p = world_frame(0, FAR_SOURCES);
	for (u32 i = 0; i < flows; i++)
		one_frame(p, i, FAR_SOURCES + i);
	vnet_core_stats(0, &before);
	for (u32 change = 0; change < 1000; change++) {
		world_route_flip(flows + change * 7 % flows);
		for (u32 i = 0; i < 100; i++, flow = (flow + 1) % flows)
			one_frame(p, flow, FAR_SOURCES + flow);
	}
	ratio = hit_ratio(&before, 100000);
	check_sunk(flows + 100000);
	world_down();
	return ratio;
}

/* A scan of 1,000,000 addresses, one between each two frames of the flows. */
static double scan_hits(u32 flows)
{
	struct vnet_core_stats before;
	size_t memory;
	struct pkt *p;
	double ratio;

	world_up(&(struct world_setup){ flows, 4, PKT_BURST });
	p = world_frame(0, FAR_SOURCES);
	for (u32 i = 0; i < 2 * flows; i++)
		one_frame(p, i % flows, FAR_SOURCES + i % flows);
	vnet_core_stats(0, &before);
	memory = world_memory();
	for (u32 scan = 0; scan < 1000000; scan++) {
		one_frame(p, scan % flows, FAR_SOURCES + scan % flows);
		one_frame(p, scan % flows, 2 * FAR_SOURCES + scan);
	}
	ratio = hit_ratio(&before, 1000000);
	vnet_tick(0);
	if (world_memory() != memory)
		die("a scan took memory");
	world_down();
	return ratio;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *unit; /* without a unit: a ratio, the higher the better */
		double goal;
		double (*run)(u32 routes);
		u32 routes;
	} cases[] = {
		{ "encap_udp_hit_cycles", "cycles", 60, encap_udp, PKT_BURST },
		{ "encap_vxlan_hit_cycles", "cycles", 60, encap_vxlan, PKT_BURST },
		{ "decap_hit_cycles", "cycles", 60, decap_hit, PKT_BURST },
		{ "encap_100k_flows_cycles", "cycles", 150, encap_many_flows, MANY },
		{ "miss_100k_cycles", "cycles", 600, miss, MANY },
		{ "fan_out_16_cycles", "cycles", 0, fan_out, WORLD_EDGES_MAX },
		{ "lookup_hit_10_cycles", "cycles", 0, lookup_hit, 10 },
		{ "lookup_hit_1k_cycles", "cycles", 0, lookup_hit, 1000 },
		{ "lookup_hit_100k_cycles", "cycles", 0, lookup_hit, MANY },
		{ "lookup_miss_10_cycles", "cycles", 0, lookup_miss, 10 },
		{ "lookup_miss_1k_cycles", "cycles", 0, lookup_miss, 1000 },
		{ "lookup_miss_100k_cycles", "cycles", 0, lookup_miss, MANY },
		{ "churn_hit_ratio", "", 0.95, churn_hits, FLOWS },
		{ "scan_hit_ratio", "", 0, scan_hits, FLOWS },
	};
	static struct bench_figure figures[ARRAY_SIZE(cases)];
	u32 runs = argc > 1 ? (u32)strtoul(argv[1], NULL, 10) : RUNS;
	const char *only = argc > 2 ? argv[2] : "";

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		figures[i].name = cases[i].name;
		figures[i].unit = cases[i].unit;
		figures[i].higher = !cases[i].unit[0];
		figures[i].goal = cases[i].goal;
	}
	for (u32 r = 0; r < runs; r++) {
		fprintf(stderr, "run %u of %u\n", r + 1, runs);
		for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
			if (!strncmp(cases[i].name, only, strlen(only)))
				bench_add(&figures[i], cases[i].run(cases[i].routes));
	}
	bench_print_header();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		bench_print(&figures[i]);
	return only[0] || bench_write("core", figures, ARRAY_SIZE(cases)) ? 0 : 1;
}
