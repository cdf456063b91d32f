/* SPDX-License-Identifier: BSD-2-Clause */
/* From the words of a command line to a statement of the language. */
#ifndef VNETCTL_WORDS_H
#define VNETCTL_WORDS_H

#include "vnet/lang.h"

/*
 * "link show b" and "link" are as good as "show link b" and "show link"; words
 * with blanks are quoted. json: the statement is to answer in JSON; stats: with
 * counters where it has them apart. false: it is too long for a statement.
 */
bool words_statement(char *const *word, u32 count, bool json, bool stats, char *buf,
		     size_t size);

/* Is it, perhaps abbreviated, that word? The abbreviation has at least `least` letters. */
bool words_is(const char *word, const char *full, size_t least);

/* What may follow these words, one a line on standard output: for completion. */
void words_complete(char *const *word, u32 count);

/* Each statement and its keys, as the grammar has them: as text, or as a part of node.conf(5). */
void words_grammar(bool roff);

#endif
