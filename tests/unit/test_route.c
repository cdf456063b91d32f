/* SPDX-License-Identifier: BSD-2-Clause */
/* The route table: VNET/P's priorities one by one, and against a linear scan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/fmt.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/epoch.h"
#include "vnet/hash.h"
#include "vnet/route.h"
#include "vnet/vnet.h"

#define NPORTS 8 /* in overlay 0: 4 interfaces, 4 edges; and as many in overlay 7 */

static struct vnet_port port[2 * NPORTS];
static u32 last_id;
static char why[128];

static void no_deliver(struct vnet_port *p, struct pkt **pkts, u32 n)
{
	(void)p;
	(void)pkts;
	(void)n;
}

static const struct vnet_port_ops ops = { .deliver = no_deliver };

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(1, 0x1234567, no_kick), ERR_OK);
	memset(port, 0, sizeof(port));
	for (u32 i = 0; i < ARRAY_SIZE(port); i++) {
		port[i].ops = &ops;
		port[i].kind = i % 2 ? VNET_PORT_EDGE : VNET_PORT_INTERFACE;
		port[i].overlay = i < NPORTS ? 0 : 7;
		port[i].up = true;
		port[i].mac[0] = 2;
		port[i].mac[1] = 7; /* none that the routes below know */
		port[i].mac[5] = (u8)i;
		fmt_snprintf(port[i].name, VNET_NAME_MAX, "p%u", i);
		assert_int_equal(vnet_port_add(&port[i]), ERR_OK);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* "02", "not 02", "any", "none", "group", "01" (a group address): MACs by their first byte. */
static struct route_match match(const char *s)
{
	struct route_match m = { .cls = ROUTE_EXACT };

	if (strcmp(s, "any") == 0)
		m.cls = ROUTE_ANY;
	else if (strcmp(s, "none") == 0)
		m.cls = ROUTE_NONE;
	else if (strcmp(s, "group") == 0)
		m.cls = ROUTE_GROUP;
	if (strncmp(s, "not ", 4) == 0) {
		m.cls = ROUTE_NOT;
		s += 4;
	}
	if (m.cls == ROUTE_EXACT || m.cls == ROUTE_NOT)
		m.mac[0] = (u8)strtoul(s, NULL, 16);
	return m;
}

static err_t try(const char *src, const char *dst, u32 to, enum route_from from, u32 from_port)
{
	struct route_spec spec = {
		.src = match(src),
		.dst = match(dst),
		.from = from,
		.from_port = from == ROUTE_FROM_PORT ? port[from_port].id : 0,
		.to = to < ARRAY_SIZE(port) ? port[to].id : (u16)to,
	};

	return route_add(&spec, &last_id, why, sizeof(why));
}

static err_t try_backup(const char *dst, u32 to, u32 backup, enum route_from from, u32 from_port)
{
	struct route_spec spec = {
		.src = match("any"),
		.dst = match(dst),
		.from = from,
		.from_port = from == ROUTE_FROM_PORT ? port[from_port].id : 0,
		.to = port[to].id,
		.backup = port[backup].id,
	};

	return route_add(&spec, &last_id, why, sizeof(why));
}

static u32 add(const char *src, const char *dst, u32 to)
{
	assert_int_equal(try(src, dst, to, ROUTE_FROM_ANY, 0), ERR_OK);
	return last_id;
}

static u64 look(u8 src, u8 dst, u32 in)
{
	u8 frame[14] = { [0] = dst, [6] = src };
	struct route_key k;

	route_key_init(&k, &port[in], frame);
	route_key_hash(&k);
	return fake_lookup(&k);
}

static u64 bit(u32 i)
{
	return BIT64(port[i].id);
}

#define DROP(why) (VERDICT_DROP | VNET_DROP_##why)

/* One route of each row leads to port 1..6; the lowest row is deleted last. */
static void priorities_are_the_table(void **state)
{
	static const struct {
		const char *src, *dst;
	} row[] = {
		{ "2", "4" },	      /* 8 */
		{ "2", "not 6" },     /* 7 */
		{ "2", "any" },	      /* 6 */
		{ "any", "not 6" },   /* 5 */
		{ "not 8", "not 6" }, /* 4.5 */
		{ "2", "none" },      /* 4 */
		{ "any", "any" },     /* 3 */
	};
	u32 id[ARRAY_SIZE(row)];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(row); i++)
		id[i] = add(row[i].src, row[i].dst, 1 + i);
	for (u32 i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(look(2, 4, 0), bit(1 + i));
		assert_int_equal(route_del(id[i]), ERR_OK);
	}
	assert_int_equal(look(2, 4, 0), DROP(NO_ROUTE));
}

static void mirrored_classes_tie(void **state)
{
	(void)state;
	add("any", "any", 7);
	add("any", "not 6", 1);
	add("not 8", "any", 2);
	assert_int_equal(look(2, 4, 0), bit(1) | bit(2));
	assert_int_equal(look(2, 6, 0), bit(2));
	assert_int_equal(look(8, 6, 0), bit(7));
	add("2", "any", 3);
	add("any", "4", 4);
	assert_int_equal(look(2, 4, 0), bit(3) | bit(4));
	add("2", "not 6", 5);
	add("not 8", "4", 6);
	assert_int_equal(look(2, 4, 0), bit(5) | bit(6));
	assert_int_equal(look(8, 4, 0), bit(4));
}

static void group_is_exact_for_any_multicast(void **state)
{
	(void)state;
	add("any", "group", 1);
	add("any", "33", 2);
	add("any", "any", 3);
	assert_int_equal(look(2, 0xff, 0), bit(1));
	assert_int_equal(look(2, 0x33, 0), bit(1) | bit(2));
	assert_int_equal(look(2, 0x04, 0), bit(3));
	add("2", "group", 4);
	assert_int_equal(look(2, 0x33, 0), bit(4));
	add("not 4", "group", 5);
	assert_int_equal(look(6, 0x33, 0), bit(5));
	assert_int_equal(look(4, 0x33, 0), bit(1) | bit(2));
}

static void destinations_are_a_set(void **state)
{
	(void)state;
	add("any", "any", 1);
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_INTERFACES, 0), ERR_OK);
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_PORT, 0), ERR_OK);
	assert_int_equal(look(2, 4, 0), bit(1));
}

static void from_filters_before_the_priorities(void **state)
{
	(void)state;
	add("any", "any", 1);
	assert_int_equal(try("2", "4", 3, ROUTE_FROM_PORT, 2), ERR_OK);
	assert_int_equal(look(2, 4, 0), bit(1));
	assert_int_equal(look(2, 4, 2), bit(3));
}

static void edge_to_edge_needs_to_be_said(void **state)
{
	(void)state;
	add("any", "any", 1);
	add("any", "any", 2);
	/* `from any` is the local interfaces: the wire is not among them. */
	assert_int_equal(look(2, 4, 3), DROP(EDGE_TO_EDGE));
	assert_int_equal(try("any", "4", 1, ROUTE_FROM_PORT, 5), ERR_OK);
	assert_int_equal(look(2, 4, 3), DROP(EDGE_TO_EDGE));
	assert_int_equal(look(2, 4, 5), bit(1));
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_EDGES, 0), ERR_OK);
	assert_int_equal(look(2, 4, 3), bit(1));
	assert_int_equal(try("any", "any", 2, ROUTE_FROM_EDGES, 0), ERR_OK);
	assert_int_equal(look(2, 4, 3), bit(1) | bit(2));
}

static void no_route_names_the_wire_to_an_interface(void **state)
{
	(void)state;
	add("any", "any", 2);
	assert_int_equal(look(2, 4, 3), DROP(NO_ROUTE));
}

static void split_horizon_takes_the_ingress_from_the_winners(void **state)
{
	(void)state;
	add("any", "any", 1);
	add("any", "4", 0);
	assert_int_equal(look(2, 4, 0), DROP(HAIRPIN));
	add("any", "4", 2);
	assert_int_equal(look(2, 4, 0), bit(2));
	assert_int_equal(look(2, 6, 0), bit(1));
}

static void set_lost(u32 i, bool lost)
{
	port[i].lost = lost;
	route_edge_changed();
}

static void a_backup_stands_in_for_an_edge_that_is_out(void **state)
{
	(void)state;
	assert_int_equal(try_backup("4", 1, 3, ROUTE_FROM_ANY, 0), ERR_OK);
	add("any", "any", 5);
	assert_int_equal(look(2, 4, 0), bit(1));
	set_lost(1, true);
	assert_int_equal(look(2, 4, 0), bit(3));
	/* Both: the drop is that of the edge that was meant, not another route. */
	set_lost(3, true);
	assert_int_equal(look(2, 4, 0), bit(1));
	set_lost(3, false);
	set_lost(1, false);
	assert_int_equal(look(2, 4, 0), bit(1));
	port[1].up = false;
	assert_int_equal(look(2, 4, 0), bit(3));
}

/* Each destination by itself, one copy for each port, none back. */
static void backups_among_several_destinations(void **state)
{
	(void)state;
	assert_int_equal(try_backup("group", 1, 3, ROUTE_FROM_EDGES, 0), ERR_OK);
	assert_int_equal(try_backup("group", 3, 5, ROUTE_FROM_EDGES, 0), ERR_OK);
	assert_int_equal(look(2, 0xff, 7), bit(1) | bit(3));
	set_lost(1, true);
	assert_int_equal(look(2, 0xff, 7), bit(3));
	set_lost(3, true);
	assert_int_equal(look(2, 0xff, 7), bit(1) | bit(5));
	set_lost(3, false);
	assert_int_equal(look(2, 0xff, 3), DROP(HAIRPIN));
}

static void backups_are_checked_and_named(void **state)
{
	char text[ROUTE_TEXT_MAX];

	(void)state;
	assert_int_equal(try_backup("4", 1, 2, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try_backup("4", 2, 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try_backup("4", 1, 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try_backup("4", 1, NPORTS + 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try_backup("4", 1, 3, ROUTE_FROM_PORT, 3), ERR_INVAL);
	assert_int_equal(try_backup("4", 1, 3, ROUTE_FROM_PORT, 5), ERR_OK);
	assert_int_equal(try_backup("4", 1, 3, ROUTE_FROM_PORT, 5), ERR_EXIST);
	assert_string_equal(route_format(&route_next(0)->spec, text, sizeof(text)),
			    "src any dst 04:00:00:00:00:00 to edge p1 backup edge p3 from edge p5");
	assert_int_equal(vnet_port_del(&port[3], false), ERR_BUSY);
	assert_int_equal(vnet_port_del(&port[3], true), ERR_OK);
	assert_int_equal(route_count(), 0);
}

static void overlays_do_not_meet(void **state)
{
	(void)state;
	add("any", "any", 1);
	add("any", "any", NPORTS + 1);
	add("any", "4", NPORTS + 3);
	assert_int_equal(look(2, 4, 0), bit(1));
	assert_int_equal(look(2, 4, NPORTS), bit(NPORTS + 3));
	assert_int_equal(look(2, 6, NPORTS), bit(NPORTS + 1));
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_PORT, NPORTS), ERR_INVAL);
	assert_non_null(strstr(why, "different overlays"));
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	assert_int_equal(try("none", "any", 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_string_equal(why, "\"none\" cannot be a source");
	assert_int_equal(try("group", "any", 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try("33", "any", 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try("any", "none", 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try("not 2", "none", 1, ROUTE_FROM_ANY, 0), ERR_INVAL);
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_PORT, 1), ERR_INVAL);
	assert_int_equal(try("any", "any", 63, ROUTE_FROM_ANY, 0), ERR_NOENT);
	assert_int_equal(try("any", "any", 5000, ROUTE_FROM_ANY, 0), ERR_NOENT);
	assert_int_equal(route_count(), 0);
	add("any", "any", 1);
	assert_int_equal(try("any", "any", 1, ROUTE_FROM_ANY, 0), ERR_EXIST);
	assert_int_equal(route_del(last_id + 1), ERR_NOENT);
	host_alloc_fail = true;
	assert_int_equal(try("2", "4", 1, ROUTE_FROM_ANY, 0), ERR_NOMEM);
	host_alloc_fail = false;
	assert_int_equal(route_count(), 1);
	assert_int_equal(look(2, 4, 0), bit(1));
}

static void hidden_broadcast_is_warned_of(void **state)
{
	(void)state;
	add("any", "ff", 1);
	assert_string_equal(why, "");
	add("not 2", "ff", 3);
	assert_string_equal(why, "hides multicast of route 1");
	add("any", "group", 5);
	assert_string_equal(why, "its multicast is hidden by route 2");
	/* Not hidden: the same destination, another source port, no multicast. */
	assert_int_equal(try("2", "ff", 1, ROUTE_FROM_EDGES, 0), ERR_OK);
	assert_string_equal(why, "");
	add("not 2", "4", 7);
	assert_string_equal(why, "");
}

static void a_port_takes_its_routes_along(void **state)
{
	char text[ROUTE_TEXT_MAX];
	u32 ids[3];

	(void)state;
	ids[0] = add("any", "any", 1);
	ids[1] = add("2", "not 4", 3);
	assert_int_equal(try("any", "group", 2, ROUTE_FROM_PORT, 1), ERR_OK);
	ids[2] = last_id;
	assert_string_equal(route_format(&route_next(0)->spec, text, sizeof(text)),
			    "src any dst any to edge p1");
	assert_string_equal(route_format(&route_next(ids[0])->spec, text, sizeof(text)),
			    "src 02:00:00:00:00:00 dst not-04:00:00:00:00:00 to edge p3");
	assert_string_equal(route_format(&route_next(ids[1])->spec, text, sizeof(text)),
			    "src any dst group to interface p2 from edge p1");
	assert_null(route_next(ids[2]));
	assert_null(route_next(UINT32_MAX));
	assert_int_equal(vnet_port_del(&port[1], false), ERR_BUSY);
	assert_int_equal(vnet_port_del(&port[1], true), ERR_OK);
	assert_int_equal(route_count(), 1);
	assert_int_equal(route_next(0)->id, ids[1]);
	assert_int_equal(look(4, 4, 0), DROP(NO_ROUTE));
}

static void ports_are_checked(void **state)
{
	static struct vnet_port more[VNET_MAX_PORTS];
	struct vnet_port p = { .ops = &ops, .name = "p0", .mac = { 2, 9 } };
	u32 n = 0;

	(void)state;
	assert_int_equal(vnet_port_add(&p), ERR_EXIST);
	memcpy(p.name, "new", 4);
	memcpy(p.mac, port[0].mac, 6);
	assert_int_equal(vnet_port_add(&p), ERR_EXIST);
	p.overlay = 9;
	p.core = 1;
	assert_int_equal(vnet_port_add(&p), ERR_RANGE);
	p.core = 0;
	p.mac[0] = 3;
	assert_int_equal(vnet_port_add(&p), ERR_INVAL);
	p.mac[0] = 2;
	assert_int_equal(vnet_port_add(&p), ERR_OK);
	assert_ptr_equal(vnet_port_find("new"), &p);
	u16 id = p.id;
	assert_int_equal(vnet_port_del(&p, false), ERR_OK);
	assert_null(vnet_port_find("new"));
	assert_null(vnet_port_by_id(id));
	for (; n < ARRAY_SIZE(more); n++) {
		more[n] = (struct vnet_port){ .ops = &ops, .kind = VNET_PORT_EDGE };
		fmt_snprintf(more[n].name, VNET_NAME_MAX, "m%u", n);
		if (vnet_port_add(&more[n]) != ERR_OK)
			break;
		assert_true(n > 0 || more[n].id != id);
	}
	assert_int_equal(n, VNET_MAX_PORTS - 1 - ARRAY_SIZE(port));
}

static void drop_reasons_have_names(void **state)
{
	(void)state;
	for (u32 i = 0; i < VNET_DROP_COUNT; i++)
		assert_string_not_equal(vnet_drop_name((enum vnet_drop)i), "unknown");
	assert_string_equal(vnet_drop_name(VNET_DROP_COUNT), "unknown");
}

/* --- the twin --------------------------------------------------------------
 * A list and VNETP.md's table, its numbers doubled because of 4 1/2.
 */
struct twin_route {
	struct route_spec spec;
	u32 id;
	u32 overlay;
};

static struct twin_route twin[512];
static u32 twins, twin_max;

/* 'e' equal or group, 'a' any, 'n' differs, '0' none, 0 no match. */
static char twin_side(const struct route_match *m, const u8 *mac)
{
	switch (m->cls) {
	case ROUTE_EXACT:
		return memcmp(m->mac, mac, 6) == 0 ? 'e' : 0;
	case ROUTE_NOT:
		return memcmp(m->mac, mac, 6) != 0 ? 'n' : 0;
	case ROUTE_GROUP:
		return mac[0] & 1 ? 'e' : 0;
	case ROUTE_NONE:
		return '0';
	default:
		return 'a';
	}
}

static int twin_priority(char src, char dst)
{
	static const struct {
		char pair[3];
		int prio;
	} rows[] = {
		{ "ee", 16 }, { "en", 14 }, { "ne", 14 }, { "ea", 12 }, { "ae", 12 },
		{ "an", 10 }, { "na", 10 }, { "nn", 9 },  { "e0", 8 },	{ "aa", 6 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].pair[0] == src && rows[i].pair[1] == dst)
			return rows[i].prio;
	}
	return 0;
}

static u16 twin_to(const struct route_spec *s)
{
	const struct vnet_port *to = vnet_port_by_id(s->to), *backup = vnet_port_by_id(s->backup);

	return backup && to->lost && !backup->lost ? backup->id : to->id;
}

static u64 twin_lookup(const u8 *frame, const struct vnet_port *in)
{
	bool edge = in->kind == VNET_PORT_EDGE, blocked = false;
	int best = 0;
	u64 ports = 0;

	for (u32 i = 0; i < twins; i++) {
		const struct route_spec *s = &twin[i].spec;
		int prio = twin_priority(twin_side(&s->src, frame + 6), twin_side(&s->dst, frame));
		bool from = s->from == ROUTE_FROM_PORT	  ? s->from_port == in->id
			    : s->from == ROUTE_FROM_EDGES ? edge
							  : !edge;

		if (twin[i].overlay != in->overlay || !prio)
			continue;
		if (!from) {
			blocked |= edge && vnet_port_by_id(s->to)->kind == VNET_PORT_EDGE;
			continue;
		}
		if (prio > best)
			ports = 0;
		if (prio >= best) {
			best = prio;
			ports |= BIT64(twin_to(s));
		}
	}
	if (ports & ~BIT64(in->id))
		return ports & ~BIT64(in->id);
	return ports ? DROP(HAIRPIN) : blocked ? DROP(EDGE_TO_EDGE) : DROP(NO_ROUTE);
}

static u32 rnd(u32 n)
{
	return (u32)rand() % n;
}

/* Few MACs, so that all classes meet; half of them groups. */
static void random_mac(u8 *mac, bool group)
{
	memset(mac, 0, 6);
	mac[0] = (u8)(2 * rnd(8)) | (group && rnd(2));
	mac[5] = (u8)rnd(2);
}

static void twin_change(void)
{
	struct twin_route r = { 0 };
	u32 to = rnd(ARRAY_SIZE(port)), from, backup;
	err_t err;

	if (twins && (twins >= twin_max || rnd(5) < 2)) {
		u32 i = rnd(twins);

		assert_int_equal(route_del(twin[i].id), ERR_OK);
		twin[i] = twin[--twins];
		return;
	}
	r.spec.src.cls = (enum route_class)rnd(3);
	r.spec.dst.cls = (enum route_class)rnd(ROUTE_CLASS_COUNT);
	random_mac(r.spec.src.mac, false);
	random_mac(r.spec.dst.mac, true);
	r.spec.from = (enum route_from)rnd(4);
	from = (to & NPORTS) | rnd(NPORTS);
	r.spec.from_port = port[from].id;
	r.spec.to = port[to].id;
	r.overlay = port[to].overlay;
	backup = (to & NPORTS) | rnd(NPORTS);
	if (to % 2 && backup % 2 && backup != to && rnd(2) && r.spec.from_port != port[backup].id)
		r.spec.backup = port[backup].id;
	err = route_add(&r.spec, &r.id, why, sizeof(why));
	if (err == ERR_OK)
		twin[twins++] = r;
	else if (err == ERR_INVAL)
		assert_true((r.spec.from == ROUTE_FROM_PORT && from == to) ||
			    (r.spec.dst.cls == ROUTE_NONE && r.spec.src.cls != ROUTE_EXACT));
	else
		assert_int_equal(err, ERR_EXIST);
}

/* Also: a valid stamp means an unchanged verdict. */
static void equals_the_twin(u32 max, u32 rounds, u32 changes, u32 lookups)
{
	static struct answer {
		struct route_stamp stamp;
		u64 verdict;
	} kept[ARRAY_SIZE(port)][32][32], *answer;

	memset(kept, 0, sizeof(kept));
	twin_max = max;
	for (u32 round = 0; round < rounds; round++) {
		for (u32 i = 0; i < changes; i++)
			twin_change();
		if (!rnd(4))
			set_lost(2 * rnd(NPORTS) + 1, rnd(2));
		for (u32 i = 0; i < lookups; i++) {
			u8 frame[14] = { 0 };
			struct route_key k;
			u32 in = rnd(ARRAY_SIZE(port));
			u64 verdict;

			random_mac(frame, true);
			random_mac(frame + 6, false);
			route_key_init(&k, &port[in], frame);
			route_key_hash(&k);
	route_key_hash(&k);
			verdict = fake_lookup(&k);
			assert_int_equal(verdict, twin_lookup(frame, &port[in]));
			answer = &kept[in][frame[0] * 2 + frame[5]][frame[6] * 2 + frame[11]];
			if (answer->verdict &&
			    route_stamp_valid(&answer->stamp, route_gen_all(), k.dst))
				assert_int_equal(verdict, answer->verdict);
			answer->stamp = route_stamp_take(&k);
			answer->verdict = verdict;
		}
	}
	while (twins)
		assert_int_equal(route_del(twin[--twins].id), ERR_OK);
	assert_int_equal(route_count(), 0);
}

static void random_routes_equal_a_linear_scan(void **state)
{
	(void)state;
	srand(1);
	equals_the_twin(ARRAY_SIZE(twin), 10, 700, 2000); /* many routes ... */
	equals_the_twin(32, 2000, 2, 300);		  /* ... and few, changing all the time */
	equals_the_twin(12, 20000, 1, 20);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(priorities_are_the_table),
		CASE(mirrored_classes_tie),
		CASE(group_is_exact_for_any_multicast),
		CASE(destinations_are_a_set),
		CASE(from_filters_before_the_priorities),
		CASE(edge_to_edge_needs_to_be_said),
		CASE(no_route_names_the_wire_to_an_interface),
		CASE(split_horizon_takes_the_ingress_from_the_winners),
		CASE(a_backup_stands_in_for_an_edge_that_is_out),
		CASE(backups_among_several_destinations),
		CASE(backups_are_checked_and_named),
		CASE(overlays_do_not_meet),
		CASE(nonsense_is_refused),
		CASE(hidden_broadcast_is_warned_of),
		CASE(a_port_takes_its_routes_along),
		CASE(ports_are_checked),
		CASE(drop_reasons_have_names),
		CASE(random_routes_equal_a_linear_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
