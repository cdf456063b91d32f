/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing step between fake ports:
 *
 *     a, b, c   interfaces of MAC tag 1, 2, 3
 *     x, y      edges
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/epoch.h"
#include "vnet/forward.h"

#define POOL 512

static struct fake_port a, b, c, x, y;
static struct fake_port *const all[] = { &a, &b, &c, &x, &y };
static struct pkt_pool pool;

static void no_kick(unsigned core)
{
	(void)core;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(vnet_init(1, 99, no_kick), ERR_OK);
	fake_pool_init(&pool, "pool", 0, POOL);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 0);
	fake_port_add(&c, "c", VNET_PORT_INTERFACE, 3, 0);
	fake_port_add(&x, "x", VNET_PORT_EDGE, 0, 0);
	fake_port_add(&y, "y", VNET_PORT_EDGE, 0, 0);
	return 0;
}

static void audit(void)
{
	struct vnet_audit sum;

	vnet_audit(&sum);
	assert_true(sum.balanced);
	assert_int_equal(sum.in_flight, 0);
}

static int teardown(void **state)
{
	(void)state;
	audit();
	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		fake_port_clear(all[i]);
	fake_pool_fini(&pool);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

static void send(struct fake_port *from, u8 dst, u8 src)
{
	struct pkt *p = fake_frame(&pool, dst, src, 100);

	vnet_input(&from->port, &p, 1);
}

static u64 drops(const struct fake_port *f, enum vnet_drop why)
{
	return f->port.count.drop[why];
}

static void one_destination_gets_the_frame_itself(void **state)
{
	struct pkt *p = fake_frame(&pool, 2, 1, 300);

	(void)state;
	fake_route(2, &b, NULL);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(b.n, 1);
	assert_ptr_equal(b.got[0], p);
	assert_int_equal(p->ingress, a.port.id);
	assert_int_equal(b.flushes, 1);
	assert_int_equal(a.port.count.rx_frames, 1);
	assert_int_equal(a.port.count.rx_bytes, 300);
}

static void broadcast_reaches_all_that_tie(void **state)
{
	struct pkt *p = fake_frame(&pool, 0xff, 1, 1000);
	struct vnet_core_stats stats;
	u8 want[1000], got[1000];

	(void)state;
	memcpy(want, p->data, sizeof(want));
	fake_route(0xff, &b, NULL);
	fake_route(0xff, &c, NULL);
	fake_route(0xff, &x, NULL);
	fake_route(0xff, &a, NULL);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(a.n, 0); /* split horizon */
	assert_int_equal(b.n, 1);
	assert_int_equal(c.n, 1);
	assert_int_equal(x.n, 1);
	assert_ptr_equal(x.got[0], p); /* the last one has the original */
	for (u32 i = 1; i < 4; i++) {
		pkt_copy_out(all[i]->got[0], 0, got, sizeof(got));
		assert_int_equal(all[i]->got[0]->len, sizeof(got));
		assert_memory_equal(got, want, sizeof(got));
	}
	/* What one destination pushes in front, the others do not see. */
	memset(pkt_push(b.got[0], 42), 0xee, 42 + 14);
	assert_memory_equal(c.got[0]->data, want, 14);
	assert_memory_equal(p->data, want, 14);
	vnet_core_stats(0, &stats);
	assert_int_equal(stats.cloned, 2);
}

static void the_wire_stays_off_the_wire(void **state)
{
	(void)state;
	fake_route(0, &y, NULL);
	send(&x, 7, 8);
	assert_int_equal(y.n, 0);
	assert_int_equal(drops(&x, VNET_DROP_EDGE_TO_EDGE), 1);
	fake_route(0, &y, &x.port);
	send(&x, 7, 8);
	assert_int_equal(y.n, 1);
	send(&y, 7, 8);
	assert_int_equal(drops(&y, VNET_DROP_EDGE_TO_EDGE), 1);
	fake_route(0, &a, &x.port);
	send(&x, 7, 8);
	assert_int_equal(y.n, 2);
	assert_int_equal(a.n, 1);
}

static void drops_have_their_reason(void **state)
{
	struct pkt *p;

	(void)state;
	send(&a, 2, 1);
	assert_int_equal(drops(&a, VNET_DROP_NO_ROUTE), 1);
	fake_route(1, &a, NULL);
	send(&a, 1, 1);
	assert_int_equal(drops(&a, VNET_DROP_HAIRPIN), 1);
	p = fake_frame(&pool, 2, 1, 13);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(drops(&a, VNET_DROP_RUNT), 1);
	fake_route(2, &b, NULL);
	send(&a, 2, 9);
	assert_int_equal(drops(&a, VNET_DROP_SOURCE), 1);
	a.port.any_source = true;
	send(&a, 2, 9);
	assert_int_equal(b.n, 1);
	b.port.up = false;
	send(&a, 2, 1);
	assert_int_equal(drops(&b, VNET_DROP_PORT_DOWN), 1);
	/* Refused by a port before it was routed. */
	vnet_port_drop(&a.port, NULL, VNET_DROP_BAD_RING);
	vnet_port_drop(&a.port, fake_frame(&pool, 2, 1, 60), VNET_DROP_TOO_BIG);
	assert_int_equal(a.port.count.rx_frames, 8);
}

static void an_interface_may_send_from_what_else_it_was_given(void **state)
{
	struct fake_port other = { .port.also.count = 1 };

	(void)state;
	fake_route(2, &b, NULL);
	a.port.also.count = 2;
	memcpy(a.port.also.mac[0], fake_mac(8), 6);
	memcpy(a.port.also.mac[1], fake_mac(9), 6);
	send(&a, 2, 1);
	send(&a, 2, 8);
	send(&a, 2, 9);
	assert_int_equal(b.n, 3);
	send(&a, 2, 7);
	assert_int_equal(drops(&a, VNET_DROP_SOURCE), 1);
	/* Such an address is not its alone: others may come with it by a link. */
	fake_route(2, &b, &x.port);
	send(&x, 2, 8);
	assert_int_equal(b.n, 4);
	/* Nobody's and groups' are none. */
	other.port = a.port;
	other.port.also.mac[1][0] |= 1;
	strcpy(other.port.name, "other");
	memcpy(other.port.mac, fake_mac(5), 6);
	assert_int_equal(vnet_port_add(&other.port), ERR_INVAL);
	memset(other.port.also.mac[1], 0, 6);
	assert_int_equal(vnet_port_add(&other.port), ERR_INVAL);
}

static void a_guest_is_told_of_another_ones_mtu(void **state)
{
	static const u8 ip[] = { 0x45, 0, 4, 0xb0, 0, 1, 0x40, 0, 64, 17, 0, 0,
				 10, 0, 0, 1, 10, 0, 0, 2 };
	struct pkt *p = fake_frame(&pool, 2, 1, 14 + 1200);

	(void)state;
	fake_route(2, &b, NULL);
	host_now_ns += 1000000000;
	b.port.mtu = 1000;
	b.port.pool = &pool;
	memcpy(p->data + 12, (const u8[]){ 8, 0 }, 2);
	memcpy(p->data + 14, ip, sizeof(ip));
	vnet_input(&a.port, &p, 1);
	vnet_port_too_big(&b.port, b.got[0]);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.port.count.answers, 1);
	/* From b: ICMP "fragmentation needed", 1000 bytes. */
	assert_memory_equal(a.got[0]->data + 6, fake_mac(2), 6);
	assert_int_equal(a.got[0]->data[34], 3);
	assert_int_equal(a.got[0]->data[35], 4);
	assert_int_equal(a.got[0]->data[40] << 8 | a.got[0]->data[41], 1000);
	/* Others' guests are not. */
	b.got[0]->ingress = x.port.id;
	vnet_port_too_big(&b.port, b.got[0]);
	assert_int_equal(x.n, 0);
}

static void an_interface_may_send_so_many_to_groups(void **state)
{
	(void)state;
	fake_route(0xff, &b, NULL);
	fake_route(0xf0, &b, NULL);
	fake_route(2, &b, NULL);
	a.port.storm = 10;
	host_now_ns = 5000000000;
	for (u32 i = 0; i < 15; i++) {
		send(&a, i & 1 ? 0xff : 0xf0, 1);
		send(&a, 2, 1);
	}
	assert_int_equal(b.n, 10 + 15);
	assert_int_equal(drops(&a, VNET_DROP_STORM), 5);
	host_now_ns += 300000000;
	for (u32 i = 0; i < 5; i++)
		send(&a, 0xff, 1);
	assert_int_equal(b.n, 13 + 15);
	a.port.storm = 0;
	for (u32 i = 0; i < 100; i++)
		send(&a, 0xff, 1);
	assert_int_equal(b.n, 113 + 15);
	assert_int_equal(drops(&a, VNET_DROP_STORM), 7);
}

static void an_empty_pool_costs_the_copies_only(void **state)
{
	struct pkt *held[POOL], *p = fake_frame(&pool, 0xff, 1, 60);
	u32 n = 0;

	(void)state;
	while ((held[n] = pkt_get(&pool)))
		n++;
	fake_route(0xff, &b, NULL);
	fake_route(0xff, &c, NULL);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(b.n, 0);
	assert_int_equal(c.n, 1);
	assert_int_equal(drops(&a, VNET_DROP_NO_PACKET), 1);
	while (n)
		pkt_put(held[--n]);
}

static void bursts_are_grouped_and_keep_their_order(void **state)
{
	struct pkt *burst[100];

	(void)state;
	fake_route(2, &b, NULL);
	fake_route(3, &c, NULL);
	fake_route(0xff, &b, NULL);
	fake_route(0xff, &c, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(burst); i++) {
		burst[i] = fake_frame(&pool, i % 3 ? (u8)(1 + i % 3) : 0xff, 1, 60);
		burst[i]->data[20] = (u8)i;
	}
	vnet_input(&a.port, burst, ARRAY_SIZE(burst));
	assert_int_equal(b.n, 67);
	assert_int_equal(c.n, 67);
	assert_int_equal(b.delivers, 4); /* one for each PKT_BURST frames */
	assert_int_equal(b.flushes, 1);
	assert_int_equal(c.flushes, 1);
	for (u32 i = 1; i < b.n; i++)
		assert_true(b.got[i - 1]->data[20] < b.got[i]->data[20]);
}

static void poll_stops_when_empty_or_over_budget(void **state)
{
	(void)state;
	fake_route(2, &b, NULL);
	for (a.nsend = 0; a.nsend < 100; a.nsend++)
		a.to_send[a.nsend] = fake_frame(&pool, 2, 1, 60);
	assert_int_equal(vnet_poll(&a.port, 40), 40);
	assert_int_equal(a.nsend, 60);
	assert_int_equal(vnet_poll(&a.port, 1000), 60);
	assert_int_equal(vnet_poll(&a.port, 1000), 0);
	assert_int_equal(b.n, 100);
}

static void a_deleted_port_gets_nothing_out_of_the_cache(void **state)
{
	u16 id = b.port.id;

	(void)state;
	fake_route(2, &b, NULL);
	send(&a, 2, 1);
	send(&a, 2, 1);
	assert_int_equal(b.n, 2);
	assert_int_equal(vnet_port_del(&b.port, false), ERR_BUSY);
	/* Another core may still hold it: it stays, and is not told. */
	vnet_core_quiet_leave(1);
	assert_int_equal(vnet_port_del(&b.port, true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 1);
	assert_false(b.was_told_gone);
	send(&a, 2, 1);
	assert_int_equal(b.n, 2);
	assert_int_equal(drops(&a, VNET_DROP_NO_ROUTE), 1);
	vnet_core_quiet_enter(1);
	assert_int_equal(vnet_port_reap(), 0);
	assert_true(b.was_told_gone);
	assert_null(vnet_port_by_id(id));
	audit();
	/* The sums remember it. */
	struct vnet_audit sum;
	vnet_audit(&sum);
	assert_int_equal(sum.delivered, 2);
	assert_int_equal(sum.received, 3);
}

static void route_changes_reach_cached_flows(void **state)
{
	struct vnet_core_stats before, after;
	u32 id = fake_route(2, &b, NULL);

	(void)state;
	fake_route(3, &c, NULL);
	send(&a, 2, 1);
	send(&a, 3, 1);
	vnet_core_stats(0, &before);
	assert_int_equal(before.cache_misses, 2);
	assert_int_equal(route_del(id), ERR_OK);
	fake_route(2, &x, NULL);
	send(&a, 2, 1);
	assert_int_equal(b.n, 1);
	assert_int_equal(x.n, 1);
	/* ... and leave others alone. */
	send(&a, 3, 1);
	vnet_core_stats(0, &after);
	assert_int_equal(after.cache_misses, 3);
	assert_int_equal(after.cache_hits, 1);
}

/* Only an interface itself speaks as its MAC; once it is gone that may be elsewhere. */
static void nobody_beyond_an_edge_speaks_as_a_guest(void **state)
{
	(void)state;
	fake_route(0, &b, &x.port);
	send(&x, 2, 1);
	send(&x, 0xff, 1);
	send(&x, 2, 2);
	send(&x, 2, 0xf1); /* nor as a group */
	assert_int_equal(drops(&x, VNET_DROP_SOURCE), 4);
	assert_int_equal(b.n, 0);
	send(&x, 2, 4);
	assert_int_equal(b.n, 1);
	assert_int_equal(vnet_port_del(&a.port, true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 0);
	send(&x, 2, 1);
	assert_int_equal(drops(&x, VNET_DROP_SOURCE), 4);
	assert_int_equal(b.n, 2);
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	send(&x, 2, 1);
	assert_int_equal(drops(&x, VNET_DROP_SOURCE), 5);
}

/* Everything at random; nothing may get lost. */
static void random_traffic_is_all_accounted_for(void **state)
{
	static const u8 tags[] = { 1, 2, 3, 4, 0xf1, 0xff };
	u32 ids[16] = { 0 };

	(void)state;
	srand(3);
	for (u32 round = 0; round < 20000; round++) {
		struct fake_port *from = all[(u32)rand() % ARRAY_SIZE(all)];
		struct fake_port *to = all[(u32)rand() % ARRAY_SIZE(all)];
		struct pkt *burst[PKT_BURST + 8];
		u32 n = (u32)rand() % 40, slot = (u32)rand() % ARRAY_SIZE(ids);
		u8 dst = tags[(u32)rand() % ARRAY_SIZE(tags)];

		if (rand() % 8 == 0) {
			struct route_spec spec = {
				.src = { .cls = ROUTE_ANY },
				.dst = { .cls = rand() % 2 ? ROUTE_EXACT : ROUTE_GROUP },
				.from = (enum route_from)(rand() % 3),
				.to = to->port.id,
			};
			char why[100];

			memcpy(spec.dst.mac, fake_mac(dst), 6);
			if (ids[slot])
				assert_int_equal(route_del(ids[slot]), ERR_OK);
			ids[slot] = 0;
			if (route_add(&spec, &ids[slot], why, sizeof(why)) != ERR_OK)
				ids[slot] = 0;
		}
		if (rand() % 50 == 0)
			to->port.up = !to->port.up;
		for (u32 i = 0; i < n; i++)
			burst[i] = fake_frame(&pool, tags[(u32)rand() % ARRAY_SIZE(tags)],
					      tags[(u32)rand() % 4], 10 + (u32)rand() % 1000);
		vnet_input(&from->port, burst, n);
		for (u32 i = 0; i < ARRAY_SIZE(all); i++)
			fake_port_clear(all[i]);
		audit();
		assert_int_equal(pool.free_count, POOL);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(one_destination_gets_the_frame_itself),
		CASE(broadcast_reaches_all_that_tie),
		CASE(the_wire_stays_off_the_wire),
		CASE(drops_have_their_reason),
		CASE(an_interface_may_send_from_what_else_it_was_given),
		CASE(a_guest_is_told_of_another_ones_mtu),
		CASE(an_interface_may_send_so_many_to_groups),
		CASE(an_empty_pool_costs_the_copies_only),
		CASE(bursts_are_grouped_and_keep_their_order),
		CASE(poll_stops_when_empty_or_over_budget),
		CASE(a_deleted_port_gets_nothing_out_of_the_cache),
		CASE(route_changes_reach_cached_flows),
		CASE(nobody_beyond_an_edge_speaks_as_a_guest),
		CASE(random_traffic_is_all_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
