/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control over the network: datagrams, each two bytes of length and sender in
 * front. A token that is all ones is replaced by the right one, so that requests
 * come through.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/remote.h"

#define ADDR 0x0a000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run(void *ctx, bool batch, const char *text, size_t len, const struct out *out)
{
	(void)ctx;
	(void)batch;
	out->write(out->ctx, text, len);
	out_printf(out, "= ok\n");
	return true;
}

static u64 token_for(struct remote *r, u32 addr, u64 now)
{
	struct remote_header h = { .magic = { 'C', 'S', 'N', 'C' }, .version = REMOTE_VERSION,
				   .type = REMOTE_HELLO };
	u8 out[REMOTE_DATAGRAM_MAX];
	u64 token = 0;

	if (remote_input(r, addr, 1, (const u8 *)&h, sizeof(h), now, out))
		memcpy(&token, ((struct remote_header *)out)->token, sizeof(token));
	return token;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	static struct remote r;
	u64 now = 1000000000000ull;

	remote_init(&r, ADDR, 0xffffff00, 7, run, NULL);
	while (size >= 2) {
		u32 len = MIN(data[0], (u32)size - 2), addr = ADDR + data[1] % 8, n;
		u8 *in = malloc(MAX(len, 1)), out[REMOTE_DATAGRAM_MAX];
		u64 token;

		memcpy(in, data + 2, len);
		now += 500000;
		if (len >= sizeof(struct remote_header) &&
		    !memcmp(((struct remote_header *)in)->token, ones, sizeof(ones))) {
			token = token_for(&r, addr, now);
			memcpy(((struct remote_header *)in)->token, &token, sizeof(token));
		}
		n = remote_input(&r, addr, 1, in, len, now, out);
		if (n > REMOTE_DATAGRAM_MAX)
			abort();
		free(in);
		data += len + 2;
		size -= len + 2;
	}
	remote_fini(&r);
	return 0;
}
