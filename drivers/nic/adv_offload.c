/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adv: frames whose checksum the device completes, and frames that it cuts into
 * TCP segments (82599 datasheet, 7.2.3.2.3, 7.2.4, 7.2.5). MACLEN is the length of
 * whatever stands in front of the IP header that the device works on, up to 127
 * bytes: outer headers go along as they are.
 */
#include "drivers/nic/adv.h"

#include "hv/base/bytes.h"

#define IP4_LEN 2u /* offsets in the IPv4 header: total length, ... */
#define IP4_CSUM 10u
#define IP4_ADDRS 12u
#define IP4_ADDRS_SIZE 8u
#define IP4_HEADER_MIN 20u
#define IP6_LEN 4u /* ... and in IPv6's: payload length, ... */
#define IP6_ADDRS 8u
#define IP6_ADDRS_SIZE 32u
#define IP6_HEADER 40u
#define TCP_CSUM 16u /* ... and in TCP's and UDP's */
#define TCP_HEADER_MIN 20u
#define UDP_CSUM 6u
#define PROTO_TCP 6u

STATIC_ASSERT(NIC_OFFLOAD_HEADER <= ADV_TSO_HEADER_MAX, "7.2.4.5");
STATIC_ASSERT(NIC_OFFLOAD_HEADER <= ADV_MACLEN_MIN + ADV_IPLEN_MAX, "7.2.5.1");

/* --- checksums --------------------------------------------------------------- */

static bool csum_fits(const struct pkt *p)
{
	u32 end = p->csum_start + p->csum_offset + 2u;

	return end <= MIN(p->head_len, NIC_OFFLOAD_HEADER);
}

/* 7.2.5.2: the checksum's place is TCP's or UDP's, behind an IP header of some length. */
static bool csum_by_device(const struct pkt *p)
{
	return (p->csum_offset == TCP_CSUM || p->csum_offset == UDP_CSUM) &&
	       p->csum_start >= ADV_MACLEN_MIN + IP4_HEADER_MIN;
}

static u64 add_bytes(u64 sum, const u8 *b, u32 len, u32 at)
{
	for (u32 i = 0; i < len; i++)
		sum += (at + i) % 2 ? b[i] : (u32)b[i] << 8;
	return sum;
}

/* Elsewhere it stands so rarely that it may cost what it costs. */
static void csum_by_software(struct pkt *p)
{
	u32 at = p->head_len - p->csum_start;
	u64 sum = add_bytes(0, p->data + p->csum_start, at, 0);

	for (u32 i = 0; i < p->nseg; i++) {
		sum = add_bytes(sum, p->seg[i].addr, p->seg[i].len, at);
		at += p->seg[i].len;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	store_be16(p->data + p->csum_start + p->csum_offset,
		   sum == 0xffff ? 0xffff : (u16)~sum);
	p->flags &= (u8)~PKT_F_NEEDS_CSUM;
}

static struct adv_tx_context csum_context(const struct pkt *p)
{
	return (struct adv_tx_context){
		.lens = ADV_MACLEN_MIN << ADV_TXC_MACLEN_SHIFT |
			(p->csum_start - ADV_MACLEN_MIN),
		.cmd = ADV_TXD_DEXT | ADV_TXD_DTYP_CONTEXT |
		       (p->csum_offset == TCP_CSUM ? ADV_TXC_TCP : 0),
		.mss = ADV_CONTEXT_CSUM << ADV_TXC_IDX_SHIFT,
	};
}

/* --- segmentation ------------------------------------------------------------ */

/* Bytes of the IP header at l3_start; 0: that is none of the kind that gso_type says. */
static u32 ip_header(const struct pkt *p)
{
	u8 first = p->l3_start < p->head_len ? p->data[p->l3_start] : 0;

	if (p->gso_type == PKT_GSO_TCP4)
		return first >> 4 == 4 ? (first & 0xfu) * 4 : 0;
	return p->gso_type == PKT_GSO_TCP6 && first >> 4 == 6 ? IP6_HEADER : 0;
}

static bool tso_fits(const struct pkt *p, u32 max_frame)
{
	u32 payload = p->len - p->payload_start;
	u32 full = (u32)p->gso_segs * p->gso_size;
	u32 ip = ip_header(p);

	return ip >= IP4_HEADER_MIN && p->l3_start >= ADV_MACLEN_MIN &&
	       p->l3_start <= ADV_MACLEN_MAX && p->l3_start + ip == p->csum_start &&
	       p->csum_start + TCP_HEADER_MIN <= p->payload_start &&
	       p->payload_start <= MIN(p->head_len, NIC_OFFLOAD_HEADER) &&
	       p->payload_start < p->len && payload <= ADV_MAX_PAYLOAD && payload <= full &&
	       full - payload < p->gso_size && p->payload_start + p->gso_size <= max_frame;
}

/* 7.2.4.5: lengths and IPv4's checksum are zero; TCP's checksum is the pseudo header's
 * sum without the length. */
static void tso_prepare(struct pkt *p)
{
	bool v4 = p->gso_type == PKT_GSO_TCP4;
	u8 *ip = p->data + p->l3_start;
	const u8 *addrs = ip + (v4 ? IP4_ADDRS : IP6_ADDRS);
	u32 sum = PROTO_TCP;

	for (u32 i = 0; i < (v4 ? IP4_ADDRS_SIZE : IP6_ADDRS_SIZE); i += 2)
		sum += load_be16(addrs + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(p->data + p->csum_start + TCP_CSUM, (u16)sum);
	store_be16(ip + (v4 ? IP4_LEN : IP6_LEN), 0);
	if (v4)
		store_be16(ip + IP4_CSUM, 0);
}

static struct adv_tx_context tso_context(const struct pkt *p)
{
	return (struct adv_tx_context){
		.lens = (u32)p->l3_start << ADV_TXC_MACLEN_SHIFT |
			(u32)(p->csum_start - p->l3_start),
		.cmd = ADV_TXD_DEXT | ADV_TXD_DTYP_CONTEXT | ADV_TXC_TCP |
		       (p->gso_type == PKT_GSO_TCP4 ? ADV_TXC_IPV4 : 0),
		.mss = ADV_CONTEXT_TSO << ADV_TXC_IDX_SHIFT |
		       (u32)(p->payload_start - p->csum_start) << ADV_TXC_L4LEN_SHIFT |
		       (u32)p->gso_size << ADV_TXC_MSS_SHIFT,
	};
}

/* --- both -------------------------------------------------------------------- */

bool adv_offload_fits(const struct pkt *p, u32 max_frame)
{
	return p->gso_type ? tso_fits(p, max_frame) : csum_fits(p);
}

bool adv_offload_begin(struct pkt *p, struct adv_tx_context *c, u32 *cmd, u32 *olinfo)
{
	if (p->gso_type) {
		tso_prepare(p);
		*c = tso_context(p);
		*cmd |= ADV_TXD_TSE;
		*olinfo |= ADV_TXD_TXSM | ADV_CONTEXT_TSO << ADV_TXD_IDX_SHIFT;
		if (p->gso_type == PKT_GSO_TCP4)
			*olinfo |= ADV_TXD_IXSM;
		return true;
	}
	if (!csum_by_device(p)) {
		csum_by_software(p);
		return false;
	}
	*c = csum_context(p);
	*olinfo |= ADV_TXD_TXSM | ADV_CONTEXT_CSUM << ADV_TXD_IDX_SHIFT;
	return true;
}
