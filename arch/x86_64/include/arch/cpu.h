/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileged and special instructions, one inline function each (SDM vol. 2, APM vol. 3). */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/msr.h>

#include "hv/base/err.h"
#include "hv/base/cpuid.h"
#include "hv/base/types.h"
#include "hv/base/x86.h"

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* A random number of the processor's; false when it has none at the moment (SDM vol. 1
 * 7.3.17). Only where CPUID says that the instruction is there. */
static inline bool rdseed(u64 *v)
{
	bool good;

	__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(good));
	return good;
}

static inline bool rdrand(u64 *v)
{
	bool good;

	__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(good));
	return good;
}

/*
 * An instruction that may fault: the trap handler finds the address in this
 * table and goes on at the fix-up label instead (arch/x86_64/trap.c).
 */
#define TRAP_FIXUP(insn, fixup)                \
	".pushsection .fixup_table, \"a\"\n\t" \
	".balign 8\n\t"                        \
	".quad " #insn ", " #fixup "\n\t"      \
	".popsection\n\t"

/* As rdmsr() and wrmsr(), but ERR_NOTSUP where the processor answers #GP. */
static inline err_t rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0, failed = 1;

	__asm__ volatile("1: rdmsr\n\t"
			 "xorl %2, %2\n\t"
			 "2:\n\t" TRAP_FIXUP(1b, 2b)
			 : "=a"(lo), "=d"(hi), "+r"(failed)
			 : "c"(msr), "0"(lo), "1"(hi));
	*v = (u64)hi << 32 | lo;
	return failed ? ERR_NOTSUP : ERR_OK;
}

static inline err_t wrmsr_safe(u32 msr, u64 v)
{
	u32 failed = 1;

	__asm__ volatile("1: wrmsr\n\t"
			 "xorl %0, %0\n\t"
			 "2:\n\t" TRAP_FIXUP(1b, 2b)
			 : "+r"(failed)
			 : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
			 : "memory");
	return failed ? ERR_NOTSUP : ERR_OK;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

#define CPU_CR(n)                                                           \
	static inline u64 read_cr##n(void)                                  \
	{                                                                   \
		u64 v;                                                      \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                                   \
	}                                                                   \
	static inline void write_cr##n(u64 v)                               \
	{                                                                   \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
	}

CPU_CR(0)
CPU_CR(2)
CPU_CR(3)
CPU_CR(4)
CPU_CR(8)

#define CPU_DR(n)                                                 \
	static inline u64 read_dr##n(void)                        \
	{                                                         \
		u64 v;                                            \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); \
		return v;                                         \
	}                                                         \
	static inline void write_dr##n(u64 v)                     \
	{                                                         \
		__asm__ volatile("mov %0, %%dr" #n ::"r"(v));     \
	}

CPU_DR(0)
CPU_DR(1)
CPU_DR(2)
CPU_DR(3)
CPU_DR(6)
CPU_DR(7)

/* XGETBV and XSETBV need CR4.OSXSAVE. */
static inline u64 xgetbv(u32 index)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return (u64)hi << 32 | lo;
}

static inline void xsetbv(u32 index, u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(index), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* ERR_NOTSUP where the processor answers #GP. */
static inline err_t xsetbv_safe(u32 index, u64 v)
{
	u32 failed = 1;

	__asm__ volatile("1: xsetbv\n\t"
			 "xorl %0, %0\n\t"
			 "2:\n\t" TRAP_FIXUP(1b, 2b)
			 : "+r"(failed)
			 : "c"(index), "a"((u32)v), "d"((u32)(v >> 32))
			 : "memory");
	return failed ? ERR_NOTSUP : ERR_OK;
}

static inline void cpu_invlpg(const void *addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

static inline void cpu_wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void cpu_hlt(void)
{
	__asm__ volatile("hlt" ::: "memory");
}

static inline void cpu_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void cpu_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

/* Enable interrupts and halt with no window between the two; interrupts are
 * off again on return. */
static inline void cpu_irq_wait(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

/* Take what is pending now: STI's shadow covers one instruction. */
static inline void cpu_irq_window(void)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
}

static inline u64 cpu_rflags(void)
{
	u64 v;

	__asm__ volatile("pushfq; popq %0" : "=r"(v)::"memory");
	return v;
}

/* Disable interrupts; gives what cpu_irq_restore() takes. */
static inline u64 cpu_irq_save(void)
{
	u64 flags = cpu_rflags();

	cpu_irq_disable();
	return flags;
}

static inline void cpu_irq_restore(u64 flags)
{
	if (flags & RFLAGS_IF)
		cpu_irq_enable();
}

#endif
