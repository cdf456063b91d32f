/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's machine put together: which device answers where, and which
 * wire leads to which interrupt controller (hv/emul/machine.h).
 */
#include "hv/vm.h"

#include "hv/emul/machine.h"
#include "hv/hostcpu.h"
#include "hv/topology.h"

#include <arch/cpu.h>
#include <arch/time.h>

#define NS_PER_S 1000000000ull

/* --- interrupts ------------------------------------------------------------- */

static void set_line(void *ctx, u32 gsi, bool level)
{
	struct vm *vm = ctx;

	if (gsi < PIC_IRQS)
		pic_set_line(&vm->pic, gsi, level);
	ioapic_set_line(&vm->ioapic, gsi == MACHINE_IRQ_PIT ? MACHINE_GSI_PIT : gsi, level);
}

static void send_msi(void *ctx, u64 addr, u32 data)
{
	struct lapic_ipi msg;

	if (lapic_from_msi(addr, data, &msg))
		vm_deliver(ctx, &msg, LAPIC_MAX_TARGETS);
}

static void ioapic_sends(void *ctx, const struct lapic_ipi *msg)
{
	vm_deliver(ctx, msg, LAPIC_MAX_TARGETS);
}

/* The 8259 pair's output is wired to the boot processor. */
static void pic_intr(void *ctx, bool level)
{
	struct vm *vm = ctx;

	__atomic_store_n(&vm->intr, level, __ATOMIC_RELAXED);
	vcpu_request(&vm->vcpu[0], VCPU_REQ_LINT0);
}

u8 vm_intr_ack(struct vm *vm)
{
	u8 vector;

	ticket_lock(&vm->lock);
	vector = pic_ack(&vm->pic);
	ticket_unlock(&vm->lock);
	return vector;
}

static void lapic_nmi(void *ctx)
{
	vcpu_request(ctx, VCPU_REQ_NMI);
}

static void lapic_sends(void *ctx, const struct lapic_ipi *msg)
{
	struct vcpu *v = ctx;

	v->stats.ipis++;
	vm_deliver(v->vm, msg, v->index);
}

/* From the guest's EOI, which no device's register is: without the lock. */
static void lapic_ended(void *ctx, u8 vector)
{
	struct vcpu *v = ctx;

	ticket_lock(&v->vm->lock);
	ioapic_eoi(&v->vm->ioapic, vector);
	ticket_unlock(&v->vm->lock);
}

static u64 guest_tsc_to_ns(void *ctx, u64 tsc)
{
	const struct vcpu *v = ctx;

	return time_tsc_to_ns(tsc - v->tsc_offset);
}

static const struct lapic_ops lapic_ops = {
	.ipi = lapic_sends,
	.eoi = lapic_ended,
	.nmi = lapic_nmi,
	.tsc_to_ns = guest_tsc_to_ns,
};

static void deliver(struct vcpu *v, const struct lapic_ipi *msg)
{
	switch (msg->mode) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST:
		switch (lapic_post(&v->lapic, msg->vector, msg->level)) {
		case LAPIC_WAKE_NONE:
			return;
		case LAPIC_WAKE_NOTIFY:
			vcpu_notify(v);
			return;
		case LAPIC_WAKE_KICK:
			vcpu_kick(v);
			return;
		}
		return;
	case LAPIC_NMI:
		vcpu_request(v, VCPU_REQ_NMI);
		return;
	case LAPIC_INIT:
		vcpu_request(v, VCPU_REQ_INIT);
		return;
	case LAPIC_STARTUP:
		__atomic_store_n(&v->sipi_vector, msg->vector, __ATOMIC_RELAXED);
		vcpu_request(v, VCPU_REQ_SIPI);
		return;
	default:
		/* ExtINT: the 8259 reaches a vCPU by LINT0. SMI: there is no SMM. */
		return;
	}
}

void vm_deliver(struct vm *vm, const struct lapic_ipi *msg, u32 sender)
{
	u64 targets = lapic_targets(vm->lapic, vm->cfg.cpus, sender, msg);

	for (; targets; targets &= targets - 1)
		deliver(&vm->vcpu[__builtin_ctzll(targets)], msg);
}

/* --- access to devices --------------------------------------------------------- */

void vm_lock(struct vm *vm)
{
	ticket_lock(&vm->lock);
}

void vm_unlock(struct vm *vm)
{
	u64 pit = pit_next_ns(&vm->pit), rtc = rtc_next_ns(&vm->rtc), pm = pm_next_ns(&vm->pm);
	u64 timers = MIN(pit, rtc), due = MIN(timers, pm);
	bool sooner = due < vm->devices_due_ns;

	__atomic_store_n(&vm->devices_due_ns, due, __ATOMIC_RELAXED);
	ticket_unlock(&vm->lock);
	/* The VM's core looks at it before each run, and has its timer set by then. */
	if (sooner)
		vcpu_kick(&vm->vcpu[0]);
}

void vm_access(struct vcpu *v, bool port, struct io_access *a)
{
	struct vm *vm = v->vm;
	u64 off = a->addr - MACHINE_LAPIC_BASE;

	if (!port && off < MACHINE_LAPIC_SIZE && a->size <= MACHINE_LAPIC_SIZE - off) {
		a->addr = off;
		lapic_mmio(&v->lapic, a);
		return;
	}
	vm_lock(vm);
	iomap_access(port ? &vm->io : &vm->mmio, a);
	vm_unlock(vm);
}

/* --- power ------------------------------------------------------------------ */

static void ask_reset(void *ctx)
{
	vm_end(ctx, VM_END_RESET);
}

static void ask_off(void *ctx)
{
	vm_end(ctx, VM_END_OFF);
}

static const struct pm_ops pm_ops = { .reset = ask_reset, .power_off = ask_off };

/* --- consoles --------------------------------------------------------------- */

static void uart_sends(void *ctx, u8 byte)
{
	struct vm *vm = ctx;

	textring_put(&vm->console[VM_CONSOLE_SERIAL].out, byte);
	core_raise(0, CORE_EV_CONSOLE);
}

static void vcon_sends(void *ctx, const void *buf, u32 len)
{
	const u8 *bytes = buf;
	struct vm *vm = ctx;

	for (u32 i = 0; i < len; i++)
		textring_put(&vm->console[VM_CONSOLE_VIRTIO].out, bytes[i]);
	core_raise(0, CORE_EV_CONSOLE);
}

static void vcon_ready(void *ctx)
{
	vm_console_feed(ctx);
}

static void vcon_more(void *ctx)
{
	struct vm *vm = ctx;

	vm->vcon_more = true;
	vm_wake(vm);
}

static const struct virtio_console_hooks vcon_hooks = {
	.tx = vcon_sends, .rx_ready = vcon_ready, .more = vcon_more,
};

/* --- the whole -------------------------------------------------------------- */

static void init_cpuid(struct vm *vm)
{
	const struct topology_guest places =
		topology_of_guest(&topology, vm->cfg.core, vm->cfg.cpus);

	vm->cpuid = (struct cpuid_config){
		.host = hostcpu_cpuid,
		.vcpus = vm->cfg.cpus,
		.threads = places.threads,
		.package_ids = places.package_ids,
		.xcr0_allowed = backend_caps.xcr0_allowed,
		.tsc_khz = (u32)tsc_khz(),
		.apic_khz = LAPIC_BUS_HZ / 1000,
		.pinned = true,
		.tsc_deadline = true,
		.x2apic = true,
		.pv_eoi = true,
	};
	vm->phys_bits = cpuid_phys_bits(&vm->cpuid);
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		vm->vcpu[i].cr4_allowed = cpuid_cr4_allowed(&vm->cpuid);
}

static err_t attach_devices(struct vm *vm)
{
	static const struct pci_windows windows = {
		.ecam_base = MACHINE_ECAM_BASE,
		.io_base = MACHINE_PCI_IO_BASE,
		.io_size = MACHINE_PCI_IO_SIZE,
		.mem_base = MACHINE_PCI_MEM_BASE,
		.mem_size = MACHINE_PCI_MEM_SIZE,
	};
	err_t err = pci_bus_init(&vm->pci, &vm->io, &vm->mmio, &vm->irq, &windows);

	if (!err)
		err = ioapic_attach(&vm->ioapic, &vm->mmio);
	if (!err)
		err = pic_attach(&vm->pic, &vm->io);
	if (!err)
		err = pit_attach(&vm->pit, &vm->io);
	if (!err)
		err = rtc_attach(&vm->rtc, &vm->io);
	if (!err)
		err = pm_attach(&vm->pm, &vm->io);
	if (!err)
		err = uart_attach(&vm->uart, &vm->io, MACHINE_COM1_BASE);
	if (!err && vm->cfg.testdev)
		err = testdev_init(&vm->testdev, &vm->mmio, &vm->irq);
	if (!err)
		err = virtio_pci_init(&vm->vcon_pci, &vm->vcon.dev, &vm->pci);
	if (!err)
		err = vm_rng_init(vm);
	pci_bus_reset_port(&vm->pci, pm_reset_io, &vm->pm);
	return err;
}

static void init_lapics(struct vm *vm)
{
	for (u32 i = 0; i < vm->cfg.cpus; i++) {
		struct vcpu *v = &vm->vcpu[i];
		const struct lapic_setup lapic = {
			.id = i,
			.bsp = i == 0,
			.x2apic = true,
			.phys_bits = vm->phys_bits,
			.page = v->lapic_page,
			.ops = &lapic_ops,
			.ctx = v,
		};

		lapic_init(&v->lapic, &lapic);
	}
}

err_t vm_machine_init(struct vm *vm)
{
	init_cpuid(vm);
	vm->irq = (struct irq_sink){ .set_line = set_line, .msi = send_msi, .ctx = vm };
	init_lapics(vm);
	ioapic_init(&vm->ioapic, ioapic_sends, vm);
	pic_init(&vm->pic, pic_intr, vm);
	pit_init(&vm->pit, &vm->irq);
	rtc_init(&vm->rtc, hostcpu_unix_ns() / NS_PER_S, &vm->irq);
	pm_init(&vm->pm, &pm_ops, vm, &vm->irq);
	uart_init(&vm->uart, uart_sends, vm, &vm->irq, MACHINE_IRQ_COM1);
	virtio_console_init(&vm->vcon, vm->cfg.name, &vm->gmem, &vcon_hooks, vm);
	return attach_devices(vm);
}

static void reset_vcpu(struct vcpu *v)
{
	const struct msr_config msr = {
		.bsp = v->index == 0,
		.x2apic = v->vm->cpuid.x2apic,
		.tsc_deadline = v->vm->cpuid.tsc_deadline,
		.pv_eoi = v->vm->cpuid.pv_eoi,
		.efer_allowed = cpuid_efer_allowed(&v->vm->cpuid),
		.phys_bits = v->vm->phys_bits,
	};

	backend->reset(v->hw);
	msr_init(&v->msr, &msr);
	lapic_reset(&v->lapic, false);
	if (!v->index)
		lapic_virtual_wire(&v->lapic);
	__atomic_store_n(&v->requests, 0, __ATOMIC_RELAXED);
	v->state = v->index ? VCPU_WAIT_SIPI : VCPU_RUNNING;
	v->apic_mode = APIC_OFF;
	v->apic_accel = false;
	v->takes_posted = false;
	v->offered = -1;
	v->extint = -1;
	v->tsc_offset = 0 - v->vm->tsc_start;
	backend->set_tsc_offset(v->hw, v->tsc_offset);
	backend->flush_tlb(v->hw);
}

void vm_machine_reset(struct vm *vm)
{
	/* The guest's TSCs start at 0 with its clock. */
	vm->tsc_start = rdtsc();
	vm->started_ns = plat_now_ns();
	vm->intr = false;
	vm->vcon_more = false;
	vm_net_reset(vm);
	vm_lock(vm);
	pci_bus_reset(&vm->pci);
	virtio_pci_reset(&vm->vcon_pci);
	vm_rng_reset(vm);
	vm_disk_reset(vm);
	ioapic_reset(&vm->ioapic);
	pic_reset(&vm->pic);
	pit_reset(&vm->pit);
	rtc_reset(&vm->rtc);
	pm_reset(&vm->pm);
	uart_reset(&vm->uart);
	testdev_reset(&vm->testdev);
	for (u32 i = 0; i < vm->cfg.cpus; i++)
		reset_vcpu(&vm->vcpu[i]);
	vm_unlock(vm);
}

void vm_poll_devices(struct vm *vm, u64 now_ns)
{
	vm_lock(vm);
	pit_poll(&vm->pit, now_ns);
	rtc_poll(&vm->rtc, now_ns);
	pm_poll(&vm->pm, now_ns);
	vm_unlock(vm);
}
