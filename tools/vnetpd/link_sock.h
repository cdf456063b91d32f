/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What carries the overlay's links here: the kernel's UDP sockets. One socket
 * for each local port receives for all links of that port. Where the source
 * port is to tell flows apart, a small set of sockets sends, each from a port
 * of its own: as many ways through the network as there are sockets.
 */
#ifndef VNETPD_LINK_SOCK_H
#define VNETPD_LINK_SOCK_H

#include "hv/base/err.h"
#include "hv/base/types.h"

struct edge;
struct edge_setup;
struct vnet_port;

/* Ports in the range of RFC 8926 section 3.3 that flows are spread over. */
#define LINK_SOCK_WAYS 8
#define LINK_SOCK_PORTS_MAX 32 /* local ports that links receive on */
#define LINK_SOCK_QUEUE 1024   /* packets that wait for the end of the turn */

/* Create the edge; fills in setup->tx and ->pool. Errors as edge_create(), ERR_BUSY when
 * the port is taken, ERR_IO, with the reason in why. */
err_t link_sock_add(struct edge_setup *setup, char *why, size_t size);
/* ERR_BUSY while routes name it, unless force. */
err_t link_sock_del(struct edge *e, bool force);

/* Send what waits, as far as the kernel takes it. */
void link_sock_settle(void);

/* Frames may go from link to link, so that received ones need head room: after each
 * change of routes. */
void link_sock_set_transit(bool transit);
bool link_sock_transit(void);

/* The MTU of an interface that has none of its own: what the links that its routes lead
 * to carry unfragmented. */
u32 link_sock_guest_mtu(const struct vnet_port *interface);

/* How many of the longest frames go to a socket as one message. */
u32 link_sock_segments(void);

/* Packets that wait, for show stats. */
u32 link_sock_waiting(void);

#endif
