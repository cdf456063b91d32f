/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: segmentation (7.2.4). What stands in front of MACLEN is copied to
 * each segment; the IP and TCP headers behind it are updated (7.2.4.7). */
#include "tests/models/ixgbe_model_priv.h"

#include <string.h>

#include "hv/base/bytes.h"

/* DTXTCPFLGL, DTXTCPFLGH as they are after a reset: flags that stay in the first and the
 * middle segments, and in the last. */
#define FLAGS_NOT_LAST 0xf6u
#define FLAGS_LAST 0x7fu
#define L4LEN_MIN 20u
#define L4LEN_MAX 64u
#define HEADER_MAX 240u
#define PROTO_TCP 6u

static bool sums_to(const u8 *p, u32 len, u32 sum, u16 want)
{
	for (u32 i = 0; i < len; i += 2)
		sum += load_be16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == want;
}

static bool context_fits(struct ixgbe_model *m, const struct adv_tx_context *c, u32 olinfo)
{
	u32 l4 = ixm_l4len(c), header = ixm_maclen(c) + ixm_iplen(c) + l4;
	bool v4 = c->cmd & ADV_TXC_IPV4;

	if (!(c->cmd & ADV_TXC_TCP) || l4 < L4LEN_MIN || l4 > L4LEN_MAX || header > HEADER_MAX) {
		ixm_violation(m, IXM_RULE_CONTEXT, "segments with L4LEN %u, header %u, command %#x",
			      l4, header, c->cmd);
		return false;
	}
	if (!ixm_mss(c) || header + ixm_mss(c) + 4 > m->frame_max) {
		ixm_violation(m, IXM_RULE_CONTEXT, "MSS %u behind %u", ixm_mss(c), header);
		return false;
	}
	if (!(olinfo & ADV_TXD_TXSM) || v4 != !!(olinfo & ADV_TXD_IXSM))
		ixm_violation(m, IXM_RULE_CONTEXT, "segments with options %#x", olinfo >> 8 & 0x3f);
	if (!v4 && ixm_iplen(c) < 40)
		ixm_violation(m, IXM_RULE_CONTEXT, "IPv6 header of %u bytes", ixm_iplen(c));
	return true;
}

/* 7.2.4.5: what software leaves in the header. */
static void check_prepared(struct ixgbe_model *m, const u8 *f, const struct adv_tx_context *c)
{
	bool v4 = c->cmd & ADV_TXC_IPV4;
	const u8 *ip = f + ixm_maclen(c), *tcp = ip + ixm_iplen(c);

	if (ip[0] >> 4 != (v4 ? 4 : 6) || (v4 && (ip[0] & 15u) * 4 != ixm_iplen(c)))
		ixm_violation(m, IXM_RULE_HEADERS, "IP header that starts with %#x, IPLEN %u",
			      ip[0], ixm_iplen(c));
	if (v4 && (load_be16(ip + 2) || load_be16(ip + 10)))
		ixm_violation(m, IXM_RULE_HEADERS, "IPv4 length and checksum are not zero");
	if ((u32)(tcp[12] >> 4) * 4 != ixm_l4len(c))
		ixm_violation(m, IXM_RULE_HEADERS, "TCP header of %u bytes, L4LEN %u",
			      (tcp[12] >> 4) * 4, ixm_l4len(c));
	if (!sums_to(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, PROTO_TCP, load_be16(tcp + 16)))
		ixm_violation(m, IXM_RULE_HEADERS, "TCP checksum is not the pseudo header's");
}

/* The n-th segment: len bytes from `at` on. */
static void segment(struct ixgbe_model *m, const struct ixm_tx *o,
		    const struct adv_tx_context *c, u32 n, u32 at, u32 len)
{
	u32 mac = ixm_maclen(c), ip_len = ixm_iplen(c), l4 = ixm_l4len(c);
	u32 header = mac + ip_len + l4, sum;
	u8 f[IXM_FRAME_MAX + 64];
	u8 *ip = f + mac, *tcp = ip + ip_len;
	bool first = n == 0, last = at + len == o->len;

	memcpy(f, m->data, header);
	memcpy(f + header, m->data + at, len);
	if (c->cmd & ADV_TXC_IPV4) {
		store_be16(ip + 2, (u16)(len + l4 + ip_len));
		store_be16(ip + 4, (u16)(load_be16(ip + 4) + n));
		ixm_insert_csum(f, mac, mac + ip_len, mac + 10);
	} else {
		store_be16(ip + 4, (u16)(len + l4 + ip_len - 40));
	}
	store_be32(tcp + 4, load_be32(tcp + 4) + n * ixm_mss(c));
	if (!(first && last))
		tcp[13] &= last ? FLAGS_LAST : FLAGS_NOT_LAST;
	sum = load_be16(tcp + 16) + l4 + len;
	store_be16(tcp + 16, (u16)(sum + (sum >> 16)));
	ixm_insert_csum(f, mac + ip_len, header + len, mac + ip_len + 16);
	ixm_wire(m, f, header + len);
}

void ixm_send_segments(struct ixgbe_model *m, u32 queue, const struct adv_tx_context *c)
{
	struct ixm_tx *o = &m->out[queue];
	u32 paylen = o->first.olinfo >> ADV_TXD_PAYLEN_SHIFT, n = 0;
	u32 header = ixm_maclen(c) + ixm_iplen(c) + ixm_l4len(c);

	if (!context_fits(m, c, o->first.olinfo))
		return;
	if (!paylen || o->len != header + paylen) {
		ixm_violation(m, IXM_RULE_TX_FRAME, "%u bytes, headers %u + PAYLEN %u", o->len,
			      header, paylen);
		return;
	}
	check_prepared(m, m->data, c);
	for (u32 at = header; at < o->len; at += ixm_mss(c))
		segment(m, o, c, n++, at, MIN(o->len - at, ixm_mss(c)));
}
