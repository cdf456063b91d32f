/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's machine put together: which device answers where, and which
 * wire leads to which interrupt controller (hv/emul/machine.h).
 */
#include "hv/vm.h"

#include "hv/emul/machine.h"
#include "hv/hostcpu.h"

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

static void pic_intr(void *ctx, bool level)
{
	struct vm *vm = ctx;

	lapic_lint(&vm->vcpu.lapic, 0, level);
}

static void inject_nmi(void *ctx)
{
	const struct vcpu_event nmi = { .type = EVENT_NMI, .vector = 2 };
	struct vm *vm = ctx;

	backend->inject(vm->vcpu.hw, &nmi);
}

static void lapic_sends(void *ctx, const struct lapic_ipi *msg)
{
	struct vm *vm = ctx;

	vm_deliver(vm, msg, vm->vcpu.index);
}

static void lapic_ended(void *ctx, u8 vector)
{
	struct vm *vm = ctx;

	ioapic_eoi(&vm->ioapic, vector);
}

static u64 guest_tsc_to_ns(void *ctx, u64 tsc)
{
	struct vm *vm = ctx;

	return time_tsc_to_ns(tsc - vm->vcpu.tsc_offset);
}

static const struct lapic_ops lapic_ops = {
	.ipi = lapic_sends,
	.eoi = lapic_ended,
	.nmi = inject_nmi,
	.tsc_to_ns = guest_tsc_to_ns,
};

void vm_deliver(struct vm *vm, const struct lapic_ipi *msg, u32 sender)
{
	struct lapic *const all[] = { &vm->vcpu.lapic };

	if (!lapic_targets(all, ARRAY_SIZE(all), sender, msg))
		return;
	switch (msg->mode) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST:
		lapic_post(&vm->vcpu.lapic, msg->vector, msg->level);
		return;
	case LAPIC_NMI:
		inject_nmi(vm);
		return;
	case LAPIC_EXTINT:
		pic_intr(vm, true);
		return;
	default:
		/* INIT and start-up to the only vCPU, which runs: as a real one
		 * it would lose its state; nobody does that but a broken guest. */
		return;
	}
}

/* --- power ------------------------------------------------------------------ */

static void wish_reset(void *ctx)
{
	struct vm *vm = ctx;

	vm->wish = VM_WISH_RESET;
}

static void wish_off(void *ctx)
{
	struct vm *vm = ctx;

	vm->wish = VM_WISH_OFF;
}

static const struct pm_ops pm_ops = { .reset = wish_reset, .power_off = wish_off };

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
	core_raise(vm->cfg.core, CORE_EV_VM);
}

static const struct virtio_console_hooks vcon_hooks = {
	.tx = vcon_sends, .rx_ready = vcon_ready, .more = vcon_more,
};

/* --- the whole -------------------------------------------------------------- */

static void init_cpuid(struct vm *vm)
{
	vm->cpuid = (struct cpuid_config){
		.host = hostcpu_cpuid,
		.vcpus = 1,
		.xcr0_allowed = backend_caps.xcr0_allowed,
		.tsc_khz = (u32)tsc_khz(),
		.apic_khz = LAPIC_BUS_HZ / 1000,
		.pinned = true,
		.tsc_deadline = true,
		.x2apic = true,
		.pv_eoi = true,
	};
	vm->phys_bits = cpuid_phys_bits(&vm->cpuid);
	vm->vcpu.cr4_allowed = cpuid_cr4_allowed(&vm->cpuid);
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
	if (!err)
		err = iomap_add(&vm->mmio, MACHINE_LAPIC_BASE, MACHINE_LAPIC_SIZE, "lapic",
				lapic_mmio, &vm->vcpu.lapic);
	if (!err && vm->cfg.testdev)
		err = testdev_init(&vm->testdev, &vm->mmio, &vm->irq);
	if (!err)
		err = virtio_pci_init(&vm->vcon_pci, &vm->vcon.dev, &vm->pci);
	pci_bus_reset_port(&vm->pci, pm_reset_io, &vm->pm);
	return err;
}

err_t vm_machine_init(struct vm *vm)
{
	struct lapic_setup lapic = {
		.id = vm->vcpu.index,
		.bsp = true,
		.x2apic = true,
		.page = vm->lapic_page,
		.ops = &lapic_ops,
		.ctx = vm,
	};

	init_cpuid(vm);
	lapic.phys_bits = vm->phys_bits;
	vm->irq = (struct irq_sink){ .set_line = set_line, .msi = send_msi, .ctx = vm };
	lapic_init(&vm->vcpu.lapic, &lapic);
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
		.bsp = true,
		.x2apic = v->vm->cpuid.x2apic,
		.tsc_deadline = v->vm->cpuid.tsc_deadline,
		.pv_eoi = v->vm->cpuid.pv_eoi,
		.efer_allowed = cpuid_efer_allowed(&v->vm->cpuid),
		.phys_bits = v->vm->phys_bits,
	};

	backend->reset(v->hw);
	msr_init(&v->msr, &msr);
	lapic_reset(&v->lapic, false);
	lapic_virtual_wire(&v->lapic);
	lapic_pv_eoi_set(&v->lapic, NULL);
	v->apic_mode = APIC_OFF;
	v->apic_accel = false;
	v->offered = -1;
	v->extint = -1;
	/* The guest's TSC starts at 0 with its clock. */
	v->tsc_offset = 0 - rdtsc();
	backend->set_tsc_offset(v->hw, v->tsc_offset);
	backend->flush_tlb(v->hw);
}

void vm_machine_reset(struct vm *vm)
{
	vm->wish = VM_WISH_NONE;
	vm->vcon_more = false;
	pci_bus_reset(&vm->pci);
	virtio_pci_reset(&vm->vcon_pci);
	vm_net_reset(vm);
	ioapic_reset(&vm->ioapic);
	pic_reset(&vm->pic);
	pit_reset(&vm->pit);
	rtc_reset(&vm->rtc);
	pm_reset(&vm->pm);
	uart_reset(&vm->uart);
	testdev_reset(&vm->testdev);
	reset_vcpu(&vm->vcpu);
}

void vm_poll_timers(struct vm *vm, u64 now_ns)
{
	lapic_timer_poll(&vm->vcpu.lapic, now_ns);
	pit_poll(&vm->pit, now_ns);
	rtc_poll(&vm->rtc, now_ns);
	pm_poll(&vm->pm, now_ns);
	vm_update_deadline(vm);
}

void vm_update_deadline(struct vm *vm)
{
	u64 next = TIMER_NEVER;

	if (vm->vcpu.state != VCPU_OFF) {
		next = MIN(lapic_timer_deadline_ns(&vm->vcpu.lapic), pit_next_ns(&vm->pit));
		next = MIN(next, rtc_next_ns(&vm->rtc));
		next = MIN(next, pm_next_ns(&vm->pm));
	}
	vm->next_ns = next;
}
