/* SPDX-License-Identifier: BSD-2-Clause */
/* NMIs and interrupts that the node did not ask for, see stray.h. */
#include "hv/stray.h"

#include <arch/percpu.h>
#include <arch/smp.h>

#include "hv/base/log.h"

u64 stray_nmis(u32 core)
{
	return __atomic_load_n(&cpus[core].nmi_count, __ATOMIC_RELAXED);
}

u64 stray_vectors(u32 core)
{
	return __atomic_load_n(&cpus[core].irq_spurious, __ATOMIC_RELAXED);
}

/* The handler itself must not log: it may have interrupted somebody who does. */
void stray_report(void)
{
	static u64 told[PLAT_MAX_CORES];

	for (u32 i = 0; i < smp_core_count(); i++) {
		u64 n = stray_nmis(i);

		if (n != told[i])
			log_warn("cpu", "core %u: %lu NMI%s that nobody here sent: a hardware "
				 "error, or the machine's NMI button", i, n - told[i],
				 n - told[i] == 1 ? "" : "s");
		told[i] = n;
	}
}
