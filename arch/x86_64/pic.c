/* SPDX-License-Identifier: BSD-2-Clause */
/* Intel 8259A: initialisation words ICW1-4, masks, and spurious IRQ 7 and 15. */
#include <arch/pic.h>

#include <arch/io.h>
#include <arch/irq.h>

#define PIC1_CMD 0x20
#define PIC1_DATA 0x21
#define PIC2_CMD 0xa0
#define PIC2_DATA 0xa1
#define ICW1_INIT_ICW4 0x11
#define ICW3_CASCADE_PIN 2
#define ICW4_8086 0x01
#define MASK_ALL 0xff
#define OCW2_EOI 0x20
#define OCW3_READ_ISR 0x0b
#define PIC_INPUTS 8

void pic_disable(void)
{
	out8(PIC1_CMD, ICW1_INIT_ICW4);
	out8(PIC2_CMD, ICW1_INIT_ICW4);
	out8(PIC1_DATA, IRQ_VECTOR_PIC);
	out8(PIC2_DATA, IRQ_VECTOR_PIC + PIC_INPUTS);
	out8(PIC1_DATA, 1 << ICW3_CASCADE_PIN);
	out8(PIC2_DATA, ICW3_CASCADE_PIN);
	out8(PIC1_DATA, ICW4_8086);
	out8(PIC2_DATA, ICW4_8086);
	out8(PIC1_DATA, MASK_ALL);
	out8(PIC2_DATA, MASK_ALL);
}

void pic_spurious(u8 irq)
{
	bool second = irq >= PIC_INPUTS;
	u16 cmd = second ? PIC2_CMD : PIC1_CMD;

	/* A spurious interrupt is not in service and gets no EOI; the first
	 * controller's cascade input was in service all the same. */
	out8(cmd, OCW3_READ_ISR);
	if (in8(cmd) & 1u << (irq % PIC_INPUTS))
		out8(cmd, OCW2_EOI);
	if (second)
		out8(PIC1_CMD, OCW2_EOI);
}
