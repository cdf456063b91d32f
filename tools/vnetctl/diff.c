/* SPDX-License-Identifier: BSD-2-Clause */
/* diff and apply, see diff.h. */
#include "tools/vnetctl/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vnetctl/ask.h"
#include "tools/vnetctl/state.h"

enum outcome { SAME = 0, DIFFERENT = 1, TROUBLE = 2 };

#define ROUTE_ADD "route add "

/* The answer to a statement, to be freed; NULL: there is none, which is said. */
static char *answer(const char *node, const char *statement, u32 timeout_ms, size_t *len)
{
	struct request r = request_statement(statement);
	struct ask a = { .node = node };

	ask_all(&a, 1, &r, timeout_ms);
	request_free(&r);
	if (a.status == ASK_OK) {
		*len = a.len;
		return a.output;
	}
	complain("vnetctl: %s: %s", node, a.error);
	ask_free(&a);
	return NULL;
}

/* The routes' numbers, out of lines "NUMBER  WORDS" in the order of the configuration. */
static bool number_routes(struct state *have, const char *text)
{
	u32 k = 0;

	for (const char *end; *text; text = end + 1) {
		char *words;
		u32 number = (u32)strtoul(text, &words, 10);

		end = strchr(text, '\n');
		if (!end)
			return false;
		if (words == text)
			continue;
		while (k < have->count && have->thing[k].id != LANG_ROUTE_ADD)
			k++;
		words += strspn(words, " ");
		if (k == have->count || strlen(have->thing[k].text + strlen(ROUTE_ADD)) !=
						(size_t)(end - words) ||
		    memcmp(have->thing[k].text + strlen(ROUTE_ADD), words, (size_t)(end - words)))
			return false;
		have->thing[k++].route = number;
	}
	return true;
}

/* What the node is; its name goes to conf->node[0]. */
static bool read_node(const char *node, struct conf *conf, struct state *have, u32 timeout_ms)
{
	struct flat f = { 0 };
	char *text, *routes;
	bool good;
	size_t len;

	text = answer(node, "show config", timeout_ms, &len);
	if (!text)
		return false;
	conf_take(conf, node, text, len);
	routes = answer(node, "show route", timeout_ms, &len);
	good = routes && !conf->errors && conf->nodes && flat_make(&f, conf, 0) &&
	       state_make(have, &f);
	if (good && !number_routes(have, routes)) {
		complain("vnetctl: %s: its routes changed meanwhile", node);
		good = false;
	}
	free(routes);
	flat_free(&f);
	return good;
}

static bool read_file(const struct conf *file, const char *name, struct state *want)
{
	struct flat f = { 0 };
	u32 node;
	bool good = conf_find(file, name, &node) && flat_make(&f, file, node) &&
		    state_make(want, &f);

	flat_free(&f);
	return good;
}

static int carry_out(const char *node, const struct flat *f, u32 timeout_ms)
{
	struct ask a = { .node = node };
	struct request r;
	size_t len = 0;
	char *text;

	for (u32 i = 0; i < f->count; i++)
		len += strlen(f->line[i]) + 1;
	text = malloc(len + 1);
	len = 0;
	for (u32 i = 0; text && i < f->count; i++)
		len += (size_t)sprintf(text + len, "%s\n", f->line[i]);
	r = request_batch(text ? text : "", len);
	free(text);
	ask_all(&a, 1, &r, timeout_ms);
	request_free(&r);
	if (a.status != ASK_OK)
		complain("vnetctl: %s: %s", node, a.error);
	ask_free(&a);
	return a.status == ASK_OK ? SAME : a.status == ASK_REFUSED ? DIFFERENT : TROUBLE;
}

static int one_node(const char *node, const struct conf *file, bool apply, bool named,
		    u32 timeout_ms)
{
	struct state have = { 0 }, want = { 0 };
	struct conf running = { 0 };
	struct flat steps = { 0 };
	int outcome = TROUBLE;

	if (read_node(node, &running, &have, timeout_ms) &&
	    read_file(file, running.node[0].name, &want)) {
		state_difference(&have, &want, &steps);
		outcome = steps.count ? DIFFERENT : SAME;
		if (steps.count && named)
			printf("# %s\n", node);
		for (u32 i = 0; i < steps.count; i++)
			printf("%s\n", steps.line[i]);
		if (steps.count && apply)
			outcome = carry_out(node, &steps, timeout_ms);
	}
	fflush(stdout);
	flat_free(&steps);
	state_free(&want);
	state_free(&have);
	conf_free(&running);
	return outcome;
}

int diff_nodes(const struct nodes *nodes, const char *file, bool apply, u32 timeout_ms)
{
	struct conf c;
	int status = SAME;

	if (!conf_read(&c, file))
		return TROUBLE;
	if (c.errors) {
		conf_free(&c);
		return TROUBLE;
	}
	for (u32 i = 0; i < nodes->count; i++) {
		int one = one_node(nodes->name[i], &c, apply, nodes->count > 1, timeout_ms);

		status = MAX(status, one);
	}
	conf_free(&c);
	return status;
}
