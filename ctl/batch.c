/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches by statements that undo, see batch.h. */
#include "ctl/batch.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/dispatch_lang.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"
#include "vnet/route.h"

/* What would undo the statements so far, the next one to carry out last. */
struct undo_step {
	u32 at;	   /* its statement in text, ended by a NUL */
	u32 route; /* route add: the number it had; route del, which lacks it there: its number */
};

struct undo {
	char *text;
	struct undo_step *step;
	u32 len, steps;
};

struct batch {
	struct lang_source src;
	struct undo undo;
	char *message;
};

typedef err_t (*line_fn)(struct batch *b, const char *line, size_t len);

static void discard(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	(void)len;
}

static const struct out nowhere = { .write = discard };

/* --- the way back ------------------------------------------------------------- */

static bool is_full(const struct undo *u)
{
	return u->len + LANG_LINE_MAX > BATCH_UNDO_MAX || u->steps == BATCH_STEPS_MAX;
}

/* What does not fit is missing; is_full() says so before the statement is carried out. */
static PRINTF(3, 4) void remember(struct undo *u, u32 route, const char *f, ...)
{
	va_list ap;

	if (is_full(u))
		return;
	u->step[u->steps++] = (struct undo_step){ .at = u->len, .route = route };
	va_start(ap, f);
	u->len += (u32)fmt_vsnprintf(u->text + u->len, LANG_LINE_MAX, f, ap) + 1;
	va_end(ap);
}

static void remember_route(struct undo *u, const struct route *r)
{
	char text[ROUTE_TEXT_MAX];

	remember(u, r->id, "route add %s", route_format(&r->spec, text, sizeof(text)));
}

/* The routes go with the link, and come back after it. */
static void remember_link(struct undo *u, struct vnet_port *port)
{
	char text[LINK_LANG_MAX];

	for (const struct route *r = route_next(0); r; r = route_next(r->id))
		if (r->spec.to == port->id ||
		    (r->spec.from == ROUTE_FROM_PORT && r->spec.from_port == port->id))
			remember_route(u, r);
	remember(u, 0, "%s", link_lang_write(edge_of(port), text));
}

static void remember_overlay(struct undo *u, const struct overlay *o, bool gone)
{
	char text[OVERLAY_LANG_MAX];
	const struct overlay_setup *s = &o->setup;

	if (gone)
		remember(u, 0, "%s", overlay_lang_write(o, text));
	else
		remember(u, 0, "overlay set %s learn %s age %us learn-limit %u", o->name,
			 s->learn ? "on" : "off", s->age_s, s->limit);
}

/* For statements that take something away, or change it: before they are carried out. */
static void remember_before(struct undo *u, const struct lang_stmt *s)
{
	struct vnet_port *port = s->name ? vnet_port_find(s->name) : NULL;
	const struct overlay *o = s->name ? overlay_find(s->name) : NULL;
	const struct lang_value *id = lang_get(s, "id");
	const struct route *r = id ? route_next((u32)id->num - 1) : NULL;
	char text[DISPATCH_LANG_MAX];

	switch (s->cmd->id) {
	case LANG_ROUTE_DEL:
		if (r && r->id == id->num)
			remember_route(u, r);
		break;
	case LANG_LINK_DEL:
		if (port && port->kind == VNET_PORT_EDGE)
			remember_link(u, port);
		break;
	case LANG_INTERFACE_SET:
		if (port && port->dispatch)
			remember(u, 0, "interface set %s%s", s->name,
				 dispatch_lang_write(port->dispatch, true, text));
		/* fallthrough */
	case LANG_LINK_SET:
		if (port && lang_get(s, "state"))
			remember(u, 0, "%s set %s state %s", s->cmd->object, s->name,
				 port->up ? "up" : "down");
		break;
	case LANG_OVERLAY_SET:
	case LANG_OVERLAY_DEL:
		if (o)
			remember_overlay(u, o, s->cmd->id == LANG_OVERLAY_DEL);
		break;
	default:
		break;
	}
}

/* For statements that make something: afterwards. */
static void remember_after(struct undo *u, const struct ctl *c)
{
	const struct lang_stmt *s = c->stmt;

	switch (s->cmd->id) {
	case LANG_ROUTE_ADD:
		remember(u, c->made, "route del");
		break;
	case LANG_VM_START:
		remember(u, 0, "vm stop %s", s->name);
		break;
	case LANG_LINK_ADD:
	case LANG_INTERFACE_ADD:
	case LANG_VM_ADD:
		remember(u, 0, "%s del %s force", s->cmd->object, s->name);
		break;
	case LANG_OVERLAY_ADD:
	case LANG_UPLINK_ADD:
	case LANG_DISPATCHER_ADD:
		remember(u, 0, "%s del %s", s->cmd->object, s->name);
		break;
	default:
		break;
	}
}

static bool can_be_undone(enum lang_id id)
{
	static const bool can[LANG_ID_COUNT] = {
		[LANG_CAISSON] = true,	     [LANG_ROUTE_ADD] = true,
		[LANG_ROUTE_DEL] = true,     [LANG_LINK_ADD] = true,
		[LANG_LINK_DEL] = true,	     [LANG_LINK_SET] = true,
		[LANG_INTERFACE_ADD] = true, [LANG_INTERFACE_SET] = true,
		[LANG_OVERLAY_ADD] = true,   [LANG_OVERLAY_SET] = true,
		[LANG_OVERLAY_DEL] = true,   [LANG_UPLINK_ADD] = true,
		[LANG_VM_ADD] = true,	     [LANG_VM_START] = true,
		[LANG_DISPATCHER_ADD] = true,
	};

	return can[id];
}

/* A route that is there again has a new number. */
static void renumber(struct undo *u, u32 old, u32 new)
{
	for (u32 i = 0; i < u->steps; i++)
		if (u->step[i].route == old)
			u->step[i].route = new;
}

static err_t undo_step(struct undo *u, const struct undo_step *step, char *message)
{
	static struct lang_stmt stmt;
	const struct lang_source src = { .file = "undo" };
	struct ctl c = { .src = &src, .stmt = &stmt, .out = &nowhere, .message = message };
	char line[LANG_LINE_MAX];
	size_t len = 0;
	err_t err;

	fmt_append(line, sizeof(line), &len, "%s", u->text + step->at);
	if (!strcmp(line, "route del"))
		fmt_append(line, sizeof(line), &len, " %u", step->route);
	err = lang_parse(&src, line, len, &stmt, message);
	if (!err)
		err = ctl_execute(&c);
	if (!err && stmt.cmd->id == LANG_ROUTE_ADD)
		renumber(u, step->route, c.made);
	return err;
}

static void undo_all(struct undo *u)
{
	char message[LANG_MESSAGE_MAX];

	while (u->steps) {
		u->steps--;
		if (undo_step(u, &u->step[u->steps], message))
			log_err("batch", "what held before does not hold again: %s", message);
	}
}

/* --- the way there -------------------------------------------------------------- */

static err_t check(struct batch *b, const char *line, size_t len)
{
	static struct lang_stmt stmt;
	err_t err = lang_parse(&b->src, line, len, &stmt, b->message);

	if (err || !stmt.cmd || can_be_undone(stmt.cmd->id))
		return err;
	lang_error(&b->src, 1, b->message, "\"%s%s%s\" could not be undone, and has no place in a "
		   "batch", stmt.cmd->object, stmt.cmd->verb ? " " : "",
		   stmt.cmd->verb ? stmt.cmd->verb : "");
	return ERR_NOTSUP;
}

static err_t carry_out(struct batch *b, const char *line, size_t len)
{
	static struct lang_stmt stmt;
	struct ctl c = { .src = &b->src, .stmt = &stmt, .out = &nowhere, .message = b->message };
	const struct undo kept = b->undo;
	err_t err = lang_parse(&b->src, line, len, &stmt, b->message);

	if (err || !stmt.cmd)
		return err;
	remember_before(&b->undo, &stmt);
	if (is_full(&b->undo)) {
		lang_error(&b->src, 0, b->message, "the batch is too long to be undone");
		return ERR_NOMEM;
	}
	err = ctl_execute(&c);
	if (err)
		b->undo = kept;
	else
		remember_after(&b->undo, &c);
	return err;
}

static err_t each_line(struct batch *b, const char *text, size_t len, line_fn fn)
{
	err_t err = ERR_OK;

	b->src.line = 0;
	while (len && !err) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		b->src.line++;
		err = fn(b, text, n);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return err;
}

err_t ctl_batch(const char *text, size_t len, char *message)
{
	struct batch b = { .src = { .file = "batch" }, .message = message };
	err_t err = each_line(&b, text, len, check);

	if (err)
		return err;
	b.undo.text = plat_alloc(BATCH_UNDO_MAX);
	b.undo.step = plat_alloc(BATCH_STEPS_MAX * sizeof(b.undo.step[0]));
	if (!b.undo.text || !b.undo.step) {
		fmt_snprintf(message, LANG_MESSAGE_MAX, "batch: no memory");
		err = ERR_NOMEM;
		goto free;
	}
	/* As on a terminal: what needs the rest of a file (a mesh) is refused. */
	b.src.terminal = true;
	err = each_line(&b, text, len, carry_out);
	if (err)
		undo_all(&b.undo);
free:
	plat_free(b.undo.step, BATCH_STEPS_MAX * sizeof(b.undo.step[0]));
	plat_free(b.undo.text, BATCH_UNDO_MAX);
	return err;
}
