/* SPDX-License-Identifier: BSD-2-Clause */
/* Topology, cache and XSAVE leaves (SDM vol. 2 CPUID; APM vol. 3 E.4). */
#include "hv/emul/cpuid_topo.h"

#define LEVEL_SMT (1u << 8)
#define LEVEL_CORE (2u << 8)

#define CACHE_TYPE_MASK 0x1fu	   /* 0: no more caches */
#define CACHE_LEVEL(eax) ((eax) >> 5 & 7)
#define CACHE_KEEP 0x3ffu	   /* type, level, self-initialising, fully associative */
#define CACHE_SHARED_LEVEL 3

#define XSAVE_LEGACY_BYTES 576u	   /* FXSAVE area and header (SDM vol. 1 13.4) */
#define XSAVE_COMPONENTS 63
#define XSAVE_ALIGNED BIT(1)	   /* ECX: 64-byte aligned in the compacted format */
#define D1A_XSAVEOPT BIT(0)
#define D1A_XSAVEC BIT(1)
#define D1A_XGETBV1 BIT(2)

u32 cpuid_package_ids(const struct cpuid_config *c)
{
	return c->package_ids ? c->package_ids : c->vcpus;
}

u32 cpuid_id_bits(const struct cpuid_config *c)
{
	return cpuid_bits_for(cpuid_package_ids(c));
}

static u32 threads(const struct cpuid_config *c)
{
	return MAX(c->threads, 1u);
}

struct cpuid_regs cpuid_topology(const struct cpuid_config *c, const struct cpuid_vcpu *v,
				 u32 subleaf)
{
	struct cpuid_regs r = { .ecx = subleaf & 0xff, .edx = v->apic_id };

	if (subleaf == 0) {
		r.eax = cpuid_bits_for(threads(c));
		r.ebx = threads(c);
		r.ecx |= LEVEL_SMT;
	} else if (subleaf == 1) {
		r.eax = cpuid_id_bits(c);
		r.ebx = cpuid_package_ids(c);
		r.ecx |= LEVEL_CORE;
	}
	return r;
}

struct cpuid_regs cpuid_cache(const struct cpuid_config *c, u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = c->host(c->ctx, leaf, subleaf);
	u32 sharing = threads(c) - 1;

	if (!(r.eax & CACHE_TYPE_MASK))
		return (struct cpuid_regs){ 0 };
	if (CACHE_LEVEL(r.eax) >= CACHE_SHARED_LEVEL)
		sharing = cpuid_package_ids(c) - 1;
	r.eax = (r.eax & CACHE_KEEP) | sharing << 14;
	if (leaf == 4) /* cores in the package; reserved on AMD */
		r.eax |= MIN(cpuid_package_ids(c) / threads(c) - 1, 63u) << 26;
	return r;
}

/* Bytes of the standard-format area for these states. */
static u32 standard_bytes(const struct cpuid_config *c, u64 xcr0)
{
	u32 end = XSAVE_LEGACY_BYTES;

	for (u32 i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_regs s;

		if (!(xcr0 & BIT64(i)))
			continue;
		s = c->host(c->ctx, CPUID_LEAF_XSAVE, i);
		end = MAX(end, s.ebx + s.eax);
	}
	return end;
}

/* Bytes of the compacted format (SDM vol. 1 13.4.3). */
static u32 compacted_bytes(const struct cpuid_config *c, u64 xcr0)
{
	u32 end = XSAVE_LEGACY_BYTES;

	for (u32 i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_regs s;

		if (!(xcr0 & BIT64(i)))
			continue;
		s = c->host(c->ctx, CPUID_LEAF_XSAVE, i);
		if (s.ecx & XSAVE_ALIGNED)
			end = ALIGN_UP(end, 64);
		end += s.eax;
	}
	return end;
}

struct cpuid_regs cpuid_xsave(const struct cpuid_config *c, const struct cpuid_vcpu *v,
			      u32 subleaf)
{
	struct cpuid_regs r = { 0 }, h;

	if (!c->xcr0_allowed || subleaf >= XSAVE_COMPONENTS)
		return r;
	h = c->host(c->ctx, CPUID_LEAF_XSAVE, subleaf);
	if (subleaf == 0) {
		r.eax = (u32)c->xcr0_allowed;
		r.edx = (u32)(c->xcr0_allowed >> 32);
		r.ebx = standard_bytes(c, v->xcr0 & c->xcr0_allowed);
		r.ecx = standard_bytes(c, c->xcr0_allowed);
	} else if (subleaf == 1) {
		r.eax = h.eax & (D1A_XSAVEOPT | D1A_XSAVEC | D1A_XGETBV1);
		if (r.eax & D1A_XSAVEC)
			r.ebx = compacted_bytes(c, v->xcr0 & c->xcr0_allowed);
	} else if (c->xcr0_allowed & BIT64(subleaf)) {
		r.eax = h.eax;
		r.ebx = h.ebx;
		r.ecx = h.ecx & XSAVE_ALIGNED;
	}
	return r;
}

struct cpuid_regs cpuid_amd_topology(const struct cpuid_config *c, const struct cpuid_vcpu *v)
{
	return (struct cpuid_regs){
		.eax = v->apic_id,
		.ebx = (v->apic_id >> cpuid_bits_for(threads(c)) & 0xff) | (threads(c) - 1) << 8,
		.ecx = v->apic_id >> cpuid_id_bits(c) & 0xff,
	};
}
