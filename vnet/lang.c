/* SPDX-License-Identifier: BSD-2-Clause */
/* Parser of the control language, see lang.h. */
#include "vnet/lang.h"

#include <stdarg.h>

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/lang_words.h"

#define CANDIDATES_MAX 48

struct parse {
	const struct lang_source *src;
	struct lang_words w;
	u32 at; /* next word */
	struct lang_stmt *out;
	char *message;
};

void lang_error(const struct lang_source *src, u32 column, char *message, const char *f, ...)
{
	size_t len = 0;
	va_list ap;

	fmt_append(message, LANG_MESSAGE_MAX, &len, "%s:", src->file);
	if (src->line)
		fmt_append(message, LANG_MESSAGE_MAX, &len, "%u:", src->line);
	if (column)
		fmt_append(message, LANG_MESSAGE_MAX, &len, "%u:", column);
	fmt_append(message, LANG_MESSAGE_MAX, &len, " ");
	va_start(ap, f);
	fmt_vsnprintf(message + len, LANG_MESSAGE_MAX - len, f, ap);
	va_end(ap);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word from s (n bytes left) to *store; returns bytes used, 0 on an open
 * quote. */
static size_t take_word(const char *s, size_t n, char **store)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < n && (quoted || !is_blank(s[i])); i++) {
		if (s[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\'))
			i++;
		*(*store)++ = s[i];
	}
	*(*store)++ = '\0';
	return quoted ? 0 : i;
}

static err_t split(struct parse *p, const char *line, size_t len)
{
	char *store = p->out->storage;
	size_t i = 0, used;

	if (len >= LANG_LINE_MAX / 2) {
		lang_error(p->src, 0, p->message, "line of %zu characters is too long (at most %u)",
			   len, LANG_LINE_MAX / 2 - 1);
		return ERR_INVAL;
	}
	for (;;) {
		while (i < len && is_blank(line[i]))
			i++;
		if (i == len || line[i] == '#')
			return ERR_OK;
		for (size_t k = i; k < len; k++) {
			if ((u8)line[k] < ' ' && !is_blank(line[k])) {
				lang_error(p->src, (u32)k + 1, p->message,
					   "control character \\x%02x", (u8)line[k]);
				return ERR_INVAL;
			}
		}
		if (p->w.count == LANG_WORDS_MAX) {
			lang_error(p->src, (u32)i + 1, p->message, "more than %u words in a line",
				   LANG_WORDS_MAX);
			return ERR_INVAL;
		}
		p->w.column[p->w.count] = (u32)i + 1;
		p->w.word[p->w.count++] = store;
		used = take_word(line + i, len - i, &store);
		if (!used) {
			lang_error(p->src, (u32)i + 1, p->message, "a quote is not closed");
			return ERR_INVAL;
		}
		i += used;
	}
}

/* Edit distance with adjacent swaps, cut off at `limit`: short words only. */
static u32 distance(const char *a, const char *b)
{
	u32 row[3][LANG_NAME_MAX + 1];
	u32 m = (u32)strnlen(a, LANG_NAME_MAX), n = (u32)strnlen(b, LANG_NAME_MAX);

	for (u32 j = 0; j <= n; j++)
		row[0][j] = j;
	for (u32 i = 1; i <= m; i++) {
		u32 *now = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];

		now[0] = i;
		for (u32 j = 1; j <= n; j++) {
			u32 best = prev[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(prev[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, prev2[j - 2] + 1);
			now[j] = best;
		}
	}
	return row[m % 3][n];
}

const char *lang_suggest(const char *word, const char *const *candidates, u32 count)
{
	static char text[LANG_NAME_MAX + 24];
	const char *best = NULL;
	u32 best_distance = 3;

	for (u32 i = 0; i < count; i++) {
		u32 d = distance(word, candidates[i]);

		if (d < best_distance && d < strlen(candidates[i])) {
			best = candidates[i];
			best_distance = d;
		}
	}
	text[0] = '\0';
	if (best)
		fmt_snprintf(text, sizeof(text), " (did you mean \"%s\"?)", best);
	return text;
}

/* Candidates for one place in a statement, each once. */
struct candidates {
	u32 count;
	const char *word[CANDIDATES_MAX];
};

static void candidate_add(struct candidates *c, const char *word)
{
	for (u32 i = 0; i < c->count; i++)
		if (!strcmp(c->word[i], word))
			return;
	if (c->count < CANDIDATES_MAX)
		c->word[c->count++] = word;
}

/*
 * Find word among the candidates: exactly, or on a terminal by an unambiguous
 * beginning. Returns the candidate, or NULL with the message written.
 */
static const char *match_word(struct parse *p, u32 at, const struct candidates *c)
{
	const char *word = p->w.word[at], *found = NULL;
	char expected[160] = "";
	size_t len = 0;
	u32 hits = 0;

	for (u32 i = 0; i < c->count; i++) {
		if (!strcmp(word, c->word[i]))
			return c->word[i];
		if (p->src->terminal && !strncmp(word, c->word[i], strlen(word))) {
			found = c->word[i];
			hits++;
		}
		fmt_append(expected, sizeof(expected), &len, "%s%s", i ? ", " : "", c->word[i]);
	}
	if (hits == 1)
		return found;
	lang_error(p->src, p->w.column[at], p->message, "%s word \"%.40s\"%s; expected: %s",
		   hits ? "ambiguous" : "unknown", word,
		   hits ? "" : lang_suggest(word, c->word, c->count), expected);
	return NULL;
}

static bool allowed(const struct parse *p, const struct lang_command *cmd)
{
	return p->src->terminal || cmd->in_file;
}

static const struct lang_command *match_command(struct parse *p)
{
	struct candidates objects = { 0 }, verbs = { 0 };
	const struct lang_command *cmd, *alone = NULL;
	const char *object, *verb;

	for (cmd = lang_commands; cmd->object; cmd++)
		if (allowed(p, cmd))
			candidate_add(&objects, cmd->object);
	object = match_word(p, p->at, &objects);
	if (!object)
		return NULL;
	p->at++;
	for (cmd = lang_commands; cmd->object; cmd++) {
		if (strcmp(cmd->object, object) || !allowed(p, cmd))
			continue;
		if (cmd->verb)
			candidate_add(&verbs, cmd->verb);
		else
			alone = cmd;
	}
	/* "node alpha": an object without a verb takes what is no verb of it. */
	for (cmd = lang_commands; alone && p->at < p->w.count && cmd->object; cmd++)
		if (cmd->verb && !strcmp(cmd->object, object) && allowed(p, cmd) &&
		    !strcmp(cmd->verb, p->w.word[p->at]))
			alone = NULL;
	if (alone)
		return alone;
	if (p->at == p->w.count) {
		char expected[100] = "";
		size_t len = 0;

		for (u32 i = 0; i < verbs.count; i++)
			fmt_append(expected, sizeof(expected), &len, "%s%s", i ? ", " : "",
				   verbs.word[i]);
		lang_error(p->src, p->w.column[p->at - 1], p->message,
			   "\"%s\" needs a verb; expected: %s", object, expected);
		return NULL;
	}
	verb = match_word(p, p->at, &verbs);
	if (!verb)
		return NULL;
	p->at++;
	for (cmd = lang_commands; cmd->object; cmd++)
		if (!strcmp(cmd->object, object) && cmd->verb && !strcmp(cmd->verb, verb))
			return cmd;
	return NULL;
}

static bool is_key(const struct lang_command *cmd, const char *word)
{
	for (const struct lang_key *k = cmd->keys; k->word; k++)
		if (!k->bare && !strcmp(k->word, word))
			return true;
	return false;
}

static err_t take_name(struct parse *p)
{
	static const struct lang_key name_key = { .word = "name", .type = LANG_NAME };
	const struct lang_command *cmd = p->out->cmd;
	struct lang_value v = { 0 };
	char why[160];
	u32 used;

	if (cmd->name == LANG_NAME_NONE)
		return ERR_OK;
	if (p->at == p->w.count || is_key(cmd, p->w.word[p->at])) {
		if (cmd->name == LANG_NAME_OPTIONAL)
			return ERR_OK;
		lang_error(p->src, p->w.column[p->at - 1], p->message,
			   "\"%s%s%s\" needs a name", cmd->object, cmd->verb ? " " : "",
			   cmd->verb ? cmd->verb : "");
		return ERR_INVAL;
	}
	if (lang_value_parse(&name_key, &p->w.word[p->at], 1, &used, &v, why, sizeof(why))) {
		lang_error(p->src, p->w.column[p->at], p->message, "%s", why);
		return ERR_INVAL;
	}
	p->out->name = p->w.word[p->at];
	p->out->name_column = p->w.column[p->at];
	p->at++;
	return ERR_OK;
}

static err_t take_value(struct parse *p, u32 key_at, u32 column)
{
	const struct lang_key *key = &p->out->cmd->keys[key_at];
	struct lang_value *v = &p->out->value[key_at];
	char why[200];
	u32 used = 0;

	if (v->set) {
		lang_error(p->src, column, p->message, "\"%s\" stands twice", key->word);
		return ERR_INVAL;
	}
	v->column = column;
	if (key->type == LANG_FLAG) {
		v->set = true;
		return ERR_OK;
	}
	if (lang_value_parse(key, &p->w.word[p->at], p->w.count - p->at, &used, v, why,
			     sizeof(why))) {
		if (p->at < p->w.count)
			column = p->w.column[p->at];
		lang_error(p->src, column, p->message, "%s", why);
		return ERR_INVAL;
	}
	p->at += used;
	v->column = p->w.column[p->at - 1]; /* of "edge NAME" the name */
	return ERR_OK;
}

static err_t take_keys(struct parse *p)
{
	const struct lang_command *cmd = p->out->cmd;
	struct candidates c = { 0 };
	err_t err;

	for (u32 i = 0; cmd->keys[i].word; i++) {
		if (!cmd->keys[i].bare) {
			candidate_add(&c, cmd->keys[i].word);
			continue;
		}
		err = take_value(p, i, p->w.column[MIN(p->at, p->w.count - 1)]);
		if (err)
			return err;
	}
	while (p->at < p->w.count) {
		const char *word;
		u32 i = 0;

		if (!c.count) {
			lang_error(p->src, p->w.column[p->at], p->message,
				   "unexpected word \"%.40s\"; nothing may follow here",
				   p->w.word[p->at]);
			return ERR_INVAL;
		}
		word = match_word(p, p->at, &c);
		if (!word)
			return ERR_INVAL;
		while (strcmp(cmd->keys[i].word, word))
			i++;
		p->at++;
		err = take_value(p, i, p->w.column[p->at - 1]);
		if (err)
			return err;
	}
	return ERR_OK;
}

static err_t check_required(struct parse *p)
{
	const struct lang_command *cmd = p->out->cmd;

	for (u32 i = 0; cmd->keys[i].word; i++) {
		if (!cmd->keys[i].required || p->out->value[i].set)
			continue;
		lang_error(p->src, p->w.column[0], p->message, "\"%s %s\" needs \"%s\" (%s)",
			   cmd->object, cmd->verb ? cmd->verb : "", cmd->keys[i].word,
			   cmd->keys[i].help);
		return ERR_INVAL;
	}
	return ERR_OK;
}

err_t lang_parse(const struct lang_source *src, const char *line, size_t len,
		 struct lang_stmt *out, char *message)
{
	struct parse p = { .src = src, .out = out, .message = message };
	const char *fault;
	err_t err;

	memset(out, 0, sizeof(*out));
	message[0] = '\0';
	err = split(&p, line, len);
	if (err || !p.w.count)
		return err;
	fault = lang_vnetp(&p.w);
	if (fault) {
		lang_error(src, p.w.column[0], message, "a line of VNET/P? %s", fault);
		return ERR_INVAL;
	}
	out->cmd = match_command(&p);
	if (!out->cmd)
		return ERR_INVAL;
	err = take_name(&p);
	if (!err)
		err = take_keys(&p);
	if (!err)
		err = check_required(&p);
	return err;
}

const struct lang_value *lang_get(const struct lang_stmt *s, const char *word)
{
	for (u32 i = 0; s->cmd && s->cmd->keys[i].word; i++)
		if (!strcmp(s->cmd->keys[i].word, word))
			return s->value[i].set ? &s->value[i] : NULL;
	return NULL;
}

void lang_quote(char *buf, size_t size, size_t *len, const char *text)
{
	bool plain = *text && *text != '#';

	for (const char *c = text; *c; c++)
		if (is_blank(*c) || *c == '"' || *c == '\\')
			plain = false;
	if (plain) {
		fmt_append(buf, size, len, "%s", text);
		return;
	}
	fmt_append(buf, size, len, "\"");
	for (; *text; text++)
		fmt_append(buf, size, len, "%s%c", *text == '"' || *text == '\\' ? "\\" : "",
			   *text);
	fmt_append(buf, size, len, "\"");
}
