/* SPDX-License-Identifier: BSD-2-Clause */
/* Unaligned loads and stores in a stated byte order. */
#ifndef HV_BASE_BYTES_H
#define HV_BASE_BYTES_H

#include "hv/base/types.h"

static inline u16 load_be16(const void *p)
{
	const u8 *b = p;

	return (u16)(b[0] << 8 | b[1]);
}

static inline u32 load_be32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void store_be16(void *p, u16 v)
{
	u8 *b = p;

	b[0] = (u8)(v >> 8);
	b[1] = (u8)v;
}

static inline void store_be32(void *p, u32 v)
{
	v = __builtin_bswap32(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

#define BYTES_LE(bits)                                          \
	static inline u##bits load_le##bits(const void *p)      \
	{                                                       \
		u##bits v;                                      \
								\
		__builtin_memcpy(&v, p, sizeof(v));             \
		return v;                                       \
	}                                                       \
	static inline void store_le##bits(void *p, u##bits v)   \
	{                                                       \
		__builtin_memcpy(p, &v, sizeof(v));             \
	}

BYTES_LE(16)
BYTES_LE(32)
BYTES_LE(64)

/* Bytes that copy_block() copies, by words: a loop would become a call of memcpy(). */
#define COPY_BLOCK (4 * sizeof(u64))

static inline void copy_block(u8 *d, const u8 *s)
{
	store_le64(d, load_le64(s));
	store_le64(d + 8, load_le64(s + 8));
	store_le64(d + 16, load_le64(s + 16));
	store_le64(d + 24, load_le64(s + 24));
}

/* memcpy() for short frames: what is 32 to 64 bytes long, in line, by the first 32 and the
 * last 32. */
static inline void copy_short(u8 *restrict dst, const u8 *restrict src, size_t n)
{
	if (n - COPY_BLOCK > COPY_BLOCK) {
		__builtin_memcpy(dst, src, n);
		return;
	}
	copy_block(dst, src);
	copy_block(dst + n - COPY_BLOCK, src + n - COPY_BLOCK);
}

/* The byte that two digits (0-9, a-f) stand for; -1: they are none. */
static inline int hex_byte(const char *digits)
{
	int byte = 0;

	for (u32 i = 0; i < 2; i++) {
		char c = digits[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return -1;
		byte = byte << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return byte;
}

STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");

#endif
