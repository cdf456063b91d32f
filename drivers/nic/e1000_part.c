/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: the parts that there are. The 82574 is an 8254x on PCI Express as far as
 * the driver goes: the same rings, descriptors and filters, an NVM that is asked
 * differently, causes that stay until they are written, and MSI-X. Its second
 * receive queue stays off: one core owns the NIC, and its hash (D 7.1.2) takes the
 * ports of TCP alone, so that all of a peer's UDP would be in one queue anyway.
 */
#include "drivers/nic/e1000.h"

#define ALL_BITS UINT32_MAX

#define INT_RX (E1000_INT_RXT0 | E1000_INT_RXDMT0 | E1000_INT_RXO)

#define PART_8254X(id, text) \
	{ .device = (id), .name = (text), .eerd_done = E1000_EERD_DONE, \
	  .eerd_addr_shift = E1000_EERD_ADDR_SHIFT, .tipg = E1000_TIPG_COPPER, \
	  .causes = { [NIC_IRQ_LINE] = CAUSES_LINE }, \
	  .itr = { [NIC_IRQ_LINE] = E1000_ITR } }

#define CAUSES_LINE \
	{ .rx = INT_RX, .tx = E1000_INT_TXDW, .link = E1000_INT_LSC, .test = E1000_INT_TXQE }

#define PART_82574(id, text) \
	{ .device = (id), .name = (text), .pcie = true, .icr_by_write = true, \
	  .eerd_done = E1000_EERD_DONE_D, .eerd_addr_shift = E1000_EERD_ADDR_SHIFT_D, \
	  .tipg = E1000_TIPG_COPPER_D, \
	  .causes = { [NIC_IRQ_LINE] = CAUSES_LINE, [NIC_IRQ_MSIX] = CAUSES_MSIX }, \
	  .itr = { [NIC_IRQ_LINE] = E1000_ITR, [NIC_IRQ_MSIX] = E1000_EITR0 }, \
	  .wants = { [NIC_IRQ_LINE] = { WANT_TXDCTL, WANT_DRV_LOAD }, \
		     [NIC_IRQ_MSIX] = { WANT_TXDCTL, WANTS_MSIX } } }

#define WANT_TXDCTL { E1000_TXDCTL, 0, E1000_TXDCTL_COUNT_DESC }
#define WANT_DRV_LOAD { E1000_CTRL_EXT, 0, E1000_CTRL_EXT_DRV_LOAD }

/* D 7.4.2. The second transmit queue is not in use: its cause is free for the test. */
#define CAUSES_MSIX \
	{ .rx = E1000_INT_RXQ0, .tx = E1000_INT_TXQ0, .link = E1000_INT_LSC | E1000_INT_OTHER, \
	  .test = E1000_INT_TXQ1 }

#define IVAR_ALL_TO_0 \
	(E1000_IVAR_RXQ0(0) | E1000_IVAR_TXQ0(0) | E1000_IVAR_TXQ1(0) | E1000_IVAR_OTHER(0))

#define WANTS_MSIX \
	{ E1000_CTRL_EXT, 0, E1000_CTRL_EXT_DRV_LOAD | E1000_CTRL_EXT_PBA_CLR }, \
	{ E1000_IVAR, ALL_BITS, IVAR_ALL_TO_0 }

static const struct e1000_part parts[] = {
	PART_8254X(0x100e, "82540EM"), /* QEMU, Bochs, VirtualBox */
	PART_8254X(0x100f, "82545EM"), /* VMware, QEMU, VirtualBox */
	PART_8254X(0x100c, "82544GC"), /* QEMU */
	PART_8254X(0x1004, "82543GC"), /* VirtualBox; has no EERD, takes RAL0 and RAH0 */
	PART_82574(0x10d3, "82574L"),  /* QEMU, VMware */
	PART_82574(0x10f6, "82574LA"),
};

const struct e1000_part *e1000_part_find(u16 device)
{
	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i].device == device)
			return &parts[i];
	}
	return NULL;
}

void e1000_part_start(struct e1000 *e)
{
	const struct e1000_reg_want *w = e->part->wants[e->res.irq];

	for (u32 i = 0; i < E1000_WANTS_MAX && w[i].reg; i++) {
		u32 old = w[i].clear == ALL_BITS ? 0 : e1000_read(e, w[i].reg);

		e1000_write(e, w[i].reg, (old & ~w[i].clear) | w[i].set);
	}
	e1000_write(e, e->part->itr[e->res.irq], e->itr);
}
