/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that misbehave: one image, the command line names the case and
 * perhaps a number. On COM1 it says "BEGIN case" and, where the case is one
 * that a guest survives, "END case: ..."; then it switches itself off. The
 * machinery is that of the guest tests.
 */
#ifndef TESTS_GUEST_BAD_BAD_H
#define TESTS_GUEST_BAD_BAD_H

#include "tests/guest/guest.h"

struct bad_case {
	const char *name;
	/* Returns what the END line says; crashes and endless cases do not return. */
	const char *(*run)(u64 number);
};

/* Each file's cases; the last one has no name. */
extern const struct bad_case crash_cases[], refuse_cases[], storm_cases[], power_cases[],
	virtio_cases[], fuzz_cases[];

/* Addresses where the guest's machine has nothing (hv/emul/machine.h). */
#define NOWHERE 0xd0000000u
#define NO_PORT 0x1234

/* A formatted reason for the END line. */
const char *bad_say(const char *f, ...) PRINTF(1, 2);

/* --- PCI configuration space of bus 0 (pci.c) -------------------------------- */

u32 pci_read(u32 dev, u32 reg);
void pci_write(u32 dev, u32 reg, u32 value);
/* The first function of this device id on, from `from`; 0 (the host bridge): none. */
u32 pci_find(u16 device, u32 from);

#define PCI_DEVS 32

#endif
