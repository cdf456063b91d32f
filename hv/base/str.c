/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions of the hypervisor. Long copies use REP MOVSQ/STOSQ,
 * which processors run at cache-line speed and emulators eight bytes at a
 * time, and which stay out of the vector registers: those are the guest's. They take
 * some 30 cycles to begin, so that short copies, which headers and small frames are,
 * go by words.
 */
#include "hv/base/str.h"

#include "hv/base/bytes.h"

#define WORD sizeof(u64)
#define SHORT_COPY 256u

/* Forwards, also onto what lies in front of the source and overlaps it. */
static void copy_forwards(void *dst, const void *src, size_t n)
{
	size_t words = n / WORD, rest = n % WORD;

	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words)::"memory");
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(rest)::"memory");
}

static inline void copy_word(u8 *d, const u8 *s)
{
	store_le64(d, load_le64(s));
}

/* Fewer than two words: what is between the first ones and the last ones twice. */
static inline void copy_few(u8 *d, const u8 *s, size_t n)
{
	if (n >= WORD) {
		u64 first = load_le64(s), last = load_le64(s + n - WORD);

		store_le64(d, first);
		store_le64(d + n - WORD, last);
	} else if (n >= sizeof(u32)) {
		u32 first = load_le32(s), last = load_le32(s + n - sizeof(u32));

		store_le32(d, first);
		store_le32(d + n - sizeof(u32), last);
	} else if (n) {
		u8 middle = s[n / 2], last = s[n - 1];

		d[0] = s[0];
		d[n / 2] = middle;
		d[n - 1] = last;
	}
}

/* Fewer than a block and no fewer than two words. */
static inline void copy_some(u8 *d, const u8 *s, size_t n)
{
	const u8 *last = s + n - 2 * WORD;
	u8 *d_last = d + n - 2 * WORD;

	copy_word(d, s);
	copy_word(d + WORD, s + WORD);
	copy_word(d_last, last);
	copy_word(d_last + WORD, last + WORD);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	const u8 *s = src;
	u8 *d = dst;

	if (n < COPY_BLOCK) {
		if (n < 2 * WORD)
			copy_few(d, s, n);
		else
			copy_some(d, s, n);
		return dst;
	}
	if (n > SHORT_COPY) {
		size_t words = n / WORD;

		n %= WORD;
		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words)::"memory");
		copy_word(d + n - WORD, s + n - WORD);
		return dst;
	}
	/* The end first, some of which is copied twice. */
	copy_block(d + n - COPY_BLOCK, s + n - COPY_BLOCK);
	for (size_t i = 0; i == 0 || i < n - COPY_BLOCK; i += COPY_BLOCK)
		copy_block(d + i, s + i);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s || d >= s + n)
		copy_forwards(dst, src, n);
	else
		while (n--)
			d[n] = s[n];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t words = n / 8, rest = n % 8;
	u64 fill = (u8)c * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(fill) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(fill) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)(uintptr_t)s;
}

char *strstr(const char *haystack, const char *needle)
{
	size_t n = strlen(needle);

	for (; *haystack; haystack++)
		if (!strncmp(haystack, needle, n))
			return (char *)(uintptr_t)haystack;
	return n ? NULL : (char *)(uintptr_t)haystack;
}
