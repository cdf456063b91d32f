/* SPDX-License-Identifier: BSD-2-Clause */
/* DS field and ECN of inner frames, see tos.h. */
#include "vnet/tos.h"

#include "hv/base/bytes.h"
#include "vnet/net/wire.h"

#define TAGS_MAX 2u
/* IPv4's version, length and TOS; IPv6's version and traffic class. */
#define HEAD_LEN 2u

#define NOT_ECT 0u
#define ECT1 1u
#define ECT0 2u
#define CE 3u
/* Congestion, and a flow that cannot be told. */
#define DROP 4u

/* RFC 6040 section 4.2, figure 4: [inner][outer]. */
static const u8 combined[4][4] = {
	[NOT_ECT] = { [NOT_ECT] = NOT_ECT, [ECT0] = NOT_ECT, [ECT1] = NOT_ECT, [CE] = DROP },
	[ECT0] = { [NOT_ECT] = ECT0, [ECT0] = ECT0, [ECT1] = ECT1, [CE] = CE },
	[ECT1] = { [NOT_ECT] = ECT1, [ECT0] = ECT1, [ECT1] = ECT1, [CE] = CE },
	[CE] = { [NOT_ECT] = CE, [ECT0] = CE, [ECT1] = CE, [CE] = CE },
};

/* Where the IP header begins; 0: none that we know, or not within len. */
static u32 find_ip(const u8 *frame, u32 len, u16 *type)
{
	u32 at = ETH_HLEN;

	for (u32 tags = 0; at + HEAD_LEN <= len; tags++, at += VLAN_HLEN) {
		*type = load_be16(frame + at - sizeof(*type));
		if (*type == ETH_TYPE_IPV4 || *type == ETH_TYPE_IPV6)
			return at;
		if ((*type != ETH_TYPE_VLAN && *type != ETH_TYPE_QINQ) || tags == TAGS_MAX)
			return 0;
	}
	return 0;
}

static u8 tos_at(const u8 *ip, u16 type)
{
	/* Version 4, traffic class 8, flow label 20 bits. */
	return type == ETH_TYPE_IPV4 ? ip[IP_TOS] : (u8)(load_be16(ip) >> 4);
}

u8 tos_of(const u8 *frame, u32 len)
{
	u16 type = 0;
	u32 at = find_ip(frame, len, &type);

	return at ? tos_at(frame + at, type) : 0;
}

/* The checksum follows without being computed anew: RFC 1624 section 3. */
static void set_ip4_tos(u8 *ip, u8 tos)
{
	u32 sum = (u16)~load_be16(ip + IP_CSUM) + (u32)(u16)~load_be16(ip);

	ip[IP_TOS] = tos;
	sum += load_be16(ip);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	store_be16(ip + IP_CSUM, (u16)~sum);
}

bool tos_decap(struct pkt *p, u8 outer)
{
	u16 type = 0;
	u32 at = find_ip(p->data, p->head_len, &type);
	u8 inner, ecn, *ip = p->data + at;

	/* What has no ECN bits is as one that does not care for them. */
	inner = at ? tos_at(ip, type) : NOT_ECT;
	ecn = combined[inner & TOS_ECN][outer & TOS_ECN];
	if (ecn == DROP)
		return false;
	if (!at || ecn == (inner & TOS_ECN))
		return true;
	inner = (u8)((inner & TOS_DSCP) | ecn);
	if (type == ETH_TYPE_IPV4) {
		if (at + IP_HLEN <= p->head_len)
			set_ip4_tos(ip, inner);
	} else {
		store_be16(ip, (u16)((load_be16(ip) & 0xf00fu) | (u32)inner << 4));
	}
	return true;
}
