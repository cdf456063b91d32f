/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces with several queues, and queues that change cores while frames
 * flow. The cores take turns in one thread, in random order, and once each is a
 * thread; every frame carries its flow and its number, and the receivers check them.
 */
#include <pthread.h>
#include <sched.h>
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
#include "vnet/dispatch.h"
#include "vnet/epoch.h"
#include "vnet/flow.h"
#include "vnet/port.h"
#include "vnet/queues.h"
#include "vnet/steer.h"
#include "vnet/xcore.h"

#define NCORES 4
#define QUEUES 3
#define FLOWS 24u
#define POOL 512u /* all of them find a place in the rings */
#define SEC 1000000000ull

/* A frame: MACs, a type of no protocol, flow, number. */
#define FRAME 60u
#define AT_FLOW 14
#define AT_NUMBER 18

/* One side: an interface whose queues hold what is to be sent, in order. */
struct side {
	struct vnet_port queue[QUEUES];
	u32 to_send[QUEUES];  /* frames that wait in the queue */
	u32 unfinished[QUEUES];
	u32 number[FLOWS];    /* next to be sent ... */
	u32 seen[FLOWS];      /* ... and to be received */
	u32 got_by[QUEUES];
	u32 moves[QUEUES][VNET_WAYS];
	u8 tag;
};

static struct side a, b;
static struct pkt_pool pool[NCORES];
static u32 kicked[NCORES];
static u64 delivered; /* to both sides */

static void kick(unsigned core)
{
	__atomic_fetch_add(&kicked[core], 1, __ATOMIC_RELAXED);
}

static struct side *side_of(const struct vnet_port *port)
{
	return port->ctx;
}

/* Far from each other's. */
static u32 hash_of(u32 flow)
{
	return (flow + 1) * 0x9e3779b1u;
}

/* Flow f of a side is sent by queue f % QUEUES. */
static u32 collect(struct vnet_port *port, struct pkt **pkts, u32 max)
{
	struct side *s = side_of(port);
	u32 n = 0;

	assert_int_equal(host_core, port->in_core);
	for (; n < max && s->to_send[port->queue] && pool[host_core].free_count; n++) {
		u32 flow = (u32)rand() % (FLOWS / QUEUES) * QUEUES + port->queue;
		struct pkt *p = fake_frame(&pool[host_core], s == &a ? 2 : 1, s->tag, FRAME);

		store_le32(p->data + AT_FLOW, flow);
		store_le32(p->data + AT_NUMBER, s->number[flow]++);
		p->hash = hash_of(flow);
		pkts[n] = p;
		s->to_send[port->queue]--;
	}
	return n;
}

static void deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	struct side *s = side_of(port);

	assert_int_equal(host_core, vnet_port_core(port, VNET_OUT));
	for (u32 i = 0; i < n; i++) {
		u32 flow = load_le32(pkts[i]->data + AT_FLOW);

		assert_int_equal(pkts[i]->ingress, (s == &a ? &b : &a)->queue[0].id);
		assert_int_equal(load_le32(pkts[i]->data + AT_NUMBER), s->seen[flow]++);
		s->got_by[port->queue]++;
		__atomic_fetch_add(&delivered, 1, __ATOMIC_RELAXED);
		port->count.tx_frames++;
		pkt_put(pkts[i]);
	}
}

static u32 unfinished(const struct vnet_port *port)
{
	return side_of(port)->unfinished[port->queue];
}

static void moved(struct vnet_port *port, enum vnet_way way)
{
	assert_int_equal(host_core, vnet_port_core(port, way));
	side_of(port)->moves[port->queue][way]++;
}

static const struct vnet_port_ops ops = {
	.deliver = deliver, .collect = collect, .unfinished = unfinished, .moved = moved,
};

static void side_add(struct side *s, const char *name, u8 tag)
{
	struct vnet_port *more[QUEUES - 1];

	memset(s, 0, sizeof(*s));
	s->tag = tag;
	for (u32 i = 0; i < QUEUES; i++) {
		s->queue[i].ops = &ops;
		s->queue[i].core = i;
		s->queue[i].up = true;
		s->queue[i].ctx = s;
		if (i)
			more[i - 1] = &s->queue[i];
	}
	s->queue[0].kind = VNET_PORT_INTERFACE;
	s->queue[0].mtu = 1500;
	memcpy(s->queue[0].mac, fake_mac(tag), 6);
	strcpy(s->queue[0].name, name);
	assert_int_equal(vnet_port_add(&s->queue[0]), ERR_OK);
	assert_int_equal(vnet_port_add_queues(&s->queue[0], more, QUEUES - 1), ERR_OK);
}

static void route_to(const struct side *s)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_EXACT }, .to = s->queue[0].id,
	};
	char why[128];
	u32 id;

	memcpy(spec.dst.mac, fake_mac(s->tag), 6);
	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
}

static int setup(void **state)
{
	(void)state;
	host_core = 0;
	host_now_ns = SEC;
	memset(kicked, 0, sizeof(kicked));
	delivered = 0;
	assert_int_equal(vnet_init(NCORES, 1, kick), ERR_OK);
	for (u32 i = 0; i < NCORES; i++) {
		fake_pool_init(&pool[i], "pool", i, POOL);
		pool[i].foreign_put = xcore_put;
	}
	side_add(&a, "a", 1);
	side_add(&b, "b", 2);
	route_to(&a);
	route_to(&b);
	return 0;
}

static u32 drain(unsigned core)
{
	host_core = core;
	__atomic_store_n(&kicked[core], 0, __ATOMIC_RELAXED);
	return xcore_drain(core);
}

static void drain_all(void)
{
	u32 work;

	do {
		work = 0;
		for (unsigned c = 0; c < NCORES; c++) {
			work += kicked[c];
			work += drain(c) + xcore_waits(c);
		}
	} while (work);
	host_core = 0;
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
	drain_all();
	assert_int_equal(vnet_port_del(&a.queue[0], true), ERR_OK);
	assert_int_equal(vnet_port_del(&b.queue[0], true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 0);
	audit();
	for (u32 i = 0; i < NCORES; i++)
		fake_pool_fini(&pool[i]);
	vnet_fini();
	assert_int_equal(host_alloc_live, 0);
	return 0;
}

/* One turn of the core's loop: what it owns, a little of each. */
static void poll_core(unsigned core)
{
	struct side *const sides[] = { &a, &b };

	host_core = core;
	for (u32 s = 0; s < ARRAY_SIZE(sides); s++) {
		for (u32 i = 0; i < QUEUES; i++) {
			if (vnet_port_core(&sides[s]->queue[i], VNET_IN) == core)
				vnet_poll(&sides[s]->queue[i], 1 + (u32)rand() % 40);
		}
	}
}

static void send(struct side *s, u32 queue, u32 n)
{
	s->to_send[queue] += n;
	while (s->to_send[queue])
		poll_core(vnet_port_core(&s->queue[queue], VNET_IN));
	drain_all();
}

static void an_interface_is_one_port_to_the_rest(void **state)
{
	struct vnet_counters sum;

	(void)state;
	assert_ptr_equal(vnet_port_next(0), &a.queue[0]);
	assert_ptr_equal(vnet_port_next(a.queue[0].id), &b.queue[0]);
	assert_null(vnet_port_next(b.queue[0].id));
	assert_null(vnet_port_by_id(a.queue[1].id));
	assert_ptr_equal(vnet_port_slot(a.queue[1].id), &a.queue[1]);
	assert_int_equal(vnet_port_queues(&a.queue[0]), QUEUES);
	assert_null(vnet_port_queue(&a.queue[0], QUEUES));
	for (u32 q = 0; q < QUEUES; q++)
		send(&a, q, 100);
	vnet_port_count(&a.queue[0], &sum);
	assert_int_equal(sum.rx_frames, 300);
	vnet_port_count(&b.queue[0], &sum);
	assert_int_equal(sum.tx_frames, 300);
	for (u32 f = 0; f < FLOWS; f++)
		assert_int_equal(b.seen[f], a.number[f]);
	audit();
}

/* By its hash first, then by the queue that the guest used. */
static void a_flow_comes_where_it_was_sent_last(void **state)
{
	struct vnet_steer *s = a.queue[0].steer;
	struct pkt *p;
	u32 other;

	(void)state;
	host_core = 0;
	p = fake_frame(&pool[0], 1, 2, FRAME);
	p->hash = 0x12345678;
	other = (steer_pick(s, p) + 1) % QUEUES;
	steer_note(&a.queue[other], &p, 1);
	assert_int_equal(steer_pick(s, p), other);
	vnet_port_use_queues(&a.queue[0], 1);
	assert_int_equal(steer_pick(s, p), 0);
	vnet_port_use_queues(&a.queue[0], QUEUES);
	assert_int_equal(steer_pick(s, p), other);
	pkt_put(p);
}

static void a_used_place_is_not_taken(void **state)
{
	struct vnet_steer *s = a.queue[0].steer;
	struct pkt *one, *two;
	u32 by_hash;

	(void)state;
	host_core = 0;
	one = fake_frame(&pool[0], 1, 2, FRAME);
	two = fake_frame(&pool[0], 1, 2, FRAME);
	one->hash = 0x70000001;
	two->hash = 0x70000002;
	by_hash = steer_pick(s, two);
	for (u32 q = 0; q < QUEUES; q++) {
		steer_note(&a.queue[q], &one, 1);
		steer_note(&a.queue[(q + 1) % QUEUES], &two, 1);
		assert_int_equal(steer_pick(s, one), q);
		assert_int_equal(steer_pick(s, two), by_hash);
	}
	host_now_ns += 5 * SEC;
	steer_note(&a.queue[(by_hash + 1) % QUEUES], &two, 1);
	assert_int_equal(steer_pick(s, two), (by_hash + 1) % QUEUES);
	pkt_put(one);
	pkt_put(two);
}

static void the_way_in_waits_for_what_comes_back(void **state)
{
	(void)state;
	a.unfinished[1] = 1;
	host_core = 0;
	assert_int_equal(vnet_port_move(&a.queue[1], VNET_IN, 3), ERR_OK);
	assert_int_equal(vnet_port_move(&a.queue[1], VNET_IN, 2), ERR_BUSY);
	assert_int_equal(kicked[1], 1);
	for (u32 i = 0; i < 5; i++)
		drain(1);
	assert_true(xcore_waits(1));
	a.to_send[1] = 10;
	assert_int_equal(vnet_poll(&a.queue[1], 10), 0);
	a.unfinished[1] = 0;
	drain(1);
	assert_false(xcore_waits(1));
	assert_int_equal(kicked[3], 1);
	assert_int_equal(vnet_poll(&a.queue[1], 10), 0); /* core 1 has no say any more */
	drain(3);
	assert_int_equal(a.moves[1][VNET_IN], 1);
	assert_false(vnet_port_moving(&a.queue[1], VNET_IN));
	assert_int_equal(vnet_poll(&a.queue[1], 10), 10);
}

static void the_way_out_waits_for_cores_that_read(void **state)
{
	(void)state;
	host_core = 0;
	assert_int_equal(vnet_port_move(&b.queue[1], VNET_OUT, 3), ERR_OK);
	drain(1);
	assert_int_equal(vnet_port_move(&b.queue[2], VNET_OUT, 0), ERR_OK);
	vnet_core_quiet_leave(1); /* about to send to core 2, for all we know */
	for (u32 i = 0; i < 5; i++) {
		drain(2);
		drain(0);
	}
	assert_true(vnet_port_moving(&b.queue[2], VNET_OUT));
	vnet_core_quiet_enter(1);
	drain_all();
	assert_int_equal(b.moves[1][VNET_OUT], 1);
	assert_int_equal(b.moves[2][VNET_OUT], 1);
	assert_int_equal(vnet_port_core(&b.queue[1], VNET_OUT), 3);
}

static void what_cannot_move_says_so(void **state)
{
	struct fake_port f;

	(void)state;
	host_core = 0;
	fake_port_add(&f, "f", VNET_PORT_INTERFACE, 9, 0);
	assert_int_equal(vnet_port_move(&f.port, VNET_IN, 1), ERR_INVAL);
	assert_int_equal(vnet_port_move(&a.queue[0], VNET_IN, NCORES), ERR_RANGE);
	assert_int_equal(vnet_port_move(&a.queue[0], VNET_IN, 0), ERR_OK); /* is there */
	assert_false(vnet_port_moving(&a.queue[0], VNET_IN));
	assert_int_equal(vnet_port_del(&f.port, true), ERR_OK);
}

static void a_move_at_random(void)
{
	struct side *s = rand() % 2 ? &a : &b;
	enum vnet_way way = rand() % 2 ? VNET_IN : VNET_OUT;
	err_t err = vnet_port_move(&s->queue[rand() % QUEUES], way, (u32)rand() % NCORES);

	assert_true(err == ERR_OK || err == ERR_BUSY);
}

static u32 sum_moves(const struct side *s)
{
	u32 n = 0;

	for (u32 q = 0; q < QUEUES; q++)
		n += s->moves[q][VNET_IN] + s->moves[q][VNET_OUT];
	return n;
}

/* Both directions under load, and somebody who cannot leave the queues alone. */
static void order_holds_at_thousands_of_hand_overs(void **state)
{
	(void)state;
	srand(5);
	for (u32 round = 0; round < 60000; round++) {
		unsigned core = (unsigned)rand() % NCORES;

		host_core = core;
		if (rand() % 4 == 0)
			a_move_at_random();
		if (rand() % 8 == 0) {
			a.to_send[rand() % QUEUES] += (u32)rand() % 30;
			b.to_send[rand() % QUEUES] += (u32)rand() % 30;
			a.unfinished[rand() % QUEUES] = (u32)rand() % 2;
			b.unfinished[rand() % QUEUES] = (u32)rand() % 2;
		}
		if (rand() % 2)
			poll_core(core);
		else
			drain(core);
	}
	memset(a.unfinished, 0, sizeof(a.unfinished));
	memset(b.unfinished, 0, sizeof(b.unfinished));
	drain_all();
	for (u32 q = 0; q < QUEUES; q++) {
		send(&a, q, 1);
		send(&b, q, 1);
	}
	for (u32 f = 0; f < FLOWS; f++) {
		assert_int_equal(b.seen[f], a.number[f]);
		assert_int_equal(a.seen[f], b.number[f]);
	}
	assert_true(sum_moves(&a) > 1000 && sum_moves(&b) > 1000);
	assert_true(a.got_by[0] && a.got_by[1] && a.got_by[2]);
	audit();
}

/* Each flow is sent by both sides, so that none looks for its queue later on. */
static void know_flows(struct side *s)
{
	struct pkt *p = fake_frame(&pool[0], 1, 2, FRAME);

	for (u32 flow = 0; flow < FLOWS; flow++) {
		p->hash = hash_of(flow);
		steer_note(&s->queue[flow % QUEUES], &p, 1);
	}
	pkt_put(p);
}

static bool over;

static void *run_core(void *arg)
{
	unsigned core = *(const unsigned *)arg;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		poll_core(core);
		drain(core);
		sched_yield();
	}
	return NULL;
}

static void order_holds_between_threads(void **state)
{
	static const unsigned core[NCORES] = { 0, 1, 2, 3 };
	const u32 each = 4000, total = 2 * QUEUES * each;
	pthread_t thread[NCORES];

	(void)state;
	know_flows(&a);
	know_flows(&b);
	for (u32 q = 0; q < QUEUES; q++)
		a.to_send[q] = b.to_send[q] = each;
	over = false;
	for (u32 i = 0; i < NCORES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_core,
						(void *)(uintptr_t)&core[i]), 0);
	while (__atomic_load_n(&delivered, __ATOMIC_ACQUIRE) < total) {
		a_move_at_random();
		sched_yield();
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (u32 i = 0; i < NCORES; i++)
		pthread_join(thread[i], NULL);
	drain_all();
	for (u32 f = 0; f < FLOWS; f++) {
		assert_int_equal(b.seen[f], a.number[f]);
		assert_int_equal(a.seen[f], b.number[f]);
	}
	assert_true(sum_moves(&a) && sum_moves(&b));
	audit();
}

/* Bursts of one batch end together, where that is wanted. */
static void a_batch_is_flushed_once(void **state)
{
	struct dispatch_settings set = { .batch_end = true };
	struct fake_port to, from;

	(void)state;
	host_core = 0;
	fake_port_add(&from, "from", VNET_PORT_INTERFACE, 8, 0);
	fake_port_add(&to, "to", VNET_PORT_INTERFACE, 9, 0);
	fake_route(9, &to, NULL);
	for (u32 wanted = 0; wanted < 2; wanted++) {
		to.port.dispatch = wanted ? &set : NULL;
		to.flushes = 0;
		vnet_batch_begin(0);
		for (u32 i = 0; i < 3; i++) {
			struct pkt *p = fake_frame(&pool[0], 9, 8, FRAME);

			vnet_input(&from.port, &p, 1);
		}
		assert_int_equal(to.flushes, wanted ? 0 : 3);
		vnet_batch_end(0);
		assert_int_equal(to.flushes, wanted ? 1 : 3);
	}
	assert_int_equal(to.port.joined_bursts, 3);
	fake_port_clear(&to);
	assert_int_equal(vnet_port_del(&to.port, true), ERR_OK);
	assert_int_equal(vnet_port_del(&from.port, true), ERR_OK);
}

static void a_port_is_not_gone_while_it_moves(void **state)
{
	struct side c;

	(void)state;
	host_core = 0;
	side_add(&c, "c", 3);
	assert_int_equal(vnet_port_move(&c.queue[2], VNET_OUT, 3), ERR_OK);
	assert_int_equal(vnet_port_del(&c.queue[0], true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 1);
	drain_all();
	assert_int_equal(vnet_port_reap(), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_interface_is_one_port_to_the_rest),
		CASE(a_flow_comes_where_it_was_sent_last),
		CASE(a_used_place_is_not_taken),
		CASE(the_way_in_waits_for_what_comes_back),
		CASE(the_way_out_waits_for_cores_that_read),
		CASE(what_cannot_move_says_so),
		CASE(order_holds_at_thousands_of_hand_overs),
		CASE(order_holds_between_threads),
		CASE(a_batch_is_flushed_once),
		CASE(a_port_is_not_gone_while_it_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
