/* SPDX-License-Identifier: BSD-2-Clause */
/* plat.h for programs on the build host: libc underneath. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/plat.h"
#include "tests/host/plat_host.h"

u64 host_now_ns;
u64 host_cycles, host_cycles_step;
_Thread_local unsigned host_core;
bool host_log_quiet = true;
char host_log_last[256];
u32 host_log_count;
size_t host_alloc_live;
bool host_alloc_fail;

u64 plat_now_ns(void)
{
	return host_now_ns;
}

u64 plat_cycles(void)
{
	return host_cycles += host_cycles_step;
}

void plat_relax(void)
{
	/* A bounded wait on a variable clock must end. */
	host_now_ns += 1000;
}

unsigned plat_core(void)
{
	return host_core;
}

void *plat_alloc(size_t bytes)
{
	void *p;

	if (host_alloc_fail)
		return NULL;
	p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!p)
		return NULL;
	memset(p, 0, bytes);
	host_alloc_live += bytes;
	return p;
}

void plat_free(void *p, size_t bytes)
{
	if (!p)
		return;
	host_alloc_live -= bytes;
	free(p);
}

void plat_log(int level, const char *line)
{
	(void)level;
	snprintf(host_log_last, sizeof(host_log_last), "%s", line);
	host_log_count++;
	if (!host_log_quiet)
		fprintf(stderr, "%s\n", line);
}

void plat_die(const char *file, int line, const char *f, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, f);
	vfprintf(stderr, f, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
