/* SPDX-License-Identifier: BSD-2-Clause */
/* The way back from a batch: statements that undo what was carried out. Boot core. */
#ifndef CTL_BATCH_UNDO_H
#define CTL_BATCH_UNDO_H

#include "ctl/ctl.h"

#define UNDO_BYTES_MAX (8u * 1024 * 1024) /* of text, and of steps */

struct undo_step;

struct undo {
	char *text;
	struct undo_step *step; /* the last one is to be carried out first */
	size_t text_size, step_size; /* bytes */
	u32 len, steps;
	bool full; /* something is missing */
};

/* ERR_NOMEM. */
err_t undo_init(struct undo *u);
void undo_fini(struct undo *u);

/* NULL: it can be undone; else why not. */
const char *undo_why_not(enum lang_id id);

/* Remember how to undo it: before it is carried out what takes something away or changes
 * it, afterwards what makes something. */
void undo_before(struct undo *u, const struct lang_stmt *s);
void undo_after(struct undo *u, const struct ctl *c);

/* Undo one statement; what does not work is logged. false: there is none left. */
bool undo_one(struct undo *u);

#endif
