/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that the model knows: what of them may be read and written, what they
 * hold after a reset, and what else happens. Anything else is a violation. The rows
 * marked OTHERS are there because Linux's or iPXE's driver uses them and hold what
 * is written, without effect.
 */
#include "tests/models/ixgbe_model_priv.h"

#define RW (IXM_READ | IXM_WRITE)
#define STAT (IXM_READ | IXM_CLEAR)
#define OTHER (RW | IXM_OTHERS)

/* Both halves of an array of receive queues. */
#define RX_ROWS(label, reg, ...)                                                                \
	{ .name = label, .first = (reg), .count = 64, .step = 0x40, __VA_ARGS__ },              \
	{ .name = label, .first = (reg) + 0xc000, .base = 64, .count = 64, .step = 0x40,        \
	  __VA_ARGS__ }
#define TX_ROWS(label, reg, ...) \
	{ .name = label, .first = (reg), .count = 128, .step = 0x40, __VA_ARGS__ }
#define ONE(label, reg, ...) { .name = label, .first = (reg), .count = 1, .step = 4, __VA_ARGS__ }
#define MANY(label, reg, n, ...) \
	{ .name = label, .first = (reg), .count = (n), .step = 4, __VA_ARGS__ }

const struct ixm_row ixm_rows[] = {
	/* 8.2.3.1 general */
	ONE("CTRL", IXGBE_CTRL, .access = RW, .reserved = 0xfbfffff3, .read = ixm_read_ctrl,
	    .write = ixm_write_ctrl),
	ONE("STATUS", IXGBE_STATUS, .access = IXM_READ, .read = ixm_read_status),
	ONE("CTRL_EXT", IXGBE_CTRL_EXT, .access = RW, .reserved = 0xe3f83fff),
	ONE("ESDP", IXGBE_ESDP, .access = RW),
	ONE("LEDCTL", 0x200, .access = OTHER),
	ONE("TCPTIMER", 0x4c, .access = OTHER),
	/* 8.2.3.2 EEPROM and flash, 8.2.3.4 PCIe and semaphores */
	ONE("EEC", IXGBE_EEC, .access = RW, .read = ixm_read_eec),
	ONE("EERD", IXGBE_EERD, .access = RW, .write = ixm_write_eerd),
	ONE("FLA", 0x1001c, .access = IXM_READ | IXM_OTHERS),
	ONE("GRC", 0x10200, .access = OTHER),
	ONE("EEMNGCTL", 0x10110, .access = IXM_READ | IXM_OTHERS, .reset = 0x000c0000),
	ONE("SWSM", IXGBE_SWSM, .access = RW, .reserved = 0xfffffff8, .read = ixm_read_swsm,
	    .write = ixm_write_swsm),
	ONE("FWSM", IXGBE_FWSM, .access = IXM_READ, .reset = 0x8000), /* firmware runs */
	ONE("FACTPS", 0x10150, .access = IXM_READ | IXM_OTHERS),
	ONE("SW_FW_SYNC", IXGBE_SW_FW_SYNC, .access = RW, .read = ixm_read_sync,
	    .write = ixm_write_sync),
	ONE("GCR_EXT", IXGBE_GCR_EXT, .access = RW),
	ONE("HICR", 0x15f00, .access = IXM_READ | IXM_OTHERS),
	ONE("FWSTS", 0x15f0c, .access = OTHER),
	ONE("GCR", 0x11000, .access = OTHER),
	ONE("DCA_CTRL", 0x11074, .access = OTHER),
	MANY("GSCL", 0x11010, 4, .access = OTHER),
	ONE("PBACL", 0x11068, .access = OTHER),
	MANY("PICAUSE, PIENA", 0x110b0, 2, .access = OTHER),
	/* 8.2.3.5 interrupts */
	ONE("EICR", IXGBE_EICR, .access = RW, .read = ixm_read_eicr, .write = ixm_write_eicr),
	ONE("EICS", IXGBE_EICS, .access = RW, .reserved = BIT(31), .read = ixm_read_eics,
	    .write = ixm_write_eics),
	ONE("EIMS", IXGBE_EIMS, .access = RW, .reserved = BIT(31), .read = ixm_read_eims,
	    .write = ixm_write_eims),
	ONE("EIMC", IXGBE_EIMC, .access = IXM_WRITE, .reserved = BIT(31), .write = ixm_write_eimc),
	ONE("EIAC", IXGBE_EIAC, .access = RW, .reserved = BIT(31)),
	ONE("EIAM", IXGBE_EIAM, .access = RW, .reserved = BIT(31)),
	MANY("EICS_EX", IXM_EICS_EX, 2, .access = IXM_WRITE, .write = ixm_write_eics_ex),
	MANY("EIMS_EX", IXM_EIMS_EX, 2, .access = RW, .read = ixm_read_eims_ex,
	     .write = ixm_write_eims_ex),
	MANY("EIMC_EX", IXM_EIMC_EX, 2, .access = IXM_WRITE, .write = ixm_write_eimc_ex),
	MANY("EIAM_EX", IXM_EIAM_EX, 2, .access = RW),
	MANY("EITR", IXGBE_EITR0, 24, .access = RW, .reserved = 0x00006000),
	MANY("EITR24", 0x12300, 105, .access = RW, .reserved = 0x00006000),
	ONE("EITRSEL", 0x894, .access = OTHER),
	MANY("IVAR", IXGBE_IVAR0, 64, .access = RW, .reserved = 0x40404040),
	ONE("IVAR_MISC", IXGBE_IVAR_MISC, .access = RW, .reserved = 0xffff4040),
	ONE("GPIE", IXGBE_GPIE, .access = RW, .reserved = 0x3fff0000),
	/* 8.2.3.3 flow control */
	MANY("FCTTV", IXGBE_FCTTV0, 4, .access = RW),
	MANY("FCRTL", IXGBE_FCRTL0, 8, .access = RW),
	MANY("FCRTH", IXGBE_FCRTH0, 8, .access = RW),
	ONE("FCRTV", IXGBE_FCRTV, .access = RW),
	ONE("FCCFG", IXGBE_FCCFG, .access = RW, .reserved = 0xffffffe7),
	/* 8.2.3.8 receive DMA */
	RX_ROWS("RDBAL", IXGBE_RDBAL0, .access = RW | IXM_RING_RX, .reserved = 127),
	RX_ROWS("RDBAH", IXGBE_RDBAH0, .access = RW | IXM_RING_RX),
	RX_ROWS("RDLEN", IXGBE_RDLEN0, .access = RW | IXM_RING_RX, .reserved = 0xfff0007f),
	RX_ROWS("RDH", IXGBE_RDH0, .access = RW | IXM_RING_RX, .reserved = 0xffff0000,
		.read = ixm_read_rdh, .write = ixm_write_rdh),
	RX_ROWS("RDT", IXGBE_RDT0, .access = RW, .reserved = 0xffff0000, .write = ixm_write_rdt),
	RX_ROWS("SRRCTL", IXGBE_SRRCTL0, .access = RW | IXM_RING_RX, .reserved = 0xe03fc0e0,
		.reset = 0x402),
	RX_ROWS("RXDCTL", IXGBE_RXDCTL0, .access = RW, .read = ixm_read_rxdctl,
		.write = ixm_write_rxdctl),
	RX_ROWS("RSCCTL", IXGBE_RSCCTL0, .access = RW, .reserved = 0xfffffff2),
	RX_ROWS("DCA_RXCTRL", IXGBE_DCA_RXCTRL0, .access = RW, .reset = 0xb200),
	ONE("RDRXCTL", IXGBE_RDRXCTL, .access = RW, .read = ixm_read_rdrxctl, .reset = 0x00100000),
	ONE("RSCDBU", 0x3028, .access = OTHER),
	ONE("RXCTRL", IXGBE_RXCTRL, .access = RW, .reserved = ~1u, .write = ixm_write_rxctrl),
	MANY("RXPBSIZE", IXGBE_RXPBSIZE0, 8, .access = RW, .reset = IXGBE_RXPBSIZE_512K),
	ONE("PFQDE", 0x2f04, .access = OTHER),
	/* 8.2.3.7 receive filters */
	/* Bits 12 and 13 are the 82598's, and Linux sets them. */
	ONE("FCTRL", IXGBE_FCTRL, .access = RW | IXM_RX_OFF, .reserved = 0xffffc8fd),
	ONE("VLNCTRL", IXGBE_VLNCTRL, .access = RW, .reset = 0x8100),
	ONE("MCSTCTRL", IXGBE_MCSTCTRL, .access = RW, .reserved = 0xfffffff8),
	ONE("MRQC", IXGBE_MRQC, .access = RW),
	ONE("RXCSUM", IXGBE_RXCSUM, .access = RW),
	ONE("RFCTL", 0x5008, .access = OTHER),
	MANY("MTA", IXGBE_MTA, IXGBE_MTA_COUNT, .access = RW, .reset = 0xa5a5a5a5),
	{ .name = "RAL", .first = IXGBE_RAL0, .count = IXGBE_RA_COUNT, .step = 8, .access = RW },
	{ .name = "RAH", .first = IXGBE_RAH0, .count = IXGBE_RA_COUNT, .step = 8, .access = RW },
	MANY("MPSAR", IXGBE_MPSAR0, IXGBE_MPSAR_COUNT, .access = RW, .reset = 0xffffffff),
	MANY("PSRTYPE", 0x5480, 16, .access = OTHER),
	MANY("VFTA", 0xa000, 128, .access = OTHER),
	MANY("RETA", IXGBE_RETA0, 32, .access = RW, .reserved = 0xf0f0f0f0),
	MANY("RSSRK", IXGBE_RSSRK0, 10, .access = RW),
	MANY("FTQF", IXGBE_FTQF0, IXGBE_FTQF_COUNT, .access = RW),
	MANY("ETQF", 0x5128, 8, .access = OTHER),
	MANY("ETQS", 0xec00, 8, .access = OTHER),
	ONE("SYNQF", 0xec30, .access = OTHER),
	ONE("RQTC", 0xec70, .access = OTHER),
	ONE("LLITHRESH", 0xec90, .access = OTHER),
	MANY("SDPQF", 0xe400, 128, .access = OTHER),
	MANY("L34TIMIR", 0xe800, 128, .access = OTHER),
	ONE("PFVTCTL", 0x51b0, .access = OTHER),
	MANY("PFVML2FLT", 0xf000, 64, .access = OTHER),
	ONE("PFDTXGSWC", 0x8220, .access = OTHER),
	ONE("RTRUP2TC", 0x3020, .access = OTHER),
	MANY("PFVLVF", IXGBE_PFVLVF0, IXGBE_PFVLVF_COUNT, .access = RW),
	MANY("PFVLVFB", IXGBE_PFVLVFB0, IXGBE_PFVLVFB_COUNT, .access = RW),
	MANY("PFUTA", IXGBE_PFUTA0, IXGBE_PFUTA_COUNT, .access = RW),
	ONE("FDIRCTRL", IXM_FDIRCTRL, .access = OTHER, .write = ixm_write_fdirctrl),
	ONE("FDIRCMD", IXM_FDIRCMD, .access = OTHER, .write = ixm_write_fdircmd),
	MANY("FDIR keys and filters", 0xee0c, 8, .access = OTHER),
	MANY("FDIR masks and counters", 0xee38, 17, .access = OTHER),
	/* 8.2.3.9 transmit DMA, 8.2.3.10 arbiters */
	ONE("DMATXCTL", IXGBE_DMATXCTL, .access = RW, .reset = 0x81000000),
	MANY("DTXTCPFLG", 0x4a88, 2, .access = OTHER, .reset = 0x0ff60ff6),
	ONE("DTXMXSZRQ", IXGBE_DTXMXSZRQ, .access = RW, .reserved = 0xfffff000, .reset = 0x10),
	ONE("MTQC", IXGBE_MTQC, .access = RW, .reserved = 0xfffffff0, .write = ixm_write_mtqc),
	ONE("RTTDCS", IXGBE_RTTDCS, .access = RW, .reset = 0x00c00000),
	ONE("RTTDQSEL", 0x4904, .access = OTHER),
	ONE("RTTDT1C", 0x4908, .access = OTHER),
	ONE("RTTBCNRC", 0x4984, .access = OTHER),
	MANY("TXPBTHRESH", IXGBE_TXPBTHRESH0, 8, .access = RW, .reset = 0x96),
	MANY("TXPBSIZE", IXGBE_TXPBSIZE0, 8, .access = RW, .reset = IXGBE_TXPBSIZE_160K),
	TX_ROWS("TDBAL", IXGBE_TDBAL0, .access = RW | IXM_RING_TX, .reserved = 127),
	TX_ROWS("TDBAH", IXGBE_TDBAH0, .access = RW | IXM_RING_TX),
	TX_ROWS("TDLEN", IXGBE_TDLEN0, .access = RW | IXM_RING_TX, .reserved = 0xfff0007f),
	TX_ROWS("TDH", IXGBE_TDH0, .access = RW | IXM_RING_TX, .reserved = 0xffff0000,
		.read = ixm_read_tdh, .write = ixm_write_tdh),
	TX_ROWS("TDT", IXGBE_TDT0, .access = RW, .reserved = 0xffff0000, .write = ixm_write_tdt),
	TX_ROWS("TXDCTL", IXGBE_TXDCTL0, .access = RW, .read = ixm_read_txdctl,
		.write = ixm_write_txdctl),
	TX_ROWS("TDWBAL", IXGBE_TDWBAL0, .access = RW | IXM_RING_TX, .reserved = 1),
	TX_ROWS("TDWBAH", 0x603c, .access = RW | IXM_RING_TX),
	TX_ROWS("DCA_TXCTRL", 0x600c, .access = OTHER),
	/* 8.2.3.12 security */
	ONE("SECTXCTRL", 0x8800, .access = OTHER),
	ONE("SECTXMINIFG", 0x8810, .access = OTHER),
	ONE("SECTXSTAT", 0x8804, .access = IXM_READ | IXM_OTHERS, .reset = 0x3),
	ONE("SECRXCTRL", IXGBE_SECRXCTRL, .access = RW, .reserved = 0xfffffffc),
	ONE("SECRXSTAT", IXGBE_SECRXSTAT, .access = IXM_READ, .read = ixm_read_secrxstat),
	/* 8.2.3.22 MAC */
	ONE("HLREG0", IXGBE_HLREG0, .access = RW, .reset = 0x08000c03),
	ONE("MAXFRS", IXGBE_MAXFRS, .access = RW, .reset = 1518u << IXGBE_MAXFRS_SHIFT),
	ONE("MFLCN", IXGBE_MFLCN, .access = RW),
	ONE("AUTOC", IXGBE_AUTOC, .access = RW, .reset = 0xc0008280, .write = ixm_write_autoc),
	ONE("AUTOC2", 0x42a8, .access = OTHER, .reset = 0x000a0000),
	ONE("LINKS", IXGBE_LINKS, .access = IXM_READ, .read = ixm_read_links),
	ONE("LINKS2", 0x4324, .access = IXM_READ | IXM_OTHERS),
	ONE("ANLP1", 0x42b0, .access = IXM_READ | IXM_OTHERS, .reset = 0x00000c01),
	ONE("PCS1GLCTL", 0x4208, .access = OTHER),
	ONE("PCS1GLSTA", 0x420c, .access = IXM_READ | IXM_OTHERS),
	MANY("PCS1GANA", 0x4218, 2, .access = OTHER),
	ONE("MMNGC", 0x42d0, .access = IXM_READ | IXM_OTHERS),
	ONE("MSCA", IXM_MSCA, .access = OTHER, .write = ixm_write_msca),
	ONE("MSRWD", IXM_MSRWD, .access = OTHER),
	/* 8.2.3.23 statistics: a read clears */
	MANY("RXMPC", IXGBE_RXMPC0, 8, .access = STAT),
	MANY("RNBC", 0x3fc0, 8, .access = STAT),
	MANY("CRCERRS", 0x4000, 3, .access = STAT),
	MANY("MSPDC", 0x4010, 1, .access = STAT),
	MANY("MLFC", 0x4034, 4, .access = STAT),
	MANY("PRC", 0x405c, 9, .access = STAT),
	MANY("GORC", 0x4088, 4, .access = STAT),
	MANY("RUC", IXGBE_RUC, 4, .access = STAT),
	MANY("MNGPRC", 0x40b4, 2, .access = STAT),
	MANY("TOR", 0x40c0, 2, .access = STAT),
	MANY("TPR", IXM_TPR, 10, .access = STAT),
	ONE("GPTC", IXM_GPTC, .access = STAT),
	ONE("XEC", 0x4120, .access = STAT),
	MANY("PXONRXCNT", 0x4140, 16, .access = STAT),
	MANY("LXONRXCNT", 0x41a4, 2, .access = STAT),
	MANY("LXOFFTXC", 0x3f60, 3, .access = STAT),
	MANY("PXONTXC", 0x3f00, 16, .access = STAT),
	MANY("PXONRXC", 0xcf00, 16, .access = STAT),
	MANY("LXONRXC", 0xcf60, 3, .access = STAT),
	MANY("PXON2OFFCNT", 0x3240, 8, .access = STAT),
	MANY("MNGPTC", 0xcf90, 1, .access = STAT),
	ONE("SSVPC", 0x8780, .access = STAT),
	ONE("TXDGPC", 0x87a0, .access = STAT),
	ONE("FCCRC", 0x5118, .access = STAT),
	MANY("FCOERPDC", 0x241c, 5, .access = STAT),
	MANY("QBTC", 0x8700, 32, .access = STAT),
	MANY("FCoE statistics", 0x8784, 2, .access = STAT),
	{ .name = "QPRDC", .first = IXGBE_QPRDC0, .count = 16, .step = 0x40, .access = STAT },
	{ .name = "QPRC", .first = IXM_QPRC, .count = 16, .step = 0x40, .access = STAT },
	{ .name = "QBRC", .first = IXM_QBRC, .count = 16, .step = 0x40, .access = STAT },
	{ .name = "QBRCH", .first = 0x1038, .count = 16, .step = 0x40, .access = STAT },
	{ .name = "QPTC", .first = 0x6030, .count = 16, .step = 0x40, .access = STAT },
	{ .name = "QBTC", .first = 0x6034, .count = 16, .step = 0x40, .access = STAT },
	MANY("RQSMR", IXM_RQSMR, 32, .access = OTHER),
	MANY("TQSM", 0x8600, 32, .access = OTHER),
	/* 8.2.3.26 time stamps */
	MANY("TSYNC", 0x8c00, 24, .access = OTHER),
	ONE("TSYNCRXCTL", 0x5188, .access = OTHER),
	ONE("RXSTMPL", 0x51e8, .access = OTHER),
	ONE("RXSTMPH", 0x51a4, .access = OTHER),
	ONE("RXMTRL", 0x5120, .access = OTHER),
	/* 8.2.3.24 wake-up, and more that Linux touches when it starts */
	MANY("WUC", 0x5800, 5, .access = OTHER),
};

STATIC_ASSERT(sizeof(ixm_rows) / sizeof(ixm_rows[0]) < UINT8_MAX, "rule_of has 8 bits");

const u32 ixm_row_count = sizeof(ixm_rows) / sizeof(ixm_rows[0]);
