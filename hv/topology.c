/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets, cores, threads and NUMA nodes, see topology.h. */
#include "hv/topology.h"

#include "hv/base/str.h"

/* Leaves of CPUID (SDM vol. 2; APM vol. 3 appendix E). */
#define LEAF_FEATURES 1u
#define LEAF_CACHES 4u
#define LEAF_TOPOLOGY 0x0bu
#define LEAF_SIZES 0x80000008u
#define LEAF_EXTENDED 0x80000000u
#define LEVELS_MAX 8u
#define LEVEL_TYPE(ecx) ((ecx) >> 8 & 0xff)
#define LEVEL_SMT 1u
#define LEVEL_SHIFT(eax) ((eax)&0x1f)

#define FEATURE_HTT BIT(28) /* leaf 1 EDX: EBX 23:16 counts the package's ids */

struct topology topology;

/* How many low bits of an APIC id number the threads of a core, and of a socket. */
struct widths {
	u32 thread, socket;
};

typedef struct cpuid_regs (*cpuid_fn)(void *ctx, u32 leaf, u32 subleaf);

/* SDM vol. 3A 9.9.4: the last level's shift ends the package. */
static bool from_levels(cpuid_fn host, struct widths *w)
{
	bool any = false;

	if (host(NULL, 0, 0).eax < LEAF_TOPOLOGY)
		return false;
	for (u32 i = 0; i < LEVELS_MAX; i++) {
		struct cpuid_regs r = host(NULL, LEAF_TOPOLOGY, i);

		if (!LEVEL_TYPE(r.ecx) || !(r.ebx & 0xffff))
			break;
		any = true;
		if (LEVEL_TYPE(r.ecx) == LEVEL_SMT)
			w->thread = LEVEL_SHIFT(r.eax);
		w->socket = LEVEL_SHIFT(r.eax);
	}
	return any;
}

/* Processors without that leaf: ids and cores of a package as leaf 1 and 4, or AMD's
 * 8000_0008h, count them. */
static void from_counts(cpuid_fn host, struct widths *w)
{
	struct cpuid_regs one = host(NULL, LEAF_FEATURES, 0);
	u32 ids = one.edx & FEATURE_HTT ? one.ebx >> 16 & 0xff : 1, in_package = 1;

	if (host(NULL, 0, 0).eax >= LEAF_CACHES && host(NULL, LEAF_CACHES, 0).eax)
		in_package = (host(NULL, LEAF_CACHES, 0).eax >> 26) + 1;
	else if (host(NULL, LEAF_EXTENDED, 0).eax >= LEAF_SIZES)
		in_package = (host(NULL, LEAF_SIZES, 0).ecx & 0xff) + 1;
	w->socket = cpuid_bits_for(MAX(ids, in_package));
	w->thread = w->socket - MIN(w->socket, cpuid_bits_for(in_package));
}

static u32 node_of(const struct acpi_numa *numa, u32 apic_id)
{
	for (u32 i = 0; i < numa->cpu_count; i++)
		if (numa->cpu[i].apic_id == apic_id)
			return numa->cpu[i].node;
	return 0;
}

static u32 field(u32 id, u32 low, u32 high)
{
	return (u32)((id & (BIT64(high) - 1)) >> low);
}

/* Two ids are alike above bit `high`. */
static bool together(u32 a, u32 b, u32 high)
{
	return (u64)a >> high == (u64)b >> high;
}

/*
 * The number of id `self` by its bits [low, high) among those that are alike above: ids
 * may have gaps, these numbers have none.
 */
static u32 rank(const u32 *ids, u32 count, u32 self, u32 low, u32 high)
{
	u32 n = 0;

	for (u32 i = 0; i < count; i++) {
		u32 part = field(ids[i], low, high), first = 0;

		if (!together(ids[i], ids[self], high) || part >= field(ids[self], low, high))
			continue;
		while (!together(ids[first], ids[self], high) ||
		       field(ids[first], low, high) != part)
			first++;
		n += first == i;
	}
	return n;
}

void topology_init(struct topology *t, const u32 *apic_ids, u32 cores, cpuid_fn host,
		   const struct acpi_numa *numa)
{
	struct widths w = { 0 };

	if (!from_levels(host, &w))
		from_counts(host, &w);
	memset(t, 0, sizeof(*t));
	t->cores = cores;
	t->numa = numa;
	t->nodes = MAX(numa->node_count, 1u);
	for (u32 i = 0; i < cores; i++) {
		struct topology_core *c = &t->core[i];

		c->apic_id = apic_ids[i];
		c->thread = rank(apic_ids, cores, i, 0, w.thread);
		c->core = rank(apic_ids, cores, i, w.thread, w.socket);
		c->socket = rank(apic_ids, cores, i, w.socket, 32);
		c->node = node_of(numa, apic_ids[i]);
		t->sockets = MAX(t->sockets, c->socket + 1);
		t->cores_a_socket = MAX(t->cores_a_socket, c->core + 1);
		t->threads_a_core = MAX(t->threads_a_core, c->thread + 1);
	}
}

u64 topology_alloc(const struct topology *t, struct pages *p, u32 node, u64 size, u64 align,
		   bool *near)
{
	*near = true;
	for (u32 i = 0; i < t->numa->memory_count; i++) {
		const struct acpi_near_memory *m = &t->numa->memory[i];
		u64 at;

		if (m->node != node)
			continue;
		at = pages_alloc_within(p, size, align, m->base, m->base + m->size);
		if (at)
			return at;
	}
	*near = t->nodes == 1;
	return pages_alloc(p, size, align, PAGES_ANYWHERE);
}

u64 topology_memory(const struct topology *t, u32 node)
{
	u64 sum = 0;

	for (u32 i = 0; i < t->numa->memory_count; i++)
		sum += t->numa->memory[i].node == node ? t->numa->memory[i].size : 0;
	return sum;
}

u64 topology_free(const struct topology *t, const struct pages *p, u32 node)
{
	u64 sum = 0;

	for (u32 i = 0; i < t->numa->memory_count; i++) {
		const struct acpi_near_memory *m = &t->numa->memory[i];

		sum += m->node == node ? pages_free_within(p, m->base, m->size) : 0;
	}
	return sum;
}

/* How many in a row, from the first, are in the same place as the first. */
static u32 run_of(const struct topology *t, const u32 *core, u32 n, bool whole_core)
{
	const struct topology_core *first = &t->core[core[0]];
	u32 len = 1;

	while (len < n && t->core[core[len]].socket == first->socket &&
	       (!whole_core || t->core[core[len]].core == first->core))
		len++;
	return len;
}

static bool all_differ(const u32 *core, u32 n)
{
	u32 seen = 0;

	STATIC_ASSERT(PLAT_MAX_CORES <= 32, "a bit for each core");
	for (u32 i = 0; i < n; i++) {
		if (seen & BIT(core[i]))
			return false;
		seen |= BIT(core[i]);
	}
	return true;
}

/* Any two ids are in one socket, or core, just where the pattern says so. */
static bool fits(const struct topology *t, const u32 *core, u32 n, struct topology_guest g)
{
	for (u32 i = 0; i < n * n; i++) {
		u32 one = i / n, other = i % n;
		const struct topology_core *a = &t->core[core[one]], *b = &t->core[core[other]];
		bool socket = a->socket == b->socket, same = socket && a->core == b->core;

		if (socket != (one / g.package_ids == other / g.package_ids) ||
		    same != (one / g.threads == other / g.threads))
			return false;
	}
	return n % g.package_ids == 0;
}

struct topology_guest topology_of_guest(const struct topology *t, const u32 *core, u32 n)
{
	const struct topology_guest flat = { .threads = 1, .package_ids = n };
	struct topology_guest g = {
		.threads = run_of(t, core, n, true), .package_ids = run_of(t, core, n, false),
	};
	u32 in_package = g.package_ids / g.threads;

	if (!all_differ(core, n) || g.threads & (g.threads - 1) || g.package_ids % g.threads)
		return flat;
	/* Ids of a second package begin at a power of two. */
	if (g.package_ids < n && in_package & (in_package - 1))
		return flat;
	return fits(t, core, n, g) ? g : flat;
}
