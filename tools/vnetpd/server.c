/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket, unix(7); see server.h. */
#include "tools/vnetpd/server.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/batch.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"

#define BACKLOG 64
/* Statements of one client in a turn: frames come in between. */
#define LINES_A_TURN 64

#define BATCH_MAX (4u * 1024 * 1024) /* bytes */
#define BATCH_BEGIN "= batch"
#define BATCH_END "= end"

struct client {
	struct loop_fd lf;
	bool used;
	bool closing; /* no more is read; what waits is still written */
	bool failed;  /* too much waits, or no memory */
	bool more;    /* lines are left for the next turn */
	bool in_batch;
	u32 have;
	char line[LANG_LINE_MAX + 1];
	char *answer;
	size_t len, sent, size;
	char *batch; /* BATCH_MAX bytes, from its beginning to its end */
	size_t batch_len;
	bool waits; /* its batch is being carried out */
};

/* The batch that is being carried out, some lines in each round of the loop. */
static struct {
	struct batch *batch; /* NULL: none */
	char *text;
	struct client *client; /* who is told; NULL: it is gone */
	struct loop_timer timer;
} job;

static struct loop_fd listener = { .fd = -1 };
static struct client clients[SERVER_CLIENTS];
static struct sockaddr_un address;

static void drop_client(struct client *c)
{
	if (job.client == c)
		job.client = NULL;
	loop_del(&c->lf);
	close(c->lf.fd);
	free(c->answer);
	free(c->batch);
	*c = (struct client){ 0 };
}

/* --- answering ----------------------------------------------------------------------- */

static void answer_write(void *ctx, const char *text, size_t len)
{
	struct client *c = ctx;

	if (c->failed)
		return;
	if (c->len + len > c->size) {
		size_t size = MAX(2 * c->size, ALIGN_UP(c->len + len, (size_t)4096));
		char *more = size <= SERVER_ANSWER_MAX ? realloc(c->answer, size) : NULL;

		c->failed = !more;
		if (!more)
			return;
		c->answer = more;
		c->size = size;
	}
	memcpy(c->answer + c->len, text, len);
	c->len += len;
}

/* false: the client is gone. */
static bool answer_send(struct client *c)
{
	while (c->sent < c->len) {
		ssize_t n = send(c->lf.fd, c->answer + c->sent, c->len - c->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			drop_client(c);
			return false;
		}
		c->sent += (size_t)n;
	}
	if (c->sent == c->len) {
		c->sent = 0;
		c->len = 0;
	}
	if (c->failed || (c->closing && !c->len)) {
		if (c->failed)
			log_warn("control", "a client does not read its answers: cut off");
		drop_client(c);
		return false;
	}
	/* Whoever has answers to fetch, or to wait for, asks nothing new meanwhile. */
	loop_change(&c->lf, c->len || (c->more && !c->waits) ? LOOP_OUT : c->waits ? 0 : LOOP_IN);
	return true;
}

static void say_end(struct client *c, err_t err, const char *message)
{
	const struct out out = { .write = answer_write, .ctx = c };

	if (err)
		out_printf(&out, "= error %s\n", message);
	else
		out_printf(&out, "= ok\n");
}

static void one_statement(struct client *c, const char *line, size_t len)
{
	static const struct lang_source src = { .file = "control", .terminal = true };
	const struct out out = { .write = answer_write, .ctx = c };
	char message[LANG_MESSAGE_MAX] = "";

	say_end(c, ctl_line(&src, line, len, &out, message), message);
}

/* False: there is more to do. */
static bool batch_goes_on(void)
{
	char message[LANG_MESSAGE_MAX];
	struct client *c = job.client;
	err_t err;

	if (!batch_turn(job.batch, &err, message))
		return false;
	free(job.text);
	job.batch = NULL;
	job.text = NULL;
	job.client = NULL;
	if (c) {
		c->waits = false;
		say_end(c, err, message);
	}
	return true;
}

static void batch_due(struct loop_timer *t, u64 now_ns)
{
	struct client *c = job.client;

	if (!batch_goes_on())
		loop_timer_set(t, now_ns + 1);
	else if (c)
		answer_send(c);
}

/* Short ones are done at once. The text is the job's from here on. */
static void start_batch(struct client *c)
{
	char message[LANG_MESSAGE_MAX];
	struct batch *b = batch_begin(c->batch, c->batch_len, message);

	if (!b) {
		say_end(c, ERR_BUSY, message);
		return;
	}
	job.batch = b;
	job.text = c->batch;
	job.client = c;
	c->batch = NULL;
	c->waits = true;
	if (batch_goes_on())
		return;
	job.timer.due = batch_due;
	loop_timer_set(&job.timer, plat_now_ns());
}

static void batch_line(struct client *c, const char *line, size_t len)
{
	const struct out out = { .write = answer_write, .ctx = c };

	if (len != strlen(BATCH_END) || memcmp(line, BATCH_END, len) != 0) {
		/* Too long is said at the end, where the answer is due. */
		c->batch_len += len + 1;
		if (c->batch_len <= BATCH_MAX) {
			memcpy(c->batch + c->batch_len - len - 1, line, len);
			c->batch[c->batch_len - 1] = '\n';
		}
		return;
	}
	if (c->batch_len > BATCH_MAX)
		out_printf(&out, "= error a batch has at most %u bytes\n", BATCH_MAX);
	else
		start_batch(c);
	free(c->batch);
	c->batch = NULL;
	c->in_batch = false;
}

static void begin_batch(struct client *c)
{
	c->batch = malloc(BATCH_MAX);
	c->batch_len = 0;
	c->in_batch = c->batch != NULL;
	c->failed |= !c->batch;
}

static void one_line(struct client *c, const char *line, size_t len)
{
	if (c->in_batch)
		batch_line(c, line, len);
	else if (len == strlen(BATCH_BEGIN) && !memcmp(line, BATCH_BEGIN, len))
		begin_batch(c);
	else
		one_statement(c, line, len);
}

static void take_lines(struct client *c)
{
	const struct out out = { .write = answer_write, .ctx = c };
	char *line = c->line, *end = NULL;

	c->more = false;
	for (u32 i = 0; i < LINES_A_TURN && !c->len && !c->waits; i++) {
		end = memchr(line, '\n', (size_t)(c->line + c->have - line));
		if (!end)
			break;
		one_line(c, line, (size_t)(end - line));
		line = end + 1;
	}
	c->have -= (u32)(line - c->line);
	memmove(c->line, line, c->have);
	c->more = memchr(c->line, '\n', c->have) != NULL;
	if (c->have == sizeof(c->line) && !c->more) {
		out_printf(&out, "= error a line has at most %d bytes\n", LANG_LINE_MAX);
		c->closing = true;
		c->have = 0;
	}
	answer_send(c);
}

static void client_ready(struct loop_fd *f, u32 events)
{
	struct client *c = container_of(f, struct client, lf);
	ssize_t n;

	if (c->len || c->more) {
		if (answer_send(c) && !c->len && !c->closing)
			take_lines(c);
		node_settle();
		return;
	}
	n = recv(f->fd, c->line + c->have, sizeof(c->line) - c->have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(events & LOOP_HUP))
		return;
	if (n <= 0) {
		drop_client(c);
		return;
	}
	c->have += (u32)n;
	take_lines(c);
	node_settle();
}

/* --- clients come ---------------------------------------------------------------------- */

static void listener_ready(struct loop_fd *f, u32 events)
{
	int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	for (u32 i = 0; i < SERVER_CLIENTS; i++) {
		struct client *c = &clients[i];

		if (c->used)
			continue;
		*c = (struct client){ .used = true, .lf = { .fd = fd, .ready = client_ready } };
		if (loop_add(&c->lf, LOOP_IN))
			drop_client(c);
		return;
	}
	close(fd);
	LOG_LIMITED(LOG_WARN, "control", "more than %u clients at a time", SERVER_CLIENTS);
}

/* What another vnetpd left, or is it there still? */
static bool taken(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = !connect(fd, (struct sockaddr *)&address, sizeof(address));

	close(fd);
	if (!answers && errno == ECONNREFUSED)
		unlink(path);
	return answers;
}

static bool set_group(const char *path, const char *group)
{
	struct group *g = group ? getgrnam(group) : NULL;

	if (!group)
		return true;
	if (!g) {
		log_err("control", "there is no group %s", group);
		return false;
	}
	return !chown(path, (uid_t)-1, g->gr_gid) && !chmod(path, 0660);
}

err_t server_open(const char *path, const char *group)
{
	mode_t mask;
	int bound;

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_err("control", "%s: longer than a socket's path may be", path);
		return ERR_RANGE;
	}
	address.sun_family = AF_UNIX;
	strcpy(address.sun_path, path);
	if (taken(path)) {
		log_err("control", "%s: another vnetpd answers there", path);
		return ERR_BUSY;
	}
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	listener.ready = listener_ready;
	mask = umask(0177);
	bound = bind(listener.fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound || !set_group(path, group) || listen(listener.fd, BACKLOG)) {
		log_err("control", "%s: %s", path, strerror(errno));
		return ERR_IO;
	}
	return loop_add(&listener, LOOP_IN);
}

void server_close(void)
{
	for (u32 i = 0; i < SERVER_CLIENTS; i++)
		if (clients[i].used)
			drop_client(&clients[i]);
	if (listener.fd < 0)
		return;
	loop_del(&listener);
	close(listener.fd);
	listener.fd = -1;
	unlink(address.sun_path);
}
