/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: bring-up, link and statistics registers, in the order of 4.6 of the
 * 82599 datasheet. Queues of one kind, no DCB and no virtualisation (4.6.11.3.4).
 */
#include "drivers/nic/ixgbe.h"

#include "hv/base/log.h"

#define QUEUE_WAIT_NS 10000000ull
#define SECRX_WAIT_NS 10000000ull

/* 4.6.3.2: without flow control its registers are 0, but for the high water mark. */
static void start_flow_control(struct adv *x)
{
	adv_clear_table(x, IXGBE_FCTTV0, 4);
	adv_clear_table(x, IXGBE_FCRTL0, IXGBE_TC_COUNT);
	adv_clear_table(x, IXGBE_FCRTH0, IXGBE_TC_COUNT);
	adv_write(x, IXGBE_FCRTH0, IXGBE_FCRTH_DEFAULT);
	adv_write(x, IXGBE_FCRTV, 0);
	adv_write(x, IXGBE_FCCFG, 0);
	adv_write(x, IXGBE_MFLCN, 0);
}

/*
 * 4.6.4: AUTOC was loaded from the EEPROM, which alone knows the board's medium;
 * negotiation starts anew with that. AUTOC is firmware's as well (10.5.4).
 */
static void start_link(struct adv *x)
{
	if (x->part->traits & IXGBE_HAS_LASER)
		adv_write(x, IXGBE_ESDP,
			  (adv_read(x, IXGBE_ESDP) | IXGBE_ESDP_LASER_OUTPUT) &
				  ~IXGBE_ESDP_LASER_OFF);
	if (!(x->part->traits & IXGBE_HAS_AUTOC))
		return;
	if (adv_sync_take(x, IXGBE_SYNC_MAC_CSR)) {
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "firmware keeps AUTOC: the link stays as it is");
		return;
	}
	adv_set_bits(x, IXGBE_AUTOC, IXGBE_AUTOC_RESTART);
	adv_sync_give(x, IXGBE_SYNC_MAC_CSR);
}

/* 4.6.7: tables that hold anything after power-up. */
static void start_tables(struct adv *x, const u8 mac[6])
{
	adv_write(x, IXGBE_RAL0,
		  mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
	adv_write(x, IXGBE_RAH0, mac[4] | (u32)mac[5] << 8 | IXGBE_RAH_AV);
	for (u32 i = 1; i < IXGBE_RA_COUNT; i++)
		adv_write(x, IXGBE_RAH0 + 8 * i, 0);
	adv_clear_table(x, IXGBE_PFUTA0, IXGBE_PFUTA_COUNT);
	adv_clear_table(x, IXGBE_PFVLVF0, IXGBE_PFVLVF_COUNT);
	adv_clear_table(x, IXGBE_PFVLVFB0, IXGBE_PFVLVFB_COUNT);
	adv_clear_table(x, IXGBE_MPSAR0, IXGBE_MPSAR_COUNT);
	adv_write(x, IXGBE_MPSAR0, 1);
	adv_clear_table(x, IXGBE_MTA, IXGBE_MTA_COUNT);
	adv_clear_table(x, IXGBE_FTQF0, IXGBE_FTQF_COUNT);
}

void ixgbe_hw_set_filter(struct adv *x)
{
	bool on = adv_read(x, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN;

	/* 8.2.3.7.1: not under a running receiver. */
	if (on)
		adv_clear_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	adv_write(x, IXGBE_FCTRL,
		  IXGBE_FCTRL_BAM |
			  (x->promiscuous ? IXGBE_FCTRL_UPE | IXGBE_FCTRL_MPE : 0));
	if (on)
		adv_set_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
}

/* 4.6.7: filters and offloads for all queues */
static void start_filters(struct adv *x)
{
	u32 rdrxctl = adv_read(x, IXGBE_RDRXCTL) & ~IXGBE_RDRXCTL_RSCFRSTSIZE;

	ixgbe_hw_set_filter(x);
	adv_clear_bits(x, IXGBE_VLNCTRL, IXGBE_VLNCTRL_VFE);
	adv_write(x, IXGBE_MCSTCTRL, 0);
	adv_start_rss(x, IXGBE_MRQC_RSS);
	adv_write(x, IXGBE_RDRXCTL, rdrxctl | IXGBE_RDRXCTL_CRCSTRIP | IXGBE_RDRXCTL_RSCACKC |
					      IXGBE_RDRXCTL_FCOE_WRFIX);
	adv_write(x, IXGBE_RXPBSIZE0, IXGBE_RXPBSIZE_512K);
	adv_clear_table(x, IXGBE_RXPBSIZE0 + 4, IXGBE_TC_COUNT - 1);
	adv_write(x, IXGBE_HLREG0, IXGBE_HLREG0_TXCRCEN | IXGBE_HLREG0_RXCRCSTRP |
					     IXGBE_HLREG0_JUMBOEN | IXGBE_HLREG0_TXPADEN |
					     IXGBE_HLREG0_RXLNGTHERREN);
	adv_write(x, IXGBE_MAXFRS, (IXGBE_MAX_FRAME + 4) << IXGBE_MAXFRS_SHIFT);
}

/* 4.6.7: a receive queue and its first buffers. One of several has no other wait for
 * the frames that it finds no place for. */
static err_t start_rx_queue(struct adv_queue *q)
{
	const struct adv *x = q->x;
	u32 i = q->index, rxdctl = IXGBE_QUEUE(IXGBE_RXDCTL0, i);

	adv_start_ring(x, IXGBE_QUEUE(IXGBE_RDBAL0, i), q->rx_bus,
		       ADV_RX_RING * sizeof(union adv_rx_desc));
	adv_write(x, IXGBE_QUEUE(IXGBE_SRRCTL0, i),
		  IXGBE_SRRCTL_ONE_BUFFER | IXGBE_SRRCTL_KB(ADV_RX_BUF) |
			  (x->queues > 1 ? IXGBE_SRRCTL_DROP : 0));
	adv_write(x, IXGBE_QUEUE(IXGBE_RSCCTL0, i), 0);
	adv_clear_bits(x, IXGBE_QUEUE(IXGBE_DCA_RXCTRL0, i), IXGBE_DCA_RXCTRL_RESERVED);
	adv_set_bits(x, rxdctl, IXGBE_QUEUE_ENABLE);
	if (!adv_wait(x, rxdctl, IXGBE_QUEUE_ENABLE, IXGBE_QUEUE_ENABLE, QUEUE_WAIT_NS))
		return ERR_TIMEOUT;
	adv_rx_start(q);
	return ERR_OK;
}

/* ... and then the receive path */
static err_t start_receive(struct adv *x)
{
	for (u32 i = 0; i < x->queues; i++) {
		err_t err = start_rx_queue(x->queue[i]);

		if (err)
			return err;
	}
	adv_set_bits(x, IXGBE_SECRXCTRL, IXGBE_SECRX_DIS);
	if (!adv_wait(x, IXGBE_SECRXSTAT, IXGBE_SECRX_READY, IXGBE_SECRX_READY, SECRX_WAIT_NS))
		return ERR_TIMEOUT;
	adv_set_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	adv_clear_bits(x, IXGBE_SECRXCTRL, IXGBE_SECRX_DIS);
	adv_set_bits(x, IXGBE_CTRL_EXT, IXGBE_CTRL_EXT_NS_DIS);
	return ERR_OK;
}

static err_t start_tx_queue(const struct adv_queue *q)
{
	const struct adv *x = q->x;
	u32 i = q->index, txdctl = IXGBE_QUEUE(IXGBE_TXDCTL0, i);

	adv_start_ring(x, IXGBE_QUEUE(IXGBE_TDBAL0, i), q->tx_bus,
		       ADV_TX_RING * sizeof(union adv_tx_desc));
	adv_write(x, IXGBE_QUEUE(IXGBE_TDWBAL0, i), 0);
	adv_write(x, txdctl, IXGBE_TXDCTL_THRESHOLDS);
	if (!i)
		adv_set_bits(x, IXGBE_DMATXCTL, IXGBE_DMATXCTL_TE);
	adv_write(x, txdctl, IXGBE_TXDCTL_THRESHOLDS | IXGBE_QUEUE_ENABLE);
	return adv_wait(x, txdctl, IXGBE_QUEUE_ENABLE, IXGBE_QUEUE_ENABLE, QUEUE_WAIT_NS) ?
		       ERR_OK :
		       ERR_TIMEOUT;
}

/* 4.6.8, 4.6.11.3.4 */
static err_t start_transmit(struct adv *x)
{
	err_t err = ERR_OK;

	adv_set_bits(x, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS);
	adv_write(x, IXGBE_DTXMXSZRQ, IXGBE_DTXMXSZRQ_MAX);
	adv_write(x, IXGBE_TXPBSIZE0, IXGBE_TXPBSIZE_160K);
	adv_clear_table(x, IXGBE_TXPBSIZE0 + 4, IXGBE_TC_COUNT - 1);
	/* So many KiB are taken when the longest frame still fits. */
	adv_write(x, IXGBE_TXPBTHRESH0, IXGBE_TXPB_KB - IXGBE_TX_BUFFER_MAX / 1024 - 1);
	adv_clear_table(x, IXGBE_TXPBTHRESH0 + 4, IXGBE_TC_COUNT - 1);
	adv_write(x, IXGBE_MTQC, 0);
	adv_clear_bits(x, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS);

	for (u32 i = 0; i < x->queues && !err; i++)
		err = start_tx_queue(x->queue[i]);
	return err;
}

err_t ixgbe_hw_start(struct adv *x, const u8 mac[6])
{
	err_t err;

	adv_set_bits(x, IXGBE_CTRL_EXT, IXGBE_CTRL_EXT_DRV_LOAD);
	start_flow_control(x);
	ixgbe_irq_start(x);
	start_tables(x, mac);
	start_filters(x);
	err = start_receive(x);
	if (!err)
		err = start_transmit(x);
	/* Nothing comes in before there is a queue for it. */
	if (!err)
		start_link(x);
	return err;
}

struct nic_link ixgbe_hw_link(const struct adv *x)
{
	static const u32 mbps[] = { 0, 100, 1000, 10000 };
	u32 s = adv_read(x, IXGBE_LINKS);
	bool up = s & IXGBE_LINKS_UP;

	return (struct nic_link){
		.up = up,
		.full_duplex = up,
		.mbps = up ? mbps[s >> IXGBE_LINKS_SPEED_SHIFT & IXGBE_LINKS_SPEED_MASK] : 0,
	};
}

/* 8.2.3.23: a read clears. What queues drop all counts in QPRDC[0] (8.2.3.23.71: RQSMR is
 * 0). */
void ixgbe_hw_fold(struct adv *x)
{
	static const u32 errors[] = {
		IXGBE_CRCERRS, IXGBE_ILLERRC, IXGBE_RLEC, IXGBE_RUC,
		IXGBE_RFC,     IXGBE_ROC,     IXGBE_RJC,
	};

	/* The packet buffer was full; there was no descriptor. */
	x->missed += adv_read(x, IXGBE_RXMPC0);
	x->missed += adv_read(x, IXGBE_QPRDC0);
	for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
		x->errors += adv_read(x, errors[i]);
}

err_t ixgbe_hw_nvm_check(struct adv *x)
{
	u32 found = (adv_read(x, IXGBE_FWSM) & IXGBE_FWSM_ERROR) >> IXGBE_FWSM_ERROR_SHIFT;

	if (found)
		log_warn(x->part->name, "firmware found error %u in the EEPROM", found);
	if (!(adv_read(x, IXGBE_EEC) & IXGBE_EEC_PRESENT))
		return ERR_NOENT;
	/* The X540 counts other sections, and has them in flash. */
	return x->part->traits & IXGBE_HAS_REGSMP ? ERR_OK : adv_nvm_check(x);
}
