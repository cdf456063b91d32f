/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of interrupt handlers, and interrupts of lines through the I/O APIC. */
#include <arch/irq.h>

#include <arch/apic.h>
#include <arch/ioapic.h>
#include <arch/percpu.h>
#include <arch/pic.h>

#include "hv/base/log.h"

struct irq_action {
	irq_fn fn;
	void *ctx;
	struct irq_action *next; /* others on the same level-triggered line */
};

/* Sharers of PCI lines beyond the first handler of each. */
#define SHARED_MAX 16

static struct irq_action actions[256];
static struct irq_action shared[SHARED_MAX];
static u32 shared_used;

err_t irq_register(u8 vector, irq_fn fn, void *ctx)
{
	if (vector < IRQ_VECTOR_DYNAMIC || vector == IRQ_VECTOR_SPURIOUS)
		return ERR_RANGE;
	actions[vector].ctx = ctx;
	__atomic_store_n(&actions[vector].fn, fn, __ATOMIC_RELEASE);
	return ERR_OK;
}

int irq_vector_alloc(irq_fn fn, void *ctx)
{
	for (u32 v = IRQ_VECTOR_DYNAMIC; v <= IRQ_VECTOR_DYNAMIC_END; v++) {
		if (!actions[v].fn) {
			irq_register((u8)v, fn, ctx);
			return (int)v;
		}
	}
	return -1;
}

static err_t share_vector(u8 vector, irq_fn fn, void *ctx)
{
	struct irq_action *a;

	if (shared_used == SHARED_MAX)
		return ERR_NOMEM;
	a = &shared[shared_used++];
	*a = (struct irq_action){ .fn = fn, .ctx = ctx, .next = actions[vector].next };
	__atomic_store_n(&actions[vector].next, a, __ATOMIC_RELEASE);
	return ERR_OK;
}

err_t irq_gsi_enable(u32 gsi, bool level, bool active_low, irq_fn fn, void *ctx)
{
	struct ioapic_line line;
	int vector;
	err_t err = ioapic_get(gsi, &line);

	if (err)
		return err;
	if (line.vector) {
		if (!level || !line.level || line.active_low != active_low)
			return ERR_BUSY;
		return share_vector(line.vector, fn, ctx);
	}
	vector = irq_vector_alloc(fn, ctx);
	if (vector < 0)
		return ERR_NOMEM;
	line = (struct ioapic_line){ .vector = (u8)vector,
				     .level = level,
				     .active_low = active_low };
	return ioapic_set(gsi, &line, 0);
}

err_t irq_isa_enable(u8 irq, irq_fn fn, void *ctx)
{
	struct ioapic_line line;
	u32 gsi = ioapic_isa_gsi(irq, &line);

	return irq_gsi_enable(gsi, line.level, line.active_low, fn, ctx);
}

err_t irq_pci_enable(u8 irq, irq_fn fn, void *ctx)
{
	struct ioapic_line line;
	u32 gsi = ioapic_isa_gsi(irq, &line);

	/* An override that says "level" also knows the polarity. */
	return irq_gsi_enable(gsi, true, !line.level || line.active_low, fn, ctx);
}

void irq_gsi_mask(u32 gsi, bool masked)
{
	ioapic_mask(gsi, masked);
}

void irq_dispatch(u8 vector)
{
	struct cpu *c = this_cpu();
	irq_fn fn = __atomic_load_n(&actions[vector].fn, __ATOMIC_ACQUIRE);

	if (vector >= IRQ_VECTOR_DYNAMIC && vector <= IRQ_VECTOR_DYNAMIC_END)
		c->irq_devices++;
	if (vector < IRQ_VECTOR_DYNAMIC) {
		c->irq_spurious++;
		pic_spurious((u8)(vector - IRQ_VECTOR_PIC));
		return;
	}
	if (vector == IRQ_VECTOR_SPURIOUS) { /* not in service: no EOI (SDM vol. 3A 10.9) */
		c->irq_spurious++;
		return;
	}
	if (fn) {
		fn(actions[vector].ctx);
		for (struct irq_action *a = actions[vector].next; a; a = a->next)
			a->fn(a->ctx);
	} else if (vector != IRQ_VECTOR_WAKE) {
		c->irq_spurious++;
		LOG_LIMITED(LOG_WARN, "irq", "vector %02xh on core %u has no handler", vector,
			    c->index);
	}
	apic_eoi();
}
