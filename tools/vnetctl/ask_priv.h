/* SPDX-License-Identifier: BSD-2-Clause */
/* Between ask.c and the ways to reach a node. */
#ifndef VNETCTL_ASK_PRIV_H
#define VNETCTL_ASK_PRIV_H

#include "tools/vnetctl/ask.h"

/* It is over for this node. */
void ask_finish(struct ask *a, enum ask_status status, const char *why);
/* More of the answer came; true: it is whole, and the node done. */
bool ask_append(struct ask *a, const char *text, size_t len);

/* A node by UDP: a socket to it, another request by that, what is due to be said, and
 * what it says. */
void udp_begin(struct ask *a);
void udp_again(struct ask *a);
void udp_transmit(struct ask *a, const struct request *r, long now_ms);
void udp_receive(struct ask *a, const struct request *r, long now_ms);

#define UDP_AGAIN_MS 200 /* what is not answered is said again */

#endif
