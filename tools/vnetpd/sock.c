/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening sockets, their options, and sending; see sock.h, udp(7), ip(7). */
#include "tools/vnetpd/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "tools/vnetpd/loop.h"
#include "vnet/ledger.h"

/* What a socket may hold: some milliseconds at full speed. */
#define BUFFER_BYTES (8 * 1024 * 1024)
/* For one call; a message's share stays below UIO_MAXIOV. */
#define IOVECS 1024u
#define MESSAGES 64u

struct sock_counters sock_counters;

static const char *const drop_names[SOCK_DROP_COUNT] = {
	[SOCK_DROP_TOO_BIG] = "too-big",
	[SOCK_DROP_UNREACHABLE] = "unreachable",
	[SOCK_DROP_FULL] = "full",
	[SOCK_DROP_OTHER] = "other",
};

const char *sock_drop_name(enum sock_drop reason)
{
	return (u32)reason < SOCK_DROP_COUNT ? drop_names[reason] : "unknown";
}

/* --- opening ------------------------------------------------------------------ */

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_buffer(int fd, int force, int plain, int bytes)
{
	/* Beyond the system's limit where we may. */
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)))
		set_option(fd, SOL_SOCKET, plain, bytes);
}

/* Nobody is to send to this one: nothing that comes takes memory. */
static void receive_nothing(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &none };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static void set_options(struct sock *s, bool send_only)
{
	set_buffer(s->fd, SO_SNDBUFFORCE, SO_SNDBUF, BUFFER_BYTES);
	s->df = true;
	set_option(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	if (send_only) {
		receive_nothing(s->fd);
		return;
	}
	set_buffer(s->fd, SO_RCVBUFFORCE, SO_RCVBUF, BUFFER_BYTES);
	set_option(s->fd, IPPROTO_IP, IP_RECVTTL, 1);
	set_option(s->fd, IPPROTO_IP, IP_RECVTOS, 1);
	set_option(s->fd, IPPROTO_UDP, UDP_GRO, 1);
}

err_t sock_open(struct sock *s, u16 port, bool send_only, char *why, size_t size)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t len = sizeof(here);
	int error;

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		fmt_snprintf(why, size, "no socket: %s", strerror(errno));
		return ERR_IO;
	}
	set_options(s, send_only);
	if (bind(s->fd, (struct sockaddr *)&here, sizeof(here)) ||
	    getsockname(s->fd, (struct sockaddr *)&here, &len)) {
		error = errno;
		fmt_snprintf(why, size, "UDP port %u: %s", port, strerror(error));
		sock_close(s);
		return error == EADDRINUSE ? ERR_BUSY : ERR_IO;
	}
	s->port = ntohs(here.sin_port);
	return ERR_OK;
}

void sock_close(struct sock *s)
{
	close(s->fd);
	s->fd = -1;
}

bool sock_address_is_ours(u32 ip)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ours = fd >= 0 && !bind(fd, (struct sockaddr *)&here, sizeof(here));

	if (fd >= 0)
		close(fd);
	return ours;
}

void sock_set_df(struct sock *s, bool df)
{
	if (s->df == df)
		return;
	s->df = df;
	loop_syscalls++;
	set_option(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

/* --- the path's MTU ------------------------------------------------------------- */

int sock_path_open(u32 ip, u16 port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	receive_nothing(fd);
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

u32 sock_path_mtu(int fd)
{
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	loop_syscalls++;
	if (fd < 0 || getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len) || mtu < 0)
		return 0;
	return (u32)mtu;
}

u32 sock_path_local(int fd)
{
	struct sockaddr_in local = { 0 };
	socklen_t len = sizeof(local);

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&local, &len))
		return 0;
	return ntohl(local.sin_addr.s_addr);
}

void sock_path_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* --- sending -------------------------------------------------------------------- */

/* The options that a message may carry: TTL, TOS, segment size. */
union control {
	char bytes[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(u16))];
	struct cmsghdr align;
};

/* Messages for one call of the kernel. */
static struct out {
	u32 messages, iovecs;
	struct mmsghdr msg[MESSAGES];
	u32 frames[MESSAGES]; /* how many each holds */
	struct sockaddr_in to[MESSAGES];
	union control control[MESSAGES];
	struct iovec iov[IOVECS];
} out;

static void add_control(struct msghdr *m, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static void add_pieces(const struct pkt *p)
{
	struct iovec *v = &out.iov[out.iovecs];

	*v++ = (struct iovec){ .iov_base = p->data, .iov_len = p->head_len };
	for (u32 i = 0; i < p->nseg; i++)
		*v++ = (struct iovec){ .iov_base = p->seg[i].addr, .iov_len = p->seg[i].len };
	out.iovecs += 1u + p->nseg;
}

static bool same_way(const struct sock_frame *a, const struct sock_frame *b)
{
	return a->ip == b->ip && a->port == b->port && a->ttl == b->ttl && a->tos == b->tos;
}

/* How many frames, from the first, fit into one message: all of one length, of
 * which the last may be shorter. */
static u32 run_length(const struct sock_frame *f, u32 n)
{
	u32 size = f[0].p->len, total = size, iovecs = 1u + f[0].p->nseg, i;

	for (i = 1; i < MIN(n, SOCK_SEGMENTS_MAX); i++) {
		const struct pkt *p = f[i].p;

		if (!same_way(&f[0], &f[i]) || p->len > size || f[i - 1].p->len != size ||
		    total + p->len > SOCK_PAYLOAD_MAX ||
		    out.iovecs + iovecs + 1u + p->nseg > IOVECS)
			break;
		total += p->len;
		iovecs += 1u + p->nseg;
	}
	return i;
}

static void add_message(const struct sock_frame *f, u32 n)
{
	u32 k = out.messages++;
	struct msghdr *m = &out.msg[k].msg_hdr;
	u16 size = (u16)f[0].p->len;
	int ttl = f[0].ttl, tos = f[0].tos;

	out.frames[k] = n;
	out.to[k] = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(f[0].port),
		.sin_addr.s_addr = htonl(f[0].ip),
	};
	*m = (struct msghdr){
		.msg_name = &out.to[k],
		.msg_namelen = sizeof(out.to[k]),
		.msg_iov = &out.iov[out.iovecs],
		.msg_control = &out.control[k],
	};
	for (u32 i = 0; i < n; i++)
		add_pieces(f[i].p);
	m->msg_iovlen = (size_t)(&out.iov[out.iovecs] - m->msg_iov);
	if (ttl)
		add_control(m, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	if (tos)
		add_control(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (n > 1)
		add_control(m, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
}

/* Messages of as many of the frames as one call takes; returns how many. */
static u32 gather(const struct sock_frame *frames, u32 n, bool single)
{
	u32 done = 0;

	out.messages = 0;
	out.iovecs = 0;
	while (done < n && out.messages < MESSAGES &&
	       out.iovecs + 1u + frames[done].p->nseg <= IOVECS) {
		u32 run = single ? 1 : run_length(frames + done, n - done);

		add_message(frames + done, run);
		done += run;
	}
	return done;
}

void sock_count_drop(int error, u32 frames)
{
	enum sock_drop why = SOCK_DROP_OTHER;

	if (error == EMSGSIZE)
		why = SOCK_DROP_TOO_BIG;
	else if (error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN ||
		 error == ENXIO || error == ENODEV || error == EPERM || error == EACCES)
		why = SOCK_DROP_UNREACHABLE;
	else if (error == ENOBUFS || error == ENOMEM)
		why = SOCK_DROP_FULL;
	sock_counters.drop[why] += frames;
}

static void say_refused(int error)
{
	char to[FMT_IP4_LEN];

	LOG_LIMITED(LOG_WARN, "socket", "the kernel takes no datagram to %s: %s%s",
		    fmt_ip4(to, ntohl(out.to[0].sin_addr.s_addr)), strerror(error),
		    error == EPERM ? " (a firewall of this machine?)" : "");
}

/* The first message cannot go. Frames it takes with it; 0: it goes piece by piece,
 * as a device without checksums wants it. */
static u32 refused(int error, bool *single)
{
	if (out.frames[0] > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
		*single = true;
		return 0;
	}
	if (error != EMSGSIZE)
		say_refused(error);
	sock_count_drop(error, out.frames[0]);
	return out.frames[0];
}

u32 sock_send(struct sock *s, const struct sock_frame *frames, u32 n)
{
	u32 done = 0, before = ledger_enter(LEDGER_TX_DOORBELL);
	bool single = false;

	while (done < n) {
		u32 ended = 0;
		int sent;

		gather(frames + done, n - done, single);
		loop_syscalls++;
		sock_counters.tx_calls++;
		sent = sendmmsg(s->fd, out.msg, out.messages, 0);
		if (sent < 0 && errno == EAGAIN)
			break;
		/* ECONNREFUSED tells about an earlier one: this one is not sent yet. */
		if (sent < 0 && errno != EINTR && errno != ECONNREFUSED)
			ended = refused(errno, &single);
		for (int i = 0; i < sent; i++) {
			ended += out.frames[i];
			sock_counters.tx_messages++;
			sock_counters.tx_datagrams += out.frames[i];
		}
		for (u32 i = 0; i < ended; i++)
			pkt_put(frames[done + i].p);
		done += ended;
	}
	ledger_leave(before);
	return done;
}
