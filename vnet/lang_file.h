/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a node.conf or a cluster file: lines, the version, sections. Pure. */
#ifndef VNET_LANG_FILE_H
#define VNET_LANG_FILE_H

#include "vnet/lang.h"

/* What becomes of a file, in its order. A statement and its source are good until the
 * call returns. */
struct lang_reader {
	/* A line is wrong, and passed over: a whole message. */
	void (*error)(void *ctx, const char *message);
	/* `node NAME`: is what follows, up to the next one, of interest? */
	bool (*section)(void *ctx, const struct lang_source *src, const struct lang_stmt *s);
	/* A statement that is: one of such a section, or in front of all. text: its line. */
	void (*statement)(void *ctx, const struct lang_source *src, const struct lang_stmt *s,
			  const char *text, size_t len);
	void *ctx;
};

/* How many sections there were, and of these of interest. Lines of the others are
 * parsed as well: a file is right or not. */
struct lang_sections {
	u32 all, taken;
};

struct lang_sections lang_file_read(const char *file, const char *text, size_t len,
				    const struct lang_reader *reader);

#endif
