/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071). Sums are running 64-bit one's complement
 * sums of the words as they lie in memory, so a finished checksum is stored
 * with csum_store() and needs no byte order.
 */
#ifndef VNET_NET_CHECKSUM_H
#define VNET_NET_CHECKSUM_H

#include "hv/base/bytes.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

/* Add len bytes that start at an even offset of what is summed. An odd length
 * is as if a zero byte followed. */
u64 csum_add(u64 sum, const void *data, u32 len);

/* The sum of an IPv4 header without options: 20 bytes. */
static inline u64 csum_ip_header(const u8 *h)
{
	return (u64)load_le32(h) + load_le32(h + 4) + load_le32(h + 8) + load_le32(h + 12) +
	       load_le32(h + 16);
}

/* Is its checksum right? One's complement sums are sums modulo ffffh, and this one is not
 * 0, because the version is not. The compiler makes a multiplication of it. */
static inline bool csum_ip_header_good(const u8 *h)
{
	return csum_ip_header(h) % 0xffff == 0;
}

/* Add bytes [off, off + len) of the frame, header fragment and segments of any
 * length; the range must lie within it. off counts as an even place. */
u64 csum_add_pkt(u64 sum, const struct pkt *p, u32 off, u32 len);

/* Add the IPv4 pseudo header: addresses in host order, len of header and data. */
u64 csum_add_pseudo(u64 sum, u32 src, u32 dst, u8 proto, u32 len);

static inline u16 csum_fold(u64 sum)
{
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 16) + (u16)sum;
	sum = (sum >> 16) + (u16)sum;
	return (u16)((sum >> 16) + (u16)sum);
}

/* The same of a sum of 16-bit words in 32 bits: added to itself the other way round, the
 * upper half gets the carry of the lower one. */
static inline u16 csum_fold32(u32 sum)
{
	return (u16)((sum + (sum << 16 | sum >> 16)) >> 16);
}

/* The 16-bit checksum of a sum; 0 when the sum covered a right checksum. */
static inline u16 csum_finish(u64 sum)
{
	return (u16)~csum_fold(sum);
}

/* Put a finished checksum at p, unaligned. */
void csum_store(void *p, u16 csum);

#endif
