/* SPDX-License-Identifier: BSD-2-Clause */
/* Cores for guests and dispatchers, see placement.h. */
#include "hv/placement.h"

#define NOT_FOR_GUESTS 0xffffffffu

/* In this order: the lowest first, the boot core last. */
static u32 order_of(u32 core)
{
	return core ? core : PLAT_MAX_CORES;
}

static u32 least_loaded(const u32 *load, u32 cores)
{
	u32 best = 0;

	for (u32 i = 1; i < cores; i++)
		if (load[i] < load[best] ||
		    (load[i] == load[best] && order_of(i) < order_of(best)))
			best = i;
	return best;
}

/* Ascending, so that neighbours among the cores are the guest's neighbours. */
static void sort(u32 *core, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		for (u32 k = i; k && core[k - 1] > core[k]; k--) {
			u32 upper = core[k - 1];

			core[k - 1] = core[k];
			core[k] = upper;
		}
	}
}

void placement_guest(const struct placement *p, u32 cpus, u32 *core)
{
	u32 load[PLAT_MAX_CORES];

	for (u32 i = 0; i < p->cores; i++)
		load[i] = p->dispatcher[i] ? NOT_FOR_GUESTS : p->vcpus[i];
	for (u32 k = 0; k < cpus; k++) {
		core[k] = least_loaded(load, p->cores);
		load[core[k]] = NOT_FOR_GUESTS; /* not again */
	}
	sort(core, cpus);
}

u32 placement_dispatcher(const struct placement *p)
{
	u32 core = 0;

	while (core < p->cores && (p->vcpus[core] || p->dispatcher[core]))
		core++;
	return core;
}

/* The lower the better. */
static u32 queue_order(const struct placement *p, u32 core)
{
	return (p->dispatcher[core] ? 0 : BIT(31)) + p->queues[core] * PLAT_MAX_CORES + core;
}

u32 placement_queue(const struct placement *p, const bool *taken)
{
	u32 best = 0;

	for (u32 i = 1; i < p->cores; i++)
		if (!taken[i] && (!best || queue_order(p, i) < queue_order(p, best)))
			best = i;
	return best;
}
