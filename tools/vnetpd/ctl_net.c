/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about interfaces, links and routes, carried out on Linux. */
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/str.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/link_tcp.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/tap.h"
#include "vnet/edge.h"
#include "vnet/link_lang.h"
#include "vnet/route.h"

u32 ctl_route_made;

static struct vnet_port *named(struct ctl *c, enum vnet_port_kind kind)
{
	struct vnet_port *port = vnet_port_find(c->stmt->name);

	if (port && port->kind == kind)
		return port;
	ctl_fail(c, NULL, ERR_NOENT, "there is no %s \"%s\"",
		 kind == VNET_PORT_EDGE ? "link" : "interface", c->stmt->name);
	return NULL;
}

static err_t busy(struct ctl *c, const struct vnet_port *port, err_t err)
{
	if (err == ERR_BUSY)
		return ctl_fail(c, NULL, err, "%u routes name it; delete them, or force",
				route_port_uses(port->id));
	return err ? ctl_fail(c, NULL, err, "%s", err_str(err)) : ERR_OK;
}

/* --- uplink ------------------------------------------------------------------- */

/* In a cluster file it says where others find this node. That is Linux's to set, so it
 * only has to be true. */
err_t ctl_uplink_add(struct ctl *c)
{
	const struct lang_value *address = lang_get(c->stmt, "address");
	char text[FMT_IP4_LEN];

	for (u32 i = 0; c->stmt->cmd->keys[i].word; i++) {
		const char *key = c->stmt->cmd->keys[i].word;

		if (c->stmt->value[i].set && strcmp(key, "address") != 0)
			return ctl_fail(c, key, ERR_NOTSUP,
					"vnetpd has no uplink of its own: Linux decides about "
					"\"%s\"", key);
	}
	if (address->dhcp || sock_address_is_ours(address->ip))
		return ERR_OK;
	return ctl_fail(c, "address", ERR_NOENT,
			"vnetpd has no uplink of its own, and this machine has no address %s: set "
			"it with Linux's tools", fmt_ip4(text, address->ip));
}

err_t ctl_uplink_del(struct ctl *c)
{
	(void)c;
	return ERR_OK;
}

/* --- interfaces ----------------------------------------------------------------- */

err_t ctl_interface_add(struct ctl *c)
{
	const struct lang_value *device = lang_get(c->stmt, "device");
	struct tap_setup setup = {
		.name = c->stmt->name,
		.device = device ? device->text : c->stmt->name,
		.mtu = (u32)ctl_num(c, "mtu", 0),
		.any_source = !ctl_num(c, "check-source", 1),
	};
	char why[200] = "";
	err_t err = ctl_overlay(c, &setup.overlay);

	if (err)
		return err;
	if (strlen(setup.device) >= TAP_DEVICE_MAX)
		return ctl_fail(c, device ? "device" : NULL, ERR_RANGE,
				"a device's name has at most %u characters on Linux%s",
				TAP_DEVICE_MAX - 1, device ? "" : "; say device NAME");
	memcpy(setup.mac, lang_get(c->stmt, "mac")->mac, sizeof(setup.mac));
	err = tap_add(&setup, why, sizeof(why));
	return err ? ctl_fail(c, NULL, err, "%s", why[0] ? why : err_str(err)) : ERR_OK;
}

err_t ctl_interface_del(struct ctl *c)
{
	struct vnet_port *port = named(c, VNET_PORT_INTERFACE);

	if (!port)
		return ERR_NOENT;
	return busy(c, port, tap_del(tap_of(port), lang_get(c->stmt, "force") != NULL));
}

err_t ctl_interface_set(struct ctl *c)
{
	struct vnet_port *port = named(c, VNET_PORT_INTERFACE);

	if (!port)
		return ERR_NOENT;
	tap_set_up(tap_of(port), ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}

/* --- links ----------------------------------------------------------------------- */

err_t ctl_link_add(struct ctl *c)
{
	bool tcp = !strcmp(ctl_text(c, "kind"), "tcp");
	struct edge_setup setup;
	char why[200] = "";
	const char *key;
	err_t err = (tcp ? link_tcp_read : link_lang_read)(c->stmt, &setup, &key, why,
							   sizeof(why));

	if (err)
		return ctl_fail(c, key, err, "%s", why);
	if (setup.link->flags & LINK_IS_LAN)
		return ctl_fail(c, "kind", ERR_NOTSUP, "vnetpd has no direct links yet; expected: "
				"udp, vxlan, geneve, tcp");
	err = (tcp ? link_tcp_add : link_sock_add)(&setup, why, sizeof(why));
	if (err)
		return ctl_fail(c, NULL, err, "%s", why[0] ? why : err_str(err));
	if (ctl_num(c, "state", 0))
		edge_set_up(edge_of(vnet_port_find(c->stmt->name)), false);
	ctl_changed();
	return ERR_OK;
}

err_t ctl_link_del(struct ctl *c)
{
	struct vnet_port *port = named(c, VNET_PORT_EDGE);
	err_t err;

	if (!port)
		return ERR_NOENT;
	err = (link_is_tcp(edge_of(port)) ? link_tcp_del : link_sock_del)(
		edge_of(port), lang_get(c->stmt, "force") != NULL);
	if (err)
		return busy(c, port, err);
	ctl_changed();
	return ERR_OK;
}

err_t ctl_link_set(struct ctl *c)
{
	struct vnet_port *port = named(c, VNET_PORT_EDGE);

	if (!port)
		return ERR_NOENT;
	edge_set_up(edge_of(port), ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}

/* --- routes ----------------------------------------------------------------------- */

static err_t route_port(struct ctl *c, const char *key, u64 word, u16 *id)
{
	const struct lang_value *v = lang_get(c->stmt, key);
	enum vnet_port_kind kind = word == LANG_FROM_EDGE ? VNET_PORT_EDGE : VNET_PORT_INTERFACE;
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
	err_t err = route_port(c, "to", lang_get(c->stmt, "to")->num, &spec.to);

	if (!err)
		err = route_from(c, &spec);
	if (err)
		return err;
	err = route_add(&spec, &ctl_route_made, why, sizeof(why));
	if (err)
		return ctl_fail(c, "src", err, "%s", why);
	if (why[0])
		log_warn("route", "%s:%u: %s", c->src->file, c->src->line, why);
	ctl_changed();
	return ERR_OK;
}

err_t ctl_route_del(struct ctl *c)
{
	u32 id = (u32)ctl_num(c, "id", 0);
	err_t err = route_del(id);

	if (err)
		return ctl_fail(c, "id", err, "there is no route %u", id);
	ctl_changed();
	return ERR_OK;
}
