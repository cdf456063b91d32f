/* SPDX-License-Identifier: BSD-2-Clause */
/* Why VMRUN refused a VMCB: the manual's consistency checks, one after the other. */
#ifndef ARCH_X86_64_SVM_CHECK_H
#define ARCH_X86_64_SVM_CHECK_H

#include "arch/x86_64/svm_vmcb.h"
#include "hv/base/cpuid.h"

/* What the processor's answers depend on. */
struct svm_limits {
	u8 phys_bits;	  /* width of physical addresses */
	u64 cr4_reserved; /* bits that it lacks */
};

/*
 * The first check of APM vol. 2 15.5.1, 15.20 and 15.25.4 that v fails, in
 * words (static); NULL when it fails none. v is only read.
 */
const char *svm_check(const struct vmcb *v, const struct svm_limits *limits);

/* Bits of CR4 that a processor with these CPUID leaves 1 and 7 lacks. */
u64 svm_check_cr4_reserved(const struct cpuid_regs *leaf1, const struct cpuid_regs *leaf7);

#endif
