/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes by ChaCha20 (RFC 8439) with a key that never stays, see entropy.h. */
#include "hv/base/entropy.h"

#include "hv/base/str.h"

#define DOUBLE_ROUNDS 10
#define KEY_BYTES (ENTROPY_KEY_WORDS * sizeof(u32))

/* The counter word tells the two uses of a key apart; it is never used twice. */
enum { USE_STIR = 1, USE_READ = 2 };

static u32 rotate(u32 x, u32 n)
{
	return x << n | x >> (32 - n);
}

/* RFC 8439 2.1. */
static void quarter_round(u32 *s, u32 a, u32 b, u32 c, u32 d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

void entropy_chacha20(const u32 key[ENTROPY_KEY_WORDS], const u32 input[4], u32 out[16])
{
	/* "expand 32-byte k" */
	u32 state[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(state + 4, key, KEY_BYTES);
	memcpy(state + 12, input, 4 * sizeof(u32));
	memcpy(out, state, sizeof(state));
	for (u32 i = 0; i < DOUBLE_ROUNDS; i++) {
		for (u32 k = 0; k < 4; k++)
			quarter_round(out, k, 4 + k, 8 + k, 12 + k);
		for (u32 k = 0; k < 4; k++)
			quarter_round(out, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (u32 i = 0; i < 16; i++)
		out[i] += state[i];
}

/* The next key, and as many bytes again for the caller. */
static void step(struct entropy *e, u32 use, u32 given[ENTROPY_KEY_WORDS])
{
	const u32 input[4] = { use };
	u32 out[16];

	entropy_chacha20(e->key, input, out);
	memcpy(e->key, out, KEY_BYTES);
	memcpy(given, out + ENTROPY_KEY_WORDS, KEY_BYTES);
	memset(out, 0, sizeof(out));
	/* The store is one that somebody might see. */
	__asm__ volatile("" ::"r"(out) : "memory");
}

void entropy_stir(struct entropy *e, const void *bytes, size_t len)
{
	u32 unused[ENTROPY_KEY_WORDS];
	const u8 *from = bytes;

	while (len) {
		size_t n = MIN(len, KEY_BYTES);
		u8 *key = (u8 *)e->key;

		for (size_t i = 0; i < n; i++)
			key[i] ^= from[i];
		step(e, USE_STIR, unused);
		from += n;
		len -= n;
	}
}

void entropy_read(struct entropy *e, void *to, size_t len)
{
	u32 given[ENTROPY_KEY_WORDS];
	u8 *out = to;

	while (len) {
		size_t n = MIN(len, KEY_BYTES);

		step(e, USE_READ, given);
		memcpy(out, given, n);
		out += n;
		len -= n;
	}
}
