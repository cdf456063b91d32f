/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of edges share among themselves. */
#ifndef VNET_EDGE_PRIV_H
#define VNET_EDGE_PRIV_H

#include "vnet/edge.h"

/* --- edge_table.c: which edge a packet is for -------------------------------- */

/* One more user of a port. NULL: see *err. Boot core, as what follows. */
struct edge_local *edge_local_get(u16 port, const struct link_kind *kind, err_t *err);
void edge_local_put(struct edge_local *local);

struct edge_key edge_key_address(const struct edge_local *local, u32 vni, u32 ip);
struct edge_key edge_key_nat(const struct edge_local *local, u32 vni, u32 ip, u16 port);
struct edge_key edge_key_tag(const struct edge_local *local, u32 vni, u32 tag);

/* Any core, between epoch_read_begin() and epoch_read_end(). */
struct edge *edge_table_find(const struct edge_key *key);
void edge_table_add(struct edge *e, const struct edge_key *key);
void edge_table_del(struct edge *e, const struct edge_key *key);

/* One edge more or less (-1) on this port to that address. */
void edge_peer_count(const struct edge_local *local, u32 ip, int more);
/* Is there one? Any core. Now and then wrongly true: good for a reason, no more. */
bool edge_peer_maybe(const struct edge_local *local, u32 ip);

/* --- edge.c ------------------------------------------------------------------ */

/* What its frames meet, after its state or its peer's address changed. */
void edge_apply_state(struct edge *e);

/* --- edge_big.c -------------------------------------------------------------- */

/* p is longer than the edge takes: tell the guest that sent it. p stays the
 * caller's, to be dropped. Its core. */
void edge_too_big(struct vnet_port *port, const struct pkt *p);

/* --- edge_in.c --------------------------------------------------------------- */

/* Inner frames (up to PKT_BURST) that came by e, which may be down. */
void edge_pass_on(struct edge *e, struct pkt **pkts, u32 n);

/* Another edge: is it there, and where? A hello that is heard, on its core. */
void edge_heard(struct edge *e, const struct link_hello *hello);

#endif
