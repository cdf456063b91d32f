/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions, software interrupts and system calls, as the guest's handlers see them. */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define DR6_BS BIT64(14)
#define DR6_B0 BIT64(0)
#define DR7_L0 BIT64(0)
#define DR7_FIXED 0x400u
#define STAR_SYSRET_BASE (0x33ull << 48)
#define STAR_SYSCALL_BASE ((u64)SEL_CODE64 << 32)
#define USER_PA 0x810000ull
#define SYSCALL_ANSWER 0x5ca11

extern void syscall_entry(void);

static enum outcome case_divide(const void *arg)
{
	(void)arg;
	CHECK_EQ(TRY("divl %%ecx", ::"a"(1), "d"(0), "c"(0) : "r11", "memory"), VECTOR_DE);
	return PASS;
}

static enum outcome case_undefined(const void *arg)
{
	(void)arg;
	CHECK_EQ(TRY("ud2", ::: "r11", "memory"), VECTOR_UD);
	return PASS;
}

static enum outcome case_gp(const void *arg)
{
	(void)arg;
	CHECK_EQ(TRY("movw %w0, %%fs", ::"r"(0x1230) : "r11", "memory"), VECTOR_GP);
	CHECK_EQ(trap.error, 0x1230);
	CHECK_EQ(TRY("movq (%0), %%rax", ::"r"(0x8000000000000000ull) : "rax", "r11", "memory"),
		 VECTOR_GP);
	CHECK_EQ(trap.error, 0);
	return PASS;
}

/* INT3's RIP is behind it, INT n counts as an interrupt of that vector. */
static enum outcome case_int(const void *arg)
{
	(void)arg;
	CHECK_EQ(TRY("int3", ::: "r11", "memory"), VECTOR_BP);
	__asm__ volatile("int $0x70\n\tint $0x70" ::: "memory");
	CHECK_EQ(irq_count[0x70], 2);
	return PASS;
}

static enum outcome case_single_step(const void *arg)
{
	u64 vector = TRY("pushfq\n\torq %0, (%%rsp)\n\tpopfq\n\tnop",
			 ::"i"(RFLAGS_TF) : "r11", "memory", "cc");

	(void)arg;
	CHECK_EQ(vector, VECTOR_DB);
	CHECK(trap.dr6 & DR6_BS);
	write_dr6(0xffff0ff0);
	return PASS;
}

/* A breakpoint on an address, armed before an exit and met after it. */
static enum outcome case_breakpoint(const void *arg)
{
	u64 vector;

	(void)arg;
	vector = TRY("leaq 1f(%%rip), %%rax\n\tmovq %%rax, %%dr0\n\tmovq %0, %%dr7\n\t"
		     "xorl %%eax, %%eax\n\tcpuid\n1:\tnop",
		     ::"r"((u64)(DR7_FIXED | DR7_L0))
		     : "rax", "rbx", "rcx", "rdx", "r11", "memory");
	write_dr7(DR7_FIXED);
	CHECK_EQ(vector, VECTOR_DB);
	CHECK(trap.dr6 & DR6_B0);
	write_dr6(0xffff0ff0);
	return PASS;
}

/* syscall; int 81h */
static const u8 user_syscall[] = { 0x0f, 0x05, 0xcd, VECTOR_USER_EXIT };
static const u8 user_ud[] = { 0x0f, 0x0b };
static const u8 user_int3[] = { 0xcc };
static const u8 user_cpuid[] = { 0x31, 0xc0, 0x0f, 0xa2, 0xcd, VECTOR_USER_EXIT };
static const u8 user_rdmsr[] = { 0x0f, 0x32 };
static const u8 user_hlt[] = { 0xf4 };

static u64 run_user(const u8 *code, size_t bytes)
{
	memcpy((void *)USER_PA, code, bytes);
	page_map(WINDOW, USER_PA, 0, PTE_P | PTE_U | PTE_W);
	trap.vector = VECTOR_NONE;
	return user_enter(WINDOW, WINDOW + 4096, RFLAGS_FIXED, 0);
}

static enum outcome case_syscall(const void *arg)
{
	u64 efer = rdmsr(MSR_EFER), answer;

	(void)arg;
	wrmsr(MSR_EFER, efer | EFER_SCE);
	wrmsr(MSR_STAR, STAR_SYSRET_BASE | STAR_SYSCALL_BASE);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF);
	answer = run_user(user_syscall, sizeof(user_syscall));
	wrmsr(MSR_EFER, efer);
	CHECK_EQ(trap.vector, VECTOR_NONE);
	CHECK_EQ(answer, SYSCALL_ANSWER);
	return PASS;
}

/* What ring 3 may do that exits, and what must fault before it can. */
static enum outcome case_ring3(const void *arg)
{
	(void)arg;
	run_user(user_cpuid, sizeof(user_cpuid));
	CHECK_EQ(trap.vector, VECTOR_NONE);
	run_user(user_ud, sizeof(user_ud));
	CHECK_EQ(trap.vector, VECTOR_UD);
	run_user(user_int3, sizeof(user_int3));
	CHECK_EQ(trap.vector, VECTOR_BP);
	run_user(user_rdmsr, sizeof(user_rdmsr));
	CHECK_EQ(trap.vector, VECTOR_GP);
	run_user(user_hlt, sizeof(user_hlt));
	CHECK_EQ(trap.vector, VECTOR_GP);
	return PASS;
}

const struct guest_case trap_cases[] = {
	{ "trap/divide", case_divide, NULL },
	{ "trap/undefined", case_undefined, NULL },
	{ "trap/general-protection", case_gp, NULL },
	{ "trap/int", case_int, NULL },
	{ "trap/single-step", case_single_step, NULL },
	{ "trap/breakpoint-over-exit", case_breakpoint, NULL },
	{ "trap/syscall", case_syscall, NULL },
	{ "trap/ring3", case_ring3, NULL },
	{ NULL, NULL, NULL },
};
