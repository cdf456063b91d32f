/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host tests' side of the register seam: accesses go to whatever register
 * model the test installed.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "hv/base/types.h"

struct mmio_model {
	u32 (*read32)(void *ctx, u64 offset);
	void (*write32)(void *ctx, u64 offset, u32 value);
	void *ctx;
	const volatile void *base; /* what the driver was given as its registers */
	/* Of 1 and 2 bytes; NULL where the device has none such. */
	u32 (*read)(void *ctx, u64 offset, u32 size);
	void (*write)(void *ctx, u64 offset, u32 size, u32 value);
};

/* One model at a time; NULL removes it. An access without one fails the test. */
void mmio_model_set(const struct mmio_model *m);

u8 mmio_read8(const volatile void *addr);
void mmio_write8(volatile void *addr, u8 value);
u16 mmio_read16(const volatile void *addr);
void mmio_write16(volatile void *addr, u16 value);
u32 mmio_read32(const volatile void *addr);
void mmio_write32(volatile void *addr, u32 value);

static inline void mmio_wmb(void)
{
}

static inline void mmio_rmb(void)
{
}

#endif
