/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of links over TCP share among themselves. */
#ifndef VNETPD_LINK_TCP_PRIV_H
#define VNETPD_LINK_TCP_PRIV_H

#include "tools/vnetpd/stream.h"
#include "vnet/edge.h"

struct tcp_link {
	struct tcp_link *next;
	struct edge *edge;
	struct tcp_port *port;
	struct stream_ops dialled_ops;
	struct stream dialled;
	struct tcp_conn *accepted; /* NULL: none */
	struct loop_timer retry;
	u64 retry_ns;
};

/* --- link_tcp.c: links, and the connections that they dial ----------------------- */

/* All links. */
struct tcp_link *link_tcp_first(void);
void link_tcp_say(const struct tcp_link *l, const char *what);

/* --- link_tcp_in.c: connections that others dial ---------------------------------- */

/* Take connections at that port, for one more link. NULL: with the reason in why. */
struct tcp_port *tcp_port_get(u16 number, char *why, size_t size);
void tcp_port_put(struct tcp_port *port);

/* The link's connection that its peer dialled; NULL: none. */
struct stream *tcp_accepted(const struct tcp_link *l);
/* End it. */
void tcp_accepted_close(struct tcp_link *l);
/* Free what has ended. Not from within a connection's callbacks. */
void tcp_accepted_reap(void);

/* --- link_tcp_wire.c: the format ---------------------------------------------------- */

extern const struct link_kind link_tcp;
#define TCP_LINK_PORT 9000

/* For struct stream_ops. */
u32 tcp_wire_length(const u8 *data, u32 have);
/* Make the empty packet p the message that shows a tag; read one. 0: it is none. */
void tcp_wire_make_tag(struct pkt *p, u32 tag);
u32 tcp_wire_tag(const struct pkt *p);

#endif
