/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the network device share: net.c, net_tx.c, net_rx.c, net_ctrl.c. */
#ifndef DRIVERS_VIRTIO_NET_PRIV_H
#define DRIVERS_VIRTIO_NET_PRIV_H

#include "drivers/virtio/net.h"

#define NET_HDR_BYTES ((u32)sizeof(struct virtio_net_hdr))

/* Ethernet header and one VLAN tag, which the MTU does not count. */
#define NET_L2_BYTES 18

static inline struct virtio_net_pair *pair_of_port(const struct vnet_port *port)
{
	return port->ctx;
}

static inline bool net_link_is_up(const struct virtio_net *net)
{
	return __atomic_load_n(&net->link_up, __ATOMIC_RELAXED);
}

static inline bool net_ready(const struct virtio_net *net)
{
	return virtio_dev_live(&net->dev) && net_link_is_up(net);
}

static inline u32 net_used_pairs(const struct virtio_net *net)
{
	return __atomic_load_n(&net->used_pairs, __ATOMIC_RELAXED);
}

/* Where the driver finds the control queue (5.1.2). */
static inline u16 net_ctrl_queue(const struct virtio_net *net)
{
	return virtio_dev_has(&net->dev, VIRTIO_NET_F_MQ) ? (u16)(2 * net->pairs)
							  : (u16)VIRTIO_NET_CTRL;
}

/* Without that header; with a long frame the IP packet may have its limit. */
#define NET_LONG_MAX (65535 + 40)

static inline u32 net_frame_max(const struct virtio_net *net)
{
	return net->port.mtu + NET_L2_BYTES;
}

/* net_tx.c */
u32 net_collect(struct vnet_port *port, struct pkt **pkts, u32 max);
void net_notify(struct vnet_port *port, bool on);

/* net_rx.c */
void net_deliver(struct vnet_port *port, struct pkt **pkts, u32 n);

/* net.c: receive by the first n pairs from now on. */
void net_use_pairs(struct virtio_net *net, u32 n);

/* net_ctrl.c: carry out what stands in the control queue. */
void net_ctrl_run(struct virtio_net *net);

#endif
