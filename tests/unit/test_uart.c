/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A as Linux's 8250 driver meets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR

#define COM1 0x3f8

static struct uart u;
static struct iomap map;
static u8 out[4096];
static u32 out_len;
static bool line;
static u32 rises;

static void on_tx(void *ctx, u8 byte)
{
	(void)ctx;
	out[out_len++ % sizeof(out)] = byte;
}

static void on_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	assert_int_equal(gsi, 4);
	assert_int_not_equal(line, level);
	line = level;
	rises += level;
}

static const struct irq_sink sink = { .set_line = on_line };

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	out_len = 0;
	line = false;
	rises = 0;
	uart_init(&u, on_tx, NULL, &sink, 4);
	assert_int_equal(uart_attach(&u, &map, COM1), ERR_OK);
	return 0;
}

static u8 rd(u32 reg)
{
	struct io_access a = { .addr = COM1 + reg, .size = 1 };

	assert_true(iomap_access(&map, &a));
	return (u8)a.value;
}

static void wr(u32 reg, u8 value)
{
	struct io_access a = { .addr = COM1 + reg, .value = value, .size = 1, .write = true };

	assert_true(iomap_access(&map, &a));
}

/* autoconfig() and autoconfig_16550a() of Linux's 8250_port.c, step by step. */
static void linux_autoconfig(void **state)
{
	u8 save_lcr, save_mcr;

	(void)state;
	wr(IER, 0);
	assert_int_equal(rd(IER) & 0x0f, 0);
	wr(IER, 0x0f);
	assert_int_equal(rd(IER) & 0x0f, 0x0f);
	wr(IER, 0);
	save_mcr = rd(MCR);
	save_lcr = rd(LCR);
	wr(MCR, 0x10 | 0x0a);
	assert_int_equal(rd(MSR) & 0xf0, 0x90);
	wr(MCR, save_mcr);
	wr(LCR, 0xbf);
	wr(2, 0); /* EFR on other chips */
	wr(LCR, 0);
	wr(FCR, 0x01);
	assert_int_equal(rd(IIR) >> 6, 3);
	/* No EFR: neither with DLAB nor with BFh in LCR. */
	wr(LCR, 0x80);
	assert_int_not_equal(rd(2), 0);
	wr(LCR, 0xbf);
	assert_int_not_equal(rd(2), 0);
	wr(LCR, save_lcr);
	/* The scratch register of a 16450 and later. */
	wr(SCR, 0xa5);
	assert_int_equal(rd(SCR), 0xa5);
	wr(SCR, 0x5a);
	assert_int_equal(rd(SCR), 0x5a);
	/* size_fifo(): the depth is measured in loopback. */
	wr(FCR, 0x07);
	wr(MCR, 0x10);
	for (u32 i = 0; i < 256; i++)
		wr(DATA, (u8)i);
	for (u32 i = 0; i < 16; i++) {
		assert_true(rd(LSR) & 0x01);
		assert_int_equal(rd(DATA), i);
	}
	assert_false(rd(LSR) & 0x01);
	wr(MCR, save_mcr);
	assert_int_equal(out_len, 0);
}

/* serial8250_do_startup(): the THRE test and the "txen" test. */
static void linux_thre_test(void **state)
{
	(void)state;
	assert_int_equal(rd(LSR) & 0x60, 0x60);
	wr(IER, 0x02);
	assert_int_equal(rd(IIR) & 0x0f, 0x02);
	wr(IER, 0);
	wr(IER, 0x02);
	assert_int_equal(rd(IIR) & 0x0f, 0x02);
	assert_int_equal(rd(IIR) & 0x0f, 0x01); /* reading acknowledged it */
	wr(IER, 0);
}

static void divisor_latch(void **state)
{
	(void)state;
	wr(LCR, 0x83);
	wr(DATA, 0x0c);
	wr(IER, 0x01);
	assert_int_equal(rd(DATA), 0x0c);
	assert_int_equal(rd(IER), 0x01);
	wr(LCR, 0x03);
	assert_int_equal(rd(IER), 0);
	assert_int_equal(out_len, 0);
}

/* An edge-triggered input must see a rise for each time it is empty again. */
static void transmit_interrupts(void **state)
{
	(void)state;
	wr(MCR, 0x0b);
	wr(IER, 0x02);
	assert_true(line);
	assert_int_equal(rd(IIR) & 0x0f, 0x02);
	assert_false(line);
	for (u32 i = 0; i < 5; i++) {
		u32 before = rises;

		wr(DATA, (u8)('a' + i));
		assert_true(line);
		assert_int_equal(rises, before + 1);
	}
	wr(DATA, 'f'); /* unacknowledged: still a fresh edge */
	assert_int_equal(rises, 7);
	wr(IER, 0);
	assert_false(line);
	assert_memory_equal(out, "abcdef", 6);
}

static void out2_gates_interrupts(void **state)
{
	(void)state;
	wr(IER, 0x01);
	assert_int_equal(uart_feed(&u, (const u8 *)"x", 1), 1);
	assert_false(line);
	assert_int_equal(rd(IIR) & 0x0f, 0x04);
	wr(MCR, 0x08);
	assert_true(line);
	wr(MCR, 0x18);
	assert_false(line);
	wr(MCR, 0x08);
	assert_int_equal(rd(DATA), 'x');
	assert_false(line);
}

static void receive_trigger_and_timeout(void **state)
{
	u8 bytes[20];

	(void)state;
	for (u8 i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	wr(MCR, 0x08);
	wr(FCR, 0x81); /* trigger at 8 */
	wr(IER, 0x01);
	uart_feed(&u, bytes, 3);
	assert_int_equal(rd(IIR) & 0x0f, 0x0c);
	uart_feed(&u, bytes + 3, 17);
	assert_int_equal(rd(IIR) & 0x0f, 0x04);
	for (u8 i = 0; i < sizeof(bytes); i++) {
		assert_true(rd(LSR) & 1);
		assert_int_equal(rd(DATA), i);
	}
	assert_false(line);
	assert_int_equal(rd(DATA), 0);
	/* The receiver's interrupt ranks above the transmitter's. */
	wr(IER, 0x03);
	uart_feed(&u, bytes, 1);
	assert_int_equal(rd(IIR) & 0x0f, 0x0c);
	wr(FCR, 0x03); /* clears the FIFO */
	assert_int_equal(rd(IIR) & 0x0f, 0x02);
}

static void receive_drops_are_counted(void **state)
{
	static u8 bytes[UART_RING + 100];

	(void)state;
	assert_int_equal(uart_feed(&u, bytes, sizeof(bytes)), UART_RING);
	assert_int_equal(u.rx_dropped, 100);
	assert_int_equal(u.rx_bytes, UART_RING);
	for (u32 i = 0; i < 10; i++)
		rd(DATA);
	assert_int_equal(uart_feed(&u, bytes, 100), 10);
	/* In loopback nobody listens outside. */
	uart_reset(&u);
	wr(MCR, 0x10);
	assert_int_equal(uart_feed(&u, bytes, 5), 0);
}

static void overrun_and_line_status(void **state)
{
	(void)state;
	wr(MCR, 0x10);
	wr(DATA, 'a');
	wr(DATA, 'b'); /* without FIFOs there is room for one */
	wr(IER, 0x04);
	assert_int_equal(rd(IIR) & 0x0f, 0x06);
	assert_int_equal(rd(LSR), 0x63);
	assert_int_equal(rd(LSR), 0x61);
	assert_int_equal(rd(DATA), 'a');
}

static void modem_status_deltas(void **state)
{
	(void)state;
	assert_int_equal(rd(MSR), 0xb0);
	wr(IER, 0x08);
	wr(MCR, 0x10);
	assert_int_equal(rd(IIR) & 0x0f, 0x00);
	assert_int_equal(rd(MSR), 0x0b);
	assert_int_equal(rd(MSR), 0x00);
	wr(MCR, 0x14); /* OUT1 is RI: only its fall tells */
	assert_int_equal(rd(MSR), 0x40);
	wr(MCR, 0x10);
	assert_int_equal(rd(MSR), 0x04);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(linux_autoconfig), T(linux_thre_test), T(divisor_latch), T(transmit_interrupts),
		T(out2_gates_interrupts), T(receive_trigger_and_timeout),
		T(receive_drops_are_counted), T(overrun_and_line_status), T(modem_status_deltas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
