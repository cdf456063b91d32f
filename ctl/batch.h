/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that are carried out whole or not at all. Boot core only. */
#ifndef CTL_BATCH_H
#define CTL_BATCH_H

#include "ctl/ctl.h"

/* What would undo it: bytes of text, and statements. */
#define BATCH_UNDO_MAX (1024u * 1024)
#define BATCH_STEPS_MAX (16u * 1024)

/*
 * Statements of a file, one a line, without abbreviations. All are parsed before
 * the first is carried out; a statement that could not be undone is refused then.
 * When one fails later, those before it are undone, the last one first: routes
 * come back with new numbers. On an error message (LANG_MESSAGE_MAX bytes) names
 * the line.
 */
err_t ctl_batch(const char *text, size_t len, char *message);

#endif
