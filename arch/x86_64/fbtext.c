/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on a linear framebuffer, see fbtext.h. */
#include "arch/x86_64/fbtext.h"

#include "hv/base/str.h"

#define MIN_COLS 80u
#define MIN_ROWS 25u
#define TAB_COLS 8
#define SCROLL_PART 4 /* of the rows at a time */
#define GREY 0xaaaaaaaau /* in any order of colours */
#define GREY_15 0x56b5u
#define GREY_16 0xad55u

static u32 pixel_bytes(u8 bpp)
{
	return bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32 ? (bpp + 7u) / 8 : 0;
}

static void put_pixel(volatile u8 *at, u32 bytes, u32 value)
{
	if (bytes == 4) {
		*(volatile u32 *)at = value;
		return;
	}
	if (bytes == 2) {
		*(volatile u16 *)at = (u16)value;
		return;
	}
	for (u32 i = 0; i < bytes; i++)
		at[i] = (u8)(value >> 8 * i);
}

static void draw_cell(const struct fbtext *t, u32 row, u32 col, char c)
{
	const u8 *glyph = fbtext_font[(u8)c - FBTEXT_FONT_FIRST];
	const struct fbtext_screen *s = &t->screen;
	u32 ink = s->bpp == 15 ? GREY_15 : s->bpp == 16 ? GREY_16 : GREY;
	u32 width = FBTEXT_CELL_WIDTH * t->scale, height = FBTEXT_CELL_HEIGHT * t->scale;
	volatile u8 *line = (volatile u8 *)s->pixels + (size_t)row * height * s->pitch +
			    (size_t)col * width * t->bytes;

	for (u32 y = 0; y < height; y++, line += s->pitch) {
		u32 bits = glyph[y / t->scale];

		for (u32 x = 0; x < width; x++)
			put_pixel(line + x * t->bytes, t->bytes,
				  bits << x / t->scale & 0x80 ? ink : 0);
	}
}

static void clear(const struct fbtext_screen *s, u32 bytes)
{
	for (u32 y = 0; y < s->height; y++) {
		volatile u8 *line = (volatile u8 *)s->pixels + (size_t)y * s->pitch;

		for (u32 x = 0; x < s->width; x++)
			put_pixel(line + x * bytes, bytes, 0);
	}
}

err_t fbtext_init(struct fbtext *t, const struct fbtext_screen *screen)
{
	u32 bytes = pixel_bytes(screen->bpp);
	u32 scale = MAX(screen->width / FBTEXT_WIDE, 1u);

	if (!bytes)
		return ERR_NOTSUP;
	if ((u64)screen->width * bytes > screen->pitch)
		return ERR_INVAL;
	*t = (struct fbtext){
		.screen = *screen,
		.bytes = bytes,
		.scale = scale,
		.cols = MIN(screen->width / (FBTEXT_CELL_WIDTH * scale), (u32)FBTEXT_MAX_COLS),
		.rows = MIN(screen->height / (FBTEXT_CELL_HEIGHT * scale), (u32)FBTEXT_MAX_ROWS),
	};
	if (t->cols < MIN_COLS || t->rows < MIN_ROWS)
		return ERR_NOTSUP;
	memset(t->cell, ' ', sizeof(t->cell));
	memset(t->drawn, ' ', sizeof(t->drawn));
	clear(screen, bytes);
	return ERR_OK;
}

static void scroll(struct fbtext *t)
{
	u32 by = t->rows / SCROLL_PART;

	memmove(t->cell[0], t->cell[by], (t->rows - by) * sizeof(t->cell[0]));
	memset(t->cell[t->rows - by], ' ', by * sizeof(t->cell[0]));
	t->row -= by;
}

static void put(struct fbtext *t, char c)
{
	switch (c) {
	case '\n':
		t->col = 0;
		t->row++;
		break;
	case '\r':
		t->col = 0;
		break;
	case '\b':
		t->col = t->col ? t->col - 1 : 0;
		break;
	case '\t':
		t->col = ALIGN_DOWN(t->col + TAB_COLS, TAB_COLS);
		break;
	default:
		if (c < FBTEXT_FONT_FIRST || c > FBTEXT_FONT_LAST)
			c = '?';
		t->cell[t->row][t->col++] = c;
		break;
	}
	if (t->col >= t->cols) {
		t->col = 0;
		t->row++;
	}
	if (t->row >= t->rows)
		scroll(t);
}

/* Bring the cells of these rows to the screen. */
static void draw(struct fbtext *t, u32 from, u32 to)
{
	for (u32 row = from; row < to; row++) {
		for (u32 col = 0; col < t->cols; col++) {
			char c = t->cell[row][col];

			if (c == t->drawn[row][col])
				continue;
			t->drawn[row][col] = c;
			draw_cell(t, row, col, c);
		}
	}
}

void fbtext_write(struct fbtext *t, const char *buf, size_t len)
{
	u32 from = t->row;

	for (size_t i = 0; i < len; i++) {
		u32 before = t->row;

		put(t, buf[i]);
		if (t->row < before)
			from = 0; /* it scrolled: all may have changed */
	}
	draw(t, from, t->row + 1);
	if (!from)
		draw(t, t->row + 1, t->rows);
}
