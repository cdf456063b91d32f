/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the output of a command goes: the terminal, or a test's buffer. */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include "hv/base/types.h"

struct out {
	void (*write)(void *ctx, const char *text, size_t len);
	void *ctx;
};

/* At most OUT_LINE_MAX - 1 bytes a call; the rest is cut. */
#define OUT_LINE_MAX 512
void out_printf(const struct out *o, const char *f, ...) PRINTF(2, 3);

/* For what nobody reads. */
extern const struct out out_nowhere;

/* Bytes as hexadecimal digits. */
void out_hex(const struct out *o, const u8 *bytes, u32 n);

/* A column of `width` characters, left-aligned; longer text is not cut. */
void out_column(const struct out *o, int width, const char *f, ...) PRINTF(3, 4);

#endif
