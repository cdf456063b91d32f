/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who starts the work on the frames of an interface: the guest, whose exit
 * carries them (the lowest latency), or a dispatcher, which polls the rings
 * while the guest is not interrupted (the highest throughput). One controller
 * for each direction of each interface decides; it knows neither rings nor
 * cores, and is told the time. And how a dispatcher passes the time when it
 * finds nothing to do.
 */
#ifndef VNET_DISPATCH_H
#define VNET_DISPATCH_H

#include "hv/base/types.h"

#define DISPATCH_ALPHA_L 1000u	/* packets a second */
#define DISPATCH_ALPHA_U 10000u
#define DISPATCH_OMEGA_US 5000u
#define DISPATCH_QUOTA 64u
#define DISPATCH_T_SLEEP_US 1000u
#define DISPATCH_T_NOWORK_US 1000u

/* Places for transitions that are remembered; one of them is for the next. */
#define DISPATCH_LOG 16u

/* In the order of the words in the language (vnet/lang_schema.c). */
enum dispatch_mode {
	DISPATCH_GUEST,
	DISPATCH_VMM,
	DISPATCH_ADAPTIVE, /* one of the others, by the rate */
};

/* Seen from the guest: frames that it sends, frames that it gets. */
enum dispatch_dir {
	DISPATCH_TX,
	DISPATCH_RX,
	DISPATCH_DIRS,
};

/* Of an interface. The boot core changes a field at a time while the owner
 * cores read: each is a word, and no two have to agree. */
struct dispatch_settings {
	u32 mode[DISPATCH_DIRS]; /* enum dispatch_mode */
	u32 alpha_l, alpha_u;	 /* packets a second; below and above them the mode changes */
	u32 omega_us;		 /* over which the rate is measured */
	u32 quota;		 /* frames of one interface in one turn of a dispatcher */
	/* Of VNET/P+, each a switch: */
	u32 optimistic; /* the guest is interrupted when the NIC is, before the frames are there */
	u32 batch_end;	/* ... or once, when all that the NIC had is there */
};

/* Why the mode changed. */
enum dispatch_why {
	DISPATCH_BY_RATE,
	DISPATCH_BY_SETTING,
};

struct dispatch_change {
	u64 at_ns;
	u64 rate; /* that was measured last */
	u32 from, to; /* enum dispatch_mode, never DISPATCH_ADAPTIVE */
	u32 why;
};

/* A controller; all zero is guest-driven and has measured nothing. */
struct dispatch {
	u32 now;	   /* DISPATCH_GUEST or DISPATCH_VMM */
	u32 set;	   /* the mode that was configured at the last step */
	bool measuring;	   /* a window is open: */
	u64 start_ns;
	u64 start_packets;
	u64 rate;	   /* packets a second in the last window */
	u64 windows;	   /* measured so far */
	u64 changes;	   /* of mode so far; log[changes % DISPATCH_LOG] is the next */
	struct dispatch_change log[DISPATCH_LOG];
};

/* As an interface has them that says nothing else. */
void dispatch_defaults(struct dispatch_settings *s);

/*
 * The controller's step, now and then: `packets` went by in the direction so
 * far, in all. Cheap until a window ends. A window ends when omega has passed,
 * also when nothing went by in it, and is as long as it was then; if the clock
 * went back it starts again. True when the mode that holds (d->now) is another
 * one now. The core that the direction belongs to.
 */
bool dispatch_step(struct dispatch *d, enum dispatch_dir dir, const struct dispatch_settings *s,
		   u64 packets, u64 now_ns);

/*
 * The transitions that are remembered, oldest first, less than DISPATCH_LOG; how
 * many. Any core: those that changed while they were read are left out.
 */
u32 dispatch_log_read(const struct dispatch *d, struct dispatch_change out[DISPATCH_LOG]);

const char *dispatch_mode_name(u32 mode);

/* --- an idle dispatcher ------------------------------------------------------ */

/* In the order of the words in the language. */
enum dispatch_yield {
	DISPATCH_YIELD_IMMEDIATE, /* come straight back */
	DISPATCH_YIELD_TIMED,	  /* sleep for t_sleep */
	DISPATCH_YIELD_ADAPTIVE,  /* the first until t_nowork has passed, then the other */
};

struct dispatch_yielding {
	u32 strategy; /* enum dispatch_yield */
	u32 t_sleep_us, t_nowork_us;
};

extern const struct dispatch_yielding dispatch_yield_default;

/* All zero: has just worked. */
struct dispatch_idle {
	bool idle;
	u64 since_ns;
};

/*
 * After a turn that found work, or none: how long to sleep, in ns; 0 is to come
 * straight back.
 */
u64 dispatch_idle_ns(struct dispatch_idle *i, const struct dispatch_yielding *y, bool worked,
		     u64 now_ns);

const char *dispatch_yield_name(u32 strategy);

#endif
