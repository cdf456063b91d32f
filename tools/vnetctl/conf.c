/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading configuration files, see conf.h. */
#include "tools/vnetctl/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/lang_file.h"
#include "vnet/lang_write.h"
#include "vnet/overlay_mesh.h"

#define FILE_MAX (16u * 1024 * 1024)
#define CHUNK 65536u

void complain(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vfprintf(stderr, f, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* An array that doubles when it is full. */
static void *room(void *array, u32 count, size_t item)
{
	void *more;

	if (count & (count - 1))
		return array;
	more = realloc(array, MAX(2 * (size_t)count, 1) * item);
	if (!more) {
		complain("vnetctl: no memory");
		exit(1);
	}
	return more;
}

/* --- a file ------------------------------------------------------------------------- */

static void bad(struct conf *c, const char *message)
{
	c->errors++;
	complain("%s", message);
}

static void take_section(struct conf *c, const struct lang_stmt *s, u32 line)
{
	struct conf_node *n;

	for (u32 i = 0; i < c->nodes; i++) {
		if (strcmp(c->node[i].name, s->name) != 0)
			continue;
		c->errors++;
		complain("%s:%u:%u: node \"%s\" has a section already, in line %u", c->file, line,
			 s->name_column, s->name, c->node[i].line);
	}
	c->node = room(c->node, c->nodes, sizeof(*c->node));
	n = &c->node[c->nodes++];
	snprintf(n->name, sizeof(n->name), "%s", s->name);
	n->line = line;
}

static void take_error(void *ctx, const char *message)
{
	bad(ctx, message);
}

/* Lines of all nodes are kept. */
static bool take_node(void *ctx, const struct lang_source *src, const struct lang_stmt *s)
{
	take_section(ctx, s, src->line);
	return true;
}

static void take_statement(void *ctx, const struct lang_source *src, const struct lang_stmt *s,
			   const char *text, size_t len)
{
	struct conf *c = ctx;

	(void)s;
	c->line = room(c->line, c->lines, sizeof(*c->line));
	c->line[c->lines++] = (struct conf_line){
		.text = text,
		.len = (u32)len,
		.line = src->line,
		.node = c->nodes ? c->nodes - 1 : CONF_EVERY,
	};
}

void conf_take(struct conf *c, const char *file, char *text, size_t len)
{
	const struct lang_reader reader = {
		.error = take_error, .section = take_node, .statement = take_statement, .ctx = c,
	};

	*c = (struct conf){ .file = file, .text = text, .len = len };
	lang_file_read(file, text, len, &reader);
}

bool conf_slurp(struct conf *c, const char *file)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "r") : stdin;
	const char *name = f == stdin ? "standard input" : file;
	char *text = NULL;
	size_t len = 0, got = CHUNK;
	bool good;

	*c = (struct conf){ 0 };
	if (!f) {
		complain("vnetctl: %s: %s", file, strerror(errno));
		return false;
	}
	for (; got == CHUNK && len <= FILE_MAX; len += got) {
		char *more = realloc(text, len + CHUNK);

		if (!more)
			break;
		text = more;
		got = fread(text + len, 1, CHUNK, f);
	}
	good = !ferror(f) && text && len <= FILE_MAX;
	if (!good)
		complain("vnetctl: %s: %s", name, ferror(f) ? strerror(errno) : "too long");
	if (f != stdin)
		fclose(f);
	*c = (struct conf){ .file = name, .text = text, .len = len };
	return good;
}

bool conf_read(struct conf *c, const char *file)
{
	bool good = conf_slurp(c, file);

	if (good)
		conf_take(c, c->file, c->text, c->len);
	else
		conf_free(c);
	return good;
}

void conf_free(struct conf *c)
{
	free(c->text);
	free(c->line);
	free(c->node);
	*c = (struct conf){ 0 };
}

bool conf_find(const struct conf *c, const char *name, u32 *node)
{
	*node = CONF_EVERY;
	if (!c->nodes)
		return true;
	for (u32 i = 0; i < c->nodes; i++) {
		if (!strcmp(c->node[i].name, name)) {
			*node = i;
			return true;
		}
	}
	complain("%s: none of its %u node sections is named %s", c->file, c->nodes, name);
	return false;
}

void conf_each(const struct conf *c, u32 node, conf_each_fn each, void *ctx)
{
	static struct lang_stmt s;
	struct lang_source src = { .file = c->file };
	char message[LANG_MESSAGE_MAX];

	for (u32 i = 0; i < c->lines; i++) {
		const struct conf_line *l = &c->line[i];

		src.line = l->line;
		if ((l->node == CONF_EVERY || l->node == node) &&
		    !lang_parse(&src, l->text, l->len, &s, message))
			each(ctx, &src, &s);
	}
}

/* --- flat ---------------------------------------------------------------------------- */

bool flat_add(struct flat *f, const char *line)
{
	f->line = room(f->line, f->count, sizeof(*f->line));
	f->line[f->count] = strdup(line);
	return f->line[f->count++] != NULL;
}

void flat_free(struct flat *f)
{
	for (u32 i = 0; i < f->count; i++)
		free(f->line[i]);
	free(f->line);
	*f = (struct flat){ 0 };
}

struct flattener {
	struct flat *f;
	u32 errors;
	bool mesh;
};

static void flatten(void *ctx, const struct lang_source *src, const struct lang_stmt *parsed)
{
	static struct lang_stmt s;
	struct flattener *to = ctx;
	char text[LANG_LINE_MAX / 2], message[LANG_MESSAGE_MAX];

	s = *parsed; /* its texts stay in `parsed` */
	if (s.cmd->id == LANG_OVERLAY_ADD && mesh_take_out(&s))
		to->mesh = true;
	if (lang_write(&s, text, sizeof(text))) {
		lang_error(src, 0, message, "too long once every backslash is quoted");
		complain("%s", message);
		to->errors++;
		return;
	}
	flat_add(to->f, text);
}

static void mesh_line(void *ctx, const char *text)
{
	struct flattener *to = ctx;

	flat_add(to->f, text);
}

static void mesh_error(void *ctx, const char *message)
{
	struct flattener *to = ctx;

	complain("%s", message);
	to->errors++;
}

bool flat_make(struct flat *f, const struct conf *c, u32 node)
{
	struct flattener to = { .f = f, .errors = c->errors };
	const struct mesh_sink sink = { .line = mesh_line, .error = mesh_error, .ctx = &to };
	char message[LANG_MESSAGE_MAX];
	struct mesh *m;

	conf_each(c, node, flatten, &to);
	if (!to.mesh || node == CONF_EVERY)
		return !to.errors;
	m = mesh_read(c->file, c->text, c->len, message);
	if (m)
		mesh_expand(m, c->node[node].name, &sink);
	else
		mesh_error(&to, message);
	mesh_free(m);
	return !to.errors;
}
