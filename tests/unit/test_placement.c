/* SPDX-License-Identifier: BSD-2-Clause */
/* Where guests and dispatchers go: beside each other, and off the boot core while they can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/placement.h"

static struct placement node(u32 cores)
{
	return (struct placement){ .cores = cores };
}

/* Places a guest, which stays; its cores as "1,2". */
static const char *guest(struct placement *p, u32 cpus)
{
	static char text[64];
	u32 core[PLAT_MAX_CORES];
	size_t len = 0;

	placement_guest(p, cpus, core);
	for (u32 i = 0; i < cpus; i++) {
		p->vcpus[core[i]]++;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? "," : "",
					core[i]);
	}
	return text;
}

static void guests_take_the_boot_core_last(void **state)
{
	struct placement p = node(3);

	(void)state;
	assert_string_equal(guest(&p, 1), "1");
	assert_string_equal(guest(&p, 1), "2");
	assert_string_equal(guest(&p, 1), "0");
	/* Now all are alike again. */
	assert_string_equal(guest(&p, 1), "1");
	assert_string_equal(guest(&p, 2), "0,2");
}

static void one_of_several_vcpus_may_have_to(void **state)
{
	struct placement p = node(4);

	(void)state;
	assert_string_equal(guest(&p, 2), "1,2");
	assert_string_equal(guest(&p, 2), "0,3");
	p = node(2);
	assert_string_equal(guest(&p, 2), "0,1");
	p = node(1);
	assert_string_equal(guest(&p, 1), "0");
	assert_string_equal(guest(&p, 1), "0");
}

static void never_on_a_dispatchers_core(void **state)
{
	struct placement p = node(4);

	(void)state;
	p.dispatcher[0] = p.dispatcher[2] = true;
	for (u32 i = 0; i < 10; i++)
		assert_string_equal(guest(&p, 2), "1,3");
}

static void a_dispatcher_takes_the_boot_core_first(void **state)
{
	struct placement p = node(4);

	(void)state;
	assert_int_equal(placement_dispatcher(&p), 0);
	p.dispatcher[0] = true;
	assert_int_equal(placement_dispatcher(&p), 1);
	p.vcpus[1] = 1;
	p.vcpus[2] = 3;
	assert_int_equal(placement_dispatcher(&p), 3);
	p.vcpus[3] = 1;
	assert_int_equal(placement_dispatcher(&p), 4);
	p.dispatcher[0] = false;
	assert_int_equal(placement_dispatcher(&p), 0);
	p.vcpus[0] = 1;
	assert_int_equal(placement_dispatcher(&p), 4);
}

/* Any node: no core twice, none of a dispatcher, and none left out that had fewer vCPUs. */
static void always_the_least_loaded(void **state)
{
	(void)state;
	srand(1);
	for (u32 round = 0; round < 20000; round++) {
		struct placement p = node(1 + (u32)rand() % PLAT_MAX_CORES);
		u32 core[PLAT_MAX_CORES], room = 0, cpus;
		bool taken[PLAT_MAX_CORES] = { false };

		for (u32 i = 0; i < p.cores; i++) {
			p.vcpus[i] = (u32)rand() % 3;
			p.dispatcher[i] = !p.vcpus[i] && rand() % 2;
			room += !p.dispatcher[i];
		}
		if (!room)
			continue;
		cpus = 1 + (u32)rand() % room;
		placement_guest(&p, cpus, core);
		for (u32 k = 0; k < cpus; k++) {
			assert_true(core[k] < p.cores && !p.dispatcher[core[k]]);
			assert_true(!k || core[k] > core[k - 1]);
			taken[core[k]] = true;
		}
		for (u32 k = 0; k < cpus; k++)
			for (u32 i = 0; i < p.cores; i++)
				if (!taken[i] && !p.dispatcher[i])
					assert_true(p.vcpus[i] > p.vcpus[core[k]] ||
						    (p.vcpus[i] == p.vcpus[core[k]] &&
						     (!i || (i > core[k] && core[k]))));
	}
}

/* Dispatchers first, then where the fewest are, never the boot core, never one twice. */
static void further_queues_of_an_uplink(void **state)
{
	struct placement p = { .cores = 4, .dispatcher = { [2] = true } };
	bool taken[PLAT_MAX_CORES] = { false };
	static const u32 want[] = { 2, 1, 3 }, second[] = { 2, 3 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(want); i++) {
		u32 core = placement_queue(&p, taken);

		assert_int_equal(core, want[i]);
		taken[core] = true;
	}
	/* Another uplink's. */
	memset(taken, 0, sizeof(taken));
	p.queues[1] = 1;
	for (u32 i = 0; i < ARRAY_SIZE(second); i++) {
		u32 core = placement_queue(&p, taken);

		assert_int_equal(core, second[i]);
		taken[core] = true;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_take_the_boot_core_last),
		cmocka_unit_test(one_of_several_vcpus_may_have_to),
		cmocka_unit_test(never_on_a_dispatchers_core),
		cmocka_unit_test(a_dispatcher_takes_the_boot_core_first),
		cmocka_unit_test(always_the_least_loaded),
		cmocka_unit_test(further_queues_of_an_uplink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
