/* SPDX-License-Identifier: BSD-2-Clause */
/* What each kind of exit leads to. */
#ifndef HV_EXITS_H
#define HV_EXITS_H

#include "hv/emul/linear.h"
#include "hv/vcpu.h"

/* Handle the exit of v's last run; may change its state or stop its VM.
 * v's core, interrupts on. */
void exit_handle(struct vcpu *v, const struct vcpu_exit *x);

/* MMIO and string I/O: decode and carry out (hv/exit_insn.c). */
void exit_emulate(struct vcpu *v, const struct vcpu_exit *x);

/* Writes to control registers (hv/exit_cr.c). */
void exit_cr_read(struct vcpu *v, const struct vcpu_exit *x);
void exit_cr_write(struct vcpu *v, const struct vcpu_exit *x);

/* CPUID and MSRs (hv/exit_msr.c). */
void exit_cpuid(struct vcpu *v, const struct vcpu_exit *x);
void exit_rdmsr(struct vcpu *v, const struct vcpu_exit *x);
void exit_wrmsr(struct vcpu *v, const struct vcpu_exit *x);

/* Bytes at the guest's RIP: those of the exit, or fetched. Returns how many
 * are there (up to INSN_MAX), 0 when the fetch would fault. */
u8 exit_insn_bytes(struct vcpu *v, const struct vcpu_exit *x, u8 bytes[INSN_MAX]);

/* Advance over the instruction that exited. #UD when its length cannot be told. */
void exit_skip(struct vcpu *v, const struct vcpu_exit *x);

#endif
