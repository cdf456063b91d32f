/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU backend whose exits are a script: run() hands them out one by one and
 * keeps what the run loop did in between. One vCPU.
 */
#ifndef TESTS_HOST_FAKE_BACKEND_H
#define TESTS_HOST_FAKE_BACKEND_H

#include "hv/backend.h"

#define FAKE_LOG 16

struct fake_step {
	struct vcpu_exit exit;
	bool take;	/* the interrupt on offer is delivered before this exit */
	bool sets_cr8;	/* the guest writes its task priority without an exit */
	u8 cr8;
	u64 rip;	/* where the guest is at the exit; 0: where it was left */
};

struct vcpu_hw {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	u64 msr[VCPU_MSR_COUNT];
	u64 xcr0;
	u64 tsc_offset;
	const struct fake_step *script;
	u32 steps, next;
	int offered, taken;
	int offers[FAKE_LOG]; /* what was on offer at each entry */
	u8 threshold, thresholds[FAKE_LOG];
	bool delivers; /* from the page of an x2APIC */
	enum apic_mode mode;
	struct apic_delivery page, pages[FAKE_LOG]; /* what it was told of the page */
	struct vcpu_event injected[FAKE_LOG];
	u32 injections;
	u32 inits;
	bool loaded;
	bool ran_with_irqs; /* an entry with interrupts on: wrong */
};

extern struct vcpu_hw fake_hw;
extern const struct vcpu_backend fake_backend;

/* Start over with this script; it stays the caller's. The last step repeats. */
void fake_script(const struct fake_step *script, u32 steps);

#endif
