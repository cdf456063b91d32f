/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatch modes and dispatchers in the control language: read, refused, written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/dispatch_lang.h"

static struct lang_stmt s;
static char msg[LANG_MESSAGE_MAX], why[160], text[DISPATCH_LANG_MAX];
static struct dispatch_settings set;

static err_t parse(const char *line)
{
	static const struct lang_source console = { "test", 0, true };

	return lang_parse(&console, line, strlen(line), &s, msg);
}

static err_t read_onto(const char *keys, const struct dispatch_settings *otherwise)
{
	char line[LANG_LINE_MAX];
	const char *key = NULL;
	err_t err;

	snprintf(line, sizeof(line), "interface set g1.eth0 %s", keys);
	assert_int_equal(parse(line), ERR_OK);
	err = dispatch_lang_read(&s, otherwise, &set, &key, why, sizeof(why));
	assert_int_equal(err != ERR_OK, key != NULL);
	return err;
}

static void what_is_said_and_what_is_not(void **state)
{
	struct dispatch_settings before;

	(void)state;
	dispatch_defaults(&before);
	assert_int_equal(read_onto("state up", &before), ERR_OK);
	assert_memory_equal(&set, &before, sizeof(set));
	assert_null(dispatch_lang_key(&s));
	assert_int_equal(read_onto("mode adaptive omega 20ms quota 16", &before), ERR_OK);
	assert_string_equal(dispatch_lang_key(&s), "mode");
	assert_int_equal(set.mode[DISPATCH_TX], DISPATCH_ADAPTIVE);
	assert_int_equal(set.mode[DISPATCH_RX], DISPATCH_ADAPTIVE);
	assert_int_equal(set.omega_us, 20000);
	assert_int_equal(set.quota, 16);
	assert_int_equal(set.alpha_l, DISPATCH_ALPHA_L);
	before = set;
	assert_int_equal(read_onto("tx-mode guest alpha-l 5", &before), ERR_OK);
	assert_int_equal(set.mode[DISPATCH_TX], DISPATCH_GUEST);
	assert_int_equal(set.mode[DISPATCH_RX], DISPATCH_ADAPTIVE);
	assert_int_equal(set.alpha_l, 5);
	assert_int_equal(set.quota, 16);
	assert_int_equal(read_onto("optimistic on batch-end on", &before), ERR_OK);
	assert_true(set.optimistic && set.batch_end);
	assert_non_null(strstr(dispatch_lang_write(&set, false, text),
			       " optimistic on batch-end on"));
	before = set;
	assert_int_equal(read_onto("mode vmm rx-mode guest", &before), ERR_OK);
	assert_int_equal(set.mode[DISPATCH_TX], DISPATCH_VMM);
	assert_int_equal(set.mode[DISPATCH_RX], DISPATCH_GUEST);
}

static void thresholds_do_not_cross(void **state)
{
	struct dispatch_settings before;

	(void)state;
	dispatch_defaults(&before);
	assert_int_equal(read_onto("alpha-l 10000", &before), ERR_OK);
	assert_int_equal(read_onto("alpha-l 10001", &before), ERR_INVAL);
	assert_string_equal(why, "alpha-l (10001) is above alpha-u (10000)");
	assert_int_equal(read_onto("alpha-u 999", &before), ERR_INVAL);
	assert_int_equal(read_onto("alpha-u 20 alpha-l 20", &before), ERR_OK);
}

static void refused_by_the_grammar(void **state)
{
	static const char *const bad[] = {
		"interface set g1.eth0 mode fast",	"interface set g1.eth0 omega 5",
		"interface set g1.eth0 omega 10us",	"interface set g1.eth0 omega 1h",
		"interface set g1.eth0 quota 0",	"interface set g1.eth0 quota 1025",
		"interface set g1.eth0 alpha-u -1",	"interface set g1.eth0 yield timed",
		"dispatcher add",			"dispatcher add core 1",
		"dispatcher add 0 core 64",		"dispatcher add 0 core 1 yield sleep",
		"dispatcher add 0 core 1 t-sleep 0us",	"dispatcher add 0 core 1 t-sleep 2s",
		"dispatcher set 0 core 2",		"overlay set red age 2000000us",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i]), ERR_INVAL);
	assert_int_equal(parse("interface set g1.eth0 omega 10us"), ERR_INVAL);
	assert_non_null(strstr(msg, "omega 10us is out of range; expected: 1000us to 10000000us"));
	assert_int_equal(parse("interface set g1.eth0 omega 5"), ERR_INVAL);
	assert_non_null(strstr(msg, "a time such as 500us (us, ms, s)"));
}

/* What is written is read as the same again. */
static void there_and_back(void **state)
{
	static const char *const lines[] = {
		"mode guest", "mode vmm", "mode adaptive", "tx-mode vmm rx-mode adaptive",
		"mode adaptive alpha-l 0 alpha-u 4000000 omega 1ms quota 1024",
	};
	struct dispatch_settings defaults, said;

	(void)state;
	dispatch_defaults(&defaults);
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(read_onto(lines[i], &defaults), ERR_OK);
		said = set;
		assert_int_equal(read_onto(dispatch_lang_write(&said, false, text), &defaults),
				 ERR_OK);
		assert_memory_equal(&set, &said, sizeof(set));
		/* All of it, whatever was there before. */
		dispatch_lang_write(&said, true, text);
		assert_int_equal(read_onto("mode adaptive alpha-l 7 alpha-u 8 omega 7ms quota 7",
					   &defaults), ERR_OK);
		defaults = set;
		assert_int_equal(read_onto(text, &defaults), ERR_OK);
		assert_memory_equal(&set, &said, sizeof(set));
		dispatch_defaults(&defaults);
	}
	assert_string_equal(dispatch_lang_write(&defaults, false, text), "");
	assert_string_equal(dispatch_lang_write(&defaults, true, text),
			    " mode guest alpha-l 1000 alpha-u 10000 omega 5000us quota 64");
}

static void how_dispatchers_idle(void **state)
{
	struct dispatch_yielding y, again;

	(void)state;
	assert_int_equal(parse("dispatcher add 1"), ERR_OK);
	assert_null(lang_get(&s, "core"));
	assert_int_equal(parse("dispatcher add 1 core 2"), ERR_OK);
	assert_int_equal(lang_get(&s, "core")->num, 2);
	dispatch_yield_read(&s, &dispatch_yield_default, &y);
	assert_memory_equal(&y, &dispatch_yield_default, sizeof(y));
	assert_string_equal(dispatch_yield_write(&y, false, text), "");
	assert_int_equal(parse("dispatcher set 1 yield timed t-sleep 50us t-nowork 2s"), ERR_OK);
	dispatch_yield_read(&s, &y, &again);
	assert_string_equal(dispatch_yield_write(&again, false, text),
			    " yield timed t-sleep 50us t-nowork 2000000us");
	assert_int_equal(parse("dispatcher set 1 yield immediate"), ERR_OK);
	dispatch_yield_read(&s, &again, &y);
	assert_int_equal(y.strategy, DISPATCH_YIELD_IMMEDIATE);
	assert_int_equal(y.t_sleep_us, 50);
	assert_string_equal(dispatch_yield_write(&y, true, text),
			    " yield immediate t-sleep 50us t-nowork 2000000us");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_and_what_is_not),
		cmocka_unit_test(thresholds_do_not_cross),
		cmocka_unit_test(refused_by_the_grammar),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(how_dispatchers_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
