/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about the uplink, links and routes. */
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "hv/ctl.h"
#include "hv/link_net.h"
#include "hv/uplink.h"
#include "vnet/link_lang.h"
#include "vnet/route.h"

#define DEFAULT_MTU 1500

/* --- uplink ------------------------------------------------------------------- */

static err_t uplink_number(struct ctl *c, u32 *i)
{
	const char *name = c->stmt->name;

	if (name[0] < '0' || name[0] > '9' || name[1])
		return ctl_fail(c, NULL, ERR_INVAL, "an uplink is a number: 0 for the first NIC");
	*i = (u32)(name[0] - '0');
	return ERR_OK;
}

static struct uplink_config uplink_config(const struct ctl *c)
{
	const struct lang_value *address = lang_get(c->stmt, "address");
	const struct lang_value *gateway = lang_get(c->stmt, "gateway");
	struct uplink_config cfg = {
		.mtu = (u32)ctl_num(c, "mtu", DEFAULT_MTU),
		.poll = ctl_num(c, "poll", 0),
	};

	if (address) {
		cfg.dhcp = address->dhcp;
		cfg.addr = address->ip;
		cfg.mask = address->prefix_len ? ~0u << (32 - address->prefix_len) : 0;
	}
	if (gateway)
		cfg.gateway = gateway->ip;
	return cfg;
}

err_t ctl_uplink_add(struct ctl *c)
{
	struct uplink_config cfg = uplink_config(c);
	char why[160];
	u32 i = 0;
	err_t err = uplink_number(c, &i);

	if (err)
		return err;
	err = uplink_add(i, &cfg, why, sizeof(why));
	return err ? ctl_fail(c, err == ERR_RANGE ? "mtu" : NULL, err, "%s", why) : ERR_OK;
}

err_t ctl_uplink_set(struct ctl *c)
{
	struct uplink_config cfg = uplink_config(c);
	char why[160];
	u32 i = 0;
	err_t err = uplink_number(c, &i);

	if (err)
		return err;
	if (!lang_get(c->stmt, "address"))
		return ctl_fail(c, NULL, ERR_INVAL, "nothing to set; expected: address, gateway");
	err = uplink_set(i, &cfg, why, sizeof(why));
	return err ? ctl_fail(c, "address", err, "%s", why) : ERR_OK;
}

err_t ctl_uplink_del(struct ctl *c)
{
	char why[160];
	u32 i = 0;
	err_t err = uplink_number(c, &i);

	if (err)
		return err;
	err = uplink_del(i, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why) : ERR_OK;
}

/* --- links -------------------------------------------------------------------- */

err_t ctl_link_add(struct ctl *c)
{
	const struct edge_local *local;
	struct edge_setup setup;
	char why[200] = "";
	const char *key;
	err_t err = link_lang_read(c->stmt, &setup, &key, why, sizeof(why));

	if (err)
		return ctl_fail(c, key, err, "%s", why);
	local = edge_local_find(setup.local_port);
	err = link_net_add(&setup);
	if (err == ERR_NOENT)
		return ctl_fail(c, NULL, err, "no uplink is in use; add one first");
	if (err == ERR_BUSY && local)
		return ctl_fail(c, "port", err, "port %u is in use by %s links", setup.local_port,
				local->kind->name);
	if (err == ERR_NOTSUP)
		return ctl_fail(c, "kind", err, "this NIC takes no frames for guests' addresses");
	if (err == ERR_EXIST && (setup.link->flags & LINK_IS_LAN))
		return ctl_fail(c, NULL, err, "its name, or a direct link, is there");
	if (err == ERR_EXIST)
		return ctl_fail(c, NULL, err, "its name, or a link with this port and remote "
				"address (or VNI, or tag), is there");
	if (err == ERR_RANGE)
		return ctl_fail(c, "mtu", err, "that leaves too little for a frame");
	if (err)
		return ctl_fail(c, NULL, err, "%s", err_str(err));
	if (ctl_num(c, "state", 0))
		edge_set_up(edge_of(vnet_port_find(c->stmt->name)), false);
	return ERR_OK;
}

static struct edge *named_edge(struct ctl *c)
{
	struct vnet_port *port = vnet_port_find(c->stmt->name);

	if (!port || port->kind != VNET_PORT_EDGE) {
		ctl_fail(c, NULL, ERR_NOENT, "there is no link \"%s\"", c->stmt->name);
		return NULL;
	}
	return edge_of(port);
}

err_t ctl_link_del(struct ctl *c)
{
	struct edge *e = named_edge(c);
	err_t err;

	if (!e)
		return ERR_NOENT;
	err = link_net_del(e, lang_get(c->stmt, "force") != NULL);
	if (err == ERR_BUSY)
		return ctl_fail(c, NULL, err, "%u routes name it; delete them, or force",
				route_port_uses(e->port.id));
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

err_t ctl_link_set(struct ctl *c)
{
	struct edge *e = named_edge(c);

	if (!e)
		return ERR_NOENT;
	edge_set_up(e, ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}

/* --- routes ------------------------------------------------------------------- */

static err_t route_port(struct ctl *c, const char *key, u64 kind_word, u16 *id)
{
	const struct lang_value *v = lang_get(c->stmt, key);
	enum vnet_port_kind kind =
		kind_word == LANG_FROM_EDGE ? VNET_PORT_EDGE : VNET_PORT_INTERFACE;
	struct vnet_port *port = vnet_port_find(v->text);

	if (!port || port->kind != kind)
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
	u32 id;
	err_t err = route_port(c, "to", lang_get(c->stmt, "to")->num, &spec.to);

	if (!err)
		err = route_from(c, &spec);
	if (err)
		return err;
	err = route_add(&spec, &id, why, sizeof(why));
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
