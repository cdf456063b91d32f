/* SPDX-License-Identifier: BSD-2-Clause */
/* `overlay add` and `overlay set` to what an overlay is made from, and back. Pure. */
#ifndef VNET_OVERLAY_LANG_H
#define VNET_OVERLAY_LANG_H

#include "vnet/lang.h"
#include "vnet/overlay.h"

#define OVERLAY_LANG_MAX 128

struct overlay_line {
	u32 id;
	struct overlay_setup setup;
	bool mesh; /* `links mesh`: links to all nodes of the file, see overlay_mesh.h */
	const char *kind; /* of these links */
	u32 port;	  /* ... and their UDP port; 0: the kind's */
};

/* What the statement says; what it does not say is as in `otherwise`, and the id
 * as its name has it. */
void overlay_lang_read(const struct lang_stmt *stmt, const struct overlay_setup *otherwise,
		       struct overlay_line *out);

/* The statement that makes it, without a newline; "" for the default overlay as
 * it is from the start. Returns buf (OVERLAY_LANG_MAX bytes). */
const char *overlay_lang_write(const struct overlay *o, char *buf);

#endif
