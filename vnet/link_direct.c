/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No encapsulation: the guest's frame goes on the LAN behind the uplink as it
 * is, for peers that live there. There is no hop count either: a route from
 * another edge to this one must not lead back.
 */
#include "vnet/link.h"

static void direct_make_header(struct link_header *h, const struct link_id *id)
{
	(void)id;
	h->len = 0;
}

static enum link_verdict direct_decap(struct pkt *p, struct link_rx *rx)
{
	return link_frame(p, rx);
}

static const char *const keys[] = { "device", NULL };

const struct link_kind link_direct = {
	.name = "direct",
	.flags = LINK_IS_LAN,
	.keys = keys,
	.make_header = direct_make_header,
	.decap = direct_decap,
};
