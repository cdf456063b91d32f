/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges, and the small table that finds the edge of a received datagram.
 *
 * The outer header: DF unless the link may fragment; the hop count lives in
 * its TTL, because a bare inner frame has no room for one. TOS is 0: our
 * outer packets are Not-ECT (RFC 6040 section 4.1, compatibility mode), so no
 * router marks them and nothing has to be copied back on the way in.
 */
#include "vnet/edge.h"

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/flow.h"
#include "vnet/hash.h"
#include "vnet/port.h"

#define SLOTS_BITS 11
#define SLOTS BIT(SLOTS_BITS)
#define FRAME_MIN_MTU 68 /* what an inner IPv4 needs (RFC 791) */

STATIC_ASSERT(SLOTS >= 2 * VNET_MAX_PORTS, "probes stay short");

/*
 * Open addressing, changed in place by the boot core while others read. A slot
 * is never empty again once used; an edge that goes leaves key and NULL, and
 * the next one may take the slot over. A reader that saw the old key and gets
 * the new edge notices by the key in the edge.
 */
struct edge_slot {
	u64 key; /* 0: never used, ends a probe */
	struct edge *edge;
};

static struct edge_slot slots[SLOTS];

static struct {
	u64 n[EDGE_STRAY_COUNT] ALIGNED(CACHE_LINE);
} strays[PLAT_MAX_CORES];

static u64 edge_key(u16 local_port, u32 remote_ip)
{
	return (u64)local_port << 32 | remote_ip;
}

static u32 first_slot(u64 key)
{
	return (u32)(hash_mix(key ^ HASH_K0, HASH_K1) >> (64 - SLOTS_BITS));
}

static struct edge *edge_lookup(u64 key)
{
	u32 at = first_slot(key);

	for (u32 i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
		u64 have = __atomic_load_n(&slots[at].key, __ATOMIC_ACQUIRE);
		struct edge *e;

		if (!have)
			break;
		if (have != key)
			continue;
		e = __atomic_load_n(&slots[at].edge, __ATOMIC_ACQUIRE);
		if (e && e->key == key)
			return e;
	}
	return NULL;
}

static void table_add(struct edge *e)
{
	u32 at = first_slot(e->key);

	/* There is a place: at most VNET_MAX_PORTS are in use. */
	while (slots[at].edge)
		at = (at + 1) % SLOTS;
	__atomic_store_n(&slots[at].key, e->key, __ATOMIC_RELEASE);
	__atomic_store_n(&slots[at].edge, e, __ATOMIC_RELEASE);
}

static void table_del(const struct edge *e)
{
	for (u32 i = 0; i < SLOTS; i++) {
		if (slots[i].edge == e)
			__atomic_store_n(&slots[i].edge, NULL, __ATOMIC_RELEASE);
	}
}

/* --- out ------------------------------------------------------------------ */

/* What the path carries now, and what that leaves to the guests. */
static void edge_learn_mtu(struct edge *e)
{
	u32 outer = LINK_IP_UDP_HEADER + e->link->overhead;
	u32 mtu = e->tx->path_mtu(e->tx_ctx, &e->dst);
	u32 frame;

	if (e->mtu_max)
		mtu = MIN(mtu, e->mtu_max);
	e->dst.mtu = mtu;
	frame = e->dst.df ? mtu - MIN(mtu, outer) : LINK_PAYLOAD_MAX - e->link->overhead;
	e->port.mtu = frame - MIN(frame, LINK_ETH_HEADER);
	/* What would be fragmented needs plain frames. */
	e->port.caps_max = mtu - MIN(mtu, outer);
}

/* true: p is an outer payload now; else *why. */
static bool edge_wrap(struct edge *e, struct pkt *p, enum vnet_drop *why)
{
	u32 len = pkt_wire_len(p);

	if (len > e->port.mtu + LINK_ETH_HEADER ||
	    (pkt_is_offloaded(p) && len > e->port.caps_max)) {
		*why = VNET_DROP_TOO_BIG;
		return false;
	}
	/* Transit sends the TTL it got, less one. */
	if (p->ttl == 1) {
		*why = VNET_DROP_LOOP;
		return false;
	}
	if (!p->hash)
		p->hash = flow_hash(p->data, p->head_len);
	if (e->link->encap(p, p->overlay) != ERR_OK) {
		*why = VNET_DROP_TOO_BIG;
		return false;
	}
	return true;
}

/* What goes to the sender in one call, and what it amounts to. */
struct edge_batch {
	u32 n;
	u64 bytes, segments;
	struct pkt *pkt[PKT_BURST];
};

static void edge_batch_clear(struct edge_batch *b)
{
	b->n = 0;
	b->bytes = 0;
	b->segments = 0;
}

static void edge_send(struct edge *e, struct edge_batch *b)
{
	struct vnet_counters *count = &e->port.count;
	u32 sent;

	if (!b->n)
		return;
	sent = e->tx->send(e->tx_ctx, &e->dst, b->pkt, b->n);
	count->tx_frames += sent;
	count->tx_bytes += b->bytes; /* with those few that had no next hop */
	count->tx_segments += b->segments;
	count->drop[VNET_DROP_NO_NEIGHBOUR] += b->n - sent;
	edge_batch_clear(b);
}

static void edge_deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct edge *e = edge_of(port);
	struct edge_batch b;
	u32 room = e->tx->room(e->tx_ctx);

	edge_learn_mtu(e);
	edge_batch_clear(&b);
	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];
		u32 len = p->len, frames = pkt_wire_frames(p);
		enum vnet_drop why = VNET_DROP_TX_FULL;

		/* Some of it may have left by now. */
		if (b.n == room) {
			edge_send(e, &b);
			room = e->tx->room(e->tx_ctx);
		}
		if (!room || !edge_wrap(e, p, &why)) {
			vnet_port_drop(port, p, why);
			continue;
		}
		b.pkt[b.n++] = p;
		b.bytes += len;
		b.segments += frames;
	}
	edge_send(e, &b);
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

/* --- in ------------------------------------------------------------------- */

static void drop_strays(u16 local_port, u32 remote_ip, struct pkt **pkts, u32 n)
{
	enum edge_stray why = EDGE_STRAY_PORT;
	char from[FMT_IP4_LEN];

	for (u32 i = 0; i < SLOTS; i++) {
		struct edge *e = __atomic_load_n(&slots[i].edge, __ATOMIC_ACQUIRE);

		if (e && e->local_port == local_port)
			why = EDGE_STRAY_SENDER;
	}
	strays[plat_core()].n[why] += n;
	LOG_LIMITED(LOG_WARN, "edge", "no link from %s to port %u", fmt_ip4(from, remote_ip),
		    local_port);
	for (u32 i = 0; i < n; i++)
		pkt_put(pkts[i]);
}

static void edge_receive(struct edge *e, struct pkt **pkts, u32 n)
{
	struct pkt *in[PKT_BURST];
	u32 good = 0;

	for (u32 i = 0; i < n; i++) {
		struct pkt *p = pkts[i];

		if (!__atomic_load_n(&e->port.up, __ATOMIC_RELAXED)) {
			vnet_port_drop(&e->port, p, VNET_DROP_PORT_DOWN);
			continue;
		}
		if (e->link->decap(p) != ERR_OK) {
			vnet_port_drop(&e->port, p, VNET_DROP_RUNT);
			continue;
		}
		/* 0 would mean that it starts here and may go 64 hops. */
		p->ttl = MAX(p->ttl, (u8)1);
		in[good++] = p;
	}
	if (good)
		vnet_input(&e->port, in, good);
}

void edge_input(u16 local_port, u32 remote_ip, struct pkt **pkts, u32 n)
{
	unsigned core = plat_core();
	bool begun = epoch_read_begin(core);
	struct edge *e = edge_lookup(edge_key(local_port, remote_ip));

	while (n) {
		u32 take = MIN(n, (u32)PKT_BURST);

		if (e)
			edge_receive(e, pkts, take);
		else
			drop_strays(local_port, remote_ip, pkts, take);
		pkts += take;
		n -= take;
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
	return why == EDGE_STRAY_PORT ? "unknown-port" : "unknown-sender";
}

/* --- life ----------------------------------------------------------------- */

static void edge_gone(struct vnet_port *port)
{
	struct edge *e = edge_of(port);

	e->tx->close(e->tx_ctx, &e->dst);
	plat_free(e, sizeof(*e));
}

static const struct vnet_port_ops edge_port_ops = {
	.deliver = edge_deliver,
	.flush = edge_flush,
	.gone = edge_gone,
};

static void edge_fill(struct edge *e, const struct edge_setup *setup)
{
	*e = (struct edge){
		.port = {
			.ops = &edge_port_ops,
			.kind = VNET_PORT_EDGE,
			.overlay = setup->overlay,
			.core = setup->core,
			.caps = setup->tx->caps,
			.pool = setup->pool,
		},
		.link = setup->link,
		.tx = setup->tx,
		.tx_ctx = setup->tx_ctx,
		.dst = {
			.remote_ip = setup->remote_ip,
			.sport = setup->local_port,
			.dport = setup->remote_port,
			.ttl = LINK_TTL,
			.df = !setup->fragment,
			.sport_hash = !setup->sport_fixed,
		},
		.local_port = setup->local_port,
		.mtu_max = setup->mtu,
		.key = edge_key(setup->local_port, setup->remote_ip),
	};
	fmt_snprintf(e->port.name, sizeof(e->port.name), "%s", setup->name);
}

err_t edge_create(const struct edge_setup *setup, struct edge **out)
{
	struct edge *e;
	err_t err;

	if (!setup->remote_ip || !setup->remote_port || !setup->local_port ||
	    strnlen(setup->name, VNET_NAME_MAX) == VNET_NAME_MAX)
		return ERR_INVAL;
	if (edge_lookup(edge_key(setup->local_port, setup->remote_ip)))
		return ERR_EXIST;
	e = plat_alloc(sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	edge_fill(e, setup);
	err = e->tx->open(e->tx_ctx, &e->dst);
	if (err != ERR_OK)
		goto free;
	edge_learn_mtu(e);
	err = e->port.mtu < FRAME_MIN_MTU ? ERR_RANGE : vnet_port_add(&e->port);
	if (err != ERR_OK)
		goto close;
	e->port.up = true;
	table_add(e);
	*out = e;
	return ERR_OK;
close:
	e->tx->close(e->tx_ctx, &e->dst);
free:
	plat_free(e, sizeof(*e));
	return err;
}

err_t edge_destroy(struct edge *e, bool force)
{
	err_t err;

	/* Nothing may come in by a port that is on its way out. */
	table_del(e);
	err = vnet_port_del(&e->port, force);
	if (err == ERR_BUSY)
		table_add(e);
	return err;
}

void edge_set_up(struct edge *e, bool up)
{
	__atomic_store_n(&e->port.up, up, __ATOMIC_RELAXED);
}
