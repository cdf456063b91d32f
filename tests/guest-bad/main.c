/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the misbehaving guests: find the case that the command line names, and run it. */
#include "tests/guest-bad/bad.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

#define INFO_FLAG_CMDLINE BIT(2)
#define INFO_CMDLINE 16

void guest_main(u32 magic, u32 info);

static const struct bad_case *const lists[] = {
	crash_cases, refuse_cases, storm_cases, power_cases, virtio_cases, fuzz_cases,
};

const char *bad_say(const char *f, ...)
{
	static char text[160];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	return text;
}

static const struct bad_case *find(const char *name)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (const struct bad_case *c = lists[l]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

/* "NAME NUMBER": cut behind the name; the number, 0 without one. */
static u64 split(char *words)
{
	u64 number = 0;

	while (*words && *words != ' ')
		words++;
	while (*words == ' ')
		*words++ = '\0';
	for (; *words >= '0' && *words <= '9'; words++)
		number = number * 10 + (u64)(*words - '0');
	return number;
}

void guest_main(u32 magic, u32 info)
{
	const u32 *fields = (const u32 *)(uintptr_t)info;
	const struct bad_case *c;
	char *name = (char *)(uintptr_t)fields[INFO_CMDLINE / sizeof(u32)];
	u64 number = fields[0] & INFO_FLAG_CMDLINE ? split(name) : 0;

	(void)magic;
	traps_init();
	apic_init();
	c = find(name);
	if (c) {
		print("BEGIN %s\n", name);
		print("END %s: %s\n", name, c->run(number));
	} else {
		print("no case \"%s\"\n", name);
	}
	power_off();
}
