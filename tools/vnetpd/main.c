/* SPDX-License-Identifier: BSD-2-Clause */
/* vnetpd: the overlay core as a Linux process. Options, and its life as a list. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "tools/vnetpd/ctl.h"
#include "tools/vnetpd/loop.h"
#include "tools/vnetpd/node.h"
#include "tools/vnetpd/plat.h"
#include "tools/vnetpd/priv.h"
#include "tools/vnetpd/server.h"
#include "tools/vnetpd/tap_open.h"
#include "tools/vnetpd/version.h"
#include "vnet/vnet.h"

#define DEFAULT_SOCKET "/run/vnetpd.sock"
#define DEFAULT_USER "nobody"
#define TICK_NS 1000000000ull

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1, /* configuration or system */
	EXIT_USAGE = 2,
};

enum option_id { OPT_CHECK = 1, OPT_NODE, OPT_SOCKET, OPT_GROUP, OPT_USER, OPT_LOCK,
		 OPT_CORES, OPT_VERSION };

static const char help_text[] =
	"usage: vnetpd [OPTION...] FILE\n"
	"       vnetpd [--node NAME] --check FILE\n"
	"\n"
	"Joins this machine to an overlay as FILE (node.conf(5)) says: interfaces are TAP\n"
	"devices, links go over the machine's own network. Runs in the foreground.\n"
	"\n"
	"      --check FILE     read FILE, name what is wrong with it, and end\n"
	"      --node NAME      take the section of this node (default: the host's name)\n"
	"      --socket PATH    control socket (default: " DEFAULT_SOCKET ")\n"
	"      --group GROUP    who may use it beside its owner\n"
	"      --user USER      whom to run as once set up (default: " DEFAULT_USER ")\n"
	"      --cores N        threads, 1 to 16: one for the links, the others for the queues\n"
	"                       of interfaces (default: 1 for all)\n"
	"      --lock           keep no privilege at all: no interface can come later\n"
	"  -v, --verbose        say more\n"
	"  -h, --help           this text\n"
	"      --version        the version\n"
	"\n"
	"SIGHUP reads FILE again and follows it, whole or not at all. Exit status: 0 after\n"
	"SIGTERM or SIGINT, 1 when something is wrong, 2 for a wrong command line.\n";

static struct options {
	const char *file, *node, *socket, *group, *user;
	unsigned long cores;
	bool check, lock, verbose;
} options = { .socket = DEFAULT_SOCKET, .user = DEFAULT_USER, .cores = 1 };

/* --- signals ------------------------------------------------------------------------- */

static void reload(void)
{
	priv_notify("RELOADING=1");
	if (config_load(options.file, node.name)) {
		node.reloads_refused++;
		log_err("vnetpd", "%s is not followed; nothing changed", options.file);
	} else {
		node.reloads++;
		log_info("vnetpd", "%s is followed now", options.file);
	}
	priv_notify("READY=1");
}

static void signalled(struct loop_fd *f, u32 events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(f->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload();
	else
		loop_stop();
}

static err_t watch_signals(void)
{
	static struct loop_fd lf = { .ready = signalled };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	lf.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return lf.fd < 0 ? ERR_IO : loop_add(&lf, LOOP_IN);
}

/* --- life ------------------------------------------------------------------------------ */

/* The host's name without its domain, unless --node says another. */
static void set_name(void)
{
	char host[LANG_NAME_MAX] = "";

	if (!options.node) {
		gethostname(host, sizeof(host) - 1);
		host[strcspn(host, ".")] = '\0';
	}
	fmt_snprintf(node.name, sizeof(node.name), "%s", options.node ? options.node : host);
}

static int check(void)
{
	struct settings want = { 0 };
	u32 errors = config_read(options.file, node.name, &want);

	settings_free(&want);
	if (errors)
		fprintf(stderr, "vnetpd: %s: %u error%s\n", options.file, errors,
			errors == 1 ? "" : "s");
	return errors ? EXIT_FAILED : EXIT_GOOD;
}

static void tick(struct loop_timer *t, u64 now_ns)
{
	vnet_tick(now_ns);
	ctl_changed(); /* what the kernel learned of paths meanwhile */
	loop_timer_set(t, now_ns + TICK_NS);
}

/* The end of each turn. */
static void settle(void)
{
	ctl_settle();
	node_settle();
}

static err_t start(void)
{
	static struct loop_timer ticker = { .due = tick };
	err_t err = loop_init();

	if (!err)
		err = watch_signals();
	if (!err)
		err = node_init((u32)options.cores);
	if (err)
		log_err("vnetpd", "%s", err_str(err));
	if (!err)
		err = server_open(options.socket, options.group);
	if (!err)
		err = config_load(options.file, node.name);
	if (!err && !options.lock)
		tap_open_spares();
	if (!err)
		err = priv_drop(options.user, options.lock);
	if (!err && access(options.file, R_OK))
		log_warn("vnetpd", "%s: SIGHUP cannot read it any more: %s", options.file,
			 strerror(errno));
	ctl_settle();
	loop_timer_set(&ticker, loop_now_ns() + TICK_NS);
	return err;
}

static int run(void)
{
	err_t err = start();

	if (!err) {
		log_info("vnetpd", "%s: node %s is up", vnetpd_version, node.name);
		priv_notify("READY=1");
		loop_run(settle);
		priv_notify("STOPPING=1");
	}
	server_close();
	return err ? EXIT_FAILED : EXIT_GOOD;
}

static bool take_option(int id)
{
	switch (id) {
	case OPT_CHECK:
		options.check = true;
		options.file = optarg;
		return true;
	case OPT_NODE:
		options.node = optarg;
		return true;
	case OPT_SOCKET:
		options.socket = optarg;
		return true;
	case OPT_GROUP:
		options.group = optarg;
		return true;
	case OPT_USER:
		options.user = optarg;
		return true;
	case OPT_LOCK:
		options.lock = true;
		return true;
	case OPT_CORES:
		options.cores = strtoul(optarg, NULL, 10);
		return options.cores >= 1 && options.cores <= PLAT_MAX_CORES;
	case 'v':
		options.verbose = true;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "check", required_argument, NULL, OPT_CHECK },
		{ "node", required_argument, NULL, OPT_NODE },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "group", required_argument, NULL, OPT_GROUP },
		{ "user", required_argument, NULL, OPT_USER },
		{ "lock", no_argument, NULL, OPT_LOCK },
		{ "cores", required_argument, NULL, OPT_CORES },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ 0 },
	};
	int id;

	while ((id = getopt_long(argc, argv, "hv", longs, NULL)) != -1) {
		if (id == 'h') {
			fputs(help_text, stdout);
			return EXIT_GOOD;
		}
		if (id == OPT_VERSION) {
			printf("vnetpd %s\n", vnetpd_version);
			return EXIT_GOOD;
		}
		if (!take_option(id)) {
			fprintf(stderr, "vnetpd: see vnetpd --help\n");
			return EXIT_USAGE;
		}
	}
	if (optind < argc && !options.file)
		options.file = argv[optind++];
	if (optind < argc || !options.file) {
		fprintf(stderr, "vnetpd: one FILE is needed; see vnetpd --help\n");
		return EXIT_USAGE;
	}
	plat_set_log(options.verbose ? LOG_DEBUG : LOG_INFO);
	set_name();
	return options.check ? check() : run();
}
