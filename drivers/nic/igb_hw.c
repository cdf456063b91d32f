/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * igb: reset, bring-up, link and statistics registers, in the order of 4.5 of the 82576
 * datasheet. Queues of one kind, no virtualisation.
 */
#include "drivers/nic/igb.h"

#include "hv/base/log.h"

#define MS 1000000ull
#define GIO_WAIT_NS (80 * MS)
#define RESET_QUIET_NS (1 * MS)
#define RESET_WAIT_NS (100 * MS)
#define EEPROM_WAIT_NS (20 * MS)
#define QUEUE_WAIT_NS (10 * MS)
#define MDIC_WAIT_NS (10 * MS)

/* --- reset ------------------------------------------------------------------------ */

static void mask_all(const struct adv *x)
{
	adv_write(x, IGB_EIMC, E1000_INT_ALL);
	adv_write(x, E1000_IMC, E1000_INT_ALL);
}

/* 4.2.1.6.1: no requests on the bus any more, then the reset. One that hangs does not keep
 * us from resetting. */
err_t igb_hw_reset(struct adv *x)
{
	/* One that hangs in a reset still reads it. */
	u32 ctrl = adv_read(x, E1000_CTRL) & ~E1000_CTRL_RST;

	mask_all(x);
	adv_write(x, E1000_RCTL, 0);
	adv_write(x, E1000_TCTL, E1000_TCTL_PSP);
	adv_write(x, E1000_CTRL, ctrl | E1000_CTRL_GIO_DISABLE);
	adv_wait(x, E1000_STATUS, E1000_STATUS_GIO, 0, GIO_WAIT_NS);
	adv_write(x, E1000_CTRL, ctrl | E1000_CTRL_GIO_DISABLE | E1000_CTRL_RST);
	adv_pause(RESET_QUIET_NS);
	if (!adv_wait(x, E1000_CTRL, E1000_CTRL_RST, 0, RESET_WAIT_NS))
		return ERR_TIMEOUT;
	/* One whose EEPROM is empty never says that it was read: its address will show. */
	adv_wait(x, E1000_EECD, E1000_EECD_AUTO_RD, E1000_EECD_AUTO_RD, EEPROM_WAIT_NS);
	mask_all(x);
	adv_read(x, E1000_ICR);
	adv_read(x, IGB_EICR);
	return ERR_OK;
}

err_t igb_hw_nvm_check(struct adv *x)
{
	u32 eec = adv_read(x, E1000_EECD);

	if (x->part->traits & IGB_FLASH)
		return eec & IGB_EEC_FLASH ? adv_nvm_check(x) : ERR_OK;
	return eec & IGB_EEC_PRESENT ? adv_nvm_check(x) : ERR_NOENT;
}

/* --- link ------------------------------------------------------------------------- */

/* 8.2: the PHY's register as *value, or written with it. */
static bool mdic(const struct adv *x, u32 op, u32 reg, u32 *value)
{
	u32 v;

	adv_write(x, IGB_MDIC,
		  op | IGB_MDIC_PHY | reg << IGB_MDIC_REG_SHIFT | (*value & UINT16_MAX));
	if (!adv_wait(x, IGB_MDIC, IGB_MDIC_READY, IGB_MDIC_READY, MDIC_WAIT_NS))
		return false;
	v = adv_read(x, IGB_MDIC);
	*value = v & UINT16_MAX;
	return !(v & IGB_MDIC_ERROR);
}

/* A link that is there is left alone: negotiating anew takes seconds. */
static bool negotiate(const struct adv *x)
{
	const u32 good = IGB_PHY_STATUS_UP | IGB_PHY_STATUS_NEGOTIATED;
	u32 v = 0;

	if (!mdic(x, IGB_MDIC_READ, IGB_PHY_STATUS, &v))
		return false;
	if ((v & good) == good)
		return true;
	v = 0;
	if (!mdic(x, IGB_MDIC_READ, IGB_PHY_CONTROL, &v))
		return false;
	v &= ~(IGB_PHY_CONTROL_POWER_DOWN | IGB_PHY_CONTROL_ISOLATE);
	v |= IGB_PHY_CONTROL_NEGOTIATE | IGB_PHY_CONTROL_RESTART;
	return mdic(x, IGB_MDIC_WRITE, IGB_PHY_CONTROL, &v);
}

static bool by_pcs(const struct adv *x)
{
	return adv_read(x, E1000_CTRL_EXT) & IGB_CTRL_EXT_LINK_MODE;
}

static void start_phy(struct adv *x)
{
	static const u8 bit[] = { 1, 2, 5, 6 }; /* 8.7: a semaphore for each port's PHY */
	u32 mine = BIT(bit[IGB_STATUS_LAN_ID(adv_read(x, E1000_STATUS))]);

	if (adv_sync_take(x, mine)) {
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "firmware keeps the PHY: the link stays as it is");
		return;
	}
	if (!negotiate(x))
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "the PHY does not answer: the link stays as it is");
	adv_sync_give(x, mine);
}

/* 4.5.7: the link mode was loaded from the EEPROM, which alone knows the board's medium. */
static void start_link(struct adv *x)
{
	adv_clear_bits(x, E1000_CTRL, E1000_CTRL_FRCSPD | E1000_CTRL_FRCDPLX | E1000_CTRL_VME |
				      E1000_CTRL_RFCE | E1000_CTRL_TFCE | E1000_CTRL_GIO_DISABLE);
	adv_set_bits(x, E1000_CTRL, E1000_CTRL_SLU);
	if (!by_pcs(x)) {
		start_phy(x);
		return;
	}
	adv_clear_bits(x, E1000_CTRL_EXT, IGB_CTRL_EXT_SDP3);
	adv_set_bits(x, IGB_PCS_CFG, IGB_PCS_CFG_ENABLE);
	adv_set_bits(x, IGB_PCS_LCTL, IGB_PCS_LCTL_NEGOTIATE | IGB_PCS_LCTL_RESTART);
}

struct nic_link igb_hw_link(const struct adv *x)
{
	static const u32 mbps[] = { 10, 100, 1000, 1000 };
	bool pcs = by_pcs(x);
	u32 s = adv_read(x, pcs ? IGB_PCS_LSTAT : E1000_STATUS);
	bool up = s & (pcs ? IGB_PCS_LSTAT_UP : E1000_STATUS_LU);
	u32 speed = s >> (pcs ? IGB_PCS_LSTAT_SPEED_SHIFT : E1000_STATUS_SPEED_SHIFT);

	return (struct nic_link){
		.up = up,
		.full_duplex = up && (s & (pcs ? IGB_PCS_LSTAT_FD : E1000_STATUS_FD)),
		.mbps = up ? mbps[speed & E1000_STATUS_SPEED_MASK] : 0,
	};
}

/* --- receive ---------------------------------------------------------------------- */

static void start_addresses(struct adv *x, const u8 mac[6])
{
	adv_write(x, E1000_RAL0,
		  mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
	adv_write(x, E1000_RAH0, mac[4] | (u32)mac[5] << 8 | E1000_RAH_AV);
	adv_clear_table(x, E1000_RAL0 + 8, 2 * (E1000_RA_COUNT - 1));
	adv_clear_table(x, IGB_RAL16, 2 * IGB_RA_MORE);
	adv_clear_table(x, E1000_MTA, E1000_MTA_COUNT);
	adv_clear_table(x, IGB_UTA, IGB_UTA_COUNT);
}

void igb_hw_set_filter(struct adv *x)
{
	adv_write(x, E1000_RCTL,
		  E1000_RCTL_EN | E1000_RCTL_LPE | E1000_RCTL_BAM | E1000_RCTL_SECRC |
			  (x->promiscuous ? E1000_RCTL_UPE | E1000_RCTL_MPE : 0));
}

/* 4.5.9: a receive queue and its first buffers. One of several has no other wait for the
 * frames that it finds no place for. */
static err_t start_rx_queue(struct adv_queue *q)
{
	const struct adv *x = q->x;
	u32 i = q->index, rxdctl = IGB_QUEUE(IGB_RXDCTL0, i);

	adv_start_ring(x, IGB_QUEUE(IGB_RDBAL0, i), q->rx_bus,
		       ADV_RX_RING * sizeof(union adv_rx_desc));
	adv_write(x, IGB_QUEUE(IGB_SRRCTL0, i),
		  IGB_SRRCTL_ONE_BUFFER | IGB_SRRCTL_KB(ADV_RX_BUF) |
			  (x->queues > 1 ? IGB_SRRCTL_DROP : 0));
	adv_write(x, rxdctl, IGB_RXDCTL_THRESHOLDS | IGB_QUEUE_ENABLE);
	if (!adv_wait(x, rxdctl, IGB_QUEUE_ENABLE, IGB_QUEUE_ENABLE, QUEUE_WAIT_NS))
		return ERR_TIMEOUT;
	adv_rx_start(q);
	return ERR_OK;
}

static err_t start_receive(struct adv *x, const u8 mac[6])
{
	err_t err = ERR_OK;

	start_addresses(x, mac);
	adv_write(x, IGB_RLPML, IGB_FRAME_MAX);
	adv_clear_bits(x, ADV_RXCSUM, IGB_RXCSUM_CHECKS);
	adv_start_rss(x, IGB_MRQC_RSS);
	/* Queue 0 is on from the reset on, without a ring. */
	adv_write(x, IGB_RXDCTL0, 0);
	igb_hw_set_filter(x);
	for (u32 i = 0; i < x->queues && !err; i++)
		err = start_rx_queue(x->queue[i]);
	return err;
}

/* --- transmit --------------------------------------------------------------------- */

static err_t start_tx_queue(const struct adv_queue *q)
{
	const struct adv *x = q->x;
	u32 i = q->index, txdctl = IGB_QUEUE(IGB_TXDCTL0, i);

	adv_start_ring(x, IGB_QUEUE(IGB_TDBAL0, i), q->tx_bus,
		       ADV_TX_RING * sizeof(union adv_tx_desc));
	adv_write(x, IGB_QUEUE(IGB_TDWBAL0, i), 0);
	adv_write(x, txdctl, IGB_TXDCTL_THRESHOLDS | IGB_QUEUE_ENABLE);
	return adv_wait(x, txdctl, IGB_QUEUE_ENABLE, IGB_QUEUE_ENABLE, QUEUE_WAIT_NS) ?
		       ERR_OK :
		       ERR_TIMEOUT;
}

/* 4.5.10 */
static err_t start_transmit(struct adv *x)
{
	err_t err = ERR_OK;

	adv_write(x, IGB_TXDCTL0, 0); /* as RXDCTL0 */
	adv_write(x, E1000_TCTL,
		  E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_CT | E1000_TCTL_COLD);
	for (u32 i = 0; i < x->queues && !err; i++)
		err = start_tx_queue(x->queue[i]);
	return err;
}

err_t igb_hw_start(struct adv *x, const u8 mac[6])
{
	err_t err;

	adv_set_bits(x, E1000_CTRL_EXT, E1000_CTRL_EXT_DRV_LOAD);
	igb_irq_start(x);
	err = start_receive(x, mac);
	if (!err)
		err = start_transmit(x);
	/* Nothing comes in before there is a queue for it. */
	if (!err)
		start_link(x);
	return err;
}

/* 8.19: a read clears, or, of some parts' RQDPC, a write. */
void igb_hw_fold(struct adv *x)
{
	static const u32 errors[] = {
		E1000_CRCERRS, E1000_ALGNERRC, E1000_RXERRC, IGB_RLEC,
		E1000_RUC,     IGB_RFC,	       E1000_ROC,    IGB_RJC,
	};

	x->missed += adv_read(x, E1000_MPC);
	for (u32 i = 0; i < x->queues; i++) {
		u32 dropped = adv_read(x, IGB_QUEUE(IGB_RQDPC0, i));

		x->missed += dropped;
		if (dropped)
			adv_write(x, IGB_QUEUE(IGB_RQDPC0, i), 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
		x->errors += adv_read(x, errors[i]);
}
