/* SPDX-License-Identifier: BSD-2-Clause */
/* A node for benchmarks of the core, see world.h. */
#include "tests/bench/world.h"

#include <stdlib.h>
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "tests/bench/underlay.h"
#include "tests/host/plat_host.h"
#include "vnet/net/net.h"
#include "vnet/net/wire.h"
#include "vnet/route.h"

#define OWN_IP 0x0a000001u
#define PEER_IP 0x0a000002u /* of the first edge; the others follow */
#define SUBNET 0xffffff00u
#define UDP_PORT 9000
#define BUF (PKT_HEADROOM + PKT_COPY_WHOLE + 128)
#define OUTER UDP_HEADROOM
#define WHY 128
#define VNI 42

struct world world;
static struct netif nif;
static const u8 own_mac[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 1 };

/* --- frames ----------------------------------------------------------------- */

void world_mac(u8 *mac, u32 n)
{
	mac[0] = 2;
	mac[1] = 0;
	store_be32(mac + 2, n);
}

/* Ethernet, IPv4 and UDP of an inner frame; each pair of addresses is a flow. */
static void write_inner(u8 *f, u32 dst, u32 src)
{
	u8 *ip = f + ETH_HLEN;

	memset(f, 0, WORLD_FRAME);
	world_mac(f + ETH_DST, dst);
	world_mac(f + ETH_SRC, src);
	store_be16(f + ETH_TYPE, ETH_TYPE_IPV4);
	ip[IP_VER_IHL] = IP_VER_IHL_PLAIN;
	store_be16(ip + IP_TOTAL, WORLD_FRAME - ETH_HLEN);
	ip[IP_TTL] = IP_TTL_DEFAULT;
	ip[IP_PROTO] = IP_PROTO_UDP;
	store_be32(ip + IP_SRC, 0x0b000000u + src);
	store_be32(ip + IP_DST, 0x0b000000u + dst);
	store_be16(ip + IP_HLEN + UDP_DPORT, (u16)dst);
}

void world_rewind(struct pkt *p)
{
	p->data = p->buf + PKT_HEADROOM;
	p->head_len = WORLD_FRAME;
	p->len = WORLD_FRAME;
	p->hash = 0;
	p->ttl = 0;
}

static struct pkt *take(void)
{
	struct pkt *p = pkt_get(&world.pool);

	bench_must(p, "the pool is empty");
	return p;
}

void world_fill(struct pkt *p, u32 dst, u32 src)
{
	world_rewind(p);
	write_inner(p->data, dst, src);
}

struct pkt *world_frame(u32 dst, u32 src)
{
	struct pkt *p = take();

	world_fill(p, dst, src);
	return p;
}

void world_outer_rewind(struct pkt *p)
{
	p->data = p->buf + PKT_HEADROOM - OUTER;
	p->head_len = OUTER + WORLD_FRAME;
	p->len = OUTER + WORLD_FRAME;
	p->hash = 0;
	p->ttl = 0;
}

struct pkt *world_outer_frame(u32 dst, u32 src)
{
	struct pkt *p = world_frame(dst, src);
	u8 *f = p->data - OUTER, *ip = f + ETH_HLEN;

	memcpy(f + ETH_DST, own_mac, ETH_ALEN);
	world_mac(f + ETH_SRC, UINT32_MAX);
	store_be16(f + ETH_TYPE, ETH_TYPE_IPV4);
	bench_write_ip(ip, PEER_IP, OWN_IP, IP_HLEN + UDP_HLEN + WORLD_FRAME);
	bench_write_udp(ip + IP_HLEN, (u16)(0xc000 | (src & 0x3fff)), UDP_PORT,
			UDP_HLEN + WORLD_FRAME);
	world_outer_rewind(p);
	return p;
}

void world_receive(struct pkt **pkts, u32 n)
{
	netif_input(&nif, pkts, n);
}

/* --- below the edges -------------------------------------------------------- */

/* The benchmark holds the packets itself: nothing is given back. */
static u32 nic_tx(void *ctx, struct pkt **pkts, u32 n)
{
	(void)ctx;
	(void)pkts;
	world.sunk += n;
	return n;
}

static u32 nic_room(void *ctx)
{
	(void)ctx;
	return NETIF_TXQ;
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	(void)ctx;
	return udp_send_burst(&nif, dst->priv, pkts, n);
}

static u32 tx_room(void *ctx)
{
	(void)ctx;
	return netif_tx_room(&nif);
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return nif.mtu;
}

static const struct link_tx link_tx = {
	.open = bench_dst_open,
	.close = bench_dst_close,
	.send = tx_send,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

static void received(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	(void)ctx;
	edge_input(edge_local_find(0, run->dport), run->src, run->sport[0], pkts, n);
}

static void netif_up(void)
{
	struct netif_setup setup = {
		.name = "uplink",
		.mtu = WORLD_MTU,
		.tx = nic_tx,
		.tx_room = nic_room,
		.pool = &world.pool,
		.frag_packets = 8,
		.seed = 1,
	};

	memcpy(setup.mac, own_mac, ETH_ALEN);
	bench_must(netif_init(&nif, &setup) == ERR_OK, "netif_init");
	bench_must(netif_set_address(&nif, OWN_IP, SUBNET, 0) == ERR_OK, "netif_set_address");
	bench_must(udp_bind(&nif, UDP_PORT, received, NULL) == ERR_OK, "udp_bind");
}

/* --- ports and routes ------------------------------------------------------- */

static void deliver(struct vnet_port *port, struct pkt **pkts, u32 n)
{
	(void)pkts;
	port->count.tx_frames += n;
	world.sunk += n;
}

static const struct vnet_port_ops in_ops = { .deliver = deliver };

static void no_kick(unsigned core)
{
	(void)core;
}

static u32 add_route(u32 address, u16 to, enum route_from from)
{
	struct route_spec spec = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = ROUTE_EXACT },
		.from = from,
		.to = to,
	};
	char why[WHY];
	u32 id;

	world_mac(spec.dst.mac, address);
	if (route_add(&spec, &id, why, sizeof(why)) != ERR_OK)
		die("route of address %u: %s", address, why);
	return id;
}

static u16 edge_for(u32 address)
{
	return world.edge[address % world.setup.edges]->port.id;
}

void world_local_routes(u32 first, u32 n)
{
	for (u32 i = 0; i < n; i++)
		add_route(first + i, world.in.id, ROUTE_FROM_EDGES);
}

void world_route_flip(u32 address)
{
	bench_must(route_del(world.route_id[address]) == ERR_OK, "route_del");
	world.route_id[address] = add_route(address, edge_for(address + 1), ROUTE_FROM_ANY);
}

size_t world_memory(void)
{
	return host_alloc_live;
}

static void ports_up(const struct link_kind *link)
{
	err_t err;

	world.in = (struct vnet_port){
		.ops = &in_ops,
		.name = "in",
		.kind = VNET_PORT_INTERFACE,
		.up = true,
		.any_source = true,
	};
	world_mac(world.in.mac, UINT32_MAX - 1);
	bench_must(vnet_port_add(&world.in) == ERR_OK, "interface");
	for (u32 i = 0; i < world.setup.edges; i++) {
		char name[VNET_NAME_MAX];
		u8 mac[ETH_ALEN];
		struct edge_setup setup = {
			.name = name,
			.link = link,
			.id = { .vni = link->flags & LINK_HAS_VNI ? VNI : 0 },
			.tx = &link_tx,
			.remote_ip = PEER_IP + i,
			.remote_port = UDP_PORT,
			.local_port = UDP_PORT,
			.fragment = link->flags & LINK_MAY_FRAGMENT,
			.pool = &world.pool,
		};

		fmt_snprintf(name, sizeof(name), "e%u", i);
		world_mac(mac, setup.remote_ip);
		bench_meet(&nif, &world.pool, mac, setup.remote_ip);
		err = edge_create(&setup, &world.edge[i]);
		if (err != ERR_OK)
			die("edge: %s", err_str(err));
	}
}

void world_up_link(const struct world_setup *setup, const struct link_kind *link)
{
	memset(&world, 0, sizeof(world));
	world.setup = *setup;
	world.pool_mem = bench_pool_up(&world.pool, setup->packets, BUF);
	world.route_id = calloc(setup->routes + 1, sizeof(u32));
	bench_must(world.route_id, "no memory");
	bench_must(vnet_init(1, 0x5eed5eed5eedull, no_kick) == ERR_OK, "vnet_init");
	netif_up();
	ports_up(link);
	for (u32 i = 0; i < setup->routes; i++)
		world.route_id[i] = add_route(i, edge_for(i), ROUTE_FROM_ANY);
	vnet_tick(0);
	world.sunk = 0;
}

void world_up(const struct world_setup *setup)
{
	world_up_link(setup, &link_udp);
}

void world_down(void)
{
	for (u32 i = 0; i < world.setup.edges; i++)
		bench_must(edge_destroy(world.edge[i], true) == ERR_OK, "edge_destroy");
	bench_must(vnet_port_del(&world.in, true) == ERR_OK, "vnet_port_del");
	bench_must(vnet_port_reap() == 0, "vnet_port_reap");
	netif_fini(&nif);
	vnet_fini();
	free(world.pool_mem);
	free(world.route_id);
}
