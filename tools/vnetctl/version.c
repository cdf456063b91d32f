/* SPDX-License-Identifier: BSD-2-Clause */
/* The version that the build was told. */
#include "tools/vnetctl/version.h"

const char vnetctl_version[] = BOOT_VERSION;
