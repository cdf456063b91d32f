/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of routes: what may be one, ids, adding and deleting. The table
 * that lookups read is route_table.c.
 */
#include "vnet/route.h"

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/hash.h"
#include "vnet/route_count.h"
#include "vnet/route_table.h"
#include "vnet/xcore.h"

#define ROUTES_FIRST 64 /* room at the start; doubled up to ROUTE_MAX */
#define WARN_LOOKS 4096	/* routes that a new one is compared with */

/*
 * Boot core only: all routes in order of id. A deleted one stays as a gap,
 * known by its `to`, until there are more gaps than routes, so that a deletion
 * does not move the others each time.
 */
static struct {
	struct route *routes;
	u32 used; /* routes and gaps */
	u32 count;
	u32 room;
	u32 last_id;
	u32 port_uses[VNET_MAX_PORTS];
} list;

err_t route_init(u64 seed)
{
	err_t err = route_count_init(xcore_count());

	return err == ERR_OK ? route_table_init(seed) : err;
}

void route_fini(void)
{
	route_table_fini();
	route_count_fini();
	plat_free(list.routes, list.room * sizeof(struct route));
	memset(&list, 0, sizeof(list));
}

static bool is_live(const struct route *r)
{
	return r->spec.to != VNET_PORT_NONE;
}

static u64 match_mac(const struct route_match *m)
{
	return m->cls == ROUTE_EXACT || m->cls == ROUTE_NOT ? mac_load(m->mac) : 0;
}

static struct route_entry entry_of(const struct route_spec *spec, u32 counter)
{
	const struct vnet_port *to = vnet_port_by_id(spec->to);

	return (struct route_entry){
		.src = match_mac(&spec->src),
		.dst = match_mac(&spec->dst),
		.overlay = to->overlay,
		.to = spec->to,
		.from_port = spec->from == ROUTE_FROM_PORT ? spec->from_port : VNET_PORT_NONE,
		.src_cls = spec->src.cls & 7u,
		.dst_cls = spec->dst.cls & 7u,
		.from = spec->from & 3u,
		.prio = (u8)route_priority(spec->src.cls, spec->dst.cls),
		.counter = counter,
		.backup = spec->backup,
	};
}

static bool match_same(const struct route_match *a, const struct route_match *b)
{
	return a->cls == b->cls && match_mac(a) == match_mac(b);
}

static bool spec_same(const struct route_spec *a, const struct route_spec *b)
{
	return match_same(&a->src, &b->src) && match_same(&a->dst, &b->dst) && a->to == b->to &&
	       a->backup == b->backup && a->from == b->from &&
	       (a->from != ROUTE_FROM_PORT || a->from_port == b->from_port);
}

/* NULL when the spec makes sense by itself, else what is wrong with it. */
static const char *spec_fault(const struct route_spec *spec)
{
	if (spec->src.cls == ROUTE_NONE)
		return "\"none\" cannot be a source";
	if (spec->src.cls == ROUTE_GROUP)
		return "\"group\" cannot be a source";
	if (spec->src.cls == ROUTE_EXACT && mac_is_group(mac_load(spec->src.mac)))
		return "a multicast address cannot be a source";
	if (spec->dst.cls == ROUTE_NONE && spec->src.cls != ROUTE_EXACT)
		return "destination \"none\" (a default route) needs an exact source";
	if (route_priority(spec->src.cls, spec->dst.cls) == ROUTE_PRIO_INVALID)
		return "these source and destination classes cannot be combined";
	if ((u32)spec->from > ROUTE_FROM_PORT)
		return "unknown kind of source port";
	if (spec->from == ROUTE_FROM_PORT && spec->from_port == spec->to)
		return "a frame never leaves by the port it came in by";
	return NULL;
}

/* NULL, or what is wrong with the backup; `to` is there. */
static const char *backup_fault(const struct route_spec *spec)
{
	const struct vnet_port *to = vnet_port_by_id(spec->to);
	const struct vnet_port *backup = vnet_port_by_id(spec->backup);

	if (!backup || backup->kind != VNET_PORT_EDGE || to->kind != VNET_PORT_EDGE)
		return "a backup is a link, of another link";
	if (backup == to)
		return "a link is no backup of its own";
	if (spec->from == ROUTE_FROM_PORT && spec->from_port == spec->backup)
		return "the backup is where the frame came in by";
	if (backup->overlay != to->overlay)
		return "the backup is in another overlay";
	return NULL;
}

static err_t spec_check(const struct route_spec *spec, char *why, size_t size)
{
	const char *fault = spec_fault(spec);
	const struct vnet_port *to = vnet_port_by_id(spec->to), *from;

	if (fault) {
		fmt_snprintf(why, size, "%s", fault);
		return ERR_INVAL;
	}
	if (!to) {
		fmt_snprintf(why, size, "no port with id %u to lead to", spec->to);
		return ERR_NOENT;
	}
	fault = spec->backup != VNET_PORT_NONE ? backup_fault(spec) : NULL;
	if (fault) {
		fmt_snprintf(why, size, "%s", fault);
		return ERR_INVAL;
	}
	if (spec->from == ROUTE_FROM_PORT) {
		from = vnet_port_by_id(spec->from_port);
		if (!from) {
			fmt_snprintf(why, size, "no port with id %u to come from", spec->from_port);
			return ERR_NOENT;
		}
		if (from->overlay != to->overlay) {
			fmt_snprintf(why, size, "%s and %s are in different overlays", from->name,
				     to->name);
			return ERR_INVAL;
		}
	}
	return ERR_OK;
}

/* Only to say which it is. */
static u32 same_id(const struct route_spec *spec)
{
	for (u32 i = 0; i < list.used; i++) {
		if (is_live(&list.routes[i]) && spec_same(&list.routes[i].spec, spec))
			return list.routes[i].id;
	}
	return 0;
}

/* Close the gaps. */
static void routes_pack(void)
{
	u32 n = 0;

	for (u32 i = 0; i < list.used; i++) {
		if (is_live(&list.routes[i]))
			list.routes[n++] = list.routes[i];
	}
	list.used = n;
}

static err_t routes_grow(void)
{
	u32 room = list.room ? list.room * 2 : ROUTES_FIRST;
	struct route *bigger;

	if (list.used < list.room)
		return ERR_OK;
	if (list.used - list.count > list.room / 8) {
		routes_pack();
		return ERR_OK;
	}
	if (room > ROUTE_MAX)
		return ERR_NOMEM;
	bigger = plat_alloc(room * sizeof(*bigger));
	if (!bigger)
		return ERR_NOMEM;
	if (list.used)
		memcpy(bigger, list.routes, list.used * sizeof(*bigger));
	plat_free(list.routes, list.room * sizeof(*bigger));
	list.routes = bigger;
	list.room = room;
	return ERR_OK;
}

static bool may_carry_group(const struct route_spec *spec)
{
	return spec->dst.cls != ROUTE_EXACT || mac_is_group(mac_load(spec->dst.mac));
}

/* Say when the new route hides an old one's multicast, or the other way round.
 * Looks at the newest ones: a warning is not worth the time of a long list. */
static void warn_hidden(const struct route *r, char *why, size_t size)
{
	u32 first = list.used - MIN(list.used, (u32)WARN_LOOKS);

	if (!may_carry_group(&r->spec))
		return;
	for (u32 i = first; i < list.used; i++) {
		const struct route *other = &list.routes[i];

		if (!is_live(other) || !may_carry_group(&other->spec))
			continue;
		if (route_hides_group(&r->spec, &other->spec)) {
			fmt_snprintf(why, size, "hides multicast of route %u", other->id);
			return;
		}
		if (route_hides_group(&other->spec, &r->spec)) {
			fmt_snprintf(why, size, "its multicast is hidden by route %u", other->id);
			return;
		}
	}
}

/* Add (1) or take away (-1) what the route uses. */
static void count_uses(const struct route_spec *spec, s32 by)
{
	list.port_uses[spec->to] += (u32)by;
	if (spec->backup != VNET_PORT_NONE)
		list.port_uses[spec->backup] += (u32)by;
	if (spec->from == ROUTE_FROM_PORT)
		list.port_uses[spec->from_port] += (u32)by;
}

/* Into the table, with a counter. */
static err_t enter(struct route *r, struct route_entry *e)
{
	err_t err;

	r->counter = e->counter = route_counter_get();
	if (r->counter == ROUTE_COUNTER_NONE)
		return ERR_NOMEM;
	route_counter_read(r->counter, &r->before);
	err = route_table_add(e);
	if (err != ERR_OK)
		route_counter_put(r->counter);
	return err;
}

err_t route_add(const struct route_spec *spec, u32 *id, char *why, size_t size)
{
	struct route r = { .id = list.last_id + 1, .spec = *spec };
	struct route_entry e;
	err_t err;

	if (size)
		why[0] = '\0';
	err = spec_check(spec, why, size);
	if (err != ERR_OK)
		return err;
	e = entry_of(spec, ROUTE_COUNTER_NONE);
	if (route_table_has(&e)) {
		fmt_snprintf(why, size, "route %u is the same", same_id(spec));
		return ERR_EXIST;
	}
	err = routes_grow();
	if (err == ERR_OK)
		err = enter(&r, &e);
	if (err != ERR_OK) {
		fmt_snprintf(why, size, "%s", err_str(err));
		return err;
	}
	warn_hidden(&r, why, size);
	list.routes[list.used++] = r;
	list.count++;
	list.last_id = r.id;
	count_uses(spec, 1);
	*id = r.id;
	return ERR_OK;
}

/* Index of the first route whose id is at least id. */
static u32 lower_bound(u32 id)
{
	u32 low = 0, high = list.used;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (list.routes[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

err_t route_del(u32 id)
{
	u32 i = lower_bound(id);
	struct route_entry e;

	if (i == list.used || list.routes[i].id != id || !is_live(&list.routes[i]))
		return ERR_NOENT;
	e = entry_of(&list.routes[i].spec, list.routes[i].counter);
	route_table_del(&e);
	route_counter_put(e.counter);
	count_uses(&list.routes[i].spec, -1);
	list.routes[i].spec.to = VNET_PORT_NONE;
	list.count--;
	if (list.used > ROUTES_FIRST && list.used > 2 * list.count)
		routes_pack();
	return ERR_OK;
}

void route_used(const struct route *r, struct route_use *out)
{
	route_counter_read(r->counter, out);
	out->frames -= r->before.frames;
	out->bytes -= r->before.bytes;
}

u32 route_port_uses(u16 port)
{
	return list.port_uses[port];
}

static bool route_uses(const struct route *r, u16 port)
{
	return r->spec.to == port || r->spec.backup == port ||
	       (r->spec.from == ROUTE_FROM_PORT && r->spec.from_port == port);
}

void route_port_del(u16 port)
{
	const struct route *r = route_next(0), *next;
	u32 id;

	for (; r && list.port_uses[port]; r = next) {
		id = r->id;
		if (route_uses(r, port))
			route_del(id);
		next = route_next(id);
	}
}

const struct route *route_next(u32 after)
{
	u32 i = after == UINT32_MAX ? list.used : lower_bound(after + 1);

	while (i < list.used && !is_live(&list.routes[i]))
		i++;
	return i < list.used ? &list.routes[i] : NULL;
}

u32 route_count(void)
{
	return list.count;
}
