/* SPDX-License-Identifier: BSD-2-Clause */
/* ixgbe: from whatever state to the one after reset (82599 datasheet, 4.2.1.6, 4.6.3,
 * 5.2.5.3.2). */
#include "drivers/nic/ixgbe.h"

#include "hv/base/log.h"
#include "hv/base/plat.h"

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

void ixgbe_pause(u64 ns)
{
	u64 end = plat_now_ns() + ns;

	while (plat_now_ns() < end)
		plat_relax();
}

bool ixgbe_wait(const struct ixgbe *x, u32 reg, u32 mask, u32 want, u64 limit_ns)
{
	u64 end = plat_now_ns() + limit_ns;

	while ((ixgbe_read(x, reg) & mask) != want) {
		if (plat_now_ns() > end)
			return false;
		plat_relax();
	}
	return true;
}

static void set_bits(const struct ixgbe *x, u32 reg, u32 bits)
{
	ixgbe_write(x, reg, ixgbe_read(x, reg) | bits);
}

static void clear_bits(const struct ixgbe *x, u32 reg, u32 bits)
{
	ixgbe_write(x, reg, ixgbe_read(x, reg) & ~bits);
}

static err_t pulse_reset(const struct ixgbe *x)
{
	set_bits(x, IXGBE_CTRL, IXGBE_CTRL_RST | IXGBE_CTRL_LRST);
	ixgbe_pause(RESET_QUIET_NS);
	if (!ixgbe_wait(x, IXGBE_CTRL, IXGBE_CTRL_RST, 0, RESET_WAIT_NS))
		return ERR_TIMEOUT;
	ixgbe_pause(RESET_SETTLE_NS);
	return ERR_OK;
}

/* 5.2.5.3.2: no requests on the bus any more. Where some stay, their data is flushed,
 * which takes two resets. */
static err_t master_disable(const struct ixgbe *x)
{
	bool off = true;

	for (u32 i = 0; i < x->queues; i++)
		clear_bits(x, IXGBE_QUEUE(IXGBE_RXDCTL0, i), IXGBE_QUEUE_ENABLE);
	for (u32 i = 0; i < x->queues; i++)
		off &= ixgbe_wait(x, IXGBE_QUEUE(IXGBE_RXDCTL0, i), IXGBE_QUEUE_ENABLE, 0,
				  QUEUE_WAIT_NS);
	if (off)
		ixgbe_pause(QUEUE_REST_NS);
	/* A reset that never ended must not be asked for again by this write. */
	ixgbe_write(x, IXGBE_CTRL,
		    (ixgbe_read(x, IXGBE_CTRL) & ~(IXGBE_CTRL_RST | IXGBE_CTRL_LRST)) |
			    IXGBE_CTRL_MASTER_DISABLE);
	if (ixgbe_wait(x, IXGBE_STATUS, IXGBE_STATUS_MASTER, 0, MASTER_WAIT_NS))
		return ERR_OK;
	set_bits(x, IXGBE_HLREG0, IXGBE_HLREG0_LPBK);
	clear_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	set_bits(x, IXGBE_GCR_EXT, IXGBE_GCR_EXT_CLEAR);
	ixgbe_pause(FLUSH_NS);
	clear_bits(x, IXGBE_HLREG0, IXGBE_HLREG0_LPBK);
	clear_bits(x, IXGBE_GCR_EXT, IXGBE_GCR_EXT_CLEAR);
	return pulse_reset(x);
}

err_t ixgbe_hw_reset(struct ixgbe *x)
{
	err_t err;

	/* 4.6.3.1: interrupts off before the reset, and again after it. */
	ixgbe_write(x, IXGBE_EIMC, IXGBE_INT_ALL);
	err = master_disable(x);
	if (!err)
		err = pulse_reset(x);
	if (err)
		return err;
	ixgbe_write(x, IXGBE_EIMC, IXGBE_INT_ALL);
	ixgbe_read(x, IXGBE_EICR);
	/* 4.6.3: the EEPROM was loaded, DMA is ready. */
	if (!ixgbe_wait(x, IXGBE_EEC, IXGBE_EEC_AUTO_READ, IXGBE_EEC_AUTO_READ,
			EEPROM_WAIT_NS) ||
	    !ixgbe_wait(x, IXGBE_RDRXCTL, IXGBE_RDRXCTL_DMAIDONE, IXGBE_RDRXCTL_DMAIDONE,
			DMA_WAIT_NS))
		return ERR_TIMEOUT;
	return ERR_OK;
}
