/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to ARP and neighbour discovery, with whole frames through the core:
 *
 *     a, b   interfaces with MAC tags 1 and 2
 *     x      an edge, behind which others are
 *
 * Everybody's questions go everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/neigh.h"
#include "vnet/overlay.h"
#include "vnet/route.h"

#define POOL 64
#define S 1000000000ull
#define ALL 0xff /* fake_mac() */
#define ASK 1	 /* ARP operations */
#define TELL 2

static struct fake_port a, b, x;
static struct pkt_pool pool;
static u64 now = 1000;

static void no_kick(unsigned core)
{
	(void)core;
}

static void answers(bool on)
{
	struct overlay_setup s = overlay_by_id(0)->setup;

	s.answers = on;
	assert_int_equal(overlay_set(overlay_by_id(0), &s), ERR_OK);
}

static void pass(u32 seconds)
{
	now += seconds;
	host_now_ns = now * S;
	vnet_tick(host_now_ns);
}

static u32 everybody_to(const struct fake_port *to, const struct vnet_port *from)
{
	struct route_spec s = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = ROUTE_ANY },
		.from = from ? ROUTE_FROM_PORT : ROUTE_FROM_ANY,
		.from_port = from ? from->id : VNET_PORT_NONE,
		.to = to->port.id,
	};
	char why[120];
	u32 id;

	assert_int_equal(route_add(&s, &id, why, sizeof(why)), ERR_OK);
	return id;
}

static u32 route_x;

static int setup(void **state)
{
	(void)state;
	host_now_ns = now * S;
	assert_int_equal(vnet_init(1, 7, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	everybody_to(&a, NULL);
	everybody_to(&b, NULL);
	route_x = everybody_to(&x, NULL);
	everybody_to(&a, &x.port);
	everybody_to(&b, &x.port);
	answers(true);
	return 0;
}

static u32 clear(struct fake_port *f)
{
	return fake_port_clear(f);
}

static int teardown(void **state)
{
	struct vnet_audit sum;

	(void)state;
	vnet_audit(&sum);
	assert_true(sum.balanced);
	clear(&a);
	clear(&b);
	clear(&x);
	assert_int_equal(pool.free_count, POOL);
	vnet_port_del(&a.port, true);
	vnet_port_del(&b.port, true);
	vnet_port_del(&x.port, true);
	vnet_fini();
	fake_pool_fini(&pool);
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void send(struct fake_port *from, struct pkt *p)
{
	vnet_input(&from->port, &p, 1);
}

static struct neigh_stats stats(void)
{
	struct neigh_stats s;

	neigh_stats(overlay_by_id(0)->neigh, &s);
	return s;
}

/* --- ARP ------------------------------------------------------------------- */

static struct pkt *arp(u16 op, u8 dst, u8 src, u8 spa, u8 tpa)
{
	struct pkt *p = fake_frame(&pool, dst, src, 60);
	u8 *m = p->data + 14;

	store_be16(p->data + 12, 0x0806);
	memset(m, 0, 46);
	store_be16(m, 1);
	store_be16(m + 2, 0x0800);
	m[4] = 6;
	m[5] = 4;
	store_be16(m + 6, op);
	memcpy(m + 8, fake_mac(src), 6);
	store_be32(m + 14, spa ? 0x0a010000u + spa : 0);
	if (op == TELL)
		memcpy(m + 18, fake_mac(dst), 6);
	store_be32(m + 24, 0x0a010000u + tpa);
	return p;
}

/* Somebody behind x with that tag and address. */
static void heard(u8 tag)
{
	send(&x, arp(TELL, 1, tag, tag, 1));
	clear(&a);
	clear(&b);
}

/* To the asker, whose address has the number of its tag: ip is at mac. */
static void check_arp_answer(const struct pkt *p, u8 asker, u8 mac, u8 ip)
{
	struct pkt *want = arp(TELL, asker, mac, ip, asker);

	assert_int_equal(p->len, want->len);
	assert_memory_equal(p->data, want->data, 42);
	pkt_put(want);
}

static void who_was_heard_is_answered_for(void **state)
{
	(void)state;
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&b), 1);
	assert_int_equal(clear(&x), 1);
	heard(9);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&b) + clear(&x), 0);
	assert_int_equal(a.n, 1);
	check_arp_answer(a.got[0], 1, 9, 9);
	assert_int_equal(stats().answered, 1);
	/* Who asked was heard as well, also by the other interface. */
	clear(&a);
	send(&b, arp(ASK, ALL, 2, 2, 1));
	assert_int_equal(clear(&a) + clear(&x), 0);
	check_arp_answer(b.got[0], 2, 1, 1);
	/* Others beyond the edge ask their own node. */
	clear(&b);
	send(&x, arp(ASK, ALL, 8, 8, 1));
	assert_int_equal(clear(&a), 1);
	assert_int_equal(clear(&x), 0);
}

static void what_asks_not_everybody_goes_on(void **state)
{
	struct pkt *p;

	(void)state;
	heard(9);
	/* A probe for an address, an announcement, one that checks on a neighbour. */
	send(&a, arp(ASK, ALL, 1, 0, 9));
	assert_int_equal(clear(&x), 1);
	send(&a, arp(ASK, ALL, 1, 9, 9));
	assert_int_equal(clear(&x), 1);
	heard(9);
	send(&a, arp(ASK, 9, 1, 1, 9));
	assert_int_equal(clear(&x), 1);
	/* With another sender than the frame's, or malformed: nobody answers. */
	p = arp(ASK, ALL, 1, 1, 9);
	p->data[14 + 8 + 5] = 7;
	send(&a, p);
	assert_int_equal(clear(&x), 1);
	p = arp(ASK, ALL, 1, 1, 9);
	p->data[14 + 5] = 16;
	send(&a, p);
	assert_int_equal(clear(&x), 1);
	p = arp(ASK, ALL, 1, 1, 9);
	p->head_len = p->len = 41;
	send(&a, p);
	assert_int_equal(clear(&x), 1);
	assert_int_equal(stats().answered, 0);
	/* One's own address, which is known by what one said before. */
	send(&a, arp(ASK, ALL, 1, 34, 1));
	assert_int_equal(clear(&x), 1);
}

static void only_what_the_question_would_have_reached_answers(void **state)
{
	(void)state;
	heard(9);
	x.port.lost = true;
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&a), 0);
	x.port.lost = false;
	clear(&x);
	route_del(route_x);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&a), 0);
	assert_int_equal(clear(&b), 2);
	assert_int_equal(stats().answered, 0);
}

static void forged_sources_say_nothing(void **state)
{
	(void)state;
	/* From an edge as a guest of ours, from a guest as another one. */
	send(&x, arp(TELL, 1, 2, 77, 1));
	send(&a, arp(ASK, ALL, 9, 9, 50));
	assert_int_equal(stats().known, 0);
}

static void who_asks_again_was_not_helped(void **state)
{
	(void)state;
	heard(9);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	pass(1);
	send(&b, arp(ASK, ALL, 2, 2, 9)); /* another asker */
	assert_int_equal(clear(&x), 0);
	assert_int_equal(stats().answered, 2);
	send(&b, arp(ASK, ALL, 2, 2, 9));
	assert_int_equal(clear(&x), 1);
	assert_int_equal(stats().again, 1);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&x), 1);
	heard(9);
	send(&b, arp(ASK, ALL, 2, 2, 9));
	pass(NEIGH_AGAIN_S);
	send(&b, arp(ASK, ALL, 2, 2, 9));
	assert_int_equal(clear(&x), 0);
	assert_int_equal(stats().answered, 4);
}

static void what_was_heard_ages_and_moves(void **state)
{
	(void)state;
	heard(9); /* before the first tick */
	pass(NEIGH_AGE_S);
	assert_int_equal(stats().known, 1);
	pass(1);
	assert_int_equal(stats().known, 0);
	/* Another MAC and another port have it now. */
	heard(9);
	send(&b, arp(ASK, ALL, 2, 9, 9));
	clear(&a);
	clear(&x);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	check_arp_answer(a.got[0], 1, 2, 9);
}

static void places_are_limited(void **state)
{
	struct neigh_entry e;
	u32 at = 0, n = 0;

	(void)state;
	for (u32 i = 0; i < NEIGH_OF_INTERFACE + 5; i++) {
		send(&a, arp(ASK, ALL, 1, (u8)(100 + i), 1));
		clear(&b);
		clear(&x);
	}
	assert_int_equal(stats().known, NEIGH_OF_INTERFACE);
	assert_int_equal(stats().refused, 5);
	while (neigh_next(overlay_by_id(0)->neigh, &at, &e)) {
		assert_int_equal(e.port, a.port.id);
		n++;
	}
	assert_int_equal(n, NEIGH_OF_INTERFACE);
	assert_int_equal(neigh_flush(overlay_by_id(0)->neigh, b.port.id), 0);
	assert_int_equal(neigh_flush(overlay_by_id(0)->neigh, a.port.id), NEIGH_OF_INTERFACE);
	/* Off: all is forgotten, everything goes on. */
	heard(9);
	answers(false);
	send(&a, arp(ASK, ALL, 1, 1, 9));
	assert_int_equal(clear(&x), 1);
	answers(true);
	assert_int_equal(stats().known, 0);
}

/* --- neighbour discovery ------------------------------------------------------- */

/* fd00::tag */
static void ip6(u8 *to, u8 tag)
{
	memset(to, 0, 16);
	to[0] = 0xfd;
	to[15] = tag;
}

/* The sum of all 16-bit words, ends around: naive. */
static u16 sum_of(const u8 *frame)
{
	u32 len = load_be16(frame + 18), sum = len + 58;

	for (u32 i = 0; i < 32; i += 2)
		sum += load_be16(frame + 22 + i);
	for (u32 i = 0; i < len; i += 2)
		sum += load_be16(frame + 54 + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* type 135: asks for target by its group; 136: tells dst of its own, target. */
static struct pkt *nd(u8 type, u8 dst, u8 src, u8 target, u8 flags)
{
	struct pkt *p = fake_frame(&pool, dst, src, 86);
	u8 *f = p->data;

	memset(f + 12, 0, 74);
	if (type == 135)
		memcpy(f, (const u8[]){ 0x33, 0x33, 0xff, 0, 0, target }, 6);
	store_be16(f + 12, 0x86dd);
	f[14] = 0x60;
	store_be16(f + 18, 32);
	f[20] = 58;
	f[21] = 255;
	ip6(f + 22, src);
	if (type == 135) {
		memcpy(f + 38, (const u8[]){ 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff }, 13);
		f[53] = target;
	} else {
		ip6(f + 38, dst);
	}
	f[54] = type;
	f[58] = flags;
	ip6(f + 62, target);
	f[78] = type == 135 ? 1 : 2;
	f[79] = 1;
	memcpy(f + 80, fake_mac(src), 6);
	store_be16(f + 56, sum_of(f));
	return p;
}

static void check_nd_answer(const struct pkt *p, u8 asker, u8 target, u8 flags)
{
	struct pkt *want = nd(136, asker, target, target, flags);

	assert_int_equal(p->len, want->len);
	assert_memory_equal(p->data, want->data, want->len);
	pkt_put(want);
}

static void again(struct pkt *p)
{
	store_be16(p->data + 56, 0);
	store_be16(p->data + 56, sum_of(p->data));
	send(&a, p);
}

static void advertisements_are_heard_and_solicitations_answered(void **state)
{
	(void)state;
	send(&x, nd(136, 1, 9, 9, 0x60));
	send(&x, nd(136, 1, 8, 8, 0xe0)); /* a router */
	clear(&a);
	clear(&b);
	send(&a, nd(135, 0, 1, 9, 0));
	assert_int_equal(clear(&b) + clear(&x), 0);
	assert_int_equal(a.n, 1);
	check_nd_answer(a.got[0], 1, 9, 0x40);
	send(&a, nd(135, 0, 1, 8, 0));
	check_nd_answer(a.got[1], 1, 8, 0xc0);
	assert_int_equal(stats().answered, 2);
	/* Who asked has not said whether it is a router. */
	send(&b, nd(135, 0, 2, 1, 0));
	assert_int_equal(clear(&x), 1);
	/* Another one does not take it away unless it says so (no override). */
	send(&x, nd(136, 1, 7, 9, 0x40));
	pass(NEIGH_AGAIN_S);
	clear(&a);
	send(&a, nd(135, 0, 1, 9, 0));
	check_nd_answer(a.got[0], 1, 9, 0x40);
}

static void other_solicitations_go_on(void **state)
{
	static const struct {
		u8 at, value;
	} change[] = {
		{ 21, 254 },  /* came through a router */
		{ 55, 1 },    /* the code */
		{ 53, 8 },    /* another group */
		{ 38, 0xfd }, /* one station */
		{ 62, 0xff }, /* for a group */
		{ 78, 2 },    /* without the sender's address */
		{ 79, 0 },    /* options that end nowhere */
		{ 79, 2 },
		{ 85, 7 },    /* another sender than the frame's */
		{ 20, 59 },
	};
	struct pkt *p;

	(void)state;
	send(&x, nd(136, 1, 9, 9, 0x60));
	clear(&a);
	clear(&b);
	for (u32 i = 0; i < ARRAY_SIZE(change); i++) {
		p = nd(135, 0, 1, 9, 0);
		p->data[change[i].at] = change[i].value;
		again(p);
		assert_int_equal(clear(&x), 1);
	}
	/* Is the address free? */
	p = nd(135, 0, 1, 9, 0);
	memset(p->data + 22, 0, 16);
	again(p);
	assert_int_equal(clear(&x), 1);
	/* A wrong checksum; a short frame. */
	p = nd(135, 0, 1, 9, 0);
	p->data[56] ^= 1;
	send(&a, p);
	assert_int_equal(clear(&x), 1);
	p = nd(135, 0, 1, 9, 0);
	p->head_len = p->len = 85;
	send(&a, p);
	assert_int_equal(clear(&x), 1);
	assert_int_equal(stats().answered, 0);
	send(&a, nd(135, 0, 1, 9, 0));
	assert_int_equal(stats().answered, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_was_heard_is_answered_for),
		CASE(what_asks_not_everybody_goes_on),
		CASE(only_what_the_question_would_have_reached_answers),
		CASE(forged_sources_say_nothing),
		CASE(who_asks_again_was_not_helped),
		CASE(what_was_heard_ages_and_moves),
		CASE(places_are_limited),
		CASE(advertisements_are_heard_and_solicitations_answered),
		CASE(other_solicitations_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
