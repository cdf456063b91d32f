/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges that two cores receive for:
 *
 *     core 0   interface a       edge beta (geneve), 10.0.0.2
 *     core 1   interface b       its lane
 *
 * In one thread, which is both cores in turn, and in a thread each.
 */
#include <pthread.h>
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
#include "tests/unit/edge_wire.h"
#include "vnet/edge_lane.h"
#include "vnet/health.h"
#include "vnet/overlay.h"
#include "vnet/queues.h"
#include "vnet/xcore.h"

#define NCORES 2
#define BETA 0x0a000002u
#define GAMMA 0x0a000003u
#define PORT 6081
#define SPORT 0xc123
#define ROUNDS 20000u

static struct pkt_pool pool[NCORES];
static struct fake_port a, b;
static struct edge *beta;

static void no_kick(unsigned core)
{
	(void)core;
}

static struct edge_setup setup_of(const char *name, u32 remote, u32 vni)
{
	return (struct edge_setup){
		.name = name,
		.link = link_find("geneve"),
		.tx = &wire_tx,
		.tx_ctx = &wire,
		.remote_ip = remote,
		.remote_port = PORT,
		.local_port = PORT,
		.id = { .vni = vni },
		.no_keepalive = true,
	};
}

static err_t add_lane(struct edge *e)
{
	const struct edge_lane lane = { 1, &pool[1] };

	return edge_add_lanes(e, &lane, 1);
}

static int setup(void **state)
{
	static const char *const names[] = { "p0", "p1" };
	struct edge_setup s = setup_of("beta", BETA, 7);

	(void)state;
	host_core = 0;
	memset(&wire, 0, sizeof(wire));
	wire.room = POOL;
	wire.mtu = 1500;
	assert_int_equal(vnet_init(NCORES, 42, no_kick), ERR_OK);
	for (u32 i = 0; i < NCORES; i++) {
		fake_pool_init(&pool[i], names[i], i, POOL);
		pool[i].foreign_put = xcore_put;
	}
	fake_port_add(&a, "a", VNET_PORT_INTERFACE, 1, 0);
	fake_port_add(&b, "b", VNET_PORT_INTERFACE, 2, 1);
	assert_int_equal(edge_create(&s, &beta), ERR_OK);
	assert_int_equal(add_lane(beta), ERR_OK);
	fake_route(1, &a, &beta->port);
	fake_route(2, &b, &beta->port);
	return 0;
}

/* What other cores have of this one, and what it has of them, goes home. */
static void settle(void)
{
	for (u32 i = 0; i < 2 * NCORES; i++) {
		host_core = i % NCORES;
		xcore_drain(host_core);
	}
	host_core = 0;
}

static int teardown(void **state)
{
	struct vnet_audit sum;

	(void)state;
	settle();
	vnet_audit(&sum);
	assert_true(sum.balanced);
	fake_port_clear(&a);
	host_core = 1;
	fake_port_clear(&b);
	host_core = 0;
	while (wire.n)
		pkt_put(wire.got[--wire.n]);
	settle();
	if (beta)
		assert_int_equal(edge_destroy(beta, true), ERR_OK);
	vnet_port_reap();
	assert_int_equal(wire.links, 0);
	for (u32 i = 0; i < NCORES; i++)
		fake_pool_fini(&pool[i]);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A datagram of that VNI, with the flags of Geneve's header. */
static struct pkt *datagram(u32 core, u8 dst, u32 vni, u8 flags)
{
	struct pkt *p = fake_frame(&pool[core], dst, 9, 100);
	u8 *h = pkt_push(p, 8);

	memset(h, 0, 8);
	h[1] = flags;
	store_be16(h + 2, 0x6558);
	store_be32(h + 4, vni << 8);
	p->ttl = 64;
	return p;
}

static void receive(u32 core, u8 dst, u32 from, u32 vni)
{
	struct pkt *p = datagram(core, dst, vni, 0);

	host_core = core;
	edge_input(edge_local_find(0, PORT), from, SPORT, &p, 1);
	host_core = 0;
}

static struct vnet_counters counted(void)
{
	struct vnet_counters sum;

	vnet_port_count(&beta->port, &sum);
	return sum;
}

static void frames_stay_with_the_core_that_took_them(void **state)
{
	(void)state;
	assert_int_equal(vnet_port_queues(&beta->port), 2);
	receive(1, 2, BETA, 7);
	/* No other core was needed. */
	assert_int_equal(b.n, 1);
	assert_int_equal(xcore_stats(1)->sent, 0);
	receive(0, 1, BETA, 7);
	assert_int_equal(a.n, 1);
	receive(1, 1, BETA, 7);
	assert_int_equal(a.n, 1);
	settle();
	assert_int_equal(a.n, 2);
	receive(0, 2, BETA, 7);
	settle();
	assert_int_equal(b.n, 2);
	/* They came by the edge, whoever took them; each counted for itself. */
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(a.got[i]->ingress, beta->port.id);
		assert_int_equal(b.got[i]->ingress, beta->port.id);
	}
	assert_int_equal(beta->port.count.rx_frames, 2);
	assert_int_equal(vnet_port_queue(&beta->port, 1)->count.rx_frames, 2);
	assert_int_equal(counted().rx_frames, 4);
}

static void drops_count_where_they_happen(void **state)
{
	struct pkt *p = datagram(1, 2, 7, 0);

	(void)state;
	store_be16(p->data + 2, 0x0800); /* IPv4, which is no frame */
	host_core = 1;
	edge_input(edge_local_find(0, PORT), BETA, SPORT, &p, 1);
	host_core = 0;
	assert_int_equal(vnet_port_queue(&beta->port, 1)->count.drop[VNET_DROP_LINK_PROTOCOL], 1);
	assert_int_equal(counted().drop[VNET_DROP_LINK_PROTOCOL], 1);
	edge_set_up(beta, false);
	receive(1, 2, BETA, 7);
	assert_int_equal(counted().drop[VNET_DROP_PORT_DOWN], 1);
	edge_set_up(beta, true);
	receive(1, 2, GAMMA, 7);
	assert_int_equal(edge_strays(EDGE_STRAY_SENDER), 1);
	assert_int_equal(counted().rx_frames, 2);
}

/* What goes out has the edge's own core. */
static void frames_go_out_by_the_edges_core(void **state)
{
	struct pkt *p = fake_frame(&pool[1], 9, 2, 100);

	(void)state;
	fake_route(9, (struct fake_port *)&beta->port, NULL);
	host_core = 1;
	vnet_input(&b.port, &p, 1);
	host_core = 0;
	assert_int_equal(wire.n, 0);
	settle();
	assert_int_equal(wire.n, 1);
	assert_int_equal(beta->port.count.tx_frames, 1);
}

/* Another core learns for the edge, not for its lane. */
static void a_lane_learns_for_its_edge(void **state)
{
	struct overlay *o = overlay_by_id(0);
	struct overlay_setup learns = overlay_defaults;

	(void)state;
	learns.learn = true;
	assert_int_equal(overlay_set(o, &learns), ERR_OK);
	receive(1, 2, BETA, 7);
	assert_int_equal(learned_find(o->learned, mac_load(fake_mac(9))), beta->port.id);
	assert_int_equal(overlay_set(o, &overlay_defaults), ERR_OK);
}

/* Until it has lanes, an edge's datagrams are its own core's. */
static void a_core_without_a_lane_has_no_claim(void **state)
{
	struct edge_setup s = setup_of("gamma", GAMMA, 8);
	u64 before = edge_strays(EDGE_STRAY_VNI) + edge_strays(EDGE_STRAY_SENDER);
	struct edge *gamma_;

	(void)state;
	assert_int_equal(edge_create(&s, &gamma_), ERR_OK);
	receive(1, 2, GAMMA, 8);
	assert_int_equal(edge_strays(EDGE_STRAY_VNI) + edge_strays(EDGE_STRAY_SENDER), before + 1);
	assert_int_equal(add_lane(gamma_), ERR_OK);
	assert_int_equal(add_lane(gamma_), ERR_RANGE);
	fake_route(2, &b, &gamma_->port);
	receive(1, 2, GAMMA, 8);
	assert_int_equal(b.n, 1);
	assert_int_equal(edge_destroy(gamma_, true), ERR_OK);
}

/* Hellos, and peers that are known by their tag alone, change an edge: its core's. */
static void only_its_core_changes_an_edge(void **state)
{
	struct edge_setup s = setup_of("nat", 0, 9);
	struct link_hello hello = { .version_min = HEALTH_VERSION, .version_max = HEALTH_VERSION,
				    .session = 1, .seq = 1 };
	struct edge *nat;
	struct pkt *p;

	(void)state;
	s.remote_port = 0;
	s.id.tag = 5;
	s.no_keepalive = false;
	assert_int_equal(edge_create(&s, &nat), ERR_OK);
	assert_int_equal(add_lane(nat), ERR_OK);
	for (u32 i = NCORES; i--;) {
		p = pkt_get(&pool[i]);
		nat->link->make_hello(p, &nat->setup.id, &hello);
		assert_true(nat->link->is_control(p));
		p->ttl = 64;
		host_core = i;
		edge_input(edge_local_find(0, PORT), GAMMA, SPORT, &p, 1);
		host_core = 0;
		assert_int_equal(nat->dst.remote_ip, i ? 0 : GAMMA);
		assert_int_equal(nat->health.received, !i);
	}
	p = pkt_get(&pool[1]);
	nat->link->make_hello(p, &nat->setup.id, &hello);
	host_core = 1;
	edge_input(edge_local_find(0, PORT), GAMMA, SPORT, &p, 1);
	host_core = 0;
	assert_int_equal(nat->health.received, 1);
	assert_int_equal(vnet_port_queue(&nat->port, 1)->count.drop[VNET_DROP_LINK_CONTROL], 1);
	p = datagram(0, 2, 7, 0);
	assert_false(nat->link->is_control(p));
	pkt_put(p);
	assert_int_equal(edge_destroy(nat, true), ERR_OK);
}

/* --- a thread each ---------------------------------------------------------------------- */

static bool others_done[NCORES];

static void *run_core(void *arg)
{
	u32 core = (u32)(uintptr_t)arg, sent = 0;

	host_core = core;
	while (sent < ROUNDS || !__atomic_load_n(&others_done[1 - core], __ATOMIC_ACQUIRE)) {
		struct fake_port *own = core ? &b : &a;

		if (sent < ROUNDS && pool[core].free_count > POOL / 2) {
			struct pkt *p = datagram(core, (u8)(1 + sent % 2), 7, 0);

			edge_input(edge_local_find(0, PORT), BETA, SPORT, &p, 1);
			sent++;
		}
		if (sent == ROUNDS)
			__atomic_store_n(&others_done[core], true, __ATOMIC_RELEASE);
		xcore_drain(core);
		fake_port_clear(own);
	}
	return NULL;
}

static void two_threads(void **state)
{
	pthread_t thread[NCORES];

	(void)state;
	memset(others_done, 0, sizeof(others_done));
	for (u32 i = 0; i < NCORES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_core,
						(void *)(uintptr_t)i), 0);
	for (u32 i = 0; i < NCORES; i++)
		pthread_join(thread[i], NULL);
	settle();
	assert_int_equal(counted().rx_frames, NCORES * ROUNDS);
	assert_int_equal(beta->port.count.rx_frames, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_stay_with_the_core_that_took_them),
		CASE(drops_count_where_they_happen),
		CASE(frames_go_out_by_the_edges_core),
		CASE(a_lane_learns_for_its_edge),
		CASE(a_core_without_a_lane_has_no_claim),
		CASE(only_its_core_changes_an_edge),
		CASE(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
