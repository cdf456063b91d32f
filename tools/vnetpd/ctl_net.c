/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about interfaces and links, carried out on Linux. */
#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/link_lan.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/link_tcp.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/tap.h"
#include "vnet/dispatch_lang.h"
#include "vnet/edge.h"
#include "vnet/link_lang.h"

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

/* A process has no dispatchers: what Linux wakes it for is done at once. */
static err_t no_dispatch(struct ctl *c)
{
	const char *key = dispatch_lang_key(c->stmt);

	if (!key || (!strcmp(key, "mode") && ctl_num(c, key, 0) == DISPATCH_GUEST))
		return ERR_OK;
	return ctl_fail(c, key, ERR_NOTSUP, "\"%s\" is for the guests of a Caisson node: vnetpd "
			"has no dispatchers", key);
}

err_t ctl_interface_add(struct ctl *c)
{
	const struct lang_value *device = lang_get(c->stmt, "device");
	struct tap_setup setup = {
		.name = c->stmt->name,
		.device = device ? device->text : c->stmt->name,
		.mtu = (u32)ctl_num(c, "mtu", 0),
		.any_source = !ctl_num(c, "check-source", 1),
		.storm = (u32)ctl_num(c, "storm", 0),
		.queues = (u32)ctl_num(c, "queues", 1),
	};
	char why[200] = "";
	err_t err = no_dispatch(c);

	if (!err)
		err = ctl_overlay(c, &setup.overlay);
	if (!err)
		err = ctl_also(c, &setup.also);
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
	struct vnet_port *port = ctl_port(c, VNET_PORT_INTERFACE);

	if (!port)
		return ERR_NOENT;
	return ctl_deleted(c, port, tap_del(tap_of(port), lang_get(c->stmt, "force") != NULL));
}

err_t ctl_interface_set(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_INTERFACE);

	if (!port)
		return ERR_NOENT;
	if (no_dispatch(c))
		return ERR_NOTSUP;
	if (!lang_get(c->stmt, "state"))
		return ctl_fail(c, NULL, ERR_INVAL, "nothing to set; expected: state");
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
	if (lang_get(c->stmt, "uplink"))
		return ctl_fail(c, "uplink", ERR_NOTSUP, "\"uplink\" is for a Caisson node: Linux "
				"decides by which of its devices a link goes");
	if (setup.link->flags & LINK_IS_LAN)
		err = link_lan_add(&setup, why, sizeof(why));
	else
		err = (tcp ? link_tcp_add : link_sock_add)(&setup, why, sizeof(why));
	if (err)
		return ctl_fail(c, NULL, err, "%s", why[0] ? why : err_str(err));
	if (ctl_num(c, "state", 0))
		edge_set_up(edge_of(vnet_port_find(c->stmt->name)), false);
	return ERR_OK;
}

err_t ctl_link_del(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_EDGE);
	bool force = lang_get(c->stmt, "force") != NULL;
	struct edge *e;

	if (!port)
		return ERR_NOENT;
	e = edge_of(port);
	return ctl_deleted(c, port, link_is_tcp(e)   ? link_tcp_del(e, force)
				    : link_is_lan(e) ? link_lan_del(e, force)
						     : link_sock_del(e, force));
}

err_t ctl_link_set(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_EDGE);

	if (!port)
		return ERR_NOENT;
	edge_set_up(edge_of(port), ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}
