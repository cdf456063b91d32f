/* SPDX-License-Identifier: BSD-2-Clause */
/* The two 8259 interrupt controllers: moved out of the exceptions' way and masked. */
#ifndef ARCH_PIC_H
#define ARCH_PIC_H

#include "hv/base/types.h"

void pic_disable(void);

/* Input irq (0..15) interrupted in spite of being masked. */
void pic_spurious(u8 irq);

#endif
