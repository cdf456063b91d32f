/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiply-and-fold hashing and MAC addresses as integers. */
#ifndef VNET_HASH_H
#define VNET_HASH_H

#include "hv/base/types.h"

/* Odd constants with about half their bits set, from the digits of pi. */
#define HASH_K0 0x243f6a8885a308d3ull
#define HASH_K1 0x13198a2e03707345ull

/* 64 x 64 -> 128 bits, both halves folded: every input bit reaches every
 * output bit, and it is one multiplication. */
static inline u64 hash_mix(u64 a, u64 b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (u64)m ^ (u64)(m >> 64);
}

/* The six bytes, first one lowest: bit 0 is the group bit (IEEE 802-2014, 8.2). */
static inline u64 mac_load(const u8 *mac)
{
	u32 low;
	u16 high;

	__builtin_memcpy(&low, mac, sizeof(low));
	__builtin_memcpy(&high, mac + sizeof(low), sizeof(high));
	return low | (u64)high << 32;
}

/* The same for one that two more bytes follow: one load. */
static inline u64 mac_load_wide(const u8 *mac)
{
	u64 v;

	__builtin_memcpy(&v, mac, sizeof(v));
	return v & 0xffffffffffffull;
}

#define MAC_BROADCAST 0xffffffffffffull

static inline bool mac_is_group(u64 mac)
{
	return mac & 1;
}

#endif
