/* SPDX-License-Identifier: BSD-2-Clause */
/* VGA text screen, 80 by 25, where there is one. Callers serialise. */
#ifndef ARCH_VGA_H
#define ARCH_VGA_H

#include "hv/base/types.h"

/* False when no text memory answers (UEFI without legacy video). */
bool vga_init(void);
void vga_write(const char *buf, size_t len);

#endif
