/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register seam of benchmarks: a write is the plain store that it is in the
 * hypervisor, into a block in memory; a read, which a real device answers in a
 * microsecond, is answered by the NIC in path_nic.c. Both are counted.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "hv/base/types.h"

struct mmio_counts {
	u64 reads, writes;
};
extern struct mmio_counts mmio_counts;

u32 mmio_read32(const volatile void *addr);

static inline void mmio_write32(volatile void *addr, u32 value)
{
	*(volatile u32 *)addr = value;
	mmio_counts.writes++;
}

/* As arch/x86_64/include/arch/mmio.h has them. */
static inline void mmio_wmb(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

static inline void mmio_rmb(void)
{
	__asm__ volatile("lfence" ::: "memory");
}

#endif
