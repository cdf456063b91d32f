/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the overlay's direct links and packet sockets, see link_lan.h. */
#include "tools/vnetpd/link_lan.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/packet.h"
#include "tools/vnetpd/tap.h"
#include "vnet/edge.h"
#include "vnet/route.h"

/* Of a long frame. */
#define LONG_BYTES 16384u

struct lan {
	struct lan *next;
	struct edge *edge;
	struct loop_fd lf;
	struct packet_sock sock;
	bool there; /* the device */
	u32 waiting;
	struct pkt *queue[LINK_LAN_QUEUE];
};

static struct lan *lans;

bool link_is_lan(const struct edge *e)
{
	return e->link->flags & LINK_IS_LAN;
}

const char *link_lan_device(const struct edge *e)
{
	const struct lan *l = e->tx_ctx;

	return l->sock.device;
}

/* --- out ------------------------------------------------------------------------------ */

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	struct lan *l = ctx;

	(void)dst;
	/* Of an edge that did not come to be, link_lan_add() frees it. */
	if (l->edge)
		plat_free(l, sizeof(*l));
}

static void settle(struct lan *l)
{
	u32 done = packet_send(&l->sock, l->queue, l->waiting);

	l->waiting -= done;
	memmove(l->queue, l->queue + done, l->waiting * sizeof(l->queue[0]));
	loop_change(&l->lf, l->waiting ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct lan *l = ctx;

	(void)dst;
	memcpy(l->queue + l->waiting, pkts, n * sizeof(pkts[0]));
	l->waiting += n;
	return n;
}

static u32 tx_room(void *ctx)
{
	struct lan *l = ctx;

	if (LINK_LAN_QUEUE - l->waiting < PKT_BURST)
		settle(l);
	return LINK_LAN_QUEUE - l->waiting;
}

static bool tx_carrier(void *ctx)
{
	const struct lan *l = ctx;

	return packet_carrier(&l->sock);
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	const struct lan *l = ctx;

	(void)dst;
	return l->sock.mtu + LINK_ETH_HEADER;
}

static const struct link_tx link_tx = {
	.caps = PKT_CAP_CSUM | PKT_CAP_TSO4 | PKT_CAP_TSO6,
	.open = tx_open,
	.close = tx_close,
	.send = tx_send,
	.carrier = tx_carrier,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

void link_lan_settle(void)
{
	for (struct lan *l = lans; l; l = l->next)
		if (l->waiting)
			settle(l);
}

/* --- in ------------------------------------------------------------------------------- */

static u32 receive(struct lan *l)
{
	struct pkt *pkts[PACKET_BATCH];
	u32 n, rest, longs = 0;

	packet_recv(&l->sock, &node.frames, pkts, &n);
	for (u32 i = 0; i < n; i++)
		longs += pkts[i]->len >= LONG_BYTES;
	rest = edge_lan_input(l->edge, NULL, pkts, n);
	/* Of an interface that went while they were on the way. */
	for (u32 i = 0; i < rest; i++)
		pkt_put(pkts[i]);
	return longs;
}

static void ready(struct loop_fd *f, u32 events)
{
	struct lan *l = container_of(f, struct lan, lf);
	u32 longs = 0;

	/* An error of the device is taken off the socket so, too. */
	if (events & (LOOP_IN | LOOP_HUP))
		longs = receive(l);
	if (events & LOOP_OUT)
		settle(l);
	node_settle();
	tap_queue_answers();
	link_lan_settle();
	node_note_long(longs, f);
}

/* --- following ------------------------------------------------------------------------ */

static void take_addresses(struct lan *l)
{
	static u8 macs[PACKET_MACS_MAX][6];
	u32 n = 0;

	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		if (p->kind != VNET_PORT_INTERFACE || p->overlay != l->edge->port.overlay)
			continue;
		if (n < PACKET_MACS_MAX)
			memcpy(macs[n++], p->mac, sizeof(p->mac));
		else
			LOG_LIMITED(LOG_WARN, "link", "%s: takes frames for %u interfaces, not for "
				    "%s", l->edge->port.name, PACKET_MACS_MAX, p->name);
	}
	packet_take(&l->sock, (const u8 (*)[6])macs, n);
}

void link_lan_follow(void)
{
	for (struct lan *l = lans; l; l = l->next) {
		bool there = packet_follow(&l->sock);

		if (there != l->there)
			log_warn("link", "%s: device %s is %s", l->edge->port.name, l->sock.device,
				 there ? "back" : "gone");
		l->there = there;
		if (there)
			take_addresses(l);
	}
}

/* --- life ----------------------------------------------------------------------------- */

static err_t check(const struct edge_setup *setup, char *why, size_t size)
{
	if (!setup->device[0]) {
		fmt_snprintf(why, size, "a direct link of vnetpd needs \"device\": Linux's name of "
			     "the network device on that LAN");
		return ERR_INVAL;
	}
	if (tap_on_device(setup->device)) {
		fmt_snprintf(why, size, "%s is an interface of this node", setup->device);
		return ERR_INVAL;
	}
	for (const struct lan *l = lans; l; l = l->next) {
		if (strcmp(l->sock.device, setup->device) != 0)
			continue;
		fmt_snprintf(why, size, "%s is a direct link on %s already", l->edge->port.name,
			     setup->device);
		return ERR_EXIST;
	}
	return ERR_OK;
}

err_t link_lan_add(struct edge_setup *setup, char *why, size_t size)
{
	err_t err = check(setup, why, size);
	struct lan *l = err ? NULL : plat_alloc(sizeof(*l));

	if (!l)
		return err ? err : ERR_NOMEM;
	err = packet_open(&l->sock, setup->device, why, size);
	if (err)
		goto free;
	l->lf = (struct loop_fd){ .fd = l->sock.fd, .ready = ready };
	l->there = true;
	setup->tx = &link_tx;
	setup->tx_ctx = l;
	setup->pool = &node.headers;
	err = edge_create(setup, &l->edge);
	if (err) {
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name is taken" : err_str(err));
		goto close;
	}
	err = loop_add(&l->lf, LOOP_IN);
	if (err) {
		packet_close(&l->sock);
		edge_destroy(l->edge, true); /* frees l */
		return err;
	}
	l->next = lans;
	lans = l;
	return ERR_OK;
close:
	packet_close(&l->sock);
free:
	plat_free(l, sizeof(*l));
	return err;
}

err_t link_lan_del(struct edge *e, bool force)
{
	struct lan *l = e->tx_ctx, **at = &lans;

	if (!force && route_port_uses(e->port.id))
		return ERR_BUSY;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	settle(l);
	while (l->waiting)
		pkt_put(l->queue[--l->waiting]);
	loop_del(&l->lf);
	packet_close(&l->sock);
	return edge_destroy(e, true); /* frees l */
}
