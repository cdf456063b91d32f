/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware (ACPI 6.4 4.8.3) and the reset ports of a PC. */
#include "hv/emul/pm.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/emul/clock.h"
#include "hv/emul/machine.h"

/* PM1 status and enable have the same bits; status is cleared by writing 1. */
#define PM1_TIMER BIT(0)
#define PM1_GLOBAL BIT(5)
#define PM1_POWER_BUTTON BIT(8)
#define PM1_RTC BIT(10)
#define PM1_ENABLES (PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC)
#define PM1_ENABLE_SHIFT 16 /* the enable word follows the status word */

/* PM1 control. */
#define CNT_SCI_EN BIT(0) /* read only: nobody switches back to legacy mode */
#define CNT_BUS_MASTER BIT(1)
#define CNT_SLP_TYP_SHIFT 10
#define CNT_SLP_TYP 0x7
#define CNT_SLP_EN BIT(13) /* write only */

#define TIMER_HALF_PERIOD BIT64(31) /* TMR_STS is set when bit 31 changes */

/* Port CF9h (ICH9 datasheet 13.7.5). */
#define RST_CPU BIT(2)
#define RST_WRITABLE 0x0e

#define PORT_KEYBOARD_COMMAND 0x64
#define   COMMAND_PULSE_RESET 0xfe
#define PORT_POST 0x80

static void update_sci(struct pm *p)
{
	bool level = p->status & p->enable;

	if (level == p->sci)
		return;
	p->sci = level;
	irq_line(p->irq, MACHINE_IRQ_SCI, level);
}

static u64 timer_ticks(const struct pm *p, u64 now)
{
	return now > p->base_ns ? clock_ticks(now - p->base_ns, MACHINE_PM_TMR_HZ) : 0;
}

void pm_poll(struct pm *p, u64 now_ns)
{
	u64 halves = timer_ticks(p, now_ns) / TIMER_HALF_PERIOD;

	if (halves != p->half_periods) {
		p->half_periods = halves;
		p->status |= PM1_TIMER;
	}
	update_sci(p);
}

u64 pm_next_ns(const struct pm *p)
{
	if (!(p->enable & PM1_TIMER) || (p->status & PM1_TIMER))
		return CLOCK_NEVER;
	return p->base_ns + clock_ns((p->half_periods + 1) * TIMER_HALF_PERIOD, MACHINE_PM_TMR_HZ);
}

bool pm_power_button(struct pm *p)
{
	p->status |= PM1_POWER_BUTTON;
	update_sci(p);
	return p->enable & PM1_POWER_BUTTON;
}

/* Part of a little-endian register of up to four bytes. */
static u64 part_of(u32 reg, const struct io_access *a)
{
	return reg >> a->addr * 8;
}

/* reg with the written bytes replaced, *touched says which bits those are. */
static u32 merge(u32 reg, const struct io_access *a, u32 *touched)
{
	u32 shift = (u32)a->addr * 8;
	u32 mask = a->size >= sizeof(u32) ? ~0u : BIT(a->size * 8) - 1;

	*touched = mask << shift;
	return (reg & ~*touched) | ((u32)a->value << shift & *touched);
}

static void event_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;
	u32 reg, touched;

	pm_poll(p, plat_now_ns());
	reg = p->status | (u32)p->enable << PM1_ENABLE_SHIFT;
	if (!a->write) {
		a->value = part_of(reg, a);
		return;
	}
	reg = merge(reg, a, &touched);
	p->status &= (u16)~(reg & touched);
	p->enable = (u16)(reg >> PM1_ENABLE_SHIFT & PM1_ENABLES);
	update_sci(p);
}

static void control_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;
	u32 touched, reg;

	if (!a->write) {
		a->value = part_of(p->control, a);
		return;
	}
	reg = merge(p->control, a, &touched);
	p->control = (u16)((reg & (CNT_BUS_MASTER | CNT_SLP_TYP << CNT_SLP_TYP_SHIFT)) |
			   CNT_SCI_EN);
	if ((reg & CNT_SLP_EN) && (reg >> CNT_SLP_TYP_SHIFT & CNT_SLP_TYP) == MACHINE_S5_SLP_TYP)
		p->ops->power_off(p->ctx);
}

static void timer_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;

	if (!a->write)
		a->value = part_of((u32)timer_ticks(p, plat_now_ns()), a);
}

void pm_reset_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;
	u8 old = p->reset_control;

	if (!a->write) {
		a->value = old;
		return;
	}
	p->reset_control = a->value & RST_WRITABLE;
	if ((p->reset_control & RST_CPU) && !(old & RST_CPU))
		p->ops->reset(p->ctx);
}

/* There is no keyboard controller; only its last use is known. */
static void keyboard_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;

	if (a->write && (u8)a->value == COMMAND_PULSE_RESET)
		p->ops->reset(p->ctx);
}

/* Linux writes here to pass a microsecond. */
static void post_io(void *dev, struct io_access *a)
{
	struct pm *p = dev;

	if (a->write)
		p->post_code = (u8)a->value;
	else
		a->value = p->post_code;
}

void pm_init(struct pm *p, const struct pm_ops *ops, void *ctx, const struct irq_sink *irq)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->ctx = ctx;
	p->irq = irq;
	p->base_ns = plat_now_ns();
	pm_reset(p);
}

void pm_reset(struct pm *p)
{
	p->status = 0;
	p->enable = 0;
	p->control = CNT_SCI_EN;
	p->reset_control = 0;
	update_sci(p);
}

err_t pm_attach(struct pm *p, struct iomap *io)
{
	err_t err = iomap_add(io, MACHINE_PM1A_EVT, MACHINE_PM1A_EVT_LEN, "pm1a-event", event_io,
			      p);

	if (!err)
		err = iomap_add(io, MACHINE_PM1A_CNT, MACHINE_PM1A_CNT_LEN, "pm1a-control",
				control_io, p);
	if (!err)
		err = iomap_add(io, MACHINE_PM_TMR, MACHINE_PM_TMR_LEN, "pm-timer", timer_io, p);
	if (!err)
		err = iomap_add(io, PORT_KEYBOARD_COMMAND, 1, "reset-64", keyboard_io, p);
	if (!err)
		err = iomap_add(io, PORT_POST, 1, "post", post_io, p);
	return err;
}
