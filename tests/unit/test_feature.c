/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules for optional abilities of processors (hv/feature.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/backend.h"

enum { PLAIN, ALWAYS, UNTRIED, COUNT };

static struct backend_feature table[COUNT];

static int setup(void **state)
{
	(void)state;
	table[PLAIN] = (struct backend_feature){ .name = "plain" };
	table[ALWAYS] = (struct backend_feature){ .name = "always", .always = true };
	table[UNTRIED] = (struct backend_feature){ .name = "untried", .untested = true };
	return 0;
}

static void detect_all(bool present)
{
	for (u32 i = 0; i < COUNT; i++)
		feature_detect(&table[i], present);
}

static err_t choose(const char *name, bool on)
{
	return feature_choose(table, COUNT, name, on);
}

static void test_detect(void **state)
{
	(void)state;
	detect_all(true);
	assert_int_equal(table[PLAIN].state, FEATURE_USED);
	assert_int_equal(table[ALWAYS].state, FEATURE_USED);
	assert_int_equal(table[UNTRIED].state, FEATURE_UNUSED);
	detect_all(false);
	for (u32 i = 0; i < COUNT; i++)
		assert_int_equal(table[i].state, FEATURE_ABSENT);
}

static void test_choice(void **state)
{
	(void)state;
	detect_all(true);
	assert_int_equal(choose("plain", false), ERR_OK);
	assert_int_equal(table[PLAIN].state, FEATURE_UNUSED);
	assert_int_equal(choose("plain", true), ERR_OK);
	assert_int_equal(table[PLAIN].state, FEATURE_USED);
	assert_int_equal(choose("untried", true), ERR_OK);
	assert_int_equal(table[UNTRIED].state, FEATURE_USED);
}

static void test_no_choice(void **state)
{
	(void)state;
	detect_all(true);
	assert_int_equal(choose("always", true), ERR_OK); /* it is so */
	assert_int_equal(choose("always", false), ERR_INVAL);
	assert_int_equal(table[ALWAYS].state, FEATURE_USED);
	table[ALWAYS].state = FEATURE_UNUSED; /* nothing here can use it */
	assert_int_equal(choose("always", true), ERR_INVAL);
	assert_int_equal(choose("always", false), ERR_OK);
}

static void test_absent(void **state)
{
	(void)state;
	detect_all(false);
	assert_int_equal(choose("plain", true), ERR_NOTSUP);
	assert_int_equal(choose("always", true), ERR_NOTSUP);
	assert_int_equal(choose("untried", true), ERR_NOTSUP);
	assert_int_equal(choose("plain", false), ERR_OK);
	assert_int_equal(table[PLAIN].state, FEATURE_ABSENT);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(choose("plai", true), ERR_NOENT);
	assert_int_equal(choose("", false), ERR_NOENT);
	assert_null(feature_find(table, COUNT, "plain2"));
	assert_ptr_equal(feature_find(table, COUNT, "untried"), &table[UNTRIED]);
	assert_null(feature_find(table, 0, "plain"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_detect, setup),
		cmocka_unit_test_setup(test_choice, setup),
		cmocka_unit_test_setup(test_no_choice, setup),
		cmocka_unit_test_setup(test_absent, setup),
		cmocka_unit_test_setup(test_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
