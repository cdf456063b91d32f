/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to Caisson nodes over UDP, the client's side of ctl/remote.h. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/remote.h"
#include "hv/base/bytes.h"
#include "tools/vnetctl/ask_priv.h"

#define HOST_MAX 256

void udp_begin(struct ask *a)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_DGRAM };
	const char *colon = strrchr(a->node, ':');
	char host[HOST_MAX], port[8];
	struct addrinfo *found;
	int err;

	snprintf(host, sizeof(host), "%.*s",
		 colon ? (int)(colon - a->node) : (int)strlen(a->node), a->node);
	snprintf(port, sizeof(port), "%u", REMOTE_PORT);
	err = getaddrinfo(host, colon ? colon + 1 : port, &hints, &found);
	if (err) {
		ask_finish(a, ASK_FAILED, gai_strerror(err));
		return;
	}
	a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	a->open = a->fd >= 0;
	if (!a->open || connect(a->fd, found->ai_addr, found->ai_addrlen) ||
	    getrandom(&a->id, sizeof(a->id), 0) != sizeof(a->id))
		ask_finish(a, ASK_FAILED, strerror(errno));
	freeaddrinfo(found);
	a->has_token = false;
	a->put_all = false;
	a->sent_ms = 0;
}

void udp_again(struct ask *a)
{
	a->id++;
	a->put_all = false;
	a->sent_ms = 0;
}

static void say(struct ask *a, enum remote_type type, u32 offset, u32 total, const char *text,
		u32 len, u8 flags)
{
	u8 out[REMOTE_DATAGRAM_MAX];
	struct remote_header h = { .version = REMOTE_VERSION, .type = (u8)type, .flags = flags };

	store_be32(h.magic, REMOTE_MAGIC);
	store_be32(h.id, a->id);
	store_be32(h.offset, offset);
	store_be32(h.total, total);
	store_be16(h.len, (u16)len);
	memcpy(h.token, a->token, sizeof(h.token));
	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), text, len);
	/* Lost ones are said again; a refusal is seen when receiving. */
	(void)!send(a->fd, out, sizeof(h) + len, MSG_NOSIGNAL);
}

/* A batch's marks are for control sockets. */
static u32 request_len(const struct request *r)
{
	return (u32)(r->len - r->head - r->tail);
}

void udp_transmit(struct ask *a, const struct request *r, long now_ms)
{
	u32 total = request_len(r), offset = (u32)a->sent;

	if (a->sent_ms && now_ms - a->sent_ms < UDP_AGAIN_MS)
		return;
	a->sent_ms = now_ms;
	if (!a->has_token)
		say(a, REMOTE_HELLO, 0, 0, "", 0, 0);
	else if (a->put_all)
		say(a, REMOTE_GET, (u32)a->len, 0, "", 0, 0);
	else
		say(a, REMOTE_PUT, offset, total, r->text + r->head + offset,
		    MIN(total - offset, REMOTE_CHUNK), r->head ? REMOTE_F_BATCH : 0);
}

/* What follows the header. false: the node is done, or the datagram is none for us. */
static bool take(struct ask *a, const struct remote_header *h, const char *text, u32 len)
{
	char why[128];
	u32 offset = load_be32(h->offset);

	switch (h->type) {
	case REMOTE_TOKEN:
		memcpy(a->token, h->token, sizeof(a->token));
		a->has_token = true;
		return true;
	case REMOTE_ACK:
		a->sent = offset;
		a->put_all = offset == load_be32(h->total);
		return true;
	case REMOTE_DATA:
		if (offset != a->len || !len)
			return false;
		return !ask_append(a, text, len);
	case REMOTE_FAULT:
		snprintf(why, sizeof(why), "%.*s", (int)len, text);
		ask_finish(a, ASK_FAILED, why);
		return false;
	default:
		return false;
	}
}

void udp_receive(struct ask *a, const struct request *r, long now_ms)
{
	u8 in[REMOTE_DATAGRAM_MAX];
	const struct remote_header *h = (const struct remote_header *)in;
	ssize_t n = recv(a->fd, in, sizeof(in), 0);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			ask_finish(a, ASK_FAILED, strerror(errno));
		return;
	}
	if ((size_t)n < sizeof(*h) || load_be32(h->magic) != REMOTE_MAGIC ||
	    load_be32(h->id) != a->id || load_be16(h->len) != (size_t)n - sizeof(*h))
		return;
	if (take(a, h, (const char *)(h + 1), (u32)((size_t)n - sizeof(*h)))) {
		a->sent_ms = 0; /* the next piece at once */
		udp_transmit(a, r, now_ms);
	}
}
