/* SPDX-License-Identifier: BSD-2-Clause */
/* plat.h for a Linux process: a clock, memory, and the log on standard error. */
#include "tools/vnetpd/plat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "hv/base/log.h"
#include "hv/base/plat.h"

/* From here on memory comes as pages of its own, which cost nothing until they
 * are used: packet pools. */
#define BIG_BYTES (1024u * 1024)
#define ALIGN_BYTES 64u

/* Index of the thread. */
static __thread unsigned this_core;

static int max_level = LOG_INFO;
static bool for_journal;

void plat_set_log(int level)
{
	max_level = level;
	/* systemd says so where standard error is the journal's (sd-daemon(3)). */
	for_journal = getenv("JOURNAL_STREAM") != NULL;
}

u64 plat_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

u64 plat_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

void plat_relax(void)
{
	__builtin_ia32_pause();
}

unsigned plat_core(void)
{
	return this_core;
}

void plat_set_core(unsigned core)
{
	this_core = core;
}

void *plat_alloc(size_t bytes)
{
	void *p;

	if (bytes >= BIG_BYTES) {
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	p = aligned_alloc(ALIGN_BYTES, ALIGN_UP(bytes, ALIGN_BYTES));
	return p ? memset(p, 0, bytes) : NULL;
}

void plat_free(void *p, size_t bytes)
{
	if (!p)
		return;
	if (bytes >= BIG_BYTES)
		munmap(p, bytes);
	else
		free(p);
}

void plat_log(int level, const char *line)
{
	/* The levels that the journal knows (sd-daemon(3)). */
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };

	if (level <= max_level)
		fprintf(stderr, "%s%s\n", for_journal ? prefix[level] : "", line);
}

void plat_die(const char *file, int line, const char *f, ...)
{
	va_list ap;

	fprintf(stderr, "%svnetpd: %s:%d: ", for_journal ? "<2>" : "", file, line);
	va_start(ap, f);
	vfprintf(stderr, f, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
