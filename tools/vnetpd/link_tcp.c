/* SPDX-License-Identifier: BSD-2-Clause */
/* Links over TCP, see link_tcp.h. */
#include "tools/vnetpd/link_tcp.h"

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/stream.h"
#include "vnet/edge.h"
#include "vnet/lang.h"
#include "vnet/overlay.h"
#include "vnet/route.h"

#define TCP_LINK_PORT 9000
#define HEADER 6u
#define TYPE 0u
#define SIZE 2u /* little-endian, 24 bits */
#define HOPS 5u
#define TYPE_FRAME 0x6574u /* "et" */
#define SIZE_MASK 0xffffffu
#define FRAME_MAX (LINK_PAYLOAD_MAX - HEADER)

#define RETRY_FIRST_NS 250000000ull
#define RETRY_MAX_NS 8000000000ull

/* A local port that takes connections. */
struct port {
	struct stream_listener listener;
	u16 number;
	u32 users;
	struct port *next;
};

struct tcp_link {
	struct tcp_link *next;
	struct edge *edge;
	struct port *port;
	struct stream_ops dialled_ops, accepted_ops;
	struct stream dialled, accepted;
	struct loop_timer retry;
	u64 retry_ns;
};

static struct tcp_link *links;
static struct port *ports;

/* --- format ------------------------------------------------------------------------- */

static void make_header(struct link_header *h, const struct link_id *id)
{
	(void)id;
	*h = (struct link_header){ .len = HEADER };
	store_be16(h->bytes + TYPE, TYPE_FRAME);
}

static err_t encap(struct pkt *p, const struct link_header *h)
{
	u32 size = p->len;
	u8 *at = pkt_push(p, HEADER);

	if (!at)
		return ERR_FULL;
	memcpy(at, h->bytes, SIZE);
	store_le32(at + SIZE, size);
	/* What starts here has come through nobody; transit sends its TTL less one. */
	at[HOPS] = p->ttl ? (u8)(LINK_TTL + 1 - MIN(p->ttl, LINK_TTL)) : 0;
	return ERR_OK;
}

static enum link_verdict decap(struct pkt *p, struct link_rx *rx)
{
	rx->why = VNET_DROP_LINK_HEADER;
	if (!link_pullup(p, HEADER) || load_be16(p->data + TYPE) != TYPE_FRAME)
		return LINK_BAD;
	p->ttl = (u8)(LINK_TTL - MIN(p->data[HOPS], LINK_TTL));
	pkt_pull(p, HEADER);
	return link_frame(p, rx);
}

static u32 message_length(const u8 *data, u32 have)
{
	u32 size;

	if (have < HEADER)
		return 0;
	size = load_le32(data + SIZE) & SIZE_MASK;
	return size > FRAME_MAX ? STREAM_BAD : HEADER + size;
}

static const char *const keys[] = { "remote", "port", NULL };

static const struct link_kind link_tcp = {
	.name = "tcp",
	.default_port = TCP_LINK_PORT,
	.flags = LINK_MAY_FRAGMENT | LINK_IS_STREAM, /* TCP does not mind length */
	.keys = keys,
	.make_header = make_header,
	.encap = encap,
	.decap = decap,
};

bool link_is_tcp(const struct edge *e)
{
	return e->link == &link_tcp;
}

/* --- sending -------------------------------------------------------------------------- */

static struct stream *way_out(struct tcp_link *l)
{
	if (l->dialled.up)
		return &l->dialled;
	return l->accepted.up ? &l->accepted : NULL;
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
}

/* --- connections ------------------------------------------------------------------------ */

static void received(void *ctx, struct pkt **pkts, u32 n)
{
	const struct tcp_link *l = ctx;

	edge_input(l->edge->local, l->edge->dst.remote_ip, l->edge->dst.dport, pkts, n);
}

static void say_state(const struct tcp_link *l, const char *what)
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

static void dialled_changed(void *ctx, bool up)
{
	struct tcp_link *l = ctx;

	if (up || l->retry_ns == RETRY_FIRST_NS)
		say_state(l, up ? "connected to its peer" : "does not reach its peer: tries again");
	if (up) {
		l->retry_ns = RETRY_FIRST_NS;
		return;
	}
	loop_timer_set(&l->retry, loop_now_ns() + l->retry_ns);
	l->retry_ns = MIN(2 * l->retry_ns, RETRY_MAX_NS);
}

static void accepted_changed(void *ctx, bool up)
{
	say_state(ctx, up ? "its peer has connected" : "its peer's connection ended");
}

/* The newest connection of a peer counts: it knows of no other any more. */
static void accepted(struct stream_listener *listener, int fd, u32 ip)
{
	struct port *port = container_of(listener, struct port, listener);
	char from[FMT_IP4_LEN];

	for (struct tcp_link *l = links; l; l = l->next) {
		if (l->port != port || l->edge->dst.remote_ip != ip)
			continue;
		stream_close(&l->accepted);
		if (!stream_adopt(&l->accepted, fd))
			accepted_changed(l, true);
		return;
	}
	LOG_LIMITED(LOG_WARN, "link", "no tcp link from %s to port %u", fmt_ip4(from, ip),
		    port->number);
	stream_refuse(fd);
}

/* --- life --------------------------------------------------------------------------------- */

static struct port *port_get(u16 number, char *why, size_t size)
{
	struct port *p = ports;

	while (p && p->number != number)
		p = p->next;
	if (!p) {
		p = plat_alloc(sizeof(*p));
		if (!p)
			return NULL;
		p->number = number;
		p->listener.accepted = accepted;
		if (stream_listen(&p->listener, number, why, size)) {
			plat_free(p, sizeof(*p));
			return NULL;
		}
		p->next = ports;
		ports = p;
	}
	p->users++;
	return p;
}

static void port_put(struct port *p)
{
	struct port **at = &ports;

	if (--p->users)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	stream_unlisten(&p->listener);
	plat_free(p, sizeof(*p));
}

static void init(struct tcp_link *l)
{
	l->dialled_ops = (struct stream_ops){
		.length = message_length,
		.deliver = received,
		.changed = dialled_changed,
		.ctx = l,
	};
	l->accepted_ops = l->dialled_ops;
	l->accepted_ops.changed = accepted_changed;
	stream_init(&l->dialled, &l->dialled_ops);
	stream_init(&l->accepted, &l->accepted_ops);
	l->retry = (struct loop_timer){ .due = dial };
	l->retry_ns = RETRY_FIRST_NS;
}

err_t link_tcp_add(struct edge_setup *setup, char *why, size_t size)
{
	struct port *port = port_get(setup->local_port, why, size);
	struct tcp_link *l = port ? plat_alloc(sizeof(*l)) : NULL;
	err_t err;

	if (!l) {
		if (port)
			port_put(port);
		return ERR_IO;
	}
	init(l);
	l->port = port;
	setup->tx = &link_tx;
	setup->tx_ctx = l;
	setup->pool = &node.headers;
	err = edge_create(setup, &l->edge);
	if (err) {
		port_put(port);
		plat_free(l, sizeof(*l));
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name, or a tcp link to that peer, is there"
			     : err == ERR_BUSY ? "links of another kind receive on that port"
					       : err_str(err));
		return err;
	}
	l->next = links;
	links = l;
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
	stream_close(&l->accepted);
	port_put(l->port);
	err = edge_destroy(e, true); /* frees l */
	return err;
}

err_t link_tcp_read(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
		    char *why, size_t size)
{
	static const char *const taken[] = { "kind", "overlay", "remote", "port", "mtu", "state" };
	const struct lang_value *name = lang_get(stmt, "overlay");
	const struct overlay *overlay = overlay_find(name ? name->text : OVERLAY_DEFAULT_NAME);
	const struct lang_value *remote = lang_get(stmt, "remote");
	const struct lang_value *port = lang_get(stmt, "port"), *mtu = lang_get(stmt, "mtu");

	for (u32 i = 0; stmt->cmd->keys[i].word; i++) {
		bool known = !stmt->value[i].set;

		*key = stmt->cmd->keys[i].word;
		for (u32 k = 0; k < ARRAY_SIZE(taken); k++)
			known |= !strcmp(*key, taken[k]);
		if (known)
			continue;
		fmt_snprintf(why, size, "a tcp link has no \"%s\"; expected: remote, port, "
			     "overlay, mtu, state", *key);
		return ERR_INVAL;
	}
	*key = "overlay";
	if (!overlay) {
		fmt_snprintf(why, size, "there is no overlay \"%s\"", name->text);
		return ERR_NOENT;
	}
	*key = remote ? "remote" : NULL;
	if (!remote || remote->word || !ip4_is_unicast(remote->ip)) {
		fmt_snprintf(why, size, "a tcp link needs \"remote\": the peer's address");
		return ERR_INVAL;
	}
	*out = (struct edge_setup){
		.name = stmt->name,
		.link = &link_tcp,
		.remote_ip = remote->ip,
		.local_port = (u16)(port ? port->num : TCP_LINK_PORT),
		.remote_port = (u16)(port ? port->num : TCP_LINK_PORT),
		.fragment = true,
		.overlay = overlay->id,
		.mtu = (u32)(mtu ? mtu->num : 0),
	};
	return ERR_OK;
}
