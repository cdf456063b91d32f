/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving, see sock.h. A message with several datagrams is taken apart where
 * it lies: each becomes a packet whose buffer is its part of the message's.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/sock.h"
#include "vnet/ledger.h"

#define CONTROL_BYTES 128u

static struct {
	struct mmsghdr msg[SOCK_RX_MESSAGES];
	struct iovec iov[SOCK_RX_MESSAGES];
	struct sockaddr_in from[SOCK_RX_MESSAGES];
	struct pkt *pkt[SOCK_RX_MESSAGES];
	char control[SOCK_RX_MESSAGES][CONTROL_BYTES] ALIGNED(8);
} in;

/* What the kernel says about a message. */
struct about {
	u32 size; /* of each datagram but the last; 0: there is one */
	u8 ttl, tos;
};

static struct about read_control(struct msghdr *m)
{
	struct about a = { .ttl = SOCK_TTL };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int value;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			a.tos = *CMSG_DATA(c);
			continue;
		}
		memcpy(&value, CMSG_DATA(c), sizeof(value));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			a.ttl = (u8)value;
		else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			a.size = (u32)value;
	}
	return a;
}

/* A packet that borrowed its buffer gets its own back, before its pool does. */
static void return_buffer(struct pkt *p)
{
	p->buf = p->done_ctx;
	p->buf_size = p->pool->buf_size;
}

struct pkt *sock_piece(struct pkt_pool *pool, struct pkt *whole, u32 off, u32 len, bool headroom)
{
	struct pkt *p;

	if (headroom) {
		p = pkt_slice(pool, whole, off, len);
		if (p)
			pkt_pullup(p, MIN(len, (u32)PKT_HEADER_COPY));
		return p;
	}
	p = pkt_get(pool);
	if (!p)
		return NULL;
	pkt_ref(whole);
	p->parent = whole;
	p->ties |= PKT_TIE_PARENT;
	pkt_set_done(p, return_buffer, p->buf, 0);
	p->buf = whole->data + off;
	p->buf_size = len;
	p->data = p->buf;
	p->head_len = len;
	p->len = len;
	return p;
}

static void deliver_pieces(const struct sock_rx *rx, struct pkt *whole, const struct about *a,
			   u32 ip, u16 port)
{
	struct pkt *pkts[PKT_BURST];
	u32 n = 0;

	for (u32 off = 0; off < whole->len; off += a->size) {
		struct pkt *p = sock_piece(rx->pieces, whole, off,
					   MIN(a->size, whole->len - off), rx->headroom);

		sock_counters.rx_datagrams++;
		if (!p) {
			sock_counters.rx_no_packet++;
			continue;
		}
		p->ttl = a->ttl;
		p->tos = a->tos;
		pkts[n++] = p;
		if (n < PKT_BURST)
			continue;
		rx->deliver(rx->ctx, ip, port, pkts, n);
		n = 0;
	}
	if (n)
		rx->deliver(rx->ctx, ip, port, pkts, n);
	pkt_put(whole);
}

static void deliver_message(const struct sock_rx *rx, u32 i)
{
	struct about a = read_control(&in.msg[i].msg_hdr);
	u32 ip = ntohl(in.from[i].sin_addr.s_addr);
	u16 port = ntohs(in.from[i].sin_port);
	struct pkt *p = in.pkt[i];

	in.pkt[i] = NULL;
	sock_counters.rx_messages++;
	p->head_len = in.msg[i].msg_len;
	p->len = p->head_len;
	if (a.size && a.size < p->len) {
		sock_counters.rx_long += p->len >= SOCK_LONG * a.size;
		deliver_pieces(rx, p, &a, ip, port);
		return;
	}
	sock_counters.rx_datagrams++;
	p->ttl = a.ttl;
	p->tos = a.tos;
	rx->deliver(rx->ctx, ip, port, &p, 1);
}

/* Packets to receive into; they stay here until they are used. */
static u32 prepare(const struct sock_rx *rx)
{
	for (u32 i = 0; i < SOCK_RX_MESSAGES; i++) {
		if (!in.pkt[i])
			in.pkt[i] = pkt_get(rx->big);
		if (!in.pkt[i])
			return i;
		in.iov[i] = (struct iovec){
			.iov_base = in.pkt[i]->data,
			.iov_len = in.pkt[i]->buf_size - PKT_HEADROOM,
		};
		in.msg[i].msg_hdr = (struct msghdr){
			.msg_name = &in.from[i],
			.msg_namelen = sizeof(in.from[i]),
			.msg_iov = &in.iov[i],
			.msg_iovlen = 1,
			.msg_control = in.control[i],
			.msg_controllen = CONTROL_BYTES,
		};
	}
	return SOCK_RX_MESSAGES;
}

u32 sock_recv(struct sock *s, const struct sock_rx *rx)
{
	u32 room = prepare(rx), before;
	int n;

	if (!room)
		return 0;
	ledger_claim(plat_core(), LEDGER_RX_EXIT);
	before = ledger_enter(LEDGER_RX_RECEIVE);
	loop_syscalls++;
	sock_counters.rx_calls++;
	n = recvmmsg(s->fd, in.msg, room, MSG_DONTWAIT, NULL);
	ledger_enter(LEDGER_RX_DECAP);
	for (int i = 0; i < n; i++)
		deliver_message(rx, (u32)i);
	ledger_leave(before);
	return n > 0 ? (u32)n : 0;
}
