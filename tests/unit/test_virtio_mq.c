/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net with several pairs of queues (virtio 1.2 5.1.6.5.5), and a device
 * whose queues belong to other cores than the one that resets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio/net.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "tests/models/virtio_driver.h"
#include "vnet/xcore.h"

#define PAIRS 2
#define RX(pair) (2u * (pair) + VIRTIO_NET_RX)
#define TX(pair) (2u * (pair) + VIRTIO_NET_TX)
#define CTRL (2u * PAIRS)
#define PACKETS 256
#define FRAME 60u
#define HDR ((u32)sizeof(struct virtio_net_hdr))
#define FEATURES                                                                     \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_CTRL_VQ |            \
	 VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_MQ)

static struct vdrv v;
static struct virtio_net net;
static struct virtio_net_pair more[PAIRS - 1];
static struct virtio_pci vp;
static struct pkt_pool pool[2]; /* of the cores 0 and 1 */
static struct fake_port peer;	/* on core 0 */
static u32 kicks[PAIRS], mores[PAIRS];
static bool settled, began;

static void on_kick(void *ctx, u32 pair)
{
	(void)ctx;
	kicks[pair]++;
}

static void on_more(void *ctx, u32 pair)
{
	(void)ctx;
	mores[pair]++;
}

static struct pkt_pool *on_pool(void *ctx, u32 core)
{
	(void)ctx;
	return &pool[core];
}

static bool on_settled(void *ctx, bool begin)
{
	(void)ctx;
	began |= begin;
	return settled;
}

static const struct virtio_net_hooks hooks = {
	.kick = on_kick, .more = on_more, .pool = on_pool, .settled = on_settled,
};

static void wake_nobody(unsigned core)
{
	(void)core;
}

static void route_to_the_guest(void)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY }, .dst = { .cls = ROUTE_EXACT }, .to = net.port.id,
	};
	char why[128];
	u32 id;

	memcpy(spec.dst.mac, fake_mac(1), 6);
	assert_int_equal(route_add(&spec, &id, why, sizeof(why)), ERR_OK);
}

static int setup(void **state)
{
	static const u32 core[PAIRS - 1] = { 1 };
	struct virtio_net_cfg cfg = { .name = "g1.eth0", .mtu = 1500, .gm = &v.gm,
				      .pool = &pool[0], .hooks = &hooks, .pairs = PAIRS,
				      .more = more, .more_core = core };

	(void)state;
	host_core = 0;
	host_now_ns = 1000000000ull;
	settled = true;
	memset(kicks, 0, sizeof(kicks));
	memset(mores, 0, sizeof(mores));
	memset(&net, 0, sizeof(net));
	memset(more, 0, sizeof(more));
	memcpy(cfg.mac, fake_mac(1), 6);
	vdrv_init(&v);
	assert_int_equal(vnet_init(2, 1, wake_nobody), ERR_OK);
	for (u32 i = 0; i < 2; i++) {
		fake_pool_init(&pool[i], "pool", i, PACKETS);
		pool[i].foreign_put = xcore_put;
	}
	assert_int_equal(virtio_net_init(&net, &cfg), ERR_OK);
	assert_int_equal(vnet_port_add(&net.port), ERR_OK);
	assert_int_equal(virtio_net_add_queues(&net), ERR_OK);
	assert_int_equal(virtio_pci_init(&vp, &net.dev, &v.bus), ERR_OK);
	fake_port_add(&peer, "peer", VNET_PORT_INTERFACE, 2, 0);
	fake_route(2, &peer, NULL);
	route_to_the_guest();
	assert_true(vdrv_find(&v, 1));
	return 0;
}

static void drain(unsigned core)
{
	host_core = core;
	while (xcore_drain(core) || xcore_waits(core))
		;
	host_core = 0;
}

static void drain_all(void)
{
	for (u32 i = 0; i < 4; i++)
		drain(i % 2);
}

static int teardown(void **state)
{
	(void)state;
	host_core = 0;
	fake_port_clear(&peer);
	drain_all();
	assert_int_equal(virtio_net_mapped(&net), 0);
	assert_int_equal(vnet_port_del(&net.port, true), ERR_OK);
	assert_int_equal(vnet_port_del(&peer.port, true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 0);
	for (u32 i = 0; i < 2; i++)
		fake_pool_fini(&pool[i]);
	vnet_fini();
	vdrv_fini(&v);
	return 0;
}

/* A frame of the flow to the peer, by the pair. Longer ones travel by reference. */
static void guest_sends(u32 pair, u32 len)
{
	u64 at = vdrv_alloc(&v, HDR + len, 8);
	const struct vdrv_buf buf = { at, HDR + len };
	u8 *p = vdrv_mem(&v, at, HDR + len);

	memset(p, 0, HDR + len);
	memcpy(p + HDR, fake_mac(2), 6);
	memcpy(p + HDR + 6, fake_mac(1), 6);
	assert_true(vdrv_add(&v, &v.ring[TX(pair)], &buf, 1, 0) >= 0);
	vdrv_kick(&v, (u16)TX(pair));
}

static void guest_gives_buffers(u32 pair, u32 n)
{
	while (n--) {
		const struct vdrv_buf buf = { vdrv_alloc(&v, 2048, 8), 2048 };

		assert_true(vdrv_add(&v, &v.ring[RX(pair)], &buf, 0, 1) >= 0);
	}
	vdrv_kick(&v, (u16)RX(pair));
}

/* Frames that the guest finds in the pair's receive queue. */
static u32 guest_takes(u32 pair)
{
	u32 n = 0;

	while (vdrv_take(&v, &v.ring[RX(pair)], NULL) >= 0)
		n++;
	return n;
}

static void peer_sends(u32 n)
{
	struct pkt *p[8];

	host_core = 0;
	for (u32 i = 0; i < n; i++) {
		p[i] = fake_frame(&pool[0], 1, 2, FRAME);
		memset(p[i]->data + 12, 0, FRAME - 12);
	}
	vnet_input(&peer.port, p, n);
	drain_all();
}

/* The command on queue `ctrl`: the answer. */
static u8 set_pairs(u16 ctrl, u16 pairs)
{
	u64 at = vdrv_alloc(&v, 5, 1);
	const struct vdrv_buf bufs[3] = { { at, 2 }, { at + 2, 2 }, { at + 4, 1 } };
	u8 *p = vdrv_mem(&v, at, 5);

	p[0] = VIRTIO_NET_CTRL_MQ;
	p[1] = VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
	p[2] = (u8)pairs;
	p[3] = (u8)(pairs >> 8);
	p[4] = 0xff;
	assert_true(vdrv_add(&v, &v.ring[ctrl], bufs, 2, 1) >= 0);
	vdrv_kick(&v, ctrl);
	assert_true(vdrv_take(&v, &v.ring[ctrl], NULL) >= 0);
	return p[4];
}

static void pairs_are_offered_and_set(void **state)
{
	(void)state;
	assert_true(vdrv_offered(&v) & VIRTIO_NET_F_MQ);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE,
				   offsetof(struct virtio_net_config, max_virtqueue_pairs), 2),
			 PAIRS);
	assert_int_equal(v.nrings, 2 * PAIRS + 1);
	assert_true(vdrv_start(&v, FEATURES));
	assert_int_equal(net.used_pairs, 1);
	assert_int_equal(set_pairs(CTRL, 0), VIRTIO_NET_ERR);
	assert_int_equal(set_pairs(CTRL, PAIRS + 1), VIRTIO_NET_ERR);
	assert_int_equal(net.used_pairs, 1);
	assert_int_equal(set_pairs(CTRL, PAIRS), VIRTIO_NET_OK);
	assert_int_equal(net.used_pairs, PAIRS);
	assert_true(vdrv_start(&v, FEATURES)); /* a reset forgets it */
	assert_int_equal(net.used_pairs, 1);
}

/* MQ needs the control queue; who does not take MQ finds that behind the first pair. */
static void drivers_of_one_pair_get_along(void **state)
{
	(void)state;
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MQ));
	assert_true(vdrv_start(&v, FEATURES & ~VIRTIO_NET_F_MQ));
	assert_int_equal(set_pairs(VIRTIO_NET_CTRL, 1), VIRTIO_NET_OK);
	assert_int_equal(set_pairs(VIRTIO_NET_CTRL, 2), VIRTIO_NET_ERR);
	guest_sends(0, FRAME);
	assert_int_equal(kicks[0], 1);
	vdrv_notify(&v, (u16)TX(1));
	assert_int_equal(kicks[1], 0);
}

static void each_pair_sends_by_its_own_core(void **state)
{
	struct vnet_counters sum;

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	for (u32 pair = 0; pair < PAIRS; pair++) {
		struct vnet_port *port = &virtio_net_pair(&net, pair)->port;

		guest_sends(pair, FRAME);
		guest_sends(pair, 1000);
		assert_int_equal(kicks[pair], 1); /* one until it is polled */
		host_core = pair;
		assert_int_equal(vnet_poll(port, 8), 2);
		port->ops->notify(port, true);
	}
	drain_all();
	assert_int_equal(peer.n, 4);
	for (u32 i = 0; i < peer.n; i++)
		assert_int_equal(peer.got[i]->ingress, net.port.id);
	vnet_port_count(&net.port, &sum);
	assert_int_equal(sum.rx_frames, 4);
	assert_int_equal(virtio_net_in_flight(&net), 2);
	fake_port_clear(&peer);
	drain_all();
	assert_int_equal(virtio_net_in_flight(&net), 0);
	for (u32 pair = 0; pair < PAIRS; pair++) {
		for (u32 i = 0; i < 2; i++)
			assert_true(vdrv_take(&v, &v.ring[TX(pair)], NULL) >= 0);
	}
}

static void a_flow_comes_by_the_pair_it_was_sent_by(void **state)
{
	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	guest_gives_buffers(0, 32);
	guest_gives_buffers(1, 32);
	peer_sends(3);
	assert_int_equal(guest_takes(0), 3); /* one pair until the driver says so */
	assert_int_equal(set_pairs(CTRL, PAIRS), VIRTIO_NET_OK);
	for (u32 round = 0; round < 4; round++) {
		u32 pair = round % 2;

		guest_sends(pair, FRAME);
		host_core = pair;
		assert_int_equal(vnet_poll(&virtio_net_pair(&net, pair)->port, 8), 1);
		drain_all();
		peer_sends(5);
		assert_int_equal(guest_takes(pair), 5);
		assert_int_equal(guest_takes(!pair), 0);
		assert_int_not_equal(v.irqs[RX(pair)], 0);
	}
	assert_int_equal(set_pairs(CTRL, 1), VIRTIO_NET_OK);
	peer_sends(2);
	assert_int_equal(guest_takes(0), 2);
}

/* Only where the driver sleeps: one that polls is not told (virtio 1.2 2.7.7). */
static void what_comes_is_announced_to_who_waits(void **state)
{
	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	guest_gives_buffers(0, 8);
	virtio_net_rx_coming(&net);
	assert_int_equal(net.optimistic, 1);
	assert_int_equal(v.irqs[RX(0)], 1);
	assert_int_equal(v.irqs[RX(1)], 0); /* not used */
	*vdrv_used_event(&v, &v.ring[RX(0)]) = 100;
	virtio_net_rx_coming(&net);
	assert_int_equal(v.irqs[RX(0)], 1);
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_DEVICE_STATUS, 1, 0);
	virtio_net_rx_coming(&net);
	assert_int_equal(net.optimistic, 1);
}

/* Status reads non-zero until the owners have let go (virtio 1.2 4.1.4.3.2). */
static void a_reset_waits_for_the_owners(void **state)
{
	struct vnet_port *port = &virtio_net_pair(&net, 1)->port;
	struct pkt *p[2];

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	assert_int_equal(set_pairs(CTRL, PAIRS), VIRTIO_NET_OK);
	guest_gives_buffers(1, 8);
	guest_sends(1, 1000);
	guest_sends(1, 1000);
	host_core = 1;
	assert_int_equal(port->ops->collect(port, p, 1), 1);
	host_core = 0;
	settled = began = false;
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_DEVICE_STATUS, 1, 0);
	assert_true(began);
	assert_int_not_equal(vdrv_status(&v), 0);
	/* Meanwhile the rings stand still, whatever the owner does. */
	host_core = 1;
	assert_int_equal(port->ops->collect(port, p + 1, 1), 0);
	pkt_put(p[0]);
	port->ops->notify(port, true);
	p[0] = fake_frame(&pool[1], 1, 2, FRAME);
	p[0]->ingress = peer.port.id;
	port->ops->deliver(port, p, 1);
	port->ops->flush(port);
	assert_int_equal(port->count.drop[VNET_DROP_PORT_DOWN], 1);
	assert_int_equal(vdrv_take(&v, &v.ring[TX(1)], NULL), -1);
	assert_int_equal(guest_takes(1), 0);
	host_core = 0;
	/* A driver that does not wait is not heard. */
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_DEVICE_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(net.dev.resets, 2); /* at power-on, and as the driver began */
	settled = true;
	assert_int_equal(vdrv_status(&v), 0);
	assert_int_equal(net.dev.resets, 3);
	assert_true(vdrv_start(&v, FEATURES));
	peer.port.count.rx_frames++; /* what was made up above */
}

static void a_pair_changes_cores(void **state)
{
	struct virtio_net_pair *pair = virtio_net_pair(&net, 1);

	(void)state;
	assert_true(vdrv_start(&v, FEATURES));
	guest_sends(1, 1000);
	host_core = 1;
	assert_int_equal(vnet_poll(&pair->port, 8), 1);
	drain(0);
	assert_int_equal(vnet_port_move(&pair->port, VNET_IN, 0), ERR_OK);
	assert_int_equal(vnet_port_move(&pair->port, VNET_OUT, 0), ERR_OK);
	host_core = 1;
	for (u32 i = 0; i < 8; i++)
		xcore_drain(1);
	/* The peer has the frame, which refers to the guest's memory. */
	assert_true(vnet_port_moving(&pair->port, VNET_IN));
	assert_ptr_equal(pair->pool, &pool[1]);
	host_core = 0;
	fake_port_clear(&peer);
	host_core = 1;
	xcore_drain(1);
	xcore_drain(1);
	drain_all();
	assert_false(vnet_port_moving(&pair->port, VNET_IN));
	assert_false(vnet_port_moving(&pair->port, VNET_OUT));
	assert_ptr_equal(pair->pool, &pool[0]);
	assert_ptr_equal(pair->port.pool, &pool[0]);
	assert_int_equal(mores[1], 1);
	guest_sends(1, FRAME);
	assert_int_equal(vnet_poll(&pair->port, 8), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pairs_are_offered_and_set),
		CASE(drivers_of_one_pair_get_along),
		CASE(each_pair_sends_by_its_own_core),
		CASE(a_flow_comes_by_the_pair_it_was_sent_by),
		CASE(what_comes_is_announced_to_who_waits),
		CASE(a_reset_waits_for_the_owners),
		CASE(a_pair_changes_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
