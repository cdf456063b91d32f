/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: life, memory, and accesses to registers by their table. Section
 * numbers in these files are those of the 82599 datasheet. */
#include "tests/models/ixgbe_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/models/ixgbe_model_priv.h"

#define RESET_QUIET_NS 1000000u /* 8.2.3.1.1 */

const char *const ixm_rule_names[IXM_RULES] = {
	[IXM_RULE_REGISTER] = "register",   [IXM_RULE_RESERVED] = "reserved",
	[IXM_RULE_DMA] = "dma",		    [IXM_RULE_RING] = "ring",
	[IXM_RULE_TAIL] = "tail",	    [IXM_RULE_RESET] = "reset",
	[IXM_RULE_RX_ORDER] = "rx-order",   [IXM_RULE_RX_SETUP] = "rx-setup",
	[IXM_RULE_RX_DESC] = "rx-desc",	    [IXM_RULE_FILTER] = "filter",
	[IXM_RULE_TX_ORDER] = "tx-order",   [IXM_RULE_TX_THRESH] = "tx-thresh",
	[IXM_RULE_TX_DESC] = "tx-desc",	    [IXM_RULE_TX_FRAME] = "tx-frame",
	[IXM_RULE_CONTEXT] = "context",	    [IXM_RULE_HEADERS] = "headers",
	[IXM_RULE_SYNC] = "sync",	    [IXM_RULE_EEPROM] = "eeprom",
};

void ixm_violation(struct ixgbe_model *m, enum ixm_rule rule, const char *f, ...)
{
	va_list ap;

	if (m->waived & BIT(rule))
		return;
	m->violations++;
	m->broken[rule]++;
	va_start(ap, f);
	vsnprintf(m->last_violation, sizeof(m->last_violation), f, ap);
	va_end(ap);
	if (m->host.violated)
		m->host.violated(m->host.ctx, rule, m->last_violation);
}

void *ixm_dma(struct ixgbe_model *m, u64 addr, u64 len, const char *what)
{
	void *p = m->host.dma(m->host.ctx, addr, len);

	if (!p)
		ixm_violation(m, IXM_RULE_DMA, "%s: DMA to %#llx+%llu is not memory", what,
			      (unsigned long long)addr, (unsigned long long)len);
	return p;
}

u64 ixm_now(const struct ixgbe_model *m)
{
	return m->host.now ? m->host.now(m->host.ctx) : 0;
}

/* --- life -------------------------------------------------------------------- */

/* 6.2: word 0 says whether there is one; a section that 06h points to has the address. */
static void make_eeprom(struct ixgbe_model *m, const u8 mac[6])
{
	static const u32 section = 0x80, length = 9;
	u16 sum = 0;

	memset(m->eeprom, 0xff, sizeof(m->eeprom));
	for (u32 i = 0; i < IXGBE_EEPROM_POINTERS; i++)
		m->eeprom[IXGBE_EEPROM_POINTER_FIRST + i] = i % 2 ? 0 : 0xffff;
	m->eeprom[0] = 0x4000; /* signature 01b in bits 15:14 */
	m->eeprom[6] = (u16)section;
	m->eeprom[section] = (u16)length;
	for (u32 i = 1; i <= length; i++)
		m->eeprom[section + i] = (u16)(0x1111 * i);
	for (u32 i = 0; i < 3; i++)
		m->eeprom[section + 1 + i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	m->eeprom[0x2c] = 0; /* device capabilities */
	for (u32 i = 0; i < ADV_EEPROM_CHECKSUM; i++)
		sum = (u16)(sum + m->eeprom[i]);
	for (u32 i = 1; i <= length; i++)
		sum = (u16)(sum + m->eeprom[section + i]);
	m->eeprom[ADV_EEPROM_CHECKSUM] = (u16)(ADV_EEPROM_SUM - sum);
}

/* 8.2.3.7.9: the first address comes from the EEPROM. */
static void load_address(struct ixgbe_model *m)
{
	const u16 *at = &m->eeprom[m->eeprom[6] + 1u];

	if (m->no_eeprom || m->eeprom[6] + 4u > IXM_EEPROM_WORDS)
		return;
	*ixm_reg(m, IXGBE_RAL0) = at[0] | (u32)at[1] << 16;
	*ixm_reg(m, IXGBE_RAH0) = at[2] | IXGBE_RAH_AV;
}

void ixgbe_model_reset(struct ixgbe_model *m)
{
	memset(m->reg, 0, sizeof(m->reg));
	for (u32 i = 0; i < ixm_row_count; i++) {
		const struct ixm_row *row = &ixm_rows[i];

		for (u32 n = 0; n < row->count; n++)
			*ixm_reg(m, row->first + n * row->step) = row->reset;
	}
	memset(m->rx, 0, sizeof(m->rx));
	memset(m->tx, 0, sizeof(m->tx));
	for (u32 q = 0; q < IXM_QUEUES; q++)
		ixm_tx_forget(m, q);
	m->cause = m->mask = 0;
	m->qcause = m->qmask = m->held = 0;
	m->irq_line = false;
	m->receiver_was_on = false;
	m->waiting_len = 0;
	m->reset_ns = ixm_now(m);
	load_address(m);
}

void ixgbe_model_init(struct ixgbe_model *m, const u8 mac[6], const struct ixm_host *host)
{
	memset(m, 0, sizeof(*m));
	m->host = *host;
	m->frame_max = IXM_FRAME_MAX;
	m->rx_error = IXGBE_RXD_RXE;
	for (u32 i = 0; i < ixm_row_count; i++) {
		const struct ixm_row *row = &ixm_rows[i];

		for (u32 n = 0; n < row->count; n++)
			m->rule_of[(row->first + n * row->step) / 4] = (u8)(i + 1);
	}
	make_eeprom(m, mac);
	ixgbe_model_reset(m);
	/* Long ago, and what firmware may have left behind. */
	m->reset_ns = 0;
	m->mask = IXGBE_INT_LSC;
	m->qmask = 1;
}

/* --- accesses ------------------------------------------------------------------ */

/* Registers of the first 16 queues and addresses have older places as well. */
static u64 canonical(u64 offset)
{
	if (offset >= 0x2100 && offset < 0x2140)
		return IXM_RX_QUEUE(IXGBE_SRRCTL0, (offset - 0x2100) / 4);
	if (offset >= 0x2200 && offset < 0x2240)
		return IXM_RX_QUEUE(IXGBE_DCA_RXCTRL0, (offset - 0x2200) / 4);
	if (offset >= 0x5400 && offset < 0x5480)
		return IXGBE_RAL0 + (offset - 0x5400);
	return offset;
}

/* The row of a register, and which of its registers it is. */
static const struct ixm_row *find(struct ixgbe_model *m, u64 offset, u32 *n)
{
	const struct ixm_row *row;

	if (offset % 4 || offset >= IXM_BAR_SIZE || !m->rule_of[offset / 4])
		return NULL;
	row = &ixm_rows[m->rule_of[offset / 4] - 1];
	*n = ((u32)offset - row->first) / row->step + row->base;
	return row;
}

u32 ixgbe_model_read32(void *ctx, u64 offset)
{
	struct ixgbe_model *m = ctx;
	u64 at = canonical(offset);
	const struct ixm_row *row;
	u32 n = 0, v;

	m->reads++;
	row = find(m, at, &n);
	if (!row || !(row->access & IXM_READ)) {
		ixm_violation(m, IXM_RULE_REGISTER, "read of %s register %#llx",
			      row ? "the write-only" : "unknown", (unsigned long long)offset);
		return 0;
	}
	v = m->reg[at / 4];
	if (row->access & IXM_CLEAR)
		m->reg[at / 4] = 0;
	return row->read ? row->read(m, n, v) : v;
}

static void check_write(struct ixgbe_model *m, const struct ixm_row *row, u32 n, u32 v)
{
	if (v & row->reserved)
		ixm_violation(m, IXM_RULE_RESERVED, "%s[%u] = %#x sets reserved bits %#x",
			      row->name, n, v, v & row->reserved);
	if ((row->access & IXM_RX_OFF) && (ixm_get(m, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN))
		ixm_violation(m, IXM_RULE_FILTER, "%s[%u] written while the receiver is on",
			      row->name, n);
	if ((row->access & IXM_RING_RX) && m->rx[n].on)
		ixm_violation(m, IXM_RULE_RING, "%s[%u] written while the queue is on", row->name,
			      n);
	if ((row->access & IXM_RING_TX) && m->tx[n].on)
		ixm_violation(m, IXM_RULE_RING, "%s[%u] written while the queue is on", row->name,
			      n);
	if (m->resets && m->host.now && ixm_now(m) - m->reset_ns < RESET_QUIET_NS)
		ixm_violation(m, IXM_RULE_RESET, "%s[%u] written within 1 ms of a reset", row->name,
			      n);
}

void ixgbe_model_write32(void *ctx, u64 offset, u32 value)
{
	struct ixgbe_model *m = ctx;
	u64 at = canonical(offset);
	const struct ixm_row *row;
	u32 n = 0;

	m->writes++;
	row = find(m, at, &n);
	if (!row || !(row->access & IXM_WRITE)) {
		ixm_violation(m, IXM_RULE_REGISTER, "write of %#x to %s register %#llx", value,
			      row ? "the read-only" : "unknown", (unsigned long long)offset);
		return;
	}
	check_write(m, row, n, value);
	if (row->write)
		row->write(m, n, value);
	else
		m->reg[at / 4] = value;
}
