/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines and statements, see words.h. */
#include "tools/vnetctl/words.h"

#include <stdio.h>
#include <string.h>

#include "hv/base/fmt.h"
#include "vnet/lang_write.h"

/* "s" alone may be set as well. */
#define SHOW_LEAST 2
#define OBJECTS_MAX 64u

bool words_is(const char *word, const char *full, size_t least)
{
	return strlen(word) >= least && !strncmp(word, full, strlen(word));
}

/* An object that show knows by the same word, and that is no statement by itself. */
static bool can_be_shown(const char *word)
{
	for (const struct lang_command *c = lang_commands; c->object; c++)
		if (!strcmp(c->object, "show") && words_is(word, c->verb, 1))
			return true;
	return false;
}

/* Does show take the word `stats` about that object? */
static bool has_stats(const char *object)
{
	for (const struct lang_command *c = lang_commands; c->object; c++) {
		if (strcmp(c->object, "show") || !words_is(object, c->verb, 1))
			continue;
		for (const struct lang_key *k = c->keys; k->word; k++)
			if (!strcmp(k->word, "stats"))
				return true;
	}
	return false;
}

bool words_statement(char *const *word, u32 count, bool json, bool stats, char *buf, size_t size)
{
	bool show = words_is(word[0], "show", SHOW_LEAST), swap = false;
	const char *object = show && count > 1 ? word[1] : word[0];
	size_t len = 0;
	u32 from = 0;

	if (!show && count == 1 && can_be_shown(word[0])) {
		fmt_append(buf, size, &len, "show");
		show = true;
	} else if (!show && count > 1 && words_is(word[1], "show", SHOW_LEAST)) {
		swap = true;
		show = true;
	}
	if (swap) {
		fmt_append(buf, size, &len, "show ");
		lang_quote(buf, size, &len, word[0]);
		from = 2;
	}
	for (u32 i = from; i < count; i++) {
		if (len)
			fmt_append(buf, size, &len, " ");
		lang_quote(buf, size, &len, word[i]);
	}
	if (stats && show && has_stats(object))
		fmt_append(buf, size, &len, " stats");
	if (json && (show || words_is(word[0], "trace", 1)))
		fmt_append(buf, size, &len, " json");
	return len + 1 < size;
}

/* --- completion ----------------------------------------------------------------------- */

static void offer(const char *word)
{
	printf("%s\n", word);
}

static void offer_choices(const struct lang_key *k)
{
	static const char *const by_type[] = {
		[LANG_BOOL] = "on\noff",
		[LANG_IP4_LEN_OR_DHCP] = "dhcp",
		[LANG_MAC_MATCH] = "any\nnone\ngroup",
		[LANG_PORT] = "interface\nedge",
		[LANG_PORT_FROM] = "any\ninterfaces\nedges\ninterface\nedge",
	};

	for (u32 i = 0; k->choices && k->choices[i]; i++)
		offer(k->choices[i]);
	if (k->type < ARRAY_SIZE(by_type) && by_type[k->type])
		offer(by_type[k->type]);
}

static void offer_objects(void)
{
	const char *last = "";

	for (const struct lang_command *c = lang_commands; c->object; c++) {
		if (strcmp(c->object, last) != 0)
			offer(c->object);
		last = c->object;
	}
}

static void offer_verbs(const char *object)
{
	for (const struct lang_command *c = lang_commands; c->object; c++) {
		if (c->verb && !strcmp(c->object, object))
			offer(c->verb);
		if (!strcmp(c->object, "show") && !strcmp(c->verb, object))
			offer("show");
	}
}

static const struct lang_command *find(const char *object, const char *verb)
{
	const struct lang_command *c = lang_commands;

	while (c->object && (strcmp(c->object, object) || !c->verb || strcmp(c->verb, verb)))
		c++;
	return c->object ? c : NULL;
}

/* What comes behind the words of a statement whose object and verb are whole. */
static void offer_rest(const struct lang_command *c, char *const *word, u32 count)
{
	bool named = c->name != LANG_NAME_NONE;
	const struct lang_key *k = c->keys;

	if (named && !count && c->name == LANG_NAME_REQUIRED)
		return;
	for (; k->word && k->bare; k++) {
		if (count == named) {
			offer_choices(k);
			return;
		}
	}
	for (; count && k->word; k++) {
		if (!strcmp(k->word, word[count - 1]) && k->type != LANG_FLAG) {
			offer_choices(k);
			return;
		}
	}
	for (k = c->keys; k->word; k++)
		if (!k->bare)
			offer(k->word);
}

void words_complete(char *const *word, u32 count)
{
	const struct lang_command *c;

	if (!count) {
		offer_objects();
		return;
	}
	if (count == 1) {
		offer_verbs(word[0]);
		for (c = lang_commands; c->object; c++)
			if (!c->verb && !strcmp(c->object, word[0]))
				offer_rest(c, word + 1, 0);
		return;
	}
	c = strcmp(word[1], "show") ? find(word[0], word[1]) : find("show", word[0]);
	if (c)
		offer_rest(c, word + 2, count - 2);
}

static void key_line(const struct lang_key *k, bool roff)
{
	printf(roff ? ".br\n\\fB%s\\fR: %s" : "    %-14s %s", k->word, k->help);
	for (u32 i = 0; k->choices && k->choices[i]; i++)
		printf("%s%s", i ? ", " : ": ", k->choices[i]);
	printf("\n");
}

void words_grammar(bool roff)
{
	char usage[LANG_LINE_MAX];

	for (const struct lang_command *c = lang_commands; c->object; c++) {
		printf(roff ? ".TP\n.B %s\n%s%s.\n" : "%s\n    %s%s\n",
		       lang_write_usage(c, usage, sizeof(usage)), c->help,
		       c->in_file ? "" : " (not in a file)");
		for (const struct lang_key *k = c->keys; k->word; k++)
			key_line(k, roff);
	}
}
