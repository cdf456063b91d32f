/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VXLAN (RFC 7348 section 5): what Linux and switches speak.
 *
 *     | flags: I | reserved, 24 bits | VNI, 24 bits | reserved |
 *
 * There is nothing in it that two nodes could tell each other by.
 */
#include "vnet/link.h"

#include "hv/base/bytes.h"

#define VXLAN_PORT 4789

#define VXLAN_FLAGS 0u
#define VXLAN_VNI 4u /* in the upper 24 bits */
#define VXLAN_HLEN 8u

#define VXLAN_F_I 0x08u /* the VNI is valid; the other flags are ignored */
#define VXLAN_VNI_SHIFT 8

STATIC_ASSERT(VXLAN_HLEN <= LINK_HEADER_MAX && VXLAN_HLEN == sizeof(u64), "one word");

static void vxlan_make_header(struct link_header *h, const struct link_id *id)
{
	*h = (struct link_header){ .len = VXLAN_HLEN };
	h->bytes[VXLAN_FLAGS] = VXLAN_F_I;
	store_be32(h->bytes + VXLAN_VNI, id->vni << VXLAN_VNI_SHIFT);
}

static enum link_verdict vxlan_decap(struct pkt *p, struct link_rx *rx)
{
	rx->why = VNET_DROP_LINK_HEADER;
	rx->vni = LINK_VNI_NONE;
	if (!link_pullup(p, VXLAN_HLEN) || !(p->data[VXLAN_FLAGS] & VXLAN_F_I))
		return LINK_BAD;
	rx->vni = load_be32(p->data + VXLAN_VNI) >> VXLAN_VNI_SHIFT;
	rx->tag = 0;
	pkt_pull(p, VXLAN_HLEN);
	return link_frame(p, rx);
}

/* Endpoints must not fragment (section 4.3). */
static const char *const keys[] = { LINK_KEYS_UDP, "vni", NULL };

const struct link_kind link_vxlan = {
	.name = "vxlan",
	.default_port = VXLAN_PORT,
	.flags = LINK_HAS_VNI | LINK_COPIES_ECN,
	.keys = keys,
	.make_header = vxlan_make_header,
	.decap = vxlan_decap,
};
