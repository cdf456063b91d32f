/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs and kvm-clock: checks, callbacks, what Linux reads at boot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/emul/kvmclock.h"
#include "hv/emul/msr.h"

static struct {
	u64 tsc, deadline, efer, hw[VCPU_MSR_COUNT], x2apic[256], apic_base, kvm[MSR_KVM_COUNT];
	bool paging;
} dev;

static u64 tsc_read(void *c) { (void)c; return dev.tsc; }
static void tsc_write(void *c, u64 v) { (void)c; dev.tsc = v; }
static u64 deadline_read(void *c) { (void)c; return dev.deadline; }
static void deadline_write(void *c, u64 v) { (void)c; dev.deadline = v; }
static void apic_base(void *c, u64 v) { (void)c; dev.apic_base = v; }
static void efer_write(void *c, u64 v) { (void)c; dev.efer = v; }
static u64 hw_read(void *c, enum vcpu_msr m) { (void)c; return dev.hw[m]; }
static void hw_write(void *c, enum vcpu_msr m, u64 v) { (void)c; dev.hw[m] = v; }
static void kvm_write(void *c, enum msr_kvm m, u64 v) { (void)c; dev.kvm[m] = v; }

static u64 efer_read(void *c, bool *paging)
{
	(void)c;
	*paging = dev.paging;
	return dev.efer;
}

static bool x2apic_read(void *c, u32 reg, u64 *v)
{
	(void)c;
	*v = dev.x2apic[reg];
	return reg != 0xff;
}

static bool x2apic_write(void *c, u32 reg, u64 v)
{
	(void)c;
	dev.x2apic[reg] = v;
	return reg != 0xff;
}

static const struct msr_ops ops = {
	.tsc_read = tsc_read, .tsc_write = tsc_write, .deadline_read = deadline_read,
	.deadline_write = deadline_write, .x2apic_read = x2apic_read,
	.x2apic_write = x2apic_write, .apic_base = apic_base, .efer_read = efer_read,
	.efer_write = efer_write, .hw_read = hw_read, .hw_write = hw_write,
	.kvm_write = kvm_write,
};

static struct msr_state s;

static int setup(void **state)
{
	const struct msr_config c = {
		.bsp = true, .x2apic = true, .tsc_deadline = true, .pv_eoi = true,
		.efer_allowed = 0xd01, .phys_bits = 40,
	};

	(void)state;
	memset(&dev, 0, sizeof(dev));
	msr_init(&s, &c);
	return 0;
}

static u64 get(u32 index)
{
	u64 v;

	assert_true(msr_read(&s, index, &v, &ops));
	return v;
}

static bool set(u32 index, u64 v)
{
	return msr_write(&s, index, v, &ops);
}

static bool readable(u32 index)
{
	u64 v;

	return msr_read(&s, index, &v, &ops);
}

static void apic_base_transitions(void **state)
{
	const u64 base = 0xfee00000, bsp = 0x100, en = 0x800, extd = 0x400;

	(void)state;
	assert_int_equal(get(0x1b), base | bsp | en);
	assert_false(readable(0x802));
	assert_false(set(0x1b, base | bsp | extd));
	assert_false(set(0x1b, 0xfed00000 | bsp | en)); /* the base stays */
	assert_false(set(0x1b, base | en));		/* so does BSP */
	assert_true(set(0x1b, base | bsp | en | extd));
	assert_int_equal(dev.apic_base, base | bsp | en | extd);
	assert_true(set(0x830, 0x300000500));
	assert_true(dev.x2apic[0x30] == 0x300000500);
	assert_false(set(0x8ff, 0));
	assert_false(set(0x1b, base | bsp | en)); /* x2APIC to xAPIC: only through off */
	assert_true(set(0x1b, base | bsp));
	assert_false(set(0x1b, base | bsp | en | extd));
	assert_true(set(0x1b, base | bsp | en));
	s.config.x2apic = false;
	assert_false(set(0x1b, base | bsp | en | extd));
}

static void efer_checks(void **state)
{
	(void)state;
	assert_false(set(0xc0000080, 1 << 12)); /* SVME is not offered */
	assert_true(set(0xc0000080, 0x901));
	assert_int_equal(dev.efer, 0x901);
	dev.efer = 0xd01;
	dev.paging = true;
	assert_false(set(0xc0000080, 0xc01)); /* LME while paging */
	assert_true(set(0xc0000080, 0x900));
	assert_int_equal(dev.efer, 0xd00); /* LMA is kept */
}

static void time_registers(void **state)
{
	(void)state;
	dev.tsc = 1000;
	assert_int_equal(get(0x10), 1000);
	assert_true(set(0x10, 500));
	assert_int_equal(dev.tsc, 500);
	assert_false(readable(0x3b)); /* TSC_ADJUST is not offered */
	s.config.tsc_adjust = true;
	assert_true(get(0x3b) == (u64)-500);
	assert_true(set(0x3b, 0));
	assert_int_equal(dev.tsc, 1000);
	assert_true(set(0x6e0, 77));
	assert_int_equal(dev.deadline, 77);
	s.config.tsc_deadline = false;
	assert_false(set(0x6e0, 77));
	assert_false(readable(0x6e0));
}

static void pat_and_mtrr(void **state)
{
	(void)state;
	assert_true(set(0x277, 0x0007040600070406));
	assert_false(set(0x277, 0x0007040600070402));
	assert_true(dev.hw[VCPU_MSR_PAT] == 0x0007040600070406);
	assert_int_equal(get(0xfe), 0x508);
	assert_int_equal(get(0x2ff), 0xc06);
	assert_true(get(0x250) == 0x0606060606060606);
	assert_false(set(0xfe, 0));
	assert_true(set(0x26f, 0x0000000000000605));
	assert_int_equal(get(0x26f), 0x605);
	assert_false(set(0x26f, 0x02));
	assert_true(set(0x200, 0xc0000000));
	assert_true(set(0x201, 0xffc0000800));
	assert_false(set(0x201, 0x1ffc0000800ull << 4)); /* beyond 40 bits */
	assert_int_equal(get(0x200), 0xc0000000);
	assert_true(get(0x201) == 0xffc0000800);
	assert_false(set(0x2ff, 0x1000));
	assert_false(readable(0x210));
}

static void backend_registers(void **state)
{
	(void)state;
	assert_true(set(0xc0000082, 0xffffffff81000000));
	assert_true(get(0xc0000082) == 0xffffffff81000000);
	assert_false(set(0xc0000082, 0x0000800000000000));
	assert_false(set(0xc0000101, 0x8000000000000000));
	assert_true(set(0xc0000103, 3));
	assert_int_equal(dev.hw[VCPU_MSR_TSC_AUX], 3);
	assert_false(set(0xc0000103, 1ull << 32));
	assert_true(set(0x176, 0xffffffff81000000));
}

static void kvm_registers(void **state)
{
	(void)state;
	assert_true(set(0x4b564d01, 0x1000 | 1));
	assert_int_equal(dev.kvm[MSR_KVM_SYSTEM_TIME], 0x1001);
	assert_int_equal(get(0x12), 0x1001);
	assert_false(set(0x4b564d01, 0x1002));
	assert_true(set(0x4b564d00, 0x2000));
	assert_false(set(0x4b564d00, 0x2001));
	assert_true(set(0x4b564d04, 0x3001));
	s.config.pv_eoi = false;
	assert_false(set(0x4b564d04, 0x3001));
	assert_false(readable(0x4b564d04));
}

static void what_linux_reads(void **state)
{
	/* reads that have to succeed, and their values */
	static const struct {
		u32 index;
		u64 value;
	} good[] = {
		{ 0x17, 0 }, { 0x3a, 1 }, { 0x8b, 0 }, { 0xce, 0 }, { 0x179, 0 }, { 0x17a, 0 },
		{ 0x1a0, 0x1801 }, { 0xc0010010, 0 }, { 0xc0010015, 1 << 24 },
		{ 0xc0010055, 0 }, { 0xc0011029, 2 },
	};
	/* probes that have to fail: speculation control, LS_CFG, counters, RAPL */
	static const u32 bad[] = { 0x48, 0x49, 0x10a, 0x186, 0xc0011020, 0xc0010000, 0x606,
				   0x140, 0xc0010114, 0x38f, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(get(good[i].index) == good[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(readable(bad[i]));
	assert_int_equal(s.unknown, ARRAY_SIZE(bad));
	assert_false(set(0x48, 1));
	assert_int_equal(s.unknown_last, 0x48);
	assert_true(set(0x8b, 0)); /* before reading the microcode revision */
	assert_true(set(0xc0010010, 1 << 18));
	assert_int_equal(get(0xc0010010), 1 << 18);
}

/* --- kvm-clock --- */

static u64 guest_ns(const struct kvmclock_vcpu_info *i, u64 tsc)
{
	u64 d = tsc - i->tsc_timestamp;

	d = i->tsc_shift < 0 ? d >> -i->tsc_shift : d << i->tsc_shift;
	return i->system_time + (u64)((unsigned __int128)d * i->tsc_to_system_mul >> 32);
}

static void clock_runs_right(void **state)
{
	static const u32 khz[] = { 1, 1000, 999999, 1000000, 1000001, 2000000, 2000001, 2700000,
				   5000000, 4294967295 };
	static struct kvmclock_vcpu_info info ALIGNED(64);
	struct gmem gm = { 0 };

	(void)state;
	gmem_add(&gm, gpa(0), sizeof(info), &info, (bus_t){ 0 }, true);
	for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
		struct kvmclock_time t = { .tsc = 12345, .ns = 1000, .tsc_khz = khz[i],
					   .stable = true };
		u32 version = info.version;
		u64 ns;

		assert_int_equal(kvmclock_publish(&gm, gpa(0), &t), ERR_OK);
		assert_int_equal(info.version & 1, 0);
		assert_true(info.version != version);
		assert_int_equal(info.flags, 1);
		assert_int_equal(guest_ns(&info, 12345), 1000);
		/* ten seconds later, within a millionth */
		ns = guest_ns(&info, 12345 + khz[i] * 10000ull) - 1000;
		assert_in_range(ns, 9999990000ull, 10000010000ull);
	}
	assert_int_equal(kvmclock_publish(&gm, gpa(4), &(struct kvmclock_time){ .tsc_khz = 1 }),
			 ERR_RANGE);
	assert_int_equal(kvmclock_publish(&gm, gpa(2), &(struct kvmclock_time){ .tsc_khz = 1 }),
			 ERR_RANGE);
}

static void wall_clock(void **state)
{
	static struct kvmclock_wall w ALIGNED(64);
	struct gmem gm = { 0 };

	(void)state;
	gmem_add(&gm, gpa(0), sizeof(w), &w, (bus_t){ 0 }, true);
	assert_int_equal(kvmclock_publish_wall(&gm, gpa(0), 1793000000123456789ull), ERR_OK);
	assert_int_equal(w.sec, 1793000000);
	assert_int_equal(w.nsec, 123456789);
	assert_int_equal(w.version & 1, 0);
	assert_int_equal(kvmclock_publish_wall(&gm, gpa(4), 0), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(apic_base_transitions, setup),
		cmocka_unit_test_setup(efer_checks, setup),
		cmocka_unit_test_setup(time_registers, setup),
		cmocka_unit_test_setup(pat_and_mtrr, setup),
		cmocka_unit_test_setup(backend_registers, setup),
		cmocka_unit_test_setup(kvm_registers, setup),
		cmocka_unit_test_setup(what_linux_reads, setup),
		cmocka_unit_test(clock_runs_right),
		cmocka_unit_test(wall_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
