/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Noise of a core: why its guests were left, and for how long. A quiet core is left
 * only for what its guest does itself.
 *
 * Pure. Each struct noise belongs to its core, which writes it; others may read it and
 * see figures that are a moment apart.
 */
#ifndef HV_NOISE_H
#define HV_NOISE_H

#include "hv/backend.h"
#include "hv/base/types.h"

enum noise_cause {
	NOISE_GUEST,	  /* the guest's own instruction, or what follows from it */
	NOISE_TIMER,	  /* the guest's own timer */
	NOISE_MESSAGE,	  /* an interrupt of its devices or vCPUs waits for it */
	NOISE_FRAMES,	  /* frames or buffers from another core */
	NOISE_SHARED,	  /* another vCPU's turn */
	NOISE_NODE,	  /* the node's own work: NIC, console, timers, requests */
	NOISE_WORKAROUND, /* a timer that exists for a fault of the processor */
	NOISE_UNKNOWN,	  /* an interrupt that left no trace: an NMI, an SMI, a late one */
	NOISE_CAUSE_COUNT,
};

/* Bucket i counts gaps of [2^i, 2^(i+1)) ns; the last one the longer ones, too. */
#define NOISE_BUCKETS 32

struct noise_gap {
	u64 ns;
	enum exit_kind kind;
	enum noise_cause cause;
};

struct noise {
	u64 exits[EXIT_KIND_COUNT];
	u64 causes[NOISE_CAUSE_COUNT];
	u64 gaps[NOISE_BUCKETS]; /* times out of the guest while it could have run */
	u64 gap_ns;		 /* all of them together */
	struct noise_gap longest;
	struct noise_gap open; /* its ns: when the guest was left; 0: it runs, or has halted */
	u64 since_ns;	      /* of these figures */
	bool quiet;	      /* it is asserted to be */
	u64 broken[NOISE_CAUSE_COUNT]; /* exits since then that break the assertion */
};

/* What stood waiting on the core after a physical interrupt had ended a stay. */
struct noise_signs {
	bool timer;   /* the guest's own deadline has passed */
	bool message; /* its local APIC was given something */
	bool frames;
	bool slice;   /* its turn is over */
	bool node;    /* any other event or timer of the core */
};

/* Why the guest was left. */
enum noise_cause noise_cause_of(enum exit_kind kind, const struct noise_signs *signs);

/* The guest was left at now_ns. False: this breaks an assertion of quiet. */
bool noise_left(struct noise *n, enum exit_kind kind, enum noise_cause cause, u64 now_ns);

/* The guest, or another one of the core, is entered at now_ns. */
void noise_entered(struct noise *n, u64 now_ns);

/* Start counting anew; the assertion stays. The core's own, or while it runs no guest:
 * else a count that moves meanwhile may survive. */
void noise_reset(struct noise *n, u64 now_ns);

/* Is that an exit that the guest did not bring about? */
bool noise_foreign(enum noise_cause cause);
u64 noise_foreign_exits(const struct noise *n);

const char *noise_cause_name(enum noise_cause cause);

#endif
