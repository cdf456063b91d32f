/* SPDX-License-Identifier: BSD-2-Clause */
/* Links over the uplinks: edges of the overlay bound to their UDP stacks. Boot core
 * only. */
#ifndef HV_LINK_NET_H
#define HV_LINK_NET_H

#include "vnet/edge.h"

/* Create the edge; fills in setup->tx, ->pool and, without net_told, ->net. Errors as
 * edge_create(), udp_bind() and link_lan_prepare(); ERR_NOENT: the uplink is not in use. */
err_t link_net_add(struct edge_setup *setup);

/* ERR_BUSY while routes name it, unless force. */
err_t link_net_del(struct edge *e, bool force);

#endif
