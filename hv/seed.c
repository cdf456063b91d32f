/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's random numbers (SDM vol. 1 7.3.17; APM vol. 3: RDSEED, RDRAND). */
#include "hv/seed.h"

#include <arch/cpu.h>

#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

#define CPUID1_ECX_RDRAND BIT(30)
#define CPUID7_EBX_RDSEED BIT(18)

/* The SDM has ten tries for RDRAND, whose failure then means a fault; RDSEED may well be
 * empty for longer. */
#define TRIES 10u
#define WORDS 4u

static const struct source {
	const char *name;
	bool (*get)(u64 *v);
} sources[] = { { "rdseed", rdseed }, { "rdrand", rdrand } };

static const struct source *source;

/* A word that can be believed: some processors answer with ones for ever after they
 * slept, and say that all is well. */
static bool next_word(const struct source *s, u64 *v)
{
	for (u32 i = 0; i < TRIES; i++) {
		if (s->get(v))
			return *v != 0 && *v != UINT64_MAX;
		plat_relax();
	}
	return false;
}

static bool works(const struct source *s)
{
	u64 word[WORDS];

	for (u32 i = 0; i < WORDS; i++) {
		if (!next_word(s, &word[i]))
			return false;
		for (u32 k = 0; k < i; k++)
			if (word[k] == word[i])
				return false;
	}
	return true;
}

static bool has(const struct source *s)
{
	if (s->get == rdrand)
		return cpuid(1, 0).ecx & CPUID1_ECX_RDRAND;
	return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & CPUID7_EBX_RDSEED);
}

void seed_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(sources) && !source; i++) {
		if (!has(&sources[i]))
			continue;
		if (works(&sources[i]))
			source = &sources[i];
		else
			log_warn("cpu", "%s gives no random numbers: it is not used",
				 sources[i].name);
	}
	if (source)
		log_info("cpu", "random numbers for guests by %s", source->name);
	else
		log_warn("cpu", "no RDSEED or RDRAND: guests get no random numbers from us");
}

const char *seed_source(void)
{
	return source ? source->name : NULL;
}

u32 seed_fill(void *to, u32 len)
{
	u32 done = 0;
	u64 word;

	while (done < len && source && next_word(source, &word)) {
		u32 n = MIN(len - done, (u32)sizeof(word));

		memcpy((u8 *)to + done, &word, n);
		done += n;
	}
	return done;
}
