/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm-clock: the time structures a guest reads without an exit (Linux
 * Documentation/virt/kvm/x86/msr.rst). Time is
 *     system_time + (((tsc - tsc_timestamp) << shift) * mul >> 32).
 */
#ifndef HV_EMUL_KVMCLOCK_H
#define HV_EMUL_KVMCLOCK_H

#include "hv/base/err.h"
#include "hv/mem/gmem.h"

/* In guest memory, one a vCPU. */
struct kvmclock_vcpu_info {
	u32 version; /* odd while it is being written */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time; /* ns */
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
};

STATIC_ASSERT(sizeof(struct kvmclock_vcpu_info) == 32, "pvclock ABI");
STATIC_ASSERT(offsetof(struct kvmclock_vcpu_info, tsc_timestamp) == 8, "pvclock ABI");
STATIC_ASSERT(offsetof(struct kvmclock_vcpu_info, tsc_shift) == 28, "pvclock ABI");

/* In guest memory, one a VM. */
struct kvmclock_wall {
	u32 version;
	u32 sec; /* since 1970, when system_time was 0 */
	u32 nsec;
};

STATIC_ASSERT(sizeof(struct kvmclock_wall) == 12, "pvclock ABI");

#define KVMCLOCK_STABLE BIT(0) /* the TSCs of all vCPUs agree */

/* One point of the line that guest time is. */
struct kvmclock_time {
	u64 tsc;     /* guest TSC ... */
	u64 ns;	     /* ... at this guest time */
	u32 tsc_khz;
	bool stable;
};

/* mul and shift for a TSC of khz; khz is at least 1. */
void kvmclock_scale(u32 khz, u32 *mul, s8 *shift);

/*
 * Write the vCPU's structure at `at` (4-byte aligned, wholly in guest memory;
 * else ERR_RANGE). On the vCPU's core while the guest does not run there.
 */
err_t kvmclock_publish(struct gmem *gm, gpa_t at, const struct kvmclock_time *t);

/* Write the wall clock: unix_ns is the time of day when guest time was 0. */
err_t kvmclock_publish_wall(struct gmem *gm, gpa_t at, u64 unix_ns);

#endif
