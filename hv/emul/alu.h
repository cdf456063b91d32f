/* SPDX-License-Identifier: BSD-2-Clause */
/* Results and flags of integer instructions (SDM vol. 1 3.4.3.1, vol. 2). */
#ifndef HV_EMUL_ALU_H
#define HV_EMUL_ALU_H

#include "hv/emul/insn.h"

#define FLAG_CF BIT64(0)
#define FLAG_PF BIT64(2)
#define FLAG_AF BIT64(4)
#define FLAG_ZF BIT64(6)
#define FLAG_SF BIT64(7)
#define FLAG_DF BIT64(10)
#define FLAG_OF BIT64(11)
#define FLAG_AC BIT64(18)
#define FLAGS_STATUS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/*
 * dst op src for INSN_ADD .. INSN_CMP and INSN_TEST, dst alone for INC, DEC,
 * NOT, NEG; bit src of dst for BT, BTS, BTR, BTC. size in bytes; operands may
 * have bits above it. Returns the result cut to size (dst for CMP, TEST, BT)
 * and updates the status flags in *flags.
 */
u64 alu_do(enum insn_op op, u8 size, u64 dst, u64 src, u64 *flags);

#endif
