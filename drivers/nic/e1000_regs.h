/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and descriptors of the 8254x family and of the 82574. Source: Intel,
 * "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual"
 * (317453), whose sections are named below, and the "82574 GbE Controller Family
 * Datasheet" (317694), whose chapters are named with a D. Only what the driver
 * uses; what has no D is the same on both.
 */
#ifndef DRIVERS_NIC_E1000_REGS_H
#define DRIVERS_NIC_E1000_REGS_H

#include "hv/base/types.h"

#define E1000_VENDOR 0x8086u

enum e1000_reg {
	E1000_CTRL = 0x0000,   /* 13.4.1 device control */
	E1000_STATUS = 0x0008, /* 13.4.2 device status, read only */
	E1000_EECD = 0x0010,   /* D 10.2.2 NVM control */
	E1000_EERD = 0x0014,   /* 13.4.4 EEPROM read */
	E1000_CTRL_EXT = 0x0018, /* D 10.2.2 extended device control */
	E1000_ICR = 0x00c0,    /* 13.4.17 interrupt causes: a read clears all, a 1 clears one */
	E1000_ITR = 0x00c4,    /* 13.4.18 least time between interrupts */
	E1000_ICS = 0x00c8,    /* 13.4.19 set causes */
	E1000_IMS = 0x00d0,    /* 13.4.20 unmask: 1 sets */
	E1000_IMC = 0x00d8,    /* 13.4.21 mask: 1 clears */
	E1000_EIAC = 0x00dc,   /* D 10.2.4 causes that a message of MSI-X clears */
	E1000_IVAR = 0x00e4,   /* D 10.2.4 which MSI-X entry a cause takes */
	E1000_EITR0 = 0x00e8,  /* D 10.2.4 as ITR, for entry 0 */
	E1000_RCTL = 0x0100,   /* 13.4.22 receive control */
	E1000_TCTL = 0x0400,   /* 13.4.33 transmit control */
	E1000_TIPG = 0x0410,   /* 13.4.34 inter-packet gap */
	E1000_RDBAL = 0x2800,  /* 13.4.25 receive ring: base (16-byte aligned), ... */
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,  /* 13.4.27 ... bytes (a multiple of 128), ... */
	E1000_RDH = 0x2810,    /* 13.4.28 ... head (the device's), ... */
	E1000_RDT = 0x2818,    /* 13.4.29 ... tail: one past the last that it may use */
	E1000_RDTR = 0x2820,   /* 13.4.30 receive delay timer: 0, ITR does it */
	E1000_RADV = 0x282c,   /* 13.4.31 */
	E1000_TDBAL = 0x3800,  /* 13.4.36 transmit ring, alike */
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,  /* 13.4.38 */
	E1000_TDH = 0x3810,    /* 13.4.39 */
	E1000_TDT = 0x3818,    /* 13.4.40 */
	E1000_TXDCTL = 0x3828, /* D 10.2.6 transmit descriptor control */
	E1000_CRCERRS = 0x4000,	 /* 13.7 statistics: 32 bits, a read clears */
	E1000_ALGNERRC = 0x4004, /* alignment errors */
	E1000_RXERRC = 0x400c,	 /* errors said by the PHY */
	E1000_MPC = 0x4010,	 /* missed: FIFO full */
	E1000_GPTC = 0x4080,	 /* good frames sent */
	E1000_RUC = 0x40a4,	 /* undersized */
	E1000_ROC = 0x40ac,	 /* oversized */
	E1000_MTA = 0x5200,    /* 13.5.1 multicast table, 128 registers */
	E1000_RAL0 = 0x5400,   /* 13.5.2 own address, low 4 bytes */
	E1000_RAH0 = 0x5404,   /* 13.5.3 high 2 bytes and the valid bit */
};

#define E1000_MTA_COUNT 128u
#define E1000_RA_COUNT 16u
#define E1000_REGS_SIZE 0x20000u

/* ITR, EITR */
#define E1000_ITR_UNIT_NS 256u
#define E1000_ITR_MAX 0xffffu

/* CTRL */
#define E1000_CTRL_FD BIT(0)	   /* full duplex, when forced */
#define E1000_CTRL_GIO_DISABLE BIT(2) /* D: no new requests on PCI Express */
#define E1000_CTRL_LRST BIT(3)	   /* link reset, fibre only */
#define E1000_CTRL_ASDE BIT(5)	   /* take the speed from the PHY */
#define E1000_CTRL_SLU BIT(6)	   /* set link up */
#define E1000_CTRL_ILOS BIT(7)	   /* invert loss of signal */
#define E1000_CTRL_FRCSPD BIT(11)  /* force speed */
#define E1000_CTRL_FRCDPLX BIT(12) /* force duplex */
#define E1000_CTRL_RST BIT(26)	   /* reset, clears itself */
#define E1000_CTRL_RFCE BIT(27)	   /* act on pause frames */
#define E1000_CTRL_TFCE BIT(28)	   /* send pause frames */
#define E1000_CTRL_VME BIT(30)	   /* strip and insert VLAN tags */
#define E1000_CTRL_PHY_RST BIT(31)

/* STATUS */
#define E1000_STATUS_FD BIT(0)
#define E1000_STATUS_LU BIT(1) /* link is up */
#define E1000_STATUS_SPEED_SHIFT 6
#define E1000_STATUS_SPEED_MASK 3u /* 0: 10, 1: 100, 2 and 3: 1000 Mb/s */
#define E1000_STATUS_GIO BIT(19) /* D: requests are on or under way */

/* EECD, D */
#define E1000_EECD_AUTO_RD BIT(9) /* the NVM was read into the registers */

/* EERD (not the layout of the 82541 and 82547); D has DONE and address elsewhere */
#define E1000_EERD_START BIT(0)
#define E1000_EERD_DONE BIT(4)
#define E1000_EERD_ADDR_SHIFT 8
#define E1000_EERD_DONE_D BIT(1)
#define E1000_EERD_ADDR_SHIFT_D 2
#define E1000_EERD_DATA_SHIFT 16

/* CTRL_EXT, D */
#define E1000_CTRL_EXT_DRV_LOAD BIT(28) /* tells firmware that there is a driver */
#define E1000_CTRL_EXT_PBA_CLR BIT(31) /* a message clears its pending bit */

/* IVAR, D: four bits a cause, the entry and a valid bit */
#define E1000_IVAR_VALID 8u
#define E1000_IVAR_RXQ0(entry) (E1000_IVAR_VALID | (entry))
#define E1000_IVAR_TXQ0(entry) ((E1000_IVAR_VALID | (entry)) << 8)
#define E1000_IVAR_TXQ1(entry) ((E1000_IVAR_VALID | (entry)) << 12)
#define E1000_IVAR_OTHER(entry) ((E1000_IVAR_VALID | (entry)) << 16)

/* EEPROM, 5.6: words 0-2 are the address, the first 64 add up to BABAh */
#define E1000_EEPROM_WORDS 64u
#define E1000_EEPROM_SUM 0xbabau

/* ICR, ICS, IMS, IMC */
#define E1000_INT_TXDW BIT(0)	/* a descriptor with RS was written back */
#define E1000_INT_TXQE BIT(1)	/* transmit queue empty */
#define E1000_INT_LSC BIT(2)	/* link state changed */
#define E1000_INT_RXDMT0 BIT(4) /* few receive descriptors left */
#define E1000_INT_RXO BIT(6)	/* receiver overrun */
#define E1000_INT_RXT0 BIT(7)	/* a frame was received */
/* D: those that IVAR knows, for MSI-X */
#define E1000_INT_RXQ0 BIT(20)
#define E1000_INT_TXQ0 BIT(22)
#define E1000_INT_TXQ1 BIT(23)
#define E1000_INT_OTHER BIT(24) /* link changes and the like, beside their own bits */
#define E1000_INT_ALL 0xffffffffu

/* RCTL; BSIZE 0 without BSEX means buffers of 2048 bytes */
#define E1000_RCTL_EN BIT(1)
#define E1000_RCTL_UPE BIT(3)	 /* accept all unicast ... */
#define E1000_RCTL_MPE BIT(4)	 /* ... and all multicast */
#define E1000_RCTL_LPE BIT(5)	 /* accept long frames */
#define E1000_RCTL_BAM BIT(15)	 /* accept broadcast */
#define E1000_RCTL_SECRC BIT(26) /* strip the CRC */
#define E1000_RX_BUF 2048u

/* TCTL: collision threshold and distance are the manual's, 14.5 */
#define E1000_TCTL_EN BIT(1)
#define E1000_TCTL_PSP BIT(3) /* pad short frames */
#define E1000_TCTL_CT (0x0fu << 4)
#define E1000_TCTL_COLD (0x40u << 12)

/* TIPG: IPGT 10, IPGR1 8, IPGR2 6, the manual's values for copper; D has IPGT 8 */
#define E1000_TIPG_COPPER (10u | 8u << 10 | 6u << 20)
#define E1000_TIPG_COPPER_D (8u | 8u << 10 | 6u << 20)

/* TXDCTL, D */
#define E1000_TXDCTL_COUNT_DESC BIT(22) /* has to be set */

#define E1000_RAH_AV BIT(31) /* address valid */

/* Receive descriptor, 3.2.3 */
struct e1000_rx_desc {
	u64 addr;
	u16 length;
	u16 csum;
	u8 status;
	u8 errors;
	u16 special;
};

#define E1000_RXD_DD BIT(0)	 /* status: the device is done with it */
#define E1000_RXD_EOP BIT(1)	 /* status: last of its frame */
#define E1000_RXD_ERR_CE BIT(0)	 /* errors: CRC or alignment */
#define E1000_RXD_ERR_SE BIT(1)	 /* errors: symbol */
#define E1000_RXD_ERR_SEQ BIT(2) /* errors: sequence */
#define E1000_RXD_ERR_RXE BIT(7) /* errors: from the PHY */
#define E1000_RXD_ERR_FRAME \
	(E1000_RXD_ERR_CE | E1000_RXD_ERR_SE | E1000_RXD_ERR_SEQ | E1000_RXD_ERR_RXE)

/*
 * Transmit descriptors of the extended formats: data (3.3.7), and the context
 * (3.3.6) that says for data descriptors behind it what the hardware changes
 * in their frames. Offsets count from the frame's first byte.
 */
struct e1000_tx_data {
	u64 addr;
	u32 cmd; /* E1000_TXD_*, with the length in the low bits */
	u8 status;
	u8 popts; /* of a frame's first descriptor */
	u16 special;
};

struct e1000_tx_context {
	u8 ipcss;   /* IP header: start, ... */
	u8 ipcso;   /* ... place of the checksum, ... */
	u16 ipcse;  /* ... last byte */
	u8 tucss;   /* TCP or UDP: start, ... */
	u8 tucso;   /* ... place of the checksum, ... */
	u16 tucse;  /* ... last byte; 0: to the end of the frame */
	u32 cmd;    /* E1000_TXC_*; to segment, with the payload's length in the low bits */
	u8 status;
	u8 hdrlen; /* to segment: bytes of header, ... */
	u16 mss;   /* ... and of payload in each frame */
};

union e1000_tx_desc {
	struct e1000_tx_data data;
	struct e1000_tx_context context;
	u64 word[2]; /* the address; cmd, and above it nothing yet */
};

/* cmd of both */
#define E1000_TXD_LEN_MASK 0xfffffu
#define E1000_TXD_DTYP_MASK (0xfu << 20)
#define E1000_TXD_DTYP_CONTEXT (0u << 20)
#define E1000_TXD_DTYP_DATA (1u << 20)
#define E1000_TXD_RS BIT(27)   /* write DD back */
#define E1000_TXD_DEXT BIT(29) /* not a legacy descriptor */
/* cmd of data */
#define E1000_TXD_EOP BIT(24)  /* last piece of the frame */
#define E1000_TXD_IFCS BIT(25) /* append the FCS: in the last, when segmenting in the first */
#define E1000_TXD_TSE BIT(26)  /* segment, by the segmentation context */
/* cmd of a context */
#define E1000_TXC_TCP BIT(24) /* not UDP */
#define E1000_TXC_IP BIT(25)  /* IPv4 */
#define E1000_TXC_TSE BIT(26) /* the segmentation context, not that for checksums */

#define E1000_POPTS_IXSM BIT(0) /* insert the IP checksum */
#define E1000_POPTS_TXSM BIT(1) /* insert the TCP or UDP checksum */
#define E1000_TXD_DD BIT(0)	/* status */

STATIC_ASSERT(sizeof(struct e1000_rx_desc) == 16, "receive descriptor");
STATIC_ASSERT(offsetof(struct e1000_rx_desc, status) == 12, "receive descriptor");
STATIC_ASSERT(sizeof(union e1000_tx_desc) == 16, "transmit descriptors");
STATIC_ASSERT(offsetof(struct e1000_tx_data, cmd) == 8, "data descriptor");
STATIC_ASSERT(offsetof(struct e1000_tx_data, status) == 12, "data descriptor");
STATIC_ASSERT(sizeof(struct e1000_tx_context) == 16, "context descriptor");
STATIC_ASSERT(offsetof(struct e1000_tx_context, tucss) == 4, "context descriptor");
STATIC_ASSERT(offsetof(struct e1000_tx_context, cmd) == 8, "context descriptor");
STATIC_ASSERT(offsetof(struct e1000_tx_context, mss) == 14, "context descriptor");

#endif
