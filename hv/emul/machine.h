/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine a guest sees: its memory map, I/O ports and interrupts. What is
 * said to the guest (e820, ACPI, CPUID) and what answers there (device models,
 * I/O maps) both take their numbers from here.
 *
 *     0 .. 9_FFFF               RAM (e820 ends at 9_FC00)
 *     A_0000 .. B_FFFF          nothing (no VGA)
 *     C_0000 .. F_FFFF          RAM, reserved; ACPI tables from E_0000
 *     10_0000 .. low end        RAM, at most up to C000_0000
 *     C000_0000 .. FFFF_FFFF    PCI hole
 *     1_0000_0000 ..            the rest of the RAM
 */
#ifndef HV_EMUL_MACHINE_H
#define HV_EMUL_MACHINE_H

#include "hv/base/types.h"

/* --- memory --- */
#define MACHINE_LOW_RAM_END 0x9fc00u	 /* below it ordinary RAM, above an EBDA */
#define MACHINE_VGA_HOLE 0xa0000u	 /* .. BFFFF: no memory */
#define MACHINE_ROM_BASE 0xc0000u	 /* .. FFFFF: RAM that e820 reserves */
#define MACHINE_ACPI_BASE 0xe0000u	 /* the RSDP stands first (ACPI 6.4 5.2.5.1) */
#define MACHINE_ACPI_END 0x100000u
#define MACHINE_HIGH_RAM 0x100000u	 /* RAM from 1 MiB on */
#define MACHINE_PCI_HOLE 0xc0000000ull	 /* RAM below 4 GiB ends here at the latest */
#define MACHINE_PCI_HOLE_END 0x100000000ull
#define MACHINE_MIN_RAM 0x200000u	 /* the least a guest may have */

#define MACHINE_PCI_MEM_BASE 0xe0000000u /* window for 32-bit memory BARs */
#define MACHINE_PCI_MEM_SIZE 0x10000000u
#define MACHINE_ECAM_BASE 0xf0000000u	 /* configuration space of bus 0 */
#define MACHINE_ECAM_SIZE 0x100000u
#define MACHINE_IOAPIC_BASE 0xfec00000u
#define MACHINE_IOAPIC_SIZE 0x1000u
#define MACHINE_LAPIC_BASE 0xfee00000u
#define MACHINE_LAPIC_SIZE 0x1000u

/* --- I/O ports --- */
#define MACHINE_PIC_MASTER 0x20
#define MACHINE_PIC_SLAVE 0xa0
#define MACHINE_PIC_PORTS 2
#define MACHINE_PIC_ELCR 0x4d0		 /* edge/level control, two ports */
#define MACHINE_PIT_BASE 0x40
#define MACHINE_PIT_PORTS 4
#define MACHINE_PORT61 0x61		 /* system control port B: PIT gate 2 and output */
#define MACHINE_RTC_BASE 0x70
#define MACHINE_RTC_PORTS 2
#define MACHINE_COM1_BASE 0x3f8
#define MACHINE_COM1_PORTS 8
#define MACHINE_PM1A_EVT 0x600		 /* PM1 status, enable (ACPI 6.4 4.8.3.1) */
#define MACHINE_PM1A_EVT_LEN 4
#define MACHINE_PM1A_CNT 0x604		 /* PM1 control (4.8.3.2) */
#define MACHINE_PM1A_CNT_LEN 2
#define MACHINE_PM_TMR 0x608		 /* PM timer, 3.579545 MHz, 32 bits (4.8.3.3) */
#define MACHINE_PM_TMR_LEN 4
#define MACHINE_PM_TMR_HZ 3579545u
#define MACHINE_PCI_CF8 0xcf8
#define MACHINE_PCI_CFC 0xcfc
#define MACHINE_RESET_PORT 0xcf9	 /* inside the CF8 dword; byte writes only */
#define MACHINE_RESET_VALUE 0x06	 /* full reset on the 0 -> 1 edge of bit 2 */
#define MACHINE_PCI_IO_BASE 0xc000	 /* window for I/O BARs */
#define MACHINE_PCI_IO_SIZE 0x1000

/* The sleep type that _S5 names: PM1 control SLP_TYP = 0 with SLP_EN powers off. */
#define MACHINE_S5_SLP_TYP 0

/* --- interrupts: ISA number and I/O APIC input ("GSI") --- */
#define MACHINE_IOAPIC_PINS 24
#define MACHINE_IOAPIC_ID 0
#define MACHINE_IRQ_PIT 0
#define MACHINE_GSI_PIT 2		 /* MADT override: IRQ 0 is wired to pin 2 */
#define MACHINE_IRQ_COM1 4
#define MACHINE_IRQ_RTC 8
#define MACHINE_IRQ_SCI 9		 /* level, active high */
#define MACHINE_GSI_PCI 16		 /* INTA..INTD of device d: 16 + (d + pin) % 4 */
#define MACHINE_GSI_PCI_COUNT 4

/* GSI of a PCI function's interrupt pin; pin 0 is INTA#. _PRT says the same. */
static inline u32 machine_pci_gsi(u32 devno, u32 pin)
{
	return MACHINE_GSI_PCI + (devno + pin) % MACHINE_GSI_PCI_COUNT;
}

#endif
