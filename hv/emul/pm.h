/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's ACPI fixed hardware (ACPI 6.4 4.8): PM1a event and control
 * blocks with the power button, PM timer; and the PC's reset ports CF9h and
 * 64h, and port 80h. ACPI mode is always on. Callers serialise.
 */
#ifndef HV_EMUL_PM_H
#define HV_EMUL_PM_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

/* Called out of the access that asked for it: note it and act when the exit
 * is done. */
struct pm_ops {
	void (*reset)(void *ctx);
	void (*power_off)(void *ctx); /* S5 */
};

struct pm {
	u16 status, enable, control;
	u8 reset_control; /* port CF9h */
	u8 post_code;	  /* port 80h */
	bool sci;
	u64 base_ns;	  /* the timer was 0 */
	u64 half_periods; /* toggles of the timer's top bit that were flagged */
	const struct pm_ops *ops;
	void *ctx;
	const struct irq_sink *irq;
};

void pm_init(struct pm *p, const struct pm_ops *ops, void *ctx, const struct irq_sink *irq);
void pm_reset(struct pm *p);
/* Register PM1a, PM timer, 64h and 80h. CF9h lies within the PCI bus's port
 * range: pci_bus_reset_port(bus, pm_reset_io, p). */
err_t pm_attach(struct pm *p, struct iomap *io);

/* The power button was pressed: the guest gets an SCI, when it enabled that.
 * False: it did not, and nobody will act. */
bool pm_power_button(struct pm *p);

/* io_handler of port CF9h. */
void pm_reset_io(void *dev, struct io_access *a);

/* When pm_poll() has something to do; UINT64_MAX: never. */
u64 pm_next_ns(const struct pm *p);
void pm_poll(struct pm *p, u64 now_ns);

#endif
