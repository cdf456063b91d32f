/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register seam of benchmarks: a write is the plain store that it is in the
 * hypervisor, into a block in memory; a read of 32 bits, which a real device answers in
 * a microsecond, is answered by the NIC in path_nic.c. Both are counted.
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

/* virtio's registers have all widths. A write of 16 bits to this one is told to the
 * device, which has to do something then; the others are looked at when it works. */
extern volatile void *mmio_watched;
void mmio_written(void);

static inline u8 mmio_read8(const volatile void *addr)
{
	mmio_counts.reads++;
	return *(const volatile u8 *)addr;
}

static inline void mmio_write8(volatile void *addr, u8 value)
{
	*(volatile u8 *)addr = value;
	mmio_counts.writes++;
}

static inline u16 mmio_read16(const volatile void *addr)
{
	mmio_counts.reads++;
	return *(const volatile u16 *)addr;
}

static inline void mmio_write16(volatile void *addr, u16 value)
{
	*(volatile u16 *)addr = value;
	mmio_counts.writes++;
	if (addr == mmio_watched)
		mmio_written();
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
