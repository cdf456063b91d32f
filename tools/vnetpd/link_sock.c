/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the overlay's edges and the UDP sockets, see link_sock.h. */
#include "tools/vnetpd/link_sock.h"

#include <sys/random.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/sock.h"
#include "tools/vnetpd/tap.h"
#include "vnet/capture.h"
#include "vnet/edge.h"
#include "vnet/epoch.h"

/* RFC 6335 section 6: the dynamic ports. */
#define PORT_FIRST 49152u
#define PORT_COUNT 16384u
#define PORT_TRIES 64u
#define MTU_UNKNOWN 1500u
/* How often the kernel is asked what it learned of a path. */
#define MTU_CHECK_NS 1000000000ull
/* Bursts of messages that are taken in before a peer is called silent. */
#define TURNS_BEFORE_TICK 16u
#define BEHIND_REST_NS 50000ull
/* Interfaces rest when less room is left: more than most long frames need. */
#define ROOM_LOW (LINK_SOCK_QUEUE / 4)

/* A local port that links receive on. */
struct local {
	struct loop_fd lf;
	struct sock sock;
	u32 users;
	const struct edge_local *edges; /* NULL: none yet */
};

/* The sender's part of a link. */
struct path {
	int fd; /* knows the path's MTU; -1: no route when it was opened */
	u32 mtu;
	u64 checked_ns;
	struct sock *fixed; /* sends from this one; NULL: by flow */
};

static struct local locals[LINK_SOCK_PORTS_MAX];
static struct sock ways[LINK_SOCK_WAYS];
static u32 ways_open;
static bool transit;

/* What was sent in this turn, in order: entry i goes by via[i]. */
static u32 waiting;
static struct sock_frame queue[LINK_SOCK_QUEUE];
static struct {
	struct sock *sock;
	bool df;
} via[LINK_SOCK_QUEUE];
/* The socket that has no room; its loop_fd waits for some. */
static struct loop_fd blocked = { .fd = -1 };

/* --- sending ---------------------------------------------------------------------- */

static u32 same_socket(u32 from)
{
	u32 n = 1;

	while (from + n < waiting && via[from + n].sock == via[from].sock &&
	       via[from + n].df == via[from].df)
		n++;
	return n;
}

static void room_again(struct loop_fd *f, u32 events)
{
	(void)events;
	loop_del(f);
	f->fd = -1;
	link_sock_settle();
}

/* The receiving sockets are watched already, and epoll takes a descriptor once: those
 * just try again with the next turn. */
static void wait_for_room(struct sock *s)
{
	if (blocked.fd >= 0 || s < ways || s >= ways + LINK_SOCK_WAYS)
		return;
	blocked = (struct loop_fd){ .fd = s->fd, .ready = room_again };
	if (loop_add(&blocked, LOOP_OUT))
		blocked.fd = -1;
}

void link_sock_settle(void)
{
	u32 done = 0;

	while (done < waiting) {
		u32 n = same_socket(done);
		struct sock *s = via[done].sock;
		u32 sent;

		sock_set_df(s, via[done].df);
		sent = sock_send(s, queue + done, n);
		done += sent;
		if (sent == n)
			continue;
		wait_for_room(s);
		break;
	}
	waiting -= done;
	memmove(queue, queue + done, waiting * sizeof(queue[0]));
	memmove(via, via + done, waiting * sizeof(via[0]));
	tap_read_all(LINK_SOCK_QUEUE - waiting >= ROOM_LOW);
}

/* What the kernel is about to send, for captures: fragments and Ethernet are its own. */
static void capture_sent(struct link_dst *dst, u32 from)
{
	const struct path *path = dst->priv;

	for (u32 i = from; i < waiting; i++) {
		const struct capture_datagram d = {
			.src = sock_path_local(path->fd),
			.dst = queue[i].ip,
			.sport = via[i].sock->port,
			.dport = queue[i].port,
			.ttl = queue[i].ttl ? queue[i].ttl : SOCK_TTL,
			.tos = queue[i].tos,
		};

		capture_datagram(container_of(dst, struct edge, dst), CAPTURE_OUT, &d,
				 queue[i].p);
	}
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct path *path = dst->priv;
	u32 from = waiting;

	(void)ctx;
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];
		u32 len = p->len + LINK_IP_UDP_HEADER;
		u8 ttl = p->ttl ? (u8)(p->ttl - 1) : dst->ttl;

		via[waiting].sock = path->fixed ? path->fixed : &ways[p->hash % LINK_SOCK_WAYS];
		/* What needs no fragments is not to be cut on the way either. */
		via[waiting].df = dst->df || len <= dst->mtu;
		queue[waiting++] = (struct sock_frame){
			.p = p,
			.ip = dst->remote_ip,
			.port = dst->dport,
			.ttl = ttl == SOCK_TTL ? 0 : ttl,
			.tos = dst->tos_by_pkt ? p->tos : dst->tos,
		};
	}
	if (capture_is_on())
		capture_sent(dst, from);
	return n;
}

static u32 tx_room(void *ctx)
{
	(void)ctx;
	if (LINK_SOCK_QUEUE - waiting < PKT_BURST)
		link_sock_settle();
	return LINK_SOCK_QUEUE - waiting;
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	struct path *path = dst->priv;
	u64 now = loop_now_ns();
	u32 mtu;

	(void)ctx;
	if (path->checked_ns && now - path->checked_ns < MTU_CHECK_NS)
		return path->mtu;
	path->checked_ns = MAX(now, 1);
	if (path->fd < 0 && dst->remote_ip)
		path->fd = sock_path_open(dst->remote_ip, dst->dport);
	mtu = sock_path_mtu(path->fd);
	path->mtu = mtu ? mtu : MTU_UNKNOWN;
	return path->mtu;
}

/* A socket at some free port of the range, so that nobody can know which. */
static err_t open_way(struct sock *s, char *why, size_t size)
{
	err_t err = ERR_BUSY;

	for (u32 i = 0; i < PORT_TRIES && err == ERR_BUSY; i++) {
		u16 random;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return ERR_IO;
		err = sock_open(s, (u16)(PORT_FIRST + random % PORT_COUNT), true, why, size);
	}
	return err;
}

static err_t open_ways(char *why, size_t size)
{
	while (ways_open < LINK_SOCK_WAYS) {
		err_t err = open_way(&ways[ways_open], why, size);

		if (err)
			return err;
		ways_open++;
	}
	return ERR_OK;
}

static struct local *local_find(u16 port)
{
	for (u32 i = 0; i < LINK_SOCK_PORTS_MAX; i++)
		if (locals[i].users && locals[i].sock.port == port)
			return &locals[i];
	return NULL;
}

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	struct path *path = plat_alloc(sizeof(*path));

	(void)ctx;
	if (!path)
		return ERR_NOMEM;
	path->fd = -1;
	path->fixed = dst->sport_hash ? NULL : &local_find(dst->sport)->sock;
	dst->priv = path;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	struct path *path = dst->priv;

	(void)ctx;
	sock_path_close(path->fd);
	plat_free(path, sizeof(*path));
	dst->priv = NULL;
}

/* The peer is elsewhere: so is its path. */
static void tx_moved(void *ctx, struct link_dst *dst)
{
	struct path *path = dst->priv;

	(void)ctx;
	sock_path_close(path->fd);
	path->fd = -1;
	path->checked_ns = 0;
}

static const struct link_tx link_tx = {
	.open = tx_open,
	.close = tx_close,
	.moved = tx_moved,
	.send = tx_send,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

/* --- receiving --------------------------------------------------------------------- */

/* The address of ours that a peer's links have, for captures, while none can go. */
static u32 address_towards(u32 ip)
{
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		const struct edge *e = p->kind == VNET_PORT_EDGE ? edge_of(p) : NULL;

		if (e && e->tx == &link_tx && e->dst.remote_ip == ip)
			return sock_path_local(((const struct path *)e->dst.priv)->fd);
	}
	return 0;
}

static void capture_received(const struct local *l, u32 ip, u16 port, struct pkt *const *pkts,
			     u32 n)
{
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct capture_datagram d = { .src = ip, .dst = address_towards(ip), .sport = port,
				      .dport = l->sock.port };

	for (u32 i = 0; i < n; i++) {
		d.ttl = pkts[i]->ttl;
		d.tos = pkts[i]->tos;
		capture_datagram(NULL, CAPTURE_IN, &d, pkts[i]);
	}
	epoch_read_end(core, begun);
}

static void received(void *ctx, u32 ip, u16 port, struct pkt **pkts, u32 n)
{
	const struct local *l = ctx;

	if (capture_is_on())
		capture_received(l, ip, port, pkts, n);
	edge_input(l->edges, ip, port, pkts, n);
}

/* True: there may be more. */
static bool receive(struct local *l)
{
	const struct sock_rx rx = {
		.big = &node.messages,
		.pieces = &node.headers,
		.headroom = transit,
		.deliver = received,
		.ctx = l,
	};

	/* It waits better in the socket than in a ring that is full. */
	if (tap_is_behind()) {
		loop_rest(BEHIND_REST_NS, NULL);
		return false;
	}
	return l->edges && sock_recv(&l->sock, &rx) == SOCK_RX_MESSAGES;
}

static void local_ready(struct loop_fd *f, u32 events)
{
	u64 before = sock_counters.rx_long;

	(void)events;
	receive(container_of(f, struct local, lf));
	node_settle();
	tap_queue_answers();
	link_sock_settle();
	node_note_long((u32)(sock_counters.rx_long - before), f);
}

static err_t bind_local(u16 port, char *why, size_t size)
{
	struct local *l = local_find(port);
	err_t err;

	if (l) {
		l->users++;
		return ERR_OK;
	}
	for (l = locals; l < locals + LINK_SOCK_PORTS_MAX && l->users; l++)
		;
	if (l == locals + LINK_SOCK_PORTS_MAX) {
		fmt_snprintf(why, size, "links use %u local ports already", LINK_SOCK_PORTS_MAX);
		return ERR_NOMEM;
	}
	err = sock_open(&l->sock, port, false, why, size);
	if (err)
		return err;
	l->lf = (struct loop_fd){ .fd = l->sock.fd, .ready = local_ready };
	err = loop_add(&l->lf, LOOP_IN);
	if (err)
		sock_close(&l->sock);
	else
		l->users = 1;
	return err;
}

static void unbind_local(u16 port)
{
	struct local *l = local_find(port);

	if (--l->users)
		return;
	l->edges = NULL;
	loop_del(&l->lf);
	sock_close(&l->sock);
}

/* --- links -------------------------------------------------------------------------- */

/* The timer of the keep-alive runs while there are links that have one. */
static void tick_due(struct loop_timer *t, u64 now_ns)
{
	/* Nobody is silent whose hellos wait behind its frames. */
	for (u32 i = 0; i < LINK_SOCK_PORTS_MAX; i++)
		for (u32 turns = 0; turns < TURNS_BEFORE_TICK && receive(&locals[i]); turns++)
			node_settle();
	edge_tick(now_ns);
	loop_timer_set(t, now_ns + HEALTH_INTERVAL_NS);
}

static void talk(int more)
{
	static struct loop_timer ticker = { .due = tick_due };
	static u32 talking;

	talking += (u32)more;
	if (!talking)
		loop_timer_clear(&ticker);
	else if (!ticker.due_ns)
		loop_timer_set(&ticker, plat_now_ns());
}

static const char *reason(err_t err)
{
	if (err == ERR_EXIST)
		return "its name, or a link with this port and remote address (or VNI, or tag), "
		       "is there";
	if (err == ERR_BUSY)
		return "links of another kind receive on that port";
	return err == ERR_RANGE ? "that leaves too little for a frame" : err_str(err);
}

err_t link_sock_add(struct edge_setup *setup, char *why, size_t size)
{
	struct edge *e;
	err_t err = open_ways(why, size);

	if (!err)
		err = bind_local(setup->local_port, why, size);
	if (err)
		return err;
	setup->tx = &link_tx;
	setup->pool = &node.headers;
	err = edge_create(setup, &e);
	if (err) {
		unbind_local(setup->local_port);
		fmt_snprintf(why, size, "%s", reason(err));
		return err;
	}
	local_find(setup->local_port)->edges = e->local;
	talk(edge_has_health(e));
	return ERR_OK;
}

err_t link_sock_del(struct edge *e, bool force)
{
	u16 port = e->local->port;
	bool had_health = edge_has_health(e);
	err_t err = edge_destroy(e, force);

	if (err)
		return err;
	/* What waits may wait for the socket that goes. */
	link_sock_settle();
	while (waiting)
		pkt_put(queue[--waiting].p);
	unbind_local(port);
	talk(-(int)had_health);
	return ERR_OK;
}

void link_sock_set_transit(bool on)
{
	transit = on;
}

bool link_sock_transit(void)
{
	return transit;
}

u32 link_sock_guest_mtu(const struct vnet_port *interface)
{
	u32 mtu = edge_guest_mtu(interface);

	return mtu ? MIN(mtu, TAP_MTU_MAX) : MTU_UNKNOWN;
}

u32 link_sock_segments(void)
{
	u32 longest = LINK_ETH_HEADER + 1, segments;

	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id))
		if (p->kind == VNET_PORT_EDGE && edge_of(p)->tx == &link_tx)
			longest = MAX(longest, edge_whole_mtu(edge_of(p)) + LINK_ETH_HEADER +
						       edge_of(p)->header.len);
	segments = SOCK_PAYLOAD_MAX / longest;
	return MAX(MIN(segments, SOCK_SEGMENTS_MAX), 1u);
}

u32 link_sock_waiting(void)
{
	return waiting;
}
