/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest tests: one image with all cases, run by the real hypervisor on any
 * backend, or natively to judge the tests themselves. It prints
 *
 *     CASE name: PASS | FAIL: reason | SKIP: reason
 *     COST name: average cycles, least
 *     DONE n passed, n failed, n skipped
 *
 * on COM1 and switches the machine off.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <arch/cpu.h>
#include <arch/io.h>

#include "hv/base/types.h"
#include "hv/base/x86.h"

/* --- cases ---------------------------------------------------------------- */

enum outcome { PASS, FAIL, SKIP };

/* Returns PASS, or FAIL or SKIP after saying why with fail() or skip(). */
struct guest_case {
	const char *name;
	enum outcome (*run)(const void *arg);
	const void *arg;
};

/* Each file's cases; the last one has no name. */
extern const struct guest_case exit_cases[], insn_cases[], trap_cases[], intr_cases[],
	lapic_cases[], page_cases[], mode_cases[], legacy_cases[], deliver_cases[], time_cases[],
	smp_cases[];

enum outcome fail(const char *f, ...) PRINTF(1, 2);
enum outcome skip(const char *f, ...) PRINTF(1, 2);
#define CHECK(cond)                                    \
	do {                                           \
		if (!(cond))                           \
			return fail("%s", #cond);      \
	} while (0)
#define CHECK_EQ(have, want)                                                        \
	do {                                                                        \
		u64 have_ = (u64)(have), want_ = (u64)(want);                       \
		if (have_ != want_)                                                 \
			return fail("%s is %#llx, not %#llx", #have,                \
				    (unsigned long long)have_, (unsigned long long)want_); \
	} while (0)

void print(const char *f, ...) PRINTF(1, 2);

void costs_run(void);

/* --- traps ---------------------------------------------------------------- */

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_USER_DATA 0x3b
#define SEL_USER_CODE 0x43
#define SEL_TSS 0x48

enum { VECTOR_USER_EXIT = 0x81, VECTOR_NONE = 0x100 };

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RESERVED 8u
#define PF_FETCH 16u

/* Pushed by entry.asm. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* The last exception, and where to go on after it (0: it is a failure). */
struct trap_info {
	u64 resume, rsp;
	u64 vector; /* VECTOR_NONE: none since trap_arm() */
	u64 error, rip, cr2, dr6;
};
extern volatile struct trap_info trap;

/*
 * TRY("insn", operands) executes insn in inline assembly and gives the vector
 * of the exception it raised, or VECTOR_NONE. The operands are those of an asm
 * statement: TRY("rdmsr", : "=a"(lo) : "c"(n) : "rdx"); R11 is used too.
 */
STATIC_ASSERT(offsetof(struct trap_info, rsp) == 8, "TRY() writes it");
#define TRY(insn, ...)                                          \
	({                                                      \
		trap.vector = VECTOR_NONE;                      \
		__asm__ volatile("leaq 99f(%%rip), %%r11\n\t"   \
				 "movq %%r11, trap\n\t"         \
				 "movq %%rsp, trap+8\n\t" insn  \
				 "\n99:\tmovq $0, trap" __VA_ARGS__); \
		trap.vector;                                    \
	})

/* Interrupts (vectors from 32 on) count here; hook, if set, runs before the EOI. */
extern volatile u64 irq_count[256];
extern volatile u8 irq_order[64]; /* the first vectors in the order they came */
extern volatile u32 irq_total;
extern void (*volatile irq_hook[256])(struct trap_frame *f);
void irq_forget(void); /* counts and hooks to zero, task priority too */
/* Wait with interrupts on until `vector` was counted n times; false after 1 s. */
bool irq_wait(u8 vector, u64 n);

/* VMCALL on Intel's processors, VMMCALL on others: each lacks the other one. Gives the
 * vector of the exception it raised, or VECTOR_NONE; *rax is what it asks and the answer. */
u64 hypercall(u64 *rax);

void traps_init(void);
void traps_load(void); /* the same IDT on another processor */
/* Asked about every event first: true, it is dealt with (another processor's, smp.c). */
extern bool (*volatile trap_first)(struct trap_frame *f);
u64 user_enter(u64 rip, u64 rsp, u64 rflags, u64 arg);

/* --- machine -------------------------------------------------------------- */

#define TESTDEV ((volatile u8 *)0xfeb00000)
bool testdev_present(void);
bool hypervisor_present(void); /* with the leaves of ours */
u64 memory_end(void);	       /* of the RAM from 1 MiB on */
u64 tsc_hz(void);
void power_off(void);

/* --- local and I/O APIC (apic.c) ------------------------------------------- */

enum apic_reg {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_LDR = 0xd0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_TIMER_INIT = 0x380,
	APIC_TIMER_NOW = 0x390, APIC_TIMER_DIVIDE = 0x3e0, APIC_SELF_IPI = 0x3f0,
};
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_PERIODIC BIT(17)
#define APIC_LVT_DEADLINE BIT(18)
#define APIC_ICR_NMI (4u << 8)
#define APIC_ICR_INIT (5u << 8)
#define APIC_ICR_STARTUP (6u << 8)
#define APIC_ICR_LOWEST (1u << 8)
#define APIC_ICR_LOGICAL BIT(11)
#define APIC_ICR_ASSERT BIT(14)
#define APIC_ICR_SELF (1u << 18)
#define APIC_ICR_ALL (2u << 18)
#define APIC_ICR_OTHERS (3u << 18)
#define APIC_DIVIDE_1 0xb

void apic_init(void); /* masks the 8259s; then */
void apic_enable(void); /* this processor's: software-enabled, x2APIC mode where there is one */
bool apic_x2(void);
u32 apic_read(enum apic_reg reg);
void apic_write(enum apic_reg reg, u32 value);
void apic_send(u32 dest, u32 icr_low); /* by ICR; shorthands ignore dest */
void apic_self(u32 icr_low);
/* Route GSI to vector on this processor. */
void ioapic_route(u32 gsi, u8 vector, bool level, bool masked);

/* --- page tables (page.c) --------------------------------------------------- */

#define PTE_P BIT64(0)
#define PTE_W BIT64(1)
#define PTE_U BIT64(2)
#define PTE_A BIT64(5)
#define PTE_D BIT64(6)
#define PTE_PS BIT64(7)
#define PTE_G BIT64(8)
#define PTE_NX BIT64(63)
#define PTE_ADDR 0x000ffffffffff000ull
#define WINDOW 0x8000000000ull /* virtual addresses free for tests */
#define SCRATCH_PA 0x800000ull /* a free 2 MiB of RAM behind the image */

/* Map va in the window at level 0 (4 KiB), 1 (2 MiB) or 2 (1 GiB) to pa with
 * these bits; returns the entry. Flushes va. */
volatile u64 *page_map(u64 va, u64 pa, unsigned level, u64 bits);

extern u64 page_root[512];

/* --- modes.asm -------------------------------------------------------------- */

/* What a piece of 32-bit or 16-bit code found. */
struct mode_result {
	u32 a, b, c, d;
};
void mode_compat32(struct mode_result *r, u32 device);
void mode_paging_off(struct mode_result *r, u32 device);
void mode_lme_first(struct mode_result *r);
void mode_real(struct mode_result *r);

#endif
