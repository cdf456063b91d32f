/* SPDX-License-Identifier: BSD-2-Clause */
/* From a statement to its handler, see tools/vnetpd/ctl.h. */
#include "tools/vnetpd/ctl.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "tools/vnetpd/link_lan.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/tap.h"
#include "vnet/route.h"

static bool changed;

static err_t section(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP, "\"node NAME\" starts a section of a file");
}

static err_t no_guests(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP,
			"vnetpd has no guests: \"%s\" is for a Caisson node; an interface here is "
			"a TAP device of Linux (interface add NAME mac MAC)",
			c->stmt->cmd->object);
}

static err_t no_uplink(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP,
			"vnetpd has no uplink of its own: links use this machine's network, whose "
			"addresses are set with Linux's tools");
}

static err_t no_network(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP,
			"vnetpd is controlled by its socket only; from elsewhere, by ssh");
}

static err_t no_machine(struct ctl *c)
{
	return ctl_fail(c, NULL, ERR_NOTSUP, "vnetpd does not own the machine: ask Linux");
}

const ctl_fn ctl_own_handlers[LANG_ID_COUNT] = {
	[LANG_NODE] = section,
	[LANG_UPLINK_ADD] = ctl_uplink_add,
	[LANG_UPLINK_DEL] = ctl_uplink_del,
	[LANG_LINK_ADD] = ctl_link_add,
	[LANG_LINK_DEL] = ctl_link_del,
	[LANG_LINK_SET] = ctl_link_set,
	[LANG_INTERFACE_ADD] = ctl_interface_add,
	[LANG_INTERFACE_DEL] = ctl_interface_del,
	[LANG_INTERFACE_SET] = ctl_interface_set,
	[LANG_SHOW_NODE] = ctl_show_node,
	[LANG_SHOW_STATS] = ctl_show_stats,
	[LANG_SHOW_METRICS] = ctl_show_metrics,
	[LANG_SHOW_CONFIG] = ctl_show_config,
};

/* Why there is no handler. */
static ctl_fn handler_of(const struct lang_command *cmd)
{
	ctl_fn handler = ctl_handler(cmd->id);

	if (handler)
		return handler;
	if (!strcmp(cmd->object, "uplink") || cmd->id == LANG_SHOW_UPLINK)
		return no_uplink;
	if (!strcmp(cmd->object, "control"))
		return no_network;
	if (!strcmp(cmd->object, "node") || !strcmp(cmd->object, "show"))
		return no_machine;
	return no_guests;
}

err_t ctl_execute(struct ctl *c)
{
	const struct lang_command *cmd = c->stmt->cmd;
	err_t err;

	c->message[0] = '\0';
	if (!cmd)
		return ERR_OK;
	err = handler_of(cmd)(c);
	if (!err)
		config_note(c);
	changed |= !err && cmd->in_file;
	return err;
}

static bool leads_from_edge_to_edge(const struct route *r)
{
	const struct vnet_port *to = vnet_port_by_id(r->spec.to);
	const struct vnet_port *from = vnet_port_by_id(r->spec.from_port);

	if (!to || to->kind != VNET_PORT_EDGE)
		return false;
	return r->spec.from == ROUTE_FROM_EDGES ||
	       (r->spec.from == ROUTE_FROM_PORT && from && from->kind == VNET_PORT_EDGE);
}

void ctl_changed(void)
{
	changed = true;
}

void ctl_settle(void)
{
	bool transit = false;

	if (!changed)
		return;
	changed = false;
	for (const struct route *r = route_next(0); r && !transit; r = route_next(r->id))
		transit = leads_from_edge_to_edge(r);
	link_sock_set_transit(transit);
	link_lan_follow();
	tap_follow_links(link_sock_segments());
}
