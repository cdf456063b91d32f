/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about routes. */
#include "vnet/route.h"

#include "ctl/ctl.h"
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "vnet/edge.h"

/* As VNET/P names them: an edge by its peer, an interface by its MAC. */
static bool has_address(struct vnet_port *port, const struct lang_value *v)
{
	char ip[FMT_IP4_LEN];

	if (port->kind == VNET_PORT_INTERFACE)
		return strchr(v->text, ':') && !memcmp(port->mac, v->mac, sizeof(v->mac));
	return edge_of(port)->dst.remote_ip &&
	       !strcmp(fmt_ip4(ip, edge_of(port)->dst.remote_ip), v->text);
}

static struct vnet_port *find_port(const struct lang_value *v, enum vnet_port_kind kind)
{
	struct vnet_port *port = vnet_port_find(v->text);

	if (port)
		return port->kind == kind ? port : NULL;
	port = vnet_port_next(0);
	while (port && (port->kind != kind || !has_address(port, v)))
		port = vnet_port_next(port->id);
	return port;
}

static err_t route_port(struct ctl *c, const char *key, u64 word, u16 *id)
{
	const struct lang_value *v = lang_get(c->stmt, key);
	enum vnet_port_kind kind = word == LANG_FROM_EDGE ? VNET_PORT_EDGE : VNET_PORT_INTERFACE;
	struct vnet_port *port = find_port(v, kind);

	if (!port)
		return ctl_fail(c, key, ERR_NOENT, "there is no %s \"%s\"",
				kind == VNET_PORT_EDGE ? "link" : "interface", v->text);
	*id = port->id;
	return ERR_OK;
}

static struct route_match match_of(const struct ctl *c, const char *key)
{
	static const enum route_class classes[] = {
		[LANG_MATCH_ANY] = ROUTE_ANY,	[LANG_MATCH_EXACT] = ROUTE_EXACT,
		[LANG_MATCH_NOT] = ROUTE_NOT,	[LANG_MATCH_NONE] = ROUTE_NONE,
		[LANG_MATCH_GROUP] = ROUTE_GROUP,
	};
	const struct lang_value *v = lang_get(c->stmt, key);
	struct route_match m = { .cls = classes[v->num] };

	memcpy(m.mac, v->mac, sizeof(m.mac));
	return m;
}

static err_t route_from(struct ctl *c, struct route_spec *spec)
{
	static const enum route_from froms[] = {
		[LANG_FROM_ANY] = ROUTE_FROM_ANY,
		[LANG_FROM_INTERFACES] = ROUTE_FROM_INTERFACES,
		[LANG_FROM_EDGES] = ROUTE_FROM_EDGES,
		[LANG_FROM_INTERFACE] = ROUTE_FROM_PORT,
		[LANG_FROM_EDGE] = ROUTE_FROM_PORT,
	};
	const struct lang_value *v = lang_get(c->stmt, "from");

	if (!v)
		return ERR_OK;
	spec->from = froms[v->num];
	return spec->from == ROUTE_FROM_PORT ? route_port(c, "from", v->num, &spec->from_port)
					     : ERR_OK;
}

err_t ctl_route_add(struct ctl *c)
{
	struct route_spec spec = { .src = match_of(c, "src"), .dst = match_of(c, "dst") };
	char why[160] = "";
	err_t err = route_port(c, "to", lang_get(c->stmt, "to")->num, &spec.to);

	if (!err && lang_get(c->stmt, "backup"))
		err = route_port(c, "backup", lang_get(c->stmt, "backup")->num, &spec.backup);
	if (!err)
		err = route_from(c, &spec);
	if (err)
		return err;
	err = route_add(&spec, &c->made, why, sizeof(why));
	if (err)
		return ctl_fail(c, "src", err, "%s", why);
	if (why[0])
		log_warn("route", "%s:%u: %s", c->src->file, c->src->line, why);
	return ERR_OK;
}

err_t ctl_route_del(struct ctl *c)
{
	u32 id = (u32)ctl_num(c, "id", 0);
	err_t err = route_del(id);

	return err ? ctl_fail(c, "id", err, "there is no route %u", id) : ERR_OK;
}

err_t ctl_show_route(struct ctl *c)
{
	bool json = lang_get(c->stmt, "json") != NULL, stats = lang_get(c->stmt, "stats") != NULL;
	struct json j = { .out = c->out };
	char text[ROUTE_TEXT_MAX];
	struct route_use use;

	if (json)
		json_open(&j, NULL, '[');
	else if (stats)
		out_printf(c->out, "ID         FRAMES           BYTES ROUTE\n");
	for (const struct route *r = route_next(0); r; r = route_next(r->id)) {
		route_format(&r->spec, text, sizeof(text));
		route_used(r, &use);
		if (json) {
			json_open(&j, NULL, '{');
			json_num(&j, "id", r->id);
			json_text(&j, "route", text);
			json_num(&j, "frames", use.frames);
			json_num(&j, "bytes", use.bytes);
			json_close(&j, '}');
		} else if (stats) {
			out_printf(c->out, "%-6u%12lu%16lu %s\n", r->id, use.frames, use.bytes,
				   text);
		} else {
			out_printf(c->out, "%-6u %s\n", r->id, text);
		}
	}
	if (json) {
		json_close(&j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}
