/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmarks share: figures with their raw values, medians over
 * interleaved runs, a table as it goes, and build/bench/NAME.json at the end.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_RUNS_MAX 64

struct bench_figure {
	const char *name;
	const char *unit;
	double goal; /* 0: none */
	bool higher; /* is better */
	unsigned n;
	double runs[BENCH_RUNS_MAX];
};

/* The middle value, or the mean of the two in the middle. n > 0. */
double bench_median(const double *values, unsigned n);

/* One more raw value; beyond BENCH_RUNS_MAX they are ignored. */
void bench_add(struct bench_figure *f, double value);

/* A line of the table: median, spread, goal, met or not. The header first. */
void bench_print_header(void);
void bench_print(const struct bench_figure *f);

/* Writes build/bench/NAME.json (or into the directory of BENCH_DIR) in the
 * format of all benchmarks; false, said on stderr, when that fails. */
bool bench_write(const char *name, const struct bench_figure *figures, unsigned n);

/* The time stamp counter, with earlier instructions done. */
static inline uint64_t bench_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* A fast deterministic generator; state must not be 0. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
