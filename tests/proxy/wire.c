/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's cable: a datagram socket as those of QEMU's -netdev dgram, a frame a
 * datagram; and a capture of what passes, in pcap's format. */
#include "tests/proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BURST 64u
#define BUFFER_BYTES (1 << 20)

struct pcap_head {
	u32 magic;
	u16 major, minor;
	u32 zone, accuracy, snap, linktype;
};

struct pcap_record {
	u32 sec, usec, captured, len;
};

static bool address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (size_t)snprintf(a->sun_path, sizeof(a->sun_path), "%s", path) <
	       sizeof(a->sun_path);
}

static bool open_capture(struct proxy *p)
{
	struct pcap_head h = { 0xa1b2c3d4, 2, 4, 0, 0, p->snap, 1 };

	if (!p->capture)
		return true;
	p->capture_fd = open(p->capture, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	if (p->capture_fd < 0 || write(p->capture_fd, &h, sizeof(h)) != sizeof(h)) {
		proxy_say(p, "%s: %s", p->capture, strerror(errno));
		return false;
	}
	return true;
}

static void capture(struct proxy *p, const void *frame, u32 len)
{
	struct timeval now;
	struct pcap_record r;
	u8 record[sizeof(r) + 65536];

	if (p->capture_fd < 0)
		return;
	gettimeofday(&now, NULL);
	r = (struct pcap_record){ (u32)now.tv_sec, (u32)now.tv_usec, MIN(len, p->snap), len };
	memcpy(record, &r, sizeof(r));
	memcpy(record + sizeof(r), frame, r.captured);
	/* In one piece, so that whoever reads along sees whole records. */
	if (write(p->capture_fd, record, sizeof(r) + r.captured) < 0)
		p->capture_fd = -1;
}

bool proxy_wire_open(struct proxy *p)
{
	int bytes = BUFFER_BYTES;
	struct sockaddr_un a;

	p->wire_fd = p->capture_fd = -1;
	if (!open_capture(p))
		return false;
	if (!p->local)
		return true;
	if (!address(&a, p->local)) {
		proxy_say(p, "%s: too long for a socket's name", p->local);
		return false;
	}
	unlink(p->local);
	p->wire_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(p->wire_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (p->wire_fd < 0 || bind(p->wire_fd, (struct sockaddr *)&a, sizeof(a))) {
		proxy_say(p, "%s: %s", p->local, strerror(errno));
		return false;
	}
	return true;
}

/* False: the other end takes none now, the frame has to wait. Nobody there: lost. */
static bool send_now(struct proxy *p, const void *frame, u32 len)
{
	struct sockaddr_un a;

	address(&a, p->remote);
	if (sendto(p->wire_fd, frame, len, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof(a)) >= 0) {
		p->sent++;
		return true;
	}
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	p->dropped++;
	return true;
}

void proxy_wire_send(void *ctx, const void *frame, u32 len)
{
	struct proxy *p = ctx;
	struct proxy_frame *f;

	capture(p, frame, len);
	if (p->wire_fd < 0 || (!p->queue_count && send_now(p, frame, len)))
		return;
	if (p->queue_count == PROXY_QUEUE) {
		p->dropped++;
		return;
	}
	f = &p->queue[(p->queue_first + p->queue_count++) % PROXY_QUEUE];
	f->len = len;
	f->data = malloc(len);
	memcpy(f->data, frame, len);
}

static void send_waiting(struct proxy *p)
{
	while (p->queue_count) {
		struct proxy_frame *f = &p->queue[p->queue_first];

		if (!send_now(p, f->data, f->len))
			return;
		free(f->data);
		p->queue_first = (p->queue_first + 1) % PROXY_QUEUE;
		p->queue_count--;
	}
}

void proxy_wire_serve(struct proxy *p)
{
	static u8 frame[65536];

	if (p->wire_fd < 0)
		return;
	send_waiting(p);
	for (u32 i = 0; i < BURST && ixgbe_model_rx_ready(&p->model); i++) {
		ssize_t got = recv(p->wire_fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (got <= 0)
			return;
		p->received++;
		capture(p, frame, (u32)got);
		ixgbe_model_rx(&p->model, frame, (u32)got);
	}
}
