/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output of commands. */
#include "ctl/out.h"

#include "hv/base/fmt.h"

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
