/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the 82599's model our driver does not use and others do: legacy descriptors,
 * RSS, MSI-X; and that it refuses what is forbidden, access by access. It is driven by
 * its registers here, without a driver.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/bytes.h"
#include "tests/models/ixgbe_model_priv.h"

#define RING 64u
#define RX_RING 0x0000u /* places in the memory below */
#define TX_RING 0x1000u
#define BUFFERS 0x4000u
#define MEMORY 0x40000u

static struct ixgbe_model *m;
static u8 *memory;
static u8 last_sent[IXM_FRAME_MAX];
static u32 last_len, vectors[IXM_VECTORS];
static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static void *dma(void *ctx, u64 addr, u64 len)
{
	(void)ctx;
	return addr < MEMORY && len <= MEMORY - addr ? memory + addr : NULL;
}

static void sent(void *ctx, const void *frame, u32 len)
{
	(void)ctx;
	memcpy(last_sent, frame, len);
	last_len = len;
}

static void interrupt(void *ctx, u32 vector)
{
	(void)ctx;
	vectors[vector]++;
}

static void wr(u32 reg, u32 v)
{
	ixgbe_model_write32(m, reg, v);
}

static u32 rd(u32 reg)
{
	return ixgbe_model_read32(m, reg);
}

static int setup(void **state)
{
	static const struct ixm_host host = { .dma = dma, .send = sent, .interrupt = interrupt };

	(void)state;
	m = malloc(sizeof(*m));
	memory = aligned_alloc(4096, MEMORY);
	memset(memory, 0, MEMORY);
	memset(vectors, 0, sizeof(vectors));
	ixgbe_model_init(m, mac, &host);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(m);
	free(memory);
	return 0;
}

/* As 4.6.7 has it; queues 0 .. n-1, each with the same buffers. */
static void start_rx(u32 n, u32 srrctl)
{
	for (u32 i = 0; i < IXGBE_MTA_COUNT; i++)
		wr(IXGBE_MTA + 4 * i, 0);
	wr(IXGBE_FCTRL, IXGBE_FCTRL_BAM);
	wr(IXGBE_RDRXCTL,
	   IXGBE_RDRXCTL_CRCSTRIP | IXGBE_RDRXCTL_RSCACKC | IXGBE_RDRXCTL_FCOE_WRFIX);
	for (u32 q = 0; q < n; q++) {
		wr(IXGBE_RDBAL0 + 0x40 * q, RX_RING + 1024 * q);
		wr(IXGBE_RDLEN0 + 0x40 * q, RING * IXM_DESC);
		wr(IXGBE_SRRCTL0 + 0x40 * q, srrctl);
		wr(IXGBE_DCA_RXCTRL0 + 0x40 * q, 0);
		for (u32 i = 0; i < RING; i++)
			store_le64(memory + RX_RING + 1024 * q + IXM_DESC * i, BUFFERS + 2048 * i);
		wr(IXGBE_RXDCTL0 + 0x40 * q, IXGBE_QUEUE_ENABLE);
		wr(IXGBE_RDT0 + 0x40 * q, RING - 1);
	}
	wr(IXGBE_SECRXCTRL, IXGBE_SECRX_DIS);
	wr(IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	wr(IXGBE_SECRXCTRL, 0);
}

static void start_tx(void)
{
	wr(IXGBE_TDBAL0, TX_RING);
	wr(IXGBE_TDLEN0, RING * IXM_DESC);
	wr(IXGBE_DMATXCTL, IXGBE_DMATXCTL_TE);
	wr(IXGBE_TXDCTL0, IXGBE_TXDCTL_THRESHOLDS | IXGBE_QUEUE_ENABLE);
}

static union adv_tx_desc *tx(u32 i)
{
	return (union adv_tx_desc *)(void *)(memory + TX_RING + IXM_DESC * i);
}

static void frame_to(u8 *f, u32 len, const u8 to[6])
{
	memset(f, 0x5a, len);
	memcpy(f, to, 6);
}

static void clean(void)
{
	if (m->violations)
		print_error("%s\n", m->last_violation);
	assert_int_equal(m->violations, 0);
}

/* The rule was broken since the last call, and no other. */
static void broke(enum ixm_rule rule)
{
	if (m->violations != m->broken[rule] || !m->violations)
		print_error("wanted %s: %s\n", ixm_rule_names[rule], m->last_violation);
	assert_int_not_equal(m->broken[rule], 0);
	assert_int_equal(m->violations, m->broken[rule]);
	m->violations = 0;
	memset(m->broken, 0, sizeof(m->broken));
}

/* --- what others use ------------------------------------------------------------------ */

static void test_legacy(void **state)
{
	u8 f[100];

	(void)state;
	start_rx(1, 2);
	start_tx();
	frame_to(f, sizeof(f), mac);
	assert_true(ixgbe_model_rx(m, f, sizeof(f)));
	assert_memory_equal(memory + BUFFERS, f, sizeof(f));
	assert_int_equal(load_le16(memory + RX_RING + 8), sizeof(f));
	assert_int_equal(memory[RX_RING + 12], 3); /* DD, EOP */
	/* Out, with the checksum from 34 to the end put at 50. */
	memcpy(memory + BUFFERS, f, 100);
	tx(0)->data = (struct adv_tx_data){
		.addr = BUFFERS,
		.cmd = ADV_TXD_EOP | ADV_TXD_IFCS | ADV_TXD_RS | BIT(26) | 50u << 16 | 100,
		.olinfo = 34u << 8,
	};
	wr(IXGBE_TDT0, 1);
	assert_int_equal(last_len, 100);
	ixm_insert_csum(f, 34, 100, 50);
	assert_memory_equal(last_sent, f, 100);
	assert_int_equal(tx(0)->data.olinfo & 1, 1);
	clean();
}

/* The verification suite of Microsoft's RSS specification. */
static void test_rss_hash(void **state)
{
	static const u8 key[40] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	u8 f[60] = { 0 };
	u32 type;

	(void)state;
	for (u32 i = 0; i < 10; i++)
		wr(IXGBE_RSSRK0 + 4 * i, load_le32(key + 4 * i));
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	f[23] = 17;
	/* 66.9.149.187:2794 -> 161.142.100.80:1766 */
	store_be32(f + 26, 66u << 24 | 9 << 16 | 149 << 8 | 187);
	store_be32(f + 30, 161u << 24 | 142 << 16 | 100 << 8 | 80);
	store_be16(f + 34, 2794);
	store_be16(f + 36, 1766);
	wr(IXGBE_MRQC, 1 | BIT(17));
	assert_int_equal(ixgbe_model_rss(m, f, sizeof(f), &type), 0x323e8fc2);
	assert_int_equal(type, 2);
	wr(IXGBE_MRQC, 1 | BIT(17) | BIT(22));
	assert_int_equal(ixgbe_model_rss(m, f, sizeof(f), &type), 0x51ccc178);
	assert_int_equal(type, 7);
	/* A fragment has addresses only. */
	store_be16(f + 20, 0x2000);
	assert_int_equal(ixgbe_model_rss(m, f, sizeof(f), &type), 0x323e8fc2);
	store_be16(f + 12, 0x0806);
	ixgbe_model_rss(m, f, sizeof(f), &type);
	assert_int_equal(type, 0);
	clean();
}

/* UDP flows that differ in their source port alone (an overlay's) use all queues. */
static void test_rss_spreads(void **state)
{
	u8 f[60];

	(void)state;
	start_rx(4, IXGBE_SRRCTL_ONE_BUFFER | 2);
	for (u32 i = 0; i < 10; i++)
		wr(IXGBE_RSSRK0 + 4 * i, 0x6d5a56da * (i + 1));
	for (u32 i = 0; i < 32; i++)
		wr(IXGBE_RETA0 + 4 * i, 0x03020100);
	wr(IXGBE_MRQC, 1 | BIT(22));
	frame_to(f, sizeof(f), mac);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 20, 0);
	f[23] = 17;
	for (u32 port = 0; port < 60; port++) {
		store_be16(f + 34, (u16)(50000 + 7 * port));
		assert_true(ixgbe_model_rx(m, f, sizeof(f)));
	}
	for (u32 q = 0; q < 4; q++)
		assert_in_range(m->by_queue[q], 5, 30);
	clean();
}

static void test_msix(void **state)
{
	u8 f[60];

	(void)state;
	start_rx(1, IXGBE_SRRCTL_ONE_BUFFER | 2);
	start_tx();
	frame_to(f, sizeof(f), mac);
	wr(IXGBE_GPIE, 1u << 31 | IXM_GPIE_EIAME | IXGBE_GPIE_MSIX | IXGBE_GPIE_OCD);
	wr(IXGBE_IVAR0, 0x8083);       /* receive: vector 3, transmit: vector 0 */
	wr(IXGBE_IVAR_MISC, 0x8500); /* the rest: vector 5 */
	wr(IXGBE_EIAC, 0xffff);
	wr(IXM_EIAM_EX, 8);
	assert_true(ixgbe_model_rx(m, f, sizeof(f)));
	assert_int_equal(vectors[3], 0); /* masked */
	wr(IXM_EIMS_EX, 8);
	assert_int_equal(vectors[3], 1);
	/* It masked itself and cleared its cause. */
	assert_int_equal(rd(IXGBE_EICS), 0);
	assert_true(ixgbe_model_rx(m, f, sizeof(f)));
	assert_int_equal(vectors[3], 1);
	wr(IXM_EIMS_EX, 8);
	assert_int_equal(vectors[3], 2);
	wr(IXGBE_EIMS, IXGBE_INT_LSC);
	ixgbe_model_set_link(m, false);
	assert_int_equal(vectors[5], 1);
	assert_int_equal(rd(IXGBE_EICR), IXGBE_INT_LSC);
	assert_false(m->irq_line);
	clean();
}

/* --- what is refused, by registers ------------------------------------------------------ */

static void test_refuses_registers(void **state)
{
	(void)state;
	rd(0x1f000);
	broke(IXM_RULE_REGISTER);
	rd(IXGBE_CTRL + 2);
	broke(IXM_RULE_REGISTER);
	rd(IXM_BAR_SIZE);
	broke(IXM_RULE_REGISTER);
	rd(IXGBE_EIMC);
	broke(IXM_RULE_REGISTER);
	wr(IXGBE_STATUS, 1);
	broke(IXM_RULE_REGISTER);
	wr(0x1f000, 0);
	broke(IXM_RULE_REGISTER);
	wr(IXGBE_EIMS, BIT(31));
	broke(IXM_RULE_RESERVED);
	wr(IXGBE_RDBAL0, 64);
	broke(IXM_RULE_RESERVED);
	wr(IXGBE_RDLEN0, 100);
	broke(IXM_RULE_RESERVED);
	wr(IXGBE_AUTOC, IXGBE_AUTOC_RESTART);
	broke(IXM_RULE_SYNC);
	wr(IXGBE_EERD, ADV_EERD_START);
	broke(IXM_RULE_SYNC);
	wr(IXGBE_SW_FW_SYNC, 1);
	broke(IXM_RULE_SYNC);
}

static void test_refuses_rings(void **state)
{
	(void)state;
	wr(IXGBE_RXDCTL0, IXGBE_QUEUE_ENABLE);
	broke(IXM_RULE_RING);
	wr(IXGBE_RXDCTL0, 0);
	wr(IXGBE_RDLEN0, 1024);
	wr(IXGBE_RDBAL0, MEMORY);
	wr(IXGBE_RXDCTL0, IXGBE_QUEUE_ENABLE);
	broke(IXM_RULE_DMA);
	wr(IXGBE_RXDCTL0, 0);
	wr(IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
	assert_int_not_equal(m->broken[IXM_RULE_RX_ORDER], 0);
	m->violations = 0;
	memset(m->broken, 0, sizeof(m->broken));
	wr(IXGBE_RXCTRL, 0);
	wr(IXGBE_RDT0, 3);
	broke(IXM_RULE_TAIL);
	start_rx(1, IXGBE_SRRCTL_ONE_BUFFER | 2);
	clean();
	wr(IXGBE_RDT0, RING);
	broke(IXM_RULE_TAIL);
	wr(IXGBE_RDT0, 0); /* = head */
	broke(IXM_RULE_TAIL);
	wr(IXGBE_RDLEN0, 2048);
	broke(IXM_RULE_RING);
	wr(IXGBE_FCTRL, 0);
	broke(IXM_RULE_FILTER);
	wr(IXGBE_CTRL, IXGBE_CTRL_RST);
	broke(IXM_RULE_RESET);
	wr(IXGBE_TXDCTL0, 32);
	broke(IXM_RULE_TX_THRESH);
	wr(IXGBE_MTQC, 0);
	broke(IXM_RULE_TX_ORDER);
}

/* --- what is refused, by descriptors ------------------------------------------------------- */

#define DATA (ADV_TXD_DEXT | ADV_TXD_DTYP_DATA | ADV_TXD_IFCS)
#define LAST (DATA | ADV_TXD_EOP | ADV_TXD_RS)
#define PAYLEN(n) ((u32)(n) << ADV_TXD_PAYLEN_SHIFT)
#define CONTEXT (ADV_TXD_DEXT | ADV_TXD_DTYP_CONTEXT)

/* These descriptors in a fresh ring break this rule. */
static void refuse(enum ixm_rule rule, const union adv_tx_desc *d, u32 n)
{
	teardown(NULL);
	setup(NULL);
	start_tx();
	clean();
	memcpy(tx(0), d, n * sizeof(*d));
	wr(IXGBE_TDT0, n);
	assert_int_not_equal(m->broken[rule], 0);
}

#define REFUSED(rule, ...)                                             \
	do {                                                           \
		const union adv_tx_desc d_[] = { __VA_ARGS__ };      \
								       \
		refuse(rule, d_, ARRAY_SIZE(d_));                      \
	} while (0)
#define D(a, c, o) { .data = { .addr = (a), .cmd = (c), .olinfo = (o) } }
#define C(l, c, ms) { .context = { .lens = (l), .cmd = (c), .mss = (ms) } }
#define MAC_IP(mac_, ip_) ((mac_) << ADV_TXC_MACLEN_SHIFT | (ip_))

static void test_refuses_descriptors(void **state)
{
	(void)state;
	REFUSED(IXM_RULE_TX_DESC, D(0, ADV_TXD_DEXT | 100, 0));		    /* type 0 */
	REFUSED(IXM_RULE_TX_DESC, D(0, LAST | 100, PAYLEN(100) | 1));		    /* DD */
	REFUSED(IXM_RULE_TX_DESC, D(0, LAST | 100, PAYLEN(100) | 4));		    /* reserved */
	REFUSED(IXM_RULE_TX_DESC, D(0, LAST | BIT(16) | 100, PAYLEN(100)));	    /* reserved */
	REFUSED(IXM_RULE_TX_DESC, D(0, LAST | 20000, PAYLEN(20000)));		    /* length */
	REFUSED(IXM_RULE_TX_DESC, D(0, (LAST & ~ADV_TXD_IFCS) | 100, PAYLEN(100)));
	REFUSED(IXM_RULE_TX_DESC, D(0, DATA | ADV_TXD_RS | 50, PAYLEN(100)), D(0, LAST | 50, 0));
	REFUSED(IXM_RULE_TX_DESC, D(0, DATA | 50, PAYLEN(100)),
		D(0, ADV_TXD_EOP | ADV_TXD_RS | 50, 0)); /* advanced, then legacy */
	REFUSED(IXM_RULE_TX_THRESH, D(0, (LAST & ~ADV_TXD_RS) | 100, PAYLEN(100)));
	REFUSED(IXM_RULE_TX_FRAME, D(0, LAST | 100, PAYLEN(99)));
	REFUSED(IXM_RULE_TX_FRAME, D(0, LAST | 16, PAYLEN(16)));
	REFUSED(IXM_RULE_TX_FRAME, D(0, LAST | 15869, PAYLEN(15869)));
	REFUSED(IXM_RULE_TX_FRAME, D(0, DATA | 100, PAYLEN(100)));	     /* no end */
	REFUSED(IXM_RULE_TX_FRAME, C(MAC_IP(14, 20), CONTEXT, 0));	     /* a context last */
	REFUSED(IXM_RULE_DMA, D(MEMORY - 50, LAST | 100, PAYLEN(100)));
}

static void test_refuses_contexts(void **state)
{
	static union adv_tx_desc many[40];
	u32 tso = ADV_TXD_TSE | ADV_TXD_TXSM;

	(void)state;
	REFUSED(IXM_RULE_CONTEXT, D(0, LAST | 100, PAYLEN(100) | ADV_TXD_TXSM)); /* none */
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(13, 20), CONTEXT, 0));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 19), CONTEXT, 0));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 20), CONTEXT, 2u << 4)); /* index */
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 20), CONTEXT, 1));	/* reserved */
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 20), CONTEXT | 3u << 11, 0));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(127, 400), CONTEXT, 0));
	REFUSED(IXM_RULE_CONTEXT, D(0, DATA | 50, PAYLEN(100)), C(MAC_IP(14, 20), CONTEXT, 0));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 20), CONTEXT, 0), /* UDP's place is behind it */
		D(0, LAST | 40, PAYLEN(40) | ADV_TXD_TXSM));
	/* Segments: L4T, TXSM, IXSM, MSS, PAYLEN, headers. */
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 40), CONTEXT, 100u << 16 | 20 << 8),
		D(0, LAST | tso | 174, PAYLEN(100)));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 40), CONTEXT | ADV_TXC_TCP, 20 << 8),
		D(0, LAST | tso | 174, PAYLEN(100) | ADV_TXD_TXSM));
	REFUSED(IXM_RULE_CONTEXT, C(MAC_IP(14, 40), CONTEXT | ADV_TXC_TCP, 50u << 16 | 20 << 8),
		D(0, LAST | tso | 174, PAYLEN(100)));
	REFUSED(IXM_RULE_TX_FRAME, C(MAC_IP(14, 40), CONTEXT | ADV_TXC_TCP, 50u << 16 | 20 << 8),
		D(0, LAST | ADV_TXD_TSE | 174, PAYLEN(174) | ADV_TXD_TXSM));
	REFUSED(IXM_RULE_HEADERS, C(MAC_IP(14, 40), CONTEXT | ADV_TXC_TCP, 50u << 16 | 20 << 8),
		D(0, LAST | ADV_TXD_TSE | 174, PAYLEN(100) | ADV_TXD_TXSM));
	for (u32 i = 0; i < 40; i++)
		many[i].data = (struct adv_tx_data){ .cmd = (i == 39 ? LAST : DATA) | 2,
						       .olinfo = PAYLEN(80) };
	refuse(IXM_RULE_TX_FRAME, many, 40);
}

static void test_waived(void **state)
{
	(void)state;
	m->waived = BIT(IXM_RULE_REGISTER);
	rd(0x1f000);
	clean();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_legacy),
		CASE(test_rss_hash),
		CASE(test_rss_spreads),
		CASE(test_msix),
		CASE(test_refuses_registers),
		CASE(test_refuses_rings),
		CASE(test_refuses_descriptors),
		CASE(test_refuses_contexts),
		CASE(test_waived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
