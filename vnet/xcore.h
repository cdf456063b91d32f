/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between cores: frames on the way to a port of another core, and buffers on
 * the way home to the pool of another core. One bounded single-producer ring
 * for each ordered pair of active cores and purpose; the consumer is woken by
 * kick() when it might not be looking.
 */
#ifndef VNET_XCORE_H
#define VNET_XCORE_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/plat.h"
#include "hv/base/types.h"
#include "vnet/portset.h"
#include "vnet/vnet.h"

/* Places in each ring: a power of two. */
#define XCORE_RING 1024

struct xcore_stats {
	u64 sent;      /* frames handed to other cores */
	u64 kicks;     /* wake-ups asked for */
	u64 ring_full; /* frames that found no place */
	u64 returned;  /* buffers sent home */
	u64 late;      /* of these, first kept back because the ring was full */
};

/*
 * Boot core, before the other cores call in. For cores 0 .. ncores-1.
 * kick(core): make it call xcore_drain() soon; any core may call it.
 * deliver(port, pkts, n): consume frames for a port of the calling core.
 */
struct xcore_ops {
	void (*kick)(unsigned core);
	void (*deliver)(struct vnet_port *port, struct pkt **pkts, u32 n);
	/* The ports that deliver() was called for; takes all out. */
	void (*flush)(struct port_set *ports);
	/* At the end of a drain, if somebody asked this core to or it said so the
	 * last time: true when it wants to be called again soon. */
	bool (*turn)(unsigned core);
};
err_t xcore_init(u32 ncores, const struct xcore_ops *ops);
void xcore_fini(void);
u32 xcore_count(void);

/*
 * Hand n frames for port to another core, `to`. Returns how many were taken,
 * from the front; the rest stays the caller's. xcore_flush() wakes the other
 * cores, once after a burst. Calling core is `core`.
 */
u32 xcore_send(unsigned core, unsigned to, struct vnet_port *port, struct pkt **pkts, u32 n);
void xcore_flush(unsigned core);

/* What `core`, the calling one, has sent so far, by core; and whether all of that
 * was taken out of the rings since. */
void xcore_sent(unsigned core, u64 mark[PLAT_MAX_CORES]);
bool xcore_sent_taken(unsigned core, const u64 mark[PLAT_MAX_CORES]);

/* Frames that `core`, the calling one, has sent to another one, and has taken from one, as
 * numbers that go round: what was sent before is taken when they are equal. */
u32 xcore_sent_to(unsigned core, unsigned to);
u32 xcore_taken_from(unsigned core, unsigned from);

/* Any core: have `core` take its turn, soon. */
void xcore_ask(unsigned core);

/* The calling core: its turn waits for something (another core, the NIC) that
 * may not wake it, so xcore_drain() has to be called again within some ten
 * microseconds. */
bool xcore_waits(unsigned core);

/*
 * From the loop of each core, after a kick and before it goes idle: deliver
 * what others sent and take returned buffers back. At most one ring's worth of
 * each from each core; returns how many there were, so 0 means idle.
 */
u32 xcore_drain(unsigned core);

/* Anything for this core? Exact once interrupts that kick are off. */
bool xcore_pending(unsigned core);

/* The foreign-put hook of every pool whose packets may reach other cores. */
void xcore_put(struct pkt *p);

/* Boot core. Frames in the rings on the way to the port; on the way to any. */
u64 xcore_in_flight(u16 port);
u64 xcore_in_flight_all(void);

const struct xcore_stats *xcore_stats(unsigned core);

#endif
