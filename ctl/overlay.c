/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about overlays and what they have learned. */
#include "hv/base/fmt.h"
#include "ctl/ctl.h"
#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/overlay_lang.h"

#define IP_TEXT_MAX 40

err_t ctl_overlay(struct ctl *c, u32 *id)
{
	const struct lang_value *v = lang_get(c->stmt, "overlay");
	const struct overlay *o = v ? overlay_find(v->text) : NULL;

	*id = 0;
	if (!v)
		return ERR_OK;
	if (!o)
		return ctl_fail(c, "overlay", ERR_NOENT, "there is no overlay \"%s\"", v->text);
	*id = o->id;
	return ERR_OK;
}

static struct overlay *named(struct ctl *c)
{
	struct overlay *o = overlay_find(c->stmt->name);

	if (!o)
		ctl_fail(c, NULL, ERR_NOENT, "there is no overlay \"%s\"", c->stmt->name);
	return o;
}

err_t ctl_overlay_add(struct ctl *c)
{
	struct overlay_line line;
	err_t err;

	overlay_lang_read(c->stmt, &overlay_defaults, &line);
	if (line.mesh && c->src->terminal)
		return ctl_fail(c, "links", ERR_NOTSUP,
				"a mesh is made of the nodes of a file; write it into node.conf");
	err = overlay_add(c->stmt->name, line.id, &line.setup);
	if (err == ERR_EXIST)
		return ctl_fail(c, NULL, err, "an overlay with this name or VNI (%u) is there",
				line.id);
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

err_t ctl_overlay_set(struct ctl *c)
{
	struct overlay *o = named(c);
	struct overlay_line line;
	err_t err;

	if (!o)
		return ERR_NOENT;
	overlay_lang_read(c->stmt, &o->setup, &line);
	err = overlay_set(o, &line.setup);
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

/* The names of those that keep it from going away. */
static void list_users(const struct overlay *o, char *buf, size_t size)
{
	const struct vnet_port *p = vnet_port_next(0);
	size_t len = 0;

	for (; p; p = vnet_port_next(p->id)) {
		if (p->overlay == o->id)
			fmt_append(buf, size, &len, "%s%s %s", len ? ", " : "",
				   p->kind == VNET_PORT_EDGE ? "link" : "interface", p->name);
	}
}

err_t ctl_overlay_del(struct ctl *c)
{
	struct overlay *o = named(c);
	char users[160] = "";
	err_t err;

	if (!o)
		return ERR_NOENT;
	vnet_port_reap();
	err = overlay_del(o);
	if (err == ERR_BUSY) {
		list_users(o, users, sizeof(users));
		return ctl_fail(c, NULL, err, "in use by %s; delete these first",
				users[0] ? users : "ports that are on their way out");
	}
	if (err == ERR_INVAL)
		return ctl_fail(c, NULL, err, "the default overlay is always there");
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

err_t ctl_overlay_flush(struct ctl *c)
{
	const struct lang_value *edge = lang_get(c->stmt, "edge");
	const struct vnet_port *port = edge ? vnet_port_find(edge->text) : NULL;
	struct overlay *o = named(c);

	if (!o)
		return ERR_NOENT;
	if (edge && (!port || port->kind != VNET_PORT_EDGE || port->overlay != o->id))
		return ctl_fail(c, "edge", ERR_NOENT, "overlay \"%s\" has no link \"%s\"", o->name,
				edge->text);
	if (o->learned)
		out_printf(c->out, "%u addresses forgotten\n",
			   learned_flush(o->learned, port ? port->id : VNET_PORT_NONE));
	if (o->neigh)
		out_printf(c->out, "%u neighbours forgotten\n",
			   neigh_flush(o->neigh, port ? port->id : VNET_PORT_NONE));
	return ERR_OK;
}

/* --- show ----------------------------------------------------------------------- */

static u32 learned_of(const struct overlay *o)
{
	return o->learned ? learned_count(o->learned) : 0;
}

static u64 refused_of(const struct overlay *o)
{
	return o->learned ? learned_refused(o->learned) : 0;
}

static void neigh_json(struct json *j, struct neigh *n)
{
	struct neigh_stats s;

	neigh_stats(n, &s);
	json_num(j, "neighbours", s.known);
	json_num(j, "neighbours_refused", s.refused);
	json_num(j, "answered", s.answered);
	json_num(j, "answered_again", s.again);
}

static void overlay_json(struct json *j, const struct overlay *o)
{
	json_open(j, NULL, '{');
	json_text(j, "name", o->name);
	json_num(j, "vni", o->id);
	json_num(j, "ports", overlay_ports(o));
	json_bool(j, "learn", o->setup.learn);
	json_num(j, "age_s", o->setup.age_s);
	json_num(j, "learn_limit", o->setup.limit);
	json_num(j, "learned", learned_of(o));
	json_num(j, "refused", refused_of(o));
	json_bool(j, "flood", o->setup.flood);
	json_bool(j, "answers", o->setup.answers);
	if (o->neigh)
		neigh_json(j, o->neigh);
	json_close(j, '}');
}

static void overlay_row(const struct out *out, const struct overlay *o)
{
	struct neigh_stats s = { 0 };

	out_column(out, 16, "%s", o->name);
	out_column(out, 10, "%u", o->id);
	out_column(out, 7, "%u", overlay_ports(o));
	out_column(out, 7, "%s", !o->setup.learn ? "off" : o->setup.flood ? "flood" : "on");
	out_column(out, 8, "%us", o->setup.age_s);
	out_column(out, 8, "%u", o->setup.limit);
	out_printf(out, "%10u%12lu", learned_of(o), refused_of(o));
	if (o->neigh)
		neigh_stats(o->neigh, &s);
	out_printf(out, o->neigh ? "%11lu\n" : "        off\n", s.answered);
}

static void learned_rows(const struct out *out, struct json *j, const struct overlay *o)
{
	struct learned_entry e;
	char mac[FMT_MAC_LEN];
	u8 bytes[6];

	for (u32 at = 0; o->learned && learned_next(o->learned, &at, &e);) {
		const struct vnet_port *port = vnet_port_by_id(e.port);
		const char *name = port ? port->name : "-";

		for (u32 i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)(e.mac >> 8 * i);
		fmt_mac(mac, bytes);
		if (j) {
			json_open(j, NULL, '{');
			json_text(j, "overlay", o->name);
			json_text(j, "mac", mac);
			json_text(j, "edge", name);
			json_num(j, "age_s", e.age_s);
			json_close(j, '}');
			continue;
		}
		out_column(out, 16, "%s", o->name);
		out_column(out, 20, "%s", mac);
		out_column(out, 24, "%s", name);
		out_printf(out, "%6us\n", e.age_s);
	}
}

/* RFC 5952: the longest run of zeroes is left out; or an IPv4 address as such. */
static void ip_text(char *text, const u8 *ip)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	u32 run = 0, at = 0, best = 1;
	size_t len = 0;

	if (!memcmp(ip, mapped, sizeof(mapped))) {
		fmt_ip4(text, load_be32(ip + sizeof(mapped)));
		return;
	}
	for (u32 i = 0; i < NEIGH_IP_LEN; i += 2) {
		run = load_be16(ip + i) ? 0 : run + 1;
		if (run > best) {
			best = run;
			at = i + 2 - 2 * run;
		}
	}
	for (u32 i = 0; i < NEIGH_IP_LEN; i += 2) {
		if (best > 1 && i == at) {
			fmt_append(text, IP_TEXT_MAX, &len, "::");
			i += 2 * best - 2;
			continue;
		}
		fmt_append(text, IP_TEXT_MAX, &len, "%s%x", len && text[len - 1] != ':' ? ":" : "",
			   load_be16(ip + i));
	}
}

static void neigh_rows(const struct out *out, struct json *j, const struct overlay *o)
{
	char ip[IP_TEXT_MAX], mac[FMT_MAC_LEN];
	struct neigh_entry e;

	for (u32 at = 0; o->neigh && neigh_next(o->neigh, &at, &e);) {
		const struct vnet_port *port = vnet_port_by_id(e.port);
		const char *name = port ? port->name : "-";

		ip_text(ip, e.ip);
		fmt_mac(mac, e.mac);
		if (j) {
			json_open(j, NULL, '{');
			json_text(j, "overlay", o->name);
			json_text(j, "ip", ip);
			json_text(j, "mac", mac);
			json_text(j, "port", name);
			json_bool(j, "router", e.router);
			json_num(j, "age_s", e.age_s);
			json_close(j, '}');
			continue;
		}
		out_column(out, 16, "%s", o->name);
		out_column(out, 41, "%s", ip);
		out_column(out, 19, "%s", mac);
		out_column(out, 18, "%s", name);
		out_printf(out, "%6us%s\n", e.age_s, e.router ? "  router" : "");
	}
}

/* One row for each overlay, or for the one that is named; with rows() what that prints
 * about each. */
static err_t show(struct ctl *c,
		  void (*rows)(const struct out *, struct json *, const struct overlay *),
		  const char *header)
{
	const struct overlay *only = c->stmt->name ? named(c) : NULL;
	struct json json = { .out = c->out };
	struct json *j = lang_get(c->stmt, "json") ? &json : NULL;

	if (c->stmt->name && !only)
		return ERR_NOENT;
	if (j)
		json_open(j, NULL, '[');
	else
		out_printf(c->out, "%s", header);
	for (const struct overlay *o = overlay_next(NULL); o; o = overlay_next(o)) {
		if (only && o != only)
			continue;
		if (rows)
			rows(c->out, j, o);
		else if (j)
			overlay_json(j, o);
		else
			overlay_row(c->out, o);
	}
	if (j) {
		json_close(j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}

err_t ctl_show_overlay(struct ctl *c)
{
	return show(c, NULL,
		    "NAME            VNI       PORTS  LEARN  AGE     LIMIT      LEARNED"
		    "     REFUSED   ANSWERED\n");
}

err_t ctl_show_learned(struct ctl *c)
{
	return show(c, learned_rows,
		    "OVERLAY         MAC                 EDGE                       AGE\n");
}

err_t ctl_show_neighbour(struct ctl *c)
{
	return show(c, neigh_rows,
		    "OVERLAY         IP                                       MAC                "
		    "PORT                 AGE\n");
}
