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
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)

static const u16 queue_sizes[VIRTIO_NET_QUEUES] = {
	[VIRTIO_NET_RX] = VIRTIO_NET_RING_SIZE,
	[VIRTIO_NET_TX] = VIRTIO_NET_RING_SIZE,
	[VIRTIO_NET_CTRL] = VIRTIO_NET_CTRL_SIZE,
};

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
		{ VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
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
	       (virtio_dev_has(d, VIRTIO_NET_F_GUEST_TSO6) ? PKT_CAP_TSO6 : 0);
}

static void net_driver_ok(struct virtio_dev *d)
{
	struct virtio_net *net = net_of_dev(d);

	/* New receive buffers are found when a frame needs them. */
	virtq_notify_off(&net->vq[VIRTIO_NET_RX]);
	net->port.caps = net_caps(d);
	net->port.up = net_ready(net);
}

static void net_kick(struct virtio_dev *d, u16 queue)
{
	struct virtio_net *net = net_of_dev(d);

	if (queue == VIRTIO_NET_TX)
		net->hooks->kick(net->hook_ctx);
	else if (queue == VIRTIO_NET_CTRL)
		net_ctrl_run(net);
}

static void net_reset(struct virtio_dev *d)
{
	struct virtio_net *net = net_of_dev(d);

	net->epoch++;
	net->polled = false;
	net->port.up = false;
	net->port.caps = 0;
	net->config.status &= (u16)~VIRTIO_NET_S_ANNOUNCE;
}

static const struct virtio_dev_ops net_dev_ops = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.class_code = PCI_CLASS_ETHERNET,
	.features_ok = net_features_ok,
	.driver_ok = net_driver_ok,
	.kick = net_kick,
	.reset = net_reset,
};

/* End of a burst in either direction. */
static void net_flush(struct vnet_port *port)
{
	struct virtio_net *net = net_of_port(port);

	if (!virtio_dev_live(&net->dev))
		return;
	virtio_dev_flush(&net->dev, VIRTIO_NET_RX);
	virtio_dev_flush(&net->dev, VIRTIO_NET_TX);
}

static void net_gone(struct vnet_port *port)
{
	struct virtio_net *net = net_of_port(port);

	if (net->hooks->gone)
		net->hooks->gone(net->hook_ctx);
}

static const struct vnet_port_ops net_port_ops = {
	.deliver = net_deliver,
	.collect = net_collect,
	.notify = net_notify,
	.flush = net_flush,
	.gone = net_gone,
};

err_t virtio_net_init(struct virtio_net *net, const struct virtio_net_cfg *cfg)
{
	size_t name_len = strnlen(cfg->name, VNET_NAME_MAX);

	if (cfg->mtu < VIRTIO_NET_MTU_MIN || cfg->mtu > VIRTIO_NET_MTU_MAX ||
	    cfg->pool->buf_size < PKT_HEADROOM + PKT_COPY_WHOLE || name_len >= VNET_NAME_MAX)
		return ERR_INVAL;
	net->pool = cfg->pool;
	net->hooks = cfg->hooks;
	net->hook_ctx = cfg->hook_ctx;
	net->link_up = true;
	memcpy(net->config.mac, cfg->mac, sizeof(net->config.mac));
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->config.max_virtqueue_pairs = 1;
	net->config.mtu = (u16)cfg->mtu;

	net->port = (struct vnet_port){
		.ops = &net_port_ops,
		.kind = VNET_PORT_INTERFACE,
		.overlay = cfg->overlay,
		.core = cfg->core,
		.mtu = cfg->mtu,
		.caps_max = cfg->mtu + NET_L2_BYTES,
		.pool = cfg->pool,
		.ctx = net,
	};
	memcpy(net->port.name, cfg->name, name_len + 1);
	memcpy(net->port.mac, cfg->mac, sizeof(net->port.mac));

	net->dev = (struct virtio_dev){
		.ops = &net_dev_ops,
		.name = net->port.name,
		.gm = cfg->gm,
		.config = &net->config,
		.config_len = sizeof(net->config),
		.vq = net->vq,
		.vq_max = queue_sizes,
		.nvq = VIRTIO_NET_QUEUES,
		.offered = NET_FEATURES,
		.broken_queue = VIRTIO_NO_QUEUE,
	};
	return ERR_OK;
}

bool virtio_net_set_mtu(struct virtio_net *net, u32 mtu)
{
	if (net->dev.status & VIRTIO_STATUS_DRIVER)
		return false;
	net->config.mtu = (u16)mtu;
	net->port.mtu = mtu;
	net->port.caps_max = mtu + NET_L2_BYTES;
	return true;
}

void virtio_net_set_link(struct virtio_net *net, bool up)
{
	if (net->link_up == up)
		return;
	net->link_up = up;
	net->port.up = net_ready(net);
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
