/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lap clocks (vnet/ledger.c) against a plain list of who had each cycle, the stages of
 * bursts through the core, and what is shown of it all (ctl/ledger.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/ledger.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/xcore.h"

#define POOL 256
#define STEPS 20000u
#define CORES 2u

static struct fake_port guest, peer, far;
static struct pkt_pool pool;
static char shown[32768];
static size_t shown_len;

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	host_core = 0;
	host_cycles_step = 0;
	assert_int_equal(vnet_init(CORES, 7, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	pool.foreign_put = xcore_put;
	fake_port_add(&guest, "g", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&peer, "x", VNET_PORT_EDGE, 0, 0);
	fake_port_add(&far, "f", VNET_PORT_INTERFACE, 2, 1);
	fake_route(9, &peer, NULL);
	fake_route(1, &guest, &peer.port);
	fake_route(2, &far, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_core = 1;
	xcore_drain(1);
	fake_port_clear(&far);
	host_core = 0;
	xcore_drain(0);
	fake_port_clear(&guest);
	fake_port_clear(&peer);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_null(ledger_now);
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static struct ledger_sum sum_of(unsigned core)
{
	struct ledger_sum sum = { 0 };

	ledger_add(core, &sum);
	return sum;
}

static u64 cycles(enum ledger_stage stage)
{
	return sum_of(0).cell[stage].cycles;
}

/* --- the clock ------------------------------------------------------------------------ */

/* Who had which cycles, and in what pieces, kept the plain way. */
static struct twin {
	u64 cycles[LEDGER_STAGES], laps[LEDGER_STAGES];
	u64 histogram[LEDGER_STAGES][LEDGER_BUCKETS];
	u64 since, turn, turn_since;
	u32 stage, ground;
	bool away;
	u64 tx, rx;
} twin;

static void twin_lap(u32 to)
{
	u64 n = host_cycles - twin.since;
	u32 bucket = 0;

	while (n >> (bucket + 1) && bucket + 1 < LEDGER_BUCKETS)
		bucket++;
	twin.cycles[twin.stage] += n;
	twin.laps[twin.stage]++;
	twin.histogram[twin.stage][bucket]++;
	twin.since = host_cycles;
	twin.stage = to;
}

static void pass(void)
{
	host_cycles += (u64)rand() >> (rand() % 31);
}

/* Sections within sections, as the packet path has them. */
static void section(u32 depth)
{
	u32 stage = LEDGER_TX_FIRST + (u32)rand() % (LEDGER_STAGES - LEDGER_TX_FIRST);
	u32 outer = twin.stage, before = ledger_enter((enum ledger_stage)stage);
	bool nothing = !(rand() % 8);

	assert_int_equal(before, outer);
	twin_lap(stage);
	pass();
	for (u32 n = (u32)rand() % 3; !nothing && depth && n; n--) {
		section(depth - 1);
		pass();
	}
	if (nothing) {
		ledger_void(before);
		twin.stage = outer;
	} else {
		ledger_leave(before);
		twin_lap(outer);
	}
}

static void claim(enum ledger_stage stage, bool was_guest, bool *open)
{
	ledger_claim(0, stage);
	if (!*open)
		return;
	*open = false;
	twin.tx += was_guest && stage == LEDGER_TX_EXIT;
	twin.rx += was_guest && stage == LEDGER_RX_EXIT;
	if (twin.stage == twin.ground)
		twin.stage = stage;
	twin.ground = stage;
}

/* From leaving a guest, or a halt, to the next. */
static void turn(void)
{
	bool guest_runs = rand() % 2, open = true;
	enum ledger_stage stage = guest_runs ? LEDGER_GUEST : LEDGER_HALTED;

	ledger_away(stage);
	twin.turn += host_cycles - twin.turn_since;
	twin_lap(stage);
	pass();
	ledger_back();
	twin_lap(LEDGER_OTHER);
	twin.ground = LEDGER_OTHER;
	twin.turn_since = host_cycles;
	pass();
	for (u32 n = (u32)rand() % 4; n; n--) {
		if (rand() % 2)
			claim(rand() % 2 ? LEDGER_TX_EXIT : LEDGER_RX_EXIT, guest_runs, &open);
		section(3);
		pass();
		if (rand() % 2) {
			ledger_rest();
			twin_lap(twin.ground);
		}
	}
}

static void every_cycle_is_in_one_stage(void **state)
{
	u64 begin, all = 0;
	struct ledger_sum sum;

	(void)state;
	srand(11);
	memset(&twin, 0, sizeof(twin));
	assert_int_equal(ledger_start(), ERR_OK);
	begin = host_cycles = 1000;
	twin.since = twin.turn_since = begin;
	assert_int_equal(ledger_enter(LEDGER_OTHER), LEDGER_OTHER);
	twin.laps[LEDGER_OTHER] = twin.histogram[LEDGER_OTHER][0] = 1;
	for (u32 i = 0; i < STEPS; i++)
		turn();
	ledger_away(LEDGER_GUEST);
	twin.turn += host_cycles - twin.turn_since;
	twin_lap(LEDGER_GUEST);

	sum = sum_of(0);
	for (u32 i = 0; i < LEDGER_STAGES; i++) {
		assert_int_equal(sum.cell[i].cycles, twin.cycles[i]);
		assert_int_equal(sum.cell[i].laps, twin.laps[i]);
		assert_memory_equal(sum.cell[i].histogram, twin.histogram[i],
				    sizeof(twin.histogram[i]));
		all += sum.cell[i].cycles;
	}
	assert_int_equal(all, host_cycles - begin);
	/* Turns, whose begin and end have stamps of their own: all but guests and halts. */
	assert_int_equal(sum.turn_cycles, twin.turn);
	assert_int_equal(sum.turns, STEPS + 1);
	assert_int_equal(all - sum.cell[LEDGER_GUEST].cycles - sum.cell[LEDGER_HALTED].cycles,
			 sum.turn_cycles);
	assert_int_equal(ledger_exits[0].tx, twin.tx);
	assert_int_equal(ledger_exits[0].rx, twin.rx);
	assert_int_equal(sum_of(1).turns, 0);
}

static void exits_are_counted_while_it_is_off(void **state)
{
	(void)state;
	for (u32 i = 0; i < 10; i++) {
		ledger_away(i < 7 ? LEDGER_GUEST : LEDGER_HALTED);
		ledger_back();
		if (i < 4)
			ledger_claim(0, LEDGER_RX_EXIT);
		ledger_claim(0, LEDGER_TX_EXIT);
	}
	assert_int_equal(ledger_exits[0].rx, 4);
	assert_int_equal(ledger_exits[0].tx, 3);
	assert_int_equal(ledger_enter(LEDGER_TX_ROUTE), LEDGER_NOT);
	assert_int_equal(sum_of(0).cell[LEDGER_TX_ROUTE].laps, 0);
}

static void switched_amid_sections(void **state)
{
	u32 off, outer, inner;

	(void)state;
	off = ledger_enter(LEDGER_TX_DEQUEUE);
	assert_int_equal(ledger_start(), ERR_OK);
	outer = ledger_enter(LEDGER_TX_ROUTE);
	host_cycles += 10;
	ledger_leave(off); /* was entered while it was off */
	assert_int_equal(cycles(LEDGER_TX_ROUTE), 0);
	inner = ledger_enter(LEDGER_TX_ENCAP);
	assert_int_equal(cycles(LEDGER_TX_ROUTE), 10);
	/* Again from zero, in the middle of it. */
	assert_int_equal(ledger_start(), ERR_OK);
	assert_int_equal(cycles(LEDGER_TX_ROUTE), 0);
	host_cycles += 5;
	ledger_leave(inner);
	host_cycles += 3;
	ledger_stop();
	ledger_leave(outer);
	assert_int_equal(ledger_enter(LEDGER_RX_COPY), LEDGER_NOT);
	/* What was found stays, and nothing came to it. */
	assert_int_equal(cycles(LEDGER_TX_ROUTE), 0);
	assert_int_equal(cycles(LEDGER_TX_ENCAP), 0);
	assert_int_equal(sum_of(0).cell[LEDGER_OTHER].laps, 1);
}

static void a_counter_that_goes_back_costs_nothing(void **state)
{
	(void)state;
	host_cycles = 5000;
	assert_int_equal(ledger_start(), ERR_OK);
	ledger_enter(LEDGER_TX_ROUTE);
	host_cycles = 4000;
	ledger_enter(LEDGER_TX_ENCAP);
	host_cycles = 4100;
	ledger_enter(LEDGER_OTHER);
	assert_int_equal(cycles(LEDGER_TX_ROUTE), 0);
	assert_int_equal(cycles(LEDGER_TX_ENCAP), 100);
}

static void its_own_cost_is_measured(void **state)
{
	(void)state;
	host_cycles_step = 17;
	assert_int_equal(ledger_start(), ERR_OK);
	assert_int_equal(ledger_stamp_cycles(), 17);
	host_alloc_fail = true; /* the memory is there already */
	assert_int_equal(ledger_start(), ERR_OK);
	host_alloc_fail = false;
}

static void without_memory(void **state)
{
	(void)state;
	host_alloc_fail = true;
	assert_int_equal(ledger_start(), ERR_NOMEM);
	host_alloc_fail = false;
	assert_false(ledger_is_on());
}

/* --- bursts ------------------------------------------------------------------------------ */

static void send(struct fake_port *from, u8 dst, u8 src, u32 n)
{
	for (u32 i = 0; i < n; i++)
		from->to_send[from->nsend++] = fake_frame(&pool, dst, src, 100);
	vnet_poll(&from->port, n);
}

static u64 laps(unsigned core, enum ledger_stage stage)
{
	return sum_of(core).cell[stage].laps;
}

static void a_burst_goes_through_its_stages(void **state)
{
	struct pkt *p;

	(void)state;
	host_cycles_step = 1; /* each stamp is a cycle after the last: laps are cycles */
	assert_int_equal(ledger_start(), ERR_OK);
	/* Out: the ring, the routes, the link, and back through them. */
	send(&guest, 9, 1, 5);
	assert_int_equal(peer.n, 5);
	assert_int_equal(laps(0, LEDGER_TX_DEQUEUE), 2);
	assert_int_equal(laps(0, LEDGER_TX_ROUTE), 3);
	assert_int_equal(laps(0, LEDGER_TX_ENCAP), 1);
	assert_int_equal(laps(0, LEDGER_TX_DOORBELL), 1);
	/* Nothing to send is nobody's frame. */
	vnet_poll(&guest.port, 5);
	assert_int_equal(laps(0, LEDGER_TX_DEQUEUE), 2);
	/* In. */
	p = fake_frame(&pool, 1, 9, 100);
	vnet_input(&peer.port, &p, 1);
	assert_int_equal(guest.n, 1);
	assert_int_equal(laps(0, LEDGER_RX_ROUTE), 3);
	assert_int_equal(laps(0, LEDGER_RX_COPY), 1);
	assert_int_equal(laps(0, LEDGER_RX_INJECT), 1);
	/* To a guest of another core, which has the copy and the exit. */
	ledger_exits[1].from = LEDGER_GUEST;
	send(&guest, 2, 1, 3);
	assert_int_equal(laps(0, LEDGER_RX_COPY), 1);
	host_core = 1;
	xcore_drain(1);
	assert_int_equal(far.n, 3);
	assert_int_equal(laps(1, LEDGER_RX_COPY), 1);
	assert_int_equal(laps(1, LEDGER_RX_INJECT), 1);
	assert_int_equal(ledger_exits[1].rx, 1);
	/* Buffers that come home are the NIC's, or a guest's that were sent. */
	fake_port_clear(&far);
	host_core = 0;
	xcore_drain(0);
	assert_int_equal(laps(0, LEDGER_RX_RECEIVE), 1);
}

/* --- what is shown ----------------------------------------------------------------------- */

err_t ctl_execute(struct ctl *c)
{
	return ctl_handler(c->stmt->cmd->id)(c);
}

const ctl_fn ctl_own_handlers[LANG_ID_COUNT];

const char *ctl_port_device(struct vnet_port *port)
{
	(void)port;
	return NULL;
}

void ctl_config_of(enum lang_id made_by, const char *name, const struct out *out)
{
	(void)made_by;
	(void)name;
	(void)out;
}

static u64 kicks;

void ctl_ledger_counts(struct ledger_counts *n)
{
	n->exits = 50;
	n->stage[LEDGER_TX_KICK].count = kicks;
}

static void to_buffer(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	assert_true(shown_len + len < sizeof(shown));
	memcpy(shown + shown_len, text, len);
	shown_len += len;
	shown[shown_len] = '\0';
}

static const char *run(const char *line)
{
	static const struct lang_source src = { .file = "console", .terminal = true };
	static const struct out out = { .write = to_buffer };
	static char message[LANG_MESSAGE_MAX];

	shown_len = 0;
	shown[0] = '\0';
	if (ctl_line(&src, line, strlen(line), &out, message))
		fail_msg("%s", message);
	return shown;
}

static void is_shown(const char *what)
{
	if (!strstr(shown, what))
		fail_msg("\"%s\" is not in: %s", what, shown);
}

static void tables_and_json(void **state)
{
	(void)state;
	send(&guest, 9, 1, 2);
	run("show ledger");
	is_shown("ledger: never on");
	is_shown("tx: 2 packets in 2 frames from guests\n");
	is_shown("exits from guests 50: tx 0, rx 0, for other reasons 50\n");

	kicks = 7;
	host_cycles_step = 1;
	run("ledger on");
	kicks = 9;
	send(&guest, 9, 1, 4);
	ledger_away(LEDGER_GUEST);
	run("show ledger");
	is_shown("ledger: on");
	is_shown("tx: 4 packets in 4 frames from guests\n");
	is_shown("kick         2           kicks ");
	is_shown("encapsulate  4           packets    0.250");
	is_shown("turns 1 of ");
	is_shown("a stamp takes 1 cycles, ");
	run("show ledger histogram");
	is_shown("tx encapsulate: 1 laps\n  from           0 cycles            1  ####");

	run("ledger off");
	kicks = 100;
	send(&guest, 9, 1, 4);
	run("show ledger json");
	is_shown("{\"on\":false,");
	is_shown("\"tx\":{\"packets\":4,\"frames\":4,\"stages\":[{\"name\":\"exit\",\"count\":0,");
	is_shown("{\"name\":\"kick\",\"count\":2,\"unit\":\"kicks\",");
	is_shown("{\"name\":\"encapsulate\",\"count\":4,\"unit\":\"packets\",\"cycles\":1,");
	is_shown("\"stamp_cycles\":1,");
	/* On again is from zero. */
	run("ledger on");
	run("show ledger json");
	is_shown("{\"on\":true,");
	is_shown("\"tx\":{\"packets\":0,");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_cycle_is_in_one_stage),
		CASE(exits_are_counted_while_it_is_off),
		CASE(switched_amid_sections),
		CASE(a_counter_that_goes_back_costs_nothing),
		CASE(its_own_cost_is_measured),
		CASE(without_memory),
		CASE(a_burst_goes_through_its_stages),
		CASE(tables_and_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
