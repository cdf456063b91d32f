/* SPDX-License-Identifier: BSD-2-Clause */
/* OpenMetrics text format 1.0, the writer; see metrics.h. */
#include "ctl/metrics.h"

#include <stdarg.h>

#define PREFIX "caisson_"
#define MICRO 1000000u

void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *unit,
		    const char *help)
{
	static const char *const words[] = {
		[METRICS_COUNTER] = "counter",
		[METRICS_GAUGE] = "gauge",
		[METRICS_STATES] = "stateset",
		[METRICS_INFO] = "info",
	};

	m->family = name;
	m->type = type;
	out_printf(m->out, "# TYPE " PREFIX "%s %s\n", name, words[type]);
	if (unit)
		out_printf(m->out, "# UNIT " PREFIX "%s %s\n", name, unit);
	out_printf(m->out, "# HELP " PREFIX "%s %s\n", name, help);
}

/* Between quotes; backslash, quote and line feed are escaped. */
static void label_value(struct metrics *m, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			out_printf(m->out, "\\n");
		else
			out_printf(m->out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "",
				   *text);
	}
}

/* Everything of a sample but its value. */
static void sample_name(struct metrics *m, va_list ap)
{
	static const char *const suffixes[] = {
		[METRICS_COUNTER] = "_total",
		[METRICS_GAUGE] = "",
		[METRICS_STATES] = "",
		[METRICS_INFO] = "_info",
	};
	const char *label;
	char before = '{';

	out_printf(m->out, PREFIX "%s%s", m->family, suffixes[m->type]);
	while ((label = va_arg(ap, const char *)) != NULL) {
		out_printf(m->out, "%c%s=\"", before, label);
		label_value(m, va_arg(ap, const char *));
		out_printf(m->out, "\"");
		before = ',';
	}
	out_printf(m->out, "%s ", before == ',' ? "}" : "");
}

void metrics_sample(struct metrics *m, u64 value, ...)
{
	va_list ap;

	va_start(ap, value);
	sample_name(m, ap);
	va_end(ap);
	out_printf(m->out, "%lu\n", value);
}

void metrics_sample_micro(struct metrics *m, u64 value, ...)
{
	va_list ap;

	va_start(ap, value);
	sample_name(m, ap);
	va_end(ap);
	out_printf(m->out, "%lu.%06lu\n", value / MICRO, value % MICRO);
}

void metrics_one(struct metrics *m, const char *name, enum metrics_type type, const char *unit,
		 const char *help, u64 value)
{
	metrics_family(m, name, type, unit, help);
	metrics_sample(m, value, NULL);
}

void metrics_end(struct metrics *m)
{
	out_printf(m->out, "# EOF\n");
}
