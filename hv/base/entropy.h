/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A generator of random bytes out of what it is fed: ChaCha20 (RFC 8439) whose key is
 * replaced with each block, so that what was given out cannot be found from what is
 * left. It is as unpredictable as the best of what went in; whether that was good
 * enough is for those to know who fed it. One core at a time.
 */
#ifndef HV_BASE_ENTROPY_H
#define HV_BASE_ENTROPY_H

#include "hv/base/types.h"

#define ENTROPY_KEY_WORDS 8

struct entropy {
	u32 key[ENTROPY_KEY_WORDS];
};

/* Mix len bytes into what is there; nothing of that is lost, however bad they are. */
void entropy_stir(struct entropy *e, const void *bytes, size_t len);

void entropy_read(struct entropy *e, void *to, size_t len);

/* ChaCha20's block function (RFC 8439 2.3): input is block counter and nonce. */
void entropy_chacha20(const u32 key[ENTROPY_KEY_WORDS], const u32 input[4], u32 out[16]);

#endif
