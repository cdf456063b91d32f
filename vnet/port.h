/* SPDX-License-Identifier: BSD-2-Clause */
/* The port registry as the rest of vnet/ sees it; the public part is vnet.h. */
#ifndef VNET_PORT_H
#define VNET_PORT_H

#include "vnet/vnet.h"

/* An overlay id is a VNI: 24 bits (RFC 7348 section 5, RFC 8926 section 3.4). */
#define VNET_OVERLAY_MAX 0xffffffu

/*
 * The port with this id, also while it is being deleted, so that frames on the
 * way to it can be accounted for. Never NULL for an id that a frame or a
 * verdict names between epoch_read_begin() and epoch_read_end().
 */
struct vnet_port *vnet_port_slot(u16 id);

/* Count n frames that are dropped; a core of the port. */
void vnet_port_drop_count(struct vnet_port *port, enum vnet_drop reason, u64 n);

/* Boot core. Add the counters of all ports, also of those that are gone. */
void vnet_port_sum(struct vnet_counters *sum);

/* Boot core. Forget everything: no port is left, or the process ends. */
void vnet_port_fini(void);

/* Is the MAC (mac_load()) the interface's own, or one of its further ones? */
bool vnet_port_has_mac(const struct vnet_port *port, u64 mac);
/* May it send from that MAC? */
bool vnet_port_may_send_from(const struct vnet_port *port, u64 mac);

#endif
