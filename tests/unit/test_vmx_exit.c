/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VT-x backend's exit records, against a VMCS that is filled in as the manual
 * says the processor does (SDM vol. 3C 27.2); the kinds are those that SVM's
 * exits for the same events have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_exit.c"

#define RIP 0x1000
#define EVENT(type, vector) ((u32)(VMX_INTR_VALID | (type) << VMX_INTR_TYPE_SHIFT | (vector)))

struct vmx_cap vmx_cap;

static struct vcpu_hw hw;
static struct vcpu_exit record;
static const char *check_says;

const char *vmx_check_entry(const struct vmx_cap *cap)
{
	assert_ptr_equal(cap, &vmx_cap);
	return check_says;
}

static int setup(void **state)
{
	(void)state;
	host_vmcs_reset();
	hw = (struct vcpu_hw){ .regs.rip = RIP };
	check_says = NULL;
	return 0;
}

/* The length field is written by every exit here, defined or not. */
static void exit_as(u32 reason, u64 qualification)
{
	hw.reason = reason;
	vmcs_write(VMCS_QUALIFICATION, qualification);
	vmcs_write(VMCS_EXIT_INSN_LEN, 3);
	memset(&record, 0x5a, sizeof(record));
	vmx_exit_record(&hw, &record);
}

static void test_kinds(void **state)
{
	static const struct {
		enum vmx_reason reason;
		enum exit_kind kind;
		u8 len;
		const char *name;
	} list[] = {
		{ VMX_REASON_INTR, EXIT_HOST_INTR, 0, "intr" },
		{ VMX_REASON_TRIPLE_FAULT, EXIT_SHUTDOWN, 0, "triple-fault" },
		{ VMX_REASON_INIT, EXIT_INIT, 0, "init" },
		{ VMX_REASON_INTR_WINDOW, EXIT_INTR_WINDOW, 0, "interrupt-window" },
		{ VMX_REASON_NMI_WINDOW, EXIT_INTR_WINDOW, 0, "nmi-window" },
		{ VMX_REASON_TASK_SWITCH, EXIT_OTHER, 0, "task-switch" },
		{ VMX_REASON_CPUID, EXIT_CPUID, 3, "cpuid" },
		{ VMX_REASON_GETSEC, EXIT_VIRT_INSN, 3, "getsec" },
		{ VMX_REASON_HLT, EXIT_HLT, 3, "hlt" },
		{ VMX_REASON_INVD, EXIT_WBINVD, 3, "invd" },
		{ VMX_REASON_INVLPG, EXIT_INVLPG, 3, "invlpg" },
		{ VMX_REASON_RDPMC, EXIT_RDPMC, 3, "rdpmc" },
		{ VMX_REASON_RSM, EXIT_VIRT_INSN, 3, "rsm" },
		{ VMX_REASON_VMCALL, EXIT_HYPERCALL, 3, "vmcall" },
		{ VMX_REASON_VMXON, EXIT_VIRT_INSN, 3, "vmxon" },
		{ VMX_REASON_INVEPT, EXIT_VIRT_INSN, 3, "invept" },
		{ VMX_REASON_INVVPID, EXIT_VIRT_INSN, 3, "invvpid" },
		{ VMX_REASON_RDMSR, EXIT_RDMSR, 3, "rdmsr" },
		{ VMX_REASON_WRMSR, EXIT_WRMSR, 3, "wrmsr" },
		{ VMX_REASON_MWAIT, EXIT_VIRT_INSN, 3, "mwait" },
		{ VMX_REASON_MONITOR, EXIT_VIRT_INSN, 3, "monitor" },
		{ VMX_REASON_PAUSE, EXIT_PAUSE, 3, "pause" },
		{ VMX_REASON_TPR, EXIT_INTR_WINDOW, 0, "tpr-below-threshold" },
		{ VMX_REASON_TIMER, EXIT_TIMER, 0, "preemption-timer" },
		{ VMX_REASON_WBINVD, EXIT_WBINVD, 3, "wbinvd" },
		{ VMX_REASON_XSETBV, EXIT_XSETBV, 3, "xsetbv" },
		{ VMX_REASON_GDTR_IDTR, EXIT_OTHER, 3, "gdtr-idtr" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		exit_as(list[i].reason, 0x1234);
		assert_int_equal(record.kind, list[i].kind);
		assert_int_equal(record.insn_len, list[i].len);
		assert_int_equal(record.insn_bytes_len, 0);
		assert_string_equal(record.name, list[i].name);
		assert_int_equal(record.raw_code, list[i].reason);
		assert_int_equal(record.raw_info1, 0x1234);
	}
	for (u32 i = VMX_REASON_VMCLEAR; i <= VMX_REASON_VMXON; i++) {
		exit_as(i, 0);
		assert_int_equal(record.kind, EXIT_VIRT_INSN);
	}
}

static void test_io(void **state)
{
	(void)state;
	exit_as(VMX_REASON_IO, 0x3f8ull << VMX_IO_PORT_SHIFT); /* out dx, al */
	assert_int_equal(record.kind, EXIT_IO);
	assert_int_equal(record.io.port, 0x3f8);
	assert_int_equal(record.io.size, 1);
	assert_false(record.io.in || record.io.string || record.io.rep);
	assert_int_equal(record.insn_len, 3);
	assert_int_equal(record.io.next_rip, RIP + 3);
	exit_as(VMX_REASON_IO, 0xcfcull << VMX_IO_PORT_SHIFT | 3 | VMX_IO_IN | VMX_IO_STRING |
				       VMX_IO_REP); /* rep insd */
	assert_int_equal(record.io.port, 0xcfc);
	assert_int_equal(record.io.size, 4);
	assert_true(record.io.in && record.io.string && record.io.rep);
	exit_as(VMX_REASON_IO, BIT64(6) | 1 | VMX_IO_IN | 0xffffull << VMX_IO_PORT_SHIFT);
	assert_int_equal(record.io.port, 0xffff);
	assert_int_equal(record.io.size, 2);
	assert_true(record.io.in && !record.io.string && !record.io.rep);
}

static void ept_violation(u64 qualification)
{
	vmcs_write(VMCS_GUEST_PHYSICAL, 0xfee000b0);
	exit_as(VMX_REASON_EPT_VIOLATION, qualification);
	assert_int_equal(record.kind, EXIT_MMIO);
	assert_int_equal(record.mmio.gpa.v, 0xfee000b0);
	assert_int_equal(record.raw_info2, 0xfee000b0);
	assert_int_equal(record.insn_len, 0); /* not defined for it */
}

static void test_ept_violation(void **state)
{
	const u64 access = VMX_EPT_LINEAR | VMX_EPT_FINAL;

	(void)state;
	ept_violation(access | VMX_EPT_WRITE);
	assert_true(record.mmio.write);
	assert_false(record.mmio.fetch || record.mmio.present || record.mmio.table_walk);
	ept_violation(access | VMX_EPT_READ);
	assert_false(record.mmio.write || record.mmio.fetch);
	ept_violation(access | VMX_EPT_FETCH | VMX_EPT_READABLE);
	assert_true(record.mmio.fetch && record.mmio.present);
	ept_violation(VMX_EPT_LINEAR | VMX_EPT_READ | VMX_EPT_WRITE); /* to set an A bit */
	assert_true(record.mmio.table_walk && record.mmio.write);
	ept_violation(VMX_EPT_READ); /* PDPTEs, by MOV to CR3 */
	assert_false(record.mmio.table_walk);
}

static void test_ept_misconfiguration(void **state)
{
	(void)state;
	vmcs_write(VMCS_GUEST_PHYSICAL, 0x12345000);
	exit_as(VMX_REASON_EPT_MISCONFIG, 0);
	assert_int_equal(record.kind, EXIT_OTHER); /* stops the guest, by name */
	assert_string_equal(record.name, "ept-misconfiguration");
	assert_int_equal(record.raw_info2, 0x12345000);
}

static void test_cr(void **state)
{
	(void)state;
	exit_as(VMX_REASON_CR, 4 | GPR_R11 << VMX_CR_GPR_SHIFT);
	assert_int_equal(record.kind, EXIT_CR_WRITE);
	assert_int_equal(record.cr.cr, 4);
	assert_int_equal(record.cr.gpr, GPR_R11);
	exit_as(VMX_REASON_CR, 8);
	assert_int_equal(record.cr.cr, 8);
	assert_int_equal(record.cr.gpr, GPR_RAX);
	exit_as(VMX_REASON_CR, 3 | VMX_CR_MOV_FROM << VMX_CR_TYPE_SHIFT |
				       GPR_RBX << VMX_CR_GPR_SHIFT);
	assert_int_equal(record.kind, EXIT_CR_READ);
	assert_int_equal(record.cr.cr, 3);
	assert_int_equal(record.cr.gpr, GPR_RBX);
	exit_as(VMX_REASON_CR, VMX_CR_CLTS << VMX_CR_TYPE_SHIFT);
	assert_int_equal(record.kind, EXIT_CR_WRITE);
	assert_int_equal(record.cr.cr, 0);
	assert_int_equal(record.cr.gpr, GPR_COUNT);
	exit_as(VMX_REASON_CR, VMX_CR_LMSW << VMX_CR_TYPE_SHIFT | 0xful << VMX_CR_LMSW_SHIFT);
	assert_int_equal(record.kind, EXIT_CR_WRITE);
	assert_int_equal(record.cr.cr, 0);
	assert_int_equal(record.cr.gpr, GPR_COUNT);
}

static void exception_as(u32 info, u32 error, u64 qualification)
{
	vmcs_write(VMCS_EXIT_INTR, info);
	vmcs_write(VMCS_EXIT_INTR_ERROR, error);
	exit_as(VMX_REASON_EXCEPTION, qualification);
	assert_int_equal(record.raw_info2, info);
	assert_int_equal(record.insn_len, 0);
}

static void test_exceptions(void **state)
{
	(void)state;
	exception_as(EVENT(VMX_INTR_NMI, 2u), 0, 0);
	assert_int_equal(record.kind, EXIT_HOST_INTR);
	exception_as(EVENT(VMX_INTR_EXCEPTION, 1u), 0xdead, VMX_DB_BS);
	assert_int_equal(record.kind, EXIT_EXCEPTION);
	assert_int_equal(record.exc.vector, 1);
	assert_false(record.exc.has_error);
	assert_int_equal(record.exc.error, 0);
	assert_int_equal(record.exc.addr, 0);
	assert_string_equal(record.name, "debug");
	exception_as(EVENT(VMX_INTR_EXCEPTION, 14u) | VMX_INTR_HAS_ERROR, 7, 0xffff800012345678);
	assert_true(record.exc.has_error);
	assert_int_equal(record.exc.error, 7);
	assert_int_equal(record.exc.addr, 0xffff800012345678);
	exception_as(EVENT(VMX_INTR_EXCEPTION, 17u) | VMX_INTR_HAS_ERROR, 0, 0);
	assert_true(record.exc.has_error);
	assert_string_equal(record.name, "alignment-check");
	exception_as(EVENT(VMX_INTR_EXCEPTION, 18u), 0, 0);
	assert_string_equal(record.name, "machine-check");
	exception_as(EVENT(VMX_INTR_SOFT_EXCEPTION, 3u), 0, 0);
	assert_int_equal(record.kind, EXIT_EXCEPTION);
	assert_string_equal(record.name, "exception");
}

static void test_apic(void **state)
{
	(void)state;
	exit_as(VMX_REASON_EOI, 0x51);
	assert_int_equal(record.kind, EXIT_EOI);
	assert_int_equal(record.apic.vector, 0x51);
	exit_as(VMX_REASON_APIC_WRITE, 0x300);
	assert_int_equal(record.kind, EXIT_APIC_WRITE);
	assert_int_equal(record.apic.reg, 0x300);
	assert_int_equal(record.insn_len, 0); /* it is over */
}

static void test_refused_entry(void **state)
{
	(void)state;
	check_says = "guest RFLAGS bit 1 is 0";
	exit_as(VMX_REASON_ENTRY_FAILED | VMX_REASON_BAD_GUEST, 0);
	assert_int_equal(record.kind, EXIT_BAD_STATE);
	assert_string_equal(record.name, "guest RFLAGS bit 1 is 0");
	check_says = NULL;
	exit_as(VMX_REASON_ENTRY_FAILED | VMX_REASON_BAD_GUEST, VMX_BAD_NMI);
	assert_int_equal(record.kind, EXIT_BAD_STATE);
	assert_string_equal(record.name, "guest state, by a rule that is not listed");
	assert_int_equal(record.raw_info1, VMX_BAD_NMI);
	exit_as(VMX_REASON_ENTRY_FAILED | VMX_REASON_BAD_MSR, 2);
	assert_int_equal(record.kind, EXIT_BAD_STATE);
	assert_int_equal(record.raw_info1, 2); /* which one of the list */
	exit_as(VMX_REASON_ENTRY_FAILED | VMX_REASON_MACHINE_CHECK, 0);
	assert_int_equal(record.kind, EXIT_EXCEPTION);
	assert_int_equal(record.exc.vector, 18);
}

static void test_odd_reasons(void **state)
{
	(void)state;
	for (u32 reason = 0; reason < 0x400; reason++) {
		exit_as(reason, 0);
		assert_non_null(record.name);
		assert_true(record.kind < EXIT_KIND_COUNT);
		assert_true(record.insn_len <= INSN_MAX);
	}
	exit_as(VMX_REASON_COUNT, 0);
	assert_int_equal(record.kind, EXIT_OTHER);
	assert_string_equal(record.name, "unknown");
	hw.reason = VMX_REASON_CPUID;
	vmcs_write(VMCS_EXIT_INSN_LEN, 16);
	vmx_exit_record(&hw, &record);
	assert_int_equal(record.insn_len, 0);
}

/* Its vector counts where the exit acknowledged it, and says so (24.7.1, 24.9.2). */
static void test_interrupts(void **state)
{
	(void)state;
	vmcs_write(VMCS_EXIT_INTR, EVENT(VMX_INTR_EXTERNAL, 0x51));
	exit_as(VMX_REASON_INTR, 0);
	assert_int_equal(record.host_vector, 0);
	hw.exit = VMX_EXITS | VMX_EXIT_ACK_INTR;
	exit_as(VMX_REASON_INTR, 0);
	assert_int_equal(record.kind, EXIT_HOST_INTR);
	assert_int_equal(record.host_vector, 0x51);
	exit_as(VMX_REASON_CPUID, 0);
	assert_int_equal(record.host_vector, 0);
	exit_as(VMX_REASON_TIMER, 0);
	assert_int_equal(record.host_vector, 0);
	vmcs_write(VMCS_EXIT_INTR, EVENT(VMX_INTR_EXTERNAL, 0x51) & ~VMX_INTR_VALID);
	exit_as(VMX_REASON_INTR, 0);
	assert_int_equal(record.host_vector, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, setup),
		cmocka_unit_test_setup(test_io, setup),
		cmocka_unit_test_setup(test_ept_violation, setup),
		cmocka_unit_test_setup(test_ept_misconfiguration, setup),
		cmocka_unit_test_setup(test_cr, setup),
		cmocka_unit_test_setup(test_exceptions, setup),
		cmocka_unit_test_setup(test_apic, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_refused_entry, setup),
		cmocka_unit_test_setup(test_odd_reasons, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
