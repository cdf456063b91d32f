/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model of the 82576: interrupts (7.3). In MSI-X mode the core has the vectors, whose
 * causes are 25 bits of EICR; without, all causes are ICR's and raise one line, of which the
 * core knows nothing.
 */
#include "tests/models/igb_model.h"
#include "tests/models/ixgbe_model_priv.h"

#define RX_CAUSE BIT(0) /* in the core's EICR, without MSI-X: what IVAR links there */
#define TX_CAUSE BIT(1)

static u32 *own(struct igb_model *m, u32 reg)
{
	return &m->reg[reg / 4];
}

static bool msix(struct igb_model *m)
{
	return *own(m, IGB_GPIE) & IGB_GPIE_MSIX;
}

static void update_line(struct igb_model *m)
{
	struct ixgbe_model *c = m->core;
	bool line = (m->icr & m->ims) && !c->no_irq && !msix(m);

	if (line && !m->irq_line) {
		c->interrupts++;
		if (c->host.interrupt)
			c->host.interrupt(c->host.ctx, 0);
	}
	m->irq_line = line;
}

void igm_raise(struct igb_model *m, u32 bits)
{
	u32 before = m->icr & m->ims, ivar = *own(m, IGB_IVAR_MISC) >> IGB_IVAR_TX_SHIFT;

	m->icr |= bits;
	if (msix(m) && (m->icr & m->ims & ~before) && (ivar & IGB_IVAR_VALID))
		ixgbe_model_write32(m->core, IXGBE_EICS, BIT(ivar & 0x1f));
	update_line(m);
}

void igm_collect(struct igb_model *m)
{
	struct ixgbe_model *c = m->core;
	u32 bits = c->cause & IXGBE_INT_MISS ? E1000_INT_RXO : 0;

	c->cause = 0;
	if (!msix(m)) {
		bits |= c->qcause & RX_CAUSE ? E1000_INT_RXT0 : 0;
		bits |= c->qcause & TX_CAUSE ? E1000_INT_TXDW : 0;
		c->qcause = 0;
	}
	if (bits)
		igm_raise(m, bits);
}

/* --- which vector ---------------------------------------------------------------- */

/* The core's IVAR for a queue: both its bytes. */
static void link_core(struct igb_model *m, u32 queue, u32 bytes)
{
	u32 shift = queue % 2 * IXGBE_IVAR_ODD_SHIFT;
	u32 *reg = ixm_reg(m->core, IXGBE_IVAR0 + 4 * (queue / 2));

	*reg = (*reg & ~(0xffffu << shift)) | (bytes & 0xffff) << shift;
}

static void link_all(struct igb_model *m)
{
	const u32 plain = IGB_IVAR_VALID | (IGB_IVAR_VALID | 1) << IGB_IVAR_TX_SHIFT;

	for (u32 q = 0; q < IGM_QUEUES; q++) {
		u32 n = m->ivar_pairs ? q / 2 : q % 8, odd = m->ivar_pairs ? q % 2 : q / 8;
		u32 ivar = *own(m, IGB_IVAR0 + 4 * n) >> (odd * IGB_IVAR_ODD_SHIFT);

		link_core(m, q, msix(m) ? ivar : plain);
	}
}

void igm_write_gpie(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	*own(m, IGB_GPIE) = v;
	ixgbe_model_write32(m->core, IXGBE_GPIE, v & (IGB_GPIE_MSIX | IGB_GPIE_PBA));
	link_all(m);
}

void igm_write_ivar(struct igb_model *m, u32 n, u32 v)
{
	*own(m, IGB_IVAR0 + 4 * n) = v;
	if (!msix(m))
		ixm_violation(m->core, IXM_RULE_REGISTER, "IVAR[%u] without MSI-X", n);
	link_all(m);
}

void igm_write_misc(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	*own(m, IGB_IVAR_MISC) = v;
}

/* Microseconds, and the core's units. */
void igm_write_eitr(struct igb_model *m, u32 n, u32 v)
{
	u32 ns = (v >> IGB_EITR_SHIFT & IGB_EITR_UNITS_MAX) * IGB_EITR_UNIT_NS;
	u32 units = MIN(ns / IXGBE_EITR_UNIT_NS, IXGBE_EITR_UNITS_MAX);

	*own(m, IGB_EITR0 + 4 * n) = v;
	if (n < 24)
		*ixm_reg(m->core, IXGBE_EITR0 + 4 * n) = units << IXGBE_EITR_SHIFT;
}

/* --- ICR, as the 8254x' ------------------------------------------------------------ */

/* Without NSICR a read clears only what interrupted, or all when nothing may. */
u32 igm_read_icr(struct igb_model *m, u32 n)
{
	u32 v = m->icr;

	(void)n;
	if ((*own(m, IGB_GPIE) & IGB_GPIE_NSICR) || !m->ims || m->irq_line)
		m->icr = 0;
	update_line(m);
	return v;
}

void igm_write_icr(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	m->icr &= ~v;
	update_line(m);
}

void igm_write_ics(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	igm_raise(m, v);
}

void igm_write_ims(struct igb_model *m, u32 n, u32 v)
{
	u32 pending = m->icr & v & ~m->ims;

	(void)n;
	m->icr &= ~pending;
	m->ims |= v;
	igm_raise(m, pending);
}

void igm_write_imc(struct igb_model *m, u32 n, u32 v)
{
	(void)n;
	m->ims &= ~v;
	update_line(m);
}
