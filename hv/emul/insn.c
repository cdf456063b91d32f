/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction decoder: prefixes, ModRM and SIB, immediates (SDM vol. 2
 * chapter 2). Which opcodes there are is in insn_table.c.
 */
#include "hv/emul/insn.h"

#include "hv/base/x86.h"
#include "hv/emul/insn_table.h"

struct cursor {
	const u8 *bytes;
	size_t n;
	size_t pos;
	err_t err;
};

/* Prefixes as they were met. */
struct prefixes {
	u8 rex;	    /* 0 without one */
	u8 seg;	    /* enum sreg; SREG_COUNT: none */
	bool opsize, addrsize, lock, repne, repe;
};

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

static u8 next(struct cursor *c)
{
	if (c->err)
		return 0;
	if (c->pos == INSN_MAX) {
		c->err = ERR_INVAL;
		return 0;
	}
	if (c->pos == c->n) {
		c->err = ERR_RANGE;
		return 0;
	}
	return c->bytes[c->pos++];
}

/* A little-endian number of `size` bytes, sign-extended. */
static s64 next_signed(struct cursor *c, unsigned size)
{
	u64 v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (u64)next(c) << (8 * i);
	return (s64)(v << (64 - 8 * size)) >> (64 - 8 * size);
}

/* In 64-bit mode these four are ignored (APM vol. 3 1.2.4): they do not even
 * undo an earlier FS or GS. */
static void override_legacy(struct prefixes *p, enum insn_mode mode, u8 seg)
{
	if (mode != INSN_64)
		p->seg = seg;
}

/* All prefixes; returns the first opcode byte. A REX counts only right in
 * front of the opcode (SDM vol. 2 2.2.1). */
static u8 read_prefixes(struct cursor *c, enum insn_mode mode, struct prefixes *p)
{
	*p = (struct prefixes){ .seg = SREG_COUNT };
	for (;;) {
		u8 b = next(c);
		u8 rex = 0;

		switch (b) {
		case 0x26: override_legacy(p, mode, SREG_ES); break;
		case 0x2e: override_legacy(p, mode, SREG_CS); break;
		case 0x36: override_legacy(p, mode, SREG_SS); break;
		case 0x3e: override_legacy(p, mode, SREG_DS); break;
		case 0x64: p->seg = SREG_FS; break;
		case 0x65: p->seg = SREG_GS; break;
		case 0x66: p->opsize = true; break;
		case 0x67: p->addrsize = true; break;
		case 0xf0: p->lock = true; break;
		case 0xf2: p->repne = true; break;
		case 0xf3: p->repe = true; break;
		default:
			if (mode != INSN_64 || (b & 0xf0) != 0x40)
				return b;
			rex = b;
		}
		p->rex = rex;
		if (c->err)
			return 0;
	}
}

static void set_sizes(struct insn *in, const struct prefixes *p, const struct opcode *o)
{
	bool wide = in->mode != INSN_16;

	if (in->mode == INSN_64)
		in->addrsize = p->addrsize ? 4 : 8;
	else
		in->addrsize = wide != p->addrsize ? 4 : 2;

	if (o->flags & F_BYTE)
		in->opsize = 1;
	else if (o->flags & F_NATIVE)
		in->opsize = in->mode == INSN_64 ? 8 : 4;
	else if (p->rex & REX_W)
		in->opsize = o->flags & F_PORT ? 4 : 8;
	else
		in->opsize = wide != p->opsize ? 4 : 2;

	in->memsize = in->opsize;
	if (o->flags & F_SRC8)
		in->memsize = 1;
	else if (o->flags & F_SRC16)
		in->memsize = 2;
	else if (o->flags & F_ONLY64 && in->opsize == 8)
		in->memsize = 4; /* MOVSXD */
}

/* The eight 16-bit addressing forms (SDM vol. 2 table 2-1). */
static void mem_16(struct cursor *c, struct insn *in, u8 mod, u8 rm)
{
	static const u8 base[8] = { GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
				    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX };
	static const u8 index[8] = { GPR_RSI,	GPR_RDI,   GPR_RSI,   GPR_RDI,
				     GPR_COUNT, GPR_COUNT, GPR_COUNT, GPR_COUNT };
	struct insn_mem *m = &in->mem;

	m->base = base[rm];
	m->index = index[rm];
	if (mod == 0 && rm == 6) {
		m->base = GPR_COUNT;
		m->disp = next_signed(c, 2);
	} else if (mod == 1) {
		m->disp = next_signed(c, 1);
	} else if (mod == 2) {
		m->disp = next_signed(c, 2);
	}
}

/* 32-bit and 64-bit forms, with SIB (SDM vol. 2 tables 2-2, 2-3, 2.2.1.6). */
static void mem_32(struct cursor *c, struct insn *in, const struct prefixes *p, u8 mod, u8 rm)
{
	struct insn_mem *m = &in->mem;

	if (rm == 4) {
		u8 sib = next(c);
		u8 index = (u8)((sib >> 3 & 7) | (p->rex & REX_X ? 8 : 0));

		rm = sib & 7;
		m->scale = (u8)(1 << (sib >> 6));
		if (index != 4)
			m->index = index;
		m->base = (u8)(rm | (p->rex & REX_B ? 8 : 0));
		if (mod == 0 && rm == 5) {
			m->base = GPR_COUNT;
			m->disp = next_signed(c, 4);
		}
	} else if (mod == 0 && rm == 5) {
		m->rip = in->mode == INSN_64;
		m->disp = next_signed(c, 4);
	} else {
		m->base = (u8)(rm | (p->rex & REX_B ? 8 : 0));
	}
	if (mod == 1)
		m->disp = next_signed(c, 1);
	else if (mod == 2)
		m->disp = next_signed(c, 4);
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
static bool name_high(u8 *reg, u8 size, const struct prefixes *p)
{
	if (size != 1 || p->rex || *reg < 4)
		return false;
	*reg -= 4;
	return true;
}

static void read_operands(struct cursor *c, struct insn *in, const struct prefixes *p, u8 modrm)
{
	u8 mod = modrm >> 6, rm = modrm & 7;

	in->reg = (u8)((modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0));
	in->reg_high = name_high(&in->reg, in->opsize, p);
	in->is_mem = mod != 3;
	if (!in->is_mem) {
		in->rm = (u8)(rm | (p->rex & REX_B ? 8 : 0));
		in->rm_high = name_high(&in->rm, in->memsize, p);
		return;
	}
	if (in->addrsize == 2)
		mem_16(c, in, mod, rm);
	else
		mem_32(c, in, p, mod, rm);
	if (p->seg != SREG_COUNT)
		in->mem.seg = p->seg;
	else if (in->mem.base == GPR_RSP || in->mem.base == GPR_RBP)
		in->mem.seg = SREG_SS;
}

static void read_moffs(struct cursor *c, struct insn *in, const struct prefixes *p)
{
	in->reg = GPR_RAX;
	in->is_mem = true;
	in->mem.disp = next_signed(c, in->addrsize);
	if (p->seg != SREG_COUNT)
		in->mem.seg = p->seg;
}

/* 0F 01: memory forms by the reg field, register forms one by one. */
static err_t group_0f01(struct insn *in, u8 modrm, struct opcode *o)
{
	static const struct {
		u8 modrm, op;
	} implicit[] = {
		{ 0xc1, INSN_VMCALL }, { 0xd1, INSN_XSETBV }, { 0xd9, INSN_VMMCALL },
		{ 0xf9, INSN_RDTSCP },
	};
	u8 which = modrm >> 3 & 7;

	for (size_t i = 0; i < ARRAY_SIZE(implicit); i++) {
		if (implicit[i].modrm != modrm)
			continue;
		o->op = implicit[i].op;
		o->form = INSN_NONE;
		return ERR_OK;
	}
	if (which == 7 && modrm < 0xc0) {
		in->memsize = 0;
		return ERR_OK;
	}
	if (which != 4 && which != 6)
		return ERR_NOTSUP;
	o->op = which == 4 ? INSN_SMSW : INSN_LMSW;
	in->memsize = which == 6 || modrm < 0xc0 ? 2 : in->opsize;
	return ERR_OK;
}

/* Opcode groups: which instruction, by the reg field (SDM vol. 2 table A-6). */
static err_t pick_of_group(struct insn *in, bool two, u8 opcode, u8 modrm, struct opcode *o)
{
	u8 which = modrm >> 3 & 7;

	if (two && opcode == 0x01)
		return group_0f01(in, modrm, o);
	switch (opcode) {
	case 0x80:
	case 0x81:
	case 0x83:
		o->op = (u8)(INSN_ADD + which);
		return ERR_OK;
	case 0xba: /* two-byte */
		if (which < 4)
			return ERR_INVAL;
		o->op = (u8)(INSN_BT + which - 4);
		return ERR_OK;
	case 0xc6:
	case 0xc7:
		return which == 0 ? ERR_OK : ERR_NOTSUP;
	case 0xf6:
	case 0xf7:
		if (which > 3)
			return ERR_NOTSUP;
		if (which < 2) {
			o->form = INSN_RM_IMM;
			o->flags |= F_IMM;
		} else {
			o->op = which == 2 ? INSN_NOT : INSN_NEG;
		}
		return ERR_OK;
	default: /* FE, FF */
		if (which > 1)
			return ERR_NOTSUP;
		o->op = which == 0 ? INSN_INC : INSN_DEC;
		return ERR_OK;
	}
}

static void read_immediate(struct cursor *c, struct insn *in, u16 flags)
{
	if (flags & F_IMM8)
		in->imm = (u64)next_signed(c, 1);
	else if (flags & F_IMM)
		in->imm = (u64)next_signed(c, MIN(in->opsize, 4));
	else
		return;
	in->has_imm = true;
	if (flags & F_PORT)
		in->imm &= 0xff;
}

/* Combinations that raise #UD or mean another instruction. */
static err_t check(const struct insn *in, const struct prefixes *p, u16 flags)
{
	bool reads_only = in->op == INSN_CMP || in->op == INSN_TEST || in->op == INSN_BT;

	if (p->lock && (!(flags & F_LOCK) || !in->is_mem || reads_only))
		return ERR_INVAL;
	if (flags & F_MEM && (!in->is_mem || p->opsize || p->repne || p->repe))
		return ERR_INVAL;
	if (in->op == INSN_PAUSE && (!p->repe || p->rex & REX_B))
		return ERR_NOTSUP; /* NOP, or XCHG with R8 */
	if (in->op == INSN_MOV_FROM_CR || in->op == INSN_MOV_TO_CR) {
		bool there = in->reg == 0 || (in->reg >= 2 && in->reg <= 4) || in->reg == 8;

		return there ? ERR_OK : ERR_INVAL;
	}
	if (in->op == INSN_MOV_FROM_DR || in->op == INSN_MOV_TO_DR)
		return in->reg < 8 ? ERR_OK : ERR_INVAL;
	return ERR_OK;
}

static err_t read_modrm(struct cursor *c, struct insn *in, const struct prefixes *p, bool two,
			u8 opcode, struct opcode *o)
{
	u8 modrm = next(c);
	err_t err;

	if (c->err)
		return c->err;
	if (o->flags & F_GROUP) {
		err = pick_of_group(in, two, opcode, modrm, o);
		if (err)
			return err;
	}
	if (o->flags & F_NATIVE)
		modrm |= 0xc0; /* mod is ignored (SDM vol. 2, Move to/from Control Registers) */
	if (o->form != INSN_NONE)
		read_operands(c, in, p, modrm);
	return ERR_OK;
}

err_t insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *insn)
{
	struct cursor c = { .bytes = bytes, .n = n };
	struct prefixes p;
	struct opcode o;
	u8 opcode = read_prefixes(&c, mode, &p);
	bool two = opcode == 0x0f;
	err_t err;

	if (two)
		opcode = next(&c);
	if (c.err)
		return c.err;
	o = two ? insn_two_byte[opcode] : insn_one_byte[opcode];
	if (!(o.flags & F_VALID) || (o.flags & F_ONLY64 && mode != INSN_64))
		return ERR_NOTSUP;

	*insn = (struct insn){
		.mode = mode,
		.lock = p.lock,
		.seg = p.seg == SREG_COUNT ? SREG_DS : p.seg,
		.rep = o.flags & F_STRING && (p.repe || p.repne),
		.mem = { .seg = SREG_DS, .base = GPR_COUNT, .index = GPR_COUNT, .scale = 1 },
	};
	set_sizes(insn, &p, &o);
	if (o.flags & F_MODRM) {
		err = read_modrm(&c, insn, &p, two, opcode, &o);
		if (err)
			return err;
	} else if (o.flags & F_MOFFS) {
		read_moffs(&c, insn, &p);
	}
	insn->op = o.op;
	insn->form = o.form;
	read_immediate(&c, insn, o.flags);
	if (c.err)
		return c.err;
	insn->len = (u8)c.pos;
	return check(insn, &p, o.flags);
}

u8 insn_length(const u8 *bytes, size_t n, enum insn_mode mode)
{
	struct insn in;

	return insn_decode(bytes, n, mode, &in) ? 0 : in.len;
}

enum insn_mode insn_mode_of(const struct vcpu_sregs *s)
{
	const struct seg_reg *cs = &s->seg[SREG_CS];

	if (s->efer & EFER_LMA && cs->attr & SEG_ATTR_L)
		return INSN_64;
	return cs->attr & SEG_ATTR_DB ? INSN_32 : INSN_16;
}

const char *insn_op_name(enum insn_op op)
{
	static const char *const name[INSN_OP_COUNT] = {
		[INSN_ADD] = "add", [INSN_OR] = "or", [INSN_ADC] = "adc", [INSN_SBB] = "sbb",
		[INSN_AND] = "and", [INSN_SUB] = "sub", [INSN_XOR] = "xor", [INSN_CMP] = "cmp",
		[INSN_TEST] = "test", [INSN_INC] = "inc", [INSN_DEC] = "dec", [INSN_NOT] = "not",
		[INSN_NEG] = "neg", [INSN_MOV] = "mov", [INSN_MOVZX] = "movzx",
		[INSN_MOVSX] = "movsx", [INSN_XCHG] = "xchg", [INSN_CMPXCHG] = "cmpxchg",
		[INSN_XADD] = "xadd", [INSN_BT] = "bt", [INSN_BTS] = "bts", [INSN_BTR] = "btr",
		[INSN_BTC] = "btc", [INSN_MOVS] = "movs", [INSN_STOS] = "stos",
		[INSN_LODS] = "lods", [INSN_IN] = "in", [INSN_OUT] = "out", [INSN_INS] = "ins",
		[INSN_OUTS] = "outs", [INSN_MOV_FROM_CR] = "mov from cr",
		[INSN_MOV_TO_CR] = "mov to cr", [INSN_MOV_FROM_DR] = "mov from dr",
		[INSN_MOV_TO_DR] = "mov to dr", [INSN_CLTS] = "clts", [INSN_SMSW] = "smsw",
		[INSN_LMSW] = "lmsw", [INSN_INVLPG] = "invlpg", [INSN_CPUID] = "cpuid",
		[INSN_RDMSR] = "rdmsr", [INSN_WRMSR] = "wrmsr", [INSN_RDTSC] = "rdtsc",
		[INSN_RDTSCP] = "rdtscp", [INSN_RDPMC] = "rdpmc", [INSN_HLT] = "hlt",
		[INSN_PAUSE] = "pause", [INSN_INVD] = "invd", [INSN_WBINVD] = "wbinvd",
		[INSN_XSETBV] = "xsetbv", [INSN_VMCALL] = "vmcall",
		[INSN_VMMCALL] = "vmmcall",
	};

	return (unsigned)op < INSN_OP_COUNT ? name[op] : "?";
}
