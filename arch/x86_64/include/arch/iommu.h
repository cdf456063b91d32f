/* SPDX-License-Identifier: BSD-2-Clause */
/* IOMMUs are not used yet; one that firmware left translating is found and said. */
#ifndef ARCH_IOMMU_H
#define ARCH_IOMMU_H

#include "hv/base/types.h"

/* Does the unit with registers at base translate? Then devices behind it may reach
 * nothing of what drivers tell them. Boot core. */
bool iommu_is_on(u64 base, bool amd);
/* Log that. */
void iommu_check(u64 base, bool amd);

#endif
