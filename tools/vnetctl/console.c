/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's terminal, by "console exchange" again and again: each says from which
 * byte on, so that nothing is missed or shown twice, and takes as much input as the
 * guest has room for. What gets lost on the way is asked for again (ask_udp.c).
 */
#include "tools/vnetctl/console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/bytes.h"
#include "hv/base/fmt.h"
#include "tools/vnetctl/ask.h"
#include "tools/vnetctl/conf.h"
#include "tools/vnetctl/words.h"
#include "vnet/lang.h"

#define KEY_DETACH 0x1d /* Ctrl-] */
#define INPUT_MAX 192u /* bytes; as many fit into a statement (LANG_LINE_MAX / 2) */
/* Between two exchanges: short while something happens. */
#define PAUSE_MIN_MS 5u
#define PAUSE_MAX_MS 80u
#define QUIET_MS 1000
#define UNTIL_MAX 256u
#define NS_PER_MS 1000000

enum { GOOD, REFUSED, FAILED }; /* exit statuses, see main.c */

static struct session {
	struct ask ask;
	const char *vm, *port, *until;
	u32 timeout_ms;
	u32 lines;
	bool placed; /* at: the byte that comes next */
	unsigned long long at;
	bool raw;      /* standard input is a terminal, set so */
	bool eof;      /* nothing more comes from there */
	bool detached; /* the key was pressed */
	bool found;    /* the text that is waited for */
	u32 pending;   /* bytes of input that the guest has not taken */
	u8 input[INPUT_MAX];
	size_t tail_len; /* the end of what was printed, where `until` may have begun */
	char tail[UNTIL_MAX];
	long heard_ms; /* when there was something last */
} s;

static struct termios saved;
static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static const char *const statements[] = { "attach", "log", "exchange" };

bool console_is_statement(const char *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(statements); i++)
		if (!strcmp(word, statements[i]))
			return true;
	return false;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

/* --- the terminal ------------------------------------------------------------------------ */

static void restore(void)
{
	if (s.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	s.raw = false;
}

/* All keys are the guest's (termios(3)). */
static void make_raw(void)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return;
	t = saved;
	cfmakeraw(&t);
	s.raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
	atexit(restore);
}

/* Waits for input at most so long; takes what there is room for. */
static void take_input(u32 pause_ms)
{
	struct pollfd p = { .fd = s.eof || s.pending == INPUT_MAX ? -1 : STDIN_FILENO,
			    .events = POLLIN };
	u8 *key, *in = s.input + s.pending;
	ssize_t n;

	if (poll(&p, 1, (int)pause_ms) <= 0)
		return;
	n = read(STDIN_FILENO, in, INPUT_MAX - s.pending);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	s.eof = n <= 0;
	key = s.raw && n > 0 ? memchr(in, KEY_DETACH, (size_t)n) : NULL;
	if (key) {
		s.detached = true;
		n = key - in;
	}
	s.pending += n > 0 ? (u32)n : 0;
}

/* --- output ------------------------------------------------------------------------------- */

/* Has the text come, perhaps begun in what was printed before? */
static void look_for(const char *text, size_t len)
{
	size_t want = s.until ? strlen(s.until) : 0, keep;
	char *all = want ? malloc(s.tail_len + len) : NULL;

	if (!all)
		return;
	memcpy(all, s.tail, s.tail_len);
	memcpy(all + s.tail_len, text, len);
	s.found |= memmem(all, s.tail_len + len, s.until, want) != NULL;
	keep = MIN(s.tail_len + len, want - 1);
	memcpy(s.tail, all + s.tail_len + len - keep, keep);
	s.tail_len = keep;
	free(all);
}

/* Hexadecimal to bytes, in its place; how many. */
static size_t decode(char *hex)
{
	size_t n = 0;

	for (const char *at = hex; hex_byte(at) >= 0; at += 2)
		hex[n++] = (char)hex_byte(at);
	return n;
}

/* "at N end N taken N" and a line of hexadecimal. *some: there was something. */
static int take_answer(char *text, bool *some)
{
	unsigned long long at, to;
	unsigned int taken;
	int begin = 0;
	size_t n;

	if (!text || sscanf(text, "at %llu end %llu taken %u %n", &at, &to, &taken, &begin) != 3 ||
	    !begin || to < at || taken > s.pending) {
		complain("vnetctl: %s: its answer makes no sense", s.ask.node);
		return FAILED;
	}
	if (s.placed && at > s.at)
		complain("[%llu bytes are gone]\r", at - s.at);
	n = decode(text + begin);
	if (n && (fwrite(text + begin, 1, n, stdout) != n || fflush(stdout)))
		s.detached = true; /* nobody reads any more */
	look_for(text + begin, n);
	s.placed = true;
	s.at = to;
	s.pending -= taken;
	memmove(s.input, s.input + taken, s.pending);
	*some = n || taken;
	return GOOD;
}

/* --- the node ------------------------------------------------------------------------------ */

static int exchange(bool *some)
{
	char text[LANG_LINE_MAX];
	struct request r;
	size_t len = 0;

	fmt_append(text, sizeof(text), &len, "console exchange %s port %s", s.vm, s.port);
	if (s.placed)
		fmt_append(text, sizeof(text), &len, " from %llu", s.at);
	else
		fmt_append(text, sizeof(text), &len, " lines %u", s.lines);
	for (u32 i = 0; i < s.pending; i++)
		fmt_append(text, sizeof(text), &len, "%s%02x", i ? "" : " input ", s.input[i]);
	r = request_statement(text);
	ask_all(&s.ask, 1, &r, s.timeout_ms);
	request_free(&r);
	if (s.ask.status == ASK_OK)
		return take_answer(s.ask.output, some);
	complain("%svnetctl: %s: %s%s", s.raw ? "\r\n" : "", s.ask.node, s.ask.error,
		 s.raw ? "\r" : "");
	return s.ask.status == ASK_REFUSED ? REFUSED : FAILED;
}

/* Is it over, and how? */
static bool is_over(int *status)
{
	long silent_ms = now_ms() - s.heard_ms;

	if (s.found || s.detached || ended)
		return true;
	if (!s.eof || s.pending)
		return false;
	if (!s.until)
		return silent_ms > QUIET_MS;
	if (silent_ms <= (long)s.timeout_ms)
		return false;
	complain("vnetctl: \"%s\" did not come", s.until);
	*status = REFUSED;
	return true;
}

static int talk(void)
{
	u32 pause_ms = PAUSE_MIN_MS;
	bool some = true;
	int status;

	s.heard_ms = now_ms();
	for (;;) {
		status = exchange(&some);
		pause_ms = some ? PAUSE_MIN_MS : MIN(2 * pause_ms, PAUSE_MAX_MS);
		if (some)
			s.heard_ms = now_ms();
		if (status != GOOD || is_over(&status))
			return status;
		/* What was typed before the key to detach goes as well. */
		take_input(pause_ms);
	}
}

/* --- command line ---------------------------------------------------------------------------- */

static bool number(const char *text, unsigned long long most, unsigned long long *out)
{
	char *rest;

	errno = 0;
	*out = strtoull(text, &rest, 10);
	return *text >= '0' && *text <= '9' && !*rest && !errno && *out <= most;
}

/* "scrollback N", "since BYTE", "until TEXT"; hyphens in front are fine. */
static bool take_option(const char *word, const char *value)
{
	unsigned long long n;

	word += strspn(word, "-");
	if (!strcmp(word, "until")) {
		s.until = value;
		return *value && strlen(value) < UNTIL_MAX;
	}
	if (!strcmp(word, "since")) {
		s.placed = true;
		return number(value, UINT64_MAX, &s.at);
	}
	if (strcmp(word, "scrollback") != 0 || !number(value, UINT32_MAX, &n))
		return false;
	s.lines = (u32)n;
	return true;
}

static bool take_words(char *const *words, u32 count)
{
	static const char *const ports[] = { "serial", "virtio" };
	u32 i = 1;

	s.port = ports[0];
	if (!count)
		return false;
	s.vm = words[0];
	for (u32 k = 0; i < count && k < ARRAY_SIZE(ports); k++) {
		if (!strcmp(words[i], ports[k])) {
			s.port = ports[k];
			i++;
			break;
		}
	}
	for (; i + 1 < count; i += 2)
		if (!take_option(words[i], words[i + 1]))
			return false;
	return i == count;
}

int console_run(const char *node, char *const *words, u32 count, u32 timeout_ms)
{
	const struct sigaction on_end = { .sa_handler = end }, ignore = { .sa_handler = SIG_IGN };
	int status;

	s.ask = (struct ask){ .node = node, .stay = true };
	s.timeout_ms = timeout_ms;
	if (!take_words(words, count)) {
		complain("vnetctl: console takes VM [serial|virtio] [scrollback N] [since BYTE] "
			 "[until TEXT]");
		return FAILED;
	}
	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGHUP, &on_end, NULL);
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	make_raw();
	if (s.raw)
		complain("[%s of %s; Ctrl-] detaches; others may be attached, too]\r", s.port,
			 s.vm);
	status = talk();
	ask_free(&s.ask);
	restore();
	if (status == GOOD && isatty(STDIN_FILENO))
		complain("\n[detached; since %llu goes on from here]", s.at);
	return status;
}
