/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of edges share among themselves. */
#ifndef VNET_EDGE_PRIV_H
#define VNET_EDGE_PRIV_H

#include "vnet/edge.h"

/* --- edge_table.c: which edge a packet is for -------------------------------- */

/* One more user of a network's port. NULL: see *err. Boot core, as what follows. */
struct edge_local *edge_local_get(u32 net, u16 port, const struct link_kind *kind, err_t *err);
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

/* --- edge_lane.c ------------------------------------------------------------- */

struct vnet_port *edge_lane_of(struct edge *e, unsigned core);

/* Their end, with the edge's. */
void edge_free_lanes(struct edge *e);

/* The port of the edge that this core receives by; NULL: it does not, or not yet. */
static inline struct vnet_port *edge_port(struct edge *e, unsigned core)
{
	if (__atomic_load_n(&e->lanes, __ATOMIC_ACQUIRE))
		return edge_lane_of(e, core);
	return e->port.core == core ? &e->port : NULL;
}

/* --- edge_path.c ------------------------------------------------------------- */

/* What the path carries now, and what that leaves to the guests. Its core. */
void edge_learn_mtu(struct edge *e);

/* With a keep-alive, on its core: put what is to be said of the peer's probes into
 * the hello; take what a hello of len bytes (of UDP payload) says of ours, and is
 * itself; say hello once more as a probe, when one is due. */
void edge_path_answer(const struct edge *e, struct link_hello *hello, u64 now_ns);
void edge_path_heard(struct edge *e, const struct link_hello *hello, u32 len, u64 now_ns);
void edge_path_tick(struct edge *e, const struct link_hello *hello, u64 now_ns);

/* --- edge_in.c --------------------------------------------------------------- */

/* Inner frames (up to PKT_BURST) that came by e, which may be down. */
void edge_pass_on(struct edge *e, struct pkt **pkts, u32 n);

/* A hello that is heard, of len bytes of UDP payload; one to be sent, consumed. On
 * its core. */
void edge_heard(struct edge *e, const struct link_hello *hello, u32 len);
void edge_send_hello(struct edge *e, struct pkt *p);

#endif
