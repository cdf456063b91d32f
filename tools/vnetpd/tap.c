/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP interfaces: their life, see tap.h. Frames: tap_queue.c; opening: tap_open.c. */
#include "tools/vnetpd/tap.h"

#include <string.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/tap_open.h"
#include "tools/vnetpd/worker.h"
#include "vnet/route.h"
#include "vnet/xcore.h"

#define ETHERNET_HEADER 14u
#define VLAN_TAG 4u
/* Frames on the way to a queue of another core from which on receiving pauses. */
#define BEHIND (XCORE_RING / 4)

static struct tap *taps;
static bool reading = true;

/* Whom routes, links and people know. */
static struct vnet_port *face_of(const struct tap *t)
{
	return &t->queue[0]->port;
}

static bool is_gone(const struct tap *t)
{
	return __atomic_load_n(&t->queue[0]->gone, __ATOMIC_RELAXED);
}

void tap_read_all(bool on)
{
	if (on == reading)
		return;
	__atomic_store_n(&reading, on, __ATOMIC_RELEASE);
	tap_queue_read_all(on);
	for (u32 core = 1; core < worker_cores(); core++)
		worker_kick(core);
}

bool tap_reads(void)
{
	return __atomic_load_n(&reading, __ATOMIC_ACQUIRE);
}

bool tap_is_behind(void)
{
	for (const struct tap *t = taps; t && worker_cores() > 1; t = t->next)
		for (u32 i = 0; i < t->queues; i++)
			if (xcore_in_flight(t->queue[i]->port.id) > BEHIND)
				return true;
	return false;
}

/* --- life ------------------------------------------------------------------------ */

static void free_tap(struct tap *t)
{
	for (u32 i = 0; i < t->queues; i++)
		plat_free(t->queue[i], sizeof(*t->queue[i]));
	plat_free(t, sizeof(*t));
}

static void tap_gone(struct vnet_port *port)
{
	free_tap(tap_of(port));
}

static const struct vnet_port_ops tap_ops = {
	.deliver = tap_queue_deliver,
	.too_big = vnet_port_too_big,
	.gone = tap_gone,
};

static void set_mtu(struct tap *t, u32 mtu)
{
	for (u32 i = 0; i < t->queues; i++) {
		struct vnet_port *port = &t->queue[i]->port;

		port->mtu = mtu;
		port->caps_max = mtu + ETHERNET_HEADER + VLAN_TAG;
	}
}

/* The links' core is busy with them; the others take turns. */
static u32 next_core(void)
{
	static u32 last;

	return worker_cores() > 1 ? 1 + last++ % (worker_cores() - 1) : 0;
}

static struct tap_queue *make_queue(struct tap *t, const struct tap_setup *setup)
{
	struct tap_queue *q = plat_alloc(sizeof(*q));
	u32 core = next_core();

	if (!q)
		return NULL;
	*q = (struct tap_queue){
		.port = {
			.ops = &tap_ops,
			.kind = VNET_PORT_INTERFACE,
			.overlay = setup->overlay,
			.core = core,
			.any_source = setup->any_source,
			.also = setup->also,
			.storm = setup->storm,
			.caps = PKT_CAP_CSUM | PKT_CAP_TSO4 | PKT_CAP_TSO6,
			.pool = core ? &worker_pools(core)->headers : &node.headers,
			.up = true,
			.ctx = t,
		},
		.lf = { .fd = -1 },
		.frames = core ? &worker_pools(core)->frames : &node.frames,
	};
	memcpy(q->port.mac, setup->mac, sizeof(q->port.mac));
	fmt_snprintf(q->port.name, sizeof(q->port.name), "%s", setup->name);
	return q;
}

/* NULL: no memory. */
static struct tap *make_tap(const struct tap_setup *setup)
{
	struct tap *t = plat_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->mtu_fixed = setup->mtu != 0;
	fmt_snprintf(t->device, sizeof(t->device), "%s", setup->device);
	while (t->queues < setup->queues) {
		struct tap_queue *q = make_queue(t, setup);

		if (!q) {
			free_tap(t);
			return NULL;
		}
		t->queue[t->queues++] = q;
	}
	set_mtu(t, setup->mtu ? setup->mtu : link_sock_guest_mtu(face_of(t)));
	return t;
}

static void close_all(struct tap *t)
{
	for (u32 i = 0; i < t->queues; i++)
		if (t->queue[i]->lf.fd >= 0)
			close(t->queue[i]->lf.fd);
}

static err_t open_all(struct tap *t, const u8 mac[6], char *why, size_t size)
{
	err_t err = ERR_OK;

	for (u32 i = 0; i < t->queues && !err; i++)
		err = tap_open(t->device, t->queues > 1, &t->queue[i]->lf.fd, why, size);
	if (!err)
		err = tap_device_set(t->device, mac, face_of(t)->mtu, why, size);
	if (err)
		close_all(t);
	return err;
}

/* The first queue as a port of its own, the others behind it. */
static err_t add_ports(struct tap *t, char *why, size_t size)
{
	struct vnet_port *more[VNET_MAX_QUEUES];
	err_t err = vnet_port_add(face_of(t));

	if (err) {
		fmt_snprintf(why, size, "%s",
			     err == ERR_EXIST ? "its name or MAC address is taken" : err_str(err));
		return err;
	}
	for (u32 i = 1; i < t->queues; i++)
		more[i - 1] = &t->queue[i]->port;
	return t->queues > 1 ? vnet_port_add_queues(face_of(t), more, t->queues - 1) : ERR_OK;
}

struct start {
	struct tap_queue *queue;
	err_t err;
};

static void start_queue(void *ctx)
{
	struct start *s = ctx;

	s->err = tap_queue_start(s->queue);
}

static void stop_queue(void *ctx)
{
	tap_queue_stop(ctx);
}

static void stop_all(struct tap *t)
{
	for (u32 i = 0; i < t->queues; i++)
		__atomic_store_n(&t->queue[i]->port.up, false, __ATOMIC_RELEASE);
	for (u32 i = 0; i < t->queues; i++)
		worker_call(t->queue[i]->port.core, stop_queue, t->queue[i]);
	close_all(t);
}

static err_t start_all(struct tap *t)
{
	struct start s = { .err = ERR_OK };

	for (u32 i = 0; i < t->queues && !s.err; i++) {
		s.queue = t->queue[i];
		worker_call(s.queue->port.core, start_queue, &s);
	}
	return s.err;
}

err_t tap_add(const struct tap_setup *setup, char *why, size_t size)
{
	struct tap *t = make_tap(setup);
	err_t err;

	if (!t)
		return ERR_NOMEM;
	err = open_all(t, setup->mac, why, size);
	if (err)
		goto free;
	err = add_ports(t, why, size);
	if (err && vnet_port_by_id(face_of(t)->id) != face_of(t)) {
		close_all(t);
		goto free;
	}
	if (!err)
		err = start_all(t);
	if (err) {
		stop_all(t);
		vnet_port_del(face_of(t), true); /* frees t */
		return err;
	}
	t->next = taps;
	taps = t;
	return ERR_OK;
free:
	free_tap(t);
	return err;
}

err_t tap_del(struct tap *t, bool force)
{
	struct tap **at = &taps;

	if (!force && route_port_uses(face_of(t)->id))
		return ERR_BUSY;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	stop_all(t);
	return vnet_port_del(face_of(t), force);
}

void tap_set_up(struct tap *t, bool up)
{
	for (u32 i = 0; i < t->queues; i++)
		__atomic_store_n(&t->queue[i]->port.up, up && !is_gone(t), __ATOMIC_RELAXED);
	tap_carrier(t->queue[0]->lf.fd, up);
}

bool tap_on_device(const char *device)
{
	const struct tap *t = taps;

	while (t && strcmp(t->device, device) != 0)
		t = t->next;
	return t != NULL;
}

static void follow_mtu(struct tap *t)
{
	u32 mtu = t->mtu_fixed ? face_of(t)->mtu : link_sock_guest_mtu(face_of(t));

	if (face_of(t)->mtu == mtu || t->mtu_refused == mtu)
		return;
	if (tap_device_mtu(t->device, mtu)) {
		log_warn("interface", "%s: %s does not take an MTU of %u", face_of(t)->name,
			 t->device, mtu);
		t->mtu_refused = mtu;
		return;
	}
	t->mtu_refused = 0;
	set_mtu(t, mtu);
	log_info("interface", "%s: MTU %u, as the links leave it", face_of(t)->name, mtu);
}

void tap_follow_links(u32 segments)
{
	for (struct tap *t = taps; t; t = t->next) {
		if (is_gone(t))
			continue;
		follow_mtu(t);
		/* It is faster so; nothing depends on it. */
		if (t->segments != segments && !tap_device_segments(t->device, segments))
			t->segments = segments;
	}
}
