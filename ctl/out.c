/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output of commands. */
#include "ctl/out.h"

#include "hv/base/fmt.h"

#define HEX_CHUNK 64u

static void discard(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	(void)len;
}

const struct out out_nowhere = { .write = discard };

static void out_vprintf(const struct out *o, int width, const char *f, va_list ap)
{
	char line[OUT_LINE_MAX];
	size_t len = (size_t)MIN(fmt_vsnprintf(line, sizeof(line), f, ap), OUT_LINE_MAX - 1);

	o->write(o->ctx, line, len);
	for (; (int)len < width; len++)
		o->write(o->ctx, " ", 1);
}

void out_printf(const struct out *o, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	out_vprintf(o, 0, f, ap);
	va_end(ap);
}

void out_column(const struct out *o, int width, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	out_vprintf(o, width, f, ap);
	va_end(ap);
}

void out_hex(const struct out *o, const u8 *bytes, u32 n)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * HEX_CHUNK];
	u32 len = 0;

	for (u32 i = 0; i < n; i++) {
		hex[len++] = digits[bytes[i] >> 4];
		hex[len++] = digits[bytes[i] & 15];
		if (len == sizeof(hex) || i + 1 == n) {
			o->write(o->ctx, hex, len);
			len = 0;
		}
	}
}
