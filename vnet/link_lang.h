/* SPDX-License-Identifier: BSD-2-Clause */
/* `link add` to what an edge is made from, and back. Pure. */
#ifndef VNET_LINK_LANG_H
#define VNET_LINK_LANG_H

#include "vnet/edge.h"
#include "vnet/lang.h"

#define LINK_LANG_MAX 256

/*
 * What a statement `link add` says: all of *out but the sender, the pool, the owner
 * core and, without net_told, the network. out->name lives as long as the statement. On an error
 * (ERR_INVAL, ERR_NOENT, ERR_NOTSUP) why (size bytes) says what is wrong, and *key names
 * the key that is, or is NULL.
 */
err_t link_lang_read(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
		     char *why, size_t size);

/* The statement that makes such an edge, without a newline; state down is the
 * edge's own, not the setup's. Returns buf (LINK_LANG_MAX bytes). */
const char *link_lang_write(const struct edge *e, char *buf);

#endif
