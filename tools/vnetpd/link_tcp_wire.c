/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What links over TCP send: messages behind VNET/U's header, a type and a size.
 * The highest byte of the size, always 0 in VNET/U, counts the nodes that a
 * frame came through: there is no outer TTL that could. A link with a tag shows
 * it in the first message of a connection that it dials, of a type of its own.
 */
#include "hv/base/bytes.h"
#include "hv/base/str.h"
#include "tools/vnetpd/link_tcp_priv.h"

#define HEADER 6u
#define TYPE 0u
#define SIZE 2u /* little-endian, 24 bits */
#define HOPS 5u
#define TYPE_FRAME 0x6574u /* "et" */
#define TYPE_TAG 0x7467u   /* "tg": four bytes of tag */
#define SIZE_MASK 0xffffffu
#define TAG_SIZE 4u
#define FRAME_MAX (LINK_PAYLOAD_MAX - HEADER)

static void make_header(struct link_header *h, const struct link_id *id)
{
	(void)id;
	*h = (struct link_header){ .len = HEADER };
	store_be16(h->bytes + TYPE, TYPE_FRAME);
}

static err_t encap(struct pkt *p, const struct link_header *h)
{
	u32 size = p->len;
	u8 *at = pkt_push(p, HEADER);

	if (!at)
		return ERR_FULL;
	memcpy(at, h->bytes, SIZE);
	store_le32(at + SIZE, size);
	/* What starts here has come through nobody; transit sends its TTL less one. */
	at[HOPS] = p->ttl ? (u8)(LINK_TTL + 1 - MIN(p->ttl, LINK_TTL)) : 0;
	return ERR_OK;
}

static enum link_verdict decap(struct pkt *p, struct link_rx *rx)
{
	rx->why = VNET_DROP_LINK_HEADER;
	if (tcp_wire_tag(p))
		rx->why = VNET_DROP_LINK_TAG; /* where nobody asked for one */
	if (!link_pullup(p, HEADER) || load_be16(p->data + TYPE) != TYPE_FRAME)
		return LINK_BAD;
	p->ttl = (u8)(LINK_TTL - MIN(p->data[HOPS], LINK_TTL));
	pkt_pull(p, HEADER);
	return link_frame(p, rx);
}

u32 tcp_wire_length(const u8 *data, u32 have)
{
	u32 size;

	if (have < HEADER)
		return 0;
	size = load_le32(data + SIZE) & SIZE_MASK;
	return size > FRAME_MAX ? STREAM_BAD : HEADER + size;
}

void tcp_wire_make_tag(struct pkt *p, u32 tag)
{
	store_be16(p->data + TYPE, TYPE_TAG);
	store_le32(p->data + SIZE, TAG_SIZE);
	store_be32(p->data + HEADER, tag);
	p->head_len = p->len = HEADER + TAG_SIZE;
}

u32 tcp_wire_tag(const struct pkt *p)
{
	if (p->head_len != HEADER + TAG_SIZE || load_be16(p->data + TYPE) != TYPE_TAG)
		return 0;
	return load_be32(p->data + HEADER);
}

static const char *const keys[] = { "remote", "port", "tag", NULL };

const struct link_kind link_tcp = {
	.name = "tcp",
	.default_port = TCP_LINK_PORT,
	.flags = LINK_MAY_FRAGMENT | LINK_HAS_TAG | LINK_IS_STREAM, /* TCP does not mind length */
	.keys = keys,
	.make_header = make_header,
	.encap = encap,
	.decap = decap,
};
