/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges: their life, and frames on the way out.
 *
 * The outer header: DF unless the link may fragment; the hop count lives in
 * its TTL, because most formats have no room for one. Bare formats are sent
 * Not-ECT (RFC 6040 section 4.1, compatibility mode), so that no router marks
 * them and nothing has to be copied back on the way in; others copy the inner
 * ECN bits. What a link does for its frames is decided when it is added: a
 * link that adds nothing has a deliver() that knows of nothing.
 */
#include "vnet/edge.h"

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/edge_priv.h"
#include "vnet/flow.h"
#include "vnet/hash.h"
#include "vnet/port.h"
#include "vnet/route.h"
#include "vnet/tos.h"

#define FRAME_MIN_MTU 68 /* what an inner IPv4 needs (RFC 791) */

/* --- out ------------------------------------------------------------------ */

/* What a link does for its frames. */
enum wrap {
	WRAP_NOT,
	WRAP_FIXED, /* the header that was made when it was added, and the TOS */
	WRAP_EACH,  /* a header of their own */
};

/* Its flow, and what of it goes into the outer TOS. */
static inline void edge_mark(const struct edge *e, struct pkt *p, bool wrap)
{
	const u8 *frame = p->data;
	u32 len = p->head_len, hash = p->hash;
	bool plain = flow_is_plain_ip4(frame, len);
	u8 tos = 0;

	if (wrap && e->tos_mask)
		tos = plain ? frame[ETH_HLEN + IP_TOS] : tos_of(frame, len);
	p->hash = hash ? hash : flow_hash_quick(frame, len, plain);
	if (wrap)
		p->tos = (u8)(e->dst.tos | (tos & e->tos_mask));
}

/* true: p is an outer payload now, if it is to be wrapped; else *why. */
static inline bool edge_accepts(const struct edge *e, struct pkt *p, enum wrap wrap,
				const struct link_header *header, enum vnet_drop *why)
{
	/* Transit sends the TTL it got, less one. */
	*why = VNET_DROP_LOOP;
	if (p->ttl == 1)
		return false;
	edge_mark(e, p, wrap != WRAP_NOT);
	*why = VNET_DROP_TOO_BIG;
	return wrap == WRAP_NOT ||
	       (wrap == WRAP_FIXED ? link_encap_fixed(p, header)
				   : e->link->encap(p, header)) == ERR_OK;
}

/* What n frames that go to the sender in one call amount to, without what is
 * put in front of them. */
struct edge_sum {
	u64 bytes, segments;
};

static void edge_send(struct edge *e, struct pkt **pkts, u32 n, struct edge_sum sum)
{
	struct vnet_counters *count = &e->port.count;
	u32 sent;

	if (!n)
		return;
	sent = e->tx->send(e->tx_ctx, &e->dst, pkts, n);
	count->tx_frames += sent;
	count->tx_bytes += sum.bytes; /* with those few that had no next hop */
	count->tx_segments += sum.segments;
	count->drop[VNET_DROP_NO_NEIGHBOUR] += n - sent;
}

/*
 * The first frames, as long as they are plain IPv4 that the edge may send and that needs
 * nothing but a header which is the same for all: with what is the same in registers.
 * Returns how many.
 */
static __attribute__((noinline)) u32 wrap_plain(const struct edge *e, struct pkt **pkts, u32 n,
						u32 limit, struct edge_sum *sum)
{
	const u32 header_len = e->header.len;
	const u64 first = load_le64(e->header.bytes), second = load_le64(e->header.bytes + 8);
	const u8 tos = e->dst.tos, tos_mask = e->tos_mask;
	u64 bytes = 0;
	u32 k = 0;

	for (; k < n; k++) {
		struct pkt *p = pkts[k];
		u8 *frame = p->data, *at = frame - header_len;
		u32 len = p->len;

		if (pkt_offloads(p) || len > limit || p->ttl == 1 || at < p->buf ||
		    !flow_is_plain_ip4(frame, p->head_len))
			break;
		if (!p->hash)
			p->hash = flow_hash_quick(frame, p->head_len, true);
		bytes += len;
		p->tos = (u8)(tos | (frame[ETH_HLEN + IP_TOS] & tos_mask));
		p->data = at;
		p->head_len += header_len;
		p->len = len + header_len;
		if (header_len)
			store_le64(at, first);
		if (header_len > sizeof(u64))
			store_le64(at + sizeof(u64), second);
	}
	sum->bytes += bytes;
	sum->segments += k;
	return k;
}

/* wrap is a constant where this is called. Those that go move up in pkts. */
static inline __attribute__((always_inline)) void deliver(struct edge *e, struct pkt **pkts, u32 n,
							  enum wrap wrap)
{
	const struct link_header header = e->header; /* nobody else's, as far as is seen */
	struct edge_sum sum = { 0 };
	u32 room = e->tx->room(e->tx_ctx), kept = 0, limit;

	edge_learn_mtu(e);
	limit = e->port.mtu + LINK_ETH_HEADER;
	if (wrap != WRAP_EACH)
		kept = wrap_plain(e, pkts, MIN(n, room), limit, &sum);
	for (u32 i = kept; i < n; i++) {
		struct pkt *p = pkts[i];
		u32 len = p->len, wire = len, frames = 1, most = limit;
		enum vnet_drop why;

		if (pkt_is_offloaded(p)) {
			wire = pkt_wire_len(p);
			frames = pkt_wire_frames(p);
			most = MIN(limit, e->port.caps_max);
		}
		/* Some of it may have left by now. */
		if (kept == room) {
			edge_send(e, pkts, kept, sum);
			sum = (struct edge_sum){ 0 };
			kept = 0;
			room = e->tx->room(e->tx_ctx);
		}
		if (!room) {
			vnet_port_drop(&e->port, p, VNET_DROP_TX_FULL);
		} else if (wire > most) {
			vnet_port_too_big(&e->port, p);
			vnet_port_drop(&e->port, p, VNET_DROP_TOO_BIG);
		} else if (!edge_accepts(e, p, wrap, &header, &why)) {
			vnet_port_drop(&e->port, p, why);
		} else {
			pkts[kept++] = p;
			sum.bytes += len;
			sum.segments += frames;
		}
	}
	edge_send(e, pkts, kept, sum);
}

static void deliver_bare(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	deliver(edge_of(port), pkts, n, WRAP_NOT);
}

static void deliver_fixed(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	deliver(edge_of(port), pkts, n, WRAP_FIXED);
}

static void deliver_each(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	deliver(edge_of(port), pkts, n, WRAP_EACH);
}

/* Nobody is there to get them. */
static void deliver_unreachable(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		vnet_port_drop(port, pkts[i], VNET_DROP_UNREACHABLE);
}

static void edge_flush(struct vnet_port *port)
{
	struct edge *e = edge_of(port);

	if (e->tx->flush)
		e->tx->flush(e->tx_ctx);
}

u32 edge_room(const struct edge *e)
{
	return e->tx->room(e->tx_ctx);
}

/* --- state ---------------------------------------------------------------- */

static void edge_gone(struct vnet_port *port)
{
	struct edge *e = edge_of(port);

	e->tx->close(e->tx_ctx, &e->dst);
	edge_free_lanes(e);
	plat_free(e, sizeof(*e));
}

static const struct vnet_port_ops bare_ops = {
	.deliver = deliver_bare,
	.flush = edge_flush,
	.too_big = vnet_port_too_big,
	.gone = edge_gone,
};

static const struct vnet_port_ops fixed_ops = {
	.deliver = deliver_fixed,
	.flush = edge_flush,
	.too_big = vnet_port_too_big,
	.gone = edge_gone,
};

static const struct vnet_port_ops each_ops = {
	.deliver = deliver_each,
	.flush = edge_flush,
	.too_big = vnet_port_too_big,
	.gone = edge_gone,
};

static const struct vnet_port_ops unreachable_ops = {
	.deliver = deliver_unreachable,
	.gone = edge_gone,
};

static bool is_lan(const struct edge *e)
{
	return e->link->flags & LINK_IS_LAN;
}

/* It is known where frames go. */
static bool has_peer(const struct edge *e)
{
	return e->dst.remote_ip || is_lan(e);
}

bool edge_has_health(const struct edge *e)
{
	return (e->link->flags & LINK_HAS_HELLO) && !e->setup.no_keepalive;
}

enum edge_state edge_state(const struct edge *e)
{
	if (!e->port.up)
		return EDGE_DOWN;
	if (e->tx->carrier && !e->tx->carrier(e->tx_ctx))
		return EDGE_NO_CARRIER;
	if (!has_peer(e))
		return EDGE_UNREACHABLE;
	if (!edge_has_health(e) || e->health.state == HEALTH_UP)
		return EDGE_UP;
	return e->health.state == HEALTH_INCOMPATIBLE ? EDGE_INCOMPATIBLE : EDGE_UNREACHABLE;
}

const char *edge_state_name(enum edge_state state)
{
	static const char *const name[EDGE_STATE_COUNT] = {
		[EDGE_UP] = "up",
		[EDGE_DOWN] = "down",
		[EDGE_NO_CARRIER] = "no-carrier",
		[EDGE_UNREACHABLE] = "unreachable",
		[EDGE_INCOMPATIBLE] = "incompatible",
	};

	return (u32)state < EDGE_STATE_COUNT ? name[state] : "?";
}

void edge_apply_state(struct edge *e)
{
	const struct vnet_port_ops *ops = &unreachable_ops;
	bool there = has_peer(e) && (!edge_has_health(e) || e->health.state == HEALTH_UP);

	if (there && e->link->encap)
		ops = &each_ops;
	else if (there)
		ops = e->header.len || e->dst.tos_by_pkt ? &fixed_ops : &bare_ops;
	__atomic_store_n(&e->port.ops, ops, __ATOMIC_RELEASE);
	__atomic_store_n(&e->port.lost, !there, __ATOMIC_RELAXED);
	route_edge_changed();
}

void edge_set_up(struct edge *e, bool up)
{
	/* What was known of the peer before is no news. */
	if (up && !e->port.up) {
		health_init(&e->health, e->health.us.session + 1);
		edge_apply_state(e);
	}
	__atomic_store_n(&e->port.up, up, __ATOMIC_RELAXED);
	route_edge_changed();
}

/* --- life ----------------------------------------------------------------- */

static void fill_dst(struct edge *e)
{
	const struct edge_setup *s = &e->setup;
	bool ecn = s->ecn == EDGE_ECN_COPY ||
		   (s->ecn == EDGE_ECN_BY_KIND && (s->link->flags & LINK_COPIES_ECN));
	bool dscp = s->dscp == EDGE_DSCP_COPY;

	e->tos_mask = (u8)((ecn ? TOS_ECN : 0) | (dscp ? TOS_DSCP : 0));
	e->dst = (struct link_dst){
		.remote_ip = s->remote_ip,
		.sport = s->local_port,
		.dport = s->remote_port,
		.ttl = s->ttl ? s->ttl : LINK_TTL,
		.tos = (u8)(dscp ? 0 : s->dscp << TOS_DSCP_SHIFT),
		.df = !s->fragment,
		.checksum = s->checksum,
		.tos_by_pkt = e->tos_mask != 0,
		/* Whoever sits behind NAT hears only whom it spoke to. */
		.sport_hash = !s->sport_fixed && s->remote_ip,
	};
}

static void fill(struct edge *e, const struct edge_setup *setup)
{
	*e = (struct edge){
		.port = {
			.ops = &unreachable_ops,
			.kind = VNET_PORT_EDGE,
			.overlay = setup->overlay,
			.core = setup->core,
			/* A segment that a NIC makes has no outer checksum. */
			.caps = setup->checksum ? 0 : setup->tx->caps,
			.pool = setup->pool,
		},
		.link = setup->link,
		.tx = setup->tx,
		.tx_ctx = setup->tx_ctx,
		.setup = *setup,
	};
	fmt_snprintf(e->port.name, sizeof(e->port.name), "%s", setup->name);
	e->setup.name = e->port.name;
	e->link->make_header(&e->header, &setup->id);
	e->outer = is_lan(e) ? 0 : LINK_IP_UDP_HEADER + e->header.len;
	fill_dst(e);
	health_init(&e->health, (u32)hash_mix(plat_now_ns() ^ HASH_K0, (u64)e ^ HASH_K1));
	pmtu_init(&e->path);
	edge_apply_state(e);
}

static bool setup_makes_sense(const struct edge_setup *s)
{
	u32 flags = s->link->flags;
	bool address;

	if (flags & LINK_IS_LAN)
		address = !s->local_port && !s->remote_ip;
	else
		address = s->local_port &&
			  (s->remote_ip ? s->remote_port : s->id.tag && s->tx->moved);
	return address && strnlen(s->name, VNET_NAME_MAX) < VNET_NAME_MAX &&
	       s->net < EDGE_NETS_MAX && s->dscp <= EDGE_DSCP_COPY && s->id.vni <= LINK_VNI_MAX &&
	       (!s->id.vni || (flags & LINK_HAS_VNI)) &&
	       (!s->id.tag || (flags & LINK_HAS_TAG)) &&
	       (!s->fragment || (flags & LINK_MAY_FRAGMENT));
}

/* The edge of its own local port, with the key that finds it. */
static err_t take_place(struct edge *e)
{
	const struct edge_setup *s = &e->setup;
	err_t err;

	if (is_lan(e))
		return ERR_OK;
	e->local = edge_local_get(s->net, s->local_port, s->link, &err);
	if (!e->local)
		return err;
	e->key = s->remote_ip ? edge_key_address(e->local, s->id.vni, s->remote_ip)
			      : edge_key_tag(e->local, s->id.vni, s->id.tag);
	if (edge_table_find(&e->key)) {
		edge_local_put(e->local);
		return ERR_EXIST;
	}
	return ERR_OK;
}

/* Into the table with all keys it has (1), or out of it (-1). */
static void table_move(struct edge *e, int more)
{
	void (*move)(struct edge *, const struct edge_key *) =
		more > 0 ? edge_table_add : edge_table_del;

	if (is_lan(e))
		return;
	move(e, &e->key);
	if (e->nat_key.who)
		move(e, &e->nat_key);
	if (e->setup.remote_ip)
		edge_peer_count(e->local, e->setup.remote_ip, more);
	else
		__atomic_store_n(&e->local->nat_users, e->local->nat_users + (u32)more,
				 __ATOMIC_RELAXED);
}

err_t edge_create(const struct edge_setup *setup, struct edge **out)
{
	struct edge *e;
	err_t err;

	if (!setup_makes_sense(setup))
		return ERR_INVAL;
	e = plat_alloc(sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	fill(e, setup);
	err = take_place(e);
	if (err != ERR_OK)
		goto free;
	err = e->tx->open(e->tx_ctx, &e->dst);
	if (err != ERR_OK)
		goto leave;
	edge_learn_mtu(e);
	err = e->port.mtu < FRAME_MIN_MTU ? ERR_RANGE : vnet_port_add(&e->port);
	if (err != ERR_OK)
		goto close;
	e->port.up = true;
	table_move(e, 1);
	*out = e;
	return ERR_OK;
close:
	e->tx->close(e->tx_ctx, &e->dst);
leave:
	if (e->local)
		edge_local_put(e->local);
free:
	plat_free(e, sizeof(*e));
	return err;
}

err_t edge_destroy(struct edge *e, bool force)
{
	struct edge_local *local = e->local;
	err_t err;

	/* Nothing may come in by a port that is on its way out; once it is gone,
	 * so is the edge. */
	table_move(e, -1);
	err = vnet_port_del(&e->port, force);
	if (err == ERR_BUSY)
		table_move(e, 1);
	else if (local)
		edge_local_put(local);
	return err;
}
