/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer can send: datagrams of any content, sender, port, TTL and TOS, in
 * bursts, to links of each kind, between route changes, ticks and frames of
 * guests. Whatever comes, every frame is accounted for and every packet is back
 * in its pool at the end.
 *
 * Input: a list of steps, each a byte that chooses and then what it needs.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "tests/host/plat_host.h"
#include "tests/host/vnet_fake.h"
#include "vnet/edge.h"

#define POOL 256
#define EDGES 9
#define LAN (EDGES - 1) /* the last of kinds[] */
#define INTERFACES 2
#define REMOTE 0x0a000001u
#define PORTS 4

static struct pkt_pool pool;
static struct fake_port guest[INTERFACES];
static struct edge *edge[EDGES];
static const struct edge_local *local[PORTS];

struct input {
	const uint8_t *at;
	size_t left;
};

static u8 byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	(void)ctx;
	ASSERT((dst->remote_ip && dst->dport) || dst == &edge[LAN]->dst);
	for (u32 i = 0; i < n; i++) {
		ASSERT(pkts[i]->hash && pkts[i]->ttl != 1 && pkts[i]->len >= 14);
		pkt_put(pkts[i]);
	}
	return n;
}

static err_t tx_open(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return ERR_OK;
}

static void tx_close(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
}

static void tx_moved(void *ctx, struct link_dst *dst)
{
	(void)ctx;
	ASSERT(dst->remote_ip && dst->dport);
}

static u32 tx_room(void *ctx)
{
	(void)ctx;
	return 20;
}

static u32 tx_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return 400;
}

static const struct link_tx tx = {
	.open = tx_open,
	.close = tx_close,
	.moved = tx_moved,
	.send = tx_send,
	.room = tx_room,
	.path_mtu = tx_mtu,
};

static void no_kick(unsigned core)
{
	(void)core;
}

/* One of each kind, and of what tells them apart. */
static const struct edge_setup kinds[EDGES] = {
	{ .link = &link_udp, .remote_ip = REMOTE, .local_port = 9000, .fragment = true },
	{ .link = &link_udp, .remote_ip = REMOTE + 1, .local_port = 9000,
	  .dscp = EDGE_DSCP_COPY },
	{ .link = &link_vnetu, .remote_ip = REMOTE, .local_port = 9001 },
	{ .link = &link_vxlan, .remote_ip = REMOTE, .local_port = 9002, .id = { .vni = 1 } },
	{ .link = &link_geneve, .remote_ip = REMOTE, .local_port = 9003, .id = { .vni = 1 } },
	{ .link = &link_geneve, .remote_ip = REMOTE, .local_port = 9003,
	  .id = { .vni = 2, .tag = 7 }, .no_keepalive = true },
	{ .link = &link_geneve, .local_port = 9003, .id = { .vni = 2, .tag = 8 } },
	{ .link = &link_geneve, .local_port = 9003, .id = { .vni = 2, .tag = 9 },
	  .no_keepalive = true },
	{ .link = &link_direct },
};

static void start(void)
{
	char name[8];

	if (vnet_init(1, 1, no_kick) != ERR_OK)
		abort();
	fake_pool_init(&pool, "pool", 0, POOL);
	for (u32 i = 0; i < INTERFACES; i++) {
		fmt_snprintf(name, sizeof(name), "g%u", i);
		fake_port_add(&guest[i], name, VNET_PORT_INTERFACE, (u8)(1 + i), 0);
	}
	for (u32 i = 0; i < EDGES; i++) {
		struct edge_setup s = kinds[i];

		s.name = name;
		s.tx = &tx;
		s.remote_port = s.local_port;
		s.pool = &pool;
		fmt_snprintf(name, sizeof(name), "e%u", i);
		if (edge_create(&s, &edge[i]) != ERR_OK)
			abort();
		fake_route(0, &guest[i % INTERFACES], &edge[i]->port);
	}
	for (u32 i = 0; i < PORTS; i++)
		local[i] = edge_local_find(0, (u16)(9000 + i));
}

static void clear(void)
{
	for (u32 i = 0; i < INTERFACES; i++)
		fake_port_clear(&guest[i]);
}

static void stop(void)
{
	struct vnet_audit sum;

	vnet_audit(&sum);
	if (!sum.balanced || sum.in_flight)
		abort();
	clear();
	for (u32 i = 0; i < EDGES; i++) {
		if (edge_destroy(edge[i], true) != ERR_OK)
			abort();
	}
	fake_pool_fini(&pool);
	vnet_fini();
	if (host_alloc_live)
		abort();
}

/* A datagram, or every second time one in two pieces. */
static struct pkt *datagram(struct input *in)
{
	struct pkt *p = pkt_get(&pool), *rest;
	u32 len = byte(in), head = byte(in);

	len = (u32)MIN((size_t)len, in->left);
	head = head & 1 ? MIN(head / 2, len) : len;
	memcpy(p->data, in->at, head);
	p->head_len = p->len = head;
	if (head < len) {
		rest = pkt_get(&pool);
		memcpy(rest->data, in->at + head, len - head);
		if (pkt_add_seg(p, rest->data, pkt_data_bus(rest), len - head, rest) != ERR_OK)
			abort();
	}
	in->at += len;
	in->left -= len;
	return p;
}

static void receive(struct input *in)
{
	struct pkt *burst[40];
	u8 choice = byte(in);
	u32 n = 1 + choice % 40;

	for (u32 i = 0; i < n; i++) {
		burst[i] = datagram(in);
		burst[i]->ttl = byte(in);
		burst[i]->tos = choice & 0x40 ? byte(in) : 0;
	}
	edge_input(local[byte(in) % PORTS], REMOTE + byte(in) % 3, 1 + byte(in) % 3, burst, n);
	clear();
}

static void receive_lan(struct input *in)
{
	static const u8 own[6] = { 2, 0, 0, 0, 0, 9 };
	struct pkt *burst[PKT_BURST];
	u32 n = 1 + byte(in) % PKT_BURST;

	for (u32 i = 0; i < n; i++)
		burst[i] = datagram(in);
	n = edge_lan_input(edge[LAN], own, burst, n);
	while (n)
		pkt_put(burst[--n]);
	clear();
}

static void send(struct input *in)
{
	struct pkt *p = datagram(in);

	vnet_input(&guest[byte(in) % INTERFACES].port, &p, 1);
	clear();
}

static void add_route(struct input *in)
{
	struct route_spec spec = {
		.src = { .cls = (enum route_class)(byte(in) % (ROUTE_CLASS_COUNT + 1)) },
		.dst = { .cls = (enum route_class)(byte(in) % (ROUTE_CLASS_COUNT + 1)) },
		.from = (enum route_from)(byte(in) % 5),
		.from_port = byte(in) % 8,
		.to = byte(in) % 8,
	};
	char why[100];
	u32 id;

	for (u32 i = 0; i < 6; i++) {
		spec.src.mac[i] = byte(in);
		spec.dst.mac[i] = byte(in);
	}
	route_add(&spec, &id, why, sizeof(why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u64 now = 0;

	start();
	while (in.left) {
		switch (byte(&in) % 8) {
		case 0:
			add_route(&in);
			break;
		case 1:
			route_del(byte(&in));
			break;
		case 2:
			edge_set_up(edge[byte(&in) % EDGES], byte(&in) & 1);
			break;
		case 3:
			send(&in);
			break;
		case 6:
			receive_lan(&in);
			break;
		case 7:
			edge_tick(now += byte(&in) * (HEALTH_INTERVAL_NS / 16));
			break;
		default:
			receive(&in);
			break;
		}
	}
	stop();
	return 0;
}
