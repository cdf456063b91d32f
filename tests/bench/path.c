/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole way of a frame on one core of the build host: from the guest's
 * virtqueue to the NIC's descriptors and back, in cycles of the time stamp
 * counter. One run of each figure, the median over its bursts; tests/bench/path
 * has the runs take turns, and counts.
 *
 *     bench-path [NAME]                   figures (that begin so): a line "NAME VALUE"
 *     bench-path loop WAY SIZE BURST N    N bursts, and what was counted in them
 *     bench-path nics                     the names of the NICs, a line each
 *     bench-path --nic NAME ...           with this one, and not the first of them
 *
 * SIZE counts the FCS, as sizes on a wire do. Warm: the same few buffers and
 * packets over and over. Cold: before each turn of the ring all data has left
 * the first and second level caches, so that each burst finds descriptors, buffers
 * and packets (those of a pool of its own) further out; the first two bursts of a turn,
 * which fetch code and tables, do not count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arch/mmio.h>

#include "hv/base/plat.h"
#include "tests/bench/bench.h"
#include "tests/bench/path_nic.h"
#include "tests/bench/path_node.h"

#define FCS 4u
#define ROUNDS 3000u /* warm bursts; every one is timed */
#define TURNS 24u    /* of the ring, cold */
#define FIRST 2u     /* bursts of a turn that do not count */
#define WARM_BUFS 64u
#define WARM_LOOKS 2u /* at the NIC's ring: the second finds it empty */
#define COLD_RX_BUFS 2048u
#define COLD_TX_BUFS GUEST_RING
#define RX_TURN 7u   /* bursts that the NIC's receive ring holds */
#define L2_DEFAULT (1l << 20)

STATIC_ASSERT(GUEST_RING / PKT_BURST <= PATH_POOLS, "each burst of a turn has a pool");

static double samples[ROUNDS];
static u32 flow; /* of the next frame */

static u32 next_flow(void)
{
	return flow = (flow + 1) % PATH_FLOWS;
}

/* --- one burst ------------------------------------------------------------------- */

static void put_frames(u32 n)
{
	for (u32 i = 0; i < n; i++)
		guest_send(&path.guest, path.out[next_flow()], path.setup.len);
}

static void get_frames(u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!path_nic_receive(path.in[next_flow()], PATH_OUTER + path.setup.len))
			die("the NIC has no receive buffer");
}

/* What was sent leaves, and the guest takes its buffers back. */
static void finish_sent(u32 n)
{
	path_check_sent(flow);
	if (path_nic_send() != n)
		die("not all frames were sent");
	guest_reclaim(&path.guest);
	/* The NIC is idle by now, but its core has not looked yet. */
	path.room = path.idle_room;
}

static void finish_received(u32 n)
{
	if (guest_receive(&path.guest, path.setup.len) != n)
		die("not all frames were received");
	path_check_received(flow);
}

/* A burst of n on its way, per frame. */
static double timed_transmit(u32 n)
{
	u64 begin = bench_cycles();

	path_transmit();
	return (double)(bench_cycles() - begin) / n;
}

static double timed_receive(u32 n, u32 bursts)
{
	u64 begin = bench_cycles();

	path_receive(bursts);
	return (double)(bench_cycles() - begin) / n;
}

/* --- warm ------------------------------------------------------------------------ */

static double tx_warm(u32 len, u32 burst)
{
	path_up(&(struct path_setup){ len, WARM_BUFS, WARM_BUFS });
	for (u32 r = 0; r < ROUNDS; r++) {
		put_frames(burst);
		samples[r] = timed_transmit(burst);
		finish_sent(burst);
	}
	path_down();
	return bench_median(samples, ROUNDS);
}

static double rx_warm(u32 len, u32 burst)
{
	path_up(&(struct path_setup){ len, WARM_BUFS, WARM_BUFS });
	for (u32 r = 0; r < ROUNDS; r++) {
		get_frames(burst);
		samples[r] = timed_receive(burst, WARM_LOOKS);
		finish_received(burst);
	}
	path_down();
	return bench_median(samples, ROUNDS);
}

/* --- cold ------------------------------------------------------------------------ */

/* Read four times as much as the second level cache holds. */
static void push_out(void)
{
	static u8 *mem;
	static size_t bytes;
	volatile u64 sum = 0;

	if (!mem) {
		long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);

		bytes = 4 * (size_t)(l2 > 0 ? l2 : L2_DEFAULT);
		mem = calloc(1, bytes);
		if (!mem)
			die("no memory");
		memset(mem, 1, bytes);
	}
	for (size_t i = 0; i < bytes; i += CACHE_LINE)
		sum += mem[i];
}

static double tx_cold(u32 len)
{
	u32 bursts = GUEST_RING / PKT_BURST, n = 0;

	path_up(&(struct path_setup){ len, COLD_TX_BUFS, WARM_BUFS });
	for (u32 turn = 0; turn < TURNS; turn++) {
		put_frames(GUEST_RING);
		push_out();
		for (u32 b = 0; b < bursts; b++) {
			double cycles;

			path_use_pool(b);
			path.room = PKT_BURST; /* a burst of what is in the ring */
			cycles = timed_transmit(PKT_BURST);
			if (b >= FIRST)
				samples[n++] = cycles;
			if (path_nic_send() != PKT_BURST)
				die("not all frames were sent");
		}
		path_settle();
		guest_reclaim(&path.guest);
	}
	path_down();
	return bench_median(samples, n);
}

static double rx_cold(u32 len)
{
	u32 n = 0;

	path_up(&(struct path_setup){ len, WARM_BUFS, COLD_RX_BUFS });
	for (u32 turn = 0; turn < TURNS * 4; turn++) {
		get_frames(RX_TURN * PKT_BURST);
		push_out();
		for (u32 b = 0; b < RX_TURN; b++) {
			double cycles = timed_receive(PKT_BURST, 1);

			if (b >= FIRST)
				samples[n++] = cycles;
		}
		finish_received(RX_TURN * PKT_BURST);
	}
	path_down();
	return bench_median(samples, n);
}

/* --- figures ---------------------------------------------------------------------- */

#define COLD 0u /* in place of a burst's size */

static const struct figure {
	const char *name;
	bool out;
	u32 size;
	u32 burst;
} figures[] = {
	{ "tx_cycles_64", true, 64, PKT_BURST },
	{ "tx_cycles_64_cold", true, 64, COLD },
	{ "rx_cycles_64", false, 64, PKT_BURST },
	{ "rx_cycles_64_cold", false, 64, COLD },
	{ "tx_cycles_64_burst8", true, 64, 8 },
	{ "tx_cycles_64_burst1", true, 64, 1 },
	{ "rx_cycles_64_burst8", false, 64, 8 },
	{ "rx_cycles_64_burst1", false, 64, 1 },
	{ "tx_cycles_512", true, 512, PKT_BURST },
	{ "tx_cycles_512_cold", true, 512, COLD },
	{ "rx_cycles_512", false, 512, PKT_BURST },
	{ "rx_cycles_512_cold", false, 512, COLD },
	{ "tx_cycles_1472", true, 1472, PKT_BURST },
	{ "tx_cycles_1472_cold", true, 1472, COLD },
	{ "rx_cycles_1472", false, 1472, PKT_BURST },
	{ "rx_cycles_1472_cold", false, 1472, COLD },
};

static double run(const struct figure *f)
{
	u32 len = f->size - FCS;

	if (f->burst == COLD)
		return f->out ? tx_cold(len) : rx_cold(len);
	return f->out ? tx_warm(len, f->burst) : rx_warm(len, f->burst);
}

static int run_figures(const char *only)
{
	bool any = false;

	for (u32 i = 0; i < ARRAY_SIZE(figures); i++) {
		if (strncmp(figures[i].name, only, strlen(only)))
			continue;
		any = true;
		printf("%s %.2f\n", figures[i].name, run(&figures[i]));
		fflush(stdout);
	}
	if (!any)
		fprintf(stderr, "bench-path: no figure begins with \"%s\"\n", only);
	return any ? 0 : 2;
}

/* --- counts ------------------------------------------------------------------------ */

static struct vnet_counters counted(void)
{
	struct vnet_counters c;

	vnet_port_count(&path.net.port, &c);
	return c;
}

/* The same warm bursts for a profiler, and what happened in them. */
static int loop(bool out, u32 size, u32 burst, u32 n)
{
	struct vnet_counters before, after;
	struct mmio_counts mmio;
	struct nic_stats nic;
	u64 doorbells, irqs;

	path_up(&(struct path_setup){ size - FCS, WARM_BUFS, WARM_BUFS });
	path.nic.ops->stats(&path.nic, &nic);
	before = counted();
	mmio = mmio_counts;
	doorbells = nic.doorbells;
	irqs = path.guest.interrupts;
	for (u32 i = 0; i < n; i++) {
		if (out) {
			put_frames(burst);
			path_transmit();
			finish_sent(burst);
		} else {
			get_frames(burst);
			path_receive(WARM_LOOKS);
			finish_received(burst);
		}
	}
	after = counted();
	mmio.reads = mmio_counts.reads - mmio.reads;
	mmio.writes = mmio_counts.writes - mmio.writes;
	path.nic.ops->stats(&path.nic, &nic);
	printf("frames %u\nregister_reads %lu\nregister_writes %lu\ndoorbells %lu\n", burst * n,
	       mmio.reads, mmio.writes, nic.doorbells - doorbells);
	printf("copies %lu\ninterrupts %lu\n",
	       out ? after.rx_copies - before.rx_copies : after.tx_copies - before.tx_copies,
	       path.guest.interrupts - irqs);
	path_down();
	return 0;
}

static u32 number(const char *text, u32 least, u32 most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || !*text || v < least || v > most) {
		fprintf(stderr, "bench-path: %s is no number from %u to %u\n", text, least, most);
		exit(2);
	}
	return (u32)v;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-path [--nic NIC] [NAME]\n"
			"       bench-path [--nic NIC] loop tx|rx SIZE BURST BURSTS\n"
			"       bench-path nics\n");
	return 2;
}

static int list_nics(void)
{
	for (u32 i = 0; path_nic_name(i); i++)
		puts(path_nic_name(i));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--nic")) {
		if (!path_nic_use(argv[2])) {
			fprintf(stderr, "bench-path: there is no NIC \"%s\"\n", argv[2]);
			return 2;
		}
		argc -= 2;
		argv += 2;
	}
	if (argc == 2 && !strcmp(argv[1], "nics"))
		return list_nics();
	if (argc == 6 && !strcmp(argv[1], "loop") &&
	    (!strcmp(argv[2], "tx") || !strcmp(argv[2], "rx")))
		return loop(argv[2][0] == 't', number(argv[3], 64, PATH_FRAME_MAX + FCS),
			    number(argv[4], 1, PKT_BURST), number(argv[5], 1, UINT32_MAX));
	if (argc > 2)
		return usage();
	return run_figures(argc > 1 ? argv[1] : "");
}
