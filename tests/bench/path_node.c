/* SPDX-License-Identifier: BSD-2-Clause */
/* A node around the whole path of a frame, see path_node.h. */
#include "tests/bench/path_node.h"

#include <stdlib.h>
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "tests/bench/path_nic.h"
#include "tests/bench/underlay.h"
#include "vnet/epoch.h"
#include "vnet/net/wire.h"
#include "vnet/queues.h"
#include "vnet/route.h"
#include "vnet/xcore.h"

#define OWN_IP 0x0a000001u
#define PEER_IP 0x0a000002u
#define SUBNET 0xffffff00u
#define INNER_IP 0x0a010000u
#define UDP_PORT 4789
#define VNI 42
#define MTU 1600
#define GUEST_MTU 1500
#define TX_BUF (PKT_HEADROOM + PKT_COPY_WHOLE + 128)
#define RX_BUF (PKT_HEADROOM + 2048)
#define TX_PACKETS 256u
#define RX_PACKETS 1024u
#define POLL_BUDGET 256u
#define WHY 128

struct path_node path;

static const u8 own_mac[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 1 };
static const u8 peer_mac[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 2 };
static const u8 guest_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };

/* --- frames ----------------------------------------------------------------- */

/* The address of a guest on the other side. */
static void far_mac(u8 *mac, u32 flow)
{
	mac[0] = 2;
	mac[1] = 1;
	store_be32(mac + 2, flow);
}

/* An Ethernet, IPv4 and UDP frame of len bytes; out: from our guest. */
static void write_inner(u8 *f, u32 flow, bool out, u32 len)
{
	u8 far[ETH_ALEN], *ip = f + ETH_HLEN;
	u32 near_ip = INNER_IP + 1, far_ip = INNER_IP + 2 + flow;

	far_mac(far, flow);
	for (u32 i = 0; i < len; i++)
		f[i] = (u8)(i + flow);
	memcpy(f + ETH_DST, out ? far : guest_mac, ETH_ALEN);
	memcpy(f + ETH_SRC, out ? guest_mac : far, ETH_ALEN);
	store_be16(f + ETH_TYPE, ETH_TYPE_IPV4);
	bench_write_ip(ip, out ? near_ip : far_ip, out ? far_ip : near_ip, len - ETH_HLEN);
	bench_write_udp(ip + IP_HLEN, (u16)(1000 + flow), 2000, len - ETH_HLEN - IP_HLEN);
}

static void write_outer(u8 *f, u32 flow, u32 len)
{
	u8 *ip = f + ETH_HLEN, *udp = ip + IP_HLEN, *vxlan = udp + UDP_HLEN;

	memcpy(f + ETH_DST, own_mac, ETH_ALEN);
	memcpy(f + ETH_SRC, peer_mac, ETH_ALEN);
	store_be16(f + ETH_TYPE, ETH_TYPE_IPV4);
	bench_write_ip(ip, PEER_IP, OWN_IP, PATH_OUTER - ETH_HLEN + len);
	bench_write_udp(udp, (u16)(0xc000 | flow), UDP_PORT, PATH_OUTER - ETH_HLEN - IP_HLEN + len);
	store_be32(vxlan, 0x08000000u);
	store_be32(vxlan + 4, VNI << 8);
	write_inner(f + PATH_OUTER, flow, false, len);
}

/* --- between the stack and the NIC --------------------------------------------- */

static u32 nic_tx(void *ctx, struct pkt **pkts, u32 n)
{
	(void)ctx;
	return path.nic.ops->tx_burst(&path.nic, 0, pkts, n);
}

static u32 nic_room(void *ctx)
{
	(void)ctx;
	return path.nic.ops->tx_room(&path.nic, 0);
}

static u32 tx_send(void *ctx, struct link_dst *dst, struct pkt **pkts, u32 n)
{
	struct udp_dst *to = dst->priv;

	(void)ctx;
	to->mtu = (u16)MIN(dst->mtu, IP_TOTAL_MAX);
	return udp_send_burst(&path.nif, to, pkts, n);
}

static void tx_flush(void *ctx)
{
	(void)ctx;
	path.nic.ops->tx_reclaim(&path.nic, 0);
	__atomic_store_n(&path.room, nic_room(NULL), __ATOMIC_RELAXED);
}

static u32 tx_room(void *ctx)
{
	(void)ctx;
	return netif_tx_room(&path.nif);
}

static u32 tx_path_mtu(void *ctx, const struct link_dst *dst)
{
	(void)ctx;
	(void)dst;
	return path.nif.mtu;
}

static const struct link_tx link_tx = {
	.caps = PKT_CAP_CSUM | PKT_CAP_TSO4 | PKT_CAP_TSO6 | PKT_CAP_EVEN,
	.open = bench_dst_open,
	.close = bench_dst_close,
	.send = tx_send,
	.flush = tx_flush,
	.room = tx_room,
	.path_mtu = tx_path_mtu,
};

static void received(void *ctx, struct pkt **pkts, const struct udp_run *run, u32 n)
{
	edge_input(ctx, run->src, run->sport[0], pkts, n);
}

/* --- what is measured ------------------------------------------------------------ */

void path_transmit(void)
{
	struct vnet_port *port = &path.net.port;
	u32 budget = MIN(POLL_BUDGET, __atomic_load_n(&path.room, __ATOMIC_RELAXED));

	if (vnet_poll(port, budget) < budget)
		port->ops->notify(port, true);
}

void path_receive(u32 bursts)
{
	struct pkt *pkts[PKT_BURST];

	vnet_batch_begin(0);
	for (u32 n; bursts; bursts--) {
		n = path.nic.ops->rx_burst(&path.nic, 0, pkts, PKT_BURST);
		if (!n)
			break;
		netif_input(&path.nif, pkts, n);
	}
	vnet_batch_end(0);
	xcore_flush(0);
}

void path_settle(void)
{
	tx_flush(NULL);
	path.net.port.ops->notify(&path.net.port, true);
}

/* --- bringing it up --------------------------------------------------------------- */

static void uplink_up(void)
{
	struct netif_setup setup = {
		.name = "uplink",
		.mtu = MTU,
		.caps = link_tx.caps,
		.tx = nic_tx,
		.tx_room = nic_room,
		.pool = &path.tx_pool[0],
		.frag_packets = 8,
		.seed = 1,
	};

	path_nic_up(&path.nic, &path.rx_pool);
	memcpy(setup.mac, path.nic.mac, sizeof(setup.mac));
	bench_must(netif_init(&path.nif, &setup) == ERR_OK, "netif_init");
	bench_must(netif_set_address(&path.nif, OWN_IP, SUBNET, 0) == ERR_OK, "netif_set_address");
	bench_meet(&path.nif, &path.rx_pool, peer_mac, PEER_IP);
}

static void edge_up(void)
{
	const struct edge_setup setup = {
		.name = "peer",
		.link = &link_vxlan,
		.id = { .vni = VNI },
		.tx = &link_tx,
		.remote_ip = PEER_IP,
		.remote_port = UDP_PORT,
		.local_port = UDP_PORT,
		.pool = &path.tx_pool[0],
	};
	err_t err = edge_create(&setup, &path.edge);

	if (err != ERR_OK)
		die("edge: %s", err_str(err));
	bench_must(udp_bind(&path.nif, UDP_PORT, received, path.edge->local) == ERR_OK, "udp_bind");
}

static void nothing(void *ctx, u32 pair)
{
	(void)ctx;
	(void)pair;
}

static void interface_up(void)
{
	static const struct virtio_net_hooks hooks = { .kick = nothing, .more = nothing };
	struct virtio_net_cfg cfg = {
		.name = "g1.eth0",
		.mtu = GUEST_MTU,
		.gm = &path.guest.gm,
		.pool = &path.tx_pool[0],
		.hooks = &hooks,
		.pairs = 1,
	};

	memcpy(cfg.mac, guest_mac, sizeof(cfg.mac));
	bench_must(virtio_net_init(&path.net, &cfg) == ERR_OK, "virtio_net_init");
	bench_must(vnet_port_add(&path.net.port) == ERR_OK, "interface");
	guest_up(&path.guest, &path.net, path.setup.rx_bufs, path.setup.tx_bufs);
}

static void add_route(u16 from, u16 to)
{
	const struct route_spec spec = {
		.src = { .cls = ROUTE_ANY },
		.dst = { .cls = ROUTE_ANY },
		.from = ROUTE_FROM_PORT,
		.from_port = from,
		.to = to,
	};
	char why[WHY];
	u32 id;

	if (route_add(&spec, &id, why, sizeof(why)) != ERR_OK)
		die("route: %s", why);
}

static void no_kick(unsigned core)
{
	(void)core;
}

void path_up(const struct path_setup *setup)
{
	memset(&path, 0, sizeof(path));
	path.setup = *setup;
	for (u32 i = 0; i < PATH_POOLS; i++)
		path.tx_mem[i] = bench_pool_up(&path.tx_pool[i], TX_PACKETS, TX_BUF);
	path.rx_mem = bench_pool_up(&path.rx_pool, RX_PACKETS, RX_BUF);
	bench_must(vnet_init(1, 0x5eed5eed5eedull, no_kick) == ERR_OK, "vnet_init");
	uplink_up();
	edge_up();
	interface_up();
	add_route(path.net.port.id, path.edge->port.id);
	add_route(path.edge->port.id, path.net.port.id);
	vnet_tick(0);
	/* What the stack said as it came up. */
	path_nic_send();
	path_settle();
	path.idle_room = path.room;
	/* As a core of the hypervisor is, from an exit or an interrupt on. */
	vnet_core_quiet_leave(0);
	for (u32 i = 0; i < PATH_FLOWS; i++) {
		write_inner(path.out[i], i, true, setup->len);
		write_outer(path.in[i], i, setup->len);
	}
}

void path_down(void)
{
	path_nic_send();
	path_nic_down(&path.nic);
	vnet_core_quiet_enter(0);
	guest_down(&path.guest, &path.net);
	bench_must(edge_destroy(path.edge, true) == ERR_OK, "edge_destroy");
	bench_must(vnet_port_del(&path.net.port, true) == ERR_OK, "vnet_port_del");
	bench_must(vnet_port_reap() == 0, "vnet_port_reap");
	netif_fini(&path.nif);
	vnet_fini();
	for (u32 i = 0; i < PATH_POOLS; i++)
		free(path.tx_mem[i]);
	free(path.rx_mem);
}

void path_use_pool(u32 i)
{
	path.net.first.pool = &path.tx_pool[i % PATH_POOLS];
}

void path_check_sent(u32 flow)
{
	u8 frame[PATH_OUTER + PATH_FRAME_MAX];
	u32 len = path_nic_last(frame, sizeof(frame));

	if (len != PATH_OUTER + path.setup.len || memcmp(frame, peer_mac, ETH_ALEN) ||
	    load_be32(frame + PATH_OUTER - 4) != VNI << 8 ||
	    memcmp(frame + PATH_OUTER, path.out[flow], path.setup.len))
		die("a frame on the wire is not what was sent");
}

void path_check_received(u32 flow)
{
	if (memcmp(guest_last(&path.guest), path.in[flow] + PATH_OUTER, path.setup.len))
		die("a received frame is not what was sent");
}
