/* SPDX-License-Identifier: BSD-2-Clause */
/* What all handlers need, see ctl.h. */
#include "ctl/ctl.h"

#include "ctl/batch.h"
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/port.h"
#include "vnet/route.h"

#define USERS_MAX 160

err_t ctl_line(const struct lang_source *src, const char *line, size_t len,
	       const struct out *out, char *message)
{
	static struct lang_stmt stmt;
	struct ctl c = { .src = src, .stmt = &stmt, .out = out, .message = message };
	err_t err = lang_parse(src, line, len, &stmt, message);

	if (err)
		return err;
	if (batch_is_going() && stmt.cmd && stmt.cmd->in_file)
		return ctl_fail(&c, NULL, ERR_BUSY, "a batch is being carried out; try again");
	return ctl_execute(&c);
}

err_t ctl_fail(struct ctl *c, const char *key, err_t err, const char *f, ...)
{
	const struct lang_value *v = key ? lang_get(c->stmt, key) : NULL;
	char text[LANG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	lang_error(c->src, v ? v->column : c->stmt->name_column, c->message, "%s", text);
	return err;
}

u64 ctl_num(const struct ctl *c, const char *key, u64 otherwise)
{
	const struct lang_value *v = lang_get(c->stmt, key);

	return v ? v->num : otherwise;
}

const char *ctl_text(const struct ctl *c, const char *key)
{
	const struct lang_value *v = lang_get(c->stmt, key);

	return v ? v->text : "";
}

struct vnet_port *ctl_port(struct ctl *c, enum vnet_port_kind kind)
{
	struct vnet_port *port = vnet_port_find(c->stmt->name);

	if (port && port->kind == kind)
		return port;
	ctl_fail(c, NULL, ERR_NOENT, "there is no %s \"%s\"",
		 kind == VNET_PORT_EDGE ? "link" : "interface", c->stmt->name);
	return NULL;
}

/* The numbers of the routes that name a port, as many as fit. */
static void list_routes(const struct vnet_port *port, char *buf, size_t size)
{
	size_t len = 0;

	for (const struct route *r = route_next(0); r && len + 16 < size; r = route_next(r->id))
		if (r->spec.to == port->id ||
		    (r->spec.from == ROUTE_FROM_PORT && r->spec.from_port == port->id))
			fmt_append(buf, size, &len, "%s%u", len ? ", " : "", r->id);
}

err_t ctl_deleted(struct ctl *c, const struct vnet_port *port, err_t err)
{
	char users[USERS_MAX] = "";

	if (!err)
		return ERR_OK;
	if (err != ERR_BUSY)
		return ctl_fail(c, NULL, err, "%s", err_str(err));
	list_routes(port, users, sizeof(users));
	return ctl_fail(c, NULL, err, "%u routes name it (%s); delete them, or force",
			route_port_uses(port->id), users);
}
