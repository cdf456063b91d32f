/* SPDX-License-Identifier: BSD-2-Clause */
/* 8259A pair (Intel 8259A datasheet: ICW1-4, OCW1-3). */
#include "hv/emul/pic.h"

#include "hv/base/str.h"
#include "hv/emul/machine.h"

#define MASTER 0
#define SLAVE 1
#define CASCADE 2
#define SPURIOUS 7

#define ICW1 BIT(4) /* in port 0: an initialisation starts */
#define   ICW1_ICW4 BIT(0)
#define   ICW1_SINGLE BIT(1)
#define ICW2_BASE 0xf8
#define ICW4_AUTO_EOI BIT(1)

#define OCW3 BIT(3)
#define   OCW3_READ 0x3
#define   OCW3_READ_IRR 0x2
#define   OCW3_READ_ISR 0x3
#define   OCW3_POLL BIT(2)
#define   OCW3_SMM BIT(5)
#define   OCW3_SMM_SET BIT(6)

#define OCW2_LEVEL 0x7
#define OCW2_SHIFT 5
enum ocw2 {
	OCW2_ROTATE_AEOI_CLEAR = 0,
	OCW2_EOI = 1,
	OCW2_EOI_SPECIFIC = 3,
	OCW2_ROTATE_AEOI_SET = 4,
	OCW2_ROTATE_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_EOI_SPECIFIC = 7,
};

#define POLL_VALID 0x80

/* Inputs 0, 1, 2, 8 and 13 are always edge-triggered (ICH9 13.4.10). */
#define ELCR_MASTER 0xf8
#define ELCR_SLAVE 0xde

/* The first set bit in order of priority, -1 for none. */
static int first(const struct pic_chip *c, u8 bits)
{
	for (u32 i = 1; i <= 8; i++) {
		u32 input = (c->lowest + i) & 7;

		if (bits & BIT(input))
			return (int)input;
	}
	return -1;
}

static u32 rank(const struct pic_chip *c, int input)
{
	return ((u32)input - c->lowest - 1) & 7;
}

/* The input that asks for service and is not behind one in service. */
static int requesting(const struct pic_chip *c)
{
	int want = first(c, c->irr & (u8)~c->imr);
	int serving = first(c, c->special_mask ? c->isr & (u8)~c->imr : c->isr);

	if (want < 0 || (serving >= 0 && rank(c, want) >= rank(c, serving)))
		return -1;
	return want;
}

static void update(struct pic *p)
{
	struct pic_chip *m = &p->chip[MASTER];
	bool out;

	if (requesting(&p->chip[SLAVE]) >= 0)
		m->irr |= BIT(CASCADE);
	else
		m->irr &= (u8)~BIT(CASCADE);
	out = requesting(m) >= 0;
	if (out == p->out)
		return;
	p->out = out;
	p->output(p->ctx, out);
}

void pic_init(struct pic *p, pic_output output, void *ctx)
{
	memset(p, 0, sizeof(*p));
	p->output = output;
	p->ctx = ctx;
	pic_reset(p);
}

void pic_reset(struct pic *p)
{
	for (u32 i = 0; i < ARRAY_SIZE(p->chip); i++) {
		u8 lines = p->chip[i].lines;

		p->chip[i] = (struct pic_chip){ .lines = lines, .lowest = 7, .imr = 0xff };
	}
	update(p);
}

void pic_set_line(struct pic *p, u32 irq, bool level)
{
	struct pic_chip *c = &p->chip[irq / 8 % 2];
	u8 bit = (u8)BIT(irq % 8);
	bool was = c->lines & bit;

	if (irq >= PIC_IRQS || irq == CASCADE)
		return;
	c->lines = (u8)(level ? c->lines | bit : c->lines & ~bit);
	if (level && (!was || (c->elcr & bit)))
		c->irr |= bit;
	else if (!level && (c->elcr & bit))
		c->irr &= (u8)~bit;
	update(p);
}

bool pic_pending(const struct pic *p)
{
	return p->out;
}

static void rotate(struct pic_chip *c, int input)
{
	c->lowest = (u8)input;
}

/* One chip's part of the acknowledge cycle: the input, or 7 when it is gone. */
static int ack(struct pic *p, struct pic_chip *c)
{
	int input = requesting(c);

	if (input < 0) {
		p->spurious++;
		return SPURIOUS;
	}
	if (!(c->elcr & BIT(input)))
		c->irr &= (u8)~BIT(input);
	if (!c->auto_eoi)
		c->isr |= (u8)BIT(input);
	else if (c->rotate_auto_eoi)
		rotate(c, input);
	return input;
}

u8 pic_ack(struct pic *p)
{
	struct pic_chip *c = &p->chip[MASTER];
	int input = ack(p, c);

	if (input == CASCADE) {
		c = &p->chip[SLAVE];
		input = ack(p, c);
	}
	update(p);
	return (u8)(c->base + input);
}

static void write_ocw2(struct pic_chip *c, u8 value)
{
	int level = value & OCW2_LEVEL;
	int serving = first(c, c->isr);

	switch ((enum ocw2)(value >> OCW2_SHIFT)) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET:
		c->rotate_auto_eoi = value >> OCW2_SHIFT == OCW2_ROTATE_AEOI_SET;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		if (serving < 0)
			break;
		c->isr &= (u8)~BIT(serving);
		if (value >> OCW2_SHIFT == OCW2_ROTATE_EOI)
			rotate(c, serving);
		break;
	case OCW2_EOI_SPECIFIC:
		c->isr &= (u8)~BIT(level);
		break;
	case OCW2_ROTATE_EOI_SPECIFIC:
		c->isr &= (u8)~BIT(level);
		rotate(c, level);
		break;
	case OCW2_SET_PRIORITY:
		rotate(c, level);
		break;
	}
}

static void write_ocw3(struct pic_chip *c, u8 value)
{
	c->poll = value & OCW3_POLL;
	if ((value & OCW3_READ) == OCW3_READ_IRR)
		c->read_isr = false;
	else if ((value & OCW3_READ) == OCW3_READ_ISR)
		c->read_isr = true;
	if (value & OCW3_SMM_SET)
		c->special_mask = value & OCW3_SMM;
}

/* ICW1 clears the edge detectors, the mask and all modes; level-triggered
 * inputs keep asking. */
static void write_icw1(struct pic_chip *c, u8 value)
{
	*c = (struct pic_chip){
		.irr = c->lines & c->elcr,
		.lines = c->lines,
		.elcr = c->elcr,
		.base = c->base,
		.lowest = 7,
		.icw = 2,
		.want_icw4 = value & ICW1_ICW4,
		.single = value & ICW1_SINGLE,
	};
}

static void write_odd(struct pic_chip *c, u8 value)
{
	switch (c->icw) {
	case 2:
		c->base = value & ICW2_BASE;
		c->icw = c->single ? 4 : 3;
		break;
	case 3: /* the wiring of the pair is fixed */
		c->icw = 4;
		break;
	case 4:
		c->auto_eoi = value & ICW4_AUTO_EOI;
		c->icw = 0;
		break;
	default:
		c->imr = value;
		break;
	}
	if (c->icw == 4 && !c->want_icw4)
		c->icw = 0;
}

static u8 read_even(struct pic *p, struct pic_chip *c)
{
	if (c->poll) {
		bool valid = requesting(c) >= 0;

		c->poll = false;
		return (u8)(valid ? POLL_VALID | ack(p, c) : 0);
	}
	return c->read_isr ? c->isr : c->irr;
}

static void chip_io(struct pic *p, struct pic_chip *c, struct io_access *a)
{
	u8 value = (u8)a->value;

	if (!a->write)
		a->value = a->addr ? c->imr : read_even(p, c);
	else if (a->addr)
		write_odd(c, value);
	else if (value & ICW1)
		write_icw1(c, value);
	else if (value & OCW3)
		write_ocw3(c, value);
	else
		write_ocw2(c, value);
	update(p);
}

static void master_io(void *dev, struct io_access *a)
{
	struct pic *p = dev;

	chip_io(p, &p->chip[MASTER], a);
}

static void slave_io(void *dev, struct io_access *a)
{
	struct pic *p = dev;

	chip_io(p, &p->chip[SLAVE], a);
}

static void elcr_io(void *dev, struct io_access *a)
{
	struct pic *p = dev;
	u32 index = a->addr & 1;

	if (a->write)
		p->chip[index].elcr = (u8)(a->value & (index ? ELCR_SLAVE : ELCR_MASTER));
	else
		a->value = p->chip[index].elcr;
}

err_t pic_attach(struct pic *p, struct iomap *io)
{
	err_t err = iomap_add(io, MACHINE_PIC_MASTER, MACHINE_PIC_PORTS, "pic", master_io, p);

	if (!err)
		err = iomap_add(io, MACHINE_PIC_SLAVE, MACHINE_PIC_PORTS, "pic2", slave_io, p);
	if (!err)
		err = iomap_add(io, MACHINE_PIC_ELCR, 2, "elcr", elcr_io, p);
	return err;
}
