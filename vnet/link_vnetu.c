/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VNET/U's header in front of the inner frame: a type of two letters and the
 * size of what follows, little-endian. Link control and configuration are
 * known and counted, but nobody's to send: they are not carried out.
 */
#include "vnet/link.h"

#include "hv/base/bytes.h"

#define VNETU_PORT 9000

#define VNETU_TYPE 0u
#define VNETU_SIZE 2u
#define VNETU_HLEN 6u

/* Types, as load_be16() reads their letters. */
#define VNETU_FRAME 0x6574u   /* et */
#define VNETU_LINK 0x6c63u    /* lc */
#define VNETU_CONFIG 0x6366u  /* cf */

STATIC_ASSERT(VNETU_HLEN <= LINK_HEADER_MAX, "header fits");

static void vnetu_make_header(struct link_header *h, const struct link_id *id)
{
	(void)id;
	*h = (struct link_header){ .len = VNETU_HLEN };
	store_be16(h->bytes + VNETU_TYPE, VNETU_FRAME);
}

static err_t vnetu_encap(struct pkt *p, const struct link_header *h)
{
	/* What is cut later is cut into frames of this length. */
	u32 size = pkt_wire_len(p);
	u8 *at = pkt_push(p, VNETU_HLEN);

	if (!at)
		return ERR_FULL;
	store_be16(at + VNETU_TYPE, load_be16(h->bytes + VNETU_TYPE));
	store_le32(at + VNETU_SIZE, size);
	return ERR_OK;
}

static enum link_verdict vnetu_decap(struct pkt *p, struct link_rx *rx)
{
	u16 type;

	rx->why = VNET_DROP_LINK_HEADER;
	if (!link_pullup(p, VNETU_HLEN) ||
	    load_le32(p->data + VNETU_SIZE) != p->len - VNETU_HLEN)
		return LINK_BAD;
	type = load_be16(p->data + VNETU_TYPE);
	if (type == VNETU_FRAME) {
		pkt_pull(p, VNETU_HLEN);
		return link_frame(p, rx);
	}
	if (type == VNETU_LINK || type == VNETU_CONFIG)
		rx->why = VNET_DROP_LINK_CONTROL;
	return LINK_BAD;
}

static const char *const keys[] = { LINK_KEYS_UDP, "header", "fragment", NULL };

const struct link_kind link_vnetu = {
	.name = "udp",
	.header = "vnetu",
	.default_port = VNETU_PORT,
	.flags = LINK_MAY_FRAGMENT,
	.keys = keys,
	.make_header = vnetu_make_header,
	.encap = vnetu_encap,
	.decap = vnetu_decap,
};
