/* SPDX-License-Identifier: BSD-2-Clause */
/* What takes statements back, see batch_undo.h. */
#include "ctl/batch_undo.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/dispatch_lang.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"
#include "vnet/route.h"

/* One statement: where it is in the text, ended by a NUL. */
struct undo_step {
	u32 at;
	u32 route; /* route add: the number it had; route del, which lacks it there: its number */
};

#define TEXT_MIN 65536u
#define STEPS_MIN 4096u

/* --- memory --------------------------------------------------------------------- */

/* Twice as many bytes; NULL: no memory, and what was there still is. */
static void *larger(void *old, size_t used, size_t *size)
{
	size_t bytes = 2 * *size;
	void *new = bytes <= UNDO_BYTES_MAX ? plat_alloc(bytes) : NULL;

	if (!new)
		return NULL;
	memcpy(new, old, used);
	plat_free(old, *size);
	*size = bytes;
	return new;
}

err_t undo_init(struct undo *u)
{
	*u = (struct undo){
		.text_size = TEXT_MIN,
		.step_size = STEPS_MIN * sizeof(struct undo_step),
	};
	u->text = plat_alloc(u->text_size);
	u->step = plat_alloc(u->step_size);
	if (u->text && u->step)
		return ERR_OK;
	undo_fini(u);
	return ERR_NOMEM;
}

void undo_fini(struct undo *u)
{
	plat_free(u->text, u->text_size);
	plat_free(u->step, u->step_size);
	u->text = NULL;
	u->step = NULL;
}

/* Room for one more; false: it is missing, which undo_is_full() says. */
static bool make_room(struct undo *u)
{
	void *new;

	if (!u->full && u->len + LANG_LINE_MAX > u->text_size) {
		new = larger(u->text, u->len, &u->text_size);
		u->full = !new;
		u->text = new ? new : u->text;
	}
	if (!u->full && (u->steps + 1) * sizeof(struct undo_step) > u->step_size) {
		new = larger(u->step, u->steps * sizeof(struct undo_step), &u->step_size);
		u->full = !new;
		u->step = new ? new : u->step;
	}
	return !u->full;
}

/* --- the way back ------------------------------------------------------------- */

static PRINTF(3, 4) void remember(struct undo *u, u32 route, const char *f, ...)
{
	va_list ap;

	if (!make_room(u))
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

/* They go with the port, and come back after it. */
static void remember_routes(struct undo *u, const struct vnet_port *port)
{
	for (const struct route *r = route_next(0); r; r = route_next(r->id))
		if (r->spec.to == port->id || r->spec.backup == port->id ||
		    (r->spec.from == ROUTE_FROM_PORT && r->spec.from_port == port->id))
			remember_route(u, r);
}

/* A program's statement on its way into memory. */
struct line {
	size_t len;
	char text[LANG_LINE_MAX];
};

static void take_text(void *ctx, const char *text, size_t len)
{
	struct line *l = ctx;

	len = MIN(len, sizeof(l->text) - 1 - l->len);
	memcpy(l->text + l->len, text, len);
	l->len += len;
	l->text[l->len] = '\0';
}

/* What made it so, as the program knows it: a statement a line. False: it does not. */
static bool remember_config(struct undo *u, enum lang_id made_by, const char *name)
{
	struct line l = { .len = 0 };
	const struct out out = { .write = take_text, .ctx = &l };

	ctl_config_of(made_by, name, &out);
	for (size_t at = 0, end; at < l.len; at = end + 1) {
		for (end = at; end < l.len && l.text[end] != '\n'; end++)
			;
		l.text[end] = '\0';
		if (end > at)
			remember(u, 0, "%s", l.text + at);
	}
	return l.len;
}

static void remember_link(struct undo *u, struct vnet_port *port)
{
	char text[LINK_LANG_MAX];
	u32 steps;

	remember_routes(u, port);
	steps = u->steps;
	/* The state may have been set later than the statement that made it. */
	if (!port->up)
		remember(u, 0, "link set %s state down", port->name);
	if (remember_config(u, LANG_LINK_ADD, port->name))
		return;
	u->steps = steps;
	remember(u, 0, "%s", link_lang_write(edge_of(port), text));
}

static void remember_overlay(struct undo *u, const struct overlay *o, bool gone)
{
	char text[OVERLAY_LANG_MAX];
	const struct overlay_setup *s = &o->setup;

	if (gone && !remember_config(u, LANG_OVERLAY_ADD, o->name))
		remember(u, 0, "%s", overlay_lang_write(o, text));
	if (!gone)
		remember(u, 0, "overlay set %s learn %s age %us learn-limit %u answers %s",
			 o->name, s->learn ? "on" : "off", s->age_s, s->limit,
			 s->answers ? "on" : "off");
}

static void remember_interface(struct undo *u, const struct vnet_port *port)
{
	remember_routes(u, port);
	remember_config(u, LANG_INTERFACE_ADD, port->name);
}

/* With its interfaces, whose names begin with its own, and its disks. */
static void remember_vm(struct undo *u, const char *name)
{
	size_t len = strlen(name);

	for (const struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		if (p->kind == VNET_PORT_INTERFACE && !memcmp(p->name, name, len) &&
		    p->name[len] == '.')
			remember_interface(u, p);
	remember_config(u, LANG_DISK_ADD, name);
	remember_config(u, LANG_VM_ADD, name);
}

void undo_before(struct undo *u, const struct lang_stmt *s)
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
	case LANG_INTERFACE_DEL:
		if (port && port->kind == VNET_PORT_INTERFACE)
			remember_interface(u, port);
		break;
	case LANG_DISK_DEL:
		remember_config(u, LANG_DISK_ADD, s->name);
		break;
	case LANG_VM_DEL:
		remember_vm(u, s->name);
		break;
	case LANG_UPLINK_SET:
	case LANG_DISPATCHER_SET:
	case LANG_CORE_SET:
		remember_config(u, s->cmd->id, s->name);
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

void undo_after(struct undo *u, const struct ctl *c)
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
	case LANG_DISK_ADD:
		remember(u, 0, "%s del %s", s->cmd->object, s->name);
		break;
	default:
		break;
	}
}

const char *undo_why_not(enum lang_id id)
{
	static const char unknown[] = "its way back is not known";
	static const char guest[] = "what the guest was doing would not come back";
	static const char answer[] = "the batch's own answer would be lost";
	static const char queues[] = "it hands its queues back first, when they are idle";
	static const char *const why[LANG_ID_COUNT] = {
		[LANG_CAISSON] = "",	    [LANG_ROUTE_ADD] = "",	[LANG_ROUTE_DEL] = "",
		[LANG_LINK_ADD] = "",	    [LANG_LINK_DEL] = "",	[LANG_LINK_SET] = "",
		[LANG_INTERFACE_ADD] = "",  [LANG_INTERFACE_DEL] = "",	[LANG_INTERFACE_SET] = "",
		[LANG_OVERLAY_ADD] = "",    [LANG_OVERLAY_SET] = "",	[LANG_OVERLAY_DEL] = "",
		[LANG_UPLINK_ADD] = "",	    [LANG_UPLINK_SET] = "",	[LANG_VM_ADD] = "",
		[LANG_VM_DEL] = "",	    [LANG_VM_START] = "",	[LANG_DISPATCHER_ADD] = "",
		[LANG_DISPATCHER_SET] = "", [LANG_CORE_SET] = "",	[LANG_DISK_ADD] = "",
		[LANG_DISK_DEL] = "",
		[LANG_DISPATCHER_DEL] = queues,
		[LANG_VM_STOP] = guest,	    [LANG_VM_RESET] = guest,
		[LANG_UPLINK_DEL] = answer, [LANG_CONTROL_CLOSE] = answer,
		[LANG_CONTROL_LISTEN] = answer,
		[LANG_NODE] = "it is the begin of a file's section",
		[LANG_CPU_FEATURE] = "it is for guests that are added later",
	};

	if (!why[id])
		return unknown;
	return why[id][0] ? why[id] : NULL;
}

/* --- going it ------------------------------------------------------------------- */

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
	struct ctl c = { .src = &src, .stmt = &stmt, .out = &out_nowhere, .message = message };
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

bool undo_one(struct undo *u)
{
	char message[LANG_MESSAGE_MAX];

	if (!u->steps)
		return false;
	u->steps--;
	if (undo_step(u, &u->step[u->steps], message))
		log_err("batch", "what held before does not hold again: %s", message);
	return true;
}
