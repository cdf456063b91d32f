/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwards register accesses of a driver under test to the installed model. */
#include <arch/mmio.h>

#include "hv/base/plat.h"

static const struct mmio_model *model;

void mmio_model_set(const struct mmio_model *m)
{
	model = m;
}

static u64 offset_of(const volatile void *addr)
{
	return (u64)((uintptr_t)addr - (uintptr_t)model->base);
}

static u32 read_small(const volatile void *addr, u32 size)
{
	ASSERT(model && model->read);
	return model->read(model->ctx, offset_of(addr), size);
}

static void write_small(volatile void *addr, u32 size, u32 value)
{
	ASSERT(model && model->write);
	model->write(model->ctx, offset_of(addr), size, value);
}

u8 mmio_read8(const volatile void *addr)
{
	return (u8)read_small(addr, 1);
}

void mmio_write8(volatile void *addr, u8 value)
{
	write_small(addr, 1, value);
}

u16 mmio_read16(const volatile void *addr)
{
	return (u16)read_small(addr, 2);
}

void mmio_write16(volatile void *addr, u16 value)
{
	write_small(addr, 2, value);
}

u32 mmio_read32(const volatile void *addr)
{
	ASSERT(model);
	return model->read32(model->ctx, offset_of(addr));
}

void mmio_write32(volatile void *addr, u32 value)
{
	ASSERT(model);
	model->write32(model->ctx, offset_of(addr), value);
}
