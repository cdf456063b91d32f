/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: a dry run of one frame through the core. */
#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "vnet/port.h"
#include "vnet/trace.h"

/* What a statement that is about one port of either kind names. */
static struct vnet_port *named_port(struct ctl *c, const char *key)
{
	const struct lang_value *v = lang_get(c->stmt, key);
	enum vnet_port_kind kind =
		v->num == LANG_FROM_EDGE ? VNET_PORT_EDGE : VNET_PORT_INTERFACE;
	struct vnet_port *port = vnet_port_find(v->text);

	if (port && port->kind == kind)
		return port;
	ctl_fail(c, key, ERR_NOENT, "there is no %s \"%s\"",
		 kind == VNET_PORT_EDGE ? "link" : "interface", v->text);
	return NULL;
}

static const struct route *route_by_id(u32 id)
{
	return route_next(id - 1);
}

static void trace_text(const struct out *out, struct trace *t, const struct vnet_port *from)
{
	char text[ROUTE_TEXT_MAX];
	u16 id;

	out_printf(out, "in       %s %s, %s\n", vnet_port_kind_name(from->kind), from->name,
		   from->up ? "up" : "down");
	if (t->asked)
		out_printf(out, "cache    %s\n", t->cached ? "hit" : "miss");
	for (u32 i = 0; i < MIN(t->equal, (u32)TRACE_ROUTES); i++)
		out_printf(out, "route    %u %s\n", t->route[i],
			   route_format(&route_by_id(t->route[i])->spec, text, sizeof(text)));
	if (t->equal > TRACE_ROUTES)
		out_printf(out, "         and %u more\n", t->equal - TRACE_ROUTES);
	if (t->hidden)
		out_printf(out, "hidden   %u routes of a lower class\n", t->hidden);
	if (t->flooded)
		out_printf(out, "flooded  no route matches, and the destination is not known\n");
	if (t->learned)
		out_printf(out, "learned  no route matches, but the destination was heard\n");
	while ((id = port_set_take(&t->to)) != VNET_PORT_NONE) {
		const struct vnet_port *to = vnet_port_by_id(id);

		out_printf(out, "out      %s %s, mtu %u%s\n", vnet_port_kind_name(to->kind),
			   to->name, to->mtu, to->up ? "" : ": dropped, port-down");
	}
	if (t->dropped)
		out_printf(out, "dropped  %s\n", vnet_drop_name(t->reason));
}

static void trace_json(const struct out *out, struct trace *t, const struct vnet_port *from)
{
	struct json j = { .out = out };
	u16 id;

	json_open(&j, NULL, '{');
	json_text(&j, "in", from->name);
	json_bool(&j, "cached", t->cached);
	json_bool(&j, "learned", t->learned);
	json_bool(&j, "flooded", t->flooded);
	json_num(&j, "equal_routes", t->equal);
	json_num(&j, "hidden_routes", t->hidden);
	json_open(&j, "routes", '[');
	for (u32 i = 0; i < MIN(t->equal, (u32)TRACE_ROUTES); i++)
		json_num(&j, NULL, t->route[i]);
	json_close(&j, ']');
	json_open(&j, "out", '[');
	while ((id = port_set_take(&t->to)) != VNET_PORT_NONE) {
		const struct vnet_port *to = vnet_port_by_id(id);

		json_open(&j, NULL, '{');
		json_text(&j, "port", to->name);
		json_bool(&j, "up", to->up);
		json_num(&j, "mtu", to->mtu);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	if (t->dropped)
		json_text(&j, "dropped", vnet_drop_name(t->reason));
	json_close(&j, '}');
	out_printf(out, "\n");
}

err_t ctl_trace(struct ctl *c)
{
	const struct vnet_port *from = named_port(c, "from");
	struct trace t;

	if (!from)
		return ERR_NOENT;
	vnet_trace(from, lang_get(c->stmt, "dst")->mac, lang_get(c->stmt, "src")->mac, &t);
	if (lang_get(c->stmt, "json"))
		trace_json(c->out, &t, from);
	else
		trace_text(c->out, &t, from);
	return ERR_OK;
}
