/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of a guest that cannot be found by probing. Addresses are those
 * of hv/emul/machine.h; tests/unit/test_acpi.c compares the two.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "CAISSN", "CAISSON ", 1)
{
	/* Soft off: SLP_TYP 0 in PM1a control. */
	Name (_S5, Package () { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))	/* PCI Express host bridge */
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					EntireRange,
					0, 0xC000, 0xCFFF, 0, 0x1000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xE0000000, 0xEFFFFFFF, 0, 0x10000000)
			})

			/* INTA..INTD of device d at I/O APIC inputs 16 + (d + pin) % 4. */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				Local1 = 0
				While (Local1 < 128)
				{
					Local2 = Local1 >> 2	/* device */
					Local3 = Local1 & 3	/* pin */
					Local4 = Package (4) { 0, 0, 0, 0 }
					Local4 [0] = (Local2 << 16) | 0xFFFF
					Local4 [1] = Local3
					Local4 [3] = 16 + ((Local2 + Local3) & 3)
					Local0 [Local1] = Local4
					Local1++
				}
				Return (Local0)
			}
		}

		/* The configuration space window is nobody else's. */
		Device (ECAM)
		{
			Name (_HID, EisaId ("PNP0C02"))	/* motherboard resources */
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xF0000000, 0x00100000)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))	/* 16550A */
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}
	}
}
