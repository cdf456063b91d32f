/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event injection and what interrupts it on VT-x (SDM vol. 3C 24.8.3, 26.6,
 * 27.2.3, 27.2.4): entries are looked at in the VMCS, exits written as the
 * processor does. Many random sequences are held against what must never be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_event.c"

#define VECTOR 0x51
#define STEPS 200000

static struct vcpu_hw hw;
static struct vcpu_event ev;

static bool held, told_open;

u32 vmx_apic_hold(struct vcpu_hw *h, bool open)
{
	assert_ptr_equal(h, &hw);
	told_open = open;
	return held && !open ? VMX_PROC_INTR_WINDOW : 0;
}

static const struct vcpu_event nmi = { .type = EVENT_NMI, .vector = VECTOR_NMI };
static const struct vcpu_event gp = {
	.type = EVENT_EXCEPTION, .vector = VECTOR_GP, .has_error = true, .error = 0x18
};

static int setup(void **state)
{
	(void)state;
	host_vmcs_reset();
	hw = (struct vcpu_hw){ .offered = -1, .taken = -1, .reason = VMX_REASON_CPUID,
			       .sregs.cr0 = CR0_PE, .regs.rflags = RFLAGS_FIXED | RFLAGS_IF };
	return 0;
}

static u32 info_of(enum vmx_intr_type type, u8 vector)
{
	return VMX_INTR_VALID | (u32)type << VMX_INTR_TYPE_SHIFT | vector;
}

/* What this entry injects; the processor clears the valid bit as it exits. */
static u32 enter(void)
{
	u32 info;

	vmx_event_enter(&hw);
	info = (u32)vmcs_read(VMCS_ENTRY_INTR);
	vmcs_write(VMCS_ENTRY_INTR, info & ~VMX_INTR_VALID);
	return info & VMX_INTR_VALID ? info : 0;
}

/* A request that is held back waits for the same window as an offer. */
static void test_held_requests(void **state)
{
	(void)state;
	held = true;
	enter();
	assert_true(told_open);
	assert_int_equal(hw.proc & VMX_PROC_INTR_WINDOW, 0);
	hw.regs.rflags &= ~(u64)RFLAGS_IF;
	enter();
	assert_false(told_open);
	assert_true(hw.proc & VMX_PROC_INTR_WINDOW);
	hw.regs.rflags |= RFLAGS_IF;
	vmx_inject(&hw, &gp);
	assert_true(enter());
	assert_false(told_open);
	assert_true(hw.proc & VMX_PROC_INTR_WINDOW);
	held = false;
}

/* Blocking of NMIs that an entry inherits from somebody else is not the guest's. */
static void test_nmi_blocking_is_its_own(void **state)
{
	(void)state;
	enter();
	vmcs_write(VMCS_GUEST_SHADOW, VMX_SHADOW_NMI | VMX_SHADOW_STI);
	vmx_event_shadow(&hw);
	assert_int_equal(hw.shadow, VMX_SHADOW_STI);
	assert_true(hw.dirty & VMX_DIRTY_SHADOW);
	hw.shadow = 0;
	vmx_inject(&hw, &nmi);
	assert_int_equal(enter(), info_of(VMX_INTR_NMI, VECTOR_NMI));
	vmcs_write(VMCS_GUEST_SHADOW, VMX_SHADOW_NMI);
	for (u32 i = 0; i < 2; i++) { /* and while its handler runs */
		vmx_event_shadow(&hw);
		assert_int_equal(hw.shadow, VMX_SHADOW_NMI);
		assert_int_equal(enter(), 0);
	}
	vmcs_write(VMCS_GUEST_SHADOW, 0);
	vmx_event_shadow(&hw);
	assert_int_equal(hw.shadow, 0);
}

/* As vmx_run() does after an exit; vectoring: whose delivery it cut short. */
static void leave(u32 vectoring)
{
	vmcs_write(VMCS_IDT_VECTORING, vectoring);
	vmx_event_settle(&hw, &ev);
}

static bool window(u32 which)
{
	return vmcs_read(VMCS_PROC) & which;
}

static void test_intr_taken(void **state)
{
	(void)state;
	vmx_offer_intr(&hw, VECTOR);
	assert_int_equal(enter(), info_of(VMX_INTR_EXTERNAL, VECTOR));
	assert_false(window(VMX_PROC_INTR_WINDOW));
	leave(0);
	assert_int_equal(ev.type, EVENT_NONE);
	assert_int_equal(vmx_intr_taken(&hw), VECTOR);
	assert_int_equal(vmx_intr_taken(&hw), -1);
	assert_int_equal(enter(), 0);
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), -1);
}

static void test_intr_waits(void **state)
{
	(void)state;
	hw.regs.rflags = RFLAGS_FIXED;
	vmx_offer_intr(&hw, VECTOR);
	assert_int_equal(enter(), 0);
	assert_true(window(VMX_PROC_INTR_WINDOW));
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), -1);
	hw.regs.rflags |= RFLAGS_IF;
	hw.shadow = VMX_SHADOW_STI;
	assert_int_equal(enter(), 0);
	leave(0);
	hw.shadow = VMX_SHADOW_MOV_SS;
	assert_int_equal(enter(), 0);
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), -1);
	hw.shadow = VMX_SHADOW_NMI; /* of no matter for interrupts */
	assert_int_equal(enter(), info_of(VMX_INTR_EXTERNAL, VECTOR));
	assert_false(window(VMX_PROC_INTR_WINDOW));
}

static void test_intr_withdrawn(void **state)
{
	(void)state;
	hw.regs.rflags = RFLAGS_FIXED;
	vmx_offer_intr(&hw, VECTOR);
	assert_int_equal(enter(), 0);
	leave(0);
	vmx_offer_intr(&hw, -1);
	hw.regs.rflags |= RFLAGS_IF;
	assert_int_equal(enter(), 0);
	assert_false(window(VMX_PROC_INTR_WINDOW));
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), -1);
}

/* The delivery met an exit: not taken, and offered again. */
static void test_intr_interrupted(void **state)
{
	(void)state;
	vmx_offer_intr(&hw, VECTOR);
	assert_int_equal(enter(), info_of(VMX_INTR_EXTERNAL, VECTOR));
	leave(info_of(VMX_INTR_EXTERNAL, VECTOR));
	assert_int_equal(ev.type, EVENT_NONE);
	assert_int_equal(vmx_intr_taken(&hw), -1);
	assert_int_equal(enter(), info_of(VMX_INTR_EXTERNAL, VECTOR));
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), VECTOR);
}

static void test_exception(void **state)
{
	(void)state;
	assert_int_equal(vmx_inject(&hw, &gp), ERR_OK);
	assert_int_equal(vmx_inject(&hw, &gp), ERR_BUSY);
	assert_int_equal(enter(), info_of(VMX_INTR_EXCEPTION, VECTOR_GP) | VMX_INTR_HAS_ERROR);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_ERROR), 0x18);
	leave(0);
	assert_int_equal(enter(), 0); /* once */
	leave(0);
	hw.sregs.cr0 = 0; /* real mode: no error code */
	assert_int_equal(vmx_inject(&hw, &gp), ERR_OK);
	assert_int_equal(enter(), info_of(VMX_INTR_EXCEPTION, VECTOR_GP));
}

/* First the exception, then what can wait. */
static void test_priorities(void **state)
{
	(void)state;
	assert_int_equal(vmx_inject(&hw, &gp), ERR_OK);
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_OK);
	vmx_offer_intr(&hw, VECTOR);
	assert_int_equal(enter() & VMX_INTR_VECTOR, VECTOR_GP);
	assert_true(window(VMX_PROC_NMI_WINDOW) && window(VMX_PROC_INTR_WINDOW));
	leave(0);
	assert_int_equal(enter(), info_of(VMX_INTR_NMI, VECTOR_NMI));
	assert_true(window(VMX_PROC_INTR_WINDOW) && !window(VMX_PROC_NMI_WINDOW));
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), -1);
	assert_int_equal(enter(), info_of(VMX_INTR_EXTERNAL, VECTOR));
	leave(0);
	assert_int_equal(vmx_intr_taken(&hw), VECTOR);
	assert_false(window(VMX_PROC_INTR_WINDOW));
}

static void test_nmi_blocked(void **state)
{
	(void)state;
	hw.shadow = VMX_SHADOW_NMI;
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_OK);
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_BUSY);
	assert_int_equal(enter(), 0);
	assert_true(window(VMX_PROC_NMI_WINDOW));
	leave(0);
	hw.shadow = VMX_SHADOW_STI; /* holds no NMI back, and entry wants it gone */
	assert_int_equal(enter(), info_of(VMX_INTR_NMI, VECTOR_NMI));
	assert_int_equal(hw.shadow, 0);
	assert_true(hw.dirty & VMX_DIRTY_SHADOW);
	assert_false(window(VMX_PROC_NMI_WINDOW));
	leave(0);
	hw.shadow = VMX_SHADOW_MOV_SS;
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_OK);
	assert_int_equal(enter(), 0);
}

/* Blocking began with the delivery, which has to begin again (27.2.4). */
static void test_nmi_interrupted(void **state)
{
	(void)state;
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_OK);
	assert_int_equal(enter(), info_of(VMX_INTR_NMI, VECTOR_NMI));
	hw.shadow = VMX_SHADOW_NMI; /* as the exit found it */
	leave(info_of(VMX_INTR_NMI, VECTOR_NMI));
	assert_int_equal(ev.type, EVENT_NMI);
	assert_int_equal(hw.shadow, 0);
	assert_int_equal(vmx_inject(&hw, &ev), ERR_OK);
	assert_int_equal(enter(), info_of(VMX_INTR_NMI, VECTOR_NMI));
}

static void test_iret_interrupted(void **state)
{
	(void)state;
	hw.reason = VMX_REASON_EPT_VIOLATION;
	vmcs_write(VMCS_QUALIFICATION, VMX_EPT_NMI_UNBLOCKED);
	leave(0);
	assert_int_equal(hw.shadow, VMX_SHADOW_NMI);
	hw.shadow = 0;
	leave(info_of(VMX_INTR_EXCEPTION, VECTOR_PF)); /* the bit is undefined then */
	assert_int_equal(hw.shadow, 0);
	hw.reason = VMX_REASON_EXCEPTION;
	vmcs_write(VMCS_EXIT_INTR, info_of(VMX_INTR_EXCEPTION, VECTOR_PF) | VMX_INTR_NMI_UNBLOCKED);
	leave(0);
	assert_int_equal(hw.shadow, VMX_SHADOW_NMI);
	hw.shadow = 0;
	vmcs_write(VMCS_EXIT_INTR, info_of(VMX_INTR_EXCEPTION, VECTOR_DF) | VMX_INTR_NMI_UNBLOCKED);
	leave(0);
	assert_int_equal(hw.shadow, 0);
	hw.reason = VMX_REASON_CPUID; /* bit 12 means nothing there */
	vmcs_write(VMCS_QUALIFICATION, VMX_EPT_NMI_UNBLOCKED);
	leave(0);
	assert_int_equal(hw.shadow, 0);
}

static void test_interrupted_kinds(void **state)
{
	static const struct {
		enum vmx_intr_type type;
		enum event_type event;
	} list[] = {
		{ VMX_INTR_EXCEPTION, EVENT_EXCEPTION },
		{ VMX_INTR_SOFT, EVENT_SOFT },
		{ VMX_INTR_PRIVILEGED_SOFT, EVENT_SOFT },
		{ VMX_INTR_SOFT_EXCEPTION, EVENT_SOFT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		leave(info_of(list[i].type, 3));
		assert_int_equal(ev.type, list[i].event);
		assert_int_equal(ev.vector, 3);
		assert_false(ev.has_error);
	}
	vmcs_write(VMCS_IDT_VECTORING_ERROR, 2);
	leave(info_of(VMX_INTR_EXCEPTION, VECTOR_PF) | VMX_INTR_HAS_ERROR);
	assert_true(ev.has_error);
	assert_int_equal(ev.error, 2);
	assert_int_equal(vmx_inject(&hw, &ev), ERR_OK);
	assert_int_equal(enter(), info_of(VMX_INTR_EXCEPTION, VECTOR_PF) | VMX_INTR_HAS_ERROR);
	assert_int_equal(vmcs_read(VMCS_ENTRY_INTR_ERROR), 2);
	leave(info_of(VMX_INTR_EXCEPTION, VECTOR_PF) & ~VMX_INTR_VALID);
	assert_int_equal(ev.type, EVENT_NONE);
}

static void test_reset(void **state)
{
	(void)state;
	assert_int_equal(vmx_inject(&hw, &gp), ERR_OK);
	assert_int_equal(vmx_inject(&hw, &nmi), ERR_OK);
	vmx_offer_intr(&hw, VECTOR);
	vmx_event_reset(&hw);
	assert_int_equal(enter(), 0);
	assert_false(window(VMX_PROC_INTR_WINDOW) || window(VMX_PROC_NMI_WINDOW));
	assert_int_equal(vmx_inject(&hw, &(struct vcpu_event){ .type = EVENT_SOFT }), ERR_INVAL);
}

/* --- a guest and a processor at random ---------------------------------------------- */

static u64 seed = 1;

static u32 below(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

/* What the guest took, as its own handlers would count. */
static struct {
	u32 intr, nmi, exceptions;
} given, took;

static void random_state(void)
{
	static const u32 shadows[] = { 0, 0, 0, VMX_SHADOW_STI, VMX_SHADOW_MOV_SS };

	hw.regs.rflags = below(2) ? RFLAGS_FIXED | RFLAGS_IF : RFLAGS_FIXED;
	hw.shadow = (hw.shadow & VMX_SHADOW_NMI) | shadows[below(ARRAY_SIZE(shadows))];
	if (below(4) == 0)
		hw.shadow &= ~(u32)VMX_SHADOW_NMI; /* IRET */
}

static void random_events(void)
{
	if (hw.offered < 0 && below(2)) {
		vmx_offer_intr(&hw, VECTOR);
		given.intr++;
	}
	if (below(8) == 0 && vmx_inject(&hw, &nmi) == ERR_OK)
		given.nmi++;
	if (below(8) == 0 && vmx_inject(&hw, &gp) == ERR_OK)
		given.exceptions++;
}

/* One entry and exit: a delivery comes to its end, or an exit cuts it short. */
static void random_stay(void)
{
	u32 before = hw.shadow, info = enter();
	u32 type = info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK;
	bool cut = below(3) == 0, shadow = before & (VMX_SHADOW_STI | VMX_SHADOW_MOV_SS);

	if (!info) {
		leave(0);
		return;
	}
	if (type == VMX_INTR_EXTERNAL)
		assert_true((hw.regs.rflags & RFLAGS_IF) && !shadow);
	if (type == VMX_INTR_NMI) {
		assert_false(before & (VMX_SHADOW_NMI | VMX_SHADOW_MOV_SS));
		hw.shadow |= VMX_SHADOW_NMI;
	}
	if (!cut) {
		took.intr += type == VMX_INTR_EXTERNAL;
		took.nmi += type == VMX_INTR_NMI;
		took.exceptions += type == VMX_INTR_EXCEPTION;
	}
	leave(cut ? info : 0);
	assert_int_equal(vmx_intr_taken(&hw) >= 0, !cut && type == VMX_INTR_EXTERNAL);
	if (ev.type == EVENT_EXCEPTION || ev.type == EVENT_NMI) /* vcpu.c's restore_event() */
		vmx_inject(&hw, &ev);
}

static void test_each_exactly_once(void **state)
{
	(void)state;
	for (u32 i = 0; i < STEPS; i++) {
		random_state();
		random_events();
		random_stay();
	}
	hw.regs.rflags = RFLAGS_FIXED | RFLAGS_IF;
	for (u32 i = 0; i < 100; i++) {
		hw.shadow = 0;
		random_stay();
	}
	assert_true(took.intr && took.nmi && took.exceptions);
	assert_int_equal(took.intr, given.intr);
	assert_int_equal(took.exceptions, given.exceptions);
	/* One more may have been latched while one's delivery was cut short: the two are one. */
	assert_true(took.nmi <= given.nmi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_intr_taken, setup),
		cmocka_unit_test_setup(test_intr_waits, setup),
		cmocka_unit_test_setup(test_intr_withdrawn, setup),
		cmocka_unit_test_setup(test_intr_interrupted, setup),
		cmocka_unit_test_setup(test_exception, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_nmi_blocked, setup),
		cmocka_unit_test_setup(test_nmi_interrupted, setup),
		cmocka_unit_test_setup(test_held_requests, setup),
		cmocka_unit_test_setup(test_nmi_blocking_is_its_own, setup),
		cmocka_unit_test_setup(test_iret_interrupted, setup),
		cmocka_unit_test_setup(test_interrupted_kinds, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_each_exactly_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
