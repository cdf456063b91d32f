/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes a decoded instruction against a guest's registers and memory: what
 * an MMIO or string I/O exit needs. Memory and ports are callbacks, so that
 * the code runs in host tests as it does in the hypervisor.
 */
#ifndef HV_EMUL_INSN_EXEC_H
#define HV_EMUL_INSN_EXEC_H

#include "hv/emul/insn.h"
#include "hv/base/x86.h"

/* Iterations of a REP instruction in one insn_exec(): the guest's interrupts
 * get a chance in between. */
#define INSN_REP_CHUNK 1024

enum insn_access {
	INSN_READ,
	INSN_WRITE,
	INSN_READ_TO_WRITE, /* read; the same bytes are written next */
	INSN_PROBE,	    /* would a write succeed? Nothing is read or written */
};

/* An exception to be injected. */
struct insn_fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 addr; /* for CR2, when the vector is #PF */
};

#define VECTOR_SS 12

struct insn_env {
	struct vcpu_regs *regs;		/* changed by the instruction; RIP is not */
	const struct vcpu_sregs *sregs; /* read only */
	/*
	 * Read or write size (1, 2, 4, 8) bytes at a linear address; *val is
	 * taken or given, zero-extended. Anything but ERR_OK stops the
	 * instruction: ERR_RANGE with *fault filled in raises that exception,
	 * other errors mean the access cannot be done at all.
	 */
	err_t (*mem)(void *ctx, u64 linear, u64 *val, u8 size, enum insn_access how,
		     struct insn_fault *fault);
	/* One port access of size 1, 2 or 4. */
	void (*io)(void *ctx, u16 port, u64 *val, u8 size, bool write);
	void *ctx;
};

enum insn_result {
	INSN_DONE,    /* complete: skip insn->len bytes */
	INSN_AGAIN,   /* a REP instruction is not at its end: do not skip, run on */
	INSN_FAULTED, /* inject *fault; do not skip */
	INSN_REFUSED, /* not an instruction this can execute, or memory said so */
};

/*
 * Registers and flags are as the processor leaves them (undefined flags as
 * found on real processors or unchanged). A REP instruction that faults leaves
 * the registers at the iteration that did. Segment limits and types are not
 * checked: the processor did so for the operand that exited. *fault is
 * written on INSN_FAULTED only.
 */
enum insn_result insn_exec(const struct insn *insn, const struct insn_env *env,
			   struct insn_fault *fault);

/* Linear address of seg:offset (SDM vol. 3A 3.4.4, 3.7.5): in 64-bit mode only
 * FS and GS have a base, else it is cut to 32 bits. */
u64 insn_linear(const struct vcpu_sregs *s, enum insn_mode mode, u8 seg, u64 offset);

/* A register's low `size` bytes, or with high bits 15:8. Writing 4 bytes clears
 * the upper half; writing 1 or 2 keeps the rest. */
u64 insn_get_gpr(const struct vcpu_regs *r, u8 reg, u8 size, bool high);
void insn_set_gpr(struct vcpu_regs *r, u8 reg, u8 size, bool high, u64 val);

#endif
