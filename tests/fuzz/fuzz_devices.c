/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine of all emulated platform devices under random accesses. The
 * input is a list of 12-byte records; what must hold after each is checked:
 * nothing is due any more once it was polled, no vector below 16 is delivered,
 * the maps hold what the BARs say.
 */
#include <stdint.h>
#include <string.h>

#include "hv/base/bytes.h"
#include "hv/base/plat.h"
#include "hv/emul/ioapic.h"
#include "hv/emul/lapic.h"
#include "hv/emul/machine.h"
#include "hv/emul/pci.h"
#include "hv/emul/pic.h"
#include "hv/emul/pit.h"
#include "hv/emul/pm.h"
#include "hv/emul/rtc.h"
#include "hv/emul/uart.h"
#include "tests/host/plat_host.h"

#define CPUS 3

enum op { OP_PORT, OP_MMIO, OP_LAPIC, OP_MSR, OP_TIME, OP_INPUT, OP_TURN, OP_RESET, OP_COUNT };

struct record {
	u8 op;
	u8 flags; /* bits 1:0 log2 of the size, 2 write, 7:4 which CPU */
	u16 where;
	u64 value;
} PACKED;

STATIC_ASSERT(sizeof(struct record) == 12, "the seeds are made of them");

static struct {
	struct iomap io, mmio;
	struct irq_sink irq;
	struct lapic cpu[CPUS];
	u32 page[CPUS][LAPIC_PAGE_BYTES / 4] ALIGNED(4096);
	u8 pv_eoi[CPUS];
	struct ioapic ioapic;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct pm pm;
	struct uart uart;
	struct pci_bus pci;
	struct pci_dev dev[2];
} m;

/* --- wiring ------------------------------------------------------------------ */

static void deliver(u32 sender, const struct lapic_ipi *ipi)
{
	struct lapic *all[CPUS] = { &m.cpu[0], &m.cpu[1], &m.cpu[2] };
	u64 targets = lapic_targets(all, CPUS, sender, ipi);

	ASSERT(targets < BIT64(CPUS));
	for (u32 i = 0; i < CPUS; i++) {
		if (!(targets & BIT64(i)))
			continue;
		if (ipi->mode == LAPIC_FIXED || ipi->mode == LAPIC_LOWEST)
			lapic_post(&m.cpu[i], ipi->vector, ipi->level);
		else if (ipi->mode == LAPIC_INIT)
			lapic_reset(&m.cpu[i], true);
	}
}

static void on_ipi(void *ctx, const struct lapic_ipi *ipi)
{
	deliver((u32)(uintptr_t)ctx, ipi);
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	ioapic_eoi(&m.ioapic, vector);
}

static u64 tsc_to_ns(void *ctx, u64 tsc)
{
	(void)ctx;
	return tsc / 2;
}

static void on_ioapic(void *ctx, const struct lapic_ipi *ipi)
{
	(void)ctx;
	deliver(LAPIC_MAX_TARGETS, ipi);
}

static void on_line(void *ctx, u32 irq, bool level)
{
	(void)ctx;
	pic_set_line(&m.pic, irq, level);
	ioapic_set_line(&m.ioapic, irq == MACHINE_IRQ_PIT ? MACHINE_GSI_PIT : irq, level);
}

static void on_msi(void *ctx, u64 addr, u32 data)
{
	struct lapic_ipi ipi;

	if (lapic_from_msi(addr, data, &ipi))
		on_ioapic(ctx, &ipi);
}

static void on_intr(void *ctx, bool level)
{
	(void)ctx;
	lapic_lint(&m.cpu[0], 0, level);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void on_tx(void *ctx, u8 byte)
{
	(void)ctx;
	(void)byte;
}

static void on_bar(void *ctx, struct io_access *a)
{
	struct pci_dev *d = ctx;

	if (a->write)
		pci_msix_notify(d, (u16)a->value);
	else
		a->value = pci_msix_enabled(d);
}

static void must(err_t err)
{
	ASSERT(!err);
}

static void build(void)
{
	static const struct lapic_ops lapic_ops = { on_ipi, on_eoi, nothing, tsc_to_ns };
	static const struct pm_ops pm_ops = { nothing, nothing };
	static const struct pci_ids ids = { .vendor = 0x1af4, .device = 0x1041 };
	static const struct pci_windows win = { MACHINE_ECAM_BASE, MACHINE_PCI_IO_BASE,
						MACHINE_PCI_IO_SIZE, MACHINE_PCI_MEM_BASE,
						MACHINE_PCI_MEM_SIZE };

	memset(&m, 0, sizeof(m));
	host_now_ns = 1;
	m.irq = (struct irq_sink){ on_line, on_msi, NULL };
	for (u32 i = 0; i < CPUS; i++) {
		const struct lapic_setup s = { .id = i, .bsp = !i, .x2apic = true,
					       .phys_bits = 40, .page = m.page[i],
					       .ops = &lapic_ops, .ctx = (void *)(uintptr_t)i };

		lapic_init(&m.cpu[i], &s);
		lapic_pv_eoi_set(&m.cpu[i], &m.pv_eoi[i]);
	}
	ioapic_init(&m.ioapic, on_ioapic, NULL);
	pic_init(&m.pic, on_intr, NULL);
	pit_init(&m.pit, &m.irq);
	rtc_init(&m.rtc, 1767225600, &m.irq);
	pm_init(&m.pm, &pm_ops, NULL, &m.irq);
	uart_init(&m.uart, on_tx, NULL, &m.irq, MACHINE_IRQ_COM1);
	must(ioapic_attach(&m.ioapic, &m.mmio));
	must(pic_attach(&m.pic, &m.io));
	must(pit_attach(&m.pit, &m.io));
	must(rtc_attach(&m.rtc, &m.io));
	must(pm_attach(&m.pm, &m.io));
	must(uart_attach(&m.uart, &m.io, MACHINE_COM1_BASE));
	must(pci_bus_init(&m.pci, &m.io, &m.mmio, &m.irq, &win));
	pci_bus_reset_port(&m.pci, pm_reset_io, &m.pm);
	for (u32 i = 0; i < ARRAY_SIZE(m.dev); i++) {
		pci_dev_init(&m.dev[i], &ids, &m.dev[i]);
		must(pci_dev_bar(&m.dev[i], 0, true, 32, "ports", on_bar));
		must(pci_dev_msix(&m.dev[i], 1, 5));
		must(pci_dev_bar(&m.dev[i], 2, false, 0x4000, "registers", on_bar));
		must(pci_bus_add(&m.pci, &m.dev[i]));
	}
}

/* --- what must hold -------------------------------------------------------------- */

static void poll_all(u64 now)
{
	pit_poll(&m.pit, now);
	rtc_poll(&m.rtc, now);
	pm_poll(&m.pm, now);
	ASSERT(pit_next_ns(&m.pit) > now);
	ASSERT(rtc_next_ns(&m.rtc) > now);
	ASSERT(pm_next_ns(&m.pm) > now);
	for (u32 i = 0; i < CPUS; i++) {
		lapic_timer_poll(&m.cpu[i], now);
		ASSERT(lapic_timer_deadline_ns(&m.cpu[i]) > now);
	}
}

static void check_maps(void)
{
	u32 mapped = 0;

	for (u32 n = 0; n < ARRAY_SIZE(m.dev) * PCI_BARS; n++)
		mapped += m.dev[n / PCI_BARS].bar[n % PCI_BARS].mapped;
	/* Fixed: 1 + 3 + 2 + 1 + 5 + 1 device ranges, CF8h, ECAM. */
	ASSERT(m.io.count + m.mmio.count == 15 + mapped);
}

/* --- the records ------------------------------------------------------------------- */

static void any_access(struct iomap *map, u64 addr, const struct record *r)
{
	struct io_access a = { .addr = addr, .value = r->value, .size = (u8)BIT(r->flags & 3),
			       .write = r->flags & 4 };

	iomap_access(map, &a);
}

static void port_access(const struct record *r)
{
	static const u16 bases[] = { 0x20, 0xa0, 0x40, 0x60, 0x70, 0x80, 0x3f8, 0x4d0, 0x600,
				     0x608, 0xcf8, 0xcf8, 0xcfc, 0xcfc, 0xc000, 0xc020 };

	any_access(&m.io, bases[r->where >> 8 & 15] + (r->where & 7u), r);
}

static void mmio_access(const struct record *r)
{
	static const u32 bases[] = { MACHINE_ECAM_BASE, MACHINE_IOAPIC_BASE, MACHINE_PCI_MEM_BASE,
				     MACHINE_ECAM_BASE + 0x8000 };

	any_access(&m.mmio, bases[r->where >> 14] + (r->where & 0x3fffu), r);
}

static void lapic_access(struct lapic *l, const struct record *r)
{
	struct io_access a = { .addr = r->where & 0xfff, .value = r->value,
			       .size = (u8)BIT(r->flags & 3), .write = r->flags & 4 };

	if (lapic_claims(l, (l->base & ~0xfffull) + a.addr))
		lapic_mmio(l, &a);
}

static void msr_access(struct lapic *l, const struct record *r)
{
	static const u32 fixed[] = { MSR_APIC_BASE, MSR_TSC_DEADLINE };
	u32 msr = r->where & 0x1000 ? fixed[r->where & 1] : 0x800 + (r->where & 0xffu);
	u64 value = r->value;

	/* Mode changes come up often enough only when the address is right. */
	if (msr == MSR_APIC_BASE)
		value = MACHINE_LAPIC_BASE | (value & (APIC_BASE_EN | APIC_BASE_EXTD | 1));
	if (r->flags & 4)
		(void)lapic_msr_write(l, msr, value);
	else
		(void)lapic_msr_read(l, msr, &value);
}

static void outside_input(const struct record *r)
{
	switch (r->where % 5) {
	case 0:
		(void)uart_feed(&m.uart, (const u8 *)&r->value, sizeof(r->value));
		break;
	case 1:
		(void)pm_power_button(&m.pm);
		break;
	case 2:
		on_line(NULL, (u32)r->value & 31, r->flags & 4);
		break;
	case 3:
		(void)pci_msix_notify(&m.dev[r->value & 1], (u16)(r->value >> 8 & 7));
		break;
	default:
		lapic_lint(&m.cpu[0], 1, r->flags & 4);
		break;
	}
}

/* A processor that delivers by itself: it is told, takes what it was told of, and ends
 * it or stores a register that is for us to act on. */
static void processor_turn(u32 cpu, const struct record *r)
{
	static const u16 stored[] = { 0x080, 0x0b0, 0x0f0, 0x280, 0x300, 0x320, 0x350, 0x370,
				      0x380, 0x3e0, 0x3f0, 0x030 };
	u16 reg = stored[r->value % ARRAY_SIZE(stored)];
	struct lapic *l = &m.cpu[cpu];
	struct apic_delivery d;

	if (lapic_delivery(l, &d)) {
		ASSERT(d.requested == 0 || d.requested >= 16);
		ASSERT(d.in_service == 0 || d.in_service >= 16);
		ASSERT(!lapic_delivery(l, &d));
		if (d.requested > (d.in_service | 15))
			lapic_accept(l, d.requested);
		lapic_eoi_done(l, d.in_service);
	}
	m.page[cpu][reg / sizeof(u32)] = (u32)(r->value >> 32);
	lapic_written(l, reg);
	lapic_set_cr8(l, lapic_cr8(l));
}

/* One turn of a run loop: the guest takes the offer or not, and uses the PV
 * EOI permission or not. */
static void turn(u32 cpu, const struct record *r)
{
	struct lapic *l = &m.cpu[cpu];
	int v = lapic_pending(l);
	u8 threshold = lapic_tpr_threshold(l), cr8 = lapic_cr8(l);

	ASSERT(v == -1 || (v >= 16 && v <= 255));
	ASSERT(v == -1 || lapic_has_work(l));
	ASSERT(threshold <= cr8 && !(threshold && v >= 0));
	if (threshold) {
		lapic_set_cr8(l, (u8)(threshold - 1));
		v = lapic_pending(l);
		ASSERT(v >> 4 == threshold);
	}
	if (r->where & 1 && lapic_mode(l) == APIC_X2APIC) {
		processor_turn(cpu, r);
		return;
	}
	lapic_pv_eoi_enter(l, v);
	if (v >= 0 && (r->value & 1))
		lapic_accept(l, (u8)v);
	if (r->value & 2)
		m.pv_eoi[cpu] = 0;
	lapic_pv_eoi_exit(l);
	ASSERT(m.pv_eoi[cpu] == 0);
	if (cpu == 0 && pic_pending(&m.pic) && lapic_extint_open(l))
		(void)pic_ack(&m.pic);
}

static void reset_one(const struct record *r)
{
	switch (r->where % 8) {
	case 0:
		pci_bus_reset(&m.pci);
		break;
	case 1:
		pic_reset(&m.pic);
		break;
	case 2:
		pit_reset(&m.pit);
		break;
	case 3:
		rtc_reset(&m.rtc);
		break;
	case 4:
		pm_reset(&m.pm);
		break;
	case 5:
		uart_reset(&m.uart);
		break;
	case 6:
		ioapic_reset(&m.ioapic);
		break;
	default:
		lapic_reset(&m.cpu[r->flags % CPUS], r->value & 1);
		lapic_pv_eoi_set(&m.cpu[r->flags % CPUS], &m.pv_eoi[r->flags % CPUS]);
		break;
	}
}

static void apply(const struct record *r)
{
	u32 cpu = (r->flags >> 4) % CPUS;

	switch ((enum op)(r->op % OP_COUNT)) {
	case OP_PORT:
		port_access(r);
		break;
	case OP_MMIO:
		mmio_access(r);
		break;
	case OP_LAPIC:
		lapic_access(&m.cpu[cpu], r);
		break;
	case OP_MSR:
		msr_access(&m.cpu[cpu], r);
		break;
	case OP_TIME:
		/* Up to half an hour a step, mostly much less. */
		host_now_ns += (r->value & 0x1ffffffffff) >> (r->where & 31);
		break;
	case OP_INPUT:
		outside_input(r);
		break;
	case OP_TURN:
		turn(cpu, r);
		break;
	default:
		reset_one(r);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;

	build();
	for (; size >= sizeof(r); data += sizeof(r), size -= sizeof(r)) {
		memcpy(&r, data, sizeof(r));
		apply(&r);
		poll_all(host_now_ns);
		check_maps();
	}
	return 0;
}
