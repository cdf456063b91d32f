/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC: table access, edges, levels, remote IRR and EOI. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/ioapic.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };

#define LEVEL (1u << 15)
#define MASKED (1u << 16)
#define REMOTE_IRR (1u << 14)

static struct ioapic io;
static struct iomap map;
static struct lapic_ipi last;
static u32 sent;

static void on_deliver(void *ctx, const struct lapic_ipi *ipi)
{
	(void)ctx;
	last = *ipi;
	sent++;
}

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	ioapic_init(&io, on_deliver, NULL);
	assert_int_equal(ioapic_attach(&io, &map), ERR_OK);
	sent = 0;
	return 0;
}

static void mmio_write(u32 off, u32 value)
{
	struct io_access a = { .addr = 0xfec00000 + off, .value = value, .size = 4,
			       .write = true };

	assert_true(iomap_access(&map, &a));
}

static u32 reg_read(u8 reg)
{
	struct io_access a = { .addr = 0xfec00000 + IOWIN, .size = 4 };

	mmio_write(IOREGSEL, reg);
	assert_true(iomap_access(&map, &a));
	return (u32)a.value;
}

static void reg_write(u8 reg, u32 value)
{
	mmio_write(IOREGSEL, reg);
	mmio_write(IOWIN, value);
}

static void entry(u32 pin, u32 low, u8 dest)
{
	reg_write((u8)(0x11 + 2 * pin), (u32)dest << 24);
	reg_write((u8)(0x10 + 2 * pin), low);
}

static u32 entry_low(u32 pin)
{
	return reg_read((u8)(0x10 + 2 * pin));
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(reg_read(1), 0x20 | 23 << 16);
	reg_write(0, 0x05000000);
	assert_int_equal(reg_read(0), 0x05000000);
	for (u32 pin = 0; pin < 24; pin++)
		assert_int_equal(entry_low(pin), MASKED);
	/* Beyond the table there is nothing. */
	reg_write(0x40, 0xffffffff);
	assert_int_equal(reg_read(0x40), 0);
	reg_write(0xff, 0xffffffff);
	ioapic_set_line(&io, 24, true);
	ioapic_set_line(&io, 1000, true);
	assert_int_equal(sent, 0);
}

static void read_only_bits(void **state)
{
	(void)state;
	reg_write(0x10 + 2 * 5, 0xffffffff);
	assert_int_equal(entry_low(5), 0x0001afff);
	reg_write(0x11 + 2 * 5, 0xffffffff);
	assert_int_equal(reg_read(0x11 + 2 * 5), 0xff000000);
}

static void edge(void **state)
{
	(void)state;
	entry(2, 0x30 | 1u << 11, 0x03);
	ioapic_set_line(&io, 2, true);
	assert_int_equal(sent, 1);
	assert_int_equal(last.vector, 0x30);
	assert_int_equal(last.dest, 3);
	assert_true(last.logical);
	assert_false(last.level);
	ioapic_set_line(&io, 2, true);
	assert_int_equal(sent, 1);
	ioapic_set_line(&io, 2, false);
	ioapic_set_line(&io, 2, true);
	assert_int_equal(sent, 2);
	ioapic_set_line(&io, 2, false);
	/* Edges on a masked input are lost. */
	entry(2, MASKED | 0x30, 0);
	ioapic_set_line(&io, 2, true);
	entry(2, 0x30, 0);
	assert_int_equal(sent, 2);
	assert_int_equal(io.masked_edges, 1);
}

static void level(void **state)
{
	(void)state;
	entry(9, LEVEL | 0x49, 0);
	ioapic_set_line(&io, 9, true);
	assert_int_equal(sent, 1);
	assert_true(last.level);
	assert_true(entry_low(9) & REMOTE_IRR);
	/* Quiet until the EOI, then again while the line is up. */
	ioapic_set_line(&io, 9, false);
	ioapic_set_line(&io, 9, true);
	assert_int_equal(sent, 1);
	ioapic_eoi(&io, 0x48);
	assert_int_equal(sent, 1);
	ioapic_eoi(&io, 0x49);
	assert_int_equal(sent, 2);
	ioapic_set_line(&io, 9, false);
	mmio_write(IOEOI, 0x49);
	assert_int_equal(sent, 2);
	assert_false(entry_low(9) & REMOTE_IRR);
}

/* Linux masks a level interrupt in its handler (fasteoi with IRQ_DISABLED). */
static void level_masked_while_up(void **state)
{
	(void)state;
	entry(9, LEVEL | 0x49, 0);
	ioapic_set_line(&io, 9, true);
	entry(9, LEVEL | MASKED | 0x49, 0);
	ioapic_eoi(&io, 0x49);
	assert_int_equal(sent, 1);
	entry(9, LEVEL | 0x49, 0);
	assert_int_equal(sent, 2);
}

/* clear_IO_APIC_pin(): edge and back loses remote IRR. */
static void switch_to_edge_clears_remote_irr(void **state)
{
	(void)state;
	entry(16, LEVEL | 0x60, 0);
	ioapic_set_line(&io, 16, true);
	ioapic_set_line(&io, 16, false);
	assert_true(entry_low(16) & REMOTE_IRR);
	entry(16, MASKED | 0x60, 0);
	assert_false(entry_low(16) & REMOTE_IRR);
}

static void nmi_and_extint_know_no_level(void **state)
{
	(void)state;
	entry(0, LEVEL | LAPIC_EXTINT << 8, 0);
	ioapic_set_line(&io, 0, true);
	assert_int_equal(last.mode, LAPIC_EXTINT);
	assert_false(last.level);
	assert_false(entry_low(0) & REMOTE_IRR);
}

static void reset_keeps_lines(void **state)
{
	(void)state;
	ioapic_set_line(&io, 9, true);
	ioapic_reset(&io);
	entry(9, LEVEL | 0x49, 0);
	assert_int_equal(sent, 1);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(identity), T(read_only_bits), T(edge), T(level), T(level_masked_while_up),
		T(switch_to_edge_clears_remote_irr), T(nmi_and_extint_know_no_level),
		T(reset_keeps_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
