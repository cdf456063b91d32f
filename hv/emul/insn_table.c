/* SPDX-License-Identifier: BSD-2-Clause */
/* Opcodes the decoder understands; see insn_table.h. */
#include "hv/emul/insn_table.h"

#define OPC(op_, form_, flags_) { INSN_##op_, INSN_##form_, F_VALID | (flags_) }

/* The four r/m forms of an arithmetic instruction (SDM vol. 2 table A-2). */
#define ALU(base, op_)                                      \
	[(base)] = OPC(op_, RM_REG, F_MODRM | F_LOCK | F_BYTE), \
	[(base) + 1] = OPC(op_, RM_REG, F_MODRM | F_LOCK),      \
	[(base) + 2] = OPC(op_, REG_RM, F_MODRM | F_BYTE),      \
	[(base) + 3] = OPC(op_, REG_RM, F_MODRM)

/* A byte form and, in the next opcode, the full-size form. */
#define PAIR(base, op_, form_, flags_)                      \
	[(base)] = OPC(op_, form_, (flags_) | F_BYTE),      \
	[(base) + 1] = OPC(op_, form_, flags_)

const struct opcode insn_one_byte[256] = {
	ALU(0x00, ADD),
	ALU(0x08, OR),
	ALU(0x10, ADC),
	ALU(0x18, SBB),
	ALU(0x20, AND),
	ALU(0x28, SUB),
	ALU(0x30, XOR),
	ALU(0x38, CMP),
	[0x63] = OPC(MOVSX, REG_RM, F_MODRM | F_ONLY64),
	PAIR(0x6c, INS, NONE, F_STRING | F_PORT),
	PAIR(0x6e, OUTS, NONE, F_STRING | F_PORT),
	[0x80] = OPC(ADD, RM_IMM, F_MODRM | F_GROUP | F_LOCK | F_BYTE | F_IMM),
	[0x81] = OPC(ADD, RM_IMM, F_MODRM | F_GROUP | F_LOCK | F_IMM),
	[0x83] = OPC(ADD, RM_IMM, F_MODRM | F_GROUP | F_LOCK | F_IMM8),
	PAIR(0x84, TEST, RM_REG, F_MODRM),
	PAIR(0x86, XCHG, RM_REG, F_MODRM | F_LOCK),
	PAIR(0x88, MOV, RM_REG, F_MODRM),
	PAIR(0x8a, MOV, REG_RM, F_MODRM),
	[0x90] = OPC(PAUSE, NONE, 0),
	PAIR(0xa0, MOV, REG_RM, F_MOFFS),
	PAIR(0xa2, MOV, RM_REG, F_MOFFS),
	PAIR(0xa4, MOVS, NONE, F_STRING),
	PAIR(0xaa, STOS, NONE, F_STRING),
	PAIR(0xac, LODS, NONE, F_STRING),
	PAIR(0xc6, MOV, RM_IMM, F_MODRM | F_GROUP | F_IMM),
	PAIR(0xe4, IN, NONE, F_PORT | F_IMM8),
	PAIR(0xe6, OUT, NONE, F_PORT | F_IMM8),
	PAIR(0xec, IN, NONE, F_PORT),
	PAIR(0xee, OUT, NONE, F_PORT),
	[0xf4] = OPC(HLT, NONE, 0),
	PAIR(0xf6, TEST, RM, F_MODRM | F_GROUP | F_LOCK),
	PAIR(0xfe, INC, RM, F_MODRM | F_GROUP | F_LOCK),
};

const struct opcode insn_two_byte[256] = {
	[0x01] = OPC(INVLPG, RM, F_MODRM | F_GROUP),
	[0x06] = OPC(CLTS, NONE, 0),
	[0x08] = OPC(INVD, NONE, 0),
	[0x09] = OPC(WBINVD, NONE, 0),
	[0x20] = OPC(MOV_FROM_CR, RM_REG, F_MODRM | F_NATIVE),
	[0x21] = OPC(MOV_FROM_DR, RM_REG, F_MODRM | F_NATIVE),
	[0x22] = OPC(MOV_TO_CR, REG_RM, F_MODRM | F_NATIVE),
	[0x23] = OPC(MOV_TO_DR, REG_RM, F_MODRM | F_NATIVE),
	[0x30] = OPC(WRMSR, NONE, 0),
	[0x31] = OPC(RDTSC, NONE, 0),
	[0x32] = OPC(RDMSR, NONE, 0),
	[0x33] = OPC(RDPMC, NONE, 0),
	[0xa2] = OPC(CPUID, NONE, 0),
	[0xa3] = OPC(BT, RM_REG, F_MODRM),
	[0xab] = OPC(BTS, RM_REG, F_MODRM | F_LOCK),
	PAIR(0xb0, CMPXCHG, RM_REG, F_MODRM | F_LOCK),
	[0xb3] = OPC(BTR, RM_REG, F_MODRM | F_LOCK),
	[0xb6] = OPC(MOVZX, REG_RM, F_MODRM | F_SRC8),
	[0xb7] = OPC(MOVZX, REG_RM, F_MODRM | F_SRC16),
	[0xba] = OPC(BT, RM_IMM, F_MODRM | F_GROUP | F_LOCK | F_IMM8),
	[0xbb] = OPC(BTC, RM_REG, F_MODRM | F_LOCK),
	[0xbe] = OPC(MOVSX, REG_RM, F_MODRM | F_SRC8),
	[0xbf] = OPC(MOVSX, REG_RM, F_MODRM | F_SRC16),
	PAIR(0xc0, XADD, RM_REG, F_MODRM | F_LOCK),
	[0xc3] = OPC(MOV, RM_REG, F_MODRM | F_MEM), /* MOVNTI */
};
