/* SPDX-License-Identifier: BSD-2-Clause */
/* core set N assert, show noise: which cores are left for what, and for how long. */
#include <arch/smp.h>

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/core.h"
#include "hv/ctl.h"

#define BAR_MAX 40u

/* [*first, *end): the core that the statement names, all without a name. */
static err_t core_named(struct ctl *c, u32 *first, u32 *end)
{
	const char *name = c->stmt->name;
	u64 n = 0;

	*first = 0;
	*end = smp_core_count();
	if (!name)
		return ERR_OK;
	for (const char *p = name; *p && n < PLAT_MAX_CORES; p++) {
		if (*p < '0' || *p > '9')
			return ctl_fail(c, NULL, ERR_INVAL, "\"%s\" is no number of a core", name);
		n = n * 10 + (u64)(*p - '0');
	}
	if (n >= *end)
		return ctl_fail(c, NULL, ERR_NOENT,
				"there is no core %s; this node has cores 0 to %u", name,
				*end - 1);
	*first = (u32)n;
	*end = (u32)n + 1;
	return ERR_OK;
}

err_t ctl_core_set(struct ctl *c)
{
	const char *what = ctl_text(c, "assert");
	u32 i, end;
	err_t err = core_named(c, &i, &end);

	if (!err && what) {
		noise_reset(&cores[i].noise, plat_now_ns());
		cores[i].noise.quiet = !strcmp(what, "quiet");
	}
	return err;
}

void ctl_core_config(const struct out *out)
{
	for (u32 i = 0; i < smp_core_count(); i++)
		if (cores[i].noise.quiet)
			out_printf(out, "  core set %u assert quiet\n", i);
}

void ctl_core_config_of(const char *name, const struct out *out)
{
	char number[12];

	for (u32 i = 0; i < smp_core_count(); i++) {
		fmt_snprintf(number, sizeof(number), "%u", i);
		if (!strcmp(name, number))
			out_printf(out, "core set %u assert %s\n", i,
				   cores[i].noise.quiet ? "quiet" : "nothing");
	}
}

static u64 broken(const struct noise *n)
{
	u64 sum = 0;

	for (u32 i = 0; i < NOISE_CAUSE_COUNT; i++)
		sum += n->broken[i];
	return sum;
}

static const char *verdict(const struct noise *n)
{
	if (!n->quiet)
		return "";
	return broken(n) ? "BROKEN" : "kept";
}

/* "12.3 us" */
static void print_time(const struct out *out, int width, u64 ns)
{
	if (ns < 1000)
		out_column(out, width, "%lu ns", ns);
	else if (ns < 1000000)
		out_column(out, width, "%lu.%lu us", ns / 1000, ns / 100 % 10);
	else
		out_column(out, width, "%lu.%lu ms", ns / 1000000, ns / 100000 % 10);
}

static void row(const struct out *out, u32 core, const struct noise *n)
{
	u64 s10 = MAX((plat_now_ns() - n->since_ns) / 100000000, 1ull), exits = 0;
	u64 foreign = noise_foreign_exits(n);

	for (u32 k = 0; k < EXIT_KIND_COUNT; k++)
		exits += n->exits[k];
	out_column(out, 6, "%u", core);
	out_column(out, 10, "%lu.%lu s", s10 / 10, s10 % 10);
	out_column(out, 12, "%lu", exits);
	out_column(out, 12, "%lu", foreign);
	out_column(out, 14, "%lu.%02lu", foreign * 10 / s10, foreign * 1000 / s10 % 100);
	print_time(out, 12, n->longest.ns);
	out_column(out, 24, "%s%s%s", n->longest.ns ? exit_kind_name(n->longest.kind) : "",
		   n->longest.ns ? ", " : "",
		   n->longest.ns ? noise_cause_name(n->longest.cause) : "");
	out_printf(out, "%s\n", verdict(n));
}

static void print_gaps(const struct out *out, const struct noise *n)
{
	u64 most = 1;

	for (u32 i = 0; i < NOISE_BUCKETS; i++)
		most = MAX(most, n->gaps[i]);
	out_printf(out, "times out of the guest, all together ");
	print_time(out, 0, n->gap_ns);
	out_printf(out, "\n");
	for (u32 i = 0; i < NOISE_BUCKETS; i++) {
		char bar[BAR_MAX + 1];
		u32 len = (u32)(n->gaps[i] * BAR_MAX / most);

		if (!n->gaps[i])
			continue;
		memset(bar, '#', len);
		bar[len] = '\0';
		out_printf(out, "  from ");
		print_time(out, 12, BIT64(i));
		out_column(out, 12, "%lu", n->gaps[i]);
		out_printf(out, "%s\n", bar);
	}
}

static void details(const struct out *out, const struct noise *n)
{
	out_printf(out, "exits by cause\n");
	for (u32 i = 0; i < NOISE_CAUSE_COUNT; i++) {
		if (!n->causes[i])
			continue;
		out_printf(out, "  %-12s %12lu", noise_cause_name((enum noise_cause)i),
			   n->causes[i]);
		if (n->broken[i])
			out_printf(out, ", %lu of them break the assertion", n->broken[i]);
		out_printf(out, "\n");
	}
	out_printf(out, "exits by reason\n");
	for (u32 i = 0; i < EXIT_KIND_COUNT; i++)
		if (n->exits[i])
			out_printf(out, "  %-12s %12lu\n", exit_kind_name((enum exit_kind)i),
				   n->exits[i]);
	print_gaps(out, n);
}

static void noise_json(struct json *j, u32 core, const struct noise *n)
{
	json_open(j, NULL, '{');
	json_num(j, "core", core);
	json_num(j, "since_ns", n->since_ns);
	json_num(j, "now_ns", plat_now_ns());
	json_num(j, "foreign", noise_foreign_exits(n));
	json_open(j, "causes", '{');
	for (u32 i = 0; i < NOISE_CAUSE_COUNT; i++)
		json_num(j, noise_cause_name((enum noise_cause)i), n->causes[i]);
	json_close(j, '}');
	json_open(j, "exits", '{');
	for (u32 i = 0; i < EXIT_KIND_COUNT; i++)
		if (n->exits[i])
			json_num(j, exit_kind_name((enum exit_kind)i), n->exits[i]);
	json_close(j, '}');
	json_open(j, "gaps", '[');
	for (u32 i = 0; i < NOISE_BUCKETS; i++)
		json_num(j, NULL, n->gaps[i]);
	json_close(j, ']');
	json_num(j, "gap_ns", n->gap_ns);
	json_num(j, "longest_ns", n->longest.ns);
	json_bool(j, "assert_quiet", n->quiet);
	json_num(j, "broken", broken(n));
	json_close(j, '}');
}

err_t ctl_show_noise(struct ctl *c)
{
	bool json = lang_get(c->stmt, "json") != NULL;
	struct json j = { .out = c->out };
	u32 first, end;
	err_t err = core_named(c, &first, &end);

	if (err)
		return err;
	if (json)
		json_open(&j, NULL, '[');
	else
		out_printf(c->out, "%-6s%-10s%-12s%-12s%-14s%-12s%-24s%s\n", "CORE", "FOR",
			   "EXITS", "FOREIGN", "FOREIGN/S", "LONGEST", "ITS EXIT", "QUIET");
	for (u32 i = first; i < end; i++) {
		if (json)
			noise_json(&j, i, &cores[i].noise);
		else
			row(c->out, i, &cores[i].noise);
		if (c->stmt->name && !json)
			details(c->out, &cores[i].noise);
		if (lang_get(c->stmt, "reset"))
			noise_reset(&cores[i].noise, plat_now_ns());
	}
	if (json) {
		json_close(&j, ']');
		out_printf(c->out, "\n");
	}
	return ERR_OK;
}
