/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: where the cycles of a frame's way go. Each core has a lap clock: time
 * since its last stamp belongs to the stage that was entered then, so that every cycle
 * is in exactly one stage, whatever calls what. Stamps stand at the borders of bursts;
 * while the ledger is off each is one predicted branch.
 *
 * What is counted (exits, copies, frames, interrupts) is counted always, elsewhere; only
 * what the exits were for is counted here. Core: the calling one, which alone writes
 * its clock, outside of interrupt handlers. Others may read it and see figures that are a
 * moment apart.
 */
#ifndef VNET_LEDGER_H
#define VNET_LEDGER_H

#include "hv/base/err.h"
#include "hv/base/plat.h"
#include "hv/base/types.h"

enum ledger_stage {
	/* what is no frame's */
	LEDGER_OTHER,
	LEDGER_GUEST,  /* the core runs a guest */
	LEDGER_HALTED, /* it has nothing to do */
	/* out: from a guest */
	LEDGER_TX_EXIT, /* the way from a guest or halt, until it is known what for; and back */
	LEDGER_TX_KICK,	   /* from the guest's notification until its queue is looked at */
	LEDGER_TX_DEQUEUE, /* the guest's ring, into packets */
	LEDGER_TX_ROUTE,
	LEDGER_TX_ENCAP,      /* cutting in software, the link's, UDP's and IP's headers */
	LEDGER_TX_DOORBELL,   /* NIC descriptors */
	LEDGER_TX_COMPLETION, /* what was sent goes back to the guest */
	/* in: to a guest */
	LEDGER_RX_EXIT,
	LEDGER_RX_INTERRUPT, /* the NIC's turn, aside from what follows */
	LEDGER_RX_RECEIVE,   /* NIC descriptors, and new buffers for them */
	LEDGER_RX_DECAP,
	LEDGER_RX_ROUTE,
	LEDGER_RX_COPY,	  /* joining pieces, the guest's ring, the copy */
	LEDGER_RX_INJECT, /* the interrupt's decision and message */
	LEDGER_STAGES,
	LEDGER_NOT = LEDGER_STAGES, /* ledger_enter() while it is off */
};

#define LEDGER_TX_FIRST LEDGER_TX_EXIT
#define LEDGER_RX_FIRST LEDGER_RX_EXIT

/* Bucket i counts laps of [2^i, 2^(i+1)) cycles; the last one the longer ones, too. */
#define LEDGER_BUCKETS 32

/* Laps are uninterrupted stretches: a stage that calls another one has two. */
struct ledger_cell {
	u64 cycles;
	u64 laps;
	u64 histogram[LEDGER_BUCKETS];
};

struct ledger_core {
	u64 run;    /* which switching-on these figures are of; 0: none */
	u64 at;	    /* the last stamp */
	u32 stage;  /* whose the time since is */
	u32 ground; /* ... and at the end of what the core was brought here for */
	/* Turns, from leaving a guest or a halt to the next, measured by stamps of their own. */
	u64 turn_at; /* 0: none is open */
	u64 turn_cycles, turns;
	struct ledger_cell cell[LEDGER_STAGES];
} ALIGNED(CACHE_LINE);

/* What exits from guests were for; counted always. */
struct ledger_exits {
	u64 tx, rx;
	u32 from; /* LEDGER_GUEST or LEDGER_HALTED, which the core left, and it is not known yet
		   * what for; else LEDGER_OTHER */
} ALIGNED(CACHE_LINE);

struct ledger;
/* NULL: off, and that is all that the packet path asks. */
extern struct ledger *ledger_now;
extern struct ledger_exits ledger_exits[PLAT_MAX_CORES];

static inline bool ledger_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&ledger_now, __ATOMIC_RELAXED) != NULL, 0);
}

/* --- the packet path ------------------------------------------------------------------ */

/* The rest of what stands below, out of line; each looks once more whether it is on. */
u32 ledger_stamp(u32 stage);
void ledger_label(u32 stage);
void ledger_ground(u32 stage);
void ledger_to_ground(void);
void ledger_turn_end(u32 stage);
void ledger_turn_begin(void);

/* From here on time is the stage's. Returns whose it was, for ledger_leave(). */
static inline u32 ledger_enter(enum ledger_stage stage)
{
	return ledger_is_on() ? ledger_stamp(stage) : (u32)LEDGER_NOT;
}

static inline void ledger_leave(u32 before)
{
	if (__builtin_expect(before != LEDGER_NOT, 0))
		ledger_stamp(before);
}

/* The same where there turned out to be nothing to do: the time goes to the stage before. */
static inline void ledger_void(u32 before)
{
	if (__builtin_expect(before != LEDGER_NOT, 0))
		ledger_label(before);
}

/* What the core was brought here for, LEDGER_TX_EXIT or LEDGER_RX_EXIT: what first says so
 * gets the exit, and the time since. An exit for an interrupt that another core gave the
 * guest is nobody's: what it is for, only the guest knows. */
static inline void ledger_claim(unsigned core, enum ledger_stage stage)
{
	struct ledger_exits *x = &ledger_exits[core];

	if (x->from == LEDGER_OTHER)
		return;
	x->tx += x->from == LEDGER_GUEST && stage == LEDGER_TX_EXIT;
	x->rx += x->from == LEDGER_GUEST && stage == LEDGER_RX_EXIT;
	x->from = LEDGER_OTHER;
	if (ledger_is_on())
		ledger_ground(stage);
}

/* That is done: time is that of the way back. */
static inline void ledger_rest(void)
{
	if (ledger_is_on())
		ledger_to_ground();
}

/* The core is about to run a guest (LEDGER_GUEST) or to halt (LEDGER_HALTED) ... */
static inline void ledger_away(enum ledger_stage stage)
{
	ledger_exits[plat_core()].from = stage;
	if (ledger_is_on())
		ledger_turn_end(stage);
}

/* ... and is back. */
static inline void ledger_back(void)
{
	if (ledger_is_on())
		ledger_turn_begin();
}

/* --- control: the boot core ------------------------------------------------------------ */

/* Time from now on, from zero. ERR_NOMEM. */
err_t ledger_start(void);
/* Time no more; what was found stays. */
void ledger_stop(void);
void ledger_fini(void);

struct ledger_sum {
	u64 turn_cycles, turns;
	struct ledger_cell cell[LEDGER_STAGES];
};

/* Add what a core found since the last ledger_start(); nothing before the first one. */
void ledger_add(unsigned core, struct ledger_sum *sum);
/* Cycles that a stamp takes, as measured by the last ledger_start(). */
u64 ledger_stamp_cycles(void);
/* "dequeue"; both directions have a stage "route". */
const char *ledger_stage_name(enum ledger_stage stage);

#endif
