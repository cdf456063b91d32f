/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of VM entry (SDM vol. 3C 26.2, 26.3.1): good VMCSs of each mode,
 * spoilt one way at a time. Every rule that is looked at must be among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_check.h"

static const char *noted_first(const struct vmx_rule *rules, size_t count);
#define vmx_rule_first noted_first

#include "arch/x86_64/vmx_check.c"
#include "arch/x86_64/vmx_check_ctl.c"
#include "arch/x86_64/vmx_check_host.c"
#include "arch/x86_64/vmx_check_guest.c"
#include "arch/x86_64/vmx_check_seg.c"
#undef vmx_rule_first
#include "arch/x86_64/vmx_ctl.c"

#define MAX_RULES 256
#define ALL_ALLOWED (0xffffffffull << 32)
#define NOT_CANONICAL 0x0000800000000000ull
#define PAT_RESET 0x0007040600070406ull
#define INFO(type, vector) ((u32)(VMX_INTR_VALID | (type) << VMX_INTR_TYPE_SHIFT | (vector)))
#define GP (INFO(VMX_INTR_EXCEPTION, 13u) | VMX_INTR_HAS_ERROR)

static struct vmx_cap cap;

/* --- which rules there are, and which were seen to fail ---------------------------- */

static struct {
	const char *what;
	bool failed;
} noted[MAX_RULES];
static u32 noted_count;

static u32 note(const char *what)
{
	u32 i = 0;

	while (i < noted_count && strcmp(noted[i].what, what))
		i++;
	assert_true(i < MAX_RULES);
	if (i == noted_count)
		noted[noted_count++].what = what;
	return i;
}

static const char *noted_first(const struct vmx_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		note(rules[i].what);
	return vmx_rule_first(rules, count);
}

/* --- good ones ------------------------------------------------------------------------ */

static void good_controls(void)
{
	cap = (struct vmx_cap){
		.basic = VMX_BASIC_TRUE,
		.misc = VMX_MISC_HLT | VMX_MISC_SHUTDOWN | VMX_MISC_WAIT_SIPI,
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG, .cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = CR4_VMXE, .cr4_fixed1 = 0x1767ff,
		.ept_vpid = VMX_EPT_WALK_4 | VMX_EPT_TYPE_WB | VMX_EPT_AD,
		.phys_bits = 40, .linear_bits = 48,
	};
	for (u32 i = 0; i < VMX_CTL_COUNT; i++)
		cap.ctl[i] = ALL_ALLOWED;
	cap.ctl[VMX_CTL_PROC] &= ~((u64)VMX_PROC_TRAP_FLAG << 32);
	host_vmcs_reset();
	vmcs_write(VMCS_PIN, VMX_PIN_INTR | VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI);
	vmcs_write(VMCS_PROC, VMX_PROC_SECONDARY | VMX_PROC_MSR_BITMAP | VMX_PROC_TPR_SHADOW |
				      VMX_PROC_IO_BITMAPS);
	vmcs_write(VMCS_PROC2, VMX_PROC2_EPT | VMX_PROC2_VPID | VMX_PROC2_UNRESTRICTED);
	vmcs_write(VMCS_EXIT, VMX_EXIT_HOST_64 | VMX_EXIT_LOAD_PAT | VMX_EXIT_LOAD_EFER);
	vmcs_write(VMCS_ENTRY, VMX_ENTRY_IA32E | VMX_ENTRY_LOAD_EFER | VMX_ENTRY_LOAD_PAT |
				       VMX_ENTRY_LOAD_DEBUG);
	vmcs_write(VMCS_IO_BITMAP_A, 0x1000);
	vmcs_write(VMCS_IO_BITMAP_B, 0x2000);
	vmcs_write(VMCS_MSR_BITMAP, 0x3000);
	vmcs_write(VMCS_VIRTUAL_APIC, 0x4000);
	vmcs_write(VMCS_EPTP, 0x5000 | VMX_EPTP_WRITE_BACK | VMX_EPTP_AD |
				      VMX_EPTP_WALK_4 << VMX_EPTP_WALK_SHIFT);
	vmcs_write(VMCS_VPID, 1);
	vmcs_write(VMCS_LINK, VMCS_NO_LINK);
}

static void good_host(void)
{
	vmcs_write(VMCS_HOST_CR0, CR0_PE | CR0_NE | CR0_PG | CR0_WP);
	vmcs_write(VMCS_HOST_CR3, 0x7000);
	vmcs_write(VMCS_HOST_CR4, CR4_PAE | CR4_VMXE);
	vmcs_write(VMCS_HOST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	vmcs_write(VMCS_HOST_PAT, PAT_RESET);
	vmcs_write(VMCS_HOST_CS_SEL, 8);
	vmcs_write(VMCS_HOST_TR_SEL, 0x18);
	vmcs_write(VMCS_HOST_RIP, 0x100000);
}

static void good_segment(u32 n, u64 sel, u64 limit, u64 rights)
{
	u32 at = n * VMCS_SEG_STRIDE;

	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SEL + at), sel);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + at), limit);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_AR + at), rights);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + at), sel << 4);
}

/* 64-bit mode, ring 0. */
static void good_long(void)
{
	good_controls();
	good_host();
	for (u32 i = 0; i < SEGMENTS; i++)
		good_segment(i, 0x10, 0xffffffff, 0xc093);
	good_segment(CS, 8, 0xffffffff, 0xa09b);
	good_segment(LDTR, 0, 0, VMX_AR_UNUSABLE);
	good_segment(TR, 0x18, 0x67, 0x8b);
	vmcs_write(VMCS_GUEST_CR0, CR0_PE | CR0_NE | CR0_PG);
	vmcs_write(VMCS_GUEST_CR3, 0x1000);
	vmcs_write(VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME | EFER_LMA);
	vmcs_write(VMCS_GUEST_PAT, PAT_RESET);
	vmcs_write(VMCS_GUEST_DR7, 0x400);
	vmcs_write(VMCS_GUEST_RIP, 0xffffffff81000000);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
}

/* Protected mode with PAE paging and an LDT. */
static void good_pae(void)
{
	good_long();
	vmcs_write(VMCS_ENTRY, vmcs_read(VMCS_ENTRY) & ~(u64)VMX_ENTRY_IA32E);
	vmcs_write(VMCS_GUEST_EFER, 0);
	good_segment(CS, 8, 0xffffffff, 0xc09b);
	good_segment(LDTR, 0x20, 0xff, 0x82);
	vmcs_write(VMCS_GUEST_RIP, 0x100000);
	vmcs_write(VMCS_GUEST_PDPTE0, 0x9001);
	vmcs_write(VMCS_GUEST_PDPTE3, 0x1e6); /* not present */
}

/* As after reset. */
static void good_real(void)
{
	good_pae();
	for (u32 i = ES; i <= GS; i++)
		good_segment(i, 0, 0xffff, 0x93);
	good_segment(CS, 0xf000, 0xffff, 0x9b);
	vmcs_write(VMCS_GUEST_CR0, CR0_NE);
	vmcs_write(VMCS_GUEST_CR4, CR4_VMXE);
	vmcs_write(VMCS_GUEST_RIP, 0xfff0);
}

static void good_v86(void)
{
	good_pae();
	for (u32 i = ES; i <= GS; i++)
		good_segment(i, 0x1000 + i, 0xffff, 0xf3);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM);
	vmcs_write(VMCS_GUEST_RIP, 0x100);
}

/* A processor and a guest without unrestricted guest. */
static void good_restricted(void)
{
	good_long();
	vmcs_write(VMCS_PROC2, VMX_PROC2_EPT | VMX_PROC2_VPID);
}

/* All that concerns the APIC. */
static void good_apic(void)
{
	good_long();
	vmcs_write(VMCS_PROC2, vmcs_read(VMCS_PROC2) | VMX_PROC2_X2APIC | VMX_PROC2_APIC_REGISTER |
				       VMX_PROC2_INTR_DELIVERY);
	vmcs_write(VMCS_PIN, vmcs_read(VMCS_PIN) | VMX_PIN_POSTED_INTR);
	vmcs_write(VMCS_EXIT, vmcs_read(VMCS_EXIT) | VMX_EXIT_ACK_INTR);
	vmcs_write(VMCS_POSTED_INTR_DESC, 0x6040);
}

/* --- spoiling ----------------------------------------------------------------------------- */

static void set(enum vmcs_field f, u64 bits)
{
	vmcs_write(f, vmcs_read(f) | bits);
}

static void clear(enum vmcs_field f, u64 bits)
{
	vmcs_write(f, vmcs_read(f) & ~bits);
}

static void inject(u32 info)
{
	vmcs_write(VMCS_ENTRY_INTR, info);
}

#define W(f, v) vmcs_write(f, v)

#define REFUSED(good, spoil, text)                             \
	do {                                                   \
		const char *what_;                             \
		good();                                        \
		assert_null(vmx_check_entry(&cap));            \
		spoil;                                         \
		what_ = vmx_check_entry(&cap);                 \
		assert_non_null(what_);                        \
		assert_string_equal(what_, text);              \
		noted[note(what_)].failed = true;              \
	} while (0)

#define ACCEPTED(good, change)                                 \
	do {                                                   \
		const char *what_;                             \
		good();                                        \
		change;                                        \
		what_ = vmx_check_entry(&cap);                 \
		assert_string_equal(what_ ? what_ : "good", "good"); \
	} while (0)

static void test_control_words(void **state)
{
	(void)state;
	ACCEPTED(good_long, );
	REFUSED(good_long, cap.ctl[VMX_CTL_PIN] &= ~((u64)VMX_PIN_NMI << 32), "no NMI exiting");
	REFUSED(good_long, cap.ctl[VMX_CTL_PROC2] &= ~((u64)VMX_PROC2_UNRESTRICTED << 32),
		"no unrestricted guest");
	REFUSED(good_long, cap.ctl[VMX_CTL_ENTRY] &= ~((u64)VMX_ENTRY_LOAD_PAT << 32),
		"no loading of IA32_PAT on entry");
	REFUSED(good_long, cap.ctl[VMX_CTL_PIN] |= BIT(1),
		"pin-based controls: a bit that must be 1 is 0");
	REFUSED(good_long, cap.ctl[VMX_CTL_PROC] |= BIT(1),
		"processor-based controls: a bit that must be 1 is 0");
	REFUSED(good_long, cap.ctl[VMX_CTL_PROC2] |= BIT(31),
		"secondary controls: a bit that must be 1 is 0");
	REFUSED(good_long, cap.ctl[VMX_CTL_EXIT] |= BIT(0),
		"VM-exit controls: a bit that must be 1 is 0");
	REFUSED(good_long, cap.ctl[VMX_CTL_ENTRY] |= BIT(0),
		"VM-entry controls: a bit that must be 1 is 0");
	/* Secondary controls that are not switched on do not count. */
	ACCEPTED(good_long, clear(VMCS_PROC, VMX_PROC_SECONDARY); cap.ctl[VMX_CTL_PROC2] = 0);
}

static void test_execution_controls(void **state)
{
	(void)state;
	REFUSED(good_long, W(VMCS_CR3_TARGETS, 1), "more CR3-target values than there are");
	ACCEPTED(good_long, W(VMCS_CR3_TARGETS, 4); cap.misc |= 4ull << MISC_CR3_TARGETS_SHIFT);
	REFUSED(good_long, set(VMCS_IO_BITMAP_A, 1), "the address of I/O bitmap A");
	REFUSED(good_long, set(VMCS_IO_BITMAP_B, BIT64(40)), "the address of I/O bitmap B");
	ACCEPTED(good_long, set(VMCS_IO_BITMAP_B, BIT64(39)));
	REFUSED(good_long, set(VMCS_IO_BITMAP_B, BIT64(32)); cap.basic |= VMX_BASIC_32BIT,
		"the address of I/O bitmap B");
	REFUSED(good_long, set(VMCS_MSR_BITMAP, 0x800), "the address of the MSR bitmap");
	REFUSED(good_long, clear(VMCS_PIN, VMX_PIN_NMI), "virtual NMIs without NMI exiting");
	REFUSED(good_long, clear(VMCS_PIN, VMX_PIN_VIRTUAL_NMI);
		set(VMCS_PROC, VMX_PROC_NMI_WINDOW),
		"NMI-window exiting without virtual NMIs");
	REFUSED(good_long, set(VMCS_EXIT, VMX_EXIT_SAVE_TIMER),
		"saving of a preemption timer that does not run");
	REFUSED(good_long, W(VMCS_VPID, 0), "VPID 0");
	REFUSED(good_long, clear(VMCS_EPTP, 7), "the EPT pointer's memory type");
	REFUSED(good_long, set(VMCS_EPTP, 1), "the EPT pointer's memory type");
	ACCEPTED(good_long, clear(VMCS_EPTP, 7); cap.ept_vpid |= VMX_EPT_TYPE_UC);
	REFUSED(good_long, set(VMCS_EPTP, 4 << VMX_EPTP_WALK_SHIFT),
		"the EPT pointer's page-walk length");
	REFUSED(good_long, cap.ept_vpid &= ~VMX_EPT_AD,
		"EPT accessed and dirty flags that the processor lacks");
	REFUSED(good_long, set(VMCS_EPTP, BIT64(11)), "reserved bits of the EPT pointer");
	REFUSED(good_long, set(VMCS_EPTP, BIT64(40)), "reserved bits of the EPT pointer");
	REFUSED(good_long, W(VMCS_PROC2, VMX_PROC2_PML), "page-modification log without EPT");
	REFUSED(good_long, W(VMCS_PROC2, VMX_PROC2_UNRESTRICTED), "unrestricted guest without EPT");
}

static void test_apic_controls(void **state)
{
	(void)state;
	REFUSED(good_long, set(VMCS_VIRTUAL_APIC, 0x10), "the address of the virtual-APIC page");
	REFUSED(good_long, W(VMCS_TPR_THRESHOLD, 16), "a TPR threshold above 15");
	REFUSED(good_apic, clear(VMCS_PROC, VMX_PROC_TPR_SHADOW),
		"virtualised x2APIC mode without TPR shadow");
	REFUSED(good_apic, clear(VMCS_PROC, VMX_PROC_TPR_SHADOW);
		clear(VMCS_PROC2, VMX_PROC2_X2APIC),
		"APIC-register virtualisation without TPR shadow");
	REFUSED(good_apic, clear(VMCS_PROC, VMX_PROC_TPR_SHADOW);
		clear(VMCS_PROC2, VMX_PROC2_X2APIC | VMX_PROC2_APIC_REGISTER),
		"virtual-interrupt delivery without TPR shadow");
	ACCEPTED(good_apic, W(VMCS_TPR_THRESHOLD, 16));
	REFUSED(good_long, set(VMCS_PROC2, VMX_PROC2_APIC_ACCESS); W(VMCS_APIC_ACCESS, 1),
		"the address of the APIC-access page");
	REFUSED(good_apic, set(VMCS_PROC2, VMX_PROC2_APIC_ACCESS),
		"virtualised x2APIC mode and APIC accesses together");
	REFUSED(good_apic, clear(VMCS_PIN, VMX_PIN_INTR),
		"virtual-interrupt delivery without external-interrupt exiting");
	REFUSED(good_apic, clear(VMCS_PROC2, VMX_PROC2_INTR_DELIVERY),
		"posted interrupts without virtual-interrupt delivery");
	REFUSED(good_apic, clear(VMCS_EXIT, VMX_EXIT_ACK_INTR),
		"posted interrupts without acknowledging of interrupts on exit");
	REFUSED(good_apic, W(VMCS_POSTED_INTR_VECTOR, 256),
		"the posted-interrupt notification vector");
	REFUSED(good_apic, set(VMCS_POSTED_INTR_DESC, 0x20),
		"the address of the posted-interrupt descriptor");
}

static void test_lists(void **state)
{
	(void)state;
	REFUSED(good_long, W(VMCS_EXIT_MSR_STORE_COUNT, 1); W(VMCS_EXIT_MSR_STORE, 8),
		"the address of the VM-exit MSR-store list");
	REFUSED(good_long, W(VMCS_EXIT_MSR_LOAD_COUNT, 2); W(VMCS_EXIT_MSR_LOAD, BIT64(40) - 16),
		"the address of the VM-exit MSR-load list");
	ACCEPTED(good_long, W(VMCS_EXIT_MSR_LOAD_COUNT, 1); W(VMCS_EXIT_MSR_LOAD, BIT64(40) - 16));
	REFUSED(good_long, W(VMCS_ENTRY_MSR_LOAD_COUNT, 1); W(VMCS_ENTRY_MSR_LOAD, 1),
		"the address of the VM-entry MSR-load list");
	REFUSED(good_long, set(VMCS_ENTRY, VMX_ENTRY_SMM), "entry to SMM from outside SMM");
	REFUSED(good_long, set(VMCS_ENTRY, VMX_ENTRY_DUAL_MONITOR),
		"deactivating of dual-monitor treatment from outside SMM");
}

static void test_injection(void **state)
{
	(void)state;
	ACCEPTED(good_long, inject(GP));
	ACCEPTED(good_long, inject(INFO(VMX_INTR_NMI, 2u)));
	REFUSED(good_long, inject(INFO(1u, 0u)), "the injected event has a reserved type");
	REFUSED(good_long, inject(INFO(VMX_INTR_OTHER, 0u)),
		"the injected event has a reserved type");
	REFUSED(good_long, inject(INFO(VMX_INTR_NMI, 3u)),
		"the injected event's vector is not one of its type");
	REFUSED(good_long, inject(INFO(VMX_INTR_EXCEPTION, 32u)),
		"the injected event's vector is not one of its type");
	REFUSED(good_long, inject(INFO(VMX_INTR_OTHER, 1u));
		cap.ctl[VMX_CTL_PROC] |= (u64)VMX_PROC_TRAP_FLAG << 32,
		"the injected event's vector is not one of its type");
	REFUSED(good_long, inject(INFO(VMX_INTR_EXCEPTION, 6u) | VMX_INTR_HAS_ERROR),
		"an error code for an event without");
	REFUSED(good_long, inject(GP & ~VMX_INTR_HAS_ERROR), "no error code for an event with one");
	REFUSED(good_real, inject(GP), "an error code for an event without");
	ACCEPTED(good_real, inject(GP & ~VMX_INTR_HAS_ERROR));
	REFUSED(good_long, inject(GP | BIT(12)), "reserved bits of the injected event");
	REFUSED(good_long, inject(GP); W(VMCS_ENTRY_INTR_ERROR, 0x10000),
		"the injected error code has more than 16 bits");
	REFUSED(good_long, inject(INFO(VMX_INTR_SOFT, 0x80u)),
		"the injected event's instruction length");
	REFUSED(good_long, inject(INFO(VMX_INTR_SOFT_EXCEPTION, 3u)); W(VMCS_ENTRY_INSN_LEN, 16),
		"the injected event's instruction length");
	ACCEPTED(good_long, inject(INFO(VMX_INTR_SOFT, 0x80u)); W(VMCS_ENTRY_INSN_LEN, 2));
	ACCEPTED(good_long, inject(INFO(VMX_INTR_SOFT, 0x80u)); cap.misc |= MISC_ZERO_LENGTH);
	ACCEPTED(good_long, inject(GP & ~VMX_INTR_VALID & ~VMX_INTR_HAS_ERROR));
}

static void test_host(void **state)
{
	(void)state;
	REFUSED(good_long, clear(VMCS_HOST_CR0, CR0_NE), "host CR0: a bit that must be 1 is 0");
	REFUSED(good_long, set(VMCS_HOST_CR0, BIT64(40)),
		"host CR0 has bits that the processor lacks");
	REFUSED(good_long, clear(VMCS_HOST_CR4, CR4_VMXE), "host CR4: a bit that must be 1 is 0");
	REFUSED(good_long, set(VMCS_HOST_CR4, CR4_LA57),
		"host CR4 has bits that the processor lacks");
	REFUSED(good_long, set(VMCS_HOST_CR3, BIT64(40)),
		"host CR3 has bits above the physical addresses");
	REFUSED(good_long, W(VMCS_HOST_SYSENTER_ESP, NOT_CANONICAL),
		"host SYSENTER_ESP is not canonical");
	REFUSED(good_long, W(VMCS_HOST_SYSENTER_EIP, NOT_CANONICAL),
		"host SYSENTER_EIP is not canonical");
	REFUSED(good_long, W(VMCS_HOST_PAT, 2), "host PAT has a reserved memory type");
	REFUSED(good_long, set(VMCS_HOST_EFER, EFER_SVME), "host EFER has reserved bits");
	REFUSED(good_long, clear(VMCS_HOST_EFER, EFER_LMA), "host EFER lacks LME or LMA");
	REFUSED(good_long, clear(VMCS_EXIT, VMX_EXIT_HOST_64),
		"the host is not to be in 64-bit mode");
	REFUSED(good_long, clear(VMCS_HOST_CR4, CR4_PAE), "host CR4.PAE is 0");
	REFUSED(good_long, W(VMCS_HOST_RIP, NOT_CANONICAL), "host RIP is not canonical");
	REFUSED(good_long, set(VMCS_HOST_ES_SEL, 1), "host ES's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_CS_SEL, 2), "host CS's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_SS_SEL, 4), "host SS's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_DS_SEL, 7), "host DS's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_FS_SEL, 1), "host FS's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_GS_SEL, 1), "host GS's selector has TI or RPL");
	REFUSED(good_long, set(VMCS_HOST_TR_SEL, 4), "host TR's selector has TI or RPL");
	REFUSED(good_long, W(VMCS_HOST_CS_SEL, 0), "host CS's selector is 0");
	REFUSED(good_long, W(VMCS_HOST_TR_SEL, 0), "host TR's selector is 0");
	REFUSED(good_long, W(VMCS_HOST_FS_BASE, NOT_CANONICAL), "host FS.base is not canonical");
	REFUSED(good_long, W(VMCS_HOST_GS_BASE, NOT_CANONICAL), "host GS.base is not canonical");
	REFUSED(good_long, W(VMCS_HOST_TR_BASE, NOT_CANONICAL), "host TR.base is not canonical");
	REFUSED(good_long, W(VMCS_HOST_GDTR_BASE, NOT_CANONICAL),
		"host GDTR.base is not canonical");
	REFUSED(good_long, W(VMCS_HOST_IDTR_BASE, NOT_CANONICAL),
		"host IDTR.base is not canonical");
}

static void test_guest_cr(void **state)
{
	(void)state;
	ACCEPTED(good_pae, );
	ACCEPTED(good_real, );
	ACCEPTED(good_v86, );
	ACCEPTED(good_restricted, );
	REFUSED(good_real, clear(VMCS_GUEST_CR0, CR0_NE), "guest CR0: a bit that must be 1 is 0");
	REFUSED(good_restricted, clear(VMCS_GUEST_CR0, CR0_PG),
		"guest CR0: a bit that must be 1 is 0");
	REFUSED(good_long, set(VMCS_GUEST_CR0, BIT64(32)),
		"guest CR0 has bits that the processor lacks");
	REFUSED(good_real, set(VMCS_GUEST_CR0, CR0_PG), "guest CR0.PG is 1 and PE 0");
	REFUSED(good_long, clear(VMCS_GUEST_CR4, CR4_VMXE), "guest CR4: a bit that must be 1 is 0");
	REFUSED(good_long, set(VMCS_GUEST_CR4, CR4_LA57),
		"guest CR4 has bits that the processor lacks");
	REFUSED(good_long, clear(VMCS_GUEST_CR0, CR0_PG), "IA-32e mode guest without CR0.PG");
	REFUSED(good_long, clear(VMCS_GUEST_CR4, CR4_PAE), "IA-32e mode guest without CR4.PAE");
	REFUSED(good_pae, set(VMCS_GUEST_CR4, CR4_PCIDE), "guest CR4.PCIDE outside IA-32e mode");
	REFUSED(good_long, set(VMCS_GUEST_CR3, BIT64(40)),
		"guest CR3 has bits above the physical addresses");
	REFUSED(good_long, W(VMCS_GUEST_DEBUGCTL, BIT64(16)), "guest DEBUGCTL has reserved bits");
	REFUSED(good_long, set(VMCS_GUEST_DR7, BIT64(32)), "guest DR7 has bits above 31");
	REFUSED(good_long, W(VMCS_GUEST_SYSENTER_ESP, NOT_CANONICAL),
		"guest SYSENTER_ESP is not canonical");
	REFUSED(good_long, W(VMCS_GUEST_SYSENTER_EIP, NOT_CANONICAL),
		"guest SYSENTER_EIP is not canonical");
	REFUSED(good_long, W(VMCS_GUEST_PAT, BIT64(59)), "guest PAT has a reserved memory type");
	REFUSED(good_long, set(VMCS_GUEST_EFER, BIT64(1)), "guest EFER has reserved bits");
	REFUSED(good_long, clear(VMCS_GUEST_EFER, EFER_LMA),
		"guest EFER.LMA differs from IA-32e mode guest");
	REFUSED(good_pae, set(VMCS_GUEST_EFER, EFER_LME),
		"guest EFER.LME differs from LMA under paging");
	ACCEPTED(good_real, set(VMCS_GUEST_EFER, EFER_LME));
}

static void test_guest_rip(void **state)
{
	(void)state;
	REFUSED(good_long, W(VMCS_GUEST_GDTR_BASE, NOT_CANONICAL),
		"guest GDTR.base is not canonical");
	REFUSED(good_long, W(VMCS_GUEST_IDTR_BASE, NOT_CANONICAL),
		"guest IDTR.base is not canonical");
	REFUSED(good_long, W(VMCS_GUEST_GDTR_LIMIT, 0x10000),
		"guest GDTR.limit has more than 16 bits");
	REFUSED(good_long, W(VMCS_GUEST_IDTR_LIMIT, 0x10000),
		"guest IDTR.limit has more than 16 bits");
	REFUSED(good_pae, W(VMCS_GUEST_RIP, BIT64(32)),
		"guest RIP has bits above 31 outside 64-bit code");
	REFUSED(good_long, W(VMCS_GUEST_RIP, NOT_CANONICAL), "guest RIP is not canonical");
	REFUSED(good_long, set(VMCS_GUEST_RFLAGS, BIT64(22)), "guest RFLAGS has reserved bits");
	for (u32 n = 0; n < 64; n++) {
		bool reserved = n == 3 || n == 5 || n == 15 || n > 21;

		if (reserved)
			REFUSED(good_long, set(VMCS_GUEST_RFLAGS, BIT64(n)),
				"guest RFLAGS has reserved bits");
	}
	REFUSED(good_long, W(VMCS_GUEST_RFLAGS, 0), "guest RFLAGS bit 1 is 0");
	REFUSED(good_long, set(VMCS_GUEST_RFLAGS, RFLAGS_VM), "guest RFLAGS.VM in IA-32e mode");
	REFUSED(good_real, set(VMCS_GUEST_RFLAGS, RFLAGS_VM), "guest RFLAGS.VM in real mode");
	REFUSED(good_long, inject(INFO(VMX_INTR_EXTERNAL, 0x20u)),
		"an external interrupt for a guest with RFLAGS.IF 0");
	ACCEPTED(good_long, inject(INFO(VMX_INTR_EXTERNAL, 0x20u));
		 set(VMCS_GUEST_RFLAGS, RFLAGS_IF));
}

static void test_guest_activity(void **state)
{
	static const char unfit[] = "the injected event does not fit the guest's activity state";

	(void)state;
	ACCEPTED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT));
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, 4),
		"a guest activity state that the processor lacks");
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT); cap.misc &= ~VMX_MISC_HLT,
		"a guest activity state that the processor lacks");
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT);
		set(VMCS_GUEST_SS_AR, 3 << VMX_AR_DPL_SHIFT),
		"guest is halted with SS.DPL above 0");
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT);
		W(VMCS_GUEST_SHADOW, VMX_SHADOW_STI); set(VMCS_GUEST_RFLAGS, RFLAGS_IF),
		"guest is inactive in the shadow of STI or MOV SS");
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT); inject(GP), unfit);
	ACCEPTED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT);
		 inject(INFO(VMX_INTR_EXCEPTION, 1u)));
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_SHUTDOWN);
		inject(INFO(VMX_INTR_EXCEPTION, 1u)), unfit);
	ACCEPTED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_SHUTDOWN);
		 inject(INFO(VMX_INTR_NMI, 2u)));
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_WAIT_SIPI);
		inject(INFO(VMX_INTR_NMI, 2u)), unfit);
}

static void test_guest_shadow(void **state)
{
	const u32 nmi = INFO(VMX_INTR_NMI, 2u);

	(void)state;
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, BIT(5)),
		"guest interruptibility has reserved bits");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_STI | VMX_SHADOW_MOV_SS),
		"blocking by STI and by MOV SS together");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_STI),
		"blocking by STI with RFLAGS.IF 0");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_MOV_SS);
		set(VMCS_GUEST_RFLAGS, RFLAGS_IF); inject(INFO(VMX_INTR_EXTERNAL, 32u)),
		"an external interrupt in the shadow of STI or MOV SS");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_MOV_SS); inject(nmi),
		"an NMI in the shadow of MOV SS");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_SMI), "blocking by SMI outside SMM");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_NMI); inject(nmi),
		"an NMI while NMIs are blocked");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_STI);
		set(VMCS_GUEST_RFLAGS, RFLAGS_IF); inject(nmi), "an NMI in the shadow of STI");
	REFUSED(good_long, W(VMCS_GUEST_PENDING_DEBUG, BIT(4)),
		"guest pending debug exceptions have reserved bits");
	REFUSED(good_long, W(VMCS_GUEST_SHADOW, VMX_SHADOW_MOV_SS);
		set(VMCS_GUEST_RFLAGS, RFLAGS_TF),
		"a single step is due, and no pending debug exception");
	REFUSED(good_long, W(VMCS_GUEST_ACTIVITY, VMX_ACTIVITY_HLT);
		W(VMCS_GUEST_PENDING_DEBUG, VMX_PENDING_DEBUG_BS),
		"no single step is due, but a pending debug exception");
	ACCEPTED(good_long, W(VMCS_GUEST_PENDING_DEBUG, VMX_PENDING_DEBUG_BS));
	REFUSED(good_long, W(VMCS_LINK, 0x1001), "the VMCS link pointer");
	REFUSED(good_pae, set(VMCS_GUEST_PDPTE0, 2), "a guest PDPTE has reserved bits");
	REFUSED(good_pae, set(VMCS_GUEST_PDPTE3, 1), "a guest PDPTE has reserved bits");
	REFUSED(good_pae, W(VMCS_GUEST_PDPTE1, BIT64(40) | 1), "a guest PDPTE has reserved bits");
	ACCEPTED(good_long, set(VMCS_GUEST_PDPTE0, 2));
}

/* --- segments ------------------------------------------------------------------------------ */

#define SEG(f, n) ((enum vmcs_field)((f) + (n) * VMCS_SEG_STRIDE))

static void test_every_segment(void **state)
{
	(void)state;
	for (u32 n = 0; n < SEGMENTS; n++) {
		bool wide = n == FS || n == GS || n == TR || n == LDTR;
		bool plain = n != TR && n != LDTR;

		REFUSED(good_pae, W(SEG(VMCS_GUEST_ES_BASE, n), wide ? NOT_CANONICAL : BIT64(32)),
			words[n].base);
		REFUSED(good_pae, W(SEG(VMCS_GUEST_ES_AR, n), plain ? 0xc098 : 0x89),
			words[n].type);
		REFUSED(good_pae, vmcs_write(SEG(VMCS_GUEST_ES_AR, n),
					     vmcs_read(SEG(VMCS_GUEST_ES_AR, n)) ^ VMX_AR_S),
			words[n].kind);
		REFUSED(good_pae, clear(SEG(VMCS_GUEST_ES_AR, n), VMX_AR_P), words[n].absent);
		REFUSED(good_pae, set(SEG(VMCS_GUEST_ES_AR, n), BIT(8)), words[n].reserved);
		REFUSED(good_pae, set(SEG(VMCS_GUEST_ES_AR, n), BIT(17)), words[n].reserved);
		REFUSED(good_pae, clear(SEG(VMCS_GUEST_ES_AR, n), VMX_AR_G);
			set(SEG(VMCS_GUEST_ES_LIMIT, n), BIT(20)), words[n].granularity);
		REFUSED(good_pae, set(SEG(VMCS_GUEST_ES_AR, n), VMX_AR_G);
			W(SEG(VMCS_GUEST_ES_LIMIT, n), 0xfffffffe), words[n].granularity);
		if (plain) {
			REFUSED(good_v86, set(SEG(VMCS_GUEST_ES_BASE, n), BIT(20)),
				words[n].v86_base);
			REFUSED(good_v86, W(SEG(VMCS_GUEST_ES_LIMIT, n), 0xfffff),
				words[n].v86_limit);
			REFUSED(good_v86, W(SEG(VMCS_GUEST_ES_AR, n), 0x93), words[n].v86_rights);
		}
		if (n != CS && n != TR)
			ACCEPTED(good_pae, W(SEG(VMCS_GUEST_ES_AR, n), VMX_AR_UNUSABLE));
		if (n == ES || n == DS || n == FS || n == GS)
			REFUSED(good_restricted, set(SEG(VMCS_GUEST_ES_SEL, n), 3), words[n].dpl);
	}
}

static void test_segments(void **state)
{
	(void)state;
	REFUSED(good_long, set(VMCS_GUEST_TR_SEL, SEL_TI), "guest TR's selector has TI");
	REFUSED(good_pae, set(VMCS_GUEST_LDTR_SEL, SEL_TI), "guest LDTR's selector has TI");
	ACCEPTED(good_long, set(VMCS_GUEST_LDTR_SEL, SEL_TI)); /* unusable */
	REFUSED(good_restricted, set(VMCS_GUEST_CS_SEL, 3), "guest SS's RPL differs from CS's");
	ACCEPTED(good_long, set(VMCS_GUEST_CS_SEL, 3));
	REFUSED(good_restricted, set(VMCS_GUEST_CS_SEL, 1); set(VMCS_GUEST_SS_SEL, 1),
		words[SS].dpl);
	REFUSED(good_long, set(VMCS_GUEST_TR_AR, VMX_AR_UNUSABLE), "guest TR is unusable");
	REFUSED(good_real, set(VMCS_GUEST_SS_AR, 3 << VMX_AR_DPL_SHIFT),
		"guest SS.DPL is not 0 in real mode");
	REFUSED(good_long, set(VMCS_GUEST_CS_AR, VMX_AR_DB), "guest CS.L and CS.D are both 1");
	ACCEPTED(good_pae, set(VMCS_GUEST_CS_AR, VMX_AR_L));
	/* What is right depends on the type and the mode. */
	ACCEPTED(good_real, W(VMCS_GUEST_CS_AR, 0x93));
	REFUSED(good_restricted, W(VMCS_GUEST_CS_AR, 0xa093), words[CS].type);
	REFUSED(good_long, W(VMCS_GUEST_CS_AR, 0xa0fb), words[CS].dpl);
	REFUSED(good_real, W(VMCS_GUEST_CS_AR, 0xf3), words[CS].dpl);
	ACCEPTED(good_long, W(VMCS_GUEST_CS_AR, 0xa0fb); set(VMCS_GUEST_SS_AR, 0x60));
	ACCEPTED(good_long, W(VMCS_GUEST_CS_AR, 0xa09f); set(VMCS_GUEST_SS_AR, 0x60));
	REFUSED(good_long, W(VMCS_GUEST_CS_AR, 0xa0ff), words[CS].dpl);
	ACCEPTED(good_long, W(VMCS_GUEST_SS_AR, 0xc097));
	REFUSED(good_long, W(VMCS_GUEST_SS_AR, 0xc09b), words[SS].type);
	REFUSED(good_long, W(VMCS_GUEST_DS_AR, 0xc099), words[DS].type); /* execute only */
	ACCEPTED(good_long, W(VMCS_GUEST_DS_AR, 0xc09b));
	ACCEPTED(good_pae, W(VMCS_GUEST_TR_AR, 0x83));
	REFUSED(good_long, W(VMCS_GUEST_TR_AR, 0x83), words[TR].type);
}

/* Nothing above names a rule that cannot fail, or forgets one that can. */
static void test_every_rule_failed(void **state)
{
	(void)state;
	for (u32 i = 0; i < noted_count; i++) {
		const char *what = noted[i].what;

		if (!strcmp(what, words[TR].dpl) || !strcmp(what, words[LDTR].dpl))
			continue;
		if (!noted[i].failed)
			fail_msg("never seen: %s", what);
	}
}

static void test_insn_errors(void **state)
{
	(void)state;
	assert_string_equal(vmx_insn_error_name(VMX_ERR_ENTRY_CONTROLS),
			    "VM entry with invalid controls");
	assert_string_equal(vmx_insn_error_name(0), "no error number");
	for (u32 n = 0; n < 40; n++)
		assert_non_null(vmx_insn_error_name(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_words),
		cmocka_unit_test(test_execution_controls),
		cmocka_unit_test(test_apic_controls),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_guest_cr),
		cmocka_unit_test(test_guest_rip),
		cmocka_unit_test(test_guest_activity),
		cmocka_unit_test(test_guest_shadow),
		cmocka_unit_test(test_every_segment),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_every_rule_failed),
		cmocka_unit_test(test_insn_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
