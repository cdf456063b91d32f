/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct links: the overlay's frames as they are on the LAN behind a network
 * device. A link takes what is for its overlay's interfaces and for groups;
 * everything else on the LAN is for Linux and others.
 */
#ifndef VNETPD_LINK_LAN_H
#define VNETPD_LINK_LAN_H

#include "hv/base/err.h"
#include "hv/base/types.h"

struct edge;
struct edge_setup;

#define LINK_LAN_QUEUE 512 /* frames that wait for the end of the turn */

/* As link_sock_add() and link_sock_del(); setup->device says where. */
err_t link_lan_add(struct edge_setup *setup, char *why, size_t size);
err_t link_lan_del(struct edge *e, bool force);

bool link_is_lan(const struct edge *e);
const char *link_lan_device(const struct edge *e);

/* Interfaces or devices may have changed: their addresses are taken, devices that came
 * back are used. */
void link_lan_follow(void);

/* Send what waits. */
void link_lan_settle(void);

#endif
