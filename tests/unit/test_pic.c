/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8259 pair as Linux initialises and uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/pic.h"

static struct pic pic;
static struct iomap map;
static bool out;

static void on_output(void *ctx, bool level)
{
	(void)ctx;
	assert_int_not_equal(out, level);
	out = level;
}

static void wr(u16 port, u8 value)
{
	struct io_access a = { .addr = port, .value = value, .size = 1, .write = true };

	assert_true(iomap_access(&map, &a));
}

static u8 rd(u16 port)
{
	struct io_access a = { .addr = port, .size = 1 };

	assert_true(iomap_access(&map, &a));
	return (u8)a.value;
}

/* init_8259A(): vectors 30h and 38h; auto_eoi adds bit 1 of ICW4. */
static void init_8259a(bool auto_eoi)
{
	wr(0x21, 0xff);
	wr(0x20, 0x11);
	wr(0x21, 0x30);
	wr(0x21, 0x04);
	wr(0x21, auto_eoi ? 0x03 : 0x01);
	wr(0xa0, 0x11);
	wr(0xa1, 0x38);
	wr(0xa1, 0x02);
	wr(0xa1, 0x01);
}

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	out = false;
	pic_init(&pic, on_output, NULL);
	assert_int_equal(pic_attach(&pic, &map), ERR_OK);
	init_8259a(false);
	wr(0x21, 0);
	wr(0xa1, 0);
	return 0;
}

/* probe_8259A() */
static void linux_probe(void **state)
{
	(void)state;
	wr(0xa1, 0xff);
	wr(0x21, 0xfb);
	assert_int_equal(rd(0x21), 0xfb);
	assert_int_equal(rd(0xa1), 0xff);
}

static void masked_after_power_on(void **state)
{
	(void)state;
	pic_reset(&pic);
	pic_set_line(&pic, 0, true);
	assert_false(out);
	assert_int_equal(rd(0x21), 0xff);
}

static void one_interrupt(void **state)
{
	(void)state;
	pic_set_line(&pic, 4, true);
	assert_true(out);
	assert_int_equal(rd(0x20), 0x10); /* IRR */
	assert_int_equal(pic_ack(&pic), 0x34);
	assert_false(out);
	wr(0x20, 0x0b);
	assert_int_equal(rd(0x20), 0x10); /* ISR */
	/* A new edge waits for the EOI. */
	pic_set_line(&pic, 4, false);
	pic_set_line(&pic, 4, true);
	assert_false(pic_pending(&pic));
	wr(0x20, 0x20);
	assert_true(pic_pending(&pic));
	assert_int_equal(pic_ack(&pic), 0x34);
	wr(0x20, 0x64); /* specific EOI */
	assert_false(pic_pending(&pic));
	assert_int_equal(rd(0x20), 0);
}

static void slave_and_priorities(void **state)
{
	(void)state;
	pic_set_line(&pic, 4, true);
	pic_set_line(&pic, 9, true);
	pic_set_line(&pic, 8, true);
	/* The cascade is input 2, above 4; 8 is above 9. */
	assert_int_equal(pic_ack(&pic), 0x38);
	assert_false(pic_pending(&pic));
	wr(0xa0, 0x60);
	wr(0x20, 0x62);
	assert_int_equal(pic_ack(&pic), 0x39);
	/* Higher than what is in service: nests. */
	pic_set_line(&pic, 0, true);
	assert_int_equal(pic_ack(&pic), 0x30);
	wr(0x20, 0x20);
	wr(0xa0, 0x61);
	wr(0x20, 0x62);
	assert_int_equal(pic_ack(&pic), 0x34);
}

static void masks(void **state)
{
	(void)state;
	wr(0x21, 0x10);
	pic_set_line(&pic, 4, true);
	assert_false(out);
	wr(0x21, 0);
	assert_true(out);
	wr(0x21, 0x10);
	assert_false(out);
	/* Acknowledged too late: the spurious 7. */
	assert_int_equal(pic_ack(&pic), 0x37);
	assert_int_equal(pic.spurious, 1);
	wr(0x20, 0x0b);
	assert_int_equal(rd(0x20), 0);
}

static void auto_eoi(void **state)
{
	(void)state;
	init_8259a(true);
	wr(0x21, 0);
	for (u32 i = 0; i < 3; i++) {
		pic_set_line(&pic, 0, true);
		pic_set_line(&pic, 0, false);
		assert_int_equal(pic_ack(&pic), 0x30);
		assert_false(out);
	}
}

static void level_triggered(void **state)
{
	(void)state;
	wr(0x4d0, 0xff);
	wr(0x4d1, 0xff);
	assert_int_equal(rd(0x4d0), 0xf8);
	assert_int_equal(rd(0x4d1), 0xde);
	pic_set_line(&pic, 9, true);
	assert_int_equal(pic_ack(&pic), 0x39);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	assert_true(out); /* still up */
	pic_set_line(&pic, 9, false);
	assert_false(out);
}

static void rotation_and_poll(void **state)
{
	(void)state;
	wr(0x20, 0xc0 | 3); /* 3 is lowest, 4 highest */
	pic_set_line(&pic, 0, true);
	pic_set_line(&pic, 5, true);
	assert_int_equal(pic_ack(&pic), 0x35);
	wr(0x20, 0xa0); /* EOI, and 5 becomes the lowest */
	pic_set_line(&pic, 6, true);
	wr(0x20, 0x0c);
	assert_int_equal(rd(0x20), 0x86);
	wr(0x20, 0x20);
	wr(0x20, 0x0c);
	assert_int_equal(rd(0x20), 0x80);
	wr(0x20, 0x0c);
	assert_int_equal(rd(0x20), 0);
}

static void special_mask(void **state)
{
	(void)state;
	pic_set_line(&pic, 3, true);
	assert_int_equal(pic_ack(&pic), 0x33);
	pic_set_line(&pic, 5, true);
	assert_false(out);
	wr(0x21, 0x08);
	wr(0x20, 0x68);
	assert_true(out); /* a masked one in service blocks nobody */
	assert_int_equal(pic_ack(&pic), 0x35);
}

static void bad_inputs(void **state)
{
	(void)state;
	pic_set_line(&pic, 2, true);
	pic_set_line(&pic, 16, true);
	pic_set_line(&pic, 0xffffffff, true);
	assert_false(out);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(linux_probe), T(masked_after_power_on), T(one_interrupt),
		T(slave_and_priorities), T(masks), T(auto_eoi), T(level_triggered),
		T(rotation_and_poll), T(special_mask), T(bad_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
