/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state that neither a VMCB nor a VMCS switches: x87 to PKRU by XSAVE
 * (SDM vol. 1 ch. 13), XCR0, DR0-3 and TSC_AUX. The hypervisor uses none of it,
 * so it moves only when another vCPU gets the core. Both backends hold one a vCPU.
 */
#ifndef ARCH_X86_64_XSTATE_H
#define ARCH_X86_64_XSTATE_H

#include "hv/backend.h"

struct xstate {
	void *area;    /* xstate_bytes(), 64-byte aligned; the state while not loaded */
	u64 xcr0;      /* while not loaded */
	u64 dr[4];     /* DR0-3; while loaded they are in the core */
	u64 tsc_aux;
	bool loaded;
};

/* What the processor has, into caps (xcr0_allowed, xsave_bytes) and for the
 * functions below. Boot core, before them. */
void xstate_detect(struct backend_caps *caps);

/* Size of an area that holds all the processor has. */
u32 xstate_bytes(void);

/* Each core, before its first vCPU: let the instructions work. */
void xstate_cpu_enable(void);

/* Values after reset; what is loaded is loaded anew. */
void xstate_reset(struct xstate *x);

/* Into and out of the core. Interrupts off. */
void xstate_load(struct xstate *x);
void xstate_put(struct xstate *x);

u64 xstate_get_xcr0(const struct xstate *x);
/* Bits outside xcr0_allowed were refused. ERR_INVAL: the processor refuses the
 * value, which it is asked while loaded. ERR_NOTSUP: it has no XSAVE. */
err_t xstate_set_xcr0(struct xstate *x, u64 value);
void xstate_set_tsc_aux(struct xstate *x, u64 value);

#endif
