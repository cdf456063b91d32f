/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP messages; strict in what is accepted, small in what is sent. */
#include "vnet/net/dhcp_msg.h"

#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/net/wire.h"

/* Fixed part, RFC 2131, figure 1 */
#define MSG_OP 0u
#define MSG_HTYPE 1u
#define MSG_HLEN 2u
#define MSG_XID 4u
#define MSG_SECS 8u
#define MSG_FLAGS 10u
#define MSG_CIADDR 12u
#define MSG_YIADDR 16u
#define MSG_CHADDR 28u
#define MSG_COOKIE 236u
#define MSG_OPTIONS 240u
#define MSG_MIN 300u /* RFC 1542, 2.1: what old relays want */

#define OP_REQUEST 1u
#define OP_REPLY 2u
#define FLAG_BROADCAST 0x8000u
#define COOKIE 0x63825363u

/* Options, RFC 2132 */
#define OPT_PAD 0u
#define OPT_MASK 1u
#define OPT_ROUTER 3u
#define OPT_MTU 26u
#define OPT_REQUESTED 50u
#define OPT_LEASE 51u
#define OPT_OVERLOAD 52u
#define OPT_TYPE 53u
#define OPT_SERVER 54u
#define OPT_PARAMETERS 55u
#define OPT_RENEW 58u
#define OPT_REBIND 59u
#define OPT_CLIENT 61u
#define OPT_END 255u

static u8 *put_u32(u8 *o, u8 code, u32 v)
{
	if (!v)
		return o;
	*o++ = code;
	*o++ = 4;
	store_be32(o, v);
	return o + 4;
}

void dhcp_msg_build(struct pkt *p, const struct dhcp_msg *m, const u8 mac[6])
{
	static const u8 wanted[] = { OPT_MASK, OPT_ROUTER, OPT_MTU, OPT_LEASE, OPT_RENEW,
				     OPT_REBIND };
	u8 *b = p->data, *o = b + MSG_OPTIONS;

	memset(b, 0, MSG_MIN);
	b[MSG_OP] = OP_REQUEST;
	b[MSG_HTYPE] = ARP_HTYPE_ETHERNET;
	b[MSG_HLEN] = ETH_ALEN;
	store_be32(b + MSG_XID, m->xid);
	store_be16(b + MSG_SECS, m->secs);
	/* Without an address we cannot take unicast answers. */
	store_be16(b + MSG_FLAGS, m->ciaddr ? 0 : FLAG_BROADCAST);
	store_be32(b + MSG_CIADDR, m->ciaddr);
	memcpy(b + MSG_CHADDR, mac, ETH_ALEN);
	store_be32(b + MSG_COOKIE, COOKIE);

	*o++ = OPT_TYPE;
	*o++ = 1;
	*o++ = m->type;
	o = put_u32(o, OPT_REQUESTED, m->requested);
	o = put_u32(o, OPT_SERVER, m->server);
	/* As network loaders have it (RFC 2132, 9.14), so that the address is theirs. */
	*o++ = OPT_CLIENT;
	*o++ = 1 + ETH_ALEN;
	*o++ = ARP_HTYPE_ETHERNET;
	memcpy(o, mac, ETH_ALEN);
	o += ETH_ALEN;
	*o++ = OPT_PARAMETERS;
	*o++ = sizeof(wanted);
	memcpy(o, wanted, sizeof(wanted));
	o += sizeof(wanted);
	*o = OPT_END;
	p->head_len = MSG_MIN;
	p->len = MSG_MIN;
}

static bool get_u32(const u8 *v, u32 len, u32 *out)
{
	if (len != 4)
		return false;
	*out = load_be32(v);
	return true;
}

/* One option; unknown ones are fine, known ones must have their length. */
static bool take_option(u8 code, const u8 *v, u32 len, struct dhcp_msg *m)
{
	switch (code) {
	case OPT_MASK:
		return get_u32(v, len, &m->mask);
	case OPT_ROUTER:
		/* A list; the first one is preferred. */
		if (len < 4 || len % 4)
			return false;
		m->router = load_be32(v);
		return true;
	case OPT_MTU:
		if (len != 2)
			return false;
		m->mtu = load_be16(v);
		return true;
	case OPT_LEASE:
		return get_u32(v, len, &m->lease_s);
	case OPT_TYPE:
		if (len != 1)
			return false;
		m->type = v[0];
		return true;
	case OPT_SERVER:
		return get_u32(v, len, &m->server);
	case OPT_RENEW:
		return get_u32(v, len, &m->renew_s);
	case OPT_REBIND:
		return get_u32(v, len, &m->rebind_s);
	case OPT_OVERLOAD:
		return false; /* options in other fields: not asked for */
	default:
		return true;
	}
}

static bool take_options(const u8 *o, u32 left, struct dhcp_msg *m)
{
	while (left) {
		u8 code = o[0];

		if (code == OPT_END)
			return true;
		if (code == OPT_PAD) {
			o++;
			left--;
			continue;
		}
		if (left < 2 || o[1] > left - 2 || !take_option(code, o + 2, o[1], m))
			return false;
		left -= 2u + o[1];
		o += 2u + o[1];
	}
	return false; /* no end */
}

bool dhcp_msg_for_other(const struct pkt *p, const u8 mac[6])
{
	return p->head_len >= MSG_CHADDR + ETH_ALEN &&
	       memcmp(p->data + MSG_CHADDR, mac, ETH_ALEN) != 0;
}

bool dhcp_msg_parse(const struct pkt *p, const u8 mac[6], struct dhcp_msg *m)
{
	const u8 *b = p->data;

	memset(m, 0, sizeof(*m));
	if (p->nseg || p->head_len < MSG_OPTIONS || b[MSG_OP] != OP_REPLY ||
	    b[MSG_HTYPE] != ARP_HTYPE_ETHERNET || b[MSG_HLEN] != ETH_ALEN ||
	    memcmp(b + MSG_CHADDR, mac, ETH_ALEN) != 0 || load_be32(b + MSG_COOKIE) != COOKIE)
		return false;
	m->xid = load_be32(b + MSG_XID);
	m->yiaddr = load_be32(b + MSG_YIADDR);
	if (!take_options(b + MSG_OPTIONS, p->head_len - MSG_OPTIONS, m))
		return false;
	if (!ip4_is_unicast(m->server))
		return false;
	if (m->type == DHCP_NAK)
		return true;
	return (m->type == DHCP_OFFER || m->type == DHCP_ACK) && ip4_is_unicast(m->yiaddr) &&
	       m->mask && m->lease_s;
}
