/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VT-x processor does by itself for a guest's APIC (SDM vol. 3C 29.1.4, 29.2, 29.6), on
 * the host tests' VMCS (tests/host/arch/vmx.h) and what its fields point at. Step by step
 * as the manual has it; other threads may post meanwhile.
 */
#ifndef TESTS_MODELS_VMX_APIC_MODEL_H
#define TESTS_MODELS_VMX_APIC_MODEL_H

#include "hv/base/types.h"

/* A physical interrupt comes while the guest runs. True: it was a notification, and what
 * was posted is in the page. False: an exit, with its reason and interruption information. */
bool vmx_model_interrupt(u8 vector);

/* Deliver the highest request that the priority lets through, IF being 1; -1: none. */
int vmx_model_deliver(void);

/* The guest ends the interrupt in service. True: an exit, with its reason and qualification. */
bool vmx_model_eoi(void);

#endif
