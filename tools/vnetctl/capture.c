/* SPDX-License-Identifier: BSD-2-Clause */
/* From a node's capture, read as text (ctl/capture.c says how), to pcapng. */
#include "tools/vnetctl/capture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "tools/vnetctl/ask.h"
#include "tools/vnetctl/conf.h"
#include "tools/vnetctl/pcapng.h"
#include "vnet/lang.h"

#define NS_PER_S 1000000000ull
#define PAUSE_NS 20000000
#define PORTS_MAX 1024u
#define NAME_SIZE 64u /* of kind and name together, as in the file */
#define FRAME_MAX 65535u

enum { GOOD, REFUSED, FAILED }; /* exit statuses, see main.c */

static struct session {
	const char *node;
	u32 timeout_ms;
	u32 left; /* frames still to be written; 0: all that come */
	bool bounded, over;
	u64 to_1970; /* ns to add to the node's times */
	unsigned long long lost;
	u32 ports;
	char name[PORTS_MAX][NAME_SIZE];
	u8 data[FRAME_MAX];
} s;

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static const char *const statements[] = { "start", "read", "stop" };

bool capture_is_statement(const char *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(statements); i++)
		if (!strcmp(word, statements[i]))
			return true;
	return false;
}

/* a->output is the caller's to free. Returns an exit status. */
static int ask_node(struct ask *a, const char *text)
{
	struct request r = request_statement(text);

	*a = (struct ask){ .node = s.node };
	ask_all(a, 1, &r, s.timeout_ms);
	request_free(&r);
	if (a->status == ASK_OK)
		return GOOD;
	complain("vnetctl: %s: %s", a->node, a->error);
	return a->status == ASK_REFUSED ? REFUSED : FAILED;
}

/* --- one answer ------------------------------------------------------------------------ */

static bool port_number(const char *name, u32 *number)
{
	for (*number = 0; *number < s.ports; ++*number)
		if (!strcmp(s.name[*number], name))
			return true;
	if (s.ports == PORTS_MAX)
		return false;
	strcpy(s.name[s.ports++], name);
	return pcapng_interface(stdout, name);
}

/* Bytes; more than there is room for, or what is no hexadecimal, ends it. */
static u32 from_hex(const char *text)
{
	u32 n = 0;

	for (; n < FRAME_MAX && hex_byte(text) >= 0; text += 2)
		s.data[n++] = (u8)hex_byte(text);
	return n;
}

/* "TIME in|out inner|outer KIND PORT LENGTH HEX". false: it is none, or cannot be
 * written. An interface of the file is one side of a port. */
static bool take_line(const char *line)
{
	char dir[4], side[6], kind[16], port[LANG_NAME_MAX], name[NAME_SIZE];
	struct pcapng_frame f = { .data = s.data };
	unsigned long long time_ns;
	int at = 0;

	if (sscanf(line, "%llu %3s %5s %15s %31s %u %n", &time_ns, dir, side, kind, port, &f.len,
		   &at) != 6 || !at)
		return false;
	snprintf(name, sizeof(name), "%s %s%s", kind, port,
		 strcmp(side, "outer") ? "" : " outer");
	f.size = from_hex(line + at);
	f.time_ns = time_ns + s.to_1970;
	f.flags = strcmp(dir, "in") ? PCAPNG_OUTBOUND : PCAPNG_INBOUND;
	return port_number(name, &f.interface) && pcapng_write(stdout, &f);
}

/* The answer's last line: what time it is there. */
static bool take_end(const char *line)
{
	unsigned long long now_ns;
	struct timespec t;

	if (sscanf(line, "now %llu lost %llu", &now_ns, &s.lost) != 2)
		return false;
	clock_gettime(CLOCK_REALTIME, &t);
	if (!s.to_1970)
		s.to_1970 = (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec - now_ns;
	return true;
}

/* got: how many frames there were. */
static int take_answer(char *text, size_t len, u32 *got)
{
	char *last = text + len, *line = text, *next;

	*got = 0;
	if (len && last[-1] == '\n')
		*--last = '\0';
	while (last > text && last[-1] != '\n')
		last--;
	if (!len || !take_end(last)) {
		complain("vnetctl: %s: what it says of the capture is not understood", s.node);
		return FAILED;
	}
	for (; line < last && !s.over; line = next + 1) {
		next = strchr(line, '\n');
		*next = '\0';
		errno = 0;
		if (!take_line(line)) {
			if (errno != EPIPE) /* whoever reads has seen enough */
				complain("vnetctl: capture: %s", strerror(errno ? errno : EPROTO));
			return errno == EPIPE ? GOOD : FAILED;
		}
		++*got;
		s.over = s.bounded && !--s.left;
	}
	return GOOD;
}

/* --- all of them ------------------------------------------------------------------------- */

static int read_on(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int status = GOOD;
	bool last;

	do {
		struct ask a;
		u32 got = 0;

		/* What came before the signal is written as well. */
		last = ended;
		status = ask_node(&a, "capture read");
		if (status == GOOD)
			status = take_answer(a.output, a.len, &got);
		ask_free(&a);
		s.over |= fflush(stdout) != 0;
		if (!got && !last)
			nanosleep(&pause, NULL);
	} while (status == GOOD && !s.over && !last);
	return status;
}

int capture_run(const char *node, char *const *words, u32 count, u32 frames, u32 timeout_ms)
{
	const struct sigaction on_end = { .sa_handler = end }, ignore = { .sa_handler = SIG_IGN };
	char text[LANG_LINE_MAX];
	size_t len = 0;
	struct ask a;
	int status;

	s.node = node;
	s.timeout_ms = timeout_ms;
	s.left = frames;
	s.bounded = frames != 0;
	if (isatty(STDOUT_FILENO)) {
		complain("vnetctl: a capture is no text: send it to a file, or a program");
		return FAILED;
	}
	fmt_append(text, sizeof(text), &len, "capture start");
	for (u32 i = 0; i < count; i++) {
		fmt_append(text, sizeof(text), &len, " ");
		lang_quote(text, sizeof(text), &len, words[i]);
	}
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	status = ask_node(&a, text);
	ask_free(&a);
	if (status != GOOD)
		return status;
	if (!pcapng_begin(stdout) || fflush(stdout))
		s.over = true;
	status = s.over ? GOOD : read_on();
	ask_node(&a, "capture stop");
	ask_free(&a);
	if (s.lost)
		complain("vnetctl: %llu frames were not kept: they came too fast", s.lost);
	return status;
}
