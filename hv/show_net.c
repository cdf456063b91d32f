/* SPDX-License-Identifier: BSD-2-Clause */
/* show uplink. */
#include "hv/base/fmt.h"
#include "hv/ctl.h"
#include "hv/uplink.h"

/* Nothing of the machine's stands behind a port of its own. */
const char *ctl_port_device(struct vnet_port *port)
{
	(void)port;
	return NULL;
}

static void address_text(const struct out *out, const struct uplink *up)
{
	const struct netif *nif = &up->netif;
	const char *dhcp = up->cfg.dhcp ? dhcp_state_name(nif) : "";
	const char *comma = up->cfg.dhcp ? ", DHCP " : "";
	char ip[FMT_IP4_LEN];

	if (up->state != UPLINK_UP) {
		out_printf(out, "   not in use\n");
		return;
	}
	if (nif->addr)
		out_printf(out, "   address %s/%u, mtu %u%s%s\n", fmt_ip4(ip, nif->addr),
			   (u32)__builtin_popcount(nif->mask), nif->mtu, comma, dhcp);
	else
		out_printf(out, "   no address yet%s%s\n", comma, dhcp);
	if (up->cfg.dhcp)
		out_printf(out, "   DHCP messages: %lu sent, %lu malformed, %lu ignored\n",
			   nif->dhcp.sent, nif->dhcp.bad, nif->dhcp.ignored);
}

static void uplink_text(const struct out *out, struct uplink *up)
{
	char mac[FMT_MAC_LEN];
	struct nic_link link;
	struct nic_stats s = { 0 };

	if (up->state == UPLINK_ABSENT) {
		out_printf(out, "0: %s\n", up->why[0] ? up->why : "none");
		return;
	}
	link = up->nic.ops->link(&up->nic);
	up->nic.ops->stats(&up->nic, &s);
	out_printf(out, "0: %s %s, link %s", up->nic.ops->name, fmt_mac(mac, up->nic.mac),
		   link.up ? "up" : "down");
	if (link.up)
		out_printf(out, " %u Mbit/s %s duplex", link.mbps,
			   link.full_duplex ? "full" : "half");
	out_printf(out, ", %s\n", up->polled ? "polled" : "interrupts");
	address_text(out, up);
	out_printf(out,
		   "   received %lu frames, %lu missed, %lu bad; sent %lu frames, %lu refused\n",
		   s.rx_frames, s.rx_missed, s.rx_errors, s.tx_frames, s.tx_bad);
	out_printf(out, "   %lu interrupts, %lu doorbells, %lu resets, %lu link changes\n", s.irqs,
		   s.doorbells, s.resets, s.link_changes);
	for (u32 d = 0; up->state == UPLINK_UP && d < NET_DROP_COUNT; d++)
		if (up->netif.count.drop[d])
			out_printf(out, "   dropped %-16s %12lu\n", net_drop_name((enum net_drop)d),
				   up->netif.count.drop[d]);
}

static void uplink_json(const struct out *out, struct uplink *up)
{
	struct json j = { .out = out };
	char text[FMT_MAC_LEN];

	json_open(&j, NULL, '[');
	if (up->state != UPLINK_ABSENT) {
		json_open(&j, NULL, '{');
		json_text(&j, "driver", up->nic.ops->name);
		json_text(&j, "mac", fmt_mac(text, up->nic.mac));
		json_bool(&j, "link", up->nic.ops->link(&up->nic).up);
		json_bool(&j, "polled", up->polled);
		json_bool(&j, "in_use", up->state == UPLINK_UP);
		if (up->state == UPLINK_UP)
			json_text(&j, "address", fmt_ip4(text, up->netif.addr));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	out_printf(out, "\n");
}

err_t ctl_show_uplink(struct ctl *c)
{
	if (c->stmt->name && (c->stmt->name[0] != '0' || c->stmt->name[1]))
		return ctl_fail(c, NULL, ERR_NOENT, "there is no uplink \"%s\"", c->stmt->name);
	if (lang_get(c->stmt, "json"))
		uplink_json(c->out, uplink_at(0));
	else
		uplink_text(c->out, uplink_at(0));
	return ERR_OK;
}
