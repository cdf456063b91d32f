/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: bring-up, link and statistics registers, in the order of 4.6 of the
 * 82599 datasheet. Queues of one kind, no DCB and no virtualisation (4.6.11.3.4).
 */
#include "drivers/nic/ixgbe.h"

#include "hv/base/log.h"
#include "hv/base/str.h"

#define QUEUE_WAIT_NS 10000000ull
#define SECRX_WAIT_NS 10000000ull

static void set_bits(const struct ixgbe *x, u32 reg, u32 bits)
{
	ixgbe_write(x, reg, ixgbe_read(x, reg) | bits);
}

static void clear_bits(const struct ixgbe *x, u32 reg, u32 bits)
{
	ixgbe_write(x, reg, ixgbe_read(x, reg) & ~bits);
}

static void clear_table(const struct ixgbe *x, u32 first, u32 count)
{
	for (u32 i = 0; i < count; i++)
		ixgbe_write(x, first + 4 * i, 0);
}

err_t ixgbe_hw_read_mac(struct ixgbe *x, u8 mac[6])
{
	static const u8 zero[6];
	u32 lo = ixgbe_read(x, IXGBE_RAL0), hi = ixgbe_read(x, IXGBE_RAH0);

	for (u32 i = 0; i < 4; i++)
		mac[i] = (u8)(lo >> (8 * i));
	mac[4] = (u8)hi;
	mac[5] = (u8)(hi >> 8);
	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0 ? ERR_OK : ERR_IO;
}

/* 4.6.3.2: without flow control its registers are 0, but for the high water mark. */
static void start_flow_control(struct ixgbe *x)
{
	clear_table(x, IXGBE_FCTTV0, 4);
	clear_table(x, IXGBE_FCRTL0, IXGBE_TC_COUNT);
	clear_table(x, IXGBE_FCRTH0, IXGBE_TC_COUNT);
	ixgbe_write(x, IXGBE_FCRTH0, IXGBE_FCRTH_DEFAULT);
	ixgbe_write(x, IXGBE_FCRTV, 0);
	ixgbe_write(x, IXGBE_FCCFG, 0);
	ixgbe_write(x, IXGBE_MFLCN, 0);
}

/*
 * 4.6.4: AUTOC was loaded from the EEPROM, which alone knows the board's medium;
 * negotiation starts anew with that. AUTOC is firmware's as well (10.5.4).
 */
static void start_link(struct ixgbe *x)
{
	if (x->part->laser)
		ixgbe_write(x, IXGBE_ESDP,
			    (ixgbe_read(x, IXGBE_ESDP) | IXGBE_ESDP_LASER_OUTPUT) &
				    ~IXGBE_ESDP_LASER_OFF);
	if (!x->part->autoc)
		return;
	if (ixgbe_sync_take(x, IXGBE_SYNC_MAC_CSR)) {
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "firmware keeps AUTOC: the link stays as it is");
		return;
	}
	set_bits(x, IXGBE_AUTOC, IXGBE_AUTOC_RESTART);
	ixgbe_sync_give(x, IXGBE_SYNC_MAC_CSR);
}

/* 4.6.7: tables that hold anything after power-up. */
static void start_tables(struct ixgbe *x, const u8 mac[6])
{
	ixgbe_write(x, IXGBE_RAL0,
		    mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
	ixgbe_write(x, IXGBE_RAH0, mac[4] | (u32)mac[5] << 8 | IXGBE_RAH_AV);
	for (u32 i = 1; i < IXGBE_RA_COUNT; i++)
		ixgbe_write(x, IXGBE_RAH0 + 8 * i, 0);
	clear_table(x, IXGBE_PFUTA0, IXGBE_PFUTA_COUNT);
	clear_table(x, IXGBE_PFVLVF0, IXGBE_PFVLVF_COUNT);
	clear_table(x, IXGBE_PFVLVFB0, IXGBE_PFVLVFB_COUNT);
	clear_table(x, IXGBE_MPSAR0, IXGBE_MPSAR_COUNT);
	ixgbe_write(x, IXGBE_MPSAR0, 1);
	clear_table(x, IXGBE_MTA, IXGBE_MTA_COUNT);
	clear_table(x, IXGBE_FTQF0, IXGBE_FTQF_COUNT);
}

void ixgbe_hw_set_filter(struct ixgbe *x)
{
	bool on = ixgbe_read(x, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN;

	/* 8.2.3.7.1: not under a running receiver. */
	if (on)
		clear_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	ixgbe_write(x, IXGBE_FCTRL,
		    IXGBE_FCTRL_BAM |
			    (x->promiscuous ? IXGBE_FCTRL_UPE | IXGBE_FCTRL_MPE : 0));
	if (on)
		set_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
}

/* Any key but 0 spreads flows; these are the first digits of pi. */
static const u32 rss_key[IXGBE_RSSRK_COUNT] = {
	0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822,
	0x299f31d0, 0x082efa98, 0xec4e6c89, 0x452821e6, 0x38d01377,
};

/*
 * 7.1.2.8: datagrams of UDP over IPv4 are spread by addresses and ports, of which the
 * sender's is its inner flow's. All else has no hash and comes to queue 0, as do the
 * fragments of a datagram, all of them. The table's first entry is queue 0, too.
 */
static void start_rss(struct ixgbe *x)
{
	if (x->queues == 1) {
		ixgbe_write(x, IXGBE_MRQC, 0);
		return;
	}
	for (u32 i = 0; i < IXGBE_RSSRK_COUNT; i++)
		ixgbe_write(x, IXGBE_RSSRK0 + 4 * i, rss_key[i]);
	for (u32 i = 0; i < IXGBE_RETA_COUNT; i++) {
		u32 four = 0;

		for (u32 k = 0; k < 4; k++)
			four |= (4 * i + k) % x->queues << 8 * k;
		ixgbe_write(x, IXGBE_RETA0 + 4 * i, four);
	}
	set_bits(x, IXGBE_RXCSUM, IXGBE_RXCSUM_PCSD);
	ixgbe_write(x, IXGBE_MRQC, IXGBE_MRQC_RSS | IXGBE_MRQC_UDP4);
}

/* 4.6.7: filters and offloads for all queues */
static void start_filters(struct ixgbe *x)
{
	u32 rdrxctl = ixgbe_read(x, IXGBE_RDRXCTL) & ~IXGBE_RDRXCTL_RSCFRSTSIZE;

	ixgbe_hw_set_filter(x);
	clear_bits(x, IXGBE_VLNCTRL, IXGBE_VLNCTRL_VFE);
	ixgbe_write(x, IXGBE_MCSTCTRL, 0);
	start_rss(x);
	ixgbe_write(x, IXGBE_RDRXCTL, rdrxctl | IXGBE_RDRXCTL_CRCSTRIP | IXGBE_RDRXCTL_RSCACKC |
					      IXGBE_RDRXCTL_FCOE_WRFIX);
	ixgbe_write(x, IXGBE_RXPBSIZE0, IXGBE_RXPBSIZE_512K);
	clear_table(x, IXGBE_RXPBSIZE0 + 4, IXGBE_TC_COUNT - 1);
	ixgbe_write(x, IXGBE_HLREG0, IXGBE_HLREG0_TXCRCEN | IXGBE_HLREG0_RXCRCSTRP |
					     IXGBE_HLREG0_JUMBOEN | IXGBE_HLREG0_TXPADEN |
					     IXGBE_HLREG0_RXLNGTHERREN);
	ixgbe_write(x, IXGBE_MAXFRS, (IXGBE_MAX_FRAME + 4) << IXGBE_MAXFRS_SHIFT);
}

/* 8.2.3.8.1 to 8.2.3.8.5, 8.2.3.9.5: a ring's base, length, head and tail, which lie alike
 * behind both kinds of base. */
static void start_ring(const struct ixgbe *x, u32 base, bus_t bus, u32 bytes)
{
	ixgbe_write(x, base, (u32)bus.v);
	ixgbe_write(x, base + IXGBE_RDBAH0 - IXGBE_RDBAL0, (u32)(bus.v >> 32));
	ixgbe_write(x, base + IXGBE_RDLEN0 - IXGBE_RDBAL0, bytes);
	ixgbe_write(x, base + IXGBE_RDH0 - IXGBE_RDBAL0, 0);
	ixgbe_write(x, base + IXGBE_RDT0 - IXGBE_RDBAL0, 0);
}
STATIC_ASSERT(IXGBE_TDBAH0 - IXGBE_TDBAL0 == IXGBE_RDBAH0 - IXGBE_RDBAL0 &&
	      IXGBE_TDLEN0 - IXGBE_TDBAL0 == IXGBE_RDLEN0 - IXGBE_RDBAL0 &&
	      IXGBE_TDH0 - IXGBE_TDBAL0 == IXGBE_RDH0 - IXGBE_RDBAL0 &&
	      IXGBE_TDT0 - IXGBE_TDBAL0 == IXGBE_RDT0 - IXGBE_RDBAL0, "alike");

/* 4.6.7: a receive queue and its first buffers. One of several has no other wait for
 * the frames that it finds no place for. */
static err_t start_rx_queue(struct ixgbe_queue *q)
{
	const struct ixgbe *x = q->x;
	u32 i = q->index, rxdctl = IXGBE_QUEUE(IXGBE_RXDCTL0, i);

	start_ring(x, IXGBE_QUEUE(IXGBE_RDBAL0, i), q->rx_bus,
		   IXGBE_RX_RING * sizeof(union ixgbe_rx_desc));
	ixgbe_write(x, IXGBE_QUEUE(IXGBE_SRRCTL0, i),
		    IXGBE_SRRCTL_ONE_BUFFER | IXGBE_SRRCTL_KB(IXGBE_RX_BUF) |
			    (x->queues > 1 ? IXGBE_SRRCTL_DROP : 0));
	ixgbe_write(x, IXGBE_QUEUE(IXGBE_RSCCTL0, i), 0);
	clear_bits(x, IXGBE_QUEUE(IXGBE_DCA_RXCTRL0, i), IXGBE_DCA_RXCTRL_RESERVED);
	set_bits(x, rxdctl, IXGBE_QUEUE_ENABLE);
	if (!ixgbe_wait(x, rxdctl, IXGBE_QUEUE_ENABLE, IXGBE_QUEUE_ENABLE, QUEUE_WAIT_NS))
		return ERR_TIMEOUT;
	ixgbe_rx_start(q);
	return ERR_OK;
}

/* ... and then the receive path */
static err_t start_receive(struct ixgbe *x)
{
	for (u32 i = 0; i < x->queues; i++) {
		err_t err = start_rx_queue(x->queue[i]);

		if (err)
			return err;
	}
	set_bits(x, IXGBE_SECRXCTRL, IXGBE_SECRX_DIS);
	if (!ixgbe_wait(x, IXGBE_SECRXSTAT, IXGBE_SECRX_READY, IXGBE_SECRX_READY, SECRX_WAIT_NS))
		return ERR_TIMEOUT;
	set_bits(x, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	clear_bits(x, IXGBE_SECRXCTRL, IXGBE_SECRX_DIS);
	set_bits(x, IXGBE_CTRL_EXT, IXGBE_CTRL_EXT_NS_DIS);
	return ERR_OK;
}

static err_t start_tx_queue(const struct ixgbe_queue *q)
{
	const struct ixgbe *x = q->x;
	u32 i = q->index, txdctl = IXGBE_QUEUE(IXGBE_TXDCTL0, i);

	start_ring(x, IXGBE_QUEUE(IXGBE_TDBAL0, i), q->tx_bus,
		   IXGBE_TX_RING * sizeof(union ixgbe_tx_desc));
	ixgbe_write(x, IXGBE_QUEUE(IXGBE_TDWBAL0, i), 0);
	ixgbe_write(x, txdctl, IXGBE_TXDCTL_THRESHOLDS);
	if (!i)
		set_bits(x, IXGBE_DMATXCTL, IXGBE_DMATXCTL_TE);
	ixgbe_write(x, txdctl, IXGBE_TXDCTL_THRESHOLDS | IXGBE_QUEUE_ENABLE);
	return ixgbe_wait(x, txdctl, IXGBE_QUEUE_ENABLE, IXGBE_QUEUE_ENABLE, QUEUE_WAIT_NS) ?
		       ERR_OK :
		       ERR_TIMEOUT;
}

/* 4.6.8, 4.6.11.3.4 */
static err_t start_transmit(struct ixgbe *x)
{
	err_t err = ERR_OK;

	set_bits(x, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS);
	ixgbe_write(x, IXGBE_DTXMXSZRQ, IXGBE_DTXMXSZRQ_MAX);
	ixgbe_write(x, IXGBE_TXPBSIZE0, IXGBE_TXPBSIZE_160K);
	clear_table(x, IXGBE_TXPBSIZE0 + 4, IXGBE_TC_COUNT - 1);
	/* So many KiB are taken when the longest frame still fits. */
	ixgbe_write(x, IXGBE_TXPBTHRESH0, IXGBE_TXPB_KB - IXGBE_TX_BUFFER_MAX / 1024 - 1);
	clear_table(x, IXGBE_TXPBTHRESH0 + 4, IXGBE_TC_COUNT - 1);
	ixgbe_write(x, IXGBE_MTQC, 0);
	clear_bits(x, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS);

	for (u32 i = 0; i < x->queues && !err; i++)
		err = start_tx_queue(x->queue[i]);
	return err;
}

err_t ixgbe_hw_start(struct ixgbe *x, const u8 mac[6])
{
	err_t err;

	set_bits(x, IXGBE_CTRL_EXT, IXGBE_CTRL_EXT_DRV_LOAD);
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

struct nic_link ixgbe_hw_link(const struct ixgbe *x)
{
	static const u32 mbps[] = { 0, 100, 1000, 10000 };
	u32 s = ixgbe_read(x, IXGBE_LINKS);
	bool up = s & IXGBE_LINKS_UP;

	return (struct nic_link){
		.up = up,
		.full_duplex = up,
		.mbps = up ? mbps[s >> IXGBE_LINKS_SPEED_SHIFT & IXGBE_LINKS_SPEED_MASK] : 0,
	};
}

/* 8.2.3.23: a read clears. What queues drop all counts in QPRDC[0] (8.2.3.23.71: RQSMR is
 * 0). */
void ixgbe_hw_fold(struct ixgbe *x)
{
	static const u32 reg[IXGBE_COUNTERS] = {
		[IXGBE_COUNT_MISSED] = IXGBE_RXMPC0,  [IXGBE_COUNT_DROPPED] = IXGBE_QPRDC0,
		[IXGBE_COUNT_CRCERRS] = IXGBE_CRCERRS, [IXGBE_COUNT_ILLERRC] = IXGBE_ILLERRC,
		[IXGBE_COUNT_RLEC] = IXGBE_RLEC,      [IXGBE_COUNT_RUC] = IXGBE_RUC,
		[IXGBE_COUNT_RFC] = IXGBE_RFC,	      [IXGBE_COUNT_ROC] = IXGBE_ROC,
		[IXGBE_COUNT_RJC] = IXGBE_RJC,
	};

	for (u32 i = 0; i < IXGBE_COUNTERS; i++)
		x->fold[i] += ixgbe_read(x, reg[i]);
}
