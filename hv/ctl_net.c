/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about the uplink and links. */
#include "hv/control.h"
#include "hv/ctl.h"
#include "hv/link_net.h"
#include "hv/uplink.h"
#include "vnet/link_lang.h"

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
		.queues = (u32)ctl_num(c, "queues", 1),
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
	if (err)
		return ctl_fail(c, err == ERR_RANGE ? "mtu" : err == ERR_FULL ? "queues" : NULL,
				err, "%s", why);
	err = control_uplink_added(uplink_at(i));
	if (!err)
		return ERR_OK;
	uplink_del(i, why, sizeof(why));
	return ctl_fail(c, NULL, err, "control cannot listen there: %s", err_str(err));
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
	err = uplink_may_go(i, why, sizeof(why));
	if (err)
		return ctl_fail(c, NULL, err, "%s", why);
	err = control_uplink_leaves(uplink_at(i));
	if (err)
		return ctl_fail(c, NULL, err, "control listens there; control close first");
	return uplink_del(i, why, sizeof(why));
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
	if (setup.device[0])
		return ctl_fail(c, "device", ERR_NOTSUP, "a node has its uplink's LAN only; "
				"devices are for vnetpd");
	err = link_net_add(&setup);
	if (err == ERR_NOENT && setup.net_told)
		return ctl_fail(c, "uplink", err, "uplink %u is not in use; add it first",
				setup.net);
	if (err == ERR_NOENT)
		return ctl_fail(c, NULL, err, "no uplink is in use; add one first");
	local = edge_local_find(setup.net, setup.local_port);
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

err_t ctl_link_del(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_EDGE);

	if (!port)
		return ERR_NOENT;
	return ctl_deleted(c, port, link_net_del(edge_of(port),
						 lang_get(c->stmt, "force") != NULL));
}

err_t ctl_link_set(struct ctl *c)
{
	struct vnet_port *port = ctl_port(c, VNET_PORT_EDGE);

	if (!port)
		return ERR_NOENT;
	edge_set_up(edge_of(port), ctl_num(c, "state", 0) == 0);
	return ERR_OK;
}
