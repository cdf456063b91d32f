/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: reset, EEPROM, semaphores, link. */
#include "tests/models/ixgbe_model_priv.h"

#define LINKS_MODE_KX4 (BIT(31) | 1u << 27 | 1u << 25) /* what else LINKS says of an up link */
#define LINKS_10G (3u << IXGBE_LINKS_SPEED_SHIFT)
#define FDIRCMD_CMD 3u
#define EEC_REQUEST BIT(6) /* of the EEPROM's pins, that nothing hangs on here */
#define EEC_GRANT BIT(7)
#define EEC_SIZE (3u << 11)
#define MSCA_COMMAND BIT(30)

/* --- reset ---------------------------------------------------------------------- */

static bool dma_under_way(const struct ixgbe_model *m)
{
	for (u32 q = 0; q < IXM_QUEUES; q++) {
		if (m->rx[q].on || m->tx[q].head != m->tx[q].tail)
			return true;
	}
	return false;
}

void ixm_write_ctrl(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	if (!(v & (IXGBE_CTRL_RST | IXGBE_CTRL_LRST))) {
		*ixm_reg(m, IXGBE_CTRL) = v;
		return;
	}
	/* 4.2.1.6.1: the master disable algorithm comes first. */
	if (dma_under_way(m) && !(ixm_get(m, IXGBE_CTRL) & IXGBE_CTRL_MASTER_DISABLE))
		ixm_violation(m, IXM_RULE_RESET, "reset while queues are on and the bus is used");
	m->resets++;
	ixgbe_model_reset(m);
}

u32 ixm_read_ctrl(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	return v | (m->stuck_reset && m->resets ? IXGBE_CTRL_RST : 0);
}

u32 ixm_read_status(struct ixgbe_model *m, u32 n, u32 v)
{
	bool off = (ixm_get(m, IXGBE_CTRL) & IXGBE_CTRL_MASTER_DISABLE) && !m->hang_master;

	(void)n;
	return v | (off ? 0 : IXGBE_STATUS_MASTER);
}

u32 ixm_read_rdrxctl(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	return (v & ~IXGBE_RDRXCTL_DMAIDONE) | (m->stuck_dma ? 0 : IXGBE_RDRXCTL_DMAIDONE);
}

/* --- EEPROM ------------------------------------------------------------------------ */

u32 ixm_read_eec(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	return v | EEC_SIZE | (v & EEC_REQUEST ? EEC_GRANT : 0) |
	       (m->no_eeprom ? 0 : IXGBE_EEC_PRESENT) | (m->stuck_eeprom ? 0 : IXGBE_EEC_AUTO_READ);
}

void ixm_write_eerd(struct ixgbe_model *m, u32 n, u32 v)
{
	u32 word = v >> ADV_EERD_ADDR_SHIFT & 0x3fff;

	(void)n;
	if (!(v & ADV_EERD_START) || m->no_eeprom)
		ixm_violation(m, IXM_RULE_EEPROM, "EERD = %#x", v);
	if (!(ixm_get(m, IXGBE_SW_FW_SYNC) & ADV_SYNC_EEPROM))
		ixm_violation(m, IXM_RULE_SYNC, "EEPROM read without its semaphore");
	*ixm_reg(m, IXGBE_EERD) = v & ~ADV_EERD_DONE & 0xffff;
	if (!m->stuck_eerd)
		*ixm_reg(m, IXGBE_EERD) |=
			ADV_EERD_DONE | (word < IXM_EEPROM_WORDS ? (u32)m->eeprom[word] : 0xffffu)
						  << ADV_EERD_DATA_SHIFT;
}

/* --- semaphores, 10.5.4 ------------------------------------------------------------ */

u32 ixm_read_swsm(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	*ixm_reg(m, IXGBE_SWSM) = v | ADV_SWSM_SMBI; /* for the next one */
	return v;
}

void ixm_write_swsm(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	if (m->fw_swesmbi || m->x540)
		v &= ~ADV_SWSM_SWESMBI;
	*ixm_reg(m, IXGBE_SWSM) = v;
}

u32 ixm_read_sync(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	if (m->x540)
		*ixm_reg(m, IXGBE_SW_FW_SYNC) = v | IXGBE_SYNC_REGSMP;
	return v | m->fw_holds;
}

void ixm_write_sync(struct ixgbe_model *m, u32 n, u32 v)
{
	bool held = m->x540 ? ixm_get(m, IXGBE_SW_FW_SYNC) & IXGBE_SYNC_REGSMP :
			      m->fw_swesmbi || (ixm_get(m, IXGBE_SWSM) & ADV_SWSM_SWESMBI);

	(void)n;
	if (!held || !(ixm_get(m, IXGBE_SWSM) & ADV_SWSM_SMBI))
		ixm_violation(m, IXM_RULE_SYNC, "SW_FW_SYNC written without the semaphore");
	*ixm_reg(m, IXGBE_SW_FW_SYNC) = v & ~m->fw_holds;
}

/* --- link -------------------------------------------------------------------------- */

void ixm_write_autoc(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	if (m->x540)
		ixm_violation(m, IXM_RULE_REGISTER, "AUTOC: the X540 has none");
	if (!(ixm_get(m, IXGBE_SW_FW_SYNC) & IXGBE_SYNC_MAC_CSR))
		ixm_violation(m, IXM_RULE_SYNC, "AUTOC written without its semaphore");
	*ixm_reg(m, IXGBE_AUTOC) = v & ~IXGBE_AUTOC_RESTART;
	if ((v & IXGBE_AUTOC_RESTART) && !m->link_down)
		ixm_raise(m, IXGBE_INT_LSC);
}

u32 ixm_read_links(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	return v | (m->link_down ? 0 : IXGBE_LINKS_UP | LINKS_10G | LINKS_MODE_KX4);
}

void ixgbe_model_set_link(struct ixgbe_model *m, bool up)
{
	bool changed = m->link_down == up;

	m->link_down = !up;
	if (changed)
		ixm_raise(m, IXGBE_INT_LSC);
}

/* --- the rest ------------------------------------------------------------------------ */

/* Filters of the flow director are taken and never match. */
void ixm_write_fdirctrl(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	*ixm_reg(m, IXM_FDIRCTRL) = v | IXM_FDIRCTRL_DONE;
}

void ixm_write_fdircmd(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	*ixm_reg(m, IXM_FDIRCMD) = v & ~FDIRCMD_CMD;
}

/* 8.2.3.22.11: no PHY answers on the management bus. */
void ixm_write_msca(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	*ixm_reg(m, IXM_MSCA) = v & ~MSCA_COMMAND;
	*ixm_reg(m, IXM_MSRWD) = 0xffff0000;
}

void ixm_write_mtqc(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	if (!(ixm_get(m, IXGBE_RTTDCS) & IXGBE_RTTDCS_ARBDIS))
		ixm_violation(m, IXM_RULE_TX_ORDER, "MTQC written while the arbiter runs");
	*ixm_reg(m, IXGBE_MTQC) = v;
}

u32 ixm_read_secrxstat(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	return v | (ixm_get(m, IXGBE_SECRXCTRL) & IXGBE_SECRX_DIS ? IXGBE_SECRX_READY : 0);
}
