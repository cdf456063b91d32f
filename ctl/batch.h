/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statements that are carried out whole or not at all, some in each turn of the
 * program's loop, so that frames and guests come in between. Meanwhile nobody else
 * changes anything (ctl_line() refuses), but all can look. Boot core only.
 */
#ifndef CTL_BATCH_H
#define CTL_BATCH_H

#include "ctl/ctl.h"

/* Statements of one turn, parsed, carried out or undone. */
#define BATCH_TURN 64u

struct batch;

/*
 * Statements of a file, one a line, without abbreviations. All are parsed before the
 * first is carried out; one that could not be undone is refused then. When one fails
 * later, those before it are undone, the last one first: routes come back with new
 * numbers. The text stays the caller's, until the batch is over. NULL: no memory, or
 * another one is going on; message (LANG_MESSAGE_MAX bytes) says which.
 */
struct batch *batch_begin(const char *text, size_t len, char *message);

/* Is one going on? */
bool batch_is_going(void);

/*
 * One turn. False: there is more to do. True: it is over, the batch is freed, and *err
 * says how it ended; if not ERR_OK, message names the line and nothing has changed.
 */
bool batch_turn(struct batch *b, err_t *err, char *message);

#endif
