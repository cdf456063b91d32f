/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements written back: one spelling, and the same statement again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/types.h"
#include "vnet/lang_write.h"

static struct lang_stmt s;
static char msg[LANG_MESSAGE_MAX];
static const struct lang_source terminal = { "test", 1, true };

static const char *written(const char *line)
{
	static char text[LANG_LINE_MAX / 2];

	assert_int_equal(lang_parse(&terminal, line, strlen(line), &s, msg), ERR_OK);
	assert_int_equal(lang_write(&s, text, sizeof(text)), ERR_OK);
	return text;
}

static void one_spelling(void **state)
{
	static const char *const cases[][2] = {
		{ "  # nothing", "" },
		{ "caisson   1", "caisson 1" },
		{ "node n1 mac 52:54:00:AA:00:01 # x", "node n1 mac 52:54:00:aa:00:01" },
		{ "cpu-feature avic on", "cpu-feature avic on" },
		{ "up a 0 mtu 1500 addr 10.0.0.1/8", "uplink add 0 address 10.0.0.1/8 mtu 1500" },
		{ "uplink add 0 address dhcp poll off", "uplink add 0 address dhcp poll off" },
		{ "link add b udp port 9 remote 010.0.0.2",
		  "link add b udp remote 10.0.0.2 port 9" },
		{ "link add b geneve remote any dscp copy tag 1 ecn off",
		  "link add b geneve remote any tag 1 dscp copy ecn off" },
		{ "link del b force", "link del b force" },
		{ "vm add g kernel \"k\" memory 1073741824 cmdline \"a \\\"b\\\\\"",
		  "vm add g memory 1G kernel k cmdline \"a \\\"b\\\\\"" },
		{ "vm add g kernel #k memory 2048K", NULL },
		{ "vm add g kernel \"#k\" memory 3145728", "vm add g memory 3M kernel \"#k\"" },
		{ "route add to edge b dst not-02:0:00:00:00:01 src any", NULL },
		{ "route add to edge b dst not-02:00:00:00:00:01 src any from interfaces",
		  "route add src any dst not-02:00:00:00:00:01 to edge b from interfaces" },
		{ "interface add g.e mac 02:00:00:00:00:01 also "
		  "02:00:00:00:00:0A,02:00:00:00:00:0b",
		  "interface add g.e mac 02:00:00:00:00:01 also "
		  "02:00:00:00:00:0a,02:00:00:00:00:0b" },
		{ "interface add g.e mac 02:00:00:00:00:01 also 02:00:00:00:00:0A,", NULL },
		{ "interface add g.e mac 02:00:00:00:00:01 also ,02:00:00:00:00:0A", NULL },
		{ "dispatcher add 0 t-sleep 500us core 2 yield timed",
		  "dispatcher add 0 core 2 yield timed t-sleep 500us" },
		{ "sh ro js", "show route json" },
		{ "control listen from 10.0.0.0/8", "control listen from 10.0.0.0/8" },
		/* VNET/P's. */
		{ "add 10.0.0.2 9000", "link add 10.0.0.2 udp remote 10.0.0.2 port 9000" },
		{ "add 10.0.0.2 9000 tcp", "link add 10.0.0.2 tcp remote 10.0.0.2 port 9000" },
		{ "add 10.0.0.2 9000 tcp x", NULL },
		{ "add 10.0.0.2 99999", NULL },
		{ "add any 02:00:00:00:00:0A edge 10.0.0.2 any",
		  "route add src any dst 02:00:00:00:00:0a to edge 10.0.0.2 from any" },
		{ "add any not-02:00:00:00:00:0a interface 02:00:00:00:00:0B edge 10.0.0.2",
		  "route add src any dst not-02:00:00:00:00:0a to interface 02:00:00:00:00:0b "
		  "from edge 10.0.0.2" },
		{ "add any none edge 10.0.0.2 interface g1.eth0 # comment",
		  "route add src any dst none to edge 10.0.0.2 from interface g1.eth0" },
		{ "add any any edge 10.0.0.2", NULL },
		{ "add any any edge 10.0.0.2 edge", NULL },
		{ "add any any edge 10.0.0.2 any x", NULL },
		{ "add", NULL },
		{ "del 7", "route del 7" },
		{ "del 10.0.0.2", "link del 10.0.0.2" },
		{ "del", NULL },
		{ "del 7 8", NULL },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i][1])
			assert_string_equal(written(cases[i][0]), cases[i][1]);
		else
			assert_int_not_equal(lang_parse(&terminal, cases[i][0],
							strlen(cases[i][0]), &s, msg), ERR_OK);
	}
}

/* Backslashes double inside quotes: what was short enough need not stay so. */
static void too_long(void **state)
{
	char line[LANG_LINE_MAX / 2] = "vm add g memory 2M kernel k cmdline ", text[LANG_LINE_MAX];

	(void)state;
	memset(line + strlen(line), '\\', sizeof(line) - strlen(line) - 1);
	assert_int_equal(lang_parse(&terminal, line, strlen(line), &s, msg), ERR_OK);
	assert_int_equal(lang_write(&s, text, LANG_LINE_MAX / 2), ERR_RANGE);
	assert_int_equal(lang_write(&s, text, sizeof(text)), ERR_OK);
}

/* Every example, line by line. */
static void examples(void **state)
{
	static const char *const files[] = { "examples/node.conf", "examples/pair.conf",
					     "examples/bad.conf" };
	char line[LANG_LINE_MAX], once[LANG_LINE_MAX];
	u32 count = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(files); i++) {
		FILE *f = fopen(files[i], "r");

		assert_non_null(f);
		while (fgets(line, sizeof(line), f)) {
			if (lang_parse(&terminal, line, strlen(line), &s, msg))
				continue;
			strcpy(once, written(line));
			assert_string_equal(written(once), once);
			count++;
		}
		fclose(f);
	}
	assert_true(count > 30);
}

static void usage(void **state)
{
	char text[LANG_MESSAGE_MAX];

	(void)state;
	written("link del b");
	assert_string_equal(lang_write_usage(s.cmd, text, sizeof(text)), "link del NAME [force]");
	written("show link");
	assert_string_equal(lang_write_usage(s.cmd, text, 20), "show link [NAME] [j");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_spelling),
		cmocka_unit_test(too_long),
		cmocka_unit_test(examples),
		cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
