/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each core sits: socket, core, thread, and the NUMA node whose memory is
 * near it. From CPUID and the SRAT; a machine that does not say has one of each.
 */
#ifndef HV_TOPOLOGY_H
#define HV_TOPOLOGY_H

#include "arch/x86_64/acpi.h"
#include "hv/base/cpuid.h"
#include "hv/base/plat.h"
#include "hv/mem/pages.h"

/* Numbers count from 0 within the level above. */
struct topology_core {
	u32 apic_id;
	u32 socket, core, thread;
	u32 node;
};

struct topology {
	u32 cores; /* that the node uses, each an entry of core[] */
	u32 sockets, cores_a_socket, threads_a_core; /* the most there are */
	u32 nodes; /* at least 1 */
	struct topology_core core[PLAT_MAX_CORES];
	const struct acpi_numa *numa;
};

/* The node's own. */
extern struct topology topology;

/*
 * Fill in t for cores with these APIC ids. host(leaf, subleaf) is CPUID, the same on all
 * cores; numa must stay. Boot core, once.
 */
void topology_init(struct topology *t, const u32 *apic_ids, u32 cores,
		   struct cpuid_regs (*host)(void *ctx, u32 leaf, u32 subleaf),
		   const struct acpi_numa *numa);

/*
 * As pages_alloc(), from memory of this NUMA node as long as it has any, else from
 * wherever there is; *near says which it was. Boot core.
 */
u64 topology_alloc(const struct topology *t, struct pages *p, u32 node, u64 size, u64 align,
		   bool *near);

/* What a guest can be told of where its vCPUs sit; its APIC ids count from 0 without
 * gaps. */
struct topology_guest {
	u32 threads;	 /* so many ids in a row are a core, a power of two */
	u32 package_ids; /* ... a package: all, or a power of two times threads */
};

/*
 * For vCPUs on these cores, the i-th on core[i]. Where their places make no such
 * pattern, or two share a core, they are cores of one package.
 */
struct topology_guest topology_of_guest(const struct topology *t, const u32 *core, u32 n);

/* Bytes of memory that the node has, and how many of p's free ones lie there. */
u64 topology_memory(const struct topology *t, u32 node);
u64 topology_free(const struct topology *t, const struct pages *p, u32 node);

#endif
