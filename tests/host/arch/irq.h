/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and declarations alone: the product's own. */
#include "arch/x86_64/include/arch/irq.h"
