/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory: bounds, ROM, crossing copies, DMA; random accesses against a byte map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/mem/gmem.h"

#define LOW 0x1000u
#define ROM_AT 0x1000u
#define ROM 0x800u
#define HIGH_AT 0x4000u
#define HIGH 0x2000u
#define SPACE 0x8000u

static u8 low[LOW], rom[ROM], high[HIGH];

static struct gmem setup(void)
{
	struct gmem gm = { 0 };

	assert_int_equal(gmem_add(&gm, gpa(0), LOW, low, (bus_t){ 0x100000 }, true), ERR_OK);
	assert_int_equal(gmem_add(&gm, gpa(ROM_AT), ROM, rom, (bus_t){ 0x200000 }, false), ERR_OK);
	assert_int_equal(gmem_add(&gm, gpa(HIGH_AT), HIGH, high, (bus_t){ 0x300000 }, true),
			 ERR_OK);
	return gm;
}

static void add_refuses_overlap(void **state)
{
	struct gmem gm = setup();
	u8 extra[16];
	bus_t bus = { 0 };

	(void)state;
	assert_int_equal(gmem_add(&gm, gpa(LOW - 1), 1, extra, bus, true), ERR_INVAL);
	assert_int_equal(gmem_add(&gm, gpa(HIGH_AT - 1), 2, extra, bus, true), ERR_INVAL);
	assert_int_equal(gmem_add(&gm, gpa(0x2000), 0x6000, extra, bus, true), ERR_INVAL);
	assert_int_equal(gmem_add(&gm, gpa(0x10000), 0, extra, bus, true), ERR_INVAL);
	assert_int_equal(gmem_add(&gm, gpa(~0ull), 2, extra, bus, true), ERR_INVAL);
	assert_int_equal(gmem_add(&gm, gpa(0x10000), 16, NULL, bus, true), ERR_INVAL);
	assert_int_equal(gm.count, 3);
	for (u64 i = 3; i < GMEM_MAX_REGIONS; i++)
		assert_int_equal(gmem_add(&gm, gpa(i << 16), 16, extra, bus, true), ERR_OK);
	assert_int_equal(gmem_add(&gm, gpa(1 << 24), 16, extra, bus, true), ERR_NOMEM);
}

static void ptr_checks_bounds(void **state)
{
	struct gmem gm = setup();

	(void)state;
	assert_ptr_equal(gmem_ptr(&gm, gpa(0), LOW, GMEM_WRITE), low);
	assert_ptr_equal(gmem_ptr(&gm, gpa(HIGH_AT + 5), 1, GMEM_READ), high + 5);
	assert_null(gmem_ptr(&gm, gpa(0), LOW + 1, GMEM_READ)); /* into the ROM */
	assert_null(gmem_ptr(&gm, gpa(4), 0, GMEM_READ));
	assert_null(gmem_ptr(&gm, gpa(4), ~0ull, GMEM_READ));
	assert_null(gmem_ptr(&gm, gpa(~0ull), 2, GMEM_READ));
	assert_null(gmem_ptr(&gm, gpa(ROM_AT), 1, GMEM_WRITE));
	assert_ptr_equal(gmem_ptr(&gm, gpa(ROM_AT), 1, GMEM_READ), rom);
	assert_null(gmem_ptr(&gm, gpa(0), 1, GMEM_DMA));
	assert_int_equal(gm.refused, 6);
	assert_true(gmem_has(&gm, gpa(ROM_AT), ROM));
	assert_false(gmem_has(&gm, gpa(ROM_AT), ROM + 1));
	assert_false(gmem_has(&gm, gpa(HIGH_AT - 1), 1));
	assert_false(gmem_has(&gm, gpa(0), 0));
	assert_int_equal(gm.refused, 6);
}

static void dma_is_counted(void **state)
{
	struct gmem gm = setup();
	struct gmem_dma dma = { 0 };
	bus_t bus;

	(void)state;
	assert_ptr_equal(gmem_dma_map(&gm, &dma, gpa(HIGH_AT + 16), 32, true, &bus), high + 16);
	assert_int_equal(bus.v, 0x300010);
	assert_ptr_equal(gmem_dma_map(&gm, &dma, gpa(ROM_AT), 32, false, &bus), rom);
	assert_int_equal(dma.mapped, 2);
	assert_null(gmem_dma_map(&gm, &dma, gpa(ROM_AT), 32, true, &bus));
	assert_int_equal(dma.mapped, 2);
	gmem_dma_unmap(&dma, 2);
	assert_int_equal(dma.mapped, 0);
}

/* The naive twin: which region a byte is in, byte by byte. */
static u8 *naive(u64 at, bool write)
{
	if (at < LOW)
		return &low[at];
	if (at >= ROM_AT && at < ROM_AT + ROM)
		return write ? NULL : &rom[at - ROM_AT];
	if (at >= HIGH_AT && at < HIGH_AT + HIGH)
		return &high[at - HIGH_AT];
	return NULL;
}

static void random_copies_match_naive(void **state)
{
	struct gmem gm = setup();
	u8 buf[256], want[256];

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		u64 at = (u64)rand() % SPACE, len = (u64)rand() % sizeof(buf);
		bool write = rand() & 1, ok = true;

		for (u64 n = 0; n < len; n++)
			ok = ok && naive(at + n, write);
		if (write) {
			memset(buf, i, sizeof(buf));
			assert_int_equal(gmem_write(&gm, gpa(at), buf, len),
					 ok ? ERR_OK : ERR_RANGE);
			for (u64 n = 0; ok && n < len; n++)
				assert_int_equal(*naive(at + n, true), (u8)i);
			continue;
		}
		memset(buf, 0x5a, sizeof(buf));
		memset(want, 0x5a, sizeof(want));
		for (u64 n = 0; ok && n < len; n++)
			want[n] = *naive(at + n, false);
		assert_int_equal(gmem_read(&gm, gpa(at), buf, len), ok ? ERR_OK : ERR_RANGE);
		assert_memory_equal(buf, want, sizeof(buf));
	}
	assert_int_equal(gmem_read(&gm, gpa(~0ull - 1), buf, 8), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_refuses_overlap),
		cmocka_unit_test(ptr_checks_bounds),
		cmocka_unit_test(dma_is_counted),
		cmocka_unit_test(random_copies_match_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
