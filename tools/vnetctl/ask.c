/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to nodes: over Unix sockets (unix(7)) here, over UDP in ask_udp.c. */
#include "tools/vnetctl/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tools/vnetctl/ask_priv.h"

#define OUTPUT_MAX (64u * 1024 * 1024)
#define CHUNK 65536u
/* Of vnetpd(8): a batch stands between these lines, an answer ends with one like them. */
#define BATCH_BEGIN "= batch\n"
#define BATCH_END "= end\n"
#define STATUS "= "
#define STATUS_OK "ok"
#define STATUS_ERROR "error "

static struct request make(const char *before, const char *text, size_t len, const char *after)
{
	size_t a = strlen(before), b = strlen(after);
	char *all = malloc(a + len + b + 1);

	if (all) {
		memcpy(all, before, a);
		memcpy(all + a, text, len);
		memcpy(all + a + len, after, b + 1);
	}
	return (struct request){ .text = all, .len = a + len + b, .head = a, .tail = a ? b : 0 };
}

struct request request_statement(const char *statement)
{
	return make("", statement, strlen(statement), "\n");
}

struct request request_batch(const char *lines, size_t len)
{
	bool open_end = len && lines[len - 1] != '\n';

	return make(BATCH_BEGIN, lines, len, open_end ? "\n" BATCH_END : BATCH_END);
}

void request_free(struct request *r)
{
	free((char *)(uintptr_t)r->text);
	*r = (struct request){ 0 };
}

static void leave(struct ask *a)
{
	if (a->open)
		close(a->fd);
	a->open = false;
	a->fd = -1;
}

void ask_finish(struct ask *a, enum ask_status status, const char *why)
{
	if (!a->stay || status == ASK_FAILED)
		leave(a);
	a->done = true;
	a->status = status;
	snprintf(a->error, sizeof(a->error), "%s", why);
}

static void begin(struct ask *a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	a->done = false;
	a->sent = 0;
	a->len = 0;
	if (a->open && a->udp) {
		udp_again(a);
		return;
	}
	leave(a);
	a->udp = !strchr(a->node, '/');
	if (a->udp) {
		udp_begin(a);
		return;
	}
	if (strlen(a->node) >= sizeof(to.sun_path)) {
		ask_finish(a, ASK_FAILED, "longer than a socket's path may be");
		return;
	}
	memcpy(to.sun_path, a->node, strlen(a->node) + 1);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	a->open = a->fd >= 0;
	if (!a->open || connect(a->fd, (struct sockaddr *)&to, sizeof(to)))
		ask_finish(a, ASK_FAILED, strerror(errno));
}

/* --- answers ----------------------------------------------------------------------- */

/* The last line, once it is whole and a status; what stands before is the output. */
static bool take_status(struct ask *a)
{
	char *line, *end;

	if (!a->len || a->output[a->len - 1] != '\n')
		return false;
	end = a->output + a->len - 1;
	line = memrchr(a->output, '\n', (size_t)(end - a->output));
	line = line ? line + 1 : a->output;
	if ((size_t)(end - line) < strlen(STATUS) || memcmp(line, STATUS, strlen(STATUS)) != 0)
		return false;
	*end = '\0';
	line += strlen(STATUS);
	if (!strcmp(line, STATUS_OK))
		ask_finish(a, ASK_OK, "");
	else if (!strncmp(line, STATUS_ERROR, strlen(STATUS_ERROR)))
		ask_finish(a, ASK_REFUSED, line + strlen(STATUS_ERROR));
	else
		ask_finish(a, ASK_FAILED, "its answer makes no sense");
	a->len = (size_t)(line - strlen(STATUS) - a->output);
	a->output[a->len] = '\0';
	return true;
}

bool ask_append(struct ask *a, const char *text, size_t len)
{
	if (a->len + len >= a->size) {
		size_t size = 2 * a->size + len + CHUNK;
		char *more = a->size < OUTPUT_MAX ? realloc(a->output, size) : NULL;

		if (!more) {
			ask_finish(a, ASK_FAILED, "the answer is too long");
			return true;
		}
		a->output = more;
		a->size = size;
	}
	memcpy(a->output + a->len, text, len);
	a->len += len;
	return take_status(a);
}

static void receive(struct ask *a)
{
	char text[CHUNK];
	ssize_t n;

	do {
		n = recv(a->fd, text, sizeof(text), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			ask_finish(a, ASK_FAILED,
				   n ? strerror(errno) : "it closed the connection");
			return;
		}
	} while (!ask_append(a, text, (size_t)n));
}

static void transmit(struct ask *a, const struct request *r)
{
	ssize_t n = send(a->fd, r->text + a->sent, r->len - a->sent, MSG_NOSIGNAL);

	if (n >= 0)
		a->sent += (size_t)n;
	/* A node that closed may have said why: that is read first. */
	else if (errno != EAGAIN && errno != EINTR)
		a->sent = r->len;
}

/* --- all of them ---------------------------------------------------------------------- */

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static u32 fill_polls(struct pollfd *p, struct ask *a, u32 count, const struct request *r)
{
	u32 open = 0;

	for (u32 i = 0; i < count; i++) {
		p[i] = (struct pollfd){ .fd = a[i].fd, .events = POLLIN };
		if (a[i].done)
			continue;
		open++;
		if (!a[i].udp && a[i].sent < r->len)
			p[i].events |= POLLOUT;
		if (a[i].udp)
			udp_transmit(&a[i], r, now_ms());
	}
	return open;
}

static void serve(struct ask *a, const struct request *r, short events)
{
	if (a->done)
		return;
	if (events & POLLOUT)
		transmit(a, r);
	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	if (a->udp)
		udp_receive(a, r, now_ms());
	else
		receive(a);
}

void ask_all(struct ask *a, u32 count, const struct request *r, u32 timeout_ms)
{
	struct pollfd *p = calloc(count, sizeof(*p));
	long deadline = now_ms() + timeout_ms, left;

	for (u32 i = 0; i < count; i++)
		begin(&a[i]);
	while (p && r->text && fill_polls(p, a, count, r) && (left = deadline - now_ms()) > 0) {
		if (poll(p, count, (int)MIN(left, UDP_AGAIN_MS)) <= 0)
			continue;
		for (u32 i = 0; i < count; i++)
			serve(&a[i], r, p[i].revents);
	}
	for (u32 i = 0; i < count; i++)
		if (!a[i].done)
			ask_finish(&a[i], ASK_FAILED,
				   p && r->text ? "no answer in time" : "no memory");
	free(p);
}

void ask_free(struct ask *a)
{
	leave(a);
	free(a->output);
	a->output = NULL;
	a->size = 0;
}
