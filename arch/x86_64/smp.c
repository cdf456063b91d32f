/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the other cores by INIT and start-up IPIs (SDM vol. 3A 8.4.4.1). */
#include <arch/smp.h>

#include <arch/apic.h>
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/time.h>

#include "hv/base/log.h"
#include "hv/base/str.h"

#define INIT_WAIT_US 10000
#define STARTUP_WAIT_US 200
#define ONLINE_WAIT_US 2000000
#define POLL_US 50

#define CPUID_XSAVE BIT(26) /* leaf 1 ECX */

/* boot/ap.asm */
extern const u8 ap_trampoline[], ap_trampoline_end[];
extern u32 ap_ticket;
extern u64 ap_stack;
void ap_main(u32 index);

static u32 online = 1;
static u64 local_apic;
static void (*start_fn)(unsigned core);

void cpu_init_core(u64 apic_base)
{
	u64 cr4 = read_cr4() | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpuid(1, 0).ecx & CPUID_XSAVE)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
	apic_init(apic_base);
	this_cpu()->apic_id = apic_id();
	time_init_core();
}

/* Where a new core arrives, on its own stack. */
void ap_main(u32 index)
{
	struct cpu *c = &cpus[index];
	void (*fn)(unsigned core);

	desc_load(index);
	paging_load();
	cpu_init_core(local_apic);
	c->tsc_online = rdtsc();
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	while (!(fn = __atomic_load_n(&start_fn, __ATOMIC_ACQUIRE)))
		cpu_irq_wait();
	fn(index);
	log_err("smp", "core %u has nothing more to do", index);
}

static bool wait_online(const struct cpu *c, u32 us)
{
	for (u32 waited = 0; waited < us; waited += POLL_US) {
		if (__atomic_load_n(&c->online, __ATOMIC_ACQUIRE))
			return true;
		udelay(POLL_US);
	}
	return false;
}

/* A TSC that stood outside what the boot core's showed then is not in step. */
static void check_tsc(const struct cpu *c, u64 before, u64 after)
{
	if (c->tsc_online < before || c->tsc_online > after)
		log_warn("smp", "core %u: TSC differs from core 0's by more than %lu ticks",
			 c->index,
			 (c->tsc_online < before ? before - c->tsc_online : c->tsc_online - after));
}

/* A core that did not start may still come: its stack stays its own. */
static bool stack_for(u32 index)
{
	struct cpu_stack *s = plat_alloc(sizeof(*s));

	if (!s || (uintptr_t)s % STACK_PAGE || paging_guard(s))
		return false;
	cpu_stack[index] = s;
	return true;
}

static bool start_one(u32 index, u32 id, u64 trampoline)
{
	struct cpu *c = &cpus[index];
	u8 page = (u8)(trampoline >> 12);
	u64 before = rdtsc();

	if (!stack_for(index))
		return false;
	ap_stack = (u64)(uintptr_t)(cpu_stack[index]->main + STACK_MAIN_BYTES);
	__atomic_store_n(&ap_ticket, index, __ATOMIC_RELEASE);
	if (apic_init_ipi(id))
		return false;
	udelay(INIT_WAIT_US);
	if (apic_startup_ipi(id, page))
		return false;
	if (!wait_online(c, STARTUP_WAIT_US) && __atomic_load_n(&ap_ticket, __ATOMIC_ACQUIRE))
		apic_startup_ipi(id, page);
	if (wait_online(c, ONLINE_WAIT_US)) {
		check_tsc(c, before, rdtsc());
		return true;
	}
	/* Too late now: the ticket is taken back, or its holder hangs. */
	__atomic_store_n(&ap_ticket, 0, __ATOMIC_RELEASE);
	return false;
}

u32 smp_init(const u32 *apic_ids, u32 count, u64 trampoline, u64 apic_base)
{
	u32 own = apic_id(), left_out = 0;

	local_apic = apic_base;
	cpus[0].online = true;
	memcpy((void *)(uintptr_t)trampoline, ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	for (u32 i = 0; i < count; i++) {
		if (apic_ids[i] == own)
			continue;
		if (online == PLAT_MAX_CORES)
			left_out++;
		else if (start_one(online, apic_ids[i], trampoline))
			online++;
		else
			log_err("smp", "processor with APIC id %u does not start", apic_ids[i]);
	}
	if (left_out)
		log_warn("smp", "%u cores not used: at most %u are supported", left_out,
			 PLAT_MAX_CORES);
	return online;
}

u32 smp_core_count(void)
{
	return online;
}

void smp_start(void (*fn)(unsigned core))
{
	__atomic_store_n(&start_fn, fn, __ATOMIC_RELEASE);
	for (u32 i = 1; i < online; i++)
		arch_ipi(i, IRQ_VECTOR_WAKE);
}

void arch_ipi(unsigned core, u8 vector)
{
	u64 flags = cpu_irq_save();

	if (core < PLAT_MAX_CORES && cpus[core].online && apic_ipi(cpus[core].apic_id, vector))
		LOG_LIMITED(LOG_ERR, "smp", "IPI %02xh to core %u is stuck", vector, core);
	cpu_irq_restore(flags);
}
