/* SPDX-License-Identifier: BSD-2-Clause */
/* A direct link: the LAN behind the uplink as an edge of the overlay. At most
 * one an uplink. Boot core, which owns the NIC. */
#ifndef HV_LINK_LAN_H
#define HV_LINK_LAN_H

#include "hv/uplink.h"
#include "vnet/edge.h"

/* Fill in the sender of a LINK_IS_LAN setup. ERR_EXIST: there is such a link;
 * ERR_NOTSUP: the NIC takes no frames for other addresses. */
err_t link_lan_prepare(struct edge_setup *setup, struct uplink *up);

/* The edge made from it is there (NULL: it goes, frames stop coming). */
void link_lan_use(struct uplink *up, struct edge *e);

/* Received frames: takes what is the link's. Returns how many are left. */
u32 link_lan_input(struct uplink *up, struct pkt **pkts, u32 n);

#endif
