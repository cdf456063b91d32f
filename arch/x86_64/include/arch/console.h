/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node's console: log lines and text go to the serial line and to the VGA
 * text screen or a framebuffer, whichever are there. The last CONSOLE_LOG_BYTES
 * of log stay in memory.
 */
#ifndef ARCH_CONSOLE_H
#define ARCH_CONSOLE_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define CONSOLE_LOG_BYTES 16384

void console_init(void);

/* From now on the screen is this framebuffer (pitch in bytes, width and height in pixels,
 * mapped for good), with the log so far. On an error it stays as it was: ERR_NOTSUP,
 * ERR_INVAL of fbtext_init(). Boot core, before others run. */
err_t console_use_framebuffer(volatile void *pixels, u32 pitch, u32 width, u32 height, u8 bpp);

/* Text as it is ("\n" becomes CR LF on the line). Any core, any context. */
void console_write(const char *buf, size_t len);
void console_putc(char c);
/* To the screen alone. */
void console_screen_write(const char *buf, size_t len);

/* Copy the newest max bytes of log, oldest first; how many there were. */
size_t console_log_read(char *buf, size_t max);

/* Log lines of this level (enum log_level) and more important ones appear. */
void console_log_level(int level);

/* From now on this core alone writes, without the lock: plat_die(). */
void console_take_over(void);

#endif
