/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges: packets on the way in, peers whose address is learned, keep-alive. */
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "vnet/edge_priv.h"
#include "vnet/epoch.h"
#include "vnet/tos.h"

/* Hellos have no flow; any hash but 0 will do. */
#define HELLO_HASH 1u

static struct {
	u64 n[EDGE_STRAY_COUNT] ALIGNED(CACHE_LINE);
} strays[PLAT_MAX_CORES];

/* Where packets came from, and what of them goes on together. */
struct arrival {
	const struct edge_local *local;
	u32 ip;
	u16 port;
	unsigned core;	   /* that took them */
	struct edge *edge; /* of those in pkt[], and the last one found ... */
	struct vnet_port *in; /* ... by this port of it */
	u32 vni;	   /* ... with this VNI */
	u8 tos;		   /* of those in pkt[], or-ed */
	u32 n;
	struct pkt *pkt[PKT_BURST];
};

/* --- frames ---------------------------------------------------------------- */

/* What routers on the way said goes to the inner frame. Returns how many stay. */
static u32 take_marks(struct vnet_port *in, struct pkt **pkts, u32 n)
{
	u32 kept = 0;

	for (u32 i = 0; i < n; i++) {
		if (tos_decap(pkts[i], pkts[i]->tos))
			pkts[kept++] = pkts[i];
		else
			vnet_port_drop(in, pkts[i], VNET_DROP_ECN);
	}
	return kept;
}

static void pass_on(struct arrival *a)
{
	if (a->tos & TOS_ECN)
		a->n = take_marks(a->in, a->pkt, a->n);
	if (a->n)
		vnet_input(a->in, a->pkt, a->n);
	a->n = 0;
	a->tos = 0;
}

static bool is_up(const struct edge *e)
{
	return __atomic_load_n(&e->port.up, __ATOMIC_RELAXED);
}

static void add_frame(struct arrival *a, struct pkt *p)
{
	/* 0 would mean that it starts here and may go 64 hops. */
	p->ttl = MAX(p->ttl, (u8)1);
	a->tos |= p->tos;
	a->pkt[a->n++] = p;
}

void edge_pass_on(struct edge *e, struct pkt **pkts, u32 n)
{
	if (!is_up(e)) {
		for (u32 i = 0; i < n; i++)
			vnet_port_drop(&e->port, pkts[i], VNET_DROP_PORT_DOWN);
	} else if (n) {
		for (u32 i = 0; i < n; i++)
			pkts[i]->ttl = LINK_TTL; /* they have none */
		vnet_input(&e->port, pkts, n);
	}
}

/*
 * The first ones, as long as they are whole and have what a->edge itself puts in front of
 * its frames, so its VNI and tag and nothing beside. Returns how many.
 */
static __attribute__((noinline)) u32 take_plain(struct arrival *a, struct pkt **pkts, u32 n)
{
	const struct link_header *header = &a->edge->header;
	const u64 first = load_le64(header->bytes), second = load_le64(header->bytes + sizeof(u64));
	const u32 header_len = header->len;
	u32 at = a->n, k = 0, tos = a->tos;

	if (a->edge->link->encap || !is_up(a->edge))
		return 0;
	for (; k < n; k++) {
		struct pkt *p = pkts[k];
		const u8 *h = p->data;
		u32 len = p->len;

		if (p->head_len != len || len < header_len + LINK_ETH_HEADER || pkt_offloads(p) ||
		    !p->ttl || (header_len && load_le64(h) != first) ||
		    (header_len > sizeof(u64) && load_le64(h + sizeof(u64)) != second))
			break;
		tos |= p->tos;
		p->data += header_len;
		p->head_len = len - header_len;
		p->len = len - header_len;
		a->pkt[at++] = p;
	}
	a->n = at;
	a->tos = (u8)tos;
	return k;
}

/* All from one edge, in a format without VNI. */
static void input_bare(struct arrival *a, struct pkt **pkts, u32 n)
{
	struct edge *e = a->edge;
	struct link_rx rx;

	for (u32 i = take_plain(a, pkts, n); i < n; i++) {
		if (!is_up(e))
			vnet_port_drop(a->in, pkts[i], VNET_DROP_PORT_DOWN);
		else if (e->link->decap(pkts[i], &rx) == LINK_FRAME)
			add_frame(a, pkts[i]);
		else
			vnet_port_drop(a->in, pkts[i], rx.why);
	}
	pass_on(a);
}

/* --- whose it is ------------------------------------------------------------ */

static void stray(const struct arrival *a, struct pkt *p, enum edge_stray why)
{
	char from[FMT_IP4_LEN];

	strays[plat_core()].n[why]++;
	if (why == EDGE_STRAY_VNI)
		LOG_LIMITED(LOG_WARN, "edge", "no link from %s to port %u has VNI %u",
			    fmt_ip4(from, a->ip), a->local->port, a->vni);
	else if (why == EDGE_STRAY_SENDER || why == EDGE_STRAY_TAG)
		LOG_LIMITED(LOG_WARN, "edge", "no link from %s to port %u%s", fmt_ip4(from, a->ip),
			    a->local->port, why == EDGE_STRAY_TAG ? " has that tag" : "");
	pkt_put(p);
}

/* Does a sender's port tell links of this port apart? */
static bool has_nat(const struct edge_local *local)
{
	return __atomic_load_n(&local->nat_users, __ATOMIC_RELAXED);
}

static enum edge_stray why_stray(const struct arrival *a, const struct link_rx *rx)
{
	if (!__atomic_load_n(&a->local->users, __ATOMIC_RELAXED))
		return EDGE_STRAY_PORT;
	if ((a->local->kind->flags & LINK_HAS_VNI) && edge_peer_maybe(a->local, a->ip))
		return EDGE_STRAY_VNI;
	return rx->tag && has_nat(a->local) ? EDGE_STRAY_TAG : EDGE_STRAY_SENDER;
}

/* Has what shows the edge's tag any claim to be its peer? A second node with that tag has
 * none while the first is there, so that two do not take turns; the first one itself, which
 * comes by another port of its NAT, goes on counting in its session. */
static bool may_move(const struct edge *e, const struct link_hello *hello)
{
	const struct link_hello *last = &e->health.peer;

	if (!e->dst.remote_ip || !edge_has_health(e) || e->health.state != HEALTH_UP)
		return true;
	return hello && hello->session == last->session && (s32)(hello->seq - last->seq) > 0;
}

void edge_set_peer(struct edge *e, u32 ip, u16 port)
{
	char text[FMT_IP4_LEN];

	if (e->nat_key.who)
		edge_table_del(e, &e->nat_key);
	e->nat_key = edge_key_nat(e->local, e->setup.id.vni, ip, port);
	edge_table_add(e, &e->nat_key);
	e->dst.remote_ip = ip;
	e->dst.dport = port;
	e->tx->moved(e->tx_ctx, &e->dst);
	pmtu_init(&e->path);
	edge_apply_state(e);
	LOG_LIMITED(LOG_INFO, "edge", "%s: its peer is at %s port %u", e->port.name,
		    fmt_ip4(text, ip), port);
}

/* It is this edge's, by the port that this core has of it. */
static struct edge *found(struct arrival *a, struct edge *e)
{
	a->in = e ? edge_port(e, a->core) : NULL;
	return a->in ? e : NULL;
}

/* The edge of a->vni from that sender, or NULL. */
static struct edge *find(struct arrival *a, enum link_verdict verdict, const struct link_rx *rx)
{
	const struct link_hello *hello =
		verdict == LINK_CONTROL && rx->has_hello ? &rx->hello : NULL;
	struct edge_key key = edge_key_address(a->local, a->vni, a->ip);
	struct edge *e = edge_table_find(&key);

	if (e || !has_nat(a->local))
		return found(a, e);
	key = edge_key_nat(a->local, a->vni, a->ip, a->port);
	e = edge_table_find(&key);
	if (e || !rx->tag)
		return found(a, e);
	key = edge_key_tag(a->local, a->vni, rx->tag);
	e = edge_table_find(&key);
	/* Only its own core changes an edge. */
	if (!e || !is_up(e) || e->port.core != a->core || !may_move(e, hello))
		return NULL;
	edge_set_peer(e, a->ip, a->port);
	return found(a, e);
}

static void take(struct arrival *a, struct pkt *p, enum link_verdict verdict,
		 const struct link_rx *rx)
{
	struct edge *e = a->edge;

	if (!is_up(e)) {
		vnet_port_drop(a->in, p, VNET_DROP_PORT_DOWN);
	} else if (rx->tag != e->setup.id.tag) {
		vnet_port_drop(a->in, p, VNET_DROP_LINK_TAG);
	} else if (verdict == LINK_FRAME) {
		add_frame(a, p);
	} else if (verdict == LINK_BAD) {
		vnet_port_drop(a->in, p, rx->why);
	} else if (!rx->has_hello || !edge_has_health(e) || e->port.core != a->core) {
		vnet_port_drop(a->in, p, VNET_DROP_LINK_CONTROL);
	} else {
		edge_heard(e, &rx->hello, p->len);
		pkt_put(p);
	}
}

/* Of one sender, each with a VNI of its own. */
static void input_vni(struct arrival *a, struct pkt **pkts, u32 n)
{
	struct link_rx rx;

	a->vni = LINK_VNI_NONE;
	for (u32 i = 0; i < n; i++) {
		enum link_verdict verdict;

		i += a->edge ? take_plain(a, pkts + i, n - i) : 0;
		if (i == n)
			break;
		verdict = a->local->kind->decap(pkts[i], &rx);
		if (rx.vni == LINK_VNI_NONE) {
			stray(a, pkts[i], EDGE_STRAY_HEADER);
			continue;
		}
		if (rx.vni != a->vni || !a->edge) {
			pass_on(a);
			a->vni = rx.vni;
			a->edge = find(a, verdict, &rx);
		}
		if (a->edge)
			take(a, pkts[i], verdict, &rx);
		else
			stray(a, pkts[i], why_stray(a, &rx));
	}
	pass_on(a);
}

static void input_some(struct arrival *a, struct pkt **pkts, u32 n)
{
	const struct link_rx none = { 0 };
	struct edge_key key;

	if (a->local->kind->flags & LINK_HAS_VNI) {
		input_vni(a, pkts, n);
		return;
	}
	key = edge_key_address(a->local, 0, a->ip);
	a->edge = found(a, edge_table_find(&key));
	if (a->edge) {
		input_bare(a, pkts, n);
		return;
	}
	for (u32 i = 0; i < n; i++)
		stray(a, pkts[i], why_stray(a, &none));
}

void edge_input(const struct edge_local *local, u32 from_ip, u16 from_port, struct pkt **pkts,
		u32 n)
{
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct arrival a;

	a.core = core;
	a.local = local;
	a.ip = from_ip;
	a.port = from_port;
	a.edge = NULL;
	a.tos = 0;
	a.n = 0;
	while (n) {
		u32 some = MIN(n, (u32)PKT_BURST);

		input_some(&a, pkts, some);
		pkts += some;
		n -= some;
	}
	epoch_read_end(core, begun);
}

void edge_input_from(struct edge *e, struct pkt **pkts, u32 n)
{
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct arrival a;

	a.core = core;
	a.edge = e;
	a.in = &e->port;
	a.tos = 0;
	a.n = 0;
	for (u32 some; n; pkts += some, n -= some) {
		some = MIN(n, (u32)PKT_BURST);
		input_bare(&a, pkts, some);
	}
	epoch_read_end(core, begun);
}

u64 edge_strays(enum edge_stray why)
{
	u64 sum = 0;

	for (u32 i = 0; i < PLAT_MAX_CORES; i++)
		sum += strays[i].n[why];
	return sum;
}

const char *edge_stray_name(enum edge_stray why)
{
	static const char *const name[EDGE_STRAY_COUNT] = {
		[EDGE_STRAY_PORT] = "unknown-port",
		[EDGE_STRAY_SENDER] = "unknown-sender",
		[EDGE_STRAY_VNI] = "unknown-vni",
		[EDGE_STRAY_TAG] = "unknown-tag",
		[EDGE_STRAY_HEADER] = "unknown-header",
	};

	return (u32)why < EDGE_STRAY_COUNT ? name[why] : "?";
}

/* --- keep-alive -------------------------------------------------------------- */

/* Say it where the state has changed, and let frames through or not. */
static void note_change(struct edge *e, enum health_state before)
{
	const struct link_hello *peer = &e->health.peer;

	if (e->health.state == before)
		return;
	edge_apply_state(e);
	if (e->health.state == HEALTH_INCOMPATIBLE)
		LOG_LIMITED(LOG_WARN, "edge",
			    "%s: its peer speaks versions %u to %u of the protocol, this node %u",
			    e->port.name, peer->version_min, peer->version_max, HEALTH_VERSION);
	else
		LOG_LIMITED(e->health.state == HEALTH_UP ? LOG_INFO : LOG_WARN, "edge", "%s is %s",
			    e->port.name, health_state_name(e->health.state));
}

void edge_heard(struct edge *e, const struct link_hello *hello, u32 len)
{
	enum health_state before = e->health.state;
	u64 now_ns = plat_now_ns();

	health_heard(&e->health, hello, now_ns);
	note_change(e, before);
	if (e->health.state != HEALTH_INCOMPATIBLE)
		edge_path_heard(e, hello, len, now_ns);
}

void edge_send_hello(struct edge *e, struct pkt *p)
{
	p->hash = HELLO_HASH;
	p->tos = e->dst.tos;
	e->tx->send(e->tx_ctx, &e->dst, &p, 1);
	if (e->tx->flush)
		e->tx->flush(e->tx_ctx);
}

static void say_hello(struct edge *e, u64 now_ns)
{
	enum health_state before = e->health.state;
	struct link_hello hello;
	struct pkt *p;

	health_tick(&e->health, now_ns, &hello);
	note_change(e, before);
	edge_path_answer(e, &hello, now_ns);
	/* A hello that finds no room is one that the peer counts as lost. */
	p = e->setup.pool && e->tx->room(e->tx_ctx) ? pkt_get(e->setup.pool) : NULL;
	if (!p)
		return;
	e->link->make_hello(p, &e->setup.id, &hello);
	edge_send_hello(e, p);
	edge_path_tick(e, &hello, now_ns);
}

void edge_tick(u64 now_ns)
{
	for (struct vnet_port *p = vnet_port_next(0); p; p = vnet_port_next(p->id)) {
		struct edge *e = p->kind == VNET_PORT_EDGE ? edge_of(p) : NULL;

		if (e && edge_has_health(e) && e->port.up && e->dst.remote_ip)
			say_hello(e, now_ns);
	}
}
