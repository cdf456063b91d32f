/* SPDX-License-Identifier: BSD-2-Clause */
/* VGA text mode: cells of character and attribute at B8000h, cursor by the CRT controller. */
#include <arch/vga.h>

#include <arch/io.h>

#define VGA_TEXT 0xb8000ul
#define VGA_COLS 80
#define VGA_ROWS 25
#define VGA_ATTR (0x07u << 8) /* grey on black */
#define TAB_COLS 8
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f

static volatile u16 *screen;
static u32 row, col;

bool vga_init(void)
{
	volatile u16 *cell = (volatile u16 *)VGA_TEXT;
	u16 old = cell[0];
	const u16 probe = (u16)~old;

	cell[0] = probe;
	if (cell[0] != probe)
		return false;
	screen = cell;
	for (u32 i = 0; i < VGA_ROWS * VGA_COLS; i++)
		screen[i] = VGA_ATTR | ' ';
	return true;
}

static void scroll(void)
{
	for (u32 i = 0; i < (VGA_ROWS - 1) * VGA_COLS; i++)
		screen[i] = screen[i + VGA_COLS];
	for (u32 i = 0; i < VGA_COLS; i++)
		screen[(VGA_ROWS - 1) * VGA_COLS + i] = VGA_ATTR | ' ';
}

static void put(char c)
{
	switch (c) {
	case '\n':
		col = 0;
		row++;
		break;
	case '\r':
		col = 0;
		break;
	case '\b':
		col = col ? col - 1 : 0;
		break;
	case '\t':
		col = ALIGN_DOWN(col + TAB_COLS, TAB_COLS);
		break;
	default:
		screen[row * VGA_COLS + col++] = (u16)(VGA_ATTR | (u8)c);
		break;
	}
	if (col >= VGA_COLS) {
		col = 0;
		row++;
	}
	if (row >= VGA_ROWS) {
		scroll();
		row = VGA_ROWS - 1;
	}
}

void vga_write(const char *buf, size_t len)
{
	u32 at;

	if (!screen)
		return;
	for (size_t i = 0; i < len; i++)
		put(buf[i]);
	at = row * VGA_COLS + col;
	out8(CRTC_INDEX, CRTC_CURSOR_HIGH);
	out8(CRTC_DATA, (u8)(at >> 8));
	out8(CRTC_INDEX, CRTC_CURSOR_LOW);
	out8(CRTC_DATA, (u8)at);
}
