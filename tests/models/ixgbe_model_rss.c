/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: receive-side scaling (7.1.2.8): what of a frame is hashed, by MRQC,
 * and Toeplitz's hash of it by RSSRK, bit by bit. */
#include "tests/models/ixgbe_model_priv.h"

#include <string.h>

#include "hv/base/bytes.h"

#define TCP4 BIT(16) /* MRQC's fields */
#define IP4 BIT(17)
#define IP6 BIT(20)
#define TCP6 BIT(21)
#define UDP4 ADV_MRQC_UDP4
#define UDP6 BIT(23)

/* RSS types of the descriptor, 7.1.6.2 */
enum { TYPE_TCP4 = 1, TYPE_IP4 = 2, TYPE_TCP6 = 3, TYPE_IP6 = 5, TYPE_UDP4 = 7, TYPE_UDP6 = 8 };

#define ETH 14u
#define PROTO_TCP 6
#define PROTO_UDP 17
#define KEY_BYTES 40u
#define MRQE 0xfu

static bool key_bit(const struct ixgbe_model *m, u32 i)
{
	/* Byte 0 of the key is the low byte of RSSRK[0]; its bit 7 comes first. */
	return ixm_get(m, IXGBE_RSSRK0 + i / 32 * 4) >> (i / 8 % 4 * 8 + 7 - i % 8) & 1;
}

static u32 toeplitz(const struct ixgbe_model *m, const u8 *in, u32 len)
{
	u32 hash = 0, window = 0;

	for (u32 i = 0; i < 32; i++)
		window = window << 1 | key_bit(m, i);
	for (u32 i = 0; i < 8 * len; i++) {
		if (in[i / 8] >> (7 - i % 8) & 1)
			hash ^= window;
		window = window << 1 | (i + 32 < 8 * KEY_BYTES && key_bit(m, i + 32));
	}
	return hash;
}

/* The L4 type whose ports count, or the one of addresses alone. */
static u32 choose(u32 mrqc, u8 proto, bool ports, bool v6)
{
	if (ports && proto == PROTO_TCP && (mrqc & (v6 ? TCP6 : TCP4)))
		return v6 ? TYPE_TCP6 : TYPE_TCP4;
	if (ports && proto == PROTO_UDP && (mrqc & (v6 ? UDP6 : UDP4)))
		return v6 ? TYPE_UDP6 : TYPE_UDP4;
	if (mrqc & (v6 ? IP6 : IP4))
		return v6 ? TYPE_IP6 : TYPE_IP4;
	return 0;
}

u32 ixgbe_model_rss(const struct ixgbe_model *m, const u8 *frame, u32 len, u32 *type)
{
	u32 mrqc = ixm_get(m, IXGBE_MRQC), l4, addrs, at;
	const u8 *ip = frame + ETH;
	bool v6 = load_be16(frame + 12) == 0x86dd, ports;
	u8 in[36];

	*type = 0;
	if ((!v6 && load_be16(frame + 12) != 0x0800) || len < ETH + (v6 ? 40u : 20u))
		return 0;
	l4 = v6 ? 40 : (ip[0] & 15u) * 4;
	addrs = v6 ? 32 : 8;
	at = v6 ? 8 : 12;
	/* A fragment has no ports that count. */
	ports = len >= ETH + l4 + 4 && (v6 || !(load_be16(ip + 6) & 0x3fff));
	*type = choose(mrqc, v6 ? ip[6] : ip[9], ports, v6);
	if (!*type)
		return 0;
	memcpy(in, ip + at, addrs);
	if (*type == TYPE_IP4 || *type == TYPE_IP6)
		return toeplitz(m, in, addrs);
	memcpy(in + addrs, ip + l4, 4);
	return toeplitz(m, in, addrs + 4);
}

bool ixm_rss_on(const struct ixgbe_model *m)
{
	return (ixm_get(m, IXGBE_MRQC) & MRQE) == IXGBE_MRQC_RSS;
}

u32 ixm_rss_queue(const struct ixgbe_model *m, u32 i)
{
	return ixm_get(m, IXGBE_RETA0 + 4 * (i / 4)) >> (8 * (i % 4)) & 0xf;
}

/* A hash by a key of zeroes is always 0, and what the table names has to be on. */
void ixm_rss_check(struct ixgbe_model *m)
{
	u32 key = 0;

	for (u32 i = 0; i < KEY_BYTES / 4; i++)
		key |= ixm_get(m, IXGBE_RSSRK0 + 4 * i);
	if (!key)
		ixm_violation(m, IXM_RULE_RX_SETUP, "RSS without a key");
	for (u32 i = 0; i < IXM_RETA_ENTRIES; i++) {
		if (!m->rx[ixm_rss_queue(m, i)].on) {
			ixm_violation(m, IXM_RULE_RX_SETUP, "RETA[%u] names queue %u, which is off",
				      i, ixm_rss_queue(m, i));
			break;
		}
	}
}
