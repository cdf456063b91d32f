/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt messages: what the guest writes into ICR, what an MSI says, and
 * which local APICs a destination names (SDM vol. 3A 11.6, 11.11, 11.12.10).
 */
#include "hv/emul/lapic.h"

#include "hv/emul/lapic_priv.h"

/* MSI address and data (SDM 11.11.1, 11.11.2). */
#define MSI_ADDR_MASK 0xfffffffffff00000ull
#define MSI_ADDR_BASE 0xfee00000ull
#define MSI_ADDR_DEST_SHIFT 12
#define MSI_ADDR_LOGICAL BIT(2)
#define MSI_DATA_VECTOR 0xff
#define MSI_DATA_MODE_SHIFT 8
#define MSI_DATA_MODE 0x700
#define MSI_DATA_LEVEL BIT(15)

void lapic_self_ipi(struct lapic *l, u8 vector)
{
	if (vector < LAPIC_FIRST_VECTOR)
		lapic_error(l, ESR_SEND_ILLEGAL | ESR_RECV_ILLEGAL);
	else if (lapic_reg(l, LAPIC_SVR) & SVR_ENABLE)
		lapic_request(l, vector, false);
}

void lapic_icr_send(struct lapic *l, u32 low, u32 dest)
{
	struct lapic_ipi ipi = {
		.dest = dest,
		.vector = (u8)(low & ICR_VECTOR),
		.mode = (u8)((low & ICR_MODE) >> ICR_MODE_SHIFT),
		.shorthand = (u8)((low & ICR_SHORTHAND) >> ICR_SHORTHAND_SHIFT),
		.logical = low & ICR_LOGICAL,
		.wide = lapic_x2apic(l),
	};

	/* INIT de-assert synchronised arbitration IDs once; it has no effect
	 * on any processor that a guest knows (SDM 11.6.1). */
	if (ipi.mode == LAPIC_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT))
		return;
	if (ipi.mode == LAPIC_FIXED || ipi.mode == LAPIC_LOWEST) {
		if (ipi.shorthand == LAPIC_TO_SELF) {
			lapic_self_ipi(l, ipi.vector);
			return;
		}
		if (ipi.vector < LAPIC_FIRST_VECTOR) {
			lapic_error(l, ESR_SEND_ILLEGAL);
			return;
		}
	}
	/* An IPI is edge-triggered whatever bit 15 says, but for INIT (11.6.1). */
	l->ops->ipi(l->ctx, &ipi);
}

bool lapic_from_msi(u64 addr, u32 data, struct lapic_ipi *ipi)
{
	if ((addr & MSI_ADDR_MASK) != MSI_ADDR_BASE)
		return false;
	*ipi = (struct lapic_ipi){
		.dest = (u32)(addr >> MSI_ADDR_DEST_SHIFT) & 0xff,
		.vector = (u8)(data & MSI_DATA_VECTOR),
		.mode = (u8)((data & MSI_DATA_MODE) >> MSI_DATA_MODE_SHIFT),
		.logical = addr & MSI_ADDR_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
	};
	return true;
}

static bool matches_logical(const struct lapic *l, u32 dest)
{
	u32 ldr = lapic_reg(l, LAPIC_LDR);

	if (lapic_x2apic(l))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	if (dest > XAPIC_EVERYBODY)
		return false;
	ldr >>= XAPIC_ID_SHIFT;
	if (lapic_reg(l, LAPIC_DFR) >> DFR_MODEL_SHIFT == DFR_FLAT)
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

bool lapic_matches(const struct lapic *l, const struct lapic_ipi *ipi)
{
	if (!lapic_enabled(l))
		return false;
	if (ipi->dest == (ipi->wide ? X2APIC_EVERYBODY : XAPIC_EVERYBODY))
		return true;
	if (ipi->logical)
		return matches_logical(l, ipi->dest);
	return l->id == ipi->dest;
}

/* The one with the lowest task priority, of those that software has enabled (a parked
 * processor has not); among equals the vector decides, so that different sources
 * spread and one source stays where its data is. */
static u64 choose_lowest(struct lapic *const *all, u64 candidates, u8 vector)
{
	u32 lowest = ~0u, count = 0, chosen;
	u64 equals = 0;

	for (u64 left = candidates; left; left &= left - 1) {
		u32 i = (u32)__builtin_ctzll(left);
		u32 priority = lapic_reg(all[i], LAPIC_TPR) >> 4;

		if (priority > lowest || !(lapic_reg(all[i], LAPIC_SVR) & SVR_ENABLE))
			continue;
		if (priority < lowest) {
			lowest = priority;
			equals = 0;
			count = 0;
		}
		equals |= BIT64(i);
		count++;
	}
	if (!count)
		return 0;
	for (chosen = vector % count; chosen; chosen--)
		equals &= equals - 1;
	return equals & -equals;
}

u64 lapic_targets(struct lapic *const *all, u32 n, u32 sender, const struct lapic_ipi *ipi)
{
	u64 mask = 0;

	for (u32 i = 0; i < n && i < LAPIC_MAX_TARGETS; i++) {
		bool hit;

		switch (ipi->shorthand) {
		case LAPIC_TO_SELF:
			hit = i == sender;
			break;
		case LAPIC_TO_ALL:
			hit = lapic_enabled(all[i]);
			break;
		case LAPIC_TO_OTHERS:
			hit = i != sender && lapic_enabled(all[i]);
			break;
		default:
			hit = lapic_matches(all[i], ipi);
			break;
		}
		if (hit)
			mask |= BIT64(i);
	}
	return ipi->mode == LAPIC_LOWEST ? choose_lowest(all, mask, ipi->vector) : mask;
}
