/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run loop and the exit handlers on a backend whose exits are a script:
 * what is offered, injected, skipped, and what reaches the devices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/exit_cr.c"
#include "hv/exit_insn.c"
#include "hv/exit_msr.c"
#include "hv/exits.c"
#include "hv/vcpu.c"
#include "tests/host/fake_backend.h"
#include "tests/host/plat_host.h"

#define RIP 0x1000
#define DEVICE 0xfeb00000ull
#define PORT 0x500
#define VEC_LOW 0x31
#define VEC 0x51
#define VEC_HIGH 0xa1
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_IRR 0x200
#define APIC_SELF_IPI 0x3f0
#define PIC_BASE 0x30
#define APIC_ON 0x1ff

struct core cores[PLAT_MAX_CORES];
static struct vm vm;
static u8 lapic_page[LAPIC_PAGE_BYTES] ALIGNED(4096);
static u8 memory[0x10000] ALIGNED(4096);
static char crash[VM_REASON_MAX];
static struct io_access last_io;
static u32 raised, last_ended;
static u32 dispatched, last_vector;

/* --- what lies around the run loop ------------------------------------------ */

void core_raise(u32 core, enum core_event event)
{
	(void)core;
	raised |= BIT(event);
}

/* As an interrupt would have it: off, and the guest's core not quiet. */
void irq_dispatch(u8 vector)
{
	assert_false(host_irqs_on);
	dispatched++;
	last_vector = vector;
}

void core_arm_timer(struct core *c, u64 deadline_ns)
{
	c->timer_programmed_ns = deadline_ns;
}

void vm_poll_devices(struct vm *m, u64 now_ns)
{
	m->devices_due_ns = now_ns + 1000;
}

void vm_access(struct vcpu *v, bool port, struct io_access *a)
{
	iomap_access(port ? &v->vm->io : &v->vm->mmio, a);
}

u8 vm_intr_ack(struct vm *m)
{
	return pic_ack(&m->pic);
}

void vm_crash(struct vcpu *v, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(crash, sizeof(crash), f, ap);
	va_end(ap);
	v->vm->over = true;
}

u64 hostcpu_unix_ns(void)
{
	return 0;
}

u64 time_tsc_to_ns(u64 tsc)
{
	return tsc;
}

static void ipi(void *ctx, const struct lapic_ipi *msg)
{
	(void)ctx;
	lapic_post(&vm.vcpu[0].lapic, msg->vector, msg->level);
}

static void ended(void *ctx, u8 vector)
{
	(void)ctx;
	last_ended = vector;
}

static void pic_output_is(void *ctx, bool level)
{
	((struct vm *)ctx)->intr = level;
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
	.ipi = ipi, .eoi = ended, .nmi = ignore, .tsc_to_ns = same,
};

static void device(void *dev, struct io_access *a)
{
	(void)dev;
	last_io = *a;
	if (!a->write)
		a->value = 0x8877665544332211ull;
}

static int setup(void **state)
{
	const struct lapic_setup apic = { .bsp = true, .x2apic = true, .phys_bits = 40,
					  .page = lapic_page, .ops = &lapic_ops, .ctx = &vm };
	struct io_access enable = { .addr = APIC_SVR, .value = APIC_ON, .size = 4, .write = true };
	const struct msr_config msr = { .bsp = true, .x2apic = true, .phys_bits = 40 };

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(memory, 0, sizeof(memory));
	memset(cores, 0, sizeof(cores));
	backend = &fake_backend;
	vm.vcpu[0] = (struct vcpu){ .vm = &vm, .hw = &fake_hw, .state = VCPU_RUNNING, .offered = -1,
				 .extint = -1, .cr4_allowed = BIT64(5) | BIT64(7) };
	vm.cfg.cpus = 1;
	vm.devices_due_ns = TIMER_NEVER;
	vm.phys_bits = 40;
	pic_init(&vm.pic, pic_output_is, &vm);
	lapic_init(&vm.vcpu[0].lapic, &apic);
	lapic_reset(&vm.vcpu[0].lapic, false);
	lapic_mmio(&vm.vcpu[0].lapic, &enable);
	msr_init(&vm.vcpu[0].msr, &msr);
	gmem_add(&vm.gmem, gpa(0), sizeof(memory), memory, (bus_t){ 0 }, true);
	iomap_add(&vm.io, PORT, 8, "ports", device, NULL);
	iomap_add(&vm.mmio, DEVICE, 4096, "registers", device, NULL);
	crash[0] = '\0';
	raised = 0;
	last_ended = 0;
	dispatched = 0;
	vcpu_ring_add(&vm.vcpu[0]);
	return 0;
}

static void run(const struct fake_step *script, u32 steps)
{
	fake_script(script, steps);
	fake_hw.regs.rip = RIP;
	fake_hw.regs.rflags = BIT64(9);
	fake_hw.sregs.seg[SREG_CS].limit = 0xffffffff;
	fake_hw.sregs.seg[SREG_DS].limit = 0xffffffff;
	fake_hw.sregs.seg[SREG_CS].attr = SEG_ATTR_P | SEG_ATTR_DB | 0x1b;
	fake_hw.sregs.seg[SREG_DS].attr = SEG_ATTR_P | SEG_ATTR_DB | 0x13;
	fake_hw.sregs.cr0 = 1; /* protected mode without paging */
	for (u32 i = 0; i < steps; i++)
		vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_false(fake_hw.ran_with_irqs);
	assert_true(host_irqs_on);
	assert_int_equal(vm.vcpu[0].stats.total, steps);
}

static void code(const void *bytes, size_t n)
{
	memcpy(memory + RIP, bytes, n);
}

/* --- cases -------------------------------------------------------------------- */

static void test_io(void **state)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_IO, .io = { .port = PORT, .size = 1, .in = true,
						     .next_rip = RIP + 1 } } },
		{ .exit = { .kind = EXIT_IO, .insn_len = 2,
			    .io = { .port = PORT + 4, .size = 4 } } },
		{ .exit = { .kind = EXIT_IO, .insn_len = 1, .io = { .port = 0x999, .size = 4,
								    .in = true } } },
	};

	(void)state;
	run(script, 1);
	assert_int_equal(fake_hw.regs.rip, RIP + 1);
	assert_int_equal(fake_hw.regs.gpr[GPR_RAX], 0x11);
	vm.vcpu[0].stats.total = 0;
	run(script, 3);
	assert_int_equal(fake_hw.regs.rip, RIP + 4);
	assert_int_equal(last_io.addr, 4);
	assert_true(last_io.write);
	assert_int_equal(last_io.value, 0x11);
	assert_int_equal(fake_hw.regs.gpr[GPR_RAX], 0xffffffff); /* nobody there */
	assert_int_equal(vm.vcpu[0].stats.exits[EXIT_IO], 4);
}

/* mov eax, [0xfeb00000]; decoded from guest memory, then given by the processor. */
static void test_mmio(void **state)
{
	static const u8 load[] = { 0xa1, 0x00, 0x00, 0xb0, 0xfe };
	static const u8 junk[] = { 0x0f, 0x0b };
	struct fake_step step = { .exit = { .kind = EXIT_MMIO, .mmio = { .gpa = { DEVICE } } } };

	(void)state;
	code(load, sizeof(load));
	run(&step, 1);
	assert_int_equal(fake_hw.regs.gpr[GPR_RAX], 0x44332211);
	assert_int_equal(fake_hw.regs.rip, RIP + sizeof(load));
	code(junk, sizeof(junk));
	memcpy(step.exit.insn_bytes, load, sizeof(load));
	step.exit.insn_bytes_len = sizeof(load);
	vm.vcpu[0].stats.total = 0;
	run(&step, 1);
	assert_int_equal(fake_hw.regs.gpr[GPR_RAX], 0x44332211);
	assert_string_equal(crash, "");
	step.exit.mmio.table_walk = true;
	vm.vcpu[0].stats.total = 0;
	run(&step, 1);
	assert_non_null(strstr(crash, "page tables"));
}

/* Offered until taken, highest first, and not counted before. */
static void test_interrupts(void **state)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR } },
		{ .exit = { .kind = EXIT_HOST_INTR }, .take = true },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	lapic_post(&vm.vcpu[0].lapic, VEC_HIGH, false);
	run(script, 3);
	assert_int_equal(fake_hw.offers[0], VEC_HIGH);
	assert_int_equal(fake_hw.offers[1], VEC_HIGH);
	assert_int_equal(fake_hw.offers[2], -1); /* the other one waits for an EOI */
	assert_int_equal(vm.vcpu[0].stats.injected, 1);
	lapic_eoi(&vm.vcpu[0].lapic);
	vm.vcpu[0].stats.total = 0;
	run(script, 1);
	assert_int_equal(fake_hw.offers[0], VEC);
}

/* The interrupt that an exit acknowledged is ours to handle, any other comes by itself. */
static void test_acknowledged_by_the_exit(void **state)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR, .host_vector = VEC } },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	run(script, 1);
	assert_int_equal(dispatched, 1);
	assert_int_equal(last_vector, VEC);
	vm.vcpu[0].stats.total = 0;
	run(script + 1, 1);
	assert_int_equal(dispatched, 1);
}

static void test_priority_by_cr8(void **state)
{
	static const u8 mov_cr8_eax[] = { 0x44, 0x0f, 0x22, 0xc0 }; /* mov cr8, rax */
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_CR_WRITE, .cr = { .cr = 8, .gpr = GPR_COUNT } } },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	code(mov_cr8_eax, sizeof(mov_cr8_eax));
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	fake_script(script, 2);
	fake_hw.regs = (struct vcpu_regs){ .rip = RIP, .gpr[GPR_RAX] = VEC >> 4 };
	fake_hw.sregs.seg[SREG_CS].attr = SEG_ATTR_P | SEG_ATTR_L | 0x1b;
	fake_hw.sregs.cr0 = 1;
	fake_hw.sregs.efer = EFER_LME | EFER_LMA;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.offers[0], VEC);
	assert_int_equal(fake_hw.offers[1], -1);
	assert_int_equal(lapic_cr8(&vm.vcpu[0].lapic), VEC >> 4);
	assert_int_equal(fake_hw.regs.rip, RIP + sizeof(mov_cr8_eax));
}

/* Below its class the guest's CR8 must exit, and only then. */
static void test_waits_for_priority(void **state)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR } },
		/* As VMX does it: the write, then the exit. */
		{ .exit = { .kind = EXIT_INTR_WINDOW }, .sets_cr8 = true, .cr8 = (VEC >> 4) - 1 },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	lapic_set_cr8(&vm.vcpu[0].lapic, 7);
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	run(script, 3);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(fake_hw.offers[i], -1);
		assert_int_equal(fake_hw.thresholds[i], VEC >> 4);
	}
	assert_int_equal(fake_hw.offers[2], VEC);
	assert_int_equal(fake_hw.thresholds[2], 0);
}

/* --- an APIC that the processor delivers from --------------------------------- */

static void enter_x2apic(void)
{
	assert_true(lapic_msr_write(&vm.vcpu[0].lapic, MSR_APIC_BASE,
				    vm.vcpu[0].lapic.base | APIC_BASE_EXTD));
}

static void page_bit(u32 off, u8 vector, bool on)
{
	u32 *reg = (u32 *)(void *)(lapic_page + off + vector / 32 * 16);

	*reg = on ? *reg | BIT(vector % 32) : *reg & ~BIT(vector % 32);
}

static void test_apic_modes(void **state)
{
	const struct fake_step script[] = { { .exit = { .kind = EXIT_HOST_INTR } } };

	(void)state;
	fake_script(script, 1);
	fake_hw.delivers = true;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.mode, APIC_XAPIC);
	assert_false(vm.vcpu[0].apic_accel);
	enter_x2apic();
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.mode, APIC_X2APIC);
	assert_true(vm.vcpu[0].apic_accel);
	lapic_msr_write(&vm.vcpu[0].lapic, MSR_X2APIC_FIRST + APIC_SVR / 16, 0xff);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.mode, APIC_OFF);
	assert_false(vm.vcpu[0].apic_accel);
	/* One that cannot is asked as well, and everything is as it was. */
	fake_script(script, 1);
	lapic_msr_write(&vm.vcpu[0].lapic, MSR_X2APIC_FIRST + APIC_SVR / 16, APIC_ON);
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.mode, APIC_X2APIC);
	assert_int_equal(fake_hw.offers[0], VEC);
}

/* The processor is told what stands in the page; nothing is offered, and what it
 * does to the page is not done again. */
static void test_page_delivery(void **state)
{
	static u8 pv_eoi;
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR } },
		{ .exit = { .kind = EXIT_EOI, .apic = { .vector = VEC_HIGH } } },
		{ .exit = { .kind = EXIT_HLT, .insn_len = 1 } },
	};

	(void)state;
	lapic_pv_eoi_set(&vm.vcpu[0].lapic, &pv_eoi);
	enter_x2apic();
	fake_script(script, ARRAY_SIZE(script));
	fake_hw.delivers = true;
	fake_hw.regs.rflags = RFLAGS_IF;
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	lapic_post(&vm.vcpu[0].lapic, VEC_HIGH, true);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.offers[0], -1);
	assert_int_equal(fake_hw.pages[0].requested, VEC_HIGH);
	assert_int_equal(fake_hw.pages[0].in_service, 0);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(fake_hw.pages[0].eoi_exits[i],
				 i == VEC_HIGH / 64 ? BIT64(VEC_HIGH % 64) : 0);
	assert_int_equal(pv_eoi, 0);
	/* It delivers one, then the guest ends it, then takes and keeps the other. */
	page_bit(APIC_IRR, VEC_HIGH, false);
	page_bit(APIC_ISR, VEC_HIGH, true);
	fake_hw.next = 0;
	fake_hw.page.requested = 1; /* not told what it knows itself */
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.pages[0].requested, 1);
	fake_hw.next = 0;
	lapic_post(&vm.vcpu[0].lapic, VEC_LOW, false);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.pages[0].requested, VEC);
	assert_int_equal(fake_hw.pages[0].in_service, VEC_HIGH);
	page_bit(APIC_ISR, VEC_HIGH, false);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(last_ended, VEC_HIGH);
	page_bit(APIC_IRR, VEC, false);
	page_bit(APIC_IRR, VEC_LOW, false);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(vm.vcpu[0].state, VCPU_HALTED);
	assert_false(vcpu_runnable(&vm.vcpu[0]));
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	assert_true(vcpu_runnable(&vm.vcpu[0]));
	assert_int_equal(vm.vcpu[0].stats.injected, 0);
}

/* A delivery by the processor that an exit interrupted is in service already; and a
 * register that the processor stored has its effect. */
static void test_page_exits(void **state)
{
	const struct vcpu_event intr = { .type = EVENT_INTR, .vector = VEC };
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR, .interrupted = intr } },
		{ .exit = { .kind = EXIT_APIC_WRITE, .apic = { .reg = APIC_SELF_IPI } } },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	enter_x2apic();
	fake_script(script, ARRAY_SIZE(script));
	fake_hw.delivers = true;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.injections, 1);
	assert_memory_equal(&fake_hw.injected[0], &intr, sizeof(intr));
	lapic_page[APIC_SELF_IPI] = VEC_HIGH;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.pages[2].requested, VEC_HIGH);
}

/* Vectors from PIC_BASE on, nothing masked, as a boot loader does it. */
static void pic_program(void)
{
	static const u8 words[][2] = { { 0x20, 0x11 }, { 0x21, PIC_BASE }, { 0x21, 4 },
				       { 0x21, 1 }, { 0x21, 0 } };

	assert_int_equal(pic_attach(&vm.pic, &vm.io), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct io_access a = { .addr = words[i][0], .value = words[i][1], .size = 1,
				       .write = true };

		iomap_access(&vm.io, &a);
	}
}

/* The 8259's vectors go in from here in both modes. */
static void test_extint(void **state)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR } },
		{ .exit = { .kind = EXIT_HOST_INTR }, .take = true },
		{ .exit = { .kind = EXIT_HOST_INTR } },
	};

	(void)state;
	for (u32 accel = 0; accel < 2; accel++) {
		setup(state);
		lapic_virtual_wire(&vm.vcpu[0].lapic);
		if (accel)
			enter_x2apic();
		pic_program();
		fake_script(script, ARRAY_SIZE(script));
		fake_hw.delivers = accel;
		pic_set_line(&vm.pic, 3, true);
		for (u32 i = 0; i < ARRAY_SIZE(script); i++)
			vcpu_run(&cores[0], &vm.vcpu[0]);
		assert_int_equal(vm.vcpu[0].apic_accel, accel);
		assert_int_equal(fake_hw.offers[0], PIC_BASE + 3);
		assert_int_equal(fake_hw.offers[1], PIC_BASE + 3);
		assert_int_equal(fake_hw.offers[2], -1);
		assert_int_equal(vm.vcpu[0].stats.injected, 1);
	}
}

/* What an exit interrupted goes in again; an interrupt of the APIC is still there. */
static void test_interrupted(void **state)
{
	const struct vcpu_event pf = { .type = EVENT_EXCEPTION, .vector = 14, .has_error = true,
				       .error = 2 };
	const struct fake_step script[] = {
		{ .exit = { .kind = EXIT_HOST_INTR, .interrupted = pf } },
		{ .exit = { .kind = EXIT_HOST_INTR, .interrupted = { .type = EVENT_SOFT } } },
		{ .exit = { .kind = EXIT_HOST_INTR, .interrupted = { .type = EVENT_NMI } } },
	};

	(void)state;
	run(script, 3);
	assert_int_equal(fake_hw.injections, 2);
	assert_memory_equal(&fake_hw.injected[0], &pf, sizeof(pf));
	assert_int_equal(fake_hw.injected[1].type, EVENT_NMI);
}

static void test_hlt(void **state)
{
	const struct fake_step script[] = { { .exit = { .kind = EXIT_HLT, .insn_len = 1 } } };

	(void)state;
	run(script, 1);
	assert_int_equal(vm.vcpu[0].state, VCPU_HALTED);
	assert_int_equal(fake_hw.regs.rip, RIP + 1);
	assert_false(vcpu_runnable(&vm.vcpu[0]));
	lapic_post(&vm.vcpu[0].lapic, VEC, false);
	assert_true(vcpu_runnable(&vm.vcpu[0]));
	assert_int_equal(vm.vcpu[0].state, VCPU_RUNNING);
}

/* A second vCPU on core 1, as it is after the reset. */
static struct vcpu *second(void)
{
	static u8 page[LAPIC_PAGE_BYTES] ALIGNED(4096);
	const struct lapic_setup apic = { .id = 1, .x2apic = true, .phys_bits = 40, .page = page,
					  .ops = &lapic_ops, .ctx = &vm };
	struct vcpu *v = &vm.vcpu[1];

	*v = (struct vcpu){ .vm = &vm, .index = 1, .core = 1, .hw = &fake_hw, .offered = -1,
			    .state = VCPU_WAIT_SIPI, .extint = -1 };
	lapic_init(&v->lapic, &apic);
	vm.cfg.cpus = 2;
	fake_script(NULL, 0);
	return v;
}

/* INIT, then a start-up IPI, and each ignored where a processor does (SDM 8.4.4). */
static void test_start_up(void **state)
{
	struct vcpu *v = second();

	(void)state;
	assert_false(vcpu_runnable(v));
	vcpu_request(v, VCPU_REQ_NMI);
	assert_int_equal(raised, 0);
	lapic_post(&v->lapic, VEC, false);
	assert_false(vcpu_runnable(v));
	v->sipi_vector = 0x9a;
	vcpu_request(v, VCPU_REQ_SIPI);
	assert_int_equal(raised, BIT(CORE_EV_VCPU));
	assert_true(vcpu_runnable(v));
	assert_int_equal(fake_hw.sregs.seg[SREG_CS].selector, 0x9a00);
	assert_int_equal(fake_hw.sregs.seg[SREG_CS].base, 0x9a000);
	assert_int_equal(fake_hw.regs.rip, 0);
	/* While it runs, another one is nothing; INIT stops it whatever waits. */
	fake_hw.regs.rip = RIP;
	vcpu_request(v, VCPU_REQ_SIPI);
	assert_true(vcpu_runnable(v));
	assert_int_equal(fake_hw.regs.rip, RIP);
	v->apic_accel = true;
	vcpu_request(v, VCPU_REQ_INIT);
	assert_false(vcpu_runnable(v));
	assert_int_equal(fake_hw.inits, 1);
	assert_int_equal(v->state, VCPU_WAIT_SIPI);
	assert_false(v->apic_accel);
	/* All at once, as Linux sends them. */
	vcpu_request(v, VCPU_REQ_SIPI);
	vcpu_request(v, VCPU_REQ_INIT);
	assert_false(vcpu_runnable(v));
	vcpu_request(v, VCPU_REQ_INIT);
	vcpu_request(v, VCPU_REQ_SIPI);
	vcpu_request(v, VCPU_REQ_SIPI);
	assert_true(vcpu_runnable(v));
	assert_int_equal(fake_hw.inits, 3);
	assert_string_equal(crash, "");
}

/* The boot processor goes on at the reset vector instead. */
static void test_init_of_the_first(void **state)
{
	(void)state;
	fake_script(NULL, 0);
	vcpu_request(&vm.vcpu[0], VCPU_REQ_INIT);
	assert_true(vcpu_runnable(&vm.vcpu[0]));
	assert_int_equal(fake_hw.inits, 1);
}

static void halt_deaf(struct vcpu *v)
{
	const struct fake_step step = { .exit = { .kind = EXIT_HLT, .insn_len = 1 } };

	fake_script(&step, 1);
	fake_hw.regs.rflags = 0;
	exit_handle(v, &step.exit);
}

/* Over is a guest only when nobody is left who could wake anybody. */
static void test_dead(void **state)
{
	struct vcpu *v = second();

	(void)state;
	halt_deaf(v);
	assert_int_equal(v->state, VCPU_DEAF);
	lapic_post(&v->lapic, VEC, false);
	assert_false(vcpu_runnable(v));
	assert_string_equal(crash, "");
	vcpu_request(v, VCPU_REQ_NMI);
	halt_deaf(&vm.vcpu[0]);
	assert_string_equal(crash, "");
	assert_true(vcpu_runnable(v));
	assert_int_equal(fake_hw.injected[0].type, EVENT_NMI);
	halt_deaf(v);
	assert_non_null(strstr(crash, "interrupts off"));
}

/* The first one halts for ever once it has started the second: that one lives. */
static void test_started_by_one_that_halts(void **state)
{
	struct vcpu *v = second();

	(void)state;
	vcpu_request(v, VCPU_REQ_INIT);
	vcpu_request(v, VCPU_REQ_SIPI);
	halt_deaf(&vm.vcpu[0]);
	assert_true(vcpu_runnable(v));
	assert_string_equal(crash, "");
	assert_int_equal(v->requests, 0);
}

/* What it waits for turns out to be nothing. */
static void test_dead_behind_a_request(void **state)
{
	struct vcpu *v = second();

	(void)state;
	vcpu_request(v, VCPU_REQ_LINT0);
	halt_deaf(&vm.vcpu[0]);
	assert_string_equal(crash, "");
	assert_false(vcpu_runnable(v));
	assert_non_null(strstr(crash, "interrupts off"));
}

/* Another core is interrupted once, the own one never. */
static void test_kicks(void **state)
{
	struct vcpu *v = second();

	(void)state;
	vcpu_request(&vm.vcpu[0], VCPU_REQ_NMI);
	assert_int_equal(raised, 0);
	vcpu_request(v, VCPU_REQ_INIT);
	assert_int_equal(raised, BIT(CORE_EV_VCPU));
	raised = 0;
	vcpu_request(v, VCPU_REQ_INIT);
	assert_int_equal(raised, 0);
}

static void test_faults(void **state)
{
	static const struct {
		enum exit_kind kind;
		u8 vector;
	} cases[] = {
		{ EXIT_RDPMC, VECTOR_GP }, { EXIT_VIRT_INSN, VECTOR_UD }, { EXIT_RDMSR, VECTOR_GP },
		{ EXIT_WRMSR, VECTOR_GP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_step step = { .exit = { .kind = cases[i].kind, .insn_len = 2 } };

		fake_script(&step, 1);
		fake_hw.regs = (struct vcpu_regs){ .rip = RIP, .gpr[GPR_RCX] = 0x4badf00d };
		vcpu_run(&cores[0], &vm.vcpu[0]);
		assert_int_equal(fake_hw.injections, 1);
		assert_int_equal(fake_hw.injected[0].vector, cases[i].vector);
		assert_int_equal(fake_hw.regs.rip, RIP);
	}
}

/* Exits for the local APIC are told apart, whether the access was right or not. */
static void test_apic_exits(void **state)
{
	static const struct {
		u32 index;
		bool apic;
	} msrs[] = {
		{ MSR_APIC_BASE, true },    { MSR_TSC_DEADLINE, true },
		{ MSR_X2APIC_FIRST, true }, { MSR_X2APIC_LAST, true },
		{ MSR_X2APIC_FIRST - 1, false }, { MSR_X2APIC_LAST + 1, false },
		{ 0x277, false }, /* IA32_PAT */
	};
	static const u8 load[] = { 0xa1, 0x20, 0x00, 0xe0, 0xfe }; /* mov eax, [0xfee00020] */
	static const u64 addrs[] = { 0xfedffffcull, 0xfee00020ull, 0xfee01000ull, DEVICE };
	u32 apic = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		const struct fake_step script[] = {
			{ .exit = { .kind = EXIT_RDMSR, .insn_len = 2 } },
			{ .exit = { .kind = EXIT_WRMSR, .insn_len = 2 } },
		};

		fake_script(script, ARRAY_SIZE(script));
		fake_hw.regs = (struct vcpu_regs){ .rip = RIP, .gpr[GPR_RCX] = msrs[i].index };
		vcpu_run(&cores[0], &vm.vcpu[0]);
		vcpu_run(&cores[0], &vm.vcpu[0]);
		apic += msrs[i].apic;
		assert_int_equal(vm.vcpu[0].stats.apic[EXIT_RDMSR], apic);
		assert_int_equal(vm.vcpu[0].stats.apic[EXIT_WRMSR], apic);
	}
	assert_int_equal(vm.vcpu[0].stats.exits[EXIT_RDMSR], ARRAY_SIZE(msrs));
	code(load, sizeof(load));
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		const struct fake_step step = {
			.exit = { .kind = EXIT_MMIO, .mmio = { .gpa = { addrs[i] } } }
		};

		vm.vcpu[0].stats.total = 0;
		run(&step, 1);
	}
	assert_int_equal(vm.vcpu[0].stats.exits[EXIT_MMIO], ARRAY_SIZE(addrs));
	assert_int_equal(vm.vcpu[0].stats.apic[EXIT_MMIO], 1);
}

static void test_cr4(void **state)
{
	static const u8 mov_cr4_eax[] = { 0x0f, 0x22, 0xe0 };
	const struct fake_step step = {
		.exit = { .kind = EXIT_CR_WRITE, .cr = { .cr = 4, .gpr = GPR_COUNT } }
	};

	(void)state;
	code(mov_cr4_eax, sizeof(mov_cr4_eax));
	for (u32 bit = 0; bit < 32; bit++) {
		fake_script(&step, 1);
		fake_hw.regs = (struct vcpu_regs){ .rip = RIP, .gpr[GPR_RAX] = BIT(bit) };
		fake_hw.sregs.seg[SREG_CS].limit = 0xffffffff;
		fake_hw.sregs.seg[SREG_CS].attr = SEG_ATTR_P | SEG_ATTR_DB | 0x1b;
		fake_hw.sregs.cr0 = 1;
		vcpu_run(&cores[0], &vm.vcpu[0]);
		if (vm.vcpu[0].cr4_allowed & BIT(bit)) {
			assert_int_equal(fake_hw.sregs.cr4, BIT(bit));
			assert_int_equal(fake_hw.regs.rip, RIP + 3);
		} else {
			assert_int_equal(fake_hw.injected[0].vector, VECTOR_GP);
			assert_int_equal(fake_hw.regs.rip, RIP);
		}
	}
}

/* Where the backend names the register and the length, no byte is looked at. */
static void test_cr_by_register(void **state)
{
	static const u8 ud2[] = { 0x0f, 0x0b };
	const struct fake_step step = {
		.exit = { .kind = EXIT_CR_WRITE, .insn_len = 3, .cr = { .cr = 0, .gpr = GPR_RSP } }
	};

	(void)state;
	code(ud2, sizeof(ud2));
	fake_script(&step, 1);
	fake_hw.regs = (struct vcpu_regs){ .rip = RIP, .gpr[GPR_RSP] = BIT64(32) | CR0_PE };
	fake_hw.sregs.seg[SREG_CS].attr = SEG_ATTR_P | SEG_ATTR_DB | 0x1b;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.sregs.cr0, CR0_PE | CR0_ET); /* 32-bit code: the lower half */
	assert_int_equal(fake_hw.regs.rip, RIP + 3);
}

static void test_ends(void **state)
{
	static const enum exit_kind kinds[] = { EXIT_SHUTDOWN, EXIT_BAD_STATE, EXIT_OTHER,
						EXIT_INIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct fake_step step = { .exit = { .kind = kinds[i], .name = "odd" } };

		crash[0] = '\0';
		fake_script(&step, 1);
		vcpu_run(&cores[0], &vm.vcpu[0]);
		assert_string_not_equal(crash, "");
		assert_true(vm.over);
		assert_false(vcpu_runnable(&vm.vcpu[0]));
		vm.over = false;
	}
}

/* A core that has other work does not enter the guest. */
static void test_events_first(void **state)
{
	const struct fake_step step = { .exit = { .kind = EXIT_HOST_INTR } };

	(void)state;
	fake_script(&step, 1);
	cores[0].pending = BIT(CORE_EV_NIC);
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.next, 0);
	assert_true(host_irqs_on);
	cores[0].pending = 0;
	vcpu_run(&cores[0], &vm.vcpu[0]);
	assert_int_equal(fake_hw.next, 1);
	assert_true(fake_hw.loaded);
	vcpu_ring_remove(&vm.vcpu[0]);
	assert_false(fake_hw.loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_io, setup),
		cmocka_unit_test_setup(test_mmio, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_acknowledged_by_the_exit, setup),
		cmocka_unit_test_setup(test_priority_by_cr8, setup),
		cmocka_unit_test_setup(test_waits_for_priority, setup),
		cmocka_unit_test_setup(test_apic_modes, setup),
		cmocka_unit_test_setup(test_page_delivery, setup),
		cmocka_unit_test_setup(test_page_exits, setup),
		cmocka_unit_test_setup(test_extint, setup),
		cmocka_unit_test_setup(test_interrupted, setup),
		cmocka_unit_test_setup(test_hlt, setup),
		cmocka_unit_test_setup(test_start_up, setup),
		cmocka_unit_test_setup(test_init_of_the_first, setup),
		cmocka_unit_test_setup(test_dead, setup),
		cmocka_unit_test_setup(test_started_by_one_that_halts, setup),
		cmocka_unit_test_setup(test_dead_behind_a_request, setup),
		cmocka_unit_test_setup(test_kicks, setup),
		cmocka_unit_test_setup(test_faults, setup),
		cmocka_unit_test_setup(test_apic_exits, setup),
		cmocka_unit_test_setup(test_cr_by_register, setup),
		cmocka_unit_test_setup(test_cr4, setup),
		cmocka_unit_test_setup(test_ends, setup),
		cmocka_unit_test_setup(test_events_first, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
