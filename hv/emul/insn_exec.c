/* SPDX-License-Identifier: BSD-2-Clause */
/* Execution of decoded instructions; see insn_exec.h. Semantics: SDM vol. 2. */
#include "hv/emul/insn_exec.h"

#include "hv/emul/alu.h"

/* One instruction on its way. */
struct exec {
	const struct insn *in;
	const struct insn_env *env;
	struct vcpu_regs *regs;
	struct insn_fault fault;
};

static u64 mask_of(u8 size)
{
	return size >= 8 ? ~0ull : BIT64(8 * size) - 1;
}

static u64 sign_extend(u64 v, u8 size)
{
	unsigned shift = 64 - 8u * size;

	return (u64)((s64)(v << shift) >> shift);
}

u64 insn_get_gpr(const struct vcpu_regs *r, u8 reg, u8 size, bool high)
{
	return r->gpr[reg] >> (high ? 8 : 0) & mask_of(size);
}

void insn_set_gpr(struct vcpu_regs *r, u8 reg, u8 size, bool high, u64 val)
{
	unsigned shift = high ? 8 : 0;

	val &= mask_of(size);
	if (size >= 4)
		r->gpr[reg] = val;
	else
		r->gpr[reg] = (r->gpr[reg] & ~(mask_of(size) << shift)) | val << shift;
}

u64 insn_linear(const struct vcpu_sregs *s, enum insn_mode mode, u8 seg, u64 offset)
{
	if (mode != INSN_64)
		return (u32)(s->seg[seg].base + offset);
	if (seg == SREG_FS || seg == SREG_GS)
		return s->seg[seg].base + offset;
	return offset;
}

/* Bits 63:47 equal (SDM vol. 1 3.3.7.1); guests have no 5-level paging. */
static bool canonical(u64 linear)
{
	return sign_extend(linear, 6) == linear;
}

/* offset is cut to the address size first. */
static err_t mem(struct exec *x, u8 seg, u64 offset, u64 *val, u8 size, enum insn_access how)
{
	u64 linear = insn_linear(x->env->sregs, x->in->mode, seg,
				 offset & mask_of(x->in->addrsize));

	if (x->in->mode == INSN_64 && (!canonical(linear) || !canonical(linear + size - 1))) {
		x->fault = (struct insn_fault){
			.vector = seg == SREG_SS ? VECTOR_SS : VECTOR_GP,
			.has_error = true,
		};
		return ERR_RANGE;
	}
	return x->env->mem(x->env->ctx, linear, val, size, how, &x->fault);
}

/* The r/m operand's offset in its segment, before it is cut. */
static u64 rm_offset(const struct exec *x)
{
	const struct insn_mem *m = &x->in->mem;
	u64 off = (u64)m->disp;

	if (m->base != GPR_COUNT)
		off += x->regs->gpr[m->base];
	if (m->index != GPR_COUNT)
		off += x->regs->gpr[m->index] * m->scale;
	if (m->rip)
		off += x->regs->rip + x->in->len;
	return off;
}

static err_t rm_access(struct exec *x, u64 offset, u64 *val, enum insn_access how)
{
	return mem(x, x->in->mem.seg, offset, val, x->in->memsize, how);
}

static u64 get_reg(const struct exec *x)
{
	return insn_get_gpr(x->regs, x->in->reg, x->in->opsize, x->in->reg_high);
}

static void set_reg(struct exec *x, u64 val)
{
	insn_set_gpr(x->regs, x->in->reg, x->in->opsize, x->in->reg_high, val);
}

/* Moves, with and without extension. */
static err_t exec_move(struct exec *x)
{
	const struct insn *in = x->in;
	u64 val;
	err_t err;

	if (in->form != INSN_REG_RM) {
		val = in->form == INSN_RM_IMM ? in->imm & mask_of(in->memsize) : get_reg(x);
		return rm_access(x, rm_offset(x), &val, INSN_WRITE);
	}
	err = rm_access(x, rm_offset(x), &val, INSN_READ);
	if (err)
		return err;
	if (in->op == INSN_MOVSX)
		val = sign_extend(val, in->memsize);
	set_reg(x, val);
	return ERR_OK;
}

/* A bit number in a register may point far outside the operand: whole
 * operands are added to the address (SDM vol. 2, BT). */
static u64 bit_offset(const struct exec *x, u64 bit)
{
	const struct insn *in = x->in;
	u8 shift = in->opsize == 2 ? 4 : in->opsize == 4 ? 5 : 6;

	return (u64)((s64)sign_extend(bit, in->opsize) >> shift) * in->opsize;
}

static err_t exec_alu(struct exec *x)
{
	const struct insn *in = x->in;
	bool reads_only = in->op == INSN_CMP || in->op == INSN_TEST || in->op == INSN_BT ||
			  in->form == INSN_REG_RM;
	bool bit = in->op >= INSN_BT && in->op <= INSN_BTC;
	u64 off = rm_offset(x), flags = x->regs->rflags, m, src = 0, result;
	err_t err;

	if (in->form == INSN_RM_IMM)
		src = in->imm;
	else if (in->form != INSN_RM)
		src = get_reg(x);
	if (bit && in->form == INSN_RM_REG)
		off += bit_offset(x, src);

	err = rm_access(x, off, &m, reads_only ? INSN_READ : INSN_READ_TO_WRITE);
	if (err)
		return err;
	if (in->form == INSN_REG_RM)
		result = alu_do(in->op, in->opsize, src, m, &flags);
	else
		result = alu_do(in->op, in->opsize, m, src, &flags);
	if (!reads_only)
		err = rm_access(x, off, &result, INSN_WRITE);
	if (err)
		return err;
	if (in->form == INSN_REG_RM && in->op != INSN_CMP)
		set_reg(x, result);
	x->regs->rflags = flags;
	return ERR_OK;
}

/* XCHG, XADD, CMPXCHG: one read, one write, registers last. */
static err_t exec_exchange(struct exec *x)
{
	const struct insn *in = x->in;
	u64 off = rm_offset(x), flags = x->regs->rflags, old, new;
	u64 acc = insn_get_gpr(x->regs, GPR_RAX, in->opsize, false);
	err_t err = rm_access(x, off, &old, INSN_READ_TO_WRITE);

	if (err)
		return err;
	new = get_reg(x);
	if (in->op == INSN_XADD)
		new = alu_do(INSN_ADD, in->opsize, old, new, &flags);
	else if (in->op == INSN_CMPXCHG) {
		alu_do(INSN_CMP, in->opsize, acc, old, &flags);
		if (acc != old)
			new = old;
	}
	err = rm_access(x, off, &new, INSN_WRITE);
	if (err)
		return err;
	x->regs->rflags = flags;
	if (in->op != INSN_CMPXCHG)
		set_reg(x, old);
	else if (acc != old)
		insn_set_gpr(x->regs, GPR_RAX, in->opsize, false, old);
	return ERR_OK;
}

static void port_access(struct exec *x, u64 *val, bool write)
{
	const struct insn *in = x->in;
	u16 port = (u16)(in->has_imm ? in->imm : x->regs->gpr[GPR_RDX]);

	x->env->io(x->env->ctx, port, val, in->opsize, write);
}

static void exec_port(struct exec *x)
{
	u64 val = insn_get_gpr(x->regs, GPR_RAX, x->in->opsize, false);

	port_access(x, &val, x->in->op == INSN_OUT);
	if (x->in->op == INSN_IN)
		insn_set_gpr(x->regs, GPR_RAX, x->in->opsize, false, val);
}

static void advance(struct exec *x, enum gpr reg)
{
	u64 step = x->in->opsize;
	u8 size = x->in->addrsize;

	if (x->regs->rflags & FLAG_DF)
		step = -step;
	insn_set_gpr(x->regs, reg, size, false, x->regs->gpr[reg] + step);
}

/* One iteration of a string instruction. */
static err_t string_once(struct exec *x)
{
	const struct insn *in = x->in;
	bool from_mem = in->op == INSN_MOVS || in->op == INSN_LODS || in->op == INSN_OUTS;
	bool to_mem = in->op == INSN_MOVS || in->op == INSN_STOS || in->op == INSN_INS;
	u64 val = insn_get_gpr(x->regs, GPR_RAX, in->opsize, false);
	err_t err = ERR_OK;

	if (from_mem)
		err = mem(x, in->seg, x->regs->gpr[GPR_RSI], &val, in->opsize, INSN_READ);
	if (err)
		return err;
	if (in->op == INSN_INS) {
		/* A port is read once: only when the destination can take it. */
		err = mem(x, SREG_ES, x->regs->gpr[GPR_RDI], &val, in->opsize, INSN_PROBE);
		if (err)
			return err;
		port_access(x, &val, false);
	}
	if (to_mem)
		err = mem(x, SREG_ES, x->regs->gpr[GPR_RDI], &val, in->opsize, INSN_WRITE);
	if (err)
		return err;
	if (in->op == INSN_OUTS)
		port_access(x, &val, true);
	else if (in->op == INSN_LODS)
		insn_set_gpr(x->regs, GPR_RAX, in->opsize, false, val);
	if (from_mem)
		advance(x, GPR_RSI);
	if (to_mem)
		advance(x, GPR_RDI);
	return ERR_OK;
}

static err_t exec_string(struct exec *x, bool *more)
{
	u8 size = x->in->addrsize;
	err_t err = ERR_OK;

	*more = false;
	if (!x->in->rep)
		return string_once(x);
	for (u32 i = 0; insn_get_gpr(x->regs, GPR_RCX, size, false) != 0; i++) {
		if (i == INSN_REP_CHUNK) {
			*more = true;
			break;
		}
		err = string_once(x);
		if (err)
			break;
		insn_set_gpr(x->regs, GPR_RCX, size, false, x->regs->gpr[GPR_RCX] - 1);
	}
	return err;
}

enum insn_result insn_exec(const struct insn *insn, const struct insn_env *env,
			   struct insn_fault *fault)
{
	struct exec x = { .in = insn, .env = env, .regs = env->regs };
	bool more = false;
	err_t err = ERR_OK;

	switch (insn->op) {
	case INSN_MOVS:
	case INSN_STOS:
	case INSN_LODS:
	case INSN_INS:
	case INSN_OUTS:
		err = exec_string(&x, &more);
		break;
	case INSN_IN:
	case INSN_OUT:
		exec_port(&x);
		break;
	default:
		if (!insn->is_mem || insn->op > INSN_BTC)
			return INSN_REFUSED;
		if (insn->op <= INSN_NEG || insn->op >= INSN_BT)
			err = exec_alu(&x);
		else if (insn->op <= INSN_MOVSX)
			err = exec_move(&x);
		else
			err = exec_exchange(&x);
	}
	if (err == ERR_OK)
		return more ? INSN_AGAIN : INSN_DONE;
	if (err != ERR_RANGE)
		return INSN_REFUSED;
	*fault = x.fault;
	return INSN_FAULTED;
}
