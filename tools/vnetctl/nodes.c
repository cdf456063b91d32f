/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of nodes, see nodes.h. */
#include "tools/vnetctl/nodes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 9

static const char *append(struct nodes *out, const char *name)
{
	char **more;

	if (!*name)
		return "a name is empty";
	if (strlen(name) >= NODE_MAX)
		return "a name is too long";
	if (out->count == NODES_MAX)
		return "too many nodes";
	more = realloc(out->name, (out->count + 1) * sizeof(*more));
	if (!more)
		return "no memory";
	out->name = more;
	more[out->count] = strdup(name);
	return more[out->count++] ? NULL : "no memory";
}

static const char *expand(const char *head, size_t head_len, const char *rest,
			  struct nodes *out);

/* One item of a bracket, "07" or "01-64", with what stands around it. */
static const char *expand_item(const char *head, size_t head_len, const char *item, size_t len,
			       const char *rest, struct nodes *out)
{
	const char *dash = memchr(item, '-', len), *fault = NULL;
	size_t width = dash ? (size_t)(dash - item) : len;
	char name[2 * NODE_MAX], *end;
	unsigned long from, to;

	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)item[i]) && item + i != dash)
			return "brackets hold numbers and ranges, such as [01-64,70]";
	if (!width || width > DIGITS_MAX || len > 2 * DIGITS_MAX + 1)
		return "brackets hold numbers and ranges, such as [01-64,70]";
	from = strtoul(item, &end, 10);
	to = dash ? strtoul(dash + 1, &end, 10) : from;
	if (end != item + len || to < from)
		return "a range goes from a number to a larger one";
	for (; from <= to && !fault; from++) {
		int n = snprintf(name, sizeof(name), "%.*s%0*lu", (int)head_len, head, (int)width,
				 from);

		fault = expand(name, (size_t)n, rest, out);
	}
	return fault;
}

/* head is done; rest may hold brackets. */
static const char *expand(const char *head, size_t head_len, const char *rest, struct nodes *out)
{
	const char *open = strchr(rest, '['), *close, *fault = NULL;
	char name[2 * NODE_MAX];

	if (head_len + strlen(rest) >= NODE_MAX)
		return "a name is too long";
	if (!open) {
		snprintf(name, sizeof(name), "%.*s%s", (int)head_len, head, rest);
		return append(out, name);
	}
	close = strchr(open, ']');
	if (!close)
		return "a bracket is not closed";
	snprintf(name, sizeof(name), "%.*s%.*s", (int)head_len, head, (int)(open - rest), rest);
	for (const char *item = open + 1; item <= close && !fault;) {
		size_t len = strcspn(item, ",]");

		fault = expand_item(name, strlen(name), item, len, close + 1, out);
		item += len + 1;
	}
	return fault;
}

const char *nodes_parse(const char *list, struct nodes *out)
{
	const char *fault = NULL;
	char part[2 * NODE_MAX];
	bool more = true;

	while (more && !fault) {
		size_t len = 0;

		/* A comma inside brackets parts no names. */
		for (bool inside = false; list[len] && (inside || list[len] != ','); len++)
			inside = list[len] == '[' || (inside && list[len] != ']');
		if (len >= sizeof(part))
			return "a name is too long";
		memcpy(part, list, len);
		part[len] = '\0';
		fault = expand("", 0, part, out);
		more = list[len] == ',';
		list += len + more;
	}
	return fault;
}

void nodes_free(struct nodes *n)
{
	for (u32 i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
	*n = (struct nodes){ 0 };
}

/* --- short lists --------------------------------------------------------------------- */

/* A name as head, number, tail; width 0: it has no number. */
struct parts {
	size_t head, width;
	unsigned long number;
	const char *tail;
};

static struct parts take_apart(const char *name)
{
	size_t end = strlen(name), begin;

	while (end && !isdigit((unsigned char)name[end - 1]))
		end--;
	begin = end;
	while (begin && end - begin < DIGITS_MAX && isdigit((unsigned char)name[begin - 1]))
		begin--;
	return (struct parts){ .head = begin, .width = end - begin,
			       .number = strtoul(name + begin, NULL, 10), .tail = name + end };
}

static bool same_but_number(const char *a, const struct parts *pa, const char *b,
			    const struct parts *pb)
{
	return pa->width && pa->width == pb->width && pa->head == pb->head &&
	       !strncmp(a, b, pa->head) && !strcmp(pa->tail, pb->tail);
}

static size_t put(char *buf, size_t size, size_t len, const char *text, size_t n)
{
	int done = snprintf(buf + len, size - len, "%.*s", (int)n, text);

	return MIN(len + (size_t)done, size - 1);
}

void nodes_fold(char *const *name, u32 count, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (u32 i = 0; i < count;) {
		struct parts first = take_apart(name[i]), next;
		u32 same = i + 1;

		while (same < count && (next = take_apart(name[same]),
					same_but_number(name[i], &first, name[same], &next)))
			same++;
		if (i)
			len = put(buf, size, len, ",", 1);
		if (same == i + 1) {
			len = put(buf, size, len, name[i], strlen(name[i]));
			i = same;
			continue;
		}
		len = put(buf, size, len, name[i], first.head);
		for (u32 k = i; k < same;) {
			struct parts p = take_apart(name[k]);
			u32 run = k + 1;

			while (run < same &&
			       take_apart(name[run]).number == p.number + (run - k))
				run++;
			len = put(buf, size, len, k == i ? "[" : ",", 1);
			len = put(buf, size, len, name[k] + p.head, p.width);
			if (run > k + 1) {
				len = put(buf, size, len, "-", 1);
				len = put(buf, size, len, name[run - 1] + p.head, p.width);
			}
			k = run;
		}
		len = put(buf, size, len, "]", 1);
		len = put(buf, size, len, first.tail, strlen(first.tail));
		i = same;
	}
}
