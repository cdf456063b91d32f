/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring of a console's bytes against the whole text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/scrollback.h"

#define SIZE 64u
#define TEXT 1000u

static u8 ring[SIZE], text[TEXT];
static struct scrollback s = { .bytes = ring, .size = SIZE };

static void write_byte(u8 byte)
{
	text[s.written] = byte;
	ring[s.written++ % SIZE] = byte;
}

/* The same from the whole text. */
static u64 naive_lines(u32 lines)
{
	u64 oldest = s.written > SIZE ? s.written - SIZE : 0, at = s.written;

	for (u32 i = 0; i < lines; i++) {
		if (at > oldest)
			at--;
		while (at > oldest && text[at - 1] != '\n')
			at--;
	}
	return at;
}

static void all_that_is_there_comes_out(void **state)
{
	(void)state;
	srand(5);
	for (u32 i = 0; i < TEXT; i++) {
		u64 at = scrollback_oldest(&s);
		const u8 *piece;
		u32 n;

		assert_int_equal(s.written - at, MIN(s.written, SIZE));
		for (u32 pieces = 0; (n = scrollback_piece(&s, at, &piece)); pieces++) {
			assert_true(pieces < 2);
			assert_memory_equal(piece, text + at, n);
			at += n;
		}
		assert_int_equal(at, s.written);
		for (u32 lines = 0; lines < 12; lines++)
			assert_int_equal(scrollback_lines(&s, lines), naive_lines(lines));
		write_byte(rand() % 7 ? 'x' : '\n');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_there_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
