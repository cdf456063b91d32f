/* SPDX-License-Identifier: BSD-2-Clause */
/* A memory map's oddities, see memmap.h. */
#include "boot/memmap.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

#define PAGE 4096ull
#define LOW_END 0x100000ull
#define CRUMB 0x100000ull /* RAM in pieces of less than this, above 1 MiB */
#define LINE_MAX 120

struct check {
	memmap_say say;
	void *ctx;
	u32 lines;
};

static void PRINTF(2, 3) tell(struct check *c, const char *f, ...)
{
	char line[LINE_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(line, sizeof(line), f, ap);
	va_end(ap);
	c->say(c->ctx, line);
	c->lines++;
}

static void check_overlap(struct check *c, const struct boot_range *a, const struct boot_range *b)
{
	u64 from = MAX(a->base, b->base), to = MIN(a->base + a->size, b->base + b->size);

	if (from >= to || (a->type == b->type && a->type != BOOT_MEM_RAM))
		return;
	if (a->type == b->type)
		tell(c, "RAM twice: %lxh to %lxh", from, to);
	else
		tell(c, "both %s and %s: %lxh to %lxh", boot_mem_type_name(b->type),
		     boot_mem_type_name(a->type), from, to);
}

static void check_ram(struct check *c, const struct boot_range *r, u64 phys_end)
{
	if ((r->base % PAGE || (r->base + r->size) % PAGE) && r->base >= LOW_END)
		tell(c, "RAM not in whole pages: %lxh to %lxh", r->base, r->base + r->size);
	if (r->base + r->size > phys_end)
		tell(c, "RAM beyond what the processor addresses (%lxh): up to %lxh", phys_end,
		     r->base + r->size);
}

u32 memmap_check(const struct boot_info *bi, u64 phys_end, struct memmap_sums *sums,
		 memmap_say say, void *ctx)
{
	struct check c = { .say = say, .ctx = ctx };
	u64 crumbs = 0;
	u32 crumb_count = 0, disorder = 0;

	memset(sums, 0, sizeof(*sums));
	for (u32 i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->range[i];

		for (u32 k = 0; k < i; k++)
			check_overlap(&c, r, &bi->range[k]);
		disorder += i && r->base < bi->range[i - 1].base;
		if (r->type != BOOT_MEM_RAM) {
			sums->reserved += r->size;
			continue;
		}
		check_ram(&c, r, phys_end);
		sums->ram += r->size;
		sums->ram_end = MAX(sums->ram_end, r->base + r->size);
		sums->largest = MAX(sums->largest, r->size);
		if (r->base >= LOW_END && r->size < CRUMB) {
			crumbs += r->size;
			crumb_count++;
		}
	}
	if (disorder)
		tell(&c, "%u ranges are not in order", disorder);
	if (crumb_count)
		tell(&c, "%lu KiB of RAM are in %u pieces of less than 1 MiB", crumbs >> 10,
		     crumb_count);
	if (bi->left_out)
		tell(&c, "%u entries of the boot information made no sense, or were too many",
		     bi->left_out);
	return c.lines;
}
