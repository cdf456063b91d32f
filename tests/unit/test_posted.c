/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Posted interrupts (SDM vol. 3C 29.6) from the core that posts to the guest's handler: the
 * run loop, the local APIC and the VT-x backend's part as they are, the processor as
 * models/vmx_apic_model.c. No emulator runs this.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_apic.c"
#include "hv/vcpu.c"
#include "tests/host/plat_host.h"
#include "tests/models/vmx_apic_model.h"

#define VECTORS 256u
#define FIRST 16u
#define VEC_LOW 0x31
#define VEC 0x51
#define APIC_SVR 0xf0
#define APIC_SVR_ON 0x1ff
#define TMR_OFFSET 0x180u
#define POSTER 1u /* the core that posts; the vCPU is on core 0 */
#define RANDOM_TURNS 60000u
#define POSTERS 2u
#define ROUNDS 600u
#define PATIENCE 20000000u

struct core cores[PLAT_MAX_CORES];
struct vmx_cap vmx_cap;
static struct vm vm;
static struct vcpu *const v = &vm.vcpu[0];
static struct vcpu_hw hw;
static u8 page[LAPIC_PAGE_BYTES] ALIGNED(4096), twin_page[LAPIC_PAGE_BYTES] ALIGNED(4096);
static u8 common_bitmap[PAGE] ALIGNED(PAGE);
static bool used[VMX_F_COUNT];

/* Interrupts on their way to the vCPU's core: as its local APIC keeps them. */
static bool wake_pending, posted_pending;
static u32 kicks, notifications, left_for_interrupt;

static u32 taken[VECTORS], ended[VECTORS]; /* by the guest; level-triggered, as we heard */
static u32 sent[VECTORS], seen[VECTORS];   /* the last posted, the last one that a handler saw */

/* Where in a turn another core posts. */
enum point { HOST, LOADING, LOOKED, ENTERING, INSIDE, LEAVING, LEFT, POINTS };
static void (*at_point)(enum point p);

static void at(enum point p)
{
	if (at_point)
		at_point(p);
}

/* --- what lies around --------------------------------------------------------------- */

bool vmx_feature_used(enum vmx_feature f)
{
	return used[f];
}

u64 vmx_msr_bitmap(void)
{
	return (u64)(uintptr_t)common_bitmap;
}

void core_raise(u32 core, enum core_event event)
{
	u32 before = __atomic_fetch_or(&cores[core].pending, BIT(event), __ATOMIC_ACQ_REL);

	if (!before && core != plat_core()) {
		__atomic_fetch_add(&kicks, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&wake_pending, true, __ATOMIC_SEQ_CST);
	}
}

void core_arm_timer(struct core *c, u64 deadline_ns)
{
	(void)c;
	(void)deadline_ns;
	at(LOOKED);
}

void irq_dispatch(u8 vector)
{
	fail_msg("vector %u: no exit acknowledged it", vector);
}

void vm_poll_devices(struct vm *m, u64 now_ns)
{
	(void)m;
	(void)now_ns;
}

u8 vm_intr_ack(struct vm *m)
{
	(void)m;
	return 0;
}

void vm_crash(struct vcpu *who, const char *f, ...)
{
	(void)who;
	fail_msg("%s", f);
}

void exit_handle(struct vcpu *who, const struct vcpu_exit *exit)
{
	at(LEFT);
	if (exit->kind == EXIT_HLT)
		vcpu_set_state(who, VCPU_HALTED);
	if (exit->kind == EXIT_EOI)
		lapic_eoi_done(&who->lapic, exit->apic.vector);
}

static void ipi(void *ctx, const struct lapic_ipi *msg)
{
	(void)ctx;
	(void)msg;
}

static void ends(void *ctx, u8 vector)
{
	(void)ctx;
	ended[vector]++;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static u64 same(void *ctx, u64 tsc)
{
	(void)ctx;
	return tsc;
}

static const struct lapic_ops lapic_ops = {
	.ipi = ipi, .eoi = ends, .nmi = ignore, .tsc_to_ns = same,
};

/* --- the guest: each handler ends its interrupt at once -------------------------------- */

/* True: the end exits. */
static bool handler(u8 vector)
{
	taken[vector]++;
	__atomic_store_n(&seen[vector], __atomic_load_n(&sent[vector], __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
	return vmx_model_eoi();
}

static enum exit_kind guest(struct vcpu_exit *exit)
{
	bool looked_around = false;

	for (;;) {
		int vector;

		if (__atomic_exchange_n(&posted_pending, false, __ATOMIC_SEQ_CST) &&
		    !vmx_model_interrupt(IRQ_VECTOR_POSTED))
			fail_msg("a notification exits");
		if (__atomic_load_n(&wake_pending, __ATOMIC_SEQ_CST)) {
			assert_false(vmx_model_interrupt(IRQ_VECTOR_WAKE));
			left_for_interrupt++;
			return EXIT_HOST_INTR;
		}
		vector = vmx_model_deliver();
		if (vector >= 0) {
			if (!handler((u8)vector))
				continue;
			exit->apic.vector = (u8)vmcs_read(VMCS_QUALIFICATION);
			return EXIT_EOI;
		}
		if (looked_around)
			return EXIT_HLT;
		looked_around = true;
		at(INSIDE);
	}
}

static void run(struct vcpu_hw *h, struct vcpu_exit *exit)
{
	assert_false(host_irqs_on);
	if (h->dirty)
		vmx_apic_write(h);
	h->dirty = 0;
	at(ENTERING);
	*exit = (struct vcpu_exit){ .insn_len = 1 };
	exit->kind = guest(exit);
}

static void load(struct vcpu_hw *h)
{
	(void)h;
	at(LOADING);
}

static int intr_taken(struct vcpu_hw *h)
{
	(void)h;
	at(LEAVING);
	return -1;
}

static void offer(struct vcpu_hw *h, int vector)
{
	(void)h;
	assert_int_equal(vector, -1);
}

static void notify(u32 core)
{
	assert_int_equal(core, v->core);
	__atomic_fetch_add(&notifications, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&posted_pending, true, __ATOMIC_SEQ_CST);
}

static u8 get_cr8(struct vcpu_hw *h)
{
	return h->apic_page[0x80] >> 4;
}

static void set_cr8(struct vcpu_hw *h, u8 cr8)
{
	(void)h;
	(void)cr8;
}

static const struct vcpu_backend vmx_part = {
	.name = "vmx", .load = load, .run = run, .intr_taken = intr_taken, .offer_intr = offer,
	.get_cr8 = get_cr8, .set_cr8 = set_cr8, .set_tpr_threshold = set_cr8,
	.apic_mode = vmx_apic_mode, .apic_enter = vmx_apic_enter,
	.takes_posted = vmx_takes_posted, .notify = notify,
};

static void create(void)
{
	hw = (struct vcpu_hw){ .apic_page = page, .posted = &v->lapic.posted.edge,
			       .pin = VMX_PINS, .proc2 = VMX_PROC2S };
	vmx_apic_create(&hw);
	vmx_apic_reset(&hw);
	v->apic_mode = APIC_OFF;
	v->apic_accel = v->takes_posted = v->inside = false;
	vmcs_write(VMCS_PIN, hw.pin);
	vmcs_write(VMCS_EXIT, VMX_EXITS | VMX_EXIT_ACK_INTR);
	vmcs_write(VMCS_VIRTUAL_APIC, (u64)(uintptr_t)page);
}

static int setup(void **state)
{
	const struct lapic_setup apic = { .bsp = true, .x2apic = true, .phys_bits = 40,
					  .page = page, .ops = &lapic_ops };

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(cores, 0, sizeof(cores));
	memset(taken, 0, sizeof(taken));
	memset(ended, 0, sizeof(ended));
	memset(sent, 0, sizeof(sent));
	memset(seen, 0, sizeof(seen));
	memset(common_bitmap, 0xff, sizeof(common_bitmap));
	host_vmcs_reset();
	at_point = NULL;
	kicks = notifications = left_for_interrupt = 0;
	wake_pending = posted_pending = false;
	memset(used, 0, sizeof(used));
	used[VMX_F_INTR_DELIVERY] = used[VMX_F_ACK_EXIT] = used[VMX_F_POSTED_INTR] = true;
	backend = &vmx_part;
	vm.cfg.cpus = 1;
	vm.devices_due_ns = TIMER_NEVER;
	*v = (struct vcpu){ .vm = &vm, .hw = &hw, .state = VCPU_RUNNING, .offered = -1,
			    .extint = -1 };
	lapic_init(&v->lapic, &apic);
	lapic_msr_write(&v->lapic, MSR_APIC_BASE, v->lapic.base | APIC_BASE_EXTD);
	lapic_msr_write(&v->lapic, MSR_X2APIC_FIRST + APIC_SVR / 16, APIC_SVR_ON);
	create();
	vcpu_ring_add(v);
	return 0;
}

/* Another core: as deliver() in hv/vm_machine.c. */
static void post(u8 vector, bool level)
{
	host_core = POSTER;
	__atomic_fetch_add(&sent[vector], 1, __ATOMIC_SEQ_CST);
	switch (lapic_post(&v->lapic, vector, level)) {
	case LAPIC_WAKE_NONE:
		break;
	case LAPIC_WAKE_NOTIFY:
		vcpu_notify(v);
		break;
	case LAPIC_WAKE_KICK:
		vcpu_kick(v);
		break;
	}
}

static void post_here(u8 vector, bool level)
{
	post(vector, level);
	host_core = 0;
}

/* Interrupts that come while they are on: what core.c's handlers do. */
static void host_interrupts(void)
{
	__atomic_store_n(&wake_pending, false, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&posted_pending, false, __ATOMIC_SEQ_CST))
		core_raise(0, CORE_EV_VCPU);
}

/* While this vCPU is halted its core runs another one, which takes notifications in. */
static bool other_guest;

/* As core_loop(); false: it halts. */
static bool turn(void)
{
	host_interrupts();
	__atomic_store_n(&cores[0].pending, 0, __ATOMIC_SEQ_CST);
	at(HOST);
	cores[0].loaded = NULL;
	if (vcpu_runnable(v)) {
		vcpu_run(&cores[0], v);
		return true;
	}
	if (!other_guest)
		host_interrupts();
	return core_has_events(&cores[0]);
}

static void until_halted(void)
{
	while (turn())
		;
}

/* Nothing waits anywhere. */
static void assert_idle(void)
{
	static const struct posted_intr empty;

	assert_memory_equal(&v->lapic.posted.edge, &empty, sizeof(empty));
	assert_false(lapic_has_work(&v->lapic));
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0);
	for (u32 i = FIRST; i < VECTORS; i++)
		assert_int_equal(seen[i], sent[i]);
}

/* --- cases --------------------------------------------------------------------------- */

static void test_controls(void **state)
{
	(void)state;
	until_halted();
	assert_true(v->takes_posted);
	assert_int_equal(vmcs_read(VMCS_PIN), VMX_PINS | VMX_PIN_POSTED_INTR);
	assert_int_equal(vmcs_read(VMCS_POSTED_INTR_VECTOR), IRQ_VECTOR_POSTED);
	assert_int_equal(vmcs_read(VMCS_POSTED_INTR_DESC), (uintptr_t)&v->lapic.posted.edge);
	assert_int_equal((uintptr_t)&v->lapic.posted.edge % sizeof(struct posted_intr), 0);
	/* An APIC that software switched off takes nothing in by itself. */
	lapic_msr_write(&v->lapic, MSR_X2APIC_FIRST + APIC_SVR / 16, 0xff);
	v->state = VCPU_RUNNING;
	turn();
	assert_false(v->takes_posted);
	assert_int_equal(vmcs_read(VMCS_PIN), VMX_PINS);
}

static u8 point_vector;
static enum point point_wanted;
static bool point_level;

static void post_at_point(enum point p)
{
	if (p != point_wanted)
		return;
	at_point = NULL;
	post_here(point_vector, point_level);
}

/* Each vector from each place: once, and without an exit where the vCPU is inside. */
static void test_each_vector_at_each_point(void **state)
{
	static const bool inside[POINTS] = {
		[LOOKED] = true, [ENTERING] = true, [INSIDE] = true, [LEAVING] = true,
	};

	(void)state;
	until_halted();
	for (point_wanted = HOST; point_wanted < POINTS; point_wanted++) {
		for (u32 vector = FIRST; vector < VECTORS; vector++) {
			u32 before = taken[vector];

			kicks = notifications = left_for_interrupt = 0;
			point_vector = (u8)vector;
			v->state = VCPU_RUNNING;
			at_point = post_at_point;
			until_halted();
			assert_null(at_point);
			assert_int_equal(taken[vector], before + 1);
			assert_int_equal(notifications, inside[point_wanted]);
			assert_int_equal(kicks, !inside[point_wanted]);
			/* That of LOADING: what is posted is found in the same turn. */
			assert_int_equal(left_for_interrupt, point_wanted == LOADING);
			assert_idle();
		}
	}
}

/* A halted one is woken, by its own core without any interrupt. */
static void test_halted_and_own_core(void **state)
{
	(void)state;
	until_halted();
	post_here(VEC, false);
	assert_true(wake_pending && !posted_pending);
	until_halted();
	assert_int_equal(taken[VEC], 1);
	kicks = notifications = 0;
	assert_int_equal(lapic_post(&v->lapic, VEC, false), LAPIC_WAKE_NOTIFY);
	vcpu_notify(v);
	assert_int_equal(kicks + notifications, 0);
	until_halted();
	assert_int_equal(taken[VEC], 2);
}

/* Several before anybody looks: one notification. */
static void post_two(enum point p)
{
	if (p != INSIDE)
		return;
	at_point = NULL;
	post_here(VEC_LOW, false);
	post_here(VEC, false);
	post_here(VEC_LOW, false);
	assert_int_equal(notifications, 1);
}

static void test_merged(void **state)
{
	(void)state;
	at_point = post_two;
	until_halted();
	assert_int_equal(taken[VEC], 1);
	assert_int_equal(taken[VEC_LOW], 1);
	assert_int_equal(kicks, 0);
	assert_idle();
}

/* The end of a level-triggered one has to exit, which the processor must know first; and
 * that of an edge must not, though the vector was level-triggered before. */
static void test_level_goes_by_us(void **state)
{
	(void)state;
	until_halted();
	for (u32 i = 1; i <= 3; i++) {
		bool level = i == 1;

		point_wanted = INSIDE;
		point_vector = VEC;
		point_level = level;
		kicks = notifications = 0;
		v->state = VCPU_RUNNING;
		at_point = post_at_point;
		until_halted();
		assert_int_equal(taken[VEC], i);
		assert_int_equal(ended[VEC], 1);
		assert_int_equal(kicks, i < 3);
		assert_int_equal(notifications, i == 3);
		assert_int_equal(vmcs_read(VMCS_EOI_EXIT_1), level ? BIT64(VEC % 64) : 0);
	}
	point_level = false;
	assert_idle();
}

static u64 seed = 1;

static u32 below(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

/* Every fifth vector is a line's. */
static void post_at_random(enum point p)
{
	(void)p;
	while (below(3) == 0) {
		u8 vector = (u8)(FIRST + below(VECTORS - FIRST));

		post_here(vector, vector % 5 == 0);
	}
}

static void test_at_random(void **state)
{
	u32 total = 0;

	(void)state;
	at_point = post_at_random;
	for (u32 i = 0; i < RANDOM_TURNS; i++)
		if (!turn())
			v->state = VCPU_RUNNING;
	at_point = NULL;
	until_halted();
	assert_idle();
	for (u32 i = FIRST; i < VECTORS; i++) {
		assert_true(taken[i] && taken[i] <= sent[i]);
		assert_int_equal(ended[i], i % 5 == 0 ? taken[i] : 0);
		total += taken[i];
	}
	assert_true(total > RANDOM_TURNS / 2 && notifications && kicks);
}

/* What the processor takes in is what our own look takes in: the naive twin, whose page
 * and highest request must come out the same. */
static void test_as_our_own_look(void **state)
{
	const struct lapic_setup setup_twin = { .bsp = true, .x2apic = true, .phys_bits = 40,
						.page = twin_page, .ops = &lapic_ops };
	static struct lapic twin;
	struct apic_delivery d;

	(void)state;
	until_halted();
	lapic_init(&twin, &setup_twin);
	lapic_msr_write(&twin, MSR_APIC_BASE, twin.base | APIC_BASE_EXTD);
	lapic_msr_write(&twin, MSR_X2APIC_FIRST + APIC_SVR / 16, APIC_SVR_ON);
	for (u32 round = 0; round < 3000; round++) {
		for (u32 i = below(12); i; i--) {
			u8 vector = (u8)(FIRST + below(VECTORS - FIRST));

			lapic_post(&v->lapic, vector, false);
			lapic_post(&twin, vector, false);
		}
		assert_true(vmx_model_interrupt(IRQ_VECTOR_POSTED));
		twin.page_changed = true;
		assert_true(lapic_delivery(&twin, &d));
		assert_memory_equal(page, twin_page, sizeof(page));
		assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), d.requested);
		if (round % 8 == 7) {
			memset(page + IRR_OFFSET, 0, IRR_REGS * REG_STRIDE);
			memset(twin_page + IRR_OFFSET, 0, IRR_REGS * REG_STRIDE);
			vmcs_write(VMCS_GUEST_INTR_STATUS, 0);
		}
	}
}

/* --- without: as if there were no such thing ---------------------------------------------- */

static u64 fields[VMCS_FIELD_LIMIT];

/* A seeded run; its fields, writes and page are kept or compared. */
static void run_without(bool keep)
{
	static u8 kept_page[LAPIC_PAGE_BYTES];
	static u32 kept_writes;

	seed = 5;
	create();
	at_point = post_at_random;
	for (u32 i = 0; i < 2000; i++)
		if (!turn())
			v->state = VCPU_RUNNING;
	at_point = NULL;
	until_halted();
	assert_idle();
	assert_int_equal(notifications, 0);
	assert_false(v->inside || v->takes_posted);
	assert_int_equal(vmcs_read(VMCS_PIN), VMX_PINS);
	assert_int_equal(vmcs_read(VMCS_POSTED_INTR_VECTOR), 0);
	assert_int_equal(vmcs_read(VMCS_POSTED_INTR_DESC), 0);
	if (!keep) {
		assert_memory_equal(fields, host_vmcs, sizeof(fields));
		assert_memory_equal(kept_page, page, sizeof(page));
		assert_int_equal(kept_writes, host_vmcs_writes);
	}
	memcpy(fields, host_vmcs, sizeof(fields));
	memcpy(kept_page, page, sizeof(page));
	kept_writes = host_vmcs_writes;
}

static void test_off(void **state)
{
	setup(state);
	used[VMX_F_POSTED_INTR] = used[VMX_F_ACK_EXIT] = false;
	run_without(true);
	setup(state);
	used[VMX_F_POSTED_INTR] = false;
	run_without(false);
}

/* --- threads: two cores post, one runs the guest ------------------------------------------ */

static bool posters_done;

/* Three threads, and as many processors or fewer. */
static void relax(void)
{
	static _Thread_local u32 times;

	if (++times % 64)
		sched_yield();
	else
		usleep(50);
}

/* Posts, and waits for the handler before it posts that vector again: one wake-up that got
 * lost is one that it waits for in vain. */
static void *poster(void *arg)
{
	u32 index = *(const u32 *)arg;

	for (u32 i = 0; i < ROUNDS; i++) {
		u8 vector = (u8)(FIRST + index + POSTERS * (i * 7 % 100));
		u32 patience = PATIENCE;

		post(vector, vector % 10 == 0);
		host_core = POSTER + index;
		while (i % 2 && patience-- && __atomic_load_n(&seen[vector], __ATOMIC_SEQ_CST) !=
						      __atomic_load_n(&sent[vector],
								      __ATOMIC_SEQ_CST))
			relax();
		if (patience == ~0u)
			return arg;
	}
	return NULL;
}

static void *posters_run(void *arg)
{
	u32 index[POSTERS];
	pthread_t thread[POSTERS];
	void *lost = NULL;

	(void)arg;
	for (u32 i = 0; i < POSTERS; i++) {
		index[i] = i;
		pthread_create(&thread[i], NULL, poster, &index[i]);
	}
	for (u32 i = 0; i < POSTERS; i++) {
		void *result;

		pthread_join(thread[i], &result);
		lost = result ? &posters_done : lost;
	}
	__atomic_store_n(&posters_done, true, __ATOMIC_SEQ_CST);
	return lost;
}

static bool comes(void)
{
	return __atomic_load_n(&wake_pending, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&posted_pending, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&posters_done, __ATOMIC_SEQ_CST);
}

/* Every other stay lasts until something comes. */
static void linger(enum point p)
{
	static u32 stays;

	if (p != INSIDE || stays++ % 2)
		return;
	while (!comes())
		relax();
}

/* Halted, until an interrupt comes; a notification is none where another guest runs. */
static void host_halts(void)
{
	while (!comes())
		relax();
	if (other_guest)
		__atomic_store_n(&posted_pending, false, __ATOMIC_SEQ_CST);
}

static void run_threads(bool beside_another)
{
	pthread_t thread;
	void *lost;

	other_guest = beside_another;
	at_point = linger;
	__atomic_store_n(&posters_done, false, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_create(&thread, NULL, posters_run, NULL), 0);
	while (!__atomic_load_n(&posters_done, __ATOMIC_SEQ_CST))
		if (!turn())
			host_halts();
	pthread_join(thread, &lost);
	other_guest = false;
	at_point = NULL;
	assert_null(lost);
	until_halted();
	assert_idle();
	assert_true(notifications && kicks);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(false);
}

/* What it looks at before it halts is all that it has. */
static void test_threads_beside_another_guest(void **state)
{
	(void)state;
	run_threads(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_controls, setup),
		cmocka_unit_test_setup(test_each_vector_at_each_point, setup),
		cmocka_unit_test_setup(test_halted_and_own_core, setup),
		cmocka_unit_test_setup(test_merged, setup),
		cmocka_unit_test_setup(test_level_goes_by_us, setup),
		cmocka_unit_test_setup(test_at_random, setup),
		cmocka_unit_test_setup(test_as_our_own_look, setup),
		cmocka_unit_test_setup(test_off, setup),
		cmocka_unit_test_setup(test_threads, setup),
		cmocka_unit_test_setup(test_threads_beside_another_guest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
