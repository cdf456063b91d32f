/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The optional abilities of SVM processors (CPUID 8000_000Ah EDX, APM vol. 3
 * E.4.9) and which of them are used. `untested` are those that no emulator of
 * the tests has: QEMU 7.2 has none of them, Bochs 2.7 next-rip and flush-by-asid.
 * inject-intr is no ability but another way, which every processor has.
 */
#include "arch/x86_64/svm.h"

static struct backend_feature table[SVM_F_COUNT] = {
	[SVM_F_NEXT_RIP] = { .name = "next-rip", .note = "lengths of instructions are decoded" },
	[SVM_F_DECODE] = { .name = "decode-assist", .untested = true,
			   .note = "instructions are fetched from the guest's memory" },
	[SVM_F_FLUSH_ASID] = { .name = "flush-by-asid",
			       .note = "a flush is one of all address spaces" },
	[SVM_F_CLEAN] = { .name = "clean-bits", .untested = true,
			  .note = "the whole VMCB is loaded at each entry" },
	[SVM_F_GIB_PAGES] = { .name = "gib-pages", .always = true,
			      .note = "guests' memory is mapped in pages of 2 MiB" },
	[SVM_F_XSAVE] = { .name = "xsave", .always = true,
			  .note = "guests have x87 and SSE, without AVX" },
	[SVM_F_INJECT_INTR] = { .name = "inject-intr",
				.note = "interrupts wait in V_IRQ, even where IF is 1" },
	[SVM_F_X2AVIC] = { .name = "x2avic", .untested = true,
			   .note = "interrupts are delivered by software" },
	[SVM_F_AVIC] = { .name = "avic", .always = true,
			 .note = "an APIC in xAPIC mode is left to software" },
	[SVM_F_PAUSE_FILTER] = { .name = "pause-filter", .always = true,
				 .note = "PAUSE does not exit" },
	[SVM_F_VGIF] = { .name = "vgif", .always = true, .note = "guests have no SVM" },
	[SVM_F_VNMI] = { .name = "vnmi", .always = true,
			 .note = "an NMI is rare: its IRET exits instead" },
};

/* Their bits in EDX; 0: from elsewhere. */
static const u32 cpuid_bit[SVM_F_COUNT] = {
	[SVM_F_NEXT_RIP] = BIT(3),	 [SVM_F_CLEAN] = BIT(5), [SVM_F_FLUSH_ASID] = BIT(6),
	[SVM_F_DECODE] = BIT(7),	 [SVM_F_PAUSE_FILTER] = BIT(10),
	[SVM_F_AVIC] = BIT(13),		 [SVM_F_VGIF] = BIT(16),
	[SVM_F_X2AVIC] = BIT(18),	 [SVM_F_VNMI] = BIT(25),
};

/* No code here uses these, where the processor has them. */
static const u8 never_used[] = { SVM_F_AVIC, SVM_F_PAUSE_FILTER, SVM_F_VGIF, SVM_F_VNMI };

void svm_feature_detect(u32 edx, const struct backend_caps *caps)
{
	for (u32 i = 0; i < SVM_F_COUNT; i++)
		feature_detect(&table[i], edx & cpuid_bit[i]);
	feature_detect(&table[SVM_F_GIB_PAGES], caps->gib_pages);
	feature_detect(&table[SVM_F_XSAVE], caps->xcr0_allowed != 0);
	table[SVM_F_INJECT_INTR].state = FEATURE_UNUSED;
	for (u32 i = 0; i < ARRAY_SIZE(never_used); i++)
		if (table[never_used[i]].state == FEATURE_USED)
			table[never_used[i]].state = FEATURE_UNUSED;
}

const struct backend_feature *svm_features(u32 *count)
{
	*count = SVM_F_COUNT;
	return table;
}

err_t svm_feature_set(const char *name, bool on)
{
	return feature_choose(table, SVM_F_COUNT, name, on);
}

u32 svm_feature_mask(void)
{
	u32 mask = 0;

	for (u32 i = 0; i < SVM_F_COUNT; i++)
		if (table[i].state == FEATURE_USED)
			mask |= BIT(i);
	return mask;
}
