/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures, their statistics and their JSON file, see bench.h. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESAMPLES 2000
#define LINE 256

static int by_value(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static double middle(const double *sorted, unsigned n)
{
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double bench_median(const double *values, unsigned n)
{
	double *sorted = malloc(n * sizeof(*sorted)), m;

	if (!sorted)
		abort();
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	m = middle(sorted, n);
	free(sorted);
	return m;
}

/* 95 % of the medians of resampled runs lie within (percentile bootstrap). */
static void interval(const struct bench_figure *f, double *low, double *high)
{
	static double medians[RESAMPLES];
	double sample[BENCH_RUNS_MAX];
	uint64_t rng = 0x9e3779b97f4a7c15ull;

	for (unsigned r = 0; r < RESAMPLES; r++) {
		for (unsigned i = 0; i < f->n; i++)
			sample[i] = f->runs[bench_random(&rng) % f->n];
		medians[r] = bench_median(sample, f->n);
	}
	qsort(medians, RESAMPLES, sizeof(medians[0]), by_value);
	*low = medians[RESAMPLES / 40];
	*high = medians[RESAMPLES - 1 - RESAMPLES / 40];
}

static const char *met(const struct bench_figure *f, double low, double high)
{
	if (f->higher)
		return low >= f->goal ? "true" : high < f->goal ? "false" : "\"inconclusive\"";
	return high <= f->goal ? "true" : low > f->goal ? "false" : "\"inconclusive\"";
}

void bench_add(struct bench_figure *f, double value)
{
	if (f->n < BENCH_RUNS_MAX)
		f->runs[f->n++] = value;
}

void bench_print_header(void)
{
	printf("%-30s %12s %-10s %22s %12s  %s\n", "FIGURE", "MEDIAN", "UNIT", "95 % INTERVAL",
	       "GOAL", "MET");
}

void bench_print(const struct bench_figure *f)
{
	char spread[64], goal[32] = "-";
	double low, high;

	if (!f->n)
		return;
	interval(f, &low, &high);
	snprintf(spread, sizeof(spread), "%.4g .. %.4g", low, high);
	if (f->goal != 0)
		snprintf(goal, sizeof(goal), "%s %.4g", f->higher ? ">=" : "<=", f->goal);
	printf("%-30s %12.4g %-10s %22s %12s  %s\n", f->name, bench_median(f->runs, f->n), f->unit,
	       spread, goal, f->goal != 0 ? met(f, low, high) : "");
	fflush(stdout);
}

/* --- the file --------------------------------------------------------------- */

/* The value of "model name : ..." in /proc/cpuinfo, fit for a JSON string. */
static void cpu_name(char *out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[LINE], *at;

	snprintf(out, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) || !(at = strchr(line, ':')))
			continue;
		at[strcspn(at, "\n\"\\")] = '\0';
		snprintf(out, size, "%s", at + strspn(at, ": "));
		break;
	}
	if (f)
		fclose(f);
}

static double tsc_mhz(void)
{
	struct timespec a, b;
	uint64_t begin;
	double ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	begin = bench_cycles();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
	} while (ns < 2e7);
	return (double)(bench_cycles() - begin) / ns * 1e3;
}

static void write_head(FILE *f, const char *name)
{
	time_t now = time(NULL);
	char date[32], cpu[LINE];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	cpu_name(cpu, sizeof(cpu));
	fprintf(f, "{\"name\": \"%s\", \"date\": \"%s\",\n", name, date);
	fprintf(f, " \"machine\": {\"kind\": \"host\", \"cpu\": \"%s\", \"cores\": %ld, ", cpu,
		sysconf(_SC_NPROCESSORS_ONLN));
	fprintf(f, "\"tsc_mhz\": %.0f},\n \"figures\": [\n", tsc_mhz());
}

static void write_figure(FILE *f, const struct bench_figure *g, bool last)
{
	double low, high;

	interval(g, &low, &high);
	fprintf(f, "  {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ", g->name,
		bench_median(g->runs, g->n), g->unit);
	if (g->goal != 0)
		fprintf(f, "\"goal\": %.6g, \"met\": %s, ", g->goal, met(g, low, high));
	else
		fprintf(f, "\"goal\": null, \"met\": null, ");
	fprintf(f, "\"better\": \"%s\", \"low\": %.6g, \"high\": %.6g, \"runs\": [",
		g->higher ? "higher" : "lower", low, high);
	for (unsigned i = 0; i < g->n; i++)
		fprintf(f, "%s%.6g", i ? ", " : "", g->runs[i]);
	fprintf(f, "]}%s\n", last ? "" : ",");
}

bool bench_write(const char *name, const struct bench_figure *figures, unsigned n)
{
	const char *dir = getenv("BENCH_DIR") ? getenv("BENCH_DIR") : "build/bench";
	char path[LINE];
	FILE *f;

	if (mkdir(dir, 0777) && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		return false;
	}
	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	f = fopen(path, "w");
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	write_head(f, name);
	for (unsigned i = 0; i < n; i++)
		write_figure(f, &figures[i], i + 1 == n);
	fprintf(f, " ]}\n");
	if (fclose(f)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	printf("wrote %s\n", path);
	return true;
}
