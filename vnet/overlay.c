/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of overlays, and what they have learned. */
#include "vnet/overlay.h"

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/port.h"
#include "vnet/route.h"

#define NS_PER_S 1000000000ull
#define TABLES 2 /* of an overlay, that may have to be retired */

const struct overlay_setup overlay_defaults = {
	.age_s = LEARN_AGE_DEFAULT_S,
	.limit = LEARN_LIMIT_DEFAULT,
};

static struct {
	struct overlay overlay[OVERLAY_MAX]; /* without a name: free */
	u64 seed;
} all;

u32 overlay_id_of(const char *name)
{
	u64 h = HASH_K0;

	for (; *name; name++)
		h = hash_mix(h ^ (u8)*name, HASH_K1);
	return 1 + (u32)(h >> 32) % VNET_OVERLAY_MAX;
}

err_t overlay_init(u64 seed)
{
	all.seed = seed;
	return overlay_add(OVERLAY_DEFAULT_NAME, 0, &overlay_defaults);
}

/* --- ports ---------------------------------------------------------------- */

/* Ports of the overlay in order of id, also those on their way out. */
static struct vnet_port *port_after(const struct overlay *o, u16 after)
{
	for (u32 id = after + 1u; id < VNET_MAX_PORTS; id++) {
		struct vnet_port *port = vnet_port_slot((u16)id);

		if (port && port->overlay == o->id)
			return port;
	}
	return NULL;
}

u32 overlay_ports(const struct overlay *o)
{
	const struct vnet_port *port = port_after(o, 0);
	u32 n = 0;

	for (; port; port = port_after(o, port->id))
		n++;
	return n;
}

static void tell_ports(const struct overlay *o)
{
	struct vnet_port *port = port_after(o, 0);

	for (; port; port = port_after(o, port->id)) {
		__atomic_store_n(&port->learned, o->learned, __ATOMIC_RELEASE);
		__atomic_store_n(&port->neigh, o->neigh, __ATOMIC_RELEASE);
	}
	route_touch_all();
}

void overlay_flush_port(const struct vnet_port *port)
{
	if (port->learned)
		learned_flush(port->learned, port->id);
	if (port->neigh)
		neigh_flush(port->neigh, port->id);
}

/* --- overlays ------------------------------------------------------------- */

static err_t setup_check(const struct overlay_setup *s)
{
	if (!s->age_s || s->age_s > OVERLAY_AGE_MAX_S || !s->limit || s->limit > LEARN_LIMIT_MAX)
		return ERR_RANGE;
	return ERR_OK;
}

/* The tables that it is to have; those that it has where they still fit. */
static err_t tables_for(const struct overlay *o, const struct overlay_setup *s,
			struct learned **learned, struct neigh **neigh)
{
	bool keep = o->learned && s->limit == o->setup.limit;

	*learned = s->learn ? o->learned : NULL;
	*neigh = s->answers ? o->neigh : NULL;
	if (s->learn && !keep)
		*learned = learned_new(o->id, s->limit, s->age_s, all.seed);
	if (s->answers && !*neigh)
		*neigh = neigh_new(all.seed);
	/* What comes before the first tick is as old as it is. */
	if (*learned && *learned != o->learned)
		learned_tick(*learned, plat_now_ns() / NS_PER_S);
	if (*neigh && *neigh != o->neigh)
		neigh_tick(*neigh, plat_now_ns() / NS_PER_S);
	if ((!s->learn || *learned) && (!s->answers || *neigh))
		return ERR_OK;
	if (*learned && *learned != o->learned)
		learned_retire(*learned);
	if (*neigh && *neigh != o->neigh)
		neigh_retire(*neigh);
	return ERR_NOMEM;
}

err_t overlay_set(struct overlay *o, const struct overlay_setup *setup)
{
	struct learned *learned, *old_learned = o->learned;
	struct neigh *neigh, *old_neigh = o->neigh;
	err_t err = setup_check(setup);

	if (err != ERR_OK)
		return err;
	if (!epoch_room(TABLES))
		return ERR_BUSY;
	err = tables_for(o, setup, &learned, &neigh);
	if (err != ERR_OK)
		return err;
	if (learned) {
		learned_set_age(learned, setup->age_s);
		learned_set_flood(learned, setup->flood);
	}
	if (setup->flood != o->setup.flood)
		route_touch_all();
	o->setup = *setup;
	o->learned = learned;
	o->neigh = neigh;
	if (learned == old_learned && neigh == old_neigh)
		return ERR_OK;
	tell_ports(o);
	if (old_learned && learned != old_learned)
		learned_retire(old_learned);
	if (old_neigh && neigh != old_neigh)
		neigh_retire(old_neigh);
	return ERR_OK;
}

err_t overlay_add(const char *name, u32 id, const struct overlay_setup *setup)
{
	struct overlay *o = NULL;
	err_t err;

	if (!name[0] || strnlen(name, VNET_NAME_MAX) == VNET_NAME_MAX)
		return ERR_INVAL;
	if (id > VNET_OVERLAY_MAX)
		return ERR_RANGE;
	if (overlay_find(name) || overlay_by_id(id))
		return ERR_EXIST;
	for (u32 i = 0; i < OVERLAY_MAX && !o; i++) {
		if (!all.overlay[i].name[0])
			o = &all.overlay[i];
	}
	if (!o)
		return ERR_NOMEM;
	*o = (struct overlay){ .id = id };
	err = overlay_set(o, setup);
	if (err == ERR_OK)
		fmt_snprintf(o->name, sizeof(o->name), "%s", name);
	return err;
}

static void overlay_end(struct overlay *o)
{
	if (o->learned)
		learned_retire(o->learned);
	if (o->neigh)
		neigh_retire(o->neigh);
	*o = (struct overlay){ 0 };
}

err_t overlay_del(struct overlay *o)
{
	if (o->id == 0)
		return ERR_INVAL;
	if (overlay_ports(o) || !epoch_room(TABLES))
		return ERR_BUSY;
	overlay_end(o);
	return ERR_OK;
}

void overlay_fini(void)
{
	for (u32 i = 0; i < OVERLAY_MAX; i++) {
		epoch_reclaim();
		overlay_end(&all.overlay[i]);
	}
}

struct overlay *overlay_find(const char *name)
{
	struct overlay *o = overlay_next(NULL);

	while (o && strcmp(o->name, name) != 0)
		o = overlay_next(o);
	return o;
}

struct overlay *overlay_by_id(u32 id)
{
	struct overlay *o = overlay_next(NULL);

	while (o && o->id != id)
		o = overlay_next(o);
	return o;
}

struct overlay *overlay_next(const struct overlay *after)
{
	size_t i = after ? (size_t)(after - all.overlay) + 1 : 0;

	for (; i < OVERLAY_MAX; i++) {
		if (all.overlay[i].name[0])
			return &all.overlay[i];
	}
	return NULL;
}

u32 overlay_learned(void)
{
	u32 n = 0;

	for (struct overlay *o = overlay_next(NULL); o; o = overlay_next(o))
		n += o->learned ? learned_count(o->learned) : 0;
	return n;
}

void overlay_tick(u64 now_ns)
{
	for (struct overlay *o = overlay_next(NULL); o; o = overlay_next(o)) {
		if (o->learned)
			learned_tick(o->learned, now_ns / NS_PER_S);
		if (o->neigh)
			neigh_tick(o->neigh, now_ns / NS_PER_S);
	}
}
