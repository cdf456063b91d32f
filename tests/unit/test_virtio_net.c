/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net between the driver model and its port: frames of all sizes and
 * shapes in both directions, who owns what when, counters, broken rings, reset
 * with frames in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/virtio/net.h"
#include "drivers/virtio/pci.h"
#include "hv/base/bytes.h"
#include "tests/host/plat_host.h"
#include "tests/models/virtio_driver.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"

#define MTU 1500
#define FRAME_MAX (MTU + 18)
#define HDR 12
#define PACKETS 64
#define BUF_SIZE 2048
#define OFFLOADS                                                                              \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |                \
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |        \
	 VIRTIO_NET_F_HOST_USO | VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)
#define ALL_FEATURES                                                                          \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_NET_F_MTU | \
	 VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |                   \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_GUEST_ANNOUNCE |         \
	 OFFLOADS)

static const u8 mac[6] = { 2, 0, 0, 0, 0, 1 };

static struct vdrv v;
static struct virtio_net net;
static struct virtio_pci vp;
static struct pkt_pool pool;
static void *pool_mem;
static struct {
	u32 kick, more, gone;
} hooked;

static void on_kick(void *ctx, u32 pair)
{
	(void)ctx;
	assert_int_equal(pair, 0);
	hooked.kick++;
}

static void on_more(void *ctx, u32 pair)
{
	(void)ctx;
	assert_int_equal(pair, 0);
	hooked.more++;
}

static void on_gone(void *ctx)
{
	(void)ctx;
	hooked.gone++;
}

static const struct virtio_net_hooks hooks = { .kick = on_kick, .more = on_more, .gone = on_gone };

static int setup(void **state)
{
	struct virtio_net_cfg cfg = { .name = "g1.eth0", .mtu = MTU, .gm = &v.gm, .pool = &pool,
				      .hooks = &hooks };

	(void)state;
	memset(&net, 0, sizeof(net));
	memset(&hooked, 0, sizeof(hooked));
	memcpy(cfg.mac, mac, 6);
	vdrv_init(&v);
	pool_mem = aligned_alloc(64, ALIGN_UP(pkt_pool_bytes(PACKETS, BUF_SIZE), 64));
	pkt_pool_init(&pool, "test", 0, PACKETS, BUF_SIZE, pool_mem, (bus_t){ 0x900000000ull });
	assert_int_equal(virtio_net_init(&net, &cfg), ERR_OK);
	assert_int_equal(virtio_pci_init(&vp, &net.dev, &v.bus), ERR_OK);
	assert_true(vdrv_find(&v, 1));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	/* Whatever a test did: nothing leaks. */
	assert_int_equal(pool.free_count, PACKETS);
	assert_int_equal(virtio_net_mapped(&net), 0);
	assert_int_equal(virtio_net_in_flight(&net), 0);
	free(pool_mem);
	vdrv_fini(&v);
	return 0;
}

static struct vdrv_ring *ring(enum virtio_net_queue q)
{
	return &v.ring[q];
}

static u32 collect(struct pkt **pkts, u32 max)
{
	return net.port.ops->collect(&net.port, pkts, max);
}

static u8 pattern(u32 seed, u32 i)
{
	return (u8)(seed * 31 + i * 7 + (i >> 8));
}

/* Bytes [0, len) of the header and frame `seed`, into guest memory. */
static void put_bytes(u64 at, u32 off, u32 len, u32 seed)
{
	for (u32 i = 0; i < len; i++)
		*vdrv_mem(&v, at + i, 1) = off + i < HDR ? 0 : pattern(seed, off + i - HDR);
}

/* A frame in guest memory cut into n pieces of the given sizes (the last takes
 * the rest), made available. Returns the head. */
static int send_frame(u32 frame, u32 seed, const u32 *cut, u16 n)
{
	struct vdrv_buf bufs[32];
	u32 total = HDR + frame, off = 0;
	u16 used = 0;
	int head;

	for (u16 i = 0; off < total; i++) {
		u32 len = i < n ? MIN(cut[i], total - off) : total - off;

		bufs[used] = (struct vdrv_buf){ vdrv_alloc(&v, len, 1), len };
		put_bytes(bufs[used].addr, off, len, seed);
		off += len;
		used++;
	}
	head = vdrv_add(&v, ring(VIRTIO_NET_TX), bufs, used, 0);
	vdrv_kick(&v, VIRTIO_NET_TX);
	return head;
}

static void check_frame(const struct pkt *p, u32 frame, u32 seed)
{
	u8 out[FRAME_MAX];
	u32 bytes = p->head_len;

	assert_int_equal(p->len, frame);
	for (u16 i = 0; i < p->nseg; i++)
		bytes += p->seg[i].len;
	assert_int_equal(bytes, frame);
	pkt_copy_out(p, 0, out, frame);
	for (u32 i = 0; i < frame; i++)
		assert_int_equal(out[i], pattern(seed, i));
}

/* --- bring-up ---------------------------------------------------------------- */

static void config_and_features(void **state)
{
	(void)state;
	assert_int_equal(vdrv_cfg_read(&v, 0, 4), 0x10411af4);
	assert_int_equal(vdrv_cfg_read(&v, 0xa, 2), 0x0200);
	assert_true(vdrv_offered(&v) == ALL_FEATURES);
	for (u32 i = 0; i < 6; i++)
		assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, i, 1), mac[i]);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 6, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 10, 2), MTU);
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CTRL_RX));
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_GUEST_ANNOUNCE));
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_HOST_TSO4));
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_GUEST_TSO6));
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_HOST_USO));
	assert_false(vdrv_negotiate(&v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_GUEST_USO4));
	assert_false(net.port.up);
	assert_true(vdrv_start(&v, ALL_FEATURES & ~OFFLOADS));
	assert_int_equal(net.port.caps, 0);
	assert_true(vdrv_start(&v, ALL_FEATURES));
	assert_true(net.port.up);
	assert_int_equal(net.port.caps, PKT_CAP_CSUM | PKT_CAP_TSO4 | PKT_CAP_TSO6 | PKT_CAP_USO4 |
						PKT_CAP_USO6);
}

static void init_refuses(void **state)
{
	static const u32 mtus[] = { 0, 67, 65536 };
	struct virtio_net other = { 0 };
	struct pkt_pool small = { .buf_size = PKT_HEADROOM + PKT_COPY_WHOLE - 1 };
	struct virtio_net_cfg cfg = { .name = "x", .mtu = MTU, .gm = &v.gm, .pool = &pool,
				      .hooks = &hooks };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(mtus); i++) {
		cfg.mtu = mtus[i];
		assert_int_equal(virtio_net_init(&other, &cfg), ERR_INVAL);
	}
	cfg.mtu = MTU;
	cfg.pool = &small;
	assert_int_equal(virtio_net_init(&other, &cfg), ERR_INVAL);
	cfg.pool = &pool;
	cfg.name = "a name of more than thirty-one characters";
	assert_int_equal(virtio_net_init(&other, &cfg), ERR_INVAL);
}

/* --- from the guest ------------------------------------------------------------ */

static void tx_sizes_and_shapes(void **state)
{
	static const u32 sizes[] = { 0,	  1,   13,  14,	 60,   127,  128,	129,
				     255, 256, 257, 258, 1000, 1514, FRAME_MAX };
	static const u32 shapes[][4] = {
		{ 100000 }, { HDR }, { 5, 7 }, { HDR + 14 }, { HDR + 128 },
		{ HDR + 127, 1, 1 }, { 1, 1, 1, 1 }, { 11, 200 }, { HDR, 100, 100, 100 },
	};
	u32 big = 0;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(shapes); i++) {
		u32 size = sizes[i % ARRAY_SIZE(sizes)];
		struct pkt *p;
		int head;

		ring(VIRTIO_NET_TX)->indirect = i & 1;
		head = send_frame(size, i, shapes[i / ARRAY_SIZE(sizes)], 4);
		assert_int_equal(collect(&p, 1), 1);
		check_frame(p, size, i);
		if (size <= PKT_COPY_WHOLE) {
			assert_int_equal(p->nseg, 0);
			assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), head);
			pkt_put(p);
		} else {
			assert_int_equal(p->head_len, PKT_HEADER_COPY);
			assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), -1);
			assert_int_equal(virtio_net_mapped(&net), p->nseg);
			assert_int_equal(virtio_net_in_flight(&net), 1);
			pkt_put(p);
			net.port.ops->notify(&net.port, true);
			assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), head);
			big++;
		}
	}
	assert_true(big > 0);
	assert_int_equal(net.port.count.rx_copies, 0);
}

static void tx_segments_are_the_guests_memory(void **state)
{
	struct vdrv_buf b = { VDRV_REGION1 + 100, HDR + 1000 };
	struct pkt *p;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	put_bytes(b.addr, 0, b.len, 5);
	vdrv_add(&v, ring(VIRTIO_NET_TX), &b, 1, 0);
	vdrv_kick(&v, VIRTIO_NET_TX);
	assert_int_equal(collect(&p, 1), 1);
	assert_int_equal(p->nseg, 1);
	assert_ptr_equal(p->seg[0].addr, v.region[1] + 100 + HDR + PKT_HEADER_COPY);
	assert_true(p->seg[0].bus.v == 0x200000000ull + 100 + HDR + PKT_HEADER_COPY);
	/* What the guest changes now is not what is routed. */
	put_bytes(b.addr, 0, HDR + PKT_HEADER_COPY, 6);
	check_frame(p, 1000, 5);
	pkt_put(p);
}

static void tx_crossing_regions_is_cut(void **state)
{
	struct vdrv_buf b = { VDRV_REGION1 - 600, HDR + 1400 };
	struct pkt *p;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	put_bytes(b.addr, 0, b.len, 9);
	vdrv_add(&v, ring(VIRTIO_NET_TX), &b, 1, 0);
	vdrv_kick(&v, VIRTIO_NET_TX);
	assert_int_equal(collect(&p, 1), 1);
	assert_int_equal(p->nseg, 2);
	check_frame(p, 1400, 9);
	assert_int_equal(net.port.count.rx_copies, 0);
	pkt_put(p);
	assert_int_equal(virtio_net_mapped(&net), 0);
}

static void tx_in_too_many_pieces_is_copied(void **state)
{
	u32 cut[25];
	struct pkt *p;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < 25; i++)
		cut[i] = 40;
	send_frame(1200, 3, cut, 25);
	assert_int_equal(collect(&p, 1), 1);
	assert_int_equal(p->nseg, 0);
	check_frame(p, 1200, 3);
	assert_int_equal(net.port.count.rx_copies, 1);
	assert_int_equal(net.port.count.rx_copied_bytes, 1200);
	assert_int_equal(virtio_net_mapped(&net), 0);
	pkt_put(p);
	assert_true(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL) >= 0);
}

static void tx_completes_in_any_order(void **state)
{
	static const u32 order[] = { 3, 0, 4, 1, 2 };
	struct pkt *p[5];
	int head[5];

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < 5; i++)
		head[i] = send_frame(500, i, NULL, 0);
	assert_int_equal(collect(p, 32), 5);
	assert_int_equal(virtio_net_in_flight(&net), 5);
	net.port.ops->notify(&net.port, true);
	for (u32 i = 0; i < 5; i++) {
		pkt_put(p[order[i]]);
		/* Not polled: given back at once. */
		assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), head[order[i]]);
	}
}

static void tx_interrupts_as_asked(void **state)
{
	struct pkt *p[8];

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	/* After the 4th frame, please. */
	*vdrv_used_event(&v, ring(VIRTIO_NET_TX)) = 3;
	for (u32 i = 0; i < 8; i++)
		send_frame(100 + 200 * (i & 1), i, NULL, 0);
	assert_int_equal(collect(p, 8), 8);
	assert_int_equal(v.irqs[VIRTIO_NET_TX], 1); /* the 4 small ones are back */
	*vdrv_used_event(&v, ring(VIRTIO_NET_TX)) = 7;
	for (u32 i = 0; i < 8; i++)
		pkt_put(p[i]);
	assert_int_equal(v.irqs[VIRTIO_NET_TX], 1); /* polled: one decision for all */
	net.port.ops->notify(&net.port, true);
	assert_int_equal(v.irqs[VIRTIO_NET_TX], 2);
	assert_int_equal(v.irqs[VIRTIO_NET_RX], 0);
}

static void tx_notifications_stop_while_polled(void **state)
{
	struct pkt *p[4];

	(void)state;
	for (u32 event_idx = 0; event_idx < 2; event_idx++) {
		memset(&hooked, 0, sizeof(hooked));
		assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1 |
						   (event_idx ? VIRTIO_F_EVENT_IDX : 0)));
		send_frame(60, 0, NULL, 0);
		assert_int_equal(hooked.kick, 1);
		assert_int_equal(collect(p, 4), 1);
		pkt_put(p[0]);
		send_frame(60, 0, NULL, 0);
		assert_int_equal(hooked.kick, 1); /* quiet */
		net.port.ops->notify(&net.port, true);
		assert_int_equal(hooked.more, 1); /* but not forgotten */
		assert_true(net.first.polled);
		assert_int_equal(collect(p, 4), 1);
		pkt_put(p[0]);
		net.port.ops->notify(&net.port, true);
		assert_int_equal(hooked.more, 1);
		send_frame(60, 0, NULL, 0);
		assert_int_equal(hooked.kick, 2);
		assert_int_equal(collect(p, 4), 1);
		pkt_put(p[0]);
	}
}

static void tx_backpressure(void **state)
{
	struct pkt *p[PACKETS + 10];
	u32 n;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < PACKETS + 10; i++)
		send_frame(300, i, NULL, 0);
	assert_int_equal(collect(p, 3), 3);
	n = 3 + collect(p + 3, PACKETS + 7);
	assert_int_equal(n, PACKETS); /* the pool's end */
	assert_int_equal(collect(p + n, 1), 0);
	net.port.ops->notify(&net.port, true);
	assert_int_equal(hooked.more, 1);
	for (u32 i = 0; i < n; i++) {
		check_frame(p[i], 300, i);
		pkt_put(p[i]);
	}
	assert_int_equal(collect(p, 32), 10);
	for (u32 i = 0; i < 10; i++) {
		check_frame(p[i], 300, PACKETS + i);
		pkt_put(p[i]);
	}
	for (u32 i = 0; i < VNET_DROP_COUNT; i++)
		assert_int_equal(net.port.count.drop[i], 0);
}

static void tx_drops(void **state)
{
	struct vdrv_buf b;
	struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct pkt *p;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES & ~OFFLOADS));
	send_frame(FRAME_MAX + 1, 0, NULL, 0);
	assert_int_equal(collect(&p, 1), 0);
	assert_int_equal(net.port.count.drop[VNET_DROP_TOO_BIG], 1);
	assert_int_equal(net.port.count.rx_bytes, FRAME_MAX + 1);
	/* An offload that was not negotiated. */
	b = (struct vdrv_buf){ vdrv_alloc(&v, 100, 1), 100 };
	memcpy(vdrv_mem(&v, b.addr, HDR), &hdr, HDR);
	vdrv_add(&v, ring(VIRTIO_NET_TX), &b, 1, 0);
	vdrv_show(&v, ring(VIRTIO_NET_TX));
	assert_int_equal(collect(&p, 1), 0);
	assert_int_equal(net.port.count.drop[VNET_DROP_BAD_OFFLOAD], 1);
	/* No link. */
	virtio_net_set_link(&net, false);
	send_frame(60, 0, NULL, 0);
	assert_int_equal(collect(&p, 1), 0);
	assert_int_equal(net.port.count.drop[VNET_DROP_PORT_DOWN], 1);
	/* None of it broke anything, and all buffers are back. */
	assert_int_equal(vdrv_status(&v), 0xf);
	for (u32 i = 0; i < 3; i++)
		assert_true(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL) >= 0);
	assert_int_equal(net.port.count.rx_frames, 3);
}

/* What the driver's header says is what the packet says; whether it is so is
 * not this device's to find out. */
static void tx_offloads(void **state)
{
	static const struct {
		struct virtio_net_hdr hdr;
		u32 len;
		u8 gso_type;
		bool sent;
		enum vnet_drop reason;
	} cases[] = {
		{ { .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60, PKT_GSO_NONE, true, 0 },
		{ { .flags = 1, .gso_type = 1, .gso_size = 1400, .csum_start = 34,
		    .csum_offset = 16 }, 30000, PKT_GSO_TCP4, true, 0 },
		{ { .flags = 1, .gso_type = 4, .gso_size = 1400, .csum_start = 54,
		    .csum_offset = 16, .hdr_len = 74 }, 65575, PKT_GSO_TCP6, true, 0 },
		{ { .flags = 1, .gso_type = 5, .gso_size = 1400, .csum_start = 34,
		    .csum_offset = 6, .hdr_len = 42 }, 30000, PKT_GSO_UDP4, true, 0 },
		{ { .flags = 1, .gso_type = 4, .gso_size = 1400 }, 65535 + 40 + 19, 0, false,
		  VNET_DROP_TOO_BIG },
		{ { .gso_type = 3, .gso_size = 1400 }, 3000, 0, false, VNET_DROP_BAD_OFFLOAD },
		{ { .flags = 1, .gso_type = 0x81, .gso_size = 1400 }, 3000, 0, false,
		  VNET_DROP_BAD_OFFLOAD },
		{ { .flags = 1, .gso_type = 1, .gso_size = 99, .hdr_len = 301 }, 300, 0, false,
		  VNET_DROP_BAD_OFFLOAD },
		{ { .flags = 1 }, FRAME_MAX + 1, 0, false, VNET_DROP_TOO_BIG },
	};

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vdrv_buf b = { VDRV_REGION1, HDR + cases[i].len };
		struct pkt *p;

		memcpy(vdrv_mem(&v, b.addr, HDR), &cases[i].hdr, HDR);
		vdrv_add(&v, ring(VIRTIO_NET_TX), &b, 1, 0);
		vdrv_show(&v, ring(VIRTIO_NET_TX));
		assert_int_equal(collect(&p, 1), cases[i].sent);
		assert_int_equal(vdrv_status(&v), 0xf);
		if (!cases[i].sent) {
			assert_int_equal(net.port.count.drop[cases[i].reason], 1);
			net.port.count.drop[cases[i].reason] = 0;
			continue;
		}
		assert_int_equal(p->flags, PKT_F_NEEDS_CSUM);
		assert_int_equal(p->gso_type, cases[i].gso_type);
		assert_int_equal(p->gso_size, cases[i].hdr.gso_size);
		assert_int_equal(p->csum_start, cases[i].hdr.csum_start);
		assert_int_equal(p->csum_offset, cases[i].hdr.csum_offset);
		assert_int_equal(p->len, cases[i].len);
		pkt_put(p);
	}
}

/* As Linux sends 64 KiB: headers with a little data, then 17 fragments. */
static void tx_long_in_many_pieces(void **state)
{
	const struct virtio_net_hdr hdr = { .flags = 1, .gso_type = 1, .gso_size = 1400,
					    .csum_start = 34, .csum_offset = 16 };
	struct vdrv_buf bufs[18] = { { VDRV_REGION1, 0 } };
	struct pkt *p;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 linear = 66; linear < 300; linear += 200) {
		bufs[0].len = HDR + linear;
		memcpy(vdrv_mem(&v, bufs[0].addr, HDR), &hdr, HDR);
		for (u32 i = 1; i < 18; i++)
			bufs[i] = (struct vdrv_buf){ VDRV_REGION1 + 0x2000 * i, 3800 };
		ring(VIRTIO_NET_TX)->indirect = true;
		vdrv_add(&v, ring(VIRTIO_NET_TX), bufs, 18, 0);
		vdrv_show(&v, ring(VIRTIO_NET_TX));
		assert_int_equal(collect(&p, 1), 1);
		assert_int_equal(p->len, linear + 17 * 3800);
		assert_int_equal(p->nseg, linear > PKT_HEADER_COPY ? 18 : 17);
		assert_int_equal(net.port.count.rx_copies, 0);
		assert_int_equal(virtio_net_mapped(&net), p->nseg);
		pkt_put(p);
	}
}

static void tx_broken(void **state)
{
	static const struct vdrv_buf bad[][2] = {
		{ { 0x1000, HDR - 1 }, { 0x1000, 0 } },	       /* no header */
		{ { VDRV_END, HDR + 60 }, { 0x1000, 0 } },     /* header outside */
		{ { 0x1000, HDR }, { VDRV_END - 50, 60 } },    /* small frame outside */
		{ { 0x1000, HDR }, { VDRV_END - 100, 600 } },  /* headers outside */
		{ { 0x1000, HDR + 200 }, { VDRV_END, 600 } },  /* payload outside */
		{ { 0x1000, HDR + 200 }, { VDRV_END - 500, 600 } }, /* its end outside */
	};
	struct pkt *p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(vdrv_start(&v, ALL_FEATURES));
		memset(vdrv_mem(&v, 0x1000, HDR), 0, HDR);
		send_frame(500, 1, NULL, 0);
		vdrv_add(&v, ring(VIRTIO_NET_TX), bad[i], 2, 0);
		vdrv_show(&v, ring(VIRTIO_NET_TX));
		assert_int_equal(collect(&p, 1), 1);
		pkt_put(p);
		assert_int_equal(collect(&p, 1), 0);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(net.port.count.drop[VNET_DROP_BAD_RING], i + 1);
		assert_int_equal(net.dev.broken_queue, VIRTIO_NET_TX);
		assert_int_equal(virtio_net_mapped(&net), 0);
		assert_int_equal(collect(&p, 1), 0);
	}
	/* A ring that runs ahead. */
	assert_true(vdrv_start(&v, ALL_FEATURES));
	vdrv_avail(&v, ring(VIRTIO_NET_TX))[1] = 300;
	assert_int_equal(collect(&p, 1), 0);
	assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
}

static void reset_with_frames_in_flight(void **state)
{
	struct pkt *p[4], *late;
	int head;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < 4; i++)
		send_frame(1000, i, NULL, 0);
	assert_int_equal(collect(p, 4), 4);
	vdrv_write(&v, VIRTIO_PCI_CAP_COMMON, VPCI_DEVICE_STATUS, 1, 0);
	assert_int_equal(virtio_net_in_flight(&net), 4);
	assert_false(net.port.up);
	pkt_put(p[0]); /* into no ring at all */
	assert_int_equal(collect(&late, 1), 0);
	assert_true(vdrv_start(&v, ALL_FEATURES));
	head = send_frame(1000, 9, NULL, 0);
	assert_int_equal(collect(&late, 1), 1);
	for (u32 i = 1; i < 4; i++)
		pkt_put(p[i]);
	assert_int_equal(virtio_net_in_flight(&net), 1);
	net.port.ops->notify(&net.port, true);
	assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), -1); /* not into this one */
	pkt_put(late);
	assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL), head);
	/* The VM's reset does the same. */
	send_frame(1000, 9, NULL, 0);
	assert_int_equal(collect(&late, 1), 1);
	virtio_pci_reset(&vp);
	assert_int_equal(virtio_net_mapped(&net), 1);
	pkt_put(late);
	assert_int_equal(vdrv_status(&v), 0);
}

/* The whole way through the core: without routes all is dropped there, and all
 * buffers come back. */
static void no_wakeup(unsigned core)
{
	(void)core;
}

static void poll_through_the_core(void **state)
{
	struct vnet_audit audit;

	(void)state;
	assert_int_equal(vnet_init(1, 1, no_wakeup), ERR_OK);
	assert_int_equal(vnet_port_add(&net.port), ERR_OK);
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < 50; i++)
		send_frame(14 + 20 * i, i, NULL, 0);
	assert_int_equal(hooked.kick, 1);
	assert_int_equal(vnet_poll(&net.port, 40), 40);
	net.port.ops->notify(&net.port, true);
	assert_int_equal(hooked.more, 1);
	assert_int_equal(vnet_poll(&net.port, 40), 10);
	net.port.ops->notify(&net.port, true);
	assert_int_equal(hooked.more, 1);
	for (u32 i = 0; i < 50; i++)
		assert_true(vdrv_take(&v, ring(VIRTIO_NET_TX), NULL) >= 0);
	vnet_audit(&audit);
	assert_true(audit.balanced);
	assert_int_equal(audit.received, 50);
	assert_int_equal(vnet_port_del(&net.port, true), ERR_OK);
	assert_int_equal(vnet_port_reap(), 0);
	assert_int_equal(hooked.gone, 1);
	vnet_fini();
}

/* --- to the guest ------------------------------------------------------------------ */

static void give_buffers(u32 n, u32 len)
{
	for (u32 i = 0; i < n; i++) {
		struct vdrv_buf b = { vdrv_alloc(&v, len, 1), len };

		assert_true(vdrv_add(&v, ring(VIRTIO_NET_RX), &b, 0, 1) >= 0);
	}
	vdrv_kick(&v, VIRTIO_NET_RX);
}

/* A frame whose bytes lie in the header fragment and, from `split` on, in two
 * segments. */
static struct pkt *make_frame(u32 len, u32 seed, u32 split)
{
	static u8 rest[2][FRAME_MAX + 10];
	struct pkt *p = pkt_get(&pool);
	u32 tail = len > split ? len - split : 0;
	u32 half = tail / 2;

	p->head_len = len - tail;
	p->len = len - tail;
	for (u32 i = 0; i < len; i++) {
		if (i < len - tail)
			p->data[i] = pattern(seed, i);
		else if (i < len - tail + half)
			rest[0][i - (len - tail)] = pattern(seed, i);
		else
			rest[1][i - (len - tail) - half] = pattern(seed, i);
	}
	if (half)
		pkt_add_seg(p, rest[0], (bus_t){ 0 }, half, NULL);
	if (tail)
		pkt_add_seg(p, rest[1], (bus_t){ 0 }, tail - half, NULL);
	return p;
}

static void deliver(u32 len, u32 seed, u32 split)
{
	struct pkt *p = make_frame(len, seed, split);

	net.port.ops->deliver(&net.port, &p, 1);
	net.port.ops->flush(&net.port);
}

/* Take a received frame out of the ring and compare. Returns its buffers. */
static u32 receive(u32 len, u32 seed)
{
	struct vdrv_ring *r = ring(VIRTIO_NET_RX);
	u32 got = 0, buffers = 0, want = 1;

	while (buffers < want) {
		u32 used, at;
		int head = vdrv_take(&v, r, &used);
		u64 addr;

		assert_true(head >= 0);
		addr = vdrv_desc(&v, r, (u16)head)->addr;
		if (buffers == 0) {
			struct virtio_net_hdr hdr;

			memcpy(&hdr, vdrv_mem(&v, addr, HDR), HDR);
			assert_int_equal(hdr.flags, 0);
			assert_int_equal(hdr.gso_type, 0);
			want = hdr.num_buffers;
		}
		at = buffers == 0 ? HDR : 0;
		for (; at < used; at++)
			assert_int_equal(*vdrv_mem(&v, addr + at, 1), pattern(seed, got++));
		buffers++;
	}
	assert_int_equal(got, len);
	return buffers;
}

static void rx_one_buffer(void **state)
{
	static const u32 sizes[] = { 14, 60, 128, 500, 1514, FRAME_MAX };

	(void)state;
	for (u32 mergeable = 0; mergeable < 2; mergeable++) {
		assert_true(vdrv_start(&v, mergeable ? ALL_FEATURES :
						       ALL_FEATURES & ~VIRTIO_NET_F_MRG_RXBUF));
		give_buffers(ARRAY_SIZE(sizes), HDR + FRAME_MAX);
		for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
			deliver(sizes[i], i, i & 1 ? 100 : FRAME_MAX);
			assert_int_equal(receive(sizes[i], i), 1);
		}
	}
	assert_int_equal(net.port.count.tx_frames, 2 * ARRAY_SIZE(sizes));
	assert_int_equal(net.port.count.tx_copies, 2 * ARRAY_SIZE(sizes));
	assert_int_equal(net.port.count.tx_copied_bytes, net.port.count.tx_bytes);
}

static void rx_merges_buffers(void **state)
{
	(void)state;
	for (u32 len = 12; len < 200; len += 47) {
		assert_true(vdrv_start(&v, ALL_FEATURES));
		give_buffers(256, len);
		deliver(FRAME_MAX, len, 333);
		assert_int_equal(receive(FRAME_MAX, len), (HDR + FRAME_MAX + len - 1) / len);
		assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_RX), NULL), -1);
	}
}

static void rx_header_in_pieces(void **state)
{
	struct vdrv_buf bufs[4];
	struct virtio_net_hdr hdr;
	u8 *h = (u8 *)&hdr;
	u32 used = 0;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	bufs[0] = (struct vdrv_buf){ vdrv_alloc(&v, 11, 1), 11 };
	bufs[1] = (struct vdrv_buf){ vdrv_alloc(&v, 9, 1), 9 };
	vdrv_add(&v, ring(VIRTIO_NET_RX), bufs, 0, 2);
	give_buffers(1, 100);
	deliver(50, 4, 1000);
	assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_RX), &used), 0);
	assert_int_equal(used, 20);
	memcpy(h, vdrv_mem(&v, bufs[0].addr, 11), 11);
	memcpy(h + 11, vdrv_mem(&v, bufs[1].addr, 1), 1);
	assert_int_equal(hdr.num_buffers, 2);
	assert_true(vdrv_take(&v, ring(VIRTIO_NET_RX), &used) >= 0);
	assert_int_equal(used, 42);
}

/* The packet's offload fields stand in the header in front of the frame. */
static void rx_offloads(void **state)
{
	static const struct {
		struct pkt p;
		struct virtio_net_hdr hdr;
	} cases[] = {
		{ { .flags = PKT_F_CSUM_GOOD }, { .flags = 2, .num_buffers = 1 } },
		{ { .flags = PKT_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 },
		  { .flags = 1, .csum_start = 34, .csum_offset = 6, .num_buffers = 1 } },
		{ { .flags = PKT_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
		    .gso_type = PKT_GSO_TCP4, .gso_size = 1000, .gso_segs = 2,
		    .payload_start = 66 },
		  { .flags = 1, .gso_type = 1, .hdr_len = 66, .gso_size = 1000, .csum_start = 34,
		    .csum_offset = 16, .num_buffers = 1 } },
		{ { .flags = PKT_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 16,
		    .gso_type = PKT_GSO_TCP6, .gso_size = 1000, .gso_segs = 2,
		    .payload_start = 74 },
		  { .flags = 1, .gso_type = 4, .hdr_len = 74, .gso_size = 1000, .csum_start = 54,
		    .csum_offset = 16, .num_buffers = 1 } },
		{ { .flags = PKT_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 6,
		    .gso_type = PKT_GSO_UDP6, .gso_size = 1000, .gso_segs = 2,
		    .payload_start = 62 },
		  { .flags = 1, .gso_type = 5, .hdr_len = 62, .gso_size = 1000, .csum_start = 54,
		    .csum_offset = 6, .num_buffers = 1 } },
	};
	struct vdrv_buf b = { VDRV_REGION1, HDR + 1700 };

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pkt *p = pkt_get(&pool);
		u32 used = 0;

		vdrv_add(&v, ring(VIRTIO_NET_RX), &b, 0, 1);
		vdrv_show(&v, ring(VIRTIO_NET_RX));
		/* Longer than the MTU, but not on a wire. */
		p->len = cases[i].p.gso_type ? 1600 : 100;
		p->head_len = p->len;
		p->flags = cases[i].p.flags;
		p->gso_type = cases[i].p.gso_type;
		p->gso_size = cases[i].p.gso_size;
		p->gso_segs = cases[i].p.gso_segs;
		p->csum_start = cases[i].p.csum_start;
		p->csum_offset = cases[i].p.csum_offset;
		p->payload_start = cases[i].p.payload_start;
		net.port.ops->deliver(&net.port, &p, 1);
		net.port.ops->flush(&net.port);
		assert_true(vdrv_take(&v, ring(VIRTIO_NET_RX), &used) >= 0);
		assert_memory_equal(vdrv_mem(&v, b.addr, HDR), &cases[i].hdr, HDR);
	}
	assert_int_equal(net.port.count.tx_frames, 5);
	assert_int_equal(net.port.count.tx_segments, 8);
}

/* 200 bytes of a TCP flow from byte `seq` on, behind 54 bytes of headers. */
static struct pkt *tcp_piece(u32 seq)
{
	struct pkt *p = pkt_get(&pool);
	u8 *ip = p->data + ETH_HLEN, *tcp = ip + IP_HLEN;

	p->len = p->head_len = ETH_HLEN + IP_HLEN + TCP_HLEN + 200;
	memset(p->data, 0, p->len);
	store_be16(p->data + ETH_TYPE, ETH_TYPE_IPV4);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	ip[IP_PROTO] = IP_PROTO_TCP;
	store_be16(ip + IP_TOTAL, (u16)(p->len - ETH_HLEN));
	csum_store(ip + IP_CSUM, csum_finish(csum_add(0, ip, IP_HLEN)));
	store_be32(tcp + TCP_SEQ, seq);
	tcp[TCP_DOFF] = TCP_HLEN / 4 << 4;
	tcp[TCP_FLAGS] = 0x10;
	for (u32 i = 0; i < 200; i++)
		tcp[TCP_HLEN + i] = pattern(0, seq + i);
	csum_store(tcp + TCP_CSUM,
		   csum_finish(csum_add(csum_add_pseudo(0, 0, 0, IP_PROTO_TCP, TCP_HLEN + 200),
					tcp, TCP_HLEN + 200)));
	return p;
}

static void deliver_pieces(u32 n)
{
	struct pkt *pieces[4];

	for (u32 i = 0; i < n; i++)
		pieces[i] = tcp_piece(i * 200);
	net.port.ops->deliver(&net.port, pieces, n);
	net.port.ops->flush(&net.port);
}

/* Pieces of one flow arrive as one segment where the guest takes such. */
static void rx_joined(void **state)
{
	const struct virtio_net_hdr want = {
		.flags = 1, .gso_type = 1, .hdr_len = 54, .gso_size = 200,
		.csum_start = 34, .csum_offset = 16, .num_buffers = 1,
	};
	struct vdrv_buf b = { VDRV_REGION1, HDR + 1700 };
	u32 used = 0;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	vdrv_add(&v, ring(VIRTIO_NET_RX), &b, 0, 1);
	vdrv_show(&v, ring(VIRTIO_NET_RX));
	deliver_pieces(4);
	assert_true(vdrv_take(&v, ring(VIRTIO_NET_RX), &used) >= 0);
	assert_int_equal(used, HDR + 54 + 4 * 200);
	assert_memory_equal(vdrv_mem(&v, b.addr, HDR), &want, HDR);
	for (u32 i = 0; i < 800; i++)
		assert_int_equal(*vdrv_mem(&v, b.addr + HDR + 54 + i, 1), pattern(0, i));
	assert_int_equal(net.port.count.tx_frames, 4);
	assert_int_equal(net.port.count.tx_copies, 4);
	assert_int_equal(net.port.count.tx_joined, 3);
}

/* A buffer that holds one piece but not two gets the first; the rest is dropped. */
static void rx_joined_without_room(void **state)
{
	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	give_buffers(1, HDR + 300);
	deliver_pieces(2);
	assert_int_equal(net.port.count.tx_frames, 1);
	assert_int_equal(net.port.count.drop[VNET_DROP_NO_BUFFER], 1);
	assert_int_equal(net.port.count.tx_joined, 0);
	/* And where the guest takes no long segments, each goes alone. */
	assert_true(vdrv_start(&v, ALL_FEATURES & ~VIRTIO_NET_F_GUEST_TSO4));
	give_buffers(2, HDR + 300);
	deliver_pieces(2);
	assert_int_equal(net.port.count.tx_frames, 3);
	assert_int_equal(net.port.count.tx_joined, 0);
}

static void rx_without_room(void **state)
{
	(void)state;
	deliver(60, 0, 100); /* no driver yet */
	assert_int_equal(net.port.count.drop[VNET_DROP_PORT_DOWN], 1);
	assert_true(vdrv_start(&v, ALL_FEATURES));
	deliver(60, 0, 100);
	assert_int_equal(net.port.count.drop[VNET_DROP_NO_BUFFER], 1);
	/* Not enough for this frame: the buffers stay for the next. */
	give_buffers(3, 200);
	deliver(1000, 1, 100);
	assert_int_equal(net.port.count.drop[VNET_DROP_NO_BUFFER], 2);
	deliver(500, 2, 100);
	assert_int_equal(receive(500, 2), 3);
	give_buffers(3, 2000);
	deliver(FRAME_MAX + 1, 2, 100);
	assert_int_equal(net.port.count.drop[VNET_DROP_TOO_BIG], 1);
	virtio_net_set_link(&net, false);
	deliver(60, 0, 100);
	assert_int_equal(net.port.count.drop[VNET_DROP_PORT_DOWN], 2);
	/* Not mergeable, and too small. */
	virtio_net_set_link(&net, true);
	assert_true(vdrv_start(&v, VIRTIO_F_VERSION_1));
	give_buffers(3, 200);
	deliver(189, 0, 100);
	assert_int_equal(net.port.count.drop[VNET_DROP_TOO_BIG], 2);
	deliver(188, 3, 100);
	assert_int_equal(receive(188, 3), 1);
	assert_int_equal(vdrv_status(&v), 0xf);
}

static void rx_one_interrupt_a_burst(void **state)
{
	struct pkt *p[10];

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	give_buffers(20, 200);
	for (u32 i = 0; i < 10; i++)
		p[i] = make_frame(100, i, 1000);
	net.port.ops->deliver(&net.port, p, 10);
	assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_RX), NULL), -1);
	assert_int_equal(v.irqs[VIRTIO_NET_RX], 0);
	net.port.ops->flush(&net.port);
	assert_int_equal(v.irqs[VIRTIO_NET_RX], 1);
	for (u32 i = 0; i < 10; i++)
		receive(100, i);
	/* The driver polls on and has not asked again. */
	deliver(100, 0, 1000);
	assert_int_equal(v.irqs[VIRTIO_NET_RX], 1);
	receive(100, 0);
	*vdrv_used_event(&v, ring(VIRTIO_NET_RX)) = 11;
	deliver(100, 0, 1000);
	assert_int_equal(v.irqs[VIRTIO_NET_RX], 2);
	/* New buffers do not make exits. */
	assert_int_equal(vdrv_used(&v, ring(VIRTIO_NET_RX))[0], 0);
	assert_false(vdrv_show(&v, ring(VIRTIO_NET_RX)));
}

static void rx_broken(void **state)
{
	static const struct vdrv_buf bad[] = {
		{ 0x1000, HDR - 1 }, { VDRV_ROM, 2000 }, { VDRV_END, 2000 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(vdrv_start(&v, ALL_FEATURES));
		vdrv_add(&v, ring(VIRTIO_NET_RX), &bad[i], 0, 1);
		vdrv_show(&v, ring(VIRTIO_NET_RX));
		deliver(60, 0, 100);
		assert_int_equal(net.port.count.drop[VNET_DROP_BAD_RING], i + 1);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_false(net.port.up);
		assert_int_equal(vdrv_take(&v, ring(VIRTIO_NET_RX), NULL), -1);
	}
	/* A readable buffer is none to receive into. */
	assert_true(vdrv_start(&v, ALL_FEATURES));
	vdrv_add(&v, ring(VIRTIO_NET_RX), &(struct vdrv_buf){ 0x1000, 2000 }, 1, 0);
	vdrv_show(&v, ring(VIRTIO_NET_RX));
	deliver(60, 0, 100);
	assert_int_equal(net.dev.fault, VIRTQ_BAD_CONTENT);
}

/* --- control ----------------------------------------------------------------------- */

static u8 control(u8 class, u8 command, const void *data, u32 len)
{
	static u64 at;
	struct vdrv_buf bufs[3];

	at = vdrv_alloc(&v, 64, 1);
	bufs[0] = (struct vdrv_buf){ at, 2 };
	bufs[1] = (struct vdrv_buf){ at + 8, len };
	bufs[2] = (struct vdrv_buf){ at + 40, 1 };
	*vdrv_mem(&v, at, 1) = class;
	*vdrv_mem(&v, at + 1, 1) = command;
	if (len)
		memcpy(vdrv_mem(&v, at + 8, len), data, len);
	*vdrv_mem(&v, at + 40, 1) = 0xee;
	assert_true(vdrv_add(&v, ring(VIRTIO_NET_CTRL), bufs, 2, 1) >= 0);
	assert_true(vdrv_kick(&v, VIRTIO_NET_CTRL));
	assert_true(vdrv_take(&v, ring(VIRTIO_NET_CTRL), NULL) >= 0);
	return *vdrv_mem(&v, at + 40, 1);
}

static void control_commands(void **state)
{
	static const u8 other[6] = { 2, 0, 0, 0, 0, 9 };
	static const u8 zero[24];
	const u16 one = 1, two = 2;

	(void)state;
	assert_true(vdrv_start(&v, ALL_FEATURES));
	for (u8 i = 0; i <= VIRTIO_NET_CTRL_RX_NOBCAST; i++)
		assert_int_equal(control(VIRTIO_NET_CTRL_RX, i, "\1", 1), VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, zero, 8),
			 VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, zero, 24),
			 VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6),
			 VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6),
			 VIRTIO_NET_ERR);
	assert_int_equal(control(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &one, 2),
			 VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MQ, 0, &one, 2), VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_MQ, 0, &two, 2), VIRTIO_NET_ERR);
	assert_int_equal(control(VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, zero, 8), VIRTIO_NET_OK);
	assert_int_equal(control(VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, other, 6), VIRTIO_NET_ERR);
	for (u8 class = 6; class < 40; class += 11)
		assert_int_equal(control(class, 0, zero, 4), VIRTIO_NET_ERR);
	assert_int_equal(vdrv_status(&v), 0xf);
	assert_int_equal(v.irqs[VIRTIO_NET_CTRL], 1); /* used_event was never moved on */
}

static void control_broken(void **state)
{
	struct vdrv_buf bufs[2] = { { 0x1000, 2 }, { VDRV_ROM, 1 } };

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		assert_true(vdrv_start(&v, ALL_FEATURES));
		bufs[0].len = i == 0 ? 1 : 2;
		vdrv_add(&v, ring(VIRTIO_NET_CTRL), bufs, 1, i == 1 ? 0 : 1);
		vdrv_kick(&v, VIRTIO_NET_CTRL);
		assert_true(vdrv_status(&v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(net.dev.broken_queue, VIRTIO_NET_CTRL);
	}
}

static void link_and_announce(void **state)
{
	const u32 config = VIRTIO_NET_QUEUES;

	(void)state;
	assert_false(virtio_net_announce(&net)); /* nobody listens */
	assert_true(vdrv_start(&v, ALL_FEATURES));
	virtio_net_set_link(&net, false);
	virtio_net_set_link(&net, false);
	assert_int_equal(v.irqs[config], 1);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 6, 2), 0);
	assert_false(net.port.up);
	assert_false(virtio_net_announce(&net));
	virtio_net_set_link(&net, true);
	assert_int_equal(v.irqs[config], 2);
	assert_true(net.port.up);
	assert_true(virtio_net_announce(&net));
	assert_int_equal(v.irqs[config], 3);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 6, 2), 3);
	assert_int_equal(control(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
			 VIRTIO_NET_OK);
	assert_int_equal(vdrv_read(&v, VIRTIO_PCI_CAP_DEVICE, 6, 2), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(config_and_features),
		CASE(init_refuses),
		CASE(tx_sizes_and_shapes),
		CASE(tx_segments_are_the_guests_memory),
		CASE(tx_crossing_regions_is_cut),
		CASE(tx_in_too_many_pieces_is_copied),
		CASE(tx_completes_in_any_order),
		CASE(tx_interrupts_as_asked),
		CASE(tx_notifications_stop_while_polled),
		CASE(tx_backpressure),
		CASE(tx_drops),
		CASE(tx_offloads),
		CASE(tx_long_in_many_pieces),
		CASE(tx_broken),
		CASE(reset_with_frames_in_flight),
		CASE(poll_through_the_core),
		CASE(rx_one_buffer),
		CASE(rx_merges_buffers),
		CASE(rx_header_in_pieces),
		CASE(rx_offloads),
		CASE(rx_joined),
		CASE(rx_joined_without_room),
		CASE(rx_without_room),
		CASE(rx_one_interrupt_a_burst),
		CASE(rx_broken),
		CASE(control_commands),
		CASE(control_broken),
		CASE(link_and_announce),
	};

	return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}
