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
		out_printf(out, "%u: %s\n", up->index, up->why);
		return;
	}
	link = up->nic.ops->link(&up->nic);
	up->nic.ops->stats(&up->nic, &s);
	out_printf(out, "%u: %s %s, link %s", up->index, up->nic.ops->name,
		   fmt_mac(mac, up->nic.mac), link.up ? "up" : "down");
	if (link.up && link.mbps)
		out_printf(out, " %u Mbit/s %s duplex", link.mbps,
			   link.full_duplex ? "full" : "half");
	out_printf(out, ", %s%s\n", up->polled ? "" : "interrupts by ", uplink_irq_name(up));
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

static void uplink_json(struct json *j, struct uplink *up)
{
	char text[FMT_MAC_LEN];

	json_open(j, NULL, '{');
	json_num(j, "uplink", up->index);
	json_text(j, "driver", up->nic.ops->name);
	json_text(j, "mac", fmt_mac(text, up->nic.mac));
	json_bool(j, "link", up->nic.ops->link(&up->nic).up);
	json_bool(j, "polled", up->polled);
	json_text(j, "interrupts", uplink_irq_name(up));
	json_bool(j, "in_use", up->state == UPLINK_UP);
	if (up->state == UPLINK_UP)
		json_text(j, "address", fmt_ip4(text, up->netif.addr));
	json_close(j, '}');
}

err_t ctl_show_uplink(struct ctl *c)
{
	const char *name = c->stmt->name;
	u32 first = name && !name[1] ? (u32)(name[0] - '0') : name ? UPLINK_MAX : 0;
	u32 end = name ? first + 1 : UPLINK_MAX;
	struct json j = { .out = c->out };

	if (name && first >= UPLINK_MAX)
		return ctl_fail(c, NULL, ERR_NOENT, "there is no uplink \"%s\"", name);
	if (!lang_get(c->stmt, "json")) {
		/* Of those that are not there, the first says why. */
		for (u32 i = first; i < end; i++)
			if (i == first || uplink_at(i)->func)
				uplink_text(c->out, uplink_at(i));
		return ERR_OK;
	}
	json_open(&j, NULL, '[');
	for (u32 i = first; i < end; i++)
		if (uplink_at(i)->state != UPLINK_ABSENT)
			uplink_json(&j, uplink_at(i));
	json_close(&j, ']');
	out_printf(c->out, "\n");
	return ERR_OK;
}
