/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links over TCP: a stream of frames, each behind VNET/U's header, for where
 * nothing but TCP passes. Both ends listen and both dial; each sends on the
 * connection that it dialled, or on the other's when it reaches nobody. With a
 * tag the peer may be anywhere, and then only that dials: from behind a NAT.
 */
#ifndef VNETPD_LINK_TCP_H
#define VNETPD_LINK_TCP_H

#include "hv/base/err.h"
#include "hv/base/types.h"

struct edge;
struct edge_setup;
struct lang_stmt;

/* As link_lang_read() for a statement of that kind. */
err_t link_tcp_read(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
		    char *why, size_t size);

/* As link_sock_add() and link_sock_del(). */
err_t link_tcp_add(struct edge_setup *setup, char *why, size_t size);
err_t link_tcp_del(struct edge *e, bool force);

bool link_is_tcp(const struct edge *e);

/* Send what waits. */
void link_tcp_settle(void);

#endif
