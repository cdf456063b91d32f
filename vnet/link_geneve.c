/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Geneve (RFC 8926), the native link between our nodes.
 *
 *     | ver 2, option length 6 | O C, reserved | protocol type |   section 3.4
 *     | VNI, 24 bits                           | reserved      |
 *     | class | type | length | data ... |  options, in words of 4 bytes (3.5)
 *
 * Options of ours (an experimental class):
 *     tag      critical, in every packet of a link that has one: 4 bytes
 *     version  critical, in control packets: lowest and highest version of the
 *              protocol, capabilities. Its layout never changes.
 *     hello    in control packets of version 1: session, seq, heard, held_us
 *     probed   with a hello: the size of a probe of the peer's that came, as an
 *              IPv4 packet
 * Control packets have the O bit, these options and no payload but a probe's
 * zeroes (of the path's MTU: a hello of that size): a peer of
 * another make drops what it cannot read, and no guest ever sees it.
 */
#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "vnet/health.h"
#include "vnet/link.h"

#define GENEVE_PORT 6081

#define GENEVE_OPTIONS 0u /* version in the upper 2 bits; options' length in words */
#define GENEVE_FLAGS 1u
#define GENEVE_PROTOCOL 2u
#define GENEVE_VNI 4u /* in the upper 24 bits */
#define GENEVE_HLEN 8u

#define GENEVE_VERSION_SHIFT 6
#define GENEVE_OPTIONS_MASK 0x3fu
#define GENEVE_F_CONTROL 0x80u	/* O: for the endpoint, not for guests */
#define GENEVE_F_CRITICAL 0x40u /* C: among the options are critical ones */
#define GENEVE_ETHERNET 0x6558u /* Trans Ether Bridging */
#define GENEVE_VNI_SHIFT 8

/* Options */
#define OPTION_CLASS 0u
#define OPTION_TYPE 2u
#define OPTION_WORDS 3u /* of data; the upper 3 bits are reserved */
#define OPTION_HLEN 4u
#define OPTION_WORDS_MASK 0x1fu
#define OPTION_CRITICAL 0x80u
#define WORD 4u

/* Ours. FFF0h to FFFFh are for experiments (section 7). */
#define CLASS_CAISSON 0xfff7u
#define TYPE_TAG (OPTION_CRITICAL | 1u)
#define TYPE_VERSION (OPTION_CRITICAL | 2u)
#define TYPE_HELLO 3u
#define TYPE_PROBED 4u

#define TAG_LEN (OPTION_HLEN + 4u)

#define VERSION_MIN 4u
#define VERSION_MAX 5u
#define VERSION_CAPS 6u
#define VERSION_LEN 8u

#define HELLO_SESSION 4u
#define HELLO_SEQ 8u
#define HELLO_HEARD 12u
#define HELLO_HELD 16u
#define HELLO_LEN 20u

#define PROBED_SIZE 6u /* in the lower half */
#define PROBED_LEN 8u

STATIC_ASSERT(GENEVE_HLEN + TAG_LEN <= LINK_HEADER_MAX, "header fits");
STATIC_ASSERT(GENEVE_HLEN == sizeof(u64) && TAG_LEN == sizeof(u64), "one word each");

/* --- out ------------------------------------------------------------------ */

static void put_option(u8 *at, u32 type, u32 len)
{
	store_be16(at + OPTION_CLASS, CLASS_CAISSON);
	at[OPTION_TYPE] = (u8)type;
	at[OPTION_WORDS] = (u8)((len - OPTION_HLEN) / WORD);
}

static void geneve_make_header(struct link_header *h, const struct link_id *id)
{
	*h = (struct link_header){ .len = GENEVE_HLEN };
	store_be16(h->bytes + GENEVE_PROTOCOL, GENEVE_ETHERNET);
	store_be32(h->bytes + GENEVE_VNI, id->vni << GENEVE_VNI_SHIFT);
	if (!id->tag)
		return;
	h->len += TAG_LEN;
	h->bytes[GENEVE_OPTIONS] = TAG_LEN / WORD;
	h->bytes[GENEVE_FLAGS] = GENEVE_F_CRITICAL;
	put_option(h->bytes + GENEVE_HLEN, TYPE_TAG, TAG_LEN);
	store_be32(h->bytes + GENEVE_HLEN + OPTION_HLEN, id->tag);
}

static void geneve_make_hello(struct pkt *p, const struct link_id *id,
			      const struct link_hello *hello)
{
	struct link_header h;
	u8 *at = p->data;

	geneve_make_header(&h, id);
	memcpy(at, h.bytes, h.len);
	at[GENEVE_OPTIONS] += (VERSION_LEN + HELLO_LEN) / WORD;
	at[GENEVE_FLAGS] = GENEVE_F_CONTROL | GENEVE_F_CRITICAL;
	at += h.len;
	put_option(at, TYPE_VERSION, VERSION_LEN);
	at[VERSION_MIN] = hello->version_min;
	at[VERSION_MAX] = hello->version_max;
	store_be16(at + VERSION_CAPS, hello->caps);
	at += VERSION_LEN;
	put_option(at, TYPE_HELLO, HELLO_LEN);
	store_be32(at + HELLO_SESSION, hello->session);
	store_be32(at + HELLO_SEQ, hello->seq);
	store_be32(at + HELLO_HEARD, hello->heard);
	store_be32(at + HELLO_HELD, hello->held_us);
	p->head_len = p->len = h.len + VERSION_LEN + HELLO_LEN;
	if (hello->probed) {
		at += HELLO_LEN;
		put_option(at, TYPE_PROBED, PROBED_LEN);
		store_be32(at + OPTION_HLEN, hello->probed);
		p->data[GENEVE_OPTIONS] += PROBED_LEN / WORD;
		p->head_len = p->len += PROBED_LEN;
	}
}

/* --- in ------------------------------------------------------------------- */

/* What a packet's options said. */
struct options {
	bool version, hello;
};

/* One option of ours, len bytes with its header. False: not one that we know. */
static bool read_ours(const u8 *at, u32 len, struct link_rx *rx, struct options *seen)
{
	struct link_hello *hello = &rx->hello;

	switch (at[OPTION_TYPE]) {
	case TYPE_TAG:
		if (len != TAG_LEN)
			return false;
		rx->tag = load_be32(at + OPTION_HLEN);
		return true;
	case TYPE_VERSION:
		if (len != VERSION_LEN)
			return false;
		hello->version_min = at[VERSION_MIN];
		hello->version_max = at[VERSION_MAX];
		hello->caps = load_be16(at + VERSION_CAPS);
		seen->version = true;
		return true;
	case TYPE_HELLO:
		if (len != HELLO_LEN)
			return false;
		hello->session = load_be32(at + HELLO_SESSION);
		hello->seq = load_be32(at + HELLO_SEQ);
		hello->heard = load_be32(at + HELLO_HEARD);
		hello->held_us = load_be32(at + HELLO_HELD);
		seen->hello = true;
		return true;
	case TYPE_PROBED:
		if (len != PROBED_LEN)
			return false;
		hello->probed = load_be16(at + PROBED_SIZE);
		return true;
	default:
		return false;
	}
}

/* Walk the options, end bytes from the packet's start. False: *rx->why. */
static bool read_options(const struct pkt *p, u32 end, struct link_rx *rx, struct options *seen)
{
	for (u32 at = GENEVE_HLEN; at < end;) {
		const u8 *o = p->data + at;
		u32 len;

		rx->why = VNET_DROP_LINK_HEADER;
		if (end - at < OPTION_HLEN)
			return false;
		len = OPTION_HLEN + (o[OPTION_WORDS] & OPTION_WORDS_MASK) * WORD;
		if (len > end - at)
			return false;
		rx->why = VNET_DROP_LINK_OPTION;
		if (!(load_be16(o + OPTION_CLASS) == CLASS_CAISSON &&
		      read_ours(o, len, rx, seen)) &&
		    (o[OPTION_TYPE] & OPTION_CRITICAL))
			return false;
		at += len;
	}
	return true;
}

static enum link_verdict read_control(const struct options *seen, struct link_rx *rx)
{
	struct link_hello *hello = &rx->hello;
	bool ours = seen->version && hello->version_min <= HEALTH_VERSION &&
		    hello->version_max >= HEALTH_VERSION;

	/* The hello's layout belongs to the version; the version's stays. */
	rx->has_hello = seen->version && (!ours || seen->hello);
	return LINK_CONTROL;
}

static enum link_verdict geneve_decap(struct pkt *p, struct link_rx *rx)
{
	struct options seen = { 0 };
	const u8 *h = p->data;
	u32 len;

	rx->why = VNET_DROP_LINK_HEADER;
	rx->vni = LINK_VNI_NONE;
	rx->tag = 0;
	if (!link_pullup(p, GENEVE_HLEN) || h[GENEVE_OPTIONS] >> GENEVE_VERSION_SHIFT)
		return LINK_BAD;
	rx->vni = load_be32(h + GENEVE_VNI) >> GENEVE_VNI_SHIFT;
	len = GENEVE_HLEN + (h[GENEVE_OPTIONS] & GENEVE_OPTIONS_MASK) * WORD;
	if (!link_pullup(p, len))
		return LINK_BAD;
	if (h[GENEVE_FLAGS] & GENEVE_F_CONTROL)
		rx->hello = (struct link_hello){ 0 };
	if (len > GENEVE_HLEN && !read_options(p, len, rx, &seen))
		return LINK_BAD;
	if (h[GENEVE_FLAGS] & GENEVE_F_CONTROL)
		return read_control(&seen, rx);
	rx->why = VNET_DROP_LINK_PROTOCOL;
	if (load_be16(h + GENEVE_PROTOCOL) != GENEVE_ETHERNET)
		return LINK_BAD;
	pkt_pull(p, len);
	return link_frame(p, rx);
}

static bool geneve_is_control(const struct pkt *p)
{
	return p->head_len < GENEVE_HLEN || (p->data[GENEVE_FLAGS] & GENEVE_F_CONTROL);
}

static const char *const keys[] = {
	LINK_KEYS_UDP, "vni", "tag", "keepalive", "fragment", NULL,
};

const struct link_kind link_geneve = {
	.name = "geneve",
	.default_port = GENEVE_PORT,
	.flags = LINK_HAS_VNI | LINK_HAS_TAG | LINK_HAS_HELLO | LINK_MAY_FRAGMENT | LINK_COPIES_ECN,
	.keys = keys,
	.make_header = geneve_make_header,
	.decap = geneve_decap,
	.is_control = geneve_is_control,
	.make_hello = geneve_make_hello,
};
