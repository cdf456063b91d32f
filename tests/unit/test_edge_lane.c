/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges that two cores receive for:
 *
 *     core 0   interface a       edge beta (geneve), 10.0.0.2
 *     core 1   interface b       its lane, with a wire of its own
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

/* --- core 1's wire ----------------------------------------------------------------------- */

static struct {
	struct pkt *got[POOL];
	u32 n, flushes, opened, path;
	bool ready;
	u32 drained;
} lane_wire;

static err_t lane_open(void *ctx, const struct edge *e, struct link_dst *dst)
{
	assert_ptr_equal(ctx, &lane_wire);
	assert_non_null(e->setup.name);
	lane_wire.opened++;
	dst->priv = &lane_wire;
	return ERR_OK;
}

static void lane_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	assert_ptr_equal(dst->priv, &lane_wire);
	lane_wire.opened--;
}

static bool lane_ready(void *ctx, const struct edge *e, struct link_dst *dst)
{
	(void)ctx;
	(void)e;
	assert_int_equal(host_core, 1);
	assert_ptr_equal(dst->priv, &lane_wire);
	return lane_wire.ready;
}

static u32 lane_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	(void)ctx;
	(void)dst;
	assert_int_equal(host_core, 1);
	for (u32 i = 0; i < n; i++)
		lane_wire.got[lane_wire.n++] = pkts[i];
	return n;
}

static void lane_flush(void *ctx)
{
	(void)ctx;
	lane_wire.flushes++;
}

static u32 lane_room(void *ctx)
{
	(void)ctx;
	return POOL - lane_wire.n;
}

static u32 lane_path_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return lane_wire.path;
}

static const struct link_tx lane_tx = {
	.send = lane_send,
	.flush = lane_flush,
	.room = lane_room,
	.path_mtu = lane_path_mtu,
};

static err_t add_lane(struct edge *e)
{
	const struct edge_lane lane = {
		.core = 1,
		.pool = &pool[1],
		.tx = &lane_tx,
		.tx_ctx = &lane_wire,
		.open = lane_open,
		.close = lane_close,
		.ready = lane_ready,
		.drained = &lane_wire.drained,
	};

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
	memset(&lane_wire, 0, sizeof(lane_wire));
	lane_wire.path = 1500;
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
	while (lane_wire.n)
		pkt_put(lane_wire.got[--lane_wire.n]);
	host_core = 0;
	while (wire.n)
		pkt_put(wire.got[--wire.n]);
	settle();
	if (beta)
		assert_int_equal(edge_destroy(beta, true), ERR_OK);
	vnet_port_reap();
	assert_int_equal(wire.links, 0);
	assert_int_equal(lane_wire.opened, 0);
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

/* --- out ------------------------------------------------------------------------------------ */

static void send_long(u32 len)
{
	struct pkt *p = fake_frame(&pool[1], 9, 2, len);

	host_core = 1;
	vnet_input(&b.port, &p, 1);
	host_core = 0;
}

static void send(void)
{
	send_long(100);
}

/* The edge's core has taken, and sent, what it got. */
static void edges_core_sends(void)
{
	settle();
	lane_wire.drained = xcore_taken_from(0, 1);
}

static void frames_go_out_by_the_core_they_come_from(void **state)
{
	struct pkt *p = fake_frame(&pool[0], 9, 1, 100);

	(void)state;
	fake_route(9, (struct fake_port *)&beta->port, NULL);
	/* Not ready: by the edge's core. */
	send();
	assert_int_equal(lane_wire.n, 0);
	edges_core_sends();
	assert_int_equal(wire.n, 1);
	lane_wire.ready = true;
	send();
	assert_int_equal(lane_wire.n, 1);
	assert_int_equal(lane_wire.flushes, 1);
	/* As the edge would send it: Geneve's header, and the flow's hash. */
	assert_int_equal(load_be32(lane_wire.got[0]->data + 4), 7 << 8);
	assert_int_equal(lane_wire.got[0]->len, 108);
	assert_int_not_equal(lane_wire.got[0]->hash, 0);
	vnet_input(&a.port, &p, 1);
	assert_int_equal(wire.n, 2);
	assert_int_equal(beta->port.count.tx_frames, 2);
	assert_int_equal(vnet_port_queue(&beta->port, 1)->count.tx_frames, 1);
	assert_int_equal(counted().tx_frames, 3);
}

/* Once one went by the edge's core, all do until that has sent them. */
static void nothing_is_overtaken(void **state)
{
	(void)state;
	fake_route(9, (struct fake_port *)&beta->port, NULL);
	lane_wire.ready = true;
	send();
	assert_int_equal(lane_wire.n, 1);
	lane_wire.ready = false;
	send();
	lane_wire.ready = true;
	send();
	assert_int_equal(lane_wire.n, 1);
	/* Taken, and not known to be sent. */
	settle();
	assert_int_equal(wire.n, 2);
	send();
	assert_int_equal(lane_wire.n, 1);
	edges_core_sends();
	assert_int_equal(wire.n, 3);
	send();
	assert_int_equal(lane_wire.n, 2);
	assert_int_equal(wire.n, 3);
}

static void what_a_lane_cannot_send(void **state)
{
	(void)state;
	fake_route(9, (struct fake_port *)&beta->port, NULL);
	lane_wire.ready = true;
	/* Too long for the path: as the edge itself. */
	send_long(1480);
	assert_int_equal(vnet_port_queue(&beta->port, 1)->count.drop[VNET_DROP_TOO_BIG], 1);
	send();
	assert_int_equal(lane_wire.n, 1);
	edge_set_up(beta, false);
	send();
	settle();
	assert_int_equal(counted().drop[VNET_DROP_PORT_DOWN], 1);
	edge_set_up(beta, true);
	edges_core_sends();
	send();
	assert_int_equal(lane_wire.n, 2);
}

static struct pkt *long_frame(void)
{
	struct pkt *p = fake_frame(&pool[1], 9, 2, 54);
	static u8 body[6000];

	p->data[12] = 8;
	p->data[13] = 0;
	p->data[14] = 0x45;
	p->data[14 + 6] = 0;
	p->data[14 + 7] = 0;
	p->data[14 + 9] = 6;
	p->data[34 + 12] = 5 << 4;
	pkt_add_seg(p, body, (bus_t){ 0 }, sizeof(body), NULL);
	p->flags = PKT_F_NEEDS_CSUM;
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 1400;
	p->csum_start = 34;
	p->csum_offset = 16;
	return p;
}

/* What the NIC cuts is handed to it whole by every queue. */
static void long_segments_stay_whole(void **state)
{
	struct link_tx cuts = wire_tx;
	struct edge_setup s = setup_of("gamma", GAMMA, 8);
	struct edge *gamma_;
	struct pkt *p = long_frame();

	(void)state;
	cuts.caps = PKT_CAP_TSO4 | PKT_CAP_TSO6 | PKT_CAP_CSUM;
	s.tx = &cuts;
	assert_int_equal(edge_create(&s, &gamma_), ERR_OK);
	assert_int_equal(add_lane(gamma_), ERR_OK);
	fake_route(9, (struct fake_port *)&gamma_->port, NULL);
	lane_wire.ready = true;
	host_core = 1;
	vnet_input(&b.port, &p, 1);
	host_core = 0;
	assert_int_equal(lane_wire.n, 1);
	assert_int_not_equal(lane_wire.got[0]->gso_type, PKT_GSO_NONE);
	assert_int_equal(edge_destroy(gamma_, true), ERR_OK);
}

/* A link that fragments has long frames, which only the edge's core can send: and then all
 * others with them. */
static void links_that_fragment(void **state)
{
	struct edge_setup s = setup_of("gamma", GAMMA, 8);
	struct edge *gamma_;

	(void)state;
	s.fragment = true;
	assert_int_equal(edge_create(&s, &gamma_), ERR_OK);
	assert_int_equal(add_lane(gamma_), ERR_OK);
	fake_route(9, (struct fake_port *)&gamma_->port, NULL);
	lane_wire.ready = true;
	send_long(1400);
	assert_int_equal(lane_wire.n, 1);
	send_long(1480);
	edges_core_sends();
	assert_int_equal(wire.n, 1);
	send();
	edges_core_sends();
	assert_int_equal(wire.n, 2);
	assert_int_equal(lane_wire.n, 1);
	assert_int_equal(edge_destroy(gamma_, true), ERR_OK);
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

/* --- order, with a thread each ------------------------------------------------------------- */

#define NUMBER_AT 60 /* in the frame */
#define GENEVE 8

static struct {
	u32 arrived, late; /* atomic */
	bool ready, over;  /* atomic */
} order;

/* On whichever wire. */
static void arrive(struct pkt *p)
{
	u32 want = __atomic_fetch_add(&order.arrived, 1, __ATOMIC_ACQ_REL);

	if (load_le32(p->data + GENEVE + NUMBER_AT) != want)
		__atomic_fetch_add(&order.late, 1, __ATOMIC_RELAXED);
	pkt_put(p);
}

static u32 order_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	(void)ctx;
	(void)dst;
	for (u32 i = 0; i < n; i++)
		arrive(pkts[i]);
	return n;
}

static bool order_ready(void *ctx, const struct edge *e, struct link_dst *dst)
{
	(void)ctx;
	(void)e;
	(void)dst;
	return __atomic_load_n(&order.ready, __ATOMIC_RELAXED);
}

static u32 order_room(void *ctx)
{
	(void)ctx;
	return PKT_BURST;
}

/* Core 0: sends what it gets, and says that it has. */
static void *edges_core(void *arg)
{
	u32 rnd = 1;

	(void)arg;
	host_core = 0;
	while (!__atomic_load_n(&order.over, __ATOMIC_ACQUIRE)) {
		rnd = rnd * 1664525u + 1013904223u;
		__atomic_store_n(&order.ready, rnd >> 30 != 0, __ATOMIC_RELAXED);
		xcore_drain(0);
		if (rnd >> 28 & 1)
			__atomic_store_n(&lane_wire.drained, xcore_taken_from(0, 1),
					 __ATOMIC_RELEASE);
	}
	return NULL;
}

static void order_holds_between_the_ways(void **state)
{
	struct link_tx main_tx = wire_tx, tx = lane_tx;
	struct edge_setup s = setup_of("gamma", GAMMA, 8);
	struct edge_lane lane = { .core = 1, .pool = &pool[1], .tx = &tx, .tx_ctx = &lane_wire,
				  .open = lane_open, .close = lane_close, .ready = order_ready,
				  .drained = &lane_wire.drained };
	u64 by_lane;
	struct edge *e;
	pthread_t thread;

	(void)state;
	main_tx.send = tx.send = order_send;
	main_tx.room = tx.room = order_room;
	s.tx = &main_tx;
	memset(&order, 0, sizeof(order));
	assert_int_equal(edge_create(&s, &e), ERR_OK);
	assert_int_equal(edge_add_lanes(e, &lane, 1), ERR_OK);
	fake_route(9, (struct fake_port *)&e->port, NULL);
	assert_int_equal(pthread_create(&thread, NULL, edges_core, NULL), 0);
	host_core = 1;
	for (u32 i = 0; i < ROUNDS;) {
		struct pkt *p = pool[1].free_count > POOL / 2 ? fake_frame(&pool[1], 9, 2, 100) :
								NULL;

		if (p) {
			store_le32(p->data + NUMBER_AT, i++);
			vnet_input(&b.port, &p, 1);
		}
		xcore_drain(1);
	}
	while (__atomic_load_n(&order.arrived, __ATOMIC_ACQUIRE) < ROUNDS)
		xcore_drain(1);
	__atomic_store_n(&order.over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	settle();
	assert_int_equal(order.late, 0);
	/* Both ways were used. */
	by_lane = vnet_port_queue(&e->port, 1)->count.tx_frames;
	assert_int_equal(by_lane + e->port.count.tx_frames, ROUNDS);
	assert_in_range(by_lane, 1, ROUNDS - 1);
	assert_int_equal(edge_destroy(e, true), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_stay_with_the_core_that_took_them),
		CASE(drops_count_where_they_happen),
		CASE(frames_go_out_by_the_core_they_come_from),
		CASE(nothing_is_overtaken),
		CASE(what_a_lane_cannot_send),
		CASE(long_segments_stay_whole),
		CASE(links_that_fragment),
		CASE(a_lane_learns_for_its_edge),
		CASE(a_core_without_a_lane_has_no_claim),
		CASE(only_its_core_changes_an_edge),
		CASE(two_threads),
		CASE(order_holds_between_the_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
