/* SPDX-License-Identifier: BSD-2-Clause */
/* IOMMUs are not used yet; one that firmware left translating is found and said. */
#ifndef ARCH_IOMMU_H
#define ARCH_IOMMU_H

#include "hv/base/types.h"

/* Log what the unit with registers at base does. True when it translates:
 * devices behind it may reach nothing of what drivers tell them. */
bool iommu_check(u64 base, bool amd);

#endif
