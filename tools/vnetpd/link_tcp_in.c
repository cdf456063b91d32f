/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that peers dial. One of a link without a tag is known by its
 * address at once; one of a link with a tag shows that first, wherever it
 * comes from. Whoever shows nothing in time is cut off, and only few may be
 * about to.
 */
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/link_tcp_priv.h"

#define STRANGERS_MAX 8u /* each has a buffer for messages */
#define TAG_WITHIN_NS 5000000000ull

/* A local port that takes connections. */
struct tcp_port {
	struct tcp_port *next;
	struct stream_listener listener;
	u16 number;
	u32 users;
};

struct tcp_conn {
	struct tcp_conn *next;
	struct stream stream;
	struct stream_ops ops;
	struct tcp_link *link; /* NULL: it has yet to show a tag */
	u16 local_port;
	u32 ip;
	u16 ip_port;
	struct loop_timer patience;
	bool over;
};

static struct tcp_port *ports;
static struct tcp_conn *conns;

struct stream *tcp_accepted(const struct tcp_link *l)
{
	return l->accepted ? &l->accepted->stream : NULL;
}

/* It is freed later: this may run within one of its callbacks. */
static void end(struct tcp_conn *c)
{
	stream_close(&c->stream);
	loop_timer_clear(&c->patience);
	if (c->link)
		c->link->accepted = NULL;
	c->link = NULL;
	c->over = true;
}

void tcp_accepted_close(struct tcp_link *l)
{
	if (l->accepted)
		end(l->accepted);
}

void tcp_accepted_reap(void)
{
	struct tcp_conn **at = &conns;

	while (*at) {
		struct tcp_conn *c = *at;

		if (!c->over) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		plat_free(c, sizeof(*c));
	}
}

/* --- whose it is ---------------------------------------------------------------------- */

static void refuse(struct tcp_conn *c, const char *why)
{
	char from[FMT_IP4_LEN];

	LOG_LIMITED(LOG_WARN, "link", "no tcp link from %s to port %u%s", fmt_ip4(from, c->ip),
		    c->local_port, why);
	end(c);
}

/* The newest connection of a peer counts: it knows of no other any more. */
static void give(struct tcp_conn *c, struct tcp_link *l)
{
	loop_timer_clear(&c->patience);
	tcp_accepted_close(l);
	l->accepted = c;
	c->link = l;
	if (!l->edge->setup.remote_ip)
		edge_set_peer(l->edge, c->ip, c->ip_port);
	link_tcp_say(l, "its peer has connected");
}

/* tag 0: by its address alone. */
static struct tcp_link *link_for(const struct tcp_conn *c, u32 tag)
{
	struct tcp_link *l = link_tcp_first();

	for (; l; l = l->next) {
		const struct edge_setup *s = &l->edge->setup;

		if (s->local_port == c->local_port && s->id.tag == tag &&
		    (!s->remote_ip || s->remote_ip == c->ip))
			return l;
	}
	return NULL;
}

static bool tags_are_used(u16 local_port)
{
	const struct tcp_link *l = link_tcp_first();

	while (l && (l->edge->setup.local_port != local_port || !l->edge->setup.id.tag))
		l = l->next;
	return l != NULL;
}

static void drop(struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
}

static void received(void *ctx, struct pkt **pkts, u32 n)
{
	struct tcp_conn *c = ctx;
	u32 tag;

	if (!c->link && !c->over) {
		struct tcp_link *l;

		tag = tcp_wire_tag(pkts[0]);
		l = tag ? link_for(c, tag) : NULL;
		if (l)
			give(c, l);
		else
			refuse(c, tag ? " has that tag" : " begins without a tag");
		pkt_put(*pkts++);
		n--;
	}
	if (c->link)
		edge_input_from(c->link->edge, pkts, n);
	else
		drop(pkts, n);
}

static void changed(void *ctx, bool up)
{
	struct tcp_conn *c = ctx;

	if (up)
		return;
	if (c->link)
		link_tcp_say(c->link, "its peer's connection ended");
	end(c);
}

static void impatient(struct loop_timer *t, u64 now_ns)
{
	(void)now_ns;
	refuse(container_of(t, struct tcp_conn, patience), " shows no tag in time");
}

/* --- taking connections ------------------------------------------------------------- */

static u32 strangers(void)
{
	u32 n = 0;

	for (const struct tcp_conn *c = conns; c; c = c->next)
		n += !c->link && !c->over;
	return n;
}

static void accepted(struct stream_listener *listener, int fd, u32 ip, u16 ip_port)
{
	const struct tcp_port *port = container_of(listener, struct tcp_port, listener);
	bool room = strangers() < STRANGERS_MAX;
	struct tcp_conn *c = plat_alloc(sizeof(*c));
	struct tcp_link *l;

	if (!c) {
		stream_refuse(fd);
		return;
	}
	*c = (struct tcp_conn){
		.next = conns,
		.ops = { .length = tcp_wire_length, .deliver = received, .changed = changed,
			 .ctx = c },
		.local_port = port->number,
		.ip = ip,
		.ip_port = ip_port,
		.patience = { .due = impatient },
	};
	conns = c;
	stream_init(&c->stream, &c->ops);
	if (stream_adopt(&c->stream, fd)) {
		end(c);
		return;
	}
	l = link_for(c, 0);
	if (l)
		give(c, l);
	else if (room && tags_are_used(port->number))
		loop_timer_set(&c->patience, loop_now_ns() + TAG_WITHIN_NS);
	else
		refuse(c, room ? "" : ": too many have yet to show a tag");
}

struct tcp_port *tcp_port_get(u16 number, char *why, size_t size)
{
	struct tcp_port *p = ports;

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

void tcp_port_put(struct tcp_port *p)
{
	struct tcp_port **at = &ports;

	if (--p->users)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	stream_unlisten(&p->listener);
	plat_free(p, sizeof(*p));
}
