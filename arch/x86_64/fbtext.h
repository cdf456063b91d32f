/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on a linear framebuffer, for machines without VGA text (UEFI). Letters
 * are kept in cells, and a write draws those cells alone that it changed.
 * Pure: the caller serialises, and has the framebuffer mapped.
 */
#ifndef ARCH_X86_64_FBTEXT_H
#define ARCH_X86_64_FBTEXT_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define FBTEXT_CELL_WIDTH 8 /* pixels, times the scale */
#define FBTEXT_CELL_HEIGHT 16
#define FBTEXT_MAX_COLS 160
#define FBTEXT_MAX_ROWS 72
#define FBTEXT_WIDE 1280 /* pixels: on screens of twice this, letters are twice as large */

/* Generated of font.txt by tools/mkfont: ASCII 32 to 126, bit 7 is the leftmost pixel. */
#define FBTEXT_FONT_FIRST 32
#define FBTEXT_FONT_LAST 126
extern const u8 fbtext_font[FBTEXT_FONT_LAST - FBTEXT_FONT_FIRST + 1][FBTEXT_CELL_HEIGHT];

struct fbtext_screen {
	volatile void *pixels;
	u32 pitch, width, height; /* bytes a line; pixels */
	u8 bpp;			  /* 15, 16, 24 or 32 */
};

struct fbtext {
	struct fbtext_screen screen;
	u32 bytes; /* a pixel's */
	u32 scale;
	u32 cols, rows;
	u32 row, col; /* where the next letter goes */
	char cell[FBTEXT_MAX_ROWS][FBTEXT_MAX_COLS];
	char drawn[FBTEXT_MAX_ROWS][FBTEXT_MAX_COLS];
};

/* Take the screen and clear it. ERR_NOTSUP: pixels of another size, or fewer of them
 * than 80 by 25 letters take; ERR_INVAL: a line is longer than the pitch. */
err_t fbtext_init(struct fbtext *t, const struct fbtext_screen *screen);

/* Draw text: "\n" (which goes to the line's begin, too), "\r", "\b" and "\t" move, what
 * the font lacks is a "?". At the bottom, the text goes up by a quarter of the screen at once: a
 * framebuffer is slow, and to move it for each line took most of a boot. */
void fbtext_write(struct fbtext *t, const char *buf, size_t len);

#endif
