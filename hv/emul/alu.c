/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic with flags. Carries and borrows of all bit positions are
 * computed at once, so that CF, AF and OF are single bits of one word.
 */
#include "hv/emul/alu.h"

static u64 mask_of(u8 size)
{
	return size >= 8 ? ~0ull : BIT64(8 * size) - 1;
}

static u64 sign_of(u8 size)
{
	return BIT64(8 * size - 1);
}

static u64 flags_of_result(u8 size, u64 r)
{
	u64 f = 0;

	if ((r & mask_of(size)) == 0)
		f |= FLAG_ZF;
	if (r & sign_of(size))
		f |= FLAG_SF;
	if (!__builtin_parity((u8)r))
		f |= FLAG_PF;
	return f;
}

/* CF, AF and OF from the carry (or borrow) out of each bit. */
static u64 flags_of_carry(u8 size, u64 carry)
{
	u64 f = 0;

	if (carry & sign_of(size))
		f |= FLAG_CF;
	if (carry & BIT64(3))
		f |= FLAG_AF;
	/* overflow: carry into the sign bit differs from carry out of it */
	if ((carry ^ carry << 1) & sign_of(size))
		f |= FLAG_OF;
	return f;
}

static u64 add(u8 size, u64 a, u64 b, u64 cf, u64 *f)
{
	u64 r = a + b + cf;
	u64 carry = (a & b) | ((a | b) & ~r);

	*f = flags_of_result(size, r) | flags_of_carry(size, carry);
	return r;
}

static u64 sub(u8 size, u64 a, u64 b, u64 cf, u64 *f)
{
	u64 r = a - b - cf;
	u64 borrow = (~a & b) | (~(a ^ b) & r);

	*f = flags_of_result(size, r) | flags_of_carry(size, borrow);
	return r;
}

static u64 logic(u8 size, u64 r, u64 *f)
{
	*f = flags_of_result(size, r);
	return r;
}

/* BT and its kin change CF alone. */
static u64 bit_op(enum insn_op op, u8 size, u64 dst, u64 src, u64 *flags)
{
	u64 bit = BIT64(src & (8u * size - 1));

	*flags = (*flags & ~FLAG_CF) | (dst & bit ? FLAG_CF : 0);
	switch (op) {
	case INSN_BTS: return dst | bit;
	case INSN_BTR: return dst & ~bit;
	case INSN_BTC: return dst ^ bit;
	default: return dst;
	}
}

u64 alu_do(enum insn_op op, u8 size, u64 dst, u64 src, u64 *flags)
{
	u64 cf = *flags & FLAG_CF, keep = 0, f = 0, r = dst;

	switch (op) {
	case INSN_ADD: r = add(size, dst, src, 0, &f); break;
	case INSN_ADC: r = add(size, dst, src, cf, &f); break;
	case INSN_SUB: r = sub(size, dst, src, 0, &f); break;
	case INSN_SBB: r = sub(size, dst, src, cf, &f); break;
	case INSN_CMP: sub(size, dst, src, 0, &f); break;
	case INSN_NEG: r = sub(size, 0, dst, 0, &f); break;
	case INSN_INC: r = add(size, dst, 1, 0, &f); keep = FLAG_CF; break;
	case INSN_DEC: r = sub(size, dst, 1, 0, &f); keep = FLAG_CF; break;
	case INSN_OR: r = logic(size, dst | src, &f); break;
	case INSN_AND: r = logic(size, dst & src, &f); break;
	case INSN_XOR: r = logic(size, dst ^ src, &f); break;
	case INSN_TEST: logic(size, dst & src, &f); break;
	case INSN_NOT: return ~dst & mask_of(size);
	default: return bit_op(op, size, dst, src, flags) & mask_of(size);
	}
	*flags = (*flags & (~FLAGS_STATUS | keep)) | (f & ~keep);
	return r & mask_of(size);
}
