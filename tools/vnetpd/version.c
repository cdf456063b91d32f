/* SPDX-License-Identifier: BSD-2-Clause */
/* In a file of its own: the one that is built anew with each version. */
#include "tools/vnetpd/version.h"

const char vnetpd_version[] = BOOT_VERSION;
