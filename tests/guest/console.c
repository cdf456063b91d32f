/* SPDX-License-Identifier: BSD-2-Clause */
/* What every payload needs of its machine: COM1, the hypervisor's leaves, the way out. */
#include "tests/guest/guest.h"

#include "hv/base/fmt.h"

#define COM1 0x3f8
#define COM_LSR 5
#define COM_LSR_THRE BIT(5)
#define COM_SPINS 100000

#define PM1A_CNT 0x604
#define PM1_SLP_EN BIT(13)

#define CPUID_HYPERVISOR BIT(31)
#define CPUID_LEAF_HV 0x40000000u
#define CPUID_LEAF_TIMING 0x40000010u

static void put(char c)
{
	for (u32 i = 0; i < COM_SPINS && !(in8(COM1 + COM_LSR) & COM_LSR_THRE); i++)
		cpu_pause();
	out8(COM1, (u8)c);
}

void print(const char *f, ...)
{
	char line[240];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(line, sizeof(line), f, ap);
	va_end(ap);
	for (const char *p = line; *p; p++) {
		if (*p == '\n')
			put('\r');
		put(*p);
	}
}

bool hypervisor_present(void)
{
	return (cpuid(1, 0).ecx & CPUID_HYPERVISOR) &&
	       cpuid(CPUID_LEAF_HV, 0).eax >= CPUID_LEAF_TIMING;
}

/* As the hypervisor says it; natively a guess that makes bounds long enough. */
u64 tsc_hz(void)
{
	if (hypervisor_present() && cpuid(CPUID_LEAF_TIMING, 0).eax)
		return cpuid(CPUID_LEAF_TIMING, 0).eax * 1000ull;
	return 3000ull * 1000 * 1000;
}

void power_off(void)
{
	out16(PM1A_CNT, PM1_SLP_EN);
	for (;;)
		cpu_hlt();
}
