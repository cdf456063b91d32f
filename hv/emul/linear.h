/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest-linear memory: page walk, then guest memory or a device. Joins
 * walk.h, hv/mem and insn_exec.h into what an exit handler calls.
 */
#ifndef HV_EMUL_LINEAR_H
#define HV_EMUL_LINEAR_H

#include "hv/emul/insn_exec.h"
#include "hv/emul/walk.h"
#include "hv/mem/gmem.h"
#include "hv/mem/iomap.h"

/* A vCPU's view of memory and ports for the length of one exit. */
struct linear {
	struct gmem *gm;
	/* One that no memory of gm answers: to a port, or by physical address. */
	void (*device)(void *ctx, bool port, struct io_access *a);
	void *ctx;
	struct vcpu_regs *regs;
	const struct vcpu_sregs *sregs;
	u8 phys_bits;	    /* guest's physical address width */
};

/*
 * Read or write size (1 .. 8) bytes at a linear address. An access that
 * crosses a page is done as two, after both were translated. What lies in
 * guest memory is copied; the rest goes to device() as one access a page.
 * Errors as insn_env.mem says.
 */
err_t linear_access(struct linear *l, u64 addr, u64 *val, u8 size, enum insn_access how,
		    struct insn_fault *fault);

/*
 * The bytes of the instruction at CS:RIP. Up to INSN_MAX are read, across
 * pages; *n says how many could be (a page that is not there ends them).
 * ERR_RANGE with *fault when there is not even one.
 */
err_t linear_fetch(struct linear *l, u8 bytes[INSN_MAX], u8 *n, struct insn_fault *fault);

/*
 * Fetch (unless have > 0 bytes were provided by the processor), decode and
 * execute the instruction that exited. *insn holds it unless INSN_REFUSED is
 * returned and bytes cannot be decoded; then insn->len is 0. On INSN_DONE the
 * caller skips insn->len bytes; on INSN_FAULTED it injects *fault.
 */
enum insn_result linear_emulate(struct linear *l, u8 bytes[INSN_MAX], u8 *have,
				struct insn *insn, struct insn_fault *fault);

#endif
