/* SPDX-License-Identifier: BSD-2-Clause */
/* Log and text to the serial line and the screen; the log's end in memory. */
#include <arch/console.h>

#include <arch/lock.h>
#include <arch/serial.h>
#include <arch/vga.h>

#include "arch/x86_64/fbtext.h"
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"

#define PREFIX_MAX 40
#define NS_PER_US 1000u
#define US_PER_S 1000000u

static struct spinlock lock;
static bool taken_over;
static int max_level = LOG_INFO;
static char ring[CONSOLE_LOG_BYTES];
static struct fbtext framebuffer;
static bool on_framebuffer; /* else on VGA text, if that is there */
static u64 ring_written; /* bytes ever; the newest is at (ring_written - 1) % size */

static const char *const level_words[] = {
	[LOG_ERR] = "error ",
	[LOG_WARN] = "warn  ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug ",
};

void console_init(void)
{
	serial_init();
	vga_init();
}

err_t console_use_framebuffer(volatile void *pixels, u32 pitch, u32 width, u32 height, u8 bpp)
{
	const struct fbtext_screen screen = { pixels, pitch, width, height, bpp };
	err_t err = fbtext_init(&framebuffer, &screen);

	on_framebuffer = !err;
	if (on_framebuffer)
		fbtext_write(&framebuffer, ring, MIN(ring_written, (u64)sizeof(ring)));
	return err;
}

static u64 console_lock(void)
{
	return taken_over ? 0 : spin_lock(&lock);
}

static void console_unlock(u64 flags)
{
	if (!taken_over)
		spin_unlock(&lock, flags);
}

static void screen_locked(const char *buf, size_t len)
{
	if (on_framebuffer)
		fbtext_write(&framebuffer, buf, len);
	else
		vga_write(buf, len);
}

static void write_locked(const char *buf, size_t len)
{
	size_t start = 0;

	screen_locked(buf, len);
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != '\n')
			continue;
		serial_write(buf + start, i - start);
		serial_write("\r\n", 2);
		start = i + 1;
	}
	serial_write(buf + start, len - start);
}

void console_write(const char *buf, size_t len)
{
	u64 flags = console_lock();

	write_locked(buf, len);
	console_unlock(flags);
}

void console_screen_write(const char *buf, size_t len)
{
	u64 flags = console_lock();

	screen_locked(buf, len);
	console_unlock(flags);
}

void console_putc(char c)
{
	console_write(&c, 1);
}

static void ring_put(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring[ring_written++ % CONSOLE_LOG_BYTES] = buf[i];
}

size_t console_log_read(char *buf, size_t max)
{
	u64 flags = console_lock();
	u64 n = MIN(MIN(ring_written, (u64)CONSOLE_LOG_BYTES), (u64)max);

	for (u64 i = 0; i < n; i++)
		buf[i] = ring[(ring_written - n + i) % CONSOLE_LOG_BYTES];
	console_unlock(flags);
	return n;
}

void console_log_level(int level)
{
	max_level = level;
}

void console_take_over(void)
{
	taken_over = true;
	serial_break_lock();
}

void plat_log(int level, const char *line)
{
	char text[PREFIX_MAX + LOG_LINE_MAX];
	u64 us = plat_now_ns() / NS_PER_US;
	size_t len = 0;
	u64 flags;

	if (level < LOG_ERR || level > LOG_DEBUG)
		level = LOG_INFO;
	fmt_append(text, sizeof(text), &len, "[%5lu.%06lu] %s%s\n", us / US_PER_S, us % US_PER_S,
		   level_words[level], line);
	flags = console_lock();
	ring_put(text, len);
	if (level <= max_level)
		write_locked(text, len);
	console_unlock(flags);
}
