/* SPDX-License-Identifier: BSD-2-Clause */
/* Driver for Intel's 82599 and X540 (10 Gb/s), after the "82599 10 GbE Controller
 * Datasheet" (331520): its parts, and what it adds to adv.c. */
#include "drivers/nic/ixgbe.h"

#include "drivers/nic/drivers.h"

STATIC_ASSERT(IXGBE_MAX_FRAME <= ADV_FRAME_MOST, "a frame has room");
STATIC_ASSERT(ADV_TX_PIECE <= IXGBE_TX_BUFFER_MAX, "DTALEN");

static const struct adv_part parts[] = {
	{ 0x10f7, "82599 KX4", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC },
	{ 0x10f8, "82599 backplane", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC },
	{ 0x10f9, "82599 CX4", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC },
	{ 0x10fb, "82599 SFP+", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC | IXGBE_HAS_LASER },
	{ 0x10fc, "82599 XAUI", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC },
	{ 0x1517, "82599 KR", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC },
	{ 0x154d, "82599 SFP+ two ports", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC | IXGBE_HAS_LASER },
	{ 0x1557, "82599 SFP+ one port", NIC_QUEUES_MAX, IXGBE_HAS_AUTOC | IXGBE_HAS_LASER },
	{ 0x1528, "X540", NIC_QUEUES_MAX, IXGBE_HAS_REGSMP },
	{ 0x1560, "X540 one port", NIC_QUEUES_MAX, IXGBE_HAS_REGSMP },
	{ 0 },
};

/* Several queues need a vector each. */
static u32 queues_max(const struct nic_resources *res, const struct adv_part *part)
{
	return res->irq == NIC_IRQ_MSIX ? part->queues : 1;
}

static const struct adv_kind kind = {
	.parts = parts,
	.regs_size = IXGBE_REGS_SIZE,
	.max_frame = IXGBE_MAX_FRAME,
	.rx_error = IXGBE_RXD_RXE,
	.rdt0 = IXGBE_RDBAL0 + ADV_RING_TAIL,
	.tdt0 = IXGBE_TDBAL0 + ADV_RING_TAIL,
	.ral0 = IXGBE_RAL0,
	.eerd = IXGBE_EERD,
	.swsm = IXGBE_SWSM,
	.sw_fw_sync = IXGBE_SW_FW_SYNC,
	.sync_fw_shift = IXGBE_SYNC_FW_SHIFT,
	.sync_regsmp = IXGBE_SYNC_REGSMP,
	.regsmp_trait = IXGBE_HAS_REGSMP,
	.section_first = IXGBE_EEPROM_POINTER_FIRST,
	.section_count = IXGBE_EEPROM_POINTERS,
	.queues_max = queues_max,
	.vectors = ixgbe_irq_vectors,
	.reset = ixgbe_hw_reset,
	.nvm_check = ixgbe_hw_nvm_check,
	.start = ixgbe_hw_start,
	.set_filter = ixgbe_hw_set_filter,
	.link = ixgbe_hw_link,
	.fold = ixgbe_hw_fold,
	.irq_init = ixgbe_irq_init,
	.irq_again = ixgbe_irq_again,
};

static bool ixgbe_match(u16 vendor, u16 device)
{
	return adv_part_find(&kind, vendor, device) != NULL;
}

static err_t ixgbe_attach(struct nic *nic, const struct nic_resources *res)
{
	return adv_attach(nic, res, &kind);
}

const struct nic_ops ixgbe_ops = {
	.name = "ixgbe",
	.match = ixgbe_match,
	.attach = ixgbe_attach,
	.detach = adv_detach,
	.rx_burst = adv_rx_burst,
	.tx_burst = adv_tx_burst,
	.tx_room = adv_tx_room,
	.tx_reclaim = adv_tx_reclaim,
	.promiscuous = adv_promiscuous,
	.rx_irq = ixgbe_rx_irq,
	.tx_irq = ixgbe_tx_irq,
	.moderate = ixgbe_moderate,
	.irq_cause = ixgbe_irq_cause,
	.irq_test = ixgbe_irq_test,
	.link = adv_link,
	.stats = adv_stats,
	.tick = adv_tick,
};
