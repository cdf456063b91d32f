/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several processors: start-up, inter-processor interrupts of every kind, waking, time,
 * translations, and devices that two of them use at once.
 */
#include "tests/guest/smp.h"

#include "hv/testdev.h"

#define VEC_A 0x71
#define VEC_B 0x72
#define VEC_FLUSH 0x73
#define AP 1u /* the one that most cases use */
#define ROUNDS 100u
#define FLOOD 500u
#define TSC_ROUNDS 300u
#define RESET_CR0_ET BIT(4)
#define SIPI_CS 0x800u
#define MSI_BASE 0xfee00000u
#define PAGES_AT 0x840000ull /* free RAM behind the image */
#define TSC_FAR (1ull << 40)

#define NEEDS_ANOTHER()                               \
	do {                                          \
		if (smp_count() < 2)                  \
			return skip("one processor"); \
		CHECK(ap_start(AP));                  \
	} while (0)

static enum outcome parked(enum outcome o)
{
	ap_park(AP);
	return o;
}

/* CHECK() with the other processor parked again. */
#define EXPECT(cond)                                        \
	do {                                                \
		if (!(cond))                                \
			return parked(fail("%s", #cond));   \
	} while (0)

static u32 seen(u32 id, u8 vector)
{
	return __atomic_load_n(&aps[id].seen[vector], __ATOMIC_SEQ_CST);
}

/* --- start ---------------------------------------------------------------------- */

static enum outcome case_start(const void *arg)
{
	(void)arg;
	NEEDS_ANOTHER();
	EXPECT(ap_found[0] == 0);
	EXPECT(ap_found[1] == SIPI_CS);
	EXPECT(!(ap_found[2] & (CR0_PE | CR0_PG)) && (ap_found[2] & RESET_CR0_ET));
	EXPECT(ap_found[3] == 0);
	return parked(PASS);
}

static void ask_apic(volatile struct ap *ap)
{
	ap->value[0] = rdmsr(MSR_APIC_BASE);
	ap->value[1] = apic_x2() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
	ap->value[2] = cpuid(1, 0).ebx >> 24;
}

static enum outcome case_who(const void *arg)
{
	(void)arg;
	CHECK(rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP);
	NEEDS_ANOTHER();
	EXPECT(ap_run(AP, ask_apic));
	EXPECT(!(aps[AP].value[0] & APIC_BASE_BSP));
	EXPECT(aps[AP].value[1] == AP && aps[AP].value[2] == AP);
	return parked(PASS);
}

/* A start-up IPI to one that runs changes nothing. */
static enum outcome case_running(const void *arg)
{
	u64 beats;

	(void)arg;
	NEEDS_ANOTHER();
	ipi_send(AP, APIC_ICR_STARTUP | SIPI_CS >> 8);
	ipi_send(AP, VEC_A);
	EXPECT(wait_for(&aps[AP].seen[VEC_A], 1));
	beats = aps[AP].beats;
	EXPECT(aps[AP].up && ap_run(AP, ask_apic) && aps[AP].beats > beats);
	return parked(PASS);
}

/* Off and on again, from each way of waiting. */
static enum outcome case_again(const void *arg)
{
	(void)arg;
	NEEDS_ANOTHER();
	for (u32 i = 0; i < 12; i++) {
		u64 beats;

		ap_set(AP, (enum ap_mode)(i % 3));
		ipi_send(AP, VEC_A);
		EXPECT(i % 3 == AP_DEAF || wait_for(&aps[AP].seen[VEC_A], 1));
		EXPECT(ap_start(AP));
		beats = aps[AP].beats;
		EXPECT(ap_run(AP, ask_apic) && aps[AP].beats > beats);
	}
	return parked(PASS);
}

/* --- interrupts ------------------------------------------------------------------ */

static enum outcome case_fixed(const void *arg)
{
	enum ap_mode mode = *(const enum ap_mode *)arg;

	NEEDS_ANOTHER();
	ap_set(AP, mode);
	for (u32 i = 1; i <= ROUNDS; i++) {
		ipi_send(AP, i & 1 ? VEC_A : VEC_B);
		EXPECT(wait_for(&aps[AP].seen[i & 1 ? VEC_A : VEC_B], (i + 1) / 2));
	}
	EXPECT(seen(AP, VEC_A) == ROUNDS / 2 && seen(AP, VEC_B) == ROUNDS / 2);
	return parked(PASS);
}

static void answer(volatile struct ap *ap, u8 vector)
{
	(void)ap;
	(void)vector;
	ipi_send(0, VEC_B);
}

/* Each halts until the other one's interrupt: no wake-up may get lost. */
static enum outcome case_ping_pong(const void *arg)
{
	(void)arg;
	NEEDS_ANOTHER();
	aps[AP].hook = answer;
	ap_set(AP, AP_HALT);
	for (u32 i = 1; i <= ROUNDS; i++) {
		ipi_send(AP, VEC_A);
		cpu_irq_disable();
		while (irq_count[VEC_B] < i)
			__asm__ volatile("sti; hlt; cli" ::: "memory");
	}
	/* The other one counts an interrupt after it has answered it. */
	EXPECT(wait_for(&aps[AP].seen[VEC_A], ROUNDS));
	EXPECT(seen(AP, VEC_A) == ROUNDS && irq_count[VEC_B] == ROUNDS);
	return parked(PASS);
}

/* Also one that halted with interrupts off gets it. */
static enum outcome case_nmi(const void *arg)
{
	enum ap_mode mode = *(const enum ap_mode *)arg;

	NEEDS_ANOTHER();
	ap_set(AP, mode);
	for (u32 i = 1; i <= 20; i++) {
		ipi_send(AP, APIC_ICR_NMI);
		EXPECT(wait_for(&aps[AP].seen[VECTOR_NMI], i));
	}
	return parked(PASS);
}

static enum outcome case_broadcast(const void *arg)
{
	u32 count = smp_count();

	(void)arg;
	if (count < 2)
		return skip("one processor");
	for (u32 id = 1; id < count; id++)
		CHECK(ap_start(id));
	ipi_send(0, APIC_ICR_OTHERS | VEC_A);
	for (u32 id = 1; id < count; id++)
		EXPECT(wait_for(&aps[id].seen[VEC_A], 1));
	EXPECT(irq_count[VEC_A] == 0);
	ipi_send(0, APIC_ICR_ALL | VEC_B);
	EXPECT(irq_wait(VEC_B, 1));
	for (u32 id = 1; id < count; id++)
		EXPECT(wait_for(&aps[id].seen[VEC_B], 1));
	for (u32 id = 1; id < count; id++)
		ap_park(id);
	return PASS;
}

static void take_logical_id(volatile struct ap *ap)
{
	ap->value[0] = apic_x2() ? apic_read(APIC_LDR) : 0;
	if (!apic_x2())
		apic_write(APIC_LDR, BIT(AP) << 24);
}

/* To both by one logical address; lowest priority: to exactly one of them. */
static enum outcome case_logical(const void *arg)
{
	u32 both = BIT(0) | BIT(AP);

	(void)arg;
	NEEDS_ANOTHER();
	if (!apic_x2())
		apic_write(APIC_LDR, BIT(0) << 24);
	EXPECT(ap_run(AP, take_logical_id));
	EXPECT(!apic_x2() || aps[AP].value[0] == BIT(AP));
	ipi_send_logical(both, VEC_A);
	EXPECT(irq_wait(VEC_A, 1) && wait_for(&aps[AP].seen[VEC_A], 1));
	for (u32 i = 1; i <= 20; i++) {
		ipi_send_logical(both, APIC_ICR_LOWEST | VEC_B);
		cpu_irq_enable();
		while (irq_count[VEC_B] + seen(AP, VEC_B) < i)
			cpu_pause();
		cpu_irq_disable();
	}
	EXPECT(irq_count[VEC_B] + seen(AP, VEC_B) == 20);
	return parked(PASS);
}

static volatile u32 sent, last_seen;

static void note_last(volatile struct ap *ap, u8 vector)
{
	(void)ap;
	(void)vector;
	last_seen = sent;
}

/* Many more than can be taken: they merge, and the last one is not lost. */
static enum outcome case_flood(const void *arg)
{
	enum ap_mode mode = *(const enum ap_mode *)arg;

	sent = last_seen = 0;
	NEEDS_ANOTHER();
	aps[AP].hook = note_last;
	ap_set(AP, mode);
	for (u32 i = 0; i < FLOOD; i++) {
		sent++;
		ipi_send(AP, VEC_A);
	}
	EXPECT(wait_for(&last_seen, FLOOD));
	EXPECT(seen(AP, VEC_A) <= FLOOD);
	return parked(PASS);
}

/* --- time, translations, devices ---------------------------------------------------- */

static volatile u64 stamp;
static volatile u32 turn, backwards;

/* Take turns with the first processor: the time may never go back between them. */
static void take_stamps(volatile struct ap *ap)
{
	(void)ap;
	for (u32 i = 0; i < TSC_ROUNDS; i++) {
		u64 now;

		if (!wait_for(&turn, 2 * i + 1))
			return;
		now = rdtsc();
		backwards += now < stamp;
		stamp = now;
		turn = 2 * i + 2;
	}
}

static enum outcome case_tsc(const void *arg)
{
	(void)arg;
	turn = backwards = 0;
	stamp = 0;
	NEEDS_ANOTHER();
	aps[AP].call = take_stamps;
	ap_set(AP, AP_CALL);
	for (u32 i = 0; i < TSC_ROUNDS; i++) {
		u64 now = rdtsc();

		backwards += now < stamp;
		stamp = now;
		turn = 2 * i + 1;
		EXPECT(wait_for(&turn, 2 * i + 2));
	}
	EXPECT(backwards == 0);
	return parked(PASS);
}

static void move_tsc(volatile struct ap *ap)
{
	u64 now = rdtsc();

	wrmsr(MSR_TSC, now + TSC_FAR);
	ap->value[0] = rdtsc() - now;
	wrmsr(MSR_TSC, rdtsc() - TSC_FAR);
}

/* What one writes moves its own alone. */
static enum outcome case_own_tsc(const void *arg)
{
	u64 before = rdtsc();

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor: emulators move them all");
	NEEDS_ANOTHER();
	EXPECT(ap_run(AP, move_tsc));
	EXPECT(aps[AP].value[0] >= TSC_FAR && aps[AP].value[0] < 2 * TSC_FAR);
	EXPECT(rdtsc() - before < TSC_FAR);
	return parked(PASS);
}

static void flush_page(volatile struct ap *ap, u8 vector)
{
	(void)vector;
	cpu_invlpg((void *)WINDOW);
	ap->value[0] = *(volatile u64 *)WINDOW;
}

/* What one maps anew, the other one sees once it was told to forget. */
static enum outcome case_shootdown(const void *arg)
{
	volatile u64 *entry;

	(void)arg;
	NEEDS_ANOTHER();
	aps[AP].hook = flush_page;
	for (u32 i = 0; i < 2; i++)
		*(volatile u64 *)(PAGES_AT + i * 4096) = i + 1;
	entry = page_map(WINDOW, PAGES_AT, 0, PTE_P | PTE_W);
	for (u32 i = 1; i <= ROUNDS; i++) {
		*entry = (PAGES_AT + (i & 1) * 4096) | PTE_P | PTE_W;
		ipi_send(AP, VEC_FLUSH);
		EXPECT(wait_for(&aps[AP].seen[VEC_FLUSH], i));
		EXPECT(aps[AP].value[0] == (i & 1) + 1);
	}
	return parked(PASS);
}

static void use_device(volatile struct ap *ap)
{
	volatile u32 *reg = (volatile u32 *)(TESTDEV + 8);

	for (u32 i = 0; i < ROUNDS; i++) {
		*reg = i;
		ap->value[0] += *reg != i;
	}
}

/* Two processors in one device: neither disturbs the other, and every access counts. */
static enum outcome case_device(const void *arg)
{
	volatile u32 *reg = (volatile u32 *)(TESTDEV + 16);
	u32 before, wrong = 0;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	NEEDS_ANOTHER();
	before = *(volatile u32 *)(TESTDEV + TESTDEV_COUNT);
	aps[AP].call = use_device;
	ap_set(AP, AP_CALL);
	for (u32 i = 0; i < ROUNDS; i++) {
		*reg = ~i;
		wrong += *reg != ~i;
	}
	while (aps[AP].mode == AP_CALL)
		cpu_pause();
	EXPECT(wrong == 0 && aps[AP].value[0] == 0);
	EXPECT(*(volatile u32 *)(TESTDEV + TESTDEV_COUNT) - before == 4 * ROUNDS);
	return parked(PASS);
}

/* A device's message to another processor. */
static enum outcome case_message(const void *arg)
{
	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	NEEDS_ANOTHER();
	ap_set(AP, AP_HALT);
	*(volatile u64 *)(TESTDEV + TESTDEV_MSI_ADDR) = MSI_BASE | AP << 12;
	for (u32 i = 1; i <= 20; i++) {
		*(volatile u32 *)(TESTDEV + TESTDEV_MSI_DATA) = VEC_A;
		EXPECT(wait_for(&aps[AP].seen[VEC_A], i));
	}
	EXPECT(irq_count[VEC_A] == 0);
	return parked(PASS);
}

static const enum ap_mode spin = AP_SPIN, halt = AP_HALT, deaf = AP_DEAF;

const struct guest_case smp_cases[] = {
	{ "smp/start", case_start, NULL },
	{ "smp/who", case_who, NULL },
	{ "smp/sipi-to-running", case_running, NULL },
	{ "smp/off-and-on", case_again, NULL },
	{ "smp/ipi-running", case_fixed, &spin },
	{ "smp/ipi-halted", case_fixed, &halt },
	{ "smp/ping-pong", case_ping_pong, NULL },
	{ "smp/nmi-running", case_nmi, &spin },
	{ "smp/nmi-halted", case_nmi, &halt },
	{ "smp/nmi-deaf", case_nmi, &deaf },
	{ "smp/broadcast", case_broadcast, NULL },
	{ "smp/logical", case_logical, NULL },
	{ "smp/flood-running", case_flood, &spin },
	{ "smp/flood-halted", case_flood, &halt },
	{ "smp/tsc", case_tsc, NULL },
	{ "smp/shootdown", case_shootdown, NULL },
	{ "smp/device", case_device, NULL },
	{ "smp/message", case_message, NULL },
	{ "smp/tsc-own", case_own_tsc, NULL }, /* the last: they agree no more */
	{ NULL, NULL, NULL },
};
