/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual CPU and one turn of its run loop: offer interrupts, enter, and
 * hand the exit to hv/exits.c. A vCPU is pinned to a core; everything here
 * runs on that core unless said otherwise.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include "hv/backend.h"
#include "hv/core.h"
#include "hv/emul/lapic.h"
#include "hv/emul/msr.h"

struct vm;

enum vcpu_state {
	VCPU_OFF,     /* not started, or its VM is stopped */
	VCPU_RUNNING,
	VCPU_HALTED,  /* HLT: runs again when an interrupt is deliverable */
};

struct vcpu_stats {
	u64 exits[EXIT_KIND_COUNT];
	u64 apic[EXIT_KIND_COUNT]; /* of them: accesses to the local APIC, MMIO and MSRs */
	u64 total;
	u64 injected;	 /* external interrupts that the guest took from us */
	u64 pv_eois;	 /* EOIs without an exit */
	u64 kicks;	 /* virtio notifications */
};

struct vcpu {
	struct vm *vm;
	u32 index; /* in the VM; also the local APIC id */
	u32 core;
	enum vcpu_state state;
	struct vcpu *next; /* ring of the core's vCPUs */
	struct vcpu_hw *hw;
	struct lapic lapic;
	struct msr_state msr;
	u64 tsc_offset;
	u64 cr4_allowed; /* what the guest's CPUID offers */
	enum apic_mode apic_mode; /* as the backend knows it */
	bool apic_accel; /* the processor delivers from the APIC's page by itself */
	int offered;	 /* by the local APIC for the next run, -1: nothing */
	int extint;	 /* vector of the 8259, acknowledged but not yet taken; -1 */
	struct vcpu_exit exit;
	struct vcpu_stats stats;
};

/* The backend in use; set once by the boot core before any vCPU exists. */
extern const struct vcpu_backend *backend;
extern struct backend_caps backend_caps;

/* Put v into, or take it out of, its core's run ring. Called on v's core. */
void vcpu_ring_add(struct vcpu *v);
void vcpu_ring_remove(struct vcpu *v);

/* Something may have made v runnable: any core. */
void vcpu_kick(struct vcpu *v);

bool vcpu_runnable(struct vcpu *v);

/* Enter the guest once and handle the exit. c is the calling core; interrupts
 * on before and after. Returns at once when the core has events. */
void vcpu_run(struct core *c, struct vcpu *v);

/* Poll the timers of the core's VMs that are due. */
void vcpu_poll_timers(struct core *c, u64 now_ns);

/* When the first timed device of the core's VMs is due. */
u64 vcpu_next_deadline_ns(const struct core *c);

/* Inject #GP(0), #UD, or any exception; an earlier one that still waits wins. */
void vcpu_inject(struct vcpu *v, u8 vector, bool has_error, u32 error);
void vcpu_inject_pf(struct vcpu *v, u64 addr, u32 error);

#endif
