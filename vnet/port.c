/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port registry: ids, names, counters, and a port's end. A port that is
 * deleted leaves in two steps: no route names it from now on, but it keeps its
 * id and drops what comes until every core has been quiet since and no ring
 * holds a frame for it; then its counters are added up and its owner is told.
 * Further queues of an interface have ids of their own, but are never named;
 * they leave with their first.
 */
#include "vnet/port.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/overlay.h"
#include "vnet/queues.h"
#include "vnet/route.h"
#include "vnet/steer.h"
#include "vnet/xcore.h"

enum slot_state {
	SLOT_FREE,
	SLOT_LIVE,
	SLOT_QUEUE, /* a further queue of another slot's port */
	SLOT_LEAVING,
};

static struct slot {
	struct vnet_port *port; /* read by all cores */
	enum slot_state state;
	struct epoch_mark left; /* when no route named it any more */
} slots[VNET_MAX_PORTS];

static u16 last_id;		  /* ids are given out in turn, so that old ones rest */
static struct vnet_counters gone; /* of the ports that were */

static const char *const drop_names[VNET_DROP_COUNT] = {
	[VNET_DROP_NO_ROUTE] = "no-route",
	[VNET_DROP_HAIRPIN] = "hairpin",
	[VNET_DROP_EDGE_TO_EDGE] = "edge-to-edge",
	[VNET_DROP_RUNT] = "runt",
	[VNET_DROP_TOO_BIG] = "too-big",
	[VNET_DROP_PORT_DOWN] = "port-down",
	[VNET_DROP_NO_BUFFER] = "no-buffer",
	[VNET_DROP_NO_PACKET] = "no-packet",
	[VNET_DROP_BAD_RING] = "bad-ring",
	[VNET_DROP_LOOP] = "loop",
	[VNET_DROP_SOURCE] = "source",
	[VNET_DROP_NO_NEIGHBOUR] = "no-neighbour",
	[VNET_DROP_TX_FULL] = "tx-full",
	[VNET_DROP_RESET] = "reset",
	[VNET_DROP_BAD_OFFLOAD] = "bad-offload",
	[VNET_DROP_LINK_HEADER] = "link-header",
	[VNET_DROP_LINK_PROTOCOL] = "link-protocol",
	[VNET_DROP_LINK_OPTION] = "link-option",
	[VNET_DROP_LINK_CONTROL] = "link-control",
	[VNET_DROP_LINK_TAG] = "link-tag",
	[VNET_DROP_UNREACHABLE] = "unreachable",
	[VNET_DROP_ECN] = "ecn",
	[VNET_DROP_STORM] = "storm",
};

const char *vnet_drop_name(enum vnet_drop reason)
{
	return (u32)reason < VNET_DROP_COUNT && drop_names[reason] ? drop_names[reason] : "unknown";
}

const char *vnet_port_kind_name(enum vnet_port_kind kind)
{
	return kind == VNET_PORT_EDGE ? "edge" : "interface";
}

struct vnet_port *vnet_port_slot(u16 id)
{
	return __atomic_load_n(&slots[id].port, __ATOMIC_ACQUIRE);
}

struct vnet_port *vnet_port_by_id(u16 id)
{
	return id < VNET_MAX_PORTS && slots[id].state == SLOT_LIVE ? slots[id].port : NULL;
}

struct vnet_port *vnet_port_next(u16 after)
{
	for (u32 id = after + 1u; id < VNET_MAX_PORTS; id++) {
		if (slots[id].state == SLOT_LIVE)
			return slots[id].port;
	}
	return NULL;
}

struct vnet_port *vnet_port_find(const char *name)
{
	struct vnet_port *port = vnet_port_next(0);

	while (port && strcmp(port->name, name) != 0)
		port = vnet_port_next(port->id);
	return port;
}

static bool mac_taken(const struct vnet_port *port)
{
	const struct vnet_port *other = vnet_port_next(0);

	for (; other; other = vnet_port_next(other->id)) {
		if (other->kind == VNET_PORT_INTERFACE && other->overlay == port->overlay &&
		    memcmp(other->mac, port->mac, sizeof(port->mac)) == 0)
			return true;
	}
	return false;
}

bool vnet_port_has_mac(const struct vnet_port *port, u64 mac)
{
	if (mac == mac_load(port->mac))
		return true;
	for (u32 i = 0; i < port->also.count; i++) {
		if (mac == mac_load(port->also.mac[i]))
			return true;
	}
	return false;
}

bool vnet_port_may_send_from(const struct vnet_port *port, u64 mac)
{
	return port->any_source || vnet_port_has_mac(port, mac);
}

/* Somebody's: not nobody's, and no group's. */
static bool is_unicast(const u8 mac[6])
{
	return mac_load(mac) != 0 && !mac_is_group(mac_load(mac));
}

static bool macs_make_sense(const struct vnet_port *port)
{
	bool good = is_unicast(port->mac) && port->also.count <= VNET_ALSO_MAX;

	for (u32 i = 0; good && i < port->also.count; i++)
		good = is_unicast(port->also.mac[i]);
	return good;
}

static err_t port_check(const struct vnet_port *port)
{
	bool interface = port->kind == VNET_PORT_INTERFACE;

	if (!port->name[0] || strnlen(port->name, VNET_NAME_MAX) == VNET_NAME_MAX)
		return ERR_INVAL;
	if (!port->ops || !port->ops->deliver)
		return ERR_INVAL;
	if (interface && !macs_make_sense(port))
		return ERR_INVAL;
	if (port->core >= xcore_count() || port->overlay > VNET_OVERLAY_MAX)
		return ERR_RANGE;
	if (vnet_port_find(port->name) || (interface && mac_taken(port)))
		return ERR_EXIST;
	return ERR_OK;
}

static u16 free_id(void)
{
	u16 id = last_id;

	for (u32 i = 1; i < VNET_MAX_PORTS; i++) {
		id = id + 1 < VNET_MAX_PORTS ? (u16)(id + 1) : 1;
		if (slots[id].state == SLOT_FREE)
			return id;
	}
	return VNET_PORT_NONE;
}

/* Nothing counted, nothing on its way, both ways with the port's core. */
static void port_begin(struct vnet_port *port, u16 id, struct vnet_port *face)
{
	port->id = id;
	port->face = face;
	port->in_core = port->core;
	port->out_core = port->core;
	port->out_owner = port->core;
	memset(port->move, 0, sizeof(port->move));
	memset(&port->waiting, 0, sizeof(port->waiting));
	port->joined_bursts = 0;
	memset(&port->count, 0, sizeof(port->count));
	memset(port->out_drop, 0, sizeof(port->out_drop));
	last_id = id;
}

err_t vnet_port_add(struct vnet_port *port)
{
	err_t err = port_check(port);
	const struct overlay *o = overlay_by_id(port->overlay);
	u16 id;

	if (err != ERR_OK)
		return err;
	vnet_port_reap();
	id = free_id();
	if (id == VNET_PORT_NONE)
		return ERR_NOMEM;
	port->id = id;
	if (port->kind == VNET_PORT_INTERFACE)
		err = route_own_add(port);
	if (err != ERR_OK) {
		port->id = VNET_PORT_NONE;
		return err;
	}
	port_begin(port, id, port);
	port->queue = 0;
	port->steer = NULL;
	port->learned = o ? o->learned : NULL;
	port->neigh = o ? o->neigh : NULL;
	slots[id].state = SLOT_LIVE;
	__atomic_store_n(&slots[id].port, port, __ATOMIC_RELEASE);
	/* Answers kept for the id's last owner are not this one's. */
	route_touch_all();
	return ERR_OK;
}

err_t vnet_port_del(struct vnet_port *port, bool force)
{
	struct slot *slot;

	if (vnet_port_by_id(port->id) != port)
		return ERR_NOENT;
	if (route_port_uses(port->id)) {
		if (!force)
			return ERR_BUSY;
		route_port_del(port->id);
	}
	overlay_flush_port(port);
	for (u32 i = 0; i < vnet_port_queues(port); i++)
		__atomic_store_n(&vnet_port_queue(port, i)->up, false, __ATOMIC_RELAXED);
	slot = &slots[port->id];
	slot->state = SLOT_LEAVING;
	epoch_now(&slot->left);
	vnet_port_reap();
	return ERR_OK;
}

err_t vnet_port_add_queues(struct vnet_port *port, struct vnet_port *const *more, u32 n)
{
	struct vnet_steer *steer;

	if (!n || n >= VNET_MAX_QUEUES || port->steer)
		return ERR_RANGE;
	for (u32 i = 0; i < n; i++) {
		if (more[i]->core >= xcore_count())
			return ERR_RANGE;
	}
	vnet_port_reap();
	steer = steer_new(port);
	for (u32 i = 0; steer && i < n; i++) {
		u16 id = free_id();

		if (id == VNET_PORT_NONE) {
			steer_free(steer);
			for (u32 k = 0; k < i; k++)
				slots[more[k]->id] = (struct slot){ 0 };
			return ERR_NOMEM;
		}
		port_begin(more[i], id, port);
		more[i]->kind = port->kind;
		more[i]->overlay = port->overlay;
		more[i]->mtu = port->mtu;
		memcpy(more[i]->name, port->name, sizeof(port->name));
		memcpy(more[i]->mac, port->mac, sizeof(port->mac));
		more[i]->queue = (u16)(i + 1);
		slots[id].state = SLOT_QUEUE;
		__atomic_store_n(&slots[id].port, more[i], __ATOMIC_RELEASE);
		steer_add(steer, more[i]);
	}
	if (!steer)
		return ERR_NOMEM;
	for (u32 i = 0; i < n; i++)
		more[i]->steer = steer;
	__atomic_store_n(&port->steer, steer, __ATOMIC_RELEASE);
	return ERR_OK;
}

static void counters_add(struct vnet_counters *sum, const struct vnet_port *port)
{
	const struct vnet_counters *c = &port->count;

	sum->rx_frames += c->rx_frames + c->answers;
	sum->rx_bytes += c->rx_bytes;
	sum->tx_frames += c->tx_frames;
	sum->tx_bytes += c->tx_bytes;
	sum->rx_segments += c->rx_segments;
	sum->tx_segments += c->tx_segments;
	sum->rx_copies += c->rx_copies;
	sum->rx_copied_bytes += c->rx_copied_bytes;
	sum->tx_copies += c->tx_copies;
	sum->tx_copied_bytes += c->tx_copied_bytes;
	sum->tx_joined += c->tx_joined;
	sum->answers += c->answers;
	sum->tx_held += c->tx_held + port->waiting.count;
	for (u32 i = 0; i < VNET_DROP_COUNT; i++)
		sum->drop[i] += c->drop[i] + port->out_drop[i];
	sum->drop[VNET_DROP_TX_FULL] += port->waiting.dropped;
}

void vnet_port_count(const struct vnet_port *port, struct vnet_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (u32 i = 0; i < vnet_port_queues(port); i++)
		counters_add(sum, port->steer ? port->steer->queue[i] : port);
}

/* Some core still has the port's frames, or means to. */
static bool is_busy(const struct vnet_port *port)
{
	struct vnet_counters sum;

	vnet_port_count(port, &sum);
	if (sum.tx_held)
		return true;
	for (u32 i = 0; i < vnet_port_queues(port); i++) {
		const struct vnet_port *q = port->steer ? port->steer->queue[i] : port;

		if (xcore_in_flight(q->id) || vnet_port_moving(q, VNET_IN) ||
		    vnet_port_moving(q, VNET_OUT))
			return true;
	}
	return false;
}

/* Counted for good, and their ids are free. */
static void queues_end(struct vnet_port *port)
{
	struct vnet_steer *steer = port->steer;

	for (u32 i = vnet_port_queues(port); i--;) {
		struct vnet_port *q = steer ? steer->queue[i] : port;
		struct slot *slot = &slots[q->id];

		counters_add(&gone, q);
		slot->state = SLOT_FREE;
		__atomic_store_n(&slot->port, NULL, __ATOMIC_RELEASE);
	}
	port->steer = NULL;
	steer_free(steer);
}

u32 vnet_port_reap(void)
{
	u32 waiting = 0;

	for (u16 id = 1; id < VNET_MAX_PORTS; id++) {
		struct slot *slot = &slots[id];
		struct vnet_port *port = slot->port;

		if (slot->state != SLOT_LEAVING)
			continue;
		if (!epoch_passed(&slot->left) || is_busy(port)) {
			waiting++;
			continue;
		}
		/* What another core may have learned from it in its last burst. */
		overlay_flush_port(port);
		if (port->kind == VNET_PORT_INTERFACE)
			route_own_del(port);
		queues_end(port);
		/* Its MAC may turn up on the other side of an edge now. */
		route_touch_all();
		if (port->ops->gone)
			port->ops->gone(port);
	}
	return waiting;
}

void vnet_port_sum(struct vnet_counters *sum)
{
	*sum = gone;
	for (u32 id = 1; id < VNET_MAX_PORTS; id++) {
		if (slots[id].state != SLOT_FREE)
			counters_add(sum, slots[id].port);
	}
}

void vnet_port_fini(void)
{
	memset(slots, 0, sizeof(slots));
	memset(&gone, 0, sizeof(gone));
	last_id = 0;
}

void vnet_port_drop(struct vnet_port *port, struct pkt *p, enum vnet_drop reason)
{
	ASSERT((u32)reason < VNET_DROP_COUNT);
	if (!p || p->ingress == VNET_PORT_NONE) {
		port->count.rx_frames++;
		port->count.rx_bytes += p ? p->len : 0;
		port->count.rx_segments++;
	}
	vnet_port_drop_count(port, reason, 1);
	pkt_put(p);
}

void vnet_port_drop_count(struct vnet_port *port, enum vnet_drop reason, u64 n)
{
	/* Each word has one writer, also where the two ways have a core each. */
	if (port->in_core == plat_core())
		port->count.drop[reason] += n;
	else
		port->out_drop[reason] += n;
}
