/* SPDX-License-Identifier: BSD-2-Clause */
/* Quiescence: nothing is freed while a core may hold it, everything after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "vnet/epoch.h"

#define BYTES 64

static int settle(void **state)
{
	(void)state;
	host_core = 0;
	for (unsigned c = 0; c < PLAT_MAX_CORES; c++)
		vnet_core_quiet_enter(c);
	assert_int_equal(epoch_reclaim(), 0);
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void retire_one(void)
{
	assert_true(epoch_room(1));
	epoch_retire(plat_alloc(BYTES), BYTES);
}

static void all_quiet_frees_at_once(void **state)
{
	(void)state;
	retire_one();
	assert_int_equal(host_alloc_live, BYTES);
	assert_int_equal(epoch_reclaim(), 0);
	assert_int_equal(host_alloc_live, 0);
	epoch_retire(NULL, BYTES);
	assert_int_equal(epoch_reclaim(), 0);
}

static void a_reader_holds_what_was_there(void **state)
{
	(void)state;
	vnet_core_quiet_leave(1);
	retire_one();
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(epoch_reclaim(), 1);
	vnet_core_quiet_enter(1);
	assert_int_equal(epoch_reclaim(), 0);
	assert_int_equal(host_alloc_live, 0);
}

static void a_later_reader_does_not(void **state)
{
	(void)state;
	vnet_core_quiet_leave(1);
	retire_one();
	epoch_reclaim();
	vnet_core_quiet_enter(1);
	vnet_core_quiet_leave(1);
	/* Core 2 left after the mark and never comes back. */
	vnet_core_quiet_leave(2);
	assert_int_equal(epoch_reclaim(), 0);
	assert_int_equal(host_alloc_live, 0);
}

static void the_calling_core_counts_as_quiet(void **state)
{
	(void)state;
	vnet_core_quiet_leave(0);
	retire_one();
	assert_int_equal(epoch_reclaim(), 0);
}

static void read_sections_nest(void **state)
{
	bool outer = epoch_read_begin(1), inner = epoch_read_begin(1);

	(void)state;
	assert_true(outer);
	assert_false(inner);
	epoch_read_end(1, inner);
	retire_one();
	assert_int_equal(epoch_reclaim(), 1);
	epoch_read_end(1, outer);
	assert_int_equal(epoch_reclaim(), 0);
}

static void room_is_bounded(void **state)
{
	u32 n = 0;

	(void)state;
	vnet_core_quiet_leave(1);
	while (epoch_room(1)) {
		epoch_retire(plat_alloc(BYTES), BYTES);
		n++;
	}
	assert_in_range(n, EPOCH_MAX_RETIRED, 2 * EPOCH_MAX_RETIRED);
	vnet_core_quiet_enter(1);
	assert_true(epoch_room(EPOCH_MAX_RETIRED));
	assert_int_equal(host_alloc_live, 0);
}

/*
 * Random turns of three readers against a naive twin that writes down, for
 * each piece, which readers were reading when it was retired.
 */
static void random_turns_equal_the_twin(void **state)
{
	static struct {
		u32 holders; /* bit per core */
		bool live;
	} piece[64];
	u32 reading = 0, live = 0;

	(void)state;
	srand(1);
	for (u32 step = 0; step < 200000; step++) {
		unsigned c = 1 + (unsigned)rand() % 3;

		if (rand() % 4) {
			if (reading & BIT(c)) {
				vnet_core_quiet_enter(c);
				for (u32 i = 0; i < ARRAY_SIZE(piece); i++)
					piece[i].holders &= ~BIT(c);
			} else {
				vnet_core_quiet_leave(c);
			}
			reading ^= BIT(c);
		} else if (live < ARRAY_SIZE(piece)) {
			u32 i = 0;

			while (piece[i].live)
				i++;
			retire_one();
			piece[i].live = true;
			piece[i].holders = reading;
		}
		epoch_reclaim();
		live = 0;
		u32 held = 0;
		for (u32 i = 0; i < ARRAY_SIZE(piece); i++)
			held += piece[i].live && piece[i].holders;
		/* Never freed too early ... */
		assert_true(host_alloc_live >= held * BYTES);
		if (host_alloc_live == 0) {
			for (u32 i = 0; i < ARRAY_SIZE(piece); i++)
				piece[i].live = false;
		}
		for (u32 i = 0; i < ARRAY_SIZE(piece); i++)
			live += piece[i].live;
	}
	/* ... and in the end all of it. */
	for (unsigned c = 1; c <= 3; c++)
		vnet_core_quiet_enter(c);
	assert_int_equal(epoch_reclaim(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_quiet_frees_at_once, settle),
		cmocka_unit_test_setup(a_reader_holds_what_was_there, settle),
		cmocka_unit_test_setup(a_later_reader_does_not, settle),
		cmocka_unit_test_setup(the_calling_core_counts_as_quiet, settle),
		cmocka_unit_test_setup(read_sections_nest, settle),
		cmocka_unit_test_setup(room_is_bounded, settle),
		cmocka_unit_test_setup(random_turns_equal_the_twin, settle),
	};

	return cmocka_run_group_tests(tests, NULL, settle);
}
