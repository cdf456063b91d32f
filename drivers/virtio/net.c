/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net: the device and its port (virtio 1.2 5.1). */
#include "drivers/virtio/net.h"

#include "drivers/virtio/net_priv.h"
#include "hv/base/str.h"

#define PCI_CLASS_ETHERNET 0x020000

#define NET_FEATURES                                                                            \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MTU |  \
	 VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |                      \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_GUEST_ANNOUNCE |            \
	 VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |                  \
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |          \
	 VIRTIO_NET_F_HOST_USO | VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)

static struct virtio_net *net_of_dev(struct virtio_dev *d)
{
	return container_of(d, struct virtio_net, dev);
}

/* Features and what each needs (5.1.3.1). */
static bool net_features_ok(const struct virtio_dev *d, u64 features)
{
	static const struct {
		u64 any, needs;
	} rule[] = {
		{ VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_MQ,
		  VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_USO,
		  VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_USO4 |
			  VIRTIO_NET_F_GUEST_USO6,
		  VIRTIO_NET_F_GUEST_CSUM },
	};

	(void)d;
	for (u32 i = 0; i < ARRAY_SIZE(rule); i++)
		if ((features & rule[i].any) && !(features & rule[i].needs))
			return false;
	return true;
}

/* What the driver takes with offload fields. */
static u32 net_caps(const struct virtio_dev *d)
{
	return (virtio_dev_has(d, VIRTIO_NET_F_GUEST_CSUM) ? PKT_CAP_CSUM : 0) |
	       (virtio_dev_has(d, VIRTIO_NET_F_GUEST_TSO4) ? PKT_CAP_TSO4 : 0) |
	       (virtio_dev_has(d, VIRTIO_NET_F_GUEST_TSO6) ? PKT_CAP_TSO6 : 0) |
	       (virtio_dev_has(d, VIRTIO_NET_F_GUEST_USO4) ? PKT_CAP_USO4 : 0) |
	       (virtio_dev_has(d, VIRTIO_NET_F_GUEST_USO6) ? PKT_CAP_USO6 : 0);
}

/* Pairs that the driver may use. */
static u32 net_pairs(const struct virtio_net *net)
{
	return virtio_dev_has(&net->dev, VIRTIO_NET_F_MQ) ? net->pairs : 1;
}

static void set_up(struct virtio_net *net, bool up)
{
	for (u32 i = 0; i < net->pairs; i++)
		__atomic_store_n(&virtio_net_pair(net, i)->port.up, up && i < net_pairs(net),
				 __ATOMIC_RELEASE);
}

void net_use_pairs(struct virtio_net *net, u32 n)
{
	__atomic_store_n(&net->used_pairs, n, __ATOMIC_RELAXED);
	vnet_port_use_queues(&net->port, n);
}

static void net_driver_ok(struct virtio_dev *d)
{
	struct virtio_net *net = net_of_dev(d);

	for (u32 i = 0; i < net->pairs; i++) {
		struct virtio_net_pair *pair = virtio_net_pair(net, i);

		pair->port.caps = net_caps(d);
		/* New receive buffers are found when a frame needs them. */
		if (i < net_pairs(net))
			virtq_notify_off(pair->rx);
	}
	set_up(net, net_ready(net));
}

static void net_kick(struct virtio_dev *d, u16 queue)
{
	struct virtio_net *net = net_of_dev(d);

	if (queue == net_ctrl_queue(net))
		net_ctrl_run(net);
	else if (queue % 2 == VIRTIO_NET_TX && queue / 2u < net_pairs(net))
		net->hooks->kick(net->hook_ctx, queue / 2u);
}

static void net_reset(struct virtio_dev *d)
{
	struct virtio_net *net = net_of_dev(d);

	__atomic_fetch_add(&net->epoch, 1, __ATOMIC_ACQ_REL);
	for (u32 i = 0; i < net->pairs; i++) {
		struct virtio_net_pair *pair = virtio_net_pair(net, i);

		pair->polled = false;
		pair->port.caps = 0;
	}
	set_up(net, false);
	/* Until the driver says otherwise (5.1.6.5.5). */
	net_use_pairs(net, 1);
	net->config.status &= (u16)~VIRTIO_NET_S_ANNOUNCE;
}

static bool net_settled(struct virtio_dev *d, bool begin)
{
	struct virtio_net *net = net_of_dev(d);

	return !net->hooks->settled || net->hooks->settled(net->hook_ctx, begin);
}

static const struct virtio_dev_ops net_dev_ops = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.class_code = PCI_CLASS_ETHERNET,
	.features_ok = net_features_ok,
	.driver_ok = net_driver_ok,
	.kick = net_kick,
	.reset = net_reset,
	.settled = net_settled,
};

/* End of a burst for the guest. */
static void net_flush(struct vnet_port *port)
{
	struct virtio_net_pair *pair = pair_of_port(port);

	if (virtio_dev_live(&pair->net->dev))
		virtio_dev_flush(&pair->net->dev, pair->rx_queue);
}

static u32 net_unfinished(const struct vnet_port *port)
{
	return __atomic_load_n(&pair_of_port(port)->tx_in_flight, __ATOMIC_RELAXED);
}

static struct pkt_pool *pool_of(const struct virtio_net *net, u32 core)
{
	return net->hooks->pool ? net->hooks->pool(net->hook_ctx, core) : net->pool;
}

static void net_moved(struct vnet_port *port, enum vnet_way way)
{
	struct virtio_net_pair *pair = pair_of_port(port);
	struct virtio_net *net = pair->net;
	struct pkt_pool *pool = pool_of(net, vnet_port_core(port, way));

	if (way == VNET_OUT) {
		port->pool = pool;
		return;
	}
	pair->pool = pool;
	net->hooks->more(net->hook_ctx, port->queue);
}

static void net_gone(struct vnet_port *port)
{
	struct virtio_net *net = pair_of_port(port)->net;

	if (net->hooks->gone)
		net->hooks->gone(net->hook_ctx);
}

static const struct vnet_port_ops net_port_ops = {
	.deliver = net_deliver,
	.collect = net_collect,
	.notify = net_notify,
	.flush = net_flush,
	.too_big = vnet_port_too_big,
	.gone = net_gone,
	.unfinished = net_unfinished,
	.moved = net_moved,
};

static void init_pair(struct virtio_net *net, u32 i, const struct virtio_net_cfg *cfg)
{
	struct virtio_net_pair *pair = virtio_net_pair(net, i);
	u32 core = i ? cfg->more_core[i - 1] : cfg->core;

	pair->net = net;
	pair->rx_queue = (u16)(2 * i + VIRTIO_NET_RX);
	pair->tx_queue = (u16)(2 * i + VIRTIO_NET_TX);
	pair->rx = &net->vq[pair->rx_queue];
	pair->tx = &net->vq[pair->tx_queue];
	pair->pool = pool_of(net, core);
	pair->port = (struct vnet_port){
		.ops = &net_port_ops,
		.kind = VNET_PORT_INTERFACE,
		.overlay = cfg->overlay,
		.core = core,
		.mtu = cfg->mtu,
		.caps_max = cfg->mtu + NET_L2_BYTES,
		.pool = pair->pool,
		.ctx = pair,
	};
}

err_t virtio_net_init(struct virtio_net *net, const struct virtio_net_cfg *cfg)
{
	size_t name_len = strnlen(cfg->name, VNET_NAME_MAX);
	u32 pairs = MAX(cfg->pairs, 1u);

	if (pairs > VIRTIO_NET_PAIRS_MAX ||
	    cfg->mtu < VIRTIO_NET_MTU_MIN || cfg->mtu > VIRTIO_NET_MTU_MAX ||
	    cfg->pool->buf_size < PKT_HEADROOM + PKT_COPY_WHOLE || name_len >= VNET_NAME_MAX)
		return ERR_INVAL;
	net->pool = cfg->pool;
	net->hooks = cfg->hooks;
	net->hook_ctx = cfg->hook_ctx;
	net->link_up = true;
	memcpy(net->config.mac, cfg->mac, sizeof(net->config.mac));
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->config.max_virtqueue_pairs = (u16)pairs;
	net->config.mtu = (u16)cfg->mtu;
	net->pairs = pairs;
	net->used_pairs = 1;
	net->more = cfg->more;
	for (u32 i = 0; i < pairs; i++)
		init_pair(net, i, cfg);
	for (u32 i = 0; i < VIRTIO_NET_QUEUES_MAX; i++)
		net->vq_max[i] = VIRTIO_NET_RING_SIZE;
	net->vq_max[2 * pairs] = VIRTIO_NET_CTRL_SIZE;
	memcpy(net->port.name, cfg->name, name_len + 1);
	memcpy(net->port.mac, cfg->mac, sizeof(net->port.mac));

	net->dev = (struct virtio_dev){
		.ops = &net_dev_ops,
		.name = net->port.name,
		.gm = cfg->gm,
		.config = &net->config,
		.config_len = sizeof(net->config),
		.vq = net->vq,
		.vq_max = net->vq_max,
		.nvq = (u16)(2 * pairs + 1),
		.offered = NET_FEATURES | (pairs > 1 ? VIRTIO_NET_F_MQ : 0),
		.broken_queue = VIRTIO_NO_QUEUE,
	};
	return ERR_OK;
}

err_t virtio_net_add_queues(struct virtio_net *net)
{
	struct vnet_port *port[VIRTIO_NET_PAIRS_MAX - 1];
	err_t err;

	for (u32 i = 1; i < net->pairs; i++)
		port[i - 1] = &virtio_net_pair(net, i)->port;
	err = net->pairs > 1 ? vnet_port_add_queues(&net->port, port, net->pairs - 1) : ERR_OK;
	if (!err)
		net_use_pairs(net, 1);
	return err;
}

void virtio_net_rx_coming(struct virtio_net *net)
{
	const struct virtio_dev *d = &net->dev;

	if (!virtio_dev_live(d))
		return;
	for (u32 i = 0; i < net_used_pairs(net); i++) {
		const struct virtio_net_pair *pair = virtio_net_pair(net, i);

		if (!virtq_waits_for_irq(pair->rx))
			continue;
		net->optimistic++;
		d->transport->queue_irq(d->transport_ctx, pair->rx_queue);
	}
}

u32 virtio_net_in_flight(struct virtio_net *net)
{
	u32 n = 0;

	for (u32 i = 0; i < net->pairs; i++)
		n += net_unfinished(&virtio_net_pair(net, i)->port);
	return n;
}

u32 virtio_net_mapped(struct virtio_net *net)
{
	u32 n = 0;

	for (u32 i = 0; i < net->pairs; i++)
		n += __atomic_load_n(&virtio_net_pair(net, i)->tx_dma.mapped, __ATOMIC_ACQUIRE);
	return n;
}

bool virtio_net_set_mtu(struct virtio_net *net, u32 mtu)
{
	if (net->dev.status & VIRTIO_STATUS_DRIVER)
		return false;
	net->config.mtu = (u16)mtu;
	for (u32 i = 0; i < net->pairs; i++) {
		struct vnet_port *port = &virtio_net_pair(net, i)->port;

		port->mtu = mtu;
		port->caps_max = mtu + NET_L2_BYTES;
	}
	return true;
}

void virtio_net_set_link(struct virtio_net *net, bool up)
{
	if (net->link_up == up)
		return;
	__atomic_store_n(&net->link_up, up, __ATOMIC_RELAXED);
	set_up(net, net_ready(net));
	if (up)
		net->config.status |= VIRTIO_NET_S_LINK_UP;
	else
		net->config.status &= (u16)~VIRTIO_NET_S_LINK_UP;
	virtio_dev_config_changed(&net->dev);
}

bool virtio_net_announce(struct virtio_net *net)
{
	if (!net_ready(net) || !virtio_dev_has(&net->dev, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return false;
	net->config.status |= VIRTIO_NET_S_ANNOUNCE;
	virtio_dev_config_changed(&net->dev);
	return true;
}
