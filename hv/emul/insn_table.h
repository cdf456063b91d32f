/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder's opcode tables (SDM vol. 2 appendix A). */
#ifndef HV_EMUL_INSN_TABLE_H
#define HV_EMUL_INSN_TABLE_H

#include "hv/emul/insn.h"

/* What an opcode's table entry says. */
enum opcode_flags {
	F_VALID = BIT(0),
	F_MODRM = BIT(1),
	F_BYTE = BIT(2),   /* operand size 1 */
	F_IMM = BIT(3),	   /* immediate of the operand size, at most 4 bytes */
	F_IMM8 = BIT(4),   /* immediate of one byte, sign-extended */
	F_LOCK = BIT(5),   /* LOCK is allowed with a memory destination */
	F_STRING = BIT(6),
	F_PORT = BIT(7),   /* operand size is never 8 */
	F_MOFFS = BIT(8),  /* absolute address in the instruction */
	F_SRC8 = BIT(9),   /* r/m is a byte whatever the operand size */
	F_SRC16 = BIT(10), /* r/m is a word */
	F_GROUP = BIT(11), /* the reg field of ModRM says which instruction */
	F_ONLY64 = BIT(12),
	F_MEM = BIT(13),   /* register form does not exist */
	F_NATIVE = BIT(14), /* MOV to and from CR, DR: size of the mode, registers only */
};

struct opcode {
	u8 op;
	u8 form;
	u16 flags;
};

/* By opcode; behind 0F in the second. Entries without F_VALID are not known. */
extern const struct opcode insn_one_byte[256];
extern const struct opcode insn_two_byte[256];

#endif
