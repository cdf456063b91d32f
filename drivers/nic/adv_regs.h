/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The advanced descriptors that Intel's 10 Gb/s and 1 Gb/s NICs have alike: "82599 10 GbE
 * Controller Datasheet" (331520), whose sections are named below, and "82576 Gigabit
 * Ethernet Controller Datasheet" (320961), 7.1.5 and 7.2.2. Only what the drivers use.
 */
#ifndef DRIVERS_NIC_ADV_REGS_H
#define DRIVERS_NIC_ADV_REGS_H

#include "hv/base/types.h"

#define ADV_VENDOR 0x8086u

/* Receive descriptor, advanced, one buffer, 7.1.6: as the driver gives it, and as the
 * device writes it back. */
struct adv_rx_read {
	u64 addr;
	u64 header; /* 0 */
};

struct adv_rx_done {
	u32 info; /* RSS type and packet type */
	u32 rss;
	u32 status; /* ADV_RXD_*, and errors where each device has them */
	u16 length;
	u16 vlan;
};

union adv_rx_desc {
	struct adv_rx_read read;
	struct adv_rx_done done;
};

#define ADV_RXD_DD BIT(0)  /* the device is done with it */
#define ADV_RXD_EOP BIT(1) /* last of its frame */

/*
 * Transmit descriptors, advanced: data (7.2.3.2.4), and the context (7.2.3.2.3) that
 * says for frames behind it what the device changes in them. Two contexts a queue.
 */
struct adv_tx_data {
	u64 addr;
	u32 cmd; /* ADV_TXD_*, with the length in the low 16 bits */
	u32 olinfo; /* status, context, options, and the length of the frame or its payload */
};

struct adv_tx_context {
	u32 lens; /* IPLEN, MACLEN above it, VLAN */
	u32 fcoe; /* 0 */
	u32 cmd;  /* ADV_TXC_* */
	u32 mss;  /* context's index, L4LEN, MSS */
};

union adv_tx_desc {
	struct adv_tx_data data;
	struct adv_tx_context context;
	u64 word[2]; /* the address; cmd, and olinfo above it */
};

/* cmd of both */
#define ADV_TXD_LEN_MASK 0xffffu
#define ADV_TXD_DTYP_MASK (0xfu << 20)
#define ADV_TXD_DTYP_CONTEXT (2u << 20)
#define ADV_TXD_DTYP_DATA (3u << 20)
#define ADV_TXD_DEXT BIT(29) /* not a legacy descriptor */
/* cmd of data */
#define ADV_TXD_EOP BIT(24)  /* last piece of the frame */
#define ADV_TXD_IFCS BIT(25) /* append the FCS */
#define ADV_TXD_RS BIT(27)   /* write DD back: only with EOP */
#define ADV_TXD_TSE BIT(31)  /* segment, by the context */
/* olinfo */
#define ADV_TXD_DD BIT(0)
#define ADV_TXD_IDX_SHIFT 4
#define ADV_TXD_CC BIT(7)   /* the context is in use */
#define ADV_TXD_IXSM BIT(8) /* insert the IPv4 checksum */
#define ADV_TXD_TXSM BIT(9) /* insert the L4 checksum */
#define ADV_TXD_PAYLEN_SHIFT 14
/* lens and cmd of a context */
#define ADV_TXC_MACLEN_SHIFT 9
#define ADV_TXC_IPV4 BIT(10)
#define ADV_TXC_TCP (1u << 11) /* L4T; 0 is UDP */
/* mss */
#define ADV_TXC_IDX_SHIFT 4
#define ADV_TXC_L4LEN_SHIFT 8
#define ADV_TXC_MSS_SHIFT 16

#define ADV_MACLEN_MIN 14u
#define ADV_MACLEN_MAX 127u
#define ADV_IPLEN_MAX 511u
#define ADV_TX_FRAME_DESCS 38u /* 7.2.1.1: 40 less WTHRESH less 2 */
#define ADV_TSO_HEADER_MAX 240u /* 7.2.4.5 */

/*
 * Registers that stand at the same place in all of them: the spreading of received frames
 * over queues (7.1.2.8, 8.2.3.7).
 */
enum adv_reg {
	ADV_STATUS = 0x00008, /* device status, read only */
	ADV_RXCSUM = 0x05000, /* what receive descriptors report */
	ADV_MRQC = 0x05818,   /* several receive queues: 0 is one */
	ADV_RETA0 = 0x05c00,  /* queue by the hash's low 7 bits: 4 a register */
	ADV_RSSRK0 = 0x05c80, /* the hash's key, 10 registers */
};

#define ADV_RETA_COUNT 32u
#define ADV_RSSRK_COUNT 10u
#define ADV_RXCSUM_PCSD BIT(13) /* the hash, not a fragment's checksum */
#define ADV_MRQC_UDP4 BIT(22)	/* of UDP over IPv4, fragments excepted (7.1.2.8.1) */

/* Each queue has its registers so far behind the one before, ... */
#define ADV_QUEUE_STEP 0x40u
/* ... and its rings, of both kinds, from their base on: 8.2.3.8, 8.2.3.9 */
#define ADV_RING_BAL 0x00u /* base, 128-byte aligned */
#define ADV_RING_BAH 0x04u
#define ADV_RING_LEN 0x08u  /* bytes, a multiple of 128 */
#define ADV_RING_HEAD 0x10u /* the device's */
#define ADV_RING_TAIL 0x18u /* one past the last that it may use */

/* EERD: EEPROM read */
#define ADV_EERD_START BIT(0)
#define ADV_EERD_DONE BIT(1)
#define ADV_EERD_ADDR_SHIFT 2
#define ADV_EERD_DATA_SHIFT 16

/* EEPROM, 6.3: words 0 to 3Eh and the checksum in 3Fh add up to BABAh. */
#define ADV_EEPROM_CHECKSUM 0x3fu
#define ADV_EEPROM_WORDS 8192u /* the most that EERD is asked for */
#define ADV_EEPROM_SUM 0xbabau

/* SWSM, SW_FW_SYNC: 10.5.4 */
#define ADV_SWSM_SMBI BIT(0)
#define ADV_SWSM_SWESMBI BIT(1)
#define ADV_SYNC_EEPROM BIT(0)

STATIC_ASSERT(sizeof(union adv_rx_desc) == 16, "receive descriptor");
STATIC_ASSERT(offsetof(struct adv_rx_done, status) == 8, "receive descriptor");
STATIC_ASSERT(offsetof(struct adv_rx_done, length) == 12, "receive descriptor");
STATIC_ASSERT(sizeof(union adv_tx_desc) == 16, "transmit descriptors");
STATIC_ASSERT(offsetof(struct adv_tx_data, cmd) == 8, "data descriptor");
STATIC_ASSERT(offsetof(struct adv_tx_data, olinfo) == 12, "data descriptor");
STATIC_ASSERT(offsetof(struct adv_tx_context, cmd) == 8, "context descriptor");
STATIC_ASSERT(offsetof(struct adv_tx_context, mss) == 12, "context descriptor");

#endif
