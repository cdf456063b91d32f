/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header that Linux puts in front of frames whose checksum or cutting into
 * segments is still to be done: virtio's (virtio 1.2 section 5.1.6), on TAP
 * devices (tuntap.rst) and packet sockets (PACKET_VNET_HDR, packet(7)) alike.
 */
#ifndef VNETPD_VNETHDR_H
#define VNETPD_VNETHDR_H

#include <linux/virtio_net.h>

#include "hv/base/pkt.h"

/* What its sender left to do goes into p's offload fields; the core checks it. False: it is
 * something that the core does not do. */
bool vnethdr_take(struct pkt *p, const struct virtio_net_hdr *h);

/* What is left to do of p. */
struct virtio_net_hdr vnethdr_of(const struct pkt *p);

#endif
