/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8254 (Intel 8254 datasheet). A counter is a start time and a count; what it
 * shows is computed when somebody looks. A new count takes effect at once, also
 * in modes 2 and 3, where the chip would end the running period first.
 */
#include "hv/emul/pit.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/emul/clock.h"
#include "hv/emul/machine.h"

#define CONTROL_PORT 3
#define CONTROL_COUNTER_SHIFT 6
#define   COUNTER_READ_BACK 3
#define CONTROL_ACCESS_SHIFT 4
#define   ACCESS_LATCH 0
#define   ACCESS_LOW 1
#define   ACCESS_HIGH 2
#define   ACCESS_BOTH 3
#define CONTROL_MODE_SHIFT 1
#define CONTROL_BCD BIT(0)

/* Read-back command: low-active selects, counters in bits 3:1. */
#define READ_BACK_NO_COUNT BIT(5)
#define READ_BACK_NO_STATUS BIT(4)
#define READ_BACK_COUNTER(i) BIT((i) + 1)

#define STATUS_OUT BIT(7)
#define STATUS_NULL BIT(6)

enum {
	TERMINAL_COUNT = 0,
	ONE_SHOT = 1,	/* started by the gate */
	RATE = 2,
	SQUARE = 3,
	STROBE = 4,
	GATE_STROBE = 5,
};

#define BINARY_MODULUS 0x10000u
#define BCD_MODULUS 10000u

/* Port 61h. */
#define P61_GATE2 BIT(0)
#define P61_REFRESH BIT(4) /* toggles with each refresh request */
#define P61_OUT2 BIT(5)
#define P61_WRITABLE 0x0f
#define REFRESH_NS 15085

/* A guest may ask for a period of one tick, but gets them no faster. */
#define MIN_PERIOD_NS 20000

static bool periodic(const struct pit_counter *c)
{
	return c->mode == RATE || c->mode == SQUARE;
}

static bool gate_triggered(const struct pit_counter *c)
{
	return c->mode == ONE_SHOT || c->mode == GATE_STROBE;
}

static u64 elapsed(const struct pit_counter *c, u64 now)
{
	if (!c->running)
		return c->held_ticks;
	return now > c->start_ns ? clock_ticks(now - c->start_ns, PIT_HZ) : 0;
}

/* --- what a counter shows ---------------------------------------------------- */

static u16 to_bcd(u32 v)
{
	return (u16)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static u32 from_bcd(u16 v)
{
	return (v & 0xfu) + (v >> 4 & 0xfu) * 10 + (v >> 8 & 0xfu) * 100 + (v >> 12 & 0xfu) * 1000;
}

static u16 current(const struct pit_counter *c, u64 now)
{
	u32 modulus = c->bcd ? BCD_MODULUS : BINARY_MODULUS;
	u64 t = elapsed(c, now);
	u32 value;

	if (!c->loaded)
		return 0;
	if (c->mode == RATE)
		value = c->count - (u32)(t % c->count);
	else if (c->mode == SQUARE)
		value = c->count - (u32)(t % c->count * 2 % c->count);
	else
		value = (c->count + modulus - (u32)(t % modulus)) % modulus;
	value %= modulus;
	return c->bcd ? to_bcd(value) : (u16)value;
}

static bool output(const struct pit_counter *c, u64 now)
{
	u64 t = elapsed(c, now);

	if (!c->loaded)
		return c->mode != TERMINAL_COUNT;
	switch (c->mode) {
	case TERMINAL_COUNT:
		return t >= c->count;
	case ONE_SHOT:
		return !c->running || t >= c->count;
	case RATE:
		return !c->running || t % c->count != c->count - 1;
	case SQUARE:
		return !c->running || t % c->count < (c->count + 1) / 2;
	default:
		return !c->running || t != c->count;
	}
}

/* --- counting ------------------------------------------------------------------ */

static void restart(struct pit *p, struct pit_counter *c, u64 start_ns)
{
	c->running = true;
	c->start_ns = start_ns;
	if (c == &p->c[0]) {
		p->fired = 0;
		p->not_before_ns = 0;
	}
}

static void hold(struct pit_counter *c, u64 now)
{
	c->held_ticks = elapsed(c, now);
	c->running = false;
}

static void load(struct pit *p, struct pit_counter *c, u16 value)
{
	u32 modulus = c->bcd ? BCD_MODULUS : BINARY_MODULUS;
	u32 count = c->bcd ? from_bcd(value) : value;

	c->count = count ? count : modulus;
	c->loaded = true;
	c->held_ticks = 0;
	c->running = false;
	if (c->gate && !gate_triggered(c))
		restart(p, c, plat_now_ns());
}

static void set_gate(struct pit *p, struct pit_counter *c, bool gate)
{
	u64 now = plat_now_ns();

	if (gate == c->gate)
		return;
	c->gate = gate;
	if (!c->loaded)
		return;
	if (gate && (c->mode == TERMINAL_COUNT || c->mode == STROBE))
		restart(p, c, now - clock_ns(c->held_ticks, PIT_HZ));
	else if (gate)
		restart(p, c, now);
	else if (!gate_triggered(c))
		hold(c, now);
}

u64 pit_next_ns(const struct pit *p)
{
	const struct pit_counter *c = &p->c[0];

	if (!c->loaded || !c->running || (!periodic(c) && p->fired))
		return CLOCK_NEVER;
	return MAX(c->start_ns + clock_ns((p->fired + 1) * c->count, PIT_HZ), p->not_before_ns);
}

void pit_poll(struct pit *p, u64 now_ns)
{
	const struct pit_counter *c = &p->c[0];
	u64 periods;

	if (now_ns < pit_next_ns(p))
		return;
	periods = elapsed(c, now_ns) / c->count;
	if (periodic(c))
		p->ticks_coalesced += periods - p->fired - 1;
	p->fired = periods;
	p->not_before_ns = now_ns + MIN_PERIOD_NS;
	/* Who listens wants the edge. */
	irq_line(p->irq, MACHINE_IRQ_PIT, true);
	irq_line(p->irq, MACHINE_IRQ_PIT, false);
}

/* --- ports ----------------------------------------------------------------------- */

static void latch_count(struct pit_counter *c)
{
	if (c->count_latched)
		return;
	c->count_latch = current(c, plat_now_ns());
	c->count_latched = true;
}

static void latch_status(struct pit_counter *c)
{
	if (c->status_latched)
		return;
	c->status_latch = (u8)((output(c, plat_now_ns()) ? STATUS_OUT : 0) |
			       (c->loaded ? 0 : STATUS_NULL) |
			       c->access << CONTROL_ACCESS_SHIFT | c->mode << CONTROL_MODE_SHIFT |
			       (c->bcd ? CONTROL_BCD : 0));
	c->status_latched = true;
}

static void write_control(struct pit *p, u8 value)
{
	u32 index = value >> CONTROL_COUNTER_SHIFT;
	u8 access = value >> CONTROL_ACCESS_SHIFT & 3;
	u8 mode = value >> CONTROL_MODE_SHIFT & 7;
	struct pit_counter *c;

	if (index == COUNTER_READ_BACK) {
		for (u32 i = 0; i < PIT_COUNTERS; i++) {
			if (!(value & READ_BACK_COUNTER(i)))
				continue;
			if (!(value & READ_BACK_NO_COUNT))
				latch_count(&p->c[i]);
			if (!(value & READ_BACK_NO_STATUS))
				latch_status(&p->c[i]);
		}
		return;
	}
	c = &p->c[index];
	if (access == ACCESS_LATCH) {
		latch_count(c);
		return;
	}
	/* Modes 6 and 7 are 2 and 3. */
	*c = (struct pit_counter){
		.mode = mode > GATE_STROBE ? mode & 3 : mode,
		.access = access,
		.bcd = value & CONTROL_BCD,
		.gate = c->gate,
	};
}

static void write_count(struct pit *p, struct pit_counter *c, u8 value)
{
	switch (c->access) {
	case ACCESS_LOW:
		load(p, c, value);
		break;
	case ACCESS_HIGH:
		load(p, c, (u16)(value << 8));
		break;
	case ACCESS_BOTH:
		if (c->high_next_write) {
			load(p, c, (u16)(c->low_byte | value << 8));
		} else {
			c->low_byte = value;
			/* In mode 0 the first byte stops the counter. */
			if (c->mode == TERMINAL_COUNT)
				hold(c, plat_now_ns());
		}
		c->high_next_write = !c->high_next_write;
		break;
	default: /* no control word yet */
		break;
	}
}

/* A latched status comes first, then a latched count, then the live one. */
static u8 read_count(struct pit_counter *c)
{
	u16 value;
	bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->high_next_read);

	if (c->status_latched) {
		c->status_latched = false;
		return c->status_latch;
	}
	value = c->count_latched ? c->count_latch : current(c, plat_now_ns());
	if (c->access == ACCESS_BOTH)
		c->high_next_read = !c->high_next_read;
	if (c->access != ACCESS_BOTH || high)
		c->count_latched = false;
	return (u8)(high ? value >> 8 : value);
}

static void pit_io(void *dev, struct io_access *a)
{
	struct pit *p = dev;
	u32 index = (u32)a->addr % MACHINE_PIT_PORTS;

	/* What is due under the old programming is raised first. */
	pit_poll(p, plat_now_ns());
	if (a->write && index == CONTROL_PORT)
		write_control(p, (u8)a->value);
	else if (a->write)
		write_count(p, &p->c[index], (u8)a->value);
	else if (index != CONTROL_PORT)
		a->value = read_count(&p->c[index]);
}

static void port61_io(void *dev, struct io_access *a)
{
	struct pit *p = dev;
	u64 now = plat_now_ns();

	if (a->write) {
		p->port61 = a->value & P61_WRITABLE;
		set_gate(p, &p->c[2], p->port61 & P61_GATE2);
		return;
	}
	a->value = (u64)p->port61 | (now / REFRESH_NS & 1 ? P61_REFRESH : 0) |
		   (output(&p->c[2], now) ? P61_OUT2 : 0);
}

void pit_init(struct pit *p, const struct irq_sink *irq)
{
	memset(p, 0, sizeof(*p));
	p->irq = irq;
	pit_reset(p);
}

void pit_reset(struct pit *p)
{
	memset(p->c, 0, sizeof(p->c));
	p->c[0].gate = true;
	p->c[1].gate = true;
	p->port61 = 0;
	p->fired = 0;
	p->not_before_ns = 0;
}

err_t pit_attach(struct pit *p, struct iomap *io)
{
	err_t err = iomap_add(io, MACHINE_PIT_BASE, MACHINE_PIT_PORTS, "pit", pit_io, p);

	if (!err)
		err = iomap_add(io, MACHINE_PORT61, 1, "port61", port61_io, p);
	return err;
}
