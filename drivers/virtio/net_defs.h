/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of virtio's network device (virtio 1.2 5.1), for either side of it. */
#ifndef DRIVERS_VIRTIO_NET_DEFS_H
#define DRIVERS_VIRTIO_NET_DEFS_H

#include "hv/base/types.h"

/* Features (5.1.3). */
#define VIRTIO_NET_F_CSUM BIT64(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT64(1)
#define VIRTIO_NET_F_MTU BIT64(3)
#define VIRTIO_NET_F_MAC BIT64(5)
#define VIRTIO_NET_F_GUEST_TSO4 BIT64(7)
#define VIRTIO_NET_F_GUEST_TSO6 BIT64(8)
#define VIRTIO_NET_F_HOST_TSO4 BIT64(11)
#define VIRTIO_NET_F_HOST_TSO6 BIT64(12)
#define VIRTIO_NET_F_MRG_RXBUF BIT64(15)
#define VIRTIO_NET_F_STATUS BIT64(16)
#define VIRTIO_NET_F_CTRL_VQ BIT64(17)
#define VIRTIO_NET_F_CTRL_RX BIT64(18)
#define VIRTIO_NET_F_GUEST_ANNOUNCE BIT64(21)
#define VIRTIO_NET_F_MQ BIT64(22)
#define VIRTIO_NET_F_GUEST_USO4 BIT64(54) /* these three: virtio 1.3 */
#define VIRTIO_NET_F_GUEST_USO6 BIT64(55)
#define VIRTIO_NET_F_HOST_USO BIT64(56)
#define VIRTIO_NET_F_RSS BIT64(60)

/* Device configuration (5.1.4), as far as the offered features reach. */
struct virtio_net_config {
	u8 mac[6];
	u16 status;
	u16 max_virtqueue_pairs; /* only with VIRTIO_NET_F_MQ or _RSS */
	u16 mtu;
};

/* What comes behind it (5.1.4): of VIRTIO_NET_F_RSS, a u8, a u16 and a u32. */
#define VIRTIO_NET_CONFIG_RSS_KEY 17
#define VIRTIO_NET_CONFIG_RSS_TABLE 18
#define VIRTIO_NET_CONFIG_HASH_TYPES 20
#define VIRTIO_NET_HASH_TYPE_UDP4 BIT(2) /* 5.1.6.4.3.1 */

#define VIRTIO_NET_S_LINK_UP BIT(0)
#define VIRTIO_NET_S_ANNOUNCE BIT(1)
#define VIRTIO_NET_MTU_MIN 68 /* 5.1.4.1 */
#define VIRTIO_NET_MTU_MAX 65535

/* In front of each frame (5.1.6). */
struct virtio_net_hdr {
	u8 flags;
	u8 gso_type;
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
	u16 num_buffers;
};

#define VIRTIO_NET_HDR_F_NEEDS_CSUM BIT(0)
#define VIRTIO_NET_HDR_F_DATA_VALID BIT(1)
#define VIRTIO_NET_HDR_GSO_NONE 0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_TCPV6 4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5

STATIC_ASSERT(sizeof(struct virtio_net_config) == 12, "virtio 1.2 5.1.4");
STATIC_ASSERT(offsetof(struct virtio_net_config, mtu) == 10, "virtio 1.2 5.1.4");
STATIC_ASSERT(sizeof(struct virtio_net_hdr) == 12, "virtio 1.2 5.1.6");
STATIC_ASSERT(offsetof(struct virtio_net_hdr, num_buffers) == 10, "virtio 1.2 5.1.6");

/* Command on the control queue (5.1.6.5). */
struct virtio_net_ctrl_hdr {
	u8 class;
	u8 command;
};

STATIC_ASSERT(sizeof(struct virtio_net_ctrl_hdr) == 2, "virtio 1.2 5.1.6.5");

#define VIRTIO_NET_OK 0
#define VIRTIO_NET_ERR 1

#define VIRTIO_NET_CTRL_RX 0 /* 5.1.6.5.1: filters; acknowledged, nothing is filtered */
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_NOBCAST 5 /* the last command of the class */
#define VIRTIO_NET_CTRL_MAC 1 /* 5.1.6.5.2 */
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET 1
#define VIRTIO_NET_CTRL_VLAN 2 /* 5.1.6.5.3 */
#define VIRTIO_NET_CTRL_VLAN_ADD 0
#define VIRTIO_NET_CTRL_VLAN_DEL 1
#define VIRTIO_NET_CTRL_ANNOUNCE 3 /* 5.1.6.5.4 */
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0
#define VIRTIO_NET_CTRL_MQ 4 /* 5.1.6.5.5 */
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0
#define VIRTIO_NET_CTRL_MQ_RSS_CONFIG 1
#define VIRTIO_NET_CTRL_GUEST_OFFLOADS 5 /* 5.1.6.5.8 */
#define VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET 0

/* Queues (5.1.2): pairs, then the control queue. Without VIRTIO_NET_F_MQ and _RSS it
 * is behind the first pair. */
enum virtio_net_queue {
	VIRTIO_NET_RX,
	VIRTIO_NET_TX,
	VIRTIO_NET_CTRL,
	VIRTIO_NET_QUEUES,
};

#endif
