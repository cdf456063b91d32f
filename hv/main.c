/* SPDX-License-Identifier: BSD-2-Clause */
/* Until the hypervisor proper is here: say what the machine is and halt. */
#include "boot/start.h"

#include <arch/cpu.h>
#include <arch/pci.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "hv/base/log.h"

NORETURN void hv_main(const struct boot_info *bi)
{
	(void)bi;
	for (u32 i = 0; i < pci_count(); i++) {
		const struct pci_func *f = pci_func_at(i);

		log_info("pci", "%02x:%02x.%x %04x:%04x class %06x irq %u", f->bus, f->dev, f->fn,
			 f->vendor, f->device, f->class_code, f->irq_line);
	}
	for (;;)
		cpu_irq_wait();
}
