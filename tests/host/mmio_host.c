/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwards register accesses of a driver under test to the installed model. */
#include <arch/mmio.h>

#include "hv/base/plat.h"

static const struct mmio_model *model;

void mmio_model_set(const struct mmio_model *m)
{
	model = m;
}

u32 mmio_read32(const volatile void *addr)
{
	ASSERT(model);
	return model->read32(model->ctx, (u64)((uintptr_t)addr - (uintptr_t)model->base));
}

void mmio_write32(volatile void *addr, u32 value)
{
	ASSERT(model);
	model->write32(model->ctx, (u64)((uintptr_t)addr - (uintptr_t)model->base), value);
}
