/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers that are broken in one place each: our driver, with what it writes into
 * registers and descriptors changed on the way to the device. The model has to refuse
 * each of them, by the rule that it breaks; and the same run unchanged by none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic/ixgbe.h"
#include "tests/models/ixgbe_bench.h"

/* One that leaves out, changes or repeats something. */
struct broken {
	const char *name;
	enum ixm_rule rule;
	/* Registers: of each write to `reg`, `clear` and `set` bits. */
	u32 reg, clear, set;
	bool drop; /* it is never written */
	u32 last; /* all registers from reg to this one; 0: it alone */
	u32 queues; /* 0: one */
	/* Reads of reg, or of wait_reg, give these bits, so that the driver does not wait
	 * for them. */
	u32 reads, wait_reg;
	/* Descriptors, as the doorbell rings. */
	void (*spoil)(struct adv_queue *x);
};

static const struct broken *now_broken;
static bool bringing_up;

/* --- descriptors ------------------------------------------------------------------------ */

static union adv_tx_desc *last_tx(struct adv_queue *x)
{
	return &x->tx[(x->tx_tail - 1) & (ADV_TX_RING - 1)];
}

/* The frame's first data descriptor. */
static struct adv_tx_data *first_tx(struct adv_queue *x)
{
	u32 i = x->tx_clean;

	while ((x->tx[i].data.cmd & ADV_TXD_DTYP_MASK) != ADV_TXD_DTYP_DATA)
		i = (i + 1) & (ADV_TX_RING - 1);
	return &x->tx[i].data;
}

static struct adv_tx_context *a_context(struct adv_queue *x)
{
	for (u32 i = x->tx_clean; i != x->tx_tail; i = (i + 1) & (ADV_TX_RING - 1)) {
		if ((x->tx[i].data.cmd & ADV_TXD_DTYP_MASK) == ADV_TXD_DTYP_CONTEXT)
			return &x->tx[i].context;
	}
	return NULL;
}

static void no_eop(struct adv_queue *x)
{
	last_tx(x)->data.cmd &= ~(ADV_TXD_EOP | ADV_TXD_RS);
}

static void no_rs(struct adv_queue *x)
{
	last_tx(x)->data.cmd &= ~ADV_TXD_RS;
}

static void no_ifcs(struct adv_queue *x)
{
	first_tx(x)->cmd &= ~ADV_TXD_IFCS;
}

static void rs_everywhere(struct adv_queue *x)
{
	first_tx(x)->cmd |= ADV_TXD_RS;
}

static void wrong_paylen(struct adv_queue *x)
{
	first_tx(x)->olinfo += 1u << ADV_TXD_PAYLEN_SHIFT;
}

static void wild_address(struct adv_queue *x)
{
	first_tx(x)->addr = 16;
}

static void stale_done(struct adv_queue *x)
{
	first_tx(x)->olinfo |= ADV_TXD_DD;
}

static void third_context(struct adv_queue *x)
{
	if (a_context(x))
		a_context(x)->mss |= 2u << ADV_TXC_IDX_SHIFT;
}

static void short_maclen(struct adv_queue *x)
{
	if (a_context(x))
		a_context(x)->lens &= ~(ADV_MACLEN_MAX << ADV_TXC_MACLEN_SHIFT);
}

static void no_context(struct adv_queue *x)
{
	first_tx(x)->olinfo |= ADV_TXD_TXSM;
	first_tx(x)->olinfo ^= 1u << ADV_TXD_IDX_SHIFT;
}

static void no_txsm(struct adv_queue *x)
{
	if (first_tx(x)->cmd & ADV_TXD_TSE)
		first_tx(x)->olinfo &= ~ADV_TXD_TXSM;
}

static void rx_address(struct adv_queue *x)
{
	x->rx[x->rx_next].read.addr = 4096;
}

static void rx_stale(struct adv_queue *x)
{
	x->rx[x->rx_next].read.header = ADV_RXD_DD;
}

/* --- the list ------------------------------------------------------------------------------ */

#define Q IXGBE_QUEUE_ENABLE

static const struct broken all[] = {
	{ "receive ring not aligned", IXM_RULE_RESERVED, IXGBE_RDBAL0, .set = 64 },
	{ "transmit ring not aligned", IXM_RULE_RESERVED, IXGBE_TDBAL0, .set = 64 },
	{ "receive ring elsewhere", IXM_RULE_DMA, IXGBE_RDBAH0, .set = 0x10000 },
	{ "transmit ring elsewhere", IXM_RULE_DMA, IXGBE_TDBAH0, .set = 0x10000 },
	{ "receive ring of an odd length", IXM_RULE_RESERVED, IXGBE_RDLEN0, .set = 16 },
	{ "no length of the receive ring", IXM_RULE_RING, IXGBE_RDLEN0, .drop = true },
	{ "no length of the transmit ring", IXM_RULE_RING, IXGBE_TDLEN0, .drop = true },
	{ "receive ring longer than its memory", IXM_RULE_DMA, IXGBE_RDLEN0, .set = 0x80000 },
	{ "receive queue never on", IXM_RULE_RX_ORDER, IXGBE_RXDCTL0, .clear = Q, .reads = Q },
	{ "transmit queue never on", IXM_RULE_TAIL, IXGBE_TXDCTL0, .clear = Q, .reads = Q },
	{ "does not wait for the receive queue", IXM_RULE_TAIL, IXGBE_RXDCTL0, .reads = Q },
	{ "does not wait for the transmit queue", IXM_RULE_TAIL, IXGBE_TXDCTL0, .reads = Q },
	{ "transmit DMA never on", IXM_RULE_TX_ORDER, IXGBE_DMATXCTL, .drop = true },
	{ "receiver on before it has buffers", IXM_RULE_RX_ORDER, IXGBE_RDT0, .drop = true },
	{ "receive path not halted", IXM_RULE_RX_ORDER, IXGBE_SECRXCTRL, .drop = true,
	  .reads = IXGBE_SECRX_READY, .wait_reg = IXGBE_SECRXSTAT },
	{ "DCA bit 12 left set", IXM_RULE_RX_SETUP, IXGBE_DCA_RXCTRL0, .drop = true },
	{ "RDRXCTL left as it was", IXM_RULE_RX_SETUP, IXGBE_RDRXCTL, .drop = true },
	{ "CRC stripped here, not there", IXM_RULE_RX_SETUP, IXGBE_HLREG0,
	  .clear = IXGBE_HLREG0_RXCRCSTRP },
	{ "multicast table never cleared", IXM_RULE_RX_SETUP, IXGBE_MTA + 4 * 77, .drop = true },
	{ "buffers of no size", IXM_RULE_RX_SETUP, IXGBE_SRRCTL0, .clear = 0x1f },
	{ "buffers of 17 KiB", IXM_RULE_RX_SETUP, IXGBE_SRRCTL0, .clear = 0x1f, .set = 17 },
	{ "header split", IXM_RULE_RX_SETUP, IXGBE_SRRCTL0, .set = 4u << 25 },
	{ "no valid address", IXM_RULE_RX_SETUP, IXGBE_RAH0, .clear = IXGBE_RAH_AV },
	{ "no master disable", IXM_RULE_RESET, IXGBE_CTRL, .clear = IXGBE_CTRL_MASTER_DISABLE },
	{ "PTHRESH without HTHRESH", IXM_RULE_TX_THRESH, IXGBE_TXDCTL0, .clear = 0x7f00 },
	{ "WTHRESH and RS", IXM_RULE_TX_THRESH, IXGBE_TXDCTL0, .set = 4u << 16 },
	{ "MTQC while the arbiter runs", IXM_RULE_TX_ORDER, IXGBE_RTTDCS,
	  .clear = IXGBE_RTTDCS_ARBDIS },
	{ "reserved interrupt", IXM_RULE_RESERVED, IXGBE_EIMS, .set = BIT(31) },
	{ "no semaphore for the EEPROM", IXM_RULE_SYNC, IXGBE_SW_FW_SYNC,
	  .clear = ADV_SYNC_EEPROM },
	{ "no semaphore for AUTOC", IXM_RULE_SYNC, IXGBE_SW_FW_SYNC, .clear = IXGBE_SYNC_MAC_CSR },
	{ "no semaphore for the semaphores", IXM_RULE_SYNC, IXGBE_SWSM, .drop = true,
	  .reads = ADV_SWSM_SWESMBI },
	{ "EERD without a start", IXM_RULE_EEPROM, IXGBE_EERD, .clear = ADV_EERD_START },
	{ "receive tail past the ring", IXM_RULE_TAIL, IXGBE_RDT0, .set = ADV_RX_RING },
	{ "transmit tail past the ring", IXM_RULE_TAIL, IXGBE_TDT0, .set = ADV_TX_RING },
	{ "checksums without the FCS", IXM_RULE_TX_FRAME, IXGBE_HLREG0,
	  .clear = IXGBE_HLREG0_TXCRCEN },
	{ "frame without an end", IXM_RULE_TX_FRAME, .spoil = no_eop },
	{ "no report wanted", IXM_RULE_TX_THRESH, .spoil = no_rs },
	{ "frame without FCS", IXM_RULE_TX_DESC, .spoil = no_ifcs },
	{ "report in the middle", IXM_RULE_TX_DESC, .spoil = rs_everywhere },
	{ "wrong PAYLEN", IXM_RULE_TX_FRAME, .spoil = wrong_paylen },
	{ "buffer that is no memory", IXM_RULE_DMA, .spoil = wild_address },
	{ "descriptor with DD set", IXM_RULE_TX_DESC, .spoil = stale_done },
	{ "a third context", IXM_RULE_CONTEXT, .spoil = third_context },
	{ "MACLEN 0", IXM_RULE_CONTEXT, .spoil = short_maclen },
	{ "a context that was never loaded", IXM_RULE_CONTEXT, .spoil = no_context },
	{ "segments without TXSM", IXM_RULE_CONTEXT, .spoil = no_txsm },
	{ "receive buffer that is no memory", IXM_RULE_DMA, .spoil = rx_address },
	{ "receive descriptor not cleaned", IXM_RULE_RX_DESC, .spoil = rx_stale },
	{ "second receive ring not aligned", IXM_RULE_RESERVED, IXGBE_QUEUE(IXGBE_RDBAL0, 1),
	  .set = 64, .queues = 2 },
	{ "second transmit ring elsewhere", IXM_RULE_DMA, IXGBE_QUEUE(IXGBE_TDBAH0, 1),
	  .set = 0x10000, .queues = 2 },
	{ "second receive queue without buffers", IXM_RULE_RX_ORDER,
	  IXGBE_QUEUE(IXGBE_RDT0, 1), .drop = true, .queues = 2 },
	{ "second receive queue never on", IXM_RULE_RX_SETUP, IXGBE_QUEUE(IXGBE_RXDCTL0, 1),
	  .clear = Q, .reads = Q, .queues = 2 },
	{ "frames for a queue that is not there", IXM_RULE_RX_SETUP, IXGBE_RETA0 + 4 * 31,
	  .set = 4u << 24, .queues = 2 },
	{ "RSS without a key", IXM_RULE_RX_SETUP, IXGBE_RSSRK0, .drop = true,
	  .last = IXGBE_RSSRK0 + 4 * (ADV_RSSRK_COUNT - 1), .queues = 2 },
	{ "second queue's DCA bit 12 left set", IXM_RULE_RX_SETUP,
	  IXGBE_QUEUE(IXGBE_DCA_RXCTRL0, 1), .drop = true, .queues = 2 },
	{ "reset with the second queue on", IXM_RULE_RESET, IXGBE_CTRL,
	  .clear = IXGBE_CTRL_MASTER_DISABLE, .queues = 2 },
};

/* --- running one ------------------------------------------------------------------------------ */

static bool filter_write(u64 offset, u32 *value)
{
	const struct broken *b = now_broken;

	if (b->spoil && offset == IXGBE_TDT0 && !bringing_up)
		b->spoil(((struct adv *)ixb.nic.priv)->queue[0]);
	if (b->spoil || offset < b->reg || offset > MAX(b->reg, b->last))
		return true;
	*value = (*value & ~b->clear) | b->set;
	return !b->drop;
}

static u32 filter_read(u64 offset, u32 value)
{
	const struct broken *b = now_broken;
	u32 reg = b->wait_reg ? b->wait_reg : b->reg;

	return b->reads && offset == reg ? value | b->reads : value;
}

static void send_checked(struct pkt *p)
{
	if (!ixb_send(p))
		pkt_put(p);
	ixb.ops->tx_reclaim(&ixb.nic, 0);
}

/* Something of everything: frames in pieces, a checksum, segments, receiving, a filter, an
 * interrupt, a reset at the end. */
static void exercise(void)
{
	static const u32 seg[] = { 300, 1200 };
	struct pkt *p = ixb_frame(60, seg, 2), *got;
	u8 f[100];

	send_checked(p);
	p = ixb_frame(200, NULL, 0);
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_start = 34;
	p->csum_offset = 16;
	send_checked(p);
	p = ixb_frame(54, seg, 2);
	p->data[14] = 0x45;
	p->data[46] = 0x50;
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 500;
	p->gso_segs = 3;
	p->l3_start = 14;
	p->csum_start = 34;
	p->payload_start = 54;
	p->flags = PKT_F_NEEDS_CSUM;
	p->csum_offset = 16;
	send_checked(p);
	memset(f, 0xff, sizeof(f));
	ixb.ops->rx_irq(&ixb.nic, 0, true);
	for (u32 i = 0; i < 3; i++) {
		ixgbe_model_rx(&ixb.model, f, sizeof(f));
		if (ixb.ops->rx_burst(&ixb.nic, 0, &got, 1))
			pkt_put(got);
	}
	ixb.ops->promiscuous(&ixb.nic, true);
	/* The reset finds a frame on its way. */
	ixb.model.hang_tx = true;
	send_checked(ixb_frame(60, NULL, 0));
}

static void run(const struct broken *b)
{
	now_broken = b;
	ixb_prepare_queues(IXB_POOL, MAX(b->queues, 1u));
	ixb.on_write = filter_write;
	ixb.on_read = filter_read;
	bringing_up = true;
	if (!ixb.ops->attach(&ixb.nic, &ixb.res)) {
		bringing_up = false;
		exercise();
	}
	ixb_end();
}

static void test_unchanged(void **state)
{
	static const struct broken none = { .name = "none" }, two = { .name = "two", .queues = 2 };

	(void)state;
	run(&none);
	assert_string_equal(ixb.model.last_violation, "");
	run(&two);
	assert_string_equal(ixb.model.last_violation, "");
}

static void test_broken(void **state)
{
	u32 missed = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		run(&all[i]);
		if (ixb.model.broken[all[i].rule])
			continue;
		missed++;
		print_error("not refused as %s: %s (%s)\n", ixm_rule_names[all[i].rule],
			    all[i].name, ixb.model.last_violation);
	}
	assert_int_equal(missed, 0);
}

/* Every rule has somebody who breaks it, here or in test_ixgbe_model.c. */
static void test_rules(void **state)
{
	(void)state;
	for (u32 rule = 0; rule < IXM_RULES; rule++) {
		bool found = rule == IXM_RULE_REGISTER || rule == IXM_RULE_FILTER ||
			     rule == IXM_RULE_HEADERS;

		for (u32 i = 0; i < ARRAY_SIZE(all); i++)
			found |= all[i].rule == rule;
		assert_true(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
