/* SPDX-License-Identifier: BSD-2-Clause */
/* ixgbe-proxy: command line and loop; see proxy.h. */
#include "tests/proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KX4 0x10f7
#define EXIT_USAGE 2
#define VIOLATIONS_SAID 200u
#define SNAP 65536u

static struct proxy proxy;

static const char help[] =
	"usage: ixgbe-proxy [options] -- qemu-system-x86_64 ...\n"
	"\n"
	"Starts QEMU with one more device: the model of an Intel 82599 (KX4), which is judged\n"
	"by the driver in the machine and judges it. The command line of QEMU must have\n"
	"  -machine ...,memory-backend=ram -object memory-backend-memfd,id=ram,share=on,size=...\n"
	"  -accel tcg,thread=single -device x-pci-proxy-dev,id=ID,fd=FD\n"
	"  -chardev socket,id=QT,fd=FD+1 -object qtest,id=OBJ,chardev=QT,log=none\n"
	"QEMU takes this process's place; the device is its child and ends with it. Several\n"
	"devices: several ixgbe-proxy, one behind the other, with different FD.\n"
	"\n"
	"  --fd FD          QEMU's end of the connection, FD+1 that of the interrupts' (30)\n"
	"  --mac ADDRESS    in the device's EEPROM (52:54:00:12:34:56)\n"
	"  --local PATH     datagram socket that is the device's end of its cable, ...\n"
	"  --remote PATH    ... and that of the other end\n"
	"  --capture FILE   what passes there, as pcap; --snap BYTES of each frame\n"
	"  --waive RULE,... rules that the driver is known to break (--rules lists all)\n"
	"  --log FILE       violations as they come, and a summary at the end (stderr)\n"
	"  --rules          list the names of the rules\n"
	"  --help\n"
	"Exit status: QEMU's; 2 for a wrong command line.\n";

void proxy_say(struct proxy *p, const char *f, ...)
{
	va_list ap;

	(void)p;
	fputs("ixgbe-proxy: ", stderr);
	va_start(ap, f);
	vfprintf(stderr, f, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static u64 now(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void violated(void *ctx, enum ixm_rule rule, const char *text)
{
	struct proxy *p = ctx;

	if (p->model.violations <= VIOLATIONS_SAID)
		proxy_say(p, "violation of %s: %s", ixm_rule_names[rule], text);
}

/* --- command line -------------------------------------------------------------------------- */

static void NORETURN wrong(const char *what, const char *arg)
{
	fprintf(stderr, "ixgbe-proxy: %s \"%s\" (--help)\n", what, arg);
	exit(EXIT_USAGE);
}

static void parse_mac(u8 mac[6], const char *arg)
{
	int n = 0;

	if (sscanf(arg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5], &n) != 6 ||
	    arg[n])
		wrong("no MAC address:", arg);
}

static u32 parse_rules(char *arg)
{
	u32 bits = 0;

	for (char *word = strtok(arg, ","); word; word = strtok(NULL, ",")) {
		u32 rule = 0;

		while (rule < IXM_RULES && strcmp(word, ixm_rule_names[rule]) != 0)
			rule++;
		if (rule == IXM_RULES)
			wrong("no such rule:", word);
		bits |= BIT(rule);
	}
	return bits;
}

static int parse_number(const char *arg, int least, int most)
{
	char *end;
	long v = strtol(arg, &end, 10);

	if (*end || v < least || v > most)
		wrong("no number, or out of range:", arg);
	return (int)v;
}

/* The descriptor that QEMU gets; what is to be waived goes to *waived. */
static int parse(struct proxy *p, int argc, char **argv, u32 *waived)
{
	static const struct option options[] = {
		{ "fd", 1, NULL, 'f' },	     { "mac", 1, NULL, 'm' },  { "local", 1, NULL, 'l' },
		{ "remote", 1, NULL, 'r' },  { "log", 1, NULL, 'o' },  { "capture", 1, NULL, 'c' },
		{ "snap", 1, NULL, 's' },    { "rules", 0, NULL, 'n' }, { "waive", 1, NULL, 'w' },
		{ "help", 0, NULL, 'h' },    { NULL, 0, NULL, 0 },
	};
	int fd = 30, c;

	p->snap = SNAP;
	parse_mac(p->mac, "52:54:00:12:34:56");
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			fd = parse_number(optarg, 3, 1000);
			break;
		case 'm':
			parse_mac(p->mac, optarg);
			break;
		case 'l':
			p->local = optarg;
			break;
		case 'r':
			p->remote = optarg;
			break;
		case 'o':
			p->log = optarg;
			break;
		case 'c':
			p->capture = optarg;
			break;
		case 's':
			p->snap = (u32)parse_number(optarg, 14, SNAP);
			break;
		case 'w':
			*waived = parse_rules(optarg);
			break;
		case 'n':
			for (u32 i = 0; i < IXM_RULES; i++)
				puts(ixm_rule_names[i]);
			exit(0);
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!argv[optind])
		wrong("no QEMU behind the options of", argv[0]);
	if (!p->local != !p->remote)
		wrong("a cable has two ends:", p->local ? p->local : p->remote);
	return fd;
}

/* --- the device ------------------------------------------------------------------------------ */

static void summary(const struct proxy *p)
{
	fprintf(stderr,
		"ixgbe-proxy: %u violations; %llu accesses, %u register reads, %u writes; "
		"%llu frames sent, %llu received, %llu dropped; %llu interrupts\n",
		p->model.violations, (unsigned long long)p->accesses, p->model.reads,
		p->model.writes, (unsigned long long)p->sent, (unsigned long long)p->received,
		(unsigned long long)p->dropped, (unsigned long long)p->messages);
	fprintf(stderr,
		"ixgbe-proxy: %u RDT writes, %u TDT writes, %llu frames taken, %llu given\n",
		p->model.rdt_writes, p->model.tdt_writes, (unsigned long long)p->model.received,
		(unsigned long long)p->model.sent);
}

static void serve(struct proxy *p)
{
	struct pollfd fds[3] = { { p->qemu_fd, POLLIN, 0 },
				 { p->qtest_fd, POLLIN, 0 },
				 { p->wire_fd, POLLIN, 0 } };
	/* EITR's times are some 50 us; the rest comes by itself. */
	static const struct timespec short_wait = { 0, 50000 }, long_wait = { 0, 100000000 };

	for (;;) {
		bool soon = p->queue_count || p->model.held;

		fds[1].fd = p->qtest_fd;
		/* Where there is no room, the cable waits. */
		fds[2].events = ixgbe_model_rx_ready(&p->model) ? POLLIN : 0;
		if (ppoll(fds, 3, soon ? &short_wait : &long_wait, NULL) < 0 && errno != EINTR)
			break;
		if ((fds[0].revents & (POLLIN | POLLHUP)) && !proxy_qemu_serve(p))
			break;
		if (fds[1].revents & (POLLIN | POLLHUP))
			proxy_qtest_drain(p);
		proxy_wire_serve(p);
		ixgbe_model_time(&p->model);
	}
	summary(p);
}

static int device(struct proxy *p, u32 waived)
{
	struct ixm_host host = { .ctx = p,
				 .dma = proxy_dma,
				 .send = proxy_wire_send,
				 .interrupt = proxy_interrupt,
				 .now = now,
				 .violated = violated };

	if (p->log && !freopen(p->log, "w", stderr)) {
		perror(p->log);
		return 1;
	}
	setvbuf(stderr, NULL, _IOLBF, 0);
	ixgbe_model_init(&p->model, p->mac, &host);
	p->model.moderate = true;
	p->model.waived = waived;
	proxy_pci_init(p, KX4);
	if (!proxy_wire_open(p))
		return 1;
	serve(p);
	return 0;
}

/* Ours at [0], the other moved to where QEMU expects it. */
static int pair_at(int fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || dup2(pair[1], fd) < 0) {
		perror("ixgbe-proxy: sockets");
		exit(1);
	}
	if (pair[1] != fd)
		close(pair[1]);
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	return pair[0];
}

int main(int argc, char **argv)
{
	u32 waived = 0;
	int fd = parse(&proxy, argc, argv, &waived);

	proxy.qemu_fd = pair_at(fd);
	proxy.qtest_fd = pair_at(fd + 1);
	switch (fork()) {
	case -1:
		perror("ixgbe-proxy: fork");
		return 1;
	case 0:
		/* The terminal's signals are QEMU's; we end when it does. */
		signal(SIGINT, SIG_IGN);
		close(fd);
		close(fd + 1);
		return device(&proxy, waived);
	default:
		execvp(argv[optind], argv + optind);
		perror(argv[optind]);
		return 127;
	}
}
