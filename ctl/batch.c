/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches by statements that undo, see batch.h. */
#include "ctl/batch.h"

#include "ctl/batch_undo.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

struct batch {
	struct lang_source src; /* of the line that comes next */
	const char *text;
	size_t len, at;
	enum { BATCH_CHECK, BATCH_CARRY_OUT, BATCH_UNDO } phase;
	err_t err;
	struct undo undo;
	char message[LANG_MESSAGE_MAX];
};

static struct batch *going; /* NULL: none */

static err_t check(struct batch *b, const char *line, size_t len)
{
	static struct lang_stmt stmt;
	err_t err = lang_parse(&b->src, line, len, &stmt, b->message);
	const char *why = err || !stmt.cmd ? NULL : undo_why_not(stmt.cmd->id);

	if (!why)
		return err;
	lang_error(&b->src, 1, b->message, "\"%s%s%s\" has no place in a batch, because it "
		   "could not be undone: %s", stmt.cmd->object, stmt.cmd->verb ? " " : "",
		   stmt.cmd->verb ? stmt.cmd->verb : "", why);
	return ERR_NOTSUP;
}

static err_t carry_out(struct batch *b, const char *line, size_t len)
{
	static struct lang_stmt stmt;
	struct ctl c = { .src = &b->src, .stmt = &stmt, .out = &out_nowhere,
			 .message = b->message };
	u32 kept_len = b->undo.len, kept_steps = b->undo.steps;
	err_t err = lang_parse(&b->src, line, len, &stmt, b->message);

	if (err || !stmt.cmd)
		return err;
	undo_before(&b->undo, &stmt);
	if (b->undo.full) {
		lang_error(&b->src, 0, b->message, "the batch is too long to be undone");
		err = ERR_NOMEM;
	}
	if (!err)
		err = ctl_execute(&c);
	if (!err) {
		undo_after(&b->undo, &c);
	} else {
		b->undo.len = kept_len;
		b->undo.steps = kept_steps;
	}
	return err;
}

/* The next line, by what the phase does with it. False: there was none. */
static bool next_line(struct batch *b)
{
	const char *line = b->text + b->at;
	size_t left = b->len - b->at;
	const char *end = left ? memchr(line, '\n', left) : NULL;
	size_t n = end ? (size_t)(end - line) : left;

	if (!left)
		return false;
	b->src.line++;
	b->at += n + (end ? 1 : 0);
	b->err = b->phase == BATCH_CHECK ? check(b, line, n) : carry_out(b, line, n);
	return true;
}

/* False: all is done. */
static bool go_on(struct batch *b)
{
	if (b->phase == BATCH_UNDO)
		return undo_one(&b->undo);
	if (next_line(b) && !b->err)
		return true;
	if (b->phase == BATCH_CARRY_OUT && b->err) {
		b->phase = BATCH_UNDO;
		return true;
	}
	if (b->phase == BATCH_CARRY_OUT || b->err)
		return false;
	b->phase = BATCH_CARRY_OUT;
	b->at = 0;
	/* As on a terminal: what needs the rest of a file (a mesh) is refused. */
	b->src = (struct lang_source){ .file = b->src.file, .terminal = true };
	return true;
}

struct batch *batch_begin(const char *text, size_t len, char *message)
{
	struct batch *b;

	if (going) {
		fmt_snprintf(message, LANG_MESSAGE_MAX, "another batch is being carried out");
		return NULL;
	}
	b = plat_alloc(sizeof(*b));
	if (!b || undo_init(&b->undo)) {
		plat_free(b, sizeof(*b));
		fmt_snprintf(message, LANG_MESSAGE_MAX, "batch: no memory");
		return NULL;
	}
	b->src.file = "batch";
	b->text = text;
	b->len = len;
	going = b;
	return b;
}

bool batch_is_going(void)
{
	return going != NULL;
}

bool batch_turn(struct batch *b, err_t *err, char *message)
{
	for (u32 i = 0; i < BATCH_TURN; i++) {
		if (go_on(b))
			continue;
		*err = b->err;
		fmt_snprintf(message, LANG_MESSAGE_MAX, "%s", b->message);
		going = NULL;
		undo_fini(&b->undo);
		plat_free(b, sizeof(*b));
		return true;
	}
	return false;
}
