/* SPDX-License-Identifier: BSD-2-Clause */
/* ixgbe: from whatever state to the one after reset (82599 datasheet, 4.2.1.6, 4.6.3,
 * 5.2.5.3.2). */
#include "drivers/nic/ixgbe.h"

#define MS 1000000ull
#define US 1000ull
#define QUEUE_WAIT_NS (10 * MS)
#define QUEUE_REST_NS (100 * US) /* 4.6.7.1.2: after the queue says that it is off */
#define MASTER_WAIT_NS (80 * MS)
#define FLUSH_NS (20 * US)
#define RESET_QUIET_NS (1 * MS)	  /* no access so long after RST is set (8.2.3.1.1) */
#define RESET_WAIT_NS (100 * MS)
#define RESET_SETTLE_NS (10 * MS) /* 4.6.3.2 */
#define EEPROM_WAIT_NS (200 * MS)
#define DMA_WAIT_NS (100 * MS)

static err_t pulse_reset(const struct adv *x)
{
	adv_set_bits(x, IXGBE_CTRL, IXGBE_CTRL_RST | IXGBE_CTRL_LRST);
	adv_pause(RESET_QUIET_NS);
	if (!adv_wait(x, IXGBE_CTRL, IXGBE_CTRL_RST, 0, RESET_WAIT_NS))
		return ERR_TIMEOUT;
	adv_pause(RESET_SETTLE_NS);
	return ERR_OK;
}

/* 5.2.5.3.2: no requests on the bus any more. Where some stay, their data is flushed,
 * which takes two resets. */
static err_t master_disable(const struct adv *x)
{
	bool off = true;

	for (u32 i = 0; i < x->queues; i++)
		adv_clear_bits(x, IXGBE_QUEUE(IXGBE_RXDCTL0, i), IXGBE_QUEUE_ENABLE);
	for (u32 i = 0; i < x->queues; i++)
		off &= adv_wait(x, IXGBE_QUEUE(IXGBE_RXDCTL0, i), IXGBE_QUEUE_ENABLE, 0,
				QUEUE_WAIT_NS);
	if (off)
		adv_pause(QUEUE_REST_NS);
	/* A reset that never ended must not be asked for again by this write. */
	adv_write(x, IXGBE_CTRL,
		  (adv_read(x, IXGBE_CTRL) & ~(IXGBE_CTRL_RST | IXGBE_CTRL_LRST)) |
			  IXGBE_CTRL_MASTER_DISABLE);
	if (adv_wait(x, IXGBE_STATUS, IXGBE_STATUS_MASTER, 0, MASTER_WAIT_NS))
		return ERR_OK;
	adv_set_bits(x, IXGBE_HLREG0, IXGBE_HLREG0_LPBK);
	adv_clear_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	adv_set_bits(x, IXGBE_GCR_EXT, IXGBE_GCR_EXT_CLEAR);
	adv_pause(FLUSH_NS);
	adv_clear_bits(x, IXGBE_HLREG0, IXGBE_HLREG0_LPBK);
	adv_clear_bits(x, IXGBE_GCR_EXT, IXGBE_GCR_EXT_CLEAR);
	return pulse_reset(x);
}

err_t ixgbe_hw_reset(struct adv *x)
{
	err_t err;

	/* 4.6.3.1: interrupts off before the reset, and again after it. */
	adv_write(x, IXGBE_EIMC, IXGBE_INT_ALL);
	err = master_disable(x);
	if (!err)
		err = pulse_reset(x);
	if (err)
		return err;
	adv_write(x, IXGBE_EIMC, IXGBE_INT_ALL);
	adv_read(x, IXGBE_EICR);
	/* 4.6.3: the EEPROM was loaded, DMA is ready. */
	if (!adv_wait(x, IXGBE_EEC, IXGBE_EEC_AUTO_READ, IXGBE_EEC_AUTO_READ,
		      EEPROM_WAIT_NS) ||
	  !adv_wait(x, IXGBE_RDRXCTL, IXGBE_RDRXCTL_DMAIDONE, IXGBE_RDRXCTL_DMAIDONE,
		      DMA_WAIT_NS))
		return ERR_TIMEOUT;
	return ERR_OK;
}
