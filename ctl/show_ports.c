/* SPDX-License-Identifier: BSD-2-Clause */
/* show interface and show link, the same on every kind of node. */
#include "ctl/ctl.h"
#include "ctl/stats.h"
#include "hv/base/fmt.h"
#include "vnet/edge.h"
#include "vnet/queues.h"

static void device_text(const struct out *out, struct vnet_port *p, const char *before)
{
	const char *device = ctl_port_device(p);

	if (device)
		out_printf(out, "%sdevice %s", before, device);
}

static void interface_row(const struct out *out, struct vnet_port *p)
{
	struct vnet_counters c;
	char mac[FMT_MAC_LEN];

	vnet_port_count(p, &c);
	out_column(out, 14, "%s", p->name);
	out_column(out, 19, "%s", fmt_mac(mac, p->mac));
	out_column(out, 7, "%u", p->mtu);
	out_column(out, 6, "%s", p->up ? "up" : "down");
	/* The guest's view: what the core received from it, it sent. */
	out_printf(out, "%12lu%12lu%12lu", c.rx_frames, c.tx_frames, stats_dropped(&c));
	ctl_also_print(out, &p->also);
	if (vnet_port_queues(p) > 1)
		out_printf(out, " queues %u", vnet_port_queues(p));
	device_text(out, p, " ");
	out_printf(out, "\n");
}

/* What is known about the way to its peer. */
static void health_text(const struct out *out, const struct health *h)
{
	u32 loss = health_loss_permille(h);

	if (h->state == HEALTH_INCOMPATIBLE)
		out_printf(out, ", peer speaks versions %u to %u of the protocol",
			   h->peer.version_min, h->peer.version_max);
	if (h->rtt_us)
		out_printf(out, ", rtt %u us (least %u)", h->rtt_us, h->rtt_min_us);
	out_printf(out, ", loss %u.%u %%", loss / 10, loss % 10);
}

static void link_row(const struct out *out, struct vnet_port *p)
{
	const struct edge *e = edge_of(p);
	struct vnet_counters c;
	char ip[FMT_IP4_LEN];

	vnet_port_count(p, &c);
	out_column(out, 14, "%s", p->name);
	out_column(out, 8, "%s", e->link->name);
	out_column(out, 16, "%s", e->dst.remote_ip ? fmt_ip4(ip, e->dst.remote_ip) : "any");
	out_column(out, 7, "%u", e->setup.local_port);
	out_column(out, 7, "%u", p->mtu);
	out_column(out, 13, "%s", edge_state_name(edge_state(e)));
	out_printf(out, "%12lu%12lu%12lu  unauthenticated", c.tx_frames, c.rx_frames,
		   stats_dropped(&c));
	if (edge_has_health(e))
		health_text(out, &e->health);
	out_printf(out, ", path mtu %u", e->dst.mtu);
	device_text(out, p, ", ");
	out_printf(out, "\n");
}

static void health_json(struct json *j, const struct health *h)
{
	json_open(j, "keepalive", '{');
	json_num(j, "sent", h->sent);
	json_num(j, "received", h->received);
	json_num(j, "lost", h->lost);
	json_num(j, "loss_permille", health_loss_permille(h));
	json_num(j, "rtt_us", h->rtt_us);
	json_num(j, "rtt_min_us", h->rtt_min_us);
	json_num(j, "changes", h->changes);
	json_close(j, '}');
}

static void link_json(struct json *j, const struct edge *e)
{
	char text[FMT_IP4_LEN];

	json_text(j, "kind", e->link->name);
	json_text(j, "remote", fmt_ip4(text, e->dst.remote_ip));
	json_num(j, "port", e->setup.local_port);
	json_num(j, "remote_port", e->dst.dport);
	json_text(j, "state", edge_state_name(edge_state(e)));
	json_text(j, "security", "unauthenticated");
	if (e->link->flags & LINK_HAS_VNI)
		json_num(j, "vni", e->setup.id.vni);
	json_num(j, "path_mtu", e->dst.mtu);
	json_num(j, "answers", e->port.count.answers);
	if (edge_has_health(e)) {
		health_json(j, &e->health);
		json_num(j, "probes", e->path.sent);
		json_num(j, "probes_answered", e->path.answered);
	}
}

static void port_json(struct json *j, struct vnet_port *p)
{
	const char *device = ctl_port_device(p);
	struct vnet_counters c;
	char text[FMT_MAC_LEN];

	vnet_port_count(p, &c);
	json_open(j, NULL, '{');
	json_text(j, "name", p->name);
	if (p->kind == VNET_PORT_INTERFACE) {
		json_text(j, "mac", fmt_mac(text, p->mac));
		ctl_also_json(j, &p->also);
		json_num(j, "queues", vnet_port_queues(p));
	} else {
		link_json(j, edge_of(p));
	}
	if (device)
		json_text(j, "device", device);
	json_num(j, "mtu", p->mtu);
	json_bool(j, "up", p->up);
	json_num(j, "from_core", c.tx_frames);
	json_num(j, "from_core_bytes", c.tx_bytes);
	json_num(j, "to_core", c.rx_frames);
	json_num(j, "to_core_bytes", c.rx_bytes);
	json_num(j, "dropped", stats_dropped(&c));
	json_close(j, '}');
}

static err_t show_ports(struct ctl *c, enum vnet_port_kind kind, const char *header,
			void (*row)(const struct out *, struct vnet_port *))
{
	bool json = lang_get(c->stmt, "json") != NULL;
	const struct vnet_port *only = c->stmt->name ? ctl_port(c, kind) : NULL;
	struct json j = { .out = c->out };

	if (c->stmt->name && !only)
		return ERR_NOENT;
	if (json)
		json_open(&j, NULL, '[');
	else
		out_printf(c->out, "%s", header);
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		if (p->kind != kind || (only && p != only))
			continue;
		if (json)
			port_json(&j, p);
		else
			row(c->out, p);
	}
	if (json) {
		json_close(&j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}

err_t ctl_show_interface(struct ctl *c)
{
	return show_ports(c, VNET_PORT_INTERFACE,
			  "NAME          MAC                MTU    STATE         SENT    RECEIVED"
			  "     DROPPED\n",
			  interface_row);
}

err_t ctl_show_link(struct ctl *c)
{
	return show_ports(c, VNET_PORT_EDGE,
			  "NAME          KIND    REMOTE          PORT   MTU    STATE        "
			  "        SENT    RECEIVED     DROPPED\n",
			  link_row);
}
