/* SPDX-License-Identifier: BSD-2-Clause */
/* Device register access: plain loads and stores. Host tests put a register
 * model behind the same names (tests/host/arch/mmio.h). */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "hv/base/types.h"

static inline u8 mmio_read8(const volatile void *addr)
{
	return *(const volatile u8 *)addr;
}

static inline void mmio_write8(volatile void *addr, u8 value)
{
	*(volatile u8 *)addr = value;
}

static inline u16 mmio_read16(const volatile void *addr)
{
	return *(const volatile u16 *)addr;
}

static inline void mmio_write16(volatile void *addr, u16 value)
{
	*(volatile u16 *)addr = value;
}

static inline u32 mmio_read32(const volatile void *addr)
{
	return *(const volatile u32 *)addr;
}

static inline void mmio_write32(volatile void *addr, u32 value)
{
	*(volatile u32 *)addr = value;
}

/* Memory written before is visible to the device before what follows. */
static inline void mmio_wmb(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

/* What is read after was written by the device before. */
static inline void mmio_rmb(void)
{
	__asm__ volatile("lfence" ::: "memory");
}

#endif
