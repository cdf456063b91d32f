/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: reset, EEPROM, bring-up, link and statistics registers, in the order
 * of chapter 14 of the 8254x Software Developer's Manual.
 */
#include "drivers/nic/e1000.h"

#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"

#define RESET_QUIET_NS 1000ull	   /* no access for 1 us after RST is set (13.4.1) */
#define RESET_WAIT_NS 10000000ull  /* the EEPROM is reloaded within 2 ms */
#define EEPROM_WAIT_NS 10000000ull
#define GIO_WAIT_NS 100000000ull   /* for requests that are under way */

static void pause_ns(u64 ns)
{
	u64 end = plat_now_ns() + ns;

	while (plat_now_ns() < end)
		plat_relax();
}

static bool wait_reg(const struct e1000 *e, u32 reg, u32 mask, u32 want, u64 limit_ns)
{
	u64 end = plat_now_ns() + limit_ns;

	while ((e1000_read(e, reg) & mask) != want) {
		if (plat_now_ns() > end)
			return false;
		plat_relax();
	}
	return true;
}

err_t e1000_hw_reset(struct e1000 *e)
{
	u32 ctrl;

	/* 13.4.1, RST: let the units go quiet first. Each register is written
	 * as well, since not every emulated device resets its registers. */
	e1000_write(e, E1000_IMC, E1000_INT_ALL);
	e1000_write(e, E1000_RCTL, 0);
	e1000_write(e, E1000_TCTL, E1000_TCTL_PSP);
	/* One that hangs in a reset still reads it. */
	ctrl = e1000_read(e, E1000_CTRL) & ~E1000_CTRL_RST;
	if (e->part->pcie) {
		/* D 5.2: a request that hangs does not keep us from resetting. */
		ctrl |= E1000_CTRL_GIO_DISABLE;
		e1000_write(e, E1000_CTRL, ctrl);
		wait_reg(e, E1000_STATUS, E1000_STATUS_GIO, 0, GIO_WAIT_NS);
	}
	e1000_write(e, E1000_CTRL, ctrl | E1000_CTRL_RST);
	pause_ns(RESET_QUIET_NS);
	if (!wait_reg(e, E1000_CTRL, E1000_CTRL_RST, 0, RESET_WAIT_NS))
		return ERR_TIMEOUT;
	if (e->part->pcie &&
	    !wait_reg(e, E1000_EECD, E1000_EECD_AUTO_RD, E1000_EECD_AUTO_RD, EEPROM_WAIT_NS))
		return ERR_TIMEOUT;
	e1000_write(e, E1000_IMC, E1000_INT_ALL);
	e1000_read(e, E1000_ICR);
	e->irq_mask = 0;
	return ERR_OK;
}

static err_t eeprom_read(const struct e1000 *e, u32 word, u16 *out)
{
	u32 done = e->part->eerd_done;

	e1000_write(e, E1000_EERD, E1000_EERD_START | word << e->part->eerd_addr_shift);
	if (!wait_reg(e, E1000_EERD, done, done, EEPROM_WAIT_NS))
		return ERR_TIMEOUT;
	*out = (u16)(e1000_read(e, E1000_EERD) >> E1000_EERD_DATA_SHIFT);
	return ERR_OK;
}

static bool mac_is_unicast(const u8 mac[6])
{
	static const u8 zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0;
}

static err_t eeprom_mac(const struct e1000 *e, u8 mac[6])
{
	u16 sum = 0;

	for (u32 i = 0; i < E1000_EEPROM_WORDS; i++) {
		u16 w;
		err_t err = eeprom_read(e, i, &w);

		if (err)
			return err;
		sum = (u16)(sum + w);
		if (i < 3) {
			mac[2 * i] = (u8)w;
			mac[2 * i + 1] = (u8)(w >> 8);
		}
	}
	return sum == E1000_EEPROM_SUM && mac_is_unicast(mac) ? ERR_OK : ERR_IO;
}

err_t e1000_hw_read_mac(struct e1000 *e, const char *name, u8 mac[6])
{
	/* The EEPROM first: some devices do not load it into RAL0 and RAH0. */
	err_t err = eeprom_mac(e, mac);
	u32 lo, hi;

	if (!err)
		return ERR_OK;
	log_warn(name, "%s: the address is the one that the device has loaded",
		 err == ERR_TIMEOUT ? "its EEPROM does not answer" :
				      "its EEPROM's checksum is wrong");
	lo = e1000_read(e, E1000_RAL0);
	hi = e1000_read(e, E1000_RAH0);
	for (u32 i = 0; i < 4; i++)
		mac[i] = (u8)(lo >> (8 * i));
	mac[4] = (u8)hi;
	mac[5] = (u8)(hi >> 8);
	return mac_is_unicast(mac) ? ERR_OK : ERR_IO;
}

/* 14.3 general configuration */
static void start_link(struct e1000 *e)
{
	u32 ctrl = e1000_read(e, E1000_CTRL);

	ctrl |= E1000_CTRL_ASDE | E1000_CTRL_SLU;
	ctrl &= ~(E1000_CTRL_LRST | E1000_CTRL_PHY_RST | E1000_CTRL_ILOS | E1000_CTRL_FRCSPD |
		  E1000_CTRL_FRCDPLX | E1000_CTRL_VME | E1000_CTRL_RFCE | E1000_CTRL_TFCE |
		  E1000_CTRL_RST | E1000_CTRL_GIO_DISABLE);
	e1000_write(e, E1000_CTRL, ctrl);
}

void e1000_hw_set_filter(struct e1000 *e)
{
	e1000_write(e, E1000_RCTL,
		    E1000_RCTL_EN | E1000_RCTL_LPE | E1000_RCTL_BAM | E1000_RCTL_SECRC |
			    (e->promiscuous ? E1000_RCTL_UPE | E1000_RCTL_MPE : 0));
}

/* 14.4 receive initialization */
static void start_receive(struct e1000 *e, const u8 mac[6])
{
	/* 13.5.3: clear high to low, write low to high. */
	for (u32 i = 1; i < E1000_RA_COUNT; i++) {
		e1000_write(e, E1000_RAH0 + 8 * i, 0);
		e1000_write(e, E1000_RAL0 + 8 * i, 0);
	}
	e1000_write(e, E1000_RAL0,
		    mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
	e1000_write(e, E1000_RAH0, mac[4] | (u32)mac[5] << 8 | E1000_RAH_AV);
	for (u32 i = 0; i < E1000_MTA_COUNT; i++)
		e1000_write(e, E1000_MTA + 4 * i, 0);

	e1000_write(e, E1000_RDBAL, (u32)e->rx_bus.v);
	e1000_write(e, E1000_RDBAH, (u32)(e->rx_bus.v >> 32));
	e1000_write(e, E1000_RDLEN, E1000_RX_RING * sizeof(struct e1000_rx_desc));
	e1000_write(e, E1000_RDH, 0);
	e1000_write(e, E1000_RDT, 0);
	e1000_write(e, E1000_RDTR, 0);
	e1000_write(e, E1000_RADV, 0);
	e1000_hw_set_filter(e);
}

/* 14.5 transmit initialization */
static void start_transmit(struct e1000 *e)
{
	e1000_write(e, E1000_TDBAL, (u32)e->tx_bus.v);
	e1000_write(e, E1000_TDBAH, (u32)(e->tx_bus.v >> 32));
	e1000_write(e, E1000_TDLEN, E1000_TX_RING * sizeof(union e1000_tx_desc));
	e1000_write(e, E1000_TDH, 0);
	e1000_write(e, E1000_TDT, 0);
	e1000_write(e, E1000_TIPG, e->part->tipg);
	e1000_write(e, E1000_TCTL,
		    E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_CT | E1000_TCTL_COLD);
}

void e1000_hw_start(struct e1000 *e, const u8 mac[6])
{
	start_link(e);
	e1000_part_start(e);
	start_receive(e, mac);
	start_transmit(e);
	e->wire_base = e1000_hw_sent(e) - e->count.tx_frames;
}

struct nic_link e1000_hw_link(const struct e1000 *e)
{
	static const u32 mbps[] = { 10, 100, 1000, 1000 };
	u32 s = e1000_read(e, E1000_STATUS);
	bool up = s & E1000_STATUS_LU;

	return (struct nic_link){
		.up = up,
		.full_duplex = up && (s & E1000_STATUS_FD),
		.mbps = up ? mbps[s >> E1000_STATUS_SPEED_SHIFT & E1000_STATUS_SPEED_MASK] : 0,
	};
}

/*
 * 13.7: a read clears a statistics register. QEMU's device clears only some of
 * them, so a second read tells which kind it is: what comes back as large as
 * before was not cleared, and counts from its last value.
 */
static void fold_one(struct e1000 *e, u32 reg, struct e1000_fold *f)
{
	u32 v = e1000_read(e, reg);
	u32 again;

	if (v < f->last)
		f->last = 0;
	if (v == f->last)
		return;
	again = e1000_read(e, reg);
	if (again >= v) {
		f->sum += again - f->last;
		f->last = again;
	} else {
		f->sum += (u64)v + again;
		f->last = 0;
	}
}

u64 e1000_hw_sent(struct e1000 *e)
{
	fold_one(e, E1000_GPTC, &e->fold[E1000_COUNT_GPTC]);
	return e->fold[E1000_COUNT_GPTC].sum;
}

void e1000_hw_fold(struct e1000 *e)
{
	static const u32 reg[E1000_COUNTERS] = {
		[E1000_COUNT_MPC] = E1000_MPC,
		[E1000_COUNT_CRCERRS] = E1000_CRCERRS,
		[E1000_COUNT_ALGNERRC] = E1000_ALGNERRC,
		[E1000_COUNT_RXERRC] = E1000_RXERRC,
		[E1000_COUNT_RUC] = E1000_RUC,
		[E1000_COUNT_ROC] = E1000_ROC,
		[E1000_COUNT_GPTC] = E1000_GPTC,
	};

	for (u32 i = 0; i < E1000_COUNTERS; i++)
		fold_one(e, reg[i], &e->fold[i]);
}
