/* SPDX-License-Identifier: BSD-2-Clause */
/* Links over TCP, see link_tcp.h. */
#include "tools/vnetpd/link_tcp.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tools/vnetpd/link_tcp_priv.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "vnet/lang.h"
#include "vnet/overlay.h"
#include "vnet/route.h"

#define RETRY_FIRST_NS 250000000ull
#define RETRY_MAX_NS 8000000000ull

static struct tcp_link *links;

struct tcp_link *link_tcp_first(void)
{
	return links;
}

bool link_is_tcp(const struct edge *e)
{
	return e->link == &link_tcp;
}

/* --- sending -------------------------------------------------------------------------- */

static struct stream *way_out(struct tcp_link *l)
{
	return l->dialled.up ? &l->dialled : tcp_accepted(l);
}

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	struct tcp_link *l = ctx;

	(void)dst;
	/* Of an edge that did not come to be, link_tcp_add() frees it. */
	if (l->edge)
		plat_free(l, sizeof(*l));
}

/* Nothing of a connection changes when its peer is another one. */
static void tx_moved(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct stream *s = way_out(ctx);

	(void)dst;
	if (s) {
		stream_send(s, pkts, n);
		return n;
	}
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
	return 0;
}

static u32 tx_room(void *ctx)
{
	struct stream *s = way_out(ctx);

	if (s && stream_room(s) < PKT_BURST)
		stream_settle(s);
	s = way_out(ctx);
	/* A peer that takes nothing must not end up with all packets: others need some. */
	if (s && s->count && node_packets_are_scarce())
		return 0;
	/* Without a connection frames end as "no neighbour", not for want of room. */
	return s ? stream_room(s) : PKT_BURST;
}

static bool tx_carrier(void *ctx)
{
	return way_out(ctx) != NULL;
}

/* A stream has no MTU; a frame has. */
static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return IP_TOTAL_MAX;
}

static const struct link_tx link_tx = {
	.open = tx_open,
	.close = tx_close,
	.moved = tx_moved,
	.send = tx_send,
	.room = tx_room,
	.carrier = tx_carrier,
	.path_mtu = tx_path_mtu,
};

void link_tcp_settle(void)
{
	for (struct tcp_link *l = links; l; l = l->next) {
		struct stream *s = way_out(l);

		if (s && s->count)
			stream_settle(s);
	}
	tcp_accepted_reap();
}

/* --- connections ------------------------------------------------------------------------ */

static void received(void *ctx, struct pkt **pkts, u32 n)
{
	const struct tcp_link *l = ctx;

	edge_input_from(l->edge, pkts, n);
}

void link_tcp_say(const struct tcp_link *l, const char *what)
{
	LOG_LIMITED(LOG_INFO, "link", "%s: %s", l->edge->port.name, what);
}

static void dial(struct loop_timer *t, u64 now_ns)
{
	struct tcp_link *l = container_of(t, struct tcp_link, retry);

	(void)now_ns;
	if (stream_dial(&l->dialled, l->edge->dst.remote_ip, l->edge->dst.dport))
		l->dialled_ops.changed(l, false);
}

/* Before anything else: which link it is. */
static void show_tag(struct tcp_link *l)
{
	struct pkt *p = pkt_get(&node.headers);

	if (!p) {
		stream_close(&l->dialled);
		l->dialled_ops.changed(l, false);
		return;
	}
	tcp_wire_make_tag(p, l->edge->setup.id.tag);
	stream_send(&l->dialled, &p, 1);
}

static void dialled_changed(void *ctx, bool up)
{
	struct tcp_link *l = ctx;

	if (up || l->retry_ns == RETRY_FIRST_NS)
		link_tcp_say(l, up ? "connected to its peer"
				   : "does not reach its peer: tries again");
	if (up) {
		l->retry_ns = RETRY_FIRST_NS;
		if (l->edge->setup.id.tag)
			show_tag(l);
		return;
	}
	loop_timer_set(&l->retry, loop_now_ns() + l->retry_ns);
	l->retry_ns = MIN(2 * l->retry_ns, RETRY_MAX_NS);
}

/* --- life --------------------------------------------------------------------------------- */

static void init(struct tcp_link *l)
{
	l->dialled_ops = (struct stream_ops){
		.length = tcp_wire_length,
		.deliver = received,
		.changed = dialled_changed,
		.ctx = l,
	};
	stream_init(&l->dialled, &l->dialled_ops);
	l->retry = (struct loop_timer){ .due = dial };
	l->retry_ns = RETRY_FIRST_NS;
}

err_t link_tcp_add(struct edge_setup *setup, char *why, size_t size)
{
	struct tcp_port *port = tcp_port_get(setup->local_port, why, size);
	struct tcp_link *l = port ? plat_alloc(sizeof(*l)) : NULL;
	err_t err;

	if (!l) {
		if (port)
			tcp_port_put(port);
		return ERR_IO;
	}
	init(l);
	l->port = port;
	setup->tx = &link_tx;
	setup->tx_ctx = l;
	setup->pool = &node.headers;
	err = edge_create(setup, &l->edge);
	if (err) {
		tcp_port_put(port);
		plat_free(l, sizeof(*l));
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name, or a tcp link to that peer or with "
						"that tag, is there"
			     : err == ERR_BUSY ? "links of another kind receive on that port"
					       : err_str(err));
		return err;
	}
	l->next = links;
	links = l;
	if (setup->remote_ip)
		loop_timer_set(&l->retry, loop_now_ns());
	return ERR_OK;
}

err_t link_tcp_del(struct edge *e, bool force)
{
	struct tcp_link *l = e->tx_ctx, **at = &links;
	err_t err;

	if (!force && route_port_uses(e->port.id))
		return ERR_BUSY;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	loop_timer_clear(&l->retry);
	stream_close(&l->dialled);
	tcp_accepted_close(l);
	tcp_port_put(l->port);
	err = edge_destroy(e, true); /* frees l */
	return err;
}

err_t link_tcp_read(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
		    char *why, size_t size)
{
	static const char *const taken[] = { "kind", "overlay", "remote", "port", "tag", "mtu",
					     "state" };
	const struct lang_value *name = lang_get(stmt, "overlay");
	const struct overlay *overlay = overlay_find(name ? name->text : OVERLAY_DEFAULT_NAME);
	const struct lang_value *remote = lang_get(stmt, "remote");
	const struct lang_value *port = lang_get(stmt, "port"), *mtu = lang_get(stmt, "mtu");
	const struct lang_value *tag = lang_get(stmt, "tag");

	for (u32 i = 0; stmt->cmd->keys[i].word; i++) {
		bool known = !stmt->value[i].set;

		*key = stmt->cmd->keys[i].word;
		for (u32 k = 0; k < ARRAY_SIZE(taken); k++)
			known |= !strcmp(*key, taken[k]);
		if (known)
			continue;
		fmt_snprintf(why, size, "a tcp link has no \"%s\"; expected: remote, port, "
			     "tag, overlay, mtu, state", *key);
		return ERR_INVAL;
	}
	*key = "overlay";
	if (!overlay) {
		fmt_snprintf(why, size, "there is no overlay \"%s\"", name->text);
		return ERR_NOENT;
	}
	*key = remote ? "remote" : NULL;
	if (!remote || (remote->word ? !tag : !ip4_is_unicast(remote->ip))) {
		fmt_snprintf(why, size, remote && remote->word
			     ? "a peer anywhere is known by its tag; add \"tag\""
			     : "a tcp link needs \"remote\": the peer's address");
		return ERR_INVAL;
	}
	*out = (struct edge_setup){
		.name = stmt->name,
		.link = &link_tcp,
		.remote_ip = remote->word ? 0 : remote->ip,
		.local_port = (u16)(port ? port->num : TCP_LINK_PORT),
		.remote_port = (u16)(port ? port->num : TCP_LINK_PORT),
		.fragment = true,
		.id = { .tag = (u32)(tag ? tag->num : 0) },
		.overlay = overlay->id,
		.mtu = (u32)(mtu ? mtu->num : 0),
	};
	return ERR_OK;
}
