/* SPDX-License-Identifier: BSD-2-Clause */
/* Files with sections: what is told of them, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vnet/lang_file.h"

static char told[2048];

static void tell(const char *text)
{
	strncat(told, text, sizeof(told) - strlen(told) - 1);
}

static void error(void *ctx, const char *message)
{
	assert_ptr_equal(ctx, told);
	tell("! ");
	tell(message);
	tell("\n");
}

static bool section(void *ctx, const struct lang_source *src, const struct lang_stmt *s)
{
	char line[64];

	assert_ptr_equal(ctx, told);
	snprintf(line, sizeof(line), "%s:%u: %s\n", src->file, src->line, s->name);
	tell(line);
	return s->name[0] == 'm';
}

static void statement(void *ctx, const struct lang_source *src, const struct lang_stmt *s,
		      const char *text, size_t len)
{
	char line[128];

	assert_ptr_equal(ctx, told);
	snprintf(line, sizeof(line), "%u: %s %s: %.*s\n", src->line, s->cmd->object, s->name,
		 (int)len, text);
	tell(line);
}

static struct lang_sections read_file(const char *text)
{
	const struct lang_reader reader = { error, section, statement, told };

	told[0] = '\0';
	return lang_file_read("f", text, strlen(text), &reader);
}

static void sections(void **state)
{
	struct lang_sections n = read_file("# first\ncaisson 1\noverlay add red\nnode other\n"
					   "overlay add blue\nnode mine\n  vm start g # now\n");

	(void)state;
	assert_int_equal(n.all, 2);
	assert_int_equal(n.taken, 1);
	assert_string_equal(told, "3: overlay red: overlay add red\nf:4: other\nf:6: mine\n"
				  "7: vm g:   vm start g # now\n");
}

static void errors_are_passed_over(void **state)
{
	struct lang_sections n = read_file("overlay add red\nnode other\nrubbish\nnode mine\n"
					   "more\n\nvm stop g");

	(void)state;
	assert_int_equal(n.taken, 1);
	assert_non_null(strstr(told, "! f:1:1: the file does not begin with"));
	assert_non_null(strstr(told, "! f:3:1: unknown word \"rubbish\""));
	assert_non_null(strstr(told, "! f:5:1: unknown word \"more\""));
	assert_non_null(strstr(told, "7: vm g: vm stop g\n"));
}

static void empty(void **state)
{
	(void)state;
	assert_int_equal(read_file("").all, 0);
	assert_int_equal(read_file("\n\n# nothing").all, 0);
	assert_string_equal(told, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections),
		cmocka_unit_test(errors_are_passed_over),
		cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
