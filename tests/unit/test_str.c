/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own memory functions, under other names, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define memchr own_memchr
#define strlen own_strlen
#define strnlen own_strnlen
#define strcmp own_strcmp
#define strncmp own_strncmp
#define strchr own_strchr
#define strstr own_strstr
#include "hv/base/str.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define LONGEST 600u
#define SHIFTS 9u
#define GUARD 0xa5

/* As many bytes as there are, so that the sanitizer sees each one too many. */
static u8 *numbered(size_t n)
{
	u8 *p = malloc(n + !n);

	for (size_t i = 0; i < n; i++)
		p[i] = (u8)(i * 7 + 1);
	return p;
}

static void copies_of_all_lengths(void **state)
{
	(void)state;
	for (u32 n = 0; n <= LONGEST; n++) {
		for (u32 shift = 0; shift < SHIFTS; shift++) {
			u8 *src = numbered(shift + n), *dst = malloc(n + 2 * SHIFTS);

			memset(dst, GUARD, n + 2 * SHIFTS);
			assert_ptr_equal(own_memcpy(dst + shift, src + shift, n), dst + shift);
			assert_memory_equal(dst + shift, src + shift, n);
			memset(dst + shift, 0, n);
			copy_short(dst + shift, src + shift, n);
			assert_memory_equal(dst + shift, src + shift, n);
			for (u32 i = 0; i < n + 2 * SHIFTS; i++)
				if (i < shift || i >= shift + n)
					assert_int_equal(dst[i], GUARD);
			free(src);
			free(dst);
		}
	}
}

static void moves_that_overlap(void **state)
{
	(void)state;
	for (u32 n = 0; n <= 300; n++) {
		for (u32 gap = 0; gap <= 40; gap++) {
			u8 *a = numbered(n + gap), *b = numbered(n + gap);

			own_memmove(a, a + gap, n);
			memmove(b, b + gap, n);
			assert_memory_equal(a, b, n + gap);
			own_memmove(a + gap, a, n);
			memmove(b + gap, b, n);
			assert_memory_equal(a, b, n + gap);
			free(a);
			free(b);
		}
	}
}

static void sets_and_compares(void **state)
{
	(void)state;
	for (u32 n = 0; n <= LONGEST; n++) {
		u8 *a = numbered(n), *b = malloc(n + !n);

		memset(b, n & 0xff, n);
		assert_int_equal(own_memcmp(a, b, n) > 0, memcmp(a, b, n) > 0);
		own_memset(a, (int)n, n);
		assert_int_equal(own_memcmp(a, b, n), 0);
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_of_all_lengths),
		cmocka_unit_test(moves_that_overlap),
		cmocka_unit_test(sets_and_compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
