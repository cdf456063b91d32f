/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a ring of bytes, see scrollback.h. */
#include "ctl/scrollback.h"

u64 scrollback_oldest(const struct scrollback *s)
{
	return s->written > s->size ? s->written - s->size : 0;
}

u64 scrollback_lines(const struct scrollback *s, u32 lines)
{
	u64 oldest = scrollback_oldest(s), at = s->written;

	while (lines && at > oldest) {
		at--;
		/* The newline in front of the line; the last byte of all ends one. */
		if (s->bytes[at % s->size] == '\n' && at + 1 < s->written && !--lines)
			return at + 1;
	}
	return at;
}

u32 scrollback_piece(const struct scrollback *s, u64 at, const u8 **piece)
{
	u64 offset = at % s->size;

	if (at >= s->written)
		return 0;
	*piece = s->bytes + offset;
	return (u32)MIN(s->written - at, s->size - offset);
}
