/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP connections that carry messages: packets go out in order as they are,
 * and what comes in is taken apart where it lies. What a message is, its user
 * knows. Knows no overlay.
 */
#ifndef VNETPD_STREAM_H
#define VNETPD_STREAM_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "tools/vnetpd/loop.h"

#define STREAM_QUEUE 1024 /* packets that wait to be sent */
#define STREAM_BAD UINT32_MAX

struct stream_ops {
	/* The length of the message that begins with these bytes; 0: too few to say;
	 * STREAM_BAD: it is none, and the connection ends. At most SOCK_RX_BUFFER -
	 * PKT_HEADROOM. */
	u32 (*length)(const u8 *data, u32 have);
	/* Whole messages; consumes the packets. */
	void (*deliver)(void *ctx, struct pkt **pkts, u32 n);
	/* It is up, or it ended. Nothing of it is used after that. */
	void (*changed)(void *ctx, bool up);
	void *ctx;
};

struct stream {
	struct loop_fd lf; /* fd -1: there is none */
	const struct stream_ops *ops;
	bool up;	/* else it is being connected */
	u32 first, count; /* of the ring out[] */
	u32 sent;	/* bytes of out[first] */
	struct pkt *in; /* what was read and not taken yet */
	u64 copied;	/* bytes moved because a message had only begun */
	struct pkt *out[STREAM_QUEUE];
};

void stream_init(struct stream *s, const struct stream_ops *ops);
/* Connect; changed() says when it is there. ERR_IO at once, or changed(false). */
err_t stream_dial(struct stream *s, u32 ip, u16 port);
/* Take over a connected descriptor. */
err_t stream_adopt(struct stream *s, int fd);
/* End a descriptor that was to be adopted. */
void stream_refuse(int fd);
/* End it, without changed(). What waits is put. */
void stream_close(struct stream *s);

/* Packets that stream_send() takes. */
u32 stream_room(const struct stream *s);
/* Take n packets over, at most as there is room. stream_settle() sends them. */
void stream_send(struct stream *s, struct pkt **pkts, u32 n);
void stream_settle(struct stream *s);

/* A socket that takes connections. accepted() owns fd; ip and port in host byte order. */
struct stream_listener {
	struct loop_fd lf;
	void (*accepted)(struct stream_listener *l, int fd, u32 ip, u16 port);
};
/* ERR_BUSY: the port is taken; ERR_IO. */
err_t stream_listen(struct stream_listener *l, u16 port, char *why, size_t size);
void stream_unlisten(struct stream_listener *l);

#endif
