/* SPDX-License-Identifier: BSD-2-Clause */
/* The version, which the Makefile hands over. */
#include "boot/start.h"

const char boot_version[] = BOOT_VERSION;
