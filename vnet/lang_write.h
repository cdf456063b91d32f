/* SPDX-License-Identifier: BSD-2-Clause */
/* A statement back to text: one spelling for all that mean the same. Pure. */
#ifndef VNET_LANG_WRITE_H
#define VNET_LANG_WRITE_H

#include "vnet/lang.h"

/*
 * The statement without a newline: whole words, one blank between them, keys in
 * the grammar's order. What lang_parse() makes of it is the same statement.
 * size: at most LANG_LINE_MAX / 2 is of use. ERR_RANGE: it does not fit, as
 * quoting may make a line longer. A statement without words gives "".
 */
err_t lang_write(const struct lang_stmt *s, char *buf, size_t size);

/* One value as a word or two, without its key. */
void lang_write_value(const struct lang_key *key, const struct lang_value *v, char *buf,
		      size_t size, size_t *len);

/* A command in a usage line: "link add NAME KIND remote .. [port ..]". Returns buf. */
char *lang_write_usage(const struct lang_command *cmd, char *buf, size_t size);

#endif
