/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoder for the x86 instructions that can leave a guest with work for us:
 * those that touch memory (an MMIO access), port I/O, and the system
 * instructions that are intercepted. Bytes in, struct out; nothing else is
 * read. Encodings: SDM vol. 2, APM vol. 3.
 */
#ifndef HV_EMUL_INSN_H
#define HV_EMUL_INSN_H

#include "hv/backend.h"
#include "hv/base/err.h"
#include "hv/base/types.h"

enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_op {
	/* arithmetic, in the order of the opcode's three bits */
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
	INSN_TEST, INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
	INSN_MOV, INSN_MOVZX, INSN_MOVSX, /* MOVSXD too */
	INSN_XCHG, INSN_CMPXCHG, INSN_XADD,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC, /* in the order of the opcode's two bits */
	INSN_MOVS, INSN_STOS, INSN_LODS,
	INSN_IN, INSN_OUT, INSN_INS, INSN_OUTS,
	INSN_MOV_FROM_CR, INSN_MOV_TO_CR, INSN_MOV_FROM_DR, INSN_MOV_TO_DR,
	INSN_CLTS, INSN_SMSW, INSN_LMSW, INSN_INVLPG,
	INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC,
	INSN_HLT, INSN_PAUSE, INSN_INVD, INSN_WBINVD, INSN_XSETBV,
	INSN_VMCALL, INSN_VMMCALL,
	INSN_OP_COUNT,
};

/* Where the two operands are. */
enum insn_form {
	INSN_NONE,   /* implicit operands */
	INSN_RM,     /* r/m alone (INC, NOT, INVLPG, ...) */
	INSN_RM_REG, /* r/m is the destination, reg the source */
	INSN_REG_RM, /* reg is the destination, r/m the source */
	INSN_RM_IMM, /* r/m and an immediate */
};

/* A memory operand before segmentation: base + index * scale + disp. */
struct insn_mem {
	u8 seg;	    /* enum sreg */
	u8 base;    /* enum gpr; GPR_COUNT: none */
	u8 index;   /* enum gpr; GPR_COUNT: none */
	u8 scale;   /* 1, 2, 4, 8 */
	bool rip;   /* plus the address of the next instruction */
	s64 disp;
};

struct insn {
	enum insn_mode mode;
	enum insn_op op;
	enum insn_form form;
	u8 len;		/* bytes of the whole instruction, 1 .. 15 */
	u8 opsize;	/* operand size in bytes: 1, 2, 4, 8 */
	u8 memsize;	/* bytes at r/m; differs from opsize for MOVZX, MOVSX */
	u8 addrsize;	/* address size in bytes: 2, 4, 8 */
	u8 seg;		/* segment of the source of MOVS, LODS, OUTS (enum sreg) */
	bool lock;
	bool rep;	/* F2 or F3 before a string instruction */
	bool is_mem;	/* r/m is memory, described by mem; else register rm */
	bool has_imm;	/* port in imm (IN, OUT), bit offset in imm (BT ...) */
	u8 reg;		/* enum gpr; CR or DR number for the MOVs to and from them */
	u8 rm;		/* enum gpr */
	bool reg_high;	/* reg names AH, CH, DH, BH: bits 15:8 of RAX .. RBX */
	bool rm_high;
	struct insn_mem mem;
	u64 imm;	/* sign-extended to the operand size */
};

/*
 * Decode the instruction that starts at bytes[0]; at most n bytes (and never
 * more than 15) are looked at. ERR_RANGE: it goes on beyond n. ERR_INVAL: no
 * valid instruction (#UD, or longer than 15 bytes). ERR_NOTSUP: some other
 * instruction, not understood here. *insn is meaningful on ERR_OK only.
 */
err_t insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *insn);

/* Length of the instruction, 0 when insn_decode() does not accept it. */
u8 insn_length(const u8 *bytes, size_t n, enum insn_mode mode);

/* The mode of the code segment (SDM vol. 3A 3.4.5; EFER.LMA). */
enum insn_mode insn_mode_of(const struct vcpu_sregs *s);

/* Short name, for messages. */
const char *insn_op_name(enum insn_op op);

#endif
