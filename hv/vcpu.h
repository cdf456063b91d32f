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

/* Written on the vCPU's core while its VM runs, read on any. */
enum vcpu_state {
	VCPU_OFF,	/* its VM is stopped */
	VCPU_WAIT_SIPI, /* from reset or INIT on until a start-up IPI (SDM vol. 3A 8.4.4) */
	VCPU_RUNNING,
	VCPU_HALTED,	/* HLT: runs again when an interrupt is deliverable */
	VCPU_DEAF,	/* HLT with interrupts off: for an NMI or INIT alone */
};

/* What others want of a vCPU beside interrupts: bits, taken before it runs next. */
enum vcpu_request {
	VCPU_REQ_INIT = 1,
	VCPU_REQ_SIPI = 2,
	VCPU_REQ_NMI = 4,
	VCPU_REQ_LINT0 = 8, /* the 8259's output changed */
	VCPU_REQ_TAKEN = 16, /* the vCPU's own: others are being carried out */
};

struct vcpu_stats {
	u64 exits[EXIT_KIND_COUNT];
	u64 apic[EXIT_KIND_COUNT]; /* of them: accesses to the local APIC, MMIO and MSRs */
	u64 total;
	u64 injected;	 /* external interrupts that the guest took from us */
	u64 pv_eois;	 /* EOIs without an exit; the APIC counts them */
	u64 kicks;	 /* virtio notifications */
	u64 ipis;	 /* interrupt messages that it sent to other vCPUs or by ICR */
	u64 starts;	 /* INITs that it obeyed */
};

struct vcpu {
	struct vm *vm;
	u32 index; /* in the VM; also the local APIC id */
	u32 core;
	enum vcpu_state state;
	u32 requests;	   /* enum vcpu_request; atomic */
	u8 sipi_vector;	   /* of the last start-up IPI; atomic */
	u32 turn;	   /* of vm->turn, as its core carried it out; atomic */
	struct vcpu *next; /* ring of the core's vCPUs */
	struct vcpu_hw *hw;
	void *lapic_page;
	struct lapic lapic;
	struct msr_state msr;
	u64 tsc_offset;
	u64 cr4_allowed; /* what the guest's CPUID offers */
	enum apic_mode apic_mode; /* as the backend knows it */
	bool apic_accel; /* the processor delivers from the APIC's page by itself */
	bool takes_posted; /* ... and takes in what is posted while it runs the guest */
	bool inside;	 /* it does that now, or is about to enter; atomic */
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

/* Something may have made v runnable, or waits for it: any core. It leaves the guest
 * at once; on its own core nothing is needed, as it looks before it runs again. */
void vcpu_kick(struct vcpu *v);

/* An interrupt was posted (LAPIC_WAKE_NOTIFY): any core. As vcpu_kick(), but where the
 * processor takes it in by itself the guest is not left. */
void vcpu_notify(struct vcpu *v);

/* Ask for this, and kick it: any core. An INIT takes the place of a start-up IPI that
 * came before it; what a processor in this state ignores is dropped. */
void vcpu_request(struct vcpu *v, enum vcpu_request what);

/* Carry out what was requested; can it run? */
bool vcpu_runnable(struct vcpu *v);

/* A new state, seen by the other cores. When that leaves the VM without a vCPU that
 * anything could wake, the VM is over. */
void vcpu_set_state(struct vcpu *v, enum vcpu_state state);

/* Short lower-case name for `show vm`. */
const char *vcpu_state_name(enum vcpu_state s);

/* Enter the guest once and handle the exit. c is the calling core; interrupts
 * on before and after. Returns at once when the core has events. */
void vcpu_run(struct core *c, struct vcpu *v);

/* Poll what is due of the core's vCPUs: their APIC timers, and the timed devices of
 * those VMs whose first vCPU is here. */
void vcpu_poll_timers(struct core *c, u64 now_ns);

/* When the first of these is due. */
u64 vcpu_next_deadline_ns(const struct core *c);

/* Inject #GP(0), #UD, or any exception; an earlier one that still waits wins. */
void vcpu_inject(struct vcpu *v, u8 vector, bool has_error, u32 error);
void vcpu_inject_pf(struct vcpu *v, u64 addr, u32 error);

#endif
