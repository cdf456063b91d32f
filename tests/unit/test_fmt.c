/* SPDX-License-Identifier: BSD-2-Clause */
/* hv/base/fmt.c against libc's snprintf, and log rate limiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "tests/host/plat_host.h"

#define SAME(...)                                                                \
	do {                                                                     \
		char want_[128], got_[128];                                      \
		int w_ = snprintf(want_, sizeof(want_), __VA_ARGS__);            \
		int g_ = fmt_snprintf(got_, sizeof(got_), __VA_ARGS__);          \
		assert_string_equal(got_, want_);                                \
		assert_int_equal(g_, w_);                                        \
	} while (0)

static void numbers(void **state)
{
	static const long long v[] = { 0, 1, -1, 9, 10, 255, -32768, 2147483647, -2147483648LL,
				       9223372036854775807LL, -9223372036854775807LL - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		SAME("%d|%5d|%-5d|%05d|%+d|% d", (int)v[i], (int)v[i], (int)v[i], (int)v[i],
		     (int)v[i], (int)v[i]);
		SAME("%lld|%20lld|%-20lld|%020lld", v[i], v[i], v[i], v[i]);
		SAME("%llu|%llx|%#llx|%#llX|%llo", v[i], v[i], v[i], v[i] < 0 ? 0 : 0LL, v[i]);
		SAME("%hhu|%hu|%hd|%zu", (unsigned char)v[i], (unsigned short)v[i], (short)v[i],
		     (size_t)v[i]);
		SAME("%.3d|%8.3d|%-8.3x|", (int)v[i], (int)v[i], (unsigned)v[i]);
	}
	SAME("%*d|%-*d|", 7, 42, 7, 42);
}

static void strings(void **state)
{
	(void)state;
	SAME("%s|%8s|%-8s|%.2s|%8.2s", "abc", "abc", "abc", "abc", "abc");
	SAME("%c%c%%", 'a', 'b');
	SAME("%p", (void *)0x1234);
}

static void cut(void **state)
{
	char b[5];
	size_t len = 0;

	(void)state;
	assert_int_equal(fmt_snprintf(b, sizeof(b), "%s", "abcdefgh"), 8);
	assert_string_equal(b, "abcd");
	assert_int_equal(fmt_snprintf(NULL, 0, "%d", 12345), 5);
	fmt_append(b, sizeof(b), &len, "xy");
	fmt_append(b, sizeof(b), &len, "zuv");
	fmt_append(b, sizeof(b), &len, "w");
	assert_string_equal(b, "xyzu");
	assert_int_equal(len, 4);
}

static void addresses(void **state)
{
	char m[FMT_MAC_LEN], a[FMT_IP4_LEN];
	static const u8 mac[6] = { 0x52, 0x54, 0, 0xab, 0xff, 1 };

	(void)state;
	assert_string_equal(fmt_mac(m, mac), "52:54:00:ab:ff:01");
	assert_string_equal(fmt_ip4(a, 0xc0a80afe), "192.168.10.254");
}

static void limited(void **state)
{
	struct log_limit l = { 0 };
	u32 held = 0, passed = 0;

	(void)state;
	host_now_ns = 5;
	for (int i = 0; i < 100; i++)
		passed += log_limit_pass(&l, 5, &held);
	assert_int_equal(passed, 5);
	host_now_ns += 1000000001;
	assert_true(log_limit_pass(&l, 5, &held));
	assert_int_equal(held, 95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(strings), cmocka_unit_test(cut),
		cmocka_unit_test(addresses), cmocka_unit_test(limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
