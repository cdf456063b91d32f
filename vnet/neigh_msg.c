/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of ARP (RFC 826) and neighbour discovery (RFC 4861 sections 4.3, 4.4
 * and 7.1), and answers to them, see neigh.h. */
#include "hv/base/str.h"
#include "vnet/hash.h"
#include "vnet/neigh.h"
#include "vnet/net/checksum.h"

#define ARP ETH_HLEN
#define IP6 ETH_HLEN
#define ND (ETH_HLEN + IP6_HLEN)

#define HOP_LIMIT 255u /* so that no router can have forwarded it */
#define ND_SOLICIT 135u
#define ND_ADVERT 136u
#define ND_FLAGS 4u /* of an advertisement ... */
#define ND_F_ROUTER 0x80u
#define ND_F_SOLICITED 0x40u
#define ND_F_OVERRIDE 0x20u
#define ND_TARGET 8u
#define ND_OPTIONS 24u
#define OPTION_UNIT 8u /* of an option's length */
#define OPTION_SOURCE 1u /* the sender's link-layer address */
#define OPTION_TARGET 2u
#define OPTION_LEN 1u
#define OPTION_MAC 2u

/* ff02::1:ff00:0/104, whose last three bytes are those of the address (RFC 4291
 * section 2.7.1). */
static const u8 solicited[] = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff };

static void ip4_write(u8 *ip, const u8 *from)
{
	memset(ip, 0, NEIGH_IP_LEN);
	ip[10] = ip[11] = 0xff;
	memcpy(ip + 12, from, sizeof(u32));
}

static bool is_ip4_unicast(const u8 *ip)
{
	return ip4_is_unicast(load_be32(ip));
}

/* What begins with 0 is nobody, this station, or stands for IPv4 (RFC 4291 section 2.4). */
static bool is_ip6_unicast(const u8 *ip)
{
	return ip[0] && ip[0] != IP6_GROUP;
}

static bool is_mac_unicast(const u8 *mac)
{
	return mac_load(mac) && !mac_is_group(mac_load(mac));
}

static bool is_broadcast(const u8 *mac)
{
	return mac_load(mac) == 0xffffffffffffull;
}

/* --- reading ------------------------------------------------------------------ */

static bool read_arp(const struct pkt *p, struct neigh_msg *m)
{
	const u8 *eth = p->data, *a = p->data + ARP, *spa = a + ARP_SPA, *tpa = a + ARP_TPA;
	u16 op;

	if (p->head_len < ARP + ARP_LEN)
		return false;
	op = load_be16(a + ARP_OP);
	if (load_be16(a + ARP_HTYPE) != ARP_HTYPE_ETHERNET ||
	    load_be16(a + ARP_PTYPE) != ETH_TYPE_IPV4 || a[ARP_HLEN] != ETH_ALEN ||
	    a[ARP_PLEN] != sizeof(u32) || (op != ARP_OP_REQUEST && op != ARP_OP_REPLY))
		return false;
	if (!is_mac_unicast(a + ARP_SHA) || memcmp(a + ARP_SHA, eth + ETH_SRC, ETH_ALEN) != 0 ||
	    !is_ip4_unicast(spa))
		return false;
	m->says = true;
	memcpy(m->mac, a + ARP_SHA, ETH_ALEN);
	ip4_write(m->ip, spa);
	/* Who names itself announces itself (RFC 5227 section 3). */
	m->asks = op == ARP_OP_REQUEST && is_broadcast(eth + ETH_DST) && is_ip4_unicast(tpa) &&
		  memcmp(spa, tpa, sizeof(u32)) != 0;
	ip4_write(m->target, tpa);
	return true;
}

/* The address in the option of that type; NULL: none, or the options are malformed. */
static const u8 *option(const u8 *nd, u32 len, u8 type)
{
	const u8 *found = NULL;
	u32 at = ND_OPTIONS;

	while (at + OPTION_UNIT <= len) {
		u32 size = nd[at + OPTION_LEN] * OPTION_UNIT;

		if (!size || at + size > len)
			return NULL;
		if (nd[at] == type && size == OPTION_UNIT)
			found = nd + at + OPTION_MAC;
		at += size;
	}
	return at == len && found && is_mac_unicast(found) ? found : NULL;
}

static u64 pseudo_sum(const u8 *ip, u32 len)
{
	/* RFC 8200 section 8.1: addresses, length, next header. */
	return csum_add_pseudo(csum_add(0, ip + IP6_SRC, IP6_ADDRS), 0, 0, NEXT_ICMP6, len);
}

static bool read_advert(const u8 *nd, u32 len, struct neigh_msg *m)
{
	const u8 *mac = option(nd, len, OPTION_TARGET);

	if (!mac)
		return false;
	m->says = true;
	m->weak = !(nd[ND_FLAGS] & ND_F_OVERRIDE);
	m->router = nd[ND_FLAGS] & ND_F_ROUTER;
	memcpy(m->mac, mac, ETH_ALEN);
	memcpy(m->ip, nd + ND_TARGET, IP6_ALEN);
	return true;
}

static bool read_solicit(const u8 *ip, const u8 *nd, u32 len, struct neigh_msg *m)
{
	const u8 *mac = option(nd, len, OPTION_SOURCE), *target = nd + ND_TARGET;
	const u8 *dst = ip + IP6_DST;

	/* Without a source it asks whether an address is free. */
	if (!mac || !is_ip6_unicast(ip + IP6_SRC) || !memcmp(ip + IP6_SRC, target, IP6_ALEN) ||
	    memcmp(dst, solicited, sizeof(solicited)) != 0 ||
	    memcmp(dst + sizeof(solicited), target + sizeof(solicited),
		   IP6_ALEN - sizeof(solicited)) != 0)
		return false;
	m->asks = true;
	memcpy(m->mac, mac, ETH_ALEN);
	memcpy(m->ip, ip + IP6_SRC, IP6_ALEN);
	memcpy(m->target, target, IP6_ALEN);
	return true;
}

static bool read_nd(const struct pkt *p, struct neigh_msg *m)
{
	const u8 *ip = p->data + IP6, *nd = p->data + ND;
	bool is;
	u32 len;

	if (p->head_len < ND + ND_OPTIONS || ip[IP6_VERSION] >> 4 != 6 ||
	    ip[IP6_NEXT] != NEXT_ICMP6 || ip[IP6_HOP] != HOP_LIMIT || nd[ICMP_CODE])
		return false;
	len = load_be16(ip + IP6_LEN);
	if (len < ND_OPTIONS || ND + len > p->head_len || !is_ip6_unicast(nd + ND_TARGET))
		return false;
	if (nd[ICMP_TYPE] == ND_SOLICIT)
		is = read_solicit(ip, nd, len, m);
	else
		is = nd[ICMP_TYPE] == ND_ADVERT && read_advert(nd, len, m);
	return is && !memcmp(m->mac, p->data + ETH_SRC, ETH_ALEN) &&
	       csum_finish(csum_add(pseudo_sum(ip, len), nd, len)) == 0;
}

bool neigh_read(const struct pkt *p, struct neigh_msg *m)
{
	memset(m, 0, sizeof(*m));
	if (p->nseg || pkt_is_offloaded(p) || p->head_len < ETH_HLEN)
		return false;
	switch (load_be16(p->data + ETH_TYPE)) {
	case ETH_TYPE_ARP:
		return read_arp(p, m);
	case ETH_TYPE_IPV6:
		return read_nd(p, m);
	default:
		return false;
	}
}

/* --- answering ------------------------------------------------------------------ */

static void reply_arp(u8 *a, const u8 *mac)
{
	u8 asker[sizeof(u32)];

	memcpy(asker, a + ARP_SPA, sizeof(asker));
	store_be16(a + ARP_OP, ARP_OP_REPLY);
	memcpy(a + ARP_THA, a + ARP_SHA, ETH_ALEN);
	memcpy(a + ARP_SPA, a + ARP_TPA, sizeof(asker));
	memcpy(a + ARP_TPA, asker, sizeof(asker));
	memcpy(a + ARP_SHA, mac, ETH_ALEN);
}

/* As an agent's answer it gives way to the target's own (RFC 4861 section 7.2.8). */
static void reply_nd(struct pkt *p, const struct neigh_msg *m, const u8 *mac, bool router)
{
	const u32 len = ND_OPTIONS + OPTION_UNIT;
	u8 *ip = p->data + IP6, *nd = p->data + ND;

	store_be16(ip + IP6_LEN, (u16)len);
	memcpy(ip + IP6_DST, m->ip, IP6_ALEN);
	memcpy(ip + IP6_SRC, m->target, IP6_ALEN);
	nd[ICMP_TYPE] = ND_ADVERT;
	memset(nd + ND_FLAGS, 0, sizeof(u32));
	nd[ND_FLAGS] = (u8)(ND_F_SOLICITED | (router ? ND_F_ROUTER : 0));
	nd[ND_OPTIONS] = OPTION_TARGET;
	nd[ND_OPTIONS + OPTION_LEN] = 1;
	memcpy(nd + ND_OPTIONS + OPTION_MAC, mac, ETH_ALEN);
	store_be16(nd + ICMP_CSUM, 0);
	csum_store(nd + ICMP_CSUM, csum_finish(csum_add(pseudo_sum(ip, len), nd, len)));
	/* What it asked was at least as long; what was behind is gone. */
	p->head_len = p->len = ND + len;
}

void neigh_reply(struct pkt *p, const struct neigh_msg *m, const u8 mac[ETH_ALEN], bool router)
{
	u8 *eth = p->data;

	memcpy(eth + ETH_DST, m->mac, ETH_ALEN);
	memcpy(eth + ETH_SRC, mac, ETH_ALEN);
	if (load_be16(eth + ETH_TYPE) == ETH_TYPE_ARP)
		reply_arp(eth + ARP, mac);
	else
		reply_nd(p, m, mac, router);
	p->hash = 0;
}
