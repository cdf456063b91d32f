/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model of the 82599: interrupts (7.3). A queue's cause gets its number by IVAR: of 16
 * bits of EICR without MSI-X, where there is one line, else of 64 vectors. The rest are
 * EICR's bits 16 to 30; in MSI-X mode IVAR_MISC gives them a vector.
 */
#include "tests/models/ixgbe_model_priv.h"

#define LOW 0xffffu /* queues' bits in EICR */
#define OTHER_CAUSES 0x7fff0000u
#define IVAR_NUMBER 0x3fu
#define LINE_NUMBER 0xfu
#define MISC_SHIFT 8 /* IVAR_MISC's byte for all but the timer */
#define EITR_INTERVAL 0xff8u

static bool msix(const struct ixgbe_model *m)
{
	return ixm_get(m, IXGBE_GPIE) & IXGBE_GPIE_MSIX;
}

static u32 eitr_ns(const struct ixgbe_model *m, u32 vector)
{
	u32 reg = vector < 24 ? IXGBE_EITR0 + 4 * vector : 0x12300 + 4 * (vector - 24);

	return ((ixm_get(m, reg) & EITR_INTERVAL) >> IXGBE_EITR_SHIFT) * IXGBE_EITR_UNIT_NS;
}

/* Whether the vector may be sent now; else it is held back (7.3.2.1.1). */
static bool passes(struct ixgbe_model *m, u32 vector)
{
	u64 now = ixm_now(m);

	if (!m->moderate)
		return true;
	if (now < m->next_ns[vector]) {
		m->held |= BIT64(vector);
		return false;
	}
	m->next_ns[vector] = now + eitr_ns(m, vector);
	m->held &= ~BIT64(vector);
	return true;
}

static void message(struct ixgbe_model *m, u32 vector)
{
	m->interrupts++;
	if (m->host.interrupt && !m->no_irq)
		m->host.interrupt(m->host.ctx, vector);
}

/* --- one line ----------------------------------------------------------------------- */

static bool pending(const struct ixgbe_model *m)
{
	return (m->cause & m->mask) || (m->qcause & m->qmask);
}

static void update_line(struct ixgbe_model *m)
{
	bool line = pending(m) && !m->no_irq;

	if (msix(m)) {
		m->irq_line = false;
		return;
	}
	if (line && !m->irq_line) {
		if (!passes(m, 0))
			return;
		m->irq_line = true;
		message(m, 0);
	}
	m->irq_line = line;
}

/* --- MSI-X -------------------------------------------------------------------------- */

/* 7.3.1.4, 7.3.1.5: what the message itself clears and masks. */
static void send_vector(struct ixgbe_model *m, u32 vector)
{
	u64 bit = BIT64(vector);
	u64 automask = ixm_get(m, IXM_EIAM_EX) | (u64)ixm_get(m, IXM_EIAM_EX + 4) << 32;

	automask |= ixm_get(m, IXGBE_EIAM) & LOW;
	if (!passes(m, vector))
		return;
	if (vector >= 16 || (ixm_get(m, IXGBE_EIAC) & bit))
		m->qcause &= ~bit;
	if ((ixm_get(m, IXGBE_GPIE) & IXM_GPIE_EIAME) && (automask & bit))
		m->qmask &= ~bit;
	message(m, vector);
}

static void fire_queues(struct ixgbe_model *m, u64 bits)
{
	bits &= m->qcause & m->qmask;
	for (u32 v = 0; v < IXM_VECTORS; v++) {
		if (bits & BIT64(v))
			send_vector(m, v);
	}
}

static void fire_misc(struct ixgbe_model *m, u32 bits)
{
	u32 ivar = ixm_get(m, IXGBE_IVAR_MISC);

	if (bits & m->mask & IXGBE_INT_TIMER && (ivar & IXGBE_IVAR_VALID))
		message(m, ivar & IVAR_NUMBER);
	ivar >>= MISC_SHIFT;
	if ((bits & m->mask & ~IXGBE_INT_TIMER) && (ivar & IXGBE_IVAR_VALID))
		message(m, ivar & IVAR_NUMBER);
}

/* New causes, or some that are not masked any more. */
static void signal(struct ixgbe_model *m, u32 bits, u64 qbits)
{
	if (msix(m)) {
		fire_queues(m, qbits);
		fire_misc(m, bits & m->cause);
	}
	update_line(m);
}

void ixm_raise(struct ixgbe_model *m, u32 bits)
{
	m->cause |= bits;
	signal(m, bits, 0);
}

void ixm_raise_queue(struct ixgbe_model *m, u32 queue, bool tx)
{
	u32 ivar = ixm_get(m, IXGBE_IVAR0 + 4 * (queue / 2)) >> (16 * (queue % 2) + 8 * tx);
	u64 bit;

	if (!(ivar & IXGBE_IVAR_VALID))
		return;
	bit = BIT64(ivar & (msix(m) ? IVAR_NUMBER : LINE_NUMBER));
	m->qcause |= bit;
	signal(m, 0, bit);
}

void ixgbe_model_time(struct ixgbe_model *m)
{
	u64 held = m->held;

	if (!held)
		return;
	m->held = 0;
	if (msix(m))
		fire_queues(m, held);
	update_line(m);
}

/* --- registers ------------------------------------------------------------------------ */

static u32 eicr(const struct ixgbe_model *m)
{
	return m->cause | (u32)(m->qcause & LOW);
}

u32 ixm_read_eicr(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	v = eicr(m);
	m->cause = 0;
	if (!(ixm_get(m, IXGBE_GPIE) & IXGBE_GPIE_OCD))
		m->qcause &= ~(u64)LOW;
	update_line(m);
	return v;
}

u32 ixm_read_eics(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	(void)v;
	return eicr(m);
}

u32 ixm_read_eims(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	(void)v;
	return m->mask | (u32)(m->qmask & LOW);
}

void ixm_write_eicr(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	m->cause &= ~v;
	m->qcause &= ~(u64)(v & LOW);
	update_line(m);
}

void ixm_write_eics(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	m->cause |= v & OTHER_CAUSES;
	m->qcause |= v & LOW;
	signal(m, v & OTHER_CAUSES, v & LOW);
}

void ixm_write_eims(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	m->mask |= v & OTHER_CAUSES;
	m->qmask |= v & LOW;
	signal(m, v & OTHER_CAUSES, v & LOW);
}

void ixm_write_eimc(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)n;
	m->mask &= ~v;
	m->qmask &= ~(u64)(v & LOW);
	update_line(m);
}

u32 ixm_read_eims_ex(struct ixgbe_model *m, u32 n, u32 v)
{
	(void)v;
	return (u32)(m->qmask >> 32 * n);
}

void ixm_write_eics_ex(struct ixgbe_model *m, u32 n, u32 v)
{
	m->qcause |= (u64)v << 32 * n;
	signal(m, 0, (u64)v << 32 * n);
}

void ixm_write_eims_ex(struct ixgbe_model *m, u32 n, u32 v)
{
	m->qmask |= (u64)v << 32 * n;
	signal(m, 0, (u64)v << 32 * n);
}

void ixm_write_eimc_ex(struct ixgbe_model *m, u32 n, u32 v)
{
	m->qmask &= ~((u64)v << 32 * n);
	update_line(m);
}
