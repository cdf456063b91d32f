/* SPDX-License-Identifier: BSD-2-Clause */
/* MTRRs; see msr_mtrr.h. */
#include "hv/emul/msr_mtrr.h"

#define MSR_MTRR_CAP 0xfeu
#define MSR_MTRR_PHYSBASE0 0x200u /* base and mask alternate */
#define MSR_MTRR_DEF_TYPE 0x2ffu

#define CAP_FIXED BIT64(8)
#define CAP_WC BIT64(10)
#define DEF_TYPE_FIXED_ENABLE BIT64(10)
#define DEF_TYPE_ENABLE BIT64(11)
#define DEF_TYPE_BITS (0xffull | DEF_TYPE_FIXED_ENABLE | DEF_TYPE_ENABLE)
#define MASK_VALID BIT64(11)
#define TYPE_WB 6u

/* In the order of mtrr_fixed[]: 64K, 16K, 4K ranges. */
static const u32 fixed_index[MSR_MTRR_FIXED] = {
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
};

/* UC, WC, WT, WP, WB. */
static bool type_valid(u64 type)
{
	return type <= 6 && type != 2 && type != 3;
}

static int fixed_number(u32 index)
{
	for (int i = 0; i < MSR_MTRR_FIXED; i++)
		if (fixed_index[i] == index)
			return i;
	return -1;
}

static bool is_variable(u32 index)
{
	return index - MSR_MTRR_PHYSBASE0 < 2 * MSR_MTRR_VARIABLE;
}

bool mtrr_is(u32 index)
{
	return index == MSR_MTRR_CAP || index == MSR_MTRR_DEF_TYPE || is_variable(index) ||
	       fixed_number(index) >= 0;
}

void mtrr_init(struct msr_state *s)
{
	s->mtrr_deftype = DEF_TYPE_ENABLE | DEF_TYPE_FIXED_ENABLE | TYPE_WB;
	for (u32 i = 0; i < MSR_MTRR_FIXED; i++)
		s->mtrr_fixed[i] = 0x0101010101010101ull * TYPE_WB;
}

bool mtrr_read(const struct msr_state *s, u32 index, u64 *val)
{
	int fixed = fixed_number(index);

	if (index == MSR_MTRR_CAP)
		*val = CAP_WC | CAP_FIXED | MSR_MTRR_VARIABLE;
	else if (index == MSR_MTRR_DEF_TYPE)
		*val = s->mtrr_deftype;
	else if (fixed >= 0)
		*val = s->mtrr_fixed[fixed];
	else if (is_variable(index) && index & 1)
		*val = s->mtrr_mask[(index - MSR_MTRR_PHYSBASE0) / 2];
	else if (is_variable(index))
		*val = s->mtrr_base[(index - MSR_MTRR_PHYSBASE0) / 2];
	else
		return false;
	return true;
}

bool mtrr_write(struct msr_state *s, u32 index, u64 val)
{
	u64 address_bits = (BIT64(s->config.phys_bits) - 1) & ~0xfffull;
	int fixed = fixed_number(index);

	if (fixed >= 0) {
		for (u32 i = 0; i < 8; i++)
			if (!type_valid(val >> (8 * i) & 0xff))
				return false;
		s->mtrr_fixed[fixed] = val;
	} else if (index == MSR_MTRR_DEF_TYPE) {
		if (val & ~DEF_TYPE_BITS || !type_valid(val & 0xff))
			return false;
		s->mtrr_deftype = val;
	} else if (is_variable(index) && index & 1) {
		if (val & ~(address_bits | MASK_VALID))
			return false;
		s->mtrr_mask[(index - MSR_MTRR_PHYSBASE0) / 2] = val;
	} else if (is_variable(index)) {
		if (val & ~(address_bits | 0xff) || !type_valid(val & 0xff))
			return false;
		s->mtrr_base[(index - MSR_MTRR_PHYSBASE0) / 2] = val;
	} else {
		return false; /* MTRRcap is read-only */
	}
	return true;
}
