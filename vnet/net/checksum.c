/* SPDX-License-Identifier: BSD-2-Clause */
/* Internet checksum, 8 bytes a step (RFC 1071, section 2 C: deferred carries
 * and any word size give the same sum). */
#include "vnet/net/checksum.h"

#include "hv/base/bytes.h"

static inline u64 add_carry(u64 sum, u64 v)
{
	sum += v;
	return sum + (sum < v);
}

u64 csum_add(u64 sum, const void *data, u32 len)
{
	u64 s1 = 0, s2 = 0, s3 = 0;
	const u8 *b = data;

	/* Four sums: each carry waits for its own only. */
	for (; len >= 32; len -= 32, b += 32) {
		sum = add_carry(sum, load_le64(b));
		s1 = add_carry(s1, load_le64(b + 8));
		s2 = add_carry(s2, load_le64(b + 16));
		s3 = add_carry(s3, load_le64(b + 24));
	}
	sum = add_carry(add_carry(sum, s1), add_carry(s2, s3));
	for (; len >= 8; len -= 8, b += 8)
		sum = add_carry(sum, load_le64(b));
	if (len & 4) {
		sum = add_carry(sum, load_le32(b));
		b += 4;
	}
	if (len & 2) {
		sum = add_carry(sum, load_le16(b));
		b += 2;
	}
	if (len & 1)
		sum = add_carry(sum, *b);
	return sum;
}

/* One piece of a frame at `at` bytes from the start of the sum. At an odd place
 * its words are swapped against the others (RFC 1071, section 2 B). */
static u64 add_piece(u64 sum, const void *data, u32 len, u32 at)
{
	if (at & 1)
		return add_carry(sum, __builtin_bswap16(csum_fold(csum_add(0, data, len))));
	return csum_add(sum, data, len);
}

u64 csum_add_pkt(u64 sum, const struct pkt *p, u32 off, u32 len)
{
	u32 at = 0;

	if (off < p->head_len) {
		u32 n = MIN(len, p->head_len - off);

		sum = add_piece(sum, p->data + off, n, 0);
		at = n;
		off = 0;
	} else {
		off -= p->head_len;
	}
	for (u32 i = 0; at < len && i < p->nseg; i++) {
		const struct pkt_seg *s = &p->seg[i];
		u32 n;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len - at, s->len - off);
		sum = add_piece(sum, (const u8 *)s->addr + off, n, at);
		at += n;
		off = 0;
	}
	return sum;
}

u64 csum_add_pseudo(u64 sum, u32 src, u32 dst, u8 proto, u32 len)
{
	u8 h[12];

	store_be32(h, src);
	store_be32(h + 4, dst);
	store_be16(h + 8, proto);
	store_be16(h + 10, (u16)len);
	return csum_add(sum, h, sizeof(h));
}

void csum_store(void *p, u16 csum)
{
	store_le16(p, csum);
}
