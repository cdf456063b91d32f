/* SPDX-License-Identifier: BSD-2-Clause */
/* Driver for Intel's 82576, 82580, I350, I210 and I211 (1 Gb/s), after the "82576 Gigabit
 * Ethernet Controller Datasheet" (320961): its parts, and what it adds to adv.c. */
#include "drivers/nic/igb.h"

#include "drivers/nic/drivers.h"

STATIC_ASSERT(IGB_MAX_FRAME <= ADV_FRAME_MOST, "a frame has room");
STATIC_ASSERT(ADV_TX_PIECE < IGB_MAX_FRAME, "a frame in one piece is not too long");

/* PCI 3.0, 6.7 and 6.8.2 */
#define PCI_CAPS 0x34u
#define PCI_CAPS_MOST 48u
#define PCI_CAP_MSIX 0x11u
#define PCI_MSIX_LAST(header) ((header) >> 16 & 0x7ff)

static const struct adv_part parts[] = {
	{ 0x10c9, "82576", NIC_QUEUES_MAX, IGB_OWN_IVAR }, /* QEMU */
	{ 0x10e6, "82576 fibre", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x10e7, "82576 SerDes", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x10e8, "82576 four ports", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x150a, "82576NS", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x150d, "82576 SerDes four ports", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x1518, "82576NS SerDes", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x1526, "82576 ET2", NIC_QUEUES_MAX, IGB_OWN_IVAR },
	{ 0x150e, "82580", NIC_QUEUES_MAX, 0 },
	{ 0x1510, "82580 SerDes", NIC_QUEUES_MAX, 0 },
	{ 0x1521, "I350", NIC_QUEUES_MAX, 0 },
	{ 0x1522, "I350 fibre", NIC_QUEUES_MAX, 0 },
	{ 0x1523, "I350 SerDes", NIC_QUEUES_MAX, 0 },
	{ 0x1533, "I210", 4, IGB_FLASH },
	{ 0x1537, "I210 SerDes", 4, IGB_FLASH },
	{ 0x157b, "I210 without flash", 4, IGB_FLASH },
	{ 0x1539, "I211", 2, IGB_FLASH },
	{ 0 },
};

/* Entries of the device's MSI-X table. */
static u32 msix_entries(const struct nic_resources *res)
{
	u32 at = res->pci_read32(res->pci, PCI_CAPS) & 0xfcu;

	for (u32 i = 0; at && i < PCI_CAPS_MOST; i++) {
		u32 header = res->pci_read32(res->pci, at);

		if ((header & 0xffu) == PCI_CAP_MSIX)
			return PCI_MSIX_LAST(header) + 1;
		at = header >> 8 & 0xfcu;
	}
	return 0;
}

/*
 * A vector each for what a queue receives and sends. The 82576 can do with one for both, as
 * the queue's core may link what it sends to it when it wants that, in a register that is no
 * other's.
 */
static u32 queues_max(const struct nic_resources *res, const struct adv_part *part)
{
	u32 entries = res->irq == NIC_IRQ_MSIX ? msix_entries(res) : 0;

	if ((part->traits & IGB_OWN_IVAR) && entries >= 2 * IGB_QUEUES_APART)
		return part->queues;
	return MAX(1u, MIN(part->queues, MIN(entries / 2, IGB_QUEUES_APART)));
}

static const struct adv_kind kind = {
	.parts = parts,
	.regs_size = IGB_REGS_SIZE,
	.max_frame = IGB_MAX_FRAME,
	.rx_error = IGB_RXD_RXE,
	.rdt0 = IGB_RDBAL0 + ADV_RING_TAIL,
	.tdt0 = IGB_TDBAL0 + ADV_RING_TAIL,
	.ral0 = E1000_RAL0,
	.gptc = E1000_GPTC,
	.eerd = E1000_EERD,
	.swsm = IGB_SWSM,
	.sw_fw_sync = IGB_SW_FW_SYNC,
	.sync_fw_shift = IGB_SYNC_FW_SHIFT,
	.queues_max = queues_max,
	.vectors = igb_irq_vectors,
	.reset = igb_hw_reset,
	.nvm_check = igb_hw_nvm_check,
	.start = igb_hw_start,
	.set_filter = igb_hw_set_filter,
	.link = igb_hw_link,
	.fold = igb_hw_fold,
	.irq_init = igb_irq_init,
	.irq_again = igb_irq_again,
};

static bool igb_match(u16 vendor, u16 device)
{
	return adv_part_find(&kind, vendor, device) != NULL;
}

static err_t igb_attach(struct nic *nic, const struct nic_resources *res)
{
	return adv_attach(nic, res, &kind);
}

const struct nic_ops igb_ops = {
	.name = "igb",
	.match = igb_match,
	.attach = igb_attach,
	.detach = adv_detach,
	.rx_burst = adv_rx_burst,
	.tx_burst = adv_tx_burst,
	.tx_room = adv_tx_room,
	.tx_reclaim = adv_tx_reclaim,
	.promiscuous = adv_promiscuous,
	.rx_irq = igb_rx_irq,
	.tx_irq = igb_tx_irq,
	.moderate = igb_moderate,
	.irq_cause = igb_irq_cause,
	.irq_test = igb_irq_test,
	.link = adv_link,
	.stats = adv_stats,
	.tick = adv_tick,
};
