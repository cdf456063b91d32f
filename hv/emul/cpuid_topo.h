/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID leaves that are computed rather than masked: topology, caches, XSAVE. */
#ifndef HV_EMUL_CPUID_TOPO_H
#define HV_EMUL_CPUID_TOPO_H

#include "hv/emul/cpuid.h"

#define CPUID_LEAF_TOPOLOGY 0x0bu
#define CPUID_LEAF_XSAVE 0x0du

/* vCPUs in a package, as far as there are so many. */
u32 cpuid_package_ids(const struct cpuid_config *c);

/* Bits of an APIC id within its package: the smallest n with 1 << n >= those. */
u32 cpuid_id_bits(const struct cpuid_config *c);

/* Leaf 0Bh: threads of a core, ids of a package. */
struct cpuid_regs cpuid_topology(const struct cpuid_config *c, const struct cpuid_vcpu *v,
				 u32 subleaf);

/* Leaves 4 (Intel) and 8000_001Dh (AMD): the host's caches, shared as the
 * guest's topology has it. */
struct cpuid_regs cpuid_cache(const struct cpuid_config *c, u32 leaf, u32 subleaf);

/* Leaf 0Dh, cut to xcr0_allowed; no supervisor states. */
struct cpuid_regs cpuid_xsave(const struct cpuid_config *c, const struct cpuid_vcpu *v,
			      u32 subleaf);

/* Leaf 8000_001Eh: core, threads of a core; each package is a node. */
struct cpuid_regs cpuid_amd_topology(const struct cpuid_config *c, const struct cpuid_vcpu *v);

#endif
