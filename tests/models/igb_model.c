/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82576: registers, and what of them the core has elsewhere. */
#include "tests/models/igb_model.h"

#include <string.h>

#include "tests/models/ixgbe_model_priv.h"

#define RESET_QUIET_NS 1000000u
#define CTRL_TO_CORE (E1000_CTRL_GIO_DISABLE | E1000_CTRL_RST)
#define SYNC_PHY0 BIT(1)
#define SRRCTL_TO_CORE 0x0e00001fu
#define CORE_CLEAN (IXGBE_RDRXCTL_RSCACKC | IXGBE_RDRXCTL_FCOE_WRFIX)

STATIC_ASSERT((u32)E1000_CTRL_GIO_DISABLE == IXGBE_CTRL_MASTER_DISABLE &&
	      (u32)E1000_CTRL_RST == IXGBE_CTRL_RST, "the core's bits");
STATIC_ASSERT((u32)IGB_QUEUE_ENABLE == IXGBE_QUEUE_ENABLE, "the core's bit");

enum access {
	R = BIT(0),
	W = BIT(1),
	CLEAR = BIT(2), /* a read clears */
};

/* `count` registers, `step` bytes apart; `to`: they are the core's from there on, so far
 * apart. */
struct row {
	const char *name;
	u32 first, count, step;
	u32 access, reserved;
	u32 to, to_step;
	u32 (*read)(struct igb_model *m, u32 n);
	void (*write)(struct igb_model *m, u32 n, u32 v);
};

static u32 *own(struct igb_model *m, u32 reg)
{
	return &m->reg[reg / 4];
}

/* --- the device ----------------------------------------------------------------------- */

/* 4.2.1.6, 6.2: the EEPROM's first words are the address. */
static void reset(struct igb_model *m)
{
	struct ixgbe_model *c = m->core;

	memset(m->reg, 0, sizeof(m->reg));
	m->icr = m->ims = 0;
	m->irq_line = false;
	m->sent = c->sent;
	*own(m, E1000_CTRL) = E1000_CTRL_FD;
	*own(m, IGB_RLPML) = IGB_FRAME_MAX;
	*ixm_reg(c, ADV_RXCSUM) = IGB_RXCSUM_CHECKS;
	*ixm_reg(c, IXGBE_RAL0) = c->no_eeprom ? 0 : c->eeprom[0] | (u32)c->eeprom[1] << 16;
	*ixm_reg(c, IXGBE_RAH0) = c->no_eeprom ? 0 : c->eeprom[2] | E1000_RAH_AV;
	/* What of the core the 82576 has not got, or has right from the start. */
	*ixm_reg(c, IXGBE_RDRXCTL) = CORE_CLEAN;
	/* Queue 0 is on from the start. */
	*ixm_reg(c, IXGBE_TXDCTL0) = *ixm_reg(c, IXGBE_RXDCTL0) = IGB_QUEUE_ENABLE;
	c->rx[0].on = c->tx[0].on = true;
	for (u32 q = 0; q < IGM_QUEUES; q++) {
		*ixm_reg(c, IXM_RX_QUEUE(IXGBE_DCA_RXCTRL0, q)) = 0;
		*ixm_reg(c, IXM_RQSMR + 4 * (q / 4)) |= q << 8 * (q % 4);
	}
	for (u32 i = 0; i < IXGBE_MTA_COUNT; i++)
		*ixm_reg(c, IXGBE_MTA + 4 * i) = 0;
}

static u32 read_ctrl(struct igb_model *m, u32 n)
{
	(void)n;
	return *own(m, E1000_CTRL) |
	       (m->core->stuck_reset && m->core->resets ? E1000_CTRL_RST : 0);
}

static void write_ctrl(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	ixgbe_model_write32(m->core, IXGBE_CTRL, v & CTRL_TO_CORE);
	*own(m, E1000_CTRL) = v & ~E1000_CTRL_RST;
	if (v & E1000_CTRL_RST)
		reset(m);
}

static bool up(const struct igb_model *m)
{
	return !m->core->link_down && !(m->phy_cold && !m->negotiations);
}

static u32 read_status(struct igb_model *m, u32 n)
{
	u32 gio = ixgbe_model_read32(m->core, IXGBE_STATUS) & E1000_STATUS_GIO;
	bool link = up(m) && (*own(m, E1000_CTRL) & E1000_CTRL_SLU);

	(void)n;
	if (link)
		gio |= E1000_STATUS_LU | E1000_STATUS_FD | 2u << E1000_STATUS_SPEED_SHIFT;
	return gio;
}

/* 8.2: one PHY, whose registers need the semaphore. */
static void write_mdic(struct igb_model *m, u32 n, u32 v)
{
	u32 which = v >> IGB_MDIC_REG_SHIFT & 0x1f;

	(void)n;
	if (!(ixm_get(m->core, IXGBE_SW_FW_SYNC) & SYNC_PHY0))
		ixm_violation(m->core, IXM_RULE_SYNC, "MDIC without the PHY's semaphore");
	*own(m, IGB_MDIC) = v & ~IGB_MDIC_READY;
	if (m->phy_dead)
		return;
	if (which >= IGM_PHY_REGS || !(v & (IGB_MDIC_READ | IGB_MDIC_WRITE))) {
		*own(m, IGB_MDIC) = v | IGB_MDIC_READY | IGB_MDIC_ERROR;
		return;
	}
	if (v & IGB_MDIC_WRITE)
		m->phy[which] = v & UINT16_MAX;
	if ((v & IGB_MDIC_WRITE) && (v & IGB_PHY_CONTROL_RESTART)) {
		m->negotiations++;
		igm_raise(m, E1000_INT_LSC);
	}
	m->phy[IGB_PHY_STATUS] = up(m) ? IGB_PHY_STATUS_UP | IGB_PHY_STATUS_NEGOTIATED : 0;
	*own(m, IGB_MDIC) = (v & ~(u32)UINT16_MAX) | m->phy[which] | IGB_MDIC_READY;
}

static void write_eimc(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	ixgbe_model_write32(m->core, IXGBE_EIMC, v & IXGBE_INT_ALL);
}

/* Read only, or cleared by that, as parts have it. */
static void write_rqdpc(struct igb_model *m, u32 n, u32 v)
{
	if (v)
		ixm_violation(m->core, IXM_RULE_REGISTER, "RQDPC[%u] = %#x", n, v);
}

static u32 read_pcs_lstat(struct igb_model *m, u32 n)
{
	bool link = !m->core->link_down && (*own(m, IGB_PCS_CFG) & IGB_PCS_CFG_ENABLE) &&
		    (*own(m, IGB_PCS_LCTL) & IGB_PCS_LCTL_NEGOTIATE);

	(void)n;
	return link ? IGB_PCS_LSTAT_UP | IGB_PCS_LSTAT_FD | 2u << IGB_PCS_LSTAT_SPEED_SHIFT : 0;
}

/* --- both directions ------------------------------------------------------------------- */

static void set(struct ixgbe_model *c, u32 reg, u32 bit, bool on)
{
	*ixm_reg(c, reg) = on ? ixm_get(c, reg) | bit : ixm_get(c, reg) & ~bit;
}

/* 8.10: filters may change at any time. */
static void write_rctl(struct igb_model *m, u32 n, u32 v)
{
	struct ixgbe_model *c = m->core;
	bool on = v & E1000_RCTL_EN;

	(void)n;
	*own(m, E1000_RCTL) = v;
	if (on && !(ixm_get(c, IXGBE_RAH0) & E1000_RAH_AV))
		ixm_violation(c, IXM_RULE_RX_SETUP, "receiver on without an address");
	if (on && !(v & E1000_RCTL_SECRC))
		ixm_violation(c, IXM_RULE_RX_SETUP, "RCTL: the FCS comes along");
	set(c, IXGBE_FCTRL, IXGBE_FCTRL_UPE, v & E1000_RCTL_UPE);
	set(c, IXGBE_FCTRL, IXGBE_FCTRL_MPE, v & E1000_RCTL_MPE);
	set(c, IXGBE_FCTRL, IXGBE_FCTRL_BAM, v & E1000_RCTL_BAM);
	set(c, IXGBE_HLREG0, IXGBE_HLREG0_JUMBOEN, v & E1000_RCTL_LPE);
	set(c, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN, on);
}

static void write_rlpml(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	*own(m, IGB_RLPML) = v;
	*ixm_reg(m->core, IXGBE_MAXFRS) = v << IXGBE_MAXFRS_SHIFT;
}

static void write_tctl(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	*own(m, E1000_TCTL) = v;
	set(m->core, IXGBE_DMATXCTL, IXGBE_DMATXCTL_TE, v & E1000_TCTL_EN);
	set(m->core, IXGBE_HLREG0, IXGBE_HLREG0_TXPADEN, v & E1000_TCTL_PSP);
}

static void write_srrctl(struct igb_model *m, u32 n, u32 v)
{
	*own(m, IGB_QUEUE(IGB_SRRCTL0, n)) = v;
	ixgbe_model_write32(m->core, IXM_RX_QUEUE(IXGBE_SRRCTL0, n),
			    (v & SRRCTL_TO_CORE) | (v & IGB_SRRCTL_DROP ? IXGBE_SRRCTL_DROP : 0));
}

static void write_mrqc(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	*own(m, ADV_MRQC) = v;
	if ((v & 7) && (v & 7) != IGB_MRQC_RSS)
		ixm_violation(m->core, IXM_RULE_RX_SETUP, "MRQC = %#x", v);
	*ixm_reg(m->core, ADV_MRQC) = (v & ~7u) | (v & 7 ? IXGBE_MRQC_RSS : 0);
}

/* 8.19: what the core has sent; a read clears. */
static u32 read_gptc(struct igb_model *m, u32 n)
{
	u32 v = (u32)(m->core->sent - m->sent);

	(void)n;
	m->sent = m->core->sent;
	return m->whole && v ? 1 : v;
}

/* --- the table --------------------------------------------------------------------------- */

#define ONE(label, reg, ...) { label, reg, 1, 4, R | W, __VA_ARGS__ }
#define STAT(label, reg, n) \
	{ label, reg, n, 4, R | CLEAR, .to = (reg), .to_step = 4 }
#define RING(label, reg, their, ...) \
	{ label, reg, IGM_QUEUES, ADV_QUEUE_STEP, R | W, .to = (their), .to_step = 0x40, \
	  __VA_ARGS__ }

static const struct row rows[] = {
	/* 8.2 general, 8.4 EEPROM, 8.7 semaphores, 8.17 PCS */
	ONE("CTRL", E1000_CTRL, .read = read_ctrl, .write = write_ctrl),
	{ "STATUS", E1000_STATUS, 1, 4, R, .read = read_status },
	ONE("CTRL_EXT", E1000_CTRL_EXT, .reserved = 0),
	ONE("EEC", E1000_EECD, .to = IXGBE_EEC),
	ONE("EERD", E1000_EERD, .to = IXGBE_EERD),
	ONE("MDIC", IGB_MDIC, .reserved = BIT(31), .write = write_mdic),
	ONE("SWSM", IGB_SWSM, .to = IXGBE_SWSM),
	ONE("SW_FW_SYNC", IGB_SW_FW_SYNC, .to = IXGBE_SW_FW_SYNC),
	ONE("PCS_CFG", IGB_PCS_CFG, .reserved = 0),
	ONE("PCS_LCTL", IGB_PCS_LCTL, .reserved = 0),
	{ "PCS_LSTAT", IGB_PCS_LSTAT, 1, 4, R, .read = read_pcs_lstat },
	/* 8.8 interrupts */
	ONE("ICR", E1000_ICR, .read = igm_read_icr, .write = igm_write_icr),
	{ "ICS", E1000_ICS, 1, 4, W, .write = igm_write_ics },
	ONE("IMS", E1000_IMS, .write = igm_write_ims),
	{ "IMC", E1000_IMC, 1, 4, W, .write = igm_write_imc },
	ONE("GPIE", IGB_GPIE, .reserved = 0x3ffff06e, .write = igm_write_gpie),
	ONE("EICS", IGB_EICS, .reserved = 0x7e000000, .to = IXGBE_EICS),
	ONE("EIMS", IGB_EIMS, .reserved = 0x7e000000, .to = IXGBE_EIMS),
	{ "EIMC", IGB_EIMC, 1, 4, W, .write = write_eimc },
	ONE("EIAC", IGB_EIAC, .reserved = 0xfe000000, .to = IXGBE_EIAC),
	ONE("EICR", IGB_EICR, .to = IXGBE_EICR),
	{ "EITR", IGB_EITR0, IGM_VECTORS, 4, R | W, .reserved = 3, .write = igm_write_eitr },
	{ "IVAR", IGB_IVAR0, 8, 4, R | W, .reserved = 0x60606060, .write = igm_write_ivar },
	ONE("IVAR_MISC", IGB_IVAR_MISC, .reserved = 0xffff6060, .write = igm_write_misc),
	/* 8.10 receive */
	ONE("RCTL", E1000_RCTL, .reserved = 0xf8000001, .write = write_rctl),
	ONE("RLPML", IGB_RLPML, .reserved = 0xffffc000, .write = write_rlpml),
	ONE("RXCSUM", ADV_RXCSUM, .to = ADV_RXCSUM),
	ONE("MRQC", ADV_MRQC, .write = write_mrqc),
	{ "MTA", E1000_MTA, 128, 4, R | W, .to = IXGBE_MTA, .to_step = 4 },
	{ "RA", E1000_RAL0, 32, 4, R | W, .to = IXGBE_RAL0, .to_step = 4 },
	{ "RA16", IGB_RAL16, 16, 4, R | W, .to = IXGBE_RAL0 + 8 * 16, .to_step = 4 },
	{ "UTA", IGB_UTA, IGB_UTA_COUNT, 4, R | W, .reserved = 0 },
	{ "RETA", ADV_RETA0, 32, 4, R | W, .reserved = 0xf0f0f0f0, .to = ADV_RETA0, .to_step = 4 },
	{ "RSSRK", ADV_RSSRK0, 10, 4, R | W, .to = ADV_RSSRK0, .to_step = 4 },
	RING("RDBAL", IGB_RDBAL0, IXGBE_RDBAL0, .reserved = 0),
	RING("RDBAH", IGB_RDBAL0 + ADV_RING_BAH, IXGBE_RDBAH0, .reserved = 0),
	RING("RDLEN", IGB_RDBAL0 + ADV_RING_LEN, IXGBE_RDLEN0, .reserved = 0),
	RING("RDH", IGB_RDBAL0 + ADV_RING_HEAD, IXGBE_RDH0, .reserved = 0),
	RING("RDT", IGB_RDBAL0 + ADV_RING_TAIL, IXGBE_RDT0, .reserved = 0),
	RING("SRRCTL", IGB_SRRCTL0, 0, .reserved = 0x700fc080, .write = write_srrctl),
	RING("RXDCTL", IGB_RXDCTL0, IXGBE_RXDCTL0, .reserved = 0xf8e0e0e0),
	RING("RQDPC", IGB_RQDPC0, IXGBE_QPRDC0, .write = write_rqdpc),
	/* 8.12 transmit */
	ONE("TCTL", E1000_TCTL, .write = write_tctl),
	RING("TDBAL", IGB_TDBAL0, IXGBE_TDBAL0, .reserved = 0),
	RING("TDBAH", IGB_TDBAL0 + ADV_RING_BAH, IXGBE_TDBAH0, .reserved = 0),
	RING("TDLEN", IGB_TDBAL0 + ADV_RING_LEN, IXGBE_TDLEN0, .reserved = 0),
	RING("TDH", IGB_TDBAL0 + ADV_RING_HEAD, IXGBE_TDH0, .reserved = 0),
	RING("TDT", IGB_TDBAL0 + ADV_RING_TAIL, IXGBE_TDT0, .reserved = 0),
	RING("TXDCTL", IGB_TXDCTL0, IXGBE_TXDCTL0, .reserved = 0xf0e0e0e0),
	RING("TDWBAL", IGB_TDWBAL0, IXGBE_TDWBAL0, .reserved = 0),
	/* 8.19 statistics */
	STAT("CRCERRS", E1000_CRCERRS, 2),
	{ "RXERRC", E1000_RXERRC, 1, 4, R | CLEAR, .reserved = 0 },
	{ "MPC", E1000_MPC, 1, 4, R | CLEAR, .to = IXGBE_RXMPC0 },
	STAT("RLEC", IGB_RLEC, 1),
	STAT("RUC", E1000_RUC, 4),
	{ "GPTC", E1000_GPTC, 1, 4, R | CLEAR, .read = read_gptc },
};

static const struct row *find(u64 offset, u32 *n)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		u64 at = offset - r->first;

		if (offset >= r->first && at % r->step == 0 && at / r->step < r->count) {
			*n = (u32)(at / r->step);
			return r;
		}
	}
	return NULL;
}

u32 igb_model_read32(void *ctx, u64 offset)
{
	struct igb_model *m = ctx;
	u32 n = 0;
	const struct row *r = find(offset, &n);

	if (!r || !(r->access & R)) {
		ixm_violation(m->core, IXM_RULE_REGISTER, "read of %s register %#llx",
			      r ? "the write-only" : "unknown", (unsigned long long)offset);
		return 0;
	}
	if (r->to)
		return ixgbe_model_read32(m->core, r->to + r->to_step * n);
	m->core->reads++;
	return r->read ? r->read(m, n) : *own(m, (u32)offset);
}

static void check_write(struct igb_model *m, const struct row *r, u32 n, u32 v)
{
	struct ixgbe_model *c = m->core;

	if (v & r->reserved)
		ixm_violation(c, IXM_RULE_RESERVED, "%s[%u] = %#x sets reserved bits %#x", r->name,
			      n, v, v & r->reserved);
	if (c->resets && c->host.now && ixm_now(c) - c->reset_ns < RESET_QUIET_NS)
		ixm_violation(c, IXM_RULE_RESET, "%s[%u] written within 1 ms of a reset", r->name,
			      n);
}

void igb_model_write32(void *ctx, u64 offset, u32 value)
{
	struct igb_model *m = ctx;
	u32 n = 0;
	const struct row *r = find(offset, &n);

	if (!r || !(r->access & W)) {
		ixm_violation(m->core, IXM_RULE_REGISTER, "write of %#x to %s register %#llx",
			      value, r ? "the read-only" : "unknown", (unsigned long long)offset);
		return;
	}
	check_write(m, r, n, value);
	if (r->write)
		r->write(m, n, value);
	else if (r->to)
		ixgbe_model_write32(m->core, r->to + r->to_step * n, value);
	else
		*own(m, (u32)offset) = value;
	igm_collect(m);
}

/* --- life and frames ------------------------------------------------------------------ */

void igb_model_init(struct igb_model *m, struct ixgbe_model *core, const u8 mac[6],
		    const struct ixm_host *host)
{
	u16 sum = 0;

	memset(m, 0, sizeof(*m));
	ixgbe_model_init(core, mac, host);
	core->frame_max = IGB_FRAME_MAX;
	core->rx_error = IGB_RXD_RXE;
	m->core = core;
	for (u32 i = 0; i < 3; i++)
		core->eeprom[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	for (u32 i = 0; i < ADV_EEPROM_CHECKSUM; i++)
		sum = (u16)(sum + core->eeprom[i]);
	core->eeprom[ADV_EEPROM_CHECKSUM] = (u16)(ADV_EEPROM_SUM - sum);
	reset(m);
	/* What firmware may have left behind. */
	core->mask = 0;
	core->qmask = 1;
	m->ims = E1000_INT_LSC;
}

bool igb_model_rx(struct igb_model *m, const void *frame, u32 len)
{
	bool taken;

	if (!up(m))
		return false;
	/* Else its bring-up has failed in the middle. */
	if (ixm_rss_on(m->core) && m->core->rx[0].on)
		ixm_rss_check(m->core);
	taken = ixgbe_model_rx(m->core, frame, len);
	igm_collect(m);
	return taken;
}

bool igb_model_rx_bad(struct igb_model *m, const void *frame, u32 len)
{
	bool taken = ixgbe_model_rx_bad(m->core, frame, len);

	igm_collect(m);
	return taken;
}

void igb_model_run_tx(struct igb_model *m, u32 max)
{
	ixgbe_model_run_tx(m->core, max);
	igm_collect(m);
}

void igb_model_set_link(struct igb_model *m, bool on)
{
	bool changed = m->core->link_down == on;

	m->core->link_down = !on;
	if (changed)
		igm_raise(m, E1000_INT_LSC);
}
