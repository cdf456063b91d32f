/* SPDX-License-Identifier: BSD-2-Clause */
/* State of DMA remapping units: VT-d 3.x 11.4.4.2 (GSTS), AMD IOMMU 3.4.9 (control). */
#include <arch/iommu.h>

#include <arch/mmio.h>
#include <arch/paging.h>

#include "hv/base/log.h"

#define IOMMU_REG_BYTES 4096
#define VTD_GSTS 0x1c
#define VTD_GSTS_TES BIT(31)
#define AMD_CONTROL 0x18
#define AMD_CONTROL_ENABLE BIT(0)

bool iommu_is_on(u64 base, bool amd)
{
	const volatile u8 *regs = mmio_map(base, IOMMU_REG_BYTES);

	if (!regs)
		return false;
	return amd ? mmio_read32(regs + AMD_CONTROL) & AMD_CONTROL_ENABLE
		   : mmio_read32(regs + VTD_GSTS) & VTD_GSTS_TES;
}

void iommu_check(u64 base, bool amd)
{
	const char *kind = amd ? "AMD IOMMU" : "VT-d";

	if (iommu_is_on(base, amd))
		log_warn("iommu", "%s at %lxh: firmware left translation on, DMA may fail", kind,
			 base);
	else
		log_info("iommu", "%s at %lxh: off", kind, base);
}
