/* SPDX-License-Identifier: BSD-2-Clause */
/* Reset (ACPI 6.4 4.8.3.6; 8042 pulse; triple fault) and power-off (4.8.3.2, 16.1.1). */
#include <arch/power.h>

#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/serial.h>
#include <arch/time.h>

#include "arch/x86_64/acpi.h"

#define KBC_STATUS 0x64
#define KBC_INPUT_FULL BIT(1)
#define KBC_PULSE_RESET 0xfe
#define KBC_SPINS 100000
#define RESET_WAIT_US 50000

#define PM1_SCI_EN BIT(0)
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN BIT(13)
#define POWEROFF_WAIT_US 1000000
#define ACPI_ENABLE_WAIT_US 300000

static struct acpi_reset reset;
static struct acpi_sleep off;
static u16 smi_cmd;
static u8 acpi_enable;

void power_init(const struct acpi_info *acpi)
{
	if (!acpi)
		return;
	reset = acpi->reset;
	off = acpi->sleep;
	smi_cmd = acpi->smi_cmd;
	acpi_enable = acpi->acpi_enable;
}

static void reset_by_acpi(void)
{
	if (!reset.valid || reset.space != ACPI_SPACE_IO || reset.addr > UINT16_MAX)
		return;
	out8((u16)reset.addr, reset.value);
	udelay(RESET_WAIT_US);
}

static void reset_by_keyboard_controller(void)
{
	for (u32 i = 0; i < KBC_SPINS && in8(KBC_STATUS) & KBC_INPUT_FULL; i++)
		cpu_pause();
	out8(KBC_STATUS, KBC_PULSE_RESET);
	udelay(RESET_WAIT_US);
}

void arch_reset(void)
{
	const struct {
		u16 limit;
		u64 base;
	} PACKED no_idt = { 0, 0 };

	serial_flush();
	cpu_irq_disable();
	reset_by_acpi();
	reset_by_keyboard_controller();
	__asm__ volatile("lidt %0; ud2" ::"m"(no_idt));
	for (;;)
		cpu_hlt();
}

/* PM1 control works in ACPI mode only: 4.8.2.5. */
static void enter_acpi_mode(void)
{
	if (!smi_cmd || !acpi_enable || in16(off.pm1a_cnt) & PM1_SCI_EN)
		return;
	out8(smi_cmd, acpi_enable);
	for (u32 us = 0; us < ACPI_ENABLE_WAIT_US; us += 100) {
		if (in16(off.pm1a_cnt) & PM1_SCI_EN)
			return;
		udelay(100);
	}
}

static void sleep(u16 port, u8 type)
{
	u16 v = (u16)((in16(port) & ~PM1_SLP_TYP_MASK) | (u32)type << PM1_SLP_TYP_SHIFT);

	out16(port, v);
	out16(port, v | PM1_SLP_EN);
}

void arch_poweroff(void)
{
	if (!off.valid)
		return;
	serial_flush();
	enter_acpi_mode();
	sleep(off.pm1a_cnt, off.s5_typ_a);
	if (off.pm1b_cnt)
		sleep(off.pm1b_cnt, off.s5_typ_b);
	udelay(POWEROFF_WAIT_US);
}
