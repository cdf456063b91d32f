/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the 82576, 82580, I350, I210 and I211. Source: Intel, "82576 Gigabit Ethernet
 * Controller Datasheet" (320961), whose chapter 8 is named below; where the others differ it
 * is said ("I350 Datasheet", 333010; "I210 Datasheet", 333016). What they have of the 8254x
 * and the 82574 stands in e1000_regs.h, what of the 82599 in adv_regs.h. Only what the driver
 * uses.
 */
#ifndef DRIVERS_NIC_IGB_REGS_H
#define DRIVERS_NIC_IGB_REGS_H

#include "drivers/nic/adv_regs.h"
#include "drivers/nic/e1000_regs.h"

enum igb_reg {
	IGB_MDIC = 0x0020,	/* 8.2 PHY registers */
	IGB_GPIE = 0x1514,	/* interrupts in general */
	IGB_EICS = 0x1520,	/* as the 8254x' ICS, IMS and IMC, of vectors */
	IGB_EIMS = 0x1524,
	IGB_EIMC = 0x1528,
	IGB_EIAC = 0x152c,	/* causes that MSI-X clears */
	IGB_EICR = 0x1580,	/* vectors' causes */
	IGB_EITR0 = 0x1680,	/* least time between interrupts */
	IGB_IVAR0 = 0x1700,	/* queues' vectors, a byte each */
	IGB_IVAR_MISC = 0x1740, /* vectors of the timer and of all other causes */
	IGB_PCS_CFG = 0x4200,	/* 8.17 the SerDes' link */
	IGB_PCS_LCTL = 0x4208,
	IGB_PCS_LSTAT = 0x420c,
	IGB_RLEC = 0x4040,  /* 8.19 statistics: length field wrong */
	IGB_RFC = 0x40a8,   /* fragments */
	IGB_RJC = 0x40b0,   /* jabber */
	IGB_RLPML = 0x5004, /* 8.10 longest frame, with FCS */
	IGB_RAL16 = 0x54e0, /* 8.10 addresses 16 to 23 */
	IGB_SWSM = 0x5b50,  /* 8.7 software semaphore */
	IGB_SW_FW_SYNC = 0x5b5c, /* who has which resource */
	IGB_UTA = 0xa000,   /* 8.10 unicast table, 128 registers */
	IGB_RDBAL0 = 0xc000, /* 8.10 receive ring of queue 0 */
	IGB_SRRCTL0 = 0xc00c,
	IGB_RXDCTL0 = 0xc028,
	IGB_RQDPC0 = 0xc030, /* dropped: no descriptor */
	IGB_TDBAL0 = 0xe000, /* 8.12 transmit ring of queue 0 */
	IGB_TXDCTL0 = 0xe028,
	IGB_TDWBAL0 = 0xe038, /* head write-back: 0 is off */
};

#define IGB_REGS_SIZE 0x20000u
#define IGB_RA_MORE 8u /* at RAL16 */
#define IGB_UTA_COUNT 128u

/* A queue's own registers, of those that end in 0 above. */
#define IGB_QUEUE(reg, n) ((reg) + ADV_QUEUE_STEP * (n))

/* STATUS */
#define IGB_STATUS_LAN_ID(status) ((status) >> 2 & 3) /* which port of the device */

/* CTRL_EXT */
#define IGB_CTRL_EXT_SDP3 BIT(7) /* of fibre boards: the laser's power, off */
#define IGB_CTRL_EXT_LINK_MODE (3u << 22) /* 0: the PHY's; else by the PCS */

/* MDIC */
#define IGB_MDIC_REG_SHIFT 16
#define IGB_MDIC_PHY (1u << 21) /* the internal one */
#define IGB_MDIC_WRITE (1u << 26)
#define IGB_MDIC_READ (2u << 26)
#define IGB_MDIC_READY BIT(28)
#define IGB_MDIC_ERROR BIT(30)

/* PHY registers: IEEE 802.3, 22.2.4 */
#define IGB_PHY_CONTROL 0u
#define IGB_PHY_CONTROL_RESTART BIT(9)
#define IGB_PHY_CONTROL_ISOLATE BIT(10)
#define IGB_PHY_CONTROL_POWER_DOWN BIT(11)
#define IGB_PHY_CONTROL_NEGOTIATE BIT(12)
#define IGB_PHY_STATUS 1u
#define IGB_PHY_STATUS_UP BIT(2)
#define IGB_PHY_STATUS_NEGOTIATED BIT(5)

/* PCS_CFG, PCS_LCTL, PCS_LSTAT */
#define IGB_PCS_CFG_ENABLE BIT(3)
#define IGB_PCS_LCTL_NEGOTIATE BIT(16)
#define IGB_PCS_LCTL_RESTART BIT(17)
#define IGB_PCS_LSTAT_UP BIT(0)
#define IGB_PCS_LSTAT_SPEED_SHIFT 1 /* as in STATUS */
#define IGB_PCS_LSTAT_FD BIT(3)

/* ICR, ICS, IMS, IMC: where the 8254x has them, too (8.8; QEMU has them nowhere else), and ... */
#define IGB_INT_SDP0 BIT(11) /* a pin that nobody has made one that interrupts */

/* GPIE */
#define IGB_GPIE_NSICR BIT(0) /* a read of ICR clears it, whatever else */
#define IGB_GPIE_MSIX BIT(4)  /* several vectors: bits of EICR are vectors */
#define IGB_GPIE_PBA BIT(31)  /* unmasking clears the pending bit of MSI-X */

/* IVAR: the 82576 has queues n and n + 8 in register n, the others 2n and 2n + 1. */
#define IGB_IVAR_VALID BIT(7)
#define IGB_IVAR_TX_SHIFT 8   /* also: the other causes, in IVAR_MISC */
#define IGB_IVAR_ODD_SHIFT 16 /* the second queue of a register */

/* EITR: bits 2 to 14, microseconds */
#define IGB_EITR_SHIFT 2
#define IGB_EITR_UNIT_NS 1000u
#define IGB_EITR_UNITS_MAX 0x1fffu

/* RXCSUM: checksums of what is received, which nobody asks for */
#define IGB_RXCSUM_CHECKS (BIT(8) | BIT(9))

/* SRRCTL */
#define IGB_SRRCTL_ONE_BUFFER (1u << 25) /* advanced descriptors, one buffer each */
#define IGB_SRRCTL_DROP BIT(31) /* no descriptor: dropped, so that no other queue waits */
#define IGB_SRRCTL_KB(bytes) ((bytes) / 1024u)

/* RXDCTL, TXDCTL: prefetch at 8 on-chip descriptors or fewer, and write each back at once */
#define IGB_QUEUE_ENABLE BIT(25)
#define IGB_RXDCTL_THRESHOLDS (8u | 8u << 8 | 1u << 16)
#define IGB_TXDCTL_THRESHOLDS (8u | 1u << 8)

#define IGB_MRQC_RSS 2u /* by RSS alone */
#define IGB_FRAME_MAX 9728u /* 9.5 KiB: what RLPML may say */
#define IGB_RXD_RXE BIT(31) /* of a received frame: some MAC error */

/* EEC */
#define IGB_EEC_PRESENT BIT(8)
#define IGB_EEC_FLASH BIT(19) /* I210: there is flash */

/* SW_FW_SYNC: firmware's bits are 16 above software's */
#define IGB_SYNC_FW_SHIFT 16

#endif
