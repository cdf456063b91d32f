/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP sockets that take and give packets by the burst: runs of datagrams of
 * one size to one place go to the kernel as one message (UDP_SEGMENT, udp(7)),
 * and come from it as one (UDP_GRO). Nothing is copied here: a message is a
 * list of the packets' own pieces. Knows no overlay.
 */
#ifndef VNETPD_SOCK_H
#define VNETPD_SOCK_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

#define SOCK_PAYLOAD_MAX 65507u /* of an IPv4 datagram */
#define SOCK_SEGMENTS_MAX 64u	/* datagrams a message: UDP_MAX_SEGMENTS of older kernels */
#define SOCK_TTL 64u		/* the kernel's own, unless a packet says otherwise */

/* Why datagrams ended here. */
enum sock_drop {
	SOCK_DROP_TOO_BIG,     /* EMSGSIZE: longer than the path takes now */
	SOCK_DROP_UNREACHABLE, /* no route, no neighbour, not allowed */
	SOCK_DROP_FULL,	       /* the kernel has no room */
	SOCK_DROP_OTHER,
	SOCK_DROP_COUNT,
};
const char *sock_drop_name(enum sock_drop reason);
/* The kernel refused so many for this reason (errno). */
void sock_count_drop(int error, u32 frames);

#define SOCK_LONG 8u

struct sock_counters {
	u64 tx_datagrams, tx_messages, tx_calls;
	u64 rx_datagrams, rx_messages, rx_calls;
	u64 rx_long; /* messages of SOCK_LONG datagrams and more */
	u64 rx_no_packet; /* datagrams for which there was none */
	u64 rx_bad; /* of packet sockets: longer than a frame can be, or unfinished in a way
		     * that nobody here can finish */
	u64 drop[SOCK_DROP_COUNT];
};
extern struct sock_counters sock_counters;

struct sock {
	int fd;
	u16 port; /* local */
	bool df;  /* as the kernel has it */
};

/* A packet, a UDP payload, on its way. Addresses and ports in host byte order. */
struct sock_frame {
	struct pkt *p;
	u32 ip;
	u16 port;
	u8 ttl; /* 0: the kernel's */
	u8 tos;
};

/* Bound to the port (0: any), for sending only when send_only. why gets what the
 * kernel said. ERR_BUSY: the port is taken; ERR_IO. */
err_t sock_open(struct sock *s, u16 port, bool send_only, char *why, size_t size);
void sock_close(struct sock *s);

/* An address of this machine's? */
bool sock_address_is_ours(u32 ip);

/* Datagrams from here on may (not) be fragmented. */
void sock_set_df(struct sock *s, bool df);

/*
 * Send frames in order. Returns how many are done, sent or dropped and
 * counted: their packets are put. The rest has to wait until the socket is
 * writable.
 */
u32 sock_send(struct sock *s, const struct sock_frame *frames, u32 n);

/* Packets for received datagrams. */
struct sock_rx {
	struct pkt_pool *big;	 /* one for each message: SOCK_RX_BUFFER bytes */
	struct pkt_pool *pieces; /* one for each datagram of a longer message */
	bool headroom; /* pieces are to have some: their first bytes are copied */
	/* Consumes the packets; all from ip and port, p->ttl and p->tos are set. */
	void (*deliver)(void *ctx, u32 ip, u16 port, struct pkt **pkts, u32 n);
	void *ctx;
};
#define SOCK_RX_BUFFER (PKT_HEADROOM + 65536u)

/* What is there, in one call of the kernel. Returns how many messages; when it
 * was SOCK_RX_MESSAGES there may be more. */
#define SOCK_RX_MESSAGES 8
u32 sock_recv(struct sock *s, const struct sock_rx *rx);

/*
 * Bytes [off, off + len) of whole as a packet of pool: where they lie, or (headroom)
 * with their first bytes copied behind some. NULL: the pool is empty.
 */
struct pkt *sock_piece(struct pkt_pool *pool, struct pkt *whole, u32 off, u32 len, bool headroom);

/* The MTU of the path to ip, from a socket of its own, see sock_path_open(). 0: not
 * known. */
int sock_path_open(u32 ip, u16 port);
u32 sock_path_mtu(int fd);
/* The address that this machine has on that path. 0: not known. */
u32 sock_path_local(int fd);
void sock_path_close(int fd);

#endif
