/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The optional abilities of VT-x processors (SDM vol. 3D appendix A) and which
 * of them are used. `untested` are those that no emulator of the tests has.
 */
#include "arch/x86_64/vmx.h"

static struct backend_feature table[VMX_F_COUNT] = {
	[VMX_F_UNRESTRICTED] = { .name = "unrestricted-guest", .always = true },
	[VMX_F_VPID] = { .name = "vpid", .note = "each entry and exit flushes the TLB" },
	[VMX_F_EPT_2M] = { .name = "ept-2m-pages", .always = true },
	[VMX_F_EPT_1G] = { .name = "ept-1g-pages", .always = true,
			   .note = "guests' memory is mapped in pages of 2 MiB" },
	[VMX_F_EPT_AD] = { .name = "ept-ad", .note = "accessed and dirty bits are not kept" },
	[VMX_F_XSAVE] = { .name = "xsave", .always = true,
			  .note = "guests have x87 and SSE, without AVX" },
	[VMX_F_TIMER] = { .name = "preemption-timer",
			  .note = "a guest with interrupts off ends its stay by interrupts alone" },
	[VMX_F_APIC_REGISTER] = { .name = "apic-register", .always = true,
				  .note = "as interrupt-delivery; else accesses to the APIC exit" },
	[VMX_F_INTR_DELIVERY] = { .name = "interrupt-delivery",
				  .note = "interrupts go in at entries" },
	[VMX_F_HOLD_REQUESTS] = { .name = "hold-requests",
				  .note = "they wait in the processor while IF is 0" },
	[VMX_F_ACK_EXIT] = { .name = "ack-exit",
			     .note = "an interrupt that ends a stay is taken when they are on" },
	[VMX_F_POSTED_INTR] = { .name = "posted-interrupts", .untested = true },
	[VMX_F_PAUSE_LOOP] = { .name = "pause-loop", .always = true,
			       .note = "PAUSE does not exit" },
	[VMX_F_SHADOWING] = { .name = "vmcs-shadowing", .always = true,
			      .note = "guests have no VT-x" },
	[VMX_F_TSC_SCALING] = { .name = "tsc-scaling", .always = true,
				.note = "guests have the processor's TSC rate" },
	[VMX_F_PML] = { .name = "page-log", .always = true,
			.note = "nobody asks for dirty pages" },
};

/* Those of them that are a control, or need several, and its word. */
static const struct {
	enum vmx_feature feature;
	enum vmx_ctl word;
	u32 bit;
} controls[] = {
	{ VMX_F_UNRESTRICTED, VMX_CTL_PROC2, VMX_PROC2_UNRESTRICTED },
	{ VMX_F_VPID, VMX_CTL_PROC2, VMX_PROC2_VPID },
	{ VMX_F_TIMER, VMX_CTL_PIN, VMX_PIN_TIMER },
	{ VMX_F_APIC_REGISTER, VMX_CTL_PROC2, VMX_PROC2_APIC_REGISTER },
	{ VMX_F_INTR_DELIVERY, VMX_CTL_PROC2,
	  VMX_PROC2_INTR_DELIVERY | VMX_PROC2_APIC_REGISTER | VMX_PROC2_X2APIC },
	{ VMX_F_ACK_EXIT, VMX_CTL_EXIT, VMX_EXIT_ACK_INTR },
	{ VMX_F_POSTED_INTR, VMX_CTL_PIN, VMX_PIN_POSTED_INTR },
	{ VMX_F_PAUSE_LOOP, VMX_CTL_PROC2, VMX_PROC2_PAUSE_LOOP },
	{ VMX_F_SHADOWING, VMX_CTL_PROC2, VMX_PROC2_SHADOWING },
	{ VMX_F_TSC_SCALING, VMX_CTL_PROC2, VMX_PROC2_TSC_SCALING },
	{ VMX_F_PML, VMX_CTL_PROC2, VMX_PROC2_PML },
};

/* No code here uses these, where the processor has them. */
static const u8 never_used[] = {
	VMX_F_PAUSE_LOOP, VMX_F_SHADOWING, VMX_F_TSC_SCALING, VMX_F_PML,
};

/* What posted interrupts stand on (26.2.1.1). A request that is held back cannot be told
 * from one that the processor took in. */
static bool can_post(void)
{
	return vmx_feature_used(VMX_F_INTR_DELIVERY) && vmx_feature_used(VMX_F_ACK_EXIT) &&
	       !vmx_feature_used(VMX_F_HOLD_REQUESTS);
}

/* Registers are read from the page only while the processor keeps all of it. */
static void others_follow(void)
{
	if (table[VMX_F_APIC_REGISTER].state != FEATURE_ABSENT)
		table[VMX_F_APIC_REGISTER].state =
			vmx_feature_used(VMX_F_INTR_DELIVERY) ? FEATURE_USED : FEATURE_UNUSED;
	if (vmx_feature_used(VMX_F_POSTED_INTR) && !can_post())
		table[VMX_F_POSTED_INTR].state = FEATURE_UNUSED;
	table[VMX_F_POSTED_INTR].note = table[VMX_F_POSTED_INTR].state == FEATURE_ABSENT ||
					can_post() ?
		"interrupts from other cores end the stay" :
		"it needs interrupt-delivery and ack-exit, and no hold-requests";
}

void vmx_feature_detect(const struct backend_caps *caps)
{
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		feature_detect(&table[controls[i].feature],
			       !(vmx_ctl_wrong(vmx_cap.ctl[controls[i].word], ~0u) &
				 controls[i].bit));
	feature_detect(&table[VMX_F_EPT_2M], vmx_cap.ept_vpid & VMX_EPT_2M);
	feature_detect(&table[VMX_F_EPT_1G], vmx_cap.ept_vpid & VMX_EPT_1G);
	feature_detect(&table[VMX_F_EPT_AD], vmx_cap.ept_vpid & VMX_EPT_AD);
	feature_detect(&table[VMX_F_XSAVE], caps->xcr0_allowed != 0);
	for (u32 i = 0; i < ARRAY_SIZE(never_used); i++)
		if (table[never_used[i]].state == FEATURE_USED)
			table[never_used[i]].state = FEATURE_UNUSED;
	/* No ability of the processor but another way to use one. */
	table[VMX_F_HOLD_REQUESTS].state = table[VMX_F_INTR_DELIVERY].state == FEATURE_ABSENT ?
		FEATURE_ABSENT : FEATURE_UNUSED;
	others_follow();
}

const struct backend_feature *vmx_features(u32 *count)
{
	*count = VMX_F_COUNT;
	return table;
}

err_t vmx_feature_set(const char *name, bool on)
{
	err_t err = feature_choose(table, VMX_F_COUNT, name, on);

	if (!err && on && vmx_feature_used(VMX_F_POSTED_INTR) && !can_post() &&
	    feature_find(table, VMX_F_COUNT, name) == &table[VMX_F_POSTED_INTR])
		err = ERR_INVAL;
	others_follow();
	return err;
}

bool vmx_feature_used(enum vmx_feature f)
{
	return table[f].state == FEATURE_USED;
}
