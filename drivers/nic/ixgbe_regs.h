/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and descriptors of the 82599 and the X540. Source: Intel, "82599 10
 * GbE Controller Datasheet" (331520), whose sections are named below; the X540's
 * (333369 for its descriptors) differs where it is said. Only what the driver uses.
 */
#ifndef DRIVERS_NIC_IXGBE_REGS_H
#define DRIVERS_NIC_IXGBE_REGS_H

#include "drivers/nic/adv_regs.h"

enum ixgbe_reg {
	IXGBE_CTRL = 0x00000,	  /* 8.2.3.1.1 device control */
	IXGBE_STATUS = 0x00008,	  /* 8.2.3.1.2 device status, read only */
	IXGBE_CTRL_EXT = 0x00018, /* 8.2.3.1.3 extended device control */
	IXGBE_ESDP = 0x00020,	  /* 8.2.3.1.4 software-definable pins */
	IXGBE_EICR = 0x00800,	  /* 8.2.3.5.1 causes: a read clears all, a 1 clears one */
	IXGBE_EICS = 0x00808,	  /* 8.2.3.5.2 set causes */
	IXGBE_EIAC = 0x00810,	  /* 8.2.3.5.5 causes that MSI-X clears */
	IXGBE_EITR0 = 0x00820,	  /* 8.2.3.5.12 least time between interrupts */
	IXGBE_EIMS = 0x00880,	  /* 8.2.3.5.3 unmask: 1 sets */
	IXGBE_EIMC = 0x00888,	  /* 8.2.3.5.4 mask: 1 clears */
	IXGBE_EIAM = 0x00890,	  /* 8.2.3.5.6 causes masked with their interrupt */
	IXGBE_GPIE = 0x00898,	  /* 8.2.3.5.18 interrupts in general */
	IXGBE_IVAR0 = 0x00900,	  /* 8.2.3.5.16 causes of queues 0 and 1, a byte each (64) */
	IXGBE_IVAR_MISC = 0x00a00, /* 8.2.3.5.17 vectors of the timer and of the other causes */
	IXGBE_RDBAL0 = 0x01000,	  /* 8.2.3.8.1 receive ring: base (128-byte aligned), ... */
	IXGBE_RDBAH0 = 0x01004,
	IXGBE_RDLEN0 = 0x01008,	  /* 8.2.3.8.3 ... bytes (a multiple of 128), ... */
	IXGBE_DCA_RXCTRL0 = 0x0100c, /* 8.2.3.11.1 cache hints; bit 12 must be cleared */
	IXGBE_RDH0 = 0x01010,	  /* 8.2.3.8.4 ... head (the device's), ... */
	IXGBE_SRRCTL0 = 0x01014,  /* 8.2.3.8.7 buffers and kind of descriptors */
	IXGBE_RDT0 = 0x01018,	  /* 8.2.3.8.5 ... tail: one past the last it may use */
	IXGBE_RXDCTL0 = 0x01028,  /* 8.2.3.8.6 the queue on and off */
	IXGBE_RSCCTL0 = 0x0102c,  /* 8.2.3.8.13 coalescing: 0 is off */
	IXGBE_QPRDC0 = 0x01430,	  /* 8.2.3.23.74 dropped: no descriptor */
	IXGBE_RDRXCTL = 0x02f00,  /* 8.2.3.8.8 receive DMA control */
	IXGBE_RXCTRL = 0x03000,	  /* 8.2.3.8.10 the receiver on and off */
	IXGBE_FCTTV0 = 0x03200,	  /* 8.2.3.3.2 flow control: timers (4), ... */
	IXGBE_FCRTL0 = 0x03220,	  /* 8.2.3.3.3 ... low water (8), ... */
	IXGBE_FCRTH0 = 0x03260,	  /* 8.2.3.3.4 ... high water (8), ... */
	IXGBE_FCRTV = 0x032a0,	  /* 8.2.3.3.5 ... refresh */
	IXGBE_RXPBSIZE0 = 0x03c00, /* 8.2.3.8.9 receive packet buffers (8) */
	IXGBE_FCCFG = 0x03d00,	  /* 8.2.3.3.7 flow control we send: 0 is none */
	IXGBE_RXMPC0 = 0x03fa0,	  /* 8.2.3.23.4 missed: packet buffer full (8) */
	IXGBE_CRCERRS = 0x04000,  /* 8.2.3.23 statistics: 32 bits, a read clears */
	IXGBE_ILLERRC = 0x04004,  /* illegal symbols */
	IXGBE_RLEC = 0x04040,	  /* length field wrong */
	IXGBE_RUC = 0x040a4,	  /* undersized */
	IXGBE_RFC = 0x040a8,	  /* fragments */
	IXGBE_ROC = 0x040ac,	  /* oversized */
	IXGBE_RJC = 0x040b0,	  /* jabber */
	IXGBE_HLREG0 = 0x04240,	  /* 8.2.3.22.8 MAC core control */
	IXGBE_MAXFRS = 0x04268,	  /* 8.2.3.22.13 longest frame, with FCS, in the upper half */
	IXGBE_MFLCN = 0x04294,	  /* 8.2.3.22.34 flow control we obey: 0 is none */
	IXGBE_AUTOC = 0x042a0,	  /* 8.2.3.22.19 link mode and negotiation */
	IXGBE_LINKS = 0x042a4,	  /* 8.2.3.22.20 link status */
	IXGBE_RTTDCS = 0x04900,	  /* 8.2.3.10.2 transmit arbiter */
	IXGBE_TXPBTHRESH0 = 0x04950, /* 8.2.3.9.16 transmit buffer thresholds (8) */
	IXGBE_DMATXCTL = 0x04a80, /* 8.2.3.9.2 transmit DMA on and off */
	IXGBE_RXCSUM = 0x05000,	  /* 8.2.3.7.5 what receive descriptors report */
	IXGBE_FCTRL = 0x05080,	  /* 8.2.3.7.1 address filter */
	IXGBE_VLNCTRL = 0x05088,  /* 8.2.3.7.2 VLAN filter: 0 in bit 30 is off */
	IXGBE_MCSTCTRL = 0x05090, /* 8.2.3.7.3 multicast filter: 0 takes none by MTA */
	IXGBE_MTA = 0x05200,	  /* 8.2.3.7.7 multicast table, 128 registers */
	IXGBE_MRQC = 0x05818,	  /* 8.2.3.7.12 several receive queues: 0 is one */
	IXGBE_RETA0 = 0x05c00,	  /* 8.2.3.7.13 queue by the hash's low 7 bits: 4 a register */
	IXGBE_RSSRK0 = 0x05c80,	  /* 8.2.3.7.14 the hash's key, 10 registers */
	IXGBE_TDBAL0 = 0x06000,	  /* 8.2.3.9.5 transmit ring, as the receive ring */
	IXGBE_TDBAH0 = 0x06004,
	IXGBE_TDLEN0 = 0x06008,
	IXGBE_TDH0 = 0x06010,
	IXGBE_TDT0 = 0x06018,
	IXGBE_TXDCTL0 = 0x06028,  /* 8.2.3.9.10 the queue on and off, thresholds */
	IXGBE_TDWBAL0 = 0x06038,  /* 8.2.3.9.11 head write-back: 0 is off */
	IXGBE_DTXMXSZRQ = 0x08100, /* 8.2.3.9.1 bytes requested at a time */
	IXGBE_MTQC = 0x08120,	  /* 8.2.3.9.15 transmit queues: 0 is up to 64, all alike */
	IXGBE_SECRXCTRL = 0x08d00, /* 8.2.3.12.5 halts the receive path */
	IXGBE_SECRXSTAT = 0x08d04, /* 8.2.3.12.6 it is empty */
	IXGBE_RAL0 = 0x0a200,	  /* 8.2.3.7.8 addresses (128): low 4 bytes, ... */
	IXGBE_RAH0 = 0x0a204,	  /* 8.2.3.7.9 ... high 2 bytes and the valid bit */
	IXGBE_MPSAR0 = 0x0a600,	  /* 8.2.3.7.10 pools of addresses, 256 registers */
	IXGBE_TXPBSIZE0 = 0x0cc00, /* 8.2.3.9.13 transmit packet buffers (8) */
	IXGBE_FTQF0 = 0x0e600,	  /* 8.2.3.7.19 five-tuple filters, 128 registers */
	IXGBE_PFVLVF0 = 0x0f100,  /* 8.2.3.27.15 VLAN pools, 64 registers */
	IXGBE_PFVLVFB0 = 0x0f200, /* 8.2.3.27.16, 128 registers */
	IXGBE_PFUTA0 = 0x0f400,	  /* 8.2.3.27.12 unicast table, 128 registers */
	IXGBE_EEC = 0x10010,	  /* 8.2.3.2.1 EEPROM and flash control */
	IXGBE_EERD = 0x10014,	  /* 8.2.3.2.2 EEPROM read */
	IXGBE_SWSM = 0x10140,	  /* 8.2.3.4.9 software semaphore */
	IXGBE_FWSM = 0x10148,	  /* 8.2.3.4.10 firmware semaphore and status */
	IXGBE_SW_FW_SYNC = 0x10160, /* 8.2.3.4.11 who has which resource */
	IXGBE_GCR_EXT = 0x11050,  /* 8.2.3.4.12 PCIe control */
};

#define IXGBE_REGS_SIZE 0x20000u
#define IXGBE_MTA_COUNT 128u
#define IXGBE_RA_COUNT 128u
#define IXGBE_MPSAR_COUNT 256u
#define IXGBE_FTQF_COUNT 128u
#define IXGBE_PFVLVF_COUNT 64u
#define IXGBE_PFVLVFB_COUNT 128u
#define IXGBE_PFUTA_COUNT 128u
#define IXGBE_TC_COUNT 8u

/* A queue's own registers, of those that end in 0 above: up to queue 63. */
#define IXGBE_QUEUE(reg, n) ((reg) + 0x40u * (n))

/* CTRL */
#define IXGBE_CTRL_MASTER_DISABLE BIT(2)
#define IXGBE_CTRL_LRST BIT(3) /* resets the link too */
#define IXGBE_CTRL_RST BIT(26) /* resets; clears itself */

#define IXGBE_STATUS_MASTER BIT(19) /* requests on the bus are still under way */

#define IXGBE_CTRL_EXT_NS_DIS BIT(16)	/* no no-snoop: 4.6.7 */
#define IXGBE_CTRL_EXT_DRV_LOAD BIT(28) /* tells firmware that there is a driver */

#define IXGBE_ESDP_LASER_OFF BIT(3)	/* SDP3 of SFP+ boards: the module's TX_DISABLE */
#define IXGBE_ESDP_LASER_OUTPUT BIT(11) /* SDP3 is an output */

/* EICR, EICS, EIMS, EIMC */
#define IXGBE_INT_QUEUES 0xffffu   /* queues' causes, by IVAR: these bits, or so many vectors */
#define IXGBE_INT_MISS BIT(17)	   /* the packet buffer was full */
#define IXGBE_INT_LSC BIT(20)	   /* link state changed */
#define IXGBE_INT_TIMER BIT(30)	   /* TCP timer, which nobody uses */
#define IXGBE_INT_ALL 0x7fffffffu  /* bit 31 is reserved in EIMC */

#define IXGBE_GPIE_MSIX BIT(4) /* several vectors: bits 0 to 15 of EICR are vectors 0 to 15 */
#define IXGBE_GPIE_OCD BIT(5)  /* ... which a read of EICR does not clear */
#define IXGBE_GPIE_PBA BIT(31) /* unmasking clears the pending bit of MSI-X */
#define IXGBE_IVAR_VALID BIT(7)
#define IXGBE_IVAR_TX_SHIFT 8	/* also: the other causes, in IVAR_MISC */
#define IXGBE_IVAR_ODD_SHIFT 16	/* the second queue of a register */
/* EITR: bits 3 to 11, units of 2.048 us at 10 Gb/s and 1 Gb/s */
#define IXGBE_EITR_SHIFT 3
#define IXGBE_EITR_UNIT_NS 2048u
#define IXGBE_EITR_UNITS_MAX 0x1ffu

/* SRRCTL */
#define IXGBE_SRRCTL_ONE_BUFFER (1u << 25) /* advanced descriptors, one buffer each */
#define IXGBE_SRRCTL_DROP BIT(28) /* no descriptor: dropped, so that no other queue waits */
#define IXGBE_SRRCTL_KB(bytes) ((bytes) / 1024u) /* the buffer's size: 1 to 16 */

#define IXGBE_QUEUE_ENABLE BIT(25) /* RXDCTL and TXDCTL */
/* TXDCTL: prefetch at 32 on-chip descriptors or fewer, at least 4 (a cache line). */
#define IXGBE_TXDCTL_THRESHOLDS (32u | 4u << 8)

#define IXGBE_DCA_RXCTRL_RESERVED BIT(12) /* set by reset, must be cleared: 4.6.7 */

/* RDRXCTL */
#define IXGBE_RDRXCTL_CRCSTRIP BIT(1)
#define IXGBE_RDRXCTL_DMAIDONE BIT(3)	     /* DMA came out of reset */
#define IXGBE_RDRXCTL_RSCFRSTSIZE (0x1fu << 17) /* to be 0 */
#define IXGBE_RDRXCTL_RSCACKC BIT(25)	     /* to be set ... */
#define IXGBE_RDRXCTL_FCOE_WRFIX BIT(26)     /* ... and this, too */

#define IXGBE_RXCTRL_RXEN BIT(0)
#define IXGBE_RXPBSIZE_512K (0x200u << 10)
#define IXGBE_TXPBSIZE_160K (0xa0u << 10)
#define IXGBE_TXPB_KB 160u
/* FCRTH: RXPBSIZE less 6000h, also without flow control (4.6.3.2). */
#define IXGBE_FCRTH_DEFAULT (512u * 1024 - 0x6000u)

/* HLREG0 */
#define IXGBE_HLREG0_TXCRCEN BIT(0)
#define IXGBE_HLREG0_RXCRCSTRP BIT(1)
#define IXGBE_HLREG0_JUMBOEN BIT(2)
#define IXGBE_HLREG0_TXPADEN BIT(10)
#define IXGBE_HLREG0_LPBK BIT(15)
#define IXGBE_HLREG0_RXLNGTHERREN BIT(27)

#define IXGBE_MAXFRS_SHIFT 16
#define IXGBE_AUTOC_RESTART BIT(12)

/* LINKS */
#define IXGBE_LINKS_UP BIT(30)
#define IXGBE_LINKS_SPEED_SHIFT 28
#define IXGBE_LINKS_SPEED_MASK 3u /* 1: 100 Mb/s, 2: 1, 3: 10 Gb/s */

#define IXGBE_RTTDCS_ARBDIS BIT(6)
#define IXGBE_DMATXCTL_TE BIT(0)
#define IXGBE_DTXMXSZRQ_MAX 0xfffu

/* FCTRL */
#define IXGBE_FCTRL_MPE BIT(8)	/* accept all multicast ... */
#define IXGBE_FCTRL_UPE BIT(9)	/* ... and all unicast */
#define IXGBE_FCTRL_BAM BIT(10) /* accept broadcast */

#define IXGBE_VLNCTRL_VFE BIT(30)
#define IXGBE_MRQC_RSS 1u	  /* MRQE: by RSS alone */
#define IXGBE_SECRX_DIS BIT(1)
#define IXGBE_SECRX_READY BIT(0)
#define IXGBE_RAH_AV BIT(31)	  /* address valid */
#define IXGBE_FTQF_ENABLE BIT(31) /* filter enabled */
#define IXGBE_GCR_EXT_CLEAR BIT(30) /* flushes this function's buffers */

/* EEC */
#define IXGBE_EEC_PRESENT BIT(8)
#define IXGBE_EEC_AUTO_READ BIT(9) /* loading after reset is over */

/* EEPROM, 6.3: the sections that words 03h to 0Eh point to (behind their first word, which is
 * their length) count for the checksum as well. */
#define IXGBE_EEPROM_POINTER_FIRST 0x03u
#define IXGBE_EEPROM_POINTERS 12u

/* SW_FW_SYNC: 10.5.4; software's bits, firmware's are 5 above. The X540 has REGSMP there for
 * SWSM's SWESMBI. */
#define IXGBE_SYNC_MAC_CSR BIT(3) /* AUTOC among others */
#define IXGBE_SYNC_FW_SHIFT 5
#define IXGBE_SYNC_REGSMP BIT(31)
#define IXGBE_FWSM_ERROR_SHIFT 19
#define IXGBE_FWSM_ERROR (0x3fu << IXGBE_FWSM_ERROR_SHIFT) /* what firmware found wrong */

/* Status of a received frame, 7.1.6.2 (adv_regs.h has the descriptors) */
#define IXGBE_RXD_RXE BIT(29) /* some MAC error: CRC, length, symbols */

#define IXGBE_TX_BUFFER_MAX 15872u /* 15.5 KiB: of one descriptor, and of a frame with FCS */

#endif
