/* SPDX-License-Identifier: BSD-2-Clause */
/* MSR and CPUID accesses of a guest. Input: records of 13 bytes: kind, index, value. */
#include <stdlib.h>
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/emul/cpuid.h"
#include "hv/emul/msr.h"

#define RECORD 13
#define EFER_ALLOWED 0xd01ull

static u64 efer;

static u64 read_zero(void *c) { (void)c; return 0; }
static void write_none(void *c, u64 v) { (void)c; (void)v; }
static bool reg_read(void *c, u32 r, u64 *v) { (void)c; ASSERT(r < 256); *v = 0; return true; }
static bool reg_write(void *c, u32 r, u64 v) { (void)c; (void)v; ASSERT(r < 256); return true; }
static u64 hw_read(void *c, enum vcpu_msr m) { (void)c; ASSERT(m < VCPU_MSR_COUNT); return 0; }

static u64 efer_read(void *c, bool *paging)
{
	(void)c;
	*paging = efer & 1;
	return efer;
}

static void efer_write(void *c, u64 v)
{
	(void)c;
	ASSERT(!(v & ~EFER_ALLOWED));
	efer = v;
}

static void hw_write(void *c, enum vcpu_msr m, u64 v)
{
	(void)c;
	ASSERT(m < VCPU_MSR_COUNT);
	if (m == VCPU_MSR_LSTAR || m == VCPU_MSR_GS_BASE)
		ASSERT((u64)((s64)(v << 16) >> 16) == v);
}

static void kvm_write(void *c, enum msr_kvm m, u64 v)
{
	(void)c;
	ASSERT(m < MSR_KVM_COUNT && !(v & 2));
}

static struct cpuid_regs host(void *c, u32 leaf, u32 sub)
{
	(void)c;
	(void)sub;
	if ((leaf & 0xffff) == 0)
		return (struct cpuid_regs){ .eax = leaf | 0x30 };
	return (struct cpuid_regs){ leaf, ~leaf, leaf * 3, ~0u };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct msr_config config = { .bsp = true, .x2apic = true, .tsc_deadline = true,
					   .tsc_adjust = true, .pv_eoi = true,
					   .efer_allowed = EFER_ALLOWED, .phys_bits = 40 };
	const struct msr_ops ops = {
		.tsc_read = read_zero, .tsc_write = write_none, .deadline_read = read_zero,
		.deadline_write = write_none, .x2apic_read = reg_read, .x2apic_write = reg_write,
		.apic_base = write_none, .efer_read = efer_read, .efer_write = efer_write,
		.hw_read = hw_read, .hw_write = hw_write, .kvm_write = kvm_write,
	};
	const struct cpuid_config cpu = { .host = host, .vcpus = 3, .xcr0_allowed = 7 };
	struct msr_state s;

	efer = 0;
	msr_init(&s, &config);
	for (; size >= RECORD; data += RECORD, size -= RECORD) {
		u32 index = load_le32(data + 1);
		u64 value = load_le64(data + 5);

		if (data[0] % 3 == 0)
			msr_read(&s, index, &value, &ops);
		else if (data[0] % 3 == 1)
			msr_write(&s, index, value, &ops);
		else
			cpuid_guest(&cpu, &(struct cpuid_vcpu){ .xcr0 = value }, index, (u32)value);
	}
	return 0;
}
