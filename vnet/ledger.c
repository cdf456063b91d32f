/* SPDX-License-Identifier: BSD-2-Clause */
/* Lap clocks, see ledger.h. What was found stays in memory until the end: cores that are
 * in the middle of a stamp when the ledger is switched off write to what is still theirs. */
#include "vnet/ledger.h"

#include "hv/base/str.h"
#include "vnet/xcore.h"

#define CALIBRATE_LAPS 256u
#define CALIBRATE_ROUNDS 8u

struct ledger {
	u64 run;
	u64 stamp_cycles;
	u32 cores;
	struct ledger_core core[]; /* and one more, to measure with */
};

struct ledger *ledger_now;
struct ledger_exits ledger_exits[PLAT_MAX_CORES];
static struct ledger *kept; /* what ledger_now was last */

STATIC_ASSERT(LEDGER_RX_FIRST == LEDGER_TX_COMPLETION + 1, "directions are in two pieces");
STATIC_ASSERT((LEDGER_BUCKETS & (LEDGER_BUCKETS - 1)) == 0, "used as a bound");

/* --- the clock ---------------------------------------------------------------------- */

static u32 bucket_of(u64 cycles)
{
	return cycles ? MIN(63 - (u32)__builtin_clzll(cycles), LEDGER_BUCKETS - 1u) : 0;
}

/* Time until now is what it was; from here on it is the stage's. */
static void lap(struct ledger_core *c, u32 stage, u64 now)
{
	struct ledger_cell *cell = &c->cell[c->stage];
	/* A thread that moves may find another processor's counter a little behind. */
	u64 cycles = now > c->at ? now - c->at : 0;

	cell->cycles += cycles;
	cell->laps++;
	cell->histogram[bucket_of(cycles)]++;
	c->at = now;
	c->stage = stage;
}

/* This core's, begun anew when it is of an earlier run; NULL: the ledger is off. */
static struct ledger_core *mine(void)
{
	struct ledger *l = __atomic_load_n(&ledger_now, __ATOMIC_ACQUIRE);
	u64 run = l ? __atomic_load_n(&l->run, __ATOMIC_ACQUIRE) : 0;
	struct ledger_core *c = l ? &l->core[plat_core()] : NULL;

	if (!c || c->run == run)
		return c;
	/* Who reads meanwhile sees figures of neither run. */
	__atomic_store_n(&c->run, 0, __ATOMIC_RELAXED);
	memset(c, 0, sizeof(*c));
	c->at = plat_cycles();
	c->turn_at = c->at;
	__atomic_store_n(&c->run, run, __ATOMIC_RELEASE);
	return c;
}

u32 ledger_stamp(u32 stage)
{
	struct ledger_core *c = mine();
	u32 before;

	if (!c)
		return LEDGER_NOT;
	before = c->stage;
	lap(c, stage, plat_cycles());
	return before;
}

void ledger_label(u32 stage)
{
	struct ledger_core *c = mine();

	if (c)
		c->stage = stage;
}

void ledger_ground(u32 stage)
{
	struct ledger_core *c = mine();

	if (!c)
		return;
	if (c->stage == c->ground)
		c->stage = stage;
	c->ground = stage;
}

void ledger_to_ground(void)
{
	struct ledger_core *c = mine();

	if (c)
		lap(c, c->ground, plat_cycles());
}

void ledger_turn_end(u32 stage)
{
	struct ledger_core *c = mine();
	u64 end = plat_cycles();

	if (!c)
		return;
	lap(c, stage, plat_cycles());
	if (c->turn_at) {
		c->turn_cycles += end > c->turn_at ? end - c->turn_at : 0;
		c->turns++;
	}
	c->turn_at = 0;
}

void ledger_turn_begin(void)
{
	struct ledger_core *c = mine();
	u64 now = plat_cycles();

	if (!c)
		return;
	c->turn_at = plat_cycles();
	c->ground = LEDGER_OTHER;
	lap(c, LEDGER_OTHER, now);
}

/* --- control ------------------------------------------------------------------------- */

static size_t ledger_bytes(u32 cores)
{
	return sizeof(struct ledger) + (cores + 1) * sizeof(struct ledger_core);
}

/* The least of some rounds: what disturbs one makes it longer. */
static u64 calibrate(struct ledger_core *spare)
{
	u64 least = UINT64_MAX;

	for (u32 round = 0; round < CALIBRATE_ROUNDS; round++) {
		u64 begin = plat_cycles();

		for (u32 i = 0; i < CALIBRATE_LAPS; i++)
			lap(spare, i & 1 ? LEDGER_TX_ROUTE : LEDGER_RX_ROUTE, plat_cycles());
		least = MIN(least, plat_cycles() - begin);
	}
	return least / CALIBRATE_LAPS;
}

err_t ledger_start(void)
{
	u32 cores = xcore_count();
	struct ledger *l = kept;

	if (!l) {
		l = plat_alloc(ledger_bytes(cores));
		if (!l)
			return ERR_NOMEM;
		l->cores = cores;
		kept = l;
	}
	l->stamp_cycles = calibrate(&l->core[cores]);
	__atomic_store_n(&l->run, l->run + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ledger_now, l, __ATOMIC_RELEASE);
	return ERR_OK;
}

void ledger_stop(void)
{
	__atomic_store_n(&ledger_now, NULL, __ATOMIC_RELEASE);
}

void ledger_fini(void)
{
	ledger_stop();
	if (kept)
		plat_free(kept, ledger_bytes(kept->cores));
	kept = NULL;
	memset(ledger_exits, 0, sizeof(ledger_exits));
}

static void add_cell(struct ledger_cell *sum, const struct ledger_cell *cell)
{
	sum->cycles += cell->cycles;
	sum->laps += cell->laps;
	for (u32 i = 0; i < LEDGER_BUCKETS; i++)
		sum->histogram[i] += cell->histogram[i];
}

void ledger_add(unsigned core, struct ledger_sum *sum)
{
	const struct ledger_core *c = kept && core < kept->cores ? &kept->core[core] : NULL;
	u64 turn_at, at;

	if (!c || __atomic_load_n(&c->run, __ATOMIC_ACQUIRE) != kept->run)
		return;
	for (u32 i = 0; i < LEDGER_STAGES; i++)
		add_cell(&sum->cell[i], &c->cell[i]);
	/* Of a turn that goes on, as much as is in some stage already. */
	turn_at = __atomic_load_n(&c->turn_at, __ATOMIC_RELAXED);
	at = __atomic_load_n(&c->at, __ATOMIC_RELAXED);
	sum->turn_cycles += c->turn_cycles + (turn_at && at > turn_at ? at - turn_at : 0);
	sum->turns += c->turns;
}

u64 ledger_stamp_cycles(void)
{
	return kept ? kept->stamp_cycles : 0;
}

const char *ledger_stage_name(enum ledger_stage stage)
{
	static const char *const names[LEDGER_STAGES] = {
		[LEDGER_OTHER] = "other",
		[LEDGER_GUEST] = "guest",
		[LEDGER_HALTED] = "halted",
		[LEDGER_TX_EXIT] = "exit",
		[LEDGER_TX_KICK] = "kick",
		[LEDGER_TX_DEQUEUE] = "dequeue",
		[LEDGER_TX_ROUTE] = "route",
		[LEDGER_TX_ENCAP] = "encapsulate",
		[LEDGER_TX_DOORBELL] = "doorbell",
		[LEDGER_TX_COMPLETION] = "completion",
		[LEDGER_RX_EXIT] = "exit",
		[LEDGER_RX_INTERRUPT] = "interrupt",
		[LEDGER_RX_RECEIVE] = "receive",
		[LEDGER_RX_DECAP] = "decapsulate",
		[LEDGER_RX_ROUTE] = "route",
		[LEDGER_RX_COPY] = "copy",
		[LEDGER_RX_INJECT] = "inject",
	};

	return names[stage];
}
