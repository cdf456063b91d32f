/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers only: the same for host tests. */
#include "arch/x86_64/include/arch/msr.h"
