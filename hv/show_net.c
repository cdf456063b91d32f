/* SPDX-License-Identifier: BSD-2-Clause */
/* show uplink. */
#include "hv/base/fmt.h"
#include "hv/ctl.h"
#include "hv/uplink_queue.h"

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

/* Frames that came by queue 0: what no other queue took. */
static u64 first_queue(const struct uplink *up, const struct nic_stats *s)
{
	u64 others = 0;

	for (u32 i = 1; i < up->nic.queues; i++)
		others += up->queue[i]->frames;
	return s->rx_frames - MIN(others, s->rx_frames);
}

/* Vectors of a queue: one, or those for what it receives and for what it sends. */
#define VECTORS_MAX sizeof("15, 15")
static const char *vectors_of(char text[VECTORS_MAX], const struct nic *nic, u32 queue)
{
	if (nic->vectors > nic->queues)
		fmt_snprintf(text, VECTORS_MAX, "%u, %u", queue, nic->queues + queue);
	else
		fmt_snprintf(text, VECTORS_MAX, "%u", queue);
	return text;
}

static void queues_text(const struct out *out, const struct uplink *up, const struct nic_stats *s)
{
	char vectors[VECTORS_MAX];

	if (up->nic.queues < 2)
		return;
	out_printf(out, "   queue  core  vectors   looked at    received   to core 0     dropped"
			"        sent\n");
	out_printf(out, "       0     0  %-7s%12lu%12lu           -           -%12lu\n",
		   vectors_of(vectors, &up->nic, 0), up->services, first_queue(up, s),
		   up->netif.count.tx_frames);
	for (u32 i = 1; i < up->nic.queues; i++) {
		const struct uplink_queue *q = up->queue[i];

		out_printf(out, "%8u%6u  %-7s%12lu%12lu%12lu%12lu%12lu\n", i, q->core,
			   vectors_of(vectors, &up->nic, i), q->services, q->frames, q->relayed,
			   q->relay_full, q->tx.count.tx_frames);
	}
}

/* How the first queue interrupts, and what for. */
static void moderation_text(const struct out *out, const struct uplink *up)
{
	const struct moderation *m = &up->moderation;

	if (up->polled || !up->nic.ops->moderate)
		return;
	out_printf(out, "   interrupts come ");
	if (m->held)
		out_printf(out, "at least %u us apart", MODERATION_GAP_NS / 1000);
	else
		out_printf(out, "at once");
	out_printf(out, "; of late %lu for %lu frames in both directions\n", m->irqs, m->frames);
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
	moderation_text(out, up);
	queues_text(out, up, &s);
	for (u32 d = 0; up->state == UPLINK_UP && d < NET_DROP_COUNT; d++)
		if (uplink_stack_drops(up, (enum net_drop)d))
			out_printf(out, "   dropped %-16s %12lu\n", net_drop_name((enum net_drop)d),
				   uplink_stack_drops(up, (enum net_drop)d));
}

static void queue_json(struct json *j, u32 i, u32 core, u64 services, u64 frames, u64 sent,
		       const struct moderation *m)
{
	json_open(j, NULL, '{');
	json_num(j, "queue", i);
	json_num(j, "core", core);
	json_num(j, "services", services);
	json_num(j, "rx_frames", frames);
	json_num(j, "tx_frames", sent);
	json_num(j, "irq_gap_ns", m->held ? MODERATION_GAP_NS : 0);
	json_num(j, "irq_gap_changes", m->changes);
}

static void queues_json(struct json *j, const struct uplink *up, const struct nic_stats *s)
{
	json_open(j, "queues", '[');
	queue_json(j, 0, 0, up->services, first_queue(up, s),
		   up->state == UPLINK_UP ? up->netif.count.tx_frames : 0, &up->moderation);
	json_close(j, '}');
	for (u32 i = 1; i < up->nic.queues; i++) {
		const struct uplink_queue *q = up->queue[i];

		queue_json(j, i, q->core, q->services, q->frames, q->tx.count.tx_frames,
			   &q->moderation);
		json_num(j, "relayed", q->relayed);
		json_num(j, "relay_full", q->relay_full);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void uplink_json(struct json *j, struct uplink *up)
{
	struct nic_stats s = { 0 };
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
	up->nic.ops->stats(&up->nic, &s);
	queues_json(j, up, &s);
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
