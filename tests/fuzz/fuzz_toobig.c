/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Too big" answers to any frame: the first 4 bytes say how long a frame would
 * have passed, where this one is split, and whether it is a long one.
 */
#include "hv/base/plat.h"
#include "tests/host/vnet_fake.h"
#include "vnet/net/checksum.h"
#include "vnet/net/wire.h"
#include "vnet/toobig.h"

#define OPTIONS 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Addresses exchanged; no answer gets one in turn. */
static void check(struct pkt_pool *pool, const uint8_t *frame, const struct pkt *out)
{
	struct pkt *again = pkt_get(pool);

	for (u32 i = 0; i < ETH_ALEN; i++)
		ASSERT(out->data[i] == frame[ETH_SRC + i] && out->data[ETH_SRC + i] == frame[i]);
	ASSERT(out->len == out->head_len && out->len <= 22 + 1280);
	ASSERT(!toobig_answer(again, out, ETH_HLEN + 68));
	pkt_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkt_pool pool;
	struct pkt *p, *out;
	u32 len, split;

	if (size < OPTIONS || size > OPTIONS + 1600)
		return 0;
	len = (u32)size - OPTIONS;
	fake_pool_init(&pool, "pool", 0, 4);
	p = pkt_get(&pool);
	out = pkt_get(&pool);
	split = MIN((u32)data[2] * 8, len);
	for (u32 i = 0; i < split; i++)
		p->data[i] = data[OPTIONS + i];
	p->head_len = p->len = split;
	if (split < len)
		pkt_add_seg(p, (u8 *)(uintptr_t)(data + OPTIONS + split), (bus_t){ 0 },
			    len - split, NULL);
	if ((data[3] & 1) && len > 100) {
		p->gso_type = PKT_GSO_TCP4;
		p->payload_start = 66;
		p->gso_size = (u16)(data[3] * 8);
	}
	if (toobig_answer(out, p, load_be16(data)))
		check(&pool, data + OPTIONS, out);
	pkt_put(p);
	pkt_put(out);
	fake_pool_fini(&pool);
	return 0;
}
