/* SPDX-License-Identifier: BSD-2-Clause */
/* A line as words, between the parser and the dialect. */
#ifndef VNET_LANG_WORDS_H
#define VNET_LANG_WORDS_H

#include "vnet/lang.h"

struct lang_words {
	u32 count;
	char *word[LANG_WORDS_MAX];
	u32 column[LANG_WORDS_MAX]; /* where each stood, from 1 */
};

/*
 * VNET/P's own lines, which begin with add or del, become ours; others stay as
 * they are:
 *
 *     add SRC DST edge|interface IP|MAC edge|interface|any [IP|MAC]     a route
 *     add IP PORT [udp|tcp]                                             a link, named IP
 *     del NUMBER                                                        a route
 *     del IP                                                            a link
 *
 * An edge is known by its peer's address, an interface by its MAC. NULL, or what
 * such a line looks like: this is none.
 */
const char *lang_vnetp(struct lang_words *w);

#endif
