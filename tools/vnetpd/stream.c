/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP connections, tcp(7); see stream.h. */
#include "tools/vnetpd/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "tools/vnetpd/link_sock.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/sock.h"
#include "vnet/ledger.h"

#define IOVECS 512u
#define BACKLOG 16
/* A peer that is silent so long with data outstanding is gone, milliseconds. */
#define USER_TIMEOUT_MS 10000
/* An idle connection is probed that often: a NAT forgets it else. */
#define KEEPALIVE_S 15

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

void stream_init(struct stream *s, const struct stream_ops *ops)
{
	*s = (struct stream){ .lf.fd = -1, .ops = ops };
}

static void take_first(struct stream *s)
{
	pkt_put(s->out[s->first]);
	s->first = (s->first + 1) % STREAM_QUEUE;
	s->count--;
}

void stream_close(struct stream *s)
{
	if (s->lf.fd < 0)
		return;
	loop_del(&s->lf);
	close(s->lf.fd);
	s->lf.fd = -1;
	s->up = false;
	while (s->count)
		take_first(s);
	s->sent = 0;
	pkt_put(s->in);
	s->in = NULL;
}

static void fail(struct stream *s)
{
	stream_close(s);
	s->ops->changed(s->ops->ctx, false);
}

/* --- out ---------------------------------------------------------------------------- */

u32 stream_room(const struct stream *s)
{
	return s->up ? STREAM_QUEUE - s->count : 0;
}

void stream_send(struct stream *s, struct pkt **pkts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		s->out[(s->first + s->count++) % STREAM_QUEUE] = pkts[i];
}

/* The pieces of memory that wait, from byte s->sent of the first packet. */
static u32 gather(const struct stream *s, struct iovec *iov)
{
	u32 n = 0, skip = s->sent;

	for (u32 i = 0; i < s->count; i++) {
		const struct pkt *p = s->out[(s->first + i) % STREAM_QUEUE];

		if (n + 1u + p->nseg > IOVECS)
			break;
		iov[n++] = (struct iovec){ .iov_base = p->data, .iov_len = p->head_len };
		for (u32 k = 0; k < p->nseg; k++)
			iov[n++] = (struct iovec){ .iov_base = p->seg[k].addr,
						   .iov_len = p->seg[k].len };
	}
	for (u32 i = 0; skip && i < n; i++) {
		u32 part = MIN(skip, (u32)iov[i].iov_len);

		iov[i].iov_base = (u8 *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		skip -= part;
	}
	return n;
}

static void sent_bytes(struct stream *s, size_t n)
{
	n += s->sent;
	while (s->count && n >= s->out[s->first]->len) {
		n -= s->out[s->first]->len;
		take_first(s);
	}
	s->sent = (u32)n;
}

void stream_settle(struct stream *s)
{
	u32 before = ledger_enter(LEDGER_TX_DOORBELL);
	struct iovec iov[IOVECS];

	while (s->up && s->count) {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = gather(s, iov) };
		ssize_t n = sendmsg(s->lf.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

		loop_syscalls++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			ledger_leave(before);
			fail(s);
			return;
		}
		if (n < 0)
			break;
		sent_bytes(s, (size_t)n);
	}
	ledger_leave(before);
	if (s->up)
		loop_change(&s->lf, s->count ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

/* --- in ----------------------------------------------------------------------------- */

/* Hand on the whole messages in `in`; false: what follows is none. */
static bool take_messages(struct stream *s, struct pkt *in, u32 *taken)
{
	struct pkt *pkts[PKT_BURST];
	u32 n = 0, len;

	for (*taken = 0;; *taken += len) {
		len = s->ops->length(in->data + *taken, in->len - *taken);
		if (!len || len > in->len - *taken)
			break;
		pkts[n] = sock_piece(&node.headers, in, *taken, len, link_sock_transit());
		if (!pkts[n]) {
			sock_counters.rx_no_packet++;
			continue;
		}
		if (++n == PKT_BURST) {
			s->ops->deliver(s->ops->ctx, pkts, n);
			n = 0;
		}
	}
	if (n)
		s->ops->deliver(s->ops->ctx, pkts, n);
	return len != STREAM_BAD;
}

/* What begins a message goes to the front of a buffer that nobody else reads. */
static bool keep_rest(struct stream *s, u32 taken)
{
	struct pkt *old = s->in;
	u32 rest = old->len - taken;

	if (!taken)
		return true;
	s->in = rest ? pkt_get(&node.messages) : NULL;
	if (s->in) {
		memcpy(s->in->data, old->data + taken, rest);
		s->in->head_len = rest;
		s->in->len = rest;
		s->copied += rest;
	}
	pkt_put(old);
	return !rest || s->in;
}

static void receive(struct stream *s)
{
	struct pkt *in;
	u32 taken;
	ssize_t n;
	bool good;

	if (!s->in)
		s->in = pkt_get(&node.messages);
	if (!s->in)
		return;
	loop_syscalls++;
	n = recv(s->lf.fd, s->in->data + s->in->len,
		 s->in->buf_size - PKT_HEADROOM - s->in->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(s);
		return;
	}
	s->in->len += (u32)n;
	s->in->head_len = s->in->len;
	/* What is delivered may be answered on this connection, and end it. */
	in = s->in;
	ledger_enter(LEDGER_RX_DECAP);
	pkt_ref(in);
	good = take_messages(s, in, &taken);
	if (s->in == in && (!good || !keep_rest(s, taken)))
		fail(s);
	pkt_put(in);
}

static void connected(struct stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(s->lf.fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
		fail(s);
		return;
	}
	s->up = true;
	loop_change(&s->lf, LOOP_IN);
	s->ops->changed(s->ops->ctx, true);
}

static void ready(struct loop_fd *f, u32 events)
{
	struct stream *s = container_of(f, struct stream, lf);

	if (!s->up) {
		connected(s);
		return;
	}
	if (events & LOOP_OUT)
		stream_settle(s);
	if (s->up && (events & (LOOP_IN | LOOP_HUP))) {
		u32 before;

		ledger_claim(plat_core(), LEDGER_RX_EXIT);
		before = ledger_enter(LEDGER_RX_RECEIVE);
		receive(s);
		ledger_leave(before);
	}
	node_settle();
}

/* --- life ----------------------------------------------------------------------------- */

static err_t start(struct stream *s, int fd, u32 events)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S);
	s->lf = (struct loop_fd){ .fd = fd, .ready = ready };
	if (!loop_add(&s->lf, events))
		return ERR_OK;
	close(fd);
	s->lf.fd = -1;
	return ERR_IO;
}

err_t stream_dial(struct stream *s, u32 ip, u16 port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_IO;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
		close(fd);
		return ERR_IO;
	}
	return start(s, fd, LOOP_OUT);
}

err_t stream_adopt(struct stream *s, int fd)
{
	err_t err = start(s, fd, LOOP_IN);

	if (!err)
		s->up = true;
	return err;
}

void stream_refuse(int fd)
{
	close(fd);
}

static void listener_ready(struct loop_fd *f, u32 events)
{
	struct stream_listener *l = container_of(f, struct stream_listener, lf);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = accept4(f->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		l->accepted(l, fd, ntohl(from.sin_addr.s_addr), ntohs(from.sin_port));
}

err_t stream_listen(struct stream_listener *l, u16 port, char *why, size_t size)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return ERR_IO;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	l->lf = (struct loop_fd){ .fd = fd, .ready = listener_ready };
	if (!bind(fd, (struct sockaddr *)&here, sizeof(here)) && !listen(fd, BACKLOG) &&
	    !loop_add(&l->lf, LOOP_IN))
		return ERR_OK;
	error = errno;
	fmt_snprintf(why, size, "TCP port %u: %s", port, strerror(error));
	close(fd);
	return error == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

void stream_unlisten(struct stream_listener *l)
{
	loop_del(&l->lf);
	close(l->lf.fd);
}
