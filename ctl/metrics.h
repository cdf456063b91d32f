/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as OpenMetrics text (1.0): families one after the other, each with
 * its samples behind it, "# EOF" at the end. A node writes those of the overlay
 * core and its own, see metrics_core().
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include "ctl/out.h"

enum metrics_type {
	METRICS_COUNTER,
	METRICS_GAUGE,
	METRICS_STATES, /* one sample of 0 or 1 for each state */
	METRICS_INFO,	/* of value 1, what it says is in its labels */
};

struct metrics {
	const struct out *out;
	const char *family;
	enum metrics_type type;
};

/* A family begins. unit: "bytes", "seconds" ...; it must be the name's end. NULL:
 * it counts what has no unit. */
void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *unit,
		    const char *help);

/* One sample of it; labels are pairs of name and value, ended by NULL. */
void metrics_sample(struct metrics *m, u64 value, ...) __attribute__((sentinel));
/* The same in millionths: 1500 is 0.001500. */
void metrics_sample_micro(struct metrics *m, u64 value, ...) __attribute__((sentinel));

/* A family of a single sample without labels. */
void metrics_one(struct metrics *m, const char *name, enum metrics_type type, const char *unit,
		 const char *help, u64 value);

/* Ports, links, cores, routes and sums: what all nodes have. Boot core. */
void metrics_core(struct metrics *m);

void metrics_end(struct metrics *m);

#endif
