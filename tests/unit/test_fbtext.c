/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on a framebuffer, against a twin that keeps lines of text and paints all of them anew. */
#include "arch/x86_64/fbtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAD 0x5a /* what lies between the lines and behind the screen */

struct twin {
	u32 cols, rows, row, col;
	char text[FBTEXT_MAX_ROWS][FBTEXT_MAX_COLS];
};

static struct fbtext t;
static struct twin twin;
static u8 *pixels, *expected;
static size_t bytes;

static void twin_newline(void)
{
	u32 by = twin.rows / 4;

	twin.col = 0;
	if (++twin.row < twin.rows)
		return;
	for (u32 row = 0; row < twin.rows; row++)
		for (u32 col = 0; col < twin.cols; col++)
			twin.text[row][col] = row + by < twin.rows ? twin.text[row + by][col] : ' ';
	twin.row -= by;
}

static void twin_put(char c)
{
	if (c == '\n') {
		twin_newline();
	} else if (c == '\r') {
		twin.col = 0;
	} else if (c == '\b') {
		twin.col -= twin.col > 0;
	} else if (c == '\t') {
		do {
			twin.col++;
		} while (twin.col % 8);
		if (twin.col >= twin.cols)
			twin_newline();
	} else {
		twin.text[twin.row][twin.col] = c >= ' ' && c <= '~' ? c : '?';
		if (++twin.col == twin.cols)
			twin_newline();
	}
}

static u32 ink(u8 bpp)
{
	return bpp == 15 ? 0x56b5 : bpp == 16 ? 0xad55 : 0xaaaaaaaa;
}

/* The whole screen, pixel by pixel. */
static void paint(const struct fbtext_screen *s, u32 scale)
{
	u32 size = (s->bpp + 7u) / 8;

	memset(expected, PAD, bytes);
	for (u32 y = 0; y < s->height; y++)
		for (u32 x = 0; x < s->width; x++) {
			u32 row = y / scale / 16, col = x / scale / 8, value = 0;

			if (row < twin.rows && col < twin.cols &&
			    fbtext_font[twin.text[row][col] - ' '][y / scale % 16] >>
						    (7 - x / scale % 8) & 1)
				value = ink(s->bpp);
			memcpy(expected + y * s->pitch + x * size, &value, size);
		}
}

static void begin(const struct fbtext_screen *screen, u32 cols, u32 rows)
{
	struct fbtext_screen s = *screen;

	bytes = (size_t)s.pitch * s.height + 64;
	pixels = malloc(bytes);
	expected = malloc(bytes);
	memset(pixels, PAD, bytes);
	s.pixels = pixels;
	twin = (struct twin){ .cols = cols, .rows = rows };
	memset(twin.text, ' ', sizeof(twin.text));
	assert_int_equal(fbtext_init(&t, &s), ERR_OK);
	assert_int_equal(t.cols, cols);
	assert_int_equal(t.rows, rows);
}

static void end(void)
{
	free(pixels);
	free(expected);
}

static void write_both(const char *text, size_t len)
{
	fbtext_write(&t, text, len);
	for (size_t i = 0; i < len; i++)
		twin_put(text[i]);
}

static void check(const struct fbtext_screen *s)
{
	paint(s, t.scale);
	assert_memory_equal(pixels, expected, bytes);
}

/* Lines, long lines, tabs, steps back, letters that are none; in pieces of any length. */
static void run_random(const struct fbtext_screen *s, u32 cols, u32 rows, u32 writes)
{
	static const char odd[] = "\n\n\n\r\b\t\a\x80\xff\n";
	char text[300];

	begin(s, cols, rows);
	check(s);
	for (u32 i = 0; i < writes; i++) {
		size_t len = (size_t)rand() % sizeof(text);

		for (size_t k = 0; k < len; k++)
			text[k] = (char)(rand() % 12 ? ' ' + rand() % 95 : odd[rand() % 10]);
		write_both(text, len);
		if (i % 16 == 0)
			check(s);
	}
	check(s);
	end();
}

static void test_pixel_sizes(void **state)
{
	const struct fbtext_screen of32 = { NULL, 4 * 800 + 64, 800, 600, 32 };
	const struct fbtext_screen of24 = { NULL, 3 * 640, 640, 400, 24 };
	const struct fbtext_screen of16 = { NULL, 2 * 1023 + 2, 1023, 767, 16 };
	const struct fbtext_screen of15 = { NULL, 2 * 640 + 6, 640, 480, 15 };

	(void)state;
	srand(1);
	run_random(&of32, 100, 37, 60);
	run_random(&of24, 80, 25, 60);
	run_random(&of16, 127, 47, 60);
	run_random(&of15, 80, 30, 60);
}

static void test_large_screens(void **state)
{
	const struct fbtext_screen doubled = { NULL, 4 * 2560, 2560, 1440, 32 };
	const struct fbtext_screen tall = { NULL, 4 * 1300, 1300, 1500, 32 };

	(void)state;
	srand(2);
	run_random(&doubled, 160, 45, 20);
	run_random(&tall, 160, 72, 20);
}

static void test_screens_that_are_refused(void **state)
{
	u8 pixel[4];
	const struct {
		struct fbtext_screen screen;
		err_t err;
	} bad[] = {
		{ { pixel, 640, 640, 400, 8 }, ERR_NOTSUP },
		{ { pixel, 4 * 639, 639, 400, 32 }, ERR_NOTSUP },
		{ { pixel, 4 * 640, 640, 399, 32 }, ERR_NOTSUP },
		{ { pixel, 4 * 640 - 1, 640, 400, 32 }, ERR_INVAL },
		{ { pixel, 4, 0x40000001, 400, 32 }, ERR_INVAL },
		{ { pixel, 0, 0, 0, 32 }, ERR_NOTSUP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(fbtext_init(&t, &bad[i].screen), bad[i].err);
}

static void test_the_font_has_all_letters_and_no_two_alike(void **state)
{
	(void)state;
	for (u32 a = 1; a < ARRAY_SIZE(fbtext_font); a++)
		for (u32 b = 0; b < a; b++)
			assert_memory_not_equal(fbtext_font[a], fbtext_font[b],
						FBTEXT_CELL_HEIGHT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pixel_sizes),
		cmocka_unit_test(test_large_screens),
		cmocka_unit_test(test_screens_that_are_refused),
		cmocka_unit_test(test_the_font_has_all_letters_and_no_two_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
