/* SPDX-License-Identifier: BSD-2-Clause */
/* vnetctl: the command line to nodes. Options, and which command it is. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vnetctl/ask.h"
#include "tools/vnetctl/capture.h"
#include "tools/vnetctl/check.h"
#include "tools/vnetctl/conf.h"
#include "tools/vnetctl/console.h"
#include "tools/vnetctl/diff.h"
#include "tools/vnetctl/nodes.h"
#include "tools/vnetctl/version.h"
#include "tools/vnetctl/words.h"

#define DEFAULT_NODE "/run/vnetpd.sock"
#define DEFAULT_TIMEOUT_S 5u
#define TIMEOUT_MAX_S 3600u
#define FOLDED_MAX 4096

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_REFUSED = 1, /* by a node, or a file with errors */
	EXIT_USAGE = 2,	  /* a wrong command line, or a node that cannot be reached */
};

static const char help_text[] =
	"usage: vnetctl [OPTION...] STATEMENT...       for a node: link show, route add ...\n"
	"       vnetctl [OPTION...] batch FILE|-       statements, done whole or not at all\n"
	"       vnetctl [OPTION...] diff FILE          what would make the node as FILE says\n"
	"       vnetctl [OPTION...] apply FILE         do that, whole or not at all\n"
	"       vnetctl [OPTION...] watch [STATEMENT]  again and again (default: show stats)\n"
	"       vnetctl [OPTION...] capture [PORT] [side inner|outer|both] [mac MAC] [snap BYTES]\n"
	"                                          pcapng, for tshark\n"
	"       vnetctl [OPTION...] console VM [serial|virtio] [scrollback N] [since BYTE]\n"
	"                           [until TEXT]   talk to a guest\n"
	"       vnetctl check FILE...                  what is wrong with configuration files\n"
	"       vnetctl expand FILE NODE               what a cluster file means for one node\n"
	"       vnetctl grammar                        every statement there is\n"
	"\n"
	"  -n, --node NODES     whom to ask: a vnetpd's control socket (a path), or HOST[:PORT]\n"
	"                       of a Caisson node that listens; also lists such as n[01-64]\n"
	"                       (default: $VNETCTL_NODE, else " DEFAULT_NODE ")\n"
	"  -j, --json           answers in JSON\n"
	"  -s, --stats          counters: of routes with show route; else show stats\n"
	"  -i, --interval SEC   watch: how often (default: 1)\n"
	"  -c, --count N        watch, capture: how many times, frames (default: until ended)\n"
	"  -t, --timeout SEC    how long to wait for an answer (default: 5)\n"
	"  -h, --help           this text\n"
	"      --version        the version\n"
	"\n"
	"A statement is as in node.conf(5); words may be abbreviated while they are clear, and\n"
	"\"link show\" is as good as \"show link\". Nodes that answer alike are told once.\n"
	"Exit status: 0 done, 1 refused (diff: there are differences; check: there are errors;\n"
	"show node: it is degraded), 2 wrong command line, or a node did not answer.\n";

static struct options {
	const char *nodes;
	bool json, stats;
	u32 interval_s, count, timeout_s;
} options = { .interval_s = 1, .timeout_s = DEFAULT_TIMEOUT_S };

static struct nodes nodes;

static char show[] = "show", stats[] = "stats";
static char *const show_stats[] = { show, stats };

/* --- asking ---------------------------------------------------------------------------- */

static int worse(int a, int b)
{
	return MAX(a, b);
}

static int status_of(const struct ask *a)
{
	if (a->status != ASK_OK)
		return a->status == ASK_REFUSED ? EXIT_REFUSED : EXIT_USAGE;
	/* What show node says of a node that came up with errors. */
	return (a->len && (strstr(a->output, "\"degraded\":true") ||
			   strstr(a->output, ": DEGRADED"))) ? EXIT_REFUSED : EXIT_GOOD;
}

static bool alike(const struct ask *a, const struct ask *b)
{
	return a->status == b->status && a->len == b->len && !strcmp(a->error, b->error) &&
	       (!a->len || !memcmp(a->output, b->output, a->len));
}

static void tell(const struct ask *a, const char *who)
{
	if (who && (a->len || a->status != ASK_OK))
		fprintf(a->len ? stdout : stderr, "%s:\n", who);
	if (a->len)
		fwrite(a->output, 1, a->len, stdout);
	fflush(stdout);
	if (a->status != ASK_OK)
		fprintf(stderr, "vnetctl: %s: %s\n", a->node, a->error);
}

/* Answers that are alike are told once, with the names of all who gave them. */
static int tell_all(struct ask *a, u32 count)
{
	bool *told = calloc(count, sizeof(*told));
	char **names = calloc(count, sizeof(*names)), who[FOLDED_MAX];
	int status = EXIT_GOOD;

	for (u32 i = 0; told && names && i < count; i++) {
		u32 same = 0;

		status = worse(status, status_of(&a[i]));
		if (told[i])
			continue;
		for (u32 k = i; k < count; k++) {
			if (told[k] || !alike(&a[i], &a[k]))
				continue;
			told[k] = true;
			names[same++] = nodes.name[k];
		}
		nodes_fold(names, same, who, sizeof(who));
		tell(&a[i], count > 1 ? who : NULL);
	}
	free(names);
	free(told);
	return status;
}

static int ask_nodes(struct request r)
{
	struct ask *a = calloc(nodes.count, sizeof(*a));
	int status = EXIT_USAGE;

	for (u32 i = 0; a && i < nodes.count; i++)
		a[i].node = nodes.name[i];
	if (a) {
		ask_all(a, nodes.count, &r, options.timeout_s * 1000);
		status = tell_all(a, nodes.count);
		for (u32 i = 0; i < nodes.count; i++)
			ask_free(&a[i]);
	}
	free(a);
	request_free(&r);
	return status;
}

static bool statement_text(char *const *words, u32 count, char *text, size_t size)
{
	if (words_statement(words, count, options.json, options.stats, text, size))
		return true;
	complain("vnetctl: the statement is too long");
	return false;
}

static int statement(char *const *words, u32 count)
{
	char text[LANG_LINE_MAX];

	return statement_text(words, count, text, sizeof(text))
		       ? ask_nodes(request_statement(text)) : EXIT_USAGE;
}

/* --- commands -------------------------------------------------------------------------- */

static int usage(const char *what)
{
	complain("vnetctl: %s; see vnetctl --help", what);
	return EXIT_USAGE;
}

static int do_batch(char **words, u32 count)
{
	struct conf text;
	int status;

	if (count != 1)
		return usage("batch takes one FILE, or - for standard input");
	if (!conf_slurp(&text, words[0])) {
		conf_free(&text);
		return EXIT_USAGE;
	}
	status = ask_nodes(request_batch(text.text, text.len));
	conf_free(&text);
	return status;
}

static int do_check(char **words, u32 count)
{
	u32 errors = 0;

	if (!count)
		return usage("check takes FILEs");
	for (u32 i = 0; i < count; i++) {
		struct conf c;

		if (!conf_read(&c, words[i]))
			return EXIT_USAGE;
		errors += c.errors + check_conf(&c);
		conf_free(&c);
	}
	if (errors)
		complain("vnetctl: %u error%s", errors, errors == 1 ? "" : "s");
	return errors ? EXIT_REFUSED : EXIT_GOOD;
}

static int do_expand(char **words, u32 count)
{
	struct flat f = { 0 };
	struct conf c;
	u32 node;
	int status = EXIT_USAGE;

	if (count != 2)
		return usage("expand takes FILE and NODE");
	if (!conf_read(&c, words[0]))
		return EXIT_USAGE;
	if (conf_find(&c, words[1], &node)) {
		status = flat_make(&f, &c, node) ? EXIT_GOOD : EXIT_REFUSED;
		printf("caisson %d\n%s%s%s", LANG_VERSION, c.nodes ? "node " : "",
		       c.nodes ? words[1] : "", c.nodes ? "\n" : "");
		for (u32 i = 0; i < f.count; i++)
			printf("%s\n", f.line[i]);
	}
	flat_free(&f);
	conf_free(&c);
	return status;
}

static int do_diff(char **words, u32 count)
{
	if (count != 1)
		return usage("diff takes one FILE");
	return diff_nodes(&nodes, words[0], false, options.timeout_s * 1000);
}

static int do_apply(char **words, u32 count)
{
	if (count != 1)
		return usage("apply takes one FILE");
	return diff_nodes(&nodes, words[0], true, options.timeout_s * 1000);
}

static int do_watch(char **words, u32 count)
{
	char text[LANG_LINE_MAX];
	int status = EXIT_GOOD;

	if (!statement_text(count ? words : show_stats, count ? count : 2, text, sizeof(text)))
		return EXIT_USAGE;
	if (strncmp(text, "sh", 2) != 0)
		return usage("only what show says can be watched");
	for (u32 turn = 0; status == EXIT_GOOD && (!options.count || turn < options.count);
	     turn++) {
		if (turn)
			sleep(options.interval_s);
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[J"); /* home, erase (ECMA-48) */
		status = ask_nodes(request_statement(text));
		fflush(stdout);
	}
	return status;
}

static int do_capture(char **words, u32 count)
{
	if (count && capture_is_statement(words[0]))
		return statement(words - 1, count + 1);
	if (nodes.count != 1)
		return usage("capture takes one node");
	return capture_run(nodes.name[0], words, count, options.count, options.timeout_s * 1000);
}

static int do_console(char **words, u32 count)
{
	if (count && console_is_statement(words[0]))
		return statement(words - 1, count + 1);
	if (nodes.count != 1)
		return usage("console takes one node");
	return console_run(nodes.name[0], words, count, options.timeout_s * 1000);
}

static int do_grammar(char **words, u32 count)
{
	bool roff = count == 1 && !strcmp(words[0], "roff");

	if (count && !roff)
		return usage("grammar takes nothing, or roff for a manual page");
	words_grammar(roff);
	return EXIT_GOOD;
}

static const struct command {
	const char *word;
	int (*run)(char **words, u32 count);
} commands[] = {
	{ "batch", do_batch }, { "check", do_check },	  { "diff", do_diff },
	{ "apply", do_apply }, { "expand", do_expand },   { "watch", do_watch },
	{ "grammar", do_grammar }, { "capture", do_capture },
	{ "console", do_console },
};

/* For tools/completion/vnetctl.bash: what may follow these words. */
static int do_complete(char **words, u32 count)
{
	/* Words may begin with a hyphen: they stand behind "--". */
	if (count && !strcmp(words[0], "--")) {
		words++;
		count--;
	}
	if (!count)
		for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
			printf("%s\n", commands[i].word);
	words_complete(words, count);
	return EXIT_GOOD;
}

static int run(char **words, u32 count)
{
	for (u32 i = 0; count && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(words[0], commands[i].word))
			return commands[i].run(words + 1, count - 1);
	if (!count && options.stats)
		return statement(show_stats, 2);
	return count ? statement(words, count) : usage("a statement or a command is needed");
}

/* --- options --------------------------------------------------------------------------- */

static bool number(const char *text, u32 least, u32 *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || *text == '-' || n < least || n > TIMEOUT_MAX_S)
		return false;
	*out = (u32)n;
	return true;
}

static bool take_option(int id)
{
	switch (id) {
	case 'n':
		options.nodes = optarg;
		return true;
	case 'j':
		options.json = true;
		return true;
	case 's':
		options.stats = true;
		return true;
	case 'i':
		return number(optarg, 1, &options.interval_s);
	case 'c':
		return number(optarg, 1, &options.count);
	case 't':
		return number(optarg, 1, &options.timeout_s);
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	enum { OPT_VERSION = 1, OPT_COMPLETE };
	static const struct option longs[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "stats", no_argument, NULL, 's' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "complete", no_argument, NULL, OPT_COMPLETE },
		{ 0 },
	};
	const char *fault;
	int id, status;

	options.nodes = getenv("VNETCTL_NODE");
	while ((id = getopt_long(argc, argv, "+n:jsi:c:t:h", longs, NULL)) != -1) {
		if (id == 'h') {
			fputs(help_text, stdout);
			return EXIT_GOOD;
		}
		if (id == OPT_VERSION) {
			printf("vnetctl %s\n", vnetctl_version);
			return EXIT_GOOD;
		}
		if (id == OPT_COMPLETE)
			return do_complete(argv + optind, (u32)(argc - optind));
		if (!take_option(id))
			return usage(id == '?' ? "no such option" : "a number is needed there");
	}
	fault = nodes_parse(options.nodes ? options.nodes : DEFAULT_NODE, &nodes);
	status = fault ? usage(fault) : run(argv + optind, (u32)(argc - optind));
	nodes_free(&nodes);
	return status;
}
