/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pure parts need of their surroundings (hv/base/plat.h), in a program that runs once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hv/base/plat.h"

u64 plat_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

void plat_relax(void)
{
}

unsigned plat_core(void)
{
	return 0;
}

void *plat_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

void plat_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

/* Errors come as messages; the log of the parts is for nodes. */
void plat_log(int level, const char *line)
{
	(void)level;
	(void)line;
}

void plat_die(const char *file, int line, const char *f, ...)
{
	va_list ap;

	fprintf(stderr, "vnetctl: %s:%d: ", file, line);
	va_start(ap, f);
	vfprintf(stderr, f, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
