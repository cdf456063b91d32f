/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node that must give up stops its other cores, says what happened on serial
 * line and screen, and resets after a while or holds, as configured.
 */
#include <arch/die.h>

#include <arch/apic.h>
#include <arch/console.h>
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/percpu.h>
#include <arch/power.h>
#include <arch/time.h>
#include <arch/trap.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"

#define REBOOT_DEFAULT_S 10
#define BACKTRACE_MAX 24
#define NS_PER_S 1000000000ull

/* SDM vol. 2A, CALL. */
#define CALL_REL32 0xe8
#define CALL_REL32_LENGTH 5
#define CALL_RM 0xff
#define CALL_RM_REG 2 /* in the ModR/M byte */
#define CALL_LENGTH_MIN 2
#define CALL_LENGTH_MAX 7

static u32 reboot_s = REBOOT_DEFAULT_S;
static void (*dump_more)(void);
static u32 dying_core = PLAT_MAX_CORES; /* nobody */

extern const u8 image_start[], image_rodata[]; /* boot/caisson.ld */

void die_set_reboot(u32 seconds)
{
	reboot_s = seconds;
}

void die_set_dump(void (*fn)(void))
{
	dump_more = fn;
}

static void PRINTF(1, 2) say(const char *f, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, f);
	n = fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	if (n < 0)
		return;
	console_write(text, MIN((size_t)n, sizeof(text) - 1));
}

static NORETURN void stop_core(void)
{
	for (;;) {
		cpu_irq_disable();
		cpu_hlt();
	}
}

/* The first core that gets here goes on alone; a fault in the dump stops it. */
static void begin(void)
{
	u32 nobody = PLAT_MAX_CORES;
	struct cpu *c = this_cpu();

	cpu_irq_disable();
	if (c->dying++) {
		say("\n(another fault while dying)\n");
		stop_core();
	}
	if (!__atomic_compare_exchange_n(&dying_core, &nobody, c->index, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		stop_core();
	console_take_over();
	apic_nmi_others();
}

static NORETURN void finish(void)
{
	u64 end = plat_now_ns() + reboot_s * NS_PER_S;

	if (dump_more)
		dump_more();
	if (!reboot_s || !tsc_khz()) {
		say("node stopped\n");
		stop_core();
	}
	say("reset in %u seconds\n", reboot_s);
	while (plat_now_ns() < end)
		cpu_pause();
	arch_reset();
}

/* Where the part of this core's stacks ends that an address is in; 0: in none. */
static u64 stack_end(u64 rsp)
{
	const struct cpu_stack *s = cpu_stack[plat_core()];
	u64 main = (u64)(uintptr_t)s->main;
	u64 ist = (u64)(uintptr_t)s->ist;

	if (rsp >= main && rsp < main + sizeof(s->main))
		return main + sizeof(s->main);
	if (rsp >= ist && rsp < ist + sizeof(s->ist))
		return ist + ALIGN_UP(rsp - ist + 1, STACK_IST_BYTES);
	return 0;
}

/* Whether a call instruction ends there: CALL rel32, or CALL r/m64 in any of its lengths. */
static bool follows_call(u64 at)
{
	const u8 *p = (const u8 *)(uintptr_t)at;

	if (at < (u64)(uintptr_t)image_start + CALL_LENGTH_MAX ||
	    at >= (u64)(uintptr_t)image_rodata)
		return false;
	if (p[-CALL_REL32_LENGTH] == CALL_REL32)
		return true;
	for (s32 n = CALL_LENGTH_MIN; n <= CALL_LENGTH_MAX; n++)
		if (p[-n] == CALL_RM && (p[1 - n] >> 3 & 7) == CALL_RM_REG)
			return true;
	return false;
}

/* There are no frame pointers: whatever on the stack follows a call. Some of it may be left
 * over from functions that have returned. */
static void backtrace(u64 rip, u64 rsp)
{
	const u64 *at = (const u64 *)(uintptr_t)ALIGN_UP(rsp, sizeof(u64));
	const u64 *end = (const u64 *)(uintptr_t)stack_end(rsp);
	u32 n = 0;

	say("  at %lx, called from (some may be old):", rip);
	for (; at < end && n < BACKTRACE_MAX; at++) {
		u64 word = *at;

		if (!follows_call(word))
			continue;
		say(" %lx", word);
		n++;
	}
	say("\n");
}

void plat_die(const char *file, int line, const char *f, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	begin();
	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	say("\n*** core %u stopped: %s (%s:%d)\n", plat_core(), text, file, line);
	backtrace((u64)(uintptr_t)__builtin_return_address(0),
		  (u64)(uintptr_t)__builtin_frame_address(0));
	finish();
}

void die_trap(const struct trap_frame *f)
{
	begin();
	say("\n*** core %u stopped: %s, error %lx, at %lx\n", plat_core(), trap_name(f->vector),
	    f->error, f->rip);
	say("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	say("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	say("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	say("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	say("  cs %04lx  ss %04lx  rflags %08lx  cr0 %08lx  cr2 %016lx  cr3 %lx  cr4 %lx\n", f->cs,
	    f->ss, f->rflags, read_cr0(), read_cr2(), read_cr3(), read_cr4());
	backtrace(f->rip, f->rsp);
	finish();
}

void die_nmi(void)
{
	if (__atomic_load_n(&dying_core, __ATOMIC_ACQUIRE) != PLAT_MAX_CORES)
		stop_core();
	/* By this core alone, and read by others. */
	__atomic_store_n(&this_cpu()->nmi_count, this_cpu()->nmi_count + 1, __ATOMIC_RELAXED);
}
