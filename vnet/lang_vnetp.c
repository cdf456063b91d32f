/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of VNET/P as a dialect, see lang_words.h. */
#include "hv/base/str.h"
#include "vnet/lang_words.h"

#define ROUTE_WORDS 6 /* without the name of where frames come from */
#define LINK_WORDS 3

static const char route_form[] =
	"expected: add SRC DST edge|interface IP|MAC edge|interface|any [IP|MAC]";
static const char link_form[] = "expected: add IP PORT [udp|tcp]";
static const char del_form[] = "expected: del NUMBER (a route), or del IP (a link)";

/* The new line, word by word: the old one's, or ours, which stand where the next
 * old one does. */
struct writer {
	const struct lang_words *from;
	struct lang_words to;
};

static void put(struct writer *w, const char *word, u32 column)
{
	w->to.word[w->to.count] = (char *)(uintptr_t)word; /* only read from here on */
	w->to.column[w->to.count++] = column;
}

static void take(struct writer *w, const char *before, u32 i)
{
	if (before)
		put(w, before, w->from->column[i]);
	put(w, w->from->word[i], w->from->column[i]);
}

static bool is_address(const char *word)
{
	return *word >= '0' && *word <= '9' && strchr(word, '.');
}

static const char *add_link(struct writer *w)
{
	const struct lang_words *from = w->from;

	if (from->count > LINK_WORDS + 1)
		return link_form;
	put(w, "link", from->column[0]);
	put(w, "add", from->column[0]);
	take(w, NULL, 1);
	if (from->count > LINK_WORDS)
		take(w, NULL, LINK_WORDS);
	else
		put(w, "udp", from->column[1]);
	take(w, "remote", 1);
	take(w, "port", 2);
	return NULL;
}

static const char *add_route(struct writer *w)
{
	const struct lang_words *from = w->from;
	bool any = from->count >= ROUTE_WORDS && !strcmp(from->word[ROUTE_WORDS - 1], "any");

	if (from->count != (any ? ROUTE_WORDS : ROUTE_WORDS + 1))
		return route_form;
	put(w, "route", from->column[0]);
	put(w, "add", from->column[0]);
	take(w, "src", 1);
	take(w, "dst", 2);
	take(w, "to", 3);
	take(w, NULL, 4);
	take(w, "from", 5);
	if (!any)
		take(w, NULL, ROUTE_WORDS);
	return NULL;
}

static const char *delete(struct writer *w)
{
	const struct lang_words *from = w->from;

	if (from->count != 2)
		return del_form;
	put(w, is_address(from->word[1]) ? "link" : "route", from->column[0]);
	put(w, "del", from->column[0]);
	take(w, NULL, 1);
	return NULL;
}

const char *lang_vnetp(struct lang_words *words)
{
	struct writer w = { .from = words };
	const char *fault;

	if (!words->count)
		return NULL;
	if (!strcmp(words->word[0], "del"))
		fault = delete(&w);
	else if (strcmp(words->word[0], "add"))
		return NULL;
	else if (words->count >= LINK_WORDS && is_address(words->word[1]))
		fault = add_link(&w);
	else
		fault = add_route(&w);
	if (!fault)
		*words = w.to;
	return fault;
}
